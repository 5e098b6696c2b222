"""Expressions, types, and what missing does."""

import pytest
from payload_people import ADA, claims, each, is_fine, person, places, value, words

from mintmark.payload import TemplateError

NOBODY = {"user": {}}  # of whom nothing is known


@each(
    ("expression", "expected"),
    [
        ("'text'", "text"),
        ('"text"', "text"),
        (r"'\u00e9\n\"\'\\\/'", "é\n\"'\\/"),
        (r"'\ud83d\ude00'", "😀"),
        ("12", 12),
        ("-12", -12),
        ("- 1.50", -1.5),
        ("1e2", 100.0),
        ("true", True),
        ("false", False),
        ("[]", []),
        ("['a', 1, -2.5, true]", ["a", 1, -2.5, True]),
        ("user.username", "ada"),
        ("user['username']", "ada"),
        ('user["attributes"]["department"]', "R&D"),
        ("user.attributes.level", 7),
        ("user.groups[0]", "editors"),
        ("user.groups.1", "staff"),
        ("user['groups'][1]", "staff"),
        ("['x', 'y'][1]", "y"),
        ("(user.groups)[0]", "editors"),
        ("(user.permissions or user.groups)[0]", "editors"),
        ("params.room", "blue"),
        ("site.url ~ '/' ~ asset.path", "https://mint.example.test/integrations/helpdesk"),
        ("'a' ~ 1 ~ 2.0 ~ 2.5 ~ true", "a122.5true"),
        ("1 if user.is_admin else 2", 1),
        ("1 if asset.can_edit else 2 if asset.can_edit else 3", 3),
        ("not user.is_admin", False),
        ("not not user.is_admin", True),
        ("user.is_admin and user.username", "ada"),
        ("asset.can_edit or user.permissions or user.username", "ada"),
        ("asset.can_edit and user.username", False),
        ("user.permissions or 0 or ''", ""),
        ("1 and 2 and 3", 3),
        ("user.groups == ['editors', 'staff']", True),
        ("'a' ~ 'b' == 'ab'", True),
    ],
)
def test_an_expression_gives_a_value(expression, expected):
    given = value(expression)
    assert (given, type(given)) == (expected, type(expected))


@each(
    ("expression", "expected"),
    [
        ("1 == 1.0", True),
        ("1 == true", False),
        ("0 == false", False),
        ("true == true", True),
        ("1 != true", True),
        ("'1' == 1", False),
        ("'' == []", False),
        ("'' == false", False),
        ("[1] == [true]", False),
        ("[1] == [1.0]", True),
        ("[1, 2] == [1]", False),
        ("true in [1]", False),
        ("1.0 in [1]", True),
        ("1 not in [true]", True),
        ("'a' in 'xay'", True),
        ("'' in 'x'", True),
        ("'a' in ['xay']", False),
        ("'staff' in user.groups", True),
        ("'x' not in user.groups", True),
        ("now in user.groups", False),
        ("1 < 2", True),
        ("2 <= 2.0", True),
        ("3 > 3", False),
        ("'Z' < 'a'", True),
        ("'é' > 'z'", True),
        ("'\ue000' < '😀'", True),
        ("user.attributes.level >= 7", True),
        ("12345678901234567890 == 12345678901234567891", False),
    ],
)
def test_types_differ_values_differ(expression, expected):
    assert value(expression) is expected


@each("falsy", ["false", "0", "0.0", "-0.0", "''", "[]", "user.permissions", "params.nonce"])
def test_false_are_false_zero_empty_and_missing(falsy):
    assert value(f"'yes' if {falsy} else 'no'") == "no"
    assert claims('{"a": {% if ' + falsy + " %}1{% else %}2{% endif %}}") == {"a": 2}


@each("truthy", ["true", "1", "-1", "'0'", "' '", "'false'", "[0]", "user.groups", "now"])
def test_everything_else_is_true(truthy):
    assert value(f"'yes' if {truthy} else 'no'") == "yes"


@each(
    "expression",
    [
        "user.username < 1",
        "now >= 'a'",
        "true < false",
        "user.groups < user.roles",
        "user.is_admin > 0",
        "[1] <= [2]",
        "1 in 'a'",
        "'a' in 1",
        "user.groups in user.groups",
        "'a' in true",
        "[1] in 'a'",
        "now not in user.username",
        "user.username | join",
        "user.groups | upper",
        "now | length",
        "user.is_admin | trim",
        "now | first",
        "user.groups | sha256",
        "user.username | sort",
        "true | lower",
        "user.username[0]",
        "now[0]",
        "user.groups[0][0]",
        "user.groups ~ ''",
        "user.groups | first | first",
        "(user.groups | length) | upper",
    ],
)
def test_a_pair_or_filter_that_never_fits_is_refused_at_save(expression):
    assert places('{"a": {{ ' + expression + " }}}") == [(1, 7)]


@each(
    "expression",
    [
        "(user.username if user.is_admin else now) < 1",
        "(user.groups if user.is_admin else 'x') | upper",
        "'a' in (now if user.is_admin else 'a')",
        "(user.username if user.is_admin else user.groups)[0]",
        "'' ~ (user.groups if user.is_admin else '')",
        "([1, 'a']) | sort",
        "[true] | sort",
        "(1 if user.is_admin else user.groups) | length",
    ],
)
def test_a_pair_or_filter_that_may_fit_is_an_error_at_issue(expression):
    text = '{\n"a": {{ ' + expression + " }}}"
    assert is_fine(text)
    with pytest.raises(TemplateError) as caught:
        claims(text)
    assert (caught.value.line, caught.value.column, caught.value.name) == (2, 6, None)


@each(
    "expression",
    [
        # no values
        "user",
        "user.attributes",
        "asset",
        "site",
        "params",
        "user['attributes']",
        "(user)",
        "user or 1",
        "'' ~ asset",
        # unknown, hidden
        "nobody",
        "user.nobody",
        "user.password",
        "asset.secret",
        "site",
        "now.year",
        "params.other",
        "user.attributes.other",
        "user._id",
        "_",
        "__class__",
        "user.__class__",
        "user['__class__']",
        "user.attributes['_x']",
        "self",
        "namespace",
        "range",
        "dict",
        "user['user.email']",
        "user['attributes.department']",
        "user['']",
        "null",
        "none",
        "None",
        "True",
        "False",
        "user.username.upper",
        # calls
        "user.username()",
        "now()",
        "range(9)",
        "'a'.upper()",
        "user.groups.append('x')",
        "('a')()",
        "dict(a=1)",
        "cycler(1)",
        "lipsum()",
        # arithmetic
        "1 + 1",
        "now - 1",
        "2 * 3",
        "6 / 2",
        "6 // 2",
        "6 % 4",
        "2 ** 9",
        "- now",
        "+1",
        "- - 1",
        "--1",
        "-user.username",
        "-'a'",
        "-true",
        # literals of other kinds
        "{}",
        "{'a': 1}",
        "()",
        "(1,)",
        "(1, 2)",
        "1, 2",
        "[[1]]",
        "[user.username]",
        "[1 + 1]",
        "[none]",
        "0x1F",
        "0b1",
        "0o7",
        "1_000",
        "'a' 'b'",
        r"'\x41'",
        r"'\N{BULLET}'",
        r"'\101'",
        r"'\q'",
        r"'\ud800'",
        "'a\nb'",
        "'a\tb'",
        "1.5.2",
        "00",
        "1\u0663",
        "\u0663.5",
        "1.e5",
        "\u00b2",
        "1e999",
        "1" * 21,
        "007",
        # items
        "user.groups[-1]",
        "user.groups[1:2]",
        "user.groups[now]",
        "user.groups['a']",
        "user.groups[0.0]",
        "user.groups[true]",
        "user.groups[0, 1]",
        "user.groups.first",
        "user[0]",
        "user.groups[0].x",
        "user[user.username]",
        "user.groups[]",
        # comparisons
        "1 < 2 < 3",
        "1 == 1 == 1",
        "1 in [1] in [true]",
        "1 <> 2",
        "1 = 1",
        "a := 1",
        # tests
        "now is number",
        "now is string",
        "now is undefined",
        "now is divisibleby 2",
        "now is eq 1",
        "now is defined(1)",
        "now is none none",
        "now is sameas true",
        "now is in [1]",
        "1 if now is defined if 1 else 2",
        # else
        "",
        " ",
        "user.username user.email",
        "user..username",
        "user.",
        ".user",
        "|upper",
        "user.username|",
        "if",
        "not",
        "and 1",
        "1 if",
        "loop",
        "user.username; now",
        "user.username @ 1",
        "$x",
        "`x`",
        "user.username ?? 1",
        "user.username ? 1 : 2",
        "a && b",
        "!a",
        "lambda: 1",
        "super()",
        "caller()",
        "_('x')",
        "import os",
        "x.y.z",
        "user\\.name",
        "é",
        "ｕser.username",
        "user.userna\u200bme",
    ],
)
def test_everything_else_is_refused_where_it_stands(expression):
    assert places('{\n "b": 1, "a": {{ ' + expression + " }}}") == [(2, 15)]


@each(
    "tag",
    [
        "set x = 1",
        "set x",
        "macro x()",
        "call x()",
        "include 'x'",
        "import 'x' as x",
        "from 'x' import y",
        "extends 'x'",
        "block x",
        "with x = 1",
        "autoescape true",
        "filter upper",
        "print 1",
        "do x",
        "continue",
        "break",
        "trans",
        "debug",
        "endset",
        "endmacro",
        "endblock",
        "unless x",
        "else if now",
        "elseif now",
        "elsif now",
        "ifchanged",
        "1",
        "'if'",
        "(if)",
        "IF now",
    ],
)
def test_every_other_block_is_refused_where_it_stands(tag):
    text = '{"a": 1 {% ' + tag + " %}}"
    assert places(text) == [(1, 9)]


@each(
    ("expression", "hint"),
    [
        ("user.username | tojson", "`json`"),
        ("user.username | safe", "delete it"),
        ("user.username | e", "delete it"),
        ("user.username | escape", "delete it"),
        ("user.attributes.level | int", "without quotes"),
        ("now | string", "between quotes"),
        ("True", "`true`"),
        ("None", "`none`"),
        ("none", "write null"),
        ("null", "write null"),
        ("now is undefined", "`is defined`"),
        ("now is defined now", "brackets"),
        ("user", "one of its fields"),
        ("1 < 2 < 3", "b < c"),
        ("'a' 'b'", "`~`"),
        ("user.username | default(1, true)", "one argument"),
        ("user.username | title", "`lower`"),
    ],
)
def test_what_one_might_know_from_elsewhere_gets_a_hint(expression, hint):
    assert hint in words('{"a": {{ ' + expression + " }}}")


# Missing


@each(
    "missing",
    [
        "params.nonce",
        "user.attributes.phone",
        "user.groups[9]",
        "user.permissions[0]",
        "(1 if asset.can_edit)",
        "[] | first",
    ],
)
def test_missing_is_null_unset_absent_out_of_range_or_a_failed_condition(missing):
    assert value(f"{missing} is defined") is False
    assert value(f"{missing} is not defined") is True
    assert value(f"{missing} is none") is True
    assert value(f"{missing} is not none") is False
    assert value(f"{missing} | default('d')") == "d"
    with pytest.raises(TemplateError):
        value(missing)


@each(
    ("expression", "expected"),
    [
        ("params.nonce == params.nonce", False),
        ("params.nonce != params.nonce", True),
        ("params.nonce == ''", False),
        ("params.nonce != 'a'", True),
        ("params.nonce < 'a'", False),
        ("'a' >= params.nonce", False),
        ("params.nonce in user.groups", False),
        ("params.nonce not in user.groups", True),
        ("'a' in params.nonce", False),
        ("'a' not in params.nonce", True),
        ("not params.nonce", True),
        ("params.nonce or 'x'", "x"),
        ("(params.nonce and 'x') is none", True),
        ("(params.nonce ~ 'x') is none", True),
        ("('x' ~ params.nonce) | default('d')", "d"),
        ("params.nonce | upper | default('d')", "d"),
        ("params.nonce | json | sha256 | length | default(0)", 0),
        ("(params.nonce | default('')) ~ 'x'", "x"),
        ("params.nonce | default(user.attributes.phone) | default('e')", "e"),
        ("'' | default('d')", ""),
        ("0 | default(1)", 0),
        ("false | default(true)", False),
        ("user.permissions | default(1)", []),
        ("'x' if params.nonce else 'y'", "y"),
        ("user.username | default(1)", "ada"),
    ],
)
def test_missing_is_false_passes_through_and_ends_at_default(expression, expected):
    assert value(expression) == expected
    assert type(value(expression)) is type(expected)


@each(
    ("expression", "name"),
    [
        ("user.last_name", "user.last_name"),
        ("user.first_name ~ ' ' ~ user.last_name", "user.last_name"),
        ("user.last_name | upper | trim", "user.last_name"),
        ("user.last_name | default(params.nonce)", "user.last_name"),
        ("user.groups[7]", "user.groups[7]"),
        ("user.permissions | first", "user.permissions | first"),
        ("params.nonce or user.last_name", "params.nonce"),
        ("1 and params.nonce", "params.nonce"),
        ("params.nonce if now else 1", "params.nonce"),
        ("1 if not now", None),
        ("user['attributes'].phone", "user.attributes.phone"),
    ],
)
def test_what_is_left_missing_at_the_end_is_an_error_with_line_and_name(expression, name):
    for text in (
        '{"b": 1,\n  "a": {{ ' + expression + " }}}",
        '{"b": 1,\n  "a": "{{ ' + expression + ' }}"}',
    ):
        with pytest.raises(TemplateError) as caught:
            claims(text, person(last_name=None))
        assert (caught.value.line, caught.value.name) == (2, name)
        assert "default" in caught.value.hint and "omit" in caught.value.hint
        assert caught.value.problems[0].line == 2


def test_null_is_had_only_by_writing_it():
    assert claims('{"a": null, "b": [null]}') == {"a": None, "b": [None]}


@each("context", [{}, NOBODY, {"user": None}, {"user": {"attributes": None}, "params": None}])
def test_what_is_not_in_the_context_is_missing(context):
    text = (
        '{"a": {{ user.attributes.phone | default("x") }}, "b": {{ user.email | default(params.room) | default(0) }}}'
    )
    assert claims(text, context) == {"a": "x", "b": 0}


# Depth


@each(
    ("before", "after"),
    [
        ("(", ")"),
        ("not ", ""),
        ("", " | json"),
        ("", " | default(1)"),
        ("1 if 1 else ", ""),
        ("'a' ~ (", ")"),
        ("[", "]"),
        ("1 and (0 or (", "))"),
    ],
)
def test_expressions_are_at_most_20_levels_deep(before, after):
    assert is_fine('{"a": {{ ' + before * 9 + "1" + after * 9 + " }}}") or before == "["
    for depth in (22, 300, 1_500):
        assert places(('{"a": {{ ' + before * depth + "1" + after * depth + " }}}")[:16_384])[0] == (1, 7)


def test_a_chain_of_the_same_and_or_is_one_level():
    chain = " or ".join(["user.permissions"] * 300)
    assert value(chain + " or 1") == 1
    assert value("((" * 5 + " and ".join(["1"] * 200) + "))" * 5) == 1
    assert value(" and ".join(["(1 or 0)"] * 100)) == 1
    assert value("not " * 19 + "1") is False
    assert "20 levels" in words('{"a": {{ ' + "not " * 20 + "1 }}}")


def test_an_operand_is_looked_at_only_where_it_decides():
    assert value("1 or (('a' if now else 1) | length)") == 1
    assert value("1 if now else (user.username if now else 1) | upper") == 1
    assert ADA["params"] == {"room": "blue"}
