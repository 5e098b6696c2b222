"""The body of a POST as one JSON object that no two readers could understand differently (RFC 8259 §4).

Rule: `application/json` says so in the request, never the body alone: a form of another site cannot send it
(ASVS 3.5.3).
"""

import json
from typing import Any, NoReturn

from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Request

from mintmark.errors import BadParameters


def json_object(request: Request) -> dict[str, Any]:
    """Return the one object that a request carries. Raises BadParameters."""
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    if request.mimetype != "application/json" or charset not in ("utf-8", "utf8") or request.content_length is None:
        raise BadParameters("A POST takes one application/json object, with its Content-Length.")
    try:
        text = request.get_data().decode("utf-8")
        body = json.loads(text, object_pairs_hook=_object_without_repeats, parse_constant=_refuse_constant)
        if "\\u" in text:  # Half of a surrogate pair is no text (RFC 8259 §8.2), and only an escape can write one.
            json.dumps(body, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError, HTTPException):
        body = None
    if not isinstance(body, dict):
        raise BadParameters("The body is not one JSON object.")
    return body


def _object_without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("repeated name")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
