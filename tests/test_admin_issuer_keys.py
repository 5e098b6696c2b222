"""The key of a trusted issuer by its pages: made and handed out once, pasted, switched, replaced, read at an address."""

import base64
import html
import json
import re
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from mintmark import keypairs
from mintmark.issuers import saving
from mintmark.models import db
from tests.conftest import SECRET
from tests.making import key_pair, make_asset, make_issuer, make_key, make_person
from tests.test_admin_issuers import NEW, create, one, send
from tests.test_pages import Page
from tests.test_waiting import taken

OTHER = "another-shared-secret-of-the-portal-0123456789"


@pytest.fixture
def site(sqlite_house):
    """A house with an administrator who signed in just now."""
    make_person(sqlite_house, "ada", is_admin=True)
    sqlite_house.ada = sqlite_house.signed_in("ada")
    return sqlite_house


def handed(answer):
    """Return what a page hands out once."""
    assert answer.status_code == 200 and answer.headers["Cache-Control"] == "no-store"
    assert "this once" in answer.text
    found = re.search(r'data-copy="the (?:secret|private key)"><pre dir="ltr"><code>(.*?)</code>', answer.text, re.S)
    return html.unescape(found[1])


def everything_kept(site):
    """Return all that the database and the log hold, as one text."""
    tables = [row["name"] for row in site.rows("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return "\n".join(str(row) for table in tables for row in site.rows(f'SELECT * FROM "{table}"'))


def pages_of(site, path):
    return "".join(site.ada.get(each).text for each in (path, "/admin/issuers", "/admin/log", "/admin/issuers/why"))


def keys_of(site):
    return {row["key_id"]: row for row in site.rows("SELECT * FROM issuer_key")}


def test_a_secret_is_made_shown_once_and_never_again(site):
    answer = create(site, how="secret_made", secret=None)

    secret, row = handed(answer), one(site)
    path = f"/admin/issuers/{row['id']}"
    assert Page(answer.text).all("a", href=path) and len(secret) == 64
    with site.app.app_context():
        kept = saving.get_issuer(row["id"])
        assert site.mint.settings.sealer.fingerprint(secret.encode()) == kept.fingerprint
    assert secret not in everything_kept(site) and secret not in pages_of(site, path)
    other = handed(send(site, f"{path}/secret", page=path, how="secret_made", secret_encoding="text"))
    assert other != secret and one(site)["fingerprint"] != row["fingerprint"]
    assert other not in everything_kept(site) and other not in pages_of(site, path)
    # Without a choice of what to make nothing is made, and a secret is none for a key's algorithm.
    assert create(site, how="", name="x", issuer="https://x.test").status_code == 422
    wrong = create(site, how="secret_made", algorithm="RS256", name="x", issuer="https://x.test")
    assert wrong.status_code == 422 and "takes a public key" in wrong.text
    wrong = create(site, how="pair_made", name="x", issuer="https://x.test")
    assert wrong.status_code == 422 and "takes a shared secret" in wrong.text


def test_a_pair_is_made_and_its_private_half_is_kept_nowhere(site):
    answer = create(site, how="pair_made", algorithm="ES256", secret=None, key_id="theirs-1")

    pem, row = handed(answer), one(site)
    path, private = f"/admin/issuers/{row['id']}", serialization.load_pem_private_key(pem.encode(), None)
    token = jwt.encode({"sub": "x"}, private, algorithm="ES256")
    public = keypairs.public_key_of(json.loads(keys_of(site)["theirs-1"]["public"]))
    assert jwt.decode(token, public, algorithms=["ES256"]) == {"sub": "x"}
    secret_part = "".join(pem.splitlines()[1:-1])
    number = base64.urlsafe_b64encode(private.private_numbers().private_value.to_bytes(32, "big")).decode().rstrip("=")
    kept = everything_kept(site) + pages_of(site, path)
    assert secret_part not in kept and secret_part[:40] not in kept and number not in kept
    # A second one beside it, under its thumbprint where nobody names it.
    handed(send(site, f"{path}/keys", page=path, how="pair_made"))
    assert len(keys_of(site)) == 2
    [made] = [key for key_id, key in keys_of(site).items() if key_id != "theirs-1"]
    assert made["key_id"] == made["thumbprint"] and made["live"]


def test_public_keys_are_pasted_switched_and_taken_away(site):
    first, second = key_pair("RS256", 0), key_pair("RS256", 1)
    answer = create(
        site, how="key_pasted", algorithm="RS256", secret=None, key_id="k1", public_key=keypairs.spki_pem(first.public)
    )
    path = answer.location
    assert answer.status_code == 303 and keys_of(site)["k1"]["thumbprint"] == keypairs.thumbprint(first.public)

    jwk = json.dumps({**second.public, "kid": "k/2 of them", "use": "sig"})
    assert send(site, f"{path}/keys", page=path, how="key_pasted", public_key=jwk).status_code == 303
    assert set(keys_of(site)) == {"k1", "k/2 of them"}
    assert send(site, f"{path}/keys/switch", page=path, key_id="k/2 of them").status_code == 303
    assert not keys_of(site)["k/2 of them"]["live"]
    assert "1 public key, 1 switched off" in Page(site.ada.get("/admin/issuers").text).text
    assert send(site, f"{path}/keys/switch", page=path, key_id="k1").status_code == 303
    assert "every token of it is refused" in site.ada.get(path).text
    assert send(site, f"{path}/keys/switch", page=path, key_id="k1", live="on").status_code == 303
    assert keys_of(site)["k1"]["live"]
    assert send(site, f"{path}/keys/remove", page=path, key_id="k/2 of them").status_code == 303
    assert set(keys_of(site)) == {"k1"}
    for key_id in ("nobody", "", "x\x00y"):
        assert send(site, f"{path}/keys/remove", page=path, key_id=key_id).status_code == 404, key_id
    fields = [json.loads(row["detail"]) for row in site.log("issuer.revised")]
    assert [next(name for name in each if name.startswith("key_")) for each in fields] == [
        "key_added", "key_switched_off", "key_switched_off", "key_switched_on", "key_removed",
    ]  # fmt: skip


def test_what_is_no_public_key_of_theirs_is_refused_and_a_private_one_never_comes_back(site):
    path = f"/admin/issuers/{make_issuer(site, algorithm='RS256', keys=[('k1', key_pair('RS256', 0).public)])}"
    make_key(site, "site-2026", "RS256", number=2)
    private = key_pair("RS256", 1).private
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    jwk = jwt.algorithms.RSAAlgorithm.to_jwk(private)
    secret_part = json.loads(jwk)["d"]
    for number, (text, key_id) in enumerate(
        [
            (pem, "k2"),
            (jwk, "k2"),
            ('{"kty": "oct", "k": "c2VjcmV0"}', "k2"),
            ("", "k2"),
            ("hello", "k2"),
            (keypairs.spki_pem(key_pair("ES256", 0).public), "k2"),
            (keypairs.spki_pem(key_pair("RS256", 0).public), "k1"),
            (keypairs.spki_pem(key_pair("RS256", 2).public), "ours"),
            (keypairs.spki_pem(key_pair("RS256", 1).public), pem[:100]),
            (keypairs.spki_pem(key_pair("RS256", 1).public), "x" * 129),
        ]
    ):
        answer = send(site, f"{path}/keys", page=path, how="key_pasted", key_id=key_id, public_key=text)
        assert answer.status_code == 422 and set(keys_of(site)) == {"k1"}, number
        assert secret_part not in answer.text and pem.splitlines()[1] not in answer.text, number
        assert "c2VjcmV0" not in answer.text
        new = create(
            site, how="key_pasted", algorithm="RS256", name=f"n{number}", issuer=f"https://{number}.test",
            key_id=key_id, public_key=text, secret=None,
        )  # fmt: skip
        assert (new.status_code == 303) == (number == 6), number
        assert secret_part not in new.text and pem.splitlines()[1] not in new.text


def test_a_secret_with_which_this_site_signs_is_none_for_an_issuer(site):
    make_asset(site, "desk")
    answer = create(site)

    assert answer.status_code == 422 and "this site signs with" in answer.text
    assert create(site, secret=OTHER).status_code == 303
    path = f"/admin/issuers/{one(site)['id']}"
    before = one(site)["fingerprint"]
    for secret, words in ((SECRET, "this site signs with"), ("short", "has 5 bytes"), ("", "is empty")):
        refused = send(site, f"{path}/secret", page=path, how="secret_pasted", secret=secret, secret_encoding="text")
        assert refused.status_code == 422 and words in refused.text and one(site)["fingerprint"] == before
    weak = {"secret": "eight-bytes", "secret_encoding": "text", "secret_weak": "on", "how": "secret_pasted"}
    assert send(site, f"{path}/secret", page=path, **weak).status_code == 303
    assert "Marked weak" in site.ada.get(path).text


def test_another_way_to_its_key_replaces_the_former_one(site):
    path = f"/admin/issuers/{make_issuer(site, secret=OTHER)}"

    pem = handed(send(site, f"{path}/key", algorithm="ES256", how="pair_made", key_id="k1"))
    row = one(site)
    assert "BEGIN PRIVATE KEY" in pem and row["sealed"] is None and row["fingerprint"] is None
    assert row["definition"]["algorithm"] == "ES256" and set(keys_of(site)) == {"k1"}
    wrong = send(site, f"{path}/key", algorithm="ES256", how="jwks", jwks_url="https://10.0.0.1/jwks")
    assert wrong.status_code == 422 and 'value="https://10.0.0.1/jwks"' in wrong.text and set(keys_of(site)) == {"k1"}
    wrong = send(site, f"{path}/key", algorithm="XS256", how="key_pasted", public_key="x")
    assert wrong.status_code == 422
    pasted = {"secret": OTHER, "secret_encoding": "text"}
    assert send(site, f"{path}/key", algorithm="HS256", how="secret_pasted", **pasted).status_code == 303
    assert keys_of(site) == {} and one(site)["fingerprint"]
    assert one(site)["issuer"] == "https://portal.test"
    # A secret for an issuer that signs with a key, and a key for one with a secret, are refused.
    assert send(site, f"{path}/keys", page=path, how="pair_made").status_code == 422


class _Keys(BaseHTTPRequestHandler):
    """A key set that says what the test tells it to."""

    def do_GET(self):
        status, body = self.server.answer
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextmanager
def key_server():
    server = HTTPServer(("127.0.0.1", 0), _Keys)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_key_set_is_read_when_asked_to_and_its_last_problem_is_shown(make_house):
    with key_server() as (server, origin):
        site = make_house(FETCH_ALSO=origin)
        make_person(site, "ada", is_admin=True)
        site.ada = site.signed_in("ada")
        fields = {name: value for name, value in NEW.items() if not name.startswith("secret")}
        answer = create(
            site, **fields | {"how": "jwks", "algorithm": "ES256", "secret": None, "jwks_url": f"{origin}/k"}
        )
        assert answer.status_code == 303, answer.text
        path = answer.location
        assert "none known" in Page(site.ada.get(path).text).text and f"{origin}/k" in site.ada.get(path).text

        public = {**key_pair("ES256", 0).public, "kid": "theirs-1"}
        server.answer = 200, json.dumps({"keys": [public, {"kty": "oct", "k": "eA"}]}).encode()
        let_go = taken()
        assert "waiting for others" in follow(site, send(site, f"{path}/read", page=path))
        let_go()
        assert "The key set was read" in follow(site, send(site, f"{path}/read", page=path))
        shown = site.ada.get(path).text
        assert "theirs-1" in shown and "Key 2 of the set is not used" in shown
        assert "within the last minute" in follow(site, send(site, f"{path}/read", page=path))
        site.clock.advance(61)
        server.answer = 500, b"no"
        assert "It was not read" in follow(site, send(site, f"{path}/read", page=path))
        shown = Page(site.ada.get(path).text).text
        assert "status 500" in shown and "theirs-1" in shown and "Last attempt" in shown
        other = f"/admin/issuers/{make_issuer(site, 'https://two.test', name='two', secret=OTHER)}"
        assert "Nothing is read" in follow(site, send(site, f"{other}/read", page=other))
        with site.app.app_context():
            db.session.remove()


def follow(site, answer):
    assert answer.status_code == 303
    return site.ada.get(answer.location).text


@pytest.mark.parametrize("algorithm", ["HS256", "ES256"])
def test_the_code_that_is_handed_over_makes_a_token_that_signs_in(site, algorithm, monkeypatch, capsys):
    site.clock.now = time.time()  # The code reads the clock of its own machine.
    site.ada = site.signed_in("ada")
    how = "secret_made" if algorithm == "HS256" else "pair_made"
    more = {"required_claims": "email\nmetadata.department", "audience": 'it\'s "us" \\ ünï', "create_people": "on"}
    key = handed(create(site, algorithm=algorithm, how=how, secret=None, **more))
    path = f"/admin/issuers/{one(site)['id']}"
    [code] = re.findall(r'data-copy="the code"><pre dir="ltr"><code>(.*?)</code>', site.ada.get(path).text, re.S)
    person = '{"sub": "b-1", "email": "b@example.test", "metadata": {"department": "x"}}'
    code = re.sub(r"token_for\(\{.*\}\)", f"token_for({person})", html.unescape(code))

    monkeypatch.setenv("SIGNING_KEY", key)
    capsys.readouterr()
    exec(compile(code, "handed over", "exec"), {})  # noqa: S102 — our own code, to see that it runs.
    token = capsys.readouterr().out.strip()

    told = site.ada.post(f"{path}/test", json={"token": token, "transport": "query"}).json
    assert told["accepted"] and told["person"]["username"] == "b-1", told


def test_the_form_of_another_key_begins_with_what_is_there(make_house):
    with key_server() as (_, origin):
        site = make_house(FETCH_ALSO=origin)
        make_person(site, "ada", is_admin=True)
        site.ada = site.signed_in("ada")
        issuers = {
            "jwks": make_issuer(site, algorithm="ES256", jwks_url=f"{origin}/k"),
            "discover": make_issuer(site, origin, name="found", algorithm="ES256", discover=True),
            "key_pasted": make_issuer(site, "https://two.test", name="two", algorithm="ES256"),
            "secret_made": make_issuer(site, "https://three.test", name="three", secret=OTHER),
        }
        for how, issuer_id in issuers.items():
            page = Page(site.ada.get(f"/admin/issuers/{issuer_id}/key").text)
            [chosen] = [each for each in page.all("input", name="how") if "checked" in each]
            [address] = page.all("input", name="jwks_url")
            assert (chosen["value"], address["value"]) == (how, f"{origin}/k" if how == "jwks" else "")
        with site.app.app_context():
            db.session.remove()
