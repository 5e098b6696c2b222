"""Why was it refused? Every check of every issuer, for a pasted token or one of the log; as a page and as JSON."""

import json
import re
from dataclasses import replace
from urllib.parse import urlsplit

import jwt
import pytest

from mintmark import log
from mintmark.issuers import kept_refusals
from mintmark.log import Occasion
from mintmark.models import OpenIDProvider, RefusedToken, SpentToken, db, writing
from mintmark.unverified import read_unverified
from tests.conftest import SECRET, START, csrf_of
from tests.making import key_pair, make_asset, make_identity, make_issuer, make_person
from tests.test_pages import Page

WHY = "/admin/issuers/why"
NUMBER = "5f0c2a7e9b1d3c44"


@pytest.fixture
def site(sqlite_house):
    """A house with an administrator, and a portal that may make people."""
    make_person(sqlite_house, "ada", is_admin=True)
    sqlite_house.ada = sqlite_house.signed_in("ada")
    sqlite_house.mint.settings = replace(sqlite_house.mint.settings, keep_refused=True)
    sqlite_house.portal = make_issuer(sqlite_house, create_people=True)
    return sqlite_house


def claims(**changed):
    now = int(START)
    whole = {
        "iss": "https://portal.test",
        "sub": "jsmith",
        "aud": "mintmark",
        "iat": now,
        "exp": now + 300,
        "jti": "t-1",
    }
    return {name: value for name, value in (whole | changed).items() if value is not None}


def token_of(key=SECRET, algorithm="HS256", headers=None, **changed):
    return jwt.encode(claims(**changed), key, algorithm=algorithm, headers=headers)


def look(site, token, transport="body"):
    """Paste a token; return the page and check → (outcome, words) of each issuer, by its name."""
    form = site.ada.get(WHY)
    answer = site.ada.post(WHY, data={"csrf_token": csrf_of(form), "token": token, "transport": transport})
    return answer, checks_on(answer)


def checks_on(answer):
    found = {}
    for name, table in re.findall(r'aria-label="Checks of (.*?)".*?<tbody>(.*?)</tbody>', answer.text, re.S):
        rows = re.findall(
            r"<code>(\w+)</code></th>\s*<td>.*?</svg> ([\w ]+)</span></td>\s*<td><bdi>(.*?)</bdi>", table, re.S
        )
        found[name] = {check: (outcome, re.sub("<[^>]*>", "", words)) for check, outcome, words in rows}
    return found


def ask(site, token, issuer_id=None, **more):
    """Try a token by the address for programs."""
    path = f"/admin/issuers/{issuer_id or site.portal}/test"
    return site.ada.post(path, json={"token": token, **more})


def test_a_good_token_passes_every_check_and_nothing_comes_of_it(site):
    before = site.log(), site.rows("SELECT * FROM spent_token"), site.rows("SELECT * FROM person")
    token = token_of()

    answer, found = look(site, token)

    assert answer.status_code == 200 and "It would sign <bdi>jsmith</bdi> in" in answer.text
    assert {outcome for outcome, _ in found["portal"].values()} == {"Passed"}
    assert found["portal"]["person"][1] == "would be made as “jsmith”"
    told = ask(site, token).json
    assert told["accepted"] is True and told["error"] is None and told["code"] is None
    assert told["person"] == {"id": None, "username": "jsmith", "would_be_made": True}
    assert all(check["passed"] for check in told["checks"])
    assert before == (site.log(), site.rows("SELECT * FROM spent_token"), site.rows("SELECT * FROM person"))


def test_each_refusal_is_said_with_how_far_it_is_off(site):
    now = int(START)
    wrong_time = {"exp": now - 47, "iat": now - 100}
    cases = [
        (token_of(**wrong_time), "exp", "17 seconds more than the leeway of 30", "token_expired"),
        (token_of(aud="else"), "aud", "`aud` is “else”; “mintmark” is asked".replace("`", ""), "claims_invalid"),
        (token_of(iat=now + 90), "iat", "60 seconds more", "claims_invalid"),
        (token_of(exp=now + 900), "lifetime", "at most 10 minutes", "claims_invalid"),
        (token_of(nbf=now + 100), "nbf", "1 minute 10 seconds more", "invalid_token"),
        (token_of(jti=None), "jti", "", "claims_invalid"),
        (
            token_of("another-secret-of-nobody-at-all-0123456789"),
            "signature",
            "the key did not make it",
            "invalid_token",
        ),
        (token_of(algorithm="HS384", key=SECRET * 2), "algorithm", "HS256 is asked", "invalid_token"),
        (token_of(headers={"crit": ["x"], "x": 1}), "crit", "", "invalid_token"),
        (token_of(headers={"typ": "at+jwt"}), "typ", "at+jwt", "invalid_token"),
        (token_of(sub=None), "identity", "", "claims_invalid"),
    ]
    for token, check, words, code in cases:
        answer, found = look(site, token)
        assert answer.status_code == 200, check
        outcome, said = found["portal"][check]
        assert outcome == "Failed", (check, found["portal"])
        assert words.replace("60 seconds", "1 minute") in said, (check, said)
        told = ask(site, token).json
        assert (told["accepted"], told["code"]) == (False, code), (check, told)
        assert {each["name"]: each["passed"] for each in told["checks"]}[check] is False
        assert f"<code>{code}</code>" in answer.text, check
        at_the_door = site.client().post("/auth/jwt", json={"token": token})
        assert (at_the_door.status_code, at_the_door.json["code"]) == (401, told["code"]), check
        assert at_the_door.json["error"] == told["error"]


def test_who_it_is_about_and_what_was_spent_is_looked_up(site):
    make_person(site, "ben")
    make_person(site, "mallory", live=False)
    make_identity(site, site.portal, "b-1", "ben")
    make_identity(site, site.portal, "m-1", "mallory")
    with site.app.app_context(), writing():
        spent = {"issuer": "https://portal.test", "spent_at": int(START) - 120, "keep_until_at": int(START) + 500}
        db.session.add(SpentToken(jti="t-1", **spent))
        db.session.add(SpentToken(jti="t-2", **spent | {"issuer": "https://other.test"}))
    cases = {
        "b-1": ("Passed", "known here as “ben”", None),
        "m-1": ("Failed", "known here as “mallory”", "invalid_token"),
        "BEN": ("Failed", "the username that it would have", "invalid_token"),
        "new": ("Passed", "would be made as “new”", None),
        "a\tb": ("Failed", "", "claims_invalid"),
    }
    for subject, (outcome, words, code) in cases.items():
        token = token_of(sub=subject, jti="t-2")
        _, found = look(site, token)
        assert found["portal"]["person"][0] == outcome and words in found["portal"]["person"][1], subject
        assert ask(site, token).json["code"] == code, subject
    _, found = look(site, token_of())
    assert found["portal"]["spent"] == ("Failed", "its `jti` was seen at 07:58:00 UTC on 2027-01-15".replace("`", ""))
    told = ask(site, token_of()).json
    assert (told["error"], told["code"]) == ("Token has already been used", "token_used")


def test_every_issuer_is_shown_and_the_one_it_names_first(site):
    make_issuer(site, "https://aaa.test", name="aaa", secret=SECRET + "a", live=False)
    make_issuer(site, "https://keys.test", name="keys", algorithm="ES256", keys=[("k1", key_pair("ES256", 0).public)])
    with site.app.app_context(), writing():
        from mintmark.openid.definition import DEFAULTS

        row = {"client_id": "us", "created_at": 0, "revised_at": 0, "definition": DEFAULTS}
        db.session.add(OpenIDProvider(id="p" * 36, name="campus", issuer="https://campus.test", live=True, **row))
        db.session.add(OpenIDProvider(id="q" * 36, name="gone", issuer="https://gone.test", live=False, **row))

    answer, found = look(site, token_of())
    assert list(found) == ["portal", "campus", "keys", "aaa"]
    assert answer.text.count("<details open>") == 1
    assert found["aaa"]["live"] == ("Failed", "is switched off")
    assert found["keys"]["issuer"][0] == "Failed" and found["keys"]["signature"][0] in ("Not looked at", "Failed")
    assert "not known here" in found["campus"]["key"][1]  # Nothing was fetched for it.
    assert site.rows("SELECT * FROM fetched_document") == []
    answer, found = look(site, token_of(iss="https://nobody.test"))
    assert "Configuration not found" in answer.text and "<details open>" not in answer.text
    answer, found = look(site, token_of(SECRET + "a", iss="https://aaa.test"))
    assert list(found)[0] == "aaa" and "<code>unknown_issuer</code>" in answer.text
    signed = jwt.encode(claims(iss="https://keys.test"), key_pair("ES256", 0).private, "ES256", {"kid": "k2"})
    assert "no live key has this kid" in look(site, signed)[1]["keys"]["key"][1]


def test_in_an_address_more_is_asked(site):
    endless = make_issuer(site, "https://two.test", name="two", secret=SECRET + "2", one_time=False, create_people=True)
    token = token_of(SECRET + "2", iss="https://two.test", jti=None, exp=int(START) + 500)

    assert look(site, token, "header")[1]["two"]["jti"][0] == "Passed"
    found = look(site, token, "query")[1]["two"]
    assert (found["jti"][0], found["lifetime"][0]) == ("Failed", "Failed")
    assert ask(site, token, endless).json["accepted"] is True
    assert ask(site, token, endless, transport="query").json["code"] == "claims_invalid"


def test_what_is_no_token_is_said_and_never_breaks_the_page(site):
    for text in ("", "x", "a.b.c", "é", "x" * 20_000, "e30.e30.", token_of() + "=", "\x00", "{}", "a.b.c.d.e"):
        answer, _ = look(site, text)
        assert answer.status_code == 422 and "cannot be read" in answer.text, text[:20]
        if text:
            told = ask(site, text)
            assert told.status_code == 200 and told.json["accepted"] is False and told.json["person"] is None
            assert told.json["code"] in ("invalid_token", "bad_request")


def test_the_address_for_programs_takes_one_json_object_of_ours_and_nothing_else(site):
    path, token = f"/admin/issuers/{site.portal}/test", token_of()
    good = json.dumps({"token": token})
    for body, kind, headers, status in [
        (good, "application/json", {}, 200),
        (good, "application/json", {"Origin": "http://localhost"}, 200),
        (good, "application/json", {"Origin": "https://evil.test"}, 403),
        (good, "application/json", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}, 403),
        (good, "text/plain", {}, 400),
        (good, "application/x-www-form-urlencoded", {}, 400),
        ("[]", "application/json", {}, 400),
        ('{"token": ["a"]}', "application/json", {}, 400),
        ('{"token": ""}', "application/json", {}, 400),
        ('{"token": "a", "token": "b"}', "application/json", {}, 400),
        ('{"token": "a", "transport": "pigeon"}', "application/json", {}, 400),
        ('{"token": "a", "transport": ["body"]}', "application/json", {}, 400),
        ('{"token": "a", "more": 1}', "application/json", {}, 400),
        ('{"token": "\\ud800"}', "application/json", {}, 400),
        ("", "application/json", {}, 400),
    ]:
        answer = site.ada.post(path, data=body, content_type=kind, headers=headers)
        assert (answer.status_code, answer.is_json) == (status, True), (body[:40], kind, headers)
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Access-Control-Allow-Origin" not in answer.headers
    make_person(site, "ben")
    assert site.signed_in("ben").post(path, json={"token": token}).status_code == 403
    assert site.client().post(path, json={"token": token}).status_code == 403
    assert ask(site, token, "nobody").status_code == 404


def test_the_pasted_token_stands_in_no_log_no_address_and_no_table(site, capsys):
    token = token_of(sub="a-rare-subject-to-look-for")
    signature = token.rpartition(".")[2]
    look(site, token)
    ask(site, token)
    look(site, token[:-5])

    rows = str([site.rows(f'SELECT * FROM "{name}"') for name in ("log", "refused_token", "spent_token", "identity")])
    said = capsys.readouterr().out
    for text in (signature, "a-rare-subject-to-look-for", token.split(".")[1]):
        assert text not in rows and text not in said
    assert urlsplit(Page(site.ada.get(WHY).text).one("form", action=WHY)["action"]).query == ""
    assert Page(site.ada.get(WHY).text).one("form", action=WHY)["method"] == "post"


def kept_in(site):
    return [row["request"] for row in site.rows("SELECT request FROM refused_token")]


def refuse(site, token, number=NUMBER):
    """Write what the front door writes of a refused sign-in where claims are kept."""
    with site.app.app_context(), writing():
        by = Occasion(site.clock(), None, "127.0.0.1", number)
        detail = {"check": "exp", "words": "expired", "transport": "query"}
        log.note(
            "person.sign_in_refused",
            by,
            outcome="refused",
            code="token_expired",
            issuer="https://portal.test",
            detail=detail,
        )
        kept_refusals.keep(read_unverified(token), request=number, transport="query", now=site.clock())


def test_a_refused_sign_in_of_the_log_is_explained_without_its_signature(site):
    token = token_of(exp=int(START) - 100, iat=int(START) - 200)
    refuse(site, token)
    row_id = site.log("person.sign_in_refused")[0]["id"]

    record = Page(site.ada.get(f"/admin/log/{row_id}").text)
    assert record.all("a", href=f"{WHY}?request={NUMBER}")
    answer = site.ada.get(f"{WHY}?request={NUMBER}")
    found = checks_on(answer)["portal"]
    assert answer.status_code == 200 and found["exp"][0] == "Failed" and "jsmith" in answer.text
    assert found["signature"] == ("Not looked at", "the signature was not kept; paste the token to look at it")
    assert token.rpartition(".")[2] not in answer.text
    [kept] = site.rows("SELECT * FROM refused_token")
    assert token.rpartition(".")[2] not in str(kept) and kept["transport"] == "query"
    # What had only the signature wrong is not called good.
    refuse(site, token_of("x" * 40), "b" * 16)
    again = site.ada.get(f"{WHY}?request={'b' * 16}").text
    assert "nobody can see any more" in again and "It would sign" not in again


def test_a_sign_in_that_the_front_door_refused_is_explained_where_the_site_keeps_claims(make_house):
    for keep in ("0", "1"):
        site = make_house(KEEP_REFUSED=keep)
        if keep == "0":
            make_person(site, "ada", is_admin=True)
            make_issuer(site, "https://keeps.test")
        site.ada = site.signed_in("ada")
        token = token_of(iss="https://keeps.test", aud="else", sub="the-one-who-asked")
        refused = site.client().get("/auth/jwt", headers={"Authorization": f"Bearer {token}"})

        assert (refused.status_code, refused.json["code"]) == (401, "claims_invalid")
        row_id, number = site.log("person.sign_in_refused")[-1]["id"], refused.headers["Mintmark-Request"]
        assert Page(site.ada.get(f"/admin/log/{row_id}").text).all("a", href=f"{WHY}?request={number}")
        answer = site.ada.get(f"{WHY}?request={number}")
        assert ("the-one-who-asked" in answer.text) == (keep == "1")
        if keep == "1":
            assert checks_on(answer)["portal"]["aud"][0] == "Failed" and "As if it came in a header" in answer.text


def test_what_was_kept_is_kept_for_a_day_and_no_longer(site):
    refuse(site, token_of())
    site.clock.advance(86_399)
    with site.app.app_context():
        assert kept_refusals.find(NUMBER, now=site.clock()) is not None
        assert kept_refusals.find(NUMBER, now=site.clock() + 1) is None
        assert kept_refusals.find("x\x00", now=0) is None and kept_refusals.find("no", now=0) is None
    site.clock.advance(1)
    site.ada = site.signed_in("ada")
    gone = site.ada.get(f"{WHY}?request={NUMBER}")
    assert gone.status_code == 200 and "Its claims are not there" in gone.text and "jsmith" not in gone.text
    assert kept_in(site) == []  # To look took it away.


def test_what_is_older_than_a_day_goes_by_itself_and_everything_where_nothing_is_kept_any_more(make_house):
    site = make_house(KEEP_REFUSED="1")
    make_issuer(site)
    make_person(site, "ada", is_admin=True)
    make_asset(site, "desk")

    def let_something_be_refused():
        assert site.client().post("/auth/jwt", json={"token": token_of(iss="https://nobody.test")}).status_code == 401

    def look_why():
        assert site.signed_in("ada").get(f"{WHY}?request=other").status_code == 200

    def tidy():
        with site.app.app_context():
            site.mint._keep_up(db.engine)

    for is_keeping, age in ((True, 86_400), (False, 1)):
        for act in (let_something_be_refused, look_why, tidy):
            refuse(site, token_of(), "a" * 16)
            site.mint.settings = replace(site.mint.settings, keep_refused=is_keeping)
            site.clock.advance(age - 1)
            act()
            assert len(kept_in(site)) == is_keeping, (is_keeping, act.__name__)
            site.clock.advance(1)
            act()
            assert kept_in(site) == [], (is_keeping, act.__name__)
            site.mint.settings = replace(site.mint.settings, keep_refused=True)


def test_strangers_fill_no_disk_with_what_is_kept(make_house):
    site, now = make_house(KEEP_REFUSED="1"), int(START)
    make_issuer(site, live=False)
    kept = {
        "of an issuer that is switched off": (token_of(), 1),
        "without iss": (token_of(iss=None), 1),
        "as long as may be": (token_of(x="x" * 7_800), 1),
        "of nobody": (token_of(iss="https://nobody.test"), 0),
        "no text": (jwt.api_jws.encode(json.dumps(claims(iss=["https://portal.test"])).encode(), SECRET), 0),
        "too long": (token_of(x="x" * 8_192), 0),
        "too long to be an issuer": (token_of(iss="x" * 300), 0),
        "NUL": (token_of(iss="https://portal.test\x00"), 0),
    }
    for name, (token, amount) in kept.items():
        refuse(site, token)
        assert len(kept_in(site)) == amount, name
        with site.app.app_context(), writing():
            kept_refusals.drop_due(now=now, is_keeping=False)
    with site.app.app_context(), writing():
        often = {"transport": "body", "header": {}, "claims": {}}
        rows = [{"request": f"{number:032}", "at": now - number // 10, **often} for number in range(1, 1_101)]
        db.session.execute(RefusedToken.__table__.insert(), rows)
    refuse(site, token_of())
    found = kept_in(site)
    assert len(found) == 1_000 and NUMBER in found and f"{999:032}" in found and f"{1_001:032}" not in found


def test_a_number_that_is_none_and_a_site_without_issuers_are_said_plainly(sqlite_house):
    make_person(sqlite_house, "ada", is_admin=True)
    sqlite_house.ada = sqlite_house.signed_in("ada")
    for number in ("x" * 500, "%00", "<script>", "é"):
        answer = sqlite_house.ada.get(f"{WHY}?request={number}")
        assert answer.status_code == 200 and "<script>alert" not in answer.text
    answer, found = look(sqlite_house, token_of())
    assert found == {} and "No issuer is trusted yet" in answer.text and "Configuration not found" in answer.text
