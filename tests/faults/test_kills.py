"""Processes that end without being asked, and one that is: `kill -9`, a worker that hangs, SIGTERM, a killed migration."""

import multiprocessing
import os
import random
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import SEALING_KEY, House
from tests.faults.load import Load
from tests.faults.scale import scaled
from tests.faults.service import bring_up_to_date
from tests.faults.witness import SLACK, Witness, in_words, wait_until

pytestmark = pytest.mark.timeout(1200)
STARTS_WITHIN = 15 * SLACK  # The goal is 5 seconds; what it took is printed.


def test_a_worker_is_killed_again_and_again(site, tmp_path, told):
    site.service.start(within=STARTS_WITHIN)
    main, rng, kills = site.service.process.pid, random.Random(1), scaled(75, least=4)

    with Load(site, tmp_path / "answers") as load:
        witness, recoveries = Witness(site, load), []
        with witness:
            for _ in range(kills):
                time.sleep(2)
                os.kill(rng.choice(site.service.workers()), signal.SIGKILL)
                recoveries.append(witness.recovery(time.monotonic(), tokens=1))
        wait_until(lambda: len(site.service.workers()) == 2, what="a worker in the place of the killed one")

    assert site.service.process.poll() is None and site.service.process.pid == main
    slowest = witness.judge()
    told(f"kill -9 of a worker, {engine(site)}", f"{kills} times, {in_words(load, slowest, recoveries)}")


def test_the_whole_service_is_killed_and_started_again(site, tmp_path, told):
    site.service.start(within=STARTS_WITHIN)
    kills, starts = scaled(50, least=2), []

    with Load(site, tmp_path / "answers") as load:
        witness = Witness(site, load)
        with witness:
            for _ in range(kills):
                time.sleep(0.5)
                site.service.kill()
                starts.append(site.service.start(within=STARTS_WITHIN))
                load.wait_for_tokens(20, since=time.monotonic())

    slowest = witness.judge()
    told(f"kill -9 of the service, {engine(site)}", f"{kills} times, {in_words(load, slowest, starts)}")


def engine(site):
    """Return the name of the database a site is on."""
    return "PostgreSQL" if "DATABASE_URL" in site.overrides else "SQLite"


def test_no_worker_outlives_its_main_process(sqlite_site):
    sqlite_site.service.start(within=STARTS_WITHIN)
    workers = sqlite_site.service.workers()
    assert len(workers) == 2

    sqlite_site.service.kill()

    wait_until(lambda: not [pid for pid in workers if lives(pid)], 0.5 * SLACK, "no worker left")


def lives(pid):
    """Tell whether a process runs; one that ended and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_worker_that_hangs_costs_nothing_but_tokens_and_those_for_a_while(site, tmp_path, told):
    site.service.start(within=STARTS_WITHIN)
    rounds, seconds, recoveries = scaled(10, least=1), 3, []

    # Connections of the stopped worker wait for as long as it is stopped; their failures are as slow as that.
    with Load(site, tmp_path / "answers", clients=10) as load:
        witness = Witness(site, load)
        for number in range(rounds):
            time.sleep(0.5)
            stopped = site.service.workers()[number % 2]
            os.kill(stopped, signal.SIGSTOP)
            time.sleep(seconds)
            os.kill(stopped, signal.SIGCONT)
            recoveries.append(witness.recovery(time.monotonic()))

    slowest = witness.judge(waits=seconds)
    told(f"a worker that hangs, {engine(site)}", f"{rounds} times {seconds} s, {in_words(load, slowest, recoveries)}")


def test_told_to_stop_under_load_it_answers_what_it_took(site, tmp_path, told):
    stops, seconds = scaled(10, least=1), []
    site.service.start(within=STARTS_WITHIN)

    with Load(site, tmp_path / "answers") as load:
        witness = Witness(site, load)
        for _ in range(stops):
            load.wait_for_tokens(20, since=time.monotonic())
            began = time.monotonic()
            site.service.stop()
            seconds.append(time.monotonic() - began)
            assert site.service.process.returncode == 0
            site.service.start(within=STARTS_WITHIN)

    assert max(seconds) < 10, seconds
    slowest = witness.judge()
    told(f"SIGTERM, {engine(site)}", f"{stops} times, ended within {max(seconds):.1f} s, {in_words(load, slowest)}")


def test_a_migration_is_killed_at_any_moment_and_can_be_run_again(tmp_path, told):
    context = multiprocessing.get_context("forkserver")  # It loads the site once, and forks a child for each kill.
    context.set_forkserver_preload(["tests.faults.service"])
    overrides = {"INSTANCE": str(tmp_path / "instance"), "SEALING_KEY": SEALING_KEY}
    file, kills, killed, rng = tmp_path / "instance" / "mintmark.sqlite", scaled(50, least=5), 0, random.Random(2)
    first = migrated(context, overrides)
    began = time.monotonic()
    first.join()
    seconds, schema = time.monotonic() - began, tables_of(file)
    assert first.exitcode == 0 and len(schema) > 20

    for _ in range(kills):
        for path in file.parent.glob("mintmark.sqlite*"):
            path.unlink()
        process = migrated(context, overrides)
        process.join(rng.uniform(0, seconds))
        process.kill()
        process.join()
        killed += process.exitcode == -signal.SIGKILL
        assert tables_of(file) in ([], schema), "half a schema"
    last = migrated(context, overrides)
    last.join()

    assert killed, "each had done its work before"
    assert last.exitcode == 0 and tables_of(file) == schema
    house = House(overrides)
    assert len(house.rows("SELECT * FROM site")) == 1
    house.close()
    told("kill -9 of a migration, SQLite", f"{kills} times ({killed} before it was done), all or nothing of the schema")


def migrated(context, overrides):
    """Start a process that brings a database up to date; return it when it begins with that."""
    began = context.Event()
    process = context.Process(target=bring_up_to_date, args=(overrides, began))
    process.start()
    assert began.wait(30 * SLACK)
    return process


def tables_of(file):
    """Return the tables, columns and indexes of a file; nothing where there are none."""
    if not file.exists():
        return []
    with closing(sqlite3.connect(file)) as connection:
        names = connection.execute("SELECT type, name FROM sqlite_master ORDER BY type, name").fetchall()
        return [
            (*each, connection.execute("SELECT * FROM pragma_table_info(?)", each[1:]).fetchall()) for each in names
        ]
