"""One preset, as its file says it. The files are ours: what is wrong in one is a bug that a test finds."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mintmark.presets.questions import KINDS, Question

DELIVERIES = ("launch", "page", "program")
PARTIES = (
    "Any",
    "Chat and help desk",
    "Dashboards",
    "Databases",
    "Editors",
    "Feedback",
    "Mail and messaging",
    "Realtime",
    "Servers",
    "Video",
)


@dataclass(frozen=True, slots=True)
class Preset:
    """A relying party: what to call it, what an asset for it is, what is asked for, and what to say on the page.

    `definition` holds fields of an asset as the site file has them, with `{{ ask.x }}` and `{ask.x}` where an
    answer goes. `contract` is JSON in the same state. `delivery` is how a token gets there: `launch` (the
    browser is sent), `page` (a script on a page fetches it), `program` (somebody's program sends it).
    `key` says what to do with secret or key over there; `steps` what to do there, in order; `snippet` is for
    the page that fetches.
    """

    slug: str
    name: str
    kind: str
    summary: str
    docs: str
    delivery: str
    definition: Mapping[str, Any]
    questions: tuple[Question, ...]
    contract: Mapping[str, Any]
    key: str
    steps: tuple[str, ...]
    notes: tuple[str, ...]
    snippet: str
    sources: tuple[str, ...]


_TEXTS = ("name", "kind", "summary", "docs", "delivery", "key")
_LISTS = ("steps", "notes", "sources")
_TABLES = ("asset", "contract", "ask")
_ASSET = frozenset("path algorithm headers template lifetime backdate claims answer params launch".split())


def read_preset(slug: str, text: str) -> Preset:
    """Return the preset of a file's text. Raises ValueError that says what the schema wants."""
    found = tomllib.loads(text)
    if unknown := set(found) - {*_TEXTS, *_LISTS, *_TABLES, "snippet"}:
        raise ValueError(f"{slug}: {sorted(unknown)[0]} is no field of a preset")
    texts = {name: _text(slug, found, name) for name in _TEXTS}
    lists = {name: tuple(_texts(slug, found, name)) for name in _LISTS}
    _see(slug, texts["kind"] in PARTIES, f"kind is one of {', '.join(PARTIES)}")
    _see(slug, texts["delivery"] in DELIVERIES, f"delivery is one of {', '.join(DELIVERIES)}")
    _see(slug, texts["docs"] == "" or texts["docs"].startswith("https://"), "docs is an https address, or empty")
    asset, contract = found.get("asset"), found.get("contract")
    _see(slug, isinstance(asset, dict) and isinstance(contract, dict), "asset and contract are tables")
    assert isinstance(asset, dict) and isinstance(contract, dict)  # noqa: S101 — for the type checker, as seen above.
    _see(slug, {"path", "algorithm", "template", "lifetime"} <= set(asset) <= _ASSET, f"asset has of {sorted(_ASSET)}")
    questions = tuple(_question(slug, each) for each in found.get("ask", []))
    own: dict[str, Any] = {**texts, **lists, "definition": asset, "contract": contract, "questions": questions}
    return Preset(slug=slug, snippet=found.get("snippet", ""), **own)


def _question(slug: str, found: Mapping[str, Any]) -> Question:
    _see(slug, {"name", "label", "where"} <= set(found), "each [[ask]] has name, label and where")
    question = Question(**{**found, "choices": tuple(found.get("choices", ()))})
    _see(slug, question.kind in KINDS, f"the kind of an answer is one of {', '.join(KINDS)}")
    return question


def _text(slug: str, found: Mapping[str, Any], name: str) -> str:
    value = found.get(name)
    _see(slug, isinstance(value, str) and value == value.strip(), f"{name} is text")
    return str(value)


def _texts(slug: str, found: Mapping[str, Any], name: str) -> list[str]:
    value = found.get(name, [])
    _see(slug, isinstance(value, list) and all(isinstance(each, str) and each for each in value), f"{name} are texts")
    return list(value)


def _see(slug: str, is_good: bool, words: str) -> None:
    if not is_good:
        raise ValueError(f"{slug}: {words}")
