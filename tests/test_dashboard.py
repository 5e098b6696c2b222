"""The dashboard: what the site did lately, what fails and for whom, and what needs a look."""

import json
import re

import pytest

from mintmark.errors import Busy
from mintmark.models import Asset, Person, db, writing
from tests.conftest import START
from tests.log_rows import add_rows, count_all, statements
from tests.making import make_asset, make_group, make_issuer, make_key, make_next_key, make_person, make_provider
from tests.test_jwks import revoke
from tests.test_pages import HOSTILE, Page

HOUR, DAY = 3600, 86400
BANNER = '<div class="notice" role="region" aria-label="Signing keys">'


@pytest.fixture
def admin(house):
    make_person(house, "ada", is_admin=True)
    return house.signed_in("ada")


def dashboard(client, span=""):
    answer = client.get("/admin", query_string={"span": span} if span else {})
    assert answer.status_code == 200, answer.text
    return Page(answer.text)


def said(page):
    return re.sub(r"\s+", " ", page.text)


def test_an_empty_site_says_how_to_begin(house, admin):
    page = dashboard(admin)

    assert page.one("a", href="/admin/assets/new")
    assert not page.all("figure")


@pytest.mark.both_databases
def test_tokens_of_a_span_stand_in_words_in_the_picture_and_in_the_table(house, admin):
    asset = make_asset(house, "a")
    add_rows(house, 4, asset=asset, at=START)
    add_rows(house, 2, asset=asset, at=START - HOUR)
    add_rows(house, 3, asset=asset, at=START - 3 * DAY)
    add_rows(house, 5, asset=asset, at=START - 20 * DAY)
    add_rows(house, 1, asset=asset, at=START - HOUR, event="token.refused", outcome="refused")
    house.clock.advance(60)
    for span, done, bars in (("", 6, 24), ("day", 6, 24), ("week", 9, 28), ("month", 14, 30), ("<x>", 6, 24)):
        page = dashboard(admin, span)
        assert f"{done} issued, 1 refused, 0 failed." in said(page), span
        assert len(page.one("svg", role="img")["aria-label"]) > 10
        assert len(page.all("th", scope="row")) - len(page.all("a", href=f"/admin/assets/{asset}")) == bars
        assert len(page.all("rect", **{"class": "chart-refused"})) == 1
        assert len(page.all("rect", **{"class": "chart-good"})) == {6: 2, 9: 2 if span == "day" else 3, 14: 3}.get(
            done, 2
        ) - (span == "week")
        assert (
            page.one("a", href=f"/admin?span={span if span in ('week', 'month') else 'day'}")["aria-current"] == "page"
        )


def test_bars_stay_within_the_picture(house, admin):
    asset = make_asset(house, "a")
    add_rows(house, 1, asset=asset)
    add_rows(house, 5000, asset=asset, at=START - HOUR)
    add_rows(house, 700, asset=asset, at=START - HOUR, event="token.failed", outcome="failed")
    house.clock.advance(60)
    count_all(house)

    page = dashboard(admin)

    _, _, width, height = map(float, page.one("svg", role="img")["viewbox"].split())
    for bar in page.all("rect"):
        x, y, w, h = (float(bar[name]) for name in ("x", "y", "width", "height"))
        assert 0 <= x < x + w <= width
        assert -0.1 <= y < y + h <= height
        assert h > 0


def test_the_page_counts_what_came_since_and_says_up_to_when(house, admin):
    make_asset(house, "a")
    make_person(house, "ben")
    house.signed_in("ben").get("/a")
    house.clock.advance(60)
    assert "1 issued" in said(dashboard(admin))
    assert "Counted up to 2027-01-15 08:00:00 UTC." in said(dashboard(admin))


def test_the_busiest_assets_come_first(house, admin):
    for path, amount in (("quiet", 1), ("busy", 9)):
        add_rows(house, amount, asset=make_asset(house, path))
    house.clock.advance(60)

    text = said(dashboard(admin))

    assert text.index("busybusy9") < text.index("quietquiet1")


def test_what_fails_says_why_and_for_whom_and_leads_to_the_row(house, admin):
    people = [make_person(house, f"p{number}") for number in range(7)]
    asset = make_asset(house, "a")
    for number, person in enumerate([*people, people[0]]):
        detail = json.dumps({"path": "a", "reason": "`user.email` is missing", "line": 2})
        add_rows(
            house,
            1,
            at=START + number,
            event="token.failed",
            outcome="failed",
            asset=asset,
            person=person,
            detail=detail,
        )
    add_rows(
        house, 1, at=START - 8 * DAY, event="token.failed", outcome="failed", asset="o" * 36, detail='{"reason": "old"}'
    )
    add_rows(
        house,
        1,
        event="token.failed",
        outcome="failed",
        asset="g" * 36,
        detail='{"path": "was/here", "reason": "gone"}',
    )

    page = dashboard(admin)

    newest = max(row["id"] for row in house.log("token.failed") if row["asset"] == asset)
    assert page.one("a", href=f"/admin/log/{newest}")
    assert page.all("a", href=f"/admin/assets/{asset}")
    assert "user.email is missing p0, p6, p5, p4, p3 and 2 more 8" in said(page)
    assert "was/here" in page.text
    assert "old" not in page.texts.get("bdi", [])


def test_of_many_reasons_the_latest_are_shown_and_the_others_counted(house, admin):
    people = [make_person(house, f"p{number}") for number in range(3)]
    make_asset(house, "a")
    for number in range(23):
        add_rows(house, 1, event="token.failed", outcome="failed", asset="g" * 36, person=people[number % 3],
                 detail=json.dumps({"path": "a", "reason": f"reason {number:02}."}))  # fmt: skip

    text = said(dashboard(admin))

    assert "reason 22." in text and "reason 03." in text and "reason 02." not in text
    assert "3 more assets or reasons failed." in text


def test_a_backlog_is_counted_in_part_and_the_page_says_so(house, admin):
    add_rows(house, 1_500, asset=make_asset(house, "a"), at=START - HOUR)
    house.clock.advance(60)

    first, second = said(dashboard(admin)), said(dashboard(admin))

    assert "More is being counted" in first and "More is being counted" not in second
    assert re.search(r"1.500 issued", second)


def change(house, path, **columns):
    with house.app.app_context(), writing():
        asset = db.session.query(Asset).filter_by(path=path).one()
        for name, value in columns.items():
            setattr(asset, name, value)


@pytest.mark.both_databases
def test_what_needs_a_look_is_counted_and_leads_to_the_list(house, admin):
    for number in range(8):
        make_asset(house, f"a{number}", secret=f"a-secret-of-its-own-of-asset-number-{number:06}")
    assert "Nothing stands out" in dashboard(admin).text
    make_asset(house, "weak", secret="short-one", weak=True)
    make_asset(house, "endless", lifetime=None, secret="shared-by-two-assets-0123456789abcdef")
    make_asset(house, "twin", secret="shared-by-two-assets-0123456789abcdef")
    change(house, "a0", live=False)
    change(house, "a1", failing=3)
    change(house, "a2", failing=0, unseen_since=1)
    change(house, "a3", unseen_since=2)
    change(house, "a4", weak=True, lifetime=None, live=False, failing=1, unseen_since=1, trashed_at=1)

    page = dashboard(admin)

    for kind, words in (
        ("failing", "1 asset gives some readers an error"),
        ("unseen", "2 assets were saved by editors and not seen since"),
        ("weak", "1 asset has a weak secret"),
        ("shared", "1 secret is used by several assets"),
        ("endless", "1 asset gives tokens that never expire"),
        ("off", "1 asset is switched off"),
    ):
        assert page.one("a", href=f"/admin/assets?show={kind}")
        assert words in said(page)


def test_many_are_counted_only_so_far(house, admin, monkeypatch):
    monkeypatch.setattr("mintmark.assets.attention.MOST", 2)
    for number in range(4):
        make_asset(house, f"a{number}", lifetime=None)

    assert "2 or more assets give tokens that never expire" in said(dashboard(admin))


def test_the_page_costs_the_same_number_of_statements_whatever_there_is(house, admin):
    amounts = []
    for start in (0, 5):
        for number in range(start, start + 5):
            asset, person = make_asset(house, f"a{number}"), make_person(house, f"p{number}")
            add_rows(house, 30, asset=asset, person=person)
            add_rows(house, 3, asset=asset, person=person, event="token.failed", outcome="failed", code=str(number))
        house.clock.advance(60)
        with statements(house) as made:
            dashboard(admin)
        amounts.append(len([each for each in made if not each.startswith(("BEGIN", "PRAGMA", "UPDATE session"))]))

    assert amounts[0] == amounts[1]
    assert amounts[0] <= 22, [each[:90] for each in made]


def test_where_the_database_cannot_be_written_the_page_shows_what_was_counted(sqlite_house, monkeypatch):
    def busy(*_arguments, **_options):
        raise Busy("Later.")

    make_person(sqlite_house, "ada", is_admin=True)
    make_asset(sqlite_house, "a")
    monkeypatch.setattr("mintmark.web.admin.dashboard.catch_up", busy)

    assert "0 issued" in said(dashboard(sqlite_house.signed_in("ada")))


def test_only_administrators_see_the_dashboard(sqlite_house):
    make_group(sqlite_house, "staff")
    make_person(sqlite_house, "ben", groups=["staff"])
    make_asset(sqlite_house, "a", editors=["staff"])

    assert sqlite_house.signed_in("ben").get("/admin").status_code == 403
    assert sqlite_house.client().get("/admin").status_code == 303


def test_hostile_texts_are_texts(sqlite_house):
    house, skeletons = sqlite_house, []
    make_person(house, "ada", is_admin=True)
    asset, person = make_asset(house, "a"), make_person(house, "ben")
    for text in ["x", *HOSTILE]:
        house.clock.advance(8 * DAY)
        with house.app.app_context(), writing():
            db.session.get(Asset, asset).name = text
            db.session.get(Person, person).display_name = text
        detail = json.dumps({"path": text, "reason": text})
        add_rows(house, 1, at=house.clock(), asset=asset, person=person)
        add_rows(
            house,
            1,
            at=house.clock(),
            asset=asset,
            person=person,
            event="token.failed",
            outcome="failed",
            detail=detail,
        )

        page = dashboard(house.signed_in("ada"))

        assert page.text.count(text) >= 2, text
        skeletons.append([(tag, attributes) for tag, attributes, _ in page.skeleton()])

    assert all(each == skeletons[0] for each in skeletons)


def test_signing_keys_that_run_out_stand_first_on_the_dashboard_and_the_worst_on_every_page(sqlite_house):
    house, now = sqlite_house, int(sqlite_house.clock())
    make_person(house, "ada", is_admin=True)
    make_asset(house, "plain")
    ada = house.signed_in("ada")
    assert BANNER not in ada.get("/account").text
    ids = {}
    for number, (key_id, moments) in enumerate(
        {"due": {"due_at": now + 3 * DAY}, "ends": {"retired_at": now + 2 * DAY}, "none": {}, "well": {}}.items()
    ):
        ids[key_id] = make_key(house, key_id, number=number, **moments)
        make_asset(house, key_id, signing_key=key_id, algorithm="ES256")
    revoke(house, "none")

    page = dashboard(ada)
    assert BANNER not in page.html
    for key_id in ("due", "ends", "none"):
        assert page.all("a", href=f"/admin/keys/{ids[key_id]}")
    assert not page.all("a", href=f"/admin/keys/{ids['well']}")
    text = said(page)
    assert "Signing key none: no key signs in its place, so its assets give no token" in text
    assert "Signing key ends stops signing at 2027-01-17 08:00:00 UTC and no key follows it" in text
    assert "Signing key due should be followed by another one from 2027-01-18 08:00:00 UTC on" in text
    assert len(page.all("li", **{"class": "note note-danger"})) == 2

    for address in ("/account", "/", "/admin/assets", "/help", "/admin/people", "/admin/nothing"):
        page = Page(ada.get(address).text)
        assert page.html.count(BANNER) == 1
        page.one("a", href=f"/admin/keys/{ids['none']}")
        assert "Signing key none: no key signs in its place, so its assets give no token. 2 more" in said(page)


def test_the_banner_says_each_kind_and_goes_when_a_key_follows(sqlite_house):
    house, now = sqlite_house, int(sqlite_house.clock())
    make_person(house, "ada", is_admin=True)
    ada = house.signed_in("ada")
    make_key(house, "k1", number=1, due_at=now + 15 * DAY)
    make_asset(house, "a", signing_key="k1", algorithm="ES256")
    assert "k1" not in ada.get("/account").text

    house.clock.advance(DAY)
    ada = house.signed_in("ada")
    assert "Signing key k1 should be followed by another one from 2027-01-30 08:00:00 UTC on." in said(
        Page(ada.get("/account").text)
    )
    make_next_key(house, "k1", "k2", retired_at=now + 3 * DAY)
    page = Page(ada.get("/account").text)
    assert "Signing key k2 stops signing at 2027-01-18 08:00:00 UTC and no key follows it" in said(page)
    assert "more" not in said(page).partition("no key follows it")[2].partition("Mintmark")[0]
    make_next_key(house, "k2", "k3")
    assert "k1" not in ada.get("/account").text and "k2" not in ada.get("/account").text


def test_nobody_but_administrators_learns_of_signing_keys(sqlite_house):
    house = sqlite_house
    make_group(house, "staff")
    make_person(house, "erin", groups=["staff"])
    make_person(house, "ben")
    make_key(house, "CANARY", number=1)
    make_asset(house, "a", signing_key="CANARY", algorithm="ES256", editors=["staff"])
    revoke(house, "CANARY")

    for client in (house.signed_in("erin"), house.signed_in("ben"), house.client()):
        for address in ("/", "/account", "/login", "/help", "/admin", "/admin/assets", "/admin/nothing"):
            answer = client.get(address)
            assert "CANARY" not in answer.text and BANNER not in answer.text, address


def test_many_keys_that_run_out_are_told_by_their_number_and_hostile_ids_are_texts(sqlite_house):
    house, now = sqlite_house, int(sqlite_house.clock())
    make_person(house, "ada", is_admin=True)
    for number in range(12):
        hostile = f'"><script>alert({number})</script>'
        make_key(house, hostile, number=number, retired_at=now + DAY)
        make_asset(house, f"a{number}", signing_key=hostile, algorithm="ES256")

    ada = house.signed_in("ada")

    page, other = dashboard(ada), Page(ada.get("/account").text)
    assert "2 more signing keys run out" in said(page) and "11 more" in said(other)
    assert (page.text.count('"><script>alert('), other.text.count('"><script>alert(')) == (10, 1)
    assert not page.all("script") and not other.all("script")
    assert page.all("a", href="/admin/keys")


@pytest.mark.both_databases
def test_the_banner_costs_one_statement_however_many_keys_there_are(house):
    make_person(house, "ada", is_admin=True)
    amounts = []
    for start in (0, 5, 10):
        if start:
            for number in range(start, start + 5):
                make_key(house, f"k{number}", number=number, retired_at=int(house.clock()) + DAY)
                make_asset(house, f"a{number}", signing_key=f"k{number}", algorithm="ES256")
        ada = house.signed_in("ada")
        with statements(house) as made:
            assert ada.get("/account").status_code == 200
        amounts.append((len(made), len([each for each in made if "signing_key" in each])))

    assert len(set(amounts)) == 1
    assert amounts[0][1] == 1


def test_warnings_about_who_signs_people_in_are_counted_with_links_and_marked_in_the_lists(house, admin):
    make_asset(house, "a", secret="another-secret-0123456789-0123456789")
    assert "about who signs people in" in said(dashboard(admin))  # Nothing stands out there.
    quiet = make_issuer(house, "https://quiet.test", name="quiet")
    warned = make_issuer(house, one_time=False, attribute_map={"email": "email"})
    make_issuer(house, "https://off.test", name="off", one_time=False, live=False)
    campus = make_provider(house, attribute_map={"email": "email"})

    page = dashboard(admin)
    assert "3 warnings about who signs people in: portal, campus" in said(page)
    assert page.one("a", href=f"/admin/issuers/{warned}") and page.one("a", href=f"/admin/openid/{campus}")
    assert not page.all("a", href=f"/admin/issuers/{quiet}")
    for address, words in (("/admin/issuers", "2 warnings"), ("/admin/openid", "1 warning")):
        listed = Page(admin.get(address).text)
        assert len(listed.all("span", **{"class": "state state-warning"})) == 1 and words in said(listed)
    assert "It says the e-mail addresses" in said(Page(admin.get(f"/admin/openid/{campus}").text))
    for number in range(5):
        make_issuer(house, f"https://{number}.test", name=f"n{number}", one_time=False)
    assert "n4 and 2 more in the lists of trusted issuers and OpenID providers" in said(dashboard(admin))
