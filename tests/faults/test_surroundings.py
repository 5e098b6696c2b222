"""Surroundings that are not those of its makers: a bare locale, a distant time zone, no names, no IPv4."""

import http.client
import os
import socket
import subprocess
import time
from contextlib import closing

import jwt
import pytest

from tests.conftest import SECRET, skip_or_fail
from tests.faults.witness import SLACK

pytestmark = pytest.mark.timeout(300)
STARTS_WITHIN = 20 * SLACK


def test_a_bare_locale_and_a_distant_time_zone_change_nothing(sqlite_site, told):
    service = sqlite_site.service
    service.start(within=STARTS_WITHIN, LC_ALL="C", LANG="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0",
                  TZ="Pacific/Kiritimati")  # fmt: skip

    status, _, token = service.get("/a", sqlite_site.cookies[0])

    claims = jwt.decode(token, SECRET, algorithms=["HS256"])
    assert status == 200 and abs(claims["iat"] - time.time()) < 60
    assert service.get("/caf%C3%A9")[0] == 404
    told("locale C, another time zone", "starts, and signs with the right moment")


def test_without_names_it_starts_and_gives_tokens(sqlite_site, told):
    enter = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]
    without = [*enter, "sh", "-c", 'mount --bind /dev/null /etc/resolv.conf && exec "$@"', "sh"]
    if subprocess.run([*without, "true"], capture_output=True).returncode:
        skip_or_fail("no name space of its own may be had here")

    seconds = sqlite_site.service.start(within=STARTS_WITHIN, command=without)

    assert sqlite_site.service.get("/a", sqlite_site.cookies[0])[0] == 200
    told("no DNS", f"starts within {seconds:.1f} s and gives tokens")


def test_on_ipv6_alone_it_starts_and_gives_tokens(sqlite_site, told):
    service = sqlite_site.service
    try:
        with closing(socket.create_server(("::1", service.port), family=socket.AF_INET6)):
            pass
    except OSError:
        skip_or_fail("no IPv6 here")
    service.host = "::1"
    service.overrides["BIND"] = f"[::1]:{service.port}"

    service.start(within=STARTS_WITHIN)

    assert service.get("/a", sqlite_site.cookies[0])[0] == 200
    with pytest.raises(OSError):
        http.client.HTTPConnection("127.0.0.1", service.port, timeout=2).request("GET", "/login")
    told("IPv6 alone", "starts and gives tokens")
