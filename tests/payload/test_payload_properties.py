"""Properties: check never raises; what it accepts gives claims or a TemplateError, and never anybody else's words."""

import json
import re

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from payload_people import ATTRIBUTES, PARAMS, person

from mintmark.payload import Problem, TemplateError, check, compile, render

QUICK = settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
LONG = settings(max_examples=1_500, deadline=None, suppress_health_check=list(HealthCheck))

# Templates that are fine, built from a grammar

TEXTS = [
    "user.username",
    "user.email",
    "user.first_name",
    'user["last_name"]',
    "asset.name",
    "params.room",
    "user.attributes.department",
    "'l\\u00e9'",
]
LISTS = ["user.groups", "user.attributes.tags", "user.roles | unique", "user.groups | sort", "['b', 'a']"]
OTHERS = ["now", "user.is_admin", "user.attributes.level", "user.groups | length", "-1.50", "true"]


TEXT_FILTERS = ["upper", "lower", "trim", "truncate(3)", "replace('a', '\"')", "sha256", "json"]
FORMS = [
    "({0}) == ({1})",
    "({0}) != ({1})",
    "({0}) and ({1})",
    "({0}) or ({1})",
    "not ({0})",
    "({0}) is defined",
    "({0}) if ({1}) else ({2})",
    "({0}) if ({1})",
    "({0}) | default({1})",
]


@st.composite
def expressions(draw, depth=2):
    text = draw(st.sampled_from(TEXTS))
    form = draw(st.integers(0, 6 if depth else 4))
    if form == 0:
        return text
    if form == 1:
        return draw(st.sampled_from(OTHERS + LISTS))
    if form == 2:
        return text + " | " + draw(st.sampled_from(TEXT_FILTERS))
    if form == 3:
        return (
            draw(st.sampled_from(LISTS))
            + " | "
            + draw(st.sampled_from(["join", "join(', ')", "first", "last", "json"]))
        )
    if form == 4:
        return text + draw(st.sampled_from([" ~ ", " < ", " >= ", " in ", " not in "])) + draw(st.sampled_from(TEXTS))
    inner = [draw(expressions(depth=depth - 1)) for _ in range(3)]
    return draw(st.sampled_from(FORMS)).format(*inner)


EXPRESSIONS = expressions()
NAMES = st.sampled_from(["a", "b", "c", "d", "name", "x-y", "é", "https://x.test/y", 'q\\"', "\\n"])
LITERALS = st.sampled_from(["1", "-2.5", "true", "null", '"text"', '"\\u00e9\\n"', "[]", "{}", "[1, [2]]"])
OMITS = st.sampled_from(["", " | omit", ' | default("-")'])
PLACEHOLDERS = st.tuples(EXPRESSIONS, OMITS).map(lambda two: "{{ (" + two[0] + ")" + two[1] + " }}")
INTEXT = st.one_of(
    st.sampled_from(["plain ", "\\u0041", "é", "{ }", "{# gone #}", "%"]),
    st.tuples(st.sampled_from(TEXTS), OMITS).map(lambda two: "{{ (" + two[0] + ")" + two[1] + " }}"),
    EXPRESSIONS.map(lambda test: "{% if " + (f"({test})") + " %}y{% else %}n{% endif %}"),
    st.just("{% for i in user.groups %}{{ i }}{{ loop.index }}{% endfor %}"),
)
VALUES = st.recursive(
    st.one_of(LITERALS, PLACEHOLDERS, st.lists(INTEXT, max_size=3).map(lambda parts: '"' + "".join(parts) + '"')),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: "[" + ", ".join(items) + "]"),
        st.lists(st.tuples(NAMES, inner), max_size=3, unique_by=lambda two: two[0]).map(
            lambda pairs: "{ " + ", ".join(f'"{n}": {v}' for n, v in pairs) + " }"
        ),
        st.tuples(EXPRESSIONS, inner, inner).map(
            lambda three: "{{% if ({}) %}}{}{{% else %}}{}{{% endif %}}".format(*three)
        ),
        st.tuples(st.sampled_from(LISTS), inner).map(
            lambda two: "[ {% for x in " + two[0] + " %}" + two[1] + ", {{ x }}{% else %}0{% endfor %} ]"
        ),
    ),
    max_leaves=5,
)


@st.composite
def templates(draw):
    members = draw(st.lists(st.tuples(NAMES, VALUES), max_size=5, unique_by=lambda two: two[0]))
    parts = []
    for name, value in members:
        member = f'"{name}": {value}'
        kind = draw(st.integers(0, 4))
        test = draw(EXPRESSIONS)
        if kind == 0:
            member = "{% if (" + test + ") %}" + member + "{% else %}" + f'"{name}": 0' + "{% endif %}"
        elif kind == 1:
            member = "{% if (" + test + ") %}, " + member + ",{% endif %}"
        parts.append(member)
    return "{ " + ", ".join(parts) + " }"


HOSTILE = st.sampled_from(
    [
        '"',
        '", "sub": "root',
        "\\",
        "{{ user.email }}",
        "{% endif %}",
        "{#",
        "\0",
        "\u2028",
        "😀",
        "\ue000",
        "",
        "null",
        "}]",
        "\n",
    ]
)
TEXT = st.one_of(
    HOSTILE,
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.lists(HOSTILE, max_size=4).map("".join),
)
MAYBE = st.one_of(st.none(), TEXT)
PEOPLE = st.builds(
    lambda username, email, first, last, groups, roles, admin, department, level, tags: person(
        username=username,
        email=email,
        first_name=first,
        last_name=last,
        groups=groups,
        roles=roles,
        is_admin=admin,
        attributes={"department": department, "level": level, "tags": tags},
    ),
    TEXT,
    MAYBE,
    MAYBE,
    MAYBE,
    st.lists(TEXT, max_size=4),
    st.lists(TEXT, max_size=2),
    st.booleans(),
    MAYBE,
    st.one_of(st.none(), st.integers(-(10**19), 10**19), st.floats(allow_nan=False, allow_infinity=False)),
    st.one_of(st.none(), st.lists(TEXT, max_size=3)),
)


def gives_claims_or_a_template_error(text, ada):
    found = check(text, ATTRIBUTES, PARAMS)
    if found:
        return
    template = compile(text, ATTRIBUTES, PARAMS)
    sources = {}
    try:
        claims = render(template, ada, sources)
    except TemplateError as error:
        with pytest.raises(TemplateError) as again:
            render(template, ada)
        assert str(again.value) == str(error) and 1 <= error.line <= text.count("\n") + 1
        return
    assert render(template, ada) == claims
    assert set(claims) <= set(template.claims)
    assert {name for name, known in template.claims.items() if known.is_certain} <= set(claims)
    for name, value in claims.items():
        assert kind(value) in template.claims[name].types
        assert sources[(name,)].type == kind(value)
    written = json.dumps(claims, ensure_ascii=False)
    written.encode()
    assert same(json.loads(written, object_pairs_hook=without_repeats), claims)


def kind(value):
    return {
        str: "text",
        int: "number",
        float: "number",
        bool: "boolean",
        list: "list",
        dict: "object",
        type(None): "null",
    }[type(value)]


def same(one, other):
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def without_repeats(pairs):
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


@QUICK
@given(templates(), PEOPLE)
def test_what_is_accepted_gives_claims_or_a_template_error(text, ada):
    gives_claims_or_a_template_error(text, ada)


@pytest.mark.slow
@LONG
@given(templates(), PEOPLE)
def test_what_is_accepted_gives_claims_or_a_template_error_at_length(text, ada):
    gives_claims_or_a_template_error(text, ada)


@QUICK
@given(templates())
def test_most_templates_of_the_grammar_are_accepted_and_the_rest_is_told_why(text):
    for problem in check(text, ATTRIBUTES, PARAMS):
        assert re.search("does not take|list|more than|deep|twice", problem.reason), (text, problem)


def is_in_the_claims_byte_for_byte(first, last):
    text = '{"a": {{ user.first_name }}, "b": "{{ user.first_name }}{{ user.last_name }}"'
    text += ', "c": ["<{{ user.last_name }}>"], "d": {{ user.groups }}}'
    claims = render(compile(text), person(first_name=first, last_name=last, groups=[first, last]))
    assert claims == {"a": first, "b": first + last, "c": [f"<{last}>"], "d": [first, last]}
    assert list(claims) == ["a", "b", "c", "d"]


@QUICK
@given(TEXT, TEXT)
def test_a_text_of_a_person_is_in_the_claims_byte_for_byte(first, last):
    is_in_the_claims_byte_for_byte(first, last)


@pytest.mark.slow
@LONG
@given(TEXT, TEXT)
def test_a_text_of_a_person_is_in_the_claims_byte_for_byte_at_length(first, last):
    is_in_the_claims_byte_for_byte(first, last)


# Any text at all

FRAGMENTS = st.sampled_from(
    [
        "{{",
        "}}",
        "{%",
        "%}",
        "{#",
        "#}",
        "{{-",
        "-}}",
        "{%-",
        "-%}",
        "{",
        "}",
        "[",
        "]",
        "(",
        ")",
        '"',
        "'",
        "\\",
        "\\u",
        "\\ud800",
        ",",
        ":",
        "|",
        "~",
        ".",
        "..",
        "-",
        "+",
        " ",
        "\n",
        "\r\n",
        "if",
        "elif",
        "else",
        "endif",
        "for",
        "in",
        "endfor",
        "not",
        "and",
        "or",
        "is",
        "defined",
        "none",
        "true",
        "null",
        "raw",
        "endraw",
        "set",
        "x",
        "user",
        "user.username",
        "user.groups",
        "loop",
        "loop.last",
        "upper",
        "omit",
        "default",
        "join",
        "0",
        "1",
        "12e5",
        "1.",
        "9" * 21,
        '"a"',
        '"a": ',
        "'s'",
        "==",
        "<",
        "=",
        "%",
        "%globals_x%",
        "é",
        "\ue000",
        "\ud800",
        "\0",
        "\ufeff",
        "{% if now %}",
        "{% else %}",
        "{% endif %}",
        "{% for x in user.groups %}",
        "{% endfor %}",
        "{{ x }}",
        "{{ user.username }}",
        '{"a": ',
        "}",
    ]
)


def is_told_well(text):
    found = check(text, ATTRIBUTES, PARAMS)
    assert all(
        isinstance(problem, Problem) and problem.reason and problem.line >= 1 and problem.column >= 1
        for problem in found
    )
    assert found == sorted(found)
    lines = text.replace("\r\n", "\n").split("\n")
    for problem in found:
        assert problem.line <= len(lines) and problem.column <= len(lines[problem.line - 1]) + 1
        str(problem).encode()
    return found


@QUICK
@given(st.text(st.characters(), max_size=200))
def test_check_never_raises_whatever_the_text(text):
    assert is_told_well(text) or text.strip().startswith("{")


@QUICK
@given(st.lists(FRAGMENTS, max_size=40).map("".join), PEOPLE)
def test_check_never_raises_for_a_soup_of_fragments(text, ada):
    is_told_well(text)
    gives_claims_or_a_template_error('{"a": ' + text + "}", ada)


@st.composite
def mutated(draw):
    text = draw(templates())
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(FRAGMENTS) + text[at + draw(st.integers(0, 6)) :]
    return text


@QUICK
@given(mutated(), PEOPLE)
def test_check_never_raises_for_a_template_with_faults(text, ada):
    is_told_well(text)
    gives_claims_or_a_template_error(text, ada)


@pytest.mark.slow
@LONG
@given(st.one_of(mutated(), st.lists(FRAGMENTS, max_size=60).map("".join), st.text(max_size=400)), PEOPLE)
def test_check_never_raises_at_length(text, ada):
    is_told_well(text)
    gives_claims_or_a_template_error(text, ada)


JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(10**15), 10**15),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), inner, max_size=3),
    ),
    max_leaves=8,
)


DOCUMENTS = st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), JSON, max_size=4)


def is_its_own_template(document, ascii_only):
    text = json.dumps(document, ensure_ascii=ascii_only).replace("{", "{ ").replace("\ufeff", "")
    assume(json.loads(text) == document and not re.search(r"\{[{%#]|%(globals|asset)_", text))
    assume(not set(document) & {"exp", "nbf", "iat", "jti", "iss", "sub", "aud"})
    assert same(render(compile(text), {}), document)


@QUICK
@given(DOCUMENTS, st.booleans())
def test_json_without_tags_is_its_own_template(document, ascii_only):
    is_its_own_template(document, ascii_only)


@pytest.mark.slow
@LONG
@given(DOCUMENTS, st.booleans())
def test_json_without_tags_is_its_own_template_at_length(document, ascii_only):
    is_its_own_template(document, ascii_only)
