"""Figures for a monitor: who may read them, what they say of signing keys, and which keys run out."""

import pytest

from mintmark import figures as of_this_node
from mintmark.assets import save, trash
from mintmark.keys import changing, rings
from mintmark.keys.life import WAIT_SECONDS
from mintmark.keys.running_out import DUE, ENDS, NONE, SOON_SECONDS, ends, running_out
from mintmark.models import SigningKey, db, writing
from tests.conftest import House
from tests.making import make_asset, make_key, make_next_key, make_person
from tests.test_jwks import no_database, revoke

TOKEN = "a-token-of-the-monitor-0123456789"
RIGHT = {"Authorization": f"Bearer {TOKEN}"}
DAY = 86_400


@pytest.fixture
def watched(sqlite_house):
    """A site with the setting."""
    house = House({**sqlite_house.overrides, "METRICS_TOKEN": TOKEN})
    yield house
    house.close()


def figures(house):
    """Return every sample of a scrape: name with labels → value."""
    answer = house.client().get("/-/metrics", headers=RIGHT)
    assert answer.status_code == 200, answer.text
    lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def tokens(**outcomes):
    amounts = {"done": 0, "refused": 0, "failed": 0, **outcomes}
    return {f'mintmark_tokens_total{{outcome="{name}"}}': float(amount) for name, amount in amounts.items()}


def use(house, key_id, algorithm="ES256"):
    return make_asset(house, f"of-{key_id}".lower(), signing_key=key_id, algorithm=algorithm)


def all_of(house):
    with house.app.app_context():
        return [(each.kind, each.key_id, each.at - int(house.clock())) for each in running_out(now=house.clock())]


def test_without_the_setting_there_is_no_such_page(sqlite_house):
    client = sqlite_house.client()

    for headers in ({}, RIGHT, {"Authorization": "Bearer "}, {"Authorization": "Bearer None"}):
        answer = client.get("/-/metrics", headers=headers)
        assert (answer.status_code, answer.data) == (404, b"")


WRONG = (None, "", "Bearer", "Bearer ", "Bearer x", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN} ", f"Bearer {TOKEN}x",
         f"Bearer {TOKEN[:-1]}", f"Bearer  {TOKEN}", "Bearer \xe4\xff", f"Bearer {TOKEN.upper()}")  # fmt: skip


def test_without_the_right_token_nothing_is_said(watched):
    make_key(watched, "CANARY")
    make_person(watched, "ada", is_admin=True)

    for client in (watched.client(), watched.signed_in("ada")):
        for given in WRONG:
            answer = client.get("/-/metrics", headers={} if given is None else {"Authorization": given})
            said = (answer.status_code, answer.data, answer.headers["WWW-Authenticate"])
            assert said == (401, b"", "Bearer"), given
            assert answer.headers["Cache-Control"] == "no-store" and "Content-Type" not in answer.headers


def test_a_monitor_may_ask_under_any_host_and_only_there(watched):
    client = watched.client()

    for host in ("10.0.0.7:8000", "node-3.internal", "localhost"):
        assert client.get("/-/metrics", headers={**RIGHT, "Host": host}).status_code == 200
        assert client.get("/-/metrics", headers={"Host": host}).status_code == 401
    for path in ("/-/x", "/-/", "/-/metrics/", "/-/Metrics", "/-//metrics"):
        assert client.get(path, headers={**RIGHT, "Host": "10.0.0.7"}).status_code == 404, path
    for path in ("/", "/login", "/admin", "/-", "/static/mark.svg", "//-/metrics", "/x/-/metrics"):
        assert client.get(path, headers={**RIGHT, "Host": "10.0.0.7"}).status_code == 400, path
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        answer = client.open("/-/metrics", method=method, headers=RIGHT)
        assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")


def test_the_figures_are_prometheus_text_and_kept_by_no_cache(watched):
    answer = watched.client().get("/-/metrics", headers={"Authorization": f"bearer {TOKEN}"})

    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "# TYPE mintmark_signing_keys_running_out gauge\n" in answer.text
    assert figures(watched) == {"mintmark_signing_keys_running_out": 0.0, **tokens()}


def test_the_figures_say_the_state_of_each_key_and_when_it_runs_out(watched):
    house, now = watched, int(watched.clock())
    make_key(house, 'odd"\\key', number=0)
    for number, (key_id, retired_at) in enumerate({"k1": None, "last": now + 5000, "lost": None}.items(), 1):
        make_key(house, key_id, number=number, retired_at=retired_at)
        use(house, key_id)
    make_next_key(house, "k1", "k2")
    revoke(house, "lost")
    state = 'mintmark_signing_key_state{algorithm="ES256",key_id="%s",state="%s"}'
    runs_out = 'mintmark_signing_key_runs_out_timestamp_seconds{key_id="%s",kind="%s"}'

    found = figures(house)

    assert found == {
        state % ("k1", "signing"): 1.0,
        state % ("k2", "next"): 1.0,
        state % ('odd\\"\\\\key', "signing"): 1.0,
        state % ("last", "signing"): 1.0,
        runs_out % ("last", "ends"): now + 5000.0,
        runs_out % ("lost", "none"): float(now),
        "mintmark_signing_keys_running_out": 2.0,
        **tokens(),
    }
    house.clock.advance(WAIT_SECONDS)
    assert figures(house).keys() >= {state % ("k1", "retired"), state % ("k2", "signing")}
    house.clock.advance(DAY)
    assert not [name for name in figures(house) if '"k1"' in name]


def test_tokens_are_counted_by_outcome_from_the_month_on(watched):
    make_asset(watched, "widget")
    make_asset(watched, "of-nobody", readers=[])
    make_person(watched, "ben")
    ben = watched.signed_in("ben")

    assert [ben.get(path).status_code for path in ("/widget", "/widget", "/of-nobody")] == [200, 200, 403]

    assert figures(watched).items() >= tokens(done=2, refused=1).items()
    assert figures(watched).items() >= tokens(done=2, refused=1).items()
    watched.clock.advance(17 * DAY)  # From the 15th of January to the first of February.
    assert figures(watched).items() >= tokens().items()


def test_where_the_database_does_not_answer_nothing_is_said(watched):
    with no_database(watched):
        answer = watched.client().get("/-/metrics", headers=RIGHT)

    assert (answer.status_code, answer.data) == (503, b"")


def test_what_the_workers_of_this_node_counted_is_said_also_without_a_database(watched, tmp_path, monkeypatch):
    board = of_this_node.Board()
    monkeypatch.setattr(of_this_node, "board", board)
    board.begin(tmp_path, 1)
    board.join()
    board.come()
    board.go(0, 200, 0.004)
    expected = {
        'mintmark_node_requests_total{door="token",status="2xx"}': 1.0,
        'mintmark_node_request_seconds_bucket{door="token",le="0.0025"}': 0.0,
        'mintmark_node_request_seconds_bucket{door="token",le="0.005"}': 1.0,
        'mintmark_node_request_seconds_bucket{door="token",le="+Inf"}': 1.0,
        'mintmark_node_request_seconds_count{door="token"}': 1.0,
        "mintmark_node_requests_at_work": 0.0,
        "mintmark_node_database_failures_total": 0.0,
        "mintmark_node_database_deadlines_total": 0.0,
        "mintmark_node_log_lines_dropped_total": 0.0,
    }

    assert figures(watched).items() >= {**expected, **tokens()}.items()
    with no_database(watched):
        found = figures(watched)

    assert found.items() >= expected.items()
    assert not [name for name in found if not name.startswith("mintmark_node_")]


def test_under_a_base_url_with_a_path_the_figures_are_below_it(sqlite_house):
    house = House({**sqlite_house.overrides, "METRICS_TOKEN": TOKEN, "BASE_URL": "https://www.uni.test/tokens"})
    client = house.client()

    assert client.get("/tokens/-/metrics", headers=RIGHT).status_code == 200
    for path in ("/-/metrics", "/nokens/-/metrics"):
        assert client.get(path, headers={**RIGHT, "Host": "www.uni.test"}).status_code == 404
    house.close()


@pytest.mark.both_databases
def test_a_key_that_is_retired_without_another_one_to_follow_runs_out(house):
    now = int(house.clock())
    make_key(house, "k1", number=1, retired_at=now + 50 * DAY)
    use(house, "k1")
    make_key(house, "well", number=2)
    use(house, "well")
    assert all_of(house) == [(ENDS, "k1", 50 * DAY)]
    with house.app.app_context():
        assert ends(now=now, within=SOON_SECONDS) == []
        assert ends(now=now + 40 * DAY, within=SOON_SECONDS)[0].key_id == "k1"

    make_next_key(house, "k1", "k2", signs_from_at=now + 30 * DAY, retired_at=now + 60 * DAY)
    assert all_of(house) == [(ENDS, "k2", 60 * DAY)]
    make_next_key(house, "k2", "k3", signs_from_at=now + 55 * DAY)
    assert all_of(house) == []


def test_when_the_last_key_is_retired_nothing_signs(sqlite_house):
    house = sqlite_house
    make_key(house, "k1", number=1, retired_at=int(house.clock()) + DAY)
    use(house, "k1")

    house.clock.advance(DAY)

    assert all_of(house) == [(NONE, "k1", 0)]


def test_a_ring_is_none_where_its_key_was_revoked_and_none_took_its_place(sqlite_house):
    house = sqlite_house
    for number, key_id in enumerate(("lost", "replaced", "unused")):
        make_key(house, key_id, number=number)
    use(house, "lost"), use(house, "replaced")
    for key_id in ("lost", "unused"):
        revoke(house, key_id)
    revoke(house, "replaced", number=9)

    assert all_of(house) == [(NONE, "lost", 0)]


def test_a_key_that_is_published_later_and_serves_already_is_none_now(sqlite_house):
    house = sqlite_house
    make_key(house, "k1", number=1, published_at=int(house.clock()) + 100)
    use(house, "k1")

    assert all_of(house) == [(NONE, "k1", 0)]
    house.clock.advance(100)
    assert all_of(house) == []


@pytest.mark.both_databases
def test_a_reminder_is_given_for_two_weeks_before_and_until_a_key_follows(house):
    now = int(house.clock())
    make_key(house, "k1", number=1, due_at=now + 30 * DAY)
    use(house, "k1")

    seen = []
    for day in (0, 15, 16, 30, 31):
        house.clock.now = float(now + day * DAY)
        seen.append(all_of(house))
        with house.app.app_context():
            assert ends(now=house.clock(), within=SOON_SECONDS) == running_out(now=house.clock())
            assert len(ends(now=house.clock())) == 1
    assert seen == [[], [], [(DUE, "k1", 14 * DAY)], [(DUE, "k1", 0)], [(DUE, "k1", -DAY)]]

    make_next_key(house, "k1", "k2")
    assert all_of(house) == []


def test_a_successor_that_was_revoked_is_none_and_the_reminder_comes_back(sqlite_house):
    house = sqlite_house
    make_key(house, "k1", number=1, due_at=int(house.clock()) + DAY)
    use(house, "k1")
    make_next_key(house, "k1", "k2")
    assert all_of(house) == []

    with house.app.app_context(), writing():
        changing.revoke(rings.find_key("k2"), None, None, sealer=house.mint.settings.sealer, by=house.by())

    assert all_of(house) == [(DUE, "k1", DAY)]


def test_keys_that_serve_no_asset_or_one_in_the_trash_only_do_not_count(sqlite_house):
    house = sqlite_house
    for number, key_id in enumerate(("unused", "trashed")):
        make_key(house, key_id, number=number, retired_at=int(house.clock()) + DAY)
    use(house, "trashed")
    with house.app.app_context(), writing():
        trash.trash(save.find_asset("of-trashed"), by=house.by())

    assert all_of(house) == []


def test_the_most_urgent_comes_first_and_each_says_what_to_do(sqlite_house):
    house, now = sqlite_house, int(sqlite_house.clock())
    for number, (key_id, moments) in enumerate(
        [("due", {"due_at": now + 3 * DAY}), ("ends", {"retired_at": now + 2 * DAY}), ("none", {})]
    ):
        make_key(house, key_id, number=number, **moments)
        use(house, key_id)
    revoke(house, "none")

    with house.app.app_context():
        found = running_out(now=now)
        ids = {key.key_id: key.id for key in db.session.query(SigningKey)}
    assert [(each.kind, each.key_id, each.signing_key_id) for each in found] == [
        (kind, kind, ids[kind]) for kind in (NONE, ENDS, DUE)
    ]
    assert [each.words for each in found] == [
        "no key signs: its assets give no token; make the next one",
        "stops signing at 2027-01-17T08:00:00.000Z and none follows: its assets give no token then; make the next one",
        "should be followed by another key from 2027-01-18T08:00:00.000Z on; make the next one",
    ]
