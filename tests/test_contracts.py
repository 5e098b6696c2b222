"""Contracts: the words that there are, what each finds in a token, and what is certain before there is one."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mintmark import payload
from mintmark.contracts import FORMATS, TYPES, certain_breaches, find_breach, read_contract
from mintmark.errors import FieldError, InvalidFields
from tests.conftest import SECRET
from tests.making import change_asset, make_asset, make_key, make_next_key, make_person

CLAIMS = {"sub": "ben", "email": "ben@example.test", "amount": 3, "groups": ["a", "b"], "is_admin": True,
          "user": {"name": "Ben", "id": "1"}, "iat": 1_800_000_000, "exp": 1_800_000_600, "jti": "x"}  # fmt: skip
HEADER = {"alg": "HS256", "typ": "JWT", "kid": "k1"}


def breach_of(token=None, header=None, **contract):
    return find_breach(read_contract(contract), CLAIMS if token is None else token, HEADER | (header or {}))


GOOD = [
    {"sub": {"required": True, "type": "text", "longest": 3, "without": ":"}},
    {"email": {"format": "email"}, "absent": {"type": "number"}, "nbf": {"refused": True}},
    {"amount": {"type": "number", "constant": 3}, "is_admin": {"type": "boolean", "one_of": [True]}},
    {"amount": {"type": "whole", "one_of": [1, 3]}},
    {"groups": {"type": "list", "longest": 2, "items": {"type": "text", "one_of": ["a", "b"]}}},
    {"user": {"type": "object", "members": {"name": {"required": True}}, "others": {"type": "text"}}},
    {"user": {"constant": {"name": "Ben", "id": "1"}}, "exp": {"required": True}, "iat": {"type": "whole"}},
]
BROKEN = {
    "a claim is missing": ({"name": {"required": True}}, "name", "is missing"),
    "one is not to be there": ({"email": {"refused": True}}, "email", "may not be there"),
    "text is no number": ({"sub": {"type": "number"}}, "sub", "a number"),
    "a number is no text": ({"amount": {"type": "text"}}, "amount", "text"),
    "true is no number": ({"is_admin": {"type": "number"}}, "is_admin", "a number"),
    "a list is no text": ({"groups": {"type": "text"}}, "groups", "text"),
    "an object is no list": ({"user": {"type": "list"}}, "user", "a list"),
    "true is not 1": ({"is_admin": {"constant": 1}}, "is_admin", "fixed value"),
    "case counts": ({"sub": {"constant": "Ben"}}, "sub", "fixed value"),
    "another object": ({"user": {"constant": {"name": "Ben"}}}, "user", "fixed value"),
    "none of the values": ({"sub": {"one_of": ["ada", "eve"]}}, "sub", "none of the values"),
    "one too long": ({"sub": {"longest": 2}}, "sub", "longer than 2 characters"),
    "too many items": ({"groups": {"longest": 1}}, "groups", "longer than 1 items"),
    "an item": ({"groups": {"items": {"one_of": ["a"]}}}, "groups[1]", "none of the values"),
    "a member": ({"user": {"members": {"mail": {"required": True}}}}, "user.mail", "is missing"),
    "other members": ({"user": {"members": {"id": {}}, "others": {"type": "number"}}}, "user.name", "a number"),
    "a character": ({"email": {"without": " @"}}, "email", "“@”"),
    "no e-mail address": ({"sub": {"format": "email"}}, "sub", "an e-mail address"),
    "a format of a number": ({"amount": {"format": "json"}}, "amount", "JSON"),
}  # fmt: skip


@pytest.mark.parametrize("claims", GOOD)
def test_what_a_contract_asks_for_and_a_token_has_is_no_breach(claims):
    assert breach_of(claims=claims) is None


@pytest.mark.parametrize("case", BROKEN)
def test_a_breach_names_its_place_and_what_was_asked_for_and_no_value(case):
    claims, place, words = BROKEN[case]

    found = breach_of(claims=claims)

    assert (found.place, found.is_header) == (place, False)
    assert words in found.reason
    assert "ben@" not in found.words and "1800000" not in found.words


FORMAT_CASES = {
    "email": (["a@b", "ä@ö.test", "a+b@x.y"], ["", "a", "@b", "a@", "a@b@c", "a b@c", "a@b\n"]),
    "uuid": (
        ["6f1c2a3b-0000-4000-8000-000000000000"],
        ["", "6F1C2A3B-0000-4000-8000-000000000000", "6f1c", "6f1c2a3b000040008000000000000000"],
    ),
    "address": (["https://x.test/a?b", "http://localhost:1"], ["", "x.test", "//x", "javascript:1", "https://", "https://[x"]),
    "json": (["{}", '{"a":["b"]}', "1"], ["", "{", "a", "[" * 100_000]),
    "localpart": (["a.b_c=d-e/f+1"], ["", "A", "ä", "a b", "a@b", "a:b"]),
}  # fmt: skip


def test_each_format_takes_what_it_says_and_nothing_else():
    assert FORMAT_CASES.keys() == FORMATS.keys()
    for name, (good, bad) in FORMAT_CASES.items():
        for text in good:
            assert breach_of({"x": text}, claims={"x": {"format": name}}) is None, (name, text)
        for text in bad:
            assert breach_of({"x": text}, claims={"x": {"format": name}}), (name, text[:20])


@pytest.mark.parametrize(
    ("headers", "place"),
    [({"kid": {"constant": "k2"}}, "kid"), ({"typ": {"constant": "at+jwt"}}, "typ"), ({"iss": {"required": True}}, "iss"),
     ({"kid": {"refused": True}}, "kid")],
)  # fmt: skip
def test_headers_are_held_to_rules_of_their_own(headers, place):
    found = breach_of(headers=headers)

    assert (found.place, found.is_header) == (place, True)
    assert found.words.startswith("the header ")


@pytest.mark.parametrize(("lifetime", "is_good"), [({"longest": 600}, True), ({"longest": 599}, False),
                                                   ({"shortest": 600}, True), ({"shortest": 601}, False)])  # fmt: skip
def test_a_token_is_held_to_the_lifetime(lifetime, is_good):
    found = breach_of(lifetime=lifetime)

    assert (found is None) == is_good
    assert is_good or found.place == "exp"


BAD_CONTRACTS = {
    "no object": [],
    "a word that there is not": {"pattern": {}},
    "a rule that is none": {"claims": {"sub": "text"}},
    "a pattern": {"claims": {"sub": {"pattern": ".*"}}},
    "a reference": {"claims": {"sub": {"$ref": "https://evil.test/schema"}}},
    "an unknown type": {"claims": {"sub": {"type": "string"}}},
    "an unknown format": {"claims": {"sub": {"format": "regex"}}},
    "an unknown algorithm": {"algorithms": ["none"]},
    "required that is text": {"claims": {"sub": {"required": "yes"}}},
    "a length below nothing": {"claims": {"sub": {"longest": -1}}},
    "a length of text": {"claims": {"sub": {"longest": "9"}}},
    "nothing to choose from": {"claims": {"sub": {"one_of": []}}},
    "both constant and one_of": {"claims": {"sub": {"constant": 1, "one_of": [1]}}},
    "refused and more": {"claims": {"sub": {"refused": True, "type": "text"}}},
    "items of a text": {"claims": {"sub": {"type": "text", "items": {}}}},
    "members of a list": {"claims": {"sub": {"type": "list", "members": {}}}},
    "a format of a number": {"claims": {"sub": {"type": "number", "format": "email"}}},
    "a lifetime of no seconds": {"lifetime": {"longest": 0}},
    "shortest over longest": {"lifetime": {"shortest": 20, "longest": 10}},
    "a lifetime of other words": {"lifetime": {"max": 10}},
    "a key of other words": {"key": {"chars": 10}},
    "too deep": {"claims": {"a": {"members": {"a": {"members": {"a": {"members": {"a": {"members": {"a": {"members": {
        "a": {"members": {"a": {}}}}}}}}}}}}}}},
    "too many rules": {"claims": {f"c{number}": {} for number in range(101)}},
    "too long": {"claims": {f"c{number}": {"without": "x" * 100} for number in range(99)}},
    "NUL": {"claims": {"a\x00": {}}},
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_CONTRACTS)
def test_what_is_no_contract_is_refused_with_words(case):
    with pytest.raises(FieldError) as caught:
        read_contract(BAD_CONTRACTS[case])

    assert caught.value.field == "contract" and len(str(caught.value)) < 300


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 700) | st.text(max_size=8) | st.sampled_from([*TYPES, *FORMATS]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "sub",
                    "claims",
                    "headers",
                    "required",
                    "type",
                    "constant",
                    "one_of",
                    "longest",
                    "format",
                    "without",
                    "items",
                    "members",
                    "others",
                    "lifetime",
                    "key",
                ]
            ),  # fmt: skip
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(contract=JSON, claims=st.dictionaries(st.text(max_size=4), JSON, max_size=4))
def test_whatever_the_contract_and_the_claims_nothing_but_refusals_are_raised(contract, claims):
    try:
        checked = read_contract(contract)
    except FieldError:
        return

    find_breach(checked, claims, HEADER)
    assert read_contract(json.loads(json.dumps(checked.definition))) == checked


def foreseen(contract, template='{"sub": "{{ user.username }}", "aud": "x"}', **fields):
    compiled = payload.compile(template, {"phone": "text", "amount": "number"})
    definition = {
        "algorithm": "HS256",
        "lifetime": 600,
        "headers": {},
        "claims": {"iat": True, "jti": True, "nbf": False},
    }
    return dict(certain_breaches(read_contract(contract), {**definition, **fields}, compiled))


FORESEEN = [
    ({"algorithms": ["RS256"]}, {}, "algorithm"),
    ({"lifetime": {"longest": 300}}, {}, "lifetime"),
    ({"lifetime": {"longest": 300}}, {"lifetime": None}, "lifetime"),
    ({"lifetime": {"shortest": 700}}, {}, "lifetime"),
    ({"claims": {"exp": {"required": True}}}, {"lifetime": None}, "lifetime"),
    ({"claims": {"exp": {"refused": True}}}, {}, "lifetime"),
    ({"claims": {"iat": {"required": True}}}, {"claims": {"iat": False}}, "claims"),
    ({"claims": {"jti": {"refused": True}}}, {}, "claims"),
    ({"claims": {"nbf": {"required": True}}}, {}, "claims"),
    ({"headers": {"typ": {"constant": "at+jwt"}}}, {}, "headers"),
    ({"headers": {"iss": {"required": True}}}, {}, "headers"),
    ({"headers": {"kid": {"constant": "a"}}}, {"headers": {"kid": "b"}}, "headers"),
    ({"claims": {"email": {"required": True}}}, {}, "template"),
    ({"claims": {"aud": {"refused": True}}}, {}, "template"),
    ({"claims": {"aud": {"constant": "y"}}}, {}, "template"),
    ({"claims": {"aud": {"one_of": ["y", "z"]}}}, {}, "template"),
    ({"claims": {"sub": {"type": "number"}}}, {}, "template"),
    ({"claims": {"aud": {"longest": 0}}}, {}, "template"),
    ({"claims": {"user": {"required": True, "type": "object"}}}, {"template": '{"user": {{ user.groups }}}'}, "template"),
]  # fmt: skip


@pytest.mark.parametrize(("contract", "fields", "field"), FORESEEN)
def test_what_certainly_breaks_the_contract_is_said_of_the_field_that_does(contract, fields, field):
    template = {"template": fields.pop("template")} if "template" in fields else {}

    found = foreseen(contract, **template, **fields)

    assert list(found) == [field]


NOT_FORESEEN = [
    ({"headers": {"kid": {"required": True}}}, {}),  # It may come with the secret or the key.
    ({"claims": {"mail": {"refused": True}}}, {"template": '{"mail": "{{ user.email | omit }}"}'}),
    ({"claims": {"mail": {"constant": "x"}}}, {"template": '{ {% if user.is_admin %}"mail": "y"{% endif %} }'}),
    ({"claims": {"amount": {"type": "whole"}}}, {"template": '{"amount": {{ user.attributes.amount }}}'}),
    ({"claims": {"sub": {"format": "email"}}}, {}),
]


@pytest.mark.parametrize(("contract", "fields"), NOT_FORESEEN)
def test_what_some_tokens_may_meet_is_left_to_the_tokens(contract, fields):
    fields = dict(fields)
    template = {"template": fields.pop("template")} if "template" in fields else {}

    assert foreseen(contract, **template, **fields) == {}


MAIL = '{"sub": "{{ user.username }}", "email": "{{ user.email | omit }}"}'


def test_a_token_that_breaks_the_contract_is_500_here_with_its_diagnosis_in_the_log(house):
    make_person(house, "ben", email="ben@example.test")
    make_person(house, "eve")
    make_asset(house, "a", MAIL, contract={"claims": {"email": {"required": True, "format": "email"}}})

    good, bad = house.signed_in("ben").get("/a"), house.signed_in("eve").get("/a")

    assert (good.status_code, bad.status_code, bad.data) == (200, 500, b"")
    row = house.log("token.failed")[0]
    detail = json.loads(row["detail"])
    assert row["code"] == "contract_broken"
    assert (detail["line"], detail["name"]) == (1, "email")
    assert "`email` is missing" in detail["reason"]
    assert "eve" not in row["detail"]


def test_check_finds_the_readers_whose_tokens_would_break_the_contract(sqlite_house):
    house = sqlite_house
    make_person(house, "ben", email="ben@example.test")
    make_person(house, "eve", email="no address")
    make_asset(house, "a", MAIL, contract={"claims": {"email": {"required": True, "format": "email"}}})

    checked = house.run("check")

    assert checked.exit_code == 1
    assert "1 of 2 readers would get 500" in checked.output + checked.stderr
    assert "`email` has to be an e-mail address" in checked.output + checked.stderr


def test_a_definition_that_certainly_breaks_its_contract_is_not_saved(sqlite_house):
    with pytest.raises(InvalidFields) as caught:
        make_asset(sqlite_house, "a", contract={"algorithms": ["RS256"], "claims": {"email": {"required": True}}})

    assert {field for field, _ in caught.value.problems} == {"algorithm", "template"}


@pytest.mark.parametrize("stands_beside", [{"contract": {}}, {"ask": {"x": "y"}}])
def test_a_preset_brings_its_contract_and_takes_its_own_answers_only(sqlite_house, stands_beside):
    field = next(iter(stands_beside))
    with pytest.raises(InvalidFields) as caught:
        make_asset(sqlite_house, "a", preset="plain", **stands_beside)

    assert field in dict(caught.value.problems)


def test_a_secret_shorter_than_the_contract_asks_for_is_refused_wherever_it_comes_from(sqlite_house):
    house, contract = sqlite_house, {"key": {"bytes": len(SECRET) + 1}}
    make_asset(house, "a")

    with pytest.raises(FieldError, match="bytes; the relying party asks for") as caught:
        make_asset(house, "b", contract=contract)
    assert caught.value.field == "secret"
    with pytest.raises(FieldError, match="bytes; the relying party asks for"):
        change_asset(house, "a", contract=contract)
    assert len(house.rows("SELECT * FROM revision")) == 1


def test_a_key_pair_shorter_than_the_contract_asks_for_signs_nothing(sqlite_house):
    house = sqlite_house
    make_person(house, "ben")
    make_key(house, "k", "RS256")
    make_asset(house, "a", '{"aud": "x"}', signing_key="k", contract={"key": {"bits": 3072}})

    assert house.signed_in("ben").get("/a").status_code == 500
    assert "2048 bits; the relying party asks for 3072" in house.log("token.failed")[0]["detail"]


def test_the_contract_is_held_against_the_key_that_signs(sqlite_house):
    house = sqlite_house
    make_person(house, "ben")
    make_key(house, "one", "ES256")
    make_asset(house, "a", '{"aud": "x"}', signing_key="one", contract={"headers": {"kid": {"constant": "one"}}})
    assert house.signed_in("ben").get("/a").status_code == 200

    make_next_key(house, "one", "two")
    house.clock.advance(400)

    assert house.signed_in("ben").get("/a").status_code == 500
    assert "the header `kid`" in json.loads(house.log("token.failed")[0]["detail"])["reason"]
