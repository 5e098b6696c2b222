"""Making and editing an asset on screen: what the form takes, gives back, refuses and keeps from editors."""

import json
import threading

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mintmark.assets import save
from mintmark.assets.definition import DEFAULTS, FIELDS
from mintmark.models import writing
from mintmark.web.admin import asset_entered, entered_text
from mintmark.web.admin.new_begun import FIRST_TEMPLATE
from tests.conftest import SECRET
from tests.filling import fields_of, sent, submit
from tests.hostile import TOGETHER
from tests.making import MATRIX, TEMPLATE, change_asset, make_asset, make_attribute, make_group, make_person
from tests.test_pages import Page

NEW = "/admin/assets/new"
LONG_SECRET = "0123456789abcdef" * 4
RICH = {
    "name": "Chat",
    "algorithm": "HS512",
    "headers": {"kid": "my key", "cty": "a: b"},
    "lifetime": None,
    "backdate": 60,
    "claims": {"iat": False, "jti": True, "nbf": True},
    "readers": ["staff", "Größe & <b>"],
    "editors": ["staff"],
    "origins": ["https://app.example.test", "http://localhost:8080"],
    "answer": {"form": "json", "field": "the token", "beside": {"a": [1, 2.0, None], "b": {"ü": "</textarea>"}}, "methods": ["POST"]},
    "params": [{"name": "nonce"}, {"name": "room", "one_of": ["a", "b:c", "d/e"]}],
    "template": '\n\n{"sub": "{{ user.username }}", "room": "{{ params.room | omit }}"}\n\n',
    "contract": {"claims": {"room": {"one_of": ["a", "</textarea>"], "without": " \u2028"}, "x": {"constant": [1, 1.0, None]}}, "key": {"bytes": 8}},
    "launch": {"by": "post", "url": "https://a.test/x?y=1", "name": "jwt", "pass": ["nonce", "back"], "return_to": ["https://a.test", "https://b.test/c?d=e"]},
}  # fmt: skip


@pytest.fixture
def ada(sqlite_house):
    """An administrator's client; `client.house` is the site."""
    make_person(sqlite_house, "ada", is_admin=True, display_name="Ada L.")
    client = sqlite_house.signed_in("ada")
    client.house = sqlite_house
    return client


def asset_row(house, path):
    [row] = house.rows("SELECT * FROM asset WHERE path = :path", path=path)
    return row


def definition_of(house, path):
    row = asset_row(house, path)
    [revision] = house.rows(
        "SELECT definition FROM revision WHERE asset_id = :id AND number = :n", id=row["id"], n=row["revision"]
    )
    found = revision["definition"]
    return json.loads(found) if isinstance(found, str) else found


def edit_of(house, path):
    return f"/admin/assets/{asset_row(house, path)['id']}/edit"


def make_rich(house, **fields):
    for name in ("staff", "Größe & <b>", "other"):
        make_group(house, name)
    return make_asset(house, "rich", **{"secret": LONG_SECRET, **RICH, **fields})


# Making one --------------------------------------------------------------------------------


def test_path_and_name_are_enough_for_a_working_token(ada):
    # Given the form as it stands, with a secret that was made just now.
    secret = fields_of(ada.get(NEW))["secret"][0]
    assert len(secret) == 64
    assert fields_of(ada.get(NEW))["secret"] != [secret]

    # When path and name are filled in and it is saved.
    fields = {**fields_of(ada.get(NEW)), "path": ["integrations/helpdesk"], "name": ["Help desk"]}
    answer = ada.post(NEW, data=sent(fields))

    # Then the preview is next, and the token verifies with the secret that stood in the form.
    assert (answer.status_code, answer.location) == (303, "/account/preview/integrations/helpdesk")
    token = ada.get("/integrations/helpdesk").text
    now = ada.house.clock()
    claims = jwt.decode(token, fields["secret"][0], algorithms=["HS256"], options={"verify_exp": False, "verify_iat": False})  # fmt: skip
    assert (claims["sub"], claims["name"], claims["exp"]) == ("ada", "Ada L.", int(now) + 600)
    assert "email" not in claims
    assert "Saved as revision 1." in ada.get("/").text

    # And it is what a site file would make of the same, was examined, and shows its secret nowhere.
    expected = {**DEFAULTS, "path": "integrations/helpdesk", "name": "Help desk", "template": FIRST_TEMPLATE}
    assert definition_of(ada.house, "integrations/helpdesk") == expected
    row = asset_row(ada.house, "integrations/helpdesk")
    assert row["examined_at"] == int(now) and row["unseen_since"] is None
    for page in ("edit", "secret", ""):
        assert fields["secret"][0] not in ada.get(f"/admin/assets/{row['id']}/{page}".rstrip("/")).text


def test_a_new_asset_begins_in_the_folder_it_was_asked_for(ada):
    for under, path in [("", ""), ("a/b-c", "a/b-c/"), ("A", ""), ("a/", ""), ('"><b>', ""), ("login", "")]:
        assert fields_of(ada.get(NEW, query_string={"under": under}))["path"] == [path], under


def test_every_field_of_a_definition_has_its_place_and_label():
    places = [place for places in asset_entered.PLACES.values() for place in places]
    assert set(asset_entered.PLACES) == set(FIELDS)
    assert set(places) == set(asset_entered.LABELS) and len(places) == len(set(places))


def test_every_place_is_on_the_form(ada):
    make_group(ada.house, "staff")
    page = Page(ada.get(NEW).text)
    shown = {found["name"] for tag in ("input", "textarea", "select") for found in page.all(tag) if "name" in found}
    assert set(asset_entered.LABELS) - {"reader_names", "editor_names"} <= shown
    assert {found["for"] for found in page.all("label")} <= {found.get("id") for _, found, _ in page.tags}


CHANGES = [
    ({"name": "Other"}, "name", "Other"),
    ({"template": TEMPLATE}, "template", TEMPLATE),
    ({"lifetime": "86400"}, "lifetime", 86400),
    ({"endless": "on"}, "lifetime", None),
    ({"algorithm": "HS384", "secret": LONG_SECRET}, "algorithm", "HS384"),
    ({"headers": " kid : my: key \n\ncty:x"}, "headers", {"kid": "my: key", "cty": "x"}),
    ({"headers": '{"kid": " x\\n"}'}, "headers", {"kid": " x\n"}),
    ({"backdate": "30"}, "backdate", 30),
    ({"claims": ["nbf"]}, "claims", {"iat": False, "jti": False, "nbf": True}),
    ({"readers": "groups"}, "readers", []),
    ({"origins": "https://a.test\nhttps://b.test"}, "origins", ["https://a.test", "https://b.test"]),
    ({"answer": "json"}, "answer", {"form": "json", "field": "token", "beside": {}, "methods": ["GET", "POST"]}),
    (
        {"answer": "json", "answer_field": "t", "answer_beside": '{"a": 1.0}', "answer_methods": ["GET"]},
        "answer",
        {"form": "json", "field": "t", "beside": {"a": 1.0}, "methods": ["GET"]},
    ),
    ({"params": "nonce\nroom: a , b"}, "params", [{"name": "nonce"}, {"name": "room", "one_of": ["a", "b"]}]),
    ({"preset": "plain", "template": MATRIX}, "preset", "plain"),
    ({"contract": ' {"claims": {"sub": {"required": true}}}\n'}, "contract", {"claims": {"sub": {"required": True}}}),
    ({"contract": "{}"}, "contract", {}),
    (
        {"launch_by": "query", "launch_url": " https://a.test/b ", "launch_name": "t"},
        "launch",
        {"by": "query", "url": "https://a.test/b", "name": "t", "pass": [], "return_to": []},
    ),
    (
        {
            "launch_by": "post",
            "launch_url": "http://127.0.0.1:1/",
            "launch_name": "t",
            "launch_pass": "state\n\n b ",
            "launch_return_to": "https://c.test\n",
        },
        "launch",
        {
            "by": "post",
            "url": "http://127.0.0.1:1/",
            "name": "t",
            "pass": ["state", "b"],
            "return_to": ["https://c.test"],
        },
    ),
    ({"live": None}, "live", False),
    ({"path": "/z"}, "path", "z"),
]


def test_each_field_becomes_what_was_typed_and_nothing_else_changes(ada):
    loaded = fields_of(ada.get(NEW))
    for number, (typed, field, value) in enumerate(CHANGES):
        path = f"z{number}"
        fields = {**loaded, "path": [path], "name": ["Z"]}
        fields |= {name: each if isinstance(each, list) else [each] for name, each in typed.items() if each is not None}
        fields = {name: each for name, each in fields.items() if typed.get(name, "") is not None}
        assert ada.post(NEW, data=sent(fields)).status_code == 303, typed
        expected = {
            **DEFAULTS,
            "path": path,
            "name": "Z",
            "template": typed.get("template", FIRST_TEMPLATE),
            field: value,
        }
        found = definition_of(ada.house, str(value) if field == "path" else path)
        assert json.dumps(found, sort_keys=True) == json.dumps(expected, sort_keys=True), typed


SECRETS = [("text", SECRET, SECRET.encode()), ("base64", "YWJj" * 12, b"abc" * 12), ("base64url", "YWJj" * 12, b"abc" * 12),
           ("hex", "61" * 40, b"a" * 40)]  # fmt: skip


def test_a_secret_is_read_as_it_is_written(ada):
    for encoding, text, key in SECRETS:
        assert submit(ada, NEW, path=encoding, name="Z", secret=text, secret_encoding=encoding).status_code == 303
        options = {"verify_exp": False, "verify_iat": False}
        assert jwt.decode(ada.get("/" + encoding).text, key, algorithms=["HS256"], options=options)["sub"] == "ada"


REFUSED = [
    ({"path": ""}, "path", "is empty; write for instance"),
    ({"path": "A b"}, "path", "takes segments"),
    ({"path": "admin/x"}, "path", "which the site keeps for itself"),
    ({"path": "taken"}, "path", "is taken by another asset"),
    ({"name": ""}, "name", "is empty"),
    ({"name": "x" * 256}, "name", "has 256 characters"),
    ({"template": ""}, "template", "Line 1"),
    ({"template": '{"a": {{ user.fist_name }}}'}, "template", "user.first_name"),
    ({"lifetime": ""}, "lifetime", "tick “Never expires”"),
    ({"lifetime": "5 minutes"}, "lifetime", "takes a whole number from 10"),
    ({"lifetime": "9"}, "lifetime", "takes a whole number from 10"),
    ({"lifetime": "٦٠٠"}, "lifetime", "takes a whole number"),
    ({"lifetime": "9" * 5000}, "lifetime", "takes a whole number"),
    ({"lifetime": "15", "backdate": "10"}, "lifetime", "it takes at least 20"),
    ({"backdate": "-1"}, "backdate", "takes a whole number from 0 to 60"),
    ({"algorithm": "none"}, "algorithm", "is unknown; take one of"),
    ({"headers": "kid"}, "headers", "has no colon"),
    ({"headers": "a: 1\na: 2"}, "headers", "twice"),
    ({"headers": "alg: none"}, "headers", "may not be set"),
    ({"headers": '{"a": '}, "headers", "cannot be read as a JSON object"),
    ({"headers": '{"a": 1}'}, "headers", "takes text"),
    ({"origins": "https://a.test/"}, "origins", "is not exactly"),
    ({"origins": "\n".join(f"https://a{n}.test" for n in range(51))}, "origins", "at most 50"),
    ({"answer": "json", "answer_field": ""}, "answer_field", "is empty"),
    ({"answer": "json", "answer_methods": None}, "answer_methods", "choose GET, POST or both"),
    ({"answer": "json", "answer_beside": "[]"}, "answer_beside", "write {…}"),
    ({"answer": "json", "answer_beside": '{"a": 1, "a": 2}'}, "answer_beside", "twice"),
    ({"answer": "json", "answer_beside": '{"a": NaN}'}, "answer_beside", "finite"),
    ({"answer": "json", "answer_beside": '{"token": 1}'}, "answer_beside", "own field"),
    ({"answer": "json", "answer_beside": '{"a":' * 3000}, "answer_beside", "JSON"),
    ({"answer": "json", "answer_beside": '{"a": ' + "9" * 5000 + "}"}, "answer_beside", "JSON"),
    ({"params": "1x"}, "params", "starts with a letter"),
    ({"params": "a\na"}, "params", "names a parameter twice"),
    ({"params": "a:"}, "params", "takes values of"),
    ({"preset": "zendesk"}, "preset", "is no preset; there are"),
    ({"preset": "zendesk-sso"}, "ask", "subdomain: is missing"),
    ({"preset": "zendesk-sso", "ask": "subdomain: a.b"}, "ask", "subdomain: takes "),
    ({"preset": "zendesk-sso", "ask": "acme"}, "ask", "has no colon"),
    ({"preset": "zendesk-sso", "ask": '{"subdomain": ["acme"]}'}, "ask", "subdomain: takes text"),
    ({"preset": "zendesk-sso", "ask": "subdomain: acme\nx: y"}, "ask", "x: is not asked for"),
    (
        {"preset": "zendesk-sso", "ask": "subdomain: acme", "template": TEMPLATE},
        "template",
        "lacks email, which the relying party asks for.",
    ),
    ({"ask": "subdomain: acme"}, "ask", "takes a preset beside it"),
    ({"preset": "plain", "contract": "{}"}, "contract", "stands beside a preset"),
    ({"contract": "x"}, "contract", "cannot be read as a JSON object"),
    ({"contract": '{"claims": {"a": {"pattern": "x"}}}'}, "contract", "“pattern” is no word of a contract"),
    ({"contract": '{"lifetime": {"longest": 300}}'}, "lifetime", "the relying party takes at most 300"),
    ({"contract": '{"headers": {"kid": {"required": true}, "x": {"required": true}}}'}, "headers", "lack x,"),
    ({"contract": '{"claims": {"jti": {"refused": true}}}'}, "claims", "which the relying party refuses"),
    ({"contract": '{"claims": {"aud": {"required": true}}}'}, "template", "lacks aud"),
    ({"contract": '{"key": {"bytes": 65}}'}, "secret", "the relying party asks for 65"),
    ({"launch_by": "redirect"}, "launch_by", "takes one of query, fragment, post"),
    ({"launch_by": "query", "launch_url": "", "launch_name": "t"}, "launch_url", "is empty"),
    (
        {"launch_by": "query", "launch_url": "http://a.test", "launch_name": "t"},
        "launch_url",
        "is no address that begins",
    ),
    ({"launch_by": "query", "launch_url": "https://a.test", "launch_name": ""}, "launch_name", "is empty"),
    ({"launch_by": "query", "launch_url": "https://a.test", "launch_name": "t t"}, "launch_name", "takes letters"),
    (
        {"launch_by": "query", "launch_url": "https://a.test", "launch_name": "t", "launch_pass": "a-b"},
        "launch_pass",
        "takes names of letters",
    ),
    (
        {"launch_by": "query", "launch_url": "https://a.test", "launch_name": "t", "launch_pass": "t"},
        "launch_pass",
        "is the token’s name",
    ),
    (
        {"launch_by": "query", "launch_url": "https://a.test", "launch_name": "t", "launch_return_to": "a.test"},
        "launch_return_to",
        "is no address that begins",
    ),
    ({"readers": "everyone", "reader_groups": ["STAFF"]}, "readers", "take one of the two"),
    ({"readers": "groups", "reader_groups": ["gone"]}, "reader_groups", "was taken away meanwhile"),
    ({"editor_groups": ["gone"]}, "editor_groups", "was taken away meanwhile"),
    ({"secret": "short"}, "secret", "has 5 bytes"),
    ({"secret": "x" * 31}, "secret", "takes at least 32"),
    ({"secret": "1234567", "secret_weak": "on"}, "secret", "under 8 is never possible"),
    ({"secret": ""}, "secret", "is empty"),
    ({"secret": " " + SECRET}, "secret", "has white space"),
    ({"secret": "-----BEGIN PUBLIC KEY-----" + SECRET}, "secret", "key file"),
    ({"secret": SECRET, "secret_encoding": "hex"}, "secret", "is not hex"),
    ({"secret_encoding": "rot13"}, "secret_encoding", "takes one of"),
    ({"secret": "x" * 32, "algorithm": "HS512"}, "secret", "HS512 takes at least 64"),
]


@pytest.fixture
def refusing(ada):
    make_asset(ada.house, "taken")
    staff = make_group(ada.house, "staff")
    ada.staff = staff
    ada.loaded = fields_of(ada.get(NEW))
    return ada


def post_new(ada, typed):
    """Send the loaded form with some fields changed; `STAFF` is the group's id, None is not sent."""
    fields = {**ada.loaded, "path": ["z"], "name": ["Z"]}
    fields |= {
        name: value if isinstance(value, list) else [value] for name, value in typed.items() if value is not None
    }
    fields = {name: [ada.staff] if value == ["STAFF"] else value for name, value in fields.items()}
    return ada.post(NEW, data=sent({name: value for name, value in fields.items() if typed.get(name, "") is not None}))


SECRET_LABELS = {"secret": "Secret", "secret_encoding": "How the secret is written"}
CHOSEN = {
    "algorithm",
    "secret_encoding",
    "reader_groups",
    "editor_groups",
    "launch_by",
}  # What is no choice cannot be shown again.


def test_what_is_refused_is_said_at_its_field_and_nothing_is_lost(refusing):
    for typed, field, words in REFUSED:
        answer = post_new(refusing, typed)

        page, again = Page(answer.text), fields_of(answer)
        label = (asset_entered.LABELS | SECRET_LABELS)[field]
        assert answer.status_code == 422, typed
        assert page.one("div", id="problems")["role"] == "alert"
        assert f"{label} " in page.text.split("Mend what is marked below.")[1] and words in page.text, typed
        assert len([found for _, found, _ in page.tags if found.get("id") == f"{field}-problem"]) == 1, typed
        for name, value in typed.items():
            if name not in CHOSEN and value is not None:
                assert again[name] == (value if isinstance(value, list) else [value]), typed
        assert "secret" in typed or again["secret"] == refusing.loaded["secret"], "it is kept while nothing is saved"
    assert [row["path"] for row in refusing.house.rows("SELECT path FROM asset")] == ["taken"]


def test_all_problems_are_told_at_once(refusing):
    page = Page(post_new(refusing, {"path": "", "name": "", "template": "{", "lifetime": "x", "secret": "x"}).text)
    assert {found["href"] for found in page.all("a") if found["href"].startswith("#")} >= {
        "#path", "#name", "#template", "#lifetime", "#secret"
    }  # fmt: skip


@pytest.mark.slow
def test_hostile_texts_stay_texts_in_every_field(refusing):
    texts = [
        name for name in refusing.loaded if name not in {*CHOSEN, "csrf_token", "claims", "answer_methods", "live"}
    ]
    plain = [tag for tag, *_ in Page(refusing.get(NEW).text).skeleton() if tag in ("script", "img", "form", "link")]
    for text in TOGETHER:
        answer = post_new(refusing, {name: text for name in texts})
        assert answer.status_code == 422, text
        assert [tag for tag, *_ in Page(answer.text).skeleton() if tag in ("script", "img", "form", "link")] == plain, (
            text
        )
        again = fields_of(answer)
        assert {name: again.get(name) for name in ("path", "name", "template", "headers", "secret")} == dict.fromkeys(
            ("path", "name", "template", "headers", "secret"), [text]
        )


def test_rare_fields_are_open_where_one_of_them_is_wrong(refusing):
    assert Page(refusing.get(NEW).text).all("details")[0].keys() == set()
    assert "open" in Page(post_new(refusing, {"origins": "x"}).text).all("details")[0]


def test_many_groups_are_entered_by_name(ada):
    with ada.house.app.app_context(), writing():
        from mintmark import groups

        ids = {n: groups.make(f"group {n:03}", by=ada.house.by()).id for n in range(101)}
    page = ada.get(NEW)
    assert "reader_groups" not in fields_of(page) and Page(page.text).one("textarea", name="reader_names")

    refused = submit(ada, NEW, path="z", name="Z", readers="groups", reader_names="group 007\nno such")
    assert refused.status_code == 422 and "“no such” is no group" in refused.text
    assert fields_of(refused)["reader_names"] == ["group 007\nno such"]

    typed = {"readers": "groups", "reader_names": "GROUP 007\n group 008 \n", "editor_names": "group 100"}
    assert submit(ada, NEW, path="z", name="Z", **typed).status_code == 303
    definition = definition_of(ada.house, "z")
    assert set(definition["readers"]) == {ids[7], ids[8]} and definition["editors"] == [ids[100]]
    assert fields_of(ada.get(edit_of(ada.house, "z")))["reader_names"] == ["group 007\ngroup 008"]
    assert submit(ada, edit_of(ada.house, "z")).status_code == 303
    assert asset_row(ada.house, "z")["revision"] == 1


def test_groups_are_chosen_by_ticking_them(ada):
    ids = {name: make_group(ada.house, name) for name in ("staff", "guests")}
    typed = {"readers": "groups", "reader_groups": [ids["staff"], ids["guests"]], "editor_groups": [ids["staff"]]}
    assert submit(ada, NEW, path="z", name="Z", **typed).status_code == 303
    definition = definition_of(ada.house, "z")
    assert (definition["readers"], definition["editors"]) == (sorted(ids.values()), [ids["staff"]])


def test_a_look_at_the_template_saves_nothing(ada):
    answer = submit(ada, NEW, path="", name="", template='{"a": {{ user.fist_name }}}', act="check")
    assert answer.status_code == 200
    assert "Line 1, column 7" in answer.text and "1 problem in the template. Nothing was saved." in answer.text
    assert "The template has no problems" in submit(ada, NEW, act="check").text
    assert ada.house.rows("SELECT id FROM asset") == []


# Changing one ------------------------------------------------------------------------------


STRANGE = [
    {},
    {"headers": {"kid": "two\nlines"}},
    {"headers": {"a:b": " x ", "{": "y"}},
    {"headers": {"k\u2028": "v\x85"}},
    {"name": "two\nlines"},
    {"template": '{"sub": "{{ user.username }}"\r\n}\r\n'},
    {"template": '{"a": "</textarea><b>&lt;"}'},
    {"readers": [], "answer": {"form": "json", "field": "a\nb", "beside": {"x": 1e300, "y": -0.0, "": "\u2028"}}},
    {"readers": "everyone", "answer": {"form": "raw"}, "lifetime": 31_536_000},
    {"template": TEMPLATE, "params": []},
]


def test_a_form_that_is_sent_as_it_was_shown_changes_nothing(ada):
    make_rich(ada.house)
    for number, fields in enumerate(STRANGE):
        path = f"rich{number}"
        make_asset(ada.house, path, **{"secret": LONG_SECRET, **RICH, **fields})
        before = definition_of(ada.house, path)

        answer = submit(ada, edit_of(ada.house, path))

        assert answer.status_code == 303, (fields, Page(answer.text).text)
        assert (asset_row(ada.house, path)["revision"], definition_of(ada.house, path)) == (1, before), fields
    assert "Nothing was changed." in ada.get("/").text


header_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)


@given(st.dictionaries(header_text, header_text, max_size=4))
def test_any_headers_come_back_as_they_were(headers):
    text = entered_text.pairs_text(headers)
    assert entered_text.read_pairs(text.replace("\r\n", "\n").replace("\r", "\n"), "headers") == headers


@given(st.text(max_size=80))
def test_any_text_in_a_field_of_lines_is_read_or_refused_in_words(text):
    entered_text.read_params(text)
    assert all(name.isascii() for name in entered_text.param_names(text))
    for read in (entered_text.read_pairs, entered_text.read_object):
        try:
            assert isinstance(read(text, "headers"), dict)
        except entered_text.FieldError as error:
            assert error.field == "headers"


def test_an_administrator_changes_everything_but_path_state_and_secret(ada):
    make_rich(ada.house)
    secret = ada.house.rows("SELECT secret_id FROM revision")
    typed = {"name": "N", "lifetime": "60", "endless": None, "backdate": "0", "readers": "everyone", "reader_groups": None,
             "editor_groups": None, "origins": "", "headers": "", "answer": "raw", "params": "", "template": TEMPLATE,
             "claims": ["iat", "jti"], "algorithm": "HS256", "contract": "", "launch_by": ""}  # fmt: skip
    posted_too = {"path": "elsewhere", "live": None, "secret": SECRET, "secret_encoding": "text"}

    assert submit(ada, edit_of(ada.house, "rich"), **typed, **posted_too).status_code == 303

    expected = {**DEFAULTS, "path": "rich", "name": "N", "template": TEMPLATE, "lifetime": 60}
    assert definition_of(ada.house, "rich") == expected
    assert ada.house.rows("SELECT secret_id FROM revision") == secret * 2
    row = asset_row(ada.house, "rich")
    assert (row["revision"], row["unseen_since"], row["live"]) == (2, None, 1)
    assert row["examined_at"] == int(ada.house.clock())
    assert "Saved as revision 2." in ada.get("/").text
    [log] = ada.house.log("asset.revised")
    assert set(json.loads(log["detail"])["fields"]) == set(FIELDS) - {"path", "live", "signing_key", "preset", "ask"}


def test_an_algorithm_that_the_present_secret_is_too_short_for_is_refused_at_its_field(ada):
    make_asset(ada.house, "a")
    answer = submit(ada, edit_of(ada.house, "a"), algorithm="HS512")
    assert answer.status_code == 422
    assert "Algorithm does not go with the present secret, which has 43 bytes; HS512 takes at least 64" in Page(answer.text).text  # fmt: skip
    assert fields_of(answer)["algorithm"] == ["HS512"]


def test_a_secret_that_does_not_open_is_no_mistake_of_the_site(ada):
    make_asset(ada.house, "a", secret=LONG_SECRET)
    with ada.house.app.app_context(), writing() as session:
        session.connection().exec_driver_sql("UPDATE secret SET sealed = x'00'")
    answer = submit(ada, edit_of(ada.house, "a"), algorithm="HS512")
    assert answer.status_code == 422 and "does not open" in answer.text
    assert submit(ada, edit_of(ada.house, "a"), name="Other").status_code == 303


def test_a_template_whose_attribute_has_gone_can_be_mended(ada):
    make_attribute(ada.house, "badge")
    make_asset(ada.house, "a", '{"sub": "{{ user.attributes.badge }}"}')
    with ada.house.app.app_context(), writing() as session:
        session.connection().exec_driver_sql("DELETE FROM attribute")
    assert "Line 1, column 10" in ada.get(edit_of(ada.house, "a")).text
    assert submit(ada, edit_of(ada.house, "a")).status_code == 422
    assert submit(ada, edit_of(ada.house, "a"), template=TEMPLATE).status_code == 303


def test_what_is_not_there_or_in_the_trash_is_not_edited(ada):
    make_asset(ada.house, "a")
    address = edit_of(ada.house, "a")
    fields = fields_of(ada.get(address))
    with ada.house.app.app_context(), writing() as session:
        session.connection().exec_driver_sql("UPDATE asset SET trashed_at = 1")
    assert ada.get(address).status_code == ada.post(address, data=fields).status_code == 404
    assert ada.get("/admin/assets/nothing/edit").status_code == 404


def test_without_a_token_of_the_form_nothing_is_saved(ada):
    make_asset(ada.house, "a")
    for address in (NEW, edit_of(ada.house, "a"), "/admin/assets/check"):
        assert ada.post(address, data={"path": "b", "name": "B", "template": TEMPLATE}).status_code == 400
    assert len(ada.house.rows("SELECT number FROM revision")) == 1


# Editors -----------------------------------------------------------------------------------


@pytest.fixture
def eve(ada):
    """An editor's client of the asset `rich`, who also reads `plain`."""
    make_rich(ada.house)
    make_asset(ada.house, "plain", editors=["other"])
    make_person(ada.house, "eve", groups=["staff"])
    client = ada.house.signed_in("eve")
    client.house = ada.house
    return client


def test_an_editor_sees_and_saves_name_and_template(eve):
    address = edit_of(eve.house, "rich")
    page = eve.get(address)
    assert set(fields_of(page)) == {"csrf_token", "revision", "name", "template", "params"}
    assert "can sign as anybody at that relying party" in page.text

    assert submit(eve, address, name="Better", template=TEMPLATE).status_code == 303

    expected = {"name": "Better", "template": TEMPLATE}
    definition = definition_of(eve.house, "rich")
    assert {name: definition[name] for name in expected} == expected
    assert asset_row(eve.house, "rich")["unseen_since"] == 2
    [revision] = eve.house.rows("SELECT actor FROM revision WHERE number = 2")
    assert eve.house.rows("SELECT username FROM person WHERE id = :id", id=revision["actor"]) == [{"username": "eve"}]

    # A second save leaves it unseen since the first.
    assert submit(eve, address, name="Best").status_code == 303
    assert asset_row(eve.house, "rich")["unseen_since"] == 2


FORBIDDEN = {
    "path": "moved",
    "lifetime": "31536000",
    "endless": "on",
    "readers": "everyone",
    "reader_groups": "OTHER",
    "reader_names": "other",
    "editor_groups": "OTHER",
    "editor_names": "other",
    "algorithm": "HS256",
    "signing_key": "site-2026",
    "headers": "kid: stolen",
    "backdate": "1",
    "claims": "iat",
    "origins": "https://evil.test",
    "answer": "raw",
    "answer_field": "t",
    "answer_beside": '{"evil": true}',
    "answer_methods": "GET",
    "params": "room",
    "preset": "plain",
    "ask": "subdomain: evil",
    "contract": "{}",
    "launch_by": "query",
    "launch_url": "https://evil.test",
    "launch_name": "evil",
    "launch_pass": "evil",
    "launch_return_to": "https://evil.test",
    "live": "on",
    "secret": SECRET,
    "secret_encoding": "text",
    "secret_weak": "on",
}


def test_every_other_field_of_the_form_is_tried_by_an_editor():
    assert set(FORBIDDEN) >= set(asset_entered.LABELS) - set(asset_entered.EDITORS_FIELDS)


@pytest.mark.slow
def test_nothing_else_that_an_editor_posts_is_taken(eve):
    before, rows = definition_of(eve.house, "rich"), eve.house.rows("SELECT id, name FROM people_group")
    other = next(row["id"] for row in rows if row["name"] == "other")
    address = edit_of(eve.house, "rich")
    for number, (field, value) in enumerate(FORBIDDEN.items(), start=2):
        value = other if value == "OTHER" else value
        assert submit(eve, address, name=f"N{number}", **{field: value}).status_code == 303, field
        assert definition_of(eve.house, "rich") == {**before, "name": f"N{number}"}, field
    assert len({row["secret_id"] for row in eve.house.rows("SELECT secret_id FROM revision WHERE number > 0")}) == 2


def test_an_editor_reaches_no_other_asset_and_makes_none(eve):
    for address in (edit_of(eve.house, "plain"), NEW):
        assert eve.get(address).status_code == 403
        token = fields_of(eve.get(edit_of(eve.house, "rich")))["csrf_token"]
        assert eve.post(address, data={"csrf_token": token, "name": "x", "template": TEMPLATE}).status_code == 403


def test_an_editor_is_told_what_is_wrong_with_the_template(eve):
    answer = submit(eve, edit_of(eve.house, "rich"), name="", template="{")
    assert answer.status_code == 422
    assert fields_of(answer)["template"] == ["{"]
    assert "Name is empty." in Page(answer.text).text and "Line 1, column 2" in answer.text
    assert "no problems" in submit(eve, edit_of(eve.house, "rich"), act="check").text


# Two at once -------------------------------------------------------------------------------


def test_who_comes_second_gets_both_texts_and_loses_nothing(ada):
    # Given a form that was loaded before somebody else saved.
    make_rich(ada.house)
    make_person(ada.house, "bea", is_admin=True, display_name="Bea <b>")
    address, bea = edit_of(ada.house, "rich"), ada.house.signed_in("bea")
    loaded = fields_of(ada.get(address))
    theirs = '{"sub": "{{ user.username }}",\n "by": "bea"}'
    assert submit(bea, address, template=theirs, lifetime="90", endless=None).status_code == 303

    # When it is sent with other words.
    mine = '{"sub": "{{ user.username }}",\n "by": "</pre>ada"}'
    answer = ada.post(address, data=sent({**loaded, "template": [mine], "name": ["Mine"]}))

    # Then nothing is saved; the page shows who saved when, what stands now, and where mine differs.
    page = Page(answer.text)
    assert (answer.status_code, asset_row(ada.house, "rich")["revision"]) == (409, 2)
    assert "Bea <b>" in page.texts["bdi"] and "Revision 2 was saved" in page.text
    assert theirs in page.texts["code"]
    said = " ".join(page.text.split())
    assert 'Now: "by": "bea"}' in said and 'Yours: "by": "</pre>ada"}' in said
    assert "Yours: Mine" in said and "Now: 90" in said and "Yours: yes" in said

    # And the form holds mine, on top of what stands now, so that saving again is deliberate.
    again = fields_of(answer)
    assert (again["template"], again["name"], again["revision"]) == ([mine], ["Mine"], ["2"])
    assert ada.post(address, data=sent(again)).status_code == 303
    definition = definition_of(ada.house, "rich")
    assert (definition["template"], definition["lifetime"]) == (mine, None)


def test_a_conflict_names_what_differs_of_contract_and_launch(ada):
    make_rich(ada.house)
    loaded = fields_of(ada.get(edit_of(ada.house, "rich")))
    theirs = {"contract": {"claims": {}}, "launch": {**RICH["launch"], "url": "https://theirs.test/"}}
    change_asset(ada.house, "rich", **theirs)

    answer = ada.post(edit_of(ada.house, "rich"), data=sent({**loaded, "launch_name": ["mine"]}))

    page = Page(answer.text)
    assert answer.status_code == 409 and page.texts["h4"] == ["Contract", "Address", "Name of the token"]
    assert "https://theirs.test/" in page.text and fields_of(answer)["launch_name"] == ["mine"]


def test_the_same_form_sent_twice_is_no_conflict(ada):
    make_asset(ada.house, "a")
    address = edit_of(ada.house, "a")
    fields = {**fields_of(ada.get(address)), "name": ["Other"]}
    assert [ada.post(address, data=sent(fields)).status_code for _ in range(2)] == [303, 303]
    assert asset_row(ada.house, "a")["revision"] == 2
    assert "since revision 2" in ada.get("/").text


def test_a_revision_that_never_was_is_a_conflict_and_never_a_save(ada):
    make_asset(ada.house, "a")
    for revision in ("", "x", "0", "99", "1 OR 1=1", "٢"):
        assert submit(ada, edit_of(ada.house, "a"), name="Other", revision=revision).status_code == 409, revision
    assert asset_row(ada.house, "a")["revision"] == 1


def test_an_editor_in_a_conflict_sees_name_and_template_and_no_more(eve):
    address = edit_of(eve.house, "rich")
    loaded = fields_of(eve.get(address))
    change_asset(eve.house, "rich", name="Theirs", origins=["https://other.test"])
    answer = eve.post(address, data=sent({**loaded, "name": ["Mine"]}))
    page = Page(answer.text)
    assert answer.status_code == 409
    assert page.texts["h4"] == ["Name"] and "other.test" not in page.text
    assert "test" in page.texts["code"], "who saved is no person here, but still said"
    assert eve.post(address, data=sent(fields_of(answer))).status_code == 303
    assert definition_of(eve.house, "rich")["origins"] == ["https://other.test"]


def test_of_saves_at_the_same_instant_one_wins(house):
    make_person(house, "ada", is_admin=True)
    make_asset(house, "a")
    address, clients = edit_of(house, "a"), [house.signed_in("ada") for _ in range(4)]
    forms = [{**fields_of(client.get(address)), "name": [f"N{number}"]} for number, client in enumerate(clients)]
    together, statuses = threading.Barrier(len(clients)), []

    def save(client, form):
        together.wait()
        statuses.append(client.post(address, data=sent(form)).status_code)

    threads = [threading.Thread(target=save, args=pair) for pair in zip(clients, forms, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(statuses) == [303, 409, 409, 409]
    assert [row["number"] for row in house.rows("SELECT number FROM revision ORDER BY number")] == [1, 2]


def test_an_editor_who_names_the_revision_that_is_being_saved_undoes_nothing_of_it(house):
    """What was read before the save and what is saved over it may not be mixed (CWE-367)."""
    make_group(house, "staff")
    make_person(house, "eve", groups=["staff"])
    make_asset(house, "a", editors=["staff"])
    eve, address, statuses = house.signed_in("eve"), edit_of(house, "a"), []
    form = sent({**fields_of(eve.get(address)), "revision": ["2"], "name": ["mine"]})
    posting = threading.Thread(target=lambda: statuses.append(eve.post(address, data=form).status_code))

    with house.app.app_context(), writing():
        asset = save.lock_asset(asset_row(house, "a")["id"])
        posting.start()
        posting.join(0.3)  # It has read revision 1, and waits to save over 2.
        definition = {**save.current_revision(asset).definition, "live": False, "readers": []}
        save.revise(asset, definition, None, sealer=house.mint.settings.sealer, by=house.by())
    posting.join()

    assert statuses == [409]
    assert asset_row(house, "a")["revision"] == 2 and not asset_row(house, "a")["live"]
    assert definition_of(house, "a")["readers"] == []


def test_of_two_new_assets_at_one_path_one_wins(house):
    make_person(house, "ada", is_admin=True)
    clients = [house.signed_in("ada") for _ in range(2)]
    forms = [{**fields_of(client.get(NEW)), "path": ["a"], "name": ["A"]} for client in clients]
    together, statuses = threading.Barrier(2), []

    def save(client, form):
        together.wait()
        statuses.append(client.post(NEW, data=sent(form)).status_code)

    threads = [threading.Thread(target=save, args=pair) for pair in zip(clients, forms, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [303, 422]
