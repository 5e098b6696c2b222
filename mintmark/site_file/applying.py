"""Doing what a plan says, within the caller's transaction, by the same acts as forms and commands.

Rule: adds and flushes, never commits; some hundreds of people at once, so that memory and the
number of statements stay small.
"""

from typing import Any

from sqlalchemy import select

from mintmark import attributes, groups, log, people, site
from mintmark.assets import save, trash
from mintmark.fields import identifier_key
from mintmark.log import Occasion
from mintmark.models import Asset, Person, db
from mintmark.sealing import Sealer
from mintmark.site_file.changes import AssetChange, PersonChange, Plan
from mintmark.site_file.new_passwords import NewPasswords
from mintmark.site_file.planning import chunks


class Applying:
    """Does one plan at one occasion."""

    def __init__(self, plan: Plan, passwords: NewPasswords | None, *, sealer: Sealer, by: Occasion) -> None:
        self._plan, self._passwords, self._sealer, self._by = plan, passwords, sealer, by

    def do(self) -> None:
        """Do everything, and note it. Without passwords (a dry run) none is worked out."""
        for values in self._plan.attributes:
            attributes.declare(values, by=self._by)
        self._make_groups()
        self._make_people()
        self._change_people(groups.names_by_id())
        for chunk in chunks(self._plan.people_off):
            people.switch_off(chunk, by=self._by)
        self._trash_assets()
        for change in self._plan.assets:
            self._save_asset(change)
        self._note()

    def _make_groups(self) -> None:
        for group_id, name in self._plan.new_groups.items():
            groups.make(name, group_id=group_id, by=self._by)
        for group_id, name in self._plan.respelled_groups.items():
            groups.respell(group_id, name)

    def _make_people(self) -> None:
        for chunk in chunks(self._plan.new_people):
            people.make_many([self._with_hash(values) for values in chunk], by=self._by)
            db.session.flush()

    def _with_hash(self, values: dict[str, Any]) -> dict[str, Any]:
        if "password" not in values or self._passwords is None:
            return values
        key = identifier_key(values["username"])
        return {**values, "password_hash": self._passwords.hash_of(key, values["password"])}

    def _change_people(self, group_names: dict[str, str]) -> None:
        for chunk in chunks(self._plan.people):
            ids = [change.person_id for change in chunk]
            found = db.session.scalars(select(Person).where(Person.id.in_(ids)))
            present = {person.id: person for person in found}
            groups.join((change.person_id, group) for change in chunk for group in change.joins)
            groups.leave((change.person_id, group) for change in chunk for group in change.leaves)
            with db.session.no_autoflush:
                for change in chunk:
                    moved = groups.moves(change.joins, change.leaves, group_names)
                    self._change_person(present[change.person_id], change, moved)
            db.session.flush()

    def _change_person(self, person: Person, change: PersonChange, moved: dict[str, list[str]]) -> None:
        people.revise(person, change.values, moved=moved, by=self._by)
        if change.password is not None and self._passwords is not None:
            password_hash = self._passwords.hash_of(change.key, change.password)
            people.set_password_hash(person, password_hash, by=self._by)

    def _trash_assets(self) -> None:
        for chunk in chunks(self._plan.assets_off):
            for asset in db.session.scalars(select(Asset).where(Asset.id.in_(chunk))):
                trash.trash(asset, by=self._by)
        db.session.flush()

    def _save_asset(self, change: AssetChange) -> None:
        if change.asset_id is None:
            if change.secret is None:
                raise TypeError("a plan without problems has a secret for each new asset")
            save.create(change.definition, change.secret, sealer=self._sealer, by=self._by)
        else:
            asset = db.session.get_one(Asset, change.asset_id)
            save.revise(asset, change.definition, change.secret, sealer=self._sealer, by=self._by)

    def _note(self) -> None:
        detail: dict[str, Any] = dict(self._plan.counts())
        if self._plan.respelled_groups:
            detail["respelled_groups"] = sorted(self._plan.respelled_groups.values())
        log.note("site.imported", self._by, detail=detail)
        db.session.flush()
        if people.has_administrator():
            site.close_setup(now=self._by.now)
