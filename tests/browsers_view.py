"""What a browser makes of an address: Node's WHATWG parser in a process of its own, not the one that wrote it."""

import json
import shutil
import subprocess
from pathlib import Path

from tests.conftest import skip_or_fail

_PROGRAM = Path(__file__).parent / "node/parse_urls.mjs"


def as_browsers_read(addresses, base):
    """Return for each address what it is on a page at `base`: origin, path, query, …; None where it is none."""
    if not shutil.which("node"):
        skip_or_fail("There is no node on the PATH")
    asked = {str(number): [address, base] for number, address in enumerate(addresses)}
    done = subprocess.run(
        ["node", str(_PROGRAM)], input=json.dumps(asked), capture_output=True, text=True, check=True, timeout=30
    )
    found = json.loads(done.stdout)
    return [found[str(number)] for number in range(len(asked))]
