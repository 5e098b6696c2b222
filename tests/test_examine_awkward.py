"""Awkward people, made up by the site: what they are, and what the examination says about them."""

import pytest

from mintmark import fields
from mintmark.examine import Examiner, awkward_people
from mintmark.payload import CONTEXT
from tests.making import make_asset, make_attribute, make_group, make_person

PATH = "integrations/helpdesk"
SAFE = """{
  "sub": "{{ user.username }}", "id": "{{ user.id }}", "email": "{{ user.email | omit }}",
  "name": "{{ user.first_name | default("-") }} {{ user.last_name | default("-") }}",
  "shown": "{{ user.display_name }}",
  "groups": {{ user.groups }}, "roles": {{ user.roles }}, "permissions": {{ user.permissions }},
  "admin": {{ user.is_admin }}, "edit": {{ asset.can_edit }}
}"""


def prepared(house):
    return house.mint.look_up(PATH, now=house.clock())[0]


def examine(house):
    asset = prepared(house)
    with house.app.app_context():
        return Examiner(now=house.clock(), site_url=house.mint.settings.site_url).examine(asset)


def people_of(house, attributes=()):
    with house.app.app_context():
        from mintmark.groups import names_by_id

        return awkward_people(prepared(house), dict(attributes), names_by_id())


def awkward(examination):
    return [str(finding) for finding in examination.findings if finding.code == "awkward_person"]


ATTRIBUTES = {"department": "text", "height": "number", "retired": "boolean", "tags": "list"}


@pytest.fixture
def desk(sqlite_house):
    """A house whose asset takes whatever may come."""
    make_asset(sqlite_house, PATH, SAFE)
    return sqlite_house


def test_a_template_that_minds_everybody_gets_no_warning(desk):
    examination = examine(desk)
    assert examination.findings == ()
    assert len(examination.trials) >= 12 and all(trial.claims for trial in examination.trials)


def test_every_awkward_value_is_allowed_on_this_site(desk):
    for person in people_of(desk, ATTRIBUTES.items()):
        user = person.reader.user
        fields.read_identifier(user["username"], "username")
        for name in ("email", "first_name", "last_name"):
            fields.read_optional_text(user[name], name)
        for name, value in user["attributes"].items():
            fields.read_attribute(value, name, ATTRIBUTES[name])
        for group in user["groups"]:
            fields.read_identifier(group, "groups")
        assert fields.read_set(user["roles"], "roles") == user["roles"]


def test_every_awkward_person_has_the_shape_of_a_real_one(desk):
    ben = make_person(desk, "ben")
    real = desk.mint.look_up(PATH, now=desk.clock(), person=ben)[1]
    for person in people_of(desk, ATTRIBUTES.items()):
        assert person.reader.user.keys() == real.user.keys()
        assert person.reader.is_admin == person.reader.user["is_admin"]
        assert sorted(person.reader.groups.values()) == person.reader.user["groups"]
    assert {one.name.removeprefix("user.") for one in CONTEXT if one.name.startswith("user.")} <= real.user.keys()


@pytest.mark.parametrize(
    "value",
    [
        'O\'Brien "Q" <x>',
        '","admin":true,"z":"',
        "{{ user.id }}{% if %}\\",
        "محمد العربي",
        "\U0001f98a\U0001f469\U0001f3fd",
    ],
)
def test_a_hostile_name_arrives_as_it_is_and_adds_no_claim(desk, value):
    named = [trial.claims for trial in examine(desk).trials if trial.claims["sub"] == value]
    [claims] = named
    assert claims["name"] == f"{value} {value}" and claims["admin"] is False
    assert claims.keys() == {*"sub id email name shown groups roles permissions admin edit iat exp jti".split()}


@pytest.mark.parametrize(
    ("placeholder", "who"),
    [
        (
            "user.last_name",
            "without a surname; with nothing set but the username; an administrator with nothing set",
        ),
        ("user.first_name", "without a first name; with nothing set"),
        ("user.email", "without an e-mail address; with nothing set"),
        ("user.roles | first", "without roles and permissions; with nothing set"),
        ("user.groups | first", "an administrator with nothing set; in no group"),
        ("user.attributes.department", "with nothing set but the username"),
    ],
)
def test_who_would_lack_something_is_named_with_the_advice(sqlite_house, placeholder, who):
    make_attribute(sqlite_house, "department")
    make_group(sqlite_house, "staff")
    make_asset(sqlite_house, PATH, '{"a": "{{ ' + placeholder + ' }}"}')
    words = " ".join(awkward(examine(sqlite_house)))
    for each in who.split("; "):
        assert each in words, words
    assert "would get 500: line 1, column 8: " in words and "add `| default(…)` or `| omit`" in words


def test_empty_values_are_tried(sqlite_house):
    make_asset(sqlite_house, PATH, '{"sub": "{{ user.email | default("-") }}"}')
    assert awkward(examine(sqlite_house)) == [
        "a made-up person (with empty values) would get 500: line 1, column 2: `sub` cannot be empty"
    ]


def test_values_as_long_as_allowed_are_tried(sqlite_house):
    for name in ("one", "two", "three", "four"):
        make_attribute(sqlite_house, name)
    members = ", ".join(f'"{n}": "{{{{ user.attributes.{n} | omit }}}}"' for n in ("one", "two", "three", "four"))
    make_asset(sqlite_house, PATH, "{" + members + "}")
    [words] = awkward(examine(sqlite_house))
    assert "(with values as long as allowed)" in words and "more than 8,192 characters" in words


def test_long_lists_are_tried(sqlite_house):
    members = ", ".join(f'"{n}": "{{{{ user.roles | join("{"-" * 30}") }}}}"' for n in "abcd")
    make_asset(sqlite_house, PATH, "{" + members + "}")
    [words] = awkward(examine(sqlite_house))
    assert "(with lists of 50 items)" in words and "more than 8,192 characters" in words


def test_parameters_as_long_as_allowed_are_tried(sqlite_house):
    names = [f"p{number}" for number in range(8)]
    members = (f'"{name}": "' + f"{{{{ params.{name} }}}}" * 4 + '"' for name in names)
    make_asset(sqlite_house, PATH, "{" + ", ".join(members) + "}", params=[{"name": name} for name in names])
    [words] = awkward(examine(sqlite_house))
    assert "(with values as long as allowed)" in words


def test_what_a_real_reader_would_get_too_is_said_once(sqlite_house):
    make_asset(sqlite_house, PATH, '{"a": "{{ user.last_name }}"}')
    assert len(awkward(examine(sqlite_house))) == 1
    make_person(sqlite_house, "ben")
    examination = examine(sqlite_house)
    assert awkward(examination) == [] and examination.failing == 1


def test_awkward_people_may_fetch_the_asset(house):
    """Nobody is made up who would be refused: that would be a false alarm."""
    from mintmark.readers import see_that_may_fetch

    make_group(house, "staff")
    make_group(house, "desk")
    ways = (
        {"readers": ["staff"]},
        {"readers": ["staff"], "editors": ["desk"]},
        {"readers": [], "editors": ["desk"]},
    )
    for number, fields_of_asset in enumerate((*ways, {"readers": []}, {})):
        make_asset(house, f"a/{number}", **fields_of_asset)
        asset, _ = house.mint.look_up(f"a/{number}", now=house.clock())
        with house.app.app_context():
            from mintmark.groups import names_by_id

            for person in awkward_people(asset, {}, names_by_id()):
                see_that_may_fetch(asset, person.reader)


def test_editors_and_administrators_are_tried_for_what_only_they_get(sqlite_house):
    make_group(sqlite_house, "desk")
    one = '{% if asset.can_edit and not user.is_admin %}"{{ user.groups[7] }}"{% else %}1{% endif %}'
    other = "{% if user.is_admin %}{{ user.groups[7] | length }}{% else %}1{% endif %}"
    make_asset(sqlite_house, PATH, f'{{"a": {one}, "b": {other}}}', editors=["desk"])
    words = " ".join(awkward(examine(sqlite_house)))
    assert "(an editor)" in words and "(an administrator with nothing set)" in words


def test_awkward_people_are_warnings_never_errors(sqlite_house):
    make_asset(sqlite_house, PATH, '{"a": "{{ user.last_name }}"}')
    examination = examine(sqlite_house)
    assert examination.failing == 0 and not any(finding.is_error for finding in examination.findings)
