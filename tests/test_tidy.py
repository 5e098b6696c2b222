"""`flask tidy`: what nobody needs goes when its margin has passed, and not before; the rest stays, whoever else tidies."""

import json
import threading
import time

import pytest
from sqlalchemy import delete, insert, update

from mintmark import access_tokens, sessions, tidying
from mintmark.issuers import arriving
from mintmark.models import (
    AccessToken,
    AccessTokenAsset,
    Attempt,
    FetchedDocument,
    PasswordLink,
    ProviderSession,
    RefusedToken,
    Session,
    SpentToken,
    db,
    writing,
)
from mintmark.openid import provider_sessions
from mintmark.people import find_person
from tests.conftest import House
from tests.making import make_asset, make_person

NOW = 1_500_000_000  # The clock of the database is later.
DAY = 86_400
IDLE, LIFETIME = 3600, 43_200
WINDOWS = 2 * 60 + DAY
COUNTED = {
    "spent_token": SpentToken,
    "refused_token": RefusedToken,
    "attempt": Attempt,
    "provider_session": ProviderSession,
    "session": Session,
    "access_token": AccessToken,
    "access_token_asset": AccessTokenAsset,
    "password_link": PasswordLink,
    "fetched_document": FetchedDocument,
}


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch):
    monkeypatch.setattr(tidying, "PAUSE_SECONDS", 0)


@pytest.fixture
def site(house):
    """A site at NOW, with ben and an asset."""
    house.clock.now = float(NOW)
    house.ben, house.desk = make_person(house, "ben", password=None), make_asset(house, "desk")
    return house


def add(house, kind, *rows):
    with house.app.app_context(), writing():
        db.session.execute(insert(kind), list(rows))


def session_row(house, name, *, used, signed_in=None, **values):
    signed_in = used if signed_in is None else signed_in
    row = {"id": name, "person_id": house.ben, "signed_in_at": signed_in, "last_used_at": used}
    return {**row, "ended_at": None, "expires_at": None, **values}


def token_row(house, name, *, expires_at, ended_at=None):
    row = {"id": name, "hash": name, "person_id": house.ben, "name": name, "created_at": 1}
    return {**row, "expires_at": expires_at, "ended_at": ended_at}


def fill(house, late):
    """Add a row or more of each kind, each `late` seconds past the last moment at which it stays."""
    tag = "due" if late else "kept"
    at, month, quarter = NOW - late, NOW - late - 30 * DAY + 1, NOW - late - 90 * DAY + 1
    spent = {"issuer": "https://a.test", "jti": tag, "spent_at": 1, "keep_until_at": at - DAY}
    refused = {"request": tag, "at": at - DAY + 1, "transport": "query", "header": {}, "claims": {}}
    add(house, SpentToken, spent)
    add(house, RefusedToken, refused)
    add(house, Attempt, {"key": tag, "window_at": at - WINDOWS, "amount": 3})
    add(
        house,
        Session,
        session_row(house, f"{tag}-ended", used=NOW, ended_at=month),
        session_row(house, f"{tag}-idle", used=month - IDLE),
        session_row(house, f"{tag}-old", used=NOW, signed_in=month - LIFETIME),
        session_row(house, f"{tag}-expired", used=NOW, expires_at=month),
    )
    add(
        house,
        AccessToken,
        token_row(house, f"{tag}-expired", expires_at=quarter),
        token_row(house, f"{tag}-ended", expires_at=NOW + DAY, ended_at=quarter),
    )
    add(house, AccessTokenAsset, {"access_token_id": f"{tag}-ended", "asset_id": house.desk})
    add(house, PasswordLink, {"hash": tag, "person_id": house.ben, "made_at": 1, "expires_at": month})
    add(house, FetchedDocument, {"url": f"https://a.test/{tag}", "tried_at": month})


def amounts(house):
    return {name: house.rows(f"SELECT count(*) AS n FROM {name}")[0]["n"] for name in COUNTED}


def left(house, table, column="id"):
    return sorted(row[column] for row in house.rows(f"SELECT {column} FROM {table}"))


def tidy(house, *options):
    result = house.run("tidy", *options)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.both_databases
def test_each_kind_goes_when_its_margin_has_passed_and_not_a_second_before(site):
    # Given of each kind what is a second past its margin, and what is not,
    fill(site, 1)
    fill(site, 0)
    before, logged = amounts(site), len(site.log())

    # when it is tidied, at first to see what would be done,
    dry = tidy(site, "--dry-run")
    assert (amounts(site), len(site.log())) == (before, logged)
    done = tidy(site)

    # then the former is gone, the latter stays, and one row of the log says how many of each kind.
    assert dry == done + "So many would be taken away; nothing was changed.\n"
    assert done.splitlines() == [
        "spent tokens: 1",
        "refused sign ins: 1",
        "sign in attempts: 1",
        "id tokens: 0",
        "sessions: 4",
        "access tokens: 2",
        "password links: 1",
        "fetched documents: 1",
    ]
    assert amounts(site) == {name: amount // 2 for name, amount in before.items()}
    for table, column in (("spent_token", "jti"), ("refused_token", "request"), ("attempt", "key"), ("session", "id"),
                          ("access_token", "id"), ("password_link", "hash")):  # fmt: skip
        assert all(each.startswith("kept") for each in left(site, table, column)), table
    [row] = site.log("site.tidied")
    assert json.loads(row["detail"]) == {
        "spent_tokens": 1, "refused_sign_ins": 1, "sign_in_attempts": 1, "sessions": 4, "access_tokens": 2,
        "password_links": 1, "fetched_documents": 1,
    }  # fmt: skip
    assert row["actor"].startswith("command")

    # And a second time there is nothing to do, and no row that says so.
    assert tidy(site) == tidy(site, "--dry-run") == "There is nothing to take away.\n"
    assert len(site.log("site.tidied")) == 1


@pytest.mark.both_databases
def test_what_is_still_of_use_stays_and_serves(site):
    # Given what is in use at this moment, and an ID token of a session that ran out a second ago,
    client = site.signed_in("ben")
    with site.app.app_context(), writing():
        by = site.by()
        text = access_tokens.make(find_person("ben"), "backup", [site.desk], 30, by=by)
    add(site, SpentToken, {"issuer": "https://a.test", "jti": "j", "spent_at": NOW, "keep_until_at": NOW - DAY + 9})
    add(site, PasswordLink, {"hash": "good", "person_id": site.ben, "made_at": NOW, "expires_at": NOW + 1800})
    add(site, Session, session_row(site, "over", used=NOW - IDLE), session_row(site, "live", used=NOW - IDLE + 1))
    with site.app.app_context(), writing():
        for each in ("over", "live"):
            provider_sessions.keep(each, "provider", "token", sealer=site.mint.settings.sealer)
    before = amounts(site)

    # when it is tidied,
    assert "id tokens: 1" in tidy(site)

    # then only that ID token is gone; its session has its month.
    assert amounts(site) == {**before, "provider_session": 1}
    assert left(site, "provider_session") == ["live"]
    assert client.get("/desk").status_code == 200
    assert site.client().get("/desk", headers={"Authorization": f"Bearer {text}"}).status_code == 200
    with site.app.app_context(), pytest.raises(arriving.TokenRefused):
        arriving.see_is_not_spent("https://a.test", "j")

    # And an old session goes together with what was kept for it.
    site.clock.advance(31 * DAY)
    assert "id tokens: 1\nsessions: 3\n" in tidy(site)
    assert amounts(site)["session"] == amounts(site)["provider_session"] == 0


@pytest.mark.both_databases
def test_a_clock_that_is_years_ahead_takes_nothing_away_that_the_database_holds_for_good(house):
    house.clock.now = float(int(time.time()))
    house.ben, house.desk = make_person(house, "ben", password=None), make_asset(house, "desk")
    with house.app.app_context(), writing():
        ben = find_person("ben")
        sessions.begin(ben, now=house.clock(), address=None, device="")
        access_tokens.make(ben, "backup", [house.desk], 30, by=house.by())
    house.clock.advance(10 * 365 * DAY)

    assert tidy(house) == "There is nothing to take away.\n"


def many(house, amount):
    old = NOW - 400 * DAY
    add(house, Session, *(session_row(house, f"{n:04}-old", used=old) for n in range(amount)))
    add(house, Session, *(session_row(house, f"{n:04}-new", used=NOW) for n in range(amount)))
    add(house, AccessToken, *(token_row(house, f"{n:04}", expires_at=old) for n in range(amount)))
    add(house, AccessTokenAsset, *({"access_token_id": f"{n:04}", "asset_id": house.desk} for n in range(amount)))
    spent = {"issuer": "https://a.test", "spent_at": 1, "keep_until_at": old}
    add(house, SpentToken, *({**spent, "jti": f"{n:04}"} for n in range(amount)))


def test_batches_are_small_and_what_stops_between_two_can_be_repeated(site, monkeypatch):
    monkeypatch.setattr(tidying, "BATCH", 7)
    monkeypatch.setattr(tidying, "_PAGE", 25)
    many(site, 30)
    batches = []

    class Stopped(BaseException):
        """What ends the process."""

    def stop_at(number):
        def pause(_seconds):
            batches.append(amounts(site))
            if len(batches) == number:
                raise Stopped

        return pause

    # Given a run that ends among the sessions,
    monkeypatch.setattr("mintmark.commands.tidy.time.sleep", stop_at(9))
    with pytest.raises(Stopped):
        site.run("tidy")
    assert 30 < amounts(site)["session"] < 60

    # when it is run again,
    monkeypatch.setattr("mintmark.commands.tidy.time.sleep", stop_at(None))
    tidy(site)

    # then all of it is gone, no batch took more than seven rows, and the log has every one of them.
    gone = [{name: a[name] - b[name] for name in a} for a, b in zip(batches, batches[1:], strict=False)]
    assert max(each["session"] for each in gone) == 7
    assert max(each["spent_token"] for each in gone) == 7
    assert left(site, "session") == [f"{n:04}-new" for n in range(30)]
    assert amounts(site)["access_token"] == amounts(site)["access_token_asset"] == amounts(site)["spent_token"] == 0
    told = [json.loads(row["detail"]) for row in site.log("site.tidied")]
    assert len(told) == 2
    assert [sum(each.get(name, 0) for each in told) for name in ("sessions", "access_tokens", "spent_tokens")] == [
        30
    ] * 3


@pytest.mark.slow
@pytest.mark.both_databases
def test_two_at_once_neither_fail_nor_wait_for_each_other_for_ever(site, monkeypatch):
    # Given much to do, and two nodes,
    monkeypatch.setattr(tidying, "BATCH", 50)
    many(site, 1500)
    other = House(site.overrides)
    other.clock.now = site.clock.now
    results, start = [], threading.Barrier(3)

    def work(house):
        start.wait()
        with house.app.app_context():
            kinds = tidying.kinds(house.clock(), house.mint.settings)
            try:
                results.append({kind.name: sum(kind.take()) for kind in kinds})
            except Exception as error:
                results.append(error)

    threads = [threading.Thread(target=work, args=(house,)) for house in (site, other)]
    for thread in threads:
        thread.start()
    start.wait()

    # when both tidy while somebody signs in and fetches tokens,
    client = site.signed_in("ben")
    answers = [client.get("/desk").status_code for _ in range(20)]
    for thread in threads:
        thread.join(60)
    other.close()

    # then each row was taken away once, and the site served.
    assert answers == [200] * 20
    assert [type(each) for each in results] == [dict, dict], results
    taken = {name: sum(each[name] for each in results) for name in results[0]}
    assert (taken["sessions"], taken["spent_tokens"]) == (1500, 1500)
    if taken["access_tokens"] < 1500:  # Those that the other one had locked wait for the next run.
        assert f"access tokens: {1500 - taken['access_tokens']:,}" in tidy(site)
    assert amounts(site)["access_token"] == amounts(site)["access_token_asset"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_what_somebody_else_has_locked_is_left_for_the_next_run(site):
    # Given somebody who purges an asset, and somebody who is using an old session again,
    fill(site, 1)
    with site.app.app_context(), db.engine.connect() as connection:
        connection.execute(delete(AccessTokenAsset))
        connection.execute(update(Session).where(Session.id == "due-idle").values(last_used_at=NOW))

        # when it is tidied meanwhile, then it neither waits nor takes those.
        assert "sessions: 3\naccess tokens: 1\n" in tidy(site)  # Who waits for those locks is refused in two seconds.
        connection.commit()

    assert tidy(site).splitlines()[5] == "access tokens: 1"
    assert left(site, "session") == ["due-idle"]


def test_a_site_that_is_not_set_up_says_so(tmp_path):
    house = House({"INSTANCE": str(tmp_path / "none")})
    result = house.run("tidy")
    house.close()

    assert (result.exit_code, result.stderr[:37]) == (1, "error: The database is not set up yet")
