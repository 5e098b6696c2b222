"""The log on screen: found by filters, in pages, as quick among millions of rows; what is not there is said."""

import json
import re

import pytest

from mintmark.errors import InvalidFields
from mintmark.log import EVENTS
from mintmark.records import finding
from mintmark.records.filters import Filter, read_filter
from tests.conftest import START
from tests.log_rows import add_rows, statements
from tests.making import change_asset, make_asset, make_group, make_person
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
        assert is_chosen or name == "address" or field["value"] == text
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
