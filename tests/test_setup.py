"""The first administrator: by the printed link, once (ASVS 6.3.2)."""

import threading

import pytest

from mintmark import site
from tests.conftest import PASSWORD, csrf_of
from tests.making import make_person

pytestmark = pytest.mark.both_databases


def code_of(house):
    with house.app.app_context():
        return site.setup_code(sealer=house.mint.settings.sealer)


def test_the_link_makes_the_first_administrator_and_signs_them_in(house):
    client, code = house.client(), code_of(house)

    answer = house.post_form(client, "/setup", page=f"/setup?code={code}", code=code, username="ada", password=PASSWORD)

    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert client.get("/").status_code == 200
    person = house.rows("SELECT is_admin, live FROM person")[0]
    assert (bool(person["is_admin"]), bool(person["live"])) == (True, True)
    assert [row["event"] for row in house.log()] == ["person.created", "site.set_up", "person.signed_in"]
    assert [(row["address"], len(row["request"])) for row in house.log()] == [("127.0.0.1", 16)] * 3


def test_once_used_it_is_404_for_ever(house):
    client, code = house.client(), code_of(house)
    page = client.get(f"/setup?code={code}")
    house.post_form(house.client(), "/setup", page=f"/setup?code={code}", code=code, username="ada", password=PASSWORD)
    data = {"csrf_token": csrf_of(page), "code": code, "username": "eve", "password": PASSWORD}

    assert client.post("/setup", data=data).status_code == 404
    assert client.get(f"/setup?code={code}").status_code == 404
    assert code_of(house) is None
    assert len(house.rows("SELECT * FROM person")) == 1


@pytest.mark.parametrize("code", ["", "x", "a" * 32, "ä", "\x00"])
def test_without_the_code_there_is_nothing(house, code):
    assert house.client().get("/setup", query_string={"code": code}).status_code == 404


@pytest.mark.parametrize(
    ("username", "password", "field"),
    [("", PASSWORD, "username"), (" ada", PASSWORD, "username"), ("a\u200bda", PASSWORD, "username"), ("ada", "short", "password"),
     ("e\u0301", PASSWORD, "username"), ("x" * 151, PASSWORD, "username"), ("ada", "adaadaadaada", "password")],
)  # fmt: skip
def test_bad_input_shows_the_form_again_with_what_to_do_and_the_code_stays_good(house, username, password, field):
    client, code = house.client(), code_of(house)

    answer = house.post_form(
        client, "/setup", page=f"/setup?code={code}", code=code, username=username, password=password
    )

    assert answer.status_code == 422
    assert code in answer.text and (len(password) < 5 or password not in answer.text)
    assert code_of(house) == code


def test_the_code_is_the_same_at_every_start_and_stands_nowhere_in_the_database(house, make_house):
    code = code_of(house)

    assert code_of(make_house()) == code
    assert code not in str(house.rows("SELECT * FROM site"))


def test_of_two_at_once_one_wins(house):
    code = code_of(house)
    clients = [house.client() for _ in range(4)]
    pages = [csrf_of(client.get(f"/setup?code={code}")) for client in clients]
    answers = []

    def send(client, token, name):
        data = {"csrf_token": token, "code": code, "username": name, "password": PASSWORD}
        answers.append(client.post("/setup", data=data).status_code)

    threads = [
        threading.Thread(target=send, args=(client, token, f"a{i}"))
        for i, (client, token) in enumerate(zip(clients, pages, strict=True))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answers)[0] == 303 and set(answers[1:]) | set(answers[:-1]) <= {303, 404, 503}
    assert answers.count(303) == 1
    assert len(house.rows("SELECT * FROM person")) == 1


def test_create_admin_closes_the_link_and_never_echoes(house):
    result = house.run("create-admin", "ada", "--password-stdin", input=PASSWORD + "\n")

    assert result.exit_code == 0, result.output
    assert result.output == "ada was made, and is an administrator.\n"
    assert code_of(house) is None
    house.sign_in("ada")


def test_create_admin_makes_an_existing_person_administrator_and_switches_them_on(house):
    make_person(house, "mallory", live=False)

    result = house.run("create-admin", "Mallory", "--password-stdin", input="another long password\n")

    assert (result.exit_code, result.output) == (0, "Mallory is an administrator.\n")
    assert bool(house.rows("SELECT is_admin FROM person")[0]["is_admin"])
    house.sign_in("mallory", "another long password")
    assert {row["actor"].split(":")[0] for row in house.log("person.password_set")} == {"command"}


@pytest.mark.parametrize(("username", "password"), [("ada", "short"), (" ", PASSWORD), ("ada", "")])
def test_create_admin_refuses_with_one_line(house, username, password):
    result = house.run("create-admin", username, "--password-stdin", input=password + "\n")

    assert result.exit_code == 1
    assert result.stderr.startswith("error: ")
    assert house.rows("SELECT * FROM person") == []


def test_create_admin_without_a_terminal_asks_for_the_flag(house):
    result = house.run("create-admin", "ada")

    assert result.exit_code == 1
    assert "--password-stdin" in result.stderr
