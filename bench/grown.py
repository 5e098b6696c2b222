"""A grown site: 100,000 assets, 1,000,000 people, 5,000,000 log rows, written straight into the tables.

Made by bulk statements, for the acts of the site would take hours; the rows are what the acts
write. Everything but the key pairs is computed from its number, so that every run has the same site.
One asset in a hundred signs with a key; RINGS rings share these among them, each rotated once.
"""

import itertools
import json
import time
from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import insert, text
from sqlalchemy.schema import CreateIndex

from mintmark import keypairs
from mintmark.keys.life import needed_until
from mintmark.models import (
    Access,
    Asset,
    Attribute,
    Group,
    KeyRing,
    LogRow,
    Membership,
    Person,
    Revision,
    SearchWord,
    Secret,
    SigningKey,
    db,
)
from mintmark.search import ASSET, PERSON, words_of

ASSETS, PEOPLE, LOG_ROWS, GROUPS = 100_000, 1_000_000, 5_000_000, 2_000
RINGS = ("RS256", "ES256", "ES384", "EdDSA", "PS256")
DAYS = 60
_CHUNK = 20_000
_FIRST = (
    "Ada Ben Chloé Dmitri Elif Farid Grace Hugo Ines Jonas Keiko Luka Mia Noor Olga Pia Quinn Rosa Søren Tomás".split()
)
_LAST = "Okri O'Brien Müller García Nowak Rossi Kim Silva Haddad Jensen Novak Sato Weber Costa Ali Byrne".split()
_DEPARTMENT = {
    "name": "department",
    "label": "Department",
    "type": "text",
    "sensitive": False,
    "changed_by": "administrators",
}
LIFETIME = 600
TEMPLATE = '{"sub": "{{ user.username }}", "name": "{{ user.display_name }}", "mail": "{{ user.email | omit }}"}'


def scatter(number: int, kind: int) -> str:
    """Return the id of the so-manieth row of a kind: spread like random ones, and always the same."""
    return f"{(number * 2_654_435_761 + kind) % 2**32:08x}-{kind:04x}-4000-8000-{number:012x}"


def person_id(number: int) -> str:
    """Return the id of a person."""
    return scatter(number, 1)


def asset_id(number: int) -> str:
    """Return the id of an asset."""
    return scatter(number, 2)


def asset_path(number: int) -> str:
    """Return the path of an asset: 50 folders of 40 folders of 50 assets."""
    return f"dept-{number // 2000:02}/app-{number // 50 % 40:02}/asset-{number:06}"


def ring_of(number: int) -> int | None:
    """Return the number of the ring with which an asset signs; most have a secret."""
    return number // 100 % len(RINGS) if number % 100 == 50 else None


def key_id(ring: int, *, is_first: bool) -> str:
    """Return the id of the first key of a ring, which is retired, or of the one that signs."""
    return f"bench-{ring}-{'first' if is_first else 'second'}"


def username(number: int) -> str:
    """Return the username of a person."""
    return f"person{number:07}"


def fill(*, now: float, share: float = 1.0, sealer: Any) -> None:
    """Fill the empty tables; `share` of the full size."""
    is_sqlite = db.engine.dialect.name == "sqlite"
    people, assets, rows = (max(100, int(count * share)) for count in (PEOPLE, ASSETS, LOG_ROWS))
    groups = max(20, int(GROUPS * share))
    with db.engine.connect() as connection:
        if not is_sqlite:
            connection.execute(text("SET statement_timeout = 0"))
            connection.commit()
        dropped = _drop_indexes(connection)
        connection.commit()
        for table, values in (
            (Attribute, [_DEPARTMENT]),
            (Group, _groups(groups, now)),
            (Person, _people(people, now)),
            (Membership, _memberships(people, groups)),
            (SearchWord, _words(people, assets)),
            (KeyRing, _rings(now)),
            (SigningKey, _keys(now, sealer)),
            (Asset, _assets(assets, now)),
            (Secret, _secrets(assets, now, sealer)),
            (Revision, _revisions(assets, groups, now)),
            (Access, _access(assets, groups)),
            (LogRow, _log(rows, people, assets, now)),
        ):  # fmt: skip
            started = time.monotonic()
            _write(connection, table, values, is_sqlite)
            print(f"  {table.__tablename__}: {time.monotonic() - started:.0f} s", flush=True)
        for statement in dropped:
            connection.execute(text(statement))
        connection.commit()
        connection.execute(text("ANALYZE"))
        connection.commit()
    if not is_sqlite:
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("SET statement_timeout = 0"))
            connection.execute(text("VACUUM"))  # As PostgreSQL does by itself some time after.


def _drop_indexes(connection: Any) -> list[str]:
    """Take away, while their rows come, the indexes of the largest tables, and return what makes them again."""
    statements = []
    for index in [*LogRow.__table__.indexes, *SearchWord.__table__.indexes]:
        statements.append(str(CreateIndex(index).compile(dialect=connection.dialect)))
        connection.execute(text(f"DROP INDEX {index.name}"))
    return statements


def _write(connection: Any, model: Any, rows: Iterable[dict[str, Any]], is_sqlite: bool) -> None:
    table, chunk = model.__table__, []
    if not is_sqlite:
        _copy(connection, table, rows)
        connection.commit()
        return
    for row in rows:
        chunk.append(row)
        if len(chunk) == _CHUNK:
            connection.execute(insert(table), chunk)
            chunk = []
    if chunk:
        connection.execute(insert(table), chunk)
    connection.commit()


def _copy(connection: Any, table: Any, rows: Iterable[dict[str, Any]]) -> None:
    iterator = iter(rows)
    first = next(iterator, None)
    if first is None:
        return
    names = list(first)
    with connection.connection.cursor().copy(f"COPY {table.name} ({', '.join(names)}) FROM STDIN") as copy:
        for row in itertools.chain([first], iterator):
            copy.write_row(_plain(row, names))


def _plain(row: dict[str, Any], names: list[str]) -> list[Any]:
    return [json.dumps(row[name]) if isinstance(row[name], dict | list) else row[name] for name in names]


def _groups(count: int, now: float) -> Iterator[dict[str, Any]]:
    for number in range(count):
        yield {
            "id": scatter(number, 3),
            "name": f"group {number:05}",
            "name_key": f"group {number:05}",
            "created_at": int(now),
        }


def _names(number: int) -> tuple[str, str]:
    return _FIRST[number * 7 % len(_FIRST)], f"{_LAST[number * 11 % len(_LAST)]}{number % 997}"


def _people(count: int, now: float) -> Iterator[dict[str, Any]]:
    for number in range(count):
        first, last = _names(number)
        yield {
            "id": person_id(number),
            "username": username(number),
            "username_key": username(number),
            "email": f"{first.lower()}.{number}@example.test",
            "first_name": first,
            "last_name": last,
            "display_name": None,
            "is_admin": number % 100_000 == 0,
            "live": number % 50 != 1,
            "roles": ["user"],
            "permissions": [],
            "attributes": {"department": f"dept {number % 50}"},
            "password_hash": None,
            "created_at": int(now) - number % 10_000_000,
            "erased_at": None,
        }


def _memberships(people: int, groups: int) -> Iterator[dict[str, Any]]:
    """Most are in the first group, one in a hundred in the second, each in one of the others."""
    for number in range(people):
        wanted = {2 + number % (groups - 2)}
        wanted |= {0} if number % 10 < 6 else set()
        wanted |= {1} if number % 100 == 0 else set()
        for group in wanted:
            yield {"person_id": person_id(number), "group_id": scatter(group, 3)}


def _words(people: int, assets: int) -> Iterator[dict[str, Any]]:
    def rows() -> Iterator[tuple[str, str, str, str]]:
        for number in range(people):
            first, last = _names(number)
            for word in words_of([username(number), f"{first.lower()}.{number}@example.test", first, last]):
                yield PERSON, word, username(number), person_id(number)
        for number in range(assets):
            for word in words_of([asset_path(number), f"Asset {number}"]):
                yield ASSET, word, asset_path(number), asset_id(number)

    for kind, word, label, entry in sorted(rows()):
        yield {"kind": kind, "word": word, "label": label, "entry_id": entry}


def _rings(now: float) -> Iterator[dict[str, Any]]:
    for number, algorithm in enumerate(RINGS):
        yield {"id": scatter(number, 5), "algorithm": algorithm, "revision": 1, "created_at": _begins(now)}


def _keys(now: float, sealer: Any) -> Iterator[dict[str, Any]]:
    """Two of each ring: one signed the first half of the log's time, the other signs since."""
    begins, half = _begins(now), _begins(now) + DAYS * 43_200
    for ring, algorithm in enumerate(RINGS):
        for is_first in (True, False):
            pair, row_id = keypairs.generate(algorithm, bits=2048), scatter(ring * 2 + is_first, 6)
            sealed = sealer.seal(pair.to_bytes(), table="signing_key", row=row_id, column="sealed")
            yield {
                "id": row_id, "ring_id": scatter(ring, 5), "algorithm": algorithm,
                "key_id": key_id(ring, is_first=is_first), "thumbprint": keypairs.thumbprint(pair.public),
                "public": pair.public, "sealed": sealed, "sealed_by": sealer.keys[0].key_id, "is_brought": False,
                "created_at": begins, "published_at": begins, "signs_from_at": begins if is_first else half,
                "retired_at": half if is_first else None, "gone_at": needed_until(half, LIFETIME) if is_first else None,
                "revoked_at": None, "due_at": None,
            }  # fmt: skip


def _begins(now: float) -> int:
    """Return when the log begins."""
    return int(now) - DAYS * 86_400


def _definition(number: int, groups: int) -> dict[str, Any]:
    ring = ring_of(number)
    readers: Any = "everyone" if number % 3 else [scatter(number % groups, 3)]
    editors = [scatter(number // 7 % groups, 3)] if number % 7 == 0 else []
    return {
        "path": asset_path(number), "name": f"Asset {number}",
        "algorithm": "HS256" if ring is None else RINGS[ring], "headers": {},
        "signing_key": None if ring is None else scatter(ring, 5),
        "template": TEMPLATE if ring is None else TEMPLATE.replace("{", f'{{"aud": "{asset_path(number)}", ', 1),
        "lifetime": None if number % 5_000 == 0 else LIFETIME, "backdate": 0,
        "claims": {"iat": True, "jti": True, "nbf": False}, "origins": [],
        "answer": {"form": "raw", "methods": ["GET"]},
        "params": [], "live": number % 200 != 3,
        "readers": readers, "editors": editors,
    }  # fmt: skip


def _assets(count: int, now: float) -> Iterator[dict[str, Any]]:
    for number in range(count):
        definition = _definition(number, 10)
        yield {
            "id": asset_id(number), "path": definition["path"], "name": definition["name"], "live": definition["live"],
            "for_everyone": definition["readers"] == "everyone", "lifetime": definition["lifetime"],
            "weak": number % 10_000 == 1, "fingerprint": _fingerprint(number),
            "ring_id": definition["signing_key"],
            "audience": [definition["path"]] if definition["signing_key"] else None,
            "revision": 1, "created_at": int(now), "trashed_at": int(now) - number if number % 1_000 == 7 else None,
            "unseen_since": 1 if number % 7_000 == 0 else None, "examined_at": None,
            "failing": 3 if number % 4_000 == 0 else None, "findings": None,
        }  # fmt: skip


def _fingerprint(number: int) -> str:
    """Two assets in a thousand share a secret."""
    if ring_of(number) is not None:
        return ""
    return f"{number - number % 2 if number % 1000 < 2 else number:016x}"


def _secrets(count: int, now: float, sealer: Any) -> Iterator[dict[str, Any]]:
    for number in range(count):
        if ring_of(number) is not None:
            continue
        secret_id = scatter(number, 4)
        sealed = sealer.seal(
            f"the shared secret of asset {number:09} here".encode(), table="secret", row=secret_id, column="sealed"
        )
        yield {"id": secret_id, "asset_id": asset_id(number), "sealed": sealed, "fingerprint": f"{number:016x}",
               "sealed_by": sealer.keys[0].key_id, "kid": None, "weak": number % 10_000 == 1,
               "created_at": int(now)}  # fmt: skip


def _revisions(count: int, groups: int, now: float) -> Iterator[dict[str, Any]]:
    for number in range(count):
        definition, ring = _definition(number, groups), ring_of(number)
        yield {"asset_id": asset_id(number), "number": 1, "at": int(now), "actor": person_id(0),
               "definition": definition, "lifetime": definition["lifetime"],
               "secret_id": scatter(number, 4) if ring is None else None,
               "ring_id": None if ring is None else scatter(ring, 5)}  # fmt: skip


def _access(count: int, groups: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        definition = _definition(number, groups)
        readers = [] if definition["readers"] == "everyone" else definition["readers"]
        for kind, group_ids in (("reader", readers), ("editor", definition["editors"])):
            for group_id in group_ids:
                yield {"asset_id": asset_id(number), "group_id": group_id, "kind": kind}


def _log(count: int, people: int, assets: int, now: float) -> Iterator[dict[str, Any]]:
    """A few assets are asked for most of the time; one row in forty is no token."""
    step = DAYS * 86_400_000 // count
    start = int(now * 1000) - DAYS * 86_400_000
    nothing = dict.fromkeys("issuer request jti kid sub code detail".split())
    for number in range(count):
        who = number * 7_919 % people
        asset = (number * 31 % 50) if number % 2 else number * 104_729 % assets
        event, outcome, code = "token.issued", "done", None
        if number % 40 == 0:
            event, outcome, code = [
                ("token.refused", "refused", "not_a_reader"), ("token.failed", "failed", "template_failed"),
                ("person.signed_in", "done", None), ("asset.revised", "done", None),
            ][number // 40 % 4]  # fmt: skip
        ring = ring_of(asset) if event == "token.issued" else None
        yield {
            **nothing, "at": start + number * step, "event": event, "outcome": outcome, "actor": person_id(who),
            "address": f"10.{who % 200}.{number % 250}.7", "person": person_id(who),
            "asset": None if event == "person.signed_in" else asset_id(asset), "revision": 1,
            "request": f"{number:016x}", "jti": f"{number:022x}" if event == "token.issued" else None,
            "kid": None if ring is None else key_id(ring, is_first=number < count // 2),
            "sub": username(who), "code": code, "detail": f'{{"path":"{asset_path(asset)}"}}',
        }  # fmt: skip
