"""Signing in with OpenID Connect, against a real provider on 127.0.0.1 (OpenID Connect Core 1.0, OWASP ASVS 5.0 10.x)."""

import base64
import hashlib
import hmac
import json
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt

from mintmark import groups, identities
from mintmark.config import Limit
from mintmark.models import FetchedDocument, OpenIDProvider, db, writing
from mintmark.openid import flow, saving
from mintmark.people import find_person
from mintmark.web import oidc
from tests import openid_provider
from tests.conftest import csrf_of
from tests.making import make_group, make_key, make_person, make_provider
from tests.openid_provider import CLIENT_ID, CLIENT_SECRET, changed, key, visit
from tests.test_why_refused import checks_on

MAPPED = {
    "attribute_map": {"email": "email", "first_name": "given_name"},
    "groups_claim": "groups",
    "groups_map": {"staff": "desk"},
}


class Campus:
    """A house with a provider that it trusts; `ben` is its `u-1`."""

    def __init__(self, house, provider, **fields):
        self.house, self.provider = house, provider
        house.clock.now = float(int(time.time()))
        make_group(house, "desk")
        self.id = make_provider(house, provider.issuer, algorithm=provider.knobs.algorithm, **fields)
        make_person(house, "ben")
        self.link("u-1", "ben")

    def revise(self, **changes):
        """Change settings about people, as they are stored."""
        with self.house.app.app_context(), writing():
            row = saving.get_provider(self.id)
            live = changes.pop("live", row.live)
            row.definition = {**row.definition, **changes}
            values = {name: getattr(row, name) for name in ("name", "issuer", "client_id", "definition")}
            saving.revise(row, {**values, "live": live}, by=self.house.by())

    def link(self, subject, username):
        with self.house.app.app_context(), writing():
            person = find_person(username)
            identities.link(self.id, "sub", subject, person, by=self.house.by(), issuer=self.provider.issuer)

    def forget(self):
        """Let the next sign-in read the provider's documents anew."""
        with self.house.app.app_context(), writing() as session:
            session.execute(db.text("DELETE FROM fetched_document"))

    def begin(self, client, next=None, name="campus"):
        """Return the address at the provider to which a browser is sent."""
        answer = client.get(f"/auth/oidc/{name}", query_string={"next": next} if next else {})
        assert answer.status_code == 303, answer.text
        return answer.headers["Location"]

    def come_back(self, address, sub="u-1"):
        """Sign in at the provider; return the address with which it sends the browser back."""
        status, headers, text = visit(address, "POST", {"sub": sub})
        assert status == 302, text
        back = urlsplit(headers["Location"])
        assert f"{back.scheme}://{back.netloc}" == "http://127.0.0.1:8000"
        return f"{back.path}?{back.query}"

    def sign_in(self, client, sub="u-1", next=None):
        return client.get(self.come_back(self.begin(client, next), sub))

    def person(self, username="ben"):
        [row] = self.house.rows("SELECT * FROM person WHERE username = :name", name=username)
        return row


@pytest.fixture
def make_campus(make_house):
    """Make a house and the provider that it trusts."""
    running = []

    def make(secret=CLIENT_SECRET, signs_with="ES256", settings=None, **fields):
        running.append(openid_provider.running("http://127.0.0.1:8000", secret=secret))
        provider = running[-1].__enter__()
        provider.knobs.algorithm = signs_with
        house = make_house(FETCH_ALSO=provider.issuer, LIMIT_SIGN_IN="999 per minute", **(settings or {}))
        return Campus(house, provider, secret=secret, **fields)

    yield make
    for each in running:
        each.__exit__(None, None, None)


@pytest.fixture
def campus(make_campus):
    return make_campus()


def is_signed_in(client):
    return client.get("/account").status_code == 200


def query_of(address):
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def test_somebody_signs_in_by_the_code_flow_with_pkce_and_comes_where_they_wanted(campus):
    client = campus.house.client()
    address = campus.begin(client, next="/account/sessions")
    asked = query_of(address)

    back = campus.come_back(address)
    answer = client.get(back)

    assert (answer.status_code, answer.headers["Location"]) == (303, "/account/sessions")
    assert is_signed_in(client)
    # RFC 6749 §4.1.1, RFC 7636 §4.3, OpenID Connect Core §3.1.2.1.
    assert address.startswith(campus.provider.issuer + "/authorize?")
    assert asked["response_type"] == "code" and asked["client_id"] == CLIENT_ID
    assert asked["redirect_uri"] == "http://127.0.0.1:8000/auth/oidc/campus/callback"
    assert asked["scope"] == "openid profile email" and asked["code_challenge_method"] == "S256"
    [sent] = campus.provider.ask_for("/token")
    verifier = sent.form["code_verifier"]
    assert (
        base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        == asked["code_challenge"]
    )
    assert len({asked["state"], asked["nonce"], verifier}) == 3 and all(
        len(each) >= 43 for each in (asked["state"], verifier)
    )
    # The secret goes in the header, form-encoded (RFC 6749 §2.3.1), and not in the body.
    assert "client_secret" not in sent.form and sent.headers["authorization"].startswith("Basic ")
    # What is mapped is nothing, so userinfo is not asked.
    assert not campus.provider.ask_for("/userinfo")
    [row] = campus.house.log("person.signed_in")
    assert (row["issuer"], row["person"]) == (campus.provider.issuer, campus.person()["id"])
    [session] = campus.house.rows("SELECT source_id, id FROM session")
    assert session["source_id"] == campus.id
    [kept] = campus.house.rows("SELECT * FROM provider_session")
    assert kept["id"] == session["id"] and b"eyJ" not in bytes(kept["sealed"])


@pytest.mark.parametrize("way", ["client_secret_post", "public"])
def test_the_client_says_who_it_is_as_the_provider_wants_it(make_campus, way):
    secret = None if way == "public" else CLIENT_SECRET
    method = {} if way == "public" else {"auth_method": way}
    campus = make_campus(secret=secret, signs_with="RS256" if way == "public" else "ES256", **method)

    assert campus.sign_in(campus.house.client()).status_code == 303
    [sent] = campus.provider.ask_for("/token")
    assert "authorization" not in sent.headers
    assert (sent.form["client_id"], sent.form.get("client_secret")) == (CLIENT_ID, secret)


def test_people_are_made_and_updated_by_what_is_mapped_be_it_in_userinfo_alone(campus):
    house, client = campus.house, campus.house.client()
    with house.app.app_context():
        desk = groups.ids_by_key()["desk"]
    mapped = {**MAPPED, "groups_map": {"staff": desk}}

    # Nobody is made unless that is switched on.
    assert campus.sign_in(client, "u-2").status_code == 401
    campus.revise(create_people=True, username_claim="preferred_username", username_prefix="campus-", **mapped)
    assert campus.sign_in(client, "u-2").status_code == 303

    eve = campus.person("campus-eve")
    assert (eve["email"], eve["first_name"], eve["password_hash"]) == ("eve@campus.test", "Eve", None)
    assert not eve["is_admin"]
    [identity] = house.rows("SELECT * FROM identity WHERE person_id = :id", id=eve["id"])
    assert (identity["source_id"], identity["claim"], identity["subject"]) == (campus.id, "sub", "u-2")
    # Whoever is linked keeps their name and gets what is mapped; what stands in the ID token wins.
    campus.provider.knobs.claims = {"given_name": "Benjamin"}
    assert campus.sign_in(house.client()).status_code == 303
    ben = campus.person()
    assert (ben["username"], ben["email"], ben["first_name"]) == ("ben", "ben@campus.test", "Benjamin")
    assert house.rows("SELECT group_id FROM membership WHERE person_id = :id", id=ben["id"]) == [{"group_id": desk}]
    # Nothing is asked of userinfo that the ID token says.
    asked = len(campus.provider.ask_for("/userinfo"))
    campus.provider.knobs.in_id_token = ("email", "given_name", "groups", "preferred_username")
    assert campus.sign_in(house.client()).status_code == 303
    assert len(campus.provider.ask_for("/userinfo")) == asked == 2
    # Who has no name that may be a username is not made, nor under the prefix alone.
    campus.provider.knobs.claims = {"sub": "u-3", "preferred_username": 7}
    campus.provider.knobs.userinfo = {"sub": "u-3", "preferred_username": None}
    assert campus.sign_in(house.client()).status_code == 401
    # Without the right to make people, nobody is found by a name or an address.
    campus.provider.knobs.claims = {"sub": "u-4", "preferred_username": "ben", "email": "ben@campus.test"}
    campus.revise(create_people=False)
    assert campus.sign_in(house.client()).status_code == 401
    assert len(house.rows("SELECT id FROM person")) == 2


def test_an_answer_counts_once_in_the_browser_that_asked_and_for_ten_minutes(campus):
    house, client = campus.house, campus.house.client()
    back = campus.come_back(campus.begin(client))

    stranger = house.client()
    refused = [
        (stranger, back),  # Another browser: login CSRF (RFC 6749 §10.12).
        (client, changed(back, {"state": ["x" * 43]})),
        (client, changed(back, {"state": ["ü\x00"]})),
        (client, changed(back, {"state": None})),
        (client, changed(back, {"code": None})),
        (client, "/auth/oidc/campus/callback"),
    ]
    for each, address in refused[:4]:
        answer = each.get(address)
        assert answer.status_code == 400 and not is_signed_in(each), address
    assert len(campus.provider.ask_for("/token")) == 0
    # A wrong one did not use up the right one; the right one is used up.
    assert client.get(back).status_code == 303
    assert client.get(back).status_code == 400
    # The cookie of before does not bring it back: the provider takes a code once.
    late = house.client()
    back = campus.come_back(campus.begin(late))
    cookie = late.get_cookie("mintmark").value
    assert late.get(back).status_code == 303
    thief = house.client()
    thief.set_cookie("mintmark", cookie)
    assert thief.get(back).status_code == 502 and not is_signed_in(thief)

    # Ten minutes, and the last that was begun.
    for wait, status in ((600, 303), (601, 400)):
        slow = house.client()
        back = campus.come_back(campus.begin(slow))
        house.clock.advance(wait)
        campus.provider.knobs.claims = {"iat": int(house.clock.now), "exp": int(house.clock.now) + 60}
        assert slow.get(back).status_code == status
    campus.provider.knobs.claims = {}
    house.clock.now = float(int(time.time()))
    two = house.client()
    first = campus.come_back(campus.begin(two))
    second = campus.come_back(campus.begin(two))
    assert [two.get(each).status_code for each in (first, second)] == [400, 303]


def test_an_answer_that_is_none_is_refused_in_words(campus):
    house = campus.house
    other = "https://other.test"
    cases = [
        # RFC 9207 §2.4: the provider says that it names itself, so it must, and be the one that was asked.
        ({"iss": None}, 400, "does not come from"),
        ({"iss": other}, 400, "does not come from"),
        ({"code": None}, 400, "no code"),
        ({"code": ["a", "b"]}, 400, "twice"),
        ({"code": ["x\n"]}, 400, "no code"),
        ({"code": ["unknown"]}, 502, "did not take the code"),
        ({"code": None, "error": "access_denied"}, 403, "declined"),
        ({"code": None, "error": "access_denied", "iss": None}, 400, "does not come from"),
        ({"error": "<script>alert(1)</script>" + "x" * 500}, 403, "&lt;script&gt;"),
        ({"error": "login_required"}, 403, "sign in there"),
    ]
    for answer, status, words in cases:
        client = house.client()
        campus.provider.knobs.answer = {
            name: value if value is None or isinstance(value, list) else [value] for name, value in answer.items()
        }
        refused = campus.sign_in(client)
        assert (refused.status_code, words in refused.text) == (status, True), (answer, refused.text)
        assert "<script>alert" not in refused.text and "x" * 100 not in refused.text
        assert not is_signed_in(client)
        assert "Begin again" in refused.text and "Other ways" in refused.text
    # A provider that does not say so need not name itself; where it does, it must still be itself.
    campus.provider.knobs.metadata = {"authorization_response_iss_parameter_supported": None}
    campus.forget()
    for iss, status in ((None, 303), ([other], 400)):
        campus.provider.knobs.answer = {"iss": iss}
        assert campus.sign_in(house.client()).status_code == status


def test_an_id_token_goes_through_the_one_verifier(campus):
    house, knobs = campus.house, campus.provider.knobs
    now = int(house.clock.now)
    good = {"iss": campus.provider.issuer, "aud": CLIENT_ID, "sub": "u-1", "iat": now, "exp": now + 60}
    cases = [
        ("nonce", {"claims": {"nonce": "another"}}),
        ("no nonce", {"claims": {"nonce": None}}),
        ("nonce of another type", {"claims": {"nonce": ["x"]}}),
        ("iss", {"claims": {"iss": "https://other.test"}}),
        ("iss with a slash", {"claims": {"iss": campus.provider.issuer + "/"}}),
        ("no iss", {"claims": {"iss": None}}),
        ("aud", {"claims": {"aud": "another"}}),
        ("no aud", {"claims": {"aud": None}}),
        ("aud of several", {"claims": {"aud": [CLIENT_ID, "another"]}}),
        ("azp", {"claims": {"azp": "another"}}),
        ("expired", {"claims": {"iat": now - 400, "exp": now - 100}}),
        ("no exp", {"claims": {"exp": None}}),
        ("old", {"claims": {"iat": now - 700}}),
        ("of days", {"claims": {"exp": now + 90_000}}),
        ("not yet", {"claims": {"nbf": now + 100}}),
        ("no sub", {"claims": {"sub": None}}),
        ("empty sub", {"claims": {"sub": ""}}),
        ("sub of another type", {"claims": {"sub": 1}}),
        ("long sub", {"claims": {"sub": "x" * 256}}),
        ("typ", {"header": {"typ": "logout+jwt"}}),
        ("kid", {"header": {"kid": "another"}}),
        ("crit", {"header": {"crit": ["b64"], "b64": True}}),
        ("none", {"id_token": _unsigned(good)}),
        ("a public key as secret", {"id_token": _by_hmac(good, key().as_pem(private=False))}),
        ("another key", {"number": 1}),
        ("another key of the same id", {"number": 1, "header": {"kid": "ES256-0"}}),
        ("no token", {"id_token": "x.y"}),
    ]  # fmt: skip
    for name, changes in cases:
        for knob, value in changes.items():
            setattr(knobs, knob, value)
        client = house.client()
        try:
            answer = campus.sign_in(client)
        except ValueError as error:  # What joserfc does not sign.
            pytest.fail(f"{name}: {error}")
        assert answer.status_code == 401, (name, answer.text)
        assert not is_signed_in(client)
        knobs.claims, knobs.header, knobs.id_token, knobs.number = {}, {}, None, 0
    rows = house.log("person.sign_in_refused")
    assert len(rows) == len(cases)
    assert {row["outcome"] for row in rows} == {"refused"}
    assert {row["issuer"] for row in rows} == {campus.provider.issuer}
    assert {json.loads(row["detail"])["transport"] for row in rows} == {"code"}
    assert {"nonce", "aud", "azp", "signature", "key", "algorithm"} <= {
        json.loads(row["detail"])["check"] for row in rows
    }
    assert not any("eyJ" in str(value) for row in rows for value in row.values())
    # Several audiences are taken where the token says that it was made for us.
    knobs.claims = {"aud": [CLIENT_ID, "another"], "azp": CLIENT_ID}
    assert campus.sign_in(house.client()).status_code == 303


def test_the_page_that_explains_says_of_an_id_token_what_the_sign_in_said(campus):
    house, now = campus.house, int(campus.house.clock.now)
    make_person(house, "ada", is_admin=True)
    ada = house.signed_in("ada")
    usual = {"iss": campus.provider.issuer, "aud": CLIENT_ID, "sub": "u-1", "iat": now, "exp": now + 60}
    cases = [
        ({}, None),
        ({"aud": [CLIENT_ID, "another"], "azp": CLIENT_ID}, None),
        ({"iat": now - 595, "exp": now - 55}, None),  # Within the leeway.
        ({"exp": now + 86_000}, None),
        ({"azp": "another"}, "azp"),
        ({"aud": [CLIENT_ID, "another"]}, "azp"),
        ({"aud": "another"}, "aud"),
        ({"iat": now - 400, "exp": now - 61}, "exp"),
        ({"iat": now + 61, "exp": now + 120}, "iat"),
        ({"iat": now - 661}, "iat"),
        ({"exp": now + 86_401}, "lifetime"),
        ({"sub": 1}, "sub"),
        ({"sub": "u-2"}, "person"),
    ]
    for changes, check in cases:
        client = house.client()
        address = campus.begin(client)
        claims = {**usual, "nonce": query_of(address)["nonce"], **changes}
        token = jwt.encode({"alg": "ES256", "kid": "ES256-0"}, claims, key("ES256", 0))
        campus.provider.knobs.id_token = token
        answer = client.get(campus.come_back(address))
        for transport in ("body", "query"):  # Whichever is chosen: an ID token comes by one way only.
            form = {"csrf_token": csrf_of(ada.get("/admin/issuers/why")), "token": token, "transport": transport}
            page = ada.post("/admin/issuers/why", data=form)
            outcomes = checks_on(page)["campus"]
            failed = next((name for name, (outcome, _) in outcomes.items() if outcome == "Failed"), None)
            assert outcomes["nonce"][0] == "Not looked at" and failed == check, (changes, outcomes)
        if check is None:
            assert answer.status_code == 303 and "it names <bdi>ben</bdi>" in page.text, (changes, answer.text)
            continue
        row = house.log("person.sign_in_refused")[-1]
        assert answer.status_code == 401 and json.loads(row["detail"])["check"] == check, (changes, row)
        assert f"<code>{row['code']}</code>" in page.text, changes


def _base64url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _unsigned(claims, alg="none"):
    return ".".join(_base64url(json.dumps(each).encode()) for each in ({"alg": alg}, claims)) + "."


def _by_hmac(claims, secret):
    """Algorithm confusion (CVE-2016-10555): the public key is everybody's."""
    signed = _unsigned(claims, "HS256").rstrip(".")
    return f"{signed}.{_base64url(hmac.digest(secret, signed.encode(), 'sha256'))}"


def test_a_key_that_was_rotated_is_read_anew_and_our_own_is_never_taken(campus):
    house, knobs = campus.house, campus.provider.knobs
    assert campus.sign_in(house.client()).status_code == 303

    knobs.number, knobs.published = 1, (0, 1)
    house.clock.advance(61)
    assert campus.sign_in(house.client()).status_code == 303

    public = key("ES256", 1).as_dict(private=False)
    canonical = json.dumps({name: public[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":"))
    thumbprint = base64.urlsafe_b64encode(hashlib.sha256(canonical.encode()).digest()).decode().rstrip("=")
    make_key(house, "ours")
    with house.app.app_context(), writing() as session:
        session.execute(db.text("UPDATE signing_key SET thumbprint = :t").bindparams(t=thumbprint))
    assert campus.sign_in(house.client()).status_code == 401


def test_userinfo_is_believed_only_about_the_subject_of_the_id_token(campus):
    house, knobs = campus.house, campus.provider.knobs
    campus.revise(attribute_map={"email": "email"})
    cases = [
        ({"userinfo": {"sub": "u-2"}}, 502),
        ({"userinfo": {"sub": None}}, 502),
        ({"userinfo_type": "application/jwt"}, 502),
        ({"userinfo_type": "text/html"}, 502),
        ({"failing": frozenset({"/userinfo"})}, 502),
        ({"raw": {"/userinfo": '["x"]'}}, 502),
        ({"userinfo": {"email": "x" * 300}}, 401),
        ({"userinfo": {"email": {"a": 1}}}, 401),
        ({}, 303),
    ]
    for changes, status in cases:
        for knob, value in changes.items():
            setattr(knobs, knob, value)
        answer = campus.sign_in(house.client())
        assert answer.status_code == status, (changes, answer.text)
        assert campus.person()["email"] == ("ben@campus.test" if status == 303 else None), changes
        knobs.userinfo, knobs.userinfo_type, knobs.failing, knobs.raw = {}, "application/json", frozenset(), {}
    # A provider without userinfo is one.
    knobs.metadata = {"userinfo_endpoint": None}
    campus.forget()
    assert campus.sign_in(house.client()).status_code == 303


def test_a_provider_that_fails_stands_in_nobody_elses_way(campus):
    house, knobs = campus.house, campus.provider.knobs
    clients = [house.client() for _ in range(9)]
    back = [campus.come_back(campus.begin(client)) for client in clients]
    answers = {
        "status 500": ({"failing": frozenset({"/token"})}, 503),
        "no JSON": ({"raw": {"/token": "<html>"}}, 502),
        "a list": ({"raw": {"/token": "[]"}}, 502),
        "no ID token": ({"raw": {"/token": '{"access_token": "x", "token_type": "Bearer"}'}}, 502),
        "numbers that are none": ({"raw": {"/token": '{"expires_in": "x", "id_token": "a"}'}}, 502),
        "an error of another type": ({"raw": {"/token": '{"error": ["<b>"], "error_description": "\\u00e4"}'}}, 502),
        "an error in words": ({"raw": {"/token": '{"error": "<b>"}'}}, 502),
        "no keys": ({"raw": {"/keys": '{"keys": []}'}}, 503),
        "keys that are none": ({"raw": {"/keys": "x"}}, 503),
    }
    for (name, (changes, status)), client, address in zip(answers.items(), clients, back, strict=True):
        for knob, value in changes.items():
            setattr(knobs, knob, value)
        with house.app.app_context(), writing() as session:
            session.execute(db.text("DELETE FROM fetched_document WHERE url LIKE '%/keys'"))
        answer = client.get(address)
        assert (answer.status_code, is_signed_in(client)) == (status, False), (name, answer.text)
        assert "<b>" not in answer.text and ("Retry-After" in answer.headers) is (status == 503)
        knobs.failing, knobs.raw = frozenset(), {}

    campus.forget()
    documents = [
        ({"issuer": campus.provider.issuer + "/"}, 503),
        ({"token_endpoint": None}, 502),
        ({"token_endpoint": "http://169.254.169.254/token"}, 503),
        ({"jwks_uri": "file:///etc/passwd"}, 503),
        ({"authorization_endpoint": "javascript:alert(1)"}, 503),
    ]
    for metadata, status in documents:
        knobs.metadata = metadata
        campus.forget()
        answer = house.client().get("/auth/oidc/campus")
        assert (answer.status_code, "Location" in answer.headers) == (status, False), (metadata, answer.text)
    make_person(house, "cyd")
    assert is_signed_in(house.sign_in("cyd"))
    assert 'href="/auth/oidc/campus"' in house.client().get("/login").text


def test_while_one_waits_for_a_provider_the_next_is_told_so_and_comes_again(campus):
    house = campus.house
    first, second = house.client(), house.client()
    answers = [campus.come_back(campus.begin(client)) for client in (first, second)]
    campus.provider.knobs.slow = {"/token": 0.45}

    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(first.get, answers[0])
        while not campus.provider.ask_for("/token"):
            time.sleep(0.01)
        told = second.get(answers[1])
        assert not waits.done()
        assert waits.result().status_code == 303

    assert (told.status_code, told.headers["Retry-After"]) == (503, "5")
    assert "few seconds" in told.text and 'href="">Try again' in told.text
    assert len(campus.provider.ask_for("/token")) == 1
    # The answer was not used up.
    assert second.get(answers[1]).status_code == 303 and is_signed_in(second)


def test_all_that_an_answer_makes_this_site_ask_ends_at_one_moment(campus, monkeypatch):
    monkeypatch.setattr(oidc, "_WAITS", 1.2)
    campus.revise(attribute_map={"email": "email"})
    client = campus.house.client()
    back = campus.come_back(campus.begin(client))
    campus.provider.knobs.slow = {"/token": 0.3, "/keys": 0.3, "/userinfo": 4}

    began = time.monotonic()
    answer = client.get(back)

    assert (answer.status_code, "in time" in answer.text) == (503, True), answer.text
    assert 1.1 < time.monotonic() - began < 3.5
    assert len(campus.provider.ask_for("/userinfo")) == 1


def test_a_whole_campus_behind_one_address_comes_in(campus):
    for _ in range(70):
        assert campus.house.client().get("/auth/oidc/campus/callback").status_code == 400
    clients = [campus.house.client() for _ in range(8)]
    for client in clients:
        with client.session_transaction() as session:
            session["oidc"] = {"provider": campus.id, "at": int(campus.house.clock.now), "state": "s",
                               "nonce": "n", "code_verifier": "v", "next": ""}  # fmt: skip
    address = "/auth/oidc/campus/callback?state=s&error=access_denied&iss=" + campus.provider.issuer
    statuses = [clients[each % 8].get(address).status_code for each in range(8)]
    assert statuses == [403] * 8


def test_an_address_makes_this_site_ask_a_provider_so_many_times_a_minute_and_is_told_to_wait(campus, monkeypatch):
    assert oidc._ANSWERS == Limit(600, 60)
    monkeypatch.setattr(oidc, "_ANSWERS", Limit(3, 60))
    client = campus.house.client()
    back, asked = campus.come_back(campus.begin(client)), len(campus.provider.ask_for("/token"))
    for _ in range(3):
        other = campus.house.client()
        assert other.get(changed(campus.come_back(campus.begin(other)), {"code": None})).status_code == 400

    answer = client.get(back)

    assert answer.status_code == 429 and 0 < int(answer.headers["Retry-After"]) <= 120
    assert not is_signed_in(client) and len(campus.provider.ask_for("/token")) == asked
    # The answer is not used up by it.
    campus.house.clock.advance(int(answer.headers["Retry-After"]))
    campus.provider.knobs.claims = {"iat": int(campus.house.clock.now), "exp": int(campus.house.clock.now) + 60}
    assert client.get(back).status_code == 303 and is_signed_in(client)


def test_a_provider_that_is_not_listed_leads_nowhere_that_is_listed_for_another(make_campus):
    # CWE-918: with a code and a bearer text of its choice, this site would ask what stands behind the firewall.
    campus = make_campus()
    house, issuer, inside = campus.house, "https://elsewhere.test", campus.provider.issuer
    make_provider(house, issuer, name="elsewhere")
    well_known = issuer + "/.well-known/openid-configuration"
    named = {f"{name}_endpoint": f"{issuer}/{name}" for name in ("authorization", "token", "userinfo")}
    for wrong in ("jwks_uri", "token_endpoint", "userinfo_endpoint", "authorization_endpoint", "end_session_endpoint"):
        document = {"issuer": issuer, "jwks_uri": issuer + "/keys", **named, wrong: inside + "/admin/delete?id=7"}
        campus.forget()
        with house.app.app_context(), writing() as session:
            now = int(house.clock.now)
            session.add(FetchedDocument(url=well_known, body=document, fetched_at=now, tried_at=now))
        answer = house.client().get("/auth/oidc/elsewhere")
        assert answer.status_code == 503 and wrong in answer.text, wrong
    with house.app.app_context():
        row = saving.find_live("elsewhere")
        settings = house.mint.settings
        client = flow.client_of(row, redirect_uri="x", sealer=settings.sealer, fetch_also=settings.fetch_also)
        with pytest.raises(flow.ProviderAway):
            client.redeem({"token_endpoint": inside + "/token"}, flow.Pending("s", "n", "v"), "code")
        with pytest.raises(flow.ProviderAway):
            client.userinfo({"userinfo_endpoint": inside + "/userinfo"}, flow.Redeemed("x", "y"), "u-1")
    assert campus.provider.asked == []


@pytest.mark.both_databases
def test_a_provider_that_is_taken_away_while_it_is_waited_for_signs_nobody_in(campus):
    house, client = campus.house, campus.house.client()
    make_person(house, "cyd")
    linking = house.signed_in("cyd")
    page = linking.get("/account/identities")
    linking.post("/account/identities/link", data={"csrf_token": csrf_of(page), "source": "provider:campus"})
    backs = [campus.come_back(campus.begin(each), sub) for each, sub in ((client, "u-1"), (linking, "u-2"))]
    campus.provider.knobs.slow = {"/token": 0.3}
    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(client.get, backs[0])
        while not campus.provider.ask_for("/token"):
            time.sleep(0.01)
        with house.app.app_context(), writing():
            saving.remove(saving.get_provider(campus.id), by=house.by())
        answer = waits.result()

    assert answer.status_code == 401 and not is_signed_in(client), answer.text
    [row] = house.log("person.sign_in_refused")
    assert row["issuer"] == campus.provider.issuer
    assert linking.get(backs[1]).status_code == 404


@pytest.mark.parametrize("is_kept", [True, False])
def test_a_refused_id_token_is_kept_for_a_day_where_the_site_keeps_such(make_campus, is_kept):
    campus = make_campus(settings={"KEEP_REFUSED": "1"} if is_kept else {})
    house = campus.house
    campus.provider.knobs.claims = {"aud": "another"}

    assert campus.sign_in(house.client()).status_code == 401
    campus.provider.knobs.claims = {}
    assert campus.sign_in(house.client(), "u-2").status_code == 401  # In order, but nobody is known by it.

    kept = house.rows("SELECT * FROM refused_token ORDER BY request")
    assert len(kept) == (2 if is_kept else 0)
    for row in kept:
        assert row["transport"] == "code" and "ES256-0" in str(row["header"])
        assert campus.provider.issuer in str(row["claims"]) and "eyJ" not in str(row)
    assert {row["request"] for row in kept} <= {row["request"] for row in house.log("person.sign_in_refused")}
    if is_kept:
        make_person(house, "ada", is_admin=True)
        [refused, _] = house.log("person.sign_in_refused")
        page = house.signed_in("ada").get(f"/admin/issuers/why?request={refused['request']}")
        assert page.status_code == 200 and "another" in page.text


def test_who_is_signed_in_is_never_changed_into_somebody_else(campus):
    house = campus.house
    make_person(house, "cyd")
    client = house.signed_in("cyd")

    answer = campus.sign_in(client)

    assert answer.status_code == 409 and "cyd" in answer.text
    assert "cyd" in client.get("/account").text
    assert not house.rows("SELECT * FROM session WHERE ended_at IS NOT NULL")
    # The same person begins a new session, and the old one ends (ASVS 7.2.4).
    client = house.signed_in("ben")
    assert campus.sign_in(client).status_code == 303
    ended = house.rows(
        "SELECT id FROM session WHERE ended_at IS NOT NULL AND person_id = :id", id=campus.person()["id"]
    )
    assert len(ended) == 1


def test_who_is_switched_off_stays_out_and_so_does_a_provider(campus):
    house, client = campus.house, campus.house.client()
    assert campus.sign_in(client).status_code == 303
    begun = house.client()
    back = campus.come_back(campus.begin(begun))

    campus.revise(live=False)
    assert not is_signed_in(client), "its sessions end"
    assert begun.get(back).status_code == 404
    assert house.client().get("/auth/oidc/campus").status_code == 404
    campus.revise(live=True)
    with house.app.app_context(), writing():
        find_person("ben").live = False
    assert campus.sign_in(house.client()).status_code == 401

    with house.app.app_context(), writing():
        saving.remove(saving.get_provider(campus.id), by=house.by())
    assert house.rows("SELECT * FROM identity") == house.rows("SELECT * FROM provider_session") == []
    assert house.client().get("/auth/oidc/campus").status_code == 404


def test_a_page_or_a_prefetch_begins_and_ends_no_sign_in(campus):
    client = campus.house.client()
    for headers in (
        {"Sec-Purpose": "prefetch"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
    ):
        assert client.get("/auth/oidc/campus", headers=headers).status_code == 403
    back = campus.come_back(campus.begin(client))
    for headers in ({"Sec-Purpose": "prefetch"}, {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}):
        assert client.get(back, headers=headers).status_code == 403
    assert client.head(back).status_code == client.post(back).status_code == 405
    navigation = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert client.get(back, headers=navigation).status_code == 303


def test_next_leads_to_a_page_of_ours_or_home(campus):
    for wanted, place in (
        ("/account/sessions", "/account/sessions"),
        ("https://evil.test", "/"),
        ("////evil.test", "/"),
        ("/auth/oidc/campus", "/"),
        ("/logout", "/"),
    ):
        assert campus.sign_in(campus.house.client(), next=wanted).headers["Location"] == place


def sign_out(client, page="/account"):
    return client.post("/logout", data={"csrf_token": csrf_of(client.get(page))})


def test_who_signs_out_here_is_led_on_to_sign_out_there(campus):
    house, client = campus.house, campus.house.client()
    campus.sign_in(client)

    answer = sign_out(client)

    assert answer.status_code == 200 and not is_signed_in(client)
    address = answer.headers["Refresh"].partition("url=")[2]
    asked = query_of(address)
    assert address.startswith(campus.provider.issuer + "/end?")
    assert asked["client_id"] == CLIENT_ID and asked["post_logout_redirect_uri"] == "http://127.0.0.1:8000/login"
    assert asked["id_token_hint"].count(".") == 2
    assert answer.headers["Referrer-Policy"] == "no-referrer" and "Clear-Site-Data" in answer.headers
    assert 'href="/login"' in answer.text
    assert house.rows("SELECT * FROM provider_session") == []
    assert len(house.log("person.signed_out")) == 1
    # The provider takes it, and sends the browser back to where it is registered.
    status, headers, text = visit(address)
    assert status == 200 and "Sign out of Campus" in text
    status, headers, _ = visit(address, "POST")
    assert (status, headers["Location"]) == (302, "http://127.0.0.1:8000/login")


def test_signing_out_here_never_fails_for_what_is_wrong_there(campus):
    house = campus.house
    clients = [house.client() for _ in range(5)]
    for client in clients[:3]:
        assert campus.sign_in(client).status_code == 303
    with house.app.app_context(), writing() as session:
        session.execute(db.text("DELETE FROM fetched_document"))
    campus.provider.knobs.failing = frozenset({"/.well-known/openid-configuration"})
    assert sign_out(clients[0]).headers["Location"] == "/"
    campus.provider.knobs.failing, campus.provider.knobs.metadata = frozenset(), {"end_session_endpoint": None}
    campus.forget()
    assert sign_out(clients[1]).headers["Location"] == "/"
    campus.provider.knobs.metadata = {}
    campus.forget()
    with house.app.app_context(), writing() as session:
        session.execute(db.text("UPDATE provider_session SET sealed = :x").bindparams(x=b"\x01\x01k" + bytes(40)))
    assert sign_out(clients[2]).headers["Location"] == "/"
    for client in clients[3:]:
        assert campus.sign_in(client).status_code == 303
    campus.forget()
    campus.provider.knobs.slow, asked = {"/.well-known/openid-configuration": 0.3}, len(campus.provider.asked)
    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(sign_out, clients[4])
        while len(campus.provider.asked) == asked and not waits.done():
            time.sleep(0.01)
        with house.app.app_context(), writing():
            db.session.delete(db.session.get_one(OpenIDProvider, campus.id))
        assert waits.result().status_code == 200
    assert sign_out(clients[3]).status_code == 303
    assert not any(is_signed_in(client) for client in clients)
    # Who came by a password is only signed out here.
    assert sign_out(house.sign_in("ben")).headers["Location"] == "/"


def test_what_a_session_kept_for_its_provider_goes_when_the_session_is_over(campus):
    house = campus.house
    campus.sign_in(house.client())
    house.clock.advance(43_200)
    campus.provider.knobs.claims = {"iat": int(house.clock.now), "exp": int(house.clock.now) + 60}

    campus.sign_in(house.client())

    assert len(house.rows("SELECT * FROM provider_session")) == 1


def test_no_secret_leaves_by_repr_log_or_page(campus):
    house = campus.house
    client = house.client()
    campus.sign_in(client)
    with house.app.app_context():
        row = saving.get_provider(campus.id)
        settings = house.mint.settings
        made = flow.client_of(row, redirect_uri="x", sealer=settings.sealer, fetch_also=settings.fetch_also)
        assert made.secret == CLIENT_SECRET and CLIENT_SECRET not in repr(made) + repr(row)
    assert CLIENT_SECRET not in json.dumps(house.log(), default=str)
    [sealed] = house.rows("SELECT sealed FROM openid_provider")
    assert CLIENT_SECRET.encode() not in bytes(sealed["sealed"])


def test_somebody_signed_in_links_who_they_are_there_and_nobody_is_switched(campus):
    house = campus.house
    make_person(house, "cyd")
    client = house.signed_in("cyd")
    begun = client.post(
        "/account/identities/link",
        data={"csrf_token": csrf_of(client.get("/account/identities")), "source": "provider:campus"},
    )
    assert "/auth/oidc/campus" in begun.text

    answer = campus.sign_in(client, "u-2")

    assert (answer.status_code, answer.headers["Location"]) == (303, "/account/identities")
    asks = client.get("/account/identities")
    assert "u-2" in asks.text and len(house.rows("SELECT * FROM identity")) == 1
    arrived = asks.text.split('name="arrived" value="')[1].split('"')[0]
    client.post("/account/identities/confirm", data={"csrf_token": csrf_of(asks), "arrived": arrived})
    [row] = house.rows("SELECT * FROM identity WHERE subject = 'u-2'")
    assert row["person_id"] == campus.person("cyd")["id"]
    assert campus.sign_in(house.client(), "u-2").status_code == 303
