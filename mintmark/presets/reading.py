"""One preset, as its file says it. The files are ours: what is wrong in one is a bug that a test finds."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from mintmark.errors import FieldError
from mintmark.presets.questions import KINDS, Question, read_answer

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
    "Sign-in",
    "Video",
)
PLACES = frozenset(("url", "script"))


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
_QUESTION = {field.name for field in fields(Question)}
_MENTION = re.compile(r"\bask\.([a-z_]+)")
_PLACE = re.compile(r"\{\{ ([a-z_]+) \}\}")


def read_preset(slug: str, text: str) -> Preset:
    """Return the preset of a file's text. Raises ValueError that says what the schema wants."""
    found = tomllib.loads(text)
    _see(slug, re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug) is not None, "a slug is a–z, 0–9 and “-”")
    if unknown := set(found) - {*_TEXTS, *_LISTS, *_TABLES, "snippet"}:
        raise ValueError(f"{slug}: {sorted(unknown)[0]} is no field of a preset")
    texts = {name: _text(slug, found, name) for name in _TEXTS}
    lists = {name: tuple(_texts(slug, found, name)) for name in _LISTS}
    _see(slug, texts["kind"] in PARTIES, f"kind is one of {', '.join(PARTIES)}")
    _see(slug, texts["delivery"] in DELIVERIES, f"delivery is one of {', '.join(DELIVERIES)}")
    _see(slug, texts["docs"] == "" or texts["docs"].startswith("https://"), "docs is an https address, or empty")
    asset, contract, snippet = found.get("asset"), found.get("contract"), found.get("snippet", "")
    _see(slug, isinstance(asset, dict) and isinstance(contract, dict), "asset and contract are tables")
    assert isinstance(asset, dict) and isinstance(contract, dict)  # noqa: S101 — for the type checker, as seen above.
    _see(slug, {"path", "algorithm", "template", "lifetime"} <= set(asset) <= _ASSET, f"asset has of {sorted(_ASSET)}")
    _see(slug, isinstance(snippet, str), "snippet is text")
    _see(slug, texts["delivery"] != "page" or snippet != "", "what a page fetches comes with a snippet")
    _see(slug, texts["delivery"] != "launch" or "launch" in asset, "where the browser is sent, asset has launch")
    questions = tuple(_question(slug, each) for each in found.get("ask", []))
    _see_mentions(slug, questions, (asset, contract), snippet)
    own: dict[str, Any] = {**texts, **lists, "definition": asset, "contract": contract, "questions": questions}
    return Preset(slug=slug, snippet=snippet, **own)


def _question(slug: str, found: Mapping[str, Any]) -> Question:
    _see(slug, {"name", "label", "where"} <= set(found), "each [[ask]] has name, label and where")
    _see(slug, set(found) <= _QUESTION, f"each [[ask]] has of {', '.join(sorted(_QUESTION))}")
    question = Question(**{**found, "choices": tuple(found.get("choices", ()))})
    _see(slug, re.fullmatch(r"[a-z_]{1,40}", question.name) is not None, "the name of an [[ask]] is a–z and “_”")
    _see(slug, question.kind in KINDS, f"the kind of an answer is one of {', '.join(KINDS)}")
    for shown in {question.example or question.default, question.default} - {None}:
        try:
            read_answer(question, shown)
        except FieldError as error:
            raise ValueError(f"{slug}: the example or default of {question.name} {error}") from error
    _see(slug, bool(question.example or question.default), f"{question.name} has an example or a default")
    return question


def _see_mentions(slug: str, questions: tuple[Question, ...], tables: tuple[Any, ...], snippet: str) -> None:
    """What is written in is asked for, and what is asked for is written in somewhere."""
    asked = [question.name for question in questions]
    _see(slug, len(set(asked)) == len(asked), "asks for something twice")
    mentioned = asked_in((*tables, snippet))
    _see(slug, mentioned <= set(asked), f"{', '.join(sorted(mentioned - set(asked)))} is asked for nowhere")
    _see(slug, set(asked) <= mentioned, f"{', '.join(sorted(set(asked) - mentioned))} is asked for, and not used")
    unknown = set(_PLACE.findall(snippet)) - PLACES
    _see(slug, not unknown, f"a snippet knows {', '.join(sorted(PLACES))}, and no {', '.join(sorted(unknown))}")


def asked_in(value: Any) -> set[str]:
    """Return the names of the questions whose answers are written into this piece of a preset."""
    return {name for text in _all_texts(value) for name in _MENTION.findall(text)}


def _all_texts(value: Any) -> list[str]:
    """Return every text within, names too; `{ask = "x"}` of a contract as `ask.x`."""
    if isinstance(value, Mapping):
        if set(value) == {"ask"}:
            return [f"ask.{value['ask']}"]
        return [text for name, each in value.items() for text in (name, *_all_texts(each))]
    if isinstance(value, list | tuple):
        return [text for each in value for text in _all_texts(each)]
    return [value] if isinstance(value, str) else []


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
