"""Why a template cannot be saved for the sake of another asset with the same signing key (RFC 8725 §3.9), in words.

Where others keep their assets is not an editor's to know.
"""

from mintmark.errors import FieldError
from mintmark.web.rights import may_administer

_TO_EDITORS = "serves another asset too: each needs a fixed “aud” of its own"


def at_template(error: FieldError) -> FieldError:
    """Return the refusal of a shared signing key as one of the template; any other as it is."""
    if error.field != "signing_key":
        return error
    words = str(error) if may_administer() else _TO_EDITORS
    return FieldError(f"does not go with the signing key, which {words}", "template")
