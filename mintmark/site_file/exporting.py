"""The site as a site file: all but secrets, private keys and passwords, sorted, so that two exports can be compared.

Rule: a secret or private key leaves as the name of a variable and nothing else. People stream: a million of them
need no more memory than a thousand.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import aliased

from mintmark import attributes, groups
from mintmark.assets.anew import as_entered
from mintmark.assets.secrets import open_secret
from mintmark.assets.signing import Source
from mintmark.errors import SealError
from mintmark.keys import rings
from mintmark.models import IS_CURRENT, Asset, Attribute, Group, Membership, Person, Revision, Secret, db
from mintmark.moment import iso
from mintmark.sealing import Sealer
from mintmark.site_file.key_export import signing_keys
from mintmark.site_file.planning import by_code_point
from mintmark.site_file.variables import Variables
from mintmark.site_file.yaml_writing import entry_lines

_AT_ONCE = 1000
_NEXT = aliased(Secret, name="NextSecret")
_PERSON = (
    "username id email first_name last_name display_name is_admin live groups roles permissions attributes".split()
)
_ASSET = (
    "path name algorithm secret next_secret signing_key headers template lifetime backdate claims"
    " readers editors origins answer params preset ask contract launch live"
).split()


def site_lines(*, sealer: Sealer, now: float) -> Iterator[str]:
    """Yield the lines of the file, all of one moment."""
    _begin_snapshot()
    yield "mintmark: 1\n"
    yield from _section("attributes", _attributes())
    yield from _section("groups", _groups())
    yield from _section("people", _people())
    variables = _variables()
    yield from _section("signing_keys", signing_keys(variables, now))
    yield from _section("assets", _assets(variables, sealer, now))


def _variables() -> Variables:
    paths = select(Asset.path).where(Asset.trashed_at.is_(None)).order_by(by_code_point(Asset.path))
    return Variables(db.session.scalars(paths))


def _begin_snapshot() -> None:
    """SQLite reads one moment in one transaction anyway."""
    db.session.rollback()
    if db.engine.dialect.name == "postgresql":
        db.session.connection(execution_options={"isolation_level": "REPEATABLE READ"})


def _section(name: str, entries: Iterator[dict[str, Any]]) -> Iterator[str]:
    first = next(entries, None)
    if first is None:
        yield f"{name}: []\n"
        return
    yield f"{name}:\n"
    yield from entry_lines(first)
    for entry in entries:
        yield from entry_lines(entry)


def _attributes() -> Iterator[dict[str, Any]]:
    for row in db.session.scalars(select(Attribute).order_by(by_code_point(Attribute.name))):
        yield {name: getattr(row, name) for name in ("name", "label", "type", "sensitive", "changed_by")}


def _groups() -> Iterator[dict[str, Any]]:
    for name in db.session.scalars(select(Group.name).order_by(by_code_point(Group.name_key))):
        yield {"name": name}


def _people() -> Iterator[dict[str, Any]]:
    names, declared = groups.names_by_id(), attributes.declared()
    columns = [getattr(Person, name) for name in _PERSON if name != "groups"]
    statement = select(*columns).where(Person.erased_at.is_(None)).order_by(by_code_point(Person.username_key))
    with db.session.execute(statement.execution_options(yield_per=_AT_ONCE)) as rows:
        while chunk := rows.fetchmany(_AT_ONCE):
            groups_of = _groups_of(chunk, names)
            for row in chunk:
                known = {name: value for name, value in row.attributes.items() if name in declared}
                person = {**row._mapping, "groups": groups_of[row.id], "attributes": known}
                yield {name: person[name] for name in _PERSON}


def _groups_of(people: Sequence[Row[Any]], names: dict[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {row.id: [] for row in people}
    statement = select(Membership.person_id, Membership.group_id).where(Membership.person_id.in_(found))
    for person_id, group_id in db.session.execute(statement):
        found[person_id].append(names[group_id])
    return {person_id: sorted(named) for person_id, named in found.items()}


def _assets(variables: Variables, sealer: Sealer, now: float) -> Iterator[dict[str, Any]]:
    names, key_ids = groups.names_by_id(), rings.names(now=now)
    statement = (
        select(Asset.path, Revision.definition, Revision.next_from_at, Secret, _NEXT)
        .join(Revision, IS_CURRENT)
        .outerjoin(Secret, Secret.id == Revision.secret_id)
        .outerjoin(_NEXT, _NEXT.id == Revision.next_secret_id)
        .where(Asset.trashed_at.is_(None))
        .order_by(by_code_point(Asset.path))
    )
    with db.session.execute(statement.execution_options(yield_per=_AT_ONCE)) as rows:
        for row in rows:
            asset = as_entered(row.definition, names, key_ids)
            source = Source(secret=row.Secret, next_secret=row.NextSecret, next_from_at=row.next_from_at)
            present = source.secret_at(now)
            if present is not None:
                asset["secret"] = _secret(variables.of_asset(row.path), present, sealer)
            if row.NextSecret is not None and row.NextSecret is not present:
                asset["next_secret"] = _secret(variables.of_next(row.path), row.NextSecret, sealer)
                if row.next_from_at is not None:
                    asset["next_secret"]["signs_from_at"] = iso(row.next_from_at)
            yield {name: asset[name] for name in _ASSET if asset.get(name) is not None or name == "lifetime"}


def _secret(variable: str, secret: Secret, sealer: Sealer) -> dict[str, Any]:
    """Say `as: base64` where the secret is no text that a variable could hold as it is."""
    try:
        text = open_secret(secret, sealer=sealer).decode()
        is_text = text.isprintable() and text == text.strip()
    except UnicodeDecodeError:
        is_text = False
    except SealError:  # What does not open is replaced by whoever imports.
        is_text = True
    return {
        "env": variable,
        **({} if is_text else {"as": "base64"}),
        **({"kid": secret.kid} if secret.kid is not None else {}),
        **({"weak": True} if secret.weak else {}),
    }
