"""One's own profile: what a person may change of it, and that nothing else changes whatever is sent (ASVS 8.2.3, CWE-915)."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from mintmark.models import Person, db, writing
from mintmark.people import find_person, revise
from tests.conftest import csrf_of
from tests.making import make_attribute, make_group, make_identity, make_issuer, make_person
from tests.test_pages import HOSTILE, Page

OTHERS = sorted({column.name for column in Person.__table__.columns} - {"display_name", "attributes"})
OWN = [("city", "text"), ("floor", "number"), ("remote", "boolean"), ("languages", "list")]


@pytest.fixture
def made(house):
    make_group(house, "staff")
    for name, kind in OWN:
        make_attribute(house, name, kind, changed_by="person")
    make_attribute(house, "salary", "number", sensitive=True)
    make_person(
        house,
        "ben",
        first_name="Ben",
        last_name="Okri",
        email="ben@example.test",
        groups=["staff"],
        attributes={"city": "Ibadan", "salary": 3},
    )
    return house


def person_of(house, username="ben"):
    row = house.rows("SELECT * FROM person WHERE username = :name", name=username)[0]
    return {
        **row,
        "attributes": json.loads(row["attributes"]) if isinstance(row["attributes"], str) else row["attributes"],
    }


def fields(**given):
    """Return the fields as a browser sends all of them."""
    return {"display_name": "", **{f"attribute-{name}": given.pop(name, "") for name, _ in OWN}, **given}


def test_a_person_sees_what_is_known_and_what_they_may_change(made):
    page = Page(made.signed_in("ben").get("/account").text)

    for text in ("ben", "Ben", "Okri", "ben@example.test", "staff"):
        assert text in page.texts["bdi"], text
    assert {found["name"] for found in page.all("input", type="text")} == {
        "display_name",
        "attribute-city",
        "attribute-floor",
    }
    assert page.one("input", name="attribute-city")["value"] == "Ibadan"
    assert "salary" not in page.html.casefold()


def test_a_person_changes_display_name_and_their_own_attributes_by_type(made):
    client = made.signed_in("ben")

    entered = fields(
        display_name="Ben O.", city="Lagos", floor="-12.5", remote="no", languages=" Yoruba \r\n\r\nEnglish"
    )
    answer = made.post_form(client, "/account", **entered)

    assert (answer.status_code, answer.headers["Location"]) == (303, "/account")
    kept = person_of(made)
    assert kept["display_name"] == "Ben O."
    assert kept["attributes"] == {
        "city": "Lagos",
        "floor": -12.5,
        "remote": False,
        "languages": ["Yoruba", "English"],
        "salary": 3,
    }
    row = made.log("person.revised")[-1]
    assert (row["actor"], row["person"]) == (kept["id"], kept["id"])
    assert json.loads(row["detail"]) == {"fields": ["display_name", "attributes"]}
    assert row["request"] and row["address"] == "127.0.0.1"
    assert "Your profile is saved." in client.get("/account").text


def test_nothing_else_is_ever_taken(made):
    client, before = made.signed_in("ben"), made.rows("SELECT * FROM person")
    token = csrf_of(client.get("/account"))

    for field in [*OTHERS, "groups", "password", "attributes", "attribute-salary", "salary"]:
        for value in ("1", "on", "ada", '{"salary": 9}'):
            data = {**fields(city="Ibadan"), "csrf_token": token, field: value}
            assert client.post("/account", data=data).status_code == 303, field
        assert made.rows("SELECT * FROM person") == before, field

    assert made.log("person.revised") == []
    assert len(made.rows("SELECT * FROM membership")) == 1


@pytest.mark.both_databases
def test_an_attribute_that_is_taken_away_meanwhile_is_no_mistake_of_ours(made):
    make_person(made, "ada", is_admin=True)
    ben, ada = made.signed_in("ben"), made.signed_in("ada")
    own, admin = (csrf_of(client.get("/account")) for client in (ben, ada))

    def save(number):
        return ben.post("/account", data={"csrf_token": own, **fields(city=f"city {number}")}).status_code

    def remove_and_declare(_):
        taken = ada.post("/admin/attributes/floor/remove", data={"csrf_token": admin}).status_code
        make_attribute(made, "floor", "number", changed_by="person")
        return taken

    with ThreadPoolExecutor(2) as pool:
        saved, removed = pool.map(save, range(40)), pool.submit(lambda: list(map(remove_and_declare, range(10))))
        assert set(saved) == {303} == set(removed.result())


REFUSED = [
    ("display_name", "x" * 256, "256 characters"),
    ("display_name", "a\x00b", "no text"),
    ("attribute-city", "y" * 2001, "2001"),
    *[("attribute-floor", text, "takes a number") for text in ("twelve", "1,5", "007", "NaN", "١٢", "0x1", "1_0")],
    ("attribute-floor", "1e999", "finite"),
    ("attribute-floor", "9" * 21, "20 digits"),
    ("attribute-remote", "perhaps", "yes, no or nothing"),
    ("attribute-languages", "z" * 2001, "2001"),
    ("attribute-languages", "z\n" * 1001, "1001 items"),
]


def test_what_cannot_be_taken_is_shown_again_as_typed_and_nothing_is_saved(made):
    client, before = made.signed_in("ben"), person_of(made)

    for name, typed, words in REFUSED:
        answer = made.post_form(client, "/account", **{**fields(city="Lagos", display_name="New"), name: typed})

        page = Page(answer.text)
        assert answer.status_code == 422, (name, typed)
        assert words in page.text and page.all("a", href=f"#{name}"), (name, typed)
        assert [found for _, found, _ in page.tags if found.get("id") == f"{name}-problem"], (name, typed)
        if name in ("display_name", "attribute-city", "attribute-floor") and "\x00" not in typed:
            assert page.one("input", name=name)["value"] == typed
        assert name == "display_name" or page.one("input", name="display_name")["value"] == "New"

    assert person_of(made) == before and made.log("person.revised") == []


def test_empty_fields_unset_what_was_set(made):
    client = made.signed_in("ben")
    made.post_form(client, "/account", **fields(display_name="B", city="Lagos", floor="1", remote="yes", languages="a"))

    made.post_form(client, "/account", **fields(display_name="  "))

    assert person_of(made)["attributes"] == {"salary": 3}
    assert person_of(made)["display_name"] is None


EXACT = [
    ("city", ""),
    ("city", "two\r\nlines\rthree"),
    ("city", " spaces "),
    ("languages", []),
    ("languages", ["", "a\nb", " c "]),
    ("floor", 1e20),
    ("floor", 1.0),
]


def test_what_was_not_changed_keeps_its_exact_value(made):
    client = made.signed_in("ben")

    for name, value in EXACT:
        with made.app.app_context(), writing():
            revise(find_person("ben"), {"attributes": {name: value}, "display_name": ""}, by=made.by())
        rows = len(made.log("person.revised"))
        page = Page(client.get("/account").text)
        shown = page.all("input", name=f"attribute-{name}")
        text = shown[0].get("value", "") if shown else area_of(page.html, f"attribute-{name}")

        answer = made.post_form(client, "/account", **fields(**{name: text.replace("\n", "\r\n")}))

        assert answer.status_code == 303
        assert repr(person_of(made)["attributes"]) == repr({name: value})
        assert person_of(made)["display_name"] == ""
        assert len(made.log("person.revised")) == rows
        assert "Nothing was changed." in client.get("/account").text


def area_of(html, name):
    """Return what stands in a text area; a browser leaves the first line end out."""
    return html.partition(f'name="{name}"')[2].partition(">")[2].partition("</textarea>")[0].removeprefix("\n")


def test_hostile_texts_stay_texts(sqlite_house):
    house = sqlite_house
    make_attribute(house, "city", changed_by="person")
    make_attribute(house, "tags", "list", changed_by="person")
    make_group(house, "plain")
    make_person(house, "ben", groups=["plain"])
    client = house.signed_in("ben")
    skeletons = {}
    for text in ["plain", *HOSTILE]:
        with house.app.app_context(), writing():
            values = {"display_name": text, "email": text, "attributes": {"city": text, "tags": [text]}}
            revise(find_person("ben"), values, by=house.by())
            for statement in ("UPDATE attribute SET label = :text", "UPDATE people_group SET name = :text"):
                db.session.execute(db.text(statement), {"text": text})

        page = Page(client.get("/account").text)

        assert page.text.count(text) >= 5, text
        skeletons[text] = page.skeleton()
    assert all(skeleton == skeletons["plain"] for skeleton in skeletons.values())


def test_who_was_switched_off_while_typing_changes_nothing(made):
    client = made.signed_in("ben")
    token = csrf_of(client.get("/account"))
    with made.app.app_context(), writing():
        revise(find_person("ben"), {"live": False}, by=made.by())

    assert client.post("/account", data={**fields(city="Lagos"), "csrf_token": token}).status_code == 403
    assert person_of(made)["attributes"]["city"] == "Ibadan"


def test_a_field_that_was_not_sent_changes_nothing(made):
    client = made.signed_in("ben")

    assert made.post_form(client, "/account").status_code == 303
    assert person_of(made)["attributes"] == {"city": "Ibadan", "salary": 3}


def test_a_form_that_is_not_ours_changes_nothing(made):
    client = made.signed_in("ben")
    client.get("/account")

    assert client.post("/account", data=fields(display_name="x")).status_code == 400
    assert person_of(made)["display_name"] is None


def test_who_names_one_anew_at_each_sign_in_is_said_beside_the_display_name(house):
    make_person(house, "ada", display_name="Ada")
    portal = make_issuer(house, tenant="Main portal", attribute_map={"display_name": "name"})
    other = make_issuer(house, "https://other.test", name="other", attribute_map={"display_name": "n"}, live=False)
    quiet = make_issuer(
        house, "https://quiet.test", name="quiet", update_people=False, attribute_map={"display_name": "n"}
    )
    client = house.signed_in("ada")
    assert "set it anew" not in client.get("/account").text
    for source in (portal, other, quiet):
        make_identity(house, source, "1", "ada")

    assert "Main portal may set it anew when you sign in." in client.get("/account").text
