"""A token that comes by a link: who is signed in at once, who is asked first, and what a refused link shows."""

import re

import pytest

from tests import hostile
from tests.arrivals import HTML, ISSUER, LINKED, TYPED, follow, post, token, who
from tests.conftest import csrf_of
from tests.making import make_asset, make_identity, make_issuer, make_person
from tests.test_pages import Page

APP, EVIL = "https://app.example.test", "https://evil.test"
START = "https://portal.test/sso"
OURS = {**LINKED, "Sec-Fetch-Site": "same-origin"}
CONFIRM = {
    "Origin": "http://localhost",
    "Sec-Fetch-Site": "same-origin",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
}


@pytest.fixture
def site(sqlite_house):
    """A site whose portal knows ben."""
    house = sqlite_house
    house.ben = make_person(house, "ben", display_name="Ben Bos")
    house.portal = make_issuer(house, return_to=[APP], start_url=START)
    make_identity(house, house.portal, "ben", "ben")
    return house


def spent(site):
    return site.rows("SELECT * FROM spent_token")


def person_of(site, client):
    """Return the username of who is signed in in this browser."""
    found = site.rows(
        "SELECT username FROM session JOIN person ON person.id = person_id WHERE session.id = :id", id=who(client)
    )
    return found[0]["username"] if found else None


def is_asked(site, answer):
    """See that a page asks, and that nothing is done yet."""
    assert answer.status_code == 200 and answer.mimetype == "text/html", answer.text
    assert 'action="/auth/jwt/confirm"' in answer.text
    return not spent(site)


def confirm(client, page, headers=CONFIRM, **changed):
    """Press the button of the page that asks."""
    sealed = re.search(r'name="token" value="([^"]+)"', page.text)[1]
    data = {"csrf_token": csrf_of(page), "token": sealed, **changed}
    return client.post("/auth/jwt/confirm", data=data, headers=headers)


# At once


def test_who_comes_from_here_or_typed_it_is_signed_in_at_once(site):
    for headers in (TYPED, OURS, {"Accept": HTML, "Referer": "http://localhost/login"}):
        client = site.client()
        answer = follow(client, token(site), headers, return_to="/account")
        assert (answer.status_code, answer.headers["Location"]) == (303, "/account"), headers
        assert answer.headers["Referrer-Policy"] == "no-referrer" and person_of(site, client) == "ben"


def test_who_began_here_is_signed_in_at_once_for_ten_minutes(site):
    client = site.client()
    answer = client.get("/auth/jwt/start/portal?next=/account", headers=OURS)
    assert (answer.status_code, answer.headers["Location"]) == (303, START)
    assert answer.headers["Referrer-Policy"] == "no-referrer"

    answer = follow(client, token(site))
    assert (answer.status_code, answer.headers["Location"], person_of(site, client)) == (303, "/account", "ben")
    # It was for that one sign-in.
    client.post("/logout", data={"csrf_token": csrf_of(client.get("/account"))})
    assert 'action="/auth/jwt/confirm"' in follow(client, token(site)).text

    for waited, is_at_once in ((600, True), (601, False), (-1, False)):
        client = site.client()
        client.get("/auth/jwt/start/portal", headers=TYPED)
        site.clock.advance(waited)
        answer = follow(client, token(site))
        assert (answer.status_code == 303) is is_at_once is (person_of(site, client) == "ben"), waited
        assert is_at_once or 'action="/auth/jwt/confirm"' in answer.text


def test_where_it_leads_is_the_requests_else_the_tokens_else_what_was_wanted_at_the_start(site):
    table = [
        (None, None, "/account"),
        (None, "/help", "/help"),
        ("/help", "/account", "/help"),
        (APP + "/x", None, APP + "/x"),
    ]
    for given, claim, address in table:
        client = site.client()
        client.get("/auth/jwt/start/portal?next=/account", headers=OURS)
        more = {} if given is None else {"return_to": given}
        answer = follow(client, token(site, redirect_url=claim), **more)
        assert answer.headers["Location"] == address, (given, claim)


# Asked first


def test_a_link_of_another_site_asks_first_and_spends_nothing(site):
    client = site.client()
    for headers in (
        LINKED,
        {**LINKED, "Sec-Fetch-Site": "same-site"},
        {"Accept": HTML},
        {"Accept": HTML, "Referer": EVIL + "/"},
    ):
        assert is_asked(site, follow(site.client(), token(site), headers)), headers

    page = follow(client, token(site, redirect_url="/account"))
    shown = Page(page.text).text
    assert "Ben Bos" in shown and "portal" in shown and ISSUER in shown
    assert is_asked(site, page) and who(client) is None
    answer = confirm(client, page)

    assert (answer.status_code, answer.headers["Location"]) == (303, "/account")
    assert person_of(site, client) == "ben" and len(spent(site)) == 1
    assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_the_page_holds_no_token_that_could_be_read_and_leads_its_address_nowhere(site):
    sent = token(site)
    page = follow(site.client(), sent, return_to=APP + "/x")

    assert not [part for part in sent.split(".") if part in page.text]
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert f"form-action 'self' {APP};" in page.headers["Content-Security-Policy"]
    assert "form-action 'self';" in follow(site.client(), token(site)).headers["Content-Security-Policy"]
    assert APP in page.text


def test_somebody_else_who_is_signed_in_is_never_replaced_without_being_asked(site):
    make_person(site, "eva", display_name="Eva")
    for headers in (TYPED, OURS, LINKED):
        client = site.signed_in("eva")
        client.get("/auth/jwt/start/portal", headers=OURS)
        page = follow(client, token(site), headers)
        assert "signed out" in page.text and "Eva" in page.text and 'action="/auth/jwt/confirm"' in page.text
        assert person_of(site, client) == "eva"
        before = who(client)
        assert confirm(client, page).status_code == 303
        assert person_of(site, client) == "ben"
        assert site.rows("SELECT ended_at FROM session WHERE id = :id", id=before) != [{"ended_at": None}]
    assert len(site.log("person.signed_out")) == 3


def test_who_is_signed_in_already_is_not_asked_again_from_here_and_gets_a_new_session(site):
    client = site.signed_in("ben")
    before = who(client)

    assert follow(client, token(site), OURS).status_code == 303
    assert person_of(site, client) == "ben" and who(client) != before
    page = follow(client, token(site))
    assert 'action="/auth/jwt/confirm"' in page.text and "signed out" not in page.text


def test_a_new_person_is_named_and_made_only_when_they_say_yes(site):
    make_issuer(site, "https://new.test", name="new", tenant="New Portal", create_people=True, username_prefix="n-")
    client = site.client()
    page = follow(client, token(site, "jo", iss="https://new.test"))

    assert "n-jo" in page.text and "New Portal" in page.text and "new on this site" in page.text
    assert site.rows("SELECT * FROM person WHERE username = 'n-jo'") == []
    assert confirm(client, page).status_code == 303 and person_of(site, client) == "n-jo"


def test_what_the_page_sealed_is_for_that_browser_and_verified_again(site):
    client, page = site.client(), None
    page = follow(client, token(site))

    other = site.client()
    other_page = follow(other, token(site))
    sealed = re.search(r'name="token" value="([^"]+)"', page.text)[1]
    for given in (sealed, sealed[:-4], "", "x", "é", "AAAA", sealed + "A" * 4):
        assert confirm(other, other_page, token=given).status_code == 400, given
    for headers in ({"Origin": EVIL}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        assert confirm(client, page, headers).status_code == 400
    assert confirm(client, page, csrf_token="x").status_code == 400
    assert spent(site) == [] and who(client) is None and who(other) is None

    site.clock.advance(271)
    late = confirm(client, page)
    assert late.status_code == 401 and "Token expired" in late.text and spent(site) == []
    # The same token twice, each asked about: it is spent once.
    sent, first, second = token(site), site.client(), site.client()
    pages = [follow(each, sent) for each in (first, second)]
    assert confirm(first, pages[0]).status_code == 303
    used = confirm(second, pages[1])
    assert used.status_code == 401 and "already been used" in used.text and used.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.slow
def test_who_goes_on_to_a_launch_passes_the_page_between(site):
    make_asset(
        site,
        "desk",
        secret="another-secret-of-the-help-desk-0123456789",
        launch={"by": "query", "url": "https://party.test/sso", "name": "jwt", "pass": [], "return_to": []},
    )
    client = site.client()

    answer = confirm(client, follow(client, token(site), return_to="/launch/desk"))

    assert answer.headers["Location"] == "/launch/desk"
    assert client.get("/launch/desk", headers=OURS).status_code == 200, "the form’s policy would hold a redirect"


# Refused


def test_a_refused_link_is_a_page_with_the_fixed_words_and_what_to_do(site):
    now = int(site.clock())
    make_person(site, "off", live=False)
    make_identity(site, site.portal, "off", "off")
    refused = {
        "Token expired": token(site, iat=now - 400, exp=now - 60),
        "Configuration not found": token(site, iss="https://unknown.test"),
        "Required claims validation failed": token(site, aud="CANARY"),
        "Invalid token": token(site, "off"),
        "Invalid token ": token(site, "nobody"),
        "Invalid token  ": "x.y.z",
    }
    for words, sent in refused.items():
        for headers in (LINKED, TYPED):
            answer = follow(site.client(), sent, headers)
            assert answer.status_code == 401 and answer.headers["WWW-Authenticate"] == "Bearer"
            page = Page(answer.text)
            assert words.strip() in page.text and answer.headers["Mintmark-Request"] in page.text
            assert "CANARY" not in answer.text and "Go back" in page.text or "Tell whoever" in page.text
            assert answer.headers["Referrer-Policy"] == "no-referrer"
    bad = follow(site.client(), token(site), return_to=EVIL)
    assert bad.status_code == 400 and "Invalid token" in bad.text and EVIL not in bad.text
    for answer in (follow(site.client(), ""), site.client().get("/auth/jwt", headers={"Accept": HTML})):
        assert answer.status_code == 400 and answer.mimetype == "text/html"
    assert len(site.log("person.sign_in_refused")) == 15 and spent(site) == []


def test_only_a_whole_window_that_somebody_sees_signs_in(site):
    for headers in (
        {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}, {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}, {"Sec-Fetch-Dest": "iframe"},
        {"Sec-Fetch-Dest": "embed"}, {"Sec-Purpose": "prefetch"}, {"Sec-Purpose": "prefetch;prerender"}, {"Purpose": "prefetch"}, {"X-Moz": "prefetch"},
        {"Sec-Fetch-Mode": "websocket"},
    ):  # fmt: skip
        for base in (LINKED, TYPED, OURS):
            answer = follow(site.client(), token(site), {**base, **headers})
            assert answer.status_code == 400 and "Invalid token" in answer.text, headers
    assert follow(site.client(), token(site), {"Accept": HTML, "Origin": EVIL}).status_code == 400
    assert spent(site) == [] and site.rows("SELECT * FROM session") == []


def test_accept_decides_between_page_and_json(site):
    for accept in (HTML, "text/html", "text/html;q=0.1, */*", "application/json, text/html"):
        answer = follow(site.client(), "x", {"Accept": accept})
        assert answer.mimetype == "text/html", accept
    for accept in ("*/*", "application/json", "text/html;q=0, */*", "application/xhtml+xml, */*", "text/*, */*"):
        answer = follow(site.client(), "x", {"Accept": accept})
        assert answer.mimetype == "application/json", accept


# Starting here


@pytest.mark.slow
def test_a_start_is_for_live_issuers_that_have_an_address(site):
    make_issuer(site, "https://bare.test", name="bare")
    make_issuer(site, "https://off.test", name="off", start_url="https://off.test/", live=False)
    for name in ("bare", "off", "nothing", "PORTAL", "%00", "x" * 300):
        answer = site.client().get(f"/auth/jwt/start/{name}", headers=OURS)
        assert answer.status_code == 404, name


def test_no_page_starts_a_sign_in_for_somebody(site):
    for headers in (
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
        {**OURS, "Sec-Fetch-Dest": "iframe"},
        {**LINKED, "Sec-Purpose": "prefetch"},
        {"Accept": "image/*", "Sec-Fetch-Site": "same-origin"},
    ):
        assert site.client().get("/auth/jwt/start/portal", headers=headers).status_code == 403, headers
    # A link of another site leads there, but who follows it did not begin here: it asks when they come back. Such a
    # page can forbid a `Referer`, and on plain http browsers say nothing else of where they come from.
    for headers in (LINKED, {**LINKED, "Sec-Fetch-Site": "same-site"}, {"Accept": HTML}):
        client = site.client()
        client.get("/auth/jwt/start/portal", headers=OURS)
        assert client.get("/auth/jwt/start/portal?next=/account", headers=headers).headers["Location"] == START
        assert is_asked(site, follow(client, token(site)))


def test_a_start_on_plain_http_counts_where_the_page_of_ours_is_named(site):
    client = site.client()
    client.get("/auth/jwt/start/portal", headers={"Accept": HTML, "Referer": "http://localhost/login"})
    assert follow(client, token(site), {"Accept": HTML, "Referer": "https://portal.test/"}).status_code == 303


def test_a_start_counts_also_where_the_page_that_is_wanted_has_too_long_an_address(site):
    for length, address in ((900, "/admin/assets?q=" + "x" * 900), (1_001, "/"), (6_000, "/")):
        client = site.client()
        began = client.get(f"/auth/jwt/start/portal?next=/admin/assets?q={'x' * length}", headers=OURS)
        assert len(began.headers["Set-Cookie"]) < 2_000  # Browsers drop what is longer than 4 KiB.
        answer = follow(client, token(site))
        assert (answer.status_code, answer.headers["Location"]) == (303, address), length
    began = site.client().get("/auth/jwt/start/portal", query_string={"next": "/?after=" + "é" * 990}, headers=OURS)
    assert len(began.headers["Set-Cookie"]) < 2_000


def test_a_start_counts_for_its_own_issuer_only(site):
    make_issuer(site, "https://other.test", name="other", start_url="https://other.test/", create_people=True)
    client = site.client()
    client.get("/auth/jwt/start/other", headers=OURS)

    assert is_asked(site, follow(client, token(site)))
    client.get("/auth/jwt/start/portal?next=https://evil.test/", headers=OURS)
    assert follow(client, token(site)).headers["Location"] == "/"


# Linking, and what is typed elsewhere


def test_who_went_there_to_link_is_asked_that_instead(site):
    make_person(site, "eva")
    client = site.signed_in("eva")
    with client.session_transaction() as cookie:
        person = site.rows("SELECT id FROM person WHERE username = 'eva'")[0]["id"]
        cookie["linking"] = {"source": site.portal, "person": person, "at": int(site.clock())}

    answer = follow(client, token(site, "new-subject"), LINKED)

    assert answer.status_code == 303 and "/account/identities" in answer.headers["Location"]
    assert spent(site) == [] and person_of(site, client) == "eva"


@pytest.mark.slow
def test_hostile_names_stay_texts(site):
    for number, text in enumerate(hostile.TOGETHER[:2]):
        text = "".join(each for each in text if each.isprintable())[:250].strip()
        make_person(site, f"p{number}", display_name=text)
        make_identity(site, site.portal, f"p{number}", f"p{number}")
        client = site.signed_in(f"p{number}")
        page = follow(client, token(site))
        plain = follow(site.signed_in("ben"), token(site, f"p{number}"))
        for html in (page.text, plain.text):
            tags = {tag for tag, _, _ in Page(html).tags}
            assert not tags & {"script", "img onerror", "iframe", "object", "svg onload"}, tags
            assert "<img src=x" not in html and "<script" not in html


def test_a_program_and_a_page_spend_the_same_token_once(site):
    sent = token(site)
    assert post(site.client(), sent).status_code == 200

    answer = follow(site.client(), sent)
    assert answer.status_code == 401 and "already been used" in answer.text and "Ben Bos" not in answer.text
