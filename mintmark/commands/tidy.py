"""`flask tidy`: purge and retention, by hand or once a day by cron."""

import time
from typing import TYPE_CHECKING

import click

from mintmark.commands import command, get_ready_mint, occasion

if TYPE_CHECKING:
    from mintmark.tidying import Kind

commands = click.Group()


@command(commands, "tidy")
@click.option("--dry-run", is_flag=True, help="Print what would be taken away, and change nothing.")
def tidy(dry_run: bool) -> None:
    """Take away what nobody needs any more: sessions long over, spent tokens that nobody could use, and the like.

    The log and the trash stay. Safe to run anywhere at any time, on several nodes at once, to stop and to repeat.
    """
    from mintmark import tidying

    mint = get_ready_mint()
    now = mint.clock()
    kinds = tidying.kinds(now, mint.settings)
    amounts = {kind.name: kind.count() for kind in kinds} if dry_run else _take_all(kinds, now)
    if not any(amounts.values()):
        click.echo("There is nothing to take away.")
        return
    for name, amount in amounts.items():
        click.echo(f"{name.replace('_', ' ')}: {amount:,}")
    if dry_run:
        click.echo("So many would be taken away; nothing was changed.")


def _take_all(kinds: "list[Kind]", now: float) -> dict[str, int]:
    """Take everything away, and note it; where it is stopped, what was taken until then."""
    from mintmark import tidying
    from mintmark.models import writing

    taken = {kind.name: 0 for kind in kinds}
    try:
        for kind in kinds:
            for amount in kind.take():
                taken[kind.name] += amount
                time.sleep(tidying.PAUSE_SECONDS if amount else 0)
    finally:
        if any(taken.values()):
            with writing():
                tidying.note(taken, by=occasion(now))
    return taken
