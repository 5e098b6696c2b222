"""The instance folder: its owner's alone (0700), with the sealing key that the site makes itself (0600)."""

import os
import resource
import stat
from pathlib import Path

from mintmark.errors import ConfigurationError
from mintmark.sealing import SealingKey

_KEY_FILE = "sealing-key"


def private_folder(folder: Path) -> Path:
    """Make the folder, or see that it is its owner's alone (0700)."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if stat.S_IMODE(folder.stat().st_mode) & 0o077:
            folder.chmod(0o700)
    except OSError as error:
        raise ConfigurationError(f"The instance folder {folder} cannot be used: {error.strerror}.") from error
    return folder


def sealing_keys(setting: str | None, instance: Path) -> list[SealingKey]:
    """Return the sealing keys of the setting, else those of the folder, made where there are none."""
    if setting is not None:
        return [SealingKey.parse(part) for part in setting.split(",") if part.strip()]
    path = instance / _KEY_FILE
    if not path.exists():
        _see_no_database(instance)
        _write_key(path)
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            path.chmod(0o600)
        return [SealingKey.parse(line) for line in path.read_text("ascii").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError(f"{path} cannot be read as a sealing key. Put the right file back.") from None


def _see_no_database(instance: Path) -> None:
    """A database without its key is not given another one, with which nothing in it would open."""
    if (instance / "mintmark.sqlite").exists():
        raise ConfigurationError(
            f"The file {_KEY_FILE} of {instance} is missing. Put it back, or set MINTMARK_SEALING_KEY to what it held."
        )


def keep_private() -> None:
    """See that what this process writes is its owner's alone, and that no core dump holds its keys."""
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _write_key(path: Path) -> None:
    """Write a new key whole, or not at all: of two processes at once one wins (link fails where it exists)."""
    _, line = SealingKey.generate()
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
