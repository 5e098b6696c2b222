"""The tags of a template in order: each read, each block matched with its end, each name where it is known.

Rule: every faulty tag is reported, not only the first.
"""

from dataclasses import dataclass

from .context import Names
from .expressions import NO_KINDS, Expression, LoopItem
from .limits import MAX_BLOCK_DEPTH, MAX_LOOP_DEPTH
from .problems import Fault, shown
from .reading import TagReader
from .scope import Scope
from .tags import BLOCK_WORDS, Page, RawTag


@dataclass(slots=True)
class Tag:
    """One tag: its word (none for a placeholder), its first brace, its expression unless faulty."""

    word: str
    at: int
    expression: Expression | None = None
    omits: bool = False
    depth: int = 0


@dataclass(slots=True)
class _Open:
    """A block that was opened and not closed yet."""

    word: str
    at: int
    has_else: bool = False
    in_scope: bool = False


class Blocks:
    """All tags of a page by the offset of their mark, the faults among them, the names that they use."""

    def __init__(self, page: Page, names: Names) -> None:
        self.tags: dict[int, Tag] = {}
        self.faults = list(page.refused)
        self.lost_at = page.lost_at
        self.scope = Scope(names)
        self._reader = TagReader(self.scope)
        self._open: list[_Open] = []
        by_tag = {id(raw): at for at, raw in page.marks.items()}
        for raw in page.tags:
            self.tags[by_tag.get(id(raw), -1)] = self._read(raw)
        for block in self._open if page.is_whole else ():
            hint = f"write {{% end{block.word} %}}"
            self.faults.append(self._lost(Fault(f"this `{block.word}` is not closed", hint, at=block.at)))

    def _lost(self, fault: Fault) -> Fault:
        """Remember from where on it is not known which block a tag belongs to."""
        self.lost_at = min(self.lost_at, fault.at)
        return fault

    def _read(self, raw: RawTag) -> Tag:
        tag = Tag(raw.word, raw.at)
        try:
            self._read_into(tag, raw)
        except Fault as fault:
            if fault is not raw.fault:
                self.faults.append(Fault(fault.reason, fault.hint, at=raw.at))
        return tag

    def _read_into(self, tag: Tag, raw: RawTag) -> None:
        if not tag.word and not raw.is_block:
            tag.expression, tag.omits = self._reader.placeholder(raw)
        elif tag.word in ("if", "elif"):
            self._step(tag)
            tag.expression = self._reader.condition(raw)
        elif tag.word == "for":
            self._enter_loop(tag, raw)
        elif tag.word in BLOCK_WORDS:
            self._step(tag)
            if raw.fault or len(raw.tokens) > 1:
                raise raw.fault or Fault(f"`{tag.word}` takes nothing after it")
        else:
            words = f"`{shown(tag.word)}` is not part of the language" if tag.word else "this tag is empty"
            raise raw.fault or Fault(words, "there are `if`, `elif`, `else`, `endif`, `for` and `endfor`")

    def _step(self, tag: Tag) -> None:
        """Open, part or close a block."""
        block = self._open[-1] if self._open else None
        if tag.word == "if":
            self._open.append(_Open("if", tag.at))
            self._check_depth()
        elif block is None or (tag.word.startswith("end") and tag.word != f"end{block.word}"):
            raise self._lost(Fault(f"this `{tag.word}` has no {_opener(tag.word)} before it", at=tag.at))
        elif tag.word.startswith("end"):
            self._leave_loop(block)
            self._open.pop()
        elif block.has_else or (tag.word == "elif" and block.word == "for"):
            raise self._lost(Fault(f"`{tag.word}` cannot stand here", f"close the `{block.word}` first", at=tag.at))
        else:
            self._leave_loop(block)
            block.has_else = tag.word == "else"

    def _check_depth(self) -> None:
        if len(self._open) > MAX_BLOCK_DEPTH:
            raise Fault(f"blocks stand more than {MAX_BLOCK_DEPTH} deep in each other")

    def _enter_loop(self, tag: Tag, raw: RawTag) -> None:
        block = _Open("for", tag.at)
        self._open.append(block)
        name = self._reader.loop_name(raw)
        tag.depth = len(self.scope.loops)
        try:
            tag.expression = self._reader.loop_list(raw)
        finally:  # the name is known even where the list is faulty, so that one fault is one problem
            whole = tag.expression or Expression(NO_KINDS)
            self.scope.loops.append((name, LoopItem(tag.depth, whole.items, whole.names)))
            block.in_scope = True
        self._check_depth()
        if tag.depth >= MAX_LOOP_DEPTH:
            raise Fault(f"loops stand at most {MAX_LOOP_DEPTH} deep in each other")

    def _leave_loop(self, block: _Open) -> None:
        """Forget the name of a loop at its end, and in its `else`."""
        if block.in_scope:
            self.scope.loops.pop()
            block.in_scope = False


def _opener(word: str) -> str:
    return {"endif": "`if`", "endfor": "`for`"}.get(word, "block")
