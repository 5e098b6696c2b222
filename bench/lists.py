"""Every list page of the administrator on a grown site: server time and number of statements.

`python -m bench.lists` makes the site once for each database (minutes; kept in `--folder` and in
the database `mintmark_grown`), then asks for each page several times in one process.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import event

from bench import grown, grown_site
from bench.grown_site import DATABASES, FOLDER, GrownSite

LIMIT_MS = 50


class Page(NamedTuple):
    """One page: milliseconds of server time, those of them in which our process worked, and how many statements."""

    name: str
    median: float
    worst: float
    cpu: float
    statements: int

    @property
    def is_slow(self) -> bool:
        """Tell whether it takes longer than it may."""
        return self.median > LIMIT_MS


def pages() -> dict[str, str]:
    """Return name → address of what is measured."""
    asset, person = grown.asset_id(49), grown.person_id(5_838)
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
        "log, one person": f"/admin/log?person={grown.username(5_838)}",
        "log, failures": "/admin/log?event=token.failed",
        "log, refused": "/admin/log?outcome=refused",
        "log, one answer": f"/admin/log?request={40:016x}&event=token.failed",
        "log, one address": "/admin/log?address=10.7.7.7",
        "log, an old day": f"/admin/log?since={_day(40)}&until={_day(40)}",
        "log, one person on an old day": f"/admin/log?person={grown.username(5_838)}&until={_day(40)}",
        "log, one asset's failures": f"/admin/log?asset={grown.asset_path(49)}&event=token.failed",
        "dashboard": "/admin",
        "dashboard, month": "/admin?span=month",
        "own sessions": "/account/sessions",
        "help": "/help",
    }


def _day(ago: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(time.time() - ago * 86_400))


def main() -> None:
    """Print one line for each page and database; exit 1 where one takes longer than it may."""
    parser = argparse.ArgumentParser(prog="python -m bench.lists", description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default="")
    parser.add_argument("--database", choices=(*DATABASES, "both"), default="both")
    given = parser.parse_args()
    slow = []
    for database in DATABASES:
        if given.database in (database, "both"):
            print(f"{database:40}{'median ms':>10}{'worst':>8}{'CPU':>8}{'statements':>12}")
            site = grown_site.ready(database, given.folder, given.share)
            for page in measure(site, given.rounds, given.only):
                mark = "  slow" if page.is_slow else ""
                figures = f"{page.median:10.1f}{page.worst:8.1f}{page.cpu:8.1f}{page.statements:12}"
                print(f"{page.name:40}{figures}{mark}", flush=True)
                slow += [page] if page.is_slow else []
    sys.exit(bool(slow))


def measure(site: GrownSite, rounds: int, only: str = "") -> Iterator[Page]:
    """Ask for each page once, and then so many times."""
    app = site.build()
    client = _administrator(app)
    for name, address in pages().items():
        if only in name:
            times, worked, statements = _ask(app, client, address, rounds)
            yield Page(name, statistics.median(times), max(times), statistics.median(worked), statements)


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


def _ask(app: Any, client: Any, address: str, rounds: int) -> tuple[list[float], list[float], int]:
    """Return milliseconds of each answer but the first, those of our own work, and how many statements one takes."""
    from mintmark.models import db

    counted: list[str] = []
    with app.app_context():
        engine = db.engine

    def count(*arguments: Any) -> None:
        counted.append(str(arguments[2]))

    event.listen(engine, "before_cursor_execute", count)
    times: list[float] = []
    worked: list[float] = []
    for number in range(rounds + 1):
        counted.clear()
        started, began = time.perf_counter(), time.process_time()
        answer = client.get(address)
        length = len(answer.data)
        times.append((time.perf_counter() - started) * 1000)
        worked.append((time.process_time() - began) * 1000)
        assert answer.status_code == 200 and length > 100, (address, answer.status)
        if number == 0:
            times.clear()
            worked.clear()
    event.remove(engine, "before_cursor_execute", count)
    return times, worked, len(counted)


if __name__ == "__main__":
    main()
