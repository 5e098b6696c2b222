"""The power goes while tokens leave: what a disk must hold then, and what the site makes of what it holds.

Two halves of one proof for SQLite with `synchronous=FULL`. The first, by strace: no token leaves before the
write-ahead log, as it was written last, was handed to the disk. The second, by copies of the files of a frozen
service: whatever becomes of what was written after the last such moment (cut anywhere, or garbage), every token that a
client has keeps its row, and the database is whole. And wherever the log is cut, what is left is a beginning of it:
no row is lost before one that is kept. It proves nothing about a disk that lies about what it keeps.
"""

import os
import random
import re
import shutil
import signal
import sqlite3
import struct
import time
from contextlib import closing

import pytest

from tests.conftest import House, skip_or_fail
from tests.faults.load import Load
from tests.faults.scale import scaled
from tests.faults.witness import SLACK, Witness, in_words, jtis_of

pytestmark = pytest.mark.timeout(1800)
_HEADER, _FRAME_HEADER = 32, 24  # https://www.sqlite.org/fileformat.html#the_write_ahead_log


def test_no_token_leaves_before_the_disk_has_its_row(sqlite_site, tmp_path, told):
    if shutil.which("strace") is None:
        skip_or_fail("strace is not there")
    service, trace = sqlite_site.service, tmp_path / "trace"
    sqlite_site.folder = sqlite_site.instance  # The trace holds tokens; it is no file of the site.
    service.overrides["WORKERS"] = "1"
    calls = "trace=pwrite64,fdatasync,fsync,write,writev,sendto,sendmsg"
    service.start(within=30 * SLACK, command=["strace", "-f", "-y", "-s", "64", "-e", calls, "-o", str(trace)])

    # One after another: whatever is written to the log before an answer is the row of that answer.
    for _ in range(tokens := scaled(500, least=50)):
        assert service.get("/a", sqlite_site.cookies[0])[0] == 200
    os.kill(service.workers()[0], signal.SIGTERM)  # strace itself takes no signal; its child is the main process.
    service.process.wait(20 * SLACK)

    is_synced, left = True, 0
    for line in finished_calls(trace.read_text(errors="replace")):
        is_log = "mintmark.sqlite-wal>" in line.partition(",")[0]
        if is_log and "pwrite64(" in line:
            is_synced = False
        elif is_log and re.search(r"\bf(data)?sync\(", line):
            is_synced = True
        elif "HTTP/1.1 200" in line:
            assert is_synced, "a token left before its row was on the disk"
            left += 1
    assert left >= tokens
    told("power loss, what is written before a token leaves", f"{left} tokens, each after an fsync of the log")


def finished_calls(trace):
    """Yield the calls in an order that cannot flatter: a sync counts when it has ended, all else when it began."""
    begun = {}
    for line in trace.splitlines():
        pid = line.split(None, 1)[0]
        if "<unfinished" in line and "sync(" in line:
            begun[pid] = line
        elif "resumed>" in line:
            if pid in begun:
                yield begun.pop(pid)
        else:
            yield line


def test_whatever_was_not_on_the_disk_every_token_received_keeps_its_row(sqlite_site, tmp_path, told):
    rounds, cuts, rng, lost = scaled(20, least=4), scaled(20, least=5), random.Random(3), 0
    service = sqlite_site.service
    service.start(within=20 * SLACK)

    with Load(sqlite_site, tmp_path / "answers") as load:
        witness = Witness(sqlite_site, load)
        for number in range(rounds):
            load.wait_for_tokens(50, since=time.monotonic() + rng.random())
            folder = tmp_path / f"copy-{number}"
            with frozen(service):
                received = {jti for jti, _ in jtis_of(load.tokens())}
                copy_database(sqlite_site.database_file, folder)
            lost += see_power_losses(folder, received, cuts, rng)
            shutil.rmtree(folder)
    slowest = witness.judge()

    told("power loss, the log cut", f"{rounds} copies under load, {cuts} cuts of each, {lost} cut away the last "
         f"commit; {in_words(load, slowest)}")  # fmt: skip


class frozen:
    """A service that does nothing for a moment: nothing is between two of its files."""

    def __init__(self, service):
        self.pids = [service.process.pid, *service.workers()]

    def __enter__(self):
        for pid in self.pids:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(0.05)

    def __exit__(self, *exc):
        for pid in self.pids:
            os.kill(pid, signal.SIGCONT)


def copy_database(file, folder):
    """Copy what a disk would have at this moment: database and write-ahead log, not the index in memory."""
    folder.mkdir()
    for suffix in ("", "-wal"):
        shutil.copy(file.with_name(file.name + suffix), folder)


def see_power_losses(folder, received, cuts, rng):
    """Cut a copy's log at many places; return in how many of them the last commit was cut away."""
    log = (folder / "mintmark.sqlite-wal").read_bytes()
    whole = rows_after(folder, log)
    ids = sorted(whole)
    assert received <= set(whole.values()), "a token without a row in what the disk has"
    # There is one writer at a time, which syncs what it wrote before the next begins: all before the last commit is on
    # the disk. The last one is too, once a token of it was received.
    before_last, end = last_commit(log)
    cut_away = 0
    for _ in range(cuts):
        at = rng.randrange(before_last, end + 1)
        left = rows_after(folder, log[:at] + rng.randbytes(rng.choice((0, 100, 5000))))
        assert set(left.values()) in (set(whole.values()), set(rows_after(folder, log[:before_last]).values()))
        cut_away += left.keys() != whole.keys()
        gone = received - set(left.values())
        assert not gone or is_of_last_commit(gone, whole, folder, log[:before_last])
        anywhere = rows_after(folder, log[: rng.randrange(len(log) + 1)])
        assert sorted(anywhere) == ids[: len(anywhere)], "a row is lost before one that is kept"
    return cut_away


def is_of_last_commit(gone, whole, folder, log):
    """Tell whether these are of the commit that stands last: received, so it was synced, and no power cut takes it."""
    return gone <= set(whole.values()) - set(rows_after(folder, log).values())


def rows_after(folder, log):
    """Open a copy with this log, as a start after the power loss does; return id → jti of its tokens."""
    opened = folder / "opened"
    opened.mkdir(exist_ok=True)
    for path in opened.iterdir():
        path.unlink()
    shutil.copy(folder / "mintmark.sqlite", opened)
    (opened / "mintmark.sqlite-wal").write_bytes(log)
    with closing(sqlite3.connect(opened / "mintmark.sqlite")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return dict(connection.execute("SELECT id, jti FROM log WHERE event = 'token.issued'").fetchall())


def last_commit(log):
    """Return where the last commit of a log begins, and where it ends."""
    page = struct.unpack(">I", log[8:12])[0]
    salts, ends, place = log[16:24], [_HEADER], _HEADER
    while place + _FRAME_HEADER + page <= len(log) and log[place + 8 : place + 16] == salts:
        is_commit = struct.unpack(">I", log[place + 4 : place + 8])[0] != 0
        place += _FRAME_HEADER + page
        if is_commit:
            ends.append(place)
    return (ends[-2] if len(ends) > 1 else _HEADER), ends[-1]


def test_the_site_starts_on_what_a_power_loss_left(sqlite_site, tmp_path):
    sqlite_site.service.start(within=20 * SLACK)
    with Load(sqlite_site, tmp_path / "answers", clients=10) as load:
        load.wait_for_tokens(50)
        with frozen(sqlite_site.service):
            copy_database(sqlite_site.database_file, tmp_path / "after")
    log = tmp_path / "after" / "mintmark.sqlite-wal"
    os.truncate(log, log.stat().st_size - 3000)

    house = House({**sqlite_site.overrides, "INSTANCE": str(tmp_path / "after")})
    answer = house.run("init")
    house.clock.now = time.time()

    assert answer.exit_code == 0, answer.output
    assert house.signed_in("p1").get("/a").status_code == 200
    house.close()
