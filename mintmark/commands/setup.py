"""`flask init` and `flask create-admin`."""

import sys

import click

from mintmark import people, site
from mintmark.commands import command, occasion
from mintmark.database import bring_up_to_date
from mintmark.errors import FieldError
from mintmark.fields import read_identifier
from mintmark.models import writing
from mintmark.passwords import read_password
from mintmark.web import get_mint

commands = click.Group()


@command(commands, "init")
def init() -> None:
    """Create or upgrade the database and make missing keys. Safe to repeat."""
    bring_up_to_date(get_mint().settings)


@command(commands, "create-admin")
@click.argument("username")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def create_admin(username: str, password_stdin: bool) -> None:
    """Make USERNAME an administrator, set the password, and switch them on."""
    mint = get_mint()
    bring_up_to_date(mint.settings)
    now = mint.clock()
    read_identifier(username, "username")
    password = read_password(_typed_password(password_stdin), username=username)
    with writing():
        person = people.find_person(username)
        if person is None:
            values = {"username": username, "password": password, "is_admin": True}
            people.make(values, by=occasion(now))
            told = f"{username} was made, and is an administrator."
        else:
            told = f"{username} is an administrator."
            people.revise(person, {"is_admin": True, "live": True}, by=occasion(now))
            people.set_password(person, password, by=occasion(now))
        site.close_setup(now=now)
    click.echo(told)


def _typed_password(from_stdin: bool) -> str:
    """Nothing is ever echoed (ASVS 6.4.1). Raises FieldError where nobody can type."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise FieldError("give it with --password-stdin where nobody can type it", "password")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
