"""From bytes to plain data: what starts with `{` is JSON, everything else is YAML.

Rule: whatever the bytes, nothing but InvalidFields is raised, and nothing that stands in the
file is repeated in it beyond names and single characters: there are secrets in site files.
"""

import re

from mintmark.site_file.problems import unreadable
from mintmark.site_file.tree import NOTHING, Tree, place_in

MAX_BYTES = 64 * 1024 * 1024
_BOMS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_SURROGATE = re.compile("[\ud800-\udfff]")


def read_bytes(data: bytes) -> str:
    """Return the text of a file. Raises InvalidFields."""
    if len(data) > MAX_BYTES:
        raise unreadable(f"has more than {MAX_BYTES // 1024 // 1024} MiB; divide it into several files")
    if data.startswith(_BOMS):
        raise unreadable("starts with a byte-order mark; save the file as UTF-8 without one", 1, 1)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        raise unreadable(f"is not UTF-8 (byte {data[error.start]:#04x})", line, column) from None


def read_tree(text: str) -> Tree:
    """Return the data of a site file with its faults. Raises InvalidFields where it cannot be read at all."""
    from mintmark.site_file.json_text import read_json
    from mintmark.site_file.yaml_text import read_yaml

    if found := _SURROGATE.search(text):
        raise unreadable("holds half of a surrogate pair", *place_in(text, found.start()))
    if text.startswith("\ufeff"):
        raise unreadable("starts with a byte-order mark; save the file as UTF-8 without one", 1, 1)
    tree = read_json(text) if text.lstrip(" \t\r\n").startswith("{") else read_yaml(text)
    if tree.root is NOTHING:
        raise unreadable("is empty; a site file starts with “mintmark: 1”")
    return tree
