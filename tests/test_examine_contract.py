"""Contracts as examinations see them: an error for real readers, a warning for awkward people, and its words."""

import json

import pytest
from sqlalchemy import text

from mintmark.models import db
from tests.filling import fields_of, submit
from tests.making import MATRIX, make_asset, make_group, make_person
from tests.test_asset_form import definition_of
from tests.test_check_command import check
from tests.test_pages import Page

MAIL = '{"sub": "{{ user.username }}",\n "email": "{{ user.email | omit }}"}'
NEEDS_MAIL = {"claims": {"email": {"required": True, "format": "email"}}}
HINT = "See the contract on the asset’s page, and change the template, or what this person has"
# Two claims that are named like something of ours; neither is it.
NAMED_LIKE_OURS = (
    '{"user": {"email": "{{ user.email | default("") }}"}, "params": {"x": "{{ user.last_name | omit }}"}}'
)


def errors_of(house, *options):
    code, _, findings = check(house, *options)
    return code, [line for line in findings if line.startswith("error: ")]


def test_readers_whose_tokens_would_break_the_contract_are_counted_with_the_place(house):
    ids = [make_person(house, name) for name in ("ann", "bob")]
    make_person(house, "cid", email="cid@example.test")
    make_asset(house, "a", MAIL, contract=NEEDS_MAIL)

    code, errors = errors_of(house)

    who = ", ".join(sorted(ids))
    words = (
        f"2 of 3 readers would get 500: line 2, column 2: The contract is broken: `email` is missing. {HINT} [{who}]"
    )
    assert code == 1 and errors == [f"error: a: {words}"]


def test_what_is_wrong_with_a_value_is_counted_apart_from_what_is_missing(sqlite_house):
    make_person(sqlite_house, "ann", email="no address")
    make_person(sqlite_house, "bob")
    make_asset(sqlite_house, "a", MAIL, contract=NEEDS_MAIL)

    _, errors = errors_of(sqlite_house)

    assert ["`email` has to be an e-mail address" in errors[0], "`email` is missing" in errors[1]] in (
        [True] * 2,
        [False] * 2,
    )
    assert all("1 of 2 readers would get 500" in line for line in errors)
    assert "no address" not in "".join(errors)


def test_awkward_people_are_warned_about_where_real_ones_are_well(sqlite_house):
    make_person(sqlite_house, "ann", email="ann@example.test")
    make_asset(sqlite_house, "a", MAIL, contract=NEEDS_MAIL)

    code, lines, findings = check(sqlite_house)

    assert (code, lines[0]) == (0, "a: for anybody who is signed in: a token for 1 of 1 reader")
    missing = next(line for line in findings if "is missing" in line)
    assert missing.startswith(
        "warning: a: a made-up person (without an e-mail address; with nothing set but the username"
    )
    assert "would get 500: line 2, column 2: The contract is broken: `email` is missing" in missing
    assert check(sqlite_house, "--strict")[0] == 1


@pytest.mark.parametrize(
    ("claims", "column", "words"),
    [
        ({"user": {"members": {"email": {"format": "email"}}}}, 2, "`user.email` has to be an e-mail address"),
        ({"params": {"members": {"x": {"required": True}}}}, 55, "`params.x` is missing"),
    ],
)
def test_a_claim_that_is_named_like_something_of_ours_is_not_taken_for_it(sqlite_house, claims, column, words):
    make_person(sqlite_house, "ann")
    make_asset(sqlite_house, "a", NAMED_LIKE_OURS, contract={"claims": claims}, params=[{"name": "x"}])

    code, errors = errors_of(sqlite_house)

    assert code == 1 and len(errors) == 1
    assert errors[0].startswith(
        f"error: a: 1 of 1 reader would get 500: line 1, column {column}: The contract is broken: {words}"
    )


def test_items_of_lists_are_one_finding_whichever_of_them_breaks_the_contract(sqlite_house):
    for number in range(4):
        make_person(sqlite_house, f"p{number}", roles=[*(f"r{each}" for each in range(number)), "z z"])
    rule = {"type": "list", "items": {"without": " "}}
    make_asset(sqlite_house, "a", '{"roles": {{ user.roles }}}', contract={"claims": {"roles": rule}})

    _, errors = errors_of(sqlite_house)

    assert len(errors) == 1 and "4 of 4 readers would get 500" in errors[0]
    assert "`roles[…]` may not have “ ” in it" in errors[0]


def test_a_header_and_a_key_have_no_place_in_the_template(sqlite_house):
    make_person(sqlite_house, "ann")
    make_asset(sqlite_house, "a", contract={"headers": {}})
    rewrite(sqlite_house, contract={"headers": {"kid": {"required": True}}})

    _, errors = errors_of(sqlite_house)

    assert errors[0].startswith(
        "error: a: 1 of 1 reader would get 500: The contract is broken: the header `kid` is missing"
    )


def test_a_claim_with_dots_in_its_name_has_its_place_too(sqlite_house):
    make_person(sqlite_house, "ann", email="x")
    name = "https://a.test/jwt/claims"
    contract = {"claims": {name: {"members": {"mail": {"format": "email"}}}}}
    make_asset(sqlite_house, "a", '{\n"' + name + '": {"mail": "{{ user.email }}"}}', contract=contract)

    _, errors = errors_of(sqlite_house)

    assert "would get 500: line 2, column 1: The contract is broken: " in errors[0]


BY_MAIL = {"claims": {"email": {"format": "email"}}, "identity": "email"}
TWICE = "2 of 3 readers share their `email`: the relying party takes them for one person"


@pytest.mark.parametrize(
    ("contract", "is_warned"),
    [(BY_MAIL, True), ({**BY_MAIL, "claims": {}}, False), ({"claims": BY_MAIL["claims"]}, False)],
)
def test_people_are_told_apart_by_the_claim_by_which_the_party_knows_them(sqlite_house, contract, is_warned):
    for name, mail in (("ann", "Ann@x.test"), ("bob", "ann@X.test"), ("cid", "cid@x.test")):
        make_person(sqlite_house, name, email=mail)
    make_asset(sqlite_house, "a", MAIL, contract=contract)

    assert any(TWICE in line for line in check(sqlite_house)[2]) == is_warned


def test_an_identity_that_is_no_text_is_compared_too(sqlite_house):
    for name in ("ann", "bob"):
        make_person(sqlite_house, name)
    template = '{"sub": "{{ user.id }}", "n": {"a": [1]}}'
    make_asset(sqlite_house, "a", template, contract={"identity": "n"})

    assert any("2 of 2 readers share their `n`" in line for line in check(sqlite_house)[2])


def test_the_asset_page_says_it_and_shows_the_contract(sqlite_house):
    make_group(sqlite_house, "desk")
    make_person(sqlite_house, "ada", is_admin=True)
    make_person(sqlite_house, "eve", groups=["desk"], email="eve@example.test")
    asset_id = make_asset(sqlite_house, "a", MAIL, contract=NEEDS_MAIL, editors=["desk"])
    for name in ("ada", "eve"):
        client = sqlite_house.signed_in(name)
        sqlite_house.post_form(client, f"/admin/assets/{asset_id}/examine", page="/help")
        page = Page(client.get(f"/admin/assets/{asset_id}").text)
        assert "The contract is broken: email is missing." in " ".join(page.text.split())
        assert "Needed: an e-mail address" in page.texts["bdi"]


def rewrite(house, **fields):
    """Change what the revisions keep, as another version of Mintmark might have saved it."""
    with house.app.app_context(), db.engine.begin() as connection:
        for row in connection.execute(text("SELECT asset_id, number, definition FROM revision")).mappings().all():
            definition = row["definition"] if isinstance(row["definition"], dict) else json.loads(row["definition"])
            kept = {name: value for name, value in {**definition, **fields}.items() if value != "(none)"}
            connection.execute(
                text("UPDATE revision SET definition = :d WHERE asset_id = :a AND number = :n"),
                {"d": json.dumps(kept), "a": row["asset_id"], "n": row["number"]},
            )


UNKNOWN = {
    "a preset that is gone": ({"preset": "gone-party", "ask": {"x": "y"}}, "its preset “gone-party” is not known to this version"),
    "a preset that asks for more": ({"preset": "zendesk-sso", "ask": None}, "its preset asks for subdomain, which was not answered"),
    "a preset that asks for another kind": ({"preset": "metabase-embed", "ask": {"site": "https://m.test", "number": "ten"}}, "its preset asks for number, whose answer takes a whole number"),
}  # fmt: skip


@pytest.mark.parametrize("case", UNKNOWN)
def test_a_preset_of_another_version_is_a_warning_and_tokens_go_on(house, case):
    fields, words = UNKNOWN[case]
    make_group(house, "desk")
    make_person(house, "ada", is_admin=True)
    make_person(house, "eve", groups=["desk"], first_name="Eve", last_name="E")
    asset_id = make_asset(house, "a", MATRIX, preset="plain", editors=["desk"])
    rewrite(house, **fields)

    code, _, findings = check(house)

    warning = next(line for line in findings if words in line)
    assert warning.startswith("warning: a: ") and "held to no contract" in warning
    ada, eve = house.signed_in("ada"), house.signed_in("eve")
    page = Page(ada.get(f"/admin/assets/{asset_id}").text)
    assert words[1:] in page.text and "Contract" not in page.texts["h2"]
    assert ada.get(f"/admin/assets/{asset_id}/edit").status_code == 200
    assert ada.get(f"/admin/assets/{asset_id}/revisions/1").status_code == 200
    assert eve.get(f"/admin/assets/{asset_id}").status_code == 200
    assert eve.get("/a").status_code == 200
    assert house.run("site", "export").exit_code == 0

    # Editors and administrators go on as before; whoever changes the answers answers what is asked now.
    address = f"/admin/assets/{asset_id}/edit"
    assert submit(eve, address, name="Other").status_code == 303
    assert {name: definition_of(house, "a")[name] for name in fields} == fields
    assert submit(ada, address, name="Another").status_code == 303
    assert {name: definition_of(house, "a")[name] for name in fields} == fields
    assert ada.get(f"/admin/assets/{asset_id}/delivery").status_code == 200
    refused = submit(ada, address, ask="tenant: x")
    assert refused.status_code == 422 and fields_of(refused)["preset"] == [fields["preset"]]
    assert submit(ada, address, preset="", ask="").status_code == 303
    assert not [line for line in check(house)[2] if "held to no contract" in line]


def test_a_contract_that_cannot_be_read_gives_no_token_and_says_so(sqlite_house):
    make_person(sqlite_house, "ada", is_admin=True)
    asset_id = make_asset(sqlite_house, "a", contract={"claims": {}})
    rewrite(sqlite_house, contract={"claims": {"sub": {"pattern": "x"}}})

    _, errors = errors_of(sqlite_house)

    assert "nobody gets a token: The contract cannot be read: it claims.sub: “pattern” is no word" in errors[0]
    page = sqlite_house.signed_in("ada").get(f"/admin/assets/{asset_id}")
    assert page.status_code == 200 and "The contract cannot be read" in page.text


def test_revisions_from_before_relying_parties_have_none_of_it(house):
    make_person(house, "ada", is_admin=True)
    asset_id = make_asset(house, "a", MATRIX)
    fields = dict.fromkeys(("preset", "ask", "contract", "launch"), "(none)")
    rewrite(house, **fields)
    ada = house.signed_in("ada")

    for page in ("", "/edit", "/revisions/1", "/copy"):
        assert ada.get(f"/admin/assets/{asset_id}{page}").status_code == 200, page
    exported = house.run("site", "export").stdout
    assert not any(f"{name}:" in exported for name in fields)
