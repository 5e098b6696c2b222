"""Issuing: `Mint.issue`, the one function from an asset and a person to a recorded token, whoever calls it.

`Mint` is what a process keeps to do that quickly. The order of a token's making: look up what must be fresh in one
query and find the prepared revision (`look_up`); see who may fetch, and the limit (web/token.py `_fetch`); find who
signs, render the claims, sign, record the row (`issue`), and only then hand the token out.
"""

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Engine

from mintmark.access_tokens import is_touch_due as is_use_due
from mintmark.assets.prepare import Prepared, PreparedAssets, load_prepared
from mintmark.config import Settings
from mintmark.counts import keep_up
from mintmark.drafts import make_draft
from mintmark.errors import CannotIssue, LimitReached
from mintmark.issuers import kept_refusals
from mintmark.log import Occasion, to_json
from mintmark.models.base import queue_of
from mintmark.models.wire import Wire
from mintmark.readers import ByAccessToken, Reader, reader_of
from mintmark.recorder import Recorder
from mintmark.sessions import MAX_SKEW, is_touch_due, limits
from mintmark.throttle import Fuse
from mintmark.tokens import Signer


@dataclass(frozen=True, slots=True)
class Issued:
    """A token whose row is committed, with its claims and who signed it."""

    token: str
    claims: dict[str, Any]
    signer: Signer


class Mint:
    """What one process keeps to issue tokens: connections, prepared assets, the recorder, the fuse."""

    def __init__(self, settings: Settings, engine: Engine, clock: Callable[[], float] = time.time) -> None:
        self.settings = settings
        self.clock = clock
        self.wire = Wire(engine)
        self.recorder = Recorder(self.wire, queue_of(engine), partial(self._keep_up, engine))
        self._load = partial(load_prepared, engine, settings.sealer)
        self.prepared = PreparedAssets(self._load)
        self.fuse = Fuse(settings.redis_url)

    def _keep_up(self, engine: Engine) -> None:
        keep_up(engine, self.clock)
        kept_refusals.tidy(engine, now=self.clock(), is_keeping=self.settings.keep_refused)

    def look_up(
        self,
        path: str,
        *,
        now: float,
        session: str | None = None,
        access_token: str | None = None,
        person: str | None = None,
    ) -> tuple[Prepared | None, Reader | None]:
        """Return the live asset at a path, or moved away from it not long ago, and the live person of one credential,
        read fresh: of an id, of an access token by its hash, or else of a session.
        """
        used_after, signed_in_after = limits(now, self.settings)
        values = {
            "path": path,
            "now": int(now),
            "session": session,
            "access_token": access_token,
            "person": person,
            "used_after": used_after,
            "signed_in_after": signed_in_after,
            "signed_in_by": int(now) + MAX_SKEW,
        }
        by = "person" if person is not None else "access_token" if access_token is not None else "session"
        row = self.wire.look_up(values, by)
        if row is None:  # There is no site yet; of an unknown path there is a row of NULLs.
            return None, None
        asset_id, revision, live, attributes_revision, keys_revision, token_id, is_for_it, last_used_at, *columns = row
        asset = self.prepared.get(asset_id, revision, attributes_revision, keys_revision) if live else None
        if columns[0] is None:
            return asset, None
        by_access_token = None if token_id is None else ByAccessToken(token_id, bool(is_for_it))
        if by_access_token:
            is_due = is_use_due(last_used_at, now)
        else:
            is_due = session is not None and is_touch_due(last_used_at, now, self.settings)
        touched = {by: token_id or session, "now": int(now)} if is_due else None
        return asset, reader_of(columns, touched, by_access_token)

    def prepare(self, asset_id: str, revision: int) -> Prepared:
        """Return a revision of an asset, live or not, as it would issue now. Raises Busy."""
        return self._load(asset_id, revision)

    def count_or_refuse(self, asset: Prepared, reader: Reader, *, now: float) -> None:
        """Count a request for a token. Raises LimitReached."""
        wait = self.fuse.hit(self.settings.limit_tokens, reader.id, asset.id, now=now)
        if wait is not None:
            raise LimitReached(wait)

    def issue(
        self,
        asset: Prepared,
        reader: Reader,
        params: Mapping[str, str],
        occasion: Occasion,
        sources: dict[Any, Any] | None = None,
        *,
        with_next: bool = False,
    ) -> Issued:
        """Make a token and record it, or record why not; `sources` and `with_next` as in mintmark/drafts.py.

        Raises CannotIssue (the diagnosis is in the log) and NotRecorded (then there is no token).
        """
        try:
            site_url = self.settings.site_url
            draft = make_draft(asset, reader, params, occasion.now, site_url, sources, is_next=with_next)
            token = draft.sign()
        except CannotIssue as error:
            failed = {"code": error.code, "detail": to_json({**_log_detail(asset, reader, occasion), **error.detail})}
            self.record("token.failed", "failed", asset, reader, occasion, failed)
            raise
        sub, jti = draft.claims.get("sub"), draft.claims.get("jti")
        sub = sub.replace("\x00", "\\u0000") if sub else None  # PostgreSQL keeps no NUL in text.
        columns = {
            "jti": jti,
            "sub": sub,
            "kid": draft.signer.key_id,
            "code": "next_key" if with_next else "former_path" if occasion.former_path else None,
        }
        self.record("token.issued", "done", asset, reader, occasion, columns)
        return Issued(token, draft.claims, draft.signer)

    def record(
        self,
        event: str,
        outcome: str,
        asset: Prepared,
        reader: Reader,
        occasion: Occasion,
        columns: Mapping[str, Any],
    ) -> None:
        """Commit one row about an asset and a person. Raises NotRecorded."""
        is_plain = occasion.former_path is None and reader.by_access_token is None
        row = {
            "at": int(occasion.now * 1000),
            "event": event,
            "outcome": outcome,
            "actor": occasion.actor,
            "address": occasion.address,
            "person": reader.id,
            "asset": asset.id,
            "revision": asset.revision,
            "issuer": None,
            "request": occasion.request,
            "jti": None,
            "kid": None,
            "sub": None,
            "code": None,
            "detail": asset.log_detail if is_plain else to_json(_log_detail(asset, reader, occasion)),
            **columns,
        }
        self.recorder.record(row, reader.touched)


def _log_detail(asset: Prepared, reader: Reader, occasion: Occasion) -> dict[str, str]:
    """Return the path for the log; beside it the one that was asked for where the asset was moved, and by which
    access token, where the request came with one.
    """
    found = {"path": asset.path}
    if occasion.former_path:
        found["former_path"] = occasion.former_path
    if reader.by_access_token:
        found["access_token"] = reader.by_access_token.id
        if not reader.by_access_token.is_for_asset:
            found["reason"] = "The access token is not for this asset."
    return found


def make_request_id() -> str:
    """Return the id by which an answer is found in the log."""
    return secrets.token_hex(8)
