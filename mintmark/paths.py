"""The one grammar of asset paths, and the first segments that are ours for ever.

Nothing is folded or normalised: a path either matches or it is none (RFC 3986 §6 is
what we do not do). `tests/test_paths.py` holds RESERVED to the URL map.
"""

import re

from mintmark.errors import FieldError

MAX_LENGTH = 255
RESERVED = frozenset(
    "login logout setup account auth launch admin static help docs api health metrics oauth jwks".split()
)
_SEGMENT = "[a-z0-9][a-z0-9_-]*"
# The rule as routing wants it: without anchors, and never starting with a reserved segment.
PATTERN = rf"(?!(?:{'|'.join(sorted(RESERVED))})(?:/|\Z)){_SEGMENT}(?:/{_SEGMENT})*"
_PATH = re.compile(PATTERN, re.ASCII)


def is_path(text: str) -> bool:
    """Tell whether `text` is an asset path, as it stands."""
    return len(text) <= MAX_LENGTH and _PATH.fullmatch(text) is not None


def read_path(text: str) -> str:
    """Return the asset path that somebody entered, less one leading slash.

    Raises FieldError with what to do.
    """
    path = text.removeprefix("/")
    if is_path(path):
        return path
    if not path:
        raise FieldError("is empty; write for instance integrations/helpdesk", "path")
    if len(path) > MAX_LENGTH:
        raise FieldError(f"has {len(path)} characters; at most {MAX_LENGTH} are possible", "path")
    first = path.split("/", 1)[0]
    if first in RESERVED or first.startswith((".", "-")):
        raise FieldError(f"starts with “{first[:40]}”, which the site keeps for itself", "path")
    raise FieldError(
        "takes segments of a–z, 0–9, “-” and “_” that start with a letter or digit, joined by single slashes;"
        " no dots, no capitals, no slash at the end",
        "path",
    )
