"""The trash: out of reach at once, back whole, or gone for good with all that was kept but the log."""

import json

import pytest

from mintmark.assets import moves, save, trash
from mintmark.errors import NotFound
from mintmark.models import db, writing
from tests.conftest import PASSWORD, SECRET, csrf_of
from tests.making import change_asset, make_asset, make_attribute, make_group, make_person
from tests.test_asset_moves import at_once, lose_right_before_writing
from tests.test_pages import Page


@pytest.fixture
def desk(sqlite_house):
    """An asset at `desk` with an editor `ben`; `ada` administers."""
    make_group(sqlite_house, "editors")
    make_person(sqlite_house, "ada", is_admin=True)
    make_person(sqlite_house, "ben", groups=["editors"])
    sqlite_house.desk = make_asset(sqlite_house, "desk", name="Help desk", editors=["editors"])
    sqlite_house.ada = sqlite_house.signed_in("ada")
    return sqlite_house


def post(house, what="", **fields):
    page = f"/admin/assets/{house.desk}/trash"
    return house.ada.post(page + what, data={"csrf_token": csrf_of(house.ada.get(page)), **fields})


def page_of(house):
    return Page(house.ada.get(f"/admin/assets/{house.desk}/trash").text)


def words(house):
    return [row["word"] for row in house.rows("SELECT word FROM search_word WHERE kind = 'asset' ORDER BY word")]


def asset(house, columns="path, live, revision, trashed_at"):
    return house.rows(f"SELECT {columns} FROM asset WHERE id = :id", id=house.desk)[0]


def test_in_the_trash_an_asset_answers_404_and_is_nobodys_to_edit(desk):
    ben = desk.signed_in("ben")
    assert desk.ada.get("/desk").status_code == 200

    answer = post(desk)

    assert (answer.status_code, answer.location) == (303, f"/admin/assets/{desk.desk}/trash")
    assert desk.ada.get("/desk").status_code == 404
    assert desk.ada.get(f"/admin/assets/{desk.desk}/edit").status_code == 404
    assert desk.ada.get(f"/admin/assets/{desk.desk}/revisions").status_code == 404
    assert ben.get(f"/admin/assets/{desk.desk}/edit").status_code == 403
    assert ben.get(f"/admin/assets/{desk.desk}/trash").status_code == 403
    assert words(desk) == []
    assert desk.log("asset.trashed")[0]["actor"] == desk.rows("SELECT id FROM person WHERE username = 'ada'")[0]["id"]


def test_what_is_in_the_trash_is_not_trashed_again_and_what_is_not_there_is_not_restored(desk):
    assert post(desk, "/restore", path="desk").status_code == 404
    assert post(desk, "/purge", confirmed_path="desk").status_code == 404
    post(desk)
    assert post(desk).status_code == 404
    assert len(desk.log("asset.trashed")) == 1


def test_restored_it_answers_at_once_as_the_same_revision(desk):
    post(desk)
    answer = post(desk, "/restore", path="desk")

    assert (answer.status_code, answer.location) == (303, f"/admin/assets/{desk.desk}")
    assert desk.ada.get("/desk").status_code == 200
    assert asset(desk) == {"path": "desk", "live": 1, "revision": 1, "trashed_at": None}
    assert words(desk) == ["desk", "help"]
    assert desk.signed_in("ben").get(f"/admin/assets/{desk.desk}/revisions").status_code == 200
    assert json.loads(desk.log("asset.restored")[0]["detail"]) == {"path": "desk"}


def test_where_its_path_is_taken_another_one_is_asked_for(desk):
    post(desk)
    make_asset(desk, "desk", name="The next desk")
    assert "taken by The next desk" in page_of(desk).text

    refused = post(desk, "/restore", path="desk")
    assert refused.status_code == 422
    assert "is taken by another asset" in Page(refused.text).text

    assert post(desk, "/restore", path="/desk/old").status_code == 303
    assert asset(desk) == {"path": "desk/old", "live": 1, "revision": 2, "trashed_at": None}
    assert desk.ada.get("/desk/old").status_code == 200


def test_a_path_that_is_none_is_refused_and_stands_there_still(desk):
    post(desk)
    for path in ("", "No", "admin", "x" * 256):
        answer = post(desk, "/restore", path=path)

        assert answer.status_code == 422
        assert Page(answer.text).one("input", name="path")["value"] == path
    assert asset(desk)["trashed_at"]


def test_what_does_not_hold_any_more_comes_back_switched_off_and_says_why(desk):
    # Given a template whose attribute went while it was in the trash
    make_attribute(desk, "department")
    change_asset(desk, "desk", template='{"sub": "{{ user.attributes.department | omit }}x"}')
    post(desk)
    with desk.app.app_context(), writing() as session:
        session.execute(db.text("DELETE FROM attribute"))

    answer = post(desk, "/restore", path="desk")

    assert answer.status_code == 303
    assert asset(desk) == {"path": "desk", "live": 0, "revision": 3, "trashed_at": None}
    said = desk.ada.get("/account").text
    assert "switched off" in said and "user.attributes.department" in said
    assert desk.ada.get("/desk").status_code == 404


# Purging


def test_purging_takes_away_all_of_it_and_the_log_keeps_what_happened(desk):
    # Given a second revision and secret, a former path, counts, and a token
    other = make_asset(desk, "chat")
    change_asset(desk, "desk", lifetime=30)
    with desk.app.app_context(), writing():
        moves.move(save.lock_asset(desk.desk), "a/b", days=9, sealer=desk.mint.settings.sealer, by=desk.by())
    assert desk.ada.get("/desk").status_code == 200
    with desk.app.app_context(), writing() as session:
        for each in (desk.desk, other):
            session.execute(db.text("INSERT INTO token_count VALUES (:id, 0, 'done', 1)"), {"id": each})
    before = len(desk.rows("SELECT id FROM log WHERE asset = :id", id=desk.desk))
    post(desk)

    answer = post(desk, "/purge", confirmed_path="/a/b")

    assert (answer.status_code, answer.location) == (303, "/admin/assets?show=trash")
    for table, column in (
        ("asset", "id"),
        ("revision", "asset_id"),
        ("secret", "asset_id"),
        ("access", "asset_id"),
        ("former_path", "asset_id"),
        ("token_count", "asset"),
        ("search_word", "entry_id"),
    ):
        rows = desk.rows(f"SELECT {column} AS id FROM {table}")
        assert desk.desk not in {row["id"] for row in rows}, table
    assert desk.ada.get("/chat").status_code == 200
    assert desk.rows("SELECT asset FROM token_count") == [{"asset": other}]
    kept = desk.rows("SELECT event, detail FROM log WHERE asset = :id ORDER BY id", id=desk.desk)
    assert len(kept) == before + 2
    assert (kept[-1]["event"], json.loads(kept[-1]["detail"])) == ("asset.purged", {"path": "a/b"})


def test_purging_takes_the_path_typed(desk):
    post(desk)
    for path in ("", "desks", "DESK", "chat"):
        answer = post(desk, "/purge", confirmed_path=path)

        page = Page(answer.text)
        assert answer.status_code == 422
        assert "is not desk, the path of this asset" in page.text
        assert "open" in page.one("details")
    assert asset(desk)["trashed_at"]


def test_purging_asks_for_the_password_a_while_after_the_sign_in(desk):
    post(desk)
    desk.clock.advance(16 * 60)
    for password in ("", "wrong"):
        assert post(desk, "/purge", confirmed_path="desk", own_password=password).status_code == 422
    assert len(desk.rows("SELECT id FROM asset")) == 1

    assert post(desk, "/purge", confirmed_path="desk", own_password=PASSWORD).status_code == 303
    assert desk.rows("SELECT id FROM asset") == []


@pytest.mark.parametrize("what", ["restore", "purge"])
def test_who_loses_the_right_between_request_and_act_does_nothing(desk, monkeypatch, what):
    post(desk)
    token = csrf_of(desk.ada.get(f"/admin/assets/{desk.desk}/trash"))
    lose_right_before_writing(desk, monkeypatch)
    fields = {"csrf_token": token, "path": "desk", "kept": "same", "confirmed_path": "desk"}

    assert desk.ada.post(f"/admin/assets/{desk.desk}/trash/{what}", data=fields).status_code == 403
    assert len(desk.rows("SELECT id FROM asset WHERE trashed_at IS NOT NULL")) == 1


def test_the_act_itself_purges_nothing_that_is_in_use(desk):
    with desk.app.app_context(), pytest.raises(ValueError, match="only what is in the trash"), writing():
        trash.purge(save.lock_asset(desk.desk), by=desk.by())


def test_no_page_of_the_trash_shows_a_secret_and_names_stand_as_text(desk):
    change_asset(desk, "desk", name="<b>Desk")
    for _ in range(2):
        answer = desk.ada.get(f"/admin/assets/{desk.desk}/trash")
        assert "<b>" not in answer.text and SECRET not in answer.text
        post(desk)


def test_a_form_that_is_not_ours_does_nothing(desk):
    for what in ("", "/restore", "/purge"):
        assert desk.ada.post(f"/admin/assets/{desk.desk}/trash{what}", data={"path": "desk"}).status_code == 400
    assert asset(desk)["trashed_at"] is None


# Two at once


def test_who_saves_an_asset_while_it_is_trashed_saves_before_or_not_at_all(house):
    asset_id = make_asset(house, "desk")

    def put_away():
        with house.app.app_context(), writing():
            trash.trash(save.lock_asset(asset_id), by=house.by())

    def save_it():
        with house.app.app_context(), writing():
            try:
                kept = save.lock_asset(asset_id)
            except NotFound:
                return "not found"
            definition = {**save.current_revision(kept).definition, "lifetime": 77}
            save.revise(kept, definition, None, sealer=house.mint.settings.sealer, by=house.by())
            return "saved"

    results = at_once(house, [put_away, save_it])

    events = [row["event"] for row in house.log() if row["asset"] == asset_id]
    is_saved = "saved" in results
    assert events == ["asset.created", *(["asset.revised"] if is_saved else []), "asset.trashed"]
    assert house.rows("SELECT revision FROM asset") == [{"revision": 2 if is_saved else 1}]


def test_of_two_that_want_a_path_one_restores_and_the_other_is_told(house):
    trashed = make_asset(house, "desk")
    with house.app.app_context(), writing():
        trash.trash(save.lock_asset(trashed), by=house.by())

    def restore():
        with house.app.app_context(), writing():
            kept = save.lock_asset(trashed, is_trashed=True)
            trash.restore(kept, "desk", sealer=house.mint.settings.sealer, by=house.by())

    results = at_once(house, [restore, lambda: make_asset(house, "desk") and None])

    assert sorted(map(str, results)) == ["None", "is taken by another asset"]
    assert len(house.rows("SELECT id FROM asset WHERE trashed_at IS NULL")) == 1
