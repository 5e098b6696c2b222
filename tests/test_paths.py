"""The grammar of asset paths, and that fixed routes always win (ASVS 1.1.1; CWE-525)."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mintmark.errors import FieldError
from mintmark.paths import MAX_LENGTH, RESERVED, is_path, read_path


@pytest.mark.parametrize("text", ["a", "0", "integrations/helpdesk", "a-b_c/d1", "a" * 255, "loginx", "a/login", "x5"])
def test_good_paths_are_taken_as_they_stand(text):
    assert read_path(text) == text


def test_one_leading_slash_is_taken_off_where_a_path_is_entered():
    assert read_path("/integrations/helpdesk") == "integrations/helpdesk"
    with pytest.raises(FieldError):
        read_path("//integrations")


@pytest.mark.parametrize(
    "text",
    ["", "/", "a/", "a//b", "A", "a.b", ".well-known/x", "-a", "_a", "a/-b", "a b", "a%2fb", "ä", "a\n", "a;b", "a?b", "..", "a/../b"]
    + ["a" * 256, "ⅰ", "a\x00", *sorted(RESERVED), *(word + "/x" for word in sorted(RESERVED))],
)  # fmt: skip
def test_other_texts_are_refused_with_what_to_do(text):
    with pytest.raises(FieldError) as refusal:
        read_path(text)
    assert refusal.value.field == "path"
    assert str(refusal.value)


@given(st.text(max_size=300))
def test_what_is_taken_matches_the_grammar_of_the_design(text):
    grammar = re.fullmatch(r"[a-z0-9][a-z0-9_-]*(/[a-z0-9][a-z0-9_-]*)*", text)
    expected = bool(grammar) and len(text) <= MAX_LENGTH and text.split("/")[0] not in RESERVED

    assert is_path(text) == expected


def test_every_fixed_route_starts_with_a_reserved_segment(sqlite_house):
    firsts = {
        rule.rule.split("/")[1] for rule in sqlite_house.app.url_map.iter_rules() if not rule.rule.startswith("/<")
    }

    # What begins with a dot or a hyphen is no segment of an asset path anyway.
    assert {first for first in firsts - {""} if first[0] not in ".-"} <= RESERVED
    assert not any(is_path(first) for first in firsts - {""} if first[0] in ".-")


def test_no_asset_can_stand_where_a_fixed_route_is(sqlite_house):
    adapter = sqlite_house.app.url_map.bind("localhost")
    for rule in sqlite_house.app.url_map.iter_rules():
        if rule.endpoint not in ("token", "static") and "<" not in rule.rule:
            assert (
                adapter.match(rule.rule, method=next(iter((rule.methods or {"GET"}) - {"OPTIONS", "HEAD"})))[0]
                != "token"
            )
            assert not is_path(rule.rule[1:])
