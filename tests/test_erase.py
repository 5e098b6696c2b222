"""Erasing a person: the row is emptied for ever, id and username stay reserved, the log keeps the id."""

import json

import pytest

from mintmark import access_tokens, people, sessions
from mintmark.assets import trash
from mintmark.errors import FieldError
from mintmark.models import Asset, Person, ProviderSession, RefusedToken, db, writing
from tests.conftest import PASSWORD
from tests.making import make_asset, make_attribute, make_group, make_identity, make_issuer, make_person
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


def test_nothing_is_kept_of_how_she_came_in(house, ada, cleo):
    ben = make_person(house, "ben")
    issuer = make_issuer(house)
    for username, subject in (("cleo", CANARY), ("ben", "b-17")):
        make_identity(house, issuer, subject, username)
    asset = make_asset(house, "helpdesk")
    with house.app.app_context(), writing():
        for person_id in (cleo, ben):
            person = db.session.get_one(Person, person_id)
            access_tokens.make(person, f"of {person.username}, {CANARY}", [asset], 30, by=house.by())
        begun = sessions.begin(db.session.get_one(Person, cleo), now=house.clock(), address=None, device="").id
        db.session.flush()
        db.session.add(ProviderSession(id=begun, provider_id="x", sealed=CANARY.encode(), sealed_by="test"))
        claims = {"sub": CANARY, "email": f"{CANARY}@example.test"}
        db.session.add(RefusedToken(request="f" * 16, at=1, transport="query", header={}, claims=claims))
    before = house.log()

    erase(house, ada, cleo)

    assert [row["subject"] for row in house.rows("SELECT subject FROM identity")] == ["b-17"]
    assert [row["person_id"] for row in house.rows("SELECT person_id FROM access_token")] == [ben]
    assert len(house.rows("SELECT * FROM access_token_asset")) == 1
    assert house.rows("SELECT * FROM provider_session") == house.rows("SELECT * FROM refused_token") == []
    # The log is never changed: the subject and the name of the access token stand where they were written down.
    assert house.log()[: len(before)] == before
    left = {name for name, text in everything(house).items() if CANARY in text}
    assert left == {"log", "access_token"}  # Ben's has that name.


def test_a_purged_asset_is_in_no_access_token_any_more(house, ada):
    ben, asset, other = make_person(house, "ben"), make_asset(house, "helpdesk"), make_asset(house, "chat")
    with house.app.app_context(), writing():
        access_tokens.make(db.session.get_one(Person, ben), "both", [asset, other], 30, by=house.by())
        trash.trash(db.session.get_one(Asset, asset), by=house.by())

    with house.app.app_context(), writing():
        trash.purge(db.session.get_one(Asset, asset), by=house.by())

    assert [row["asset_id"] for row in house.rows("SELECT asset_id FROM access_token_asset")] == [other]
    assert len(house.rows("SELECT * FROM access_token")) == 1


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
