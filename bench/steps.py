"""What each step of a token costs: processor time in one process, one after another, on SQLite (NORMAL).

`python -m bench.steps`. Each figure is the least of many tries, which is what the step itself costs: the rest is what
else the machine did. The log has so many rows first that its indexes are as deep as those of a site in use.
"""

import argparse
import io
import queue
import random
import sqlite3
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import select

from bench import load, results, site, storage
from mintmark import issue, readers, sessions, tokens
from mintmark.drafts import make_draft
from mintmark.models import Asset, Group, LogRow, Membership, db, writing
from mintmark.models.base import queue_of
from mintmark.models.patience import in_time
from mintmark.models.together import Together
from mintmark.who import SessionCookies, credentials_of

BLOCK = "bench.steps"
_AT_ONCE = 10  # calls of one try: so few that some tries are not disturbed
_COMMITS = 100  # whose WAL is weighed: fewer than SQLite copies back meanwhile (wal_autocheckpoint)
_TOGETHER = 4  # rows in one commit
_AT_FIRST = 16  # rows in one commit while the log is filled
_PATH = site.PATH.lstrip("/")
Step = Callable[[], object]
Rows = Iterator[Mapping[str, Any]]


def main() -> None:
    """Print what each step costs and what a row adds to the write-ahead log; with `--write` keep it."""
    parser = argparse.ArgumentParser(prog="python -m bench.steps", description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=100_000, help="of the log before")
    parser.add_argument("--rounds", type=int, default=200, help="tries of each step")
    parser.add_argument("--write", action="store_true", help="write the README's block")
    given = parser.parse_args()
    if given.rows < 0 or given.rounds < 1:
        parser.error("rows are at least 0 and rounds at least 1")
    if reason := given.write and results.find_reason_not_to_write(BLOCK):
        sys.exit(f"error: {reason}.")
    with tempfile.TemporaryDirectory(prefix="mintmark-bench-") as name:
        folder = Path(name)
        try:
            machine = results.machine(storage.of_sqlite(folder))
        except load.Void as error:
            sys.exit(f"error: the run is void: {error}")
        settings = {"INSTANCE": str(folder), "SQLITE_SYNCHRONOUS": "normal", "LIMIT_TOKENS": "999999 per minute"}
        cookies = site.fill(settings)
        from app import create_app

        with closing(_Profile(create_app(settings), cookies)) as profile:
            block = _block(profile, folder / "mintmark.sqlite", machine, given)
    print(block)
    if given.write:
        results.README.write_text(results.put_block(results.README.read_text(), BLOCK, block))


def _block(profile: "_Profile", file: Path, machine: Mapping[str, Any], given: argparse.Namespace) -> str:
    """Return what is printed and stands in bench/README.md."""
    profile.fill(given.rows)
    how = f"{results.of_machine(machine)}; {given.rows:,} rows in the log, least of {given.rounds} tries:"
    lines = ["| | CPU µs |", "|---|---|"]
    for words, (step, share) in profile.steps().items():
        lines.append(f"| {words} | {least(step, given.rounds) / share * 1e6:.1f} |")
    alone, together = (profile.wal_bytes(file, rows) / 1000 for rows in (1, _TOGETHER))
    wal = f"A row adds {alone:.1f} kB to the write-ahead log alone in its commit, {together:.1f} as one of {_TOGETHER}."
    return "\n\n".join([how, "\n".join(lines), wal])


def least(step: Step, rounds: int, at_once: int = _AT_ONCE) -> float:
    """Return seconds of processor time of one call, of all threads of this process: the least of so many tries."""
    seen = []
    for _ in range(rounds):
        began = time.process_time()
        for _ in range(at_once):
            step()
        seen.append(time.process_time() - began)
    return min(seen) / at_once


class _Profile:
    """One site in this process, and each step of a token of it as something that can be called again and again."""

    def __init__(self, app: Flask, cookies: list[str]) -> None:
        self._app, self._mint = app, app.extensions["mintmark"]
        self._site, self._environs = in_time(app), [environ_of(cookie) for cookie in cookies]
        with app.app_context():
            self._turn, self._engine = queue_of(db.engine), db.engine
        self._credentials = credentials_of(self._environs[0], SessionCookies(app))
        for environ in self._environs:  # Everything is prepared, and there are rows to begin with.
            self._fetch(environ)
        self._rows = self._more_rows()

    def steps(self) -> dict[str, tuple[Step, int]]:
        """Return words → what is called, and how many of it one call is."""
        mint, now, anybody = self._mint, time.time(), random.Random(1)
        asset, reader = mint.look_up(_PATH, now=now, **self._credentials)
        values = self._values(now)
        row = mint.wire.look_up(values, "session")
        draft = make_draft(asset, reader, {}, now, mint.settings.site_url)
        thread = _Thread()
        return {
            "a whole token": (lambda: self._fetch(anybody.choice(self._environs)), 1),
            "– look-up: statement and reader": (lambda: mint.look_up(_PATH, now=now, **self._credentials), 1),
            "–– its statement": (lambda: mint.wire.look_up(values, "session"), 1),
            "–– its reader": (lambda: readers.reader_of(row[-11:]), 1),
            "– claims": (lambda: make_draft(asset, reader, {}, now, mint.settings.site_url), 1),
            "– signature (HS256)": (draft.sign, 1),
            "– row, by the recorder, alone": (lambda: mint.recorder.record(next(self._rows)), 1),
            "–– its turn and its statement": (lambda: self._write(1), 1),
            f"–– the same for {_TOGETHER} in a commit, each": (lambda: self._write(_TOGETHER), _TOGETHER),
            "the same look-up by the ORM": (self._look_up_by_orm, 1),
            "the same row by the ORM": (self._write_by_orm, 1),
            "to be handed to a thread, and woken by it": (thread.ask, 1),
            "to ask together, where nobody else does": (_asking_alone(), 1),
        }

    def fill(self, rows: int) -> None:
        """Put so many rows into the log."""
        for _ in range(0, rows, _AT_FIRST):
            self._write(_AT_FIRST)

    def wal_bytes(self, file: Path, together: int) -> float:
        """Return how many bytes of the write-ahead log a row takes, so many in one commit."""
        with closing(sqlite3.connect(file)) as connection:
            busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise RuntimeError("The write-ahead log is in use.")
        for _ in range(_COMMITS):
            self._write(together)
        return file.with_name(file.name + "-wal").stat().st_size / (_COMMITS * together)

    def close(self) -> None:
        """Leave nothing open."""
        self._mint.wire.close()
        self._engine.dispose()

    def _fetch(self, environ: Mapping[str, Any]) -> None:
        seen: list[str] = []
        b"".join(self._site(dict(environ), lambda status, _headers: seen.append(status)))
        if seen != ["200 OK"]:
            raise RuntimeError(f"A token was answered by {seen}.")

    def _write(self, rows: int) -> None:
        with self._turn:
            self._mint.wire.write(list(islice(self._rows, rows)), [])

    def _more_rows(self) -> Rows:
        """Yield rows as tokens leave them, of anybody, about any of many assets."""
        with self._app.app_context():
            known = [dict(row) for row in db.session.execute(select(LogRow.__table__)).mappings()]
            db.session.rollback()
        kept = [{name: row[name] for name in row if name != "id"} for row in known if row["event"] == "token.issued"]
        anything = random.Random(1)
        people = [str(uuid.UUID(int=anything.getrandbits(128))) for _ in range(10_000)]
        assets = people[:400]
        while True:
            yield {
                **anything.choice(kept),
                "at": int(time.time() * 1000),
                "request": issue.make_request_id(),
                "jti": tokens.make_jti(),
                "person": anything.choice(people),
                "asset": anything.choice(assets),
            }

    def _values(self, now: float) -> dict[str, Any]:
        used_after, signed_in_after = sessions.limits(now, self._mint.settings)
        moments = {"now": int(now), "used_after": used_after, "signed_in_after": signed_in_after}
        moments["signed_in_by"] = int(now) + sessions.MAX_SKEW
        return {"path": _PATH, "access_token": None, "person": None, **moments, **self._credentials}

    def _look_up_by_orm(self) -> None:
        with self._app.app_context():
            found = sessions.find_person_in_session(
                self._credentials["session"], now=time.time(), settings=self._mint.settings
            )
            if found is None:
                raise RuntimeError("The session is not there.")
            of_person = select(Group).join(Membership, Membership.group_id == Group.id)
            db.session.scalars(of_person.where(Membership.person_id == found[0].id)).all()
            db.session.scalars(select(Asset).where(Asset.path == _PATH, Asset.trashed_at.is_(None))).one()

    def _write_by_orm(self) -> None:
        with self._app.app_context(), writing() as session:
            session.add(LogRow(**next(self._rows)))


class _Thread:
    """A thread that does what it is handed: nothing."""

    def __init__(self) -> None:
        self._asked: queue.SimpleQueue[threading.Event] = queue.SimpleQueue()
        threading.Thread(target=self._serve, daemon=True).start()

    def ask(self) -> None:
        """Return when the thread has done it."""
        done = threading.Event()
        self._asked.put(done)
        done.wait()

    def _serve(self) -> None:
        while True:
            self._asked.get().set()


def _asking_alone() -> Step:
    def serve(take: Callable[[], list[Any]]) -> None:
        for place in take():
            place.settle()

    together: Together[None, None] = Together(serve)
    return lambda: together.ask(None)


def environ_of(cookie: str) -> dict[str, Any]:
    """Return what a server makes of a request (PEP 3333)."""
    return {
        "REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": site.PATH, "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "8000", "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "127.0.0.1:8000", "HTTP_COOKIE": cookie,
        "wsgi.version": (1, 0), "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(), "wsgi.errors": sys.stderr,
        "wsgi.multithread": True, "wsgi.multiprocess": True, "wsgi.run_once": False,
    }  # fmt: skip


if __name__ == "__main__":
    main()
