"""Make the pictures of README: `python -m docs.screenshots [FOLDER]`, with Chromium and Playwright (`make .venv/ci`).

The example site is filled with a month of tokens by a clock of its own, served on this machine, and
looked at in a real browser, at 1280 and 360 pixels, light and dark. `--all` takes every page.
"""

import argparse
import logging
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
# name → address; what README shows.
SHOWN = {
    "preview": "/account/preview/integrations/helpdesk",
    "dashboard": "/admin?span=week",
    "asset": "/admin/assets/{asset_id}",
    "log": "/admin/log",
    "receiver": "/launch/parties/portal",
}
MORE = {
    "home": "/",
    "assets": "/admin/assets",
    "edit": "/admin/assets/{asset_id}/edit",
    "new-asset": "/admin/assets/new",
    "presets": "/admin/presets",
    "preset": "/admin/presets/zendesk-sso",
    "new-from-preset": "/admin/assets/new?preset=zendesk-sso&ask_subdomain=acme",
    "delivery": "/admin/assets/{asset_id}/delivery",
    "verify": "/admin/assets/{asset_id}/verify",
    "matrix-import": "/admin/matrix-import",
    "secret": "/admin/assets/{asset_id}/secret",
    "revisions": "/admin/assets/{asset_id}/revisions",
    "revision": "/admin/assets/{asset_id}/revisions/2",
    "awkward": "/admin/assets/{asset_id}/awkward",
    "other": "/admin/assets/{asset_id}/preview",
    "move": "/admin/assets/{asset_id}/move",
    "copy": "/admin/assets/{asset_id}/copy",
    "trash": "/admin/assets/{asset_id}/trash",
    "keys": "/admin/keys",
    "new-key": "/admin/keys/new",
    "key": "/admin/keys/{signing_key_id}",
    "next-key": "/admin/keys/{signing_key_id}/next",
    "revoke-key": "/admin/keys/{signing_key_id}/revoke",
    "key-asset": "/admin/assets/{key_asset_id}",
    "key-of-asset": "/admin/assets/{key_asset_id}/secret",
    "log-of-key": "/admin/log?kid={key_id}",
    "people": "/admin/people",
    "new-person": "/admin/people/new",
    "person": "/admin/people/{person_id}",
    "edit-person": "/admin/people/{person_id}/edit",
    "groups": "/admin/groups",
    "group": "/admin/groups/{group_id}",
    "attributes": "/admin/attributes",
    "record": "/admin/log/{row_id}",
    "account": "/account",
    "sessions": "/account/sessions",
    "password": "/account/password",
    "inspect": "/account/inspect",
    "help": "/help",
    "nothing": "/admin/nothing",
}
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


class Clock:
    """A clock that is set, so that a month passes in seconds."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        """Return the moment."""
        return self.now


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(prog="python -m docs.screenshots", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=HERE / "screenshots")
    parser.add_argument("--all", action="store_true", help="every page, both widths, light and dark")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as instance, _site(instance) as (address, cookie, ids):
        _take(arguments.folder, address, cookie, ids, is_all=arguments.all)


@contextmanager
def _site(instance: str) -> Iterator[tuple[str, str, dict[str, str]]]:
    from werkzeug.serving import make_server

    from app import create_app
    from mintmark import demo
    from mintmark.database import bring_up_to_date
    from mintmark.receiver import make_receiver, open_door, serving

    clock = Clock()
    app = create_app({"INSTANCE": instance, "LIMIT_TOKENS": "999999 per minute"}, clock=clock)
    with app.app_context():
        bring_up_to_date(app.extensions["mintmark"].settings)
    made = {name: f"a secret of the example site, {name:>40}" for name in demo.secret_names()}
    os.environ.update(made)
    door = open_door()
    cookie, ids = _fill(app, clock, demo.example(serving.address_of(door)))
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    address = f"http://127.0.0.1:{server.port}"
    receiver = serving.make_server(make_receiver(demo.parties(address, made), address, clock), door)
    for each in (server, receiver):
        threading.Thread(target=each.serve_forever, daemon=True).start()
    yield address, cookie, ids
    for each in (server, receiver):
        each.shutdown()


def _fill(app: Any, clock: Clock, example: str) -> tuple[str, dict[str, str]]:
    """Import the example site and let a month go by; return ada's cookie and the ids that addresses need."""
    from mintmark import counts
    from mintmark.models import db

    end, month = clock.now, 30 * 86_400
    clock.now = end - month - 60
    _run(app, "site", "import", "-", text=example)
    for step in range(600):
        clock.now = end - month + step * month / 600
        if step == 400:
            _run(app, "keys", "rotate", "demo-2026", "--next-id", "demo-2027")
        hour = int(clock.now) // 3600 % 24
        for username in ("ada", "ben", "mia")[: 1 + (step * 7 + hour) % 3]:
            _signed_in(app, clock, username).get(f"/{_paths(app)[step * 7 % len(_paths(app))]}")
    clock.now = end
    _run(app, "keys", "plan", "demo-2027", "--every", "90", "--keys", "2")
    cookie = _signed_in(app, clock, "ada").get_cookie("mintmark").value
    with app.app_context():
        clock.now = end + 60
        while counts.catch_up(db.engine, now=clock.now):
            pass
        db.session.remove()
    clock.now = end
    return cookie, _ids(app)


def _run(app: Any, *words: str, text: str | None = None) -> None:
    result = app.test_cli_runner().invoke(args=list(words), input=text)
    assert result.exit_code == 0, result.output


def _paths(app: Any) -> list[str]:
    from mintmark.models import Asset, db

    if "paths" not in _kept:
        with app.app_context():
            _kept["paths"] = list(db.session.scalars(db.select(Asset.path).order_by(Asset.path)))
    return _kept["paths"]


_kept: dict[str, list[str]] = {}


def _signed_in(app: Any, clock: Clock, username: str) -> Any:
    from mintmark import sessions
    from mintmark.models import writing
    from mintmark.people import find_person

    client = app.test_client()
    with app.app_context(), writing():
        device = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
        session = sessions.begin(find_person(username), now=clock.now, address="192.0.2.7", device=device)
        session_id = session.id
    with client.session_transaction() as cookie:
        cookie["_user_id"] = session_id
    return client


def _ids(app: Any) -> dict[str, str]:
    from mintmark.models import Asset, Group, LogRow, Person, SigningKey, db

    with app.app_context():
        key = db.session.execute(db.select(SigningKey).where(SigningKey.key_id == "demo-2027")).scalar_one()
        return {
            "signing_key_id": key.id,
            "key_id": key.key_id,
            "key_asset_id": db.session.scalar(db.select(Asset.id).where(Asset.ring_id == key.ring_id)) or "",
            "asset_id": db.session.scalar(db.select(Asset.id).where(Asset.path == "integrations/helpdesk")) or "",
            "person_id": db.session.scalar(db.select(Person.id).where(Person.username == "ben")) or "",
            "group_id": db.session.scalar(db.select(Group.id).order_by(Group.name_key)) or "",
            "row_id": str(db.session.scalar(db.select(LogRow.id).where(LogRow.event == "token.issued").limit(1))),
        }


def _take(folder: Path, address: str, cookie: str, ids: dict[str, str], *, is_all: bool) -> None:
    from playwright.sync_api import sync_playwright

    pages = SHOWN | MORE if is_all else SHOWN
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium") or "chromium"
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        for width, scheme in ((1280, "light"), (1280, "dark"), (360, "light"), (360, "dark")):
            context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
            context.add_cookies([{"name": "mintmark", "value": cookie, "url": address}])
            page = context.new_page()
            for name, path in pages.items():
                is_in_readme = (width, scheme) == ((360, "dark") if name in ("asset", "log") else (1280, "light"))
                if not is_all and not is_in_readme:
                    continue
                page.goto(address + path.format(**ids))
                if name == "preview":
                    page.get_by_role("button", name="Issue a token").click()
                    page.wait_for_load_state()
                page.screenshot(path=folder / f"{name}-{width}-{scheme}.png", full_page=is_all)
            context.close()
        browser.close()


if __name__ == "__main__":
    main()
