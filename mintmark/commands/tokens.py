"""`flask mint` and `flask check`.

What these commands are for goes to standard output (a token; a line for each asset and the
sum), what is wrong to standard error. Neither ever prints a secret or anybody's attribute.
"""

from typing import TYPE_CHECKING

import click

from mintmark.commands import command, get_ready_mint, occasion, refuse
from mintmark.errors import BadParameters, CannotIssue, FieldError, MintmarkError, NotFound

if TYPE_CHECKING:
    from mintmark.examine import Examined

commands = click.Group()


def _pairs(_context: click.Context, _param: click.Parameter, given: tuple[str, ...]) -> list[tuple[str, str]]:
    """Take `name=value` apart. What has no name or no `=` is wrong usage."""
    pairs = [text.partition("=") for text in given]
    if any(not name or not equals for name, equals, _ in pairs):
        raise click.BadParameter("takes name=value")
    return [(name, value) for name, _, value in pairs]


@command(commands, "mint")
@click.argument("path")
@click.option("--as", "username", required=True, metavar="USERNAME", help="Whose token; the log names them.")
@click.option("--param", "given", multiple=True, metavar="NAME=VALUE", callback=_pairs, help="A declared parameter.")
def mint(path: str, username: str, given: list[tuple[str, str]]) -> None:
    """Print a token for the person USERNAME from the asset at PATH. It is recorded like any other."""
    from mintmark.fields import read_text
    from mintmark.paths import read_path

    try:
        path, username = read_path(path), read_text(username, "username")
    except FieldError as error:
        refuse(f"{error.field}: {error}")
    try:
        token = _issue(path, username, given)
    except CannotIssue as error:
        from mintmark.examine.findings import Failure

        refuse(f"{path}: {Failure.of(error).words}")
    except MintmarkError as error:
        refuse(f"{path}: {error}")
    click.echo(token)


def _issue(path: str, username: str, given: list[tuple[str, str]]) -> str:
    """Issue as the token endpoint does. Raises a MintmarkError where this person gets none."""
    from mintmark.assets.params import read_params
    from mintmark.people import find_person
    from mintmark.readers import see_that_may_fetch

    mint = get_ready_mint()
    now = mint.clock()
    person = find_person(username)
    if person is None:
        raise NotFound("There is no person of this username.")
    asset, reader = mint.look_up(path, now=now, person=person.id)
    if asset is None:
        raise NotFound(_why_not_live(path))
    if reader is None:
        raise NotFound(f"{person.username} is switched off.")
    see_that_may_fetch(asset, reader)
    _see_declared([param["name"] for param in asset.definition["params"]], given)
    return mint.issue(asset, reader, read_params(asset, given), occasion(now)).token


def _why_not_live(path: str) -> str:
    from mintmark.assets.save import find_asset

    return "This asset is switched off." if find_asset(path) else "There is no asset at this path."


def _see_declared(declared: list[str], given: list[tuple[str, str]]) -> None:
    """A typing slip in a command is an error; the endpoint ignores such names. Raises BadParameters."""
    for name, _ in given:
        if name not in declared:
            known = f"declared are {', '.join(declared)}" if declared else "it declares none"
            raise BadParameters(f"{name[:40]} is no parameter of this asset; {known}.")


@command(commands, "check")
@click.option("--strict", is_flag=True, help="Exit with 1 also where there are only warnings.")
def check(strict: bool) -> None:
    """Try every asset on its real readers and on awkward people; look at who signs people in.

    Standard output: a line for each asset and the sum. Standard error: `error: PATH: …` for what real readers
    would get, `warning: PATH: …` for the rest, `warning: trusted_issuers NAME: …` and `warning: openid_providers
    NAME: …` of those that are live. Exits with 1 where there is an error.
    """
    from mintmark.examine import Examiner, examine_every_asset
    from mintmark.examine.sources import warned_sources

    mint = get_ready_mint()
    examiner = Examiner(now=mint.clock(), site_url=mint.settings.site_url)
    assets = errors = warnings = 0
    for examined in examine_every_asset(examiner, sealer=mint.settings.sealer):
        assets += 1
        for finding in examined.findings:
            errors, warnings = errors + finding.is_error, warnings + (not finding.is_error)
            people = f" [{', '.join(finding.people)}]" if finding.people else ""
            kind = "error" if finding.is_error else "warning"
            click.echo(f"{kind}: {examined.path}: {finding}{people}", err=True)
        click.echo(_summary(examined))
    for source in warned_sources():
        warnings += len(source.words)
        for words in source.words:
            click.echo(f"warning: {source.section} {source.name}: {words}", err=True)
    click.echo(", ".join((_count(assets, "asset"), _count(errors, "error"), _count(warnings, "warning"))))
    if errors or (strict and warnings):
        raise SystemExit(1)


def _summary(examined: "Examined") -> str:
    """Say who may fetch an asset, and how many of them get a token."""
    state = "" if examined.live else "switched off; "
    got = f"{examined.readers - examined.failing:,} of {_count(examined.readers, 'reader')}"
    result = "nobody gets a token" if examined.is_broken else f"a token for {got}"
    return f"{examined.path}: {state}for {examined.who}: {result}"


def _count(amount: int, word: str) -> str:
    return f"{amount:,} {word if amount == 1 else word + 's'}"
