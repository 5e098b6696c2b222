"""Results: what a run measured, on which machine, kept as JSON; and the blocks of a README made from it."""

import json
import os
import platform
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.serving import ROOT

RESULTS = ROOT / "bench" / "results.json"
README = ROOT / "bench" / "README.md"
FRONT_README = ROOT / "README.md"


def machine(*storage: str) -> dict[str, Any]:
    """Return what a figure depends on: when, where, on what the databases write (storage.py), and what else went on."""
    return {
        "measured_at": time.strftime("%Y-%m-%d", time.gmtime()),
        "cores": os.cpu_count(),
        "cpu": _cpu_model(),
        "python": platform.python_version(),
        "commit": _commit(),
        "storage": ", ".join(storage) or "no database",
        "load_average": round(os.getloadavg()[0], 1),
    }


def in_words(found: Mapping[str, Any]) -> str:
    """Return one sentence of when, where and how: what stands above a table."""
    rounds = found["rounds"]
    how = f"{rounds} {'round' if rounds == 1 else 'rounds'} of {found['seconds']} s"
    return f"{of_machine(found['machine'])}, wrk on the same cores; {how}:"


def of_machine(measured_on: Mapping[str, Any]) -> str:
    """Return in words what `machine` found."""
    return (
        f"{measured_on['measured_at']}, {measured_on['cores']} cores of {measured_on['cpu']}, "
        f"Python {measured_on['python']}, commit {measured_on['commit']}, {measured_on['storage']}, "
        f"load average {measured_on['load_average']} before"
    )


def write(path: Path, results: dict[str, Any]) -> None:
    """Keep the results of a run."""
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")


def find_reason_not_to_write(name: str) -> str | None:
    """Return why a run should not begin that is to end in a block of bench/README.md, or None."""
    if has_block(README.read_text(), name):
        return None
    return f"the markers of the block {name!r} are missing in {README.relative_to(ROOT)}"


def has_block(text: str, name: str) -> bool:
    """Tell whether a README has the two markers between which a block of that name stands."""
    begins, ends = _markers(name)
    return ends in text.partition(begins)[2]


def put_block(text: str, name: str, block: str) -> str:
    """Return a README with its block of that name replaced. Raises ValueError where the markers are missing."""
    if not has_block(text, name):
        raise ValueError(f"the markers of the block {name!r} are missing")
    begins, ends = _markers(name)
    before, _, rest = text.partition(begins)
    return f"{before}{begins}{block}\n{ends}{rest.partition(ends)[2]}"


def _markers(name: str) -> tuple[str, str]:
    return f"<!-- {name} -->\n", f"<!-- end of {name} -->"


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _commit() -> str:
    """Return the commit, with a plus where the tree differs from it; `unknown` outside of a repository."""
    try:
        command = ["git", "describe", "--always", "--dirty=+", "--exclude=*"]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
