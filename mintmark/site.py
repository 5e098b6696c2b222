"""The site itself: its one row, the check that the sealing key is the right one, the first administrator."""

import base64
import hmac
from typing import Any

from sqlalchemy import update

from mintmark import log, people
from mintmark.errors import ConfigurationError, FieldError, InvalidFields, NotFound, SealError
from mintmark.fields import read_identifier
from mintmark.log import Occasion
from mintmark.models import Person, Site, db
from mintmark.models.base import new_id
from mintmark.passwords import read_password
from mintmark.sealing import Sealer, SealingKey, key_id_of

_CHECK = b"This site's sealing key is the right one."
_PLACE = {"table": "site", "column": "sealed_check"}


def make_row(*, sealer: Sealer) -> dict[str, Any]:
    """Return the row of a new site."""
    key = new_id()
    return {"id": 1, "key": key, "sealed_check": sealer.seal(_CHECK, row=key, **_PLACE), "attributes_revision": 0}


def reseal_check(*, sealer: Sealer) -> bool:
    """Move the check to the first sealing key, in the caller's transaction; False where it was there."""
    site = db.session.get_one(Site, 1, populate_existing=True)
    was, key = site.sealed_check, site.key
    if key_id_of(was) == sealer.keys[0].key_id:
        return False
    fresh = sealer.seal(sealer.open(was, row=key, **_PLACE), row=key, **_PLACE)
    statement = update(Site).where(Site.id == 1, Site.sealed_check == was).values(sealed_check=fresh)
    done: Any = db.session.execute(statement)
    return bool(done.rowcount)


def see_sealing_key(key: str, sealed_check: bytes, *, sealer: Sealer) -> None:
    """Raises ConfigurationError where the sealing key is not the one that this database was sealed with."""
    try:
        is_right = hmac.compare_digest(sealer.open(sealed_check, row=key, **_PLACE), _CHECK)
    except SealError:
        is_right = False
    if not is_right:
        raise ConfigurationError(
            "The sealing key is not the one that this database was sealed with. Set MINTMARK_SEALING_KEY to the right"
            " one, or put the file sealing-key of that site back. The database was not changed."
        )


def setup_code(*, sealer: Sealer) -> str | None:
    """Return the one-time code for the first administrator; None once there is, or was, one.

    It is computed from the sealing key and stored nowhere: the same on every node and at every start.
    """
    site = db.session.get_one(Site, 1)
    if site.set_up_at is not None:
        return None
    return _code(sealer.keys[0], site.key)


def _code(key: SealingKey, site_key: str) -> str:
    code = hmac.digest(key.derive("setup"), site_key.encode(), "sha256")[:20]
    return base64.b32encode(code).decode().lower()


def see_setup_code(code: str, *, sealer: Sealer) -> None:
    """Raises NotFound unless this is the code, and it was not used. Another node may have its keys in another order."""
    site, given = db.session.get_one(Site, 1), code.encode("utf-8", "replace")
    codes = [] if site.set_up_at is not None else [_code(key, site.key) for key in sealer.keys]
    if not any([hmac.compare_digest(each.encode(), given) for each in codes]):
        raise NotFound(
            "The link for the first administrator works once. Until it was used, every start prints it again;"
            " afterwards `flask --app app create-admin` helps."
        )


def read_first_administrator(username: str, password: str) -> dict[str, Any]:
    """Return the checked values. Raises InvalidFields."""
    problems: list[tuple[str, str]] = []
    try:
        read_identifier(username, "username")
    except FieldError as error:
        problems.append(("username", str(error)))
    try:
        read_password(password, username=username)
    except FieldError as error:
        problems.append(("password", str(error)))
    if problems:
        raise InvalidFields(problems)
    return {"username": username, "password": password, "is_admin": True}


def set_up(
    code: str, values: dict[str, Any], *, sealer: Sealer, now: float, address: str | None, request: str | None
) -> Person:
    """Use the code to make the first administrator, in the caller's transaction. Raises NotFound, InvalidFields."""
    see_setup_code(code, sealer=sealer)
    if not close_setup(now=now):
        raise NotFound("Somebody else was quicker: the first administrator exists.")
    try:
        person = people.make(values, by=Occasion(now, "setup", address, request))
    except FieldError as error:
        raise InvalidFields([(error.field, str(error))]) from error
    log.note("site.set_up", Occasion(now, person.id, address, request), person=person.id)
    return person


def close_setup(*, now: float) -> bool:
    """Mark that there is an administrator; False where that was so already. One statement: of two at once one wins."""
    done: Any = db.session.execute(
        update(Site).where(Site.id == 1, Site.set_up_at.is_(None)).values(set_up_at=int(now))
    )
    db.session.expire_all()
    return bool(done.rowcount)
