"""The queue of those who write to SQLite: one at a time, in turn, and nobody waits for the dead or without end."""

import gc
import os
import signal
import sys
import time
from contextlib import contextmanager, suppress

import pytest

from mintmark.errors import Busy
from mintmark.models import write_queue
from mintmark.models.patience import patience
from mintmark.models.write_queue import BUSY_SECONDS, WriteQueue
from tests.serving import wait_for


def forked(work):
    """Do something in a process forked from this one, which ends with 0 only where that went well; return its id."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        work()
        status = 0
    finally:
        os._exit(status)


@contextmanager
def process(work):
    """Do something in a process forked from this one; let it be killed at the end."""
    child = forked(work)
    try:
        yield child
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def hold(queue, sign):
    with queue:
        sign.touch()
        time.sleep(60)


@pytest.fixture
def queue(tmp_path):
    return WriteQueue(tmp_path / "queue")


def test_writers_of_several_processes_never_write_at_once_and_all_get_their_turn(queue, tmp_path):
    rounds, writers, notes = 300, 3, tmp_path / "notes"

    def write(name):
        for _ in range(rounds):
            with queue:
                with notes.open("a", buffering=1) as file:
                    file.write(f"{name} in\n")
                    file.write(f"{name} out\n")

    children = [forked(lambda name=name: write(name)) for name in range(writers)]
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * writers

    lines = notes.read_text().splitlines()
    assert len(lines) == 2 * rounds * writers
    assert all(first.replace(" in", " out") == second for first, second in zip(lines[::2], lines[1::2], strict=True))


def test_who_dies_with_the_turn_holds_up_nobody(queue, tmp_path):
    for number in range(3):
        sign = tmp_path / f"held-{number}"
        with process(lambda sign=sign: hold(queue, sign)):
            wait_for(sign.exists)

        began = time.monotonic()
        with queue:
            waited = time.monotonic() - began
        assert waited < BUSY_SECONDS / 2

    # Once the dead are forgotten, nobody waits for them again.
    began = time.monotonic()
    for _ in range(50):
        with queue:
            pass
    assert time.monotonic() - began < 50 * write_queue._LONGEST_SLEEP / 2


def test_who_stands_still_with_the_turn_is_waited_for_in_bounds(queue, tmp_path):
    sign = tmp_path / "held"
    with process(lambda: hold(queue, sign)) as holder:
        wait_for(sign.exists)
        os.kill(holder, signal.SIGSTOP)

        for seconds in (0.05, 0.4, None):
            began = time.monotonic()
            with patience(seconds), pytest.raises(Busy), queue:
                pass
            assert time.monotonic() - began < (seconds or BUSY_SECONDS) + 0.5

    # Then it ends, and the next has its turn.
    with queue:
        assert queue.rest <= BUSY_SECONDS


def test_processes_that_were_not_forked_from_one_wait_for_each_other_too(queue, tmp_path):
    sign = tmp_path / "held"
    with process(lambda: hold(WriteQueue(tmp_path / "queue"), sign)):
        wait_for(sign.exists)
        with patience(0.2), pytest.raises(Busy), queue:
            pass
    with queue:
        pass


@pytest.mark.parametrize("pauses", [[], [0.25], [0.25, 0.15]])
def test_who_waits_is_woken_and_need_not_ask_also_after_a_turn_that_took_long(queue, tmp_path, monkeypatch, pauses):
    asked, flock, turns, sign = [], write_queue.fcntl.flock, 60, tmp_path / "held"

    def write(pauses):
        for pause in [*pauses, *[0.004] * (2 * turns)]:
            with queue:
                sign.touch()
                time.sleep(pause)

    def count(file, operation):
        asked.append(operation)
        flock(file, operation)

    with process(lambda: write(pauses)):
        wait_for(sign.exists)
        for _ in range(len(pauses) + 2):
            with queue:
                time.sleep(0.004)
        monkeypatch.setattr(write_queue.fcntl, "flock", count)
        for _ in range(turns):
            with queue:
                time.sleep(0.004)

    # Two locks, and now and then one more attempt; by asking each millisecond it would be six.
    attempts = [each for each in asked if each & write_queue.fcntl.LOCK_NB]
    assert 2 * turns <= len(attempts) < 3 * turns


@pytest.mark.skipif(sys.platform != "linux", reason="There is no /proc to look in")
def test_a_queue_that_nobody_has_any_more_leaves_nothing_open(tmp_path):
    queue = WriteQueue(tmp_path / "queue")
    with queue:
        batons = [queue._turnstile._baton, queue._turn._baton]
    pipes = {os.readlink(f"/proc/self/fd/{end}") for baton in batons for end in (baton._from, baton._to)}
    assert len(pipes) == 2 and pipes <= open_now()

    del queue, batons
    gc.collect()

    assert not pipes & open_now()


def open_now():
    found = set()
    for each in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # The one with which they are listed.
            found.add(os.readlink(f"/proc/self/fd/{each}"))
    return found
