"""The payload of a Squiz Matrix JWT asset as a template: what each keyword and modifier becomes, and what is said of it.

What Matrix would have made of a payload says tests/matrix_reference.py; where we give something else, it stands here.
"""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey

from mintmark import payload as language
from mintmark.errors import FieldError
from mintmark.matrix import CARRIED, DIFFERS, LOST, MAX_PAYLOAD, SAFE, convert, keywords, modifiers
from tests import matrix_reference
from tests.conftest import SECRET
from tests.making import make_asset, make_attribute, make_group, make_person
from tests.matrix_reference import claims_in_matrix
from tests.test_architecture import MODULES, assert_is_pure, is_within

PLAIN = '{\n  "sub": "1234567890",\n  "name": "John Smith",\n  "admin": true\n}'
KEYWORDS = """{
 "sub": "%globals_user_attribute_username^json_encode%",
 "given_name": "%globals_user_attribute_first_name^json_encode%",
 "family_name": "%globals_user_attribute_last_name^json_encode%",
 "admin": %asset_has_write_access^eq:1:true:false%
 }"""
ATTRIBUTES = {"department": "text", "cost_centre": "text", "age": "number", "langs": "list", "member": "boolean"}
AWKWARD = 'o\'brien "Q" <b>&\\ \n','Élodie İß  x", "admin": true, "z": "'  # fmt: skip


def person(
    first, last, email, department, *, groups=(), age=None, can_edit=False, room=None, cost=None, is_member=None
):
    """Return the context of one person, as the site gives it."""
    attributes = {"department": department, "cost_centre": cost, "age": age, "member": is_member}
    user = {"id": "6f1c", "username": "jane", "email": email, "first_name": first, "last_name": last}
    user |= {"display_name": f"{first or ''} {last or ''}".strip() or "jane", "groups": list(groups)}
    user |= {"roles": [], "permissions": [], "is_admin": False, "attributes": attributes}
    params = {} if room is None else {"room": room}
    asset = {"path": "integrations/helpdesk", "name": "Help desk", "can_edit": can_edit}
    return {"user": user, "asset": asset, "site": {"url": "https://www.uni.test"}, "now": 1700000000, "params": params}


PEOPLE = {
    "ordinary": person(
        "jane",
        "Doe",
        "Jane@uni.test",
        "R1 sales",
        groups=["all", "staff"],
        age=30,
        can_edit=True,
        room="a",
        cost="1",
        is_member=True,
    ),  # fmt: skip
    "missing": person(None, None, None, None),
    "awkward": person(
        *AWKWARD, "", "0", groups=['a "b"', "ü", "x"], age=0.5, room="0", cost="1.0", is_member=False
    ),  # fmt: skip
}
OF = "globals_user_attribute_"
NAME = f"%{OF}first_name"
# A payload's value → what we give otherwise than Matrix, by person; nothing: the same claims for all three.
CASES = {
    # keywords
    **{f'"%{name}^json_encode%"': {} for name in (
        f"{OF}username", f"{OF}first_name", f"{OF}last_name", f"{OF}email", f"{OF}department",
        "globals_user_metadata_Cost-Centre", "globals_user_assetid", "globals_user_name", "globals_user_short_name",
        "asset_name", "asset_short_name", "globals_asset_name", "globals_asset_short_name", "asset_web_path",
        "asset_url", "globals_asset_url", "globals_site_url", "globals_get_room",
    )},
    "%globals_date_U%": {},
    '"%globals_date_U%"': {},
    "%asset_has_write_access%": {},
    '"%asset_has_write_access%"': {},
    "%globals_user_is_logged_in^eq:1:true:false%": {},
    # text
    f'"{NAME}^append: x^json_encode%"': {},
    f'"{NAME}^append_if:, esq.^json_encode%"': {},
    f'"{NAME}^prepend:Dr\\: ^json_encode%"': {},
    f'"{NAME}^prepend_if:Dr ^json_encode%"': {},
    f'"%{OF}department^prepend_if:Dr ^json_encode%"': {"awkward": "Dr 0"},
    f'"{NAME}^capitalize^json_encode%"': {"ordinary": "jane", "awkward": AWKWARD[0]},
    f'"{NAME}^titleize^json_encode%"': {"ordinary": "jane", "awkward": AWKWARD[0]},
    f'"%{OF}last_name^lowercase^json_encode%"': {"awkward": AWKWARD[1].lower()},
    f'"%{OF}last_name^uppercase^json_encode%"': {"awkward": AWKWARD[1].upper()},
    f'"{NAME}^trim^json_encode%"': {},
    f'"{NAME}^maxchars:3^json_encode%"': {},
    f'"{NAME}^replace:b:[r]^json_encode%"': {},
    f'"{NAME}^replace:\\(x\\):y^replace:n^json_encode%"': None,
    f'"{NAME}^underscore^json_encode%"': {"awkward": AWKWARD[0].replace(" ", "_")},
    f'"{NAME}^nl2br^json_encode%"': {},
    f'"{NAME}^escapehtml^json_encode%"': {},
    f'"%{OF}department^escapequotes%"': {},
    f'"{NAME}^tag:b^json_encode%"': {},
    f'"{NAME}^tagif:b^json_encode%"': {},
    f"%{OF}last_name^charcount%": {"awkward": len(AWKWARD[1])},
    # choices
    f'%{OF}department^eq:R1 sales:true:false%': {},
    f'"%{OF}department^eq:R1 sales:a/b:c\\:d%"': {},
    f'"%{OF}department^eq::none:some%"': {},
    "%globals_user_metadata_Cost-Centre^eq:1:1:0%": {"awkward": 0},
    f'%{OF}department^neq:R1 sales:true:false%': {},
    "%asset_has_write_access^eq:1:true:false%": {},
    "%asset_has_write_access^eq:0:true:false%": {},
    "%asset_has_write_access^neq:1:true:false%": {},
    '%asset_has_write_access^eq:1:"agent":null%': {},
    '%asset_has_write_access^eq:1:1.5:[]%': {},
    '"%asset_has_write_access^notempty:yes:no%"': {},
    '"%asset_has_write_access^empty:no:yes%"': {},
    f'"{NAME}^empty:N/A^json_encode%"': {},
    f'"%{OF}department^empty:N/A^json_encode%"': {"awkward": "0"},
    f'%{OF}email^empty:false:true%': {},
    f'%{OF}email^notempty:true^empty:false%': None,
    f'%{OF}email^notempty:true:false%': {},
    f'"%{OF}email^notempty:yes%"': {},
    f'%{OF}department^contains:sales:true:false%': {},
    f'%{OF}age^gt:18:true:false%': {},
    f'%{OF}age^lt:18:true:false%': {},
    # a boolean that somebody may not have: Matrix had "" there, which is neither "0" nor "1"
    f'"%{OF}member^json_encode%"': {},
    f"%{OF}member%": {"missing": 0},
    f'"%{OF}member^eq:0:no:yes%"': {},
    f'"%{OF}member^neq:0:no:yes%"': {},
    f"%{OF}member^eq:1:true:false%": {},
    f"%{OF}member^eq:0:true:false%": {},
    f"%{OF}member^neq:0:true:false%": {},
    f"%{OF}member^empty:false:true%": {},
    f"%{OF}member^notempty:true:false%": {},
    f'"%{OF}member^empty:no:%"': {},
    f'"%{OF}member^notempty:yes:%"': {},
    f'"%{OF}member^notempty:yes%"': {"missing": "0"},
    f'"%{OF}member^prepend:is ^json_encode%"': {},
    f"%{OF}member^contains:0:true:false%": {},
    # lists
    "%globals_user_member_groups^count%": {},
    "%globals_user_member_groups^count^gt:1:true:false%": {},
    "%globals_user_member_groups^in_array:staff:true:false%": {},
    '"%globals_user_member_groups^index:1^json_encode%"': {},
    '"%globals_user_member_groups^implode:; ^json_encode%"': {},
    '"%globals_user_member_groups^json_decode^implode:,^json_encode%"': {},
}  # fmt: skip


def given_here(value, name):
    """Convert one value and return what we give that person; the payload must be carried over whole."""
    conversion = convert(f'{{"x": {value}}}', ATTRIBUTES)
    assert conversion.is_whole, (conversion.rows, conversion.problems)
    compiled = language.compile(conversion.template, ATTRIBUTES, conversion.params)
    return language.render(compiled, PEOPLE[name])["x"]


@pytest.mark.parametrize("value", [value for value in CASES if CASES[value] is not None])
def test_a_keyword_gives_each_person_what_matrix_gave_but_where_the_report_says_so(value):
    others = CASES[value]
    for name, context in PEOPLE.items():
        here = given_here(value, name)
        if name in others:
            assert here == others[name], name
            assert convert(f'{{"x": {value}}}', ATTRIBUTES).rows[0].kind == DIFFERS
        else:
            before = claims_in_matrix(f'{{"x": {value}}}', context)["x"]
            assert (here, type(here)) == (before, type(before)), name


def test_every_keyword_and_modifier_that_is_carried_over_is_among_these_cases():
    assert len(keywords._TABLE) + len(modifiers._TABLE) >= 40
    text = " ".join(CASES)
    assert [name for name in keywords._TABLE if f"%{name}" not in text and name != "globals_user_member_groups"] == []
    assert [name for name in modifiers._TABLE if f"^{name}" not in text] == []
    assert set(modifiers._TABLE) == set(matrix_reference.MODIFIERS)


def test_what_needs_words_of_its_own():
    assert given_here(f'"{NAME}^replace:\\(x\\):y^replace:n^json_encode%"', "ordinary") == "jae"  # \( is a bracket
    assert [given_here(f"%{OF}email^notempty:true^empty:false%", name) for name in PEOPLE] == ["true", "false", "false"]
    assert given_here("%globals_user_member_groups%", "awkward") == ['a "b"', "ü", "x"]
    assert given_here(f'"{NAME} {NAME[1:]}%"'.replace("name globals", "name% %globals"), "ordinary") == "jane jane"


@pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
def test_both_documented_payloads_become_templates_that_give_the_right_tokens(house):
    make_group(house, "helpers")
    make_person(house, "ben", first_name='Ben "B"', last_name="O'Brien\\", groups=["helpers"])
    make_person(house, "carl")
    make_asset(house, "plain", convert(PLAIN).template)
    make_asset(house, "people", convert(KEYWORDS).template, editors=["helpers"])

    def claims(username, path):
        answer = house.signed_in(username).get(f"/{path}")
        assert answer.status_code == 200, answer.text
        found = jwt.decode(answer.text, OctKey.import_key(SECRET), algorithms=["HS256"]).claims
        return {name: found[name] for name in found if name not in ("iat", "exp", "jti")}

    assert claims("carl", "plain") == {"sub": "1234567890", "name": "John Smith", "admin": True}
    assert claims("ben", "people") == {
        "sub": "ben", "given_name": 'Ben "B"', "family_name": "O'Brien\\", "admin": True}  # fmt: skip
    assert claims("carl", "people") == {"sub": "carl", "given_name": "", "family_name": "", "admin": False}


def test_the_documented_payload_is_carried_over_line_by_line():
    conversion = convert(KEYWORDS)
    assert conversion.is_whole and not conversion.attributes and not conversion.params
    assert [(row.line, row.kind, row.became) for row in conversion.rows] == [
        (2, CARRIED, "{{ user.username }}"),
        (3, CARRIED, '{{ user.first_name | default("") }}'),
        (4, CARRIED, '{{ user.last_name | default("") }}'),
        (5, CARRIED, "{{ asset.can_edit }}"),
    ]
    assert "`| omit`" in conversion.rows[1].words
    assert convert(PLAIN).template == PLAIN and convert(PLAIN).rows == []


def test_a_quoted_keyword_without_json_encode_cannot_add_a_claim_any_more():
    value = 'x", "admin": true, "z": "'
    context = person(value, None, None, None)
    payload = f'{{"n": "Hello {NAME}%!"}}'
    conversion = convert(payload)

    assert claims_in_matrix(payload, context)["admin"] is True
    assert language.render(language.compile(conversion.template), context) == {"n": f"Hello {value}!"}
    assert conversion.rows[0].kind == SAFE and "json_encode" in conversion.rows[0].words
    assert convert(f'{{"n": "{NAME}^json_encode%"}}').rows[0].kind == CARRIED


def test_an_unquoted_keyword_becomes_text_or_a_number_and_never_raw_json():
    context = person('1, "admin": true', None, None, None)
    conversion = convert(f'{{"n": {NAME}%}}')
    assert claims_in_matrix(f'{{"n": {NAME}%}}', context)["admin"] is True
    assert language.render(language.compile(conversion.template), context) == {"n": '1, "admin": true'}
    assert conversion.rows[0].kind == SAFE

    age = convert(f'{{"n": %{OF}age%, "again": "%{OF}age%", "old": %{OF}age^gt:65:true:false%}}')
    assert age.attributes == {"age": "number"} and age.is_whole
    assert convert(f'{{"n": %{OF}age%, "m": "%{OF}age^uppercase%"}}').attributes == {"age": "text"}


def test_branches_without_quotation_marks_keep_their_types_and_what_is_no_json_becomes_text():
    for branches, expected in (
        ("1:0", 1),
        ("true:no", True),
        ('"a\\"b":1', 'a"b'),
        ("-1.5:null", -1.5),
        ("{}:[]", {}),
        ("yes:no", "yes"),
    ):
        conversion = convert(f'{{"x": %asset_has_write_access^eq:1:{branches}%}}')
        assert conversion.is_whole
        compiled = language.compile(conversion.template)
        assert language.render(compiled, PEOPLE["ordinary"])["x"] == expected
        assert (conversion.rows[0].kind == SAFE) == ("no" in branches)


def test_attributes_and_parameters_are_declared_with_what_is_known_of_them():
    conversion = convert(
        f'{{"d": "%{OF}department%", "h": "%globals_user_metadata_My Hobbies%", "r": "%globals_get_room%"}}'
    )
    assert (conversion.attributes, conversion.params) == ({"department": "text", "my_hobbies": "text"}, ["room"])
    known = convert(f'{{"l": %{OF}langs%, "t": "%{OF}langs%"}}', ATTRIBUTES)
    assert known.attributes == {} and known.is_whole
    assert "declared on this site" in known.rows[0].words
    nine = convert("{" + ", ".join(f'"a{n}": "%globals_get_a{n}%"' for n in range(9)) + "}")
    assert len(nine.params) == 8 and len(nine.lost) == 1
    assert convert(f'{{"d": "%{OF}department^wordcount%", "p": "%globals_get_x^wordcount%"}}').attributes == {}


LOST_ONES = [
    *(f'"{NAME}^{modifier}%"' for modifier in (
        "striphtml", "urlencode", "rawurlencode", "urldecode", "base64encode", "base64decode", "maxwords:3", "wordcount",
        "htmlentities", "date_format:Y", "as_asset:asset_name", "with_get:a=b", "xpath:a:b", "cdata", "css_safe",
        "lastchars:2", "add:1", "subtract:1", "multiply:2", "divide:2", "modulo:2", "floor", "abs", "explode:;",
        "array_slice:1", "array_key_exists:a", "preg_replace:1", "replace_keywords:eq:{asset_name}:a:b", "md5", "nothing",
        "replace:[a-z]:b", "replace:(a):$1", "replace:\\s:_", "contains:a", "contains:a.b:x:y", "eq:1", "eq", "empty", "eq:{asset_name}:a:b",
        "empty:{asset_name}", "gt:1:a:b", "index:0", "implode:,", "count", "in_array:a:b:c", "maxchars:x", "tag:<b>",
        "json_encode^json_encode", "append:\\q", "append:" + "x" * 2000, "^".join(["trim"] * 13), "",
    )),
    *(f'"%{keyword}%"' for keyword in (
        "asset_assetid", "asset_metadata_x", "asset_attribute_title", "asset_type", "globals_asset_name:100",
        "globals_site_name", "globals_date_Y", "globals_date", "globals_session_x", "globals_cookie_x", "globals_server_X",
        "globals_post_x", "globals_random", "globals_user_type", "globals_user_attribute_9", "globals_get_a-b",
        "nested_get_x", "frontend_asset_name", "metadata_field_x", "begin_asset_name", "else_asset", "end_asset",
        "globals_foobar", "event_name",
    )),
    '%asset_has_write_access^eq:maybe:1:0%', "%globals_date_U^eq:x:1:0%", "%globals_user_member_groups^eq:1:1:0%",
]  # fmt: skip


@pytest.mark.parametrize("value", LOST_ONES)
def test_what_cannot_be_carried_over_stays_where_it_stood_with_its_line_and_a_reason(value):
    conversion = convert(f'{{"sub": "x",\n "x": {value}}}')
    assert conversion.template == f'{{"sub": "x",\n "x": {value}}}'
    assert [(row.line, row.kind, row.became) for row in conversion.rows] == [(2, LOST, "")]
    assert len(conversion.rows[0].words) > 15 and conversion.rows[0].words.endswith(".")
    assert not conversion.is_whole


def test_the_reason_names_what_is_in_the_way():
    for value, words in (
        (f'"{NAME}^md5%"', "`md5`: no such modifier is known."),
        (f'"{NAME}^striphtml%"', "`striphtml`: templates take no HTML away"),
        (f'"{NAME}^eq:{{asset_name}}:a:b%"', "`eq`: an argument holds a keyword of its own"),
        (f'"{NAME}:100%"', "It reads another asset."),
        ('"%globals_session_x%"', "Templates do not read sessions"),
        ('%asset_name^append:"\\ud800"%', "`append`: half of a surrogate pair"),
        ("%event_name%", "No such keyword is known."),
    ):
        row = convert(f'{{"x": {value}}}').rows[0]
        assert row.kind == LOST and row.words.startswith(words), row


def test_the_package_is_pure():
    for module in [module for module in MODULES if is_within(module, ["mintmark.matrix"])]:
        assert_is_pure(module)


def test_a_keyword_in_a_name_or_where_no_value_can_stand_is_said():
    for payload in ('{"%asset_name%": 1}', "{%asset_name%}", '{"a": 1%asset_name%}', '{"a": %asset_name%%asset_name%}',
                    '{"a": 1, %asset_name%}', "%asset_name%", '{"a": %asset_name%'):  # fmt: skip
        conversion = convert(payload)
        assert conversion.lost and conversion.problems, payload
    whole = convert('{"a": [%asset_name%, "%asset_name%",\n%asset_name%], "b": {"c": %asset_name%}}')
    assert whole.is_whole and [row.line for row in whole.rows] == [1, 1, 2, 2]


def test_signs_of_our_own_language_in_fixed_text_stay_fixed_text():
    for text in (
        "{{ user.email }}",
        "{% raw %}",
        "{# x #}",
        "{{{%%}}}",
        "100%_sure 5% %",
        "%%",
        "50% of %20x_y%20",
        "{",
        "a{",
    ):
        conversion = convert(json.dumps({"x": text, "n": "{%asset_name%{"}))
        compiled = language.compile(conversion.template)
        assert language.render(compiled, PEOPLE["ordinary"]) == {"x": text, "n": "{Help desk{"}, text
    assert convert('{"x": "{{ user.email }}"}').rows[0].kind == SAFE
    assert convert('{{"x": 1}').problems


def test_line_ends_byte_order_marks_and_spaces_of_web_pages_are_mended():
    conversion = convert('\ufeff{\r\n\xa0"a":\xa0"%asset_name%\xa0x"\r}')
    assert conversion.is_whole and conversion.template == '{\n "a": "{{ asset.name }}\xa0x"\n}'
    assert conversion.rows[0].line == 2


def test_percent_signs_around_and_escaped_signs_in_arguments_are_read():
    assert given_here('"%%asset_name%%"', "ordinary") == "%Help desk%"
    assert given_here(f'"{NAME}^append:\\^\\:\\"%"', "ordinary") == 'jane^:"'
    assert given_here('%asset_has_write_access^eq:1:"50\\: a, }":"b"%', "ordinary") == "50: a, }"


def test_what_is_wrong_with_the_payload_itself_is_said_as_of_any_template():
    assert "site's to write" in convert('{"exp": %globals_date_U%}').problems[0].reason
    assert [problem.line for problem in convert('{"a": 1,\n}').problems] == [2]
    for hostile in (
        "\0",
        "\ud800",
        '{"a": "\0"}',
        '{"a": "\ud800%asset_name%"}',
        '{"a": %asset_name^append:"\\ud800"%}',
        "",
    ):
        assert not convert(hostile).is_whole
    with pytest.raises(FieldError, match="65,536"):
        convert(" " * (MAX_PAYLOAD + 1))


# What is hard to read within a text, and where a value is to come.
HARD = {
    '{"a": "': ["%", "%a_b%", "{", "\\", "%asset_name^append:x", "%asset_name^eq:1:"],
    '{"a":': ["%asset_name%", "%a_b^", '%a_b^"x"', "{", '"', "[", "\n"],
}


def test_sixteen_thousand_characters_of_anything_take_a_moment():
    for before, hards in HARD.items():
        for hard in hards:
            payload = before + hard * (16_000 // len(hard))
            begun = time.thread_time()
            convert(payload)
            assert time.thread_time() - begun < 1, hard  # a tenth of that where the machine has nothing else to do


def test_a_keyword_that_stands_there_a_thousand_times_has_a_thousand_rows():
    assert len(convert('{"a": "' + "%asset_name% " * 1_000 + '"}').rows) == 1_000


BITS = st.sampled_from(
    ["%", "^", ":", "\\", '"', "{", "}", "{{", "{%", "#}", "[", "]", ",", " ", "\n", "\r", "\0", "\ud800", "\xa0", "a", "1"]
    + ["asset_name", "globals_user_attribute_first_name", "globals_get_x", "%asset_has_write_access^eq:1:true:false%"]
    + [f"^{name}" for name in ("json_encode", "eq:1:a:b", "empty:x", "append:", "replace:a:b", "lowercase")]
    + ['{"a":', '"%', '%"', "null"]
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(st.lists(BITS, max_size=25).map("".join))
def test_whatever_the_text_it_never_raises(text):
    conversion = convert(text, ATTRIBUTES)
    if conversion.is_whole:
        language.compile(conversion.template, ATTRIBUTES, conversion.params)


CONVERTIBLE = st.lists(st.sampled_from([value for value in CASES if "age" not in value]), min_size=1, max_size=6)
TEXTS = st.text(max_size=12) | st.sampled_from(
    [*AWKWARD, "{{ user.email }}", '"}', "%asset_name%", "\\u0022", "{%", "true"]
)


@settings(max_examples=25, deadline=None)
@given(CONVERTIBLE, TEXTS, TEXTS)
def test_no_value_of_anybody_changes_the_structure_of_the_claims(values, one, other):
    payload = "{" + ", ".join(f'"n{number}": {value}' for number, value in enumerate(values)) + f', "last": "{NAME}%"}}'
    conversion = convert(payload, ATTRIBUTES)
    compiled = language.compile(conversion.template, ATTRIBUTES, conversion.params)
    claims = language.render(compiled, person(one, other, other, one, groups=[one, other], cost=other))
    assert list(claims) == [*(f"n{number}" for number in range(len(values))), "last"]
    assert claims["last"] == one
    assert all(not isinstance(value, dict) for value in claims.values())


def test_a_converted_template_is_converted_no_further():
    for value in CASES:
        template = convert(f'{{"x": {value}}}', ATTRIBUTES).template
        assert "%" not in template.replace("{%", "").replace("%}", ""), value


def test_declared_attributes_of_a_house_are_known(sqlite_house):
    make_attribute(sqlite_house, "department")
    with sqlite_house.app.app_context():
        from mintmark import attributes

        assert convert(f'{{"d": "%{OF}department%"}}', attributes.declared()).attributes == {}
