"""Standard output: each line is JSON with its moment, whoever said it; and nobody waits for whoever does not read."""

import json
import logging
import os
import re
import sys
import threading
import time
import warnings

import pytest

from mintmark import output
from mintmark.output import MOST_WAITING, Handler, Lines, say, say_bug

MOMENT = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.fixture
def pipe():
    """A pipe; what is open of it is closed after the test."""
    ends = list(os.pipe())
    yield ends
    for each in ends:
        os.close(each)


@pytest.fixture
def said(monkeypatch):
    """What is said meanwhile, each line as it was read."""
    found = []
    monkeypatch.setattr(output, "lines", type("Kept", (), {"put": lambda _, line: not found.append(line)})())
    return found


def read_until(descriptor, words):
    found = b""
    deadline = time.monotonic() + 5
    while words not in found:
        assert time.monotonic() < deadline
        found += os.read(descriptor, 65536)
    return [json.loads(line) for line in found.decode().splitlines()]


def test_a_line_has_its_event_and_moment_and_no_sign_that_a_terminal_obeys(capsys):
    hostile = "a\nb\x1b[31m\x7f\x9b\u202e\u2066\ud800" + "x" * 1000

    say("request.refused", request="5f0c", path=hostile)

    [line] = capsys.readouterr().out.splitlines()
    assert line.isascii() and line.isprintable()
    read = json.loads(line)
    assert (read["event"], read["request"], read["path"]) == ("request.refused", "5f0c", hostile[:300])
    assert MOMENT.fullmatch(read["at"])


def test_what_libraries_log_and_warn_of_is_such_a_line_too(said, monkeypatch):
    logger = logging.getLogger("of.a.library")
    monkeypatch.setattr(logger, "handlers", [Handler()])
    logger.propagate = False

    logger.warning("two\nlines, %s", "one record")
    try:
        raise ValueError("CANARY-in-the-words")
    except ValueError:
        logger.exception("it failed with CANARY")

    first, second = map(json.loads, said)
    assert (first["event"], first["level"], first["by"]) == ("program.said", "warning", "of.a.library")
    assert first["words"] == "two\nlines, one record"
    assert (second["kind"], second["level"]) == ("ValueError", "error") and "test_output.py:" in second["place"]
    assert "CANARY" not in said[1]


def test_once_taken_over_warnings_and_errors_of_threads_are_lines(said, monkeypatch):
    for place, name in ((sys, "excepthook"), (sys, "unraisablehook"), (threading, "excepthook")):
        monkeypatch.setattr(place, name, getattr(place, name))
    monkeypatch.setattr(output.lines, "begin", lambda: None, raising=False)
    handlers, level = logging.root.handlers[:], logging.root.level
    try:
        output.take_over()
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            logging.captureWarnings(True)
            warnings.warn("soon gone", DeprecationWarning, stacklevel=1)
        thread = threading.Thread(target=lambda: 1 / 0)
        thread.start()
        thread.join()
        sys.excepthook(ValueError, ValueError("CANARY"), None)
    finally:
        logging.captureWarnings(False)
        logging.root.handlers[:] = handlers
        logging.root.setLevel(level)

    warned, failed, uncaught = map(json.loads, said)
    assert "soon gone" in warned["words"] and warned["by"] == "py.warnings"
    assert (failed["event"], failed["kind"]) == ("bug", "ZeroDivisionError")
    assert uncaught["kind"] == "ValueError" and "CANARY" not in "".join(said)


def test_nobody_waits_for_a_pipe_that_is_not_read_and_what_is_lost_is_counted(pipe):
    reading, writing = pipe
    lines = Lines(writing)
    lines.begin()
    line = json.dumps({"event": "x", "words": "y" * 200}) + "\n"

    began = time.monotonic()
    for _ in range(2 * MOST_WAITING):
        assert lines.put(line)
    lines.drain(0.05)
    assert time.monotonic() - began < 3

    read = []
    reader = threading.Thread(target=lambda: read.extend(iter(lambda: os.read(reading, 65536), b"")))
    reader.start()
    lines.drain(5)
    os.close(writing)
    pipe[1] = os.open(os.devnull, os.O_RDONLY)
    reader.join(5)
    found = [json.loads(line) for line in b"".join(read).decode().splitlines()]
    dropped = [each["lines"] for each in found if each["event"] == "output.dropped"]
    assert 0 < sum(dropped) <= MOST_WAITING and len(found) == 2 * MOST_WAITING - sum(dropped) + len(dropped)


def test_whoever_reads_may_be_gone_and_a_process_that_was_forked_says_its_own(pipe):
    reading, writing = pipe
    lines = Lines(writing)
    lines.begin()
    lines.put('{"event":"ours"}\n')
    lines.drain()
    child = os.fork()
    if not child:
        lines.put('{"event":"of the child"}\n')
        lines.drain()
        os._exit(0)
    os.waitpid(child, 0)

    assert read_until(reading, b"child") == [{"event": "ours"}, {"event": "of the child"}]

    os.close(reading)
    pipe[0] = os.open(os.devnull, os.O_RDONLY)
    lines.put('{"event":"to nobody"}\n')
    lines.drain()
    lines.put('{"event":"still alive"}\n')
    lines.drain()


def test_without_a_thread_of_its_own_a_line_is_written_at_once(capsys):
    assert not Lines().put("x\n")

    say_bug(RuntimeError("CANARY"), request=None)

    line = json.loads(capsys.readouterr().out)
    assert (line["event"], line["kind"], line["place"]) == ("bug", "RuntimeError", "nowhere")
