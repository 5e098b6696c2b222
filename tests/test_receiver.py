"""The relying party to try: takes what the site issues by each way, and refuses what only looks like it."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter

import pytest
from cryptography.hazmat.primitives import serialization
from werkzeug.test import Client

from mintmark.receiver import WAYS, Judge, Party, make_receiver, open_door, serving
from mintmark.receiver.judging import _Taken
from mintmark.receiver.key_set import KEEP_SECONDS, PAUSE_SECONDS, KeySet, KeySetUnread
from mintmark.receiver.parties import from_json, to_json
from mintmark.tokens import Signer
from tests.conftest import SECRET, START, House
from tests.making import key_pair, make_asset, make_key, make_next_key, make_person
from tests.relying_party import forged, part, parts_of
from tests.serving import ROOT, free_port, served
from tests.test_pages import HOSTILE, Page

SITE = "https://tokens.example.test"
KEY = b"a secret of thirty-two bytes, all"
NOW = 1_800_000_000
GOOD = {"sub": "ben", "aud": "desk", "iat": NOW, "exp": NOW + 600}


def signed(claims, key=KEY, algorithm="HS256", **headers):
    return Signer(algorithm, key, headers).sign(claims)


def desk(**changes):
    return Party(**{"slug": "desk", "algorithm": "HS256", "secret": KEY, "audience": "desk", "name": "jwt", **changes})


def receiver(*parties):
    """Return a browser of sorts, at these parties at the moment NOW."""
    return Client(make_receiver(parties or [desk()], SITE, clock=lambda: NOW))


def shown(answer):
    """Return the verdict and the claims that a page shows."""
    page = Page(answer.text)
    section = page.one("section", id="verdict-of-token")
    verdict = None if "hidden" in section else page.texts["strong"][0]
    claims = page.texts["pre"][0] if len(page.texts.get("pre", [])) == 2 else None
    return verdict, claims and json.loads(claims)


@pytest.fixture
def site(sqlite_house):
    house = House({**sqlite_house.overrides, "BIND": f"127.0.0.1:{free_port()}"})
    make_person(house, "ben")
    with served(house) as url:
        house.url, house.ben = url, house.signed_in("ben")
        yield house
    house.close()


def changed(token, part_number, change):
    """Return a token with one part of it changed, as nobody may."""
    parts = token.split(".")
    parts[part_number] = part(change(parts_of(token)[part_number]))
    return ".".join(parts)


def test_tokens_of_a_real_site_are_taken_and_what_somebody_made_of_them_is_not(site):
    make_key(site, "site-2026", "RS256", number=0)
    portal = '{"aud": "portal", "sub": "{{ user.username }}"}'
    make_asset(site, "desk", '{"aud": "desk", "sub": "{{ user.username }}"}')
    make_asset(site, "portal", portal, signing_key="site-2026")
    make_asset(site, "other", portal.replace('"portal"', '"other"'), signing_key="site-2026")
    by_secret = Judge(desk(secret=SECRET.encode()))
    party = Party("portal", "RS256", jwks_url=f"{site.url}/.well-known/jwks/portal", audience="portal", one_time=True)
    by_keys = Judge(party)

    for judge, path, key in ((by_secret, "desk", "the shared secret"), (by_keys, "portal", "the key “site-2026”")):
        verdict = judge.judge(site.ben.get(f"/{path}").text, now=START)
        assert verdict.reasons == () and verdict.claims["sub"] == "ben" and verdict.key.startswith(key)
        assert verdict.expires_at == verdict.claims["exp"] == START + 600

    token, of_other = site.ben.get("/portal").text, site.ben.get("/other").text
    pem = (
        key_pair("RS256")
        .private.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    header, claims, _ = parts_of(token)
    for forgery, reason in (
        (of_other, "for somebody else"),
        (forged({**header, "alg": "HS256"}, claims, pem), "another algorithm"),
        (signed(claims, key_pair("RS256", 1).private, "RS256", kid="site-2026"), "signature does not fit"),
        (signed(claims, key_pair("RS256", 1).private, "RS256", kid="mine"), "names no key"),
        (changed(token, 1, lambda claims: {**claims, "sub": "ada"}), "signature does not fit"),
    ):
        verdict = by_keys.judge(forgery, now=START)
        assert reason in verdict.reasons[0] and not verdict.is_good
    assert by_keys.judge(token, now=START).is_good  # None of the forgeries used its id up.
    assert "seen before" in by_keys.judge(token, now=START).reasons[0]


FORGERIES = {
    "tampered": [
        (lambda: changed(signed(GOOD), 1, lambda claims: {**claims, "sub": "ada"}), "signature"),
        (lambda: changed(signed(GOOD), 0, lambda header: {**header, "kid": "k"}), "signature"),
        (lambda: changed(signed(GOOD), 2, lambda signature: signature[:-1] + b"\0"), "signature"),
        (lambda: signed(GOOD).rpartition(".")[0] + ".", "signature"),
    ],
    "wrong key": [
        (lambda: signed(GOOD, b"another secret of 32 bytes, as it is"), "signature"),
        (lambda: forged({"alg": "HS256", "typ": "JWT"}, GOOD, b"\0"), "signature"),
        (lambda: signed(GOOD, KEY.rstrip(b"l")), "signature"),
    ],
    "wrong algorithm": [
        (lambda: signed(GOOD, KEY * 2, "HS512"), "another algorithm"),
        (lambda: signed(GOOD, key_pair("RS256").private, "RS256"), "another algorithm"),
        (lambda: forged({"alg": "hs256"}, GOOD, KEY), "another algorithm"),
    ],
    "not signed": [
        (lambda: forged({"alg": "none"}, GOOD), "not signed"),
        (lambda: forged({"alg": "NoNe"}, GOOD), "not signed"),
        (lambda: forged({"alg": "none"}, GOOD, KEY), "not signed"),
    ],
    "demands": [
        (lambda: forged({"alg": "HS256", "crit": ["b64"], "b64": False}, GOOD, KEY), "crit"),
        (lambda: forged({"alg": "HS256", "crit": []}, GOOD, KEY), "crit"),
        (lambda: forged({"alg": "HS256", "crit": ["exp"]}, GOOD, KEY), "crit"),
    ],
    "expired": [
        (lambda: signed({**GOOD, "exp": NOW - 30}), "expired, at 2027-01-15 07:59:30 UTC"),
        (lambda: signed({**GOOD, "exp": NOW - 31_536_000}), "expired"),
        (lambda: signed({**GOOD, "exp": 0}), "expired"),
    ],
    "no end": [
        (lambda: signed({"aud": "desk"}), "no end"),
        (lambda: signed({**GOOD, "exp": None}), "exp is no moment"),
        (lambda: signed({**GOOD, "exp": True}), "exp is no moment"),
        (lambda: signed({**GOOD, "exp": "2099"}), "exp is no moment"),
        (lambda: signed({**GOOD, "exp": 10**19}), "exp is no moment"),
    ],
    "not yet": [
        (lambda: signed({**GOOD, "nbf": NOW + 31}), "not good before"),
        (lambda: signed({**GOOD, "iat": NOW + 31}), "issued in the future"),
        (lambda: signed({**GOOD, "nbf": NOW + 31, "iat": NOW + 31}), "not good before"),
        (lambda: signed({**GOOD, "nbf": "now"}), "nbf is no moment"),
    ],
    "wrong audience": [
        (lambda: signed({**GOOD, "aud": "chat"}), "somebody else"),
        (lambda: signed({**GOOD, "aud": ["chat", "Desk", "desk "]}), "somebody else"),
        (lambda: signed({**GOOD, "aud": {"desk": 1}}), "somebody else"),
        (lambda: signed({name: GOOD[name] for name in ("iat", "exp")}), "no audience"),
    ],
    "no token": [
        (lambda: "", "no token"),
        (lambda: "a.b", "2 parts"),
        (lambda: "שלום.<b>.\0", "character"),
        (lambda: "x" * 20_000, "characters"),
        (lambda: f"{part([])}.{part({})}.", "not a JSON object"),
    ],
}


@pytest.mark.parametrize("kind", FORGERIES)
def test_what_a_good_relying_party_refuses_is_refused_with_a_plain_reason(kind):
    judge = Judge(desk())

    assert len(FORGERIES[kind]) >= 3
    for number, (make, words) in enumerate(FORGERIES[kind]):
        verdict = judge.judge(make(), now=NOW)
        assert verdict.word == "Refused" and words in verdict.reasons[0], (number, verdict.reasons)
    assert judge.judge(signed(GOOD), now=NOW).word == "Verified"


def test_clocks_may_differ_by_thirty_seconds_and_every_reason_is_said():
    judge = Judge(desk())

    assert judge.judge(signed({**GOOD, "exp": NOW - 29, "nbf": NOW + 30, "iat": NOW + 30}), now=NOW).is_good
    verdict = judge.judge(signed({"exp": NOW - 99, "nbf": NOW + 99, "aud": "chat"}), now=NOW)
    assert [reason.split()[-1] for reason in verdict.reasons[:2]] == ["UTC.", "(nbf)."] and len(verdict.reasons) == 3


def test_a_party_without_a_name_takes_no_token_that_names_somebody():
    judge = Judge(desk(audience=None))

    assert judge.judge(signed({"exp": NOW + 60}), now=NOW).is_good
    for audience in ("desk", ["a", "b"], None):
        assert "somebody else" in judge.judge(signed({**GOOD, "aud": audience}), now=NOW).reasons[0]
    assert Judge(desk()).judge(signed({**GOOD, "aud": ["a", "desk"]}), now=NOW).is_good


def test_a_token_is_taken_once_where_the_party_says_so_and_a_refused_one_is_not_used_up():
    judge = Judge(desk(one_time=True))
    first, second = (signed({**GOOD, "jti": name}) for name in "ab")

    assert "no id" in judge.judge(signed(GOOD), now=NOW).reasons[0]
    assert "no id" in judge.judge(signed({**GOOD, "jti": 7}), now=NOW).reasons[0]
    assert [judge.judge(first, now=at).is_good for at in (NOW - 9_999, NOW, NOW, NOW + 600)] == [
        False,
        True,
        False,
        False,
    ]
    assert judge.judge(second, now=NOW + 629).is_good and not judge.judge(second, now=NOW + 629.5).is_good
    assert judge.judge(second, now=NOW + 631).reasons == ("It has expired, at 2027-01-15 08:10:00 UTC.",)
    other = Judge(desk())
    assert other.judge(first, now=NOW).is_good and other.judge(first, now=NOW).is_good


def test_what_is_remembered_stays_in_bounds_and_nothing_is_taken_twice_for_that(monkeypatch):
    monkeypatch.setattr("mintmark.receiver.judging.MAX_REMEMBERED", 3)
    taken = _Taken()

    def take(name, now):
        return taken.refusals({"jti": name, "exp": now + 10}, now)

    assert [bool(take(name, NOW)) for name in "abcda"] == [False, False, False, True, True]
    assert [bool(take(name, NOW + 41)) for name in "da"] == [False, False]


@pytest.mark.slow
def test_a_key_that_was_published_since_is_found_and_one_that_is_gone_is_not_for_long(site):
    make_key(site, "first", "ES256", number=0)
    make_asset(site, "a", signing_key="first")
    moment = [0.0]
    keys = KeySet(f"{site.url}/.well-known/jwks/a", "ES256", monotonic=lambda: moment[0])

    assert keys.find("first")[0] == keys.find(None)[0] == "first"
    make_next_key(site, "first", "second")
    assert keys.find("second") is None  # It was read a moment ago: ids that are made up make us ask no more often.
    moment[0] = PAUSE_SECONDS + 1
    assert keys.find("second")[0] == "second" and keys.find(None) is None
    assert KeySet(f"{site.url}/.well-known/jwks/a", "ES384").find("first") is None
    keys._url = f"{site.url}/.well-known/jwks/nothing"
    assert keys.find("first")
    moment[0] += KEEP_SECONDS + 1
    with pytest.raises(KeySetUnread):
        keys.find("first")


@pytest.mark.slow
def test_a_key_set_that_does_not_answer_is_a_reason_and_redirects_and_proxies_are_not_followed(site, monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    for path in ("/", "/login", "/nothing", "/.well-known/openid-configuration"):
        judge = Judge(Party("a", "RS256", jwks_url=site.url + path))
        verdict = judge.judge(signed(GOOD, key_pair("RS256").private, "RS256", kid="x"), now=NOW)
        assert verdict.reasons == (f"The key set at {site.url}{path} cannot be read at this moment.",)


def test_each_way_in_shows_the_verdict_and_the_claims():
    ways = {"query": "in-the-address", "post": "form", "fragment": "behind", "page": "page"}
    client = receiver(*(desk(slug=slug, by=by) for by, slug in ways.items()))
    token = signed({**GOOD, "name": "Ben <b>"})

    for answer in (
        client.get(f"/in-the-address?jwt={token}&state=x"),
        client.post("/form?state=x", data={"jwt": token}),
    ):
        assert answer.status_code == 200 and shown(answer) == ("Verified", {**GOOD, "name": "Ben <b>"})
        assert "It expires in 10 minutes." in answer.text and "Signed with the shared secret." in answer.text
        assert "<code>state</code></bdi>: <bdi><code>x</code>" in answer.text
    for path in ways.values():
        assert shown(client.get(f"/{path}"))[0] is None
        answer = client.post(f"/{path}/verify", json={"token": token})
        assert (answer.json["verdict"], answer.json["claims"]["name"]) == ("Verified", "Ben <b>")
        assert (
            answer.json["reasons"] == []
            and answer.json["ends"] == "It expires in 10 minutes."
            and answer.json["header"]["alg"] == "HS256"
        )
        assert client.post(f"/{path}/verify", json={"token": token + "A"}).json["verdict"] == "Refused"
    for answer in (client.get("/in-the-address?jwt="), client.get("/in-the-address?jwt=a&jwt=b"), client.post("/form")):
        assert shown(answer)[0] == "Refused"
    front = client.get("/").text
    assert f'href="{SITE}/launch/form"' in front and 'href="/page"' in front and front.count("/launch/") == 3
    assert f'<script src="{SITE}/static/mintmark.js" defer>' in client.get("/page").text


def test_every_way_not_meant_is_refused():
    client = receiver(desk(), desk(slug="form", by="post"))
    token = signed(GOOD)

    statuses = Counter()
    for method, path, options, status in (
        ("HEAD", f"/desk?jwt={token}", {}, 405),
        ("POST", "/desk", {"data": {"jwt": token}}, 405),
        ("PUT", "/form", {"data": {"jwt": token}}, 405),
        ("GET", "/desk/verify", {}, 405),
        ("POST", "/", {}, 405),
        ("GET", "/nothing", {}, 404),
        ("GET", "/desk/verify/more", {}, 404),
        ("GET", "/desk/", {}, 404),
        ("GET", "/static/../app.py", {}, 404),
        ("GET", "/static/receiver.html", {}, 404),
        ("POST", "/desk/verify", {"data": {"token": token}}, 415),
        ("POST", "/desk/verify", {"data": json.dumps({"token": token}), "content_type": "text/plain"}, 415),
        ("POST", "/desk/verify", {"json": {"token": 1}}, 400),
        ("POST", "/desk/verify", {"json": [token]}, 400),
        ("POST", "/desk/verify", {"data": "[" * 60_000, "content_type": "application/json"}, 400),
        ("POST", "/desk/verify", {"json": {"token": "x" * 70_000}}, 413),
        ("POST", "/form", {"data": {"jwt": "x" * 70_000}}, 413),
        ("POST", "/desk/verify", {"json": {"token": token}, "headers": {"Sec-Fetch-Site": "cross-site"}}, 403),
        ("GET", "/", {"headers": {"Host": "evil.test"}}, 400),
        ("GET", "/", {"headers": {"Host": "["}}, 400),
        ("GET", "/", {"headers": {"Host": "[::1"}}, 400),
        ("GET", "/", {"headers": {"Host": ""}}, 400),
        ("GET", "/", {"headers": {"Host": "127.0.0.1.evil.test:8001"}}, 400),
    ):
        answer = client.open(path, method=method, **options)
        assert answer.status_code == status, (method, path[:40], answer.status)
        assert (
            answer.headers["Cache-Control"] == "no-store"
            and "default-src 'none'" in answer.headers["Content-Security-Policy"]
        )
        assert token not in answer.text
        statuses[status] += 1
    print(dict(statuses))


def test_pages_escape_whatever_a_token_an_address_and_a_set_up_hold():
    plain = Page(receiver().get(f"/desk?jwt={signed({**GOOD, 'name': 'x'})}&state=x").text).skeleton()
    bare = Page(receiver().get("/desk").text).skeleton()
    for words in HOSTILE:
        token = signed({**GOOD, "name": words}, kid=words)
        answer = receiver().get("/desk", query_string={"jwt": token, "state": words})
        assert Page(answer.text).skeleton() == plain
        assert shown(answer) == ("Verified", {**GOOD, "name": words})
        refused = receiver().get("/desk", query_string={"jwt": token[:-4] + "AAAA", words: words})
        assert shown(refused) == ("Refused", {**GOOD, "name": words})
        titled = receiver(desk(title=words, audience=words, name=words))
        assert Page(titled.get("/desk").text).skeleton() == bare


def test_no_answer_may_be_kept_framed_or_told_on():
    answer = receiver().get(f"/desk?jwt={signed(GOOD)}")

    assert answer.headers["Referrer-Policy"] == "no-referrer" and answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers
    policy = dict(each.strip().split(" ", 1) for each in answer.headers["Content-Security-Policy"].split(";"))
    assert policy["script-src"] == policy["connect-src"] == f"'self' {SITE}/"
    assert policy["default-src"] == policy["frame-ancestors"] == policy["form-action"] == policy["base-uri"] == "'none'"
    assert all(found.get("src") for found in Page(answer.text).all("script"))


@pytest.mark.parametrize(
    "changes",
    [
        {"slug": "static"}, {"slug": "a/b"}, {"slug": "A"}, {"by": "mail"}, {"algorithm": "none"}, {"secret": None},
        {"jwks_url": SITE}, {"algorithm": "RS256"}, {"secret": None, "jwks_url": SITE},
    ],
)  # fmt: skip
def test_a_party_that_cannot_be_is_refused(changes):
    with pytest.raises(ValueError, match="relying party|a secret is for"):
        desk(**changes)


def test_a_party_passes_through_the_pipe_whole_and_shows_its_secret_to_nobody():
    for party in (desk(secret=bytes(range(256))), desk(algorithm="ES256", secret=None, jwks_url=SITE, one_time=True)):
        assert from_json(json.loads(json.dumps(to_json(party)))) == party
    assert KEY.decode() not in repr(desk()) and set(WAYS) == {"query", "fragment", "post", "page"}


def test_where_the_port_is_taken_the_next_free_one_is_used():
    with open_door(free_port()) as first, open_door(first.getsockname()[1]) as second:
        assert first.getsockname()[0] == second.getsockname()[0] == "127.0.0.1"
        assert second.getsockname()[1] > first.getsockname()[1]


PARENT = """
import sys, time
from mintmark.receiver import Party, open_door, serving
door = open_door(int(sys.argv[1]))
playing = serving.start([Party("desk", "HS256", sys.argv[2].encode(), name="jwt")], "http://127.0.0.1:8000", door)
print(door.getsockname()[1], playing.pid, flush=True)
door.close()
time.sleep(60)
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_its_process_tells_nobody_its_secret_and_ends_with_its_parent_however_that_ends(end, tmp_path):
    environ = {**os.environ, "MINTMARK_SECRET_X": KEY.decode(), "PYTHONPATH": str(ROOT)}
    with (tmp_path / "log").open("w+") as log:
        parent = subprocess.Popen(
            [sys.executable, "-c", PARENT, str(free_port()), KEY.decode()],
            cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=log, text=True,
        )  # fmt: skip
        port, pid = map(int, parent.stdout.readline().split())
        token = signed({"sub": "ben", "exp": int(time.time()) + 60})
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/desk?jwt={token}", timeout=10) as answer:
            assert "Verified" in answer.read().decode() and answer.headers["Server"] == "receiver"
        for what in ("cmdline", "environ"):
            with open(f"/proc/{pid}/{what}", "rb") as told:
                assert KEY not in told.read()

        parent.send_signal(end)
        parent.wait(10)
        parent.stdout.close()
        deadline = time.monotonic() + 5
        while os.path.exists(f"/proc/{pid}/cmdline") and open_cmdline(pid) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not open_cmdline(pid)
        with pytest.raises(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2)
        log.seek(0)
        said = log.read()
        assert token not in said and "jwt" not in said, said


def open_cmdline(pid):
    """Return what runs under this id; nothing where that has ended."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as told:
            return told.read()
    except OSError:
        return b""


def test_a_server_of_this_process_says_nothing_of_what_it_was_asked(capfd):
    door = open_door(free_port())
    server = serving.make_server(make_receiver([desk()], SITE), door)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(f"{serving.address_of(door)}/nothing?jwt=the-token", timeout=5)
    server.shutdown()
    thread.join()
    server.server_close()
    door.close()

    assert "the-token" not in "".join(capfd.readouterr())
