"""Contracts, presets and launches in plain words: what pages, differences and the help say of them."""

import pytest

from mintmark.assets.contract_words import contract_lines, in_one_line
from mintmark.assets.in_words import in_words
from mintmark.contracts import read_contract
from mintmark.presets import all_presets, contract_of

LAUNCH = {"by": "post", "url": "https://a.test/sso", "name": "jwt", "pass": [], "return_to": []}
RULES = [
    ({}, ["x: may be missing"]),
    ({"required": True}, ["x: needed"]),
    ({"refused": True}, ["x: may not be there"]),
    ({"required": True, "type": "whole"}, ["x: needed: a whole number"]),
    ({"type": "text", "format": "email", "longest": 1000}, ["x: may be missing: an e-mail address; at most 1,000 characters"]),
    ({"constant": "a"}, ["x: may be missing: exactly “a”"]),
    ({"constant": True}, ["x: may be missing: exactly true"]),
    ({"one_of": ["a", 1]}, ["x: may be missing: one of “a”, 1"]),
    ({"one_of": list(range(11))}, ["x: may be missing: one of 0, 1, 2, 3, 4, 5, 6, 7 and 3 more"]),
    ({"type": "list", "longest": 2, "items": {"type": "text"}}, ["x: may be missing: a list; at most 2 items", "x[]: each: text"]),
    ({"without": ",;"}, ["x: may be missing: text; without “,” “;”"]),
    ({"shortest": 1, "longest": 9}, ["x: may be missing: text or a list; not empty; at most 9 characters or items"]),
    ({"type": "list", "shortest": 2}, ["x: may be missing: a list; at least 2 items"]),
    (
        {"required": True, "type": "object", "members": {"id": {"required": True}}, "others": {"refused": True}},
        ["x: needed: an object", "x.id: needed", "x.*: may not be there"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "lines"), RULES)
def test_a_rule_is_said_in_words_a_line_for_each_place(rule, lines):
    found = contract_lines(read_contract({"claims": {"x": rule}}))

    assert [f"{line.about}: {line.words}" for line in found] == lines
    assert all(line.is_name for line in found)


def test_what_is_not_about_claims_is_said_too():
    contract = {
        "algorithms": ["RS256", "ES256"],
        "headers": {"kid": {"required": True}},
        "lifetime": {"shortest": 60, "longest": 5400},
        "key": {"bytes": 32, "bits": 2048},
        "identity": "email",
    }

    assert in_one_line(read_contract(contract)) == (
        "kid: in the header: needed; Algorithm: RS256 or ES256; Lifetime: at least 1 minute and at most 1 hour 30 minutes;"
        " Knows people: by their `email`; Secret: at least 32 bytes; RSA key: at least 2,048 bits"
    )
    assert in_one_line(read_contract({})) == "asks for nothing"


def test_the_contract_of_every_preset_has_words():
    for preset in all_presets().values():
        answers = {question.name: question.example or question.default for question in preset.questions}
        assert len(contract_lines(contract_of(preset, answers))) >= 2, preset.slug


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        *((name, None, "none") for name in ("preset", "ask", "contract", "launch")),
        ("preset", "zendesk-sso", "Zendesk"),
        ("preset", "gone", "“gone”, which this version does not know"),
        ("ask", {"subdomain": "acme", "x": "y"}, "subdomain: acme; x: y"),
        ("contract", {"claims": {"sub": {"required": True}}}, "sub: needed"),
        ("contract", {"claims": {"sub": {"pattern": "x"}}}, '{"claims": {"sub": {"pattern": "x"}}}'),
        ("contract", {"claims": {"sub": {"constant": "\u202e"}}}, "sub: may be missing: exactly “⟨U+202E⟩”"),
        ("launch", LAUNCH, "as “jwt” in a form to https://a.test/sso"),
        ("launch", {**LAUNCH, "by": "fragment"}, "as “jwt” behind the # of https://a.test/sso"),
        (
            "launch",
            {**LAUNCH, "by": "query", "pass": ["a", "b"], "return_to": ["https://b.test"]},
            "as “jwt” in the address https://a.test/sso; may pass on a, b; may send people back to https://b.test",
        ),
    ],
)
def test_fields_of_relying_parties_are_said_in_words(name, value, words):
    assert in_words(name, value, {}) == words
