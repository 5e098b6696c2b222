"""The site as a site file: everything but secrets and passwords, sorted, so that two exports can be compared.

Rule: a secret leaves as the name of a variable and nothing else. People stream: a million of them
need no more memory than a thousand.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Row, select

from mintmark import attributes, groups
from mintmark.assets.anew import named_groups
from mintmark.assets.secrets import open_secret
from mintmark.config import SECRET_PREFIX
from mintmark.errors import SealError
from mintmark.models import IS_CURRENT, Asset, Attribute, Group, Membership, Person, Revision, Secret, db
from mintmark.sealing import Sealer
from mintmark.site_file.planning import by_code_point
from mintmark.site_file.yaml_writing import entry_lines

_AT_ONCE = 1000
_PERSON = (
    "username id email first_name last_name display_name is_admin live groups roles permissions attributes".split()
)
_ASSET = (
    "path name algorithm secret headers template lifetime backdate claims readers editors origins answer params live"
).split()


def site_lines(*, sealer: Sealer) -> Iterator[str]:
    """Yield the lines of the file, all of one moment."""
    _begin_snapshot()
    yield "mintmark: 1\n"
    yield from _section("attributes", _attributes())
    yield from _section("groups", _groups())
    yield from _section("people", _people())
    yield from _section("assets", _assets(sealer))


def variable_of(path: str, taken: set[str]) -> str:
    """Return the variable for the secret of an asset, and mark it as taken."""
    first = name = SECRET_PREFIX + path.upper().replace("/", "__").replace("-", "_")
    number = 1
    while name in taken:
        number += 1
        name = f"{first}_{number}"
    taken.add(name)
    return name


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


def _assets(sealer: Sealer) -> Iterator[dict[str, Any]]:
    names, taken = groups.names_by_id(), set[str]()
    statement = (
        select(Asset.path, Revision.definition, Secret)
        .join(Revision, IS_CURRENT)
        .join(Secret, Secret.id == Revision.secret_id)
        .where(Asset.trashed_at.is_(None))
        .order_by(by_code_point(Asset.path))
    )
    with db.session.execute(statement.execution_options(yield_per=_AT_ONCE)) as rows:
        for row in rows:
            asset = named_groups(row.definition, names)
            asset["secret"] = _secret(variable_of(row.path, taken), row.Secret, sealer)
            yield {name: asset[name] for name in _ASSET}


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
        **({"weak": True} if secret.weak else {}),
    }
