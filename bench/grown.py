"""A grown site: 100,000 assets, 1,000,000 people, 5,000,000 log rows, written straight into the tables.

Made by bulk statements, for the acts of the site would take hours; the rows are what the acts
write, and counted. The largest tables are made by the database itself (bench/grown_rows.py), the others
here. Everything but the key pairs is computed from its number, so that every run has the same site.
One asset in a hundred signs with a key; RINGS rings share these among them, each rotated once.
"""

import itertools
import json
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from sqlalchemy import Connection, insert, text
from sqlalchemy.schema import CreateIndex

from bench import grown_rows
from bench.grown_rows import DAYS, KEYED, RINGS
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

ASSETS, PEOPLE, LOG_ROWS, GROUPS = 100_000, 1_000_000, 5_000_000, 2_000
_CHUNK = 20_000
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
    return number // 100 % len(RINGS) if number % 100 == KEYED else None


def key_id(ring: int, *, is_first: bool) -> str:
    """Return the id of the first key of a ring, which is retired, or of the one that signs."""
    return f"bench-{ring}-{'first' if is_first else 'second'}"


def username(number: int) -> str:
    """Return the username of a person."""
    return f"person{number:07}"


def fill(*, now: float, share: float = 1.0, sealer: Any) -> None:
    """Fill the empty tables; `share` of the full size."""
    people, assets, rows = (max(100, int(count * share)) for count in (PEOPLE, ASSETS, LOG_ROWS))
    groups = max(20, int(GROUPS * share))
    with db.engine.connect() as connection:
        maker = grown_rows.Maker(connection, people=people, assets=assets, groups=groups, rows=rows, now=now)
        write = partial(_write, connection)
        steps: list[tuple[str, Callable[[], None]]] = [
            ("attributes", lambda: write(Attribute, [_DEPARTMENT])),
            ("groups", lambda: write(Group, _groups(groups, now))),
            ("people", maker.make_people),
            ("memberships", maker.make_memberships),
            ("search words", maker.make_words),
            ("key rings", lambda: write(KeyRing, _rings(now))),
            ("signing keys", lambda: write(SigningKey, _keys(now, sealer))),
            ("assets", lambda: write(Asset, _assets(assets, now))),
            ("secrets", lambda: write(Secret, _secrets(assets, now, sealer))),
            ("revisions", lambda: write(Revision, _revisions(assets, groups, now))),
            ("access", lambda: write(Access, _access(assets, groups))),
            ("log", maker.make_log),
            ("counts", maker.make_counts),
        ]
        _loosen(connection)
        dropped = _drop_indexes(connection)
        for name, step in [
            *steps,
            ("indexes", lambda: _run(connection, dropped)),
            ("statistics", lambda: _analyze(connection)),
        ]:
            started = time.monotonic()
            step()
            connection.commit()
            print(f"  {name}: {time.monotonic() - started:.0f} s", flush=True)


def _loosen(connection: Connection) -> None:
    """Let this connection take its time; what is half made after a crash is made again from the beginning."""
    if connection.dialect.name == "sqlite":
        for pragma in ("synchronous=OFF", "secure_delete=OFF", "cache_size=-500000", "temp_store=MEMORY"):
            connection.connection.cursor().execute(f"PRAGMA {pragma}")
        return
    _run(connection, ["SET statement_timeout = 0", "SET maintenance_work_mem = '512MB'", "SET work_mem = '256MB'"])
    connection.commit()


def _analyze(connection: Connection) -> None:
    """Do what PostgreSQL does by itself some time after."""
    if connection.dialect.name == "sqlite":
        return _run(connection, ["ANALYZE"])
    connection.commit()
    with connection.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as alone:
        _run(alone, ["SET statement_timeout = 0", "VACUUM ANALYZE"])


def _run(connection: Connection, statements: Iterable[str]) -> None:
    for statement in statements:
        connection.execute(text(statement))


def _drop_indexes(connection: Connection) -> list[str]:
    """Take away, while their rows come, the indexes of the largest tables, and return what makes them again."""
    statements = []
    for table in (LogRow, SearchWord, Membership, Person):
        for index in table.__table__.indexes:
            statements.append(str(CreateIndex(index).compile(dialect=connection.dialect)))
            connection.execute(text(f"DROP INDEX {index.name}"))
    connection.commit()
    return statements


def _write(connection: Connection, model: Any, rows: Iterable[dict[str, Any]]) -> None:
    table, iterator = model.__table__, iter(rows)
    if connection.dialect.name != "sqlite":
        return _copy(connection, table, iterator)
    while chunk := list(itertools.islice(iterator, _CHUNK)):
        connection.execute(insert(table), chunk)


def _copy(connection: Connection, table: Any, iterator: Iterator[dict[str, Any]]) -> None:
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
