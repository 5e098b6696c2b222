"""`make demo`: the example site in an instance folder of its own, served like any other.

Nothing in it is secret, and nothing is the same twice: passwords and secrets are made anew at
every start and printed, so that there are no default accounts anywhere (ASVS 6.3.2).
"""

import os
import secrets
import sys
import time
from pathlib import Path

from flask import Flask

from mintmark import serve
from mintmark.config import PREFIX, SECRET_PREFIX
from mintmark.errors import InvalidFields, MintmarkError
from mintmark.instance import keep_private

EXAMPLE = Path(__file__).parent.parent / "docs" / "example-site.yaml"
_PEOPLE = ("ada", "ben", "mia")


def main() -> None:
    """Fill the site and serve it."""
    keep_private()
    os.environ.setdefault(PREFIX + "INSTANCE", str(Path(__file__).parent.parent / "instance" / "demo"))
    settings = {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}
    for name in ("HELPDESK", "CHAT", "EDITOR", "ROOM"):
        os.environ[f"{SECRET_PREFIX}DEMO_{name}"] = secrets.token_urlsafe(48)
    try:
        passwords = _fill()
    except InvalidFields as error:
        sys.exit("\n".join(f"error: {field}: {words}" for field, words in error.problems))
    except MintmarkError as error:
        sys.exit(f"error: {error}")
    for username, password in passwords.items():
        print(f"Sign in as {username} with {password}")
    for name in [name for name in os.environ if name.startswith(SECRET_PREFIX)]:
        print(f"Tokens of {name.removeprefix(SECRET_PREFIX)} verify with {os.environ[name]}")
    for name in [name for name in os.environ if name.startswith(SECRET_PREFIX)]:
        del os.environ[name]
    os.environ.update(settings)  # The settings were taken out when the site was filled; serving reads them again.
    serve.main()


def _fill() -> dict[str, str]:
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
        _import_example(app)
        passwords = {username: secrets.token_urlsafe(12) for username in _PEOPLE}
        with writing():
            for username, password in passwords.items():
                person = people.find_person(username)
                if person is not None:
                    people.set_password(person, password, by=Occasion(now, "demo"))
        db.session.remove()
        db.engine.dispose()
        mint.wire.close()
    return passwords


def _import_example(app: Flask) -> None:
    result = app.test_cli_runner().invoke(args=["site", "import", str(EXAMPLE)])
    if result.exit_code:
        raise MintmarkError(result.stderr)


if __name__ == "__main__":
    main()
