"""A Mintmark of the benchmark: filled with signed-in people and an asset, and served as `make run` does."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.serving import PEOPLE, WORKERS, Service, free_port, running

PATH = "/a"
SECRET = "a-secret-for-the-benchmark-0123456789"
TEMPLATE = """{
  "sub": "{{ user.username }}",
  "email": "{{ user.email }}",
  "given_name": "{{ user.first_name }}",
  "family_name": "{{ user.last_name }}",
  "groups": {{ user.groups }},
  "admin": {{ asset.can_edit }}
}"""
Settings = Mapping[str, str]


@contextmanager
def serving(folder: Path, settings: Settings, add: Callable[[Settings], None] | None = None) -> Iterator[Service]:
    """Serve a filled site, with what `add` puts into it. Raises serving.NotServing."""
    overrides = _overrides(folder, settings)
    cookies = folder.with_suffix(".cookies")
    cookies.write_text("\n".join(fill(overrides)))
    if add:
        add(overrides)
    with _served(folder, overrides, cookies) as service:
        yield service


@contextmanager
def another_node(folder: Path, settings: Settings, first: Service) -> Iterator[Service]:
    """Serve the same site from an instance folder of its own: the settings have the sealing key and the database."""
    with _served(folder, _overrides(folder, settings), first.cookies) as service:
        yield service


def _overrides(folder: Path, settings: Settings) -> dict[str, str]:
    return {"INSTANCE": str(folder), "LIMIT_TOKENS": "999999 per minute", "WORKERS": str(WORKERS), **settings}


@contextmanager
def _served(folder: Path, overrides: Settings, cookies: Path) -> Iterator[Service]:
    port = free_port()
    environ = {"MINTMARK_" + name: value for name, value in overrides.items()} | {"MINTMARK_BIND": f"127.0.0.1:{port}"}
    command = [sys.executable, "-m", "mintmark.serve"]
    with running(command, environ, port=port, printed=folder.with_suffix(".log")) as pid:
        yield Service(port, pid, cookies, overrides.get("DATABASE_URL"))


def fill(overrides: Settings) -> list[str]:
    """Make a site with people who are signed in and one asset; return their cookies."""
    from app import create_app
    from mintmark import groups, people, sessions
    from mintmark.database import bring_up_to_date
    from mintmark.log import Occasion
    from mintmark.models import writing

    app, by, cookies = create_app(overrides), Occasion(time.time(), "bench"), []
    signer: Any = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]
    with app.app_context():
        bring_up_to_date(app.extensions["mintmark"].settings)
        with writing():
            staff = groups.make("staff", by=by)
            for number in range(PEOPLE):
                values = {"username": f"person{number}", "email": f"p{number}@example.test", "first_name": "Ann",
                          "last_name": f"O'Brien {number}", "groups": [staff.id]}  # fmt: skip
                session = sessions.begin(people.make(values, by=by), now=by.now, address=None, device="bench")
                cookies.append("mintmark=" + signer.dumps({"_user_id": session.id}))
    add_assets(overrides, {PATH: ("HS256", 0)})
    return cookies


def add_assets(overrides: Settings, wanted: Mapping[str, tuple[str, int]]) -> None:
    """Make assets that differ by what they sign with only: path → algorithm and bits of an RSA key (0: the usual)."""
    from app import create_app
    from mintmark import groups, keypairs
    from mintmark.assets import save
    from mintmark.assets.definition import read_definition
    from mintmark.assets.secrets import read_secret
    from mintmark.keys import making, rings
    from mintmark.log import Occasion
    from mintmark.models import db, writing

    app, by = create_app(overrides), Occasion(time.time(), "bench")
    sealer = app.extensions["mintmark"].settings.sealer
    with app.app_context():
        with writing():
            for path, (algorithm, bits) in wanted.items():
                entered = {"path": path, "name": path, "template": TEMPLATE, "readers": ["staff"]}
                secret = None
                if algorithm == "HS256":
                    secret = read_secret(SECRET, "text", algorithm=algorithm)
                else:
                    pair = keypairs.generate(algorithm, bits=bits or keypairs.USUAL_RSA_BITS)
                    entered["signing_key"] = making.make(pair, None, sealer=sealer, by=by).key_id
                definition = read_definition(
                    entered, group_ids=groups.ids_by_key(), attributes={}, keys=rings.choices()
                )
                save.create(definition, secret, sealer=sealer, by=by)
        db.engine.dispose()
