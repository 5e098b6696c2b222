"""The help page: everything that a template may say, from the tables that check it."""

import base64
import json
import re
from dataclasses import fields

import pytest

from mintmark import contracts, keypairs, payload, tokens
from mintmark.assets import launch_field
from mintmark.assets.contract_words import TYPE_WORDS
from mintmark.contracts import vocabulary
from mintmark.keys import life
from mintmark.payload import values
from mintmark.presets import all_presets
from mintmark.web import help_contracts, help_tables
from tests.making import key_pair, make_asset, make_attribute, make_group, make_person
from tests.test_pages import HOSTILE, Page


@pytest.fixture
def ben(sqlite_house):
    """Somebody who is neither administrator nor editor."""
    make_person(sqlite_house, "ben")
    return sqlite_house.signed_in("ben")


def help_of(client):
    answer = client.get("/help")
    assert answer.status_code == 200
    return Page(answer.text)


# Bounds that nobody meets who writes a template that can be read.
OF_THE_CHECKER = {"MAX_WORDS", "MAX_UNREADABLE_TAGS", "MAX_SUGGESTIONS", "MAX_CANDIDATES"}
ROWS = [*help_tables.names(), *help_tables.loop_names(), *help_tables.filters(), *help_tables.shapes()]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.written)
def test_every_example_can_be_saved_and_gives_what_the_page_says(row):
    template = payload.compile("{ " + row.example + " }", params=help_tables.PARAMS)

    assert payload.render(template, help_tables.ADA) == json.loads(row.gives)


@pytest.mark.parametrize("kind", payload.ATTRIBUTE_TYPES)
def test_the_example_of_an_attribute_can_be_saved_and_needs_no_value(kind):
    example = help_tables.attribute_example("level", kind)
    template = payload.compile("{ " + example + " }", {"level": kind})

    assert payload.render(template, help_tables.ADA) == {}
    assert template.claims["level"].types == {kind}


def test_the_first_template_can_be_saved_and_gives_what_the_page_says():
    template = payload.compile(help_tables.TEMPLATE)

    assert payload.render(template, help_tables.ADA) == json.loads(help_tables.template_gives())


def test_every_name_filter_and_limit_of_the_code_is_on_the_page(ben):
    page = help_of(ben)
    written = [row.written for row in ROWS]

    assert [row.written for row in help_tables.filters()] == [row.signature for row in payload.FILTERS.values()]
    assert help_tables.FILTERS.keys() == payload.FILTERS.keys()
    assert written[: len(payload.CONTEXT)] == [declared.name for declared in payload.CONTEXT]
    for row in ROWS:
        assert row.written in page.text and row.meaning in page.text
        assert row.example in page.texts["code"] and row.gives in page.texts["code"]
    for name in {name for name in vars(values) if name.startswith("MAX_")} - OF_THE_CHECKER:
        assert getattr(values, name) in dict(help_tables.limits()).values(), name
    for words, most in help_tables.limits():
        assert words.capitalize() in page.text and f"{most:,}".replace(",", "\u202f") in page.text


def test_every_example_uses_its_filter():
    for name, example in help_tables.FILTERS.items():
        assert f"| {name}" in example


def test_the_claims_of_the_site_are_those_that_it_adds_and_that_templates_may_not(sqlite_house, ben):
    make_asset(sqlite_house, "all", claims={"iat": True, "jti": True, "nbf": True}, template="{}")
    token = ben.get("/all").text

    assert claims_of(token).keys() == help_tables.SITE_CLAIMS.keys()
    for name in help_tables.SITE_CLAIMS:
        assert payload.check(f'{{ "{name}": 1 }}'), name
        assert name in help_of(ben).texts["code"]


def claims_of(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def test_every_algorithm_of_the_code_is_on_the_page_with_what_it_takes_and_for_whom_it_is(ben):
    page = help_of(ben)

    assert tuple(help_tables.ALGORITHMS) == tokens.ALGORITHMS
    for name, (takes, whom) in help_tables.ALGORITHMS.items():
        assert name in page.texts["code"] and takes in page.texts["td"] and whom in page.texts["td"]
        if name in tokens.SECRET_BYTES:
            assert takes == f"a shared secret of {tokens.SECRET_BYTES[name]} bytes or more"
        elif keypairs.is_rsa(name):
            assert all(str(bits) in takes for bits in keypairs.RSA_BITS)
        else:
            assert keypairs.size_in_words(key_pair(name).public) in takes


def test_the_key_sets_are_those_that_the_site_serves_and_rotation_is_told_in_five_sentences(sqlite_house, ben):
    page, rules = help_of(ben), {re.sub("<.*>", "<path>", rule.rule) for rule in sqlite_house.app.url_map.iter_rules()}

    assert help_tables.KEY_SETS.keys() <= rules
    assert set(help_tables.KEY_SETS) <= set(page.texts["code"])
    assert len(help_tables.ROTATION) == 5 and set(help_tables.ROTATION) <= set(page.texts["li"])
    assert (life.CACHE_SECONDS, life.WAIT_SECONDS) == (300, 360)
    assert "5 minutes, so it signs 6 minutes later at the earliest" in page.text


def test_every_word_of_a_contract_is_on_the_page_with_an_example_that_is_one(ben):
    page = help_of(ben)

    assert tuple(help_contracts.WORDS) == vocabulary.WORDS and set(TYPE_WORDS) == set(contracts.TYPES)
    assert set(help_contracts.PARTS) == {field.name for field in fields(contracts.Contract)} - {"definition"}
    assert json.loads(help_contracts.contract()) == help_contracts.EXAMPLE
    assert set(help_contracts.EXAMPLE) == set(help_contracts.PARTS)
    for row in help_contracts.words():
        contracts.read_contract({"claims": {"x": json.loads(row.example)}})
        assert {row.written, row.example} <= set(page.texts["code"]) and row.takes in page.texts["td"]
    assert help_contracts.formats().keys() == contracts.FORMATS.keys() <= set(page.texts["code"])
    for kind, words in TYPE_WORDS.items():
        assert f"{kind} ({words})" in page.text


def test_presets_and_ways_to_launch_are_on_the_page_and_the_list_is_linked_for_administrators(sqlite_house, ben):
    make_person(sqlite_house, "ada", is_admin=True)

    assert tuple(help_contracts.WAYS) == launch_field.WAYS
    for client, is_linked in ((ben, False), (sqlite_house.signed_in("ada"), True)):
        page = help_of(client)
        assert all(preset.name in page.text for preset in all_presets().values())
        assert set(help_contracts.WAYS | help_contracts.LAUNCH) <= set(page.texts["code"])
        assert ("/admin/presets" in [found["href"] for found in page.all("a")]) is is_linked
    rule = {"by": "post", "url": "https://a.test", "name": "t"}
    assert set(launch_field.read_launch(rule)) == {"by", *help_contracts.LAUNCH}


def test_every_part_has_an_anchor_that_is_linked(ben):
    page = help_of(ben)
    linked = {found["href"][1:] for found in page.all("a") if found["href"].startswith("#")} - {"main"}

    assert {
        "placeholders",
        "attributes",
        "filters",
        "blocks",
        "claims",
        "rules",
        "algorithms",
        "keys",
        "limits",
    } <= linked
    assert linked == {found["id"] for found in page.all("h2")}
    assert len({found["aria-label"] for found in page.all("div", role="region")}) == len(page.all("table"))


def test_the_page_says_that_a_token_can_be_read_by_whoever_holds_it(ben):
    assert "whoever holds it can read every claim" in help_of(ben).text


def test_declared_attributes_are_listed_with_label_type_and_an_example(sqlite_house, ben):
    make_attribute(sqlite_house, "department", label="Department of <work>")
    make_attribute(sqlite_house, "level", "number", sensitive=True)
    make_group(sqlite_house, "desk")
    make_person(sqlite_house, "erin", groups=["desk"])
    make_asset(sqlite_house, "desk", editors=["desk"])
    page = help_of(sqlite_house.signed_in("erin"))

    assert "Department of <work>" in page.texts["bdi"]
    assert {"user.attributes.department", "user.attributes.level"} <= set(page.texts["code"])
    assert '"department": "{{ user.attributes.department | omit }}"' in page.texts["code"]
    assert '"level": {{ user.attributes.level | omit }}' in page.texts["code"]
    assert page.text.count("Sensitive") == 1
    assert "None is declared yet" not in page.text


def test_who_writes_no_template_is_not_told_what_is_sensitive(sqlite_house, ben):
    make_attribute(sqlite_house, "department")
    make_attribute(sqlite_house, "disciplined", "boolean", label="Disciplined", sensitive=True)
    make_person(sqlite_house, "ada", is_admin=True)

    assert "department" in help_of(ben).text and "disciplined" not in help_of(ben).html.casefold()
    assert "disciplined" in help_of(sqlite_house.signed_in("ada")).html


def test_without_attributes_the_page_says_who_declares_them(sqlite_house, ben):
    make_person(sqlite_house, "ada", is_admin=True)

    for client, may_declare in ((ben, False), (sqlite_house.signed_in("ada"), True)):
        page = help_of(client)
        assert "None is declared yet" in page.text
        assert ("Declare the first" in page.text) == may_declare


def test_hostile_labels_are_shown_as_text(sqlite_house, ben):
    def declare(labels):
        for number, label in enumerate(labels):
            make_attribute(sqlite_house, f"a{number}", label=label)
        return help_of(ben)

    plain = declare(["plain"] * len(HOSTILE))
    page = declare(HOSTILE)
    assert page.skeleton() == plain.skeleton()
    assert set(HOSTILE) <= set(page.texts["bdi"])


def test_a_stranger_signs_in_first(sqlite_house):
    assert sqlite_house.client().get("/help").location == "/login?next=/help"
