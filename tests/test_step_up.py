"""Step-up: secrets, administrators, links and what cannot be undone ask for the password once more (ASVS 7.5.1, 7.5.3)."""

import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mintmark.assets import overlap, save, trash
from mintmark.assets.secrets import read_secret
from mintmark.models import writing
from mintmark.people import find_person, set_password
from tests.conftest import PASSWORD, START, csrf_of
from tests.filling import _Forms, sent
from tests.making import (
    key_pair,
    make_asset,
    make_identity,
    make_issuer,
    make_key,
    make_next_key,
    make_person,
    make_provider,
)

ROOT = Path(__file__).parents[1]
LATE = 15 * 60 + 1


@dataclass
class Act:
    """One dangerous act: its endpoint, the page whose form leads there, what is typed, and what it does."""

    endpoint: str
    page: str
    typed: dict
    is_done: str  # SQL that finds a row once the act is done.
    named: dict = field(default_factory=dict)
    answer: int = 303
    asked: dict = field(default_factory=dict)  # The query of the page.
    form: str = ""  # The endpoint of the form, where one of its buttons leads elsewhere.


def _of_key(act, page, key_id, typed, is_done):
    return Act(
        f"key.{act}", f"key.{page}", typed, f"SELECT 1 FROM signing_key WHERE {is_done}", {"signing_key_id": key_id}
    )


def _of_secret(act, path, typed, is_done, form=""):
    done = (
        f"SELECT 1 FROM asset JOIN revision ON asset_id = id AND number = revision WHERE path = '{path}' AND {is_done}"
    )
    return Act(f"asset_secret.{act}", "asset_secret.form", typed, done, {"asset_id": path}, form=form)


def _of_provider(act, name, typed, is_done):
    done = f"SELECT 1 FROM openid_provider WHERE name = '{name}' AND {is_done}"
    return Act(f"providers.{act}", "providers.provider", typed, done, {"provider_id": name})


NEXT_SECRET = "the-next-secret-of-the-help-desk-9876543210"


def _of_issuer(act, name, typed, is_done, answer=303):
    done = f"SELECT 1 FROM trusted_issuer WHERE name = '{name}' AND {is_done}"
    return Act(f"issuer.{act}", "issuer.issuer", typed, done, {"issuer_id": name}, answer=answer)


def _of_its_key(key_id, live="live"):
    return f"EXISTS (SELECT 1 FROM issuer_key WHERE issuer_id = id AND key_id = '{key_id}' AND {live})"


ACTS = {
    "a trusted issuer": Act(
        "issuers.create_issuer",
        "issuers.form",
        {"name": "made", "issuer": "https://made.test", "audience": "us", "algorithm": "ES256", "how": "pair_made"},
        "SELECT 1 FROM trusted_issuer WHERE name = 'made'",
        answer=200,
    ),
    "the settings of an issuer": _of_issuer("revise_issuer", "saved", {"leeway": "59"}, "revised_at > created_at"),
    "switching an issuer off": _of_issuer("switch_issuer", "switched", {}, "NOT live"),
    "taking an issuer away": Act(
        "issuer.remove_issuer",
        "issuer.issuer",
        {"confirmed": "removed"},
        "SELECT 1 FROM person WHERE username = 'ada' AND NOT EXISTS (SELECT 1 FROM trusted_issuer WHERE name = 'removed')",
        {"issuer_id": "removed"},
    ),
    "another secret of an issuer": _of_issuer(
        "change_secret", "secretive", {"how": "secret_made"}, "revised_at > created_at", answer=200
    ),
    "another way to its key": Act(
        "issuer.change_key",
        "issuer.key_form",
        {"algorithm": "ES256", "how": "pair_made", "key_id": "k1"},
        "SELECT 1 FROM trusted_issuer WHERE name = 'turning' AND sealed IS NULL",
        {"issuer_id": "turning"},
        answer=200,
    ),
    "a key of an issuer": _of_issuer(
        "add_key", "with-10", {"how": "pair_made", "key_id": "k2"}, _of_its_key("k2"), answer=200
    ),
    "switching a key of an issuer off": _of_issuer("switch_key", "with-11", {}, f"NOT {_of_its_key('k1')}"),
    "taking a key of an issuer away": _of_issuer("remove_key", "with-12", {}, f"NOT {_of_its_key('k1')}"),
    "an access token": Act(
        "access_tokens.make_access_token",
        "access_tokens.access_tokens",
        {"name": "laptop", "days": "30", "assets": "one"},
        "SELECT 1 FROM access_token WHERE name = 'laptop'",
        answer=200,
    ),
    "a new signing key": Act(
        "key_form.make_key",
        "key_form.form",
        {"algorithm": "ES256", "key_id": "made-here"},
        "SELECT 1 FROM signing_key WHERE key_id = 'made-here'",
    ),
    "the next key": _of_key("follow", "follow_form", "first", {"key_id": "second"}, "key_id = 'second'"),
    "a plan of keys": _of_key(
        "plan",
        "follow_form",
        "ahead",
        {"amount": "1", "naming": "dated", "prefix": "planned-"},
        "key_id LIKE 'planned-%'",
    ),
    "another moment of a key": _of_key(
        "move",
        "key",
        "moving-2",
        {"signs_from_at": "2027-02-01T00:00"},
        "key_id = 'moving-2' AND signs_from_at = 1801440000",
    ),
    "revoking a key": _of_key(
        "revoke", "revoke_form", "doomed", {"replacement": "none"}, "key_id = 'doomed' AND revoked_at IS NOT NULL"
    ),
    "unpublishing a key": _of_key("unpublish", "key", "endless", {}, "key_id = 'endless' AND gone_at IS NOT NULL"),
    "an asset with a key": Act(
        "asset_form.create_asset",
        "asset_form.draft",
        {"path": "keyed", "name": "Keyed", "algorithm": "ES256", "template": "{}", "key_id": "of-keyed"},
        "SELECT 1 FROM asset WHERE path = 'keyed' AND ring_id IS NOT NULL",
    ),
    "the next secret": _of_secret(
        "stage", "four", {"secret": NEXT_SECRET}, "next_secret_id IS NOT NULL", form="asset_secret.change_secret"
    ),
    "a switch": _of_secret("switch", "five", {"when": "now"}, "next_from_at IS NOT NULL"),
    "a switch at a moment": _of_secret("switch", "six", {"switch_at": "2027-02-01T00:00"}, "next_from_at = 1801440000"),
    "no moment": _of_secret("wait", "seven", {}, "next_from_at IS NULL"),
    "stepping back": _of_secret("step_back", "eight", {}, "next_from_at IS NULL"),
    "no next secret": _of_secret("drop", "nine", {}, "next_secret_id IS NULL"),
    "a test token": Act(
        "preview.issue_token",
        "preview.preview",
        {"with": "next"},
        "SELECT 1 FROM log WHERE event = 'token.issued' AND code = 'next_key'",
        {"path": "/tried"},
        answer=200,
        asked={"with": "next"},
    ),
    "a key for an asset": _of_secret(
        "choose_key", "ten", {"key_algorithm": "ES256", "key_id": "of-ten"}, "revision.ring_id IS NOT NULL"
    ),
    "a secret": Act(
        "asset_secret.change_secret",
        "asset_secret.form",
        {"secret": "an-entirely-new-secret-of-the-help-desk-01234"},
        "SELECT 1 FROM asset WHERE path = 'one' AND revision = 2",
        {"asset_id": "one"},
    ),
    "a copy with the same secret": Act(
        "asset_moves.copy_asset",
        "asset_moves.copy_form",
        {"kept": "same", "path": "two/copy", "name": "Copy"},
        "SELECT 1 FROM asset WHERE path = 'two/copy'",
        {"asset_id": "two"},
    ),
    "a purge": Act(
        "asset_trash.purge_asset",
        "asset_trash.form",
        {"confirmed_path": "three"},
        "SELECT 1 FROM asset WHERE 0 = (SELECT count(*) FROM asset WHERE path = 'three')",
        {"asset_id": "three"},
    ),
    "making an administrator": Act(
        "person.revise_person",
        "person.form",
        {"is_admin": "on", "email": "typed@example.test"},
        "SELECT 1 FROM person WHERE username = 'ann' AND is_admin",
        {"person_id": "ann"},
    ),
    "unmaking an administrator": Act(
        "person.revise_person",
        "person.form",
        {"is_admin": None, "email": "typed@example.test"},
        "SELECT 1 FROM person WHERE username = 'bob' AND NOT is_admin",
        {"person_id": "bob"},
    ),
    "switching an administrator off": Act(
        "person.switch_person",
        "person.person",
        {},
        "SELECT 1 FROM person WHERE username = 'eve' AND NOT live",
        {"person_id": "eve"},
    ),
    "switching an administrator on": Act(
        "person.switch_person",
        "person.person",
        {},
        "SELECT 1 FROM person WHERE username = 'fay' AND live",
        {"person_id": "fay"},
    ),
    "a new administrator": Act(
        "people.create_person",
        "people.draft",
        {"is_admin": "on", "username": "zoe", "email": "typed@example.test"},
        "SELECT 1 FROM person WHERE username = 'zoe' AND is_admin",
    ),
    "a one-time link": Act(
        "person.make_link",
        "person.person",
        {},
        "SELECT 1 FROM password_link",
        {"person_id": "cid"},
        answer=200,
    ),
    "erasing": Act(
        "person.erase_person",
        "person.person",
        {"confirmed": "dan"},
        "SELECT 1 FROM person WHERE username = 'dan' AND erased_at IS NOT NULL",
        {"person_id": "dan"},
    ),
    "an OpenID provider": Act(
        "providers.create_provider",
        "providers.form",
        {"name": "p-new", "issuer": "https://1.1.1.1", "client_id": "ours", "client_secret": None},
        "SELECT 1 FROM openid_provider WHERE name = 'p-new'",
    ),
    "another setting of a provider": _of_provider(
        "revise_provider", "p-set", {"client_id": "typed"}, "client_id = 'typed'"
    ),
    "another client secret": _of_provider("change_secret", "p-secret", {"is_public": "on"}, "sealed IS NULL"),
    "switching a provider off": _of_provider("switch_provider", "p-off", {}, "NOT live"),
    "taking a provider away": Act(
        "providers.remove_provider",
        "providers.provider",
        {"confirmed": "p-gone"},
        "SELECT 1 FROM site WHERE NOT EXISTS (SELECT 1 FROM openid_provider WHERE name = 'p-gone')",
        {"provider_id": "p-gone"},
    ),
    "unlinking an own identity": Act(
        "own_identities.unlink_identity",
        "own_identities.identities",
        {},
        "SELECT 1 FROM trusted_issuer WHERE NOT EXISTS (SELECT 1 FROM identity WHERE subject = 'of ada')",
    ),
    "linking somebody's identity": Act(
        "person_identities.link_identity",
        "person_identities.identities",
        {"source": "issuer:door", "subject": "of cid, typed"},
        "SELECT 1 FROM identity WHERE subject = 'of cid, typed'",
        {"person_id": "cid"},
    ),
    "unlinking somebody's identity": Act(
        "person_identities.unlink_identity",
        "person_identities.identities",
        {},
        "SELECT 1 FROM trusted_issuer WHERE NOT EXISTS (SELECT 1 FROM identity WHERE subject = 'of ann')",
        {"person_id": "ann"},
    ),
}


_KEYS = ("first", "ahead", "moving", "doomed", "endless")
_STAGED = {
    "five": None,
    "six": None,
    "seven": int(START) + 9 * 86_400,
    "eight": int(START),
    "nine": None,
    "tried": None,
}


class Stage:
    """A house with a target for each act, and `ada` who acts."""

    def __init__(self, house):
        self.house = house
        make_person(house, "ada", is_admin=True)
        self.ids = {name: make_person(house, name, is_admin=name == "bob") for name in ("ann", "bob", "cid", "dan")}
        self.ids |= {"eve": make_person(house, "eve", is_admin=True)}
        self.ids |= {"fay": make_person(house, "fay", is_admin=True, live=False)}
        self.ids |= {path: make_asset(house, path) for path in ("one", "two", "three", "four", "ten", *_STAGED)}
        self.ids["/tried"] = "tried"
        self.ids |= {key_id: make_key(house, key_id, number=n) for n, key_id in enumerate(_KEYS)}
        make_asset(house, "endless", signing_key="endless", lifetime=None)
        make_next_key(house, "endless", "endless-2")
        self.ids["moving-2"] = make_next_key(house, "moving", "moving-2", signs_from_at=int(START) + 30 * 86_400)
        with house.app.app_context(), writing():
            trash.trash(save.lock_asset(self.ids["three"]), by=house.by())
        for path, at in _STAGED.items():
            self.stage_secret(path, at)
        for number, name in enumerate(("saved", "switched", "removed", "secretive", "turning")):
            self.ids[name] = make_issuer(house, f"https://{name}.test", name=name, secret=f"{number}-" + "s" * 40)
        for number in (10, 11, 12):
            name, keys = f"with-{number}", [("k1", key_pair("ES256", number).public)]
            self.ids[name] = make_issuer(house, f"https://{name}.test", name=name, algorithm="ES256", keys=keys)
        self.ids |= {name: make_provider(house, name=name) for name in ("p-set", "p-secret", "p-off", "p-gone")}
        door = make_issuer(house, "https://door.test", name="door", secret="the-secret-of-the-door-and-of-nobody-else")
        for username in ("ada", "ann"):
            make_identity(house, door, f"of {username}", username)
        self.adapter = house.app.url_map.bind("localhost")

    def stage_secret(self, path, at):
        """Stage a secret of an asset; it signs from a moment on, unless that is None."""
        with self.house.app.app_context(), writing():
            sealer, by = self.house.mint.settings.sealer, self.house.by()
            asset = save.lock_asset(self.ids[path])
            overlap.stage(asset, read_secret(NEXT_SECRET, "text", algorithm="HS256"), sealer=sealer, by=by)
            if at is not None:
                overlap.switch(asset, at, sealer=sealer, by=by)

    def address(self, endpoint, act, method):
        """Return an address of an act. An endpoint that is not there fails here."""
        return self.adapter.build(endpoint, {name: self.ids[key] for name, key in act.named.items()}, method=method)

    def page(self, client, act):
        """Return the page of an act and the fields of the form that leads to it."""
        answer = client.get(self.address(act.page, act, "GET"), query_string=act.asked)
        assert answer.status_code == 200, answer.text
        return answer, self.fields(answer, act)

    def fields(self, answer, act):
        """Return name → values of the form that leads to an act."""
        shown, action = self.address(act.page, act, "GET"), self.address(act.form or act.endpoint, act, "POST")
        return fields_of(answer, shown, action, act.typed)

    def act(self, client, act, own_password=None):
        """Fill the form of an act and send it; the own password where one is given."""
        _, fields = self.page(client, act)
        given = act.typed if own_password is None else {**act.typed, "own_password": own_password}
        fields |= {name: [] if value is None else [value] for name, value in given.items()}
        return client.post(self.address(act.endpoint, act, "POST"), data=sent(fields))

    def is_done(self, act):
        return bool(self.house.rows(act.is_done))


def fields_of(answer, shown, action, typed):
    """Return name → values of the form of a page that is sent to `action`; of several, that with the typed fields."""
    parser = _Forms()
    parser.feed(answer.text)
    forms = [
        fields
        for found, fields in parser.forms
        if (found.get("action") or shown) == action and found["method"] == "post"
    ]
    [fields] = forms if len(forms) == 1 else [fields for fields in forms if typed.keys() <= fields.keys()]
    return fields


def id_of(client):
    with client.session_transaction() as cookie:
        return cookie["_user_id"]


@pytest.fixture
def stage(make_house):
    return Stage(make_house(LIMIT_SIGN_IN="100 per minute"))


def test_within_fifteen_minutes_of_the_sign_in_nothing_is_asked(stage):
    client = stage.house.signed_in("ada")
    stage.house.clock.advance(LATE - 1)
    session_id = id_of(client)

    for name, act in ACTS.items():
        _, fields = stage.page(client, act)
        assert "own_password" not in fields, name
        answer = stage.act(client, act)
        assert (answer.status_code, stage.is_done(act)) == (act.answer, True), (name, answer.text)

    assert id_of(client) == session_id
    assert stage.house.rows("SELECT * FROM attempt") == []


def test_after_them_nothing_is_done_without_the_password_and_nothing_that_was_typed_is_lost(stage):
    client = stage.house.signed_in("ada")
    stage.house.clock.advance(LATE)

    for name, act in ACTS.items():
        shown, fields = stage.page(client, act)
        assert fields["own_password"] == [""], name
        answer = stage.act(client, act)
        assert (answer.status_code, stage.is_done(act)) == (422, False), name
        assert "is needed" in answer.text, name
        again = stage.fields(answer, act)
        assert again["own_password"] == [""], name
        assert {each: again.get(each) for each, typed in act.typed.items() if typed} == {
            each: [typed] for each, typed in act.typed.items() if typed
        }, name

    assert stage.house.rows("SELECT * FROM attempt") == []


def test_the_right_password_does_it_and_begins_a_new_session(stage):
    other_tab = {}
    for name, act in ACTS.items():
        client = stage.house.signed_in("ada")
        stage.house.clock.advance(LATE)
        before, stolen, other_tab = id_of(client), client.get_cookie("mintmark").value, csrf_of(client.get("/account"))

        answer = stage.act(client, act, PASSWORD)

        assert (answer.status_code, stage.is_done(act)) == (act.answer, True), (name, answer.text)
        assert PASSWORD not in answer.text
        assert id_of(client) != before, name
        thief = stage.house.client()
        thief.set_cookie("mintmark", stolen)
        assert thief.get("/account").status_code == 303, name
        data = {"csrf_token": other_tab, "display_name": name}
        assert client.post("/account", data=data).status_code == 303, name
    # Who acted is the person, not nobody, although the session was exchanged on the way.
    actors = {
        row["actor"]
        for row in stage.house.log()
        if row["event"] in ("person.link_made", "person.erased", "asset.purged")
    }
    [ada] = stage.house.rows("SELECT id FROM person WHERE username = 'ada'")
    assert actors == {ada["id"]}


def test_a_wrong_password_is_refused_counted_and_logged(make_house):
    stage = Stage(make_house(LIMIT_SIGN_IN="3 per minute"))
    act, client = ACTS["erasing"], stage.house.signed_in("ada")
    stage.house.clock.advance(LATE)
    session_id = id_of(client)
    for given in ("wrong", PASSWORD + " ", "x" * 2000):
        answer = stage.act(client, act, given)
        assert answer.status_code == 422 and "is not right" in answer.text and given not in answer.text

    answer = stage.act(client, act, PASSWORD)

    assert answer.status_code == 422 and "Too many attempts" in answer.text
    assert not stage.is_done(act) and id_of(client) == session_id
    assert [row["code"] for row in stage.house.log("person.sign_in_refused")] == ["wrong_password"] * 3
    assert stage.house.post_form(stage.house.client(), "/login", username="ada", password=PASSWORD).status_code == 429
    stage.house.clock.advance(121)
    assert stage.act(client, act, PASSWORD).status_code == 303 and stage.is_done(act)


def test_one_right_password_is_good_for_the_next_fifteen_minutes(stage):
    client = stage.house.signed_in("ada")
    stage.house.clock.advance(LATE)
    stage.act(client, ACTS["erasing"], PASSWORD)

    stage.house.clock.advance(LATE - 1)
    assert stage.act(client, ACTS["a one-time link"]).status_code == 200
    stage.house.clock.advance(1)
    assert stage.act(client, ACTS["a secret"]).status_code == 422


def test_the_password_of_somebody_else_is_none(stage):
    with stage.house.app.app_context(), writing():
        set_password(find_person("bob"), "the password of bob", by=stage.house.by())
    client = stage.house.signed_in("ada")
    stage.house.clock.advance(LATE)

    answer = stage.act(client, ACTS["erasing"], "the password of bob")

    assert answer.status_code == 422 and not stage.is_done(ACTS["erasing"])


def test_who_has_no_password_is_told_to_sign_in_afresh(stage):
    make_person(stage.house, "nora", is_admin=True, password=None)
    client = stage.house.signed_in("nora")
    stage.house.clock.advance(LATE)

    answer = stage.act(client, ACTS["erasing"], "anything at all")

    assert answer.status_code == 422 and "sign in again" in answer.text
    assert stage.house.rows("SELECT * FROM attempt") == []


def test_every_page_that_asks_is_in_the_table(sqlite_house):
    asking = {
        path.stem
        for path in (ROOT / "mintmark/web").rglob("*.py")
        if re.search(r"(?<!def )\bconfirm\(", path.read_text())
    }
    views = sqlite_house.app.view_functions
    tried = {views[act.endpoint].__module__.rpartition(".")[2] for act in ACTS.values()}

    # The form of a new asset asks where the fields of its key are read; that of a person is the one of a new one too.
    assert asking == {{"asset_form": "new_entered", "people": "person_form"}.get(name, name) for name in tried}
