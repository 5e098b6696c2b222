"""Presets: their files obey one schema, their words are ours, and an answer is never more than what it says."""

import re
import tomllib
from collections import Counter
from urllib.parse import urlsplit

import pytest

from mintmark import payload
from mintmark.assets.launch_field import read_launch
from mintmark.assets.party_fields import contract_of as contract_of_definition
from mintmark.contracts import find_breach
from mintmark.errors import FieldError, InvalidFields
from mintmark.presets import (
    DATA,
    KINDS,
    all_presets,
    contract_of,
    fill,
    find_preset,
    read_answers,
    read_preset,
    snippet_of,
)
from mintmark.readers import user_context
from mintmark.tokens import SECRET_BYTES
from tests.hostile import TEXTS
from tests.party_rules import RULES, TYPES, First, at, meant

PRESETS = list(all_presets().values())
DOCUMENTED = {"convergence", "authonomy", "comm100"}
NOW = 1_800_000_000
PLACES = {"url": "https://tokens.test/a", "script": "https://tokens.test/m.js"}
BEN = {
    "id": "9b2f6a1c-3d4e-4f50-8a6b-7c8d9e0f1a2b", "username": "ben", "email": "ben@example.test", "first_name": "Ben",
    "last_name": "Bright", "display_name": None, "is_admin": False, "roles": ["agent"], "permissions": ["read"], "attributes": {},
}  # fmt: skip
# Sentences of the vendors' own pages. A preset says it in words of ours.
NOT_OURS = (
    "must be set to", "must match the id of the convergence jwt key", "navigate to the domain you wish to use",
    "the username of the user you are authenticating", "be sure to copy the private key somewhere safe",
    "is mandatory", "the contact identity key name can be any string of letters", "provide the corresponding public key",
    "for the highest level of security", "to learn more about", "in this article", "single sign-on is a mechanism",
    "must be done via form submission", "json web token (jwt) is an open standard", "the hub enforces, on every token",
    "right for server-side code", "the user will be able to", "follow these steps", "you will need to", "please ",
)  # fmt: skip


def answers_of(preset, **others):
    """Return the examples of a preset as its answers."""
    given = {question.name: question.default or question.example for question in preset.questions}
    return read_answers(preset.questions, given | others)


def rendered(preset, answers):
    """Return filled fields, template and claims for ben, as the site makes them, without a house."""
    fields = fill(preset, answers)
    params = {param["name"]: "sample" for param in fields.get("params", [])}
    template = payload.compile(fields["template"], {}, list(params))
    asset = {"path": fields["path"], "name": fields["name"], "can_edit": False}
    context = {"user": user_context(BEN, ["staff"]), "asset": asset, "site": {"url": "https://tokens.test"}, "now": NOW, "params": params}  # fmt: skip
    claims = payload.render(template, context)
    iat = NOW - fields.get("backdate", 0)
    switched_on = {"iat": iat, "jti": "0123456789abcdefghijkl", "exp": iat + fields["lifetime"]}
    if fields.get("claims", {}).get("nbf"):
        switched_on["nbf"] = iat
    return fields, template, claims | switched_on


def header_of(fields):
    own = {"kid": "key"} if fields["algorithm"] not in SECRET_BYTES else {}
    return {"typ": "JWT", **own, **fields.get("headers", {}), "alg": fields["algorithm"]}


# The files


def test_there_is_plain_and_the_three_seeds_and_twenty_others_each_under_a_name_of_its_own():
    slugs, names = {preset.slug for preset in PRESETS}, {preset.name.casefold() for preset in PRESETS}

    assert slugs >= DOCUMENTED | {"plain"} and len(slugs - DOCUMENTED - {"plain"}) >= 20
    assert len(names) == len(slugs) == len(list(DATA.glob("*.toml"))) == len(PRESETS)
    assert slugs == set(RULES), "each preset has the rules of its party in tests/party_rules.py"
    assert len({preset.definition["path"] for preset in PRESETS}) == len(PRESETS)
    print(f"{len(PRESETS)} presets")


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.slug)
def test_a_preset_filled_with_its_examples_is_whole(preset):
    answers = answers_of(preset)
    fields, template, claims = rendered(preset, answers)
    contract = contract_of(preset, answers)

    assert find_breach(contract, claims, header_of(fields)) is None
    assert fields["algorithm"] in contract.algorithms and contract.algorithms
    assert fields["preset"] == preset.slug and fields["ask"] == (answers or None)
    assert contract_of_definition(fields) == contract
    assert not [name for name in template.names if name.startswith("user.attributes")]  # No site has them.
    assert read_launch(fields.get("launch")) is not None or preset.delivery != "launch"
    assert len(preset.summary) <= 160 and preset.summary.endswith(".") and preset.key and preset.steps
    if "mintmark(" in preset.snippet:  # What the script has to know of the asset.
        assert "backdate" not in fields or f"backdate: {fields['backdate']}" in preset.snippet
        assert "answer" not in fields or f'field: "{fields["answer"]["field"]}"' in preset.snippet
    assert preset.sources and all(re.match(r"https://|github:|npm:", source) for source in preset.sources)
    for text in (preset.snippet and snippet_of(preset, answers, **PLACES), str(fields), str(contract)):
        assert "ask." not in text and "{ask" not in text


def test_the_words_of_presets_are_our_own():
    for preset in PRESETS:
        asked = [text for question in preset.questions for text in (question.label, question.where)]
        words = [preset.summary, preset.key, *preset.steps, *preset.notes, *asked]
        said = " ".join(words).casefold()
        assert not [phrase for phrase in NOT_OURS if phrase in said], preset.slug
        assert all(each.strip() == each and (len(each) <= 450 or "\n" in each) for each in words), preset.slug


GOOD = """
name = "A party"
kind = "Any"
summary = "Does something."
docs = ""
delivery = "program"
key = "A secret."
steps = ["Do it."]
sources = ["https://example.test"]
[asset]
path = "a"
algorithm = "HS256"
lifetime = 600
template = '{"a": {{ ask.tenant }}}'
[[ask]]
name = "tenant"
label = "Tenant"
where = "There."
kind = "id"
example = "acme"
[contract]
algorithms = ["HS256"]
"""
# what is changed in a good file → what the reader says
WRONG = {
    ('key = "A secret."', 'keys = "A secret."'): "keys is no field",
    ('kind = "Any"', 'kind = "Cars"'): "kind is one of",
    ('delivery = "program"', 'delivery = "pigeon"'): "delivery is one of",
    ('delivery = "program"', 'delivery = "page"'): "comes with a snippet",
    ('delivery = "program"', 'delivery = "launch"'): "asset has launch",
    ('docs = ""', 'docs = "http://example.test"'): "docs is an https address",
    ('summary = "Does something."', "summary = 7"): "summary is text",
    ('summary = "Does something."', 'summary = " Does."'): "summary is text",
    ('steps = ["Do it."]', 'steps = "Do it."'): "steps are texts",
    ('steps = ["Do it."]', 'steps = [""]'): "steps are texts",
    ("lifetime = 600", ""): "asset has of",
    ("lifetime = 600", 'lifetime = 600\nsecret = "x"'): "asset has of",
    ("ask.tenant }}", "ask.room }}"): "room is asked for nowhere",
    ("{{ ask.tenant }}", "1"): "tenant is asked for, and not used",
    ('label = "Tenant"', ""): "each \\[\\[ask\\]\\] has name, label and where",
    ('label = "Tenant"', 'label = "Tenant"\nregex = "."'): "each \\[\\[ask\\]\\] has of",
    ('kind = "id"', 'kind = "regex"'): "the kind of an answer is one of",
    ('name = "tenant"', 'name = "Tenant!"'): "the name of an",
    ('example = "acme"', ""): "has an example or a default",
    ('example = "acme"', 'example = "a b"'): "the example or default of tenant takes",
    ('example = "acme"', 'default = "a b"'): "the example or default of tenant takes",
    ("[contract]\n", "[contracts]\n"): "contracts is no field",
    ("[contract]", 'snippet = "{{ nowhere }}"\n[contract]'): "each \\[\\[ask\\]\\] has of",
    ('key = "A secret."', 'key = "A secret."\nsnippet = "{{ nowhere }}"'): "a snippet knows script, url",
    ('key = "A secret."', 'key = "A secret."\nsnippet = 1'): "snippet is text",
}  # fmt: skip


def test_the_reader_refuses_what_does_not_obey_the_schema():
    assert read_preset("good", GOOD).questions[0].name == "tenant"
    for (old, new), words in WRONG.items():
        assert old in GOOD
        with pytest.raises(ValueError, match=words):
            read_preset("wrong", GOOD.replace(old, new))
    with pytest.raises(ValueError, match="twice"):
        read_preset(
            "wrong", GOOD.replace("[contract]", GOOD[GOOD.index("[[ask]]") : GOOD.index("[contract]")] + "[contract]")
        )
    with pytest.raises(ValueError, match="a slug is"):
        read_preset("Not A Slug", GOOD)
    with pytest.raises(tomllib.TOMLDecodeError):
        read_preset("wrong", GOOD + "]")


def test_an_asset_made_before_a_preset_asked_for_more_says_what_is_lacking():
    # Given a revision whose answers are those of an older preset, without the key id.
    preset = find_preset("tableau")
    answers = answers_of(preset)
    del answers["secret_id"]

    with pytest.raises(FieldError, match="secret_id"):
        contract_of(preset, answers)
    assert snippet_of(preset, answers, **PLACES)
    # Where the question has a default, that is taken.
    embed = find_preset("metabase-embed")
    answers = answers_of(embed)
    assert contract_of(embed, {name: answers[name] for name in ("site", "number")}) == contract_of(embed, answers)


# Contracts, held to what tests/party_rules.py says of each party


def broken(rules, answers, claims, header):
    """Yield claims and a header that break what the relying party asks for, each in one place."""
    for name in rules.required.split():
        yield f"without {name}", {other: value for other, value in claims.items() if other != name}, header
    for name in rules.refused.split():
        yield f"with {name}", claims | {name: "anybody"}, header
    places = {**rules.types, **rules.fixed}
    for place in places:
        if at(claims, place) is None:
            continue
        others = (
            [value() for kind, value in TYPES.items() if kind != rules.types[place]] if place in rules.types else []
        )
        if place in rules.fixed:
            others += ["another", None, [meant(rules.fixed[place], answers)] * 2]
        for value in others:
            yield f"{place} {value!r}", changed(claims, place.split(">"), value), header
    for place in rules.filled.split():
        yield f"{place} empty", changed(claims, place.split(">"), type(at(claims, place))()), header
    for name, value in rules.header.items():
        yield f"header without {name}", claims, {other: each for other, each in header.items() if other != name}
        if value is not ... and not isinstance(value, First):
            yield f"header {name}", claims, header | {name: "another"}
    if rules.longest:
        yield "lives too long", claims | {"exp": claims["iat"] + rules.longest + 1}, header


def changed(claims, names, value):
    """Return a copy in which another value stands at a place."""
    if not names:
        return value
    if isinstance(claims, list):
        return [changed(each, names[1:], value) if str(n) == names[0] else each for n, each in enumerate(claims)]
    return {name: changed(each, names[1:], value) if name == names[0] else each for name, each in claims.items()}


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.slug)
def test_a_contract_takes_what_the_party_takes_and_finds_each_thing_that_it_would_not(preset):
    answers, rules = answers_of(preset), RULES[preset.slug]
    fields, _, claims = rendered(preset, answers)
    contract, header = contract_of(preset, answers), header_of(fields)

    missed = [what for what, *token in broken(rules, answers, claims, header) if not find_breach(contract, *token)]
    # The site always writes its own `typ`: only another one can be a mistake.
    assert [what for what in missed if what != "header without typ"] == []
    assert set(contract.algorithms) == set(rules.algorithms.split())
    assert contract.key.get("bytes", 0) == rules.key_bytes
    # And it demands nothing that the party does not, but that a token ends.
    demanded = {name for name, rule in contract.claims.items() if rule.get("required")}
    assert demanded - {"exp"} <= set(rules.required.split())
    for place, value in rules.also:
        assert find_breach(contract, changed(claims, place.split(">"), value), header) is None, (place, value)
    staged = header | {name: "another" for name, value in rules.header.items() if isinstance(value, First)}
    assert find_breach(contract, claims, staged) is None, "a staged secret brings an id of its own"
    assert contract.identity == rules.known_by


# These refuse an `iat` that is ahead of their own clock by a second (PyJWT, golang-jwt 4, Dovecot, LiveKit for Python).
STRICT_CLOCKS = ("superset", "synapse", "dovecot", "influxdb", "mercure-0x", "livekit")


@pytest.mark.parametrize("slug", STRICT_CLOCKS)
def test_a_token_for_a_party_that_forgives_no_clock_is_backdated(slug):
    assert find_preset(slug).definition["backdate"] >= 5


# Answers

HOSTILE = [
    "{{ 7*7 }}", "{{ user.id }}", "{% if %}", "{%", "{#", "{", "{{", "}}", "{{{", '"', "'", "\\", '\\"', "\\u0022", "\\{{", "`", "${7*7}", "#{7*7}",
    '","admin":true,"z":"', '"}', "</script>", "<!--", "<script>alert(1)</script>", "\u0000", "a\nb", "a\r\nX: y", "\t", " acme", "acme ", "x" * 256, "x" * 100_000,
    "https://evil.test/@", "https://evil.test@", "https://acme@evil.test/", "//evil.test", "javascript:alert(1)", "http://evil.test", "https:evil.test", "https:\\\\evil.test",
    "evil.test/", "evil.test#", "evil.test?", "evil.test:1/", "acme.evil.test#.example.org", "acme/../..", "..", "%2e%2e", "acme%00", "ACME", "a..b", "-a", "a-", "xn--80ak6aa92e",
    "{ask.site}", "{ask.subdomain}", "{{ ask.issuer }}", "{{ ask.site | text }}", "{{ url }}", "-1", "1e9", "0x10", "１２", "٣", "9" * 16, "exp", "jti", "__proto__",
    "NaN", "[]", "{}", '{"a":"{{ 7*7 }}"}', '{"a":1e400}', '{"a":1,"a":2}', '{"{%\\u0022":["{{"]}', "\u202eevil", "\u2028", "é", "🦊", "\ud800", "null", "true", "*",
]  # fmt: skip


def replaced(value, old, new):
    """Return a copy in which a text, or the number it is, became another wherever it stood, within names too."""
    if isinstance(value, dict):
        return {replaced(name, old, new): replaced(each, old, new) for name, each in value.items()}
    if isinstance(value, list):
        return [replaced(each, old, new) for each in value]
    if isinstance(value, str):
        return value.replace(old, new)
    return int(new) if not isinstance(value, bool) and str(value) == old and new.isdecimal() else value


# kind → an answer whose text stands nowhere else
MARKED = {
    "text": "zq7marked", "id": "zq7marked", "subdomain": "zq7marked", "claim": "zqmarked", "letters": "zqmarked", "json": '["zq7marked"]', "object": '{"zq7marked": 1}',
    "host": "zq7marked.test", "host_and_port": "zq7marked.test:8443", "site": "https://zq7marked.test", "address": "https://zq7marked.test/x", "whole": "770123",
}  # fmt: skip


def marked(question):
    return question.choices[0] if question.choices else MARKED[question.kind]


def see_literal(preset, question, hostile, plain):
    """See that an answer that was taken stands where another one stood, byte for byte, and changed nothing else."""
    example = marked(question)
    answers = answers_of(preset, **{question.name: hostile})
    fields, template, claims = rendered(preset, answers)
    plain_fields, plain_template, plain_claims = plain
    assert claims == replaced(plain_claims, example, hostile)
    assert template.names == plain_template.names
    assert fields.get("headers") == replaced(plain_fields.get("headers"), example, hostile)
    assert find_breach(contract_of(preset, answers), claims, header_of(fields)) is None
    if "launch" in fields:
        launch = read_launch(fields["launch"])
        if question.kind not in ("address", "site", "host", "host_and_port"):
            of = urlsplit(launch["url"]), urlsplit(plain_fields["launch"]["url"])
            assert len({parts.hostname.replace(hostile, "").replace(example, "") for parts in of}) == 1
            assert len({(parts.scheme, parts.port, parts.query, parts.path.count("/")) for parts in of}) == 1
    text = snippet_of(preset, answers, **PLACES)
    assert text.count("<") == preset.snippet.count("<") and text.count("\n") == preset.snippet.count("\n")


def hostile_answers():
    """Yield (preset, question, answer) for each question of each preset; more of them for one question of each kind."""
    distinct = {question.kind: question for preset in PRESETS for question in preset.questions}
    for preset in PRESETS:
        for question in preset.questions:
            for hostile in dict.fromkeys(HOSTILE + (TEXTS if question is distinct[question.kind] else [])):
                yield preset, question, hostile


def is_taken(preset, question, hostile):
    """Tell whether an answer is taken; what is refused is refused by the name of its question."""
    try:
        answers_of(preset, **{question.name: hostile})
    except InvalidFields as error:
        assert [name for name, _ in error.problems] == [question.name]
        return False
    return True


@pytest.mark.slow
def test_a_hostile_answer_is_refused_or_stands_literally_in_the_token():
    counted, plain = Counter(), {}
    for preset, question, hostile in hostile_answers():
        if not is_taken(preset, question, hostile):
            counted["refused"] += 1
            continue
        key = preset.slug, question.name
        if key not in plain:
            plain[key] = rendered(preset, answers_of(preset, **{question.name: marked(question)}))
        see_literal(preset, question, hostile, plain[key])
        counted["literal"] += 1
    assert counted["literal"] > 200 and counted["refused"] > 1_000
    print(f"{counted.total()} hostile answers to {sum(len(p.questions) for p in PRESETS)} questions: {dict(counted)}")


# kind → what is one, what is none
KINDS_SEEN = {
    "host": (("meet.test", "localhost", "10.0.0.1"), ("meet.test:8443", "https://meet.test", "meet.test/", "MEET.test", "[::1]")),
    "host_and_port": (("meet.test", "meet.test:8443", "localhost:1"), ("meet.test:", "meet.test:0", "meet.test:65536", "meet.test:80/x", ":80")),
    "json": (("1", "[]", '{"a": {"b": 1}, "c": {"b": 1}}', "1e308", '"NaN"'), ("NaN", "-Infinity", "1e400", "9" * 400, '{"a":1,"\\u0061":2}', '[{"a":{"b":1,"b":1}}]', "[" * 1_900, "")),
    "object": (("{}", '{"chat:*": ["subscribe"]}', ' {"a": 1}\r\n'), ("1", "[]", '"{}"', "null", '{"a":NaN}', '{"a":[1e999]}', '{"a":1,"a":2}', "{} {}")),
}  # fmt: skip


def test_a_kind_takes_what_is_one_and_nothing_that_readers_read_differently():
    for kind, (good, bad) in KINDS_SEEN.items():
        assert [text for text in good if not KINDS[kind][0](text)] == [], kind
        assert [text for text in bad if KINDS[kind][0](text)] == [], kind


def test_a_capability_of_ably_may_be_longer_than_a_name_and_a_host_stands_without_a_port_where_it_becomes_a_claim():
    capability = str({f"room-{n}:*": ["subscribe", "publish", "presence", "history"] for n in range(12)}).replace(
        "'", '"'
    )
    ably = find_preset("ably")
    fields, _, claims = rendered(ably, answers_of(ably, capability=capability))

    assert 600 < len(capability) < 2_000 and claims["x-ably-capability"] == capability
    assert find_breach(contract_of(ably, fields["ask"]), claims, header_of(fields)) is None
    assert not is_taken(ably, ably.questions[1], '{"%s":[]}' % ("x" * 2_000))
    for slug, name in (("jitsi", "domain"), ("ejabberd", "host")):
        preset = find_preset(slug)
        asked = next(question for question in preset.questions if question.name == name)
        assert is_taken(preset, asked, "meet.test") and not is_taken(preset, asked, "meet.test:8443")


def test_answers_are_refused_by_the_name_of_their_question():
    zendesk = find_preset("zendesk-sso")

    for given, words in (({}, "is missing"), ({"subdomain": "acme.evil.test"}, "no dots"), ({"subdomain": "acme", "x": 1}, "is not asked for")):  # fmt: skip
        with pytest.raises(InvalidFields) as raised:
            read_answers(zendesk.questions, given)
        assert words in raised.value.problems[0][1]
    embed = find_preset("metabase-embed")
    assert read_answers(embed.questions, {"site": "https://m.test", "number": 7})["number"] == "7"
