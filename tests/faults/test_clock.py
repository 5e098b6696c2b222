"""The clock of the machine jumps: an hour ahead and back, ten years ahead, and a step within every request.

libfaketime (https://github.com/wolfcw/libfaketime) changes the clock of the service's processes alone, and leaves
the monotonic one. It reads `.faketimerc` in the home folder anew at each reading of the clock.
"""

import json
import time
from glob import glob

import jwt
import pytest

from tests.conftest import SECRET, House, skip_or_fail
from tests.faults.load import Load
from tests.faults.scale import scaled
from tests.faults.service import LIFETIME
from tests.faults.witness import SLACK, Witness, in_words

pytestmark = pytest.mark.timeout(900)
LIBRARY = "/usr/lib/*/faketime/libfaketimeMT.so.1"
HOUR, TEN_YEARS = 3600, 3652 * 86400


class FakeClock:
    """Starts a service under a clock of its own, and moves it."""

    def __init__(self, service, home):
        found = glob(LIBRARY)
        if not found:
            skip_or_fail("libfaketime is not there")
        self.file = home / ".faketimerc"
        self.move(0)
        environ = {"LD_PRELOAD": found[0], "HOME": str(home), "FAKETIME_NO_CACHE": "1", "DONT_FAKE_MONOTONIC": "1"}
        service.start(within=20 * SLACK, **environ, FAKETIME_DONT_FAKE_MONOTONIC="1")

    def move(self, seconds):
        """Let the service's clock be so many seconds ahead of the machine's."""
        draft = self.file.with_suffix(".new")
        draft.write_text(f"{seconds:+d}\n")
        draft.rename(self.file)


def test_the_clock_jumps_and_every_token_lives_as_configured(sqlite_site, tmp_path, told):
    clock = FakeClock(sqlite_site.service, tmp_path)
    rounds, seconds = scaled(10, least=1), scaled(6.0, least=2.0)

    with Load(sqlite_site, tmp_path / "answers", arrivals=0, clients=20) as load:
        witness = Witness(sqlite_site, load)
        for _ in range(rounds):
            for jump in (HOUR, 0, -HOUR, 0, TEN_YEARS, 0, 300, -300):
                clock.move(jump)
                time.sleep(seconds)
        clock.move(0)
        back = witness.recovery(time.monotonic())

    # A session is over after an hour without use, and none begins in the future: 403 in between is right.
    slowest = witness.judge(statuses=(200, 403, 503), may_break=False)
    told("clock +1 h, -1 h, +10 y, ±5 min", f"{rounds} times each, {in_words(load, slowest, [back])}")


def test_a_session_does_not_outlive_its_time_because_the_clock_went_back(sqlite_site, tmp_path):
    clock = FakeClock(sqlite_site.service, tmp_path)
    service, cookie = sqlite_site.service, sqlite_site.cookies[0]

    statuses = []
    for jump in (0, 13 * HOUR, 0, -HOUR, 0):
        clock.move(jump)
        time.sleep(0.2)
        statuses.append(service.get("/a", cookie)[0])

    assert statuses == [200, 403, 200, 403, 200]


@pytest.mark.parametrize(
    ("words", "jump"),
    [("an hour", HOUR), ("ten years", TEN_YEARS)],
)
def test_a_spent_token_stays_spent_though_the_clock_was_ahead_meanwhile(sqlite_site, tmp_path, told, words, jump):
    clock = FakeClock(sqlite_site.service, tmp_path)
    issuer, now = sqlite_site.issuer, int(time.time())
    claims = {**issuer["claims"], "iat": now, "exp": now + 300}
    tokens = [jwt.encode({**claims, "jti": f"spent-{number}"}, issuer["key"]) for number in range(5)]
    assert [post(sqlite_site.service, token) for token in tokens] == [200] * 5

    clock.move(jump)
    later = {**claims, "iat": now + jump, "exp": now + jump + 300}
    for number in range(3):  # Each that is spent takes old ones away.
        post(sqlite_site.service, jwt.encode({**later, "jti": f"later-{number}"}, issuer["key"]))
    tidy(sqlite_site, time.time() + jump)
    clock.move(0)
    again = [post(sqlite_site.service, token) for token in tokens]

    assert again == [401] * 5
    told(f"a spent sign-in token, the clock {words} ahead meanwhile", f"5 tokens again, answers {sorted(set(again))}")


def post(service, token):
    body, headers = json.dumps({"token": token}), {"Content-Type": "application/json"}
    return service.get("/auth/jwt", method="POST", body=body, headers=headers)[0]


def tidy(site, now):
    """Run `flask tidy` on a node whose clock is wrong."""
    house = House(site.overrides)
    house.clock.now = now
    assert house.run("tidy").exit_code == 0
    house.close()


def test_a_clock_that_steps_within_a_request_gives_one_reading_to_the_token(sqlite_site):
    house = House(sqlite_site.overrides)
    readings = iter(range(10**9))
    house.mint.clock = lambda: time.time() + next(readings) % 2 * TEN_YEARS  # Every other reading is ten years off.

    client = house.client(use_cookies=False)
    answers = [client.get("/a", headers={"Cookie": cookie}) for cookie in sqlite_site.cookies for _ in range(2)]

    claims = [jwt.decode(each.text, SECRET, algorithms=["HS256"], options={"verify_iat": False})
              for each in answers if each.status_code == 200]  # fmt: skip
    assert {each.status_code for each in answers} <= {200, 403} and claims
    assert {each["exp"] - each["iat"] for each in claims} == {LIFETIME}
    house.close()
