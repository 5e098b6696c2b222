"""Who and what a row of the log is about, by name: one query each for the people, assets and keys of a page."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from mintmark.models import Asset, LogRow, Person, SigningKey, db


@dataclass(frozen=True, slots=True)
class Names:
    """People and assets by id; who or what is gone for good is not among them. `keys` is key id → id of its row."""

    people: Mapping[str, Any]
    assets: Mapping[str, Any]
    keys: Mapping[str, str]


def names_of(rows: Iterable[LogRow]) -> Names:
    """Return the names of all that rows are about."""
    rows = list(rows)
    people = {each for row in rows for each in (row.person, row.actor) if each}
    assets, keys = ({getattr(row, name) for row in rows} - {None, ""} for name in ("asset", "kid"))
    return Names(_people(people), _assets(assets), _keys(keys))


def _people(ids: Iterable[str]) -> dict[str, Any]:
    columns = (Person.id, Person.username, Person.first_name, Person.last_name, Person.display_name)
    rows = db.session.execute(select(*columns).where(Person.id.in_(sorted(ids)))) if ids else ()
    return {row.id: row for row in rows}


def _assets(ids: Iterable[str]) -> dict[str, Any]:
    columns = (Asset.id, Asset.path, Asset.name, Asset.trashed_at)
    rows = db.session.execute(select(*columns).where(Asset.id.in_(sorted(ids)))) if ids else ()
    return {row.id: row for row in rows}


def _keys(ids: Iterable[str]) -> dict[str, str]:
    statement = select(SigningKey.key_id, SigningKey.id).where(SigningKey.key_id.in_(sorted(ids)))
    return {key_id: row_id for key_id, row_id in db.session.execute(statement)} if ids else {}


def detail_of(row: LogRow) -> dict[str, Any]:
    """Return the detail of a row; what is no object stands under an empty name."""
    if row.detail is None:
        return {}
    detail = json.loads(row.detail)
    return detail if isinstance(detail, dict) else {"": detail}


def facts_of(detail: Mapping[str, Any], within: str = "") -> list[tuple[str, str]]:
    """Return a detail as labels and texts, what is nested under its own label."""
    facts: list[tuple[str, str]] = []
    for name, value in detail.items():
        label = f"{within}, {name}" if within else name
        if isinstance(value, dict) and value:
            facts += facts_of(value, label)
        else:
            facts.append((label.replace("_", " "), _words(value)))
    return facts


def _words(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_words(item) for item in value) or "none"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
