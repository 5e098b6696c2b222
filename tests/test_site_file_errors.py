"""Everything that is wrong with a site file is said at once, a line each, and the site stays as it was."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mintmark.contracts.vocabulary import WORDS
from mintmark.errors import InvalidFields
from mintmark.presets import KINDS, all_presets
from mintmark.site_file.document import Document
from mintmark.site_file.problems import MAX_PROBLEMS, printable
from mintmark.site_file.sections import SECTIONS
from tests.conftest import SECRET
from tests.making import make_asset, make_attribute, make_group, make_person

CANARY = "c4n4ry-Of-The-Secret-Nobody-May-See"
ID = "6f1c0000-0000-4000-8000-000000000001"


def problems_of(text):
    with pytest.raises(InvalidFields) as caught:
        Document(text if text.startswith(("mintmark", "{")) else "mintmark: 1\n" + text).problems.see_none()
    return [f"{field}: {words}" for field, words in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("mintmark: 2\nfuture: {}\n", "site file: mintmark: is 2; this version of Mintmark reads 1"),
        ("mintmark: '1'\n", "site file: mintmark: takes the whole number 1"),
        ("mintmark: true\n", "site file: mintmark: takes the whole number 1"),
        ('{"people": []}', "site file: mintmark: is missing; the first line of a site file is “mintmark: 1”"),
        ("trusted_issuers: {}\n", "site file: trusted_issuers: takes a list of entries; [] is none"),
        ("openid_providers: [x]\n", "openid_providers #1: entry: takes fields with values"),
        ("trusted_issuers: [{name: a}]\n", "trusted_issuers #1: issuer: is missing"),
        ("trusted_issuers: [{issuer: a}, {issuer: a}]\n", "trusted_issuers a: issuer: is in the file twice: entry #1 has it too"),
        ("trusted_issuers: [{issuer: null}, {issuer: null}]\n", "trusted_issuers null: issuer: is in the file twice: entry #1 has it too"),
        ("trusted_issuers: [{issuer: ''}]\n", "trusted_issuers #1: issuer: is empty"),
        (f"trusted_issuers: [{{issuer: a, secret: {CANARY}}}]\n", "trusted_issuers a: secret: takes fields with values, not text"),
        ("trusted_issuers: [{issuer: a, secret: {env: X, kid: k}}]\n", "trusted_issuers a: secret: takes no kid: with a secret that of a token is not looked at"),
        ("trusted_issuers: [{issuer: a, public_keys: [{key_id: k}]}]\n", "trusted_issuers a: public_keys: #1: takes the fields key_id, live, public_key"),
        ("trusted_issuers: [{issuer: a, public_keys: [{key_id: k, public_key: x, live: 1}]}]\n", "trusted_issuers a: public_keys: #1: live takes true or false, not a number"),
        (f"trusted_issuers: [{{issuer: a, public_keys: [{{key_id: '-----{CANARY}', public_key: x}}]}}]\n", "trusted_issuers a: public_keys: #1: key_id looks like a key; it takes the id (`kid`) by which tokens name the key"),
        ("trusted_issuers: [{issuer: a, public_keys: [{key_id: k, public_key: x}, {key_id: k, public_key: y}]}]\n", "trusted_issuers a: public_keys: names a key_id twice"),
        ("openid_providers: [{issuer: a}]\n", "openid_providers #1: name: is missing"),
        (f"openid_providers: [{{name: a, client_secret: {CANARY}}}]\n", "openid_providers a: client_secret: takes fields with values, not text"),
        (f"openid_providers: [{{name: a, client_secret: {{hex: {CANARY}}}}}]\n", "openid_providers a: client_secret: takes exactly one of text, env; null is a public client"),
        (f"openid_providers: [{{name: a, client_secret: {{text: ' {CANARY}'}}}}]\n", "openid_providers a: client_secret: has white space at its beginning or end"),
        ("users: []\n", "site file: users: is no section of a site file; there are attributes, groups, people, signing_keys, assets, "
            "trusted_issuers, openid_providers"),
        ("people:\n", "site file: people: takes a list of entries; [] is none"),
        ("people: {username: x}\n", "site file: people: takes a list of entries; [] is none"),
        ("people: [x]\n", "people #1: entry: takes fields with values"),
        ("people: []\npeople: []\n", "site file: people: is written twice (line 3, column 1)"),
        ("people: [{email: x}]\n", "people #1: username: is missing"),
        ("people: [{username: 12}]\n", "people #1: username: takes text, not a number"),
        ('people: [{username: "a\\tb"}]\n', "people a\\tb: username: holds a control or invisible character (U+0009)"),
        ("people: [{username: ' a'}]\n", "people  a: username: has white space at its beginning or end"),
        ("people: [{username: a, userid: 1}]\n", "people a: userid: is no field of people; there are username, id, password, email, "
            "first_name, last_name, display_name, is_admin, live, groups, roles, permissions, attributes, identities"),
        ("people: [{username: a}, {username: A}]\n", "people A: username: is in the file twice: entry #1 has it too"),
        ("people: [{username: a, email: x, email: y}]\n", "people a: email: is written twice (line 2, column 34)"),
        ("people: [{username: a, is_admin: yes}]\n", "people a: is_admin: takes true or false, not text"),
        ("people: [{username: a, live: null}]\n", "people a: live: takes true or false, not nothing (null)"),
        ("people: [{username: a, groups: staff}]\n", "people a: groups: takes a list, not text"),
        ("people: [{username: a, roles: [1]}]\n", "people a: roles: takes text, not a number"),
        ("people: [{username: a, first_name: 2024}]\n", "people a: first_name: takes text, not a number"),
        (f"people: [{{username: a, email: {'x' * 256}}}]\n", "people a: email: has 256 characters; at most 255 are possible"),
        (f"people: [{{username: a, id: {ID.upper()}}}]\n", "people a: id: takes a UUID in its usual form: 36 characters, lower case, with hyphens"),
        ("people: [{username: a, id: null}]\n", "people a: id: takes text, not nothing (null)"),
        ("people: [{username: a, password: short}]\n", "people a: password: has fewer than 12 characters"),
        ("people: [{username: a, password: 123456789012}]\n", "people a: password: takes text; put it in quotes"),
        ("people: [{username: administrator, password: administrator}]\n", "people administrator: password: is the username, or one piece repeated"),
        ("people: [{username: a, attributes: [x]}]\n", "people a: attributes: takes fields with values, not a list"),
        ("people: [{username: a, attributes: {x: !!int 5}}]\n", "people a: attributes.x: has a tag (!), which a site file cannot have; "
            "text that starts with ! needs quotes (line 2, column 40)"),
        ("groups: [{name: a}, {name: A}]\n", "groups A: name: is in the file twice: entry #1 has it too"),
        ("groups: [staff]\n", "groups #1: entry: takes fields with values"),
        ("attributes: [{name: Dept}]\n", "attributes Dept: name: takes a–z, 0–9 and “_”, at most 40 characters, and starts with a letter"),
        ("attributes: [{name: a, type: date}]\n", "attributes a: type: takes one of text, number, boolean, list"),
        ("attributes: [{name: a, changed_by: me}]\n", "attributes a: changed_by: takes one of administrators, person"),
        ("assets: [{path: login/x}]\n", "assets login/x: path: starts with “login”, which the site keeps for itself"),
        ("assets: [{path: a}, {path: /a}]\n", "assets /a: path: is in the file twice: entry #1 has it too"),
        (f"assets: [{{path: a, secret: {CANARY}}}]\n", "assets a: secret: takes fields with values, not text"),
        ("assets: [{path: a, secret: {}}]\n", "assets a: secret: takes exactly one of text, base64, base64url, hex, env"),
        ("assets: [{path: a, secret: {text: x, hex: y}}]\n", "assets a: secret: takes exactly one of text, base64, base64url, hex, env"),
        ("assets: [{path: a, secret: {text: x, as: hex}}]\n", "assets a: secret: “as” belongs to env; here text says how the secret is written"),
        ("assets: [{path: a, secret: {text: 123456789012345678}}]\n", "assets a: secret: takes text; put it in quotes"),
        ("assets: [{path: a, secret: {env: a-b}}]\n", "assets a: secret: env takes the name of a variable, such as MINTMARK_SECRET_HELPDESK"),
        ("assets: [{path: a, secret: {env: MINTMARK_SEALING_KEY}}]\n", "assets a: secret: env names a setting of Mintmark; use a variable that starts with MINTMARK_SECRET_"),
        ("assets: [{path: a, secret: {env: X, as: rot13}}]\n", "assets a: secret: takes one of text, base64, base64url, hex"),
        ("assets: [{path: a, secret: {env: X, weak: 1}}]\n", "assets a: secret: takes true or false, not a number"),
    ],
)  # fmt: skip
def test_what_needs_no_database_is_said_with_entry_and_field(text, line):
    assert problems_of(text) == [line]


SECRETS = [
    f"{{{CANARY}: x}}",
    f"{{text: {CANARY}, {CANARY}: 1}}",
    f"{{text: {CANARY}, text: {CANARY}}}",
    f"{{{CANARY}: 1, {CANARY}: 2}}",
    f"{{base64: {CANARY}}}",
    f"{{hex: {CANARY}}}",
    f"{{base64url: '{CANARY} '}}",
    f"{{text: ' {CANARY}'}}",
    f"{{env: {CANARY}}}",
    f"!{CANARY} x",
    f"&{CANARY} {{text: x}}",
    f"*{CANARY}",
    f"[{CANARY}]",
    CANARY,
]


def test_no_error_repeats_what_stands_in_a_secret_or_password(sqlite_house):
    # Given every wrong way to write a secret down
    entries = [f"- {{path: a{n}, name: a, template: '{{}}', secret: {secret}}}" for n, secret in enumerate(SECRETS)]
    people = f'people:\n- {{username: x, password: ["{CANARY}"]}}\n- {{username: y, password: "{CANARY}\\n"}}\n'

    result = sqlite_house.run("site", "import", "-", input="mintmark: 1\n" + people + "assets:\n" + "\n".join(entries))

    assert result.exit_code == 1 and CANARY not in result.output
    for entry in ["people x: password", "people y: password", *(f"assets a{n}: secret" for n in range(len(SECRETS)))]:
        assert f"error: {entry}: " in result.stderr


@pytest.fixture
def filled_house(house):
    """A site with ada, ben, a group, an attribute that ben has, and an asset."""
    make_group(house, "staff")
    make_attribute(house, "department")
    make_person(house, "ada", password=None, is_admin=True)
    make_person(house, "ben", password=None, id=ID, attributes={"department": "R&D"})
    make_asset(house, "desk", readers=["staff"])
    return house


ASSET = f"name: x, template: '{{\"a\": 1}}', secret: {{text: {SECRET}}}"
WITH_DATABASE = [
    ("people: [{username: x, groups: [Staff, nobody]}]", ["people x: groups: “nobody” is no group"]),
    ("people: [{username: x, attributes: {floor: 1}}]", ["people x: attributes.floor: is not declared"]),
    ("people: [{username: x, attributes: {department: 1}}]", ["people x: attributes.department: takes text, not a number"]),
    ("attributes: [{name: floor, type: number}]\npeople: [{username: x, attributes: {floor: one}}]", ["people x: attributes.floor: takes a number, not text"]),
    ("attributes: [{name: department, type: list}]", ["attributes department: type: cannot change from text while people have a value of it"]),
    (f"people: [{{username: x, id: {ID}}}]", ["people x: id: belongs to another person of this site"]),
    ("people: [{username: Ben, id: 6f1c0000-0000-4000-8000-000000000002}]", [f"people Ben: id: is {ID} on this site, and never changes; take it out of the entry"]),
    (f"people: [{{username: x, id: {ID[:-1]}2}}, {{username: y, id: {ID[:-1]}2}}]", ["people y: id: is in the file twice: entry #1 has it too"]),
    ("people: [{username: BEN, password: correct horse battery}]", ["people BEN: password: belongs to a person who exists already; import with --reset-passwords to set it anew"]),
    ("people: [{username: ada, is_admin: false}]", ["site file: people: would leave the site without a live administrator"]),
    ("people: [{username: ada, live: false}]", ["site file: people: would leave the site without a live administrator"]),
    ("assets: [{path: new, name: x, template: '{\"a\": 1}'}]", ["assets new: secret: is missing"]),
    ("assets: [{path: new, name: x, template: '{\"a\": 1}', secret: {env: MINTMARK_SECRET_NEW}}]",
        ["assets new: secret: MINTMARK_SECRET_NEW is not set, and this asset has no secret yet"]),
    (f"assets: [{{path: new, {ASSET}, readers: [nobody]}}]", ["assets new: readers: “nobody” is no group"]),
    (f"assets: [{{path: new, {ASSET}, editors: everyone}}]", ["assets new: editors: takes a list of groups"]),
    (f"assets: [{{path: new, {ASSET}, lifetime: 5}}]", ["assets new: lifetime: takes a whole number from 10 to 31 536 000"]),
    (f"assets: [{{path: new, {ASSET}, algorithm: HS512}}]", [f"assets new: secret: has {len(SECRET)} bytes; HS512 takes at least 64 (RFC 7518 §3.2). If the other side dictates it, mark it weak"]),
    ("assets: [{path: desk, algorithm: HS512}]", [f"assets desk: secret: has {len(SECRET)} bytes; HS512 takes at least 64 (RFC 7518 §3.2). If the other side dictates it, mark it weak"]),
    (f"assets: [{{path: new, {ASSET}, preset: zendesk}}]", [f"assets new: preset: “zendesk” is no preset; there are {', '.join(sorted(all_presets()))}"]),
    (f"assets: [{{path: new, {ASSET}, preset: [plain]}}]", ["assets new: preset: takes text, not a list"]),
    (f"assets: [{{path: new, {ASSET}, ask: {{subdomain: acme}}}}]", ["assets new: ask: takes a preset beside it"]),
    (f"assets: [{{path: new, {ASSET}, preset: zendesk-sso, ask: acme}}]", ["assets new: ask: takes fields with values, not text"]),
    (f"assets: [{{path: new, {ASSET}, preset: zendesk-sso, ask: {{subdomain: a.b, tenant: x}}}}]",
        ["assets new: ask: tenant: is not asked for by this preset", f"assets new: ask: subdomain: {KINDS['subdomain'][1]}"]),
    (f"assets: [{{path: new, {ASSET}, preset: zendesk-sso, ask: {{subdomain: acme}}}}]",
        ["assets new: template: lacks `name`, which the relying party asks for", "assets new: template: lacks `email`, which the relying party asks for"]),
    (f"assets: [{{path: new, {ASSET}, preset: plain, contract: {{}}}}]", ["assets new: contract: stands beside a preset, which has its own: take one of the two"]),
    (f"assets: [{{path: new, {ASSET}, contract: x}}]", ["assets new: contract: takes fields with values, not text"]),
    (f"assets: [{{path: new, {ASSET}, contract: {{claims: {{a: {{pattern: x}}}}}}}}]",
        ["assets new: contract: claims.a: “pattern” is no word of a contract; there are " + ", ".join(WORDS)]),
    (f"assets: [{{path: new, {ASSET}, contract: {{lifetime: {{longest: 60}}}}}}]", ["assets new: lifetime: is 600 seconds; the relying party takes at most 60"]),
    ("assets: [{path: desk, contract: {claims: {sub: {refused: true}}}}]", ["assets desk: template: has `sub`, which the relying party refuses"]),
    ("assets: [{path: desk, contract: {key: {bytes: 64}}}]", [f"assets desk: secret: has {len(SECRET)} bytes; the relying party asks for 64"]),
    (f"assets: [{{path: new, {ASSET}, contract: {{key: {{bytes: 64}}}}}}]", [f"assets new: secret: has {len(SECRET)} bytes; the relying party asks for 64"]),
    (f"assets: [{{path: new, {ASSET}, launch: post}}]", ["assets new: launch: takes fields with values, not text"]),
    (f"assets: [{{path: new, {ASSET}, launch: {{by: get, url: 'https://a.test', name: t}}}}]", ["assets new: launch: takes one of query, fragment, post"]),
    (f"assets: [{{path: new, {ASSET}, launch: {{by: post, url: 'https://a.test', name: t, to: x}}}}]", ["assets new: launch: “to” is none of by, url, name, pass, return_to"]),
    ("assets: [{path: desk, answer: {form: json, beside: {a: {b: [[[[[[[1]]]]]]]}}}}]", ["assets desk: answer: is nested too deeply"]),
]  # fmt: skip


def test_what_needs_the_database_is_said_too_and_nothing_is_changed(filled_house):
    before = everything(filled_house)
    for text, lines in WITH_DATABASE:
        for flags in ((), ("--dry-run",)):
            result = filled_house.run("site", "import", "-", *flags, input=f"mintmark: 1\n{text}\n")

            assert (result.exit_code, result.stdout) == (1, ""), text
            assert result.stderr.splitlines() == [f"error: {line}" for line in lines]
    assert everything(filled_house) == before


def test_all_errors_of_all_entries_are_said_at_once_in_the_order_of_the_file(filled_house):
    text = """mintmark: 1
colours: []
attributes: [{name: floor, type: floot}]
people:
  - username: x
    emial: x@example.test
    email: 5
    email: 6
    groups: [nobody]
  - {email: "nameless"}
  - {groups: [nobody]}
assets:
  - path: BAD
    name: x
    lifetime: 1
    template: "{}"
    secret: {env: MINTMARK_SECRET_NONE}
  - path: new
    preset: nowhere-party
    lifetime: 5
    template: |
      {"a": {{ user.fist_name }},
       "b": {{ colour }}}
"""

    result = filled_house.run("site", "import", "-", input=text)

    assert result.exit_code == 1
    lines = result.stderr.splitlines()
    assert [line.split(": ")[1:3] for line in lines] == [
        ["site file", "colours"],
        ["attributes floor", "type"],
        ["people x", "email"],
        ["people x", "emial"],
        ["people x", "groups"],
        ["people #2", "username"],
        ["people #3", "username"],
        ["people #3", "groups"],
        ["assets BAD", "path"],
        ["assets BAD", "lifetime"],
        ["assets BAD", "secret"],
        ["assets new", "name"],
        ["assets new", "lifetime"],
        ["assets new", "preset"],
        ["assets new", "template"],
        ["assets new", "template"],
        ["assets new", "secret"],
    ]
    assert "line 1, column 7: " in lines[-3] and "user.first_name" in lines[-3]
    assert "line 2, column 7: " in lines[-2]


def test_a_file_cannot_write_lines_of_its_own_or_move_the_cursor(filled_house):
    text = 'mintmark: 1\n"a\\nerror: b\\e[2J": []\npeople: [{username: "x\\nerror: y\\u202e"}]\n'

    result = filled_house.run("site", "import", "-", input=text)

    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 2
    assert result.stderr.replace("\n", "").isprintable()
    assert printable("a\u2028b") == "a\\u2028b"


def test_wrong_usage_is_2(sqlite_house, tmp_path):
    for arguments in (
        ["site", "import"],
        ["site", "import", str(tmp_path / "none")],
        ["site", "import", "-", "--force"],
    ):
        assert sqlite_house.run(*arguments).exit_code == 2


def everything(house):
    tables = "attribute people_group person membership asset revision secret access log site session".split()
    tables += ["key_ring", "signing_key"]
    return {table: house.rows(f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables}


fields = st.sampled_from(
    [name for section in SECTIONS.values() for name in section.readers] + ["text", "env", "weak", "kid", "form", "x"]
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    | st.sampled_from(["ada", "BEN", "staff", "desk", "department", "text", "everyone", "raw", ID, "HS256", "EdDSA", "2030-01-01T00:00:00Z", "{}", "{{ x }}"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(fields, inner, max_size=6),
    max_leaves=20,
)  # fmt: skip
named = st.sampled_from(["ada", "Ben", "desk", "staff", "department", "new", "new/path"])
entry = st.builds(
    lambda name, rest: {"username": name, "name": name, "path": name, "key_id": name, **rest},
    named,
    st.dictionaries(fields, anything, max_size=5),
).flatmap(
    lambda one: st.sampled_from(list(SECTIONS.values())).map(lambda s: {n: v for n, v in one.items() if n in s.readers})
)
documents = st.fixed_dictionaries({}, optional={name: st.lists(entry | anything, max_size=3) for name in SECTIONS})


@given(st.dictionaries(st.sampled_from([*SECTIONS, "mintmark"]), anything))
def test_whatever_the_data_nothing_but_refusals_are_raised(data):
    try:
        Document(json.dumps(data)).problems.see_none()
    except InvalidFields as error:
        assert all((field + words).isprintable() for field, words in error.problems)


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(document=documents, flags=st.sets(st.sampled_from(["--prune", "--reset-passwords"])))
def test_whatever_the_entries_an_import_changes_all_or_nothing(filled_house, document, flags):
    # Given any document, when it is tried and then imported, both say the same, and twice is once
    text = json.dumps({"mintmark": 1, **document})
    before = everything(filled_house)
    dry = filled_house.run("site", "import", "-", "--dry-run", *flags, input=text)
    assert everything(filled_house) == before

    real = filled_house.run("site", "import", "-", *flags, input=text)

    assert real.exception is None or isinstance(real.exception, SystemExit), (text, real.exception)
    assert (dry.exit_code, dry.output) == (real.exit_code, real.output)
    if real.exit_code:
        assert everything(filled_house) == before and real.stdout == ""
    else:
        after = everything(filled_house)
        assert filled_house.run("site", "import", "-", *flags, input=text).stdout == ""
        assert everything(filled_house) == after


def test_of_very_many_problems_the_first_ten_thousand_are_told():
    found = problems_of('{"mintmark": 1, "people": [' + "{}," * 10_500 + "{}]}")

    assert len(found) == MAX_PROBLEMS + 1 and found[0] == "people #1: username: is missing"
    assert found[-1] == "site file: text: 501 more problems are told when these are mended"
