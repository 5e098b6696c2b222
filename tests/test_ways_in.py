"""Doors: on the sign-in page, who signs people in beside their password; and that the page stands where nothing else does."""

from urllib.parse import parse_qs, urlsplit

import pytest

from mintmark.models import TrustedIssuer, db, writing
from tests.conftest import SECRET
from tests.making import make_issuer, make_provider
from tests.test_pages import HOSTILE, Page

START = "https://portal.test/sso"


def doors(house, address="/login"):
    """Return what each door is called, and where it leads."""
    page = Page(house.client().get(address).text)
    return {
        " ".join(words.split()): link["href"]
        for words, link in zip(page.texts.get("bdi", []), page.all("a", **{"class": "act quiet"}), strict=True)
    }


def test_there_is_nothing_where_a_password_is_the_only_way(house):
    make_issuer(house, "https://plain.test", name="plain")

    assert doors(house) == {} and "Or sign in with" not in house.client().get("/login").text


def test_live_issuers_with_a_start_and_live_providers_are_doors_by_their_names(house):
    make_issuer(house, "https://portal.test", name="portal", start_url=START, tenant="Main portal")
    off = make_issuer(house, "https://off.test", name="off", start_url=START, secret=SECRET + "-off")
    make_issuer(house, "https://plain.test", name="plain", secret=SECRET + "-plain")
    make_provider(house)
    with house.app.app_context(), writing():
        db.session.get_one(TrustedIssuer, off).live = False

    assert doors(house) == {"campus": "/auth/oidc/campus", "Main portal": "/auth/jwt/start/portal"}
    assert "Or sign in with" in house.client().get("/login").text


def test_two_of_the_same_name_are_told_apart(house):
    for name in ("east", "west"):
        make_issuer(house, f"https://{name}.test", name=name, start_url=START, tenant="Staff", secret=SECRET + name)

    assert set(doors(house)) == {"Staff (east)", "Staff (west)"}


def test_a_door_leads_on_to_the_wanted_page_and_nowhere_else(house):
    make_issuer(house, "https://portal.test", name="portal", start_url=START)
    make_provider(house)

    for wanted, kept in (("/account/sessions", "/account/sessions"), ("/", None), ("", None), ("https://evil.test/", None),
                         ("////evil.test", None), ("/\\evil.test", None), ("/account?x=1", "/account"), ("/nothing/x", "/nothing/x")):  # fmt: skip
        found = doors(house, "/login?" + f"next={wanted}")
        for address in found.values():
            query = parse_qs(urlsplit(address).query)
            assert "evil" not in address, wanted
            if wanted != "/nothing/x":
                assert query.get("next", [None])[0] == kept, wanted
    assert len(found) == 2


def test_hostile_names_stay_text(sqlite_house):
    issuer = make_issuer(sqlite_house, "https://portal.test", name="portal", start_url=START)
    plain = Page(sqlite_house.client().get("/login").text).skeleton()

    for text in HOSTILE:
        with sqlite_house.app.app_context(), writing():
            row = db.session.get_one(TrustedIssuer, issuer)
            row.definition = {**row.definition, "tenant": text}
        page = Page(sqlite_house.client().get("/login").text)
        assert text in page.text and page.skeleton() == plain, text


def test_the_sign_in_page_stands_where_the_database_does_not(sqlite_house):
    make_provider(sqlite_house)
    with sqlite_house.app.app_context(), writing() as session:
        session.execute(
            db.text("ALTER TABLE openid_provider RENAME TO gone")
        )  # What SQLite answers then is what it answers where its file is gone.

    answer = sqlite_house.client().get("/login")
    assert answer.status_code == 200 and "Password" in answer.text and "campus" not in answer.text


@pytest.mark.parametrize("username", ["ben", "nobody"])
def test_a_refused_password_keeps_the_doors(house, username):
    make_provider(house)

    answer = house.post_form(house.client(), "/login", username=username, password="wrong", next="/account")

    assert answer.status_code == 422 and "/auth/oidc/campus?next=/account" in answer.text.replace("%2F", "/")
