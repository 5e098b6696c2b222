"""The pages of OpenID providers: what is entered, what is told to the provider, what it says of itself."""

import json

import pytest

from mintmark.errors import FieldError
from mintmark.models import OpenIDProvider, db, writing
from mintmark.openid import saving
from tests import openid_provider
from tests.conftest import csrf_of
from tests.making import make_group, make_person, make_provider

SECRET = "the client secret of this site"
TYPED = {"name": "campus", "client_id": "mintmark", "client_secret": SECRET, "algorithm": "ES256", "live": "on",
         "auth_method": "client_secret_basic", "scopes": "openid profile", "username_claim": "sub"}  # fmt: skip


@pytest.fixture
def provider():
    with openid_provider.running("http://127.0.0.1:8000") as found:
        yield found


@pytest.fixture
def house(make_house, provider):
    house = make_house(FETCH_ALSO=provider.issuer)
    make_person(house, "ada", is_admin=True)
    make_group(house, "desk")
    return house


def add(client, provider, **typed):
    return client.post(
        "/admin/openid/new",
        data={"csrf_token": csrf_of(client.get("/admin/openid/new")), "issuer": provider.issuer, **TYPED, **typed},
    )


def row_of(house):
    [row] = house.rows("SELECT * FROM openid_provider")
    return row


def send(client, page, act, **typed):
    """Send the form of an act of a page; it says which version the page showed."""
    shown = client.get(page)
    seen = shown.text.split('name="seen" value="')[1].split('"')[0]
    return client.post(page + act, data={"csrf_token": csrf_of(shown), "seen": seen, **typed})


def now_of(client, page):
    """Return the switches that stand beside TYPED on a page, so that the form is as it was loaded."""
    form = client.get(page).text.split("Change its settings")[1].split("</form>")[0]
    switches = ("create_people", "update_people")
    return {**TYPED, **{name: "on" for name in switches if f'name="{name}" checked' in form.replace(' value="on"', "")}}


def test_a_provider_is_added_changed_switched_off_and_taken_away(house, provider):
    client = house.signed_in("ada")
    assert "no OpenID provider yet" in client.get("/admin/openid").text
    assert "http://127.0.0.1:8000/auth/oidc/NAME/callback" in client.get("/admin/openid/new").text

    answer = add(
        client, provider, attribute_map="first_name = given_name", groups_claim="groups", groups_map="staff = desk"
    )

    assert answer.status_code == 303, answer.text
    page = answer.headers["Location"]
    shown = client.get(page)
    assert (
        "http://127.0.0.1:8000/auth/oidc/campus/callback" in shown.text and "http://127.0.0.1:8000/login" in shown.text
    )
    assert SECRET not in shown.text and "kept, and shown to nobody" in shown.text
    assert "first_name = given_name" in shown.text and "staff = desk" in shown.text
    row = row_of(house)
    assert SECRET.encode() not in bytes(row["sealed"])
    assert provider.issuer in client.get("/admin/openid").text

    changed = {**TYPED, "name": "college", "session_lifetime": "600", "create_people": "on"}
    assert send(client, page, "", **changed).status_code == 303
    assert send(client, page, "", **changed).status_code == 303
    row = row_of(house)
    definition = json.loads(row["definition"]) if isinstance(row["definition"], str) else row["definition"]
    assert (row["name"], definition["session_lifetime"], definition["create_people"]) == ("college", 600, True)
    assert definition["attribute_map"] == definition["groups_map"] == {}

    before = bytes(row["sealed"])
    assert send(client, page, "/secret", client_secret="another one").status_code == 303
    assert bytes(row_of(house)["sealed"]) != before
    assert send(client, page, "/secret").status_code == 422
    assert send(client, page, "/secret", is_public="on").status_code == 303
    assert row_of(house)["sealed"] is None and "a public client" in client.get(page).text

    assert send(client, page, "/switch").status_code == 303 and not row_of(house)["live"]
    assert send(client, page, "/switch", live="on").status_code == 303 and row_of(house)["live"]
    assert send(client, page, "/remove", confirmed="campus").status_code == 422
    assert send(client, page, "/remove", confirmed="college").headers["Location"] == "/admin/openid"
    assert house.rows("SELECT * FROM openid_provider") == []
    assert client.get(page).status_code == 404

    events = [
        (row["event"], json.loads(row["detail"]).get("fields")) for row in house.log() if "provider" in row["event"]
    ]
    assert events[0] == ("provider.created", None) and events[-1] == ("provider.removed", None)
    assert [fields for _, fields in events[1:-1]][1:] == [["client_secret"], ["client_secret"], ["live"], ["live"]]
    assert SECRET not in json.dumps(house.log(), default=str)


def test_what_is_wrong_is_said_at_once_and_nothing_typed_is_lost_but_the_secret(house, provider):
    client = house.signed_in("ada")
    wrong = {
        "name": "Campus!",
        "issuer": "http://login.campus.test",
        "client_id": "",
        "client_secret": " spaces ",
        "scopes": "profile",
        "algorithm": "HS256",
        "username_prefix": "a\u200bb",
        "attribute_map": "is_admin = admin",
        "groups_map": "staff = nobody",
        "session_lifetime": "soon",
    }

    answer = add(client, provider, **wrong)

    assert answer.status_code == 422
    for words in ("starts with a letter or digit", "MINTMARK_FETCH_ALSO", "Client id is empty", "white space",
                  "must hold", "takes one of RS256", "invisible", "is_admin", "no group", "whole number"):  # fmt: skip
        assert words in answer.text, words
    for name in ("name", "issuer", "scopes", "attribute_map", "groups_map", "session_lifetime"):
        assert wrong[name] in answer.text, name
    assert " spaces " not in answer.text
    for issuer in (
        "http://127.0.0.1:8000",
        "https://x.test/?a=1",
        "https://x.test/#a",
        "https://u@x.test",
        "https://10.0.0.1",
        "x",
    ):
        assert add(client, provider, issuer=issuer).status_code == 422, issuer
    assert house.rows("SELECT * FROM openid_provider") == []

    page = add(client, provider).headers["Location"]
    assert "belongs to another provider" in add(client, provider).text
    # The issuer stays, whatever is sent; and what was changed meanwhile is not written over.
    assert send(client, page, "", **{**TYPED, "issuer": "https://other.test"}).status_code == 303
    assert row_of(house)["issuer"] == provider.issuer
    token = csrf_of(client.get(page))
    stale = client.post(page, data={**TYPED, "csrf_token": token, "seen": "1", "client_id": "mine<b>"})
    assert stale.status_code == 409 and 'value="mine&lt;b&gt;"' in stale.text
    differs = stale.text.split("<tbody>")[1].split("</tbody>")[0]
    assert "Client id</th><td><bdi>mintmark</bdi></td><td><bdi>mine&lt;b&gt;</bdi>" in differs
    assert differs.count("<tr>") == 1 and row_of(house)["client_id"] == "mintmark"
    # What is wrong in it is said first, and does not make a stale form a new one.
    wrong = client.post(page, data={**TYPED, "csrf_token": token, "seen": "1", "client_id": "mine", "scopes": "x"})
    assert wrong.status_code == 422 and 'name="seen" value="1"' in wrong.text
    # What stands already needs no question; who saw what differs may save.
    assert client.post(page, data={**now_of(client, page), "csrf_token": token, "seen": "1"}).status_code == 303
    seen = stale.text.split("Change its settings")[1].split('name="seen" value="')[1].split('"')[0]
    answer = client.post(page, data={**TYPED, "csrf_token": token, "seen": seen, "client_id": "mine"})
    assert answer.status_code == 303 and row_of(house)["client_id"] == "mine"
    stale = client.post(page + "/switch", data={"csrf_token": token, "seen": seen})
    assert stale.status_code == 422 and "was changed since" in stale.text and row_of(house)["live"]


def test_what_the_provider_says_of_itself_is_read_when_asked_and_compared(house, provider):
    client = house.signed_in("ada")
    provider.knobs.metadata = {
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "scopes_supported": ["openid"],
        "end_session_endpoint": None,
    }
    page = add(client, provider).headers["Location"]
    assert "Nothing is known yet" in client.get(page).text and provider.asked == []

    assert send(client, page, "/read").status_code == 303
    shown = client.get(page).text
    assert "so was its key set: 1 for ES256" in shown and f"{provider.issuer}/token" in shown
    for words in ("It signs with RS256, not with ES256", "by private_key_jwt, not by client_secret_basic", "the scope profile",
                  "who signs out here stays signed in there"):  # fmt: skip
        assert words in shown, words
    send(client, page, "/read")
    assert "wait a little" in client.get(page).text
    assert len(provider.ask_for("/.well-known/openid-configuration")) == 1

    provider.knobs.metadata = {"issuer": "https://other.test/<b>"}
    house.clock.advance(61)
    send(client, page, "/read")
    shown = client.get(page).text
    assert "that of another issuer" in shown and "<b>" not in shown and f"{provider.issuer}/token" in shown


def test_taking_a_provider_away_takes_whom_it_knew(house, provider):
    provider_id = make_provider(house, provider.issuer)
    make_person(house, "ben")
    with house.app.app_context():
        row = db.session.get_one(OpenIDProvider, provider_id)
        assert repr(row) == f"<OpenIDProvider {provider_id}>"
    client = house.signed_in("ada")
    page = f"/admin/openid/{provider_id}"
    assert "0 identities" in client.get(page).text

    send(client, page, "/remove", confirmed="campus")

    assert house.rows("SELECT * FROM identity") == []
    assert len(house.rows("SELECT * FROM person")) == 2


def test_the_log_tells_what_a_provider_lets_in_and_no_group_that_is_gone_is_kept(house):
    desk = make_group(house, "helpers")
    mapped = {"groups_claim": "groups", "groups_map": {"staff": "helpers"}}
    provider_id = make_provider(house, algorithm="ES256", create_people=True, **mapped)
    make_provider(house, "https://two.test", name="two")

    def revise(**changes):
        with house.app.app_context(), writing():
            row = saving.get_provider(provider_id)
            values = {name: getattr(row, name) for name in ("name", "issuer", "client_id", "live")}
            definition = {**row.definition, **changes.pop("definition", {})}
            saving.revise(row, {**values, "definition": definition, **changes}, by=house.by())

    made = json.loads(house.log("provider.created")[0]["detail"])
    told = {"algorithm": "ES256", "create_people": True, "update_people": True, "live": True}
    assert made == {"provider": provider_id, "name": "campus", **told, "groups_map": {"staff": "helpers"}}
    revise(live=False, definition={"create_people": False})
    revised = json.loads(house.log("provider.revised")[0]["detail"])
    assert (revised["live"], revised["create_people"], revised["sessions_ended"]) == (False, False, 0)

    with pytest.raises(FieldError, match="taken away") as refused:
        revise(definition={"groups_map": {"staff": desk, "else": "f" * 36}})
    assert refused.value.field == "groups_map"
    with pytest.raises(FieldError, match="taken away"), house.app.app_context(), writing():
        row = saving.get_provider(provider_id)
        definition = {**row.definition, "groups_map": {"staff": "f" * 36}}
        values = {"name": "new", "issuer": "https://new.test", "client_id": "us", "live": True}
        saving.create({**values, "definition": definition}, secret=None, sealer=house.mint.settings.sealer, by=house.by())  # fmt: skip
    with pytest.raises(FieldError, match="another provider"):
        revise(name="two")

    with house.app.app_context(), writing():
        saving.remove(saving.get_provider(provider_id), by=house.by())
    assert json.loads(house.log("provider.removed")[0]["detail"])["sessions_ended"] == 0
