"""The instance folder: its owner's alone (0700), with the sealing keys that the site makes itself (0600)."""

import fcntl
import os
import resource
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mintmark.errors import ConfigurationError, NotFound
from mintmark.sealing import Sealer, SealingKey

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


def make_sealer(setting: str | None, instance: Path) -> Sealer:
    """Return what seals with the keys of the setting, else with those of the folder, made where there are none."""
    if setting is not None:
        return Sealer(SealingKey.parse(part) for part in setting.split(",") if part.strip())
    file = KeyFile(instance)
    if not file.path.exists():
        _see_no_database(instance)
        _, line = SealingKey.generate()
        file.make(line)
    return Sealer(file.read(), file)


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


class KeyFile:
    """The sealing keys of a folder, a line for each. Whole at every moment, and changed by one at a time."""

    def __init__(self, instance: Path) -> None:
        self.path = instance / _KEY_FILE
        self._seen: tuple[int, int, int] | None = None

    def read(self) -> list[SealingKey]:
        """Return the keys in their order. Raises ConfigurationError."""
        try:
            status = self.path.stat()
            if stat.S_IMODE(status.st_mode) & 0o077:
                self.path.chmod(0o600)
            keys = [SealingKey.parse(line) for line in self._lines()]
        except (OSError, UnicodeDecodeError):
            words = f"{self.path} cannot be read as a sealing key. Put the right file back."
            raise ConfigurationError(words) from None
        self._seen = _mark(status)  # As it was before it was read: what came meanwhile is seen next time.
        return keys

    def changed(self) -> list[SealingKey] | None:
        """Return the keys where the file is another than the one read last; None too where it cannot be read now."""
        try:
            return None if _mark(self.path.stat()) == self._seen else self.read()
        except (OSError, ConfigurationError):
            return None

    def make(self, line: str) -> None:
        """Write the first key whole, or not at all: of two processes at once one wins (link fails where it exists)."""
        with self._draft([line]) as draft:
            try:
                os.link(draft, self.path)
            except FileExistsError:
                pass

    def add(self) -> str:
        """Put a new key behind the others and return its id."""
        key, line = SealingKey.generate()
        self._change(lambda lines: [*lines, line])
        return key.key_id

    def put_first(self, key_id: str) -> None:
        """Let a key that is there seal from now on. Raises NotFound."""
        self._change(lambda lines: [self._line_of(lines, key_id), *_without(lines, key_id)])

    def take_out(self, key_id: str) -> None:
        """Take a key out that seals no more. Raises NotFound, and ConfigurationError where it is the first."""

        def change(lines: list[str]) -> list[str]:
            if self._line_of(lines, key_id) == lines[0]:
                raise ConfigurationError(f"{key_id} is the key that seals; put another one first.")
            return _without(lines, key_id)

        self._change(change)

    def _lines(self) -> list[str]:
        return [line.strip() for line in self.path.read_text("ascii").splitlines() if line.strip()]

    def _line_of(self, lines: list[str], key_id: str) -> str:
        ids = [line.partition(":")[0] for line in lines]
        if key_id not in ids:
            raise NotFound(f"There is no sealing key {key_id} in {self.path}; it has {', '.join(ids)}.")
        return lines[ids.index(key_id)]

    def _change(self, change: Callable[[list[str]], list[str]]) -> None:
        """Replace the file by a changed one; a key that it has is never lost to somebody else's change."""
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            with self._draft(change(self._lines())) as draft:
                os.replace(draft, self.path)
            os.fsync(folder)
        except OSError as error:
            raise ConfigurationError(f"{self.path} cannot be changed: {error.strerror}.") from None
        finally:
            os.close(folder)

    @contextmanager
    def _draft(self, lines: list[str]) -> Iterator[Path]:
        draft = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.writelines(line + "\n" for line in lines)
                file.flush()
                os.fsync(file.fileno())
            yield draft
        finally:
            draft.unlink(missing_ok=True)


def _without(lines: list[str], key_id: str) -> list[str]:
    return [line for line in lines if line.partition(":")[0] != key_id]


def _mark(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_ino, status.st_mtime_ns, status.st_size
