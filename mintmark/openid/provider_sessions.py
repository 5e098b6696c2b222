"""What a session needs to end at its OpenID provider too: its ID token, sealed for that session, and no longer kept.

Rule: the token leaves once, as a hint to the provider that made it (OpenID Connect RP-Initiated Logout 1.0 §2). It goes
with its session, wherever that is ended (mintmark/sessions.py); where the session only ran out, at the next sign-in.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import Select, delete, select

from mintmark.config import Settings
from mintmark.errors import SealError
from mintmark.models import OpenIDProvider, ProviderSession, Session, db
from mintmark.sealing import Sealer, key_id_of
from mintmark.sessions import is_over

_PLACE = {"table": "provider_session", "column": "sealed"}
_PURGED_AT_ONCE = 100
_MAX_ADDRESS = 6_000  # Servers take addresses of 8,000 bytes (RFC 9110 §4.1); a longer token is not sent.


def keep(session_id: str, provider_id: str, id_token: str, *, sealer: Sealer) -> None:
    """Keep the ID token of a session that was flushed."""
    sealed = sealer.seal(id_token.encode(), row=session_id, **_PLACE)
    row = ProviderSession(id=session_id, provider_id=provider_id, sealed=sealed, sealed_by=key_id_of(sealed))
    db.session.add(row)
    db.session.flush()


def find(session_id: str, *, sealer: Sealer) -> tuple[str, str] | None:
    """Return (provider id, ID token) of a session, before it ends; None where there is none, or it does not open."""
    row = db.session.get(ProviderSession, session_id)
    try:
        return (row.provider_id, sealer.open(row.sealed, row=session_id, **_PLACE).decode()) if row else None
    except SealError:
        return None


def purge(now: float, settings: Settings, *, most: int = _PURGED_AT_ONCE) -> int:
    """Forget some of what belongs to sessions that ran out: by disuse, by age, or by what their provider gave them.

    Rows that another node is forgetting are passed over. Returns how many were forgotten.
    """
    locked = of_sessions_over(now, settings).limit(most).with_for_update(skip_locked=True, of=ProviderSession)
    some = db.session.scalars(locked).all()
    db.session.execute(delete(ProviderSession).where(ProviderSession.id.in_(some)))
    return len(some)


def of_sessions_over(now: float, settings: Settings) -> Select[str]:
    """Return the query for what belongs to sessions that are over."""
    ids = select(ProviderSession.id).join(Session, Session.id == ProviderSession.id)
    return ids.where(is_over(now, settings) | Session.ended_at.is_not(None))


def sign_out_address(row: OpenIDProvider, metadata: Mapping[str, Any], id_token: str, *, back: str) -> str | None:
    """Return where a provider signs somebody out; None where it does not."""
    endpoint = metadata.get("end_session_endpoint")
    if not endpoint:
        return None
    query = {"client_id": row.client_id, "post_logout_redirect_uri": back}
    whole = {"id_token_hint": id_token, **query}
    join = "&" if "?" in endpoint else "?"
    address = f"{endpoint}{join}{urlencode(whole)}"
    return address if len(address) <= _MAX_ADDRESS else f"{endpoint}{join}{urlencode(query)}"
