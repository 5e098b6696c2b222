"""The page that turns a Matrix payload into a template: for administrators, keeps nothing, shows all as text."""

import pytest

from tests.conftest import csrf_of
from tests.making import make_attribute, make_person
from tests.test_matrix import KEYWORDS, PLAIN
from tests.test_pages import HOSTILE, Page

URL = "/admin/matrix-import"


@pytest.fixture
def made(sqlite_house):
    """Ada administers; ben does not."""
    make_person(sqlite_house, "ada", is_admin=True)
    make_person(sqlite_house, "ben")
    return sqlite_house


def convert(house, payload, username="ada"):
    return house.post_form(house.signed_in(username), URL, payload=payload)


def words_of(answer):
    return " ".join(Page(answer.text).text.split())


def test_the_form_stands_there_for_administrators_only(made):
    page = Page(made.signed_in("ada").get(URL).text)
    assert page.one("textarea", name="payload")["required"] is None
    assert made.signed_in("ben").get(URL).status_code == 403
    assert made.client().get(URL).status_code == 303


def test_the_documented_payload_is_shown_as_a_template_with_a_row_for_each_keyword(made):
    answer = convert(made, KEYWORDS)

    page, words = Page(answer.text), words_of(answer)
    assert answer.status_code == 200
    assert '"given_name": "{{ user.first_name | default("") }}"' in words
    assert "The template has no problems." in words
    assert words.count("Carried over") == 4
    assert len(page.all("th", scope="col")) == 4
    assert made.log("asset.created") == []


def test_what_is_lost_differs_and_is_to_be_declared_is_said(made):
    payload = '{"a": "%globals_user_attribute_department^uppercase%",\n"b": "%asset_type%", "c": "%globals_get_room%"}'

    words = words_of(convert(made, payload))

    assert "1 keyword cannot be carried over and stands where it stood" in words
    assert "Line 2, column 7: this is a keyword of Squiz Matrix." in words
    assert "department, text" in words and "Declare an attribute" in words
    assert "The form of the new asset has them: room." in words
    assert all(state in words for state in ("Differs", "Made safe", "Cannot be carried over"))
    make_attribute(made, "department")
    assert "department, text" not in words_of(convert(made, payload))


def test_an_asset_is_made_of_it_on_the_form_for_a_new_one(made):
    client = made.signed_in("ada")
    answer = made.post_form(client, URL, payload=KEYWORDS.replace("{\n", '{\n "room": "%globals_get_room%",', 1))
    page = Page(answer.text)
    form = page.one("form", action="/admin/assets/new")
    fields = {name: page.all("input", name=name)[0]["value"] for name in ("act", "template", "params")}
    assert form["method"] == "post" and fields["act"] == "begin"

    begun = client.post("/admin/assets/new", data={"csrf_token": csrf_of(answer), **fields})

    assert begun.status_code == 200
    assert '"room": "{{ params.room | default("") }}"' in words_of(begun)
    assert "".join(Page(begun.text).texts["textarea"]).count("room") == 3
    assert made.log("asset.created") == []


@pytest.mark.parametrize("payload", ["", " \n "])
def test_what_is_empty_is_refused_with_what_was_typed(made, payload):
    answer = convert(made, payload)
    assert answer.status_code == 422 and "Payload is" in words_of(answer)


def test_without_its_token_the_form_is_refused(made):
    assert made.signed_in("ada").post(URL, data={"payload": PLAIN}).status_code in (400, 403)


def test_hostile_texts_stay_texts(made):
    plain = Page(convert(made, '{"a": "%asset_name^append:x%"}').text).skeleton()
    for text in HOSTILE:
        if not set('%^:"\n') & set(text):
            page = Page(convert(made, f'{{"a": "%asset_name^append:{text}%"}}').text)
            tags = [
                each
                for each in page.skeleton()
                if each[0] not in ("code", "br", "li", "ul", "p", "span", "svg", "path")
            ]
            assert [each for each in tags if each[0] in ("script", "img", "form", "a", "input")] == [
                each for each in plain if each[0] in ("script", "img", "form", "a", "input")
            ], text


def test_a_payload_of_three_thousand_keywords_is_shown_in_part(made):
    answer = convert(made, '{"a": "' + "%a_b%" * 3_000 + '"}')
    assert answer.status_code == 200
    assert answer.text.count("<tr ") == 301 and "There are 2\u202f700 more." in answer.text
