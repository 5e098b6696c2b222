"""HAProxy with docs/haproxy.cfg before a server that says who came."""

import http.client
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.servers.running import filled, find_program, running
from tests.serving import ROOT, free_port

CONFIGURATION = ROOT / "docs/haproxy.cfg"


class _Wiki(BaseHTTPRequestHandler):
    """Stands behind HAProxy, and answers with the name that HAProxy gave to whoever came."""

    def do_GET(self):
        body = self.headers.get("X-Person", "").encode("latin-1")
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class HAProxy:
    """Two frontends: with the public key for RS256, and with the shared secret for HS256."""

    def __init__(self, ports):
        self.ports = ports

    def whom_it_lets_in(self, token, algorithm, username=None):
        """Return the name that the server behind sees, or None where nobody was let through to it."""
        headers = {"X-Person": "root"}  # Which nobody may say of themselves.
        status, body = self.ask(algorithm, {**headers, "Authorization": f"Bearer {token}"})
        assert status in (200, 401), status
        return body.decode() if status == 200 else None

    def ask(self, algorithm, headers):
        """Return status and body of the answer to any request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[algorithm], timeout=10)
        try:
            connection.request("GET", "/", headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


@contextmanager
def haproxy(folder, secret, public_keys):
    """Start HAProxy in a folder; `public_keys` is key id → PEM, of which it reads the only one."""
    program = find_program("haproxy", "haproxy")
    [pem] = public_keys.values()
    (folder / "mintmark.pem").write_text(pem)
    ports = {"RS256": free_port(), "HS256": free_port()}
    server = HAProxy(ports)
    with _a_wiki() as behind:
        configuration = filled(
            CONFIGURATION,
            with_a_key=("127.0.0.1:8081", f"127.0.0.1:{ports['RS256']}"),
            with_a_secret=("127.0.0.1:8082", f"127.0.0.1:{ports['HS256']}"),
            behind=("127.0.0.1:8080", f"127.0.0.1:{behind}"),
            pem=("/etc/haproxy/mintmark.pem", str(folder / "mintmark.pem")),
        )
        (folder / "haproxy.cfg").write_text(configuration)
        command = [program, "-db", "-f", str(folder / "haproxy.cfg")]
        environ = {"MINTMARK_WIKI": secret}
        with running(command, folder / "log", lambda: [server.ask(each, {}) for each in ports], environ):
            yield server


@contextmanager
def _a_wiki():
    """Serve what stands behind HAProxy; yield its port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Wiki)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
