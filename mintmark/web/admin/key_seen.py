"""Acts on signing keys are for the keys that the page showed: each form sends the revision of their ring along.

Rule: it is compared when the ring is locked, so that a form that is sent twice does its act once.
"""

from flask import request

from mintmark.errors import FieldError
from mintmark.keys.rings import lock_ring
from mintmark.models import SigningKey

_SEEN = "seen"
SEEN_LABEL = {_SEEN: "The keys"}


def lock_as_seen(key: SigningKey) -> None:
    """Lock the ring of a key whose keys still are those that the page showed. Raises FieldError."""
    if str(lock_ring(key.ring_id).revision) != request.form.get(_SEEN):
        words = "were changed since this page was loaded: look at what stands here now, and send the form once more"
        raise FieldError(words, _SEEN)
