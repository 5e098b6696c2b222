"""The places of a template where something of a person comes in, and the note of where a claim came from.

Rule: whatever goes wrong there is told with the place, and never with the value.
"""

from typing import Any, Final, NamedTuple

from .expressions import Expression, Run
from .limits import STEPS_PER_ACT
from .problems import Fault, Problem, TemplateError
from .values import KIND, Value, size

Path = tuple[str | int, ...] | None
OMITTED: Final[Any] = object()


class Source(NamedTuple):
    """Where a claim came from: the place in the template, the names used there, its type in this token."""

    line: int
    column: int
    names: frozenset[str]
    type: str
    is_literal: bool
    took_default: bool = False


class Spot:
    """An expression at its place: placeholder, condition or the list of a loop."""

    __slots__ = ("expression", "extra", "omits", "place")

    def __init__(self, expression: Expression, place: tuple[int, int], *, omits: bool = False) -> None:
        self.expression, self.place, self.omits = expression, place, omits
        self.extra = STEPS_PER_ACT + expression.parts - 1

    def value(self, run: Run) -> Value:
        """Give the value or None, and pay for it."""
        try:
            value = self.expression.value(run)
            run.spend(self.extra + size(value))
            return value
        except Fault as fault:
            raise self.error(fault) from None

    def get(self, run: Run) -> Any:
        """Give the value, or OMITTED where it may be left out; missing is an error."""
        value = self.value(run)
        if value is not None:
            return value
        if self.omits:
            return OMITTED
        raise self.missing(run)

    def missing(self, run: Run) -> TemplateError:
        run.steps = 0
        try:
            name = self.expression.culprit(run)
        except Fault:
            name = None
        reason = f"`{name}` is missing" if name else "this gives no value: nothing in it holds"
        return self.error(Fault(reason, "add `| default(…)` or `| omit`", name=name))

    def error(self, fault: Fault) -> TemplateError:
        return TemplateError([Problem(*self.place, fault.reason, fault.hint)], fault.name)


def note(run: Run, path: tuple[str | int, ...], value: Any, spot: Spot) -> None:
    """Note the source of a value and, if it is a list, of its items."""
    names = spot.expression.names
    run.sources[path] = Source(*spot.place, names, kind_of(value), False, run.took_default)
    if type(value) is list:
        for index, item in enumerate(value):
            run.sources[(*path, index)] = Source(*spot.place, names, kind_of(item), False, run.took_default)


def kind_of(value: object) -> str:
    if value is None:
        return "null"
    return "object" if type(value) is dict else KIND[type(value)]
