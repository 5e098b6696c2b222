"""The Content-Security-Policy of our pages: everything from ourselves, nothing inline (ASVS 3.4.3).

Rule: one text for all pages; only where a form ends may differ. Chromium holds `form-action` against every
redirect that follows a form, so a form that leads to a launch lists where that goes.
"""

from collections.abc import Iterable


def policy(form_action: Iterable[str] | None = ("'self'",)) -> str:
    """Return the policy for a page whose forms end at these sources; None where the page's form may end anywhere."""
    ending = "" if form_action is None else f"form-action {' '.join(form_action)}; "
    return (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        f"{ending}frame-ancestors 'none'; base-uri 'none'"
    )
