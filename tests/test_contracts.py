"""Contracts: the words that there are, what each finds in a token, and what is certain before there is one."""

import contextlib
import json

import pytest
from hypothesis import assume, given, settings
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
    {"amount": {"constant": 3.0}, "is_admin": {"one_of": [1, True]}, "sub": {"shortest": 3}, "groups": {"shortest": 2}},
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
    "one too short": ({"sub": {"shortest": 4}}, "sub", "shorter than 4 characters"),
    "too few items": ({"groups": {"shortest": 3}}, "groups", "shorter than 3 items"),
    "a length of a number": ({"amount": {"longest": 3}}, "amount", "text or a list"),
    "a length of an object": ({"user": {"shortest": 1}}, "user", "text or a list"),
    "characters of a list": ({"groups": {"without": "*"}}, "groups", "text"),
    "items of a text": ({"sub": {"items": {"one_of": ["b"]}}}, "sub", "a list"),
    "members of a text": ({"sub": {"members": {"id": {}}}}, "sub", "an object"),
    "other members of a list": ({"groups": {"others": {"type": "text"}}}, "groups", "an object"),
    "an item without its own": ({"groups": {"items": {"members": {"id": {"required": True}}}}}, "groups[0]", "an object"),
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


SAME = [(1, 1.0), (100, 1e2), (0, -0.0), ({"a": [1]}, {"a": [1.0]}), (None, None), ("a", "a")]
OTHERS = [
    (1, True),
    (0, False),
    ([True], [1]),
    ({"a": 1}, {"a": True}),
    ({"a": 1}, {"b": 1}),
    ([1, 2], [1]),
    ("1", 1),
    (None, 0),
]


@pytest.mark.parametrize(("constant", "value", "is_good"), [(*p, True) for p in SAME] + [(*p, False) for p in OTHERS])
def test_values_are_compared_as_json_has_them(constant, value, is_good):
    for one, other in ((constant, value), (value, constant)):
        assert (breach_of({"x": other}, claims={"x": {"constant": one}}) is None) == is_good
        assert (breach_of({"x": other}, claims={"x": {"one_of": ["?", one]}}) is None) == is_good


def test_what_is_empty_is_said_to_be():
    found = breach_of({"x": ""}, claims={"x": {"shortest": 1}})

    assert found.words == "`x` is empty"


def test_a_breach_knows_the_claim_that_it_is_in_also_where_its_name_has_dots():
    name = "https://a.test/jwt/claims"
    found = breach_of({name: {"id": 1}}, claims={name: {"members": {"id": {"type": "text"}}}})

    assert (found.name, found.place) == (name, f"{name}.id")


FORMAT_CASES = {
    "email": (["a@b", "ä@ö.test", "a+b@x.y"], ["", "a", "@b", "a@", "a@b@c", "a b@c", "a@b\n", "ben@x.test,eve", "a@b;c@d",
              "ben@x\u200b.test", "ben@x.test\x00", "<a@b>", '"a"@b', "a@b\u202e"]),
    "uuid": (
        ["6f1c2a3b-0000-4000-8000-000000000000"],
        ["", "6F1C2A3B-0000-4000-8000-000000000000", "6f1c", "6f1c2a3b000040008000000000000000"],
    ),
    "address": (["https://x.test/a?b", "http://localhost:1"], ["", "x.test", "//x", "javascript:1", "https://", "https://[x",
                 "https://x\n.test/", "https://x.test/\t", "https://x.test/<script>", 'https://x.test/"', "https://x.test:99999/",
                 "https://ä.test", " https://x.test"]),
    "json": (["{}", '{"a":["b"]}', "1"], ["", "{", "a", "[" * 100_000, "NaN", "[Infinity]", '{"a": -Infinity}']),
    "localpart": (["a.b_c=d-e/f+1"], ["", "A", "ä", "a b", "a@b", "a:b", "_a"]),
    "jid": (
        ["a@x.test", "a.b_c-1!@localhost", "_a@x"],
        ["", "a", "@x", "a@", "A@x", "a@X", "ａdmin@x", "a b@x", "a/b@x", "a@b@x", "a@x/home", "a@x:5222", "a@-x", "a@x."],
    ),
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
    "a format of a list": {"claims": {"sub": {"format": "email", "items": {}}}},
    "members and items": {"claims": {"sub": {"members": {}, "items": {}}}},
    "shortest over the longest": {"claims": {"sub": {"shortest": 2, "longest": 1}}},
    "an identity that is no name": {"identity": ["sub"]},
    "an identity of nothing": {"identity": ""},
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


NAMES = st.sampled_from(["sub", "email", "groups", "user", "amount", "a.b", "ä", ""])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 700) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
WORDS = {
    "required": st.booleans(),
    "type": st.sampled_from(TYPES),
    "constant": VALUES,
    "longest": st.integers(0, 9),
    "shortest": st.integers(0, 9),
    "format": st.sampled_from([*FORMATS]),
    "without": st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=3),
}


def rules(inner):
    return st.sets(st.sampled_from([*WORDS]), max_size=2).flatmap(
        lambda names: st.fixed_dictionaries({name: WORDS[name] for name in names}, optional=inner)
    )


RULES = st.recursive(
    rules({}), lambda inner: rules({"items": inner}) | rules({"members": st.dictionaries(NAMES, inner, max_size=2)}) |
    rules({"others": inner}), max_leaves=5,
)  # fmt: skip


@settings(max_examples=30)
@given(contract=VALUES)
def test_whatever_is_given_as_a_contract_nothing_but_a_refusal_is_raised(contract):
    with contextlib.suppress(FieldError):
        read_contract({"claims": contract})


@given(claims=st.dictionaries(NAMES, RULES, min_size=1, max_size=3), token=st.dictionaries(NAMES, VALUES, max_size=4))
def test_a_contract_reads_back_as_itself_and_holds_any_claims_without_an_error(claims, token):
    try:
        contract = read_contract({"claims": claims})
    except FieldError:
        assume(False)

    found = find_breach(contract, token, HEADER)

    assert found is None or found.name in claims
    assert read_contract(json.loads(json.dumps(contract.definition))) == contract


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
    ({"headers": {"alg": {"constant": "RS256"}}}, {}, "algorithm"),
    ({"claims": {"email": {"required": True}}}, {}, "template"),
    ({"claims": {"aud": {"refused": True}}}, {}, "template"),
    ({"claims": {"aud": {"constant": "y"}}}, {}, "template"),
    ({"claims": {"aud": {"one_of": ["y", "z"]}}}, {}, "template"),
    ({"claims": {"sub": {"type": "number"}}}, {}, "template"),
    ({"claims": {"aud": {"longest": 0}}}, {}, "template"),
    ({"claims": {"user": {"required": True, "type": "object"}}}, {"template": '{"user": {{ user.groups }}}'}, "template"),
    ({"claims": {"exp": {"type": "text"}}}, {}, "lifetime"),
    ({"claims": {"exp": {"constant": 1}}}, {}, "lifetime"),
    ({"claims": {"iat": {"format": "uuid"}}}, {}, "claims"),
    ({"claims": {"jti": {"constant": "x"}}}, {}, "claims"),
    ({"claims": {"jti": {"format": "uuid"}}}, {}, "claims"),
    ({"claims": {"jti": {"longest": 21}}}, {}, "claims"),
    ({"claims": {"nbf": {"type": "text"}}}, {"claims": {"nbf": True}}, "claims"),
    ({"claims": {"n": {"required": True, "format": "email"}}}, {"template": '{"n": {{ now }}}'}, "template"),
    ({"claims": {"n": {"longest": 9}}}, {"template": '{"n": {{ now }}}'}, "template"),
    ({"claims": {"sub": {"members": {"id": {}}}}}, {}, "template"),
    ({"claims": {"u": {"members": {"id": {"required": True}}}}}, {"template": '{"u": {"a": "{{ now }}"}}'}, "template"),
    ({"claims": {"u": {"members": {"a": {"type": "number"}}}}}, {"template": '{"u": {"a": "{{ now }}"}}'}, "template"),
    ({"claims": {"u": {"others": {"refused": True}}}}, {"template": '{"u": {"a": "{{ now }}"}}'}, "template"),
    ({"claims": {"u": {"members": {"v": {"members": {"b": {"required": True}}}}}}}, {"template": '{"u": {"v": {"a": "{{ now }}"}}}'},
     "template"),
]  # fmt: skip


@pytest.mark.parametrize(("contract", "fields", "field"), FORESEEN)
def test_what_certainly_breaks_the_contract_is_said_of_the_field_that_does(contract, fields, field):
    found = foreseen(contract, **fields)

    assert list(found) == [field]


NOT_FORESEEN = [
    ({"headers": {"kid": {"required": True}}}, {}),  # It may come with the secret or the key.
    ({"claims": {"mail": {"refused": True}}}, {"template": '{"mail": "{{ user.email | omit }}"}'}),
    ({"claims": {"mail": {"constant": "x"}}}, {"template": '{ {% if user.is_admin %}"mail": "y"{% endif %} }'}),
    ({"claims": {"amount": {"type": "whole"}}}, {"template": '{"amount": {{ user.attributes.amount }}}'}),
    ({"claims": {"sub": {"format": "email"}}}, {}),
    ({"headers": {"alg": {"required": True, "constant": "HS256"}}}, {}),
    ({"headers": {"kid": {"constant": "a"}}}, {"headers": {"kid": "b"}}),  # A secret may have an id of its own.
    ({"claims": {"jti": {"without": "-", "longest": 22}, "exp": {"type": "whole"}, "iat": {"type": "number"}}}, {}),
    ({"claims": {"jti": {"constant": "x"}}}, {"claims": {"jti": False}}),
    (
        {"claims": {"u": {"members": {"id": {"required": True}}}}},
        {"template": '{ {% if user.is_admin %}"u": {"a": "{{ now }}"}{% endif %} }'},
    ),
    (
        {"claims": {"u": {"members": {"b": {"required": True}}}}},
        {"template": '{"u": { {% if user.is_admin %}"b": 1{% else %}"b": 2{% endif %} }}'},
    ),
    ({"claims": {"u": {"others": {"refused": True}}}}, {"template": '{"u": {"a": "{{ user.email | omit }}"}}'}),
]


@pytest.mark.parametrize(("contract", "fields"), NOT_FORESEEN)
def test_what_some_tokens_may_meet_is_left_to_the_tokens(contract, fields):
    assert foreseen(contract, **fields) == {}


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


def refused(act, *arguments, **fields):
    with pytest.raises(FieldError) as caught:
        act(*arguments, **fields)
    return f"{caught.value.field}: {caught.value}"


def test_a_key_whose_every_token_would_break_the_contract_is_refused_at_save(sqlite_house):
    house = sqlite_house
    make_key(house, "rsa", "RS256", number=0)
    make_key(house, "curve")
    longer, other = {"key": {"bits": 3072}}, {"headers": {"kid": {"constant": "another"}}}

    said = refused(make_asset, house, "a", '{"aud": "x"}', signing_key="rsa", contract=longer)
    assert said == "signing_key: rsa would break the contract: the key has 2048 bits; the relying party asks for 3072"
    assert "the header `kid`" in refused(make_asset, house, "a", '{"aud": "x"}', signing_key="curve", contract=other)
    make_asset(house, "a", '{"aud": "x"}', signing_key="curve", contract=longer)  # It is about RSA keys.
    said = refused(change_asset, house, "a", contract=other)
    assert said.startswith("contract: cannot be met by the signing key curve: the header `kid` is not the fixed value")
    assert len(house.rows("SELECT * FROM revision")) == 1


def test_a_contract_that_asks_for_a_key_id_is_held_against_headers_and_secret(sqlite_house):
    house, contract = sqlite_house, {"headers": {"kid": {"required": True, "longest": 3}}}

    assert "headers: would break the contract: the header `kid` is missing" in refused(
        make_asset, house, "a", contract=contract
    )
    assert "is longer than 3" in refused(make_asset, house, "a", headers={"kid": "long"}, contract=contract)
    make_asset(house, "a", headers={"kid": "k1"}, contract=contract)
    assert refused(change_asset, house, "a", headers={}).startswith("headers: ")
    change_asset(house, "a", name="Another")


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
