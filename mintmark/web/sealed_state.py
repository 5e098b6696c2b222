"""What a page that asks remembers until its form comes back: sealed into the form, and kept nowhere here.

Rule: it opens for the browser that was asked, in the same session, and for no other page.
"""

import base64
import json
from typing import Any

from mintmark.errors import SealError
from mintmark.web import get_mint
from mintmark.web.csrf import csrf_token


def seal(value: dict[str, Any], page: str, whose: str = "") -> str:
    """Return the text for the form of a page; `whose`: only for somebody, by their id."""
    sealed = get_mint().settings.sealer.seal(json.dumps(value).encode(), **_place(page, whose))
    return base64.urlsafe_b64encode(sealed).decode()


def find(sealed: str, page: str, whose: str = "") -> dict[str, Any] | None:
    """Return what was sealed; None where it was not this browser, or not for this, that was asked."""
    try:
        opened = get_mint().settings.sealer.open(base64.urlsafe_b64decode(sealed.encode()), **_place(page, whose))
        found: dict[str, Any] = json.loads(opened)
    except (ValueError, SealError):
        return None
    return found


def _place(page: str, whose: str) -> dict[str, str]:
    return {"table": page, "row": f"{whose} {csrf_token()}", "column": "form"}
