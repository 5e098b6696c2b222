"""The list of people: searched, filtered, paged; and the form that makes one."""

import pytest
from sqlalchemy import event

from mintmark import people
from mintmark.models import db, writing
from tests.conftest import PASSWORD
from tests.making import make_attribute, make_group, make_person
from tests.test_pages import HOSTILE, Page


@pytest.fixture
def ada(house):
    """A client of the administrator, on each database."""
    make_person(house, "ada", is_admin=True)
    return house.signed_in("ada")


def names_on(answer):
    assert answer.status_code == 200, answer.text
    rows = answer.text.split("<tbody>")[-1].split("</tbody>")[0].split("<tr>")[1:] if "<tbody>" in answer.text else []
    return [row.split("<bdi>")[1].split("</bdi>")[0] for row in rows]


def statements_of(house, client, path):
    """Count the statements that a page costs."""
    seen = []
    with house.app.app_context():
        engine = db.engine

    def note(connection, cursor, statement, *_):
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        assert client.get(path).status_code == 200
    finally:
        event.remove(engine, "before_cursor_execute", note)
    return len(seen)


def make_people(house, usernames, **fields):
    """Make many at once, without passwords; `groups` as ids here."""
    with house.app.app_context(), writing():
        people.make_many([{"username": username, **fields} for username in usernames], by=house.by())


def draft(house, client, **fields):
    return house.post_form(client, "/admin/people/new", **fields)


def person_named(house, username):
    return house.rows("SELECT * FROM person WHERE username = :name", name=username)[0]


def test_people_stand_by_username_in_pages_of_fifty_that_leave_nobody_out(house, ada):
    make_people(house, [f"person-{number:03}" for number in range(104)])

    first = ada.get("/admin/people")
    second = ada.get("/admin/people?after=" + names_on(first)[-1])
    third = ada.get("/admin/people?after=" + names_on(second)[-1])

    assert "after=person-048" in first.text and "Next page" in second.text and "Next page" not in third.text
    everybody = names_on(first) + names_on(second) + names_on(third)
    assert everybody == ["ada"] + [f"person-{number:03}" for number in range(104)]
    assert "There is nobody after this place" in ada.get("/admin/people?after=zzz").text


def test_filters_show_administrators_the_switched_off_and_the_members_of_a_group(house, ada):
    staff = make_group(house, "staff")
    make_person(house, "ben", groups=["staff"], email="ben@example.test")
    make_person(house, "mallory", live=False, groups=["staff"])

    assert names_on(ada.get("/admin/people?show=administrators")) == ["ada"]
    assert names_on(ada.get("/admin/people?show=off")) == ["mallory"]
    assert names_on(ada.get(f"/admin/people?group={staff}")) == ["ben", "mallory"]
    assert names_on(ada.get("/admin/people?show=nonsense")) == ["ada", "ben", "mallory"]
    assert names_on(ada.get("/admin/people?show=erased")) == []
    assert "Nobody was erased" in ada.get("/admin/people?show=erased").text
    assert ada.get("/admin/people?group=none").status_code == 404


def test_a_person_is_found_by_the_beginning_of_each_word(house, ada):
    make_person(house, "ben", first_name="Ben", last_name="Okri", email="b.okri@example.test")
    make_person(house, "beatrix", first_name="Beatrix", last_name="Potter")

    assert names_on(ada.get("/admin/people?q=be")) == ["beatrix", "ben"]
    assert names_on(ada.get("/admin/people?q=OKR+be")) == ["ben"]
    assert names_on(ada.get("/admin/people?q=b.okri@example.test")) == ["ben"]
    nobody = ada.get("/admin/people?q=nobody")
    assert names_on(nobody) == [] and "try its first letters only" in nobody.text


def test_what_is_found_by_a_search_stands_in_pages_too(house, ada):
    make_people(house, [f"smith-{number:02}" for number in range(60)], last_name="Smith")

    first = ada.get("/admin/people?q=smi")
    link = next(found["href"] for found in Page(first.text).all("a", rel="next"))
    both = names_on(first) + names_on(ada.get(link))

    assert both == [f"smith-{number:02}" for number in range(60)]


def test_an_address_that_is_no_text_breaks_nothing(house, ada):
    for address in ("after=%00", "q=%00", "q=a%00@b", "group=%00", "q=smith&after=%00x", "show=%ff", "after=%ed%a0%80"):
        assert ada.get("/admin/people?" + address).status_code in (200, 404), address
    assert ada.get("/admin/people/%00").status_code == 404


def test_the_list_costs_the_same_number_of_statements_whoever_there_is(house, ada):
    staff = make_group(house, "staff")
    make_person(house, "b-1", groups=["staff"], password=None)
    paths = ["", "?q=b", "?q=b+1", "?show=administrators", f"?group={staff}"]
    before = [statements_of(house, ada, "/admin/people" + path) for path in paths]
    make_people(house, [f"b-{number + 100}" for number in range(60)], groups=[staff])

    after = [statements_of(house, ada, "/admin/people" + path) for path in paths]

    assert all(later <= sooner for later, sooner in zip(after, before, strict=True)), (before, after)
    assert max(after) <= 9


def test_a_person_is_made_with_everything_that_was_entered(house, ada):
    staff = make_group(house, "staff")
    for name, kind in (("department", "text"), ("floor", "number"), ("vip", "boolean"), ("languages", "list")):
        make_attribute(house, name, kind)

    answer = draft(
        house, ada,
        username="ben", first_name="Ben", last_name=" Okri ", display_name="", email="ben@example.test",
        groups=staff, roles="user\r\n\r\nagent", permissions="users:read", password="seven green bottles",
        **{"attribute-department": "R&D", "attribute-floor": "3", "attribute-vip": "no", "attribute-languages": "en\r\nfr"},
    )  # fmt: skip

    person = person_named(house, "ben")
    assert (answer.status_code, answer.location) == (303, f"/admin/people/{person['id']}")
    assert (person["last_name"], person["display_name"], person["is_admin"], person["live"]) == ("Okri", None, 0, 1)
    page = ada.get(answer.location)
    for words in ("staff", "agent", "users:read", "R&amp;D", "was made"):
        assert words in page.text
    assert house.rows("SELECT * FROM membership")[0]["group_id"] == staff
    house.sign_in("ben", "seven green bottles")
    created = house.log("person.created")[-1]
    assert created["actor"] == person_named(house, "ada")["id"] and created["request"]


def test_without_a_password_the_next_page_offers_a_one_time_link(house, ada):
    answer = draft(house, ada, username="ben")

    assert "make a one-time link" in ada.get(answer.location).text
    assert person_named(house, "ben")["password_hash"] is None


REFUSED = [
    ({"username": ""}, "Username is empty"),
    ({"username": " ben"}, "white space"),
    ({"username": "ADA"}, "Username is taken"),
    ({"username": "b" * 151}, "at most 150"),
    ({"username": "b\x00n"}, "no text"),
    ({"username": "ben", "password": "short"}, "fewer than 12"),
    ({"username": "ben", "email": "e" * 256}, "at most 255"),
    ({"username": "ben", "first_name": "a\x00"}, "no text"),
    ({"username": "ben", "groups": "nonsense"}, "which is no group"),
    ({"username": "ben", "groups": "\x00"}, "no text"),
    ({"username": "ben", "roles": "r" * 256}, "at most 255"),
    ({"username": "ben", "permissions": "\n".join(str(number) for number in range(1001))}, "at most 1000"),
    ({"username": "ben", "attribute-floor": "many"}, "takes a number"),
    ({"username": "ben", "attribute-vip": "perhaps"}, "takes yes, no or nothing"),
]


def test_what_cannot_be_a_person_is_refused_with_what_was_typed(house, ada):
    make_attribute(house, "floor", "number")
    make_attribute(house, "vip", "boolean")

    for fields, words in REFUSED:
        answer = draft(house, ada, **{"last_name": "Okri", **fields})

        assert answer.status_code == 422, fields
        assert words in Page(answer.text).text and 'value="Okri"' in answer.text, fields
    assert house.rows("SELECT count(*) AS n FROM person")[0]["n"] == 1


def test_a_typed_password_is_never_shown_again(house, ada):
    answer = draft(house, ada, username="", password="a canary in a coal mine")

    assert answer.status_code == 422 and "canary" not in answer.text and "Type it again" in answer.text


def test_making_an_administrator_asks_for_the_own_password_after_a_quarter_of_an_hour(house, ada):
    assert draft(house, ada, username="eve", is_admin="on").status_code == 303
    house.clock.advance(16 * 60)

    asked = draft(house, ada, username="zoe", is_admin="on", last_name="Kept")
    wrong = draft(house, ada, username="zoe", is_admin="on", own_password="wrong")
    plain = draft(house, ada, username="ben")
    right = draft(house, ada, username="zoe", is_admin="on", own_password=PASSWORD)

    assert asked.status_code == 422 and "Your password is needed" in asked.text and 'value="Kept"' in asked.text
    assert wrong.status_code == 422 and "Your password is not right" in wrong.text
    assert plain.status_code == 303
    assert right.status_code == 303 and person_named(house, "zoe")["is_admin"]


def test_more_groups_than_one_can_choose_from_are_typed_by_name(house, ada, monkeypatch):
    from mintmark.web.admin import person_form

    monkeypatch.setattr(person_form, "_MANY_GROUPS", 1)
    make_group(house, "staff")
    make_group(house, "guests")

    refused = draft(house, ada, username="ben", group_names="STAFF\nstuff")
    done = draft(house, ada, username="ben", group_names="STAFF\n")

    assert refused.status_code == 422 and "“stuff”, which is no group" in Page(refused.text).text
    assert done.status_code == 303 and "staff" in ada.get(done.location).text
    edit = ada.get(done.location + "/edit")
    assert "staff</textarea>" in edit.text


def test_hostile_texts_stay_texts_in_the_list_and_on_the_forms(house, ada):
    make_attribute(house, "note")
    plain = Page(ada.get("/admin/people").text)
    for number, text in enumerate(HOSTILE):
        fields = dict.fromkeys(("email", "first_name", "last_name", "display_name"), text)
        make_person(house, f"{text[:140]}-{number}", password=None, attributes={"note": text}, roles=[text], **fields)

    listed = Page(ada.get("/admin/people").text)
    assert {tag for tag, _, _ in listed.tags} <= {tag for tag, _, _ in plain.tags} | {"rect"}
    for text in HOSTILE:
        assert text[:140] in listed.text
    for row in house.rows("SELECT id, username FROM person WHERE username <> 'ada'"):
        for page in ("", "/edit"):
            shown = Page(ada.get(f"/admin/people/{row['id']}{page}").text)
            assert row["username"] in shown.text and not shown.all("script")


def test_a_person_who_is_no_administrator_gets_nothing(house, ada):
    make_person(house, "ben")
    ben = house.signed_in("ben")

    assert ben.get("/admin/people").status_code == 403
    assert ben.get("/admin/people?q=ada").status_code == 403
    assert house.client().get("/admin/people").status_code == 303
    assert ada.post("/admin/people/new", data={"username": "x"}).status_code == 400
