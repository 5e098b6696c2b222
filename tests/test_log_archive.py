"""`flask log archive`: written, then removed; nothing is lost wherever it stops, and nothing is counted twice or not at all."""

import fcntl
import json
import resource
import stat

import pytest

from mintmark.models import db
from mintmark.records import archiving, exporting, finding
from tests.conftest import START
from tests.log_rows import add_rows, count_all
from tests.making import make_person

DAY = 86400
TODAY = "2027-01-15"  # START is eight o'clock that day.


@pytest.fixture
def file(tmp_path):
    return tmp_path / "archive.jsonl"


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch):
    monkeypatch.setattr(archiving, "PAUSE_SECONDS", 0)


def archive(house, file, before=TODAY):
    return house.run("log", "archive", "--before", before, str(file))


def ids_in(file):
    return [json.loads(line)["id"] for line in file.read_text().splitlines()]


def ids_left(house):
    return [row["id"] for row in house.log()]


@pytest.mark.both_databases
def test_old_rows_are_in_the_file_and_no_more_in_the_log(house, file):
    make_person(house, "ben")
    add_rows(house, 5, at=START - DAY, asset="a" * 36)
    add_rows(house, 2, at=START - DAY, event="person.signed_in")
    add_rows(house, 3, asset="a" * 36)
    exported = house.run("log", "export").stdout.splitlines()
    old = [row["id"] for row in house.log() if row["at"] < (START - 8 * 3600) * 1000]
    young = sorted(set(ids_left(house)) - set(old))

    result = archive(house, file)

    assert result.exit_code == 0, result.output
    assert "7 rows from before 2027-01-15 are in" in result.stdout
    assert file.read_text().splitlines() == [line for line in exported if json.loads(line)["id"] in old]
    assert ids_in(file) == old
    assert ids_left(house)[:-1] == young
    [row] = house.log("log.archived")
    assert json.loads(row["detail"]) == {
        "before": TODAY,
        "rows": 7,
        "ids": {"first": old[0], "last": old[-1]},
        "file": "archive.jsonl",
    }
    assert row["actor"].startswith("command")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.glob("archive*")] == ["archive.jsonl"]


def test_the_log_is_exported_whole_in_short_transactions(house, monkeypatch):
    monkeypatch.setattr(exporting, "_CHUNK", 4)
    monkeypatch.setattr(exporting, "MAX_ROWS", 5)  # That is for the screen.
    add_rows(house, 10)
    ids = ids_left(house)
    with house.app.app_context():
        rows = exporting.all_rows()
        read = [next(rows).id]
        add_rows(house, 3)  # What comes later is left to the next export; nobody waits for a reader, or it would fail.
        assert db.engine.pool.checkedout() == 0
        read += [row.id for row in rows]

    assert read == ids
    lines = house.run("log", "export").stdout.splitlines()
    assert [json.loads(line)["id"] for line in lines] == ids_left(house)


def test_what_is_archived_was_counted_before(house, file):
    add_rows(house, 5, at=START - DAY, asset="a" * 36)

    archive(house, file)
    count_all(house)

    assert house.rows("SELECT amount FROM token_count WHERE asset = ''") == [{"amount": 5}]


def test_what_cannot_be_counted_yet_stays(house, file, monkeypatch):
    monkeypatch.setattr("mintmark.counts.catch_up", lambda *_arguments, **_options: False)
    add_rows(house, 5, at=START - DAY, asset="a" * 36)
    add_rows(house, 1, at=START - DAY, event="person.signed_in")

    archive(house, file)

    assert len(ids_in(file)) == 1
    assert len(house.log("token.issued")) == 5


def test_ids_are_never_used_again(house, file):
    add_rows(house, 5, at=START - DAY)
    archive(house, file)
    last = max(ids_in(file))

    add_rows(house, 1)

    assert min(ids_left(house)) > last


@pytest.mark.parametrize("written", [0, 2])
def test_a_kill_before_the_file_is_whole_removes_nothing(house, file, monkeypatch, written):
    add_rows(house, 5, at=START - DAY, asset="a" * 36)
    before = ids_left(house)
    rows_before = archiving._rows_before

    def dying(moment):
        for number, row in enumerate(rows_before(moment)):
            if number == written:
                raise KeyboardInterrupt
            yield row

    with monkeypatch.context() as killed:
        killed.setattr(archiving, "_rows_before", dying)
        archive(house, file)
    assert not file.exists()
    assert ids_left(house) == before

    assert archive(house, file).exit_code == 0
    assert ids_in(file) == before


def stopped_while_removing(house, file, monkeypatch):
    """Archive nine rows, and die when two of them are removed; return the ids of all."""
    monkeypatch.setattr(archiving, "CHUNK", 4)
    monkeypatch.setattr(archiving, "REMOVED", 2)
    add_rows(house, 9, at=START - DAY, asset="a" * 36)
    before, removed = ids_left(house), []
    remove_rows = archiving.remove_rows

    def dying(ids):
        if removed:
            raise KeyboardInterrupt
        removed.extend(ids)
        remove_rows(ids)

    with monkeypatch.context() as killed:
        killed.setattr(archiving, "remove_rows", dying)
        archive(house, file)
    assert ids_in(file) == before
    assert [row["id"] for row in house.log("token.issued")] == before[2:]
    return before


@pytest.mark.both_databases
def test_a_kill_while_rows_are_removed_is_made_good_by_the_same_command(house, file, monkeypatch):
    before = stopped_while_removing(house, file, monkeypatch)
    written = file.read_bytes()
    add_rows(house, 3, at=START - DAY, asset="a" * 36)  # What comes late is none of the file's.

    result = archive(house, file)

    assert result.exit_code == 0, result.output
    assert f"9 rows from before {TODAY} are in" in result.stdout
    assert (file.read_bytes(), ids_in(file)) == (written, before)
    assert len(house.log("token.issued")) == 3
    assert len(house.log("log.archived")) == 1
    assert "is there already" in archive(house, file).stderr


def test_rows_that_a_stopped_archive_left_may_also_go_to_another_file(house, file, monkeypatch):
    before = stopped_while_removing(house, file, monkeypatch)
    second = file.with_name("second.jsonl")

    assert archive(house, second).exit_code == 0

    assert ids_in(second) == before[2:]
    assert house.log("token.issued") == []
    assert len(house.log("log.archived")) == 2


@pytest.mark.parametrize("change", ["another row", "later rows", "cut", "no rows"])
def test_a_file_that_is_no_archive_of_this_log_takes_nothing_out_of_it(sqlite_house, file, monkeypatch, change):
    stopped_while_removing(sqlite_house, file, monkeypatch)
    lines, left = file.read_text().splitlines(keepends=True), ids_left(sqlite_house)
    file.write_text({
        "another row": "".join(lines).replace("token.issued", "token.failed"),
        "later rows": "".join(lines[:-1]) + lines[-1].replace("2027-01-14", "2027-01-15"),
        "cut": "".join(lines)[:-20],
        "no rows": "",
    }[change])  # fmt: skip

    result = archive(sqlite_house, file)

    assert result.exit_code == 1
    assert result.stderr.startswith("error: ")
    assert ids_left(sqlite_house) == left


def test_a_disk_that_is_full_leaves_no_file_and_all_rows(sqlite_house, file):
    add_rows(sqlite_house, 1_000, at=START - DAY, event="person.signed_in")
    before = ids_left(sqlite_house)
    count_all(sqlite_house)  # So that from now on only the file is written.
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        result = archive(sqlite_house, file)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert result.exit_code == 1
    assert "File too large" in result.stderr
    assert ids_left(sqlite_house) == before
    assert list(file.parent.glob("archive*")) == []


def test_a_draft_of_a_run_that_was_killed_goes_and_one_that_is_being_written_stays(sqlite_house, file):
    add_rows(sqlite_house, 3, at=START - DAY)
    dead, alive, other = (file.with_name(file.name + each) for each in (".0123abcd.draft", ".89abcdef.draft", ".draft"))
    for each in (dead, alive, other):
        each.write_text("begun")
    with alive.open() as written:
        fcntl.flock(written, fcntl.LOCK_EX)
        archive(sqlite_house, file)

    assert [each.exists() for each in (dead, alive, other)] == [False, True, True]
    assert len(ids_in(file)) == 3


def test_an_old_row_that_was_committed_far_behind_the_others_is_archived_by_the_next_run(house, file, monkeypatch):
    monkeypatch.setattr(finding, "_NEAR", 1)
    add_rows(house, 3, at=START - DAY, event="person.signed_in")
    add_rows(house, 3, event="person.signed_in")
    add_rows(house, 1, at=START - DAY - 60, event="person.signed_out")

    archive(house, file)
    assert len(ids_in(file)) == 3  # Nobody reads all that followed for it.
    archive(house, file.with_name("next.jsonl"))

    [late] = ids_in(file.with_name("next.jsonl"))
    assert late > max(ids_in(file))
    assert [row["event"] for row in house.log()] == ["person.signed_in"] * 3 + ["log.archived"] * 2


def test_rows_that_come_meanwhile_are_not_removed(house, file, monkeypatch):
    add_rows(house, 3, at=START - DAY, event="person.signed_in")
    note_archive = archiving.note_archive

    def noting(*arguments, **options):
        note_archive(*arguments, **options)
        add_late = {"at": int((START - DAY) * 1000), "event": "person.signed_out", "outcome": "done"}
        archiving.db.session.add(archiving.LogRow(**add_late))

    monkeypatch.setattr(archiving, "note_archive", noting)
    archive(house, file)

    assert len(ids_in(file)) == 3
    assert len(house.log("person.signed_out")) == 1


def test_a_file_that_is_there_is_never_overwritten(sqlite_house, file):
    add_rows(sqlite_house, 3, at=START - DAY)
    file.write_text("precious")
    before = ids_left(sqlite_house)

    result = archive(sqlite_house, file)

    assert result.exit_code == 1
    assert result.stderr.startswith("error: ")
    assert "is there already" in result.stderr
    assert file.read_text() == "precious"
    assert ids_left(sqlite_house) == before
    assert sqlite_house.log("log.archived") == []


def test_a_file_that_comes_meanwhile_is_not_overwritten_either(sqlite_house, file, monkeypatch):
    add_rows(sqlite_house, 3, at=START - DAY)
    sync = archiving.os.fsync
    monkeypatch.setattr(archiving.os, "fsync", lambda descriptor: (file.write_text("precious"), sync(descriptor))[1])

    assert archive(sqlite_house, file).exit_code == 1
    assert file.read_text() == "precious"
    assert len(ids_left(sqlite_house)) == 3
    assert [path.name for path in file.parent.glob("archive*")] == ["archive.jsonl"]


def test_where_nothing_is_old_no_file_is_made(sqlite_house, file):
    add_rows(sqlite_house, 3)

    result = archive(sqlite_house, file)

    assert (result.exit_code, file.exists()) == (0, False)
    assert "no rows from before" in result.stdout
    assert len(ids_left(sqlite_house)) == 3


REFUSED = [
    ("2027-01-16", "x", 1, "in the future"),
    ("yesterday", "x", 2, "takes a day as 2026-01-31"),
    ("2027-02-30", "x", 2, "takes a day"),
    ("20270101", "x", 2, "takes a day"),
    ("2027-W01-1", "x", 2, "takes a day"),
    (TODAY, "-", 2, "takes the name of a file"),
    (TODAY, "", 2, "takes the name of a file"),
    (TODAY, ".", 2, "is a directory"),
    (TODAY, "no/such/folder/x", 1, "No such file or directory"),
]


def test_what_makes_no_sense_is_refused_and_removes_nothing(sqlite_house, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    add_rows(sqlite_house, 3, at=START - DAY)
    for before, name, code, words in REFUSED:
        result = archive(sqlite_house, name, before=before)

        assert result.exit_code == code, result.output
        assert words in result.stderr
        assert len(ids_left(sqlite_house)) == 3
