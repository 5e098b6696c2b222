"""A disk that takes nothing more, a database that cannot be written, is held by somebody else, or is damaged."""

import os
import resource
import shutil
import sqlite3
import subprocess
import time
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.conftest import House
from tests.faults.load import Load
from tests.faults.scale import scaled
from tests.faults.service import Site
from tests.faults.witness import SLACK, Witness, in_words
from tests.serving import jti_of, start_and_read

pytestmark = pytest.mark.timeout(900)
STARTS_WITHIN = 20 * SLACK
IS_ROOT = os.geteuid() == 0
MAY_MOUNT = IS_ROOT and subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode == 0


@contextmanager
def no_file_longer(service, size):
    """No process of a service may write behind so many bytes of any file, as where a disk or a quota is full.

    The limit is soft: whoever started the processes may lower it and raise it again, and need not be root.
    """
    pids = [service.process.pid, *service.workers()]
    before = resource.prlimit(pids[0], resource.RLIMIT_FSIZE)
    for pid in pids:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        for pid in pids:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


@contextmanager
def filled(folder):
    """Fill the file system of a folder to its last byte."""
    with (folder / "filling").open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1 << 6):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue
    try:
        yield
    finally:
        (folder / "filling").unlink()


@pytest.mark.parametrize("what", ["the log", "everything"])
def test_where_nothing_more_can_be_written_no_token_leaves_and_pages_are_read(sqlite_site, tmp_path, told, what):
    service, rounds, seconds, recoveries = sqlite_site.service, scaled(10, least=1), scaled(30.0, least=4.0), []
    service.start(within=STARTS_WITHIN)
    log = sqlite_site.database_file.with_name("mintmark.sqlite-wal")

    with Load(sqlite_site, tmp_path / "answers", clients=20) as load:
        witness = Witness(sqlite_site, load)
        for _ in range(rounds):
            load.wait_for_tokens(50, since=time.monotonic())
            with no_file_longer(service, log.stat().st_size + 20_000 if what == "the log" else 0):
                see_that_it_refuses(sqlite_site, load, seconds, may_give=what == "the log")
            recoveries.append(witness.recovery(time.monotonic()))

    slowest = witness.judge(may_break=False)
    assert load.statuses("fetch")[503] > 0
    fault = "disk full (no file may grow)" if what == "the log" else "nothing can be written"
    told(fault, f"{rounds} times {seconds:.0f} s, {in_words(load, slowest, recoveries)}")


def see_that_it_refuses(site, load, seconds, *, may_give=False):
    """See that nothing but 503 comes after a while, and that pages and key sets are read.

    `may_give`: where the log is copied back meanwhile, there is room for some rows more.
    """
    time.sleep(seconds / 2)
    since = time.monotonic()
    while time.monotonic() < since + seconds / 2:
        assert site.service.get("/admin/assets", site.administrator[0])[0] == 200
        assert site.service.get("/.well-known/jwks/key")[0] == 200
        time.sleep(0.5)
    came = {answer.status for answer in load.answers("fetch") if answer.began > since}
    assert came == {503} or (may_give and came <= {200, 503}), came


@pytest.mark.parametrize("size", ["32m"] * MAY_MOUNT)
def test_a_file_system_without_a_byte_left_costs_tokens_and_nothing_else(tmp_path, told, empty_sqlite, size):
    """Root alone mounts one; where somebody else runs the tests, the limit on every file above stands for it.

    SQLite's log has 16 MB before it is copied back (models/base.py), for which there has to be room.
    """
    instance = tmp_path / "instance"
    with small_file_system(instance, size):
        shutil.copy(empty_sqlite, instance / "mintmark.sqlite")
        site = Site({"INSTANCE": str(instance)}, tmp_path).prepare(people=20)
        try:
            site.service.start(within=STARTS_WITHIN)
            with Load(site, tmp_path / "answers", clients=20) as load:
                witness, recoveries = Witness(site, load), []
                for _ in range(rounds := scaled(10, least=1)):
                    load.wait_for_tokens(50, since=time.monotonic())
                    with filled(instance):
                        see_that_it_refuses(site, load, seconds=4.0)
                    recoveries.append(witness.recovery(time.monotonic()))
            slowest = witness.judge(may_break=False)
            told(f"disk full (a file system of {size})", f"{rounds} times, {in_words(load, slowest, recoveries)}")
        finally:
            site.stop()


@contextmanager
def small_file_system(folder, size):
    """Mount some memory at a folder."""
    folder.mkdir(mode=0o700)
    options = f"size={size},mode=0700"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_folder_that_is_read_only_stops_the_start_with_one_line_and_stays_as_it_is(sqlite_site):
    folder = sqlite_site.instance
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    without_power = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if IS_ROOT else []
    for path in folder.iterdir():
        path.chmod(0o400)
    folder.chmod(0o500)
    try:
        refused = start_and_read(sqlite_site.service.settings, command=without_power)
    finally:
        folder.chmod(0o700)

    assert refused.returncode == 1 and refused.stderr.startswith("error: "), refused.stderr[-500:]
    assert "Traceback" not in refused.stderr
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_database_locked_by_another_process_costs_an_early_503_and_no_threads(sqlite_site, tmp_path, told):
    service, rounds, seconds, recoveries = sqlite_site.service, scaled(10, least=1), scaled(30.0, least=6.0), []
    service.start(within=STARTS_WITHIN)

    with Load(sqlite_site, tmp_path / "answers") as load:
        witness = Witness(sqlite_site, load)
        for _ in range(rounds):
            load.wait_for_tokens(50, since=time.monotonic())
            threads = threads_of(service)
            with closing(sqlite3.connect(sqlite_site.database_file, isolation_level=None, timeout=20)) as other:
                other.execute("BEGIN IMMEDIATE")
                time.sleep(seconds)
                assert sqlite_site.service.get("/-/health")[0] == 200
                assert threads_of(service) <= threads + 6  # The recorder, the counter, what says lines.
                other.execute("ROLLBACK")
            recoveries.append(witness.recovery(time.monotonic()))

    slowest = witness.judge(may_break=False)
    told("SQLite locked by another process", f"{rounds} times {seconds:.0f} s, {in_words(load, slowest, recoveries)}")


def threads_of(service):
    """Count the threads of all workers."""
    return sum(len(list(Path(f"/proc/{pid}/task").iterdir())) for pid in service.workers())


def test_a_damaged_page_gives_no_token_without_a_row_and_nothing_but_503(sqlite_site, tmp_path, told):
    copies, statuses = scaled(30, least=3), {}
    page_size, pages = sqlite_site.rows("PRAGMA page_size")[0][0], sqlite_site.rows("PRAGMA page_count")[0][0]
    sqlite_site.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    roots = [root for (root,) in sqlite_site.rows(
        "SELECT rootpage FROM sqlite_master WHERE tbl_name IN ('log', 'person', 'session', 'asset', 'site')")]  # fmt: skip
    for number in range(copies):
        instance = tmp_path / f"damaged-{number}"
        shutil.copytree(sqlite_site.instance, instance)
        with (instance / "mintmark.sqlite").open("r+b") as file:
            file.seek((roots[number * 7 % len(roots)] - 1) * page_size)
            file.write(b"\xa5" * page_size)
        for status in fetch_from(sqlite_site, instance):
            statuses[status] = statuses.get(status, 0) + 1
    assert set(statuses) <= {200, 503, "refused to start"}, statuses
    assert statuses.keys() - {200}, statuses
    told("a damaged page", f"{copies} pages of {pages}, one at a time: {statuses}")


def fetch_from(site, instance):
    """Fetch tokens of a copy, and yield their statuses; each 200 has its row."""
    house = House({**site.overrides, "INSTANCE": str(instance)})
    house.clock.now = time.time()
    try:
        begun = house.run("init")
        if begun.exit_code:
            assert begun.output.startswith("error: "), begun.output
            yield "refused to start"
            return
        client = house.client(use_cookies=False)
        for number in range(4):
            answer = client.get("/a", headers={"Cookie": site.cookies[number]})
            assert answer.status_code == 200 or answer.data == b"", answer.status_code
            if answer.status_code == 200:
                jti = jti_of(answer.text)
                with closing(sqlite3.connect(instance / "mintmark.sqlite")) as connection:
                    rows = connection.execute("SELECT COUNT(*) FROM log WHERE +jti = ?", (jti,)).fetchone()
                assert rows == (1,)
            yield answer.status_code
    finally:
        house.close()
