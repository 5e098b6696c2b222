"""The bench: what it computes from what it saw, what voids a run, and that no README says another figure."""

import http.server
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as ElementTree
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import skip_or_fail

from bench import (
    growth,
    growth_report,
    load,
    nodes,
    picture,
    postgresql,
    processes,
    report,
    results,
    serving,
    sharing,
    steps,
    storage,
)

ROOT = Path(__file__).parent.parent
PRINTED = """Running 4s test @ http://127.0.0.1:8000/a
  Latency Distribution
     50%  812.00us
     75%    2.50ms
     90%    5.00ms
     99%    1.25s
  4000 requests in 4.00s, 2.00MB read
{problem}Requests/sec:   1000.50
Transfer/sec:      0.50MB
"""
MACHINE = {
    "measured_at": "2026-01-01",
    "cores": 2,
    "cpu": "a CPU",
    "python": "3.11",
    "commit": "abc",
    "storage": "SQLite on ext4",
    "load_average": 0.1,
}


def turn(rate, p99=10.0, memory=100.0, postgresql_us=None):
    return {"rate": rate, "p50": 1.0, "p99": p99, "memory": memory, "cpu_us": 50.0, "postgresql_us": postgresql_us}


def found(**taken):
    return {
        "machine": MACHINE,
        "rounds": 2,
        "seconds": 4,
        "skipped": {"better-auth": "there is no Node"},
        "turns": taken,
    }


def test_what_wrk_printed_is_read_in_milliseconds():
    assert load.read(PRINTED.format(problem="")) == (4000, 1000.5, 0.812, 1250.0)


@pytest.mark.parametrize(
    "problem", ["  Non-2xx or 3xx responses: 1\n", "  Socket errors: connect 0, read 1, write 0, timeout 0\n"]
)
def test_a_failed_answer_under_load_voids_the_run(problem):
    with pytest.raises(load.Void, match="not every answer was 200"):
        load.read(PRINTED.format(problem=problem))


def test_a_run_without_answers_is_void():
    with pytest.raises(load.Void, match="no answer"):
        load.read(PRINTED.format(problem="").replace("4000 requests", "0 requests"))


@contextmanager
def answering(status, body):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01))
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "body", "is_void"),
    [(200, b"eyJh.eyJz.c2ln", False), (200, b"please sign in", True), (302, b"eyJh.eyJz.c2ln", True), (403, b"", True)],
)
def test_before_and_after_each_person_must_get_a_token(tmp_path, status, body, is_void):
    cookies = tmp_path / "cookies"
    cookies.write_text("mintmark=a")
    with answering(status, body) as port:
        if is_void:
            with pytest.raises(load.Void, match=f"answered {status}"):
                load.ask_all(port, "/a", cookies, load.TOKEN)
        else:
            load.ask_all(port, "/a", cookies, load.TOKEN)


def test_ratios_are_of_each_round_and_not_of_medians():
    turns = {"bare": [turn(100), turn(1000), turn(10)], "full": [turn(50), turn(400), turn(9)]}

    assert report.ratios(turns, "full", "bare") == (0.4, 0.5, 0.9)
    assert report.median(turns, "full", "rate") == 50
    assert report.median(turns, "full", "postgresql_us") is None


def test_each_goal_is_judged_by_its_own_figure_and_left_out_without_one():
    turns = {"bare": [turn(100, p99=10)], "full": [turn(45, p99=30, memory=160)], "django": [turn(4)]}

    words = {each.goal.words: each.word for each in report.verdicts(turns)}

    assert words == {
        "SQLite FULL against bare Flask": "holds",
        "SQLite FULL against Django": "as wanted",
        "p99 of SQLite FULL against bare Flask": "missed",
        "MiB of SQLite FULL": "holds",
    }


def test_the_tables_show_what_was_measured_and_say_what_was_left_out():
    block = report.block(found(bare=[turn(1000), turn(2000)], postgresql=[turn(300, postgresql_us=80), turn(720)]))

    assert "2 cores of a CPU" in block and "SQLite on ext4" in block and "2 rounds of 4 s" in block
    assert "| Mintmark, PostgreSQL | 510 | 1.0 | 10.0 | 0.30  0.33  0.36 | 100 | 50 | 80 |" in block
    assert "| PostgreSQL against bare Flask | ≥ 0.3 × | ≥ 0.4 × | 0.33 × | holds |" in block
    assert "Without better-auth: there is no Node." in block


def test_the_picture_is_well_formed_and_has_a_bar_for_each_contender():
    drawn = report.drawing({"bare": [turn(100)], "full": [turn(45)], "django": [turn(4)]})
    root = ElementTree.fromstring(drawn)
    bars = [each.get("class") for each in root.iter("{http://www.w3.org/2000/svg}rect")]

    assert bars == ["bar own", "bar"]
    assert "prefers-color-scheme: dark" in drawn


def test_words_in_the_picture_are_escaped():
    drawn = picture.draw([picture.Bar("<&>", 0.1, 0.2, 0.3, is_own=False)], 'a "title"')

    assert [each.text for each in ElementTree.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")][-2] == "<&>"


def test_a_block_is_put_between_its_markers_and_nowhere_else():
    text = "before\n<!-- a -->\nold\n<!-- end of a -->\nafter <!-- b -->\n"

    once = results.put_block(text, "a", "new | table")

    assert once == "before\n<!-- a -->\nnew | table\n<!-- end of a -->\nafter <!-- b -->\n"
    assert results.put_block(once, "a", "new | table") == once
    with pytest.raises(ValueError, match="markers of the block 'b'"):
        results.put_block(text, "b", "new")


def test_two_nodes_scale_by_what_a_token_costs_each():
    one, two = {"rate": 1, "node": 0.0002, "postgresql": 0.0001}, {"rate": 1, "node": 0.00021, "postgresql": 0.00014}
    measured = {"machine": MACHINE, "rounds": 1, "seconds": 4, "one": [one], "two": [two]}

    assert nodes.scaling(measured) == pytest.approx(1.905, abs=0.001)
    assert nodes.wall(measured) == pytest.approx(1.5)
    words = nodes.block(measured)
    assert (
        "By processor time alone two nodes would make 1.90 times the tokens of one (goal: at least 1.8; holds)" in words
    )
    assert "Waiting (locks, connections, network, disk) is not in it" in words


def test_two_nodes_that_make_clearly_fewer_tokens_than_one_on_the_same_cores_void_the_run():
    def of(*rates):
        return [{"rate": rate, "node": 0.0002, "postgresql": 0.0001} for rate in rates]

    nodes.see_that_they_do_not_wait({"one": of(100, 200, 100), "two": of(80, 250, 10)})
    with pytest.raises(load.Void, match="0.79 times the tokens .* they wait for something"):
        nodes.see_that_they_do_not_wait({"one": of(100, 200), "two": of(81, 154)})


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/srv/a", "ext4"), ("/tmp/a", "tmpfs"), ("/tmpfile", "ext4"), ("/mnt/a disk/b", "xfs"), ("/twice/a", "ramfs")],
)
def test_the_file_system_of_a_path_is_that_of_the_nearest_mount(tmp_path, path, kind):
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
        "28 27 0:30 / /tmp rw shared:2 master:1 - tmpfs tmpfs rw\n"
        "29 27 254:1 / /mnt/a\\040disk rw - xfs /dev/vdb rw\n"
        "30 27 254:1 / /twice rw - xfs /dev/vdb rw\n"
        "31 27 0:31 / /twice rw - ramfs none rw\n"
    )

    assert storage.file_system(Path(path), mounts) == kind


def test_a_run_whose_databases_would_be_in_memory_is_void(tmp_path):
    mounts = tmp_path / "mountinfo"
    mounts.write_text("27 1 0:30 / / rw - tmpfs tmpfs rw\n")

    with pytest.raises(load.Void, match=r"in memory \(tmpfs\).*TMPDIR"):
        storage.of_sqlite(tmp_path, mounts)


def test_it_is_said_whether_a_commit_of_postgresql_waits_for_the_disk():
    if reason := postgresql.find_reason_not_to():
        skip_or_fail(reason)

    assert re.fullmatch(
        r"PostgreSQL [\d.]+( on \w+)? \(fsync (on|off), synchronous_commit \w+\)", storage.of_postgresql()
    )


def test_the_blocks_that_a_run_is_to_fill_are_there_before_it_begins():
    for name in ("make bench", nodes.BLOCK, steps.BLOCK, sharing.BLOCK, growth.BLOCK):
        assert results.find_reason_not_to_write(name) is None

    assert results.find_reason_not_to_write("b") == "the markers of the block 'b' are missing in bench/README.md"


def test_a_program_that_does_not_serve_is_ended_with_its_words(tmp_path):
    command = [sys.executable, "-c", "import sys; sys.exit('no such setting')"]

    with pytest.raises(serving.NotServing, match="no such setting"):
        with serving.running(command, {}, port=serving.free_port(), printed=tmp_path / "log"):
            pass


def test_a_program_is_ended_with_all_that_it_started(tmp_path):
    port = serving.free_port()
    script = f"sleep 60 & exec {sys.executable} -m http.server --bind 127.0.0.1 {port}"
    with serving.running(["sh", "-c", script], {}, port=port, printed=tmp_path / "log") as pid:
        family = processes.tree(pid)
        assert len(family) == 2 and processes.memory_of(family) > 1 and processes.cpu_seconds(family) > 0

    deadline = time.monotonic() + 5
    while any(is_alive(each) for each in family) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [each for each in family if is_alive(each)] == []


def is_alive(pid):
    """Tell whether it runs: nobody may have asked for the end of an orphan yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_what_the_readmes_say_of_speed_is_what_was_measured():
    own, front = results.README.read_text(), results.FRONT_README.read_text()
    if results.RESULTS.exists():
        measured = json.loads(results.RESULTS.read_text())
        assert results.put_block(own, "make bench", report.readme_block(measured)) == own
        assert results.RESULTS.with_suffix(".svg").read_text() == report.drawing(measured["turns"])
        if results.has_block(front, "speed"):
            assert results.put_block(front, "speed", report.short_table(measured["turns"])) == front
            front = results.put_block(front, "speed", "")
    if nodes.RESULTS.exists():
        measured = json.loads(nodes.RESULTS.read_text())
        assert results.put_block(own, nodes.BLOCK, nodes.block(measured)) == own
    if growth.RESULTS.exists():
        measured = json.loads(growth.RESULTS.read_text())
        assert results.put_block(own, growth.BLOCK, growth_report.block(measured)) == own
    figures = [line for line in front.splitlines() if re.search(r"bare Flask|tokens (a|per) second|p99", line)]
    assert [line for line in figures if re.search(r"\d", line)] == []


def test_what_better_auth_is_installed_from_names_no_registry():
    lock = json.loads((ROOT / "bench/peers/better_auth/package-lock.json").read_text())

    assert [name for name, each in lock["packages"].items() if "resolved" in each] == []
    assert all("integrity" in each for name, each in lock["packages"].items() if name)


def test_a_step_is_known_by_its_least_try():
    slow_ones = iter([200_000, 1, 200_000])

    assert steps.least(lambda: sum(range(next(slow_ones))), rounds=3, at_once=1) < 0.001


@pytest.mark.slow
def test_each_step_of_a_token_is_measured_in_one_process(disk):
    environ = {**os.environ, "TMPDIR": str(disk)}
    command = [sys.executable, "-m", "bench.steps", "--rows", "100", "--rounds", "1"]

    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stderr
    rows = dict(re.findall(r"^\| (.+?) \| ([\d.]+) \|$", done.stdout, re.MULTILINE))
    assert len(rows) > 10 and all(float(each) > 0 for each in rows.values())
    assert re.search(
        r"A row adds \d+\.\d kB to the write-ahead log alone in its commit, \d+\.\d as one of 4\.", done.stdout
    )
    assert list(disk.iterdir()) == []


@pytest.mark.slow
def test_what_processes_cost_each_other_is_measured_without_a_server(disk):
    if reason := postgresql.find_reason_not_to():
        skip_or_fail(reason)
    environ = {**os.environ, "TMPDIR": str(disk)}
    command = [sys.executable, "-m", "bench.sharing", "--seconds", "1", "--rounds", "1"]

    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=90)

    assert done.returncode == 0, done.stderr
    rows = re.findall(
        r"^\| (.+?) \| ([12]) \| ([\d,]+) \| (\d+) \| (\d+) \| ([\d.]+) \| (\d+)% \|$", done.stdout, re.MULTILINE
    )
    assert [row[:2] for row in rows] == [
        (kind, processes) for kind in ("SQLite NORMAL", "SQLite FULL", "PostgreSQL") for processes in "12"
    ]
    for *_, tokens, spent, in_kernel, _waits, busy in rows:
        assert int(tokens.replace(",", "")) > 20 and 0 < int(in_kernel) < int(spent) and int(busy) <= 100
    assert list(disk.iterdir()) == []


@pytest.fixture
def disk():
    """A folder on a disk: /tmp is in memory on some machines, where the bench refuses to measure."""
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="mintmark-test-") as folder:
        try:
            storage.of_sqlite(Path(folder))
        except load.Void as reason:
            skip_or_fail(str(reason))
        yield Path(folder)


@pytest.mark.slow
def test_the_bench_measures_bare_flask_and_a_site_and_leaves_nothing_behind(disk):
    if reason := load.find_reason_not_to():
        skip_or_fail(reason)
    command = [sys.executable, "-m", "bench", "--rounds", "1", "--seconds", "1", "--only", "full"]

    environ = {**os.environ, "TMPDIR": str(disk)}
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120)

    assert "error" not in done.stderr and done.returncode in (0, 1), done.stderr
    rows = [[cell.strip() for cell in line.split("|")] for line in done.stdout.splitlines() if line.startswith("|")]
    cells = {row[1]: row[2:] for row in rows}
    assert {"bare Flask", "Mintmark, SQLite FULL", "SQLite FULL against bare Flask"} <= set(cells)
    rate, _, p99, _, memory, cpu = cells["Mintmark, SQLite FULL"][:6]
    assert float(rate.replace(",", "")) > 0 and float(p99) > 0 and float(memory) > 10 and float(cpu) > 0
    assert list(disk.iterdir()) == []
