"""Export from the screen: the same rows and columns as the command's, safe to open, and a recorded act."""

import csv
import io
import json

import pytest

from mintmark import log
from mintmark.records import exporting
from tests.conftest import START
from tests.log_rows import add_rows
from tests.making import make_asset, make_person


@pytest.fixture
def admin(house):
    make_person(house, "ada", is_admin=True)
    return house.signed_in("ada")


def csv_of(answer):
    return list(csv.reader(io.StringIO(answer.text, newline=""), strict=True))


def test_json_lines_are_those_of_the_command(house, admin):
    make_asset(house, "a")
    before = house.run("log", "export").stdout

    answer = admin.get("/admin/log/export.jsonl")

    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"] == 'attachment; filename="mintmark-log.jsonl"'
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.text == before


def test_csv_has_the_columns_of_the_log_in_their_order(house, admin):
    add_rows(house, 1, detail='{"path":"a","line":3}', person="p", sub="s")

    answer = admin.get("/admin/log/export.csv?event=token.issued")

    assert answer.mimetype == "text/csv"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="mintmark-log.csv"'
    header, row = csv_of(answer)
    assert header == log.COLUMNS
    assert (
        header
        == "id at event outcome actor address person asset revision issuer request jti kid sub code detail".split()
    )
    assert dict(zip(header, row, strict=True)) | {"id": ""} == {
        **dict.fromkeys(header, ""),
        "at": "2027-01-15T08:00:00.000Z",
        "event": "token.issued",
        "outcome": "done",
        "person": "p",
        "sub": "s",
        "detail": '{"path":"a","line":3}',
    }


def test_no_cell_of_the_csv_is_a_formula(house, admin):
    hostile = ['=HYPERLINK("https://evil.test")', "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1"]
    for text in hostile:
        add_rows(house, 1, sub=text, actor=text, address=text)

    rows = csv_of(admin.get("/admin/log/export.csv?event=token.issued"))[1:]

    for row, text in zip(rows, hostile, strict=True):
        cells = dict(zip(log.COLUMNS, row, strict=True))
        assert [cells[name] for name in ("sub", "actor", "address")] == ["'" + text] * 3


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_an_export_holds_what_the_filter_leaves_oldest_first(house, admin, form):
    ben = make_person(house, "ben")
    for day in range(3):
        add_rows(house, 2, at=START + day * 86400, person=ben, code=f"c{day}")
        add_rows(house, 1, at=START + day * 86400, person="x")

    answer = admin.get(f"/admin/log/export.{form}?person=ben&event=token.issued&since=2027-01-16&until=2027-01-17")

    codes = (
        [row[log.COLUMNS.index("code")] for row in csv_of(answer)[1:]]
        if form == "csv"
        else [json.loads(line)["code"] for line in answer.text.splitlines()]
    )
    assert codes == ["c1", "c1", "c2", "c2"]


def test_the_act_is_in_the_log_before_anything_leaves_and_not_in_the_export(house, admin):
    answer = admin.get("/admin/log/export.jsonl?outcome=done&code=", buffered=False)

    [row] = house.log("log.exported")
    assert json.loads(row["detail"]) == {"form": "jsonl", "filter": {"outcome": "done"}, "up_to": row["id"] - 1}
    assert row["actor"] == house.rows("SELECT id FROM person")[0]["id"]
    assert row["address"] == "127.0.0.1"
    assert row["request"] == answer.headers["Mintmark-Request"]
    assert max(json.loads(line)["id"] for line in answer.text.splitlines()) == row["id"] - 1


def test_an_export_goes_in_pieces_and_ends_at_its_bound(house, admin, monkeypatch):
    monkeypatch.setattr(exporting, "_CHUNK", 4)
    monkeypatch.setattr(exporting, "MAX_ROWS", 10)
    add_rows(house, 23)

    ids = [json.loads(line)["id"] for line in admin.get("/admin/log/export.jsonl?event=token.issued").text.splitlines()]

    assert ids == [row["id"] for row in house.log("token.issued")][:10]


def test_a_filter_that_cannot_be_read_exports_nothing(house, admin):
    answer = admin.get("/admin/log/export.csv?person=nobody")

    assert answer.status_code == 303
    assert admin.get(answer.headers["Location"]).status_code == 422
    assert house.log("log.exported") == []


def test_the_page_links_to_the_export_of_what_it_shows(house, admin):
    page = admin.get("/admin/log?person=ada&before=99").text

    assert 'href="/admin/log/export.csv?person=ada"' in page
    assert 'href="/admin/log/export.jsonl?person=ada"' in page


def test_slow_readers_leave_threads_for_everybody_else(house, admin):
    add_rows(house, 3)
    held = [admin.get("/admin/log/export.csv", buffered=False) for _ in range(2)]

    refused = admin.get("/admin/log/export.csv")
    assert refused.status_code == 503 and "Other exports are under way" in refused.text
    assert len(house.log("log.exported")) == 2

    held[0].close()  # Its reader went away without reading.
    assert "token.issued" in admin.get("/admin/log/export.csv").text
    assert "token.issued" in held[1].text
    for _ in range(3):
        assert "token.issued" in admin.get("/admin/log/export.csv").text


def test_an_export_that_could_not_be_recorded_gives_its_turn_back(house, admin, monkeypatch):
    from mintmark import log

    with monkeypatch.context() as broken:
        broken.setattr(log, "note", lambda *_, **__: 1 / 0)
        for _ in range(3):
            assert admin.get("/admin/log/export.csv").status_code == 500
    assert admin.get("/admin/log/export.csv").status_code == 200
