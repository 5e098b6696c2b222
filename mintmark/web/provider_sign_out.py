"""Signing out at the OpenID provider too, once the session here has ended (OpenID Connect RP-Initiated Logout 1.0).

Rule: our session ends first and whatever happens there. The answer is a page and no redirect, for Chromium holds the
form of the sign-out to `form-action`, and our pages name no other site there.
"""

from flask import Response, make_response, render_template

from mintmark.models import OpenIDProvider, db
from mintmark.openid import flow, provider_sessions
from mintmark.outbound import discovery
from mintmark.outbound.fetching import NotFetched
from mintmark.web import get_mint

_SECONDS = 4  # To read what happens, and to stay.


def page(kept: tuple[str, str] | None) -> Response | None:
    """Return the page that leads on to the provider (its id) with the ID token; None where there is nowhere to go."""
    row = db.session.get(OpenIDProvider, kept[0]) if kept else None
    if kept is None or row is None:
        return None
    db.session.expunge(row)  # As it is now, whatever becomes of it while it is waited for.
    mint = get_mint()
    settings = mint.settings
    try:
        metadata = discovery.metadata_of(row.issuer, now=mint.clock(), fetch_also=settings.fetch_also)
    except NotFetched:
        return None
    back = flow.post_logout_uri(settings.site_url)
    address = provider_sessions.sign_out_address(row, metadata, kept[1], back=back)
    if address is None:
        return None
    response = make_response(render_template("signed_out.html", provider=row.name, address=address))
    response.headers["Refresh"] = f"{_SECONDS}; url={address}"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
