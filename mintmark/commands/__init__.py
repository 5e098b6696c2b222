"""The commands of `flask --app app …`; each reads, calls acts, commits once and says what it did.

Exit 0 done, 1 refused (one line per problem on standard error), 2 wrong usage (click's own).
"""

import getpass
from collections.abc import Callable
from functools import wraps
from typing import Any, NoReturn

import click
from flask import Flask
from flask.cli import with_appcontext
from sqlalchemy.exc import DBAPIError

from mintmark.errors import ConfigurationError, FieldError, InvalidFields, MintmarkError
from mintmark.instance import keep_private
from mintmark.issue import Mint
from mintmark.log import Occasion
from mintmark.web import get_mint


def command(
    group: click.Group, name: str, *, takes_dashes: bool = False
) -> Callable[[Callable[..., Any]], click.Command]:
    """Register a function as a command with an app context, whose refusals exit with 1.

    `takes_dashes`: what begins with a dash and is no option is an argument, as one in 64 thumbprints does.
    """
    context = {"ignore_unknown_options": takes_dashes}

    def register(function: Callable[..., Any]) -> click.Command:
        @wraps(function)
        def run(*arguments: Any, **options: Any) -> Any:
            keep_private()
            try:
                _see_sealing_keys()
                return function(*arguments, **options)
            except InvalidFields as error:
                refuse(*(f"{field}: {words}" for field, words in error.problems))
            except FieldError as error:
                refuse(f"{error.field}: {error}" if error.field else str(error))
            except MintmarkError as error:
                refuse(str(error))
            except DBAPIError as error:
                refuse(f"the database: {str(error.orig).splitlines()[0] if error.orig else 'it does not answer'}")

        return group.command(name, context_settings=context)(with_appcontext(run))

    return register


def _see_sealing_keys() -> None:
    """No command works with half of the keys. Raises ConfigurationError."""
    from mintmark.database import see_sealing_keys

    see_sealing_keys(get_mint().settings)


def get_ready_mint() -> Mint:
    """Return what the site keeps. Raises ConfigurationError where the database was never set up."""
    from mintmark.database import has_site

    if not has_site():
        raise ConfigurationError("The database is not set up yet; run `flask --app app init`.")
    return get_mint()


def refuse(*lines: str) -> NoReturn:
    """Print each line as an error and exit with 1."""
    for line in lines:
        click.echo(f"error: {line}", err=True)
    raise SystemExit(1)


class _Refused(click.ClickException):
    """Ends a command with one line, also where the site itself cannot be built."""

    def show(self, file: Any = None) -> None:
        click.echo(f"error: {self.message}", err=True)


def said_plainly(error: ConfigurationError) -> Exception:
    """Return the error as a command ends with it, where one is running; else the error itself."""
    return _Refused(str(error)) if click.get_current_context(silent=True) else error


def occasion(now: float) -> Occasion:
    """Return the moment and who runs the command, for the log."""
    try:
        return Occasion(now, f"command:{getpass.getuser()}")
    except (KeyError, OSError):
        return Occasion(now, "command")


def init_app(app: Flask) -> None:
    """Add all commands; their modules are imported here, for pages need none of them."""
    from mintmark.commands import backup, keys, log, sealing_key, setup, site_file, tidy, tokens

    for module in (setup, tokens, tidy, log, backup):
        for each in module.commands.commands.values():
            app.cli.add_command(each)
    app.cli.add_command(site_file.commands)
    for each in sealing_key.commands.commands.values():
        keys.commands.add_command(each)
    app.cli.add_command(keys.commands)
    if click.get_current_context(silent=True):  # `flask db …` is for developers; serving loads none of it.
        from flask_migrate import Migrate

        from mintmark.database import MIGRATIONS
        from mintmark.models import db

        Migrate(app, db, directory=str(MIGRATIONS))
