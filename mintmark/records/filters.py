"""What rows of the log somebody asks for, read from what they typed.

People and assets may be named; the log knows them by their ids, which stay when they are gone.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from mintmark.errors import FieldError, InvalidFields
from mintmark.fields import read_text
from mintmark.log import EVENTS
from mintmark.models import Asset, FormerPath, db
from mintmark.people import find_person

OUTCOMES = ("done", "refused", "failed")
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d(?::\d\d)?)Z?)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Filter:
    """What every row that is asked for has; `since` and `until` are milliseconds, the latter not included."""

    event: str | None = None
    outcome: str | None = None
    person: str | None = None
    asset: str | None = None
    actor: str | None = None
    address: str | None = None
    code: str | None = None
    kid: str | None = None
    request: str | None = None
    since: int | None = None
    until: int | None = None

    def named(self) -> dict[str, Any]:
        """Return what was asked for, without what was not."""
        return {each.name: value for each in fields(self) if (value := getattr(self, each.name)) is not None}


def read_filter(typed: Mapping[str, str]) -> Filter:
    """Return the filter of what was typed; empty text asks for nothing. Raises InvalidFields."""
    found: dict[str, Any] = {}
    problems = []
    for name, read in _READERS.items():
        text = typed.get(name, "").strip()
        try:
            if text:
                found[name] = read(read_text(text, name))
        except FieldError as error:
            problems.append((name, str(error)))
    if problems:
        raise InvalidFields(problems)
    return Filter(**found)


def _event(text: str) -> str:
    if text not in EVENTS:
        raise FieldError("is none of the events of the log; choose one of the list")
    return text


def _outcome(text: str) -> str:
    if text not in OUTCOMES:
        raise FieldError("is none of the outcomes; choose one of the list")
    return text


def _person(text: str) -> str:
    """Return the id for a username or an id; who was erased has both still."""
    person = find_person(text)
    if person is not None:
        return person.id
    if _is_id(text):
        return text.lower()
    raise FieldError("names nobody here; take a username, or an id")


def _actor(text: str) -> str:
    """Return what the log says of who acted: the id of a person, or words such as `command:root`."""
    person = find_person(text)
    return person.id if person is not None else text


def _asset(text: str) -> str:
    """Return the id for a path, one that an asset was moved away from too, or an id."""
    path = text.lstrip("/")
    here = select(Asset.id).where(Asset.path == path, Asset.trashed_at.is_(None))
    moved = select(FormerPath.asset_id).where(FormerPath.path == path)
    asset_id = db.session.scalar(here) or db.session.scalar(moved)
    if asset_id is not None:
        return asset_id
    if _is_id(text):
        return text.lower()
    raise FieldError("is no path of an asset here; take another, or the id of one that is in the trash or gone")


def _is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def _since(text: str) -> int:
    return _milliseconds(text, "00:00:00")


def _until(text: str) -> int:
    """A day counts whole, to its last millisecond."""
    return _milliseconds(text, "23:59:59.999") + (_MOMENT.fullmatch(text)[2] is None)  # type: ignore[index]


def _milliseconds(text: str, time_of_day: str) -> int:
    match = _MOMENT.fullmatch(text)
    try:
        moment = datetime.fromisoformat(f"{match[1]}T{match[2] or time_of_day}") if match else None
    except ValueError:
        moment = None
    if moment is None:
        raise FieldError("takes a day as 2026-01-31, or a moment as 2026-01-31 14:30, in UTC")
    return round(moment.replace(tzinfo=UTC).timestamp() * 1000)


_READERS: dict[str, Callable[[str], Any]] = {
    "event": _event,
    "outcome": _outcome,
    "person": _person,
    "asset": _asset,
    "actor": _actor,
    "address": str,
    "code": str,
    "kid": str,
    "request": str.lower,
    "since": _since,
    "until": _until,
}
