"""The template language: a template is checked once, and gives the claims of a person as often as wanted.

Rule: pure. No request, no database, no clock, no file; standard library and Jinja's lexer, parser and nodes
only. No rendered text is ever parsed, so no value of anybody's can add, change or break a claim. `check` gives the
same problems that `compile` raises, and neither evaluates anything.

    template = compile(text, {"department": "text"}, params=["room"])    # raises TemplateError
    claims = render(template, {"user": {…}, "asset": {…}, "site": {…}, "now": 1700000000, "params": {}})

To read it in order: `problems`, `values` (types and bounds), `context` (names), `filters`, `expressions`; how a text
becomes these: `page` (tags and JSON), `parsing` and `reading` (one tag), `tags` (all), `cursor` and `shape` (the JSON);
and what comes of it: `tree` and `claims`.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from .claims import Claim, claims_of, faults_of
from .context import ATTRIBUTE_TYPES, CONTEXT, LOOP, Names, Run, Source
from .filters import FILTERS
from .page import Lines, Page
from .problems import Fault, Problem, TemplateError
from .shape import Shape
from .tags import TagReader
from .tree import Container
from .values import MAX_STEPS, MAX_TEMPLATE_BYTES, MAX_TOKEN_CHARACTERS, NOT_FIXED

__all__ = [
    "ATTRIBUTE_TYPES",
    "CONTEXT",
    "FILTERS",
    "LOOP",
    "MAX_STEPS",
    "MAX_TEMPLATE_BYTES",
    "MAX_TOKEN_CHARACTERS",
    "NOT_FIXED",
    "Claim",
    "Problem",
    "Source",
    "Template",
    "TemplateError",
    "check",
    "compile",
    "render",
]

_MINUS = ("`{{-` takes white space away, so this number is positive", "write {{ -5 }} for minus five")
_UNFIT = re.compile("\r(?!\n)|[\0\ud800-\udfff]")
_UNFIT_WORDS = {"\r": "a carriage return without a line feed", "\0": "a NUL character"}


class Template:
    """A checked template.

    `claims` says what is known of each top-level claim; `names` are all dotted names that it uses; `notes`
    say, as problems do, what may be read but was perhaps not meant.
    """

    __slots__ = ("claims", "names", "notes", "root")

    def __init__(self, root: Container, names: Iterable[str], notes: list[Problem]) -> None:
        self.claims = claims_of(root)
        self.names = frozenset(names)
        self.notes = notes
        self.root = root


def check(template: str, attributes: Mapping[str, str] | None = None, params: Iterable[str] = ()) -> list[Problem]:
    """List what is wrong with a template, in the order of its text; an empty list: it may be saved."""
    try:
        compile(template, attributes, params)
    except TemplateError as error:
        return error.problems
    return []


def compile(template: str, attributes: Mapping[str, str] | None = None, params: Iterable[str] = ()) -> Template:
    """Read a template, with the declared attributes (name to type) and parameters; raises TemplateError."""
    try:
        return _compile(template, Names(attributes or {}, params))
    except RecursionError:
        raise TemplateError([Problem(1, 1, "this template is nested too deeply")]) from None
    except MemoryError:
        raise TemplateError([Problem(1, 1, "this template is too large")]) from None


def render(template: Template, context: Mapping[str, Any], sources: dict[Any, Source] | None = None) -> dict[str, Any]:
    """Give the claims of a person; with `sources`, note there for each path of a claim where it came from.

    Raises TemplateError with the line and the name that was missing, and nothing else, whatever the context
    holds.
    """
    run = Run(context, len(template.names), {} if sources is None else sources)
    try:
        claims: dict[str, Any] = template.root.build(run, None if sources is None else ())
        return claims
    except Fault as fault:
        raise TemplateError([Problem(1, 1, fault.reason, fault.hint)]) from None


def _compile(text: str, names: Names) -> Template:
    """Read the tags, then the JSON around them; raise everything that is wrong at once."""
    _refuse_text(text)
    text = text.replace("\r\n", "\n")  # one line end each; columns stay as they are
    page, lines = Page(text), Lines(text)
    tags = TagReader(page, names)
    shape = Shape(page, lines)
    faults = [*page.faults, *page.leftovers()]
    root = None
    try:
        root = shape.read()
    except Fault as fault:
        if fault.at < page.lost_at and all(fault.at != other.at for other in (*faults, *shape.faults)):
            faults.append(fault)
    problems = {lines.problem(fault.at, fault.reason, fault.hint) for fault in (*faults, *shape.faults)}
    problems.update(faults_of(shape.members))
    if problems or root is None:
        raise TemplateError(sorted(problems))
    return Template(root, tags.slots, [lines.problem(tag.at, *_MINUS) for tag in page.tags if tag.is_minus_number])


def _refuse_text(text: str) -> None:
    """Refuse what is no text that can be stored: too long, not UTF-8, or with characters that mislead."""
    if not isinstance(text, str):
        raise TemplateError([Problem(1, 1, "a template is text")])
    if len(text) > MAX_TEMPLATE_BYTES or len(text.encode("utf-8", "surrogatepass")) > MAX_TEMPLATE_BYTES:
        kept = text[:MAX_TEMPLATE_BYTES].encode("utf-8", "surrogatepass")[:MAX_TEMPLATE_BYTES]
        at = len(kept.decode("utf-8", "ignore"))
        raise _at(text, at, f"a template has at most {MAX_TEMPLATE_BYTES:,} bytes")
    if text.startswith("\ufeff"):
        raise _at(text, 0, "a byte-order mark stands before the text", "save it as UTF-8 without BOM")
    if found := _UNFIT.search(text):
        raise _at(text, found.start(), _UNFIT_WORDS.get(found[0], "half of a surrogate pair stands alone"))


def _at(text: str, at: int, reason: str, hint: str = "") -> TemplateError:
    return TemplateError([Lines(text[: at + 1]).problem(at, reason, hint)])
