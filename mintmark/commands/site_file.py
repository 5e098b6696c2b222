"""`flask site export`, `flask site import` and `flask site import-matrix`.

Standard output holds the file, the lines of what was changed, or a template; standard error what is wrong
and what may not be meant. Neither ever holds a secret, a private key or a password.
"""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import click

from mintmark.commands import command, occasion, refuse
from mintmark.new_file import made_at
from mintmark.web import get_mint

commands = click.Group("site", help="The site file: everything an administrator keeps, as one document.")


@command(commands, "export")
@click.argument("file", default="-", type=click.Path(dir_okay=False, allow_dash=True))
def export_site(file: str) -> None:
    """Write all but secrets, private keys and passwords to FILE (made readable by its owner alone), or print it."""
    from mintmark import log
    from mintmark.database import bring_up_to_date
    from mintmark.models import writing
    from mintmark.site_file.exporting import site_lines

    mint = get_mint()
    bring_up_to_date(mint.settings)
    try:
        with _output(file) as output:
            with writing():  # Noted before anything leaves.
                log.note("site.exported", occasion(mint.clock()))
            for line in site_lines(sealer=mint.settings.sealer, now=mint.clock()):
                output.write(line.encode())
    except OSError as error:
        refuse(f"{file}: {error.strerror or 'cannot be written'}")


@command(commands, "import")
@click.argument("file", type=click.File("rb"))
@click.option("--dry-run", "is_dry", is_flag=True, help="Say what would be changed, and change nothing.")
@click.option(
    "--prune",
    is_flag=True,
    help="Trash assets, switch off people, trusted issuers and providers that are not in the file; keys stay.",
)
@click.option("--reset-passwords", is_flag=True, help="Set passwords of people who exist already.")
def import_site(file: IO[bytes], is_dry: bool, prune: bool, reset_passwords: bool) -> None:
    """Take over a site file (`-` is standard input): all of it, or nothing."""
    from mintmark.database import bring_up_to_date
    from mintmark.site_file.importing import Import
    from mintmark.site_file.planning import Options
    from mintmark.site_file.reading import MAX_BYTES, read_bytes

    mint = get_mint()
    text = read_bytes(file.read(MAX_BYTES + 1))
    bring_up_to_date(mint.settings)
    options = Options(
        prune=prune, reset_passwords=reset_passwords, environ=os.environ, fetch_also=mint.settings.fetch_also
    )
    one_import = Import(
        text,
        options,
        sealer=mint.settings.sealer,
        by=occasion(mint.clock()),
        clock=mint.clock,
        site_url=mint.settings.site_url,
    )
    imported = one_import.run(is_dry=is_dry)
    if isinstance(sys.stdout, io.TextIOWrapper):  # What is done is done, whatever this terminal can show.
        sys.stdout.reconfigure(errors="backslashreplace")
    for change in imported.changes:
        click.echo(str(change))
    for path, words in imported.warnings:
        click.echo(f"warning: {path}: {words}", err=True)


@command(commands, "import-matrix")
@click.argument("file", default="-", type=click.File("rb"))
def import_matrix(file: IO[bytes]) -> None:
    """Turn the payload of a Squiz Matrix JWT asset into a template; the report, by line, goes to standard error."""
    from mintmark import attributes, matrix
    from mintmark.commands.matrix_report import report_lines
    from mintmark.database import has_site

    try:
        payload = file.read(4 * matrix.MAX_PAYLOAD + 1).decode()
    except UnicodeDecodeError as error:
        refuse(f"payload: is not UTF-8 (byte {error.start})")
    conversion = matrix.convert(payload, attributes.declared() if has_site() else {})
    sys.stdout.buffer.write(conversion.template.rstrip("\n").encode("utf-8", "backslashreplace") + b"\n")
    sys.stdout.flush()
    for line in report_lines(conversion):
        click.echo(line, err=True)
    if not conversion.is_whole:
        raise SystemExit(1)


@contextmanager
def _output(file: str) -> Iterator[IO[bytes]]:
    """Open what is written to. A file is there whole or not at all, and was never readable by others."""
    if file == "-":
        yield sys.stdout.buffer
        sys.stdout.flush()
        return
    path = os.path.realpath(file)
    if os.path.exists(path) and not os.path.isfile(path):
        with open(path, "wb") as device:
            yield device
        return
    with made_at(Path(path), may_replace=True) as draft, draft.open("wb") as output:
        yield output
