"""The Content-Security-Policy of our pages: everything from ourselves, nothing inline (ASVS 3.4.3).

Rule: one text for all pages, whatever they lead to; only the page whose form ends at a relying party says nothing of
where forms end. Chromium holds `form-action` against every redirect that follows a form, also those of that party.
"""


def policy(*, ends_here: bool = True) -> str:
    """Return the policy for a page whose forms end here, or for the one whose form ends elsewhere."""
    ending = "form-action 'self'; " if ends_here else ""
    return (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        f"{ending}frame-ancestors 'none'; base-uri 'none'"
    )
