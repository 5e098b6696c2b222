"""Starting a server that somebody else wrote, for a test: found, ready, and ended with all that it started."""

import os
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager

from tests.conftest import skip_or_fail


def find_program(name, package):
    """Return where a program is. Skips, or fails in CI, where it is missing."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/usr/lib/dovecot")
    if not found:
        skip_or_fail(f"{name} is needed: apt-get install {package}")
    return found


def filled(path, **places):
    """Return a file of docs/ with what stands there for others to change, changed."""
    text = path.read_text()
    for said, ours in places.values():
        assert said in text, f"{path.name} does not say {said}"
        text = text.replace(said, ours)
    return text


@contextmanager
def running(command, log, is_ready, environ=None, seconds=10):
    """Run a command in a group of its own until the block ends; `is_ready` raises OSError until it is."""
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environ or {})},
            start_new_session=True,
        )
    try:
        _wait(process, log, is_ready, seconds)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


def _wait(process, log, is_ready, seconds):
    deadline = time.monotonic() + seconds
    while True:
        try:
            return is_ready()
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{process.args[0]} does not answer: {log.read_text()[-2000:]}") from None
            time.sleep(0.02)
