"""`flask mint PATH --as USERNAME [--param name=value]`: a token on standard output, or why there is none."""

import getpass
import json
import sqlite3

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from mintmark.errors import NotRecorded
from mintmark.models import writing
from tests.conftest import SECRET, START
from tests.making import change_asset, make_asset, make_attribute, make_group, make_person

PATH = "integrations/helpdesk"
ACTOR = f"command:{getpass.getuser()}"


@pytest.fixture
def made(house):
    """A house with ada, ben, mallory and an asset for the group staff, of which ben is one."""
    make_group(house, "staff")
    make_person(house, "ada", is_admin=True)
    make_person(house, "Ben", first_name="Ben", last_name='O\'Brien "Q" <x>', groups=["staff"])
    make_person(house, "carl")
    make_person(house, "mallory", live=False, groups=["staff"])
    template = '{"sub": "{{ user.username }}", "name": "{{ user.last_name }}"}'
    make_asset(house, PATH, template, readers=["staff"])
    return house


def claims_of(text, secret=SECRET):
    """Verify as a relying party does, with another library."""
    return jwt.decode(text, OctKey.import_key(secret), algorithms=["HS256"]).claims


def refused(house, *arguments):
    """Run the command, see that nothing was handed out or issued, and return the reason."""
    before = len(house.log("token.issued"))
    result = house.run("mint", *arguments)
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    assert len(house.log("token.issued")) == before
    [line] = result.stderr.splitlines()
    assert line.startswith("error: ")
    return line.removeprefix("error: ")


def test_the_token_stands_alone_on_standard_output_and_another_library_takes_it(made):
    result = made.run("mint", PATH, "--as", "Ben")
    assert result.exit_code == 0 and result.stderr == ""
    assert result.stdout.endswith("\n") and result.stdout.count("\n") == 1
    claims = claims_of(result.stdout.strip())
    assert claims.keys() == {"sub", "name", "iat", "exp", "jti"}
    assert (claims["sub"], claims["name"]) == ("Ben", 'O\'Brien "Q" <x>')
    assert (claims["iat"], claims["exp"]) == (int(START), int(START) + 600)


def test_it_is_recorded_like_any_other_with_the_command_as_actor(made):
    [ben] = made.rows("SELECT id FROM person WHERE username = 'Ben'")
    [asset] = made.rows("SELECT id FROM asset")
    claims = claims_of(made.run("mint", PATH, "--as", "Ben").stdout.strip())
    [row] = made.log("token.issued")
    assert (row["actor"], row["person"], row["asset"], row["revision"]) == (ACTOR, ben["id"], asset["id"], 1)
    assert (row["outcome"], row["jti"], row["sub"]) == ("done", claims["jti"], "Ben")
    assert (row["address"], row["request"], row["at"]) == (None, None, int(START * 1000))


def test_the_token_is_in_no_row(made):
    token = made.run("mint", PATH, "--as", "Ben").stdout.strip()
    rows = json.dumps(made.log(), default=str)
    assert token not in rows and token.rpartition(".")[2] not in rows


@pytest.mark.parametrize(("path", "username"), [("/" + PATH, "Ben"), (PATH, "bEN"), (PATH, "ada")])
def test_a_leading_slash_and_the_case_of_a_username_do_not_matter_and_administrators_may(made, path, username):
    make_person(made, "x")
    change_asset(made, PATH, template='{"sub": "{{ user.username }}"}')
    result = made.run("mint", path, "--as", username)
    assert claims_of(result.stdout.strip())["sub"].casefold() == username.casefold()


def test_an_asset_that_answers_in_json_gives_the_bare_token(made):
    change_asset(made, PATH, answer={"form": "json", "field": "t", "beside": {}, "methods": ["GET", "POST"]})
    assert claims_of(made.run("mint", PATH, "--as", "Ben").stdout.strip())["sub"] == "Ben"


# refused


def test_a_path_without_an_asset_is_refused(made):
    assert refused(made, "nothing/here", "--as", "Ben") == "nothing/here: There is no asset at this path."


def test_what_is_no_path_is_refused(made):
    assert refused(made, "Not/A/Path", "--as", "Ben").startswith("path: takes segments of")


def test_an_asset_that_is_switched_off_or_in_the_trash_is_refused(made):
    from mintmark.assets import save, trash

    change_asset(made, PATH, live=False)
    assert refused(made, PATH, "--as", "ada") == f"{PATH}: This asset is switched off."
    with made.app.app_context(), writing():
        trash.trash(save.find_asset(PATH), by=made.by())
    assert refused(made, PATH, "--as", "ada") == f"{PATH}: There is no asset at this path."


def test_an_unknown_person_is_refused(made):
    assert refused(made, PATH, "--as", "nobody") == f"{PATH}: There is no person of this username."


def test_a_username_that_is_no_text_is_refused(made):
    assert refused(made, PATH, "--as", "ben\udcff").startswith("username: ")


def test_a_person_who_is_switched_off_is_refused(made):
    assert refused(made, PATH, "--as", "mallory") == f"{PATH}: mallory is switched off."


def test_who_is_not_a_reader_is_refused(made):
    assert refused(made, PATH, "--as", "carl") == f"{PATH}: This person is not among the readers of {PATH}."


def test_a_token_that_cannot_be_issued_is_refused_with_the_whole_diagnosis_and_recorded(made):
    change_asset(made, PATH, template='{"sub": "{{ user.username }}",\n "e": "{{ user.email }}"}')
    assert refused(made, PATH, "--as", "Ben") == (
        f"{PATH}: line 2, column 8: `user.email` is missing; add `| default(…)` or `| omit`"
    )
    [row] = made.log("token.failed")
    detail = json.loads(row["detail"])
    assert (row["actor"], row["code"], detail["name"], detail["line"]) == (
        ACTOR,
        "template_failed",
        "user.email",
        2,
    )


def test_a_stored_template_that_no_longer_compiles_is_refused_with_its_place(made):
    change_asset(made, PATH, template='{"sub": {{ user.attributes.gone }}}')
    assert refused(made, PATH, "--as", "Ben").startswith(f"{PATH}: line 1, column 9: ")


def test_a_secret_that_does_not_open_is_refused(made):
    with made.app.app_context(), writing() as session:
        from mintmark.models import Secret

        row = session.query(Secret).one()
        row.sealed = row.sealed[:-1] + bytes([row.sealed[-1] ^ 1])
    words = refused(made, PATH, "--as", "Ben")
    assert "does not open" in words and "MINTMARK_SEALING_KEY" in words
    assert [row["code"] for row in made.log("token.failed")] == ["key_unusable"]


def test_no_value_of_the_person_is_repeated_in_a_refusal(made):
    make_attribute(made, "code")
    make_person(
        made,
        "dora",
        groups=["staff"],
        last_name="",
        email="hidden@example.test",
        attributes={"code": "hidden"},
    )
    template = '{"a": "{{ user.email }}{{ user.attributes.code }}", "sub": "{{ user.last_name }}"}'
    change_asset(made, PATH, template=template)
    assert "hidden" not in refused(made, PATH, "--as", "dora")


def test_what_cannot_be_recorded_gives_no_token(made, monkeypatch):
    def fail(*_):
        raise NotRecorded("The row could not be committed.")

    monkeypatch.setattr(made.mint.recorder, "record", fail)
    assert refused(made, PATH, "--as", "Ben") == f"{PATH}: The row could not be committed."


def test_a_database_that_others_are_writing_gives_no_token(sqlite_house):
    make_person(sqlite_house, "ben")
    make_asset(sqlite_house, PATH)
    file = sqlite_house.mint.settings.instance / "mintmark.sqlite"
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        assert "The row " in refused(sqlite_house, PATH, "--as", "ben")
    finally:
        other.rollback()
        other.close()


def test_a_database_that_was_never_set_up_is_said(tmp_path):
    from tests.conftest import SEALING_KEY, House

    house = House({"INSTANCE": str(tmp_path / "new"), "SEALING_KEY": SEALING_KEY})
    for arguments in (["mint", PATH, "--as", "ben"], ["check"]):
        result = house.run(*arguments)
        assert (result.exit_code, result.stdout) == (1, "")
        assert "run `flask --app app init`" in result.stderr
    house.close()


# parameters


@pytest.fixture
def with_params(made):
    template = '{"room": "{{ params.room }}", "nonce": "{{ params.nonce | omit }}"}'
    params = [{"name": "room", "one_of": ["a", "b"]}, {"name": "nonce"}]
    change_asset(made, PATH, template=template, params=params)
    return made


def test_parameters_reach_the_template(with_params):
    result = with_params.run("mint", PATH, "--as", "Ben", "--param", "room=b", "--param", "nonce=x/y:z@1")
    claims = claims_of(result.stdout.strip())
    assert (claims["room"], claims["nonce"]) == ("b", "x/y:z@1")


@pytest.mark.parametrize(
    ("params", "words"),
    [
        (["room=c"], "room takes one of a, b."),
        (["room=a", "nonce="], "nonce takes 1 to 200 of"),
        (["room=a", "nonce=a=b"], "nonce takes 1 to 200 of"),
        (["room=a", "nonce=with space"], "nonce takes 1 to 200 of"),
        (["room=a", "room=a"], "room is given twice."),
        (["room=a", "rom=a"], "rom is no parameter of this asset; declared are room, nonce."),
        (["room=a", "Room=a"], "Room is no parameter of this asset; declared are room, nonce."),
        ([], "line 1, column 11: `params.room` is missing"),
    ],
)
def test_wrong_parameters_are_refused(with_params, params, words):
    options = [text for param in params for text in ("--param", param)]
    assert refused(with_params, PATH, "--as", "Ben", *options).startswith(f"{PATH}: {words}")


def test_an_asset_without_parameters_takes_none(made):
    words = refused(made, PATH, "--as", "Ben", "--param", "room=a")
    assert words == f"{PATH}: room is no parameter of this asset; it declares none."


@pytest.mark.parametrize(
    "arguments",
    [
        [PATH, "--as", "Ben", "--param", "room"],
        [PATH, "--as", "Ben", "--param", "=a"],
        [PATH],
        ["--as", "Ben"],
    ],
)
def test_wrong_usage_exits_with_2(made, arguments):
    result = made.run("mint", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert made.log("token.issued") == []
