"""A new file: whole or not there, its owner's alone, never over another one; what a killed run left is cleared."""

import os
import resource
import signal
import stat
import subprocess
import sys

import pytest

from mintmark.errors import FieldError
from mintmark.new_file import made_at


@pytest.fixture
def file(tmp_path):
    folder = tmp_path / "kept"
    folder.mkdir()
    return folder / "a [1]*.jsonl"  # A name that is no pattern.


def names(file):
    return sorted(each.name for each in file.parent.iterdir())


def write(file, content="new", **options):
    with made_at(file, **options) as draft:
        draft.write_text(content)


def killed(file):
    """Have a process begin to write the file, with a helper beside its draft as SQLite has one, and kill it."""
    code = (
        "import os, pathlib, signal, sys; from mintmark.new_file import made_at\n"
        "with made_at(pathlib.Path(sys.argv[1])) as draft:\n"
        "    draft.write_text('half'); draft.with_name(draft.name + '-journal').write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(file)], check=False)
    assert done.returncode == -signal.SIGKILL


@pytest.mark.parametrize("may_replace", [False, True])
def test_a_file_is_whole_and_its_owners_alone_and_nothing_stands_beside_it(file, may_replace):
    old_umask = os.umask(0)
    try:
        with made_at(file, may_replace=may_replace) as draft:
            assert not file.exists() and stat.S_IMODE(draft.stat().st_mode) == 0o600
            draft.write_text("new")
    finally:
        os.umask(old_umask)

    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode), names(file)) == ("new", 0o600, [file.name])


def test_a_file_that_is_there_is_replaced_only_where_that_is_allowed(file):
    file.write_text("precious")
    file.chmod(0o644)

    with pytest.raises(FieldError, match="is there already"):
        write(file)
    assert (file.read_text(), names(file)) == ("precious", [file.name])

    write(file, may_replace=True)
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode), names(file)) == ("new", 0o600, [file.name])


def test_a_file_or_a_link_to_nowhere_that_comes_meanwhile_is_left_as_it_is(file):
    for come in (lambda: file.write_text("precious"), lambda: file.symlink_to("nowhere")):
        with pytest.raises(FieldError, match="is there already"), made_at(file):
            come()
        assert names(file) == [file.name]
        file.unlink()


@pytest.mark.parametrize("may_replace", [False, True])
def test_a_full_disk_leaves_what_was_there_and_no_draft(file, may_replace):
    if may_replace:
        file.write_text("precious")
    before, limit = names(file), resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, limit[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            write(file, "x" * 5_000, may_replace=may_replace)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, handler)

    assert names(file) == before
    assert not may_replace or file.read_text() == "precious"


def test_what_a_killed_run_left_goes_with_what_stood_beside_it(file):
    killed(file)
    assert len(names(file)) == 2 and not file.exists()

    write(file)

    assert (file.read_text(), names(file)) == ("new", [file.name])


def test_the_draft_of_somebody_at_work_and_files_of_others_stay(file):
    others = [file.name + ".draft", file.name + ".17.draft", "b.0123abcd.draft", file.name + ".0123abcd.draft.kept"]
    for name in others:
        file.with_name(name).write_text("theirs")

    with made_at(file, may_replace=True) as draft:
        draft.write_text("late")
        write(file, "early", may_replace=True)
        assert file.read_text() == "early" and draft.exists()

    assert (file.read_text(), names(file)) == ("late", sorted([file.name, *others]))


def test_a_folder_that_is_not_there_is_an_error_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError):
        write(tmp_path / "nowhere" / "file")
