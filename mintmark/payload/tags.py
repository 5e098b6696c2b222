"""The tags of a page in order: each read, each block matched with its end, each name where it is known.

Rule: every faulty tag is told, not only the first; one fault is one problem.
"""

from dataclasses import dataclass

from .context import Names
from .expressions import Expression, loop_item
from .page import BLOCK_WORDS, Page, Tag
from .problems import Fault, shown
from .reading import Reader
from .values import MAX_BLOCK_DEPTH, MAX_LOOP_DEPTH, NOTHING, Facts

_OPENERS = {"endif": "`if`", "endfor": "`for`"}
NO_EXPRESSION = Expression(lambda run: None, Facts(NOTHING))  # of a faulty tag; it is never rendered


@dataclass(slots=True)
class _Open:
    """A block that was opened and not closed yet."""

    tag: Tag
    has_else: bool = False
    in_scope: bool = False  # whether its loop's name is known here


class TagReader:
    """Reads all tags of a page into the tags themselves; the faults go to the page, the names to `slots`."""

    def __init__(self, page: Page, names: Names) -> None:
        self._page, self._reader = page, Reader(names)
        self._open: list[_Open] = []
        self.slots = self._reader.slots
        for tag in page.tags:
            try:
                self._read(tag)
            except Fault as fault:
                if fault is not tag.fault:
                    page.faults.append(Fault(fault.reason, fault.hint, at=tag.at))
        for block in self._open if page.is_whole else ():
            hint = f"write {{% end{block.tag.word} %}}"
            page.faults.append(self._lost(block.tag, f"this `{block.tag.word}` is not closed", hint))

    def _lost(self, tag: Tag, reason: str, hint: str = "") -> Fault:
        """Make a fault from which on it is not known which block a tag belongs to."""
        self._page.lost_at = min(self._page.lost_at, tag.at)
        return Fault(reason, hint, at=tag.at)

    def _read(self, tag: Tag) -> None:
        if tag.word in ("if", "for"):
            self._open.append(_Open(tag))
        elif tag.word in BLOCK_WORDS:
            self._step(tag)
        if tag.fault:
            raise tag.fault
        if not tag.is_block:
            self._reader.placeholder(tag)
        elif tag.word in ("if", "elif"):
            tag.expression = self._reader.condition(tag)
        elif tag.word == "for":
            self._enter_loop(tag)
        elif tag.word not in BLOCK_WORDS:
            words = f"`{shown(tag.word)}` is not part of the language" if tag.word else "this tag is empty"
            raise Fault(words, "there are `if`, `elif`, `else`, `endif`, `for` and `endfor`")
        elif len(tag.tokens) > 1:
            raise Fault(f"`{tag.word}` takes nothing after it")
        if tag.word in ("if", "for") and len(self._open) > MAX_BLOCK_DEPTH:
            raise Fault(f"blocks stand more than {MAX_BLOCK_DEPTH} deep in each other")

    def _step(self, tag: Tag) -> None:
        """Go on to the next branch of a block, or to its end; a loop's name is known in neither."""
        block = self._open[-1] if self._open else None
        is_end = tag.word.startswith("end")
        if block is None or (is_end and tag.word != f"end{block.tag.word}"):
            raise self._lost(tag, f"this `{tag.word}` has no {_OPENERS.get(tag.word, 'block')} before it")
        if not is_end and (block.has_else or (tag.word == "elif" and block.tag.word == "for")):
            raise self._lost(tag, f"`{tag.word}` cannot stand here", f"close the `{block.tag.word}` first")
        if block.in_scope:
            self._reader.loops.pop()
            block.in_scope = False
        block.has_else = tag.word == "else"
        if is_end:
            self._open.pop()

    def _enter_loop(self, tag: Tag) -> None:
        name = self._reader.loop_name(tag)
        tag.depth = len(self._reader.loops)
        try:
            tag.expression = self._reader.loop_list(tag)
        finally:  # the name is known even where the list is faulty, so that one fault is one problem
            item = loop_item(tag.depth, (tag.expression or NO_EXPRESSION).facts)
            self._reader.loops.append((name, item))
            self._open[-1].in_scope = True
        if tag.depth >= MAX_LOOP_DEPTH:
            raise Fault(f"loops stand at most {MAX_LOOP_DEPTH} deep in each other")
