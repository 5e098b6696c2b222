"""YAML without what makes it dangerous or surprising: no tags, anchors, aliases, merges, dates, yes or no.

PyYAML reads the text into events; what they mean is ours (`tree.plain`): PyYAML's own resolver
turns `NO`, `012`, `1:30` and dates into something else, and its composer lets repeated names
vanish and expands aliases (the billion laughs).
"""

import re
from collections.abc import Iterator
from typing import Any

import yaml  # type: ignore[import-untyped]
from yaml import events

from mintmark.site_file.problems import unreadable
from mintmark.site_file.tree import Tree, place_in

# libyaml where PyYAML has it, ten times as fast; both know the same language (tests hold them together).
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# YAML 1.1 §5.1; what is no character at all, and a byte-order mark in the middle.
_NOT_PRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


def read_yaml(text: str, loader: Any = LOADER) -> Tree:
    """Return the data and its faults. Raises InvalidFields where the text is no YAML."""
    if found := _NOT_PRINTABLE.search(text):
        words = f"holds a character that YAML does not take (U+{ord(found[0]):04X})"
        raise unreadable(words, *place_in(text, found.start()))
    tree = Tree(lambda mark: (mark.line + 1, mark.column + 1))
    for event in _events(text, loader):
        _take(tree, event)
    return tree


def _events(text: str, loader: Any) -> Iterator[Any]:
    documents = 0
    try:
        for event in yaml.parse(text, Loader=loader):
            if isinstance(event, events.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise unreadable("a second document begins; a site file is one", *_place_of(event.start_mark))
            yield event
    except yaml.YAMLError as error:
        raise unreadable(_words_of(error), *_place_of(getattr(error, "problem_mark", None))) from None
    except (
        ValueError,
        OverflowError,
        RecursionError,
    ):  # PyYAML's own reader, for escapes that are no character.
        raise unreadable("holds an escape that is no character") from None


def _take(tree: Tree, event: Any) -> None:
    if isinstance(event, events.ScalarEvent):
        _see_plain_yaml(tree, event)
        if event.implicit[0] and event.tag is None:
            tree.plain(event.value, event.start_mark)
        else:
            tree.text(event.value, event.start_mark)
    elif isinstance(event, events.CollectionStartEvent):
        _see_plain_yaml(tree, event)
        tree.begin({} if isinstance(event, events.MappingStartEvent) else [], event.start_mark)
    elif isinstance(event, events.CollectionEndEvent):
        tree.end()
    elif isinstance(event, events.AliasEvent):
        tree.fault(
            "is an alias (*), which a site file cannot have; text that starts with * needs quotes",
            event.start_mark,
        )
        tree.plain("null", event.start_mark)
    elif isinstance(event, events.DocumentStartEvent) and event.tags:
        raise unreadable("declares tags, which a site file cannot have", *_place_of(event.start_mark))


def _see_plain_yaml(tree: Tree, event: Any) -> None:
    if event.anchor is not None:
        tree.fault(
            "has an anchor (&), which a site file cannot have; text that starts with & needs quotes",
            event.start_mark,
        )
    if event.tag is not None:
        tree.fault(
            "has a tag (!), which a site file cannot have; text that starts with ! needs quotes",
            event.start_mark,
        )


def _place_of(mark: Any) -> tuple[int, int]:
    return (mark.line + 1, mark.column + 1) if mark is not None else (0, 0)


def _words_of(error: yaml.YAMLError) -> str:
    problem = str(getattr(error, "problem", None) or "is no YAML")
    if "Unicode character escape" in problem:
        return f"{problem}: write the character itself, or one escape such as \\U0001F600 instead of two halves"
    context = getattr(error, "context", None)
    return f"{problem} ({context})" if context else problem
