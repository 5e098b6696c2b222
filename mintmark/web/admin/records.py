"""The log on screen: a page of rows with filters, one row whole, and export."""

from collections.abc import Iterator
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from mintmark import log
from mintmark.errors import InvalidFields
from mintmark.models import writing
from mintmark.records.exporting import MAX_ROWS, export_rows, last_id
from mintmark.records.filters import OUTCOMES, read_filter
from mintmark.records.finding import Records, find_records, get_record
from mintmark.records.naming import Names, detail_of, facts_of, names_of
from mintmark.web.csv_text import csv_line
from mintmark.web.forms import Form, shown
from mintmark.web.occasion import occasion
from mintmark.web.slow_answers import Turn

bp = Blueprint("records", __name__, url_prefix="/admin/log")
FIELDS = "event outcome person asset actor address code kid request since until".split()


@bp.get("")
def records() -> ResponseReturnValue:
    """Show the newest rows that are wanted; the one row of an answer's number at once."""
    typed = _typed()
    try:
        wanted = read_filter(typed)
    except InvalidFields as error:
        return _list(Form.refused(typed, error), Records([]), 422)
    found = find_records(wanted, _before())
    if list(wanted.named()) == ["request"] and len(found.rows) == 1:
        return redirect(url_for("records.record", row_id=found.rows[0].id), 303)
    return _list(Form(typed), found, 200)


def _list(form: Form, found: Records, status: int) -> ResponseReturnValue:
    asked = {name: text for name, text in form.values.items() if text}
    return shown(
        "admin/records.html",
        form,
        status,
        found=found,
        rows=[(row, detail_of(row)) for row in found.rows],
        names=names_of(found.rows),
        asked=asked,
        is_first_page=_before() is None,
        events=[("", "Any event"), *((name, words_of(name)) for name in sorted(log.EVENTS))],
        outcomes=[("", "Any outcome"), *((name, name.capitalize()) for name in OUTCOMES)],
        words_of=words_of,
        max_rows=MAX_ROWS,
    )


@bp.get("/<int:row_id>")
def record(row_id: int) -> str:
    """Show one row, with the whole diagnosis."""
    row = get_record(row_id)
    names: Names = names_of([row])
    detail = detail_of(row)
    is_by_token = row.event == "person.sign_in_refused" and bool(row.issuer or "check" in detail)
    return render_template(
        "admin/record.html",
        row=row,
        names=names,
        facts=facts_of(detail),
        may_explain=is_by_token and bool(row.request),
        meaning=log.EVENTS.get(row.event),
        code_words=log.CODES.get(row.code or ""),
        words_of=words_of,
    )


@bp.get("/export.csv")
def export_csv() -> ResponseReturnValue:
    """Give the wanted rows as CSV."""
    return _export("csv", _csv_lines)


@bp.get("/export.jsonl")
def export_lines() -> ResponseReturnValue:
    """Give the wanted rows as JSON Lines."""
    return _export("jsonl", _json_lines)


_TYPES = {"csv": "text/csv; charset=utf-8; header=present", "jsonl": "application/jsonl; charset=utf-8"}


def _export(form: str, lines: Any) -> ResponseReturnValue:
    """Note the act before anything leaves, then let the rows go some at a time."""
    typed = _typed()
    try:
        wanted = read_filter(typed)
    except InvalidFields:
        asked: dict[str, Any] = {name: text for name, text in typed.items() if text}
        return redirect(url_for("records.records", **asked), 303)
    turn, up_to = Turn(), last_id()
    try:
        with writing():
            log.note("log.exported", occasion(), detail={"form": form, "filter": wanted.named(), "up_to": up_to})
        response = turn.stream(lines(export_rows(wanted, up_to=up_to)), _TYPES[form])
    except BaseException:
        turn.end()
        raise
    response.headers["Content-Disposition"] = f'attachment; filename="mintmark-log.{form}"'
    return response


def _csv_lines(rows: Iterator[Any]) -> Iterator[str]:
    yield csv_line(log.COLUMNS)
    for row in rows:
        yield csv_line({**log.values_of(row), "detail": row.detail}.values())


def _json_lines(rows: Iterator[Any]) -> Iterator[str]:
    for row in rows:
        yield log.to_json(log.values_of(row)) + "\n"


def words_of(event: str) -> str:
    """Return an event in words: person.sign_in_refused → Person sign in refused."""
    return event.replace(".", " ").replace("_", " ").capitalize()


def _typed() -> dict[str, str]:
    return {name: request.args.get(name, "") for name in FIELDS}


def _before() -> int | None:
    """Return the id under which a page begins; what is no id begins at the newest row."""
    text = request.args.get("before", "")
    return int(text) if text.isascii() and text.isdecimal() and 0 < len(text) < 19 else None
