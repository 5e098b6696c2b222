"""Omit, names (RFC 8259 §4), registered claims (RFC 7519 §4.1), what is known before, and where each claim came from."""

import json

import pytest
from payload_people import ADA, ATTRIBUTES, PARAMS, claims, each, is_fine, person, places, words

from mintmark.payload import NOT_FIXED, Source, TemplateError, compile, render

# omit


@each(
    ("text", "expected"),
    [
        ('{"a": {{ params.nonce | omit }}, "z": 1}', {"z": 1}),
        ('{"z": 1, "a": {{ user.username | omit }}}', {"z": 1, "a": "ada"}),
        ('{"a": "x {{ params.nonce | omit }} y", "z": 1}', {"z": 1}),
        ('{"a": "{{ params.room }} {{ params.nonce | omit }}"}', {}),
        ('{"a": {{ ("x" ~ params.nonce) | omit }}}', {}),
        ('{"a": {{ params.nonce | upper | omit }}}', {}),
        ('{"a": {"b": {{ params.nonce | omit }}}}', {"a": {}}),
        ('{"a": [{{ params.nonce | omit }}]}', {"a": []}),
        ('{"a": [1, {{ params.nonce | omit }}, 2]}', {"a": [1, 2]}),
        ('{"a": [{"b": {{ params.nonce | omit }}, "c": 1}]}', {"a": [{"c": 1}]}),
        ('{"a": {% if now %}{{ params.nonce | omit }}{% else %}1{% endif %}, "z": 1}', {"z": 1}),
        ('{"a": "x{% if now %}{{ params.nonce | omit }}{% endif %}"}', {}),
        ('{"a": "{% for x in user.groups %}{{ (x if x == "staff") | omit }}{% endfor %}"}', {}),
        ('{"a": [{% for x in user.groups %}{{ (x if x == "staff") | omit }}{% endfor %}]}', {"a": ["staff"]}),
        (
            '{"a": [{% for x in user.groups %}"<{{ (x if x == "staff") | omit }}>"{% endfor %}]}',
            {"a": ["<staff>"]},
        ),
        (
            '{"a": {{ user.permissions | omit }}, "b": {{ "" | omit }}, "c": {{ false | omit }}}',
            {"a": [], "b": "", "c": False},
        ),
    ],
)
def test_omit_leaves_out_the_nearest_member_or_item_with_the_text_beside_it(text, expected):
    assert claims(text) == expected


@each(
    ("expression", "hint"),
    [
        ("user.first_name ~ params.nonce | omit", "{{ (…) | omit }}"),
        ("params.nonce | omit | upper", "outermost"),
        ("(params.nonce | omit) ~ 'x'", "outermost"),
        ("params.nonce | default(params.nonce | omit)", "outermost"),
        ("1 if params.nonce | omit", "outermost"),
        ("params.nonce | omit(1)", "no argument"),
    ],
)
def test_omit_is_the_outermost_filter(expression, hint):
    assert hint in words('{"a": {{ ' + expression + " }}}")


def test_omit_never_stands_in_a_condition_or_a_loop():
    assert "outermost" in words('{"a": {% if now | omit %}1{% else %}2{% endif %}}')
    assert "outermost" in words('{"a": [{% for x in user.groups | omit %}1{% endfor %}]}')


# Names


@each(
    ("text", "where"),
    [
        ('{"a": 1, "a": 2}', (1, 10)),
        ('{"a": 1, "\\u0061": 2}', (1, 10)),
        ('{"\\ud83d\\ude00": 1, "😀": 2}', (1, 21)),
        ('{"a": {"b": 1, "b": 2}}', (1, 16)),
        ('{"a": [{"b": 1, "b": 2}]}', (1, 17)),
        ('{"a": 1 {% if now %}"a": 2{% endif %}}', (1, 21)),
        ('{ {% if now %}"a": 2{% endif %} "a": 1}', (1, 33)),
        ('{ {% if now %}"a": 2{% endif %} {% if not now %}"a": 1{% endif %}}', (1, 49)),
        ('{ {% if now %}"a": 1, "a": 2{% endif %}}', (1, 23)),
        ('{ {% if now %}"b": 1{% else %}"a": 2{% endif %} "a": 1}', (1, 49)),
        ('{ {% if now %}{% if now %}"a": 1{% endif %}"a": 1{% endif %}}', (1, 44)),
    ],
)
def test_no_name_stands_twice_on_any_way_through(text, where):
    assert places(text) == [where]


@each(
    "text",
    [
        '{ {% if now %}"a": 1{% else %}"a": 2{% endif %}}',
        '{ {% if now %}"a": 1{% elif now %}"a": 2{% else %}{% if now %}"a": 3{% else %}"a": 4{% endif %}{% endif %}}',
        '{"a": {"a": {"a": 1}}, "A": 1, "a ": 1, "á": 1, "a\u0301": 1}',
        '{"a": [{"b": 1}, {"b": 1}]}',
    ],
)
def test_branches_of_one_block_and_other_objects_may_repeat_a_name(text):
    assert is_fine(text)


@each("name", ["exp", "nbf", "iat", "jti", "\\u0065xp", "j\\u0074i"])
def test_the_claims_of_the_site_are_refused_at_the_top_level_only(name):
    assert places('{"a": 1, "' + name + '": 2}') == [(1, 10)]
    assert places('{"a": 1, {% if now %}"' + name + '": 2{% endif %}}') == [(1, 22)]
    assert is_fine('{"a": {"' + name + '": 2}, "EXP": 1, "exp ": 1}')


@each(
    ("name", "value"),
    [
        *[
            (name, value)
            for name in ("iss", "sub")
            for value in ("1", "null", '""', "true", "[]", '["a"]', "{}", "{{ now }}", "{{ user.groups }}", "{{ '' }}")
        ],
        *[(name, "{% if now %}1{% else %}null{% endif %}") for name in ("iss", "sub", "aud")],
        *[
            ("aud", value)
            for value in (
                "1",
                "null",
                '""',
                "false",
                "[]",
                "[1]",
                '[""]',
                '["a", null]',
                "{}",
                "{{ now }}",
                "{{ [] }}",
                "{{ [1] }}",
                "[{{ now }}]",
                '["a", {{ now }}]',
                '["a", 1, "{{ user.email }}"]',
            )
        ],
    ],
)
def test_what_is_certainly_wrong_with_a_registered_claim_is_refused(name, value):
    assert places('{"a": 1,\n "' + name + '": ' + value + "}") == [(2, 2)]
    assert places('{"a": 1, {% if now %}"' + name + '": ' + value + "{% endif %}}") == [(1, 22)]
    assert is_fine('{"a": {"' + name + '": ' + value + "}}")


@each(
    ("text", "broken"),
    [
        ('{"sub": {{ user.username }}}', {"username": ""}),
        ('{"sub": "{{ user.username }}"}', {"username": ""}),
        ('{"iss": {{ user.username or now }}}', {"username": ""}),
        ('{"aud": {{ user.groups }}}', {"groups": []}),
        ('{"aud": {{ user.groups }}}', {"groups": ["a", ""]}),
        ('{"aud": [{% for x in user.groups %}"{{ x }}"{% endfor %}]}', {"groups": []}),
        ('{"sub": {% if user.is_admin %}"x"{% else %}null{% endif %}}', {"is_admin": False}),
        ('{ {% if now %}"sub": {{ user.username }}{% endif %}}', {"username": ""}),
    ],
)
def test_what_only_may_be_wrong_with_a_registered_claim_is_an_error_at_issue(text, broken):
    assert claims(text)
    with pytest.raises(TemplateError) as caught:
        claims(text, person(**broken))
    assert caught.value.line == 1 and text[: caught.value.column - 1].endswith(("{", "}"))


def test_a_registered_claim_may_be_left_out_and_none_is_added():
    assert claims('{"sub": {{ params.nonce | omit }}, "aud": ["{{ user.username }}"]}') == {"aud": ["ada"]}
    assert claims("{}") == {}


# What is known before anybody is there


def known(text):
    return compile(text, ATTRIBUTES, PARAMS).claims


def test_each_claim_has_its_types_its_literal_and_its_names():
    found = known(
        '{"a": "x", "b": {{ user.groups }}, "c": "{{ params.room }}", "d": [1, {"e": [null]}],'
        ' "f": {{ now or user.email }},'
        ' "g": {"h": {% if user.is_admin %}1{% else %}{{ asset.can_edit }}{% endif %}}, "i": {{ "y" }},'
        ' "j": [{% for x in user.roles %}{{ x }}{% endfor %}], "k": null, "l": {{ user.attributes.tags | length }}}'
    )
    assert list(found) == list("abcdfgijkl")
    assert {name: set(claim.types) for name, claim in found.items()} == {
        "a": {"text"},
        "b": {"list"},
        "c": {"text"},
        "d": {"list"},
        "f": {"number", "text"},
        "g": {"object"},
        "i": {"text"},
        "j": {"list"},
        "k": {"null"},
        "l": {"number"},
    }
    assert {name: claim.literal for name, claim in found.items() if claim.literal is not NOT_FIXED} == {
        "a": "x",
        "d": [1, {"e": [None]}],
        "i": "y",
        "k": None,
    }
    assert {name: set(claim.names) for name, claim in found.items() if claim.names} == {
        "b": {"user.groups"},
        "c": {"params.room"},
        "f": {"now", "user.email"},
        "g": {"user.is_admin", "asset.can_edit"},
        "j": {"user.roles"},
        "l": {"user.attributes.tags"},
    }
    assert (found["b"].items, found["d"].items, found["j"].items) == (
        {"text"},
        {"number", "object"},
        {"text"},
    )


def test_a_claim_is_certain_where_every_token_has_it():
    found = known(
        '{"a": 1, "b": {{ user.email | omit }}, {% if user.is_admin %}"c": 1, "d": 1{% else %}"c": "x"{% endif %},'
        ' {% if now %}"e": 1{% endif %} "f": "{% if now %}{{ user.email | omit }}{% endif %}"'
        ', "g": {"h": {{ now | omit }}}}'
    )
    assert {name for name, claim in found.items() if claim.is_certain} == {"a", "c", "g"}
    assert (found["c"].types, found["c"].literal, found["c"].names) == (
        {"number", "text"},
        NOT_FIXED,
        {"user.is_admin"},
    )
    assert (found["d"].literal, found["e"].names) == (1, {"now"})


@each(
    ("one", "other"),
    [("1", "true"), ("[1]", "[true]"), ('{"b": 0}', '{"b": false}'), ("1", "2"), ("[1]", "[1, 1]")],
)
def test_branches_that_differ_have_no_common_literal(one, other):
    assert known('{"a": {% if now %}' + one + "{% else %}" + other + "{% endif %}}")["a"].literal is NOT_FIXED
    assert known('{"a": {% if now %}' + one + "{% else %}" + one + "{% endif %}}")["a"].literal == json.loads(one)


def test_a_template_names_all_that_it_reads():
    text = '{"a": {% if user.is_admin %}"{{ user["attributes"].department }}"{% else %}{{ user.groups.0 }}{% endif %}}'
    assert compile(text, ATTRIBUTES).names == {"user.is_admin", "user.attributes.department", "user.groups"}


# Where each claim came from


def test_with_sources_each_claim_at_any_depth_has_its_source():
    text = (
        '{"sub": "{{ user.username }}",\n "user": {"name": {{ user.last_name | default("none") }}, "fix": "x"},\n'
        ' "groups": [{% for g in user.groups %}"{{ g }}"{% endfor %}],\n "roles": {{ user.roles }},\n'
        ' "gone": {{ params.nonce | omit }},\n'
        ' "o": {% if user.is_admin %}1{% else %}2{% endif %}}'
    )
    sources = {}
    template = compile(text, ATTRIBUTES, PARAMS)
    assert render(template, person(last_name=None), sources) == render(template, person(last_name=None))
    groups = frozenset({"user.groups"})
    assert sources == {
        ("sub",): Source(1, 10, frozenset({"user.username"}), "text", False),
        ("user",): Source(2, 10, frozenset(), "object", False),
        ("user", "name"): Source(2, 19, frozenset({"user.last_name"}), "text", False, True),
        ("user", "fix"): Source(2, 66, frozenset(), "text", True),
        ("groups",): Source(3, 12, frozenset(), "list", False),
        ("groups", 0): Source(3, 40, groups, "text", False),
        ("groups", 1): Source(3, 40, groups, "text", False),
        ("roles",): Source(4, 11, frozenset({"user.roles"}), "list", False),
        ("roles", 0): Source(4, 11, frozenset({"user.roles"}), "text", False),
        ("o",): Source(6, 29, frozenset(), "number", True),
    }


def test_a_default_that_was_not_taken_is_not_noted():
    sources = {}
    template = compile('{"a": "{{ params.nonce | default("-") }}{{ now }}", "b": {{ now | default(1) }}}', {}, PARAMS)
    render(template, ADA, sources)
    assert (sources[("a",)].took_default, sources[("b",)].took_default) == (True, False)


# Squiz Matrix

MATRIX = """{
  "sub": "%globals_user_attribute_username^json_encode%",
  "given_name": "%globals_user_attribute_first_name^json_encode%",
  "family_name": "%globals_user_attribute_last_name^json_encode%",
  "admin": %asset_has_write_access^eq:1:true:false%
}"""
OURS = """{
  "sub": "{{ user.username }}",
  "given_name": "{{ user.first_name }}",
  "family_name": "{{ user.last_name }}",
  "admin": {{ asset.can_edit }}
}"""
HOSTILE_NAMES = [
    '", "admin": true, "x": "',
    '"}',
    "\\",
    '\\"',
    "\\u0022",
    "{{ user.email }}",
    "{% if 1 %}",
    "{# x",
    "%globals_x%",
    "\n\r\t\0",
    "\u2028\u2029",
    "\x1b[31m",
    "\u202e",
    "😀",
    "\ue000",
    "\uf8ff",
    "a\u0301",
    "",
    " ",
    "null",
    "true",
    "0",
    "[]",
    "{}",
    "__class__",
    "' OR 1=1",
    "<script>",
    "${x}",
    "%s",
    "ﬁ",
    "\U0010ffff",
    "x" * 255,
]


def test_keywords_of_matrix_that_are_left_over_are_problems_with_a_hint():
    assert places(MATRIX) == [(2, 11), (3, 18), (4, 19), (5, 12)]
    assert words(MATRIX).count("import it") == 4


@each("name", HOSTILE_NAMES)
def test_the_payload_of_matrix_in_our_words_gives_every_name_byte_for_byte(name):
    given = claims(OURS, person(username=name or "x", first_name=name, last_name=name))
    assert given == {"sub": name or "x", "given_name": name, "family_name": name, "admin": False}
    assert list(given) == ["sub", "given_name", "family_name", "admin"]
    assert json.loads(json.dumps(given)) == given
