"""Preview: what an asset gives who is signed in, claim by claim; the page alone signs nothing and writes nothing."""

import html
import json
import re
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey
from sqlalchemy import text

from mintmark import people
from mintmark.assets import overlap, save
from mintmark.assets.secrets import read_secret
from mintmark.claims_shown import MAX_ROWS, as_json, rows_of
from mintmark.models import writing
from mintmark.unverified import read_unverified
from tests.conftest import SECRET, START
from tests.making import change_asset, make_asset, make_attribute, make_group, make_key, make_next_key, make_person
from tests.test_pages import HOSTILE, Page

URL = "/account/preview/helpdesk"
TEMPLATE = """{"sub": "{{ user.username }}",
 "name": "{{ user.first_name }} {{ user.last_name | default("?") }}", "kind": "person", "level": 3,
 "more": {"groups": {{ user.groups }}, "each": [{% for g in user.groups %}"g:{{ g }}"{% endfor %}], "none": []}}"""


@pytest.fixture
def made(house):
    """Ada, Ben of the group staff, Carl of none; the asset helpdesk for staff."""
    make_group(house, "staff")
    make_group(house, "writers")
    make_person(house, "ada", is_admin=True, first_name="Ada")
    make_person(house, "ben", first_name="Ben", groups=["staff"])
    make_person(house, "carl", first_name="Carl", groups=["writers"])
    make_asset(house, "helpdesk", TEMPLATE, name="Help desk", readers=["staff"], editors=["writers"])
    return house


def claims_on(answer):
    """Return the claims that a page shows as JSON."""
    return json.loads(html.unescape(re.search(r'<code dir="ltr">(.*?)</code>', answer.text, re.DOTALL)[1]))


def origins_on(answer):
    """Return claim → where it came from, as the first table says."""
    table = re.search(r'<table class="claims">.*?</table>', answer.text, re.DOTALL)[0]
    rows = re.findall(r'<th scope="row">(.*?)</th>.*?<td>(.*?)</td>\s*<td>(.*?)</td>', table, re.DOTALL)
    plain = [[" ".join(html.unescape(re.sub("<[^>]+>", "", cell)).split()) for cell in row] for row in rows]
    return {name: origin for name, _, origin in plain}


def token_on(answer):
    """Return the token that a page shows, as copying takes it."""
    found = re.search(r'<code class="token">(.*?)</code>', answer.text)
    return re.sub("<[^>]+>", "", found[1]) if found else None


def judged(token):
    """Verify as a relying party does, with another library."""
    return jwt.decode(token, OctKey.import_key(SECRET), algorithms=["HS256"]).claims


def test_the_page_shows_the_claims_and_issues_nothing(made):
    before = made.log()
    answer = made.signed_in("ben").get(URL)
    assert answer.status_code == 200 and token_on(answer) is None
    assert claims_on(answer).keys() == {"sub", "name", "kind", "level", "more", "iat", "exp", "jti"}
    assert [row["event"] for row in made.log()] == [row["event"] for row in before] + ["person.signed_in"]
    assert answer.headers["Cache-Control"] == "no-store"


def test_each_claim_says_where_it_came_from(made):
    origins = origins_on(made.signed_in("ben").get(URL))
    assert origins["sub"] == "from user.username (text)"
    assert origins["name"] == "from user.first_name and user.last_name (text) with a default"
    assert origins["kind"] == "the asset’s fixed text"
    assert origins["level"] == "fixed by the asset (number)"
    assert origins["more.groups"] == "from user.groups (list)"
    assert origins["more.each[0]"] == "from user.groups (text)"
    assert origins["iat"] == "set by the site: the moment of issue; 2027-01-15 08:00:00 UTC, now"
    assert origins["exp"].startswith("set by the site: the moment of issue and the lifetime; 2027-01-15 08:10:00 UTC")
    assert origins["jti"] == "set by the site: random"


def test_who_may_edit_sees_the_line_of_the_template_too(made):
    for name in ("carl", "ada"):
        origins = origins_on(made.signed_in(name).get(URL))
        assert origins["kind"] == "the asset’s fixed text, line 2"
        assert origins["more.groups"] == "from user.groups (list), line 3"


def test_the_sites_claims_are_those_that_the_asset_wants(made):
    change_asset(made, "helpdesk", backdate=30, claims={"iat": True, "nbf": True, "jti": False})
    origins = origins_on(made.signed_in("ben").get(URL))
    assert "jti" not in origins
    assert origins["nbf"].startswith("set by the site: the moment of issue less 30 seconds; 2027-01-15 07:59:30 UTC")


def test_the_button_issues_and_the_token_is_shown_once_in_three_tones(made):
    answer = made.post_form(made.signed_in("ben"), URL)
    token = token_on(answer)
    assert answer.status_code == 200
    assert judged(token) == claims_on(answer)
    for part, kind in zip(token.split("."), ("header", "claims", "signature"), strict=True):
        assert f'<span class="token-{kind}">{part}</span>' in answer.text
    page = Page(answer.text)
    assert "The signature is that of this asset’s secret." in page.text
    assert f"{len(token)} of 8\u202f192 characters" in page.text
    assert page.one("p", **{"data-expires-in": "600"})
    assert "Expires at 2027-01-15 08:10:00 UTC, 10 minutes after it was issued" in page.text
    assert page.one("div", **{"data-copy": "the token"})


def test_it_is_one_row_like_that_of_any_other_token_and_holds_none_of_it(made):
    ben = made.signed_in("ben")
    token = token_on(made.post_form(ben, URL))
    ben.get("/helpdesk")
    first, second = made.log("token.issued")
    own = ("id", "jti", "request")
    assert {name: first[name] for name in first if name not in own} == {
        name: second[name] for name in second if name not in own
    }
    assert first["jti"] == judged(token)["jti"]
    assert token.rpartition(".")[2] not in json.dumps(made.log(), default=str)


SNIPPETS = [
    '"name": "{{ user.display_name }}"',
    '"mail": {{ user.email | omit }}',
    '"last": "{{ user.last_name }}"',
    '"greeting": "Hello {{ user.first_name | default("you") | upper }}"',
    '"all": {"g": {{ user.groups }}, "n": [{% for g in user.groups %}{"name": "{{ g }}", "i": {{ loop.index }}}{% endfor %}]}',
    '{% if user.is_admin %}"admin": true{% else %}"plain": {{ now }}{% endif %}',
    '"dept": "{{ user.attributes.dept | default("none") | truncate(5) }}"',
    '"hash": "{{ (user.id ~ site.url ~ asset.path) | sha256 }}"',
    '"room": "{{ params.room }}"',
    '"long": "{{ user.attributes.dept | default("") }}{{ user.attributes.dept | default("") }}"',
]
values = st.none() | st.sampled_from([*HOSTILE, "", "Ben", "a" * 255, "\u202eabc", "a\u2028b", "\x01"])


@given(
    template=st.lists(st.sampled_from(SNIPPETS), unique=True, max_size=6).map(
        lambda them: "{" + ",\n".join(them) + "}"
    ),
    fields=st.fixed_dictionaries(
        {
            **dict.fromkeys(("first_name", "last_name", "email"), values),
            "attributes": st.sampled_from([{}, {"dept": "R&D"}, {"dept": "x" * 2000}, {"dept": "😀" * 2000}]),
            "room": st.sampled_from(["", "a", "R:1"]),
        }
    ),
    switches=st.fixed_dictionaries(dict.fromkeys(("iat", "jti", "nbf"), st.booleans())),
    lifetime=st.sampled_from([None, 600]),
)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_preview_endpoint_and_command_cannot_differ(sqlite_house, template, fields, switches, lifetime):
    house, room = sqlite_house, fields["room"]
    prepare(house, template, fields, switches, lifetime)
    ben, query = house.signed_in("ben"), f"?room={room}" if room else ""

    # When the same is asked for in four ways, at one moment.
    sample = ben.get(URL + query)
    answer = house.post_form(ben, URL, param_room=room)
    fetched = ben.get("/helpdesk" + query)
    minted = house.run("mint", "helpdesk", "--as", "ben", *(["--param", f"room={room}"] if room else []))

    # Then all four say the same.
    if fetched.status_code == 500:
        assert (sample.status_code, answer.status_code, minted.exit_code) == (200, 422, 1)
        assert '<table class="claims">' not in sample.text + answer.text
        codes = [row["code"] for row in house.log("token.failed")[-3:]]
        assert len(set(codes)) == 1 and len(codes) == 3
        return
    claims = without_jti(judged(fetched.text))
    assert without_jti(claims_on(sample)) == claims
    assert without_jti(claims_on(answer)) == without_jti(judged(token_on(answer))) == claims
    assert without_jti(judged(minted.stdout.strip())) == claims
    assert ("jti" in claims_on(sample)) is switches["jti"]


def prepare(house, template, fields, switches, lifetime):
    """Make the person and the asset so, from what they were in the example before."""
    params, person = [{"name": "room"}], {name: value for name, value in fields.items() if name != "room"}
    if not house.rows("SELECT id FROM person"):
        make_attribute(house, "dept")
        make_person(house, "ben")
        make_asset(house, "helpdesk", params=params)
    with house.app.app_context(), writing():
        people.revise(people.find_person("ben"), person, by=house.by())
    change_asset(house, "helpdesk", template=template, claims=switches, lifetime=lifetime)


def without_jti(claims):
    return {name: value for name, value in claims.items() if name != "jti"}


def test_a_lifetime_of_none_is_a_warning_that_stays(made):
    change_asset(made, "helpdesk", lifetime=None)
    ben = made.signed_in("ben")
    for answer in (ben.get(URL), made.post_form(ben, URL)):
        assert "A token of this asset never expires" in answer.text
    assert "Never expires" in answer.text and "data-expires-in" not in answer.text


@pytest.mark.parametrize("way", ["get", "post"])
def test_what_is_not_there_is_a_page_of_404(made, way):
    ben = made.signed_in("ben")
    make_asset(made, "off", live=False)
    for path in ("nothing", "off", "admin", "login", "UPPER", "a//b", "a" * 300, "helpdesk/"):
        url = f"/account/preview/{path}"
        answer = ben.get(url) if way == "get" else made.post_form(ben, url, page="/")
        assert answer.status_code == 404 and "<h1>Nothing here</h1>" in answer.text, path


def test_who_may_not_fetch_gets_a_page_of_403_and_asking_for_a_token_is_a_row(made):
    make_person(made, "eve")
    eve = made.signed_in("eve")
    assert eve.get(URL).status_code == 403
    assert made.log("token.refused") == []
    answer = made.post_form(eve, URL, page="/")
    assert answer.status_code == 403 and "user.username" not in answer.text
    [row] = made.log("token.refused")
    assert (row["code"], row["request"]) == ("not_a_reader", answer.headers["Mintmark-Request"])


def test_a_stranger_is_sent_to_sign_in(made):
    assert made.client().get(URL).headers["Location"].startswith("/login?next=")
    assert made.client().post(URL).status_code == 403


def test_without_the_forms_own_token_and_from_another_site_nothing_is_issued(made):
    ben = made.signed_in("ben")
    ben.get(URL)
    assert ben.post(URL, data={"csrf_token": "guessed"}).status_code == 400
    others = {"Origin": "https://evil.test", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}
    assert ben.post(URL, headers=others).status_code == 400
    assert ben.get(URL, headers=others).status_code == 403
    navigation = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert ben.get(URL, headers=navigation).status_code == 200
    assert made.log("token.issued") == []


def test_the_limit_counts_for_the_button_and_the_path_together(make_house):
    house = make_house(LIMIT_TOKENS="2 per minute")
    make_person(house, "ben")
    make_asset(house, "helpdesk")
    ben = house.signed_in("ben")
    assert ben.get("/helpdesk").status_code == 200
    assert house.post_form(ben, URL).status_code == 200
    answer = house.post_form(ben, URL)
    assert answer.status_code == 429 and answer.headers["Retry-After"].isdecimal()
    assert "Try again in" in answer.text and "No token was issued." in answer.text and token_on(answer) is None
    assert len(house.log("token.issued")) == 2
    assert house.log("token.refused")[0]["code"] == "limit_reached"


def test_where_the_row_cannot_be_written_no_token_is_shown(sqlite_house):
    house = sqlite_house
    make_person(house, "ben")
    make_asset(house, "helpdesk")
    ben = house.signed_in("ben")
    ben.get(URL)
    with house.app.app_context(), writing() as session:
        session.execute(text("CREATE TRIGGER full BEFORE INSERT ON log BEGIN SELECT RAISE(ABORT, 'full'); END"))
    answer = house.post_form(ben, URL)
    assert answer.status_code == 503 and token_on(answer) is None and "not given out" in answer.text


def test_who_edits_sees_the_diagnosis_and_a_plain_reader_only_its_number(made):
    change_asset(made, "helpdesk", template='{"sub": "x",\n "last": "{{ user.last_name }}"}')
    ben, carl, ada = (made.signed_in(name) for name in ("ben", "carl", "ada"))
    for client in (carl, ada):
        for answer in (client.get(URL), made.post_form(client, URL)):
            assert "line 2, column 11: <code>user.last_name</code> is missing" in answer.text
            assert "default(…)" in answer.text
    assert ben.get(URL).status_code == 200
    answer = made.post_form(ben, URL)
    for page in (ben.get(URL).text, answer.text):
        assert "The asset is set up so that you get no token." in page
        assert "last_name" not in page and "line 2" not in page
    assert answer.status_code == 422
    assert f"<code>{answer.headers['Mintmark-Request']}</code>" in answer.text
    assert made.log("token.failed")[-1]["request"] == answer.headers["Mintmark-Request"]
    assert len(made.log("token.failed")) == 3  # The page alone writes none.


def test_a_token_that_is_too_large_is_told_before_one_is_made(made):
    change_asset(made, "helpdesk", template='{"a": "' + "x" * 8_000 + '"}')
    answer = made.signed_in("ada").get(URL)
    assert "more than 8,192 characters" in answer.text and '<table class="claims">' not in answer.text


def test_declared_parameters_are_fields_and_come_from_the_address_too(made):
    params = [{"name": "nonce"}, {"name": "room", "one_of": ["a", "b"]}]
    change_asset(made, "helpdesk", template='{"n": "{{ params.nonce }}", "r": {{ params.room | omit }}}', params=params)
    ben = made.signed_in("ben")
    page = Page(ben.get(URL).text)
    assert [option["value"] for option in page.all("option")] == ["", "a", "b"]
    assert "depend on the parameter nonce" in " ".join(page.text.split())
    answer = ben.get(URL + "?nonce=n1&room=b&csrf_token=x&other=1")
    assert without_jti(claims_on(answer)).items() >= {"n": "n1", "r": "b"}.items()
    assert Page(answer.text).one("input", name="param_nonce")["value"] == "n1"
    answer = made.post_form(ben, URL, param_nonce="n2", param_other="x")
    assert judged(token_on(answer))["n"] == "n2" and "r" not in judged(token_on(answer))


def test_a_malformed_parameter_is_422_with_what_was_typed(made):
    change_asset(made, "helpdesk", params=[{"name": "nonce"}, {"name": "room", "one_of": ["a", "b"]}])
    ben = made.signed_in("ben")
    for answer in (ben.get(URL + "?nonce=%3C&room=c"), made.post_form(ben, URL, param_nonce="<", param_room="c")):
        page = Page(answer.text)
        assert answer.status_code == 422 and token_on(answer) is None
        assert page.one("input", name="param_nonce")["value"] == "<"
        assert "Parameter nonce takes 1 to 200" in page.text and "Parameter room takes one of a, b" in page.text
    assert made.log("token.issued") == []


def test_an_asset_that_answers_only_post_in_json_is_previewed_too(made):
    answer = {"form": "json", "field": "id_token", "beside": {"ok": True}, "methods": ["POST"]}
    change_asset(made, "helpdesk", answer=answer)
    ben = made.signed_in("ben")
    assert ben.get("/helpdesk").status_code == 405
    page = made.post_form(ben, URL)
    assert judged(token_on(page))["sub"] == "ben"
    assert "POST, with a JSON object that holds the token as <code>id_token</code>" in page.text


@pytest.mark.slow
def test_hostile_texts_appear_as_text(sqlite_house):
    house = sqlite_house
    make_person(house, "ben", first_name="Ben")
    make_asset(house, "helpdesk", '{"name": "{{ user.first_name }}", "x": 1}', name="Help desk")
    ben = house.signed_in("ben")
    plain = Page(ben.get(URL).text)
    for hostile in HOSTILE:
        with house.app.app_context(), writing():
            people.revise(people.find_person("ben"), {"first_name": hostile}, by=house.by())
        template = '{"name": "{{ user.first_name }}", ' + json.dumps(hostile.replace("{", "(")) + ": 1}"
        change_asset(house, "helpdesk", name=hostile, template=template)
        answer = ben.get(URL)
        assert Page(answer.text).skeleton() == plain.skeleton()
        assert claims_on(answer)["name"] == hostile


NEXT = "another-secret-of-the-help-desk-9876543210"


@pytest.fixture
def staged(made):
    """The asset helpdesk with a next secret, whose key id is k2."""
    stage(made)
    return made


def stage(house, path="helpdesk"):
    with house.app.app_context(), writing():
        secret = replace(read_secret(NEXT, "text", algorithm="HS256"), kid="k2")
        overlap.stage(save.find_asset(path), secret, sealer=house.mint.settings.sealer, by=house.by())


def test_an_administrator_sees_header_and_claims_as_the_next_secret_would_sign_them(staged):
    ada, before = staged.signed_in("ada"), len(staged.log())
    answer = ada.get(URL + "?with=next")
    page = Page(answer.text)
    assert answer.status_code == 200 and token_on(answer) is None and len(staged.log()) == before
    assert claims_on(answer)["sub"] == "ada" and '"k2"' in page.text and '"k2"' not in Page(ada.get(URL).text).text
    assert "The relying party takes them only where it has the next secret already." in page.text
    assert page.one("input", name="with", type="hidden")["value"] == "next"
    assert not Page(ada.get(URL).text).all("input", name="with")
    assert Page(ada.get(URL).text).one("a", href=URL + "?with=next") and page.one("a", href=URL)


def test_the_button_issues_a_test_token_that_is_recorded_as_such_and_nobody_else_gets_one(staged):
    ada = staged.signed_in("ada")
    answer = staged.post_form(ada, URL, page=URL + "?with=next", **{"with": "next"})
    page, token = Page(answer.text), token_on(answer)
    assert jwt.decode(token, OctKey.import_key(NEXT), algorithms=["HS256"]).claims == claims_on(answer)
    assert "The signature is that of this asset’s next secret." in page.text and "Your test token" in page.text
    assert page.one("input", name="with")["value"] == "next"
    [row] = staged.log("token.issued")
    assert (row["code"], row["kid"], row["outcome"]) == ("next_key", "k2", "done")
    assert row["jti"] == claims_on(answer)["jti"]
    assert judged(ada.get("/helpdesk").text)["sub"] == "ada"
    assert judged(token_on(staged.post_form(ada, URL)))["sub"] == "ada"
    assert [row["code"] for row in staged.log("token.issued")] == ["next_key", None, None]


def test_what_is_to_sign_next_is_the_administrators_alone(staged):
    for name in ("ben", "carl"):  # A reader, and an editor.
        client = staged.signed_in(name)
        assert "with=next" not in client.get(URL).text
        assert client.get(URL + "?with=next").status_code == 403
        answer = staged.post_form(client, URL, page=URL, **{"with": "next"})
        assert answer.status_code == 403 and token_on(answer) is None and '"k2"' not in Page(answer.text).text
    assert staged.log("token.issued") == []
    assert staged.client().get(URL + "?with=next").status_code == 303
    ada = staged.signed_in("ada")
    ada.get(URL)
    assert ada.post(URL, data={"csrf_token": "guessed", "with": "next"}).status_code == 400


def test_where_nothing_is_to_follow_there_is_nothing_to_try(made):
    ada = made.signed_in("ada")
    assert ada.get(URL + "?with=next").status_code == 404
    assert made.post_form(ada, URL, page=URL, **{"with": "next"}).status_code == 404
    assert "with=next" not in ada.get(URL).text
    assert ada.get(URL + "?with=other").status_code == 200
    stage(made)
    with made.app.app_context(), writing():
        overlap.switch(save.find_asset("helpdesk"), None, sealer=made.mint.settings.sealer, by=made.by())
    assert ada.get(URL + "?with=next").status_code == 404
    assert made.log("token.failed") == []


def test_the_next_signing_key_is_tried_in_the_same_way(made):
    make_key(made, "first")
    make_asset(made, "keyed", signing_key="first", algorithm="ES256")
    ada, url = made.signed_in("ada"), "/account/preview/keyed"
    assert "The signature is that of this asset’s signing key." in made.post_form(ada, url).text
    assert ada.get(url + "?with=next").status_code == 404
    make_next_key(made, "first", "second")
    assert "Preview with the next key" in ada.get(url).text and "second" in ada.get(url + "?with=next").text
    answer = made.post_form(ada, url, page=url + "?with=next", **{"with": "next"})
    assert "The signature is that of this asset’s next signing key." in Page(answer.text).text
    assert read_unverified(token_on(answer)).unverified_header["kid"] == "second"
    assert read_unverified(ada.get("/keyed").text).unverified_header["kid"] == "first"
    assert [(row["kid"], row["code"]) for row in made.log("token.issued")] == [
        ("first", None), ("second", "next_key"), ("first", None)]  # fmt: skip


def test_a_parameter_of_the_same_name_is_the_assets_own(staged):
    change_asset(staged, "helpdesk", template='{"w": "{{ params.with }}"}', params=[{"name": "with"}])
    ben = staged.signed_in("ben")
    assert claims_on(ben.get(URL + "?with=next"))["w"] == "next"
    assert judged(token_on(staged.post_form(ben, URL, param_with="next")))["w"] == "next"


def test_a_test_token_is_refused_for_the_same_reasons_as_any_other(staged):
    change_asset(staged, "helpdesk", template='{"last": "{{ user.last_name }}"}')
    ada = staged.signed_in("ada")
    assert "user.last_name" in ada.get(URL + "?with=next").text
    answer = staged.post_form(ada, URL, page=URL + "?with=next", **{"with": "next"})
    assert answer.status_code == 422 and token_on(answer) is None
    assert [row["code"] for row in staged.log("token.failed")] == ["template_failed"]


def test_what_turns_or_hides_text_stands_as_an_escape_and_parses_to_the_same():
    # CVE-2021-42574: what a page shows must be what the token says.
    value = {"a\u202eb": "x\u2066y\u200b\x7f\u2028\ufeff", "emoji": "👨\u200d👩", "line": "a\nb"}
    shown = as_json(value, indent=2)
    assert not set("\u202e\u2066\u200b\x7f\u2028\ufeff") & set(shown)
    assert json.loads(shown) == value and "👨\u200d👩" in shown


def test_claims_without_end_are_shown_in_bounds():
    shown = rows_of({"a": [[number] for number in range(5_000)], "b" * 5_000: {"c" * 5_000: {}}})
    assert len(shown.rows) == MAX_ROWS and shown.has_more
    shown = rows_of({"b" * 5_000: {"c" * 5_000: {}}, "o": {"odd name": [], "ok-1": {"x": None}}})
    assert [len(row.path) for row in shown.rows][0] <= 121
    assert [(row.path, row.value) for row in shown.rows[1:]] == [('o["odd name"]', "[]"), ("o.ok-1.x", "null")]


@pytest.mark.parametrize("value", [True, "1800000000", -1, 10**19, 253_402_300_800, None, [1]])
def test_what_is_no_moment_is_not_taken_for_one(value):
    assert [row.at for row in rows_of({"exp": value, "nested": {"exp": START}}).rows] == [None, None]


def test_whoever_mends_is_also_told_where_a_person_gets_what_is_missing(sqlite_house):
    house = sqlite_house
    ada = make_person(house, "ada", is_admin=True)
    make_asset(house, "a", '{"email": "{{ user.email }}"}')

    page = house.signed_in("ada").get("/account/preview/a")

    assert f'href="/admin/people/{ada}/edit"' in page.text
