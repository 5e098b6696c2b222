"""The page of all assets: the tree, what is searched, the lists, and what an editor sees of them."""

import pytest
from sqlalchemy import event

from mintmark.models import Asset, db, writing
from tests.making import make_asset, make_group, make_person
from tests.test_asset_tree import insert_assets
from tests.test_pages import HOSTILE, Page


@pytest.fixture
def ada(sqlite_house):
    make_person(sqlite_house, "ada", is_admin=True)
    return sqlite_house.signed_in("ada")


def links(page, start):
    return [found["href"] for found in page.all("a") if found.get("href", "").startswith(start)]


def shown(client, address="/admin/assets"):
    answer = client.get(address)
    assert answer.status_code == 200, answer.text
    return Page(answer.text)


def rows_of(page):
    return len(page.all("th", scope="row"))


def statements_of(house, client, address):
    """Return how many statements a page costs."""
    counted = []

    def count(*arguments):
        counted.append(arguments[2])

    with house.app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", count)
    try:
        shown(client, address)
    finally:
        event.remove(engine, "before_cursor_execute", count)
    return len(counted)


def test_a_site_without_assets_says_how_to_begin(ada):
    page = shown(ada)

    assert "There is no asset yet" in page.text
    assert len(links(page, "/admin/assets/new")) == 2  # in the head, and where to begin


def test_the_top_of_the_tree_shows_folders_and_assets(sqlite_house, ada):
    helpdesk = make_asset(sqlite_house, "integrations/help/desk", name="Help desk")
    chat = make_asset(sqlite_house, "chat", name="Chat", lifetime=None, secret="0123456789", weak=True, live=False)

    top = shown(ada)
    assert "/admin/assets?under=integrations" in links(top, "/admin/assets?under")
    assert f"/admin/assets/{chat}" in links(top, "/admin/assets/")
    assert "Help desk" not in top.text and "1 asset" in top.text
    for words in ("Switched off", "Never expires", "Weak secret", "Anybody who is signed in", "2027-01-15"):
        assert words in top.text, words

    folder = shown(ada, "/admin/assets?under=integrations/help")
    assert f"/admin/assets/{helpdesk}" in links(folder, "/admin/assets/") and "10 minutes" in folder.text
    assert links(folder, "/admin/assets?under") == ["/admin/assets?under=integrations"]
    assert "/admin/assets/new?under=integrations/help" in links(folder, "/admin/assets/new")


def test_who_may_fetch_stands_in_words(sqlite_house, ada):
    make_group(sqlite_house, "staff")
    make_group(sqlite_house, "<b>desk</b>")
    make_asset(sqlite_house, "a", readers=["staff"], editors=["<b>desk</b>"])
    make_asset(sqlite_house, "b", readers=[])

    page = shown(ada)
    assert "People in staff and its editors <b>desk</b>" in page.text and "Nobody but administrators" in page.text


def test_what_is_searched_is_found_by_path_and_name(sqlite_house, ada):
    make_asset(sqlite_house, "integrations/helpdesk", name="Customer care")
    make_asset(sqlite_house, "integrations/chat", name="Rooms")

    for words, found in (("custom", 1), ("INTEGR", 2), ("integr rooms", 1), ("nothing", 0), ("!", 0)):
        page = shown(ada, f"/admin/assets?q={words}")
        assert rows_of(page) == found, words
        assert page.one("input", id="q")["value"] == words
    assert "No asset has these words" in page.text


def test_each_list_comes_in_pages_of_fifty(sqlite_house, ada):
    paths = [f"many/asset-{number:03}" for number in range(120)]
    insert_assets(sqlite_house, paths, lifetime=None, fingerprint="0" * 16)

    for address in ("?q=asset", "?show=endless", "?under=many", "?show=shared"):
        seen, page = [], shown(ada, f"/admin/assets{address}")
        assert "First page" not in page.text
        while following := page.all("a", rel="next"):
            seen.append(rows_of(page))
            page = shown(ada, following[0]["href"])
            assert "First page" in page.text
        assert [*seen, rows_of(page)] == [50, 50, 20], address


def test_a_page_costs_the_same_number_of_statements_whatever_there_is(sqlite_house, ada):
    make_asset(sqlite_house, "one/asset", lifetime=None)
    make_group(sqlite_house, "desk")
    make_person(sqlite_house, "ben", groups=["desk"])
    ben = sqlite_house.signed_in("ben")
    make_asset(sqlite_house, "one/ours", lifetime=None, editors=["desk"])
    addresses = ["", "?under=one", "?q=asset", "?show=endless"]
    before = [statements_of(sqlite_house, each, "/admin/assets" + a) for each in (ada, ben) for a in addresses]
    insert_assets(sqlite_house, [f"one/asset-{number:04}" for number in range(300)], lifetime=None)
    after = [statements_of(sqlite_house, each, "/admin/assets" + a) for each in (ada, ben) for a in addresses]

    assert after == before and max(after) <= 12


def test_the_lists_say_why_an_asset_stands_there_and_when_they_are_empty(sqlite_house, ada):
    make_asset(sqlite_house, "a")
    for show in ("failing", "unseen", "endless", "weak", "shared", "off", "trash"):
        assert rows_of(shown(ada, f"/admin/assets?show={show}")) == 0, show
    with sqlite_house.app.app_context(), writing():
        asset = db.session.query(Asset).one()
        asset.failing, asset.unseen_since = 3, 1

    assert "Fails for some" in shown(ada, "/admin/assets?show=failing").text
    assert "Saved by an editor" in shown(ada, "/admin/assets?show=unseen").text


def test_the_trash_leads_to_where_one_restores(sqlite_house, ada):
    asset_id = make_asset(sqlite_house, "a")
    with sqlite_house.app.app_context(), writing():
        db.session.get(Asset, asset_id).trashed_at = 1_800_000_000

    assert f"/admin/assets/{asset_id}/trash" in links(shown(ada, "/admin/assets?show=trash"), "/admin/assets/")
    assert rows_of(shown(ada)) == 0


ODD = ["?after=%00", "?q=%00", "?q=%F0%9F%92%A5", "?show=none", "?under=../x", "?under=UP", "?under=x&after=y", "?show=trash&after=%EF%BC%91%20x", "?show=trash&after=99999999999999999999 x", "?show=shared&after=x", "?q=a&after=b", "?q=" + "w" * 3000]  # fmt: skip


@pytest.mark.both_databases
def test_any_address_gives_a_page(house):
    make_person(house, "ada", is_admin=True)
    make_asset(house, "a/b")
    ada = house.signed_in("ada")

    for address in ODD:
        shown(ada, "/admin/assets" + address)


def test_hostile_names_and_words_stay_text(sqlite_house, ada):
    plain = shown(ada, "/admin/assets?q=zzz").skeleton()
    for text in HOSTILE:
        found = Page(ada.get("/admin/assets", query_string={"q": text}).text)
        assert found.one("input", id="q")["value"] == text[:200] and found.skeleton() == plain

    for number, text in enumerate(HOSTILE):
        make_asset(sqlite_house, f"a/n{number}", name=text)
    page = shown(ada, "/admin/assets?under=a")
    assert all(text in page.text for text in HOSTILE) and rows_of(page) == len(HOSTILE)


@pytest.fixture
def ben(sqlite_house):
    """ben edits ours/a, not others/b."""
    make_group(sqlite_house, "desk")
    make_group(sqlite_house, "others")
    make_person(sqlite_house, "ben", groups=["desk"])
    make_asset(sqlite_house, "ours/a", name="Help desk", lifetime=None, editors=["desk"])
    make_asset(sqlite_house, "others/b", name="Help others", lifetime=None, editors=["others"], live=False)
    return sqlite_house.signed_in("ben")


def test_an_editor_sees_only_what_they_edit(ben):
    for address in (
        "",
        "?q=help",
        "?show=endless",
        "?show=off",
        "?show=trash",
        "?show=shared",
        "?show=unseen",
        "?under=others",
    ):
        assert "others/b" not in shown(ben, "/admin/assets" + address).text, address
    assert "ours/" in shown(ben).text
    assert (
        "Help desk" in shown(ben, "/admin/assets?q=help").text
        and "Help desk" in shown(ben, "/admin/assets?show=endless").text
    )


def test_an_editor_is_offered_neither_a_new_asset_nor_lists_that_tell_of_others(ben):
    page = shown(ben)

    assert links(page, "/admin/assets/new") == []
    assert not {f"/admin/assets?show={show}" for show in ("unseen", "shared", "trash")} & set(
        links(page, "/admin/assets?show")
    )


def test_who_edits_nothing_does_not_enter(sqlite_house, ben):
    make_person(sqlite_house, "carl")

    assert sqlite_house.signed_in("carl").get("/admin/assets").status_code == 403


def test_after_signing_in_one_is_back_in_the_same_list(sqlite_house):
    make_person(sqlite_house, "ada", is_admin=True)
    address = "/admin/assets?show=weak&after=a"
    client = sqlite_house.client()
    to_sign_in = client.get(address).headers["Location"]

    answer = sqlite_house.post_form(
        client, "/login", page=to_sign_in, username="ada", password="correct horse battery", next=address
    )
    assert answer.headers["Location"] == address
