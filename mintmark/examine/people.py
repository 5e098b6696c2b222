"""The real readers of an asset, read in pages: live people who are readers or editors, and administrators.

Rule: one query per page, and never more than a page in memory, so that a million people are
only a matter of time. A person in several groups is met in the first of them.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Select, Text, cast, func, select

from mintmark.assets.prepare import Prepared
from mintmark.models import Group, Membership, Person, db
from mintmark.readers import Reader, reader_of

PAGE_SIZE = 500


class Readers:
    """The people of the site as readers. Administrators, who read every asset, are kept: they are few."""

    def __init__(self) -> None:
        self._administrators: list[Reader] | None = None

    def of(self, asset: Prepared) -> Iterator[Reader]:
        """Yield everybody who may fetch an asset, each once."""
        if asset.for_everyone:
            yield from _pages(_statement(), Person.id)
            return
        group_ids = sorted(asset.readers | asset.editors)
        for number, group_id in enumerate(group_ids):
            before = frozenset(group_ids[:number])
            members = _statement().join(Membership, Membership.person_id == Person.id)
            for reader in _pages(members.where(Membership.group_id == group_id), Membership.person_id):
                if before.isdisjoint(reader.groups):
                    yield reader
        for reader in self.administrators():
            if reader.groups.keys().isdisjoint(group_ids):
                yield reader

    def administrators(self) -> list[Reader]:
        """Return all live administrators."""
        if self._administrators is None:
            self._administrators = list(_pages(_statement().where(Person.is_admin), Person.id))
        return self._administrators


def _statement() -> Select[*tuple[Any, ...]]:
    """Ask for live people with the columns of `mintmark.readers.reader_of`."""
    is_sqlite = db.engine.dialect.name == "sqlite"
    collect = func.json_group_object if is_sqlite else func.json_object_agg
    groups = (
        select(cast(collect(Group.id, Group.name), Text))
        .select_from(Membership)
        .join(Group, Group.id == Membership.group_id)
        .where(Membership.person_id == Person.id)
        .correlate(Person)
        .scalar_subquery()
    )
    texts = [cast(column, Text) for column in (Person.roles, Person.permissions, Person.attributes)]
    names = (Person.username, Person.email, Person.first_name, Person.last_name, Person.display_name)
    return select(Person.id, *names, Person.is_admin, *texts, groups).where(Person.live)


def _pages(statement: Select[*tuple[Any, ...]], key: Any) -> Iterator[Reader]:
    """Run a statement page by page, each beginning behind the last person of the one before."""
    after = ""
    while True:
        rows = db.session.execute(statement.where(key > after).order_by(key).limit(PAGE_SIZE)).all()
        for row in rows:
            yield reader_of(row)
        if len(rows) < PAGE_SIZE:
            return
        after = rows[-1][0]
