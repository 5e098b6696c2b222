"""CSV that is safe to open: RFC 4180, and no cell that a spreadsheet takes for a formula (CWE-1236, ASVS 1.2.10)."""

import csv
import io
from collections.abc import Iterable
from typing import Any

# Full-width forms too: Excel takes them for the plain ones where the system's language is Chinese or Japanese.
_BEGINS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\x00", "＝", "＋", "－", "＠")


def csv_line(cells: Iterable[Any]) -> str:
    """Return one record with its line end; nothing is an empty cell, and every cell is quoted."""
    line = io.StringIO()
    csv.writer(line, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerow([_safe(cell) for cell in cells])
    return line.getvalue()


def _safe(cell: Any) -> Any:
    """Put an apostrophe before text that a spreadsheet would calculate: it then shows it as it is."""
    if cell is None:
        return ""
    return "'" + cell if isinstance(cell, str) and cell.startswith(_BEGINS_A_FORMULA) else cell
