"""A node whose clock runs fast: `python -m tests.fast_site`, for tests that live through hours in seconds.

All nodes, and the test, count from the same moment of the machine's monotonic clock.
"""

import os
import time

from app import create_app
from tests.conftest import START
from tests.serving import threaded_server


def fast_clock(began, speed):
    """Return a clock that showed START when the machine's monotonic clock showed `began`."""
    return lambda: START + (time.monotonic() - began) * speed


def main():
    """Serve at FAST_PORT until the process is ended."""
    clock = fast_clock(float(os.environ.pop("FAST_BEGAN")), float(os.environ.pop("FAST_SPEED")))
    threaded_server(create_app(clock=clock), int(os.environ.pop("FAST_PORT"))).serve_forever()


if __name__ == "__main__":
    main()
