"""From claims to what is kept of a person: only what was mapped, of its type, and nothing that gives rights unasked."""

import pytest

from mintmark.issuers.mapping import PersonMap, claim_at, read_person
from mintmark.issuers.refusals import CLAIMS_INVALID, TokenRefused

USUAL = {
    "attributes": {},
    "types": {},
    "groups_claim": None,
    "groups": {},
    "roles_claim": None,
    "permissions_claim": None,
}
NAMES = {"email": "email", "first_name": "firstName", "last_name": "lastName", "display_name": "displayName"}


def person_map(**given):
    return PersonMap(**{**USUAL, **given})


def read(claims, **given):
    return read_person(claims, person_map(**given))


def refusal(claims, **given):
    with pytest.raises(TokenRefused) as refused:
        read(claims, **given)
    assert (refused.value.row, refused.value.reason) == (CLAIMS_INVALID, "mapping")
    return refused.value.words


def test_the_fields_of_a_person_are_kept_as_they_are_named():
    claims = {"firstName": "John", "lastName": "Smith", "displayName": "John Smith", "email": "j@example.test"}

    values = read(claims, attributes=NAMES)

    assert values.fields == {"first_name": "John", "last_name": "Smith", "display_name": "John Smith", "email": "j@example.test"}  # fmt: skip
    assert (values.attributes, values.groups, values.mapped_groups) == ({}, frozenset(), frozenset())


def test_what_is_absent_or_null_stays_and_what_is_empty_is_none():
    values = read({"email": None, "firstName": "", "lastName": "  "}, attributes=NAMES)

    assert values.fields == {"first_name": None, "last_name": None}


def test_declared_attributes_have_their_types():
    types = {"department": "text", "age": "number", "vip": "boolean", "langs": "list"}
    claims = {"d": "R&D", "a": 4.5, "v": False, "l": ["en", ""]}
    attributes = {"department": "d", "age": "a", "vip": "v", "langs": "l"}

    assert read(claims, attributes=attributes, types=types).attributes == {
        "department": "R&D", "age": 4.5, "vip": False, "langs": ["en", ""],
    }  # fmt: skip
    for claim, value in (
        ("d", 7),
        ("d", ["x"]),
        ("d", "x" * 2_001),
        ("a", "4"),
        ("a", True),
        ("v", "true"),
        ("v", 0),
        ("l", "en"),
        ("l", [1]),
        ("l", {}),
    ):
        words = refusal({**claims, claim: value}, attributes=attributes, types=types)
        assert f"“{claim}”" in words and "takes" in words or "characters" in words


def test_nothing_is_ever_mapped_to_what_gives_rights_or_names_the_account():
    given = {name: "x" for name in ("is_admin", "live", "id", "username", "password", "password_hash", "roles", "permissions", "groups", "gone")}  # fmt: skip
    values = read({"x": True}, attributes=given)

    assert (values.fields, values.attributes) == ({}, {})


def test_a_field_comes_before_an_attribute_of_its_name():
    values = read({"m": "b@example.test"}, attributes={"email": "m"}, types={"email": "number"})

    assert values.fields == {"email": "b@example.test"} and values.attributes == {}


@pytest.mark.parametrize("value", [7, True, ["x"], {}, "x" * 256, "a\x00b", "a\nb", "a\u202eb", "a\u200bb", "\ufeffa"])
def test_a_name_is_a_text_that_hides_nothing(value):
    for name in NAMES.values():
        assert f"“{name}”" in refusal({name: value}, attributes=NAMES)


def test_names_keep_the_joiners_that_some_scripts_and_emoji_need():
    for name in ("می\u200cخواهم", "👩\u200d🚀", "ක්\u200dෂ"):
        assert read({"displayName": name}, attributes=NAMES).fields == {"display_name": name}
        assert "“email”" in refusal({"email": name}, attributes=NAMES)


def test_groups_are_those_of_the_map_that_a_token_names():
    given = {"groups_claim": "groups", "groups": {"admin": "g1", "staff": "g2", "all staff": "g2"}}
    ours = frozenset({"g1", "g2"})

    for claim, expected in (
        (["admin", "unknown"], {"g1"}),
        ("admin", {"g1"}),
        (["staff", "all staff"], {"g2"}),
        (["Admin", "admin "], set()),
        ([], set()),
        (None, set()),
        (["", "x" * 1_000], set()),
    ):
        values = read({"groups": claim}, **given)
        assert (values.groups, values.mapped_groups) == (frozenset(expected), ours), claim
    assert read({}, **given).mapped_groups == ours
    assert read({"groups": ["admin"]}, groups={"admin": "g1"}).mapped_groups == frozenset()  # No claim was chosen.
    for claim in (7, True, {"admin": True}, [["admin"]], ["admin", 1], [None], ["x"] * 1_001):
        assert "“groups”" in refusal({"groups": claim}, **given)


def test_roles_and_permissions_are_kept_as_given_each_once_and_gone_where_they_are_not_named():
    given = {"roles_claim": "r", "permissions_claim": "p.all"}
    claims = {"r": ["user", "Admin", "user"], "p": {"all": ["settings:write:tenant:123", "users:read", "*"]}}

    assert read(claims, **given).fields == {
        "roles": ["Admin", "user"], "permissions": ["*", "settings:write:tenant:123", "users:read"],
    }  # fmt: skip
    assert read({"r": "user"}, **given).fields == {"roles": ["user"], "permissions": []}
    assert read(claims).fields == {}
    for value in (
        7,
        False,
        {"user": 1},
        ["user", 1],
        [""],
        ["x" * 256],
        ["a\x00"],
        [f"r{n}" for n in range(1_001)],
        "",
    ):
        assert "“r”" in refusal({**claims, "r": value}, **given)


def test_claims_are_found_by_their_whole_name_first_and_then_deep_down():
    claims = {"a": {"b": {"c": 1}, "d.e": 2}, "a.b": 3, "https://x.test/dept": 4, "n": None, "l": [{"x": 1}]}

    assert [claim_at(claims, path) for path in ("a.b.c", "a.b", "https://x.test/dept", "a")] == [1, 3, 4, claims["a"]]
    for path in (
        "a.d.e",
        "a.b.c.d",
        "n.x",
        "n",
        "l.0.x",
        "l.0",
        "",
        ".",
        "a.",
        ".a",
        "A",
        "a.b.d",
        "keys",
        "a.__class__",
    ):
        assert claim_at(claims, path) is None, path


def test_words_say_which_claim_and_nothing_that_hides():
    words = refusal({"evil\u202e": "x" * 300}, attributes={"email": "evil\u202e"})

    assert words == "“evil\\u202e”, which is kept as email, has 300 characters; at most 255 are possible"
