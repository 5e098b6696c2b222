"""The report of a converted Matrix payload as lines: `error:` and `warning:` first, where they are meant.

Rule: nothing of the payload is shown that could move a terminal's cursor.
"""

from collections.abc import Iterator

from mintmark.fields import UNSEEN
from mintmark.matrix import DIFFERS, LOST, SAFE, Conversion, Row

_LEFT_OVER = "this is a keyword of Squiz Matrix"  # its row has said why


def report_lines(conversion: Conversion) -> Iterator[str]:
    """Yield a line for each keyword, for what is to be declared, and for each problem of the template."""
    for row in conversion.rows:
        yield UNSEEN.sub("�", _line(row))
    for name, kind in conversion.attributes.items():
        yield f"declare: attribute {name} ({kind})"
    for name in conversion.params:
        yield f"declare: parameter {name}"
    for problem in conversion.problems:
        if problem.reason != _LEFT_OVER:
            yield f"error: {problem}"


def _line(row: Row) -> str:
    words = row.words.replace("`", "")
    if row.kind == LOST:
        return f"error: line {row.line}: {row.keyword} cannot be carried over: {words}"
    became = f"line {row.line}: {row.keyword} is now {row.became}"
    if row.kind == DIFFERS:
        return f"warning: {became}: {words}"
    return f"{became}{': made safe' if row.kind == SAFE else ''}{f': {words}' if words else ''}"
