"""One-time links to set a password: secret, short-lived, used once, and signing nobody in (ASVS 6.4.1, 6.5.5, 7.6.2)."""

import hashlib
import threading

import pytest

from mintmark import password_links, people
from mintmark.errors import NotFound
from mintmark.models import db, writing
from mintmark.people import find_person
from tests.conftest import PASSWORD, csrf_of
from tests.making import make_person
from tests.test_pages import HOSTILE, Page

NEW = "another long password"
PATH = "/setup/password"


@pytest.fixture
def made(house):
    make_person(house, "ada", is_admin=True)
    make_person(house, "ben", password=None)
    return house


def make_link(house, username="ben"):
    with house.app.app_context(), writing():
        return password_links.make_link(find_person(username), by=house.by())


def look(house, code, client=None):
    return (client or house.client()).get(PATH, query_string={"code": code})


def send(house, code, password=NEW, client=None):
    """Send the form as who has the link does; of one that is no more, with the form token of another page."""
    client = client or house.client()
    page = look(house, code, client)
    token = csrf_of(page if page.status_code == 200 else client.get("/login"))
    return client.post(PATH, data={"csrf_token": token, "code": code, "password": password})


def test_a_link_sets_a_password_and_leads_to_sign_in(made):
    code, client = make_link(made), made.client()

    page = look(made, code, client)
    assert page.status_code == 200 and "<bdi>ben</bdi>" in page.text
    answer = send(made, code, client=client)

    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    assert "The password of ben is set." in client.get("/login").text
    assert client.get("/account").status_code == 303
    assert made.log("person.signed_in") == []
    assert [(row["event"], row["actor"]) for row in made.log()][-2:] == [
        ("person.link_made", "test"),
        ("person.password_set", "link"),
    ]
    made.sign_in("ben", NEW, client=client)


def test_only_a_hash_of_256_random_bits_is_kept(made):
    codes = {make_link(made) for _ in range(20)}

    assert len(codes) == 20 and all(len(code) == 43 for code in codes)
    [kept] = made.rows("SELECT * FROM password_link")
    assert kept["hash"] in {hashlib.sha256(code.encode()).hexdigest() for code in codes}
    everything = str(made.rows("SELECT * FROM password_link")) + str(made.rows("SELECT * FROM log"))
    assert not any(code in everything for code in codes)


@pytest.mark.both_databases
def test_it_works_once(made):
    code = make_link(made)
    assert send(made, code).status_code == 303

    assert look(made, code).status_code == 404
    assert send(made, code, "yet another password").status_code == 404
    made.sign_in("ben", NEW)
    assert made.rows("SELECT * FROM password_link") == []


def test_it_is_good_for_thirty_minutes(made):
    code = make_link(made)
    made.clock.advance(30 * 60 - 1)
    assert look(made, code).status_code == 200

    made.clock.advance(1)

    assert look(made, code).status_code == 404
    assert send(made, code).status_code == 404
    assert "administrator" in look(made, code).text


def test_a_newer_link_ends_the_older_ones_of_its_person_alone(made):
    make_person(made, "ann")
    of_ann, first, second = make_link(made, "ann"), make_link(made), make_link(made)

    assert [look(made, code).status_code for code in (of_ann, first, second)] == [200, 404, 200]


def test_links_that_are_too_old_are_purged_when_one_is_made(made):
    make_link(made, "ada")
    made.clock.advance(30 * 60)
    make_link(made)

    assert len(made.rows("SELECT * FROM password_link")) == 1


def test_without_a_code_there_is_nothing(make_house):
    house = make_house(LIMIT_SIGN_IN="100 per minute")
    make_person(house, "ben")
    make_link(house)

    for code in ("", "x", "a" * 43, "ä", "\x00", "x" * 5000, "' OR 1=1 --"):
        assert look(house, code).status_code == 404, code
        assert send(house, code).status_code == 404, code
    assert house.client().get(PATH).status_code == 404


def test_pictures_on_pages_of_others_use_up_nobody_s_attempts(make_house):
    """A page of somebody else lets a browser ask; whoever shares its address can sign in all the same (CWE-645)."""
    house = make_house(LIMIT_SIGN_IN="3 per minute")
    make_person(house, "ben")
    code = make_link(house)
    picture = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
    followed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}

    for _ in range(5):
        assert house.client().get(PATH, query_string={"code": "wrong"}, headers=picture).status_code == 404

    assert house.rows("SELECT * FROM attempt") == []
    assert house.client().get(PATH, query_string={"code": code}, headers=followed).status_code == 200
    assert house.client().get(PATH, query_string={"code": "wrong"}, headers=followed).status_code == 404
    assert len(house.rows("SELECT * FROM attempt")) == 1


def test_who_tries_codes_is_stopped_and_who_has_a_good_one_is_not(make_house):
    house = make_house(LIMIT_SIGN_IN="3 per minute")
    make_person(house, "ben")
    code = make_link(house)
    for _ in range(3):
        assert look(house, "wrong").status_code == 404

    refused = look(house, "wrong")

    assert refused.status_code == 429 and int(refused.headers["Retry-After"]) > 0
    assert send(house, code).status_code == 303


def test_a_weak_password_is_refused_with_words_and_the_link_stays_good(made):
    code = make_link(made)

    for password in ("", "short", "benbenbenben", "p" * 1025, "nul\x00in-the-password"):
        answer = send(made, code, password)
        page = Page(answer.text)
        assert answer.status_code == 422, password
        assert page.one("input", name="password")["aria-invalid"] == "true"
        assert "value" not in page.one("input", name="password")
        assert page.one("input", name="code")["value"] == code
    assert send(made, code).status_code == 303


def test_every_session_of_its_person_ends(made):
    client, other = made.signed_in("ben"), made.signed_in("ada")

    send(made, make_link(made))

    assert (client.get("/account").status_code, other.get("/account").status_code) == (303, 200)


def test_whoever_is_signed_in_in_this_browser_stays_so_and_is_named(made):
    code, ada = make_link(made), made.signed_in("ada")

    page = look(made, code, ada)
    assert "In this browser <bdi>ada</bdi> is signed in" in page.text
    assert send(made, code, client=ada).status_code == 303

    assert ada.get("/admin").status_code == 200
    assert len(made.log("person.signed_in")) == 1 and made.log("person.signed_out") == []
    assert "In this browser" not in look(made, make_link(made), made.signed_in("ben")).text


def test_it_is_dead_where_its_person_is_switched_off(made):
    code, client = make_link(made), made.client()
    token = csrf_of(look(made, code, client))
    with made.app.app_context(), writing():
        people.revise(find_person("ben"), {"live": False}, by=made.by())

    assert look(made, code).status_code == 404
    assert client.post(PATH, data={"csrf_token": token, "code": code, "password": NEW}).status_code == 404
    assert made.rows("SELECT password_hash FROM person WHERE username = 'ben'") == [{"password_hash": None}]
    with pytest.raises(NotFound):
        make_link(made)
    with made.app.app_context(), writing():
        people.revise(find_person("ben"), {"live": True}, by=made.by())
    assert look(made, code).status_code == 404  # Nor does it come to life again.


@pytest.mark.parametrize("change", ["many switched off", "made administrator"])
def test_it_is_dead_where_its_person_became_more_or_less(made, change):
    code, ben = make_link(made), made.rows("SELECT id FROM person WHERE username = 'ben'")[0]["id"]
    with made.app.app_context(), writing():
        if change == "made administrator":
            people.revise(find_person("ben"), {"is_admin": True}, by=made.by())
        else:
            people.switch_off([ben], by=made.by())

    assert look(made, code).status_code == 404
    assert made.rows("SELECT * FROM password_link") == []


def test_it_is_dead_where_its_person_was_erased(made):
    code = make_link(made)
    with made.app.app_context(), writing():
        people.erase(find_person("ben"), by=made.by())

    assert look(made, code).status_code == 404
    assert made.rows("SELECT * FROM password_link") == []


def test_who_is_switched_off_between_the_look_and_the_act_gets_no_password(made):
    code = make_link(made)
    with made.app.app_context(), pytest.raises(NotFound), writing():
        db.session.execute(db.text("UPDATE person SET live = :live WHERE username = 'ben'"), {"live": False})
        password_links.use(code, "hash", by=made.by())


@pytest.mark.both_databases
def test_of_two_at_once_one_wins(made):
    code = make_link(made)
    clients = [made.client() for _ in range(4)]
    tokens = [csrf_of(look(made, code, client)) for client in clients]
    answers = {}

    def use(number):
        data = {"csrf_token": tokens[number], "code": code, "password": f"{NEW} {number}"}
        answers[number] = clients[number].post(PATH, data=data).status_code

    threads = [threading.Thread(target=use, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert set(answers.values()) <= {303, 404, 503} and list(answers.values()).count(303) == 1
    [winner] = [number for number, status in answers.items() if status == 303]
    made.sign_in("ben", f"{NEW} {winner}")
    assert len(made.log("person.password_set")) == 1


@pytest.mark.both_databases
def test_of_two_links_made_at_once_one_is_good(made):
    codes = []
    threads = [threading.Thread(target=lambda: codes.append(make_link(made))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(look(made, code).status_code for code in codes) == [200, 404, 404, 404]


def test_a_form_that_is_not_ours_sets_nothing(made):
    code, client = make_link(made), made.client()
    look(made, code, client)

    assert client.post(PATH, data={"code": code, "password": NEW}).status_code == 400
    assert look(made, code).status_code == 200


def test_names_are_shown_as_text(made):
    for text in HOSTILE:
        with made.app.app_context(), writing():
            find_person("ben").display_name = text
        page = Page(look(made, make_link(made), made.signed_in("ada")).text)
        assert page.texts["bdi"].count(text) == 2, text
        assert not page.all("img", src="x") and not page.all("script")


def test_the_command_line_sets_a_password_and_ends_links_too(made):
    code = make_link(made, "ada")

    made.run("create-admin", "ada", "--password-stdin", input=PASSWORD + "\n")

    assert look(made, code).status_code == 404
