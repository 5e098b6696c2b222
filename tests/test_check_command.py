"""`flask check [--strict]`: every asset outside the trash, a line for each finding, and the exit code."""

import subprocess
import sys

import pytest
from sqlalchemy import event

from mintmark.assets import listing, save, trash
from mintmark.models import Secret, db, writing
from tests.conftest import SECRET
from tests.making import change_asset, make_asset, make_attribute, make_group, make_issuer, make_person, make_provider

PATH = "integrations/helpdesk"
SURNAME = '{"sub": "{{ user.username }}", "family_name": "{{ user.last_name }}"}'


def check(house, *options):
    """Run the command; return its exit code, its lines, and its findings."""
    result = house.run("check", *options)
    findings = result.stderr.splitlines()
    assert all(line.startswith(("error: ", "warning: ")) for line in findings), findings
    return result.exit_code, result.stdout.splitlines(), findings


def test_an_empty_site_is_in_order(house):
    assert check(house) == (0, ["0 assets, 0 errors, 0 warnings"], [])


def test_a_site_in_order_says_who_gets_a_token(house):
    make_group(house, "staff")
    make_group(house, "tutors")
    make_person(house, "ada", is_admin=True)
    make_person(house, "ben", groups=["staff"])
    make_person(house, "carl")
    make_asset(house, "a/all")
    make_asset(house, "b/few", readers=["tutors", "staff"], secret="another-secret-0123456789-0123456789")
    assert check(house, "--strict") == (
        0,
        [
            "a/all: for anybody who is signed in: a token for 3 of 3 readers",
            "b/few: for people in staff, tutors: a token for 2 of 2 readers",
            "2 assets, 0 errors, 0 warnings",
        ],
        [],
    )


def test_a_real_reader_who_would_get_an_error_makes_it_fail(house):
    lacks = make_person(house, "lacks")
    make_person(house, "has", last_name="Bright")
    make_asset(house, PATH, SURNAME)
    code, lines, findings = check(house)
    assert code == 1
    assert findings == [
        f"error: {PATH}: 1 of 2 readers has no `user.last_name` (line 1, column 48):"
        f" they would get 500; add `| default(…)` or `| omit` [{lacks}]"
    ]
    assert lines == [
        f"{PATH}: for anybody who is signed in: a token for 1 of 2 readers",
        "1 asset, 1 error, 0 warnings",
    ]


def test_an_awkward_person_is_a_warning_that_fails_only_strictly(sqlite_house):
    make_person(sqlite_house, "has", last_name="Bright")
    make_asset(sqlite_house, PATH, SURNAME)
    code, lines, findings = check(sqlite_house)
    assert code == 0 and lines[-1] == "1 asset, 0 errors, 1 warning"
    assert findings[0].startswith(f"warning: {PATH}: a made-up person (without a surname; with nothing set")
    assert check(sqlite_house, "--strict") == (1, lines, findings)


def test_a_warning_from_the_definition_fails_only_strictly(sqlite_house):
    make_person(sqlite_house, "ben")
    make_asset(sqlite_house, PATH, lifetime=None)
    code, _, findings = check(sqlite_house)
    assert (code, findings) == (0, [f"warning: {PATH}: has no lifetime: its tokens are good for ever"])
    assert check(sqlite_house, "--strict")[0] == 1


def test_findings_of_several_assets_are_summed_up(house):
    make_person(house, "ben")
    make_person(house, "carl", email="c@example.test")
    make_asset(house, "a", '{"a": "{{ user.last_name }}", "b": "{{ user.email }}"}', lifetime=None)
    make_asset(house, "b", lifetime=90_000)
    make_asset(house, "c", SURNAME, secret="another-secret-0123456789-0123456789")
    code, lines, findings = check(house)
    # a: email and surname; no lifetime, shared secret. b: lifetime, shared secret. c: surname.
    assert code == 1 and lines[-1] == "3 assets, 3 errors, 4 warnings"
    assert [line.split(": ")[:2] for line in findings] == [
        *[["error", "a"]] * 2,
        *[["warning", "a"]] * 2,
        *[["warning", "b"]] * 2,
        ["error", "c"],
    ]


def test_a_stored_template_that_no_longer_compiles_makes_it_fail_even_without_readers(house):
    make_asset(house, PATH)
    change_asset(house, PATH, template='{"a": {{ user.attributes.gone }}}')
    code, lines, findings = check(house)
    assert code == 1
    assert findings[0].startswith(f"error: {PATH}: nobody gets a token: line 1, column 7: ")
    assert lines[0] == f"{PATH}: for anybody who is signed in: nobody gets a token"


def test_a_key_that_does_not_open_makes_it_fail(house):
    make_asset(house, PATH)
    with house.app.app_context(), writing() as session:
        row = session.query(Secret).one()
        row.sealed = row.sealed[:-1] + bytes([row.sealed[-1] ^ 1])
    code, _, findings = check(house)
    assert code == 1
    assert findings == [
        f"error: {PATH}: nobody gets a token: A sealed value does not open: it was changed, moved,"
        " or sealed elsewhere. See that MINTMARK_SEALING_KEY is the one the secret was sealed with,"
        " or enter the secret anew"
    ]


def test_a_switched_off_asset_is_said_and_only_warned_about(house):
    make_person(house, "lacks")
    make_asset(house, PATH, SURNAME, live=False)
    code, lines, findings = check(house)
    assert code == 0
    assert findings[0].startswith(f"warning: {PATH}: 1 of 1 reader has no `user.last_name`")
    assert lines[0] == f"{PATH}: switched off; for anybody who is signed in: a token for 0 of 1 reader"
    assert check(house, "--strict")[0] == 1


def test_a_switched_off_asset_that_is_broken_is_only_warned_about(sqlite_house):
    make_asset(sqlite_house, PATH, live=False)
    change_asset(sqlite_house, PATH, template="{")
    code, _, findings = check(sqlite_house)
    assert code == 0 and findings[0].startswith(f"warning: {PATH}: nobody gets a token: ")


def test_an_asset_in_the_trash_is_not_looked_at(house):
    make_person(house, "lacks")
    make_asset(house, PATH, SURNAME)
    with house.app.app_context(), writing():
        trash.trash(save.find_asset(PATH), by=house.by())
    assert check(house) == (0, ["0 assets, 0 errors, 0 warnings"], [])


def test_the_current_revision_counts_not_an_earlier_one(sqlite_house):
    make_person(sqlite_house, "lacks")
    make_asset(sqlite_house, PATH, SURNAME)
    change_asset(sqlite_house, PATH, template='{"sub": "{{ user.username }}"}')
    assert check(sqlite_house)[0] == 0


def test_people_who_may_not_fetch_do_not_count(house):
    make_group(house, "staff")
    make_person(house, "stranger")
    make_person(house, "mallory", live=False, groups=["staff"])
    make_person(house, "ben", last_name="Bright", groups=["staff"])
    make_asset(house, PATH, SURNAME, readers=["staff"])
    code, lines, _ = check(house)
    assert code == 0 and lines[0].endswith("for people in staff: a token for 1 of 1 reader")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"readers": "everyone", "editors": ["desk"]}, "anybody who is signed in"),
        ({"readers": ["staff"], "editors": ["desk"]}, "people in staff and its editors desk"),
        ({"readers": [], "editors": ["desk"]}, "people in its editors desk"),
        ({"readers": []}, "nobody but administrators"),
    ],
)
def test_who_may_fetch_stands_in_words(sqlite_house, fields, words):
    make_group(sqlite_house, "staff")
    make_group(sqlite_house, "desk")
    make_asset(sqlite_house, PATH, **fields)
    assert f": for {words}: " in check(sqlite_house)[1][0]


def test_every_page_of_assets_is_looked_at(house, monkeypatch):
    monkeypatch.setattr(listing, "PAGE_SIZE", 3)
    paths = [f"a/{letter}" for letter in "abcdefg"]
    for path in reversed(paths):
        make_asset(house, path, secret=f"secret-of-{path}-0123456789-0123456789")
    _, lines, findings = check(house)
    assert [line.partition(":")[0] for line in lines[:-1]] == paths and findings == []


def test_one_more_asset_costs_few_queries(sqlite_house):
    make_person(sqlite_house, "ben")
    counts = []
    for number in range(3):
        make_asset(sqlite_house, f"a/{number}", lifetime=None)
        asked = []

        def count(*arguments, asked=asked):
            asked.append(arguments[2])

        with sqlite_house.app.app_context():
            event.listen(db.engine, "before_cursor_execute", count)
        check(sqlite_house)
        with sqlite_house.app.app_context():
            event.remove(db.engine, "before_cursor_execute", count)
        counts.append(len([statement for statement in asked if statement.startswith("SELECT")]))
    assert counts[2] - counts[1] == counts[1] - counts[0] <= 4


def test_nothing_is_written(house):
    make_person(house, "lacks")
    make_asset(house, PATH, SURNAME, lifetime=None)
    before = house.log()
    check(house, "--strict")
    assert house.log() == before


def test_no_secret_token_or_value_is_printed(house):
    make_attribute(house, "salary", sensitive=True)
    people = {
        "email": "hidden-mail",
        "last_name": "",
        "first_name": "hidden-first",
        "attributes": {"salary": "hidden-9"},
    }
    make_person(house, "hidden-name", **people)
    make_person(house, "hidden-other", **people)
    members = '"sub": "{{ user.email }}", "a": "{{ user.attributes.salary }}", "b": "{{ user.first_name }}"'
    make_asset(house, "a", "{" + members + "}", lifetime=None)
    make_asset(house, "b", "{" + members + ', "iss": "{{ user.last_name }}"}')
    result = house.run("check")
    printed = result.stdout + result.stderr
    assert "share their `sub`" in printed and "`iss` cannot be empty" in printed
    assert "hidden" not in printed and SECRET not in printed and "eyJ" not in printed


def test_wrong_usage_exits_with_2(sqlite_house):
    assert sqlite_house.run("check", "--stirct").exit_code == 2


@pytest.mark.slow
def test_serving_loads_nothing_of_it():
    """A process that builds the site and its commands has not imported what only commands need."""
    code = (
        "import sys, app; from mintmark import commands; from mintmark.commands import tokens;"
        "sys.exit('mintmark.examine' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_who_signs_people_in_is_looked_at_where_they_are_live(house):
    make_issuer(house, one_time=False)
    make_issuer(house, "https://off.test", name="off", one_time=False, live=False)
    make_issuer(house, "https://bare.test", name="bare", algorithm="RS256", secret=None, keys=[])
    make_provider(house, attribute_map={"email": "email"})

    code, lines, findings = check(house)
    assert (code, lines) == (0, ["0 assets, 0 errors, 3 warnings"])
    starts = [
        "trusted_issuers bare: no key of it is live",
        "trusted_issuers portal: ",
        "openid_providers campus: it says the e-mail",
    ]
    assert [line.startswith(f"warning: {start}") for line, start in zip(findings, starts, strict=True)] == [True] * 3
    assert check(house, "--strict")[0] == 1
