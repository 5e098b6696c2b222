"""Revisions: who saved what and when, and bringing an old one back.

Rule: what is brought back becomes a new revision, checked as any save is; nothing is taken away.
Path, state, secret and signing key stay as they are, for each has a page and consequences of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select

from mintmark.assets import save
from mintmark.assets.anew import read_anew
from mintmark.assets.differences import changed_fields
from mintmark.assets.key_field import without_kid
from mintmark.errors import NotFound
from mintmark.log import Occasion
from mintmark.models import Asset, Person, Revision, db
from mintmark.sealing import Sealer
from mintmark.tokens import KEY_ALGORITHMS

PAGE_SIZE = 50
NEVER_BROUGHT_BACK = ("path", "live", "signing_key")
OF_EDITORS = ("name", "template")


@dataclass(frozen=True, slots=True)
class Saved:
    """One save: the revision, the person who made it where it was one, and the fields that it changed."""

    revision: Revision
    person: Row[Any] | None
    fields: list[str]


def page(asset: Asset, *, before: int | None = None) -> tuple[list[Saved], bool]:
    """Return a page of saves, newest first, and whether older ones follow. One statement."""
    statement = _with_person().where(Revision.asset_id == asset.id)
    if before is not None:
        statement = statement.where(Revision.number < before)
    rows = db.session.execute(statement.order_by(Revision.number.desc()).limit(PAGE_SIZE + 1)).all()
    older = [row.Revision for row in rows[1:]]
    saved = [
        Saved(row.Revision, _person(row), changed_fields(older[index], row.Revision) if index < len(older) else [])
        for index, row in enumerate(rows[:PAGE_SIZE])
    ]
    return saved, len(rows) > PAGE_SIZE


def get_saved(asset: Asset, number: int) -> Saved:
    """Return one save; its fields are not compared. Raises NotFound."""
    statement = _with_person().where(Revision.asset_id == asset.id, Revision.number == number)
    row = db.session.execute(statement).one_or_none()
    if row is None:
        raise NotFound("This asset has no such revision.")
    return Saved(row.Revision, _person(row), [])


def bring_back(asset: Asset, number: int, *, sealer: Sealer, by: Occasion, by_editor: bool = False) -> list[str]:
    """Save an old revision of a locked asset as a new one; return the fields that changed.

    An editor brings back name and template only. Raises NotFound, InvalidFields and FieldError.
    """
    old = get_saved(asset, number).revision.definition
    present = save.current_revision(asset).definition
    wanted = [name for name in old if (name in OF_EDITORS if by_editor else name not in NEVER_BROUGHT_BACK)]
    brought = {**present, **{name: old[name] for name in wanted}}
    definition = read_anew(_fitting_key(brought, present), key_stays=True)
    told = {"brought_back": number}
    return save.revise(asset, definition, None, sealer=sealer, by=by, by_editor=by_editor, told=told)


def _fitting_key(brought: dict[str, Any], present: Mapping[str, Any]) -> dict[str, Any]:
    """Leave what goes with a key, where it stays another kind of key than the old revision had."""
    has_key = present.get("signing_key") is not None
    if has_key or brought["algorithm"] in KEY_ALGORITHMS:
        brought["algorithm"] = present["algorithm"]
    if has_key:  # Its own id is the `kid`.
        return without_kid(brought)
    return brought


def _with_person() -> Any:
    columns = (Person.id, Person.username, Person.display_name, Person.first_name, Person.last_name)
    return select(Revision, *columns).outerjoin(Person, Person.id == Revision.actor)


def _person(row: Row[Any]) -> Row[Any] | None:
    return row if row.username is not None else None
