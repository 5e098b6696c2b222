"""What every page reminds an administrator of, before somebody gets no token."""

from flask import request

from mintmark.keys.running_out import SOON_SECONDS, RunningOut, ends
from mintmark.web import get_mint
from mintmark.web.rights import may_administer


def keys_to_replace() -> list[RunningOut]:
    """Return the signing keys that run out soon, the most urgent first; nothing for anybody but administrators."""
    if request.endpoint == "dashboard.dashboard" or not may_administer():  # The dashboard lists them all.
        return []
    return ends(now=get_mint().clock(), within=SOON_SECONDS)
