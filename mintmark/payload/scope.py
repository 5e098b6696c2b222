"""The names that are known at one place of a template: those of its loops, then those of the context.

Rule: what is not found here does not exist; nothing is ever looked up on a value.
"""

from .context import BRANCHES, LOOP, Names
from .expressions import Expression, LoopField, LoopItem, Name
from .problems import Fault, shown

_LOOP_FIELDS = {declared.name: declared.type for declared in LOOP}


class Scope:
    """The declared names, the loops around the tag being read, and the names used, each with its slot."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.loops: list[tuple[str, LoopItem]] = []
        self.slots: dict[str, int] = {}

    def find(self, words: list[str]) -> tuple[Expression, list[str]]:
        """Find the name that the words begin with; give it and the words after it."""
        if hidden := next((word for word in words if word.startswith("_")), None):
            raise Fault(f"`{shown(hidden)}`: no name starts with an underscore")
        for known, item in reversed(self.loops):
            if known == words[0]:
                return item, words[1:]
        name = ".".join(words)
        if name in BRANCHES:
            raise Fault(f"`{name}` alone is no value", "name one of its fields")
        if words[0] == "loop":
            return self._loop_field(name), []
        for length in range(1, min(len(words), 3) + 1):
            short = ".".join(words[:length])
            if (kind := self.names.types.get(short)) and short.count(".") == length - 1:
                return Name(short, kind, self.slots.setdefault(short, len(self.slots))), words[length:]
        if name == "null":
            raise Fault("`null` is no value", "write null outside the tags; `is none` asks for what is missing")
        raise self._unknown(name)

    def _loop_field(self, name: str) -> Expression:
        if name not in _LOOP_FIELDS:
            raise self._unknown(name)
        if not self.loops:
            raise Fault("`loop` is known only inside a loop")
        return LoopField(self.loops[-1][1].depth, name.partition(".")[2], _LOOP_FIELDS[name])

    def _unknown(self, name: str) -> Fault:
        also = [*_LOOP_FIELDS, *(known for known, _ in self.loops)] if self.loops else []
        return Fault(f"`{shown(name)}` is not a known name", self.names.nearest(name, also))
