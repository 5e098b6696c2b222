"""From text to a template, and from a template and a person to claims.

Rule: `check` gives the same problems that `compile` raises, and neither evaluates anything.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from .blocks import Blocks
from .claims import claims_of, guard
from .context import Names
from .expressions import Run
from .limits import MAX_TEMPLATE_BYTES
from .problems import Fault, Problem, TemplateError
from .shape import Shape
from .spots import Source
from .tags import Page, Places
from .tree import Container


class Template:
    """A checked template.

    `claims` says what is known of each top-level claim; `names` are all dotted names that it uses; `notes`
    say, as problems do, what may be read but was perhaps not meant.
    """

    __slots__ = ("claims", "names", "notes", "root", "slots")

    def __init__(self, root: Container, names: Iterable[str], notes: list[Problem]) -> None:
        self.claims = claims_of(root)
        self.names = frozenset(names)
        self.notes = notes
        self.root = root
        self.slots = len(self.names)


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
    run = Run(context, template.slots, {} if sources is None else sources)
    try:
        claims: dict[str, Any] = template.root.build(run, None if sources is None else ())
        return claims
    except Fault as fault:
        raise TemplateError([Problem(1, 1, fault.reason, fault.hint)]) from None


def _compile(text: str, names: Names) -> Template:
    """Read the tags, then the JSON around them; raise everything that is wrong at once."""
    _refuse_text(text)
    text = text.replace("\r\n", "\n")  # one line end each; columns stay as they are
    page, places = Page(text), Places(text)
    blocks = Blocks(page, names)
    shape = Shape(page, blocks, places)
    leftovers = list(page.leftovers())
    faults = [*blocks.faults, *leftovers]
    root = None
    try:
        root = shape.read()
    except Fault as fault:
        if fault.at < blocks.lost_at and all(fault.at != other.at for other in (*faults, *shape.faults)):
            faults.append(fault)
    faults += shape.faults
    problems = {places.problem(fault.at, fault.reason, fault.hint) for fault in faults}
    problems.update(guard(shape.members))
    if problems or root is None:
        raise TemplateError(sorted(problems))
    notes = [places.problem(tag.at, *_MINUS) for tag in page.tags if tag.is_minus_number]
    return Template(root, blocks.scope.slots, notes)


_MINUS = ("`{{-` takes white space away, so this number is positive", "write {{ -5 }} for minus five")


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


_UNFIT = re.compile("\r(?!\n)|[\0\ud800-\udfff]")
_UNFIT_WORDS = {"\r": "a carriage return without a line feed", "\0": "a NUL character"}


def _at(text: str, at: int, reason: str, hint: str = "") -> TemplateError:
    return TemplateError([Places(text[: at + 1]).problem(at, reason, hint)])
