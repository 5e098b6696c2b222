"""Every list page of the administrator on a grown site: server time and number of statements.

`python -m bench.lists` makes the site once for each database (minutes; kept in `--folder` and in
the database `mintmark_grown`), then asks for each page several times in one process.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import event

from bench import grown
from bench.__main__ import POSTGRESQL

LIMIT_MS = 50
SEALING_KEY = "bench:" + "A" * 43 + "="


def pages() -> dict[str, str]:
    """Return name → address of what is measured."""
    asset, person = grown.asset_id(49), grown.person_id(15_838)
    return {
        "home": "/",
        "home, far on": f"/?after={grown.asset_path(70_000)}",
        "assets, top of the tree": "/admin/assets",
        "assets, one folder": "/admin/assets?under=dept-07",
        "assets, a folder of assets": "/admin/assets?under=dept-07/app-03",
        "assets, searched (rare)": "/admin/assets?q=asset-012345",
        "assets, searched (common)": "/admin/assets?q=asset",
        "assets, searched (two words)": "/admin/assets?q=dept+077777",
        "assets, switched off": "/admin/assets?show=off",
        "assets, without lifetime": "/admin/assets?show=endless",
        "assets, weak": "/admin/assets?show=weak",
        "assets, shared secrets": "/admin/assets?show=shared",
        "assets, trash": "/admin/assets?show=trash",
        "asset": f"/admin/assets/{asset}",
        "asset with a signing key": f"/admin/assets/{grown.asset_id(150)}",
        "signing keys": "/admin/keys",
        "signing key": f"/admin/keys/{grown.scatter(2, 6)}",
        "revoking a signing key": f"/admin/keys/{grown.scatter(2, 6)}/revoke",
        "key set of the site": "/.well-known/jwks.json",
        "key set of an asset": f"/.well-known/jwks/{grown.asset_path(150)}",
        "revisions": f"/admin/assets/{asset}/revisions",
        "people": "/admin/people",
        "people, searched (rare)": "/admin/people?q=person0777777",
        "people, searched (common)": "/admin/people?q=ada",
        "people, searched (two words)": "/admin/people?q=ada+okri77",
        "people, administrators": "/admin/people?show=administrators",
        "people, switched off": "/admin/people?show=off",
        "people, a group of 600,000": f"/admin/people?group={grown.scatter(0, 3)}",
        "people, a group of 10,000": f"/admin/people?group={grown.scatter(1, 3)}",
        "people, a group of 500": f"/admin/people?group={grown.scatter(5, 3)}",
        "person": f"/admin/people/{person}",
        "groups": "/admin/groups",
        "group of 600,000": f"/admin/groups/{grown.scatter(0, 3)}",
        "attributes": "/admin/attributes",
        "log": "/admin/log",
        "log, a key that signs": f"/admin/log?kid={grown.key_id(1, is_first=False)}",
        "log, a key that is gone": f"/admin/log?kid={grown.key_id(1, is_first=True)}",
        "log, an unknown key id": "/admin/log?kid=nobody",
        "log, far back": "/admin/log?before=1000000",
        "log, one asset": f"/admin/log?asset={grown.asset_path(49)}",
        "log, one person": f"/admin/log?person={grown.username(15_838)}",
        "log, failures": "/admin/log?event=token.failed",
        "log, refused": "/admin/log?outcome=refused",
        "log, one answer": f"/admin/log?request={40:016x}&event=token.failed",
        "log, one address": "/admin/log?address=10.7.7.7",
        "log, one asset's failures": f"/admin/log?asset={grown.asset_path(49)}&event=token.failed",
        "dashboard": "/admin",
        "dashboard, month": "/admin?span=month",
        "own sessions": "/account/sessions",
        "help": "/help",
    }


def main() -> None:
    """Print one line for each page and database; exit 1 where one takes longer than it may."""
    parser = argparse.ArgumentParser(prog="python -m bench.lists", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/mintmark-grown"))
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default="")
    parser.add_argument("--counting", type=int, default=1_800, help="seconds to count the log's tokens, at most")
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    arguments = parser.parse_args()
    is_slow = False
    for name in ("sqlite", "postgresql"):
        if arguments.database in (name, "both"):
            is_slow |= _measure(name, arguments)
    sys.exit(is_slow)


def _measure(name: str, arguments: argparse.Namespace) -> bool:
    app = _grown_site(name, arguments)
    client = _administrator(app)
    print(f"{name:40}{'median ms':>10}{'worst':>8}{'statements':>12}")
    slow = []
    for page, address in pages().items():
        if arguments.only not in page:
            continue
        times, statements = _ask(app, client, address, arguments.rounds)
        median = statistics.median(times)
        slow += [page] if median > LIMIT_MS else []
        print(
            f"{page:40}{median:10.1f}{max(times):8.1f}{statements:12}{'  slow' if median > LIMIT_MS else ''}",
            flush=True,
        )
    return bool(slow)


def _grown_site(name: str, arguments: argparse.Namespace) -> Any:
    from app import create_app
    from mintmark import counts
    from mintmark.database import bring_up_to_date, has_site
    from mintmark.models import db

    arguments.folder.mkdir(parents=True, exist_ok=True)
    overrides = {"INSTANCE": str(arguments.folder / name), "SEALING_KEY": SEALING_KEY}
    if name == "postgresql":
        with psycopg.connect(POSTGRESQL, autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = 'mintmark_grown'").fetchone():
                connection.execute("CREATE DATABASE mintmark_grown")
        overrides["DATABASE_URL"] = POSTGRESQL.rpartition("/")[0] + "/mintmark_grown"
    app = create_app(overrides)
    mint = app.extensions["mintmark"]
    with app.app_context():
        is_new = not has_site()
        bring_up_to_date(mint.settings)
        if is_new:
            grown.fill(now=time.time(), share=arguments.share, sealer=mint.settings.sealer)
        deadline = time.monotonic() + arguments.counting
        while time.monotonic() < deadline and counts.catch_up(db.engine, now=time.time()):
            pass
    return app


def _administrator(app: Any) -> Any:
    from mintmark import sessions
    from mintmark.models import Person, db, writing

    client = app.test_client()
    with app.app_context():
        with writing():
            person = db.session.get_one(Person, grown.person_id(0))
            session_id = sessions.begin(person, now=time.time(), address="127.0.0.1", device="bench").id
        db.session.remove()
    with client.session_transaction() as cookie:
        cookie["_user_id"] = session_id
    return client


def _ask(app: Any, client: Any, address: str, rounds: int) -> tuple[list[float], int]:
    """Return milliseconds of each answer but the first, and how many statements one takes."""
    from mintmark.models import db

    counted: list[str] = []
    with app.app_context():
        engine = db.engine

    def count(*arguments: Any) -> None:
        counted.append(str(arguments[2]))

    event.listen(engine, "before_cursor_execute", count)
    times = []
    for number in range(rounds + 1):
        counted.clear()
        started = time.perf_counter()
        answer = client.get(address)
        length = len(answer.data)
        times.append((time.perf_counter() - started) * 1000)
        assert answer.status_code == 200 and length > 100, (address, answer.status)
        if number == 0:
            times.clear()
    event.remove(engine, "before_cursor_execute", count)
    return times, len(counted)


if __name__ == "__main__":
    main()
