"""Reach: which assets somebody sees in lists. Administrators see all, editors those that they edit.

Rule: of an editor's assets, a few are known at once, so that nobody waits while a hundred thousand
others are passed over; whoever edits many meets one of them soon in any order.
"""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, exists, select, true

from mintmark.models import Access, Asset, Membership, Person, db

FEW = 1_000


@dataclass(frozen=True, slots=True)
class Own:
    """One of the few assets that an editor edits."""

    id: str
    path: str
    name: str


@dataclass(frozen=True, slots=True)
class Reach:
    """Whose lists these are. `few`: all that this editor edits, by path; None where that is much, or everything."""

    editor: str | None
    few: tuple[Own, ...] | None = None

    def condition(self) -> ColumnElement[bool]:
        """Return what holds for the assets within reach."""
        if self.editor is None:
            return true()
        if self.few is not None:
            return Asset.id.in_([own.id for own in self.few])
        return (
            exists()
            .where(Access.asset_id == Asset.id, Access.kind == "editor")
            .where(Access.group_id == Membership.group_id, Membership.person_id == self.editor)
        )


EVERYTHING = Reach(None)


def edited_by(person: Person) -> Select[str]:
    """Ask for the ids of the assets that somebody edits as a member of a group; one comes again for each such group."""
    return (
        select(Asset.id)
        .join(Access, (Access.asset_id == Asset.id) & (Access.kind == "editor"))
        .join(Membership, Membership.group_id == Access.group_id)
        .where(Membership.person_id == person.id, Asset.trashed_at.is_(None))
    )


def reach_of(person: Person) -> Reach:
    """Return what somebody sees: everything as an administrator, else what they edit that is not in the trash."""
    if person.is_admin:
        return EVERYTHING
    statement = edited_by(person).with_only_columns(Asset.id, Asset.path, Asset.name)
    found = db.session.execute(statement.limit(FEW + 1)).all()
    if len(found) > FEW:
        return Reach(person.id)
    few = {row.id: Own(row.id, row.path, row.name) for row in found}  # Once, also where two groups edit it.
    return Reach(person.id, tuple(sorted(few.values(), key=lambda own: own.path)))
