"""OpenID providers: found, made, changed, given another client secret, taken away.

Rule: acts add and flush; views and commands commit. The issuer of a provider never changes, for whom it knows is known
by it. A provider that is switched off or taken away ends the sessions that it began.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from mintmark import groups, identities, log, sessions
from mintmark.errors import FieldError, NotFound
from mintmark.fields import is_same
from mintmark.issuers.saving import told
from mintmark.log import Occasion
from mintmark.models import OpenIDProvider, ProviderSession, db
from mintmark.models.base import find_by_id, new_id
from mintmark.sealing import Sealer, key_id_of

_PLACE = {"table": "openid_provider", "column": "sealed"}


def every() -> Sequence[OpenIDProvider]:
    """Return every provider by name; there are never many."""
    return db.session.scalars(select(OpenIDProvider).order_by(OpenIDProvider.name)).all()


def find_live(name: str) -> OpenIDProvider | None:
    """Return the live provider of a name that anybody may have typed."""
    if "\x00" in name:  # PostgreSQL takes no such text.
        return None
    return db.session.scalar(select(OpenIDProvider).where(OpenIDProvider.name == name, OpenIDProvider.live))


def get_provider(provider_id: str, is_locked: bool = False) -> OpenIDProvider:
    """Return a provider; `is_locked`: as it is now, until the caller's transaction ends. Raises NotFound."""
    row = find_by_id(OpenIDProvider, provider_id, is_locked=is_locked)
    if row is None:
        raise NotFound("There is no such OpenID provider on this site.")
    return row


def create(values: dict[str, Any], *, secret: str | None, sealer: Sealer, by: Occasion) -> OpenIDProvider:
    """Make a provider of what `read_provider` returned; without a secret it is a public client. Raises FieldError."""
    _see_name_is_free(values["name"])
    groups.see_exist(values["definition"]["groups_map"].values(), "groups_map")
    row = OpenIDProvider(id=new_id(), **values, created_at=int(by.now), revised_at=int(by.now))
    _seal(row, secret, sealer)
    db.session.add(row)
    _flush()
    log.note("provider.created", by, issuer=row.issuer, detail={**_named(row), **told(row)})
    return row


def revise(row: OpenIDProvider, values: dict[str, Any], *, by: Occasion) -> list[str]:
    """Change a provider to what `read_provider` returned; return the names of what changed. Raises FieldError."""
    if values["issuer"] != row.issuer:
        raise FieldError("never changes: people are known by it; make another provider", "issuer")
    before = {"name": row.name, "client_id": row.client_id, "live": row.live, **row.definition}
    after = {**{name: values[name] for name in ("name", "client_id", "live")}, **values["definition"]}
    changed = [name for name, value in after.items() if not is_same(before.get(name), value)]
    if not changed:
        return []
    if "name" in changed:
        _see_name_is_free(values["name"])
    groups.see_exist(values["definition"]["groups_map"].values(), "groups_map")
    for name in ("name", "client_id", "live", "definition"):
        setattr(row, name, values[name])
    _note_change(row, changed, by)
    return changed


def switch(row: OpenIDProvider, live: bool, *, by: Occasion) -> None:
    """Switch a provider on, or off, which ends the sessions that it began."""
    if row.live != live:
        row.live = live
        _note_change(row, ["live"], by)


def set_secret(row: OpenIDProvider, secret: str | None, *, sealer: Sealer, by: Occasion) -> None:
    """Give a provider another client secret; None: it becomes a public client."""
    _seal(row, secret, sealer)
    _note_change(row, ["client_secret"], by)


def remove(row: OpenIDProvider, *, by: Occasion) -> None:
    """Take a provider away, with whom it knew; the sessions that it began end."""
    ended = sessions.end_of_source(row.id, now=by.now)
    identities.forget_source(row.id)
    db.session.execute(delete(ProviderSession).where(ProviderSession.provider_id == row.id))
    log.note("provider.removed", by, issuer=row.issuer, detail={**_named(row), "sessions_ended": ended})
    db.session.delete(row)
    db.session.flush()


def open_secret(row: OpenIDProvider, *, sealer: Sealer) -> str | None:
    """Return the client secret; None: a public client. Raises SealError."""
    return None if row.sealed is None else sealer.open(row.sealed, row=row.id, **_PLACE).decode()


def _note_change(row: OpenIDProvider, fields: list[str], by: Occasion) -> None:
    row.revised_at = max(int(by.now), row.revised_at + 1)
    _flush()
    detail = {**_named(row), "fields": fields, **told(row, fields)}
    if "live" in fields and not row.live:
        detail["sessions_ended"] = sessions.end_of_source(row.id, now=by.now)
    log.note("provider.revised", by, issuer=row.issuer, detail=detail)


def _named(row: OpenIDProvider) -> dict[str, Any]:
    return {"provider": row.id, "name": row.name}


def _flush() -> None:
    """On PostgreSQL two may take one name at the same moment. Raises FieldError."""
    try:
        db.session.flush()
    except IntegrityError as error:
        raise FieldError("was taken by another provider at this moment", "name") from error


def _seal(row: OpenIDProvider, secret: str | None, sealer: Sealer) -> None:
    row.sealed = None if secret is None else sealer.seal(secret.encode(), row=row.id, **_PLACE)
    row.sealed_by = None if row.sealed is None else key_id_of(row.sealed)


def _see_name_is_free(name: str) -> None:
    if db.session.scalar(select(OpenIDProvider.id).where(OpenIDProvider.name == name)) is not None:
        raise FieldError("belongs to another provider", "name")
