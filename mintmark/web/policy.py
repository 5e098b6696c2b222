"""The Content-Security-Policy of our pages: everything from ourselves, nothing inline (ASVS 3.4.3).

Rule: one text for all pages, whatever they lead to; only the page whose form ends at a relying party says nothing of
where forms end, and the one that asks before a token signs in names the origin to which it leads. Chromium holds
`form-action` against every redirect that follows a form, also those of that party.
"""


def policy(*, ends_here: bool = True, leads_to: str | None = None) -> str:
    """Return the policy for a page whose forms end here, or for the one whose form ends elsewhere.

    `leads_to` is an origin, checked before, to which the answer of the page's form sends the browser on.
    """
    onward = f" {leads_to}" if leads_to else ""
    ending = f"form-action 'self'{onward}; " if ends_here else ""
    return (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        f"{ending}frame-ancestors 'none'; base-uri 'none'"
    )
