"""People after a restore: who was switched off, erased, or allowed less since, is so again.

The log does not say which roles and permissions somebody lost, or which password they set. So the ones of the backup
are taken away, and said.
"""

from collections.abc import Sequence

from sqlalchemy import select

from mintmark import erasing, groups, identities, log, people
from mintmark.log import Occasion
from mintmark.models import Group, Identity, Person, db
from mintmark.restoring.group_names import GroupNames
from mintmark.restoring.log_files import Row
from mintmark.restoring.report import Report

_UNTOLD = ("roles", "permissions")
_LOOK = ("username", "email", "attributes")


def take_away_again(rows: Sequence[Row], report: Report, *, by: Occasion) -> None:
    """Take away from people what was taken away from them since."""
    of_people: dict[str, list[Row]] = {}
    for row in rows:
        if row.person is not None:
            of_people.setdefault(row.person, []).append(row)
    left = _left(rows)
    for person_id, own in of_people.items():
        person = people.lock_person(person_id)
        if person is None or person.erased_at is not None:
            continue
        if any(row.event == "person.erased" for row in own):
            _erase(person, report, by)
            continue
        _switch_off(person, own, report, by)
        _allow_less(person, own, report, by)
        _take_password(person, own, report, by)
        _unlink(person, own, report, by)
        _take_out(person, left.get(person_id, set()), report, by)
        if fields := sorted({name for row in own for name in row.fields if name in _LOOK}):
            report.look.append(f"person {person.username}: {', '.join(fields)} are those of the backup")


def _erase(person: Person, report: Report, by: Occasion) -> None:
    person.live = False  # Then it does not matter that they may be the last administrator of the backup.
    db.session.flush()
    erasing.erase(person, by=by)
    report.taken.append(f"person {person.username}: erased")


def _last_told(rows: Sequence[Row], name: str) -> object:
    """Return what the last row that names a right says of it; None where none does."""
    return next((row.detail[name] for row in reversed(rows) if name in row.detail), None)


def _switch_off(person: Person, rows: Sequence[Row], report: Report, by: Occasion) -> None:
    own = [row for row in rows if row.event == "person.revised"]
    if person.live and _last_told(own, "live") is False:
        people.switch_off([person.id], by=by)
        db.session.refresh(person)
        report.taken.append(f"person {person.username}: switched off")
    if person.is_admin and _last_told(own, "is_admin") is False:
        people.revise(person, {"is_admin": False}, by=by)
        report.taken.append(f"person {person.username}: no administrator any more")


def _allow_less(person: Person, rows: Sequence[Row], report: Report, by: Occasion) -> None:
    for name in _UNTOLD:
        held: list[str] = getattr(person, name)
        if held and any(name in row.fields for row in rows):
            words = ", ".join(held)
            people.revise(person, {name: []}, by=by)
            report.look.append(f"person {person.username}: {name} were changed since; taken away: {words}")


def _take_password(person: Person, rows: Sequence[Row], report: Report, by: Occasion) -> None:
    if person.password_hash is None or not any(row.event == "person.password_set" for row in rows):
        return
    person.password_hash = None
    log.note("person.revised", by, person=person.id, detail={"fields": ["password"]})
    report.look.append(
        f"person {person.username}: set another password since, so that of the backup is taken away; make them a link"
    )


def _unlink(person: Person, rows: Sequence[Row], report: Report, by: Occasion) -> None:
    """Take away what was unlinked and not linked again."""
    last = {(row.issuer, row.sub): row.event for row in rows if row.event in ("identity.linked", "identity.unlinked")}
    for (issuer, subject), event in last.items():
        if event == "identity.linked":
            continue
        statement = select(Identity).where(Identity.person_id == person.id, Identity.subject == subject)
        for identity in db.session.scalars(statement).all():
            if identities.issuer_of(identity.source_id) == (issuer or ""):
                identities.unlink(identity.id, person.id, by=by)
                report.taken.append(f"person {person.username}: unlinked from {subject} of {issuer or 'no issuer'}")


def _left(rows: Sequence[Row]) -> dict[str, set[str]]:
    """Return person → groups (ids) that they left since and did not join again."""
    names, left = GroupNames(), dict[str, set[str]]()
    for row in rows:
        names.follow(row)
        if row.event == "person.revised" and row.person is not None:
            of_person = left.setdefault(row.person, set())
            of_person |= names.ids_of(row.detail.get("left"))
            of_person -= names.ids_of(row.detail.get("joined"))
    return left


def _take_out(person: Person, group_ids: set[str], report: Report, by: Occasion) -> None:
    for group_id in sorted(group_ids):
        group = db.session.get(Group, group_id)
        if group is not None and groups.take_out(group, person.id, by=by):
            report.taken.append(f"person {person.username}: out of the group {group.name}")
