"""Bare Flask: one route that returns 300 bytes, on the same server with the same number of workers."""

import os

from flask import Flask
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server import Server

app = Flask(__name__)


@app.get("/a")
def bare() -> str:
    """Return as many bytes as a small token has."""
    return "x" * 300


if __name__ == "__main__":
    Server(
        "bench.bare:app",
        address="127.0.0.1",
        port=int(os.environ["PORT"]),
        interface=Interfaces.WSGI,
        workers=2,
        blocking_threads=4,
        log_level=LogLevels.warning,
    ).serve()
