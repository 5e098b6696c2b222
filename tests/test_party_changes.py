"""Kept answers of another version of a preset, and answers that change, without a site."""

from dataclasses import replace

import pytest

from mintmark.assets.definition import read_definition
from mintmark.assets.party_changes import differing, follow
from mintmark.assets.party_fields import unheld
from mintmark.errors import FieldError, InvalidFields
from mintmark.keys.rings import Choice
from mintmark.listed_origins import read_origin
from mintmark.presets import all_presets, contract_of, kept_answers, read_answers, snippet_of
from mintmark.presets.questions import Question

PARTIES = all_presets()
ZENDESK = {"path": "z", "preset": "zendesk-sso", "ask": {"subdomain": "acme"}}


def read(entered, kept=None):
    return read_definition(entered, group_ids={}, attributes={}, keys={}, kept=kept)


def test_answers_that_are_no_good_any_more_hold_nothing_and_raise_nothing():
    metabase = {"preset": "metabase-embed", "ask": {"site": "https://m.test", "shown": "chart", "number": "1"}}
    assert unheld(metabase) == "its preset asks for shown, whose answer takes one of dashboard, question"
    for number in ("ten", "", "-1", "1.5", "٣"):
        kept = {**metabase["ask"], "shown": "question", "number": number}
        with pytest.raises(FieldError):
            contract_of(PARTIES["metabase-embed"], kept)
        assert unheld({**metabase, "ask": kept}).startswith("its preset asks for number, whose answer ")


def test_a_question_that_is_newer_than_the_asset_has_its_default_in_contract_and_snippet():
    preset = PARTIES["metabase-embed"]
    new = Question("region", "Region", "Somewhere.", default="eu")
    newer = replace(
        preset, questions=(*preset.questions, new), snippet="f({{ ask.region }}, {{ ask.site }}, {{ ask.no }})"
    )

    assert kept_answers(newer, {"site": "https://m.test", "number": "7", "gone": "x"})["region"] == "eu"
    assert snippet_of(newer, {"site": "https://m.test"}) == 'f("eu", "https://m.test", "")'


@pytest.mark.parametrize(
    "text",
    [
        "https://[::1",
        "http://[",
        "https://]",
        "https://[]",
        "https://[::1]x",
        "https://a.test:99999",
        "https://[v1.x]",
        "https://a\u2100.test",
    ],
)
def test_an_origin_that_is_no_address_is_refused_and_no_fault(text):
    with pytest.raises(FieldError):
        read_origin(text)


@pytest.mark.parametrize("slug", PARTIES)
def test_with_other_answers_each_preset_is_as_if_it_had_begun_with_them(slug):
    """What is changed is all that holds an answer, and nothing else."""
    preset = PARTIES[slug]
    first = read_answers(preset.questions, {each.name: each.example or each.default for each in preset.questions})
    for question in preset.questions:
        second = {**first, question.name: other(question, first[question.name])}
        before, after = (written(slug, answers) for answers in (first, second))

        found = follow({**before, "ask": second}, before)

        assert not found.problems and not found.left
        assert found.entered == after, question.name
        assert set(found.anew) == {name for name in after if name != "ask" and before[name] != after[name]}
        assert differing(found.entered) == []
        own = {**before, "template": before["template"] + "\n", "headers": {**before["headers"], "x": "y"}}
        stale = follow({**own, "ask": second}, own)
        assert bool(stale.problems) == bool({"template", "headers"} & set(found.anew))
        assert follow({**own, "ask": second}, before).problems == [], "who changes both knows"


def other(question, answer):
    """Return another good answer to a question."""
    if question.choices:
        return next(each for each in question.choices if each != answer)
    others = {"whole": "8", "json": '{"other":["*"]}', "object": '{"other":["*"]}', "site": "https://other.test", "address": "https://other.test/x", "host": "other.test"}  # fmt: skip
    return others.get(question.kind, "other")


def written(slug, answers):
    """Return the definition that a preset makes, with a secret or a key as its algorithm takes."""
    algorithm = PARTIES[slug].definition["algorithm"]
    key = None if algorithm.startswith("HS") else "key"
    entered = {"path": "x", "preset": slug, "ask": answers, "signing_key": key}
    return read_definition(entered, group_ids={}, attributes={}, keys={"key": Choice("key", algorithm)})


def test_part_of_a_preset_or_answers_of_no_kind_change_nothing():
    before = read(ZENDESK)
    for ask in (None, [], "x", {"subdomain": "a.b"}, {"subdomain": ["a"]}, {}):
        assert follow({**before, "ask": ask}, before).entered == {**before, "ask": ask}
    for slug in (None, "", 5, [], "gone"):
        assert follow({**before, "preset": slug}, before).entered == {**before, "preset": slug}
        assert follow(before, {**before, "preset": slug}).entered == before


def test_a_preset_stays_beside_no_contract_also_where_it_is_gone():
    kept = {**read(ZENDESK), "preset": "gone"}
    assert read(kept, kept) == kept
    with pytest.raises(InvalidFields, match="stands beside a preset"):
        read({**kept, "contract": {"claims": {}}}, kept)
    with pytest.raises(InvalidFields, match="is no preset"):
        read({**kept, "ask": {"subdomain": "b"}}, kept)
