"""`flask backup` and `flask after-restore`: a copy of the database, and what ends before one serves in its place.

What is printed says what to do next: which file keeps what, how it is put back, and what nobody can know.
"""

import fcntl
import getpass
import shlex
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click
from sqlalchemy import URL

from mintmark.commands import command, get_ready_mint, occasion, refuse
from mintmark.config import Settings
from mintmark.errors import Busy, ConfigurationError
from mintmark.instance import KeyFile
from mintmark.models import db, writing
from mintmark.moment import iso
from mintmark.web import get_mint

if TYPE_CHECKING:
    from mintmark.backup.contents import Contents

commands = click.Group()


@command(commands, "backup")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup(file: Path) -> None:
    """Copy the whole database to FILE while the site serves; readable by its owner alone, and never overwritten.

    The sealing key is not in it. FILE stands there when it is whole and was read back, or not at all.
    """
    from mintmark import backup as backups

    mint = get_ready_mint()
    db.session.remove()
    try:
        with _ended_in_order():
            contents = backups.write(file, mint.settings)
    except OSError as error:
        refuse(f"{file}: {error.strerror or 'cannot be written'}; no backup was made.")
    try:
        with writing():
            backups.note(file, contents, by=occasion(mint.clock()))
    except Busy as error:
        click.echo(f"warning: the backup is made, but the log could not say so: {error}", err=True)
    for line in _told(file, contents, mint.settings):
        click.echo(line)


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Whoever ends this command by SIGTERM or by closing the terminal leaves no part of a file behind."""

    def end(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {each: signal.signal(each, end) for each in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _told(file: Path, contents: "Contents", settings: Settings) -> Iterator[str]:
    rows = f"{contents.log_rows:,} rows of the log"
    if contents.last_at is not None:
        rows += f", the last of them {contents.last_id} of {iso(contents.last_at / 1000)}"
    size = f"{file.stat().st_size:,} bytes"
    yield f"{file} holds {size}: {contents.assets:,} assets, {contents.people:,} people and {rows}."
    source = settings.sealer.source
    kept = source.path if isinstance(source, KeyFile) else "what is in MINTMARK_SEALING_KEY"
    yield f"The sealing key is not in it. Keep {kept} apart from it: without that nobody can use what it holds."
    yield "To put it back, stop the site on every machine, and then:"
    yield from (f"  {line}" for line in _how_to_restore(file, settings))
    yield "  flask --app app after-restore --log FILE   # or --without-log; with --help it says which"


def _how_to_restore(file: Path, settings: Settings) -> list[str]:
    url: URL = db.engine.url
    kept = shlex.quote(str(file.absolute()))
    if settings.is_sqlite:
        database = shlex.quote(str(Path(url.database or "").absolute()))
        # What stands beside it belongs to the database that was there, and would damage this one.
        return [f"rm -f {database}-wal {database}-shm", f"install -m 600 {kept} {database}"]
    place = url.set(drivername="postgresql", password=None, database=f"{url.database}_restored")
    named = shlex.quote(place.render_as_string())
    # The site's own role needs no CREATEDB, so the server's superuser makes the database and gives it away.
    owner = shlex.quote(url.username or getpass.getuser())
    port = f" --port {url.port}" if url.port else ""
    create = f"sudo -u postgres createdb{port} --owner {owner} --encoding UTF8 --template template0"
    return [
        f"{create} {shlex.quote(place.database or '')}   # on the machine of the server",
        f"pg_restore --no-owner --no-privileges --single-transaction --dbname={named} {kept}",
        f"export MINTMARK_DATABASE_URL={named}   # with its password, and for the service too",
    ]


@command(commands, "after-restore")
@click.option(
    "--log",
    "logs",
    multiple=True,
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Take away again what these rows of the log say (JSON Lines); may be given several times.",
)
@click.option("--without-log", is_flag=True, help="Nobody knows what was revoked since: replace every signing key.")
@click.option("--moved", is_flag=True, help="It is the site's own database that was moved while the site stood still.")
@click.option("--not-noticed", is_flag=True, help="It was restored in a way that the site cannot know.")
def after_restore(logs: tuple[Path, ...], without_log: bool, moved: bool, not_noticed: bool) -> None:
    """End what a restored database would revive; once, before the site serves from it.

    A backup does not know what happened after it. Every session, access token and link to set a password ends, and
    tokens of trusted issuers that were made before now sign nobody in. With --log what was taken away since is taken
    away again: keys revoked, people, issuers and assets switched off or removed. Give it what `log export` and
    `log archive` wrote, or a collected copy of the log. Without a log every signing key is replaced. Safe to repeat.

    The site knows what `flask backup` made and was put back. What was copied file by file (a base backup, a snapshot),
    or put back as rows alone, looks like a site that was never restored: there say --not-noticed.
    """
    from mintmark import restoring
    from mintmark.database import bring_up_to_date, has_site

    if moved and (logs or without_log or not_noticed):
        raise click.UsageError("--moved goes with no other option")
    if not (logs or without_log or moved):
        refuse(
            "Say what is known of the time since the backup: --log FILE with the rows of the log, or --without-log"
            " where they are lost; then every signing key is replaced, and relying parties need the new ones."
        )
    mint = get_mint()
    _see_nobody_serves(mint.settings)
    if not has_site():
        raise ConfigurationError("The database is empty: restore the backup into it first.")
    bring_up_to_date(mint.settings, is_restored=True)
    by = occasion(mint.clock())
    if moved:
        with writing():
            restoring.settle_moved(by=by)
        click.echo("The site serves from this database from now on. Nothing was ended.")
        return
    if not (not_noticed or restoring.is_due()):
        refuse(
            "Nothing says that this database was restored, and everybody would be signed out. Nothing was ended. Where"
            " it was copied file by file (a base backup, a snapshot, by hand), or only its rows were put back, the site"
            " does not notice: there say --not-noticed too."
        )
    since = restoring.read_logs(logs, is_whole=not without_log)
    with writing():
        report = restoring.restore(since, without_log=without_log, sealer=mint.settings.sealer, by=by)
    for line in report.lines():
        click.echo(line)


def _see_nobody_serves(settings: Settings) -> None:
    """Raises ConfigurationError where the service of this instance folder runs; of other machines nobody here knows."""
    try:
        with (settings.instance / "serving.lock").open("rb+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # It ends with the file.
    except FileNotFoundError:
        return
    except BlockingIOError:
        words = f"Mintmark is serving from {settings.instance}. Stop it first, on every machine."
        raise ConfigurationError(words) from None
    except OSError as error:
        words = f"Whether Mintmark serves from {settings.instance} cannot be known: {error.strerror}."
        raise ConfigurationError(words) from None
