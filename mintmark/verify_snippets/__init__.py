"""Code that verifies the tokens of an asset, in the languages of relying parties, to be copied as it is.

Rule: pure, but for reading the sources of this package, once. Whatever a source writes with `{{ … }}` goes
through `literals`, so that no value can be more in the code than the value that it is. Every source pins the
algorithm, asks for `exp` where tokens have one, refuses a token of the future, and compares `typ`, and `aud` and
`iss` where they are fixed (RFC 8725 §3.1, §3.8, §3.9, §3.11); the slow suite runs those of
`Language.is_run`, as they are shown.

    for snippet in snippets_for(Facts(algorithm="RS256", key_set="https://…", audience="https://desk.test")):
        snippet.code or snippet.reason
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from jinja2 import Environment, StrictUndefined, Template

from .languages import LANGUAGES, SHORT_SECRETS, Language
from .literals import literal_writer

__all__ = ["LANGUAGES", "LEEWAY", "Facts", "Language", "Snippet", "snippets_for"]
# Clocks of well-kept machines differ by less; RFC 7519 §4.1.4 says no more than a few minutes.
LEEWAY = 30
_SOURCES = Path(__file__).parent / "sources"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is fixed about the tokens of an asset.

    Without the address of a `key_set` there is a shared secret, which `is_weak` where it is shorter than the
    algorithm asks for. `aud` is `fixed`, in no token (`absent`), or another one for each token (`varies`).
    """

    algorithm: str
    key_set: str | None = None
    is_weak: bool = False
    audience_is: Literal["fixed", "absent", "varies"] = "absent"
    audience: str | None = None
    issuer: str | None = None
    has_expiry: bool = True
    typ: str = "JWT"


@dataclass(frozen=True, slots=True)
class Snippet:
    """The code of one language; or None, and the reason why its library cannot do it."""

    language: Language
    code: str | None
    reason: str


def snippets_for(facts: Facts) -> list[Snippet]:
    """Return the code for each language, or the reason why there is none."""
    return [_snippet(language, facts) for language in LANGUAGES]


def _snippet(language: Language, facts: Facts) -> Snippet:
    reason = language.lacking.get(facts.algorithm, "")
    if facts.is_weak and language.refuses_short_secrets:
        reason = SHORT_SECRETS
    return Snippet(language, None if reason else _code(language, facts), reason)


def _code(language: Language, facts: Facts) -> str:
    if (facts.audience_is == "fixed") != (facts.audience is not None):
        raise ValueError("A fixed audience has a text, and no other has one.")
    return _source(language.slug).render(
        algorithm=facts.algorithm,
        key_set=facts.key_set,
        audience_is=facts.audience_is,
        audience=facts.audience,
        issuer=facts.issuer,
        has_expiry=facts.has_expiry,
        typ=facts.typ,
        leeway=LEEWAY,
    )


@cache
def _source(slug: str) -> Template:
    environment = Environment(  # noqa: S701 — it writes no HTML; `finalize` writes every value as a literal.
        finalize=literal_writer(slug),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.from_string((_SOURCES / f"{slug}.txt").read_text(encoding="utf-8"))
