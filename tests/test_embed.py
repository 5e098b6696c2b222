"""mintmark.js in a real browser: tokens without a gap, and which pages can read one.

The pages that embed are of other ports of 127.0.0.1: other origins of the same site, so that the session cookie
goes along and nothing but the list decides. `localhost` is another site. The site's clock is months away from
the browser's, and runs.
"""

import shutil
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
import pytest

from mintmark import sessions
from mintmark.models import writing
from tests.conftest import SEALING_KEY, SECRET, START, House
from tests.making import make_asset, make_group, make_person
from tests.serving import free_port, served
from tests.test_browser_pages import chromium  # noqa: F401 — the fixture.

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
EMBED = """
  ({path, ...options}) => {
    const seen = window.seen = {tokens: [], errors: [], signedOut: 0};
    window.tokens = mintmark(path, {
      onSignedOut() { seen.signedOut += 1; },
      onError(error) { seen.errors.push([error.status, error.reason, error.request]); },
      ...options,
    });
  }
"""
LOAD = """
  (src) => new Promise((done, failed) => {
    document.head.append(Object.assign(document.createElement("script"), {src, onload: done, onerror: failed}));
  })
"""
# What a page may try in order to have a token of another origin: each gives what it could read.
TRIES = {
    "fetch": "fetch(url, {credentials: 'include'}).then((answer) => answer.text())",
    "fetch without credentials": "fetch(url).then((answer) => answer.text())",
    "fetch no-cors": "fetch(url, {credentials: 'include', mode: 'no-cors'}).then((answer) => answer.text())",
    "fetch no-cors post": "fetch(url, {credentials: 'include', mode: 'no-cors', method: 'POST', body: '{}'}).then((answer) => answer.text())",
    "fetch json post": "fetch(url, {credentials: 'include', method: 'POST', body: '{}', headers: {'Content-Type': 'application/json'}}).then((answer) => answer.text())",
    "xhr": """new Promise((done) => {
        const request = new XMLHttpRequest();
        request.open("GET", url);
        request.withCredentials = true;
        request.onloadend = () => done(request.responseText);
        request.send();
    })""",
    "script": "element('script', {src: url})",
    "module": "element('script', {src: url, type: 'module', crossOrigin: 'use-credentials'})",
    "import": "import(url).then((module) => JSON.stringify(module))",
    "img": "element('img', {src: url})",
    "object": "element('object', {data: url, type: 'text/plain'})",
    "stylesheet": "element('link', {rel: 'stylesheet', href: url})",
    "prefetch": "element('link', {rel: 'prefetch', href: url})",
    "iframe": "element('iframe', {src: url}).then((frame) => frame?.contentDocument?.body.innerText)",
    "form post in a frame": """element('iframe', {name: 'there', src: 'about:blank'}).then(async (frame) => {
        const form = document.createElement('form');
        Object.assign(form, {action: url, method: 'post', target: 'there', enctype: 'text/plain'});
        document.body.append(form);
        form.submit();
        await new Promise((done) => setTimeout(done, 300));
        return frame?.contentDocument?.body.innerText;
    })""",
    "beacon": "String(navigator.sendBeacon(url, '{}'))",
    "event source": "new Promise((done) => { new EventSource(url, {withCredentials: true}).onerror = () => done('error'); })",
    "opaque origin": """new Promise((done) => {
        addEventListener('message', (message) => done(message.data), {once: true});
        const srcdoc = `<script>fetch('${url}', {credentials: 'include'}).then((answer) => answer.text()).then(
            (text) => parent.postMessage(text, '*'), () => parent.postMessage('refused', '*'))<` + '/script>';
        document.body.append(Object.assign(document.createElement('iframe'), {sandbox: 'allow-scripts', srcdoc}));
    })""",
    "mintmark.js": "mintmark(url).get()",
}
TRY = """
  async ([code, url]) => {
    const element = (name, properties) => new Promise((done) => {
      const made = Object.assign(document.createElement(name), properties);
      made.onload = () => done(made);
      made.onerror = () => done(null);
      setTimeout(() => done(made), 1000);
      document.body.append(made);
    });
    try {
      const found = await new Function("element", "url", `return (async () => (${code}))()`)(element, url);
      return typeof found === "string" ? found : "";
    } catch (error) {
      return "refused: " + error.message;
    }
  }
"""


# No jitter: each renewal at 60 % of a life, each second try after a second.
SOONEST = "() => { Math.random = () => 0; }"
# All at once, for some wait a second for what never comes.
TRY_ALL = "([one, codes, url]) => Promise.all(codes.map((code) => (0, eval)(one)([code, url])))"


class _Running:
    """A clock that runs from START on, months away from the clock of this machine."""

    def __init__(self):
        self.ahead = START - time.time()

    def __get__(self, clock, owner):
        return time.time() + self.ahead


class Pages:
    """Another origin with an empty page at every address."""

    def __init__(self, host="127.0.0.1"):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(b"<!doctype html><title>A page</title><body></body>")

            def log_message(self, *words):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://{host}:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Site:
    """A site that listens, a page of a listed origin, of one that is not listed, and of a listed one of another site."""

    def __init__(self, house, address):
        self.house, self.address = house, address
        self.listed, self.stranger, self.other_site = Pages(), Pages(), Pages("localhost")
        self.origins = [self.listed.origin, self.other_site.origin]
        self.person_id = make_person(house, "ben", first_name="Zoë ÿþ¿ 💥")
        template = '{"sub": "{{ user.username }}", "name": "{{ user.first_name }}"}'
        make_asset(house, "chat", template, lifetime=10, origins=self.origins)
        make_asset(house, "year", lifetime=31_536_000)
        make_asset(house, "endless", lifetime=None)
        make_group(house, "staff")
        make_asset(house, "staff", readers=["staff"])
        params = [{"name": "room"}]
        both = {"form": "json", "field": "a token", "beside": {"ok": True}, "methods": ["GET", "POST"]}
        make_asset(house, "both", '{"sub": "x", "room": "{{ params.room }}"}', answer=both, params=params)
        make_person(house, "eve", first_name="Eve")
        make_asset(house, "open", answer={"form": "json", "methods": ["GET", "POST"]}, origins=self.origins)

    def issued(self):
        return len(self.house.log("token.issued"))

    def page(self, context, origin=None):
        """Open a page that has loaded the script: one of another origin, or the site's own under its strict policy."""
        page = context.new_page()
        page.goto(f"{origin or self.address}/")
        page.evaluate(LOAD, f"{self.address}/static/mintmark.js")
        return page


def wait_until(page, expression, seconds=9):
    """Wait until something is true on a page. Playwright's own waiting evaluates text there, which the policy forbids."""
    deadline = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, expression
        page.wait_for_timeout(20)


@pytest.fixture(scope="module")
def site(tmp_path_factory, empty_sqlite):
    """The site for the pages of all tests."""
    instance = tmp_path_factory.mktemp("embed")
    instance.chmod(0o700)
    shutil.copy(empty_sqlite, instance / "mintmark.sqlite")
    overrides = {"INSTANCE": str(instance), "SEALING_KEY": SEALING_KEY, "SQLITE_SYNCHRONOUS": "normal"}
    house = House({**overrides, "BIND": f"127.0.0.1:{free_port()}"})
    house.clock.__dict__.clear()
    house.clock.__class__ = type("RunningClock", (), {"now": _Running(), "__call__": lambda self: self.now})
    with served(house) as address:
        site = Site(house, address)
        yield site
        for pages in (site.listed, site.stranger, site.other_site):
            pages.close()
    house.close()


@pytest.fixture
def context(site, chromium):  # noqa: F811 — the fixture.
    """A browser in which ben is signed in."""
    context = chromium.new_context()
    sign_in(context, site, "ben")
    yield context
    context.close()


def sign_in(context, site, username):
    value = site.house.signed_in(username).get_cookie("mintmark").value
    cookie = {"name": "mintmark", "value": value, "url": site.address, "httpOnly": True, "sameSite": "Lax"}
    context.add_cookies([cookie])


def claims_of(token):
    options = {"verify_exp": False, "verify_iat": False}
    return jwt.decode(token, SECRET, algorithms=["HS256"], options=options)


def test_ten_second_tokens_are_renewed_three_times_without_a_gap_and_sign_out_is_told(site, context):
    # Given a page of a listed origin that embeds a token of ten seconds,
    page = site.page(context, site.listed.origin)
    before = site.issued()
    page.evaluate(SOONEST)
    page.evaluate(EMBED, {"path": f"{site.address}/chat"})
    assert site.issued() == before, "nothing is fetched before somebody asks"
    page.evaluate("window.tokens.get()")

    # when it asks all the time for as long as three renewals take,
    seen, slowest, least = [], 0.0, 10.0
    deadline = time.monotonic() + 26
    while len(seen) < 4 and time.monotonic() < deadline:
        asked = time.monotonic()
        token = page.evaluate("window.tokens.get()")
        slowest = max(slowest, time.monotonic() - asked)
        least = min(least, claims_of(token)["exp"] - site.house.clock())
        seen += [token] if token not in seen else []
        time.sleep(0.1)

    # then it had a good token at every moment, and no more of them than it needed.
    assert len(seen) == 4, f"{len(seen) - 1} renewals"
    assert least > 0.5 and slowest < 1
    assert site.issued() == before + 4
    assert [claims_of(token)["name"] for token in seen] == ["Zoë ÿþ¿ 💥"] * 4
    assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
    assert page.evaluate("window.seen") == {"tokens": [], "errors": [], "signedOut": 0}

    # And when the person signs out, it is told once, within the life of the token, and nothing is asked for any more.
    with site.house.app.app_context(), writing():
        sessions.end_all(site.person_id, by=site.house.by())
    wait_until(page, "window.seen.signedOut === 1")
    reason = page.evaluate("window.tokens.get().catch((error) => [error.status, error.reason, error.request.length])")
    assert reason == [403, "sign-in", 16]
    assert page.evaluate("window.seen") == {"tokens": [], "errors": [], "signedOut": 1}
    assert site.issued() == before + 4


def test_a_page_of_an_origin_that_is_not_listed_cannot_read_a_token_whatever_it_tries(site, context):
    page = site.page(context, site.stranger.origin)
    before = site.issued()

    found = {
        path: page.evaluate(TRY_ALL, [TRY, list(TRIES.values()), f"{site.address}/{path}"]) for path in ("chat", "open")
    }

    assert [len(each) for each in found.values()] == [len(TRIES)] * 2 == [19, 19]
    assert not [where for where, texts in found.items() if "eyJ" in "".join(texts)]
    assert site.issued() == before
    # And a listed one can, with the same requests.
    page = site.page(context, site.listed.origin)
    for name in ("fetch", "xhr", "mintmark.js", "fetch json post"):
        path = "open" if "post" in name else "chat"
        assert "eyJ" in page.evaluate(TRY, [TRIES[name], f"{site.address}/{path}"]), name
    assert site.issued() == before + 4


def test_a_listed_page_of_another_site_is_told_that_nobody_is_signed_in(site, context):
    page = site.page(context, site.other_site.origin)

    page.evaluate(EMBED, {"path": f"{site.address}/chat"})
    reason = page.evaluate("window.tokens.get().catch((error) => [error.status, error.reason])")

    assert reason == [403, "sign-in"]  # The cookie is SameSite=Lax.
    assert page.evaluate("window.seen.signedOut") == 1


def test_many_at_once_make_one_request_and_a_second_window_its_own(site, context):
    page = site.page(context)
    page.evaluate(EMBED, {"path": "/year"})
    before = site.issued()

    many = page.evaluate("Promise.all(Array.from({length: 50}, () => window.tokens.get()))")
    later = page.evaluate("window.tokens.get()")

    assert len({*many, later}) == 1 and site.issued() == before + 1
    page.wait_for_timeout(300)  # A timer of more than 24 days would fire at once, and again and again.
    assert site.issued() == before + 1


def test_a_cut_connection_is_tried_again_and_the_page_hears_of_two(site, context):
    page, cuts = site.page(context), [1]
    page.route("**/endless", lambda route: route.abort("connectionreset") if cuts and cuts.pop() else route.continue_())
    page.evaluate(SOONEST)
    page.evaluate(EMBED, {"path": "/endless"})

    asked = time.monotonic()
    assert "eyJ" in page.evaluate("window.tokens.get()")
    assert 1 <= time.monotonic() - asked < 3
    assert page.evaluate("window.seen.errors") == [] and cuts == []

    cuts[:] = [1, 1]
    page.evaluate(EMBED, {"path": "/endless"})
    status = page.evaluate("window.tokens.get().catch((error) => error.status)")
    assert status == 0 and page.evaluate("window.seen.errors") == [[0, None, None]]
    # The connection is there again: at once, without being asked.
    with page.expect_response("**/endless"):
        page.evaluate("dispatchEvent(new Event('online'))")
    assert "eyJ" in page.evaluate("window.tokens.get()")


def test_another_answer_than_a_token_is_none(site, context):
    page = site.page(context)
    page.route("**/year", lambda route: route.fulfill(content_type="text/html", body="<p>Welcome to our network"))

    page.evaluate(EMBED, {"path": "/year"})

    assert "no token" in page.evaluate("window.tokens.get().catch((error) => error.message)")


def test_when_somebody_else_signs_in_the_page_is_told_before_it_has_their_token(site, context):
    # Given a page with a token of ben,
    page = site.page(context)
    page.evaluate("() => { window.real = Date.now; }")
    page.evaluate(EMBED, {"path": "/chat"})
    assert claims_of(page.evaluate("window.tokens.get()"))["sub"] == "ben"

    # when eve signs in in another window, and the token is renewed,
    sign_in(context, site, "eve")
    page.evaluate("() => { Date.now = () => real() + 36e5; }")
    reason = page.evaluate("window.tokens.get().catch((error) => [error.status, error.reason, error.request.length])")

    # then nobody is given hers for his, and who asks after that is.
    assert reason == [200, "somebody-else", 16] and page.evaluate("window.seen.signedOut") == 1
    assert claims_of(page.evaluate("window.tokens.get()"))["sub"] == "eve"
    assert page.evaluate("window.seen") == {"tokens": [], "errors": [], "signedOut": 1}


def test_what_is_refused_is_told_and_only_what_may_pass_is_tried_again(site, context):
    page, asked = site.page(context), []
    page.evaluate(SOONEST)
    page.on("request", lambda request: asked.append(request.url))

    for path, status, reason, times in (
        ("staff", 403, "not-a-reader", 1),
        ("nothing", 404, None, 1),
        ("both", 500, None, 2),
    ):
        asked.clear()
        page.evaluate(EMBED, {"path": f"/{path}"})
        got = page.evaluate("window.tokens.get().catch((error) => [error.status, error.reason, error.request.length])")
        assert got == [status, reason, 16]
        assert len(asked) == times and page.evaluate("window.seen.errors.length") == 1


def test_json_answers_posts_and_parameters(site, context):
    page = site.page(context)

    for method in ("GET", "POST"):
        page.evaluate(EMBED, {"path": "both", "field": "a token", "method": method, "params": {"room": "a/b:c"}})
        assert claims_of(page.evaluate("window.tokens.get()"))["room"] == "a/b:c"


def test_a_machine_that_slept_or_has_a_wrong_clock_has_a_good_token(site, context):
    page = site.page(context)
    page.evaluate("() => { window.real = Date.now; Date.now = () => real() - 3e11; }")
    page.evaluate(EMBED, {"path": "/chat"})
    first = page.evaluate("window.tokens.get()")
    assert page.evaluate("window.tokens.get()") == first, "a wrong clock does not make it renew all the time"

    # It sleeps for an hour, in which the steady clock stands still.
    page.evaluate("() => { Date.now = () => real() - 3e11 + 36e5; }")
    with page.expect_response("**/chat"):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    second = page.evaluate("window.tokens.get()")
    assert second != first

    # Its clock is set back: the steady one goes on, and nothing is asked for.
    before = site.issued()
    page.evaluate("() => { Date.now = () => real() - 6e11; document.dispatchEvent(new Event('visibilitychange')); }")
    assert page.evaluate("window.tokens.get()") == second and site.issued() == before


def test_a_listener_has_each_token_and_its_faults_are_its_own(site, context):
    page, faults = site.page(context), []
    page.on("pageerror", lambda error: faults.append(str(error)))

    page.evaluate("""() => {
        window.heard = [];
        window.tokens = mintmark("/chat", {onToken(token) { heard.push(token); throw new Error("of the page"); }});
    }""")
    wait_until(page, "window.heard.length === 1")

    assert page.evaluate("window.tokens.get()") == page.evaluate("window.heard[0]")
    page.wait_for_timeout(50)
    assert faults == ["of the page"]


def test_after_stop_nothing_is_asked_for(site, context):
    page = site.page(context)
    page.evaluate(EMBED, {"path": "/chat"})
    page.evaluate("window.tokens.get()")
    before = site.issued()

    page.evaluate("window.tokens.stop()")
    words = page.evaluate("window.tokens.get().catch((error) => error.message)")
    page.evaluate(
        "() => { const real = Date.now; Date.now = () => real() + 36e5; document.dispatchEvent(new Event('visibilitychange')); }"
    )
    page.wait_for_timeout(200)

    assert "stopped" in words and site.issued() == before
    assert page.evaluate("window.seen.errors") == []
