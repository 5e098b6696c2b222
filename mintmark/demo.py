"""`make demo`: the example site in an instance folder of its own, served like any other, and a relying party beside it.

Nothing in it is secret, and nothing is the same twice: passwords and secrets are made anew at
every start and printed, so that there are no default accounts anywhere (ASVS 6.3.2).
"""

import os
import re
import secrets
import socket
import sys
import time
from pathlib import Path

from flask import Flask

from mintmark import serve
from mintmark.addresses import split_bind
from mintmark.config import PREFIX, SECRET_PREFIX
from mintmark.errors import InvalidFields, MintmarkError
from mintmark.instance import keep_private
from mintmark.receiver import Party, serving

EXAMPLE = Path(__file__).parent.parent / "docs" / "example-site.yaml"
_PEOPLE = ("ada", "ben", "mia")


def main() -> None:
    """Fill the site, play its relying parties, and serve it."""
    keep_private()
    os.environ.setdefault(PREFIX + "INSTANCE", str(Path(__file__).parent.parent / "instance" / "demo"))
    settings = {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}
    for name in secret_names():
        os.environ[name] = secrets.token_urlsafe(48)
    try:
        door = _open_door(settings.get(PREFIX + "BIND", ""))
        passwords, site_url = _fill(serving.address_of(door))
    except InvalidFields as error:
        sys.exit("\n".join(f"error: {field}: {words}" for field, words in error.problems))
    except (MintmarkError, OSError) as error:
        sys.exit(f"error: {error}")
    for username, password in passwords.items():
        print(f"Sign in as {username} with {password}")
    made = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(SECRET_PREFIX)}
    for name, secret in made.items():
        print(f"Tokens of {name.removeprefix(SECRET_PREFIX)} verify with {secret}")
    print(f"Relying party: {serving.address_of(door)}/")
    # It ends with this process, for it holds the other end of a pipe; so the name has to stay.
    playing = serving.start(parties(site_url, made), site_url, door)
    door.close()
    os.environ.update(settings)  # The settings were taken out when the site was filled; serving reads them again.
    serve.main()
    playing.terminate()


def parties(site_url: str, made: dict[str, str]) -> list[Party]:
    """Return the relying parties to which assets of the example go; `made` has their secrets by variable."""

    def secret(name: str) -> bytes:
        return made[f"{SECRET_PREFIX}DEMO_{name}"].encode()

    keys = f"{site_url}/.well-known/jwks/parties/portal"
    return [
        Party(
            "portal", "RS256", jwks_url=keys, audience="authonomy", path="parties/portal", title="Portal", one_time=True
        ),
        Party(
            "board", "HS256", secret("BOARD"), by="fragment", name="access_token",
            path="parties/board", title="Notice board",
        ),
        Party(
            "desk", "HS256", secret("DESK"), by="post", name="jwt",
            path="parties/desk", title="Support desk", one_time=True,
        ),
        Party("widget", "HS256", secret("WIDGET"), by="page", path="parties/widget", title="Chat on a page"),
    ]  # fmt: skip


def _open_door(bind: str) -> socket.socket:
    """Open the relying party's port, beside that of the site where somebody chose one."""
    try:
        taken = split_bind(bind)[1]
    except ValueError:  # Nobody chose one; or it is none, which the site says in a moment.
        taken = serving.PORT - 1
    door = serving.open_door(taken + 1)
    if door.getsockname()[1] != taken + 1:
        print(f"Port {taken + 1} is taken; the relying party takes the next that is free.")
    return door


def secret_names() -> list[str]:
    """Return the variables that the example takes its secrets from."""
    return sorted(set(re.findall(rf"{SECRET_PREFIX}DEMO_[A-Z]+", EXAMPLE.read_text("utf-8"))))


def example(parties_at: str) -> str:
    """Return the example's site file for relying parties at this address."""
    return EXAMPLE.read_text("utf-8").replace(f"http://{serving.HOST}:{serving.PORT}", parties_at)


def _fill(parties_at: str) -> tuple[dict[str, str], str]:
    """Import the example, and give its people new passwords; the service must not be running."""
    from app import create_app
    from mintmark import people
    from mintmark.database import bring_up_to_date
    from mintmark.log import Occasion
    from mintmark.models import db, writing

    app, now = create_app(), time.time()
    with app.app_context():
        mint = app.extensions["mintmark"]
        os.close(serve.lock_instance(mint.settings))
        bring_up_to_date(mint.settings)
        _import_example(app, example(parties_at))
        passwords = {username: secrets.token_urlsafe(12) for username in _PEOPLE}
        with writing():
            for username, password in passwords.items():
                person = people.find_person(username)
                if person is not None:
                    people.set_password(person, password, by=Occasion(now, "demo"))
        db.session.remove()
        db.engine.dispose()
        mint.wire.close()
    return passwords, mint.settings.site_url


def _import_example(app: Flask, text: str) -> None:
    result = app.test_cli_runner().invoke(args=["site", "import", "-"], input=text)
    if result.exit_code:
        raise MintmarkError(result.stderr)


if __name__ == "__main__":
    main()
