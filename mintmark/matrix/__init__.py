"""The payload of a Squiz Matrix JSON Web Token asset as a template of ours, with a report line by line.

Rule: pure, and never raises but for a payload that is too long: what cannot be carried over stays where it stood, with
its line in the report, and `payload.check` refuses to save it. Nothing is evaluated.

    conversion = convert(payload, {"department": "text"})
    conversion.template, conversion.rows, conversion.attributes, conversion.params, conversion.problems
"""

import re
from bisect import bisect_right
from collections.abc import Mapping

from mintmark import payload as language
from mintmark.errors import FieldError

from .given import Way
from .keywords import Wanted, attribute_of, find, used_as_numbers
from .modifiers import MAX_MODIFIERS, modify
from .placing import as_value, in_text
from .reading import AS_VALUE, ELSEWHERE, IN_NAME, IN_TEXT, Piece, Reader, split_keyword
from .report import CARRIED, DIFFERS, LOST, SAFE, Conversion, Lost, Note, Row

__all__ = ["CARRIED", "DIFFERS", "LOST", "MAX_PAYLOAD", "SAFE", "Conversion", "Note", "Row", "convert"]

MAX_PAYLOAD = 65_536
_PLACES = {IN_NAME: "a name is the same in every token.", ELSEWHERE: "no value can stand here."}
_BRACES = Note(SAFE, "These signs are fixed text here, and begin no tag.")
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def convert(payload: str, attributes: Mapping[str, str] | None = None) -> Conversion:
    """Turn a payload into a template; `attributes` are those of the site (name → type). Raises FieldError."""
    if len(payload) > MAX_PAYLOAD:
        raise FieldError(f"is longer than {MAX_PAYLOAD:,} characters", "payload")
    known = dict(attributes or {})
    text = re.sub("\r\n?", "\n", payload.removeprefix("\ufeff"))
    pieces = Reader(text).read()
    wanted = Wanted(known, numbers=_numbers(pieces))
    template, rows = _converted(text, pieces, wanted)
    problems = language.check(template, known | wanted.attributes, wanted.params)
    return Conversion(template, rows, wanted.attributes, wanted.params, problems)


def _numbers(pieces: list[Piece]) -> frozenset[str]:
    uses = []
    for piece in pieces:
        if piece.place in (IN_TEXT, AS_VALUE):
            name, modifiers = split_keyword(piece.text)
            if attribute := attribute_of(name):
                uses.append((attribute, piece.place == IN_TEXT, modifiers))
    return used_as_numbers(uses)


def _converted(text: str, pieces: list[Piece], wanted: Wanted) -> tuple[str, list[Row]]:
    starts = [0, *(found.end() for found in re.finditer("\n", text))]
    done: dict[tuple[str, str], tuple[str, tuple[Note, ...]]] = {}  # a keyword may stand there ten thousand times
    out: list[str] = []
    rows: list[Row] = []
    for piece in pieces:
        line = bisect_right(starts, piece.at)
        if piece.is_literal:
            out.append(piece.text)
            if not (rows and rows[-1].line == line and rows[-1].notes == (_BRACES,)):
                rows.append(Row(line, "{" + text[piece.at + 1], piece.text + text[piece.at + 1], (_BRACES,)))
        elif not piece.place:
            out.append(piece.text)
        else:
            key = (piece.text, piece.place)
            if key not in done:
                done[key] = _placed(piece, wanted)
            became, notes = done[key]
            out.append(became or piece.text)
            rows.append(Row(line, _UNSEEN.sub("�", piece.text), became, notes))
    return "".join(out), rows


def _placed(piece: Piece, wanted: Wanted) -> tuple[str, tuple[Note, ...]]:
    """Return what stands in the place of a keyword, nothing where it cannot be carried over, and what to know."""
    way = Way(piece.place == IN_TEXT)
    attributes, params = dict(wanted.attributes), list(wanted.params)
    try:
        if piece.place in _PLACES:
            raise Lost(_PLACES[piece.place])
        name, modifiers = split_keyword(piece.text)
        if len(modifiers) > MAX_MODIFIERS:
            raise Lost(f"it has more than {MAX_MODIFIERS} modifiers.")
        given = find(name, way, wanted)
        for number, (modifier, arguments) in enumerate(modifiers, 1):
            way.is_last = number == len(modifiers)
            given = modify(given, modifier, arguments, way)
        return (in_text if way.is_quoted else as_value)(given, way), tuple(way.notes)
    except Lost as lost:
        wanted.attributes, wanted.params = attributes, params  # what is not there needs no declaration
        words = str(lost)
        return "", (Note(LOST, words if words[:1] == "`" else words[:1].upper() + words[1:]),)
