"""Relying parties in a site file: presets with their answers, contracts and launches go in and come out the same."""

import json

from mintmark.assets.definition import DEFAULTS
from mintmark.presets import all_presets
from mintmark.site_file.reading import read_tree
from tests.conftest import SECRET
from tests.making import MATRIX, make_key, make_person
from tests.test_asset_form import definition_of
from tests.test_examine_contract import rewrite
from tests.test_site_file_export import empty_site, exported
from tests.test_site_file_import import imported, refused

assert empty_site  # A fixture, by its name.
CONTRACT = {
    "algorithms": ["HS256"],
    "headers": {"kid": {"required": True, "without": "\u2028 #"}},
    "claims": {"sub": {"required": True, "type": "text", "one_of": ["a: b", "yes", "ben"]}, "no": {"constant": {"ask": [1, 1.0, None]}}},
    "lifetime": {"shortest": 30, "longest": 900},
    "key": {"bytes": 32},
}  # fmt: skip
LAUNCH = {
    "by": "fragment",
    "url": "https://a.test/x?y=1",
    "name": "jwt",
    "pass": ["state"],
    "return_to": ["https://a.test"],
}
ZENDESK = {"path": "zendesk", "preset": "zendesk-sso", "ask": {"subdomain": "acme"}, "secret": {"text": SECRET}}
MAIL = '{"name": "x", "email": "{{ user.email }}"}'
ASSETS = [
    ZENDESK,
    {"path": "own", "name": "Own", "template": '{"sub": "{{ user.username }}"}', "headers": {"kid": "k"}, "contract": CONTRACT, "launch": LAUNCH, "secret": {"text": SECRET}},
    {"path": "plain", "name": "Plain", "preset": "plain", "template": MATRIX, "secret": {"text": SECRET}},
]  # fmt: skip


def assets_of(text):
    return {asset["path"]: asset for asset in read_tree(text).root["assets"]}


def test_a_new_asset_of_a_preset_is_filled_in_but_for_what_the_file_says(house):
    imported(
        house, {"assets": [ZENDESK, {**ZENDESK, "path": "other", "name": "Other", "lifetime": 60, "launch": None}]}
    )

    definition, other = definition_of(house, "zendesk"), definition_of(house, "other")
    assert (definition["name"], definition["lifetime"], definition["algorithm"]) == ("Zendesk", 120, "HS256")
    assert definition["template"] == all_presets()["zendesk-sso"].definition["template"]
    assert definition["launch"] == {
        "by": "post", "url": "https://acme.zendesk.com/access/jwt", "name": "jwt", "pass": ["return_to"],
        "return_to": ["https://acme.zendesk.com"],
    }  # fmt: skip
    assert (definition["preset"], definition["ask"], definition["contract"]) == (
        "zendesk-sso",
        {"subdomain": "acme"},
        None,
    )
    assert {**definition, "path": "other", "name": "Other", "lifetime": 60, "launch": None} == other


def test_an_export_holds_them_where_they_are_and_imports_as_the_same(house, empty_site):
    make_person(house, "ada", is_admin=True)
    imported(house, {"assets": ASSETS})

    text = exported(house)

    found = assets_of(text)
    assert (found["own"]["contract"], found["own"]["launch"]) == (CONTRACT, LAUNCH)
    assert (found["zendesk"]["preset"], found["zendesk"]["ask"]) == ("zendesk-sso", {"subdomain": "acme"})
    absent = {"own": {"preset", "ask"}, "zendesk": {"contract"}, "plain": {"ask", "contract", "launch"}}
    assert {path: names & found[path].keys() for path, names in absent.items()} == dict.fromkeys(absent, set())
    assert json.dumps(found["own"]["contract"]["claims"]["no"]) == '{"constant": {"ask": [1, 1.0, null]}}'

    env = {name: SECRET for name in ("MINTMARK_SECRET_OWN", "MINTMARK_SECRET_ZENDESK", "MINTMARK_SECRET_PLAIN")}
    assert imported(house, text) == []
    imported(empty_site, text, env=env)
    assert exported(empty_site) == text
    for path in found:
        assert definition_of(empty_site, path) == definition_of(house, path)


CHANGES = [
    ({"path": "zendesk", "launch": None}, ["~ assets zendesk: launch"]),
    ({"path": "zendesk", "preset": None, "ask": None}, ["~ assets zendesk: preset, ask"]),
    ({"path": "zendesk", "preset": None, "ask": {}}, ["~ assets zendesk: preset, ask"]),
    ({"path": "own", "contract": {"claims": {}}}, ["~ assets own: contract"]),
    ({"path": "own", "contract": None}, ["~ assets own: contract"]),
    ({"path": "own", "launch": {**LAUNCH, "by": "post"}}, ["~ assets own: launch"]),
    ({"path": "plain", "contract": None, "launch": None, "ask": None}, []),
    ({"path": "plain", "ask": {}}, []),
    ({"path": "own", "contract": CONTRACT, "launch": {name: LAUNCH[name] for name in reversed(LAUNCH)}}, []),
]


def test_what_a_file_names_is_changed_and_tried_first(sqlite_house):
    for entry, lines in CHANGES:
        imported(sqlite_house, {"assets": ASSETS})
        # ASSETS names no `launch` for the one of Zendesk: what was taken away stays away.
        imported(sqlite_house, {"assets": [{"path": "zendesk", "launch": {**LAUNCH, "name": "other"}}]})

        assert imported(sqlite_house, {"assets": [entry]}, "--dry-run") == lines, entry
        assert imported(sqlite_house, {"assets": [entry]}) == lines, entry
        assert imported(sqlite_house, {"assets": [entry]}) == [], entry


def test_an_answer_that_stays_without_its_preset_is_an_error(sqlite_house):
    imported(sqlite_house, {"assets": ASSETS})

    assert refused(sqlite_house, {"assets": [{"path": "zendesk", "preset": None}]}) == (
        "error: assets zendesk: ask: takes a preset beside it\n"
    )
    assert refused(sqlite_house, {"assets": [{"path": "zendesk", "preset": "plain"}]}) == (
        "error: assets zendesk: ask: subdomain: is not asked for by this preset\n"
    )


OTHER = {"path": "zendesk", "ask": {"subdomain": "other"}}
OTHER_LAUNCH = {
    "by": "post", "url": "https://other.zendesk.com/access/jwt", "name": "jwt", "pass": ["return_to"],
    "return_to": ["https://other.zendesk.com"],
}  # fmt: skip


def test_other_answers_are_written_anew_wherever_the_preset_wrote_them(sqlite_house):
    livekit = {"path": "room", "preset": "livekit", "ask": {"api_key": "k", "host": "one.test", "room": "red"}}
    imported(sqlite_house, {"assets": [ZENDESK, {**livekit, "lifetime": 333, "secret": {"text": SECRET + "x"}}]})
    room = {**livekit, "ask": {"api_key": "k", "host": "two.test", "room": "blue"}}
    asked = {"assets": [OTHER, room]}

    lines = ["~ assets room: template, answer, ask", "~ assets zendesk: launch, ask"]
    assert sorted(imported(sqlite_house, asked, "--dry-run")) == lines
    assert sorted(imported(sqlite_house, asked)) == lines
    assert imported(sqlite_house, asked) == []

    assert definition_of(sqlite_house, "zendesk")["launch"] == OTHER_LAUNCH
    found = definition_of(sqlite_house, "room")
    assert found["answer"]["beside"] == {"server_url": "wss://two.test"} and found["lifetime"] == 333
    assert '"blue"' in found["template"] and '"red"' not in found["template"]


def test_other_answers_are_refused_where_somebody_changed_what_holds_them(sqlite_house):
    imported(sqlite_house, {"assets": [ZENDESK]})
    imported(sqlite_house, {"assets": [{"path": "zendesk", "launch": {**OTHER_LAUNCH, "name": "own"}}]})

    assert refused(sqlite_house, {"assets": [OTHER]}) == (
        "error: assets zendesk: ask: “Subdomain” is also written into the launch, which somebody changed since:"
        " change it there too\n"
    )
    both = {"assets": [{**OTHER, "launch": {**OTHER_LAUNCH, "name": "jot"}}]}
    assert imported(sqlite_house, both) == ["~ assets zendesk: launch, ask"]
    assert imported(sqlite_house, both) == []


def test_a_file_that_says_the_old_answers_elsewhere_is_refused_and_is_not_half_true(sqlite_house):
    imported(sqlite_house, {"assets": [ZENDESK]})
    text = exported(sqlite_house)

    assert refused(sqlite_house, text.replace("subdomain: acme", "subdomain: other")) == (
        "error: assets zendesk: ask: “Subdomain” is also written into the launch, which the file has as it was:"
        " change it there too, or leave that field out\n"
    )
    mended = text.replace("acme", "other")
    assert imported(sqlite_house, mended) == ["~ assets zendesk: launch, ask"]
    assert imported(sqlite_house, mended) == []


def test_another_preset_takes_away_what_the_first_one_wrote(sqlite_house):
    imported(sqlite_house, {"assets": [{**ZENDESK, "lifetime": 90}]})
    entry = {"path": "zendesk", "preset": "plain", "ask": None}

    assert imported(sqlite_house, {"assets": [entry]}) == ["~ assets zendesk: template, preset, launch, ask"]
    found = definition_of(sqlite_house, "zendesk")
    assert (found["launch"], found["template"], found["lifetime"]) == (
        None,
        all_presets()["plain"].definition["template"],
        90,
    )

    imported(sqlite_house, {"assets": [{**ZENDESK, "path": "b", "template": MAIL}]})
    words = (
        "error: assets b: preset: writes the template otherwise, which somebody changed since: change it there too\n"
    )
    assert refused(sqlite_house, {"assets": [{**entry, "path": "b"}]}).startswith(words)


def test_part_of_an_answer_or_of_the_claims_leaves_the_rest_as_the_preset_has_it(sqlite_house):
    make_key(sqlite_house, "AAAA:BBBB", "RS256", number=1)
    metabase = {"path": "m", "preset": "metabase-embed", "ask": {"site": "https://m.test", "number": 7}}
    registry = {"issuer": "https://a.test", "service": "reg.test", "repository": "a/b"}
    signs = {"preset": "docker-registry", "ask": registry, "signing_key": "AAAA:BBBB", "claims": {"jti": True}}
    assets = [{**metabase, "answer": {"form": "json"}, "secret": {"text": SECRET}}, {"path": "d", **signs}]

    imported(sqlite_house, {"assets": assets})

    assert definition_of(sqlite_house, "m")["answer"]["field"] == "jwt"
    assert definition_of(sqlite_house, "d")["claims"] == {"iat": True, "jti": True, "nbf": True}
    assert definition_of(sqlite_house, "d")["answer"]["field"] == "token"
    for answer, field in (
        ({"methods": ["POST"]}, "jwt"),
        ({"form": "json", "field": "own"}, "own"),
        ({"form": "raw"}, None),
    ):
        imported(sqlite_house, {"assets": [{**metabase, "answer": answer}]})
        assert definition_of(sqlite_house, "m")["answer"].get("field") == field


KEPT = {
    "gone": {"preset": "gone-party", "ask": {"x": "y"}},
    "asks for more": {"ask": None},
    "asks for less": {"ask": {"subdomain": "acme", "tenant": "x"}},
    "asks for something else": {"ask": {"subdomain": "A.B"}},
}


def test_what_another_version_kept_comes_back_as_it_went(sqlite_house):
    for kept in KEPT.values():
        imported(sqlite_house, {"assets": [ZENDESK]})
        rewrite(sqlite_house, **kept)
        text = exported(sqlite_house)
        assert imported(sqlite_house, text) == [] and exported(sqlite_house) == text
        assert imported(sqlite_house, {"assets": [{"path": "zendesk", "name": "Z"}]}) == ["~ assets zendesk: name"]
        assert {name: definition_of(sqlite_house, "zendesk")[name] for name in kept} == kept
        rewrite(sqlite_house, name="Zendesk", preset="zendesk-sso", ask={"subdomain": "acme"})


def test_what_is_asked_for_no_more_goes_with_the_next_answers(sqlite_house):
    imported(sqlite_house, {"assets": [ZENDESK]})
    rewrite(sqlite_house, ask={"subdomain": "acme", "tenant": "x"})
    new = {**OTHER, "ask": {"subdomain": "other", "tenant": "y"}}

    assert "tenant: is not asked for by this preset" in refused(sqlite_house, {"assets": [new]})
    imported(sqlite_house, {"assets": [{**OTHER, "ask": {"subdomain": "other", "tenant": "x"}}]})
    assert definition_of(sqlite_house, "zendesk")["ask"] == {"subdomain": "other"}
    rewrite(sqlite_house, preset="gone-party")
    assert "“gone-party” is no preset" in refused(sqlite_house, {"assets": [{**OTHER, "ask": {"subdomain": "b"}}]})


def test_an_asset_from_before_relying_parties_does_not_change_by_an_import(house):
    imported(house, {"assets": [{"path": "a", "name": "A", "template": MATRIX, "secret": {"text": SECRET}}]})
    text = exported(house)
    rewrite(house, **dict.fromkeys(("preset", "ask", "contract", "launch"), "(none)"))

    assert exported(house) == text
    assert imported(house, text) == []
    assert "preset" not in definition_of(house, "a") and "preset" in DEFAULTS
    assert imported(house, {"assets": [{"path": "a", "preset": "plain"}]}) == ["~ assets a: preset"]


def test_what_a_preset_would_fill_in_is_not_called_missing_where_its_answers_are(sqlite_house):
    entry = json.dumps({"path": "a", "preset": "zendesk-sso", "secret": {"text": SECRET}})
    text = f"mintmark: 1\nassets:\n  - {entry}\n"

    done = sqlite_house.run("site", "import", "-", input=text)

    assert done.exit_code == 1
    assert "ask: subdomain: is missing" in done.stderr
    assert "template" not in done.stderr and "name:" not in done.stderr
