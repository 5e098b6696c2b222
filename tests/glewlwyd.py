"""Glewlwyd, an OpenID provider of others (Debian), in a process of its own on 127.0.0.1, set up by its own API."""

import http.client
import json
import re
import shutil
import sqlite3
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests import openid_provider
from tests.conftest import skip_or_fail
from tests.serving import free_port

CLIENT_ID = openid_provider.CLIENT_ID
SECRET = "the-secret-that-glewlwyd-keeps"  # noqa: S105 — of a test; it takes the halves of Basic undecoded
PERSON = {"username": "ben", "name": "Ben Campus", "email": "ben@campus.test", "password": "a long password"}
_TABLES = Path("/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3")
_CONFIG = Path("/etc/glewlwyd/glewlwyd.conf")


class Glewlwyd:
    """A browser at Glewlwyd; `issuer` is what it calls itself."""

    def __init__(self, port):
        self.port, self.cookies = port, {}
        self.issuer = f"http://127.0.0.1:{port}/api/oidc"

    def ask(self, method, path, body=None):
        """Return status, headers and text of an answer; cookies are kept."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        if body is not None:
            headers["Content-Type"] = "application/json"
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        for cookie in answer.headers.get_all("Set-Cookie") or []:
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        connection.close()
        return answer.status, dict(answer.getheaders()), text

    def do(self, method, path, body=None):
        status, _, text = self.ask(method, path, body)
        assert status == 200, (path, status, text)

    def set_up(self, site_url):
        self.do("POST", "/api/auth/", {"username": "admin", "password": "password"})
        self.do("POST", "/api/mod/plugin/", {"module": "oidc", "name": "oidc", "parameters": _parameters(self.issuer)})
        client = {
            "client_id": CLIENT_ID,
            "name": "Mintmark",
            "client_secret": SECRET,
            "confidential": True,
            "enabled": True,
            "redirect_uri": [f"{site_url}/auth/oidc/campus/callback"],
            "post_logout_redirect_uris": f"{site_url}/login",
            "authorization_type": ["code"],
            "token_endpoint_auth_method": ["client_secret_basic"],
            "scope": ["openid"],
        }
        self.do("POST", "/api/client/", client)
        self.do("POST", "/api/user/", {**PERSON, "scope": ["openid"], "enabled": True})
        self.do("DELETE", "/api/auth/")
        self.cookies.clear()

    def sign_in(self, address):
        """Sign in and consent, as its own pages do by its API; return where the browser is sent."""
        self.do("POST", "/api/auth/", {name: PERSON[name] for name in ("username", "password")})
        self.do("PUT", f"/api/auth/grant/{CLIENT_ID}", {"scope": "openid"})
        parts = urlsplit(address)
        status, headers, text = self.ask("GET", f"{parts.path}?{parts.query}&g_continue=")
        assert status == 302, text
        return headers["Location"]


def _parameters(issuer):
    key = openid_provider.key("RS256")
    switched_off = "token none implicit password client".split()
    return {
        "iss": issuer,
        "jwt-type": "rsa",
        "jwt-key-size": "256",
        "key": key.as_pem(private=True).decode(),
        "cert": key.as_pem(private=False).decode(),
        "access-token-duration": 3600,
        "refresh-token-duration": 3600,
        "code-duration": 600,
        "refresh-token-rolling": True,
        "allow-non-oidc": False,
        **{f"auth-type-{name}-enabled": False for name in switched_off},
        **{f"auth-type-{name}-enabled": True for name in ("code", "id-token", "refresh")},
        "auth-type-code-revoke-replayed": True,
        "pkce-allowed": True,
        "pkce-required": True,
        "pkce-method-plain-allowed": False,
        "subject-type": "public",
        "email-claim": "mandatory",
        "name-claim": "mandatory",
        "scope-claim": "no",
        "address-claim": {"type": "no"},
        "claims": [],
        "scope": [],
        "session-management-allowed": True,
        "session-cookie-name": "OIDC_SID",
        "session-cookie-expiration": 3600,
        "jwks-show": True,
    }


@contextmanager
def running(site_url, folder):
    """Run it for a site; its files are in a folder."""
    program = shutil.which("glewlwyd")
    if not program or not _TABLES.exists():
        skip_or_fail("There is no glewlwyd on the PATH")
    port = free_port()
    with sqlite3.connect(folder / "glewlwyd.db") as database:
        database.executescript(_TABLES.read_text())
    changed = {
        "port": str(port),
        "external_url": f'"http://127.0.0.1:{port}"',
        "log_mode": '"console"',
        "log_file": None,
    }
    config = re.sub(r"(?m)^@include.*", "", _CONFIG.read_text())
    for name, value in changed.items():
        config = re.sub(rf"(?m)^{name}=.*", f"{name}={value}" if value else "", config)
    where = f'database = {{ type = "sqlite3"; path = "{folder}/glewlwyd.db"; }};\nbind_address = "127.0.0.1"\n'
    (folder / "glewlwyd.conf").write_text(config + where)
    with (folder / "glewlwyd.log").open("w") as log:
        process = subprocess.Popen([program, f"--config-file={folder}/glewlwyd.conf"], stdout=log, stderr=log)
    try:
        found = Glewlwyd(port)
        _wait(found, folder)
        found.set_up(site_url)
        yield found
    finally:
        process.terminate()
        process.wait(timeout=10)


def _wait(found, folder):
    for _ in range(100):
        try:
            return found.do("GET", "/config")
        except OSError:
            time.sleep(0.1)
    raise AssertionError((folder / "glewlwyd.log").read_text())
