"""Whether this process lives, and whether it can serve: what a load balancer and a monitor ask, under any host.

Each answer is a word; why a node is not ready stands on its own standard output. The database is asked in a thread,
for whoever looks up a name or connects may wait longer than who asks may: that one is answered by the deadline, and
nobody asks the database again before that thread has ended, so that a process has one of them at most.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

from flask import Blueprint, Response, current_app
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from mintmark import log
from mintmark.models import db
from mintmark.models.patience import patience
from mintmark.web import get_mint

ENDPOINTS = frozenset({"probes.health", "probes.ready"})
# The last revision as this code was loaded: on disk there may soon be newer ones. They are numbered.
WANTED = max(path.name[:4] for path in (Path(__file__).parents[2] / "migrations" / "versions").glob("*.py"))
DEADLINE_SECONDS = 1.8  # The answer is there within two.
bp = Blueprint("probes", __name__, url_prefix="/-")
_LOOKOUT = "mintmark.lookout"
_SAID_EVERY = 60  # seconds
_SITE = text("SELECT (SELECT max(version_num) FROM alembic_version) FROM site WHERE id = 1")


@bp.get("/health", provide_automatic_options=False)
def health() -> Response:
    """Answer: this process takes requests. Nothing else is looked at, for a restart would not mend a database."""
    return Response("ok", mimetype="text/plain")


@bp.get("/ready", provide_automatic_options=False)
def ready() -> Response:
    """Answer whether requests are well sent here: the database answers, and is at least as new as this code."""
    lookout: _Lookout = current_app.extensions.setdefault(_LOOKOUT, _Lookout(db.engine, get_mint().clock))
    if lookout.is_ready():
        return Response("ready", mimetype="text/plain")
    return Response("not ready", 503, mimetype="text/plain")


class _Lookout:
    """Asks the database, once for all who want to know meanwhile, and says now and then why it is not ready."""

    def __init__(self, engine: Engine, clock: Callable[[], float]) -> None:
        self._engine, self._clock = engine, clock
        self._lock = threading.Lock()
        self._reason: Future[str | None] | None = None
        self._asked_at = 0.0
        self._said_at: float | None = None

    def is_ready(self) -> bool:
        """Tell whether the database is, DEADLINE_SECONDS after it was asked at the latest."""
        reason, seconds = self._ask()
        try:
            words = reason.result(max(0.0, seconds))
        except TimeoutError:
            words = "the database does not answer in time"
        if words is not None:
            self._say(words)
        return words is None

    def _ask(self) -> tuple["Future[str | None]", float]:
        """Return what will hold the reason, and how long to wait for it."""
        with self._lock:
            if self._reason is None or self._reason.done():
                self._reason, self._asked_at = Future(), time.monotonic()
                arguments = (self._engine, self._reason)
                threading.Thread(target=_look, args=arguments, name="ready", daemon=True).start()
            return self._reason, self._asked_at + DEADLINE_SECONDS - time.monotonic()

    def _say(self, words: str) -> None:
        now = self._clock()
        with self._lock:
            if self._said_at is not None and 0 <= now - self._said_at < _SAID_EVERY:  # The clock may be put back.
                return
            self._said_at = now
        log.say("node.not_ready", why=words)


def _look(engine: Engine, reason: "Future[str | None]") -> None:
    try:
        with patience(DEADLINE_SECONDS + 1):
            reason.set_result(_why_not(engine))
    except DBAPIError as error:
        reason.set_result((str(error.orig) or "the database does not answer").splitlines()[0])
    except Exception as error:  # Whoever waits is to be told, whatever it is.
        reason.set_result(type(error).__name__)


def _why_not(engine: Engine) -> str | None:
    """Return why the site could not be served from this database. Raises DBAPIError.

    A schema that is newer than this code will do: it was brought up to date by a newer node, while this one
    serves until it is replaced.
    """
    if engine.dialect.name == "sqlite" and not Path(engine.url.database or "").exists():
        return "there is no database file"  # Connections that are open would go on reading what was removed.
    with engine.connect() as connection:
        row = connection.execute(_SITE).first()
    if row is None:
        return "the database was not set up"
    revision = row[0] or ""
    return None if revision >= WANTED else f"the schema is at {revision or 'nothing'}, this code wants {WANTED}"
