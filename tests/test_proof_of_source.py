"""Who came in by an issuer or provider: what counts as proof of who they are, and what their session hands on (OWASP ASVS 5.0 7.5.3, 7.6.1)."""

import threading

import pytest
from flask import g

from mintmark import identities, people, sessions
from mintmark.models import db, writing
from mintmark.openid import saving
from mintmark.people import find_person
from mintmark.sessions import Entrance
from mintmark.web import freshness, proof
from tests import test_openid
from tests.conftest import PASSWORD, csrf_of
from tests.making import make_asset, make_person, make_provider
from tests.test_openid import is_signed_in, query_of, sign_out

TOKENS = "/account/access-tokens"
make_campus = test_openid.make_campus  # The fixture.
SILENT = 50 * 60  # Idle for less than an hour: the session is live.


def make_token(house, client, **fields):
    """Try what asks for the password where the last proof is too old."""
    fields = {"name": "cron", "days": "7", "assets": "desk", **fields}
    return house.post_form(client, TOKENS, **fields)


def kept(house):
    return house.rows("SELECT id, sealed FROM provider_session ORDER BY id")


def now_at(campus, **claims):
    """Let ID tokens be of this moment; the clock was moved."""
    now = int(campus.house.clock())
    campus.provider.knobs.claims = {"iat": now, "exp": now + 60, **claims}


def session_of(house, client):
    with client.session_transaction() as cookie:
        [row] = house.rows("SELECT * FROM session WHERE id = :id", id=cookie["_user_id"])
    return row


@pytest.fixture
def desk(make_campus):
    """A provider that signs people in, and an asset to make access tokens for."""
    campus = make_campus()
    make_asset(campus.house, "desk")
    return campus


def test_who_has_a_password_types_it_however_they_came_in(desk):
    # Given somebody with a password who came in by a provider, which asks nothing of who is signed in there,
    house, client = desk.house, desk.house.client()
    desk.sign_in(client)
    assert 'name="own_password"' in client.get(TOKENS).text
    assert make_token(house, client).status_code == 422
    house.clock.advance(SILENT)
    now_at(desk)
    # when they go there and back in silence,
    assert desk.sign_in(client).status_code == 303
    # then that proves nothing; the password does, for fifteen minutes of this session.
    refused = make_token(house, client)
    assert refused.status_code == 422 and "came in without it" in refused.text
    assert make_token(house, client, own_password="wrong").status_code == 422
    assert make_token(house, client, own_password=PASSWORD).status_code == 200
    house.clock.advance(15 * 60)
    assert 'name="own_password"' not in client.get(TOKENS).text
    assert make_token(house, client).status_code == 200
    house.clock.advance(1)
    assert make_token(house, client).status_code == 422
    # What was proved is not handed on to a session that a provider begins.
    assert make_token(house, client, own_password=PASSWORD).status_code == 200
    now_at(desk)
    desk.sign_in(client)
    assert make_token(house, client).status_code == 422


def test_who_has_no_password_proves_it_by_signing_in_there(desk):
    house, client = desk.house, desk.house.client()
    make_person(house, "nora", password=None)
    desk.link("u-2", "nora")
    desk.sign_in(client, "u-2")
    assert make_token(house, client).status_code == 200
    house.clock.advance(15 * 60 + 1)
    answer = make_token(house, client)
    assert answer.status_code == 422 and "sign in again" in answer.text
    now = int(house.clock())
    for said, status in ((None, 200), (now - 901, 422), (now, 200), ("x", 422)):
        now_at(desk, auth_time=said)
        assert desk.sign_in(client, "u-2").status_code == 303, said
        assert make_token(house, client).status_code == status, said


def test_when_they_signed_in_there_is_what_counts_where_the_provider_says_it(sqlite_house):
    house = sqlite_house
    source = make_provider(house)
    for name, password in (("nora", None), ("ben", PASSWORD)):
        make_person(house, name, password=password)
    now = int(house.clock())
    # OpenID Connect Core §2, auth_time. What is no moment is no proof, and a clock that is ahead gives no more time.
    cases = [(None, True), (now, True), (now - 899.5, True), (now - 901, False), (now + 86_400, True), ("x", False),
             (True, False), (-(10**18), False), (10**18, True)]  # fmt: skip
    for said, is_proof in cases:
        for name in ("nora", "ben"):
            with house.app.test_request_context():
                g.request_id = "test"
                with writing():
                    person = find_person(name)
                    begun = proof.begin_session(person, house.clock(), Entrance(source, "https://login.test"))
                proof.enter(person, begun, authenticated_at=said)
                assert freshness.is_fresh() == (is_proof and name == "nora"), (name, said)
                house.clock.advance(901)
                assert not freshness.is_fresh(), (name, said)
                house.clock.advance(-901)


def test_who_types_their_password_is_still_signed_out_there_too(desk):
    house, client = desk.house, desk.house.client()
    desk.sign_in(client)
    [before] = kept(house)
    house.clock.advance(1000)

    assert make_token(house, client, own_password=PASSWORD).status_code == 200

    [after] = kept(house)
    assert after["id"] != before["id"] and bytes(after["sealed"]) != bytes(before["sealed"])
    answer = sign_out(client)
    assert answer.status_code == 200 and query_of(answer.headers["Refresh"].partition("url=")[2])["id_token_hint"]
    assert kept(house) == []


def test_who_changes_their_password_is_too(desk):
    house, client = desk.house, desk.house.client()
    desk.sign_in(client)
    new = {"present_password": PASSWORD, "password": "another long password"}

    assert house.post_form(client, "/account/password", **new).status_code == 303

    assert session_of(house, client)["source_id"] == desk.id and len(kept(house)) == 1
    assert "id_token_hint" in sign_out(client).headers["Refresh"]


def test_the_session_that_a_password_begins_in_its_place_lasts_no_longer_and_ends_with_the_provider(make_campus):
    campus = make_campus(session_lifetime=3000)
    house, client, silent = campus.house, campus.house.client(), campus.house.client()
    make_asset(house, "desk")
    campus.sign_in(client)
    campus.sign_in(silent)
    before = session_of(house, client)
    house.clock.advance(1000)

    make_token(house, client, own_password=PASSWORD)

    after = session_of(house, client)
    handed_on = ("source_id", "signed_in_at", "expires_at", "person_id")
    assert after["id"] != before["id"] and [after[name] for name in handed_on] == [before[name] for name in handed_on]
    house.clock.advance(1999)
    assert is_signed_in(client)
    campus.revise(live=False)
    assert not is_signed_in(client) and kept(house) == []
    # Whoever signs in by a password alone is not of that provider.
    house.clock.advance(1)
    plain = house.sign_in("ben", client=silent)
    assert session_of(house, plain)["source_id"] is None and is_signed_in(plain)


def test_what_was_kept_for_a_provider_that_does_not_open_any_more_is_gone(desk):
    house, client = desk.house, desk.house.client()
    desk.sign_in(client)
    with house.app.app_context(), writing() as session:
        session.execute(db.text("UPDATE provider_session SET sealed = :x").bindparams(x=b"\x01\x01k" + bytes(40)))

    assert make_token(house, client, own_password=PASSWORD).status_code == 200

    assert kept(house) == [] and session_of(house, client)["source_id"] == desk.id


def test_somebody_else_in_the_same_browser_gets_nothing_of_it(desk):
    house, client = desk.house, desk.house.client()
    make_person(house, "cleo")
    desk.sign_in(client)
    token = csrf_of(client.get("/account"))

    answer = client.post("/login", data={"csrf_token": token, "username": "cleo", "password": PASSWORD})

    assert answer.status_code == 303 and kept(house) == []
    row = session_of(house, client)
    assert (row["source_id"], row["signed_in_at"]) == (None, int(house.clock()))
    assert make_token(house, client).status_code == 200


def test_a_provider_that_is_switched_off_while_the_password_is_verified_is_not_handed_on(desk, monkeypatch):
    house, client = desk.house, desk.house.client()
    desk.sign_in(client)
    verify, done = proof.passwords.matches, []

    def slowly(*given):
        matches = verify(*given)
        thread = threading.Thread(target=lambda: (desk.revise(live=False), done.append(True)))
        thread.start()
        thread.join()
        return matches

    monkeypatch.setattr(proof.passwords, "matches", slowly)
    answer = make_token(house, client, own_password=PASSWORD)

    # The password was right, so it is a sign-in by itself.
    assert done and answer.status_code == 200
    assert session_of(house, client)["source_id"] is None and kept(house) == []


def test_what_was_kept_goes_with_its_session(desk):
    house = desk.house
    ends = {
        "all": lambda ben, ids, by: sessions.end_all(ben.id, by=by),
        "others": lambda ben, ids, by: sessions.end_others(ben.id, ids[0], by=by),
        "one": lambda ben, ids, by: sessions.end_by_handle(ben.id, sessions.handle_of(ids[1]), by=by),
        "switched off": lambda ben, ids, by: people.switch_off([ben.id], by=by),
        "a password": lambda ben, ids, by: people.set_password(ben, "another long password", by=by),
        "unlinked": lambda ben, ids, by: identities.unlink(identities.of_person(ben.id)[0].id, ben.id, by=by),
        "provider off": lambda ben, ids, by: saving.switch(saving.get_provider(desk.id), False, by=by),
        "provider gone": lambda ben, ids, by: saving.remove(saving.get_provider(desk.id), by=by),
    }
    for name, end in ends.items():
        clients = [house.client(), house.client()]
        for each in clients:
            assert desk.sign_in(each).status_code == 303, name
        ids = [session_of(house, each)["id"] for each in clients]
        before = {row["id"] for row in kept(house)}

        with house.app.app_context(), writing():
            end(find_person("ben"), ids, house.by())

        left = {ids[0]} if name in ("others", "one") else set()
        assert before >= set(ids) and {row["id"] for row in kept(house)} & set(ids) == left, name
        with house.app.app_context(), writing() as session:
            session.execute(db.text("UPDATE person SET live = :live").bindparams(live=True))
        if name == "unlinked":
            desk.link("u-1", "ben")
        if name == "provider off":
            desk.revise(live=True)
        assert kept(house) == [] or name in ("others", "one"), name


def test_what_was_kept_for_sessions_that_are_over_goes_at_the_next_sign_in_there(make_campus):
    campus = make_campus(session_lifetime=60)
    house = campus.house
    campus.sign_in(house.client())
    campus.revise(session_lifetime=None)
    house.clock.advance(61)
    now_at(campus)
    second = house.client()
    campus.sign_in(second)
    assert [row["id"] for row in kept(house)] == [session_of(house, second)["id"]]

    house.clock.advance(house.mint.settings.session_idle + 1)
    now_at(campus)
    third = house.client()
    campus.sign_in(third)
    assert [row["id"] for row in kept(house)] == [session_of(house, third)["id"]]
