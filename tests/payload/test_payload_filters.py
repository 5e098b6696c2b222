"""Filters, and the bounds of what is on its way."""

import hashlib

import pytest
from payload_people import claims, each, is_fine, person, value, words

from mintmark.payload import FILTERS, TemplateError


@each(
    ("expression", "expected"),
    [
        ("'aÉß' | lower", "aéß"),
        ("'aéß' | upper", "AÉSS"),
        ("' \\t x y \u00a0' | trim", "x y"),
        ("'a.b.c' | replace('.', '')", "abc"),
        ("'aaa' | replace('aa', 'b')", "ba"),
        ("'a' | replace('b', 'c')", "a"),
        ("user.groups | join", "editorsstaff"),
        ("user.groups | join(', ')", "editors, staff"),
        ("[1, 2.0, true, 'x'] | join('-')", "1-2-true-x"),
        ("[] | join('-')", ""),
        ("user.groups | first", "editors"),
        ("user.groups | last", "staff"),
        ("user.groups | length", 2),
        ("'é😀' | length", 2),
        ("[] | length", 0),
        ("user.attributes.tags | unique", ["b", "a"]),
        ("[1, 1.0, true, 'a', 'a', 0, false] | unique", [1, True, "a", 0, False]),
        ("user.attributes.tags | sort", ["a", "b", "b"]),
        ("['b', 'Z', 'é', 'a'] | sort", ["Z", "a", "b", "é"]),
        ("[3, 1.5, -2] | sort", [-2, 1.5, 3]),
        ("[] | sort", []),
        ("'é😀x' | truncate(2)", "é😀"),
        ("'ab' | truncate(9)", "ab"),
        ("'ab' | truncate(0)", ""),
        ("'a\u2028\"\\u0001é' | json", '"a\u2028\\"\\u0001é"'),
        ("[1, 'a', true, 2.0] | json", '[1,"a",true,2]'),
        ("1.50 | json", "1.5"),
        ("true | json", "true"),
        ("[] | json", "[]"),
        ("'é' | sha256", hashlib.sha256("é".encode()).hexdigest()),
        ("'' | sha256 | length", 64),
        ("-5 | json", "-5"),
        ("user.username | upper | lower | replace('a', 'o') | truncate(2)", "od"),
        ("user.groups | first | upper", "EDITORS"),
    ],
)
def test_a_filter_gives_what_the_table_says(expression, expected):
    given = value(expression)
    assert (given, [type(item) for item in given] if isinstance(given, list) else type(given)) == (
        expected,
        [type(item) for item in expected] if isinstance(expected, list) else type(expected),
    )


def test_the_table_of_filters_is_whole():
    names = "default omit lower upper trim replace join first last length unique sort truncate json sha256"
    assert list(FILTERS) == names.split()
    assert all(row.meaning and row.signature.startswith(name) for name, row in FILTERS.items())


@each(
    "call",
    [
        "lower(1)",
        "lower()x",
        "upper('a')",
        "replace",
        "replace('a')",
        "replace('', 'b')",
        "replace('a', 'b', 1)",
        "replace(1, 'b')",
        "replace('a', 1)",
        "replace('a', user.email)",
        "replace(old='a', new='b')",
        "replace(*['a', 'b'])",
        "truncate",
        "truncate()",
        "truncate('3')",
        "truncate(-1)",
        "truncate(1.0)",
        "truncate(true)",
        "truncate(now)",
        "truncate(3, true)",
        "default",
        "default()",
        "default(1, 2)",
        "default(x=1)",
        "json(2)",
        "sha256('x')",
        "trim('x')",
        "length.x",
        "map('upper')",
        "select",
        "attr('x')",
        "format(1)",
        "xmlattr",
        "d(1)",
        "center(80)",
        "urlize",
        "wordwrap(1)",
        "batch(2)",
        "pprint",
        "random",
        "list",
        "items",
        "indent",
        "omit()",
        "omit(1)",
        "Lower",
        "__class__",
        "truncate(99999999999999999999999)",
    ],
)
def test_a_filter_has_one_form(call):
    text = '{"a": {{ user.username | ' + call + " }}}"
    assert not is_fine(text) or call == "omit()"


@each(
    "call",
    [
        "join(1)",
        "join(',', 'x')",
        "join(user.email)",
        "join(attribute='x')",
        "join([])",
        "sort(true)",
        "sort(reverse=true)",
        "unique(false)",
        "first(1)",
        "length(1)",
    ],
)
def test_a_filter_of_lists_has_one_form(call):
    assert not is_fine('{"a": {{ user.groups | ' + call + " }}}")


def test_a_text_on_its_way_has_at_most_8192_characters():
    long = person(username="x" * 8_192)
    assert len(value("user.username", long)) == 8_192
    assert len(value("user.username | replace('x', 'y')", long)) == 8_192
    for expression in (
        "user.username ~ 'x'",
        "user.username | replace('x', 'xy')",
        "user.username | json",
        "(user.username ~ user.username) | truncate(1)",
    ):
        with pytest.raises(TemplateError, match="8,192"):
            value(expression, long)
    with pytest.raises(TemplateError, match="8,192"):
        value("user.username | upper", person(username="ß" * 5_000))
    with pytest.raises(TemplateError, match="8,192"):
        value("user.username | length", person(username="x" * 8_193))
    assert "8,192" in words('{"a": {{ "' + "x" * 8_193 + '" | length }}}')


def test_a_list_on_its_way_has_at_most_1000_items():
    assert value("user.groups | length", person(groups=["x"] * 1_000)) == 1_000
    for expression in ("user.groups | length", "user.groups | first", "user.groups"):
        with pytest.raises(TemplateError, match="1,000"):
            value(expression, person(groups=["x"] * 1_001))
    for expression in ("user.groups | join", "user.groups | json", "user.groups | join('-')"):
        with pytest.raises(TemplateError, match="8,192"):
            value(expression, person(groups=["x" * 255] * 1_000))
    assert is_fine('{"a": {{ [' + "1," * 999 + "1] }}}")
    assert "1,000 items" in words('{"a": {{ [' + "1," * 1_000 + "1] }}}")


def test_a_literal_list_of_a_template_is_never_shared_between_tokens():
    text = '{"a": {{ [1, 2] }}, "b": {{ user.groups }}}'
    context = person()
    first = claims(text, context)
    first["a"].append(3)
    first["b"].append("x")
    assert claims(text, context) == {"a": [1, 2], "b": ["editors", "staff"]}


def test_filters_bind_as_in_jinja():
    assert value("'a' ~ 'b' | upper") == "aB"
    assert value("('a' ~ 'b') | upper") == "AB"
    assert value("'staff' in user.groups | sort") is True
    assert value("not user.username | length == 3") is False
