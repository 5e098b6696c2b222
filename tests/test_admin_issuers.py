"""The pages of trusted issuers: the list, a new one, its settings, two who save at once, switching off, taking away."""

import json
import re
from dataclasses import replace

import pytest

from mintmark.issuers import kept_refusals
from mintmark.models import Session, db, writing
from mintmark.unverified import UnverifiedToken
from tests.conftest import SECRET, csrf_of
from tests.hostile import TEXTS
from tests.making import make_group, make_identity, make_issuer, make_person
from tests.test_pages import Page

NEW = {
    "name": "portal",
    "issuer": "https://portal.test",
    "audience": "mintmark",
    "algorithm": "HS256",
    "how": "secret_pasted",
    "secret": SECRET,
    "secret_encoding": "text",
    "identity_claim": "sub",
    "max_lifetime": "600",
    "leeway": "30",
    "one_time": "on",
    "update_people": "on",
    "live": "on",
}
LIST, FORM = "/admin/issuers", "/admin/issuers/new"


@pytest.fixture
def site(sqlite_house):
    """A house with an administrator who signed in just now."""
    make_person(sqlite_house, "ada", is_admin=True)
    sqlite_house.ada = sqlite_house.signed_in("ada")
    return sqlite_house


def send(site, path, page=None, **fields):
    """Send the form of a page, with the version that it showed, as a browser does."""
    shown = site.ada.get(page or path)
    seen = re.search(r'name="seen" value="(\d+)"', shown.text)
    if seen:
        fields.setdefault("seen", seen[1])
    return site.ada.post(path, data={"csrf_token": csrf_of(shown), **fields})


def create(site, **fields):
    return send(site, FORM, **{name: value for name, value in (NEW | fields).items() if value is not None})


def one(site):
    [row] = site.rows("SELECT * FROM trusted_issuer")
    return row | {"definition": json.loads(row["definition"])}


def values_on(answer):
    """Return what stands in the fields of a page: texts, and those boxes that are ticked."""
    page = Page(answer.text)
    found = {each["name"]: each.get("value", "") for each in page.all("input", type="text")}
    found |= {each["name"]: True for each in page.all("input", type="checkbox") if "checked" in each}
    areas = re.findall(r'<textarea id="(\w+)"[^>]*>\n(.*?)</textarea>', answer.text, re.S)
    return found | dict(areas)


def test_an_empty_list_says_how_to_begin_and_one_room_holds_all_ways_to_sign_in(site):
    answer = site.ada.get(LIST)
    page = Page(answer.text)

    assert "No issuer is trusted yet" in page.text and page.all("a", href=FORM)
    tabs = {found["href"] for found in page.all("a")}
    assert {"/admin/openid", "/admin/issuers/why"} <= tabs
    for path in (FORM, "/admin/issuers/why"):
        rooms = Page(site.ada.get(path).text).all("a", href=LIST)
        assert any(found.get("aria-current") == "page" for found in rooms), path


def test_an_issuer_is_made_of_little_and_then_listed_and_shown(site):
    answer = create(site, tenant="Main")

    row = one(site)
    assert (answer.status_code, answer.location) == (303, f"/admin/issuers/{row['id']}")
    assert (row["issuer"], row["name"], row["live"]) == ("https://portal.test", "portal", 1)
    assert row["definition"]["audience"] == "mintmark" and row["definition"]["one_time"] is True
    [logged] = site.log("issuer.created")
    assert logged["issuer"] == "https://portal.test" and SECRET not in str(logged)
    shown, listed = site.ada.get(answer.location), Page(site.ada.get(LIST).text)
    assert SECRET not in shown.text and row["fingerprint"] in shown.text
    for words in ("portal", "https://portal.test", "Main", "HS256", "a shared secret", "Live"):
        assert words in listed.text, words
    for words in ("/auth/jwt?token=$TOKEN", "Authorization: Bearer $TOKEN", "Content-Type: application/json", "PyJWT"):
        assert words in Page(shown.text).text, words


def test_what_is_wrong_is_said_at_its_field_and_what_was_typed_stays(site):
    wrong = {
        "name": "Portal Of Ours",
        "issuer": "https://por tal.test",
        "audience": "",
        "leeway": "61",
        "max_lifetime": "soon",
        "required_claims": "email\n tenant",
        "attribute_map": "email mail",
        "groups_map": "admin = nobody",
        "groups_claim": "groups",
        "start_url": "javascript:alert(1)",
        "return_to": "https://app.test/path",
        "session_lifetime": "1",
        "secret": "short",
        "tenant": "Ünïversity",
    }
    answer = create(site, **wrong)

    assert answer.status_code == 422 and site.rows("SELECT * FROM trusted_issuer") == []
    page = Page(answer.text)
    said = {name for name in wrong if f'id="{name}-problem"' in answer.text}
    assert said == set(wrong) - {"required_claims", "groups_claim", "tenant"}
    for name in said:
        assert page.all("a", href=f"#{name}"), name
    assert (
        values_on(answer).items()
        >= {
            **{name: value for name, value in wrong.items() if name not in ("attribute_map", "groups_map")},
        }.items()
    )
    assert "email mail" in page.text and "admin = nobody" in page.text


def test_an_issuer_says_who_it_is_or_that_its_tokens_do_not(site):
    for fields, words in (
        ({"issuer": ""}, "is empty"),
        ({"no_iss": "on"}, "choose one of the two"),
        ({"issuer": "http://127.0.0.1:8000"}, "signs nobody in here"),
    ):
        answer = create(site, **fields)
        assert answer.status_code == 422 and words in answer.text, fields

    assert create(site, issuer="", no_iss="on").status_code == 303
    assert one(site)["issuer"] == ""
    assert "carry no" in site.ada.get(LIST).text
    again = create(site, issuer="", no_iss="on", name="other")
    assert again.status_code == 422 and "taken for those of portal already" in again.text
    assert create(site, issuer="https://two.test").status_code == 422  # The name is taken.


def test_maps_are_entered_as_lines_and_come_back_as_they_were(site):
    make_group(site, "helpdesk-editors")
    make_group(site, "a = b")
    create(
        site,
        attribute_map="email = email\r\nfirst_name = name.given\r\n",
        groups_claim="memberOf",
        groups_map="cn=admins,dc=uni = helpdesk-editors\n",
        required_claims="email\n\ntenant_id",
        return_to="https://app.test\nhttps://two.test",
    )
    row = one(site)
    definition = row["definition"]
    assert definition["attribute_map"] == {"email": "email", "first_name": "name.given"}
    assert list(definition["groups_map"]) == ["cn=admins,dc=uni"]
    assert definition["required_claims"] == ["email", "tenant_id"]
    path = f"/admin/issuers/{row['id']}"
    shown = values_on(site.ada.get(path))
    assert shown["groups_map"] == "cn=admins,dc=uni = helpdesk-editors"
    assert shown["attribute_map"] == "email = email\nfirst_name = name.given"
    # What lines could not give back stands as JSON, and is read as such.
    settings = settings_of(site, path) | {"groups_map": '{"x": "a = b"}'}
    assert send(site, path, **settings).status_code == 303
    assert json.loads(values_on(site.ada.get(path))["groups_map"].replace("&#34;", '"')) == {"x": "a = b"}


def settings_of(site, path):
    """Return what the form of the settings sends when nothing was changed in it."""
    shown = values_on(site.ada.get(path))
    names = (
        "name audience identity_claim required_claims one_time max_lifetime leeway typ create_people update_people"
        " username_prefix attribute_map groups_claim groups_map roles_claim permissions_claim start_url return_to"
        " session_lifetime tenant live"
    ).split()
    return {name: "on" if shown[name] is True else shown[name] for name in names if name in shown}


@pytest.mark.parametrize(
    ("like", "expected"),
    [
        ("authonomy", {"audience": "authonomy", "required_claims": "email\ntenant_id", "roles_claim": "roles"}),
        ("convergence", {"audience": "Convergence", "no_iss": True, "create_people": True}),
        ("comm100", {"no_iss": True, "identity_claim": "identity"}),
        ("nobody-knows", {"audience": "", "identity_claim": "sub"}),
    ],
)
def test_the_form_begins_like_the_tokens_of_a_known_party(site, like, expected):
    shown = values_on(site.ada.get(f"{FORM}?like={like}"))

    assert shown.items() >= expected.items()
    assert ("one_time" in shown) is (like != "convergence")
    if like == "convergence":
        assert (
            "first_name = firstName" in shown["attribute_map"]
            and "display_name = displayName" in shown["attribute_map"]
        )


def test_settings_are_changed_and_what_is_not_different_makes_no_row(site):
    issuer_id = make_issuer(site, start_url="https://portal.test/sso")
    path = f"/admin/issuers/{issuer_id}"
    assert "/auth/jwt/start/portal" in site.ada.get(path).text

    same = send(site, path, **settings_of(site, path))
    assert same.status_code == 303 and site.log("issuer.revised") == []
    answer = send(site, path, **settings_of(site, path) | {"name": "campus", "one_time": "", "max_lifetime": "300"})

    assert answer.status_code == 303
    row = one(site)
    assert (row["name"], row["issuer"], row["definition"]["max_lifetime"]) == ("campus", "https://portal.test", 300)
    [logged] = site.log("issuer.revised")
    assert {"name", "max_lifetime"} <= set(json.loads(logged["detail"])["fields"])
    # Who the issuer is, and what it signs with, are not of this form, whatever is sent.
    sent = {"issuer": "https://evil.test", "no_iss": "on", "algorithm": "RS256", "jwks_url": "https://evil.test/k"}
    send(site, path, **settings_of(site, path), **sent)
    assert one(site)["issuer"] == "https://portal.test" and one(site)["definition"]["algorithm"] == "HS256"
    refused = send(site, path, **settings_of(site, path) | {"leeway": "999", "audience": "typed"})
    assert refused.status_code == 422 and values_on(refused)["audience"] == "typed"


def test_who_saves_second_is_told_what_differs_and_loses_nothing(site):
    path = f"/admin/issuers/{make_issuer(site)}"
    first = site.ada.get(path)
    seen, token = re.search(r'name="seen" value="(\d+)"', first.text)[1], csrf_of(first)
    mine = settings_of(site, path) | {"audience": "mine", "csrf_token": token, "seen": seen}
    send(site, path, **settings_of(site, path) | {"audience": "theirs"})

    answer = site.ada.post(path, data=mine)

    assert answer.status_code == 409 and one(site)["definition"]["audience"] == "theirs"
    page = Page(answer.text)
    assert "Somebody else saved it meanwhile" in page.text and "theirs" in page.text
    assert values_on(answer)["audience"] == "mine"
    # The form now stands on what is there: to save it again is deliberate.
    fresh = {found["value"] for found in page.all("input", name="seen")}
    assert len(fresh) == 1 and seen not in fresh
    assert site.ada.post(path, data=mine | {"seen": fresh.pop()}).status_code == 303
    assert one(site)["definition"]["audience"] == "mine"
    for act in ("switch", "remove", "secret"):
        late = site.ada.post(
            f"{path}/{act}", data={"csrf_token": token, "seen": seen, "confirmed": "portal", "how": "secret_made"}
        )
        assert late.status_code == 422 and "was changed since this page was loaded" in late.text, act
    assert one(site)["live"] == 1


def test_switching_off_and_taking_away_sign_out_whom_it_signed_in(site):
    issuer_id = make_issuer(site)
    make_person(site, "ben")
    make_identity(site, issuer_id, "b-1", "ben")
    begin_session(site, issuer_id)
    path = f"/admin/issuers/{issuer_id}"

    assert send(site, f"{path}/switch", page=path).status_code == 303
    assert one(site)["live"] == 0 and ended(site) == [True]
    assert "Switched off" in site.ada.get(path).text
    assert send(site, f"{path}/switch", page=path, live="on").status_code == 303 and one(site)["live"] == 1
    wrong = send(site, f"{path}/remove", page=path, confirmed="else")
    assert wrong.status_code == 422 and "is not the name" in wrong.text and one(site)
    begin_session(site, issuer_id, "b" * 64)
    gone = send(site, f"{path}/remove", page=path, confirmed="portal")

    assert (gone.status_code, gone.location) == (303, LIST)
    assert site.rows("SELECT * FROM trusted_issuer") == site.rows("SELECT * FROM identity") == []
    assert ended(site) == [True, True] and site.log("issuer.removed")
    assert site.ada.get(path).status_code == 404


def begin_session(site, source_id, session_id="a" * 64):
    with site.app.app_context(), writing():
        now = int(site.clock())
        [person] = site.rows("SELECT id FROM person WHERE username = 'ben'")
        db.session.add(
            Session(id=session_id, person_id=person["id"], signed_in_at=now, last_used_at=now, source_id=source_id)
        )


def ended(site):
    rows = site.rows("SELECT ended_at FROM session WHERE source_id IS NOT NULL")
    return [row["ended_at"] is not None for row in rows]


def test_hostile_texts_stay_texts_on_every_page_of_an_issuer(site):
    path = f"/admin/issuers/{make_issuer(site)}"
    pages = (path, LIST, "/admin/issuers/why?request=5f0c2a7e9b1d3c44")
    site.mint.settings = replace(site.mint.settings, keep_refused=True)

    def skeletons(text):
        with site.app.app_context(), writing():
            row = db.session.get_one(*_issuer_key(path))
            row.issuer = text[:255]
            row.definition = row.definition | {"tenant": text, "audience": text, "username_prefix": text,
                                               "required_claims": [text], "attribute_map": {"email": text}}  # fmt: skip
            kept_refusals.drop_due(now=site.clock(), is_keeping=False)
            token = UnverifiedToken({"alg": text, "kid": text}, {"iss": text, "sub": text, text: [text]}, b"", b"")
            kept_refusals.keep(token, request="5f0c2a7e9b1d3c44", transport="body", now=site.clock())
        found = {}
        for page in pages:
            answer = site.ada.get(page)
            assert answer.status_code == 200, (page, text)
            found[page] = [tag for tag, *_ in Page(answer.text).skeleton() if tag in ("script", "img", "form", "input")]
        return found

    plain = skeletons("plain")
    for text in [each for each in TEXTS if "\x00" not in each][::12]:
        assert skeletons(text) == plain, text


def _issuer_key(path):
    from mintmark.models import TrustedIssuer

    return TrustedIssuer, path.rpartition("/")[2]


def test_a_preset_keeps_no_email_unasked_and_stays_where_something_was_wrong(site):
    for like in ("authonomy", "convergence"):
        page = Page(site.ada.get(f"{FORM}?like={like}").text)
        assert "E-mail addresses are not kept" in page.text and "email = email" in page.text, like
        assert "email =" not in values_on(site.ada.get(f"{FORM}?like={like}"))["attribute_map"], like
    refused = create(site, like="authonomy", name="Not A Name")
    assert refused.status_code == 422 and "Filled in for tokens as Authonomy takes them" in refused.text
    [here] = [each for each in Page(refused.text).all("a", href=f"{FORM}?like=authonomy")]
    assert here.get("aria-current") == "page"
    assert "Filled in" not in create(site, like="<nobody>", name="Not A Name").text


def test_whose_tokens_without_iss_are_by_now_is_said_before_a_second_one_asks_for_them(site):
    first = make_issuer(site, None, name="first")
    for like in ("comm100", "convergence"):
        answer = site.ada.get(f"{FORM}?like={like}")
        assert "no_iss" not in values_on(answer), like
        assert Page(answer.text).all("a", href=f"/admin/issuers/{first}"), like
    again = create(site, issuer="", no_iss="on", name="second")
    assert again.status_code == 422
    assert "tokens without iss are taken for those of first already; have these carry one" in Page(again.text).text
    make_issuer(site, "https://portal.test", name="second", secret=SECRET + "2")
    assert "is trusted already, by the name second" in create(site, name="third").text


def test_what_an_issuer_does_with_people_and_tokens_is_seen_at_a_glance(site):
    careful = Page(site.ada.get(f"/admin/issuers/{make_issuer(site)}").text).text
    for words in ("each once, at most 10 minutes", "nobody is made: only who is linked comes in", "nothing but who they are"):  # fmt: skip
        assert words in careful, words
    assert (
        "Access tokens that its people made stay and still fetch; an administrator ends them on each person’s page."
        in careful
    )
    open_one = {"one_time": False, "create_people": True, "username_prefix": "uni-", "update_people": False}
    more = {"attribute_map": {"email": "mail"}, "roles_claim": "roles", "return_to": ["https://app.test"]}
    second = make_issuer(site, "https://two.test", name="two", secret=SECRET + "2", **open_one, **more)
    told = Page(site.ada.get(f"/admin/issuers/{second}").text).text
    for words in ("Not for one time", "made where they are not here yet", "uni-…", "not updated", "email from mail", "roles from roles", "https://app.test"):  # fmt: skip
        assert words in told, words
    assert "“Each token once” (one_time) is off" in told
