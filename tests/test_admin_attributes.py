"""Custom attributes: declared, changed and taken away; which assets use one."""

import pytest

from mintmark import attributes
from mintmark.models import writing
from mintmark.web.admin import in_steps
from tests.making import make_asset, make_attribute, make_person
from tests.test_admin_people import make_people, statements_of
from tests.test_pages import HOSTILE, Page

USES = '{"sub": "{{ user.username }}", "d": "{{ user.attributes.department | default("none") }}"}'


@pytest.fixture
def ada(house):
    """A client of the administrator."""
    make_person(house, "ada", is_admin=True)
    return house.signed_in("ada")


def declare(house, client, **fields):
    values = {"name": "department", "label": "Department", "type": "text", "changed_by": "administrators", **fields}
    return house.post_form(client, "/admin/attributes/new-attribute", **values)


def revise(house, client, **fields):
    values = {"label": "Department", "type": "text", "changed_by": "administrators", **fields}
    return house.post_form(client, "/admin/attributes/department", **values)


def remove(house, client, name="department"):
    return house.post_form(client, f"/admin/attributes/{name}/remove", page=f"/admin/attributes/{name}")


def row_of(house, name):
    return house.rows("SELECT * FROM attribute WHERE name = :name", name=name)[0]


def test_an_empty_list_says_how_to_begin_and_an_attribute_is_declared(house, ada):
    assert "Declare the first attribute" in ada.get("/admin/attributes").text

    answer = declare(house, ada, sensitive="on", changed_by="person", type="list")

    assert (answer.status_code, answer.location) == (303, "/admin/attributes/department")
    row = row_of(house, "department")
    assert (row["type"], row["changed_by"], bool(row["sensitive"])) == ("list", "person", True)
    assert house.log("attribute.declared")[-1]["actor"] != "test"
    listed = Page(ada.get("/admin/attributes").text).text
    for words in ("department", "Department", "List of texts", "the person too", "Sensitive"):
        assert words in listed


def test_what_cannot_be_an_attribute_is_refused_with_what_was_typed(house, ada):
    make_attribute(house, "taken")
    for fields, words in [
        ({"name": "Depart ment"}, "Name takes a–z"),
        ({"name": "taken"}, "Name is declared already"),
        ({"name": "x" * 41}, "at most 40"),
        ({"label": ""}, "Label is empty"),
        ({"label": "l\x00"}, "no text"),
        ({"type": "secret"}, "Type takes one of"),
        ({"changed_by": "everybody"}, "takes one of administrators, person"),
    ]:
        answer = declare(house, ada, **{"label": "Typed", **fields})
        assert answer.status_code == 422 and words in Page(answer.text).text, fields
        assert fields.get("label") == "" or "Typed" in answer.text or "label" in fields
    assert [row["name"] for row in house.rows("SELECT name FROM attribute")] == ["taken"]


def test_an_attribute_of_any_name_has_a_page_of_its_own(house, ada):
    for name in ("new", "remove", "items", "self"):
        assert declare(house, ada, name=name, label=f"The {name}").status_code == 303
        assert f"user.attributes.{name}" in ada.get(f"/admin/attributes/{name}").text
    assert ada.get("/admin/attributes/none").status_code == 404 == ada.get("/admin/attributes/%00").status_code


def test_there_are_only_so_many(house, ada, monkeypatch):
    monkeypatch.setattr(attributes, "MAX_ATTRIBUTES", 2)
    make_attribute(house, "one")
    make_attribute(house, "two")
    file = '{"mintmark": 1, "attributes": [{"name": "three"}]}'

    refused, imported = declare(house, ada), house.run("site", "import", "-", input=file)

    assert refused.status_code == 422 and "the most there may be" in refused.text
    assert imported.exit_code == 1 and "a site has at most 2" in imported.output


def test_a_declaration_is_changed_but_for_its_name(house, ada):
    make_attribute(house, "department")

    assert revise(house, ada, label="Unit", sensitive="on", name="other").status_code == 303
    assert revise(house, ada, label="").status_code == 422

    assert (row_of(house, "department")["label"], bool(row_of(house, "department")["sensitive"])) == ("Unit", True)
    assert '"sensitive","label"' in house.log("attribute.revised")[-1]["detail"]


def test_the_type_changes_only_while_nobody_has_a_value(house, ada):
    make_attribute(house, "department", "boolean")
    person = make_person(house, "ben", attributes={"department": False})

    refused = revise(house, ada, type="number")

    assert refused.status_code == 422 and "Type cannot change from boolean" in Page(refused.text).text
    assert remove(house, ada).status_code == 303
    assert house.rows("SELECT attributes FROM person WHERE id = :id", id=person)[0]["attributes"] in ("{}", {})


def test_the_type_changes_only_where_every_template_takes_it(house, ada):
    make_attribute(house, "department")
    make_asset(house, "takes/any", '{"sub": "{{ user.username }}", "d": {{ user.attributes.department | omit }}}')
    assert revise(house, ada, type="number").status_code == 303
    assert revise(house, ada, type="text").status_code == 303
    make_asset(house, "takes/text", '{"sub": "{{ user.username }}", "d": "{{ user.attributes.department | upper }}"}')

    refused = revise(house, ada, type="list")

    assert refused.status_code == 422
    assert "the template of takes/text cannot take" in Page(refused.text).text
    assert row_of(house, "department")["type"] == "text"


def test_an_attributes_page_names_the_assets_that_use_it(house, ada):
    make_attribute(house, "department")
    make_attribute(house, "part")
    make_asset(house, "plain", '{"sub": "{{ user.username }}", "department": "user.attributes.department"}')
    assert "No template names it" in ada.get("/admin/attributes/department").text
    make_asset(house, "dotted", USES)
    make_asset(
        house,
        "looped",
        """{"sub": "x", "i": [{% for i in [1] %}{% if user['attributes']["department"] %}"a"{% endif %}{% endfor %}]}""",
    )
    make_asset(house, "escaped", r"""{"sub": "x", "d": "{{ user.attributes["\u0064epartment"] | default("") }}"}""")

    page = ada.get("/admin/attributes/department").text

    assert [f"<code>{path}</code>" in page for path in ("dotted", "looped", "escaped", "plain")] == [
        True,
        True,
        True,
        False,
    ]
    assert "No template names it" in ada.get("/admin/attributes/part").text


def test_an_attribute_that_an_asset_uses_stays_also_in_the_trash(house, ada):
    make_attribute(house, "department")
    make_asset(house, "a/b", USES)
    make_person(house, "ben", attributes={"department": "R&D"})
    file = '{"mintmark": 1, "people": [{"username": "ada"}]}'

    refused = remove(house, ada)
    assert house.run("site", "import", "-", "--prune", input=file).exit_code == 0
    trashed = remove(house, ada)

    for answer in (refused, trashed):
        assert (
            answer.status_code == 422 and "Name is used by a/b; take it out of the template" in Page(answer.text).text
        )
    assert row_of(house, "department") and "R&D" in str(house.rows("SELECT attributes FROM person"))


def test_where_time_runs_out_nothing_is_taken_away(house, ada):
    make_attribute(house, "department")
    make_asset(house, "a", USES)
    with house.app.app_context():
        uses = attributes.uses_of("department", seconds=-1)
        with pytest.raises(attributes.FieldError, match="too many templates"):
            attributes.see_uses_allow("department", seconds=-1)

    assert uses.is_cut_short and uses.paths == []


def test_taking_an_attribute_away_takes_everybodys_value_and_nothing_else(house, ada):
    make_attribute(house, "department")
    make_attribute(house, "floor", "number")
    before = house.rows("SELECT attributes_revision AS n FROM site")[0]["n"]
    make_people(house, ["ben", "cleo"], attributes={"department": "R&D", "floor": 1.5})
    make_people(house, ["dora"])

    assert remove(house, ada).status_code == 303

    kept = [
        str(row["attributes"]).replace("'", '"')
        for row in house.rows("SELECT attributes FROM person ORDER BY username")
    ]
    assert kept == ["{}", '{"floor": 1.5}', '{"floor": 1.5}', "{}"]
    assert house.log("attribute.removed")[-1]["detail"] == '{"attribute":"department"}'
    assert house.rows("SELECT attributes_revision AS n FROM site")[0]["n"] == before + 1
    assert ada.get("/admin/attributes/department").status_code == 404


def test_taking_away_among_many_people_says_how_far_it_came_and_goes_on(house, ada, monkeypatch):
    monkeypatch.setattr(in_steps, "SECONDS", -1)
    monkeypatch.setattr(attributes, "AT_ONCE", 2)
    make_attribute(house, "department")
    make_people(house, [f"b-{number}" for number in range(4)], attributes={"department": "R&D"})
    answer, path, looked = remove(house, ada), "/admin/attributes/department/remove", []
    while answer.status_code == 200:
        page = Page(answer.text)
        fields = {
            each["name"]: each["value"]
            for each in page.all("input", type="hidden")
            if each["name"] in ("csrf_token", "after", "done")
        }
        looked.append(fields["done"])
        assert f"{fields['done']} people were looked at" in page.text and row_of(house, "department")
        answer = ada.post(path, data=fields)

    assert answer.status_code == 303 and looked == ["2", "4"]
    assert "R&D" not in str(house.rows("SELECT attributes FROM person"))


def test_a_value_that_is_set_again_meanwhile_is_gone_with_its_declaration(house):
    """What nobody declared is no claim, is not exported, and comes back with no later declaration of that name."""
    make_attribute(house, "department")
    make_people(house, ["ben"], attributes={"department": "R&D"})
    with house.app.app_context(), writing():
        attributes.remove(attributes.get_attribute("department"), by=house.by())

    assert "R&D" not in house.run("site", "export").output


def test_the_list_costs_the_same_number_of_statements_whatever_is_declared(house, ada):
    make_attribute(house, "one")
    before = statements_of(house, ada, "/admin/attributes")
    for number in range(9):
        make_attribute(house, f"a{number}")

    assert statements_of(house, ada, "/admin/attributes") == before


def test_hostile_labels_stay_text(house, ada):
    for number, text in enumerate(HOSTILE):
        make_attribute(house, f"a{number}", label=text)
        page = Page(ada.get(f"/admin/attributes/a{number}").text)
        assert text in page.text and not page.all("script")
    listing = Page(ada.get("/admin/attributes").text)
    assert not listing.all("script") and all(text in listing.text for text in HOSTILE)


def test_a_person_who_is_no_administrator_gets_nothing(house, ada):
    make_attribute(house, "department")
    make_person(house, "ben")
    ben = house.signed_in("ben")

    assert ben.get("/admin/attributes").status_code == 403 == ben.get("/admin/attributes/department").status_code
    assert ada.post("/admin/attributes/department/remove").status_code == 400
