"""`flask log export` and `flask log archive`."""

import re
import time
from datetime import UTC, date, datetime
from pathlib import Path

import click

from mintmark import log
from mintmark.commands import command, occasion, refuse
from mintmark.web import get_mint

commands = click.Group()
_log = click.Group("log", help="The log.")
commands.add_command(_log)


@command(_log, "export")
def export() -> None:
    """Print the log as JSON Lines, oldest first."""
    from mintmark.records.exporting import all_rows

    for row in all_rows():
        click.echo(log.to_json(log.values_of(row)))


def _date(_context: click.Context, _param: click.Parameter, given: str) -> date:
    """Take a day of the calendar. Anything else is wrong usage."""
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", given, re.ASCII):
            return date.fromisoformat(given)
    except ValueError:
        pass
    raise click.BadParameter("takes a day as 2026-01-31")


def _file(_context: click.Context, _param: click.Parameter, given: Path) -> Path:
    """Take a file that can be kept: neither standard output nor nothing."""
    if given.name in ("", "-"):
        raise click.BadParameter("takes the name of a file: what is taken out of the log has to be kept")
    return given


@command(_log, "archive")
@click.option("--before", required=True, metavar="DATE", callback=_date, help="The first day that stays (UTC).")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), callback=_file)
def archive(before: date, file: Path) -> None:
    """Write the rows from before DATE to FILE as JSON Lines, then take them out of the log.

    FILE is made anew, readable by its owner alone. Safe at any time, and safe to stop at any moment: run it again with
    the same DATE and FILE, and it goes on where it was.
    """
    mint = get_mint()
    now = mint.clock()
    moment = int(datetime(before.year, before.month, before.day, tzinfo=UTC).timestamp())
    if moment > now:
        refuse(f"{before} is in the future; name a day that has begun, in UTC.")
    try:
        rows = _archive(file, before, moment, now)
    except OSError as error:
        refuse(f"{file}: {error.strerror or 'cannot be written'}")
    if not rows:
        click.echo(f"The log has no rows from before {before}; no file was made.")
        return
    click.echo(f"{rows:,} rows from before {before} are in {file}, and no more in the log.")


def _archive(file: Path, before: date, moment: int, now: float) -> int:
    """Write the file, or take up one that is there, and remove its rows; return how many it has. Raises OSError."""
    from mintmark.counts import catch_up
    from mintmark.models import db, writing
    from mintmark.records import archiving

    archive = archiving.find_archive(file, before=moment)
    if archive is None:
        while catch_up(db.engine, now=now):
            time.sleep(archiving.PAUSE_SECONDS)
        archive = archiving.write_archive(file, before=moment)
    if archive.rows:
        with writing():
            archiving.note_archive(archive, before=before.isoformat(), by=occasion(now))
        for ids in archiving.archived(archive):
            started = time.monotonic()
            with writing():
                archiving.remove_rows(ids)
            # As long as it took, at least: tokens have half of the time to themselves.
            time.sleep(max(archiving.PAUSE_SECONDS, time.monotonic() - started))
    return archive.rows
