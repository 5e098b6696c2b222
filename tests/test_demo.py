"""The demo: everything in the example works with the relying party beside it, from the first start on."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from werkzeug.test import Client

from mintmark import demo
from mintmark.contracts import find_breach, read_contract
from mintmark.receiver import make_receiver, open_door
from tests.conftest import House
from tests.serving import ROOT, free_port, served
from tests.test_browser_pages import chromium, see_that_it_holds  # noqa: F401 — a fixture.
from tests.test_pages import Page
from tests.test_receiver import open_cmdline, shown


@pytest.fixture
def example_house(sqlite_house, monkeypatch):
    """The example site at an address, and its relying parties, who ask it for its keys."""
    house = House({**sqlite_house.overrides, "BIND": f"127.0.0.1:{free_port()}"})
    made = {name: f"{name}, and more than enough characters of it" for name in demo.secret_names()}
    for name, secret in made.items():
        monkeypatch.setenv(name, secret)
    with served(house) as url:
        result = house.run("site", "import", "-", input=demo.example("http://127.0.0.1:7999"))
        assert result.exit_code == 0, result.output
        house.parties = demo.parties(url, made)
        house.receiver = Client(make_receiver(house.parties, url, clock=house.clock))
        yield house
    house.close()


def test_each_relying_party_of_the_example_verifies_what_its_asset_launches(example_house):
    house = example_house
    ada, ways = house.signed_in("ada"), {}

    for party in house.parties:
        if party.by == "page":
            answer = house.receiver.post(f"/{party.slug}/verify", json={"token": ada.get(f"/{party.path}").text})
            assert answer.json["verdict"] == "Verified", answer.json
            ways[party.by] = answer.json["claims"]
            continue
        launched = ada.get(f"/launch/{party.path}")
        if party.by == "post":
            page = Page(launched.text)
            form = {party.name: page.one("input", name=party.name)["value"]}
            assert page.one("form", action="http://127.0.0.1:7999/desk")
            verdict, ways["post"] = shown(house.receiver.post("/desk", data=form))
        else:
            to = urlsplit(launched.location)
            assert (to.netloc, to.path) == ("127.0.0.1:7999", f"/{party.slug}")
            token = parse_qs(getattr(to, party.by))[party.name][0]
            if party.by == "query":
                verdict, ways["query"] = shown(house.receiver.get(f"{to.path}?{to.query}"))
            else:
                answer = house.receiver.post(f"/{party.slug}/verify", json={"token": token}).json
                verdict, ways["fragment"] = answer["verdict"], answer["claims"]
        assert verdict == "Verified", party
    assert set(ways) == {"query", "fragment", "post", "page"}
    assert ways["query"]["email"] == ways["post"]["email"] == "ada@example.test"
    assert ways["fragment"]["sub"] == ways["page"]["sub"] == "ada"


@pytest.mark.slow
def test_the_example_checks_well_and_a_token_for_one_party_is_refused_by_another(example_house):
    house = example_house
    checked = house.run("check")
    assert checked.exit_code == 0, checked.output
    origin = {"Origin": "http://127.0.0.1:7999"}
    ada = house.signed_in("ada")
    answer = ada.get("/parties/widget", headers=origin)
    assert answer.headers["Access-Control-Allow-Origin"] == origin["Origin"]
    for path, slug, reason in (
        (
            "editors/together",
            "portal",
            "for somebody else",
        ),  # The same key signs it: the audience is what tells them apart.
        ("parties/desk", "board", "signature does not fit"),
        ("parties/board", "portal", "another algorithm"),
    ):
        verdict = house.receiver.post(f"/{slug}/verify", json={"token": ada.get(f"/{path}").text}).json
        assert verdict["verdict"] == "Refused" and reason in verdict["reasons"][0], (path, verdict["reasons"])


def test_the_contract_that_readme_shows_is_one():
    shown_there = re.search(r"```yaml\n(contract:\n.*?)```", (ROOT / "README.md").read_text(), re.S)[1]
    definition = yaml.safe_load(shown_there)["contract"]
    good = {"aud": "desk", "email": "a@b.test", "role": "guest", "iat": 1, "exp": 601}

    contract = read_contract(definition)
    assert find_breach(contract, good, {"alg": "RS256", "kid": "a"}) is None
    for wrong in ({"iss": "x"}, {"role": "admin"}, {"email": "a"}, {"exp": 602}, {"aud": "chat"}):
        assert find_breach(contract, good | wrong, {"alg": "RS256", "kid": "a"}), wrong


class Running:
    """`python -m mintmark.demo` in an instance folder of its own."""

    def __init__(self, tmp_path):
        self.port, self.log = free_port(), tmp_path / "demo.log"
        self.instance = tmp_path / "demo"

    def start(self):
        environ = {**os.environ, "MINTMARK_INSTANCE": str(self.instance), "MINTMARK_BIND": f"127.0.0.1:{self.port}"}
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "mintmark.demo"], cwd=ROOT, env=environ, stdout=log, stderr=subprocess.STDOUT
            )
        self._wait()
        said = self.log.read_text()
        self.receiver = re.search(r"^Relying party: (http://127\.0\.0\.1:\d+)/$", said, re.M)[1]
        self.passwords = dict(re.findall(r"^Sign in as (\w+) with (\S+)$", said, re.M))
        self.secrets = re.findall(r"^Tokens of DEMO_\w+ verify with (\S+)$", said, re.M)

    @property
    def site(self):
        return f"http://127.0.0.1:{self.port}"

    def _wait(self):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log.read_text()
            try:
                urllib.request.urlopen(f"{self.site}/login", timeout=2).close()
                address = re.search(r"Relying party: (\S+)", self.log.read_text())[1]
                urllib.request.urlopen(address, timeout=2).close()
                return
            except OSError:
                time.sleep(0.05)
        raise AssertionError(self.log.read_text())

    def children(self):
        of_process = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in of_process.read_text().split()]

    def end(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(20)


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """The demo at its first start, with the port beside its own taken."""
    running = Running(tmp_path_factory.mktemp("demo"))
    with open_door(running.port + 1) as taken:
        running.taken = taken.getsockname()[1]
        running.start()
        try:
            yield running
        finally:
            running.end()


def see_that_no_other_process_shows_its_secrets(running):
    """Look where `ps` looks."""
    assert len(running.children()) == 3 and len(set(running.secrets)) == len(running.secrets) == 8
    for pid in [running.process.pid, *running.children()]:
        for what in ("cmdline", "environ"):
            told = Path(f"/proc/{pid}/{what}").read_text()
            assert not [secret for secret in running.secrets if secret in told], what


def see_that_nothing_is_left(running, children):
    deadline = time.monotonic() + 8
    while any(map(open_cmdline, children)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(open_cmdline, children))
    for address in (running.site, running.receiver):
        with pytest.raises(OSError):
            urllib.request.urlopen(address, timeout=2)


@pytest.mark.slow
def test_a_newcomer_goes_all_four_ways_in_a_browser(running, chromium):  # noqa: F811 — the fixture.
    wrong = []
    context = chromium.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))

    def verdict():
        page.wait_for_selector("#verdict:not(:empty)")
        return page.locator("#verdict").inner_text()

    page.goto(running.receiver)
    see_that_it_holds(page)
    page.get_by_role("link", name="Portal").click()
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill(running.passwords["ada"])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{running.receiver}/portal")  # The token is in the address no more.
    assert verdict() == "Verified" and '"email": "ada@example.test"' in page.locator("#claims").inner_text()
    see_that_it_holds(page)
    for name, path in (("Notice board", "/board"), ("Support desk", "/desk")):
        page.goto(running.receiver)
        page.get_by_role("link", name=name).click()
        page.wait_for_url(running.receiver + path)
        assert verdict() == "Verified"
    page.reload()  # The browser posts the form once more.
    assert verdict() == "Refused" and "seen before" in page.locator("#reasons").inner_text()
    see_that_it_holds(page)
    page.goto(f"{running.receiver}/board#access_token=a.b.c&state=<b>x")
    assert verdict() == "Refused" and page.url == f"{running.receiver}/board"
    assert page.locator("#beside").inner_text() == "state: <b>x"
    page.goto(running.receiver)
    page.get_by_role("link", name="Chat on a page").click()
    assert verdict() == "Verified" and '"sub": "ada"' in page.locator("#claims").inner_text()
    assert context.cookies(running.receiver + "/widget") == context.cookies(running.site)  # It has none of its own.
    context.clear_cookies()
    page.reload()
    page.get_by_text("Nobody is signed in at Mintmark").wait_for()
    assert [words for words in wrong if "status of 403" not in words] == []
    assert not re.search(r"eyJ|token=", running.log.read_text())
    context.close()


@pytest.mark.slow
def test_the_demo_starts_again_at_other_ports_tells_no_secrets_and_leaves_nothing_behind(running):
    first = running  # Last of those that use it.
    assert f"Port {first.port + 1} is taken" in first.log.read_text() or first.taken > first.port + 1
    assert first.receiver != f"http://127.0.0.1:{first.port + 1}"
    see_that_no_other_process_shows_its_secrets(first)
    children = first.children()
    first.end(signal.SIGKILL)
    see_that_nothing_is_left(first, children)

    again = Running(first.instance.parent)
    again.port = first.port + 10
    again.start()  # What there is stays, with new passwords and secrets, and its parties where they are now.
    try:
        assert set(again.secrets).isdisjoint(first.secrets) and again.passwords.keys() == first.passwords.keys()
        assert again.receiver != first.receiver
        site = House({"INSTANCE": str(again.instance)})
        export = site.run("site", "export").output
        site.close()
        assert f"{again.receiver}/portal" in export and first.receiver not in export
        children = again.children()
    finally:
        again.end(signal.SIGINT)
    see_that_nothing_is_left(again, children)
