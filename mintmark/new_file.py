"""A new file: whole under its name or not there at all, its owner's alone from its first byte, on the disk before it
is spoken of.

It is written as a draft beside its name. Whoever writes a draft holds it locked; what a run that was killed left is
locked by nobody, and goes when the same file is written again.
"""

import fcntl
import glob
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mintmark.errors import FieldError


@contextmanager
def made_at(path: Path, *, may_replace: bool = False) -> Iterator[Path]:
    """Hand out an empty draft beside a name; it takes that name where nothing was raised.

    Raises FieldError where there is something of that name, be it since a moment, unless it may be replaced; OSError.
    """
    if not may_replace and os.path.lexists(path):
        raise is_there(path)
    _clear_drafts(path)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}.draft")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with suppress(OSError):  # Some file systems have no locks; there no draft is taken for dead either.
            fcntl.flock(descriptor, fcntl.LOCK_EX)  # It ends with this process, however that ends.
        yield draft
        _sync(draft)
        _give_name(draft, path, may_replace=may_replace)
        _sync(path.parent)
    finally:
        _remove(draft)
        os.close(descriptor)


def _give_name(draft: Path, path: Path, *, may_replace: bool) -> None:
    if may_replace:
        os.replace(draft, path)
        return
    try:
        os.link(draft, path)  # Unlike a renaming, this never takes the place of a file that is there.
    except FileExistsError:
        raise is_there(path) from None


def is_there(path: Path) -> FieldError:
    """Return the error for a name that is taken."""
    return FieldError("is there already; name a new file, for this one is never overwritten", str(path))


def _clear_drafts(path: Path) -> None:
    """Take away what runs that were killed had begun to write to this file."""
    for draft in path.parent.glob("*.draft"):
        if re.fullmatch(re.escape(path.name) + r"\.[0-9a-f]{8}\.draft", draft.name) and not draft.is_symlink():
            with suppress(OSError), draft.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(draft)


def _remove(draft: Path) -> None:
    """Take a draft away, where it is there still, and last of all: first what its writer had beside it (SQLite)."""
    for beside in draft.parent.glob(glob.escape(draft.name) + "-*"):
        beside.unlink(missing_ok=True)
    draft.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
