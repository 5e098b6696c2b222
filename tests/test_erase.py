"""Erasing a person: the row is emptied for ever, id and username stay reserved, the log keeps the id."""

import json

import pytest

from mintmark import people
from mintmark.errors import FieldError
from mintmark.models import Person, db, writing
from tests.conftest import PASSWORD
from tests.making import make_asset, make_attribute, make_group, make_person
from tests.test_admin_person import act, edit, row_of

CANARY = "canary-7f3a91"


@pytest.fixture
def ada(house):
    """A client of the administrator."""
    make_person(house, "ada", is_admin=True)
    return house.signed_in("ada")


@pytest.fixture
def cleo(house):
    """Cleo's id: everything that is known of her holds the canary."""
    make_group(house, "staff")
    make_attribute(house, "note")
    texts = dict.fromkeys(("email", "first_name", "last_name", "display_name"), CANARY)
    return make_person(
        house, "cleo", groups=["staff"], roles=[CANARY], permissions=[CANARY], attributes={"note": CANARY}, **texts
    )


def erase(house, client, person_id, username="cleo", **fields):
    return act(house, client, person_id, "erase", confirmed=username, **fields)


def everything(house):
    with house.app.app_context():
        tables = [table.name for table in db.metadata.sorted_tables]
    return {name: str(house.rows(f'SELECT * FROM "{name}"')) for name in tables}


def test_nothing_is_kept_but_id_and_username(house, ada, cleo):
    client = house.signed_in("cleo")
    act(house, ada, cleo, "link")

    answer = erase(house, ada, cleo)

    assert answer.status_code == 303
    person = row_of(house, cleo)
    assert (person["username"], bool(person["live"]), bool(person["is_admin"])) == ("cleo", False, False)
    assert person["erased_at"] == int(house.clock()) and person["password_hash"] is None
    assert {name for name, text in everything(house).items() if CANARY in text} == set()
    assert house.rows("SELECT * FROM membership") == [] and house.rows("SELECT * FROM password_link") == []
    assert house.rows("SELECT * FROM search_word WHERE entry_id = :id", id=cleo) == []
    [session] = house.rows("SELECT * FROM session WHERE person_id = :id", id=cleo)
    assert (session["device"], session["address"]) == (None, None) and session["ended_at"]
    assert client.get("/").status_code == 303
    assert house.log("person.erased")[-1]["person"] == cleo and house.log("person.created")[-1]["person"] == cleo


def test_what_was_erased_is_not_in_the_database_file_any_more(sqlite_house):
    house = sqlite_house
    make_person(house, "ada", is_admin=True)
    person = make_person(house, "cleo", email=f"{CANARY}@example.test", first_name="Canary-first-name")
    folder = house.mint.settings.instance

    assert erase(house, house.signed_in("ada"), person).status_code == 303

    with house.app.app_context(), db.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    kept = b"".join(path.read_bytes() for path in folder.glob("mintmark.sqlite*"))
    assert b"canary" not in kept.lower() and b"cleo" in kept


def test_the_username_is_typed_to_confirm_and_a_stale_sign_in_asks_for_the_password(house, ada, cleo):
    wrong = erase(house, ada, cleo, "Cleo")
    house.clock.advance(16 * 60)
    stale = erase(house, ada, cleo)

    assert wrong.status_code == 422 and "is not the username" in wrong.text
    assert stale.status_code == 422 and "Your password is needed" in stale.text
    assert row_of(house, cleo)["email"] == CANARY
    assert erase(house, ada, cleo, own_password=PASSWORD).status_code == 303


def test_the_username_is_never_given_again(house, ada, cleo, tmp_path):
    erase(house, ada, cleo)
    ben = make_person(house, "ben")
    text = json.dumps({"mintmark": 1, "people": [{"username": "CLEO", "first_name": "New"}]})

    made = house.post_form(ada, "/admin/people/new", username="Cleo")
    renamed = edit(house, ada, ben, username="cleo")
    imported = house.run("site", "import", "-", input=text)
    commanded = house.run("create-admin", "cleo", "--password-stdin", input="seven green bottles\n")

    for answer in (made, renamed):
        assert answer.status_code == 422 and "was erased, and is never given again" in answer.text
    assert imported.exit_code == 1 and "was erased, and is never given again" in imported.output
    assert commanded.exit_code == 1 and "was erased" in commanded.output
    assert house.rows("SELECT count(*) AS n FROM person")[0]["n"] == 3


def test_who_was_erased_stands_in_their_own_list_and_nowhere_else(house, ada, cleo):
    make_asset(house, "helpdesk")
    erase(house, ada, cleo)

    assert "cleo" in ada.get("/admin/people?show=erased").text
    for address in ("", "?q=cleo", "?show=off", "?show=administrators"):
        assert ">cleo<" not in ada.get("/admin/people" + address).text, address
    assert "cleo" not in house.run("site", "export").output
    assert house.run("mint", "helpdesk", "--as", "cleo").exit_code == 1


def test_who_was_erased_cannot_be_changed_switched_on_or_erased_again(house, ada, cleo):
    page = f"/admin/people/{cleo}"
    erase(house, ada, cleo)
    shown = ada.get(page).text

    assert "Erased" in shown and "<form" not in shown.split("<main")[1]
    assert ada.get(page + "/edit").status_code == 303
    token = {"csrf_token": shown.split('name="csrf_token" value="')[1].split('"')[0]}
    statuses = {
        name: ada.post(f"{page}/{name}", data={**token, **fields}).status_code
        for name, fields in {
            "edit": {"username": "cleo"},
            "switch": {"live": "on"},
            "link": {},
            "erase": {"confirmed": "cleo"},
        }.items()
    }
    assert set(statuses.values()) <= {409, 422}, statuses
    assert row_of(house, cleo)["live"] in (0, False)
    with house.app.app_context(), pytest.raises(FieldError, match="was erased"), writing():
        people.revise(db.session.get_one(Person, cleo), {"live": True}, by=house.by())
    group = house.rows("SELECT id FROM people_group")[0]["id"]
    put = house.post_form(ada, f"/admin/groups/{group}/people", page=f"/admin/groups/{group}", usernames="cleo")
    assert put.status_code == 422 and "hold names that nobody has" in put.text
