"""`flask site import-matrix [FILE]`: the template on standard output, the report on standard error."""

import pytest

from mintmark import payload as language
from tests.conftest import SEALING_KEY, House
from tests.making import make_attribute
from tests.test_matrix import KEYWORDS, PLAIN

COMMAND = ("site", "import-matrix")


def test_the_documented_payload_from_a_file_is_a_template_and_a_report(sqlite_house, tmp_path):
    file = tmp_path / "payload.json"
    file.write_text(KEYWORDS)

    done = sqlite_house.run(*COMMAND, str(file))

    assert done.exit_code == 0
    assert language.check(done.stdout) == [] and '"admin": {{ asset.can_edit }}' in done.stdout
    lines = done.stderr.splitlines()
    assert [line.split(":")[0] for line in lines] == ["line 2", "line 3", "line 4", "line 5"]
    assert lines[0] == "line 2: %globals_user_attribute_username^json_encode% is now {{ user.username }}"
    assert sqlite_house.log() == []  # nothing is kept


def test_from_standard_input_with_and_without_the_dash(sqlite_house):
    for arguments in ((), ("-",)):
        done = sqlite_house.run(*COMMAND, *arguments, input=PLAIN)
        assert (done.exit_code, done.stdout, done.stderr) == (0, PLAIN + "\n", "")


def test_what_cannot_be_carried_over_ends_with_1_and_is_an_error_with_its_line(sqlite_house):
    done = sqlite_house.run(*COMMAND, input='{"sub": "x",\n "n": "%globals_user_attribute_first_name^striphtml%"}')

    assert done.exit_code == 1
    assert "^striphtml%" in done.stdout
    assert done.stderr.startswith(
        "error: line 2: %globals_user_attribute_first_name^striphtml% cannot be carried over: "
    )
    assert len(done.stderr.splitlines()) == 1


def test_what_differs_is_a_warning_and_what_to_declare_stands_at_the_end(sqlite_house):
    payload = '{"d": "%globals_user_attribute_department^lowercase^json_encode%", "r": "%globals_get_room%"}'

    done = sqlite_house.run(*COMMAND, input=payload)

    assert done.exit_code == 0
    first, second, *rest = done.stderr.splitlines()
    assert first.startswith("warning: line 1: ") and "É becomes é" in first
    assert ": made safe: " in second
    assert rest == ["declare: attribute department (text)", "declare: parameter room"]
    make_attribute(sqlite_house, "department")
    assert "declare: attribute" not in sqlite_house.run(*COMMAND, input=payload).stderr


def test_a_payload_that_is_no_template_of_ours_ends_with_1(sqlite_house):
    done = sqlite_house.run(*COMMAND, input='{"exp": 1,}')
    assert done.exit_code == 1
    assert done.stderr.splitlines()[0].startswith("error: line 1, column 2: `exp` is the site's to write")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (b"\xff\xfe{}", "error: payload: is not UTF-8 (byte 0)"),
        (b" " * 70_000, "error: payload: is longer than 65,536"),
    ],
)
def test_what_is_no_text_or_too_long_is_refused(sqlite_house, given, words):
    done = sqlite_house.run(*COMMAND, input=given)
    assert (done.exit_code, done.stdout) == (1, "") and done.stderr.startswith(words)


def test_a_file_that_is_not_there_is_wrong_usage(sqlite_house):
    assert sqlite_house.run(*COMMAND, "/no/such/file").exit_code == 2


def test_it_needs_no_database(tmp_path):
    house = House({"INSTANCE": str(tmp_path), "SEALING_KEY": SEALING_KEY})
    try:
        assert house.run(*COMMAND, input=PLAIN).exit_code == 0
    finally:
        house.close()


def test_no_sign_of_a_payload_moves_the_cursor_of_a_terminal(sqlite_house):
    done = sqlite_house.run(*COMMAND, input='{"a": "%asset_name^append:\x1b[31m\u202e%", "b": "%asset_\x1b[2Jx%"}')
    assert "\x1b" not in done.stderr and "\u202e" not in done.stderr
