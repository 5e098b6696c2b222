"""Doing what a plan says, within the caller's transaction, by the same acts as forms and commands.

Rule: adds and flushes, never commits; some hundreds of people at once, so that memory and the
number of statements stay small.
"""

from typing import Any

from sqlalchemy import select

from mintmark import attributes, groups, identities, log, people, site
from mintmark.assets import overlap, save, trash
from mintmark.errors import FieldError, InvalidFields
from mintmark.fields import identifier_key
from mintmark.log import Occasion
from mintmark.models import Asset, Person, db
from mintmark.sealing import Sealer
from mintmark.site_file.changes import AssetChange, NextChange, PersonChange, Plan
from mintmark.site_file.key_applying import save_keys, settle_keys
from mintmark.site_file.planning import Memory, chunks
from mintmark.site_file.problems import label_of
from mintmark.site_file.source_applying import save_sources


class Applying:
    """Does one plan at one occasion."""

    def __init__(self, plan: Plan, memory: Memory | None, *, sealer: Sealer, by: Occasion) -> None:
        """`memory` holds the hashes of passwords and the key pairs; without it (a dry run) none is worked out."""
        self._plan, self._sealer, self._by = plan, sealer, by
        self._passwords = memory.passwords if memory else None
        self._pairs = memory.pairs if memory else None

    def do(self) -> None:
        """Do everything, and note it."""
        for values in self._plan.attributes:
            attributes.declare(values, by=self._by)
        self._make_groups()
        self._make_people()
        self._change_people(groups.names_by_id())
        for chunk in chunks(self._plan.people_off):
            people.switch_off(chunk, by=self._by)
        self._trash_assets()
        save_keys(self._plan, self._pairs, sealer=self._sealer, by=self._by)
        for change in self._plan.assets:
            self._save_asset(change)
        settle_keys(self._plan, by=self._by)
        save_sources(self._plan, sealer=self._sealer, by=self._by)
        self._link_people()
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

    def _link_people(self) -> None:
        """Last of all: the issuers of the file are there, and what is taken from somebody is free."""
        for identity_id, person_id in self._plan.unlinks:
            identities.unlink(identity_id, person_id, by=self._by)
        sources = {(source.kind, source.name): source for source in identities.every_source()}
        for chunk in chunks(self._plan.links):
            keys = {link.person_key for link in chunk}
            found = db.session.execute(select(Person.username_key, Person.id).where(Person.username_key.in_(keys)))
            ids = {row.username_key: row.id for row in found}
            entries = [
                identities.Link(sources[link.kind, link.name], link.claim, link.subject, ids[link.person_key])
                for link in chunk
            ]
            identities.link_many(entries, by=self._by)
            db.session.flush()

    def _trash_assets(self) -> None:
        for chunk in chunks(self._plan.assets_off):
            for asset in db.session.scalars(select(Asset).where(Asset.id.in_(chunk))):
                trash.trash(asset, by=self._by)
        db.session.flush()

    def _save_asset(self, change: AssetChange) -> None:
        """Whatever a save refuses, but a path that somebody else took at this moment, is said with its entry."""
        try:
            self._save_checked(change)
        except FieldError as error:
            if error.field == "path":
                raise
            label = label_of("assets", change.definition["path"])
            raise InvalidFields([(f"{label}: {error.field}", str(error))]) from error

    def _save_checked(self, change: AssetChange) -> None:
        if change.asset_id is None:
            asset = save.create(change.definition, change.secret, sealer=self._sealer, by=self._by)
        else:
            asset = db.session.get_one(Asset, change.asset_id)
            if change.next.drops:
                overlap.drop(asset, sealer=self._sealer, by=self._by)
            save.revise(asset, change.definition, change.secret, sealer=self._sealer, by=self._by)
        self._save_next(asset, change.next)

    def _save_next(self, asset: Asset, change: NextChange) -> None:
        if change.stages is not None:
            overlap.stage(asset, change.stages, sealer=self._sealer, by=self._by)
        if change.moves and change.signs_from_at is not None:
            overlap.switch(asset, change.signs_from_at, sealer=self._sealer, by=self._by)
        elif change.moves:
            overlap.wait(asset, sealer=self._sealer, by=self._by)

    def _note(self) -> None:
        detail: dict[str, Any] = dict(self._plan.counts())
        if self._plan.respelled_groups:
            detail["respelled_groups"] = sorted(self._plan.respelled_groups.values())
        log.note("site.imported", self._by, detail=detail)
        db.session.flush()
        if people.has_administrator():
            site.close_setup(now=self._by.now)
