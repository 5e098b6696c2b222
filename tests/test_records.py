"""The log on screen: found by filters, in pages, as quick among millions of rows; what is not there is said."""

import json
import re
from contextlib import contextmanager
from dataclasses import replace

import pytest
import sqlalchemy
from sqlalchemy import Integer, delete, func, literal_column, select

from mintmark.assets import overlap, save, trash
from mintmark.assets.secrets import read_secret
from mintmark.errors import InvalidFields
from mintmark.keys import changing, rings
from mintmark.log import EVENTS
from mintmark.models import LogRow, db, log_parts, writing
from mintmark.models.base import new_id
from mintmark.people_listing import Some
from mintmark.records import finding
from mintmark.records.exporting import export_rows
from mintmark.records.filters import Filter, read_filter
from mintmark.records.lately import lately
from mintmark.records.unexpired import unexpired
from tests.conftest import SECRET, START
from tests.log_rows import add_rows, statements
from tests.making import change_asset, make_asset, make_group, make_key, make_person
from tests.test_architecture import MODULES
from tests.test_pages import HOSTILE, Page

DAY = 86400


@pytest.fixture
def admin(house):
    make_person(house, "ada", is_admin=True, first_name="Ada", last_name="Admin")
    return house.signed_in("ada")


def shown(answer):
    """Return the events that a page lists, and the page."""
    assert answer.status_code == 200, answer.text
    page = Page(answer.text)
    return [text for text in page.texts.get("a", []) if text in WORDS], page


WORDS = {event.replace(".", " ").replace("_", " ").capitalize() for event in EVENTS}


def find(house, before=None, **typed):
    """Return the ids of the rows that a filter finds."""
    with house.app.app_context():
        found = finding.find_records(read_filter(typed), before)
        return [row.id for row in found.rows], found.before, found.looked_back_to


def ids_of(house, **wanted):
    return [row["id"] for row in reversed(house.log()) if wanted.items() <= row.items()]


@pytest.mark.both_databases
def test_each_filter_finds_its_rows_and_no_others(house):
    ben, eve = make_person(house, "ben"), make_person(house, "eve")
    asset = make_asset(house, "integrations/helpdesk")
    add_rows(house, 2, person=ben, actor=ben, asset=asset, address="10.0.0.1", request="a" * 16)
    add_rows(house, 1, person=eve, actor=ben, address="10.0.0.2", at=START + 1, event="person.revised")
    add_rows(
        house, 1, person=ben, actor=ben, asset=asset, event="token.refused", outcome="refused", code="not_a_reader"
    )
    add_rows(house, 2, person=ben, asset=asset, kid="help desk", at=START + 2)
    add_rows(house, 1, person=eve, event="person.sign_in_refused", outcome="refused", code="wrong_password")
    add_rows(house, 1, person=eve, actor=eve, asset=asset, event="token.failed", outcome="failed", request="b" * 16)

    for typed, wanted in (
        ({"event": "token.issued"}, {"event": "token.issued"}),
        ({"event": "token.failed"}, {"event": "token.failed"}),
        ({"outcome": "refused"}, {"outcome": "refused"}),
        ({"outcome": "failed"}, {"outcome": "failed"}),
        ({"outcome": "done", "person": "ben"}, {"outcome": "done", "person": ben}),
        ({"outcome": "refused", "event": "token.issued"}, {"outcome": "refused", "event": "token.issued"}),
        ({"outcome": "refused", "event": "token.refused"}, {"event": "token.refused"}),
        ({"person": " BEN "}, {"person": ben}),
        ({"person": eve}, {"person": eve}),
        ({"asset": "integrations/helpdesk"}, {"asset": asset}),
        ({"asset": "/integrations/helpdesk", "person": "eve"}, {"asset": asset, "person": eve}),
        ({"asset": asset.upper(), "outcome": "failed"}, {"asset": asset, "outcome": "failed"}),
        ({"actor": "ben"}, {"actor": ben}),
        ({"actor": "test"}, {"actor": "test"}),
        ({"address": "10.0.0.2"}, {"address": "10.0.0.2"}),
        ({"code": "not_a_reader"}, {"code": "not_a_reader"}),
        ({"kid": "help desk"}, {"kid": "help desk"}),
        ({"kid": "help desk", "asset": "integrations/helpdesk"}, {"kid": "help desk"}),
        ({"kid": "help"}, {"kid": "help"}),
        ({"request": "A" * 16}, {"request": "a" * 16}),
        ({"request": "b" * 16}, {"request": "b" * 16}),
        ({"request": "b" * 16, "person": "ben"}, {"request": "b" * 16, "person": ben}),
        ({}, {}),
    ):
        assert find(house, **typed) == (ids_of(house, **wanted), None, None), typed


def test_from_and_until_are_moments_in_utc_and_a_day_counts_whole(house):
    for days in (-1, 0, 1):
        add_rows(house, 3, at=START + days * DAY, apart=0.001, code=str(days))
    # START is 2027-01-15 08:00 UTC.
    for typed, codes in (
        ({"since": "2027-01-15"}, "1 0"),
        ({"until": "2027-01-15"}, "0 -1"),
        ({"since": "2027-01-15", "until": "2027-01-15"}, "0"),
        ({"since": "2027-01-15 08:00:01"}, "1"),
        ({"since": "2027-01-15T08:00Z", "until": "2027-01-16 08:00"}, "0"),
        ({"since": "2028-01-01"}, ""),
        ({"until": "2020-01-01"}, ""),
        ({"since": "2027-01-15", "code": "0"}, "0"),
    ):
        ids, _, _ = find(house, **typed)
        wanted = [id for code in codes.split() for id in ids_of(house, code=code)]
        assert ids == wanted, typed


def test_a_row_whose_moment_and_id_disagree_is_found_by_its_moment(house):
    add_rows(house, 5, at=START + 100)
    add_rows(house, 1, at=START, code="late")  # Committed long after it was asked for.
    add_rows(house, 5, at=START + 200)

    assert find(house, until="2027-01-15 08:01")[0] == ids_of(house, code="late")
    assert find(house, since="2027-01-15 08:01", code="late")[0] == []


def test_pages_go_on_where_the_last_ended(house):
    add_rows(house, 120, person="p" * 36)
    add_rows(house, 1, event="person.signed_in")

    for typed in ({}, {"event": "token.issued"}):
        ids, before = [], None
        for size in (50, 50, None):
            page, before, stopped = find(house, before, **typed)
            assert stopped is None
            assert size is None or len(page) == size
            ids += page
        assert before is None
        assert ids == ids_of(house, **typed)


def test_where_the_window_is_used_up_the_page_says_how_far_back_it_looked(house, monkeypatch):
    monkeypatch.setattr(finding, "WINDOW", 10)
    add_rows(house, 1, code="rare")
    add_rows(house, 25, at=START + 60, apart=1)

    ids, before, stopped = find(house, code="rare")
    assert (ids, stopped) == ([], START + 60 + 15)
    ids, before, stopped = find(house, before, code="rare")
    assert (ids, stopped) == ([], START + 60 + 5)
    ids, before, stopped = find(house, before, code="rare")
    assert (len(ids), before, stopped) == (1, None, None)


def test_a_window_of_two_events_loses_no_row(house, monkeypatch):
    monkeypatch.setattr(finding, "WINDOW", 10)
    for _ in range(12):
        add_rows(house, 2, event="token.refused", outcome="refused", code="x")
        add_rows(house, 1, event="person.sign_in_refused", outcome="refused", code="x")

    ids, before = [], None
    for _ in range(9):
        page, before, _ = find(house, before, outcome="refused", code="x")
        ids += page
        if before is None:
            break

    assert ids == ids_of(house, outcome="refused")


def test_a_number_of_an_old_failure_is_found_at_once(house, monkeypatch):
    monkeypatch.setattr(finding, "WINDOW", 10)
    add_rows(house, 1, event="token.failed", outcome="failed", request="f" * 16)
    add_rows(house, 50)

    assert len(find(house, request="f" * 16)[0]) == 1


def of_key_id(house, key_id, before=None, **typed):
    return find(house, before, kid=key_id, **typed)


@pytest.mark.both_databases
def test_what_a_signing_key_signed_is_found_among_its_assets_and_with_what_became_of_it(house, monkeypatch):
    # Given two assets that sign with a key, one of them purged since, and tokens of others before and after;
    make_person(house, "ben")
    key = make_key(house, "site-2026", number=0)
    make_key(house, "other", number=1)
    for path, key_id in (("one", "site-2026"), ("two", "site-2026"), ("three", "other")):
        make_asset(house, path, json.dumps({"aud": path}), signing_key=key_id)
    ben = house.signed_in("ben")
    for path in ("one", "two", "three", "one"):
        assert ben.get(f"/{path}").status_code == 200
    with house.app.app_context(), writing():
        trash.trash(save.find_asset("two"), by=house.by())
    purge(house, "two")
    house.clock.advance(1)
    with house.app.app_context(), writing():
        changing.revoke(rings.get_key(key), None, None, sealer=house.mint.settings.sealer, by=house.by())
    add_rows(house, 40, at=START + 1)
    monkeypatch.setattr(finding, "WINDOW", 20)

    # when somebody asks for its key id, then all of it is on one page, although far more rows came after.
    wanted = ids_of(house, kid="site-2026")
    events = [row["event"] for row in house.log() if row["kid"] == "site-2026"]
    assert sorted(events) == ["key.made", "key.revoked", "token.issued", "token.issued", "token.issued"]
    assert of_key_id(house, "site-2026") == (wanted, None, None)
    for typed, event in (({"event": "token.issued"}, "token.issued"), ({"event": "key.revoked"}, "key.revoked")):
        assert of_key_id(house, "site-2026", **typed) == (ids_of(house, kid="site-2026", event=event), None, None)
    assert of_key_id(house, "site-2026", outcome="done", since="2020-01-01")[0] == wanted
    assert of_key_id(house, "site-2026", asset="one")[0] == [each for each in wanted if each in of_asset(house, "one")]
    assert of_key_id(house, "site-2026", person="ben")[0] == ids_of(house, kid="site-2026", event="token.issued")
    for other in ("SITE-2026", "site-202", "site-2026 x"):
        assert of_key_id(house, other)[0] == []


def purge(house, path):
    with house.app.app_context(), writing():
        [row] = house.rows("SELECT id FROM asset WHERE path = :path", path=path)
        trash.purge(save.lock_asset(row["id"], is_trashed=True), by=house.by())


def of_asset(house, path):
    return find(house, asset=path)[0]


@pytest.mark.both_databases
def test_what_a_key_signed_is_found_far_behind_what_followed_also_where_a_secret_has_its_id(house, monkeypatch):
    # Given an asset that said an id of its own in its headers, one with a staged secret of that id, a key of that id,
    monkeypatch.setattr(finding, "WINDOW", 10)
    make_person(house, "ben")
    ben = house.signed_in("ben")
    for path in ("header", "staged"):
        make_asset(house, path, headers={} if path == "staged" else {"kid": "same"})
    make_key(house, "same", number=0)
    make_asset(house, "keyed", signing_key="same")
    with house.app.app_context(), writing():
        asset, sealer = save.find_asset("staged"), house.mint.settings.sealer
        secret = replace(read_secret(SECRET[::-1], "text", algorithm="HS256"), kid="same")
        overlap.stage(asset, secret, sealer=sealer, by=house.by())
        overlap.switch(asset, None, sealer=sealer, by=house.by())
    assert [ben.get(f"/{path}").status_code for path in ("header", "staged", "keyed", "header")] == [200] * 4
    # when far more tokens of others follow, then one page has them all.
    add_rows(house, 30, at=START + 700, kid="other")

    assert find(house, kid="same") == (ids_of(house, kid="same"), None, None)
    assert len(find(house, kid="same", event="token.issued")[0]) == 4


@pytest.fixture
def small_parts(house, monkeypatch):
    """A log of many parts, which no index knows: what is found is the same."""
    of_id = "(log.id / 8)"
    for name, value in (("PART", 8), ("PART_OF_ID", of_id), ("_part", literal_column(of_id, Integer))):
        monkeypatch.setattr(log_parts, name, value)
    return house


@pytest.mark.both_databases
@pytest.mark.parametrize("column", ["person", "asset", "kid"])
def test_pages_of_many_parts_lose_no_row_and_repeat_none(small_parts, monkeypatch, column):
    house = small_parts
    monkeypatch.setattr(finding, "PAGE_SIZE", 7)
    monkeypatch.setattr(log_parts, "MOST", 5)
    monkeypatch.setattr(finding, "WINDOW", 20)
    wanted, other = new_id(), new_id()
    add_rows(house, 3, **{column: wanted}, code="x")
    add_rows(house, 90, **{column: other})  # More parts than are looked at in one statement.
    for number in range(12):
        add_rows(house, 1 + number % 4, **{column: wanted}, code="x" if number % 3 else "y")
        add_rows(house, 1 + number % 5, **{column: other}, code="x")
    add_rows(house, 25, **{column: wanted}, code="y")

    for more in ({}, {"code": "x"}, {"since": "2020-01-01"}):
        found, before = [], None
        for _ in range(60):
            ids, before, _ = find(house, before, **{column: wanted}, **more)
            found += ids
            if before is None:
                break
        assert found == ids_of(house, **{column: wanted}, **({"code": "x"} if "code" in more else {})), more
    with house.app.app_context():
        exported = [row.id for row in export_rows(Filter(**{column: wanted}), up_to=10**6)]
    assert exported == sorted(ids_of(house, **{column: wanted}))


@pytest.mark.both_databases
def test_rows_that_were_archived_leave_no_parts_that_anybody_walks_through(small_parts):
    house = small_parts
    add_rows(house, 200, person="p" * 36)
    with house.app.app_context(), writing():
        last = db.session.scalar(select(func.max(LogRow.id)))
        db.session.execute(delete(LogRow).where(LogRow.id <= last - 30))
    with house.app.app_context():
        stretch = log_parts.newest("person", "nobody", 0, log_parts.MAX_ID, enough=10)
        left = list(range((last - 29) // 8, last // 8 + 1))
        assert (stretch.parts, stretch.end) == (left, None)
        assert list(log_parts.in_order(0, log_parts.MAX_ID)) == [left]
        assert log_parts.newest("person", "p" * 36, 0, last - 29, enough=10).parts == []


def holds_of(house, key_id, asset):
    """Return how many tokens of a key are unexpired, and what the newest rows say of an asset."""
    with house.app.app_context():
        [row] = house.rows("SELECT id FROM signing_key WHERE key_id = :key_id", key_id=key_id)
        return unexpired(rings.get_key(row["id"]), now=house.clock()), lately(asset)


@pytest.fixture
def keyed(small_parts):
    """An asset that signs with the key `k`, and the columns of its tokens by a former path."""
    make_key(small_parts, "k", number=0)
    asset = make_asset(small_parts, "a", '{"aud": "a"}', signing_key="k")
    return {"asset": asset, "kid": "k", "person": new_id(), "code": "former_path", "detail": '{"former_path": "old"}'}


@pytest.mark.both_databases
def test_a_gap_of_a_billion_ids_hides_nothing_and_costs_nothing(small_parts, keyed):
    # Given tokens of an asset, and a row of somebody else far behind, as after a restoration without the log,
    house = small_parts
    add_rows(house, 20, **keyed)
    tokens = ids_of(house, kid="k", event="token.issued")
    add_rows(house, 1, id=tokens[0] + 10**9, person=new_id())

    # then all of them are found, in as many statements as without the gap.
    unexpired_now, newest = holds_of(house, "k", keyed["asset"])
    assert unexpired_now == Some(20)
    assert ([visit.times for visit in newest.visits], newest.looked_back_to) == ([20], None)
    assert find(house, kid="k", event="token.issued") == (tokens, None, None)
    with house.app.app_context():
        with statements(house) as made:
            assert sum(len(parts) for parts in log_parts.in_order(0, log_parts.MAX_ID)) < 10
        assert len(made) <= 3
        assert [row.id for row in export_rows(Filter(person=keyed["person"]), up_to=2 * 10**9)] == tokens[::-1]


@pytest.mark.both_databases
def test_where_too_much_would_have_to_be_looked_at_nobody_says_that_there_is_nothing(small_parts, keyed, monkeypatch):
    house = small_parts
    monkeypatch.setattr(log_parts, "MOST", 5)
    add_rows(house, 20, **keyed)
    add_rows(house, 80, at=START + 60, apart=1, person=new_id())

    unexpired_now, newest = holds_of(house, "k", keyed["asset"])

    assert unexpired_now is None
    assert newest.visits == [] and START + 60 < newest.looked_back_to < START + 140
    make_person(house, "ada", is_admin=True)
    [row] = house.rows("SELECT id FROM signing_key WHERE key_id = 'k'")
    assert "is not counted" in house.signed_in("ada").get(f"/admin/keys/{row['id']}/revoke").text


@pytest.mark.both_databases
def test_rows_of_one_are_read_by_the_index_of_parts_and_no_other(house):
    is_sqlite = house.mint.settings.is_sqlite
    for _ in range(30):
        add_rows(house, 5, person=new_id(), asset=new_id(), kid=new_id())
    for column in ("person", "asset", "kid"):
        with house.app.app_context():
            if not is_sqlite:  # It reads so few rows as they stand; could it do otherwise?
                db.session.execute(sqlalchemy.text("SET LOCAL enable_seqscan = off"))
            with plans(is_sqlite=is_sqlite) as seen:
                finding.find_records(Filter(**{column: "x", "code": "x"}))

        assert len(seen) >= 2
        assert "ix_log_part_" in seen[-1] and "Seq Scan on log" not in str(seen), seen


@contextmanager
def plans(*, is_sqlite):
    """Collect how the statements about the log are executed."""
    seen = []

    def explain(connection, _cursor, statement, parameters, *_others):
        raw = connection.connection.cursor()
        raw.execute(("EXPLAIN QUERY PLAN " if is_sqlite else "EXPLAIN ") + statement, parameters)
        seen.append("\n".join(str(row[-1]) for row in raw.fetchall()))

    sqlalchemy.event.listen(db.engine, "before_cursor_execute", explain)
    try:
        yield seen
    finally:
        sqlalchemy.event.remove(db.engine, "before_cursor_execute", explain)


def test_the_filter_of_a_key_id_costs_few_statements_and_stands_in_the_form(house, admin):
    make_key(house, "shared", number=0)
    seen = []
    for number in range(12):
        asset = make_asset(house, f"a{number}", json.dumps({"aud": f"{number}"}), signing_key="shared")
        add_rows(house, 3, asset=asset, kid="shared")
        with statements(house) as made:
            _, page = shown(admin.get("/admin/log?kid=shared"))
        seen.append(len(made))
        assert page.one("input", name="kid")["value"] == "shared"
    assert len(set(seen[1:])) == 1 and seen[-1] <= 15

    lines = admin.get("/admin/log/export.jsonl?kid=shared").text.splitlines()
    assert [json.loads(line)["id"] for line in lines] == sorted(ids_of(house, kid="shared"))


def test_a_row_says_its_key_id_with_a_link_to_the_key_and_its_code_in_words(house, admin):
    key = make_key(house, "site-2026", number=0)
    for kid, code in (("site-2026", "next_key"), ("nobody’s", None)):
        add_rows(house, 1, kid=kid, code=code)
        page = Page(admin.get(f"/admin/log/{house.log()[-1]['id']}").text)
        assert kid in page.texts["code"]
        assert page.one("a", href=re.sub("’", "%E2%80%99", f"/admin/log?kid={kid}"))
        assert bool(page.all("a", href=f"/admin/keys/{key}")) is (kid == "site-2026")
        assert ("signed with the next secret or key, to try it" in page.text) is (code == "next_key")

    _, page = shown(admin.get("/admin/log?event=key.made"))
    assert page.one("a", href=f"/admin/keys/{key}")


def test_outcomes_other_than_done_belong_to_the_events_that_are_looked_at():
    said = {"refused": set(), "failed": set()}
    for path in MODULES.values():
        code = path.read_text()
        for event, outcome in re.findall(
            r'(?:note|record)\(\s*"([a-z._]+)",(?:\s*by,\s*outcome=|\s*)"(refused|failed)"', code
        ):
            said[outcome].add(event)

    assert {outcome: set(events) for outcome, events in finding.EVENTS_OF.items()} == said


NO_FILTERS = [
    ("event", "token.stolen"),
    ("outcome", "maybe"),
    ("person", "nobody"),
    ("person", "12345678-1234"),
    ("asset", "no/such/path"),
    ("actor", "x" * 256),
    ("address", "\x00"),
    ("kid", "\x00"),
    ("kid", "k" * 256),
    ("since", "yesterday"),
    ("since", "2027-02-30"),
    ("until", "2027-01-15 25:00"),
    ("until", "20270115"),
    ("since", "٢٠٢٧-٠١-١٥"),
    ("since", "0001-01-01T00"),
]


def test_what_cannot_be_a_filter_is_refused_and_stays_on_the_page(sqlite_house):
    make_person(sqlite_house, "ada", is_admin=True)
    ada = sqlite_house.signed_in("ada")
    for name, text in NO_FILTERS:
        with sqlite_house.app.app_context(), pytest.raises(InvalidFields):
            read_filter({name: text})

        answer = ada.get("/admin/log", query_string={name: text})

        assert answer.status_code == 422
        page = Page(answer.text)
        is_chosen = name in ("event", "outcome")
        field = page.one("select" if is_chosen else "input", id=name)
        assert field["aria-invalid"] == "true"
        is_pasted = name == "kid" and len(text) > 255  # What is no key id may be a key, and is not repeated.
        assert is_chosen or "\x00" in text or (field.get("value") or "") == ("" if is_pasted else text)
        assert page.one("p", role="alert")


def test_empty_fields_ask_for_nothing(sqlite_house):
    with sqlite_house.app.app_context():
        assert read_filter({"event": "", "person": "  ", "since": ""}) == Filter()


def test_the_page_names_people_and_assets_and_links_to_them(house, admin):
    ben = make_person(house, "ben", display_name="Ben Okri")
    asset = make_asset(house, "integrations/helpdesk")
    add_rows(house, 1, person=ben, actor=ben, asset=asset)

    _, page = shown(admin.get("/admin/log?event=token.issued"))

    assert page.one("a", href=f"/admin/people/{ben}")
    assert page.one("a", href=f"/admin/assets/{asset}")
    assert "Ben Okri" in page.text
    assert "integrations/helpdesk" in page.texts["code"]


def test_a_page_costs_the_same_number_of_statements_however_many_rows_there_are(house, admin):
    seen = []
    for amount in (3, 300):
        for number in range(4):
            make_person(house, f"p{amount}-{number}")
            add_rows(
                house,
                amount // 3,
                person=make_person(house, f"x{amount}-{number}"),
                asset=make_asset(house, f"a{amount}-{number}"),
            )
        for query in ("", "?outcome=refused", "?since=2020-01-01&until=2030-01-01&code=x", "?person=ada&code=x"):
            with statements(house) as made:
                assert admin.get("/admin/log" + query).status_code == 200
            seen.append(len(made))

    assert seen[:4] == seen[4:]
    assert max(seen) <= 11


def test_the_row_of_an_answers_number_is_shown_at_once_with_its_diagnosis(house, admin):
    make_person(house, "ben")
    make_asset(house, "a", template='{"sub": "{{ user.username }}",\n "mail": "{{ user.email }}"}')
    answer = house.signed_in("ben").get("/a")
    assert answer.status_code == 500

    found = admin.get("/admin/log", query_string={"request": answer.headers["Mintmark-Request"]})
    assert found.status_code == 303
    page = Page(admin.get(found.headers["Location"]).text)

    facts = dict(zip(page.texts["dt"], [""] * len(page.texts["dt"]), strict=True))
    assert {"Outcome", "When", "Code", "Number of the answer"} <= set(facts)
    for words in (
        "Diagnosis",
        "failed",
        "user.email",
        "is missing",
        "Line",
        "Column",
        "Hint",
        "2",
        answer.headers["Mintmark-Request"],
    ):
        assert words in page.text, words


def test_a_number_without_a_row_is_explained(house, admin):
    answer = admin.get("/admin/log?request=0123456789abcdef")

    assert answer.status_code == 200
    assert "No row has this number. Answers 400, 404, 405 and 503" in answer.text


def test_a_row_that_is_not_there_is_404_and_says_why(sqlite_house):
    make_person(sqlite_house, "ada", is_admin=True)
    ada = sqlite_house.signed_in("ada")
    for row_id in ("0", "999", "9" * 30):
        answer = ada.get(f"/admin/log/{row_id}")

        assert answer.status_code == 404
        assert "may have been archived" in answer.text
        assert "400, 404, 405 or 503" in answer.text


def test_a_place_that_cannot_be_is_no_error(sqlite_house):
    make_person(sqlite_house, "ada", is_admin=True)
    ada = sqlite_house.signed_in("ada")
    for before in ("x", "-1", "0", "9" * 30, "١"):
        assert ada.get("/admin/log", query_string={"before": before}).status_code == 200


def test_only_administrators_see_the_log(sqlite_house):
    make_person(sqlite_house, "ada", is_admin=True)
    make_group(sqlite_house, "staff")
    make_person(sqlite_house, "ben", groups=["staff"])
    make_asset(sqlite_house, "a", editors=["staff"])
    row = sqlite_house.log()[0]["id"]
    for path in (
        "/admin/log",
        f"/admin/log/{row}",
        "/admin/log/999",
        "/admin/log/export.csv",
        "/admin/log/export.jsonl",
    ):
        assert sqlite_house.signed_in("ben").get(path).status_code == 403
        assert sqlite_house.client().get(path).status_code == 303
    assert sqlite_house.log("log.exported") == []


def test_hostile_texts_are_texts_in_the_list_and_on_the_page_of_a_row(sqlite_house):
    make_person(sqlite_house, "ada", is_admin=True)
    ada = sqlite_house.signed_in("ada")
    plain, _ = pages_of(sqlite_house, ada, "x")
    for text in HOSTILE:
        hostile, listed = pages_of(sqlite_house, ada, text)

        assert tags_of(hostile) == tags_of(plain)
        assert text.replace("`", "")[:20] in hostile.text
        for _, found, tag in hostile.tags + listed.tags:
            assert not [name for name in found if name.startswith("on") or name == "style"], tag


def pages_of(house, client, text):
    """Return the page of a row that holds a text everywhere, and a list with it."""
    nested = {"path": text, text: text, "nested": {text: [text, {"x": text}, None, True, 1.5, []]}, "reason": text}
    names = ["actor", "address", "person", "asset", "request", "code", "sub", "kid", "jti", "issuer"]
    columns = dict.fromkeys(names, text[:32])
    add_rows(house, 1, event="token.failed", outcome="failed", detail=json.dumps(nested), **columns)
    row_id = house.log("token.failed")[-1]["id"]
    answers = [client.get(f"/admin/log/{row_id}"), client.get(f"/admin/log?event=token.failed&before={row_id + 1}")]
    return [Page(answer.text) for answer in answers]


def tags_of(page):
    """Return the tags but those of which a page has more where there is more to say."""
    return [tag for tag, *_ in page.skeleton() if tag not in ("code", "bdi", "dt", "dd", "a")]


def test_an_asset_that_moved_is_found_by_its_path_and_one_that_is_gone_keeps_its_path(house, admin):
    asset = make_asset(house, "a")
    add_rows(house, 1, asset="00000000-0000-4000-8000-000000000000", detail='{"path": "was/here"}')
    change_asset(house, "a", name="B")

    _, page = shown(admin.get("/admin/log"))

    assert "was/here" in page.texts["code"]
    assert "(gone)" in page.text
    assert find(house, asset="a")[0] == ids_of(house, asset=asset)
