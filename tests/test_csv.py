"""CSV: read back what went in, and nothing that a spreadsheet would calculate (RFC 4180; CWE-1236; ASVS 1.2.10)."""

import csv
import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mintmark.web.csv_text import csv_line

DANGEROUS = "=+-@\t\r\n\x00＝＋－＠"


def read(line):
    [cells] = csv.reader(io.StringIO(line, newline=""), strict=True)
    return cells


@pytest.mark.parametrize("text", [first + rest for first in DANGEROUS for rest in ("", "1+1", "cmd|' /C calc'!A0")])
def test_text_that_begins_a_formula_gets_an_apostrophe(text):
    assert read(csv_line([text])) == ["'" + text]


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("ben", "ben"),
        ("a=1", "a=1"),
        ("'=1", "'=1"),
        (" =1", " =1"),
        ("", ""),
        (None, ""),
        (12, "12"),
        (-12, "-12"),
        ('say "hi", twice\r\nor so', 'say "hi", twice\r\nor so'),
        ("ＡＢ", "ＡＢ"),
    ],
)
def test_other_cells_stay_as_they_are(cell, shown):
    assert read(csv_line([cell])) == [shown]


def test_a_record_is_quoted_and_ends_as_rfc_4180_says():
    assert csv_line(["a", None, 'b"c', 1]) == '"a","","b""c","1"\r\n'


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1))
def test_any_texts_come_back_and_none_begins_a_formula(texts):
    cells = read(csv_line(texts))

    assert [
        cell.removeprefix("'") if text[:1] in DANGEROUS else cell for cell, text in zip(cells, texts, strict=True)
    ] == texts
    assert not [cell for cell in cells if cell[:1] and cell[:1] in DANGEROUS]
