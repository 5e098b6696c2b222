"""What is sealed with which key, and moving it to the first one while the site runs.

Rule: a row is moved within one transaction that has it locked, and only where it still holds what was
opened; so nothing that is saved meanwhile is overwritten, and stopped anywhere it can be begun again.
Who waits for a row waits without holding another one, so that no save fails because of it.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, case, func, select, text, update
from sqlalchemy.orm import InstrumentedAttribute

from mintmark import log, site
from mintmark.errors import ConfigurationError, SealError
from mintmark.log import Occasion
from mintmark.models import Asset, OpenIDProvider, ProviderSession, Revision, Secret, SigningKey, TrustedIssuer, db
from mintmark.sealing import Sealer, key_id_of

BATCH = 200
Kind = type[Secret] | type[SigningKey] | type[TrustedIssuer] | type[OpenIDProvider] | type[ProviderSession]
KINDS: dict[str, Kind] = {
    "secrets": Secret,
    "signing_keys": SigningKey,
    "trusted_issuers": TrustedIssuer,
    "openid_providers": OpenIDProvider,
    "provider_sessions": ProviderSession,
}
_ALWAYS_TOLD = ("secrets", "signing_keys")
_HEAD = 42  # A sealed value begins with two bytes and an id of at most 40.


def see_keys(connection: Connection, sealer: Sealer) -> None:
    """See that each value can be opened by a key that is there. Writes nothing. Raises ConfigurationError."""
    if missing := sorted(keys_in_use(connection) - {each.key_id for each in sealer.keys}):
        names = " and ".join(missing)
        raise ConfigurationError(
            f"This database has values that are sealed with the sealing key {names}, which this site does not have."
            " Put it behind the others: into MINTMARK_SEALING_KEY after a comma, or as a line of its own into the file"
            " sealing-key of the instance folder. The database was not changed."
        )
    key, sealed_check = connection.execute(text("SELECT key, sealed_check FROM site WHERE id = 1")).one()
    site.see_sealing_key(key, bytes(sealed_check), sealer=sealer)


def keys_in_use(connection: Connection) -> set[str]:
    """Return the ids of the keys with which something is sealed; a few seeks in an index."""
    found = _ids_in(connection, "SELECT substr(sealed_check, 1, :head) FROM site")
    if not connection.dialect.has_table(connection, "signing_key"):  # Before that nothing said who sealed.
        return found | _ids_in(connection, "SELECT substr(sealed, 1, :head) FROM secret")
    kinds = list(KINDS.values())
    if not connection.dialect.has_table(connection, TrustedIssuer.__tablename__):
        kinds = [Secret, SigningKey]
    found |= {key_id for kind in kinds for key_id in _distinct(connection, kind.sealed_by)}
    if "" in found:
        found |= _ids_in(connection, "SELECT substr(sealed, 1, :head) FROM secret WHERE sealed_by = ''")
    return found - {""}


def _distinct(connection: Connection, column: InstrumentedAttribute[Any]) -> Iterator[str]:
    found = connection.scalar(select(func.min(column)))
    while found is not None:
        yield found
        found = connection.scalar(select(func.min(column)).where(column > found))


def _ids_in(connection: Connection, statement: str) -> set[str]:
    rows = connection.execute(text(statement).execution_options(yield_per=1000), {"head": _HEAD})
    return {key_id_of(bytes(head)) for (head,) in rows} - {""}


@dataclass(frozen=True, slots=True)
class Batch:
    """How many rows were moved, and which do not open."""

    moved: int
    broken: list[str]


def move_some(kind: Kind, broken: Collection[str], *, sealer: Sealer) -> Batch:
    """Move some rows to the first key, in the caller's transaction; not those that are known not to open."""
    others = _others(kind, sealer)
    which = (kind.sealed_by.in_(others), kind.sealed.is_not(None), kind.id.not_in(broken))
    # A row that somebody else has locked is left for later.
    statement = (
        select(kind.id, kind.sealed).where(*which).limit(BATCH).with_for_update(skip_locked=True, key_share=True)
    )
    moved: list[dict[str, Any]] = []
    unopened: list[str] = []
    rows: Sequence[Any] = db.session.execute(statement).all() if others else ()
    for row_id, sealed in rows:
        try:
            moved.append(_moved(kind, row_id, bytes(sealed), sealer))
        except SealError:
            unopened.append(row_id)
    if moved:
        table: Any = kind.__table__
        is_same = (table.c.id == bindparam("row"), table.c.sealed == bindparam("was"))
        db.session.connection().execute(update(table).where(*is_same), moved)
    return Batch(len(moved), unopened)


def _moved(kind: Kind, row_id: str, was: bytes, sealer: Sealer) -> dict[str, Any]:
    place = {"table": kind.__tablename__, "row": row_id, "column": "sealed"}
    value = sealer.open(was, **place)
    sealed = sealer.seal(value, **place)
    columns = {"row": row_id, "was": was, "sealed": sealed, "sealed_by": key_id_of(sealed)}
    return {**columns, "fingerprint": sealer.fingerprint(value)} if kind in (Secret, TrustedIssuer) else columns


def count_left(*, sealer: Sealer) -> int:
    """Return how many rows are sealed with another key than the first."""
    counts = (select(func.count()).where(kind.sealed_by.in_(_others(kind, sealer))) for kind in KINDS.values())
    return sum(db.session.scalar(count) or 0 for count in counts)


def _others(kind: Kind, sealer: Sealer) -> list[str]:
    first = sealer.keys[0].key_id
    return [key_id for key_id in _distinct(db.session.connection(), kind.sealed_by) if key_id != first]


def fingerprints(after: str) -> list[tuple[str, str, str | None]]:
    """Return some assets, by id, that have a secret: id, the fingerprint that they repeat, that of the secret."""
    # The page is cut first: joined as a whole, everything would be read for every page.
    page = select(Asset.id, Asset.fingerprint, Asset.revision).where(Asset.id > after, Asset.ring_id.is_(None))
    some = page.order_by(Asset.id).limit(BATCH).subquery()
    final = case(
        (Revision.next_from_at.is_(None), Revision.secret_id),
        else_=func.coalesce(Revision.next_secret_id, Revision.secret_id),
    )
    is_current = (Revision.asset_id == some.c.id) & (Revision.number == some.c.revision)
    statement = select(some.c.id, some.c.fingerprint, Secret.fingerprint).outerjoin_from(some, Revision, is_current)
    rows = db.session.execute(statement.outerjoin(Secret, Secret.id == final).order_by(some.c.id))
    return [(row[0], row[1], row[2]) for row in rows]


def repeat_fingerprints(stale: Collection[tuple[str, str, str | None]]) -> None:
    """Let assets repeat what their secrets have, in the caller's transaction; not those that are being saved."""
    ids = select(Asset.id).where(Asset.id.in_([asset_id for asset_id, _, _ in stale]))
    free = set(db.session.scalars(ids.with_for_update(skip_locked=True, key_share=True)))
    table: Any = Asset.__table__
    is_same = (table.c.id == bindparam("row"), table.c.fingerprint == bindparam("was"))
    rows = [{"row": row, "was": was, "fingerprint": fresh} for row, was, fresh in stale if row in free]
    if rows:
        db.session.connection().execute(update(table).where(*is_same), rows)


def see_no_writer() -> None:
    """Wait a moment until no other transaction is sealing, and let none begin before the caller's ends. Raises Busy.

    On SQLite the caller is the only writer. This gives up before whoever it waits for is taken to be stuck.
    """
    connection = db.session.connection()
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL lock_timeout = 200"))
        tables = ", ".join(kind.__tablename__ for kind in KINDS.values())
        connection.execute(text(f"LOCK TABLE {tables} IN SHARE MODE"))


def finish(moved: Mapping[str, int], broken: int, *, sealer: Sealer, by: Occasion) -> set[str] | None:
    """Move the site's check, note what was moved, and return the keys with which something is sealed, counted now.

    In the caller's transaction. None: there is more to move than what is known to be `broken`. Raises Busy.
    """
    see_no_writer()
    if count_left(sealer=sealer) > broken:
        return None
    has_moved = site.reseal_check(sealer=sealer)
    if has_moved or any(moved.values()):
        told = {name: number for name, number in moved.items() if number or name in _ALWAYS_TOLD}
        detail = {"sealing_key": sealer.keys[0].key_id, **told}
        log.note("site.resealed", by, detail=detail | ({"broken": broken} if broken else {}))
    return keys_in_use(db.session.connection())
