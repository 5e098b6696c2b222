"""The grown site of a database, filled once and kept for the next run: in a folder, and in `mintmark_grown`.

A small site of the same shape is what it is compared with.
"""

import random
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from bench import grown
from bench.postgresql import POSTGRESQL, find_reason_not_to
from bench.serving import WORKERS, Service, free_port, running

DATABASES = ("sqlite", "postgresql")
FOLDER = Path("/tmp/mintmark-grown")
_NAME = "mintmark_grown"
_DEVICE = "bench.growth"
_SEALING_KEY = "bench:" + "A" * 43 + "="


@dataclass(frozen=True)
class GrownSite:
    """A filled site: its settings, and how large a share of the full size it has."""

    settings: Mapping[str, str]
    share: float

    def build(self) -> Any:
        """Return its application."""
        from app import create_app

        return create_app(self.settings)

    def from_folder(self, folder: Path) -> "GrownSite":
        """Return the same site as another node, with an instance folder of its own, serves it."""
        url = self.settings.get("DATABASE_URL") or f"sqlite:///{Path(self.settings['INSTANCE']) / 'mintmark.sqlite'}"
        return GrownSite({**self.settings, "INSTANCE": str(folder), "DATABASE_URL": url}, self.share)

    @property
    def assets(self) -> list[int]:
        """Return the numbers of the assets that everybody may fetch, and that sign with a secret."""
        return [
            number
            for number in range(max(100, int(grown.ASSETS * self.share)))
            if number % 3 and number % 200 != 3 and number % 1_000 != 7 and grown.ring_of(number) is None
        ]


def ready(database: str, folder: Path, share: float) -> GrownSite:
    """Return the grown site of a database; filled first where that was not done to its end, or to another size."""
    if database == "postgresql" and (reason := find_reason_not_to()):
        sys.exit(f"error: {reason}")
    own = folder / database
    settings = _settings(own, POSTGRESQL.rpartition("/")[0] + f"/{_NAME}" if database == "postgresql" else None)
    mark, size = own / "filled", f"{share:g}\n"
    if not mark.exists() or mark.read_text() != size:
        print(f"Filling the grown site on {database}; this takes minutes, once.", flush=True)
        _begin_anew(own, settings)
        _fill(GrownSite(settings, share))
        mark.write_text(size)
    else:
        with GrownSite(settings, share).build().app_context():
            _bring_up_to_date(settings)
    return GrownSite(settings, share)


def small(folder: Path, database_url: str | None) -> GrownSite:
    """Fill an empty database with the same site in small: a hundred people, assets and rows."""
    site = GrownSite(_settings(folder, database_url), share=0.0)
    _fill(site)
    return site


def _settings(folder: Path, database_url: str | None) -> dict[str, str]:
    settings = {"INSTANCE": str(folder), "SEALING_KEY": _SEALING_KEY, "LIMIT_TOKENS": "999999 per minute",
                "WORKERS": str(WORKERS)}  # fmt: skip
    return settings if database_url is None else {**settings, "DATABASE_URL": database_url}


def _begin_anew(folder: Path, settings: Mapping[str, str]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if "DATABASE_URL" in settings:
        with psycopg.connect(POSTGRESQL, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {_NAME} WITH (FORCE)")
            connection.execute(f"CREATE DATABASE {_NAME}")


def _bring_up_to_date(settings: Mapping[str, str]) -> None:
    from mintmark.database import bring_up_to_date
    from mintmark.web import get_mint

    bring_up_to_date(get_mint().settings)


def _fill(site: GrownSite) -> None:
    app = site.build()
    with app.app_context():
        _bring_up_to_date(site.settings)
        grown.fill(now=time.time(), share=site.share, sealer=app.extensions["mintmark"].settings.sealer)


def sign_in(site: GrownSite, count: int, assets: list[int], file: Path) -> Path:
    """Begin so many sessions of people spread over all of them; write who asks for which asset, a line for each."""
    from sqlalchemy import delete, insert, text

    from mintmark.models import Session, db, writing

    app, chosen = site.build(), random.Random(file.name)
    signer = app.session_interface.get_signing_serializer(app)
    people, now = max(100, int(grown.PEOPLE * site.share)), int(time.time())
    rows, lines = [], []
    for number in range(count):
        who = number * 7_919 % people
        session = {"id": chosen.randbytes(32).hex(), "person_id": grown.person_id(who + (who % 50 == 1))}
        rows.append({**session, "signed_in_at": now, "last_used_at": now, "device": _DEVICE})
        path = grown.asset_path(chosen.choice(assets))
        lines.append(f"mintmark={signer.dumps({'_user_id': session['id']})}\t/{path}")
    with app.app_context(), writing():
        db.session.execute(delete(Session).where(Session.id.in_([row["id"] for row in rows])))
        db.session.execute(insert(Session), rows)
        db.session.execute(text("ANALYZE session"))  # As PostgreSQL does by itself within a minute.
    file.write_text("\n".join(lines))
    return file


@contextmanager
def serving(site: GrownSite, cookies: Path) -> Iterator[Service]:
    """Serve it as `make run` does. Raises bench.serving.NotServing."""
    port = free_port()
    environ = {"MINTMARK_" + name: value for name, value in site.settings.items()}
    environ["MINTMARK_BIND"] = f"127.0.0.1:{port}"
    command = [sys.executable, "-m", "mintmark.serve"]
    url = site.settings.get("DATABASE_URL", "")
    with running(command, environ, port=port, printed=cookies.with_suffix(".log")) as pid:
        yield Service(port, pid, cookies, url if url.startswith("postgresql") else None)
