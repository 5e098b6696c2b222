"""The pages of presets, and the form of a new asset that one of them filled in."""

import json
from urllib.parse import urlencode

import pytest

from mintmark.assets.definition import read_definition
from mintmark.keys.rings import Choice
from mintmark.presets import KINDS, all_presets
from tests.conftest import SECRET
from tests.filling import fields_of, sent, submit
from tests.making import make_asset, make_group, make_person
from tests.test_asset_form import asset_row, definition_of
from tests.test_every_page import Forms
from tests.test_examine_contract import rewrite
from tests.test_pages import HOSTILE, Page

PRESETS, NEW = "/admin/presets", "/admin/assets/new"
PARTIES = all_presets()
MAIL = '{"name": "x", "email": "{{ user.email }}"}'


@pytest.fixture
def ada(sqlite_house):
    """An administrator's client; `client.house` is the site."""
    make_person(sqlite_house, "ada", is_admin=True, display_name="Ada L.", email="ada@example.test")
    client = sqlite_house.signed_in("ada")
    client.house = sqlite_house
    return client


def words_of(page):
    return " ".join(page.text.split())


def answers_of(preset):
    return {each.name: each.example or each.default for each in preset.questions}


def begun(preset, **answers):
    return f"{NEW}?{urlencode({'preset': preset, **{f'ask_{name}': text for name, text in answers.items()}})}"


def form_of(answer):
    """Return the form of a preset: its action and its fields."""
    [form] = [form for form in Forms(answer.text).forms if form["action"] == NEW]
    return form


# The list


def test_every_preset_is_in_the_list_once_under_its_kind(ada):
    page = Page(ada.get(PRESETS).text)

    linked = [found["href"] for found in page.all("a") if found["href"].startswith(PRESETS + "/")]
    assert sorted(linked) == sorted(f"{PRESETS}/{slug}" for slug in PARTIES)
    kinds = {"For anybody" if each.kind == "Any" else each.kind for each in PARTIES.values()}
    assert page.texts["h2"][0] == "For anybody" and set(page.texts["h2"]) == kinds
    assert len(page.texts["h2"]) == len(kinds)
    for preset in PARTIES.values():
        assert preset.summary.replace("`", "") in words_of(page)


def test_words_find_presets_and_nothing_found_says_how_to_go_on(ada):
    def found(q):
        page = Page(ada.get(PRESETS, query_string={"q": q}).text)
        return page, {found["href"] for found in page.all("a") if found["href"].startswith(PRESETS + "/")}

    assert f"{PRESETS}/zendesk-sso" in found("ZENdesk")[1] and f"{PRESETS}/ckeditor" not in found("zendesk")[1]
    assert found("editors ckeditor")[1] == {f"{PRESETS}/ckeditor"}
    page, links = found("no such party\x00")
    assert len(links) == len(PARTIES), "what is no text narrows nothing"
    page, links = found("<b>no such party")
    assert not links and "can be set up without one" in page.text and not page.all("b")


def test_the_ways_to_the_list(ada):
    for address in ("/admin/assets", NEW):
        assert PRESETS in [found["href"] for found in Page(ada.get(address).text).all("a")], address


def test_presets_are_for_administrators(ada):
    make_group(ada.house, "desk")
    make_person(ada.house, "ben", groups=["desk"])
    for client, status in ((ada.house.signed_in("ben"), 403), (ada.house.client(), 303)):
        for address in (PRESETS, f"{PRESETS}/plain", f"{PRESETS}/nothing", begun("plain")):
            assert client.get(address).status_code == status, address


# One of them


def test_a_preset_says_what_it_is_and_asks_its_questions(ada):
    for slug, preset in PARTIES.items():
        see_what_it_asks(ada, slug, preset)


def see_what_it_asks(ada, slug, preset):
    answer = ada.get(f"{PRESETS}/{slug}")
    page, form = Page(answer.text), form_of(answer)

    assert answer.status_code == 200 and form["method"] == "get"
    for text in (preset.name, preset.summary, preset.key, *preset.steps, *preset.notes):
        assert " ".join(text.replace("`", "").split()) in words_of(page), text
    names = {found["name"] for tag in ("input", "select", "textarea") for found in page.all(tag) if "name" in found}
    assert {f"ask_{question.name}" for question in preset.questions} <= names
    for question in preset.questions:
        assert " ".join(question.where.replace("`", "").split()) in words_of(page)
        if question.example and not question.choices:
            assert question.example in page.texts["code"]
    # An example is no answer: nobody signs for acme by pressing the button.
    assert ("preset", slug) in form["fields"]
    typed = [found for found in page.all("input") if found.get("name", "").startswith("ask_")]
    defaults = {f"ask_{question.name}": question.default or "" for question in preset.questions}
    assert all(found["value"] == defaults[found["name"]] for found in typed)


@pytest.mark.slow
def test_with_its_examples_each_preset_becomes_an_asset_that_is_shown_and_saved_as_it_is(ada):
    for slug, preset in PARTIES.items():
        see_it_filled_in(ada, slug, preset)


def test_with_its_answers_a_preset_becomes_an_asset_that_is_shown_and_saved_as_it_is(ada):
    see_it_filled_in(ada, "zendesk-sso", PARTIES["zendesk-sso"])


def see_it_filled_in(ada, slug, preset):
    address = begun(slug, **answers_of(preset))
    fields = fields_of(ada.get(address))
    assert fields["preset"] == [slug] and fields["name"] == [preset.name]
    assert fields["path"] == [preset.definition["path"]] and fields["algorithm"] == [preset.definition["algorithm"]]

    # Of those that take a key pair, which is slow to make, one is enough.
    if not preset.definition["algorithm"].startswith("HS") and slug != "authonomy":
        return
    path = f"z/{slug}"
    saved = ada.post(NEW, data=sent(fields | {"path": [path], "secret": [SECRET * 3]}))

    assert (saved.status_code, saved.location) == (303, f"/account/preview/{path}"), (slug, words_of(Page(saved.text)))
    definition = definition_of(ada.house, path)
    assert definition["preset"] == slug and (definition["ask"] or {}) == answers_of(preset)
    # A site file with these answers makes the same of it.
    key = definition["signing_key"]
    entered = {"path": path, "preset": slug, "ask": answers_of(preset), "signing_key": key and "its key"}
    keys = {"its key": Choice(key, definition["algorithm"])}
    assert definition == read_definition(entered, group_ids={}, attributes={}, keys=keys)
    # Sent as it is shown, nothing changes; and its page says all of it.
    row = asset_row(ada.house, path)
    assert submit(ada, f"/admin/assets/{row['id']}/edit").status_code == 303
    assert asset_row(ada.house, path)["revision"] == 1, slug
    page = Page(ada.get(f"/admin/assets/{row['id']}").text)
    assert f"{PRESETS}/{slug}" in [found["href"] for found in page.all("a")]
    assert "Contract" in page.texts["h2"] and ("Launch" in page.texts["dt"]) == ("launch" in preset.definition)


WORDS = KINDS["subdomain"][1]
BAD = [
    ({}, "is missing"),
    ({"subdomain": ""}, "is missing"),
    ({"subdomain": "a.b"}, WORDS),
    ({"subdomain": "evil.test/"}, WORDS),
    ({"subdomain": "A"}, WORDS),
    ({"subdomain": "x" * 300}, "at most 255"),
    ({"subdomain": "acme\n"}, WORDS),
    *(({"subdomain": text}, "") for text in HOSTILE),
]


def test_bad_answers_are_asked_for_again_with_what_was_typed(ada):
    for answers, words in BAD:
        answer = ada.get(begun("zendesk-sso", **answers))

        page = Page(answer.text)
        assert answer.status_code == 422 and page.texts["h1"] == ["Zendesk"], answers
        assert "Subdomain " in page.text.split("Mend what is marked below.")[1] and words in page.text, answers
        assert page.one("input", id="ask_subdomain")["value"] == answers.get("subdomain", "")
        assert page.one("input", id="ask_subdomain")["aria-invalid"] == "true"


def test_what_is_not_asked_for_is_said_and_what_there_is_not_is_not_found(ada):
    answer = ada.get(begun("zendesk-sso", subdomain="acme", tenant="x"))
    assert answer.status_code == 422 and "is not asked for by this preset" in answer.text
    for slug in ("nothing", "..", "zendesk-sso\x00"):
        assert ada.get(NEW, query_string={"preset": slug}).status_code == 404, slug
    assert ada.get(f"{PRESETS}/nothing").status_code == 404


# The form that it fills in


def test_the_form_says_for_whom_it_is_what_was_answered_and_where_to_answer_anew(ada):
    page = Page(ada.get(begun("zendesk-sso", subdomain="acme")).text)

    assert "For Zendesk" in page.texts["h2"] and "Subdomain" in page.texts["dt"] and "acme" in page.texts["code"]
    assert "Where Zendesk shows you one, paste that in its place" in words_of(page)
    again = next(found["href"] for found in page.all("a") if "ask_subdomain=acme" in found["href"])
    assert Page(ada.get(again).text).one("input", id="ask_subdomain")["value"] == "acme"
    plain = Page(ada.get(NEW).text)
    assert "For Zendesk" not in plain.text and "begin with a preset" in plain.text


def test_what_is_refused_keeps_the_preset_and_what_was_typed(ada):
    fields = fields_of(ada.get(begun("zendesk-sso", subdomain="acme")))
    answer = ada.post(NEW, data=sent(fields | {"path": [""], "template": ['{"name": "x"}']}))

    page, again = Page(answer.text), fields_of(answer)
    assert answer.status_code == 422 and "For Zendesk" in page.texts["h2"]
    assert "Template lacks email, which the relying party asks for." in words_of(page)
    assert {**again, "csrf_token": 0} == {**fields, "path": [""], "template": ['{"name": "x"}'], "csrf_token": 0}


def test_with_other_answers_the_head_goes_and_the_problem_stands_at_its_field(ada):
    fields = fields_of(ada.get(begun("zendesk-sso", subdomain="acme")))
    answer = ada.post(NEW, data=sent(fields | {"ask": ["subdomain: a.b"]}))

    page = Page(answer.text)
    assert answer.status_code == 422 and f"Answers subdomain: {WORDS}" in words_of(page)
    assert "open" in page.all("details")[0] and "h2" not in page.texts
    assert fields_of(answer)["ask"] == ["subdomain: a.b"]


LIVEKIT = {"api_key": "k", "host": "one.test", "room": "red"}
ELSEWHERE = "api_key: k\nhost: two.test\nroom: blue"


def new_room(ada, **changed):
    """Save the form that was filled in for LIVEKIT, with some fields changed; return the page that comes then."""
    changed = {name: [text] for name, text in changed.items()}
    fields = fields_of(ada.get(begun("livekit", **LIVEKIT))) | {"path": ["room"], "secret": [SECRET], **changed}
    answer = ada.post(NEW, data=sent(fields))
    assert answer.status_code == 303, words_of(Page(answer.text))
    return words_of(Page(ada.get(answer.location).text))


def test_answers_that_are_changed_on_the_new_form_are_written_anew(ada):
    said = new_room(ada, ask=ELSEWHERE, lifetime="333")

    found = definition_of(ada.house, "room")
    assert found["answer"]["beside"] == {"server_url": "wss://two.test"} and found["lifetime"] == 333
    assert '"blue"' in found["template"] and '"red"' not in found["template"]
    assert "Saved as revision 1. Written anew with the answers: template, answer." in said


def test_what_somebody_typed_on_the_new_form_stays_and_is_named(ada):
    typed = '{"iss": "k", "sub": "{{ user.id }}", "video": {"room": "own", "roomJoin": true}}'
    said = new_room(ada, ask=ELSEWHERE, template=typed)

    found = definition_of(ada.house, "room")
    assert found["template"] == typed and found["answer"]["beside"] == {"server_url": "wss://two.test"}
    assert "As you typed it, and not written anew with the answers: template. See that they stand in it." in said


def test_what_the_new_form_was_filled_in_for_may_be_anything(ada):
    for text in (
        "",
        "{",
        "[]",
        "{}",
        '{"preset": []}',
        '{"preset": "livekit", "ask": 1}',
        '{"preset": "x", "ask": {}}',
        '{"preset": "livekit", "ask": {"room": ["a"]}}',
    ):
        fields = fields_of(ada.get(begun("livekit", **LIVEKIT))) | {"path": [""], "ask": [ELSEWHERE], "begun": [text]}
        assert ada.post(NEW, data=sent(fields)).status_code == 422, text


def zendesk(ada, **fields):
    asset_id = make_asset(ada.house, "z", MAIL, preset="zendesk-sso", ask={"subdomain": "acme"}, **fields)
    return f"/admin/assets/{asset_id}"


def test_other_answers_on_the_edit_form_are_written_anew(ada):
    address = zendesk(ada)

    answer = submit(ada, f"{address}/edit", ask="subdomain: other")

    assert answer.status_code == 303
    assert definition_of(ada.house, "z")["launch"]["url"] == "https://other.zendesk.com/access/jwt"
    assert definition_of(ada.house, "z")["launch"]["return_to"] == ["https://other.zendesk.com"]
    page = words_of(Page(ada.get(address).text))
    assert "Saved as revision 2. Written anew with the answers: launch." in page
    assert json.loads(ada.house.log("asset.revised")[-1]["detail"])["fields"] == ["launch", "ask"]


def test_other_answers_on_the_edit_form_are_refused_where_somebody_changed_what_holds_them(ada):
    address = zendesk(ada)
    assert submit(ada, f"{address}/edit", launch_name="own").status_code == 303

    answer = submit(ada, f"{address}/edit", ask="subdomain: other")

    words = "Answers “Subdomain” is also written into the launch, which somebody changed since: change it there too"
    assert answer.status_code == 422 and words in words_of(Page(answer.text))
    assert (
        submit(ada, f"{address}/edit", ask="subdomain: other", launch_url="https://other.zendesk.com/own").status_code
        == 303
    )
    assert definition_of(ada.house, "z")["launch"]["url"] == "https://other.zendesk.com/own"


def test_a_preset_on_an_asset_without_one_writes_nothing_and_the_pages_say_what_differs(ada):
    asset_id = make_asset(ada.house, "z", MAIL)
    address = f"/admin/assets/{asset_id}"

    assert submit(ada, f"{address}/edit", preset="zendesk-sso", ask="subdomain: acme").status_code == 303

    assert definition_of(ada.house, "z")["launch"] is None
    assert "Not as this preset writes it: launch." in words_of(Page(ada.get(address).text))
    assert "this is not as the preset writes it: launch." in words_of(Page(ada.get(f"{address}/edit").text))
    as_written = {"launch_by": "post", "launch_url": "https://acme.zendesk.com/access/jwt", "launch_name": "jwt"}
    more = {"launch_pass": "return_to", "launch_return_to": "https://acme.zendesk.com"}
    assert submit(ada, f"{address}/edit", **as_written, **more).status_code == 303
    for page in (address, f"{address}/edit"):
        assert "preset writes it" not in words_of(Page(ada.get(page).text))


def test_an_editor_goes_on_where_a_preset_asks_for_less_than_it_did(ada):
    make_group(ada.house, "desk")
    make_person(ada.house, "ben", groups=["desk"])
    address, kept = zendesk(ada, editors=["desk"]), {"subdomain": "acme", "tenant": "x"}
    rewrite(ada.house, ask=kept)

    for client in (ada.house.signed_in("ben"), ada):
        assert submit(client, f"{address}/edit", name=f"Desk {id(client)}").status_code == 303
        assert definition_of(ada.house, "z")["ask"] == kept
    contract = {"preset": "zendesk-sso", "contract": '{"claims": {}}'}
    assert submit(ada, f"{address}/edit", **contract).status_code == 422


def test_a_template_from_elsewhere_begins_an_asset_and_saves_nothing(ada):
    token = fields_of(ada.get(NEW))["csrf_token"]
    brought = {"template": '{"room": "{{ params.room }}"}', "params": "room", "act": "begin", "csrf_token": token}

    answer = ada.post(NEW, data=brought)

    fields = fields_of(answer)
    assert answer.status_code == 200
    assert (fields["template"], fields["params"]) == ([brought["template"]], ["room"])
    assert (fields["path"], fields["lifetime"], len(fields["secret"][0])) == ([""], ["600"], 64)
    assert "problem" not in Page(answer.text).texts.get("p", "") and ada.house.rows("SELECT id FROM asset") == []
    assert ada.post(NEW, data={**brought, "csrf_token": ""}).status_code == 400
    saved = ada.post(NEW, data=sent({**fields, "path": ["a"], "name": ["A"]}))
    assert saved.status_code == 303 and definition_of(ada.house, "a")["params"] == [{"name": "room"}]


def test_hostile_answers_stay_text_wherever_they_are_shown(ada):
    """An issuer may be any text."""
    preset = PARTIES["authonomy"]
    plain = None
    for text in ["plain", *(text for text in HOSTILE if text == text.strip() and text.isprintable())]:
        answers = {**answers_of(preset), "issuer": text}
        answer = ada.get(begun("authonomy", **answers))
        page = Page(answer.text)
        assert answer.status_code == 200, text
        tags = [tag for tag, *_ in page.skeleton() if tag in ("script", "img", "form", "link", "a", "b")]
        plain = plain or tags
        assert tags == plain, text
        assert text in page.texts["code"]
        first = json.loads(fields_of(answer)["template"][0].split('"iss": ')[1].split(",\n")[0])
        assert first == text


def test_where_a_preset_sends_the_browser_is_open_to_be_looked_over(sqlite_house):
    make_person(sqlite_house, "ada", is_admin=True)
    ada = sqlite_house.signed_in("ada")

    sent = ada.get("/admin/assets/new?preset=zendesk-sso&ask_subdomain=acme").text
    fetched = ada.get("/admin/assets/new?preset=plain").text

    assert "<details open>\n    <summary>Seldom needed" in sent
    assert "<details>\n    <summary>Seldom needed" in fetched
