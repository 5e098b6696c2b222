"""The files of docs/ for nginx and Caddy, as they are, in front of a site under /tokens/ of another site's origin.

What is replaced: the addresses, https by http, and the folders that only root may write to. A raw client
stands at 127.0.0.2, the proxy at 127.0.0.1, so that the log tells them apart.
"""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import jwt
import pytest

from tests.conftest import PASSWORD, SEALING_KEY, SECRET, House, skip_or_fail
from tests.making import make_asset, make_person
from tests.serving import Service, free_port, wait_for
from tests.test_browser_pages import chromium  # noqa: F401 — the fixture.

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
DOCS = Path(__file__).parents[1] / "docs"
CLIENT = "127.0.0.2"
QUERY = "a-query-that-nobody-logs"


def replaced(text, replacements):
    for before, after in replacements.items():
        assert before in text, f"docs/ has no longer: {before}"
        text = text.replace(before, after)
    return text


def nginx(folder, port, service):
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin") or skip_or_fail("There is no nginx")
    server = replaced((DOCS / "nginx.conf").read_text(), {
        "listen 443 ssl;": f"listen 127.0.0.1:{port};",
        "server_name www.example.org;": "server_name 127.0.0.1;",
        "    ssl_certificate     /etc/ssl/www.example.org.pem;\n": "",
        "    ssl_certificate_key /etc/ssl/www.example.org.key;\n": "",
        "127.0.0.1:8000;": f"127.0.0.1:{service};",
        "/var/log/nginx/": f"{folder}/",
        "/var/www/html": f"{folder}/www",
    })  # fmt: skip
    temporary = "\n".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))  # fmt: skip
    config = folder / "nginx.conf"
    config.write_text(
        f"daemon off;\nmaster_process off;\npid {folder}/pid;\nerror_log {folder}/error.log;\n"
        f"events {{}}\nhttp {{\naccess_log {folder}/access.log;\n{temporary}\n{server}\n}}\n"
    )
    return [program, "-p", str(folder), "-e", f"{folder}/error.log", "-c", str(config)]


def caddy(folder, port, service):
    program = shutil.which("caddy") or skip_or_fail("There is no caddy on the PATH")
    text = replaced((DOCS / "Caddyfile").read_text(), {
        "https://www.example.org {": f"http://127.0.0.1:{port} {{",
        "reverse_proxy 127.0.0.1:8000": f"reverse_proxy 127.0.0.1:{service}",
        "/var/www/html": f"{folder}/www",
        "\n{\n": "\n{\n\tadmin off\n",
    })  # fmt: skip
    version = subprocess.run([program, "version"], capture_output=True, text=True, check=True).stdout
    if tuple(int(part) for part in re.findall(r"\d+", version)[:3]) < (2, 6, 3):
        text = replaced(text, {"request_buffers 64KiB": "buffer_requests"})  # As the file says.
    config = folder / "Caddyfile"
    config.write_text(text)
    return [program, "run", "--adapter", "caddyfile", "--config", str(config)]


def _all_of(connection):
    """Return what came, also where the rest of a body that nobody wanted ends the connection."""
    found = b""
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(65536):
            found += part
    return found


class Proxied:
    """A proxy with a web site of its own, and the site behind it at /tokens."""

    def __init__(self, name, folder, overrides):
        self.name, self.folder, self.port = name, folder, free_port()
        self.origin = f"http://127.0.0.1:{self.port}"
        self.overrides = {**overrides, "BASE_URL": f"{self.origin}/tokens", "TRUSTED_PROXIES": "1"}
        self.service = Service(
            {**self.overrides, "LIMIT_SIGN_IN": "9999 per minute", "WORKERS": "1"}, folder / "service.log"
        )
        (folder / "www").mkdir()
        (folder / "www" / "index.html").write_text("<!doctype html><title>The web site</title><body></body>")
        self.output = folder / "proxy.log"
        self.process = None

    def start(self):
        command = {"nginx": nginx, "caddy": caddy}[self.name](self.folder, self.port, self.service.port)
        environ = {"HOME": str(self.folder), "PATH": "/usr/bin:/bin", "XDG_DATA_HOME": str(self.folder)}
        with self.output.open("w") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environ)
        self._wait()

    def _wait(self):
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.output.read_text()
            with contextlib.suppress(OSError):
                if self.ask("GET / HTTP/1.1")[0] == 200:
                    return
            time.sleep(0.05)
        raise AssertionError(self.output.read_text())

    def ask(self, line, headers=(), body=b"", source=CLIENT):
        """Send a request exactly as it stands here; return status, headers and body."""
        length = [f"Content-Length: {len(body)}"] if body else []
        text = "\r\n".join([line, f"Host: 127.0.0.1:{self.port}", "Connection: close", *headers, *length, "", ""])
        with socket.create_connection(("127.0.0.1", self.port), timeout=10, source_address=(source, 0)) as connection:
            connection.sendall(text.encode() + body)
            answer = _all_of(connection)
        head, _, rest = answer.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        pairs = [each.split(": ", 1) for each in lines]
        return int(first.split()[1]), {name.lower(): value for name, value in pairs}, rest.decode()

    def line_of(self, request):
        """Return what the service wrote down of a request, as an object: it does so after the answer."""

        def found():
            for line in self.service.log.read_text().splitlines():
                with contextlib.suppress(ValueError):
                    said = json.loads(line)
                    if said.get("request") == request:
                        return said

        return wait_for(found)

    def logs(self):
        """Return all that the proxy wrote anywhere."""
        files = [self.output, *self.folder.glob("*.log")]
        return "\n".join(path.read_text() for path in files if path != self.service.log and path.exists())

    def stop(self):
        for stop in (self.service.stop, self._stop_proxy):
            stop()

    def _stop_proxy(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=15)


@pytest.fixture(scope="module", params=["nginx", "caddy"])
def proxied(request, tmp_path_factory, empty_sqlite):
    """The service behind one of the proxies, for all tests of it."""
    folder = tmp_path_factory.mktemp(request.param)
    instance = folder / "instance"
    instance.mkdir(mode=0o700)
    shutil.copy(empty_sqlite, instance / "mintmark.sqlite")
    site = Proxied(request.param, folder, {"INSTANCE": str(instance), "SEALING_KEY": SEALING_KEY})
    house = House(site.overrides)
    house.clock.now = time.time()
    make_person(house, "ben")
    make_asset(house, "chat")
    for way in ("query", "fragment"):
        make_asset(house, way, launch={"by": way, "url": "https://desk.test/sso", "name": "jwt", "pass": ["state"]})
    site.cookie = house.signed_in("ben").get_cookie("mintmark", path="/tokens").value
    house.close()
    try:
        site.service.start()
        site.start()
        yield site
    finally:
        site.stop()


def test_a_page_of_the_web_site_signs_in_and_fetches_through_its_own_origin(proxied, chromium):  # noqa: F811
    context = chromium.new_context(base_url=proxied.origin)
    page = context.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))

    # The start page of the site sends a stranger to sign in, under its path,
    page.goto("/tokens/")
    assert page.url == f"{proxied.origin}/tokens/login"
    page.get_by_label("Username").fill("ben")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/tokens/")

    # whose cookie goes nowhere else,
    [cookie] = context.cookies()
    assert (cookie["name"], cookie["path"], cookie["httpOnly"]) == ("mintmark", "/tokens", True)

    # and a page of the web site gets a token, by itself and with the script.
    page.goto("/index.html")
    assert page.title() == "The web site"
    fetched = page.evaluate("fetch('/tokens/chat').then((answer) => answer.text())")
    page.add_script_tag(url="/tokens/static/mintmark.js")
    embedded = page.evaluate("mintmark('/tokens/chat').get()")
    for token in (fetched, embedded):
        assert jwt.decode(token, SECRET, algorithms=["HS256"])["sub"] == "ben"
    elsewhere = [url for url in asked if not url.startswith(f"{proxied.origin}/")]
    outside = {url.removeprefix(proxied.origin) for url in asked if not url.startswith(f"{proxied.origin}/tokens/")}
    assert elsewhere == [] and outside <= {"/index.html", "/favicon.ico"}
    context.close()


@pytest.mark.parametrize(
    "path", ["/tokens/", "/tokens/admin", "/tokens/account?x=1", "/tokens", "/tokens/admin/assets?under=a%2Fb"]
)
def test_redirects_stay_under_the_path(proxied, path):
    status, headers, _ = proxied.ask(f"GET {path} HTTP/1.1")

    assert status in (301, 302, 303, 308)
    assert re.match(rf"({re.escape(proxied.origin)})?/tokens/", headers["location"]), headers["location"]


SPOOFED = [
    ["X-Forwarded-For: 203.0.113.9"],
    ["X-Forwarded-For: 203.0.113.9, 198.51.100.7"],
    ["X-Forwarded-For: 203.0.113.9", "X-Forwarded-For: 198.51.100.7"],
    ["x-forwarded-for:203.0.113.9"],
    ["X_Forwarded_For: 203.0.113.9"],
    ["x_forwarded-for: 203.0.113.9"],
    ["X-Forwarded_For: 203.0.113.9", "X-Forwarded-For: 203.0.113.9"],
    ["Forwarded: for=203.0.113.9", "X-Real-IP: 203.0.113.9", "True-Client-IP: 203.0.113.9"],
    ["X-Forwarded-For: 203.0.113.9", "Connection: X-Forwarded-For"],
]


@pytest.mark.parametrize("headers", SPOOFED, ids=lambda headers: ";".join(headers))
def test_the_address_in_the_log_is_the_clients_whatever_it_says(proxied, headers):
    status, found, _ = proxied.ask("GET /tokens/chat HTTP/1.1", headers)

    assert status == 403 and found["mintmark-reason"] == "sign-in"
    assert proxied.line_of(found["mintmark-request"])["address"] == CLIENT


def test_headers_with_underscores_are_dropped(proxied):
    # Sec_Fetch_Site would be taken for Sec-Fetch-Site: a request from elsewhere that calls itself ours.
    elsewhere = ["Origin: https://evil.test"]
    for headers in (elsewhere, [*elsewhere, "Sec_Fetch_Site: same-origin"], ["Sec_Purpose: prefetch"]):
        _, answered, _ = proxied.ask("GET /tokens/chat HTTP/1.1", headers)
        reason = answered["mintmark-reason"]
        assert reason == ("origin" if headers[0] == elsewhere[0] else "sign-in"), headers


def test_no_log_has_a_query_a_referer_or_a_cookie(proxied):
    headers = [f"Referer: {proxied.origin}/x?{QUERY}", f"Cookie: mintmark={QUERY}", f"Authorization: Bearer {QUERY}"]
    paths = ["/tokens/auth/jwt", "/tokens/launch/chat", "/tokens/chat", "/tokens/%61uth/jwt", "/tokens//auth/jwt"]

    found = [proxied.ask(f"GET {path}?token={QUERY} HTTP/1.1", headers)[0] for path in paths]

    assert max(found) < 500
    wait_for(lambda: CLIENT in proxied.logs())
    assert QUERY not in proxied.logs() + proxied.service.log.read_text()


@pytest.mark.parametrize("way", ["query", "fragment"])
def test_no_log_has_the_token_of_a_launch_or_where_a_stranger_comes_back_to(proxied, way):
    launch = f"GET /tokens/launch/{way}?state={QUERY} HTTP/1.1"

    status, headers, _ = proxied.ask(launch, [f"Cookie: mintmark={proxied.cookie}"])
    strangers, led, _ = proxied.ask(launch)
    login, page, _ = proxied.ask(f"GET {led['location'].removeprefix(proxied.origin)} HTTP/1.1")

    assert (status, strangers, login) == (303, 303, 200)
    token = re.search(r"jwt=([\w.-]+)", headers["location"])[1]
    assert jwt.decode(token, SECRET, algorithms=["HS256"])["sub"] == "ben" and QUERY in led["location"]
    given = page["set-cookie"].partition("=")[2].partition(";")[0]
    wait_for(lambda: f"/tokens/launch/{way}" in proxied.logs())
    told = proxied.logs() + proxied.service.log.read_text()
    for what in (token, *token.split(".")[1:], QUERY, proxied.cookie, given):
        assert what not in told


def test_bodies_are_bounded_and_a_slow_one_holds_nothing_of_the_sites(proxied):
    form = ["Content-Type: application/x-www-form-urlencoded"]
    too_long = proxied.ask("POST /tokens/login HTTP/1.1", form, b"x" * 70_000)[0]
    assert too_long == 413 or (proxied.name == "caddy" and too_long == 502)  # As Debian's says it.

    # More bodies that do not come than the site reads at once: it would answer 503 to the next.
    with contextlib.ExitStack() as slow:
        for _ in range(12):
            connection = slow.enter_context(socket.create_connection(("127.0.0.1", proxied.port), timeout=10))
            head = f"POST /tokens/login HTTP/1.1\r\nHost: 127.0.0.1:{proxied.port}\r\nContent-Length: 1000\r\n\r\n"
            connection.sendall(head.encode() + b"a=b")
        time.sleep(0.3)
        assert {proxied.ask("POST /tokens/login HTTP/1.1", form, b"a=b")[0] for _ in range(8)} == {400}


def test_nginx_writes_no_answer_to_a_disk(tmp_path):
    # Given an answer of megabytes, to somebody who takes none of it,
    sent = threading.Event()

    class Long(BaseHTTPRequestHandler):
        def do_GET(self):
            with contextlib.suppress(OSError):
                for number in range(400):
                    self.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n" if number == 0 else bytes(65_536))
            sent.set()

        def log_message(self, *words):
            pass

    port, upstream = free_port(), ThreadingHTTPServer(("127.0.0.1", 0), Long)
    threading.Thread(target=upstream.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    process = subprocess.Popen(nginx(tmp_path, port, upstream.server_port), env={"PATH": "/usr/bin:/bin"})
    try:
        with contextlib.closing(_connected(port)) as slow:
            slow.sendall(f"GET /tokens/x HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())

            # when nginx has what it takes of it,
            has_all = sent.wait(0.5)
            files = [os.readlink(each) for each in Path(f"/proc/{process.pid}/fd").iterdir()]

        # then the rest waits at the site, and none of it is in a file, not even in one without a name.
        assert not [file for file in files if file.startswith(f"{tmp_path}/proxy")] and not has_all
    finally:
        process.terminate()
        process.wait(timeout=15)
        upstream.shutdown()
        upstream.server_close()


def _connected(port):
    deadline = time.monotonic() + 10
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=10)
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_where_the_site_does_not_answer_no_log_has_a_query_either(proxied):
    proxied.service.stop()

    status, _, _ = proxied.ask(f"GET /tokens/auth/jwt?token={QUERY} HTTP/1.1", [f"Referer: /x?{QUERY}"])
    wait_for(lambda: "502" in proxied.logs())
    told = proxied.logs()
    proxied.service.start()

    assert status == 502 and QUERY not in told
