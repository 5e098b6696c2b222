"""The pages that move an asset, end a path that it left, and copy it; and who is first when two want one path."""

import json
import threading
from contextlib import contextmanager

import pytest

from mintmark.assets import moves, save
from mintmark.assets.secrets import SecretValue
from mintmark.errors import FieldError
from mintmark.models import db, writing
from mintmark.models.base import writing_to
from mintmark.unverified import read_unverified
from mintmark.web.admin import asset, asset_form, asset_moves, asset_trash
from tests.conftest import PASSWORD, SECRET, csrf_of
from tests.making import change_asset, make_asset, make_group, make_person
from tests.test_pages import Page


@pytest.fixture
def desk(sqlite_house):
    """An asset at `desk`, and `ada`, who administers."""
    make_person(sqlite_house, "ada", is_admin=True)
    make_group(sqlite_house, "staff")
    sqlite_house.desk = make_asset(sqlite_house, "desk", name="Desk", readers=["staff"], lifetime=99)
    sqlite_house.ada = sqlite_house.signed_in("ada")
    return sqlite_house


def post(house, what, **fields):
    base = f"/admin/assets/{house.desk}"
    token = csrf_of(house.ada.get(f"{base}/{what.partition('/')[0]}"))
    return house.ada.post(f"{base}/{what}", data={"csrf_token": token, **fields})


def paths(house):
    return [row["path"] for row in house.rows("SELECT path FROM asset ORDER BY path")]


# Moving


def test_the_form_moves_the_asset_and_says_for_how_long_the_old_path_answers(desk):
    answer = post(desk, "move", path="/help-desk", days="1")

    assert (answer.status_code, answer.location) == (303, f"/admin/assets/{desk.desk}")
    assert "Moved to /help-desk. The path /desk answers for 1 more day." in desk.ada.get("/").text
    assert paths(desk) == ["help-desk"]
    assert desk.ada.get("/desk").status_code == desk.ada.get("/help-desk").status_code == 200


def test_the_form_offers_the_present_path_and_thirty_days(desk):
    page = Page(desk.ada.get(f"/admin/assets/{desk.desk}/move").text)

    assert page.one("input", name="path")["value"] == "desk"
    assert page.one("input", name="days")["value"] == "30"


REFUSED_MOVES = [
    ("chat", "30", "is taken by another asset"),
    ("desk", "30", "is where the asset lives already"),
    ("Not A Path", "30", "takes segments of a–z"),
    ("admin/x", "30", "which the site keeps for itself"),
    ("", "30", "is empty"),
    ("x", "366", "takes a whole number from 0 to 365"),
    ("x", "-1", "takes a whole number from 0 to 365"),
    ("x", "soon", "takes a whole number from 0 to 365"),
    ("x", "٣", "takes a whole number from 0 to 365"),
    ("x", "", "takes a whole number from 0 to 365"),
]


def test_white_space_around_the_days_of_any_kind_is_no_mistake_of_the_site(desk):
    assert post(desk, "move", path="elsewhere", days=" 1\x1f").status_code == 303


def test_what_is_wrong_is_said_and_what_was_typed_stands_there_still(desk):
    make_asset(desk, "chat")
    for path, days, words in REFUSED_MOVES:
        answer = post(desk, "move", path=path, days=days)

        page = Page(answer.text)
        assert answer.status_code == 422
        assert words in page.text
        assert page.one("input", name="path")["value"] == path
        assert page.one("input", name="days")["value"] == days
    assert paths(desk) == ["chat", "desk"]


def test_former_paths_stand_on_the_page_and_are_ended_there(desk):
    post(desk, "move", path="help-desk", days="30")
    assert "/desk" in desk.ada.get(f"/admin/assets/{desk.desk}/move").text

    assert post(desk, "move/end", path="desk").status_code == 303

    assert desk.ada.get("/desk").status_code == 404
    assert "No former path answers" in desk.ada.get(f"/admin/assets/{desk.desk}/move").text
    assert desk.log("asset.revised")[-1]["detail"] == '{"path":"help-desk","fields":["former_paths"],"ended":"desk"}'


def test_ending_a_path_that_does_not_answer_is_404(desk):
    for path in ("desk", "nothing", "", "../x", "\0"):
        assert post(desk, "move/end", path=path).status_code == 404


def test_many_former_paths_are_paged(desk):
    with desk.app.app_context(), writing():
        asset, sealer = save.lock_asset(desk.desk), desk.mint.settings.sealer
        for number in range(52):
            moves.move(asset, f"desk-{number}", days=3, sealer=sealer, by=desk.by())

    first = Page(desk.ada.get(f"/admin/assets/{desk.desk}/move").text)
    second = Page(desk.ada.get(first.one("a", rel="next")["href"]).text)

    assert len(first.all("tr")) == 51 and len(second.all("tr")) == 3


# Copying


def test_a_copy_has_a_secret_of_its_own_and_all_else_alike(desk):
    values = filled(desk)
    answer = post(desk, "copy", **values, path="chat")

    copied = answer.location.rpartition("/")[2]
    assert answer.status_code == 303 and copied != desk.desk
    [one, other] = desk.rows("SELECT definition, asset_id FROM revision ORDER BY asset_id = :new", new=copied)
    assert as_copied(other["definition"]) == as_copied(one["definition"])
    assert len({row["fingerprint"] for row in desk.rows("SELECT fingerprint FROM secret")}) == 2
    [row] = [row for row in desk.log("asset.created") if row["asset"] == copied]
    assert f'"copied_from":"{desk.desk}","same_secret":false' in row["detail"]
    assert values["secret"] not in row["detail"]
    assert desk.ada.get("/chat").status_code == 200


def as_copied(definition):
    return {**json.loads(definition), "path": "", "name": ""}


def filled(house, **fields):
    """Return what the form for a copy holds when it is opened."""
    page = Page(house.ada.get(f"/admin/assets/{house.desk}/copy").text)
    secret = page.one("input", name="secret")["value"]
    assert len(secret) == 64
    return {"name": "Desk", "kept": "new", "secret": secret, "secret_encoding": "text", **fields}


def test_each_time_another_secret_is_offered_and_never_the_one_that_is_kept(desk):
    one, other = filled(desk)["secret"], filled(desk)["secret"]

    assert len({one, other, SECRET}) == 3
    assert SECRET not in desk.ada.get(f"/admin/assets/{desk.desk}/copy").text


def test_the_same_secret_is_kept_where_that_is_chosen(desk):
    values = filled(desk, kept="same")

    assert post(desk, "copy", **values, path="chat").status_code == 303
    assert len({row["fingerprint"] for row in desk.rows("SELECT fingerprint FROM secret")}) == 1
    assert '"same_secret":true' in desk.log("asset.created")[-1]["detail"]


def test_the_key_id_of_the_same_secret_comes_with_it(desk):
    with desk.app.app_context(), writing():
        value, sealer = SecretValue(SECRET.encode(), False, "desk-1"), desk.mint.settings.sealer
        kept = save.lock_asset(desk.desk)
        save.revise(kept, save.current_revision(kept).definition, value, sealer=sealer, by=desk.by())

    assert post(desk, "copy", **filled(desk, kept="same"), path="chat").status_code == 303
    assert read_unverified(desk.ada.get("/chat").text).unverified_header["kid"] == "desk-1"


def test_keeping_the_same_secret_asks_for_the_password_a_while_after_the_sign_in(desk):
    desk.clock.advance(16 * 60)
    values = {**filled(desk, kept="same"), "path": "chat"}
    for password in ("", "wrong"):
        answer = post(desk, "copy", **values, own_password=password)

        assert answer.status_code == 422
        assert Page(answer.text).one("input", name="path")["value"] == "chat"
        assert "value" not in Page(answer.text).one("input", name="own_password")
    assert paths(desk) == ["desk"]

    assert post(desk, "copy", **values, own_password=PASSWORD).status_code == 303
    assert paths(desk) == ["chat", "desk"]


def test_a_copy_with_another_secret_asks_for_no_password(desk):
    desk.clock.advance(16 * 60)

    assert post(desk, "copy", **filled(desk), path="chat").status_code == 303


REFUSED_COPIES = [
    ({"path": "desk"}, "is taken by another asset"),
    ({"path": ""}, "is empty"),
    ({"name": ""}, "is empty"),
    ({"secret": "short"}, "has 5 bytes"),
    ({"secret_encoding": "rot13"}, "takes one of text"),
    ({"kept": "both"}, "takes one of new, same"),
]


def test_a_copy_that_is_refused_keeps_what_was_typed_the_unsaved_secret_too(desk):
    good = filled(desk, path="chat")
    for fields, words in REFUSED_COPIES:
        values = {**good, **fields}
        answer = post(desk, "copy", **values)

        page = Page(answer.text)
        assert answer.status_code == 422
        assert words in page.text
        for name in ("path", "name", "secret"):
            assert page.one("input", name=name)["value"] == values[name]
    assert paths(desk) == ["desk"]


def test_a_copy_of_what_does_not_hold_today_is_refused_in_words(desk):
    change_asset(desk, "desk", template='{"a": "{{ user.attributes.gone }}"}')
    answer = post(desk, "copy", **filled(desk), path="chat")

    assert answer.status_code == 422
    assert "user.attributes.gone" in answer.text
    assert paths(desk) == ["desk"]


def test_a_name_with_markup_stands_as_text_on_both_pages(desk):
    change_asset(desk, "desk", name='"><script>x</script>')
    for page in ("move", "copy"):
        assert "<script>x" not in desk.ada.get(f"/admin/assets/{desk.desk}/{page}").text


def test_a_secret_that_was_read_before_the_algorithm_changed_is_not_copied_to(desk):
    """RFC 7518 §3.2: the secret is as long as the algorithm of the copy asks, not that of a moment ago."""
    long_enough_before, sealer = SecretValue(b"s" * 32, weak=False), desk.mint.settings.sealer
    asset_id = make_asset(desk, "long", algorithm="HS512", secret="l" * 64)

    with desk.app.app_context(), pytest.raises(FieldError, match="HS512 takes at least 64"), writing():
        moves.copy(save.lock_asset(asset_id), "short", "Short", long_enough_before, sealer=sealer, by=desk.by())

    assert "short" not in paths(desk)


@pytest.mark.parametrize("what", ["move", "copy"])
def test_who_only_edits_moves_and_copies_nothing(desk, what):
    make_group(desk, "editors")
    make_person(desk, "ben", groups=["editors"])
    make_asset(desk, "bens", editors=["editors"])
    [asset] = desk.rows("SELECT id FROM asset WHERE path = 'bens'")
    ben = desk.signed_in("ben")

    assert ben.get(f"/admin/assets/{asset['id']}/{what}").status_code == 403
    assert ben.post(f"/admin/assets/{asset['id']}/{what}").status_code == 403
    assert desk.ada.post(f"/admin/assets/{desk.desk}/{what}").status_code == 400


@pytest.mark.parametrize("what", ["move", "move/end", "copy", "switch", "seen", "trash"])
def test_who_loses_the_right_between_request_and_act_does_nothing(desk, monkeypatch, what):
    token = csrf_of(desk.ada.get(f"/admin/assets/{desk.desk}/move"))
    lose_right_before_writing(desk, monkeypatch)
    fields = {"path": "goal", "days": "9", "name": "Goal", "kept": "new", "revision": "1"}
    fields |= {"secret": "x" * 64, "secret_encoding": "text", "csrf_token": token}

    assert desk.ada.post(f"/admin/assets/{desk.desk}/{what}", data=fields).status_code == 403
    assert paths(desk) == ["desk"]
    assert desk.rows("SELECT revision FROM asset WHERE trashed_at IS NULL") == [{"revision": 1}]


def lose_right_before_writing(house, monkeypatch):
    """Let `ada` be no administrator any more from the moment in which a view begins to write."""

    @contextmanager
    def later():
        with writing_to(db.engine) as connection:
            connection.exec_driver_sql("UPDATE person SET is_admin = false WHERE username = 'ada'")
        with writing() as session:
            yield session

    for module in (asset, asset_form, asset_moves, asset_trash):
        monkeypatch.setattr(module, "writing", later)


# Two at once


def test_of_two_moves_to_one_path_one_is_first_and_the_other_is_told(house):
    assets = [make_asset(house, path) for path in ("one", "two")]
    results = at_once(house, [lambda asset=asset: move_it(house, asset) for asset in assets])

    assert sorted(map(str, results)) == ["None", "is taken by another asset"]
    assert "goal" in paths(house) and len(paths(house)) == 2


def test_who_takes_the_path_that_another_leaves_at_this_moment_is_refused(house):
    moving = make_asset(house, "goal")

    def leave():
        with house.app.app_context(), writing():
            moves.move(save.lock_asset(moving), "left", days=1, sealer=house.mint.settings.sealer, by=house.by())

    results = at_once(house, [leave, lambda: make_asset(house, "goal")])

    refused = [str(result) for result in results if isinstance(result, FieldError)]
    assert refused and all("taken" in words or "still answers" in words for words in refused)
    assert paths(house) == ["left"]


def move_it(house, asset_id):
    with house.app.app_context(), writing():
        asset = save.lock_asset(asset_id)
        moves.move(asset, "goal", days=1, sealer=house.mint.settings.sealer, by=house.by())


def at_once(house, acts):
    """Do all of it at the same moment; return what each gave or was refused with."""
    gate, results = threading.Barrier(len(acts)), []

    def run(act):
        gate.wait()
        try:
            results.append(act())
        except FieldError as error:
            results.append(error)

    threads = [threading.Thread(target=run, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == len(acts)
    return results
