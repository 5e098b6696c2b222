"""Adding a key pair to a ring: its id, its moments, and its private half sealed.

Rule: a key id is never used again, a key is in one ring, and no moment is so far ahead that it cannot be meant.
"""

import re
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from mintmark import log
from mintmark.errors import FieldError
from mintmark.keypairs import KeyPair, size_in_words, thumbprint
from mintmark.keys.lasting import gone_from
from mintmark.keys.life import FOR_EVER
from mintmark.keys.rings import find_key
from mintmark.log import Occasion
from mintmark.models import KeyRing, SigningKey, db
from mintmark.models.base import new_id
from mintmark.moment import iso
from mintmark.sealing import Sealer, key_id_of

# RFC 7517 §4.5 takes any text; visible ASCII is what every verifier and address takes.
_KEY_ID = re.compile(r"[!-~]{1,128}", re.ASCII)
_USED = "is, or was, the id of another key; ids are never used again"
_YEAR = 366 * 86_400
# A key that signs in ten years may be replaced ten years later, and its tokens live for one year more.
YEARS_AHEAD = {"published_at": 10, "signs_from_at": 10, "retired_at": 20, "gone_at": 22, "due_at": 21}
_USUAL_REMINDER = 365 * 86_400
_IN_WORDS = {10: "ten", 20: "twenty", 21: "21", 22: "22"}


@dataclass(frozen=True, slots=True)
class Moments:
    """When a key is published, signs, is retired and gone, and when the next one is due (for the reminder only).

    None: as it follows from the others and the rules. `gone_at` may be FOR_EVER: some of its tokens never expire.
    """

    published_at: int | None = None
    signs_from_at: int | None = None
    retired_at: int | None = None
    gone_at: float | None = None
    due_at: int | None = None

    @property
    def known_gone_at(self) -> int | None:
        """Return `gone_at` as a key has it; None: not known yet, or never."""
        return None if self.gone_at is None or self.gone_at == FOR_EVER else int(self.gone_at)


def reminded(now: float, signs_from_at: int | None = None) -> Moments:
    """Return the moments of a key of which somebody is reminded after a year, where nothing else was said."""
    return Moments(signs_from_at=signs_from_at, due_at=(signs_from_at or int(now)) + _USUAL_REMINDER)


def read_key_id(text: str) -> str:
    """Return a typed key id. Raises FieldError."""
    if not _KEY_ID.fullmatch(text):
        raise FieldError("takes 1 to 128 letters, digits and signs, without spaces", "key_id")
    return text


def see_is_near(field: str, moment: float | None, now: float) -> None:
    """See that a moment can be meant. Raises FieldError."""
    years = YEARS_AHEAD[field]
    if moment is not None and moment != FOR_EVER and moment > now + years * _YEAR:
        raise FieldError(f"is more than {_IN_WORDS[years]} years ahead", field)


def add(
    ring: KeyRing,
    pair: KeyPair,
    key_id: str | None,
    published_at: int,
    signs_from_at: int,
    moments: Moments,
    *,
    sealer: Sealer,
    by: Occasion,
    is_brought: bool = False,
    replaces: str | None = None,
) -> SigningKey:
    """Seal a key into its ring, with the moments that the caller has checked. Raises FieldError."""
    if pair.algorithm != ring.algorithm:
        raise FieldError(f"is {pair.algorithm}; the key that it follows signs with {ring.algorithm}", "algorithm")
    _see_are_near(replace(moments, published_at=published_at, signs_from_at=signs_from_at), by.now)
    public = pair.public
    print_ = thumbprint(public)
    key_id = print_ if key_id is None else read_key_id(key_id)
    _see_unused(key_id, print_)
    row_id = new_id()
    sealed = sealer.seal(pair.to_bytes(), table="signing_key", row=row_id, column="sealed")
    key = SigningKey(
        id=row_id, ring_id=ring.id, algorithm=ring.algorithm, key_id=key_id, thumbprint=print_, public=public,
        is_brought=is_brought,
        sealed=sealed,
        sealed_by=key_id_of(sealed), created_at=int(by.now), published_at=published_at,
        signs_from_at=signs_from_at, retired_at=moments.retired_at, due_at=moments.due_at,
    )  # fmt: skip
    db.session.add(key)
    _flush()
    if key.retired_at is not None:
        key.gone_at = gone_from(key, key.retired_at) if moments.gone_at is None else moments.known_gone_at
    detail: dict[str, Any] = {"key_id": key_id, "algorithm": ring.algorithm, "size": size_in_words(public)}
    detail |= {"published_at": iso(published_at), "signs_from_at": iso(signs_from_at)}
    if replaces:
        detail["replaces"] = replaces
    if is_brought:
        log.note("key.brought", by, kid=key_id, detail=detail)
    else:
        log.note("key.made", by, kid=key_id, detail=detail)
    return key


def _see_are_near(moments: Moments, now: float) -> None:
    for field in YEARS_AHEAD:
        see_is_near(field, getattr(moments, field), now)


def _see_unused(key_id: str, print_: str) -> None:
    """An id is never used again, and a key is in one ring (RFC 7517 §4.5)."""
    same = db.session.scalar(select(SigningKey.key_id).where(SigningKey.thumbprint == print_))
    if same is not None:
        raise FieldError(f"is a key that this site has, or had, as {same}", "private_key")
    if find_key(key_id) is not None:
        raise FieldError(_USED, "key_id")


def _flush() -> None:
    """Of two transactions at once that use one id, or bring one key, the second is told. Raises FieldError."""
    try:
        db.session.flush()
    except IntegrityError as error:
        is_id = "key_id" in str(error.orig)
        words, field = (_USED, "key_id") if is_id else ("was brought by somebody else at this moment", "private_key")
        raise FieldError(words, field) from error
