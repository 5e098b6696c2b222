"""`flask log export`."""

import click

from mintmark import log
from mintmark.commands import command

commands = click.Group()
_log = click.Group("log", help="The log.")
commands.add_command(_log)


@command(_log, "export")
def export() -> None:
    """Print the log as JSON Lines, oldest first."""
    for line in log.export():
        click.echo(line)
