"""The occasion of a request, for the log: the moment, who is signed in, from where, under which id."""

from flask import g, request
from flask_login import current_user

from mintmark.log import Occasion
from mintmark.web import get_mint


def occasion() -> Occasion:
    """Return when, by whom and from where this request acts; nobody signed in is no actor."""
    actor = current_user.person.id if current_user.is_authenticated else None
    return Occasion(get_mint().clock(), actor, request.remote_addr, g.request_id)
