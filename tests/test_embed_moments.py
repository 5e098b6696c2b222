"""mintmark.js over hours and days: when it asks, when it waits, and whose token it gives.

The stories are told in Node, on a clock that they move (`tests/node/moments.mjs`); here stands what they have to see.
"""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import skip_or_fail

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def seen():
    """What each story saw, told once."""
    node = shutil.which("node") or skip_or_fail("There is no node on the PATH")
    command = [node, HERE / "node/moments.mjs", HERE.parent / "static/mintmark.js"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_definite_refusal_takes_the_former_token_away(seen):
    found = seen["what_is_refused_for_good_is_given_no_more"]

    assert found == {why: ["ben", f"refused {why}"] for why in ("not-a-reader", "origin", "404", "400")}


def test_what_may_pass_leaves_the_token_until_it_expires(seen):
    found = seen["what_may_pass_takes_nothing_away"]

    assert found == {status: ["ben", "ben", f"refused {status}"] for status in ("0", "429", "503", "500")}


@pytest.mark.parametrize("life", ["endless", "31536000"])
def test_a_token_is_asked_for_again_after_an_hour_at_most(seen, life):
    times, least, most, heard, got = seen["a_token_without_an_end_or_of_a_year_is_asked_for_within_the_hour"][life]

    assert 24 <= times <= 32 and 2700 <= least < most <= 3600
    assert (heard, got) == ("signed out", "refused sign-in")


def test_coming_back_after_an_hour_asks_and_so_does_get(seen):
    woken, got, heard, late, again = seen["a_page_that_slept_asks_when_somebody_comes_back_and_when_it_is_asked"]

    assert woken == heard == ["signed out"] and got == "refused sign-in"
    assert late == again == "ben", "where the site does not answer, a good token is good"


def test_when_somebody_else_signs_in_the_page_is_told_and_given_nothing_until_it_asks(seen):
    heard, requests, got, later = seen["a_token_of_somebody_else_is_given_to_nobody_who_did_not_ask_anew"]

    assert heard == ["token of ben", "signed out"] and requests == 2
    assert got == "eve" and later == [*heard, "token of eve"]


def test_whoever_waits_for_a_renewal_gets_an_error_and_no_other_persons_token(seen):
    waiting, anew, heard = seen["whoever_waits_for_a_renewal_is_not_given_somebody_elses"]

    assert (waiting, anew, heard) == ("refused somebody-else", "eve", ["signed out"])


def test_somebody_else_is_noticed_after_a_refusal_and_told_once_after_a_sign_out(seen):
    lost, got, left = seen["somebody_else_is_noticed_also_after_a_refusal_and_not_after_a_sign_out"]

    assert lost == ["token of ben", "signed out"]
    assert (got, left) == ("eve", ["signed out"])
    assert seen["a_subject_that_is_no_text_is_one_person"] == []


def test_one_fault_is_tried_again_and_the_page_does_not_hear_of_it(seen):
    found = seen["one_fault_is_tried_again_and_not_told"]

    for status, (first, got, heard, (at_once, again)) in found.items():
        assert (first, got, heard, at_once) == ("nothing yet", "ben", [], 0)
        assert again == 20 if status == "429" else 1 <= again < 2


def test_while_the_site_said_to_wait_nobody_asks(seen):
    often, got, before, flapped, after = seen["nobody_asks_while_the_site_said_to_wait"]

    assert (often, got) == (1, "refused 429")  # Of 108 get(), with Retry-After: 600.
    assert (before, flapped, after) == (1, 0, 1)  # 20 times `online` within a minute of Retry-After: 120.


def test_what_is_refused_is_asked_for_a_few_times_a_minute_at_most(seen):
    found = seen["what_is_refused_is_not_asked_for_all_the_time"]

    assert found.pop("500") <= 12  # Each of these is two.
    assert found == {"not-a-reader": 2, "sign-in": 12, "404": 2}  # Of 600 get() each.
    assert seen["listeners_that_ask_again_at_once_make_no_circle"] == [[1, 1], [1, 1], [2, 1]]


def test_whoever_signs_in_again_has_a_token_soon(seen):
    found = seen["whoever_signs_in_again_has_a_token_five_seconds_after_the_refusal"]

    assert found == ["refused sign-in", "refused sign-in", "ben", ["signed out"], 2]


def test_where_the_connection_is_there_again_it_asks_at_once(seen):
    asked, heard, refused = seen["online_tries_at_once_what_nobody_asked_to_wait_with"]

    assert (asked, heard, refused) == (1, "token of ben", 1)
