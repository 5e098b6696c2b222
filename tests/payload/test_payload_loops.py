"""Loops: over lists, two deep, each with its name and its round."""

import pytest
from payload_people import claims, each, is_fine, person, places, words


def items(inside, context=None):
    return claims('{"a": [' + inside + "]}", context)["a"]


def test_a_loop_runs_over_a_list():
    assert items("{% for x in user.groups %}{{ x }}{% endfor %}") == ["editors", "staff"]
    assert items("{% for x in [1, 'b', true] %}{{ x }}{% endfor %}") == [1, "b", True]
    assert items("{% for x in user.attributes.tags | unique | sort %}{{ x }}{% endfor %}") == ["a", "b"]


@each("whole", ["user.username", "now", "user.is_admin", "'text'", "user.groups | length", "user.groups[0]"])
def test_what_is_certainly_no_list_is_refused(whole):
    assert "runs over a list" in words('{"a": [{% for x in ' + whole + " %}1{% endfor %}]}")


def test_what_only_may_be_no_list_is_an_error_at_issue():
    text = '{"a": [{% for x in (user.groups or user.username) %}{{ x }}{% endfor %}]}'
    assert claims(text) == {"a": ["editors", "staff"]}
    with pytest.raises(Exception, match="runs over a list"):
        claims(text, person(groups=[]))


def test_a_missing_list_is_empty_and_else_stands_for_both():
    text = "{% for x in user.attributes.tags %}{{ x }}{% else %}0{% endfor %}"
    assert items(text, person(attributes={"tags": None})) == [0]
    assert items(text, person(attributes={"tags": []})) == [0]
    assert items(text, person(attributes={"tags": ["q"]})) == ["q"]
    assert items("{% for x in user.attributes.tags %}1{% endfor %}", person(attributes={"tags": None})) == []


def test_loop_knows_its_round():
    text = (
        "{% for x in user.roles %}"
        + ",".join("{{ loop." + name + " }}" for name in ("index", "index0", "first", "last", "length"))
        + "{% endfor %}"
    )
    assert items(text, person(roles=["a", "b", "c"])) == [
        1,
        0,
        True,
        False,
        3,
        2,
        1,
        False,
        False,
        3,
        3,
        2,
        False,
        True,
        3,
    ]


def test_loops_stand_two_deep_and_each_has_its_own_loop():
    text = (
        "{% for x in user.groups %}{% for y in user.attributes.tags %}"
        '"{{ x }}{{ y }}{{ loop.index }}"{% endfor %}"{{ x }}{{ loop.index }}"{% endfor %}'
    )
    assert items(text, person(attributes={"tags": ["p", "q"]})) == [
        "editorsp1",
        "editorsq2",
        "editors1",
        "staffp1",
        "staffq2",
        "staff2",
    ]
    assert items(text, person(attributes={"tags": []})) == ["editors1", "staff2"]
    deep = "{% for x in user.groups %}" * 3 + "1" + "{% endfor %}" * 3
    assert "2 deep" in words('{"a": [' + deep + "]}")


def test_loops_side_by_side_do_not_count_as_deep():
    inner = "{% for y in user.groups %}{{ y }}{% endfor %}"
    assert len(items("{% for x in user.groups %}" + inner * 3 + "{% endfor %}")) == 12


def test_an_inner_loop_may_use_the_outer_name():
    text = "{% for x in user.groups %}{% for x in user.roles %}{{ x }}{% else %}{{ x }}{% endfor %}{{ x }}{% endfor %}"
    assert items(text) == ["user", "editors", "user", "staff"]
    assert items(text, person(roles=[])) == ["editors", "editors", "staff", "staff"]


@each(
    ("text", "where"),
    [
        ("{% for x in user.groups %}1{% else %}{{ x }}{% endfor %}", [(1, 45)]),
        ("{% for x in user.groups %}1{% else %}{{ loop.index }}{% endfor %}", [(1, 45)]),
        ("{% for x in user.groups %}1{% endfor %}{{ x }}", [(1, 47)]),
        ("{{ loop.index }}", [(1, 8)]),
        ("{% for x in x %}1{% endfor %}", [(1, 8)]),
        ("{% for x in user.groups %}{{ x.name }}{% endfor %}", [(1, 34)]),
        ("{% for x in user.groups %}{{ x[0] }}{% endfor %}", [(1, 34)]),
        ("{% for x in user.groups %}{{ loop }}{% endfor %}", [(1, 34)]),
        ("{% for x in user.groups %}{{ loop.previtem }}{% endfor %}", [(1, 34)]),
        ("{% for x in user.groups %}{{ loop.cycle(1, 2) }}{% endfor %}", [(1, 34)]),
    ],
)
def test_name_and_loop_are_known_only_within_the_rounds(text, where):
    assert places('{"a": [' + text + "]}") == where


@each(
    "name",
    ["user", "asset", "site", "now", "params", "loop", "_x", "__class__", "true", "none", "not", "if", "é"],
)
def test_some_names_cannot_be_a_loops(name):
    assert len(places('{"a": [{% for ' + name + " in user.groups %}1{% endfor %}]}")) == 1


@each(
    "tag",
    [
        "for x, y in user.groups",
        "for (x) in user.groups",
        "for x.y in user.groups",
        "for x in user.groups if x",
        "for x in user.groups recursive",
        "for x in user.groups, user.roles",
        "for x",
        "for",
        "for x in",
        "for x of user.groups",
        "for x in user.groups:",
        "for 'x' in user.groups",
        "for x in user.grups",
        "for x in range(9)",
        "for x in {}",
        "for x in user",
    ],
)
def test_a_loop_has_one_form(tag):
    assert places('{"a": [{% ' + tag + " %}{{ now }}{% endfor %}]}") == [(1, 8)]


def test_a_faulty_list_does_not_make_its_name_unknown():
    assert places('{"a": [{% for x in user.grups %}{{ x }}{{ loop.index }}, {{ x | upper }}{% endfor %}]}')[0] == (1, 8)
    assert len(places('{"a": [{% for x in user.grups %}{{ x }}, {{ loop.index }}{% endfor %}]}')) == 1


def test_a_loop_may_stand_within_text_and_in_a_branch():
    assert claims('{"a": "{% for x in user.groups %}[{{ x }}]{% else %}-{% endfor %}"}') == {"a": "[editors][staff]"}
    assert is_fine(
        '{"a": [{% if now %}{% for x in user.groups %}{% if x == "staff" %}1{% endif %}{% endfor %}{% endif %}]}'
    )
