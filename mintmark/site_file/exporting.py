"""The site as a site file: all but secrets, private keys and passwords, sorted, so that two exports can be compared.

Rule: a secret or private key leaves as the name of a variable and nothing else. People stream: a million of them
need no more memory than a thousand.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import aliased

from mintmark import attributes, groups, identities
from mintmark.assets.anew import as_entered
from mintmark.assets.secrets import open_secret
from mintmark.assets.signing import Source
from mintmark.errors import SealError
from mintmark.keys import rings
from mintmark.models import IS_CURRENT, Asset, Attribute, Group, Identity, Membership, Person, Revision, Secret, db
from mintmark.moment import iso
from mintmark.sealing import Sealer
from mintmark.site_file.identity_plan import of_name
from mintmark.site_file.key_export import signing_keys
from mintmark.site_file.planning import by_code_point
from mintmark.site_file.secret_field import variable_field
from mintmark.site_file.source_export import openid_providers, trusted_issuers
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
    yield from _section("trusted_issuers", trusted_issuers(variables, sealer))
    yield from _section("openid_providers", openid_providers(variables))


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
    names, declared, sources = groups.names_by_id(), attributes.declared(), _source_names()
    columns = [getattr(Person, name) for name in _PERSON if name != "groups"]
    statement = select(*columns).where(Person.erased_at.is_(None)).order_by(by_code_point(Person.username_key))
    with db.session.execute(statement.execution_options(yield_per=_AT_ONCE)) as rows:
        while chunk := rows.fetchmany(_AT_ONCE):
            groups_of, identities_of = _groups_of(chunk, names), _identities_of(chunk, sources)
            for row in chunk:
                known = {name: value for name, value in row.attributes.items() if name in declared}
                person = {**row._mapping, "groups": groups_of[row.id], "attributes": known}
                linked = identities_of.get(row.id)
                yield {name: person[name] for name in _PERSON} | ({"identities": linked} if linked else {})


def _groups_of(people: Sequence[Row[Any]], names: dict[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {row.id: [] for row in people}
    statement = select(Membership.person_id, Membership.group_id).where(Membership.person_id.in_(found))
    for person_id, group_id in db.session.execute(statement):
        found[person_id].append(names[group_id])
    return {person_id: sorted(named) for person_id, named in found.items()}


def _source_names() -> dict[str, str]:
    """Return how entries of people call issuers and providers, by their ids."""
    named = {source.id: (source.kind, source.name) for source in identities.every_source()}
    return {source_id: of_name(name, named.values()) for source_id, name in named.items()}


def _identities_of(people: Sequence[Row[Any]], sources: dict[str, str]) -> dict[str, list[dict[str, str]]]:
    """Return the identities of those who have any; one query for all of them, and none where nobody is trusted."""
    found: dict[str, list[dict[str, str]]] = {}
    columns = (Identity.person_id, Identity.source_id, Identity.claim, Identity.subject)
    statement = select(*columns).where(Identity.person_id.in_([row.id for row in people]))
    for person_id, source_id, claim, subject in db.session.execute(statement) if sources else ():
        if source_id in sources:
            entry = {"of": sources[source_id], "claim": claim, "subject": subject}
            found.setdefault(person_id, []).append(entry)
    return {person_id: sorted(each, key=lambda entry: tuple(entry.values())) for person_id, each in found.items()}


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
    try:
        value: bytes | None = open_secret(secret, sealer=sealer)
    except SealError:  # What does not open is replaced by whoever imports.
        value = None
    return {
        **variable_field(variable, value),
        **({"kid": secret.kid} if secret.kid is not None else {}),
        **({"weak": True} if secret.weak else {}),
    }
