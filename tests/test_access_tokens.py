"""Access tokens at the token endpoint: the same answers as for a session, never mixed with one, kept as a hash only."""

import base64
import hashlib
import json
import re
import secrets

import pytest

from mintmark import access_tokens, people
from mintmark.assets import moves, save, trash
from mintmark.models import AccessToken, AccessTokenAsset, db, writing
from mintmark.models import wire as wires
from mintmark.people import find_person
from tests.conftest import START
from tests.making import change_asset, make_asset, make_group, make_person
from tests.test_token_endpoint import LISTED, assert_empty, claims_of

DESK, CHAT = "integrations/helpdesk", "integrations/chat"
DAY = 86_400


def make(house, username, *paths, days=30, name="laptop"):
    """Make an access token of a person for assets, and return its text."""
    with house.app.app_context(), writing():
        ids = [save.find_asset(path).id for path in paths]
        return access_tokens.make(find_person(username), name, ids, days, by=house.by())


def bearer(text, **headers):
    return {"Authorization": f"Bearer {text}", **headers}


def fetch(house, text, path=DESK, client=None, **headers):
    return (client or house.client()).get("/" + path, headers=bearer(text, **headers))


def refused_as(answer, reason):
    assert_empty(answer, 403)
    return answer.headers["Mintmark-Reason"] == reason


def rows_of(house):
    return house.rows("SELECT * FROM access_token ORDER BY created_at, name")


@pytest.fixture
def made(house):
    """A house with ada, ben, mallory and two assets for everyone."""
    make_person(house, "ada", is_admin=True)
    make_person(house, "ben")
    make_person(house, "mallory", live=False)
    for path in (DESK, CHAT):
        make_asset(house, path)
    return house


def test_a_program_fetches_a_token_and_the_log_says_by_which_access_token(made):
    text = make(made, "ben", DESK)
    assert re.fullmatch(r"mm_[A-Za-z0-9_-]{43}", text)

    answer = fetch(made, text)

    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/jwt")
    assert claims_of(answer.text)["sub"] == "ben"
    assert "Set-Cookie" not in answer.headers
    assert answer.headers["Vary"] == "Cookie, Authorization, Origin"
    [token], [row] = rows_of(made), made.log("token.issued")
    [ben] = made.rows("SELECT id FROM person WHERE username = 'ben'")
    assert (row["actor"], row["person"]) == (ben["id"], ben["id"])
    assert json.loads(row["detail"]) == {"path": DESK, "access_token": token["id"]}
    [noted] = made.log("access_token.made")
    assert json.loads(noted["detail"]) == {
        "access_token": token["id"],
        "name": "laptop",
        "assets": [DESK],
        "expires_at": int(START) + 30 * DAY,
    }
    assert (noted["person"], noted["outcome"]) == (ben["id"], "done")
    # Of a session nothing is said, as ever.
    made.signed_in("ben").get("/" + DESK)
    assert json.loads(made.log("token.issued")[-1]["detail"]) == {"path": DESK}


def test_of_a_token_its_hash_alone_is_kept(made, tmp_path):
    text = make(made, "ben", DESK)
    assert fetch(made, text).status_code == 200

    assert [row["hash"] for row in rows_of(made)] == [hashlib.sha256(text.encode()).hexdigest()]
    kept = [str(row) for table in db.metadata.sorted_tables for row in made.rows(f'SELECT * FROM "{table.name}"')]
    files = [path.read_bytes() for path in (tmp_path / "instance").rglob("*") if path.is_file()]
    raw = base64.urlsafe_b64decode(text[3:] + "=")
    for piece in (text, text[3:], text[3:20], raw.hex()):
        assert not any(piece in row for row in kept)
        assert not any(piece.encode() in file for file in files)
    assert len(kept) > 10


# The requests of design's table, by either door.


def _requests():
    """Yield path, method, headers, options of the request, status and Mintmark-Reason."""
    preflight = {"Origin": LISTED, "Access-Control-Request-Method": "GET"}
    cross = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    yield DESK, "GET", {}, {}, 200, None
    yield DESK, "GET", {"Origin": LISTED}, {}, 200, None
    yield DESK, "GET", {"Origin": "http://localhost"}, {}, 200, None
    yield DESK, "GET", cross, {}, 200, None
    yield "json", "POST", {}, {"json": {}}, 200, None
    yield "json", "POST", {}, {"data": "[]", "content_type": "application/json"}, 400, None
    yield DESK, "OPTIONS", preflight, {}, 204, None
    yield "room", "GET", {}, {"query_string": "room=b"}, 400, None
    for headers in ({"Origin": "https://evil.test"}, {"Origin": "null"}, {"Sec-Purpose": "prefetch"}):
        yield DESK, "GET", headers, {}, 403, "origin"
    yield DESK, "GET", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}, {}, 403, "origin"
    yield "staff", "GET", {}, {}, 403, "not-a-reader"
    yield "staff", "GET", {"Origin": "https://evil.test"}, {}, 403, "origin"
    for path in ("nothing", "off", "trashed", "Integrations/helpdesk", DESK + "/"):
        yield path, "GET", {}, {}, 404, None
    for method in ("HEAD", "POST", "PUT", "DELETE", "TRACE", "get"):
        yield DESK, method, {}, {}, 405, None
    yield "broken", "GET", {}, {}, 500, None


def test_both_doors_give_the_same_answers(made, subtests):
    change_asset(made, DESK, origins=[LISTED])
    make_asset(made, "json", answer={"form": "json", "field": "t", "beside": {}, "methods": ["GET", "POST"]})
    make_asset(made, "room", '{"r": "{{ params.room }}"}', params=[{"name": "room", "one_of": ["a"]}])
    make_asset(made, "broken", '{"first": "{{ user.first_name }}"}')
    for path in ("staff", "off", "trashed"):
        make_asset(made, path, readers=[])
    text = make(made, "ben", DESK, "json", "room", "broken", "staff", "off", "trashed")
    change_asset(made, "off", live=False)
    with made.app.app_context(), writing():
        trash.trash(save.find_asset("trashed"), by=made.by())
    session, program = made.signed_in("ben"), made.client()

    for number, (path, method, headers, options, status, reason) in enumerate(_requests()):
        with subtests.test(number, path=path, method=method, headers=headers):
            answers = [session.open("/" + path, method=method, headers=headers, **options),
                       program.open("/" + path, method=method, headers=bearer(text, **headers), **options)]  # fmt: skip
            for answer in answers:
                assert (answer.status_code, answer.headers.get("Mintmark-Reason")) == (status, reason)
            names = [set(answer.headers.keys()) - {"Content-Length"} for answer in answers]
            assert names[0] == names[1]
            for name in names[0] - {"Mintmark-Request"}:
                assert answers[0].headers[name] == answers[1].headers[name], name
            if status not in (200, 404, 405):
                assert_empty(answers[1], status)


def test_a_preflight_lets_no_page_of_another_origin_send_an_access_token(made):
    change_asset(made, DESK, origins=[LISTED])
    asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}

    answer = made.client().options("/" + DESK, headers={"Origin": LISTED, **asked})

    assert (answer.status_code, answer.headers["Access-Control-Allow-Headers"]) == (204, "Content-Type")


def test_a_token_and_a_session_are_never_mixed(made):
    text, other = make(made, "ben", DESK), make(made, "ada", DESK)
    ada = made.signed_in("ada")

    assert claims_of(fetch(made, text, client=ada).text)["sub"] == "ben"
    assert claims_of(ada.get("/" + DESK).text)["sub"] == "ada"
    # What the session may and the token may not is refused, and the other way round.
    make_asset(made, "staff", readers=[])
    assert ada.get("/staff").status_code == 200
    assert refused_as(fetch(made, text, "staff", client=ada), "not-a-reader")
    assert refused_as(fetch(made, other, "staff", client=ada), "not-a-reader")
    assert refused_as(fetch(made, text[:-1] + ("A" if text[-1] != "A" else "B"), client=ada), "sign-in")
    assert claims_of(ada.get("/" + DESK).text)["sub"] == "ada"


def _wrong_headers(text):
    """Yield values of Authorization that are no good access token, made of a good one."""
    yield from ("", " ", "Bearer", "Bearer ", "Basic " + text, f"Basic {base64.b64encode(text.encode()).decode()}")
    yield from (text, f"Token {text}", f"Bearer:{text}", f"Bearer\t{text}", f'Bearer "{text}"', f"Bearer token={text}")
    yield from (
        f"Bearer {text},Bearer {text}",
        f"Bearer {text}, Bearer x",
        f"Bearer x,Bearer {text}",
        f"Bearer {text};",
    )
    yield from (f"Bearer {text} ", f"Bearer {text}=", f"Bearer {text}\x00", f"Bearer {text}x", f"Bearer {text[:-1]}")
    yield from (
        f"Bearer {text.upper()}",
        f"Bearer {text.replace('mm_', 'MM_')}",
        f"Bearer {text[3:]}",
        f"Bearer x{text}",
    )
    yield from (f"Bearer {text} {text}", f"Bearer {text[:20]} {text[20:]}", f"Bearer mm_{secrets.token_urlsafe(32)}")
    yield from (
        "Bearer mm_" + "é" * 43,
        "Bearer mm_" + "\xff" * 43,
        "Bearer mm_" + "A" * 43,
        "Bearer mm_" + "A" * 60_000,
    )
    yield from (f"Bearer {hashlib.sha256(text.encode()).hexdigest()}", "Bearer ' OR 1=1 --", "Bearer %s %(now)s :now")
    yield from (
        f"B\u0435arer {text}".encode().decode("latin-1"),
        f"Bearer eyJhbGciOiJub25lIn0.{text[3:]}.",
        "Bearer mm_",
    )


def test_any_authorization_that_is_no_good_access_token_is_nobody(made, subtests):
    text = make(made, "ben", DESK)
    ben = made.signed_in("ben")

    for number, value in enumerate(_wrong_headers(text)):
        with subtests.test(number, value=value[:80]):
            environ = {"HTTP_AUTHORIZATION": value}
            assert refused_as(ben.get("/" + DESK, environ_overrides=environ), "sign-in")
            assert_empty(ben.get("/nothing", environ_overrides=environ), 404)
    assert made.log("token.issued") == []
    for good in (f"bearer {text}", f"BEARER {text}", f"Bearer   {text}"):
        assert made.client().get("/" + DESK, headers={"Authorization": good}).status_code == 200
    # Whatever bytes come: never a 500.
    for _ in range(100):
        value = secrets.token_bytes(40).decode("latin-1")
        answer = ben.get("/" + DESK, environ_overrides={"HTTP_AUTHORIZATION": f"Bearer mm_{value}"})
        assert answer.status_code == 403


def test_a_token_is_good_for_its_assets_alone_and_the_log_says_what_was_tried(made):
    text = make(made, "ben", DESK)

    for _ in range(3):
        assert refused_as(fetch(made, text, CHAT), "not-a-reader")

    [row], [token] = made.log("token.refused"), rows_of(made)
    assert row["code"] == "not_a_reader"
    assert json.loads(row["detail"]) == {
        "path": CHAT,
        "access_token": token["id"],
        "reason": "The access token is not for this asset.",
    }
    # An asset that is moved stays the same asset.
    with made.app.app_context(), writing():
        asset = save.lock_asset(save.find_asset(DESK).id)
        moves.move(asset, "moved", days=1, sealer=made.mint.settings.sealer, by=made.by())
    assert fetch(made, text, "moved").status_code == fetch(made, text).status_code == 200
    assert json.loads(made.log("token.issued")[-1]["detail"]) == {
        "path": "moved",
        "former_path": DESK,
        "access_token": token["id"],
    }


def test_a_token_gives_no_more_than_its_person_may_fetch_at_that_moment(made):
    desk = make_group(made, "desk")
    change_asset(made, DESK, readers=[desk])
    text = make(made, "ben", DESK)

    def revise(**values):
        with made.app.app_context(), writing():
            people.revise(find_person("ben"), values, by=made.by())

    assert refused_as(fetch(made, text), "not-a-reader")
    assert "reason" not in json.loads(made.log("token.refused")[-1]["detail"])
    revise(groups=[desk])
    assert fetch(made, text).status_code == 200
    revise(live=False)
    assert refused_as(fetch(made, text), "sign-in")
    revise(live=True)
    assert fetch(made, text).status_code == 200
    revise(groups=[])
    assert refused_as(fetch(made, text), "not-a-reader")


def test_a_token_works_from_its_making_to_its_expiry_and_not_once_it_is_ended(made):
    short, ended = make(made, "ben", DESK, days=1), make(made, "ben", DESK, name="other")
    made.clock.advance(DAY - 1)
    assert [fetch(made, text).status_code for text in (short, ended)] == [200, 200]
    made.clock.advance(1)
    assert refused_as(fetch(made, short), "sign-in")

    with made.app.app_context(), writing():
        ben, [token] = find_person("ben"), [row for row in rows_of(made) if row["name"] == "other"]
        assert not access_tokens.end(token["id"], find_person("ada").id, by=made.by())
        assert not access_tokens.end("nothing\x00", ben.id, by=made.by())
        assert access_tokens.end(token["id"], ben.id, by=made.by("ada"))
        assert not access_tokens.end(token["id"], ben.id, by=made.by())
    assert refused_as(fetch(made, ended), "sign-in")
    [row] = made.log("access_token.ended")
    assert (row["actor"], json.loads(row["detail"])) == ("ada", {"access_token": token["id"], "name": "other"})
    # One that was made by a clock far ahead is none before that moment, and no immortal one.
    made.clock.now = START + 10_000 * DAY
    text = make(made, "ben", DESK, name="ahead")
    made.clock.now = START
    assert refused_as(fetch(made, text), "sign-in")


def test_all_are_ended_at_once_and_those_of_others_stay(made):
    texts = [make(made, "ben", DESK, name=f"number {number}") for number in range(3)]
    other = make(made, "ada", DESK)
    with made.app.app_context(), writing():
        assert access_tokens.end_all(find_person("ben").id, by=made.by("ada")) == 3
        assert access_tokens.end_all(find_person("ben").id, by=made.by("ada")) == 0

    assert {fetch(made, text).status_code for text in texts} == {403}
    assert fetch(made, other).status_code == 200
    assert len(made.log("access_token.ended")) == 3


def test_what_is_forgotten_is_gone_and_the_rest_stays(made):
    text, other = make(made, "ben", DESK, CHAT), make(made, "ada", DESK, CHAT)
    with made.app.app_context(), writing():
        access_tokens.forget_asset(save.find_asset(CHAT).id)
    assert refused_as(fetch(made, text, CHAT), "not-a-reader")
    assert fetch(made, text).status_code == fetch(made, other).status_code == 200

    with made.app.app_context(), writing():
        access_tokens.forget_person(find_person("ben").id)

    assert refused_as(fetch(made, text), "sign-in")
    assert fetch(made, other).status_code == 200
    assert len(made.rows("SELECT 1 FROM access_token_asset")) == 1


def test_the_last_use_is_written_once_a_minute_with_the_row_of_the_token(made):
    text = make(made, "ben", DESK)

    def last_used():
        return rows_of(made)[0]["last_used_at"]

    assert last_used() is None
    fetch(made, text)
    assert last_used() == START
    made.clock.advance(59)
    fetch(made, text)
    assert last_used() == START
    made.clock.advance(1)
    fetch(made, text, CHAT)  # A refused use is one too.
    assert last_used() == START + 60
    # Sessions and access tokens of one commit, in any order.
    made.signed_in("ben")
    session_id = made.rows("SELECT id FROM session")[0]["id"]
    row = {name: None for name in wires._ROW_COLUMNS} | {"at": 1, "event": "token.issued", "outcome": "done"}
    now = int(START) + 999
    used = [{"access_token": rows_of(made)[0]["id"], "now": now}, {"session": session_id, "now": now}]
    made.mint.wire.write([row], [used[0], used[1], used[0], used[1]])
    assert last_used() == now == made.rows("SELECT last_used_at FROM session")[0]["last_used_at"]
    # An earlier moment, of a node whose clock is behind, takes nothing back.
    made.mint.wire.write([row], [{"access_token": rows_of(made)[0]["id"], "now": now - 5}])
    assert last_used() == now


def test_the_limit_is_that_of_the_person_whichever_door(make_house):
    house = make_house(LIMIT_TOKENS="2 per minute")
    make_person(house, "ben")
    make_asset(house, DESK)
    text, other = make(house, "ben", DESK), make(house, "ben", DESK, name="other")

    assert [fetch(house, text).status_code, house.signed_in("ben").get("/" + DESK).status_code] == [200, 200]
    answer = fetch(house, other)

    assert_empty(answer, 429)
    assert int(answer.headers["Retry-After"]) >= 1
    assert json.loads(house.log("token.refused")[0]["detail"])["access_token"]


def test_a_failure_by_an_access_token_has_its_diagnosis_and_its_id(made):
    make_asset(made, "broken", '{"first": "{{ user.first_name }}"}')
    text = make(made, "ben", "broken")

    assert_empty(fetch(made, text, "broken"), 500)

    [row], [token] = made.log("token.failed"), rows_of(made)
    detail = json.loads(row["detail"])
    assert (detail["path"], detail["access_token"], detail["name"]) == ("broken", token["id"], "user.first_name")


def test_no_page_takes_an_access_token(made):
    make_asset(made, "launched", launch={"by": "query", "url": "https://party.example.test/", "name": "jwt"})
    text = make(made, "ada", DESK, "launched")
    pages = [
        "/",
        "/account",
        "/account/access-tokens",
        "/account/preview/" + DESK,
        "/launch/launched",
        "/admin",
        "/help",
    ]

    for page in pages:
        answer = made.client().get(page, headers=bearer(text))
        assert (answer.status_code, answer.headers["Location"].partition("?")[0]) == (303, "/login"), page
        # And who is signed in stays who they are there.
        ben = made.signed_in("ben")
        assert (ben.get(page, headers=bearer(text)).status_code == 403) is (page == "/admin"), page
    assert made.client().post("/account/access-tokens", headers=bearer(text)).status_code == 403
    launched = made.signed_in("ben").get("/launch/launched", headers=bearer(text))
    assert claims_of(launched.headers["Location"].rpartition("=")[2].rstrip("#"))["sub"] == "ben"


def test_a_token_is_found_by_an_index_and_a_session_pays_nothing_for_it(made):
    wire = made.mint.wire
    assert "access_token" not in wire._look_ups["session"] and "session" not in wire._look_ups["access_token"].replace(
        "session_", ""
    )
    if not made.mint.settings.is_sqlite:
        return
    values = {"path": DESK, "now": int(START), "access_token": "0" * 64, "signed_in_by": int(START)}
    connection = wire._borrow()
    plan = [row[3] for row in connection.execute("EXPLAIN QUERY PLAN " + wire._look_ups["access_token"], values)]
    wire._drop(connection)
    assert [line for line in plan if re.search(r"SEARCH t USING INDEX \S+ \(hash=\?\)", line)], plan
    assert [line for line in plan if re.search(r"SEARCH l USING .*\(access_token_id=\? AND asset_id=\?\)", line)], plan


def test_the_endpoint_asks_for_the_door_and_nothing_else(made, monkeypatch):
    text, asked = make(made, "ben", DESK), []
    look_up = made.mint.look_up
    monkeypatch.setattr(made.mint, "look_up", lambda path, **by: asked.append(by) or look_up(path, **by))
    session = made.signed_in("ben")

    session.get("/" + DESK, headers=bearer(text))
    session.get("/" + DESK, headers=bearer("wrong"))
    session.get("/" + DESK)
    made.client().get("/" + DESK)

    doors = [by.keys() - {"now"} for by in asked]
    assert doors == [{"access_token"}, set(), {"session"}, set()]
    assert asked[0]["access_token"] == hashlib.sha256(text.encode()).hexdigest()


def test_a_token_says_nothing_of_itself_where_it_is_printed(made):
    make(made, "ben", DESK)
    with made.app.app_context():
        [row] = db.session.query(AccessToken).all()
        assert row.hash not in repr(row)
        assert db.session.query(AccessTokenAsset).count() == 1
