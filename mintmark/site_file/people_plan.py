"""What an import does with people: made, changed, or switched off because they are not in the file.

Rule: ids never change, a password is set only where that was asked for, and a site that has a
live administrator keeps one.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, select

from mintmark.fields import identifier_key, is_same, read_attribute
from mintmark.models import Membership, Person, db
from mintmark.people import ERASED, FIELDS
from mintmark.site_file.changes import PersonChange
from mintmark.site_file.identity_plan import Identities
from mintmark.site_file.planning import Planning, by_code_point, chunks
from mintmark.site_file.problems import Entry

_COLUMNS = [getattr(Person, name) for name in ("id", "username_key", "password_hash", "erased_at", *FIELDS)]
_APART = frozenset({"password", "identities"})


def plan_people(planning: Planning) -> None:
    """Compare every person of the file with the site."""
    people = _People(planning)
    entries = planning.entries("people")
    people.see_ids_are_free(entries)
    for chunk in chunks(planning.document.sections["people"]):
        people.compare(chunk)
    if planning.options.prune:
        people.switch_off_others({entry.key for entry in entries})
    people.see_administrator()
    people.identities.see_are_free()


class _People:
    def __init__(self, planning: Planning) -> None:
        self._planning, self._problems = planning, planning.problems
        self.identities = Identities(planning)
        self._administrators = set(db.session.scalars(select(Person.id).where(Person.is_admin, Person.live)))
        self._had_administrator = bool(self._administrators)

    def see_ids_are_free(self, entries: Sequence[Entry]) -> None:
        """An id belongs to one person for ever, whether in the file or on the site."""
        first: dict[str, Entry] = {}
        for entry in entries:
            other = first.setdefault(entry.values["id"], entry) if "id" in entry.values else entry
            if other is not entry:
                self._problems.add(entry, "id", f"is in the file twice: entry #{other.place[1]} has it too")
        for chunk in chunks(list(first)):
            statement = select(Person.id, Person.username_key).where(Person.id.in_(chunk))
            for person_id, key in db.session.execute(statement):
                if key != first[person_id].key:
                    self._problems.add(first[person_id], "id", "belongs to another person of this site")

    def compare(self, entries: Sequence[Entry]) -> None:
        """Find out what is new, and what is different."""
        keys = [entry.key for entry in entries if entry.key]
        rows = db.session.execute(select(*_COLUMNS).where(Person.username_key.in_(keys)))
        present = {row.username_key: row for row in rows}
        memberships: dict[str, set[str]] = {row.id: set() for row in present.values()}
        statement = select(Membership.person_id, Membership.group_id).where(Membership.person_id.in_(memberships))
        for person_id, group_id in db.session.execute(statement):
            memberships[person_id].add(group_id)
        listed = [row.id for entry in entries if "identities" in entry.values and (row := present.get(entry.key))]
        identities = self.identities.present_of(listed)
        for entry in entries:
            values, row = self._read(entry), present.get(entry.key)
            if row is None and entry.key:
                self._make(entry, values)
            elif row is not None and row.erased_at is not None:
                self._problems.add(entry, "username", ERASED)
            elif row is not None:
                is_linked = self.identities.compare(entry, identities.get(row.id, ()))
                self._change(entry, values, row, memberships[row.id], ["identities"] if is_linked else [])

    def switch_off_others(self, keys: set[str]) -> None:
        """Everybody live who is not in the file."""
        columns = select(Person.id, Person.username, Person.username_key).where(Person.live)
        statement = columns.order_by(by_code_point(Person.username_key)).execution_options(yield_per=1000)
        for person_id, username, key in db.session.execute(statement):
            if key not in keys:
                self._planning.plan.people_off.append(person_id)
                self._planning.change("-", "people", username)
                self._administrators.discard(person_id)

    def see_administrator(self) -> None:
        """Nobody could mend a site without one."""
        if self._had_administrator and not self._administrators:
            self._problems.add_of_file("people", "would leave the site without a live administrator")

    def _read(self, entry: Entry) -> dict[str, Any]:
        """Return the values with ids of groups, and attributes as they are declared."""
        values = {name: value for name, value in entry.values.items() if name not in _APART}
        if "groups" in values:
            values["groups"] = self._group_ids(entry, values["groups"])
        if "attributes" in values:
            values["attributes"] = self._attributes(entry, values["attributes"])
        return values

    def _group_ids(self, entry: Entry, names: Sequence[str]) -> set[str]:
        ids = {name: self._planning.group_ids.get(identifier_key(name)) for name in names}
        for name, group_id in ids.items():
            if group_id is None:
                self._problems.add(entry, "groups", f"“{name}” is no group")
        return {group_id for group_id in ids.values() if group_id is not None}

    def _attributes(self, entry: Entry, given: dict[str, Any]) -> dict[str, Any]:
        """None is unset, and what is unset is not kept."""
        values = {}
        for name, value in given.items():
            field = f"attributes.{name[:80]}"
            if name not in self._planning.types:
                self._problems.add(entry, field, "is not declared")
                continue
            with self._problems.catching(entry, field):
                values[name] = read_attribute(value, field, self._planning.types[name])
        return {name: value for name, value in values.items() if value is not None}

    def _make(self, entry: Entry, values: dict[str, Any]) -> None:
        if "password" in entry.values:
            values["password"] = entry.values["password"]
        self._planning.plan.new_people.append(values)
        self.identities.compare(entry)
        self._planning.change("+", "people", values["username"])
        if values.get("is_admin") and values.get("live", True):
            self._administrators.add(entry.key)

    def _change(
        self, entry: Entry, values: dict[str, Any], row: Row[Any], group_ids: set[str], linked: list[str]
    ) -> None:
        if "id" in values and values["id"] != row.id and "id" not in entry.faulty:
            self._problems.add(entry, "id", f"is {row.id} on this site, and never changes; take it out of the entry")
        new = {n: value for n, value in values.items() if n in FIELDS and not is_same(getattr(row, n), value)}
        wanted = values.get("groups", group_ids)
        joins, leaves = frozenset(wanted - group_ids), frozenset(group_ids - wanted)
        password = self._new_password(entry, row.password_hash)
        self._administrators.discard(row.id)
        if new.get("is_admin", row.is_admin) and new.get("live", row.live):
            self._administrators.add(row.id)
        fields = [*new, *["groups"][: len(joins | leaves)], *["password"][: password is not None]]
        if fields:
            self._planning.plan.people.append(PersonChange(row.id, entry.key, new, joins, leaves, password))
        if fields or linked:
            self._planning.change("~", "people", entry.values["username"], [*fields, *linked])

    def _new_password(self, entry: Entry, password_hash: str | None) -> str | None:
        password: str | None = entry.values.get("password")
        if password is None:
            return None
        if not self._planning.options.reset_passwords:
            words = "belongs to a person who exists already; import with --reset-passwords to set it anew"
            self._problems.add(entry, "password", words)
            return None
        is_present = self._planning.memory.passwords.is_present(entry.key, password, password_hash)
        return None if is_present else password
