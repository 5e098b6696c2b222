"""After a move the old path answers as long as the administrator says, for the same asset and the same people."""

import json

import jwt
import pytest

from mintmark.assets import former, moves, save, trash
from mintmark.assets.definition import read_definition
from mintmark.assets.former import DAY_SECONDS
from mintmark.assets.secrets import read_secret
from mintmark.errors import FieldError
from mintmark.models import writing
from tests.conftest import SECRET
from tests.making import make_asset, make_group, make_person


@pytest.fixture
def desk(house):
    """An asset at `desk` for the group `staff`; `ben` is in it, `eve` is not."""
    make_group(house, "staff")
    make_person(house, "ben", groups=["staff"], password=None)
    make_person(house, "eve", password=None)
    house.desk = make_asset(house, "desk", readers=["staff"])
    return house


def move(house, asset_id, path, days=30):
    with house.app.app_context(), writing():
        moves.move(save.lock_asset(asset_id), path, days=days, sealer=house.mint.settings.sealer, by=house.by())


def act(house, asset_id, do, **options):
    with house.app.app_context(), writing():
        return do(save.lock_asset(asset_id), by=house.by(), **options)


def restore(house, asset_id, path):
    with house.app.app_context(), writing():
        asset = save.lock_asset(asset_id, is_trashed=True)
        return trash.restore(asset, path, sealer=house.mint.settings.sealer, by=house.by())


def statuses(client, *paths):
    return [client.get("/" + path).status_code for path in paths]


def former_paths(house):
    return [row["path"] for row in house.rows("SELECT path FROM former_path ORDER BY path")]


def test_the_old_path_answers_with_a_token_until_it_ends(desk):
    ben = desk.signed_in("ben")
    move(desk, desk.desk, "help-desk", days=1)

    answer = ben.get("/desk")
    assert answer.status_code == 200
    assert (
        jwt.decode(answer.text, SECRET, algorithms=["HS256"], options={"verify_exp": False, "verify_iat": False})["sub"]
        == "ben"
    )

    # One second before the day is over, and when it is (a session does not live that long)
    desk.clock.advance(DAY_SECONDS - 1)
    assert statuses(desk.signed_in("ben"), "desk", "help-desk") == [200, 200]
    desk.clock.advance(1)
    assert statuses(desk.signed_in("ben"), "desk", "help-desk") == [404, 200]


def test_the_log_tells_who_still_comes_by_the_old_path(desk):
    ben = desk.signed_in("ben")
    move(desk, desk.desk, "help-desk")
    statuses(ben, "desk", "help-desk")

    old, new = desk.log("token.issued")
    assert (old["code"], json.loads(old["detail"])) == ("former_path", {"path": "help-desk", "former_path": "desk"})
    assert (new["code"], json.loads(new["detail"])) == (None, {"path": "help-desk"})
    assert old["asset"] == new["asset"] == desk.desk


def test_a_move_is_a_revision_and_says_from_where_to_where_and_until_when(desk):
    move(desk, desk.desk, "help-desk", days=2)

    [row] = desk.log("asset.revised")
    detail = json.loads(row["detail"])
    assert detail == {
        "path": "help-desk",
        "fields": ["path"],
        "from": "desk",
        "to": "help-desk",
        "until": "2027-01-17T08:00:00.000Z",
    }
    assert row["revision"] == 2


def test_who_may_fetch_is_the_same_at_the_old_path(desk):
    move(desk, desk.desk, "help-desk")

    answer = desk.signed_in("eve").get("/desk")
    assert (answer.status_code, answer.headers["Mintmark-Reason"]) == (403, "not-a-reader")
    assert desk.client().get("/desk").headers["Mintmark-Reason"] == "sign-in"
    assert desk.signed_in("eve").post("/desk").status_code == 405


def test_for_no_days_the_old_path_is_gone_at_once_and_free(desk):
    ben = desk.signed_in("ben")
    move(desk, desk.desk, "help-desk", days=0)

    assert statuses(ben, "desk", "help-desk") == [404, 200]
    make_asset(desk, "desk")
    assert statuses(ben, "desk") == [200]


def test_after_two_moves_both_old_paths_answer(desk):
    ben = desk.signed_in("ben")
    move(desk, desk.desk, "b")
    move(desk, desk.desk, "c")

    assert statuses(ben, "desk", "b", "c") == [200, 200, 200]


def test_an_asset_moves_back_to_where_it_was(desk):
    ben = desk.signed_in("ben")
    move(desk, desk.desk, "b")
    move(desk, desk.desk, "desk")

    assert former_paths(desk) == ["b"]
    assert statuses(ben, "desk", "b") == [200, 200]
    assert [row["code"] for row in desk.log("token.issued")] == [None, "former_path"]


def test_no_other_asset_takes_a_path_that_still_answers(desk):
    # Given a former path, and another asset, one of them in the trash
    move(desk, desk.desk, "help-desk")
    other, thrown = make_asset(desk, "chat"), make_asset(desk, "thrown")
    act(desk, thrown, trash.trash)
    words = "still answers for the asset at `help-desk` until 2027-02-14; end that first"

    for attempt in (
        lambda: make_asset(desk, "desk"),
        lambda: move(desk, other, "desk"),
        lambda: restore(desk, thrown, "desk"),
    ):
        with pytest.raises(FieldError) as refused:
            attempt()
        assert (str(refused.value), refused.value.field) == (words, "path")
    assert former_paths(desk) == ["desk"]


@pytest.mark.parametrize("how", ["it ended", "it was ended early", "its asset is in the trash", "its asset was purged"])
def test_a_path_that_answers_no_more_is_free_and_belongs_to_who_takes_it(desk, how):
    move(desk, desk.desk, "help-desk", days=1)
    if how == "it ended":
        desk.clock.advance(DAY_SECONDS)
    elif how == "it was ended early":
        assert act(desk, desk.desk, moves.end_former_path, path="desk")
    else:
        act(desk, desk.desk, trash.trash)
        if how == "its asset was purged":
            with desk.app.app_context(), writing():
                trash.purge(save.lock_asset(desk.desk, is_trashed=True), by=desk.by())
    ben = desk.signed_in("ben")
    assert statuses(ben, "desk") == [404]

    taken = make_asset(desk, "desk")

    assert statuses(ben, "desk") == [200]
    assert desk.log("token.issued")[-1]["asset"] == taken
    assert former_paths(desk) == []


def test_former_paths_rest_while_their_asset_is_in_the_trash_and_come_back_with_it(desk):
    ben = desk.signed_in("ben")
    move(desk, desk.desk, "help-desk")
    act(desk, desk.desk, trash.trash)
    assert statuses(ben, "desk", "help-desk") == [404, 404]

    restore(desk, desk.desk, "help-desk")
    assert statuses(ben, "desk", "help-desk") == [200, 200]


def test_a_live_asset_wins_over_a_former_path_even_where_it_is_switched_off(desk):
    # Given a row that no act of ours makes
    make_asset(desk, "chat", live=False)
    with desk.app.app_context(), writing():
        former.keep("chat", desk.desk, now=desk.clock(), until=int(desk.clock()) + 9)

    assert statuses(desk.signed_in("ben"), "chat") == [404]


def test_ending_what_is_not_there_or_another_ones_changes_nothing(desk):
    move(desk, desk.desk, "help-desk")
    other = make_asset(desk, "chat")

    assert not act(desk, other, moves.end_former_path, path="desk")
    assert not act(desk, desk.desk, moves.end_former_path, path="nothing")
    assert former_paths(desk) == ["desk"]
    assert len(desk.log("asset.revised")) == 1


# The site file


def test_an_import_takes_no_path_that_still_answers(desk):
    move(desk, desk.desk, "help-desk")
    document = {"mintmark": 1, "assets": [{"path": "desk", "name": "D", "template": "{}", "secret": {"text": SECRET}}]}

    result = desk.run("site", "import", "-", input=json.dumps(document))

    assert result.exit_code == 1
    assert "error: assets desk: path: still answers for the asset at `help-desk` until 2027-02-14" in result.stderr
    assert desk.rows("SELECT path FROM asset") == [{"path": "help-desk"}]


def test_a_pruning_import_takes_the_path_of_what_it_trashes(desk):
    move(desk, desk.desk, "help-desk")
    document = {"mintmark": 1, "assets": [{"path": "desk", "name": "D", "template": "{}", "secret": {"text": SECRET}}]}

    result = desk.run("site", "import", "-", "--prune", input=json.dumps(document))

    assert result.exit_code == 0, result.stderr
    assert desk.rows("SELECT path FROM asset WHERE trashed_at IS NULL") == [{"path": "desk"}]
    assert former_paths(desk) == []


def test_an_export_knows_present_paths_only(desk):
    move(desk, desk.desk, "help-desk")

    exported = desk.run("site", "export", "-").stdout
    assert "path: help-desk" in exported and "path: desk" not in exported


def test_the_words_name_a_day_that_everybody_reads_alike(desk):
    move(desk, desk.desk, "help-desk", days=365)
    with desk.app.app_context():
        assert former.taken(["desk", "other"], now=desk.clock())["desk"].words.count("2028-01-15") == 1
        assert [row.path for row in former.of_asset(desk.desk, now=desk.clock())] == ["desk"]
        assert former.of_asset(desk.desk, now=desk.clock() + 365 * DAY_SECONDS) == []


def test_a_definition_is_not_checked_anew_by_a_move(desk):
    """Where a template does not compile any more, its asset can still be moved out of the way."""
    with desk.app.app_context():
        definition = read_definition(
            {"path": "x", "name": "x", "template": "{}", "live": True}, group_ids={}, attributes={}, keys={}
        )
        value = read_secret(SECRET, "text", algorithm="HS256")
    with desk.app.app_context(), writing():
        broken = {**definition, "template": '{"a": "{{ user.attributes.gone }}"}'}
        asset = save.create(broken, value, sealer=desk.mint.settings.sealer, by=desk.by()).id
    move(desk, asset, "y")

    assert desk.rows("SELECT path FROM asset WHERE id = :id", id=asset) == [{"path": "y"}]
