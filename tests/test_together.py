"""One does for all who wait: each gets its own, and whatever happens to whoever works, nobody is left without a word."""

import threading
import time

import jwt
import pytest

from mintmark.errors import Busy
from mintmark.models import together
from mintmark.models.together import Together
from tests.making import SECRET, make_asset, make_person

PEOPLE, EACH = 8, 30


def in_threads(work, amount):
    """Run `work(number)` in so many threads at once, and return what each returned or raised."""
    found, start = [None] * amount, threading.Barrier(amount)

    def run(number):
        start.wait(10)
        try:
            found[number] = work(number)
        except Exception as error:
            found[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(amount)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return found


def test_each_of_many_threads_gets_its_own_by_few_rounds():
    rounds = []

    def serve(take):
        places = take()
        rounds.append(len(places))
        time.sleep(0.001)
        for place in places:
            place.settle(place.asked * 2)

    many = Together(serve)

    found = in_threads(lambda number: [many.ask(number * 1000 + each) for each in range(EACH)], PEOPLE)

    assert found == [[(number * 1000 + each) * 2 for each in range(EACH)] for number in range(PEOPLE)]
    assert sum(rounds) == PEOPLE * EACH and max(rounds) > 1


def test_who_comes_before_the_places_are_taken_is_served_with_them():
    working, may_take = threading.Event(), threading.Event()

    def serve(take):
        working.set()
        may_take.wait(10)
        for place in take():
            place.settle(threading.current_thread().name)

    many = Together(serve)
    names = []
    threads = [
        threading.Thread(target=lambda: names.append(many.ask(1)), name=f"asker {number}") for number in range(4)
    ]
    threads[0].start()
    working.wait(10)
    for thread in threads[1:]:
        thread.start()
    while len(many._waiting) < 4:
        time.sleep(0.001)
    may_take.set()
    for thread in threads:
        thread.join(10)

    assert names == ["asker 0"] * 4


def test_all_who_wait_get_the_error_of_who_worked_and_the_next_one_asks_anew():
    broken = [ValueError("broken")]

    def serve(take):
        time.sleep(0.05)
        if broken:
            raise broken[0]
        for place in take():
            place.settle("well")

    many = Together(serve)

    found = in_threads(lambda number: many.ask(number), 4)

    assert found == broken * 4
    broken.clear()
    assert many.ask(1) == "well"


def test_what_nobody_settled_is_no_success():
    with pytest.raises(Busy):
        Together(lambda take: take()).ask(1)


def test_an_error_of_one_place_is_nobody_elses():
    def serve(take):
        for place in take():
            place.settle(place.asked) if place.asked else place.settle(error=KeyError("none"))

    many = Together(serve)

    found = in_threads(lambda number: many.ask(number), 3)

    assert isinstance(found[0], KeyError) and found[1:] == [1, 2]


def test_who_waits_for_one_that_hangs_is_busy_in_time(monkeypatch):
    monkeypatch.setattr(together, "BUSY_SECONDS", 0.05)
    working, end = threading.Event(), threading.Event()

    def serve(take):
        working.set()
        end.wait(10)
        for place in take():
            place.settle(place.asked)

    many, found = Together(serve), []
    first = threading.Thread(target=lambda: found.append(many.ask("first")))
    first.start()
    working.wait(10)

    with pytest.raises(Busy):
        many.ask("second")

    end.set()
    first.join(10)
    assert found == ["first"]


@pytest.mark.both_databases
def test_of_many_people_who_ask_at_once_each_gets_their_own_token(house):
    # Given people of their own and two assets that name themselves,
    for path in ("a", "b"):
        make_asset(house, path, '{"sub": "{{ user.username }}", "path": "{{ asset.path }}"}')
    names = [f"person{number}" for number in range(PEOPLE)]
    for name in names:
        make_person(house, name, password=None)
    clients = [house.signed_in(name) for name in names]

    # when all ask at once, again and again,
    def ask(number):
        paths = ["a", "b", "none"] * (EACH // 3)
        return [(path, clients[number].get("/" + path)) for path in paths]

    found = in_threads(ask, PEOPLE)

    # then each token is of who asked, for what was asked, and has its row.
    jtis = set()
    for name, answers in zip(names, found, strict=True):
        for path, answer in answers:
            assert answer.status_code == (404 if path == "none" else 200)
            if path != "none":
                claims = jwt.decode(
                    answer.text, SECRET, algorithms=["HS256"], options={"verify_exp": False, "verify_iat": False}
                )
                assert (claims["sub"], claims["path"]) == (name, path)
                jtis.add(claims["jti"])
    rows = house.log("token.issued")
    assert {row["jti"] for row in rows} == jtis and len(rows) == len(jtis) == PEOPLE * EACH * 2 // 3
