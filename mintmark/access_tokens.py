"""Access tokens, with which people's programs fetch tokens: made, found by their hash, listed, ended.

Rule: the text is random, 256 bit, and leaves this module once; what is kept is its SHA-256, found by a unique
index (OWASP ASVS 11.4.2 asks for slow hashes of what people choose, and nobody chose this). One gives never more
than its person may fetch at that moment, and of that only the assets that it names.
"""

import hashlib
import re
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, and_, delete, func, insert, select

from mintmark import log
from mintmark.errors import FieldError
from mintmark.fields import UNSEEN, read_text, read_whole
from mintmark.log import Occasion
from mintmark.models import AccessToken, AccessTokenAsset, Asset, Person, db
from mintmark.models.base import find_by_id
from mintmark.sessions import MAX_SKEW

MAX_LIVE = 50  # of one person
MAX_ASSETS = 100  # of one access token
MAX_NAME = 100
MAX_DAYS = 366
MOST_PAST = 20  # that are still listed
TOUCH_SECONDS = 60
_TEXT = re.compile(r"mm_[A-Za-z0-9_-]{43}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Shown:
    """An access token as pages show it; `state` is live, expired or ended, `assets` are those it names, by path."""

    row: AccessToken
    state: str
    assets: Sequence[Asset]


def make(person: Person, name: str, asset_ids: Collection[str], days: int, *, by: Occasion) -> str:
    """Make an access token of a locked person, for assets that they may fetch; return its text, this once.

    Raises FieldError. Whether the person may fetch those assets is asked again at every request.
    """
    name = read_name(name)
    lifetime = read_whole(days, "days", 1, MAX_DAYS) * 86_400
    paths = _paths_of(asset_ids)
    if count_live(person.id, now=by.now) >= MAX_LIVE:
        raise FieldError(f"would be one of more than {MAX_LIVE} live ones; end one first", "name")
    text = "mm_" + secrets.token_urlsafe(32)
    now = int(by.now)
    row = AccessToken(
        hash=_hash_of(text), person_id=person.id, name=name, created_at=now, expires_at=now + lifetime
    )  # fmt: skip
    db.session.add(row)
    db.session.flush()
    db.session.execute(insert(AccessTokenAsset), [{"access_token_id": row.id, "asset_id": id} for id in paths])
    detail = {"access_token": row.id, "name": name, "assets": sorted(paths.values()), "expires_at": row.expires_at}
    log.note("access_token.made", by, person=person.id, detail=detail)
    return text


def read_name(value: str) -> str:
    """Return what somebody calls an access token. Raises FieldError."""
    name = read_text(value.strip(), "name", longest=MAX_NAME)
    if UNSEEN.search(name):
        raise FieldError("holds a control or invisible character", "name")
    return name


def _paths_of(asset_ids: Collection[str]) -> dict[str, str]:
    """Return id → path of the chosen assets. Raises FieldError where they are none, too many, or one is gone."""
    if not 1 <= len(set(asset_ids)) <= MAX_ASSETS:
        raise FieldError(f"takes from 1 to {MAX_ASSETS} assets, not {len(set(asset_ids))}", "assets")
    statement = select(Asset.id, Asset.path).where(Asset.id.in_(set(asset_ids)), Asset.trashed_at.is_(None))
    found = {row.id: row.path for row in db.session.execute(statement)}
    if len(found) < len(set(asset_ids)):
        raise FieldError("has one that was taken away at this moment; choose anew", "assets")
    return found


def hash_of(text: str) -> str | None:
    """Return by which hash an access token would be found; None where a text cannot be one."""
    return _hash_of(text) if _TEXT.fullmatch(text) else None


def _hash_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def is_touch_due(last_used_at: int | None, now: float) -> bool:
    """Tell whether the use is to be written down: at most once a minute."""
    return last_used_at is None or now - last_used_at >= TOUCH_SECONDS


def list_live(person_id: str, *, now: float) -> list[Shown]:
    """Return the live access tokens of a person, the newest first."""
    return _shown(select(AccessToken).where(AccessToken.person_id == person_id, _is_live(now)), MAX_LIVE, now)


def list_past(person_id: str, *, now: float) -> list[Shown]:
    """Return those that expired or were ended, the newest MOST_PAST of them."""
    return _shown(select(AccessToken).where(AccessToken.person_id == person_id, ~_is_live(now)), MOST_PAST, now)


def _shown(those: Select[AccessToken], most: int, now: float) -> list[Shown]:
    rows = list(db.session.scalars(those.order_by(AccessToken.created_at.desc(), AccessToken.id).limit(most)))
    statement = (
        select(AccessTokenAsset.access_token_id, Asset)
        .join(Asset, Asset.id == AccessTokenAsset.asset_id)
        .where(AccessTokenAsset.access_token_id.in_([row.id for row in rows]))
        .order_by(Asset.path)
    )
    assets: dict[str, list[Asset]] = {row.id: [] for row in rows}
    for token_id, asset in db.session.execute(statement) if rows else ():
        assets[token_id].append(asset)
    return [Shown(row, _state_of(row, now), assets[row.id]) for row in rows]


def count_live(person_id: str, *, now: float) -> int:
    """Count the live access tokens of a person."""
    statement = select(func.count()).where(AccessToken.person_id == person_id, _is_live(now))
    return db.session.scalar(statement) or 0


def end(token_id: str, person_id: str, *, by: Occasion) -> bool:
    """End one access token of a person; tell whether there was one to end."""
    row = find_by_id(AccessToken, token_id, is_locked=True)
    if row is None or row.person_id != person_id or row.ended_at is not None:
        return False
    _end(row, by)
    return True


def end_all(person_id: str, *, by: Occasion) -> int:
    """End every live access token of a person; return how many there were."""
    statement = select(AccessToken).where(AccessToken.person_id == person_id, _is_live(by.now))
    rows = db.session.scalars(statement.order_by(AccessToken.id).with_for_update()).all()
    for row in rows:
        _end(row, by)
    return len(rows)


def _end(row: AccessToken, by: Occasion) -> None:
    row.ended_at = int(by.now)
    log.note("access_token.ended", by, person=row.person_id, detail={"access_token": row.id, "name": row.name})


def forget_person(person_id: str) -> None:
    """Take away every access token of a person who is erased; their sessions end before (the recorder's order)."""
    own = select(AccessToken.id).where(AccessToken.person_id == person_id)
    db.session.execute(delete(AccessTokenAsset).where(AccessTokenAsset.access_token_id.in_(own)))
    db.session.execute(delete(AccessToken).where(AccessToken.person_id == person_id))


def forget_asset(asset_id: str) -> None:
    """Take an asset that is purged out of every access token."""
    db.session.execute(delete(AccessTokenAsset).where(AccessTokenAsset.asset_id == asset_id))


def _is_live(now: float) -> ColumnElement[bool]:
    """The same as mintmark/models/wire.py asks of an access token; one made later than now is a wrong clock's."""
    made_before = AccessToken.created_at <= int(now) + MAX_SKEW
    return and_(AccessToken.ended_at.is_(None), AccessToken.expires_at > int(now), made_before)


def _state_of(row: AccessToken, now: float) -> str:
    if row.ended_at is not None:
        return "ended"
    return "live" if int(now) < row.expires_at and row.created_at <= int(now) + MAX_SKEW else "expired"
