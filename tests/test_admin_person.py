"""One person's page: what it shows, changing them, switching, sessions, one-time links; and who stays administrator."""

import json
import re
import threading

import pytest
from flask import url_for

from mintmark import people
from mintmark.errors import FieldError
from mintmark.models import writing
from mintmark.web.admin import person
from tests.conftest import PASSWORD
from tests.making import make_asset, make_attribute, make_group, make_person
from tests.test_pages import Page


@pytest.fixture
def ada(house):
    """A client of the administrator."""
    make_person(house, "ada", is_admin=True)
    return house.signed_in("ada")


@pytest.fixture
def ben(house):
    """Ben's id."""
    return make_person(house, "ben", first_name="Ben", last_name="Okri", email="ben@example.test")


def row_of(house, person_id):
    return house.rows("SELECT * FROM person WHERE id = :id", id=person_id)[0]


def act(house, client, person_id, name, **fields):
    return house.post_form(client, f"/admin/people/{person_id}/{name}", page=f"/admin/people/{person_id}", **fields)


def values_of(answer):
    """Return what the form of an answer would send."""
    form = answer.text.split('<form class="fields"')[1].split("</form>")[0]
    page = Page("<form>" + form.split(">", 1)[1] + "</form>")
    values = {each["name"]: each.get("value", "") for each in page.all("input") if each.get("type") not in ("checkbox", "password")}  # fmt: skip
    values |= {each["name"]: each["value"] for each in page.all("input", type="checkbox") if "checked" in each}
    areas = re.findall(r'<textarea[^>]*name="([^"]+)"[^>]*>\n?(.*?)</textarea>', form, re.S)
    chosen = re.findall(r'<select[^>]*name="([^"]+)".*?(?:value="([^"]*)" selected.*?)?</select>', form, re.S)
    return values | dict(areas) | dict(chosen)


def edit(house, client, person_id, **changed):
    """Open the form, change something, and send it."""
    page = f"/admin/people/{person_id}/edit"
    values = {**values_of(client.get(page)), **changed}
    return client.post(page, data={name: value for name, value in values.items() if value is not None})


def test_a_persons_page_tells_what_is_known_of_them(house, ada):
    make_group(house, "staff")
    make_attribute(house, "department")
    make_attribute(house, "health", sensitive=True)
    make_asset(house, "helpdesk")
    cleo = make_person(
        house, "cleo", groups=["staff"], roles=["agent"], attributes={"department": "R&D", "health": "well"}
    )
    house.run("mint", "helpdesk", "--as", "cleo")
    house.signed_in("cleo")

    page = Page(ada.get(f"/admin/people/{cleo}").text)

    for words in ("cleo", cleo, "staff", "agent", "R&D", "Sensitive", "in 1 session", "token.issued", "helpdesk"):
        assert words in page.text, words
    assert "argon2" not in page.html
    assert ada.get("/admin/people/nobody").status_code == 404


def test_a_form_sent_back_as_it_was_shown_changes_nothing(house, ada):
    staff = make_group(house, "staff")
    for name, kind in (("number", "number"), ("vip", "boolean"), ("languages", "list"), ("note", "text")):
        make_attribute(house, name, kind)
    cleo = make_person(
        house, "cleo", groups=["staff"], email="", roles=["a\nb", " c"], display_name="two\r\nlines",
        attributes={"number": 1.0, "vip": False, "languages": ["", "en"], "note": "", "gone": "kept"},
    )  # fmt: skip
    before = row_of(house, cleo)

    answer = edit(house, ada, cleo)

    assert answer.status_code == 303, answer.text
    assert row_of(house, cleo) == before
    assert house.rows("SELECT group_id FROM membership WHERE person_id = :id", id=cleo) == [{"group_id": staff}]
    assert house.log("person.revised") == []


def test_a_person_is_changed_and_the_log_names_the_fields(house, ada, ben):
    staff = make_group(house, "staff")
    make_attribute(house, "floor", "number")

    answer = edit(house, ada, ben, last_name="", email="b@example.test", groups=staff, **{"attribute-floor": "3"})

    assert answer.status_code == 303
    now, row = row_of(house, ben), house.log("person.revised")[-1]
    assert (now["last_name"], now["email"]) == (None, "b@example.test")
    assert row["person"] == ben
    detail = json.loads(row["detail"])
    assert sorted(detail["fields"]) == ["attributes", "email", "groups", "last_name"]
    assert detail.keys() == {"fields", "joined"} and len(detail["joined"]) == 1
    assert "ben" in ada.get("/admin/people?q=b@example").text and ">ben<" not in ada.get("/admin/people?q=okri").text


def test_who_comes_second_sees_both_and_loses_nothing(house, ada, ben):
    opened = values_of(ada.get(f"/admin/people/{ben}/edit"))
    assert edit(house, ada, ben, first_name="Benjamin").status_code == 303

    second = ada.post(f"/admin/people/{ben}/edit", data={**opened, "last_name": "Typed"})

    assert second.status_code == 409
    assert row_of(house, ben)["last_name"] == "Okri"
    table = second.text.split("<tbody>")[1].split("</tbody>")[0]
    assert [words in table for words in ("Benjamin", "Typed", "Okri")] == [True] * 3
    knowingly = ada.post(f"/admin/people/{ben}/edit", data=values_of(second))
    assert knowingly.status_code == 303
    assert (row_of(house, ben)["first_name"], row_of(house, ben)["last_name"]) == ("Ben", "Typed")


def test_a_name_that_is_taken_is_refused_and_another_case_of_the_own_is_not(house, ada, ben):
    assert "Username is taken" in edit(house, ada, ben, username="ADA").text
    assert edit(house, ada, ben, username="Ben").status_code == 303
    assert row_of(house, ben)["username"] == "Ben"
    assert edit(house, ada, ben, username="").status_code == 422


def test_becoming_an_administrator_needs_a_fresh_sign_in_and_ends_the_sessions(house, ada, ben):
    client = house.signed_in("ben")
    house.clock.advance(16 * 60)
    client = house.signed_in("ben")

    refused = edit(house, ada, ben, is_admin="on", last_name="Kept")
    done = edit(house, ada, ben, is_admin="on", own_password=PASSWORD)

    assert refused.status_code == 422 and "is needed" in refused.text and 'value="Kept"' in refused.text
    assert done.status_code == 303 and row_of(house, ben)["is_admin"]
    assert client.get("/").status_code == 303
    house.clock.advance(16 * 60)
    assert edit(house, ada, ben, last_name="Other").status_code == 303
    assert edit(house, ada, ben, is_admin=None).status_code == 422


def test_switching_off_signs_out_and_keeps_everything_else(house, ada, ben):
    client = house.signed_in("ben")

    off = act(house, ada, ben, "switch", live="off")

    assert off.status_code == 303 and "Switched off" in ada.get(off.location).text
    assert client.get("/").status_code == 303
    assert act(house, ada, ben, "switch", live="on").status_code == 303
    assert row_of(house, ben)["live"] and row_of(house, ben)["email"] == "ben@example.test"


def test_nobody_switches_off_unmakes_or_erases_themselves(house, ada):
    make_person(house, "eve", is_admin=True)
    me = house.rows("SELECT id FROM person WHERE username = 'ada'")[0]["id"]

    answers = [
        act(house, ada, me, "switch", live="off"),
        edit(house, ada, me, is_admin=None),
        act(house, ada, me, "erase", confirmed="ada"),
    ]

    assert [answer.status_code for answer in answers] == [422] * 3
    assert all("is you; another administrator has to do this" in Page(answer.text).text for answer in answers)
    assert row_of(house, me)["is_admin"] and row_of(house, me)["live"]


def test_the_last_live_administrator_stays(house, ada):
    """Where the actor is one who is being unmade at this moment, the site still keeps one."""
    me = house.rows("SELECT id FROM person WHERE username = 'ada'")[0]["id"]
    make_person(house, "off", is_admin=True, live=False)
    with house.app.app_context():
        for lose in (people.erase, lambda locked, by: people.see_may_go(locked, by=by, field="live")):
            with pytest.raises(FieldError, match="last live administrator"), writing():
                lose(people.get_locked(me), by=house.by())
    assert row_of(house, me)["is_admin"]


@pytest.mark.slow
def test_of_two_who_unmake_each_other_at_once_one_stays(house, ada):
    make_person(house, "eve", is_admin=True)
    ids = {row["username"]: row["id"] for row in house.rows("SELECT id, username FROM person")}
    clients = {"ada": ada, "eve": house.signed_in("eve")}
    other = {"ada": "eve", "eve": "ada"}
    forms = {name: values_of(clients[name].get(f"/admin/people/{ids[other[name]]}/edit")) for name in clients}
    barrier, answers = threading.Barrier(2), {}

    def unmake(name):
        values = {key: value for key, value in forms[name].items() if key != "is_admin"}
        barrier.wait()
        answers[name] = clients[name].post(f"/admin/people/{ids[other[name]]}/edit", data=values).status_code

    threads = [threading.Thread(target=unmake, args=(name,)) for name in clients]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]

    assert sorted(answers.values())[0] == 303 and sorted(answers.values())[1] in (303, 403, 409, 422)
    assert house.rows("SELECT count(*) AS n FROM person WHERE is_admin AND live")[0]["n"] >= 1


def test_all_sessions_end_with_one_button(house, ada, ben):
    clients = [house.signed_in("ben"), house.signed_in("ben")]

    answer = act(house, ada, ben, "end-sessions")

    assert answer.status_code == 303
    assert [client.get("/").status_code for client in clients] == [303, 303]
    assert house.log("person.sessions_ended")[-1]["person"] == ben
    assert "nowhere" in ada.get(answer.location).text


def test_a_one_time_link_is_shown_once_and_sets_a_password(house, ada, ben):
    answer = act(house, ada, ben, "link")
    link = re.search(r"http://localhost(/setup/password\?code=[\w-]+)", answer.text)

    assert answer.status_code == 200 and link, answer.text
    assert link[1] not in ada.get(f"/admin/people/{ben}").text
    assert link[1].split("=")[1] not in str(house.rows("SELECT * FROM log")) + str(
        house.rows("SELECT * FROM password_link")
    )
    assert house.client().get(link[1]).status_code == 200


def test_a_link_names_the_base_url_and_not_the_host_of_the_request(make_house):
    house = make_house(BASE_URL="https://tokens.example.test/mint")

    with house.app.test_request_context("/", base_url="https://evil.test/mint"):
        address = person._address(url_for("password_link.form", code="x"))

    assert address == "https://tokens.example.test/mint/setup/password?code=x"


def test_a_link_needs_a_fresh_sign_in_and_a_live_person(house, ada, ben):
    house.clock.advance(16 * 60)
    refused = act(house, ada, ben, "link")
    done = act(house, ada, ben, "link", own_password=PASSWORD)
    act(house, ada, ben, "switch", live="off")
    off = act(house, ada, ben, "link")

    assert refused.status_code == 422 and "Your password is needed" in refused.text
    assert done.status_code == 200 and "code=" in done.text
    assert off.status_code == 422 and "code=" not in off.text
    assert len(house.log("person.link_made")) == 1


def test_only_forms_of_ours_do_anything(house, ada, ben):
    for name in ("edit", "switch", "end-sessions", "link", "erase"):
        assert ada.post(f"/admin/people/{ben}/{name}", data={"live": "off"}).status_code == 400
        assert house.client().post(f"/admin/people/{ben}/{name}").status_code == 403
    assert row_of(house, ben)["live"] and house.log("person.link_made") == []
