"""Pages in a real browser: axe, widths, the keyboard, copying, and the policy that forbids inline code."""

import logging
import os
import shutil
import threading
from pathlib import Path

import pytest
from werkzeug.serving import make_server

from mintmark import site
from tests.conftest import PASSWORD, skip_or_fail
from tests.making import make_asset, make_person

pytestmark = pytest.mark.slow
AXE = Path(__file__).parent / "node_modules/axe-core/axe.min.js"
ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync"
).split()
HOSTILE = 'שלום "><img src=x onerror=alert(1)> ' + "Donaudampfschifffahrtsgesellschaft" * 5
LONG_PATH = "z/" + "long-segment-" * 19 + "end"


@pytest.fixture(scope="module")
def chromium():
    """A headless Chromium for all tests of this file."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        skip_or_fail("playwright is not installed: pip install -r requirements-ci.lock")
    path = os.environ.get("TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not path:
        skip_or_fail("There is no chromium on the PATH; TEST_CHROMIUM may say where one is")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def address(sqlite_house):
    """The address of a site that listens, until the test ends."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, sqlite_house.app, threaded=True)
    server.daemon_threads, server.block_on_close = False, True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def open_page(chromium, address):
    """Open pages in contexts of their own; fails where one runs into an error or breaks the policy."""
    contexts, wrong = [], []

    def hear(message):
        if message.type == "error" and "the server responded with a status of 4" not in message.text:
            wrong.append(message.text)

    def new(**options):
        contexts.append(chromium.new_context(base_url=address, **options))
        page = contexts[-1].new_page()
        page.on("console", hear)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        return page

    yield new
    for context in contexts:
        context.close()
    assert wrong == []


def sign_in(page, username):
    page.goto("/login")
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/")


def see_that_it_holds(page):
    """Every width without a horizontal bar; axe finds nothing at 360 and 1280, nor in the dark."""
    if not AXE.exists():
        skip_or_fail("axe-core is not installed: npm ci in tests/")
    page.evaluate(AXE.read_text("utf-8"))
    for width in (360, 640, 768, 1024, 1280, 1600):
        page.set_viewport_size({"width": width, "height": 800})
        for element in ("document.documentElement", "document.querySelector('main')"):
            assert page.evaluate(f"{element}.scrollWidth <= {element}.clientWidth"), (page.url, width)
    for width in (360, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        for scheme in ("light", "dark") if width == 360 else ("light",):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            # What the dark changes are colours, at every width the same; all else was looked at in the light.
            rules = "" if scheme == "light" else "{runOnly: ['color-contrast', 'link-in-text-block']}"
            result = page.evaluate(f"axe.run({rules})")
            found = [(each["id"], [node["html"] for node in each["nodes"]]) for each in result["violations"]]
            assert found == [], (page.url, width, scheme)
            assert len(result["passes"]) > (10 if scheme == "light" else 0), "axe looked at hardly anything"


def press_through(page, key, times):
    """Return the words of what has the focus after each press."""
    reached = []
    for _ in range(times):
        page.keyboard.press(key)
        reached.append(" ".join(page.locator(":focus").text_content().split()))
    return reached


def test_pages_for_strangers(sqlite_house, open_page):
    make_person(sqlite_house, "ada", is_admin=True)
    page = open_page()
    page.goto("/login")
    see_that_it_holds(page)
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("alert").wait_for()
    see_that_it_holds(page)
    page.goto("/setup?code=wrong")
    see_that_it_holds(page)


def test_the_first_link_makes_an_administrator(sqlite_house, open_page):
    page = open_page()
    with sqlite_house.app.app_context():
        page.goto("/setup?code=" + site.setup_code(sealer=sqlite_house.mint.settings.sealer))
    see_that_it_holds(page)
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill("aaaaaaaaaaaaaaaa")
    page.get_by_role("button", name="Become").click()
    page.get_by_role("alert").wait_for()
    see_that_it_holds(page)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Become").click()
    page.wait_for_url("**/")
    assert "Make an asset" in page.get_by_role("main").inner_text()
    see_that_it_holds(page)


@pytest.mark.parametrize("is_insecure", [False, True])
def test_home(sqlite_house, open_page, monkeypatch, is_insecure):
    monkeypatch.setitem(sqlite_house.app.jinja_env.globals, "is_insecure", is_insecure)
    make_person(sqlite_house, "ben", display_name=HOSTILE)
    page = open_page()
    sign_in(page, "ben")
    see_that_it_holds(page)
    page.goto("/?after=zzz")
    see_that_it_holds(page)
    make_asset(sqlite_house, "one", name="One")
    page.goto("/")
    see_that_it_holds(page)
    make_asset(sqlite_house, "never", name=HOSTILE, lifetime=None)
    make_asset(sqlite_house, LONG_PATH, name="W" * 255, params=[{"name": "nonce"}], lifetime=31_535_999)
    page.goto("/")
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    see_that_it_holds(page)


def test_a_refused_form(sqlite_house, open_page):
    make_person(sqlite_house, "ben")
    page = open_page()
    sign_in(page, "ben")
    page.evaluate("document.querySelector('[name=csrf_token]').value = 'another'")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="This form was refused").wait_for()
    see_that_it_holds(page)


@pytest.mark.parametrize("has_script", [True, False])
def test_the_keyboard_alone_signs_in_and_out(sqlite_house, open_page, has_script):
    make_person(sqlite_house, "ben")
    make_asset(sqlite_house, "one", name="One")
    page = open_page(java_script_enabled=has_script)
    page.goto("/login")
    page.locator("#username:focus").wait_for()
    page.keyboard.type("ben")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/")
    page.keyboard.press("Tab")
    assert page.locator(":focus").inner_text() == "Skip to the page"
    page.keyboard.press("Enter")
    reached = press_through(page, "Tab", 4 if has_script else 3)
    wanted = ["Preview One", "Download a token of One", "Fetch it from a page of this site: One"]
    assert reached == [*wanted, "Copy the example of One"][: len(reached)]
    assert press_through(page, "Shift+Tab", len(reached) + 3)[-4:] == ["Help", "Account", "Home", "Sign out"]
    page.keyboard.press("Enter")
    page.wait_for_url("**/login")


def test_what_has_the_focus_is_seen(sqlite_house, open_page):
    make_person(sqlite_house, "ben")
    make_asset(sqlite_house, "one", name="One")
    page = open_page()
    sign_in(page, "ben")
    seen = set()
    for _ in range(9):
        page.keyboard.press("Tab")
        style = "getComputedStyle(document.activeElement)"
        assert page.evaluate(f"[{style}.outlineStyle, {style}.outlineWidth]") == ["solid", "3px"]
        seen.add(page.evaluate("document.activeElement.tagName"))
    assert seen == {"A", "BUTTON", "SUMMARY"}


def test_copy_copies_and_says_so(sqlite_house, open_page):
    make_person(sqlite_house, "ben")
    make_asset(sqlite_house, "one", name="One")
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    sign_in(page, "ben")
    page.get_by_role("button", name="Copy the example of One").click()
    page.get_by_role("status").get_by_text("Copied", exact=True).wait_for(state="attached")
    text = page.evaluate("navigator.clipboard.readText()")
    assert text == page.locator(".example code").text_content()
    assert text.startswith('const answer = await fetch("/one"')
    page.get_by_role("button", name="Copy the example of One").wait_for()
    assert page.evaluate(f"(async () => {{ {text}; return token.split('.').length; }})()") == 3


@pytest.mark.parametrize("can_copy, words", [(True, "Copied"), (False, "Selected: copy it with your keyboard")])
def test_copy_without_a_clipboard_selects_the_text(sqlite_house, open_page, can_copy, words):
    make_person(sqlite_house, "ben")
    make_asset(sqlite_house, "one", name="One")
    page = open_page()
    page.add_init_script("Object.defineProperty(navigator, 'clipboard', {value: undefined});")
    if not can_copy:
        page.add_init_script("document.execCommand = () => false;")
    sign_in(page, "ben")
    page.get_by_role("button", name="Copy the example of One").click()
    page.get_by_role("status").get_by_text(words, exact=True).wait_for(state="attached")
    assert page.evaluate("String(getSelection())").strip() == page.locator(".example code").text_content()


def test_without_script_nothing_is_offered_that_does_not_work(sqlite_house, open_page):
    make_person(sqlite_house, "ben")
    make_asset(sqlite_house, "one", name="One")
    page = open_page(java_script_enabled=False)
    sign_in(page, "ben")
    assert page.get_by_role("button").all_inner_texts() == ["Sign out"]
    with page.expect_download() as download:
        page.get_by_role("link", name="Download a token of One").click()
    assert download.value.path().read_text().count(".") == 2


def test_nothing_moves_for_those_who_ask_for_none(open_page):
    page = open_page()
    for wish, seconds in (("reduce", {"0s"}), ("no-preference", {"0.12s"})):
        page.emulate_media(reduced_motion=wish)
        page.goto("/login")
        durations = page.evaluate("getComputedStyle(document.querySelector('button')).transitionDuration")
        assert set(durations.split(", ")) == seconds
