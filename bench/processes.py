"""What the processes of a service take: memory and processor time, as Linux counts them in /proc."""

import os
from collections.abc import Iterable
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def tree(pid: int) -> list[int]:
    """Return a process and all that descend from it, as they are at this moment."""
    parents = {each: int(fields[1]) for each in _all_ids() if (fields := _stat(each))}
    found = [pid]
    for each in found:  # Grows while it is walked.
        found += [child for child, parent in parents.items() if parent == each]
    return found


def memory_of(pids: Iterable[int]) -> float:
    """Return MiB: the sum of the proportional set sizes, in which pages that several share count once."""
    kilobytes = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:  # It has ended.
            continue
        kilobytes += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return kilobytes / 1024


def cpu_seconds(pids: Iterable[int]) -> float:
    """Return what they have used so far, with what their ended children used."""
    return sum(sum(map(int, fields[11:15])) for pid in pids if (fields := _stat(pid))) / _TICKS


def is_named(pid: int, name: str) -> bool:
    """Tell whether a process of this machine has that name: a database elsewhere has other numbers."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().startswith(name)
    except OSError:
        return False


def _all_ids() -> list[int]:
    return [int(each) for each in os.listdir("/proc") if each.isdigit()]


def _stat(pid: int) -> list[str]:
    """Return the fields from the state on, or none where the process has ended (proc_pid_stat(5))."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
