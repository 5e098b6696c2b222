"""The revisions of an asset: who, when, what differs, and one click that brings an old one back."""

import json
import re
import time
from dataclasses import replace

import pytest
from sqlalchemy import event

from mintmark import groups
from mintmark.assets import moves, overlap, save
from mintmark.assets import revisions as kept_revisions
from mintmark.assets.definition import FIELDS
from mintmark.assets.differences import template_lines
from mintmark.assets.in_words import LABELS, in_words, visible
from mintmark.assets.secrets import SecretValue, read_secret
from mintmark.keys import rings
from mintmark.models import db, writing
from tests.conftest import SECRET
from tests.making import change_asset, make_asset, make_attribute, make_group, make_key, make_person
from tests.test_pages import Page

OLD, NEW = '{"sub": "{{ user.username }}"}', '{"sub": "{{ user.email | omit }}x"}'


@pytest.fixture
def desk(sqlite_house):
    """An asset of three revisions, an administrator `ada`, and `ben`, who edits it."""
    sqlite_house.editors = make_group(sqlite_house, "desk editors")
    make_person(sqlite_house, "ada", is_admin=True, first_name="Ada", last_name="Byron")
    make_person(sqlite_house, "ben", groups=["desk editors"])
    sqlite_house.desk = make_asset(sqlite_house, "desk", OLD, name="Desk", editors=["desk editors"])
    change_asset(sqlite_house, "desk", template=NEW, lifetime=None)
    change_asset(sqlite_house, "desk", name="Help desk", origins=["https://app.example.test"])
    return sqlite_house


def place(house, *parts):
    return "/".join([f"/admin/assets/{house.desk}/revisions", *map(str, parts)])


def definition(house, number):
    rows = house.rows("SELECT definition FROM revision WHERE number = :number", number=number)
    return json.loads(rows[0]["definition"])


def bring_back(house, client, number, seen=3):
    return house.post_form(client, place(house, number, "bring-back"), page=place(house, number), revision=seen)


def words_of(answer):
    return re.sub(r"\s+", " ", Page(answer.text).text)


# The list


def test_revisions_are_listed_newest_first_with_who_and_what_changed(desk):
    # Given a save by ada, beside those of a command
    ada = desk.signed_in("ada")
    assert bring_back(desk, ada, 1).status_code == 303

    rows = re.findall(r"<tr>(.*?)</tr>", ada.get(place(desk)).text, re.DOTALL)[1:]
    said = [re.sub(r"\s+", " ", Page(row).text).strip() for row in rows]

    assert re.fullmatch(r"Revision 4 Now \S+ \S+ UTC Ada Byron Name, Template, Lifetime, Origins", said[0])
    assert said[1].endswith("test Name, Origins")
    assert said[2].endswith("test Template, Lifetime")
    assert said[3].endswith("test The asset was made")


@pytest.mark.slow
def test_the_list_is_paged_and_asks_the_database_a_constant_number_of_times(desk):
    ada = desk.signed_in("ada")
    few = statements(desk, lambda: ada.get(place(desk)))
    with desk.app.app_context(), writing():
        asset, sealer = save.lock_asset(desk.desk), desk.mint.settings.sealer
        for number in range(60):
            definition = {**save.current_revision(asset).definition, "name": f"Desk {number}"}
            save.revise(asset, definition, None, sealer=sealer, by=desk.by())

    many = statements(desk, lambda: ada.get(place(desk)))
    first = Page(ada.get(place(desk)).text)
    second = Page(ada.get(first.one("a", rel="next")["href"]).text)

    assert many == few
    assert len(first.all("tr")) == 1 + 50
    assert len(second.all("tr")) == 1 + 13
    assert not second.all("a", rel="next")


def statements(house, act):
    seen = []
    with house.app.app_context():
        engine = db.engine

    def note(_connection, _cursor, statement, *_):
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        assert act().status_code == 200
    finally:
        event.remove(engine, "before_cursor_execute", note)
    return len(seen)


@pytest.mark.parametrize("query", ["?after=x", "?after=-1", "?after=99999999999999999999", "?after="])
def test_a_wrong_place_in_the_list_is_no_error(desk, query):
    assert desk.signed_in("ada").get(place(desk) + query).status_code == 200


# One revision


def test_a_revision_shows_the_lines_that_differ_and_the_other_fields_in_words(desk):
    page = desk.signed_in("ada").get(place(desk, 2))

    assert "<del><span" in page.text and "<ins><span" in page.text
    said = words_of(page)
    assert 'Taken away: {"sub": "{{ user.username }}"}' in said
    assert 'Added: {"sub": "{{ user.email | omit }}x"}' in said
    assert "Lifetime from 10 minutes → to never expires" in said
    assert "test" in said


def test_a_revision_is_compared_with_any_other_one(desk):
    said = words_of(desk.signed_in("ada").get(place(desk, 1) + "?to=3"))

    assert "From revision 3 to 1" in said
    assert "Name from Help desk → to Desk" in said
    assert "Origins from https://app.example.test → to none" in said


def test_groups_stand_by_their_names(desk):
    staff = make_group(desk, "staff <b>")
    change_asset(desk, "desk", readers=[staff])
    change_asset(desk, "desk", readers="everyone")
    page = desk.signed_in("ada").get(place(desk, 4))

    assert "Readers from anybody who is signed in → to staff <b>" in words_of(page)
    assert "staff &lt;b&gt;" in page.text


def test_a_secret_that_was_changed_is_said_and_neither_shown_nor_told_by_its_fingerprint(desk):
    other = "another-shared-secret-of-the-help-desk-98765"
    with desk.app.app_context(), writing():
        asset = save.lock_asset(desk.desk)
        kept = save.current_revision(asset).definition
        value = read_secret(other, "text", algorithm="HS256")
        save.revise(asset, kept, value, sealer=desk.mint.settings.sealer, by=desk.by())
    fingerprints = [row["fingerprint"] for row in desk.rows("SELECT fingerprint FROM secret")]

    page = desk.signed_in("ada").get(place(desk, 4))

    assert "The secret was changed" in words_of(page)
    assert not any(text in page.text for text in [other, SECRET, *fingerprints])
    assert "Secret" in words_of(desk.signed_in("ada").get(place(desk)))


@pytest.mark.parametrize("address", ["0", "9", "999999999", "9999999999999999999999", "x", "1?to=8", "-1"])
def test_a_revision_that_does_not_exist_is_404(desk, address):
    assert desk.signed_in("ada").get(place(desk, address)).status_code == 404


def test_what_people_wrote_stands_as_text_and_hidden_characters_by_their_codes(desk):
    # Given text that would run, and text that would read otherwise than it is (CVE-2021-42574)
    change_asset(desk, "desk", name="<img src=x onerror=alert(1)>", template=OLD.replace("sub", "s\u202eub") + "\n<b>")
    page = desk.signed_in("ada").get(place(desk, 4))

    assert "<img" not in page.text.partition("<main")[2] and "<b>" not in page.text
    assert "&lt;img src=x onerror=alert(1)&gt;" in page.text
    assert "s⟨U+202E⟩ub" in page.text and "\u202e" not in page.text


# Bringing back


def test_one_click_makes_the_old_revision_a_new_one(desk):
    answer = bring_back(desk, desk.signed_in("ada"), 1)

    assert answer.status_code == 303
    assert definition(desk, 4) == definition(desk, 1)
    [row] = [row for row in desk.log("asset.revised") if row["revision"] == 4]
    assert '"brought_back":1' in row["detail"]
    assert desk.rows("SELECT revision, name, lifetime, unseen_since FROM asset") == [
        {"revision": 4, "name": "Desk", "lifetime": 600, "unseen_since": None}
    ]


def test_path_state_and_secret_are_not_brought_back(desk):
    secret = desk.rows("SELECT secret_id FROM revision WHERE number = 3")
    change_asset(desk, "desk", live=False)
    with desk.app.app_context(), writing():
        moves.move(save.lock_asset(desk.desk), "desk/two", days=0, sealer=desk.mint.settings.sealer, by=desk.by())

    bring_back(desk, desk.signed_in("ada"), 1, seen=5)

    assert definition(desk, 6) == {**definition(desk, 1), "path": "desk/two", "live": False}
    assert desk.rows("SELECT secret_id FROM revision WHERE number = 6") == secret


def test_an_editor_brings_back_name_and_template_only_and_that_is_unseen(desk):
    answer = bring_back(desk, desk.signed_in("ben"), 1)

    assert answer.status_code == 303
    assert definition(desk, 4) == {**definition(desk, 3), "name": "Desk", "template": OLD}
    assert desk.rows("SELECT unseen_since FROM asset") == [{"unseen_since": 4}]

    # When the editor saves once more, it is the first one that stays unseen
    bring_back(desk, desk.signed_in("ben"), 3, seen=4)
    assert desk.rows("SELECT revision, unseen_since FROM asset") == [{"revision": 5, "unseen_since": 4}]


def test_bringing_back_over_a_newer_save_is_409_and_says_whose_it_is(desk):
    # Given a page that was loaded before somebody saved
    answer = bring_back(desk, desk.signed_in("ada"), 1, seen=2)

    assert answer.status_code == 409
    assert "somebody saved meanwhile" in words_of(answer)
    assert "From revision 3 to 1" in words_of(answer)
    assert desk.rows("SELECT revision FROM asset") == [{"revision": 3}]

    # When it is sent again from the page that says so
    page = Page(answer.text)
    [seen] = {field["value"] for field in page.all("input", name="revision")}
    assert bring_back(desk, desk.signed_in("ada"), 1, seen=seen).status_code == 303


def test_what_stands_now_is_not_saved_again(desk):
    ada = desk.signed_in("ada")
    bring_back(desk, ada, 3)

    assert "Nothing was changed" in words_of(ada.get("/"))
    assert desk.rows("SELECT revision FROM asset") == [{"revision": 3}]


def test_a_template_whose_attribute_is_gone_is_refused_in_words(desk):
    make_attribute(desk, "department")
    change_asset(desk, "desk", template='{"sub": "{{ user.attributes.department }}"}')
    change_asset(desk, "desk", template=OLD)
    with desk.app.app_context(), writing() as session:
        session.execute(db.text("DELETE FROM attribute"))

    answer = bring_back(desk, desk.signed_in("ada"), 4, seen=5)

    assert answer.status_code == 422
    assert "user.attributes.department" in answer.text and "does not hold today" in answer.text
    assert desk.rows("SELECT revision FROM asset") == [{"revision": 5}]


def test_a_group_that_is_gone_is_refused_in_words(desk):
    staff = make_group(desk, "staff")
    change_asset(desk, "desk", readers=[staff])
    change_asset(desk, "desk", readers="everyone")
    with desk.app.app_context(), writing() as session:
        session.execute(db.text("DELETE FROM people_group WHERE id = :id"), {"id": staff})
        assert staff not in groups.names_by_id()

    ada = desk.signed_in("ada")
    answer = bring_back(desk, ada, 4, seen=5)

    assert answer.status_code == 422
    assert "Readers names a group that is gone" in words_of(answer)
    assert "a group that is gone" in words_of(ada.get(place(desk, 4)))


def test_a_longer_algorithm_than_the_secret_takes_is_refused(desk):
    change_asset(desk, "desk", algorithm="HS256")
    with desk.app.app_context(), writing() as session:  # Given a revision of another, longer secret
        session.execute(
            db.text("UPDATE revision SET definition = replace(definition, 'HS256', 'HS512') WHERE number = 1")
        )

    answer = bring_back(desk, desk.signed_in("ada"), 1)

    assert answer.status_code == 422
    assert "HS512 takes at least 64" in answer.text


def test_who_edits_something_else_and_strangers_bring_nothing_back(desk):
    make_person(desk, "eve")
    eve = desk.signed_in("eve")
    token = re.search(r'name="csrf_token" value="([^"]+)"', eve.get("/").text)[1]

    fields = {"csrf_token": token, "revision": 3}
    assert eve.post(place(desk, 1, "bring-back"), data=fields).status_code == 403
    assert eve.get(place(desk)).status_code == eve.get(place(desk, 1)).status_code == 403
    assert desk.client().post(place(desk, 1, "bring-back")).status_code == 403
    ada = desk.signed_in("ada")
    assert ada.post(place(desk, 1, "bring-back"), data={"revision": 3}).status_code == 400
    assert desk.rows("SELECT revision FROM asset") == [{"revision": 3}]


# Differences


def test_every_field_of_a_definition_has_a_label():
    assert set(LABELS) == {*FIELDS, "secret", "next_secret"}


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("lifetime", 5400, "1 hour 30 minutes"),
        ("lifetime", None, "never expires"),
        ("backdate", 0, "0 seconds"),
        ("claims", {"iat": True, "jti": False, "nbf": True}, "iat, nbf"),
        ("claims", {"iat": False}, "none"),
        ("readers", [], "nobody but administrators"),
        ("headers", {"kid": "k1"}, "kid: k1"),
        ("headers", {}, "none"),
        ("answer", {"form": "raw", "methods": ["GET"]}, "the token itself, to GET"),
        (
            "answer",
            {"form": "json", "field": "jwt", "beside": {"a": 1}, "methods": ["GET", "POST"]},
            'JSON with the token in “jwt”, beside it {"a": 1}, to GET and POST',
        ),
        ("params", [{"name": "room", "one_of": ["a", "b"]}, {"name": "n"}], "room, one of a, b; n"),
        ("live", False, "switched off"),
        ("a field to come", {"x": [1]}, '{"x": [1]}'),
    ],
)
def test_values_are_said_in_words(name, value, words):
    assert in_words(name, value, {}) == words


def test_lines_that_are_the_same_are_left_out_but_for_some_around_a_difference():
    before = "\n".join(f"line {number}" for number in range(40))
    after = before.replace("line 20\n", "LINE 20\n")

    lines = template_lines(before, after)

    assert [line.kind for line in lines] == ["gap", *["same"] * 3, "removed", "added", *["same"] * 3, "gap"]
    assert (lines[0].text, lines[4].text, lines[5].text) == ("17 lines that are the same", "line 20", "LINE 20")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("\n" * 16_000, " \n" * 8_000),
        ("a\nb\n" * 4_000, "b\na\n" * 4_000),
        ("".join(f"{n % 7}\n" for n in range(500)), "".join(f"{n % 5}\n" for n in range(500))),
        ("x\n" + "a\n" * 495 + "x", "y\n" + "".join(f"a\n{n}\n" for n in range(247)) + "y"),
        ("x\n" + "a\nb\n" * 247 + "x", "y\n" + "a\nc\n" * 247 + "y"),
        ("", "x"),
        ("x\n", "x"),
    ],
)
def test_no_text_makes_a_difference_slow_or_loses_a_line(before, after):
    start = time.process_time()
    lines = template_lines(before, after)

    assert time.process_time() - start < 5
    assert [line.text for line in lines if line.kind == "removed"] or "added" in [line.kind for line in lines]


def test_tabs_emoji_and_joiners_stay_and_controls_do_not():
    assert visible("\ta\u200d👩\u200d🚀é") == "\ta\u200d👩\u200d🚀é"
    assert visible("a\rb\0\ufeff\u2066") == "a⟨U+000D⟩b⟨U+0000⟩⟨U+FEFF⟩⟨U+2066⟩"


# What signs


AUD = '{"sub": "{{ user.username }}", "aud": "here"}'


def ring_of(house, key_id):
    with house.app.app_context():
        return rings.find_key(key_id).ring_id


def overlap_(house, act, *arguments):
    with house.app.app_context(), writing():
        act(save.lock_asset(house.desk), *arguments, sealer=house.mint.settings.sealer, by=house.by())


@pytest.fixture
def keyed(desk):
    """The asset of three revisions signs with the key site-2026 as the fourth, and with `other` as the fifth."""
    make_key(desk, "site-2026", number=1)
    make_key(desk, "other", number=2)
    more = {"algorithm": "ES256", "headers": {"cty": "x"}}
    change_asset(desk, "desk", template=AUD, signing_key=ring_of(desk, "site-2026"), **more)
    change_asset(desk, "desk", signing_key=ring_of(desk, "other"))
    return desk


def test_a_signing_key_stands_by_its_key_id(keyed):
    ada = keyed.signed_in("ada")
    page = words_of(ada.get(place(keyed, 5)))
    assert "Signing key from site-2026 → to other" in page and "secret" not in page.lower()
    page = words_of(ada.get(place(keyed, 4)))
    assert "Signing key from none: it has a shared secret → to site-2026" in page
    assert "Algorithm from HS256 → to ES256" in page and "The secret was changed" not in page
    assert "Signing key, Algorithm" not in page
    assert "Signing key" in words_of(ada.get(place(keyed)))


def test_an_editor_learns_that_something_else_signs_and_not_what(keyed):
    ben = keyed.signed_in("ben")
    for number in (4, 5):
        answer = ben.get(place(keyed, number))
        assert "administrators see what signs" in words_of(answer)
        assert "site-2026" not in answer.text and "other" not in Page(answer.text).texts["bdi"]
        assert ring_of(keyed, "other") not in answer.text


def test_what_is_brought_back_keeps_the_key_its_algorithm_and_sets_no_key_id(keyed):
    # Given revisions of a secret, with another algorithm and a `kid` in the header
    with keyed.app.app_context(), writing():
        old = kept_revisions.get_saved(save.find_asset("desk"), 3).revision
        old.definition = {**old.definition, "algorithm": "HS384", "headers": {"kid": "desk", "cty": "y"}}
    assert bring_back(keyed, keyed.signed_in("ada"), 3, seen=5).status_code == 303

    now = definition(keyed, 6)
    assert (now["algorithm"], now["headers"]) == ("ES256", {"cty": "y"})
    assert now["signing_key"] == ring_of(keyed, "other") and now["name"] == "Help desk"


def test_of_a_revision_with_a_key_a_secret_takes_no_algorithm(desk):
    make_key(desk, "site-2026", number=1)
    change_asset(desk, "desk", signing_key=ring_of(desk, "site-2026"), algorithm="ES256", template=AUD)
    with desk.app.app_context(), writing():
        asset = save.lock_asset(desk.desk)
        present = {**save.current_revision(asset).definition, "signing_key": None, "algorithm": "HS256"}
        secret = read_secret(SECRET, "text", algorithm="HS256")
        save.revise(asset, present, secret, sealer=desk.mint.settings.sealer, by=desk.by())
    change_asset(desk, "desk", template=OLD)
    assert bring_back(desk, desk.signed_in("ada"), 4, seen=6).status_code == 303
    now = definition(desk, 7)
    assert (now["algorithm"], now["signing_key"], now["template"]) == ("HS256", None, AUD)


def test_a_revision_from_before_there_were_keys_is_shown_compared_and_brought_back(desk):
    with desk.app.app_context(), writing():
        for number in (1, 2):
            old = kept_revisions.get_saved(save.find_asset("desk"), number).revision
            old.definition = {name: value for name, value in old.definition.items() if name != "signing_key"}
    ada = desk.signed_in("ada")
    assert "Signing key from" not in words_of(ada.get(place(desk, 3)))
    assert ada.get(place(desk, 1)).status_code == 200
    assert bring_back(desk, ada, 1).status_code == 303
    assert definition(desk, 4)["signing_key"] is None and definition(desk, 4)["template"] == OLD


def test_each_step_of_an_overlap_is_said_and_no_secret_is(desk):
    ada, by = desk.signed_in("ada"), int(desk.clock())
    secret, other = (SecretValue(text * 8, False) for text in (b"next-secret", b"other-secret"))
    overlap_(desk, overlap.stage, secret)
    overlap_(desk, overlap.stage, replace(other, kid="desk-2"))
    overlap_(desk, overlap.switch, by + 60)
    overlap_(desk, overlap.wait)
    overlap_(desk, overlap.switch, None)
    said = {number: words_of(ada.get(place(desk, number))) for number in range(4, 9)}

    assert "Next secret from none → to staged" in said[4]
    assert "Next secret from staged → to another one staged" in said[5]
    assert "Next secret from staged → to signs from 2027-01-15T08:01:00" in said[6]
    assert "→ to staged" in said[7]
    assert "Next secret from staged → to signs from 2027-01-15T08:00:00" in said[8]
    assert [number for number in said if "The secret was changed" in said[number]] == [8]

    # And what follows on a switch: the one that signs is the present one, whatever column it stands in.
    overlap_(desk, overlap.stage, SecretValue(b"third-secret" * 8, False))
    assert "The secret was changed" not in words_of(ada.get(place(desk, 9)))
    for number in range(1, 10):
        text = desk.signed_in("ben").get(place(desk, number)).text
        assert "signs from" not in text and "staged" not in text
