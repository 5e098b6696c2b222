"""`examine.Examiner` on real readers: who counts, what each would get, how it is counted and said."""

import pytest
from sqlalchemy import event

from mintmark.examine import Examiner
from mintmark.examine import people as people_of_examine
from mintmark.examine.people import Readers
from mintmark.log import Occasion
from mintmark.models import db
from tests.making import change_asset, make_asset, make_attribute, make_group, make_person

PATH = "integrations/helpdesk"
SURNAME = '{"sub": "{{ user.username }}", "family_name": "{{ user.last_name }}"}'
MAY_LACK_ALL = '{"sub": "{{ user.username }}", "e": "{{ user.email | omit }}"}'


def examine(house, path=PATH, clock=None, **options):
    """Examine the asset at a path."""
    asset, _ = house.mint.look_up(path, now=house.clock())
    with house.app.app_context():
        clocked = {"clock": clock} if clock else {}
        examiner = Examiner(now=house.clock(), site_url=house.mint.settings.site_url, **clocked)
        return examiner.examine(asset, **options)


def errors(examination):
    return [str(finding) for finding in examination.findings if finding.is_error]


def warnings(examination, code):
    return [str(finding) for finding in examination.findings if finding.code == code and not finding.is_error]


def readers_of(house, path=PATH):
    """Return the usernames of the real readers, as often as they are met."""
    asset, _ = house.mint.look_up(path, now=house.clock())
    with house.app.app_context():
        return [reader.user["username"] for reader in Readers().of(asset)]


# who counts


def test_readers_editors_and_administrators_count_each_once(house):
    for name in ("staff", "tutors", "desk", "others"):
        make_group(house, name)
    make_person(house, "reader", groups=["staff"])
    make_person(house, "twice", groups=["staff", "tutors"])
    make_person(house, "editor", groups=["desk"])
    make_person(house, "both", groups=["desk", "tutors", "others"])
    make_person(house, "ada", is_admin=True)
    make_person(house, "ann", is_admin=True, groups=["staff", "desk"])
    make_person(house, "mallory", live=False, groups=["staff"])
    make_person(house, "gone", live=False, is_admin=True)
    make_person(house, "stranger", groups=["others"])
    make_asset(house, PATH, readers=["staff", "tutors"], editors=["desk"])
    found = readers_of(house)
    assert sorted(found) == ["ada", "ann", "both", "editor", "reader", "twice"]


def test_for_everyone_every_live_person_counts_once(house):
    make_group(house, "desk")
    make_person(house, "ada", is_admin=True, groups=["desk"])
    make_person(house, "ben")
    make_person(house, "mallory", live=False)
    make_asset(house, PATH, editors=["desk"])
    assert sorted(readers_of(house)) == ["ada", "ben"]


@pytest.mark.parametrize("readers", ["everyone", ["staff"]])
def test_pages_lose_nobody_and_repeat_nobody(house, monkeypatch, readers):
    """Given: pages of three, and numbers of people around their multiples; switched-off people between."""
    monkeypatch.setattr(people_of_examine, "PAGE_SIZE", 3)
    make_group(house, "staff")
    make_asset(house, PATH, readers=readers)
    made = set()
    for number in range(7):
        make_person(house, f"off-{number}", live=False, groups=["staff"])
        made.add(f"on-{number}")
        make_person(house, f"on-{number}", groups=["staff"])
        found = readers_of(house)
        assert sorted(found) == sorted(made)


def test_a_page_of_people_costs_one_query(sqlite_house, monkeypatch):
    monkeypatch.setattr(people_of_examine, "PAGE_SIZE", 5)
    for number in range(12):
        make_person(sqlite_house, f"person-{number}")
    make_asset(sqlite_house, PATH)
    asset, _ = sqlite_house.mint.look_up(PATH, now=sqlite_house.clock())
    with sqlite_house.app.app_context():
        asked = []
        event.listen(db.engine, "before_cursor_execute", lambda *arguments: asked.append(arguments[2]))
        assert len(list(Readers().of(asset))) == 12
    assert len([statement for statement in asked if statement.startswith("SELECT")]) == 3


def test_a_reader_is_the_very_one_whom_the_endpoint_knows(house):
    """What `look_up` reads for one person and what pages read for many cannot differ."""
    make_attribute(house, "tags", "list")
    make_attribute(house, "height", "number")
    make_group(house, "b-group")
    make_group(house, "a-group")
    ids = [
        make_person(house, "ada", is_admin=True),
        make_person(
            house,
            "ben",
            email="ben@example.test",
            first_name="Ben",
            last_name='O\'Brien "Q" <x> \U0001f98a',
            roles=["z", "a"],
            permissions=["users:read"],
            attributes={"tags": ["ü", "b"], "height": 1.8},
            groups=["b-group", "a-group"],
        ),
    ]
    make_asset(house, PATH)
    asset, _ = house.mint.look_up(PATH, now=house.clock())
    with house.app.app_context():
        met = {reader.id: reader for reader in Readers().of(asset)}
    assert met == {id: house.mint.look_up(PATH, now=house.clock(), person=id)[1] for id in ids}


# what they would get


def test_readers_who_lack_a_name_are_counted_with_place_and_advice(house):
    for number in range(3):
        make_person(house, f"lacks-{number}", first_name="Only")
    for number in range(5):
        make_person(house, f"has-{number}", last_name="Bright")
    make_asset(house, PATH, '{"sub": "{{ user.username }}",\n "family_name": "{{ user.last_name }}"}')
    examination = examine(house)
    assert (examination.readers, examination.failing, examination.is_cut_short) == (8, 3, False)
    assert errors(examination) == [
        "3 of 8 readers have no `user.last_name` (line 2, column 18):"
        " they would get 500; add `| default(…)` or `| omit`"
    ]


def test_one_person_is_said_in_the_singular(sqlite_house):
    lacks = make_person(sqlite_house, "lacks")
    make_asset(sqlite_house, PATH, SURNAME)
    examination = examine(sqlite_house)
    assert errors(examination)[0].startswith("1 of 1 reader has no `user.last_name`")
    assert examination.findings[0].people == (lacks,)


def test_different_mistakes_are_counted_apart_and_people_once(sqlite_house):
    make_person(sqlite_house, "no-email", last_name="Bright")
    make_person(sqlite_house, "no-surname", email="a@example.test")
    make_person(sqlite_house, "neither")
    make_person(sqlite_house, "both", email="b@example.test", last_name="Bright")
    make_asset(sqlite_house, PATH, '{"e": "{{ user.email }}", "n": "{{ user.last_name }}"}')
    examination = examine(sqlite_house)
    assert examination.failing == 3
    assert sorted(words.partition(" (")[0] for words in errors(examination)) == [
        "2 of 4 readers have no `user.email`",
        "2 of 4 readers have no `user.last_name`",
    ]


def test_numbers_are_grouped_by_thousands(sqlite_house, monkeypatch):
    reader = _reader(sqlite_house)
    make_asset(sqlite_house, PATH, SURNAME)
    monkeypatch.setattr(Readers, "of", lambda self, asset: (reader for _ in range(1_204)))
    assert errors(examine(sqlite_house))[0].startswith("1,204 of 1,204 readers have no")


def test_a_mistake_without_a_missing_name_has_place_and_reason(sqlite_house):
    make_person(sqlite_house, "ben", email="")
    make_asset(sqlite_house, PATH, '{"sub": "{{ user.email | default("-") }}"}')
    assert errors(examine(sqlite_house)) == ["1 of 1 reader would get 500: line 1, column 2: `sub` cannot be empty"]


def test_an_asset_with_a_template_that_no_longer_compiles_is_one_error(house):
    make_person(house, "ben")
    make_asset(house, PATH)
    change_asset(house, PATH, template='{"a": {{ user.attributes.gone }}}')
    [words] = errors(examine(house))
    assert words.startswith("nobody gets a token: line 1, column 7: ") and "user.attributes.gone" in words


def test_a_value_of_nobody_is_repeated(sqlite_house):
    make_person(sqlite_house, "ben", first_name="Secret-First", email="secret@example.test", last_name="")
    template = '{"sub": "{{ user.last_name }}", "a": "{{ user.first_name }}", "b": "{{ user.display_name }}"}'
    make_asset(sqlite_house, PATH, template)
    said = "".join(str(finding) for finding in examine(sqlite_house).findings).lower()
    assert "cannot be empty" in said and "secret" not in said and "ben" not in said


def test_examining_finds_exactly_those_whom_issuing_refuses(house):
    """Given: people of every kind. Then: who fails in the examination fails when issuing, and nobody else."""
    from mintmark.errors import CannotIssue

    make_group(house, "staff")
    given = [{}, {"last_name": "B"}, {"last_name": ""}, {"email": "e"}, {"email": "e", "last_name": "B"}]
    ids = [make_person(house, f"p{n}", groups=["staff"] * (n % 2), **some) for n, some in enumerate(given)]
    template = '{"sub": "{{ user.last_name }}", "x": "{% if user.groups %}{{ user.email }}{% endif %}"}'
    make_asset(house, PATH, template)
    failing = set()
    for person in ids:
        asset, reader = house.mint.look_up(PATH, now=house.clock(), person=person)
        try:
            house.mint.issue(asset, reader, {}, Occasion(house.clock(), "test"))
        except CannotIssue:
            failing.add(person)
    found = examine(house)
    assert found.failing == len(failing) == 4
    assert {person for finding in found.findings if finding.is_error for person in finding.people} == failing


@pytest.mark.parametrize("kind", ["text", "number", "boolean", "list"])
def test_whoever_lacks_two_things_is_counted_for_both(sqlite_house, kind):
    make_attribute(sqlite_house, "first", kind)
    make_attribute(sqlite_house, "second", kind)
    make_person(sqlite_house, "ben")
    template = '{"a": {{ user.attributes.first }}, "b": {{ user.attributes.second }}, "c": "{{ user.email }}"}'
    make_asset(sqlite_house, PATH, template)
    examination = examine(sqlite_house)
    assert examination.failing == 1
    lacked = ("user.attributes.first", "user.attributes.second", "user.email")
    assert [words.partition(" (")[0] for words in errors(examination)] == [
        f"1 of 1 reader has no `{name}`" for name in lacked
    ]


def test_what_nobody_can_be_given_ends_the_search(sqlite_house):
    make_person(sqlite_house, "ben")
    make_asset(sqlite_house, PATH, '{"g": "{{ user.groups[5] }}", "e": "{{ user.email }}"}')
    assert len(errors(examine(sqlite_house))) == 1


# sub


def test_two_readers_with_the_same_sub_are_counted(house):
    for name, email in (("a", "one@x"), ("b", "one@x"), ("c", "two@x"), ("d", "two@x"), ("e", "three@x")):
        make_person(house, name, email=email)
    make_asset(house, PATH, '{"sub": "{{ user.email | default(user.id) }}"}')
    assert warnings(examine(house), "shared_sub") == [
        "4 of 5 readers share their `sub`: the relying party takes them for one person"
    ]


def test_a_different_sub_for_each_is_no_warning(sqlite_house):
    for name in "abc":
        make_person(sqlite_house, name)
    make_asset(sqlite_house, PATH)
    assert warnings(examine(sqlite_house), "shared_sub") == []


def test_without_a_sub_nobody_shares_one(sqlite_house):
    for name in "abc":
        make_person(sqlite_house, name)
    make_asset(sqlite_house, PATH, '{"name": "same"}')
    assert warnings(examine(sqlite_house), "shared_sub") == []


def test_values_of_one_of_do_not_make_a_reader_share_a_sub_with_themselves(sqlite_house):
    make_person(sqlite_house, "ben")
    params = [{"name": "room", "one_of": ["a", "b", "c"]}]
    make_asset(sqlite_house, PATH, '{"sub": "{{ user.id }}", "r": "{{ params.room }}"}', params=params)
    assert warnings(examine(sqlite_house), "shared_sub") == []


# size


def test_a_token_near_its_limit_is_pointed_out_and_one_over_it_is_an_error(house):
    make_attribute(house, "text")
    make_asset(house, PATH, '{"a": "' + "{{ user.attributes.text }}" * 4 + '"}')
    make_person(house, "small", attributes={"text": "x" * 1_250})  # 4 × 1,250 × 4/3 and about 200 characters
    make_person(house, "near", attributes={"text": "x" * 1_400})
    make_person(house, "over", attributes={"text": "x" * 1_800})
    make_person(house, "also-over", attributes={"text": "x" * 1_801})
    examination = examine(house)
    [words] = warnings(examination, "token_near_limit")
    assert words.startswith("1 of 4 readers gets a token of more than 7,000 characters (up to 7,")
    assert errors(examination) == [
        "2 of 4 readers would get 500: the token has more than 8,192 characters."
        " Leave out what the relying party does not need, or shorten it with `truncate`"
    ]


# parameters


def test_a_parameter_that_the_token_needs_is_taken_as_given(sqlite_house):
    make_person(sqlite_house, "ben")
    make_asset(sqlite_house, PATH, '{"nonce": "{{ params.nonce }}"}', params=[{"name": "nonce"}])
    assert examine(sqlite_house).findings == ()


def test_each_value_of_one_of_is_tried(sqlite_house):
    make_person(sqlite_house, "ben")
    template = '{"r": "{% if params.room == "c" %}{{ user.last_name }}{% else %}{{ params.room }}{% endif %}"}'
    params = [{"name": "room", "one_of": ["a", "b", "c"]}]
    make_asset(sqlite_house, PATH, template, params=params)
    examination = examine(sqlite_house)
    assert examination.failing == 1
    assert [words.partition(" (")[0] for words in errors(examination)] == ["1 of 1 reader has no `user.last_name`"]


def test_what_fails_only_without_a_parameter_is_a_warning_that_names_it(sqlite_house):
    make_person(sqlite_house, "ben")
    template = '{"r": "{% if params.room %}{{ params.room }}{% else %}{{ user.last_name }}{% endif %}"}'
    make_asset(sqlite_house, PATH, template, params=[{"name": "room", "one_of": ["a"]}])
    examination = examine(sqlite_house)
    assert examination.failing == 0 and errors(examination) == []
    [words] = warnings(examination, "template_failed")
    assert "without the parameter room they would get 500" in words


def test_what_fails_with_and_without_a_parameter_is_said_once(sqlite_house):
    make_person(sqlite_house, "ben")
    template = '{"n": "{{ user.last_name }}", "r": "{{ params.room | default("-") }}"}'
    make_asset(sqlite_house, PATH, template, params=[{"name": "room", "one_of": ["a", "b"]}])
    examination = examine(sqlite_house)
    assert len(errors(examination)) == 1 and warnings(examination, "template_failed") == []


def test_what_fails_without_any_of_several_parameters_is_said_once(sqlite_house):
    make_person(sqlite_house, "ben")
    template = '{"r": "{% if params.a and params.b %}1{% else %}{{ user.last_name }}{% endif %}"}'
    make_asset(sqlite_house, PATH, template, params=[{"name": "a"}, {"name": "b"}])
    [words] = warnings(examine(sqlite_house), "template_failed")
    assert "without the parameter a they" in words


# nothing is recorded, little is remembered


def test_an_examination_writes_no_row(house):
    make_person(house, "ben")
    make_asset(house, PATH, SURNAME)
    tables = ("log", "person", "asset", "revision", "secret", "session", "attempt", "membership")
    before = {table: house.rows(f"SELECT * FROM {table}") for table in tables}
    assert errors(examine(house))
    assert {table: house.rows(f"SELECT * FROM {table}") for table in tables} == before


class Ticking:
    """A clock that goes on by one second whenever it is looked at."""

    def __init__(self):
        self.now = 0

    def __call__(self):
        self.now += 1
        return self.now


def test_cut_short_it_says_at_least(sqlite_house, monkeypatch):
    for number in range(9):
        make_person(sqlite_house, f"lacks-{number}")
    make_asset(sqlite_house, PATH, SURNAME)
    from mintmark.examine import asset as asset_of_examine

    monkeypatch.setattr(asset_of_examine, "awkward_people", lambda *_: [])
    examination = examine(sqlite_house, clock=Ticking(), time_limit=4.5)
    assert (examination.readers, examination.is_cut_short) == (4, True)
    assert errors(examination)[0].startswith("at least 4 of the first 4 readers have no `user.last_name`")


def test_time_that_is_enough_cuts_nothing_short(sqlite_house):
    make_person(sqlite_house, "lacks")
    make_asset(sqlite_house, PATH, SURNAME)
    examination = examine(sqlite_house, time_limit=60)
    assert not examination.is_cut_short and "at least" not in errors(examination)[0]


def test_awkward_people_leave_time_for_real_ones(sqlite_house):
    """Given: time for ten looks at the clock. Then: at most half goes to the made-up people."""
    for number in range(30):
        make_person(sqlite_house, f"lacks-{number}")
    make_asset(sqlite_house, PATH, SURNAME)
    examination = examine(sqlite_house, clock=Ticking(), time_limit=10)
    assert 1 <= len(examination.trials) <= 5 and examination.readers >= 4


def test_hundreds_of_parameters_do_not_outlast_the_time(sqlite_house):
    """Given: 801 samples of parameters for one person, and time for a few. Then: not all are tried."""
    params = [{"name": f"p{number}", "one_of": [f"v{value}" for value in range(100)]} for number in range(8)]
    used = "".join(f"{{{{ params.p{number} | default('') }}}}" for number in range(8))
    make_person(sqlite_house, "ben")
    make_asset(sqlite_house, PATH, f'{{"sub": "{{{{ user.username }}}}", "p": "{used}"}}', params=params)
    clock = Ticking()

    examination = examine(sqlite_house, clock=clock, time_limit=10)

    assert examination.is_cut_short and examination.readers == 1
    assert clock.now < 20


@pytest.mark.slow
def test_twenty_thousand_people_need_little_memory(sqlite_house, monkeypatch):
    """Given: as many readers as wanted, each read anew. Then: less than 100 bytes each are kept."""
    import dataclasses
    import tracemalloc

    reader = _reader(sqlite_house)
    make_asset(sqlite_house, PATH, '{"sub": "{{ user.username }}"}')
    amount = 20_000

    def endless(self, asset):
        for number in range(amount):
            yield dataclasses.replace(reader, id=str(number), user={**reader.user, "username": str(number)})

    monkeypatch.setattr(Readers, "of", endless)
    tracemalloc.start()
    try:
        assert examine(sqlite_house).readers == amount
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000


def _reader(house):
    person = make_person(house, "ben")
    return house.mint.look_up("none", now=house.clock(), person=person)[1]
