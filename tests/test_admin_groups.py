"""Groups: the list, one group, renaming, who is in it, and taking one away."""

from concurrent.futures import ThreadPoolExecutor

import jwt
import pytest

from mintmark import groups, people_listing
from mintmark.models import writing
from mintmark.web.admin import groups as views
from mintmark.web.admin import in_steps
from tests.conftest import csrf_of
from tests.making import make_asset, make_group, make_person
from tests.test_admin_people import make_people, names_on, statements_of
from tests.test_pages import HOSTILE, Page


@pytest.fixture
def ada(house):
    """A client of the administrator."""
    make_person(house, "ada", is_admin=True)
    return house.signed_in("ada")


def act(house, client, group_id, verb, **fields):
    return house.post_form(client, f"/admin/groups/{group_id}/{verb}", page=f"/admin/groups/{group_id}", **fields)


def members_of(house, group_id):
    sql = "SELECT username FROM person JOIN membership ON person_id = person.id WHERE group_id = :id ORDER BY username"
    return [row["username"] for row in house.rows(sql, id=group_id)]


def test_an_empty_list_says_how_to_begin_and_a_group_is_made_there(house, ada):
    assert "Make the first one below" in ada.get("/admin/groups").text

    answer = house.post_form(ada, "/admin/groups", name="staff")

    group = house.rows("SELECT * FROM people_group")[0]
    assert (answer.status_code, answer.location) == (303, f"/admin/groups/{group['id']}")
    assert house.log("group.created")[-1]["actor"] == house.rows("SELECT id FROM person")[0]["id"]


def test_a_name_that_cannot_be_a_groups_is_refused_with_what_was_typed(house, ada):
    staff, other = make_group(house, "staff"), make_group(house, "other")

    for name, words in (
        ("", "Name is empty"),
        ("STAFF", "belongs to another group"),
        (" x", "white space"),
        ("a\x00", "no text"),
    ):
        made = house.post_form(ada, "/admin/groups", name=name)
        renamed = act(house, ada, other, "rename", name=name)
        assert (made.status_code, renamed.status_code) == (422, 422), name
        assert words in Page(made.text).text and words in Page(renamed.text).text, name
    assert act(house, ada, staff, "rename", name="Staff").status_code == 303
    assert [row["name"] for row in house.rows("SELECT name FROM people_group ORDER BY name_key")] == ["other", "Staff"]


def test_the_list_counts_people_and_assets_and_stands_in_pages(house, ada):
    with house.app.app_context(), writing():
        for number in range(53):
            groups.make(f"group {number:02}", by=house.by())
    make_person(house, "ben", groups=["group 01"])
    make_asset(house, "a", readers=["group 01"], editors=["group 01", "group 02"])
    make_asset(house, "b", readers=["group 01"])

    first = ada.get("/admin/groups")
    second = ada.get("/admin/groups?after=group 49")

    assert names_on(first) + names_on(second) == [f"group {number:02}" for number in range(53)]
    assert "after=group+49" in first.text and "Next page" not in second.text
    rows = {row.name: row for row in listed(house)}
    assert [rows["group 01"].members.number, rows["group 01"].reads.number, rows["group 01"].edits.number] == [1, 2, 1]
    assert [rows["group 02"].members.number, rows["group 02"].reads.number, rows["group 02"].edits.number] == [0, 0, 1]


def listed(house):
    with house.app.app_context():
        return people_listing.list_groups()[0]


def test_counts_stop_where_nobody_counts_any_more(house, ada, monkeypatch):
    monkeypatch.setattr(people_listing, "MANY", 2)
    staff = make_group(house, "staff")
    make_people(house, ["a", "b"], groups=[staff])
    assert listed(house)[0].members == people_listing.Some(2)
    make_people(house, ["c", "d"], groups=[staff])

    assert listed(house)[0].members == people_listing.Some(2, is_more=True)
    assert ">2+<" in ada.get("/admin/groups").text


def test_the_pages_cost_the_same_number_of_statements_whatever_there_is(house, ada):
    staff = make_group(house, "staff")
    paths = ["/admin/groups", f"/admin/groups/{staff}"]
    before = [statements_of(house, ada, path) for path in paths]
    make_people(house, [f"b-{number}" for number in range(20)], groups=[staff])
    for number in range(5):
        make_group(house, f"g{number}")
        make_asset(house, f"a{number}", readers=["staff"], editors=["staff"])

    assert [statements_of(house, ada, path) for path in paths] == before


def test_a_groups_page_shows_its_assets_and_who_may_what(house, ada):
    staff = make_group(house, "staff")
    make_asset(house, "reads", readers=["staff"])
    make_asset(house, "edits", readers=[], editors=["staff"])
    make_asset(house, "both", readers=["staff"], editors=["staff"], live=False)

    page = Page(ada.get(f"/admin/groups/{staff}").text)

    text = " ".join(page.text.split())
    assert "both both Switched off fetch it and edit it edits edits edit it reads reads fetch it" in text
    assert ada.get("/admin/groups/none").status_code == 404 == ada.get("/admin/groups/%00").status_code


def test_a_renamed_group_is_issued_by_its_new_name(house, ada):
    staff = make_group(house, "staff")
    make_person(house, "ben", groups=["staff"])
    make_asset(house, "a", '{"sub": "{{ user.username }}", "groups": {{ user.groups }}}')

    assert act(house, ada, staff, "rename", name="crew").status_code == 303
    assert act(house, ada, staff, "rename", name="crew").status_code == 303

    assert len(house.log("group.revised")) == 1 and "crew" in house.log("group.revised")[0]["detail"]
    token = house.run("mint", "a", "--as", "ben").output.strip()
    assert jwt.decode(token, options={"verify_signature": False})["groups"] == ["crew"]


def test_people_are_put_in_by_their_names_or_nobody_is(house, ada):
    staff = make_group(house, "staff")
    make_people(house, ["ben", "cleo"])

    refused = act(house, ada, staff, "people", usernames="ben\r\nnobody\r\n\r\nno-one")
    empty = act(house, ada, staff, "people", usernames=" \n")
    done = act(house, ada, staff, "people", usernames="BEN\r\ncleo\r\n")
    again = act(house, ada, staff, "people", usernames="ben")

    assert refused.status_code == 422 and "hold names that nobody has: “nobody”, “no-one”" in Page(refused.text).text
    assert "ben\nnobody" in refused.text
    assert empty.status_code == 422
    assert (done.status_code, again.status_code) == (303, 303)
    assert members_of(house, staff) == ["ben", "cleo"]
    assert [row["detail"] for row in house.log("person.revised")] == ['{"fields":["groups"],"joined":["staff"]}'] * 2


@pytest.mark.both_databases
def test_two_who_put_the_same_people_in_at_once_both_get_an_answer(house, ada):
    names = [f"p-{number:02}" for number in range(60)]
    make_people(house, names)
    for number in range(3):
        group = make_group(house, f"group {number}")
        clients = [house.signed_in("ada") for _ in range(2)]
        tokens = [csrf_of(client.get("/account")) for client in clients]

        def put_in(number, group=group, clients=clients, tokens=tokens):
            data = {"csrf_token": tokens[number], "usernames": "\n".join(names)}
            return clients[number].post(f"/admin/groups/{group}/people", data=data).status_code

        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(put_in, range(2)))

        assert 303 in answers and set(answers) <= {303, 422}
        assert members_of(house, group) == names


@pytest.mark.both_databases
def test_a_group_that_is_taken_away_while_it_is_renamed_is_no_mistake_of_ours(house, ada):
    token = csrf_of(ada.get("/account"))
    other = house.signed_in("ada")
    others = csrf_of(other.get("/account"))
    for number in range(8):
        group = f"/admin/groups/{make_group(house, f'group {number}')}"
        with ThreadPoolExecutor(2) as pool:
            data = {"csrf_token": others, "name": f"crew {number}"}
            renamed = pool.submit(other.post, f"{group}/rename", data=data)
            removed = pool.submit(ada.post, f"{group}/remove", data={"csrf_token": token})

        assert removed.result().status_code == 303 and renamed.result().status_code in (303, 404)


def test_one_is_taken_out_on_the_list_of_the_groups_people(house, ada):
    staff = make_group(house, "staff")
    make_people(house, ["ben", "cleo"], groups=[staff])
    ben = house.rows("SELECT id FROM person WHERE username = 'ben'")[0]["id"]
    page = f"/admin/people?group={staff}"
    assert "Take out" in ada.get(page).text and "Take out" not in ada.get("/admin/people").text

    out = house.post_form(ada, f"/admin/groups/{staff}/take-out", page=page, person_id=ben)
    again = house.post_form(ada, f"/admin/groups/{staff}/take-out", page=page, person_id=ben)
    nobody = house.post_form(ada, f"/admin/groups/{staff}/take-out", page=page, person_id="\x00")

    assert [answer.location for answer in (out, again, nobody)] == [page] * 3
    assert members_of(house, staff) == ["cleo"] and len(house.log("person.revised")) == 1


def test_a_group_that_an_asset_names_stays_also_in_the_trash(house, ada):
    staff = make_group(house, "staff")
    make_asset(house, "a/b", readers=["staff"])
    file = '{"mintmark": 1, "people": [{"username": "ada"}]}'

    refused = act(house, ada, staff, "remove")
    assert house.run("site", "import", "-", "--prune", input=file).exit_code == 0
    trashed = act(house, ada, staff, "remove")

    assert refused.status_code == 422 and "This group is named by a/b; take it out" in Page(refused.text).text
    assert trashed.status_code == 422 and "a/b (in the trash)" in Page(trashed.text).text
    assert house.log("group.removed") == []


def test_a_group_is_taken_away_and_its_people_stay(house, ada):
    staff = make_group(house, "staff")
    make_people(house, ["ben", "cleo"], groups=[staff])

    assert act(house, ada, staff, "remove").status_code == 303

    assert house.rows("SELECT * FROM people_group") == [] == house.rows("SELECT * FROM membership")
    assert house.rows("SELECT count(*) AS n FROM person")[0]["n"] == 3
    assert '"staff"' in house.log("group.removed")[0]["detail"]
    assert ada.get(f"/admin/groups/{staff}").status_code == 404


def test_taking_away_a_large_group_says_how_far_it_came_and_goes_on(house, ada, monkeypatch):
    monkeypatch.setattr(in_steps, "SECONDS", -1)
    monkeypatch.setattr(views, "_AT_ONCE", 2)
    staff = make_group(house, "staff")
    make_people(house, ["a", "b", "c"], groups=[staff])

    first = act(house, ada, staff, "remove")
    assert first.status_code == 200 and "2 people were taken out" in first.text and "Go on" in first.text
    assert len(members_of(house, staff)) == 1 and house.log("group.removed") == []
    statuses = [act(house, ada, staff, "remove").status_code for _ in range(2)]
    assert statuses == [200, 303]


def test_a_large_group_is_walked_by_name_and_no_member_is_left_out(house, ada, monkeypatch):
    monkeypatch.setattr(people_listing, "_FEW_MEMBERS", 10)
    monkeypatch.setattr(people_listing, "_WALKED", 120)
    monkeypatch.setattr(people_listing, "PAGE_SIZE", 20)
    staff = make_group(house, "staff")
    make_people(house, [f"a-{number:03}" for number in range(60)], groups=[staff])
    make_people(house, [f"b-{number:03}" for number in range(150)])
    make_people(house, [f"c-{number:03}" for number in range(60)], groups=[staff])

    found, after = [], ""
    while after is not None:
        with house.app.app_context():
            page = people_listing.list_people(group_id=staff, after=after)
            found += [person.username for person in page.people]
            after = page.next_place

    assert found == [f"{letter}-{number:03}" for letter in "ac" for number in range(60)]


def test_hostile_names_stay_text(house, ada):
    for number, text in enumerate(HOSTILE):
        group = make_group(house, f"{text[:140]}{number}")
        page = Page(ada.get(f"/admin/groups/{group}").text)
        assert f"{text[:140]}{number}" in page.text and not page.all("script")
    listing = Page(ada.get("/admin/groups").text)
    assert not listing.all("script") and all(text[:140] in listing.text for text in HOSTILE)


def test_a_person_who_is_no_administrator_gets_nothing(house, ada):
    staff = make_group(house, "staff")
    make_person(house, "ben")
    ben = house.signed_in("ben")

    assert [ben.get(path).status_code for path in ("/admin/groups", f"/admin/groups/{staff}")] == [403, 403]
    assert ada.post(f"/admin/groups/{staff}/remove").status_code == 400
