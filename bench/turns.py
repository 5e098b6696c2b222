"""Turns: one service under load for some seconds, with what its processes took meanwhile."""

from typing import NamedTuple

from bench import load, postgresql, processes
from bench.serving import Service


class Turn(NamedTuple):
    """One turn: answers a second, milliseconds, MiB, and microseconds of processor time for each answer.

    `postgresql_us` is None without PostgreSQL, and where its processes cannot be seen.
    """

    rate: float
    p50: float
    p99: float
    memory: float
    cpu_us: float
    postgresql_us: float | None


def take(service: Service, path: str, seconds: int) -> Turn:
    """Put a service under load. Raises load.Void."""
    of_database = postgresql.processes_for(service.database_url) if service.database_url else None
    own = processes.tree(service.pid)
    before = processes.cpu_seconds(own), processes.cpu_seconds(of_database or ())
    seen = load.press(service.port, path, service.cookies, seconds)
    after = processes.cpu_seconds(own), processes.cpu_seconds(of_database or ())
    own_us, database_us = ((end - start) * 1e6 / seen.requests for start, end in zip(before, after, strict=True))
    memory = processes.memory_of(processes.tree(service.pid))
    return Turn(seen.rate, seen.p50, seen.p99, memory, own_us, database_us if of_database else None)
