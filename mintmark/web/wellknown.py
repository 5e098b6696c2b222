"""The key sets and where they are: what verifiers read (RFC 7517 §5, OpenID Connect Discovery §4).

The same for everybody: no session is looked at, pages of any origin may read, and caches may keep
what they got for CACHE_SECONDS in all. Each answer is read from the database, so that a revoked key is
gone at once; where that does not answer, a document that was read less than CACHE_SECONDS ago is given
with the rest of its time.
"""

import hashlib
import json
import math
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, current_app, g, request, url_for
from sqlalchemy.exc import DBAPIError
from werkzeug.exceptions import NotFound

from mintmark import log, paths
from mintmark.assets import former
from mintmark.assets.save import find_asset
from mintmark.keys import publishing
from mintmark.keys.life import CACHE_SECONDS
from mintmark.web import get_mint
from mintmark.web.asking import empty

ENDPOINTS = frozenset({"wellknown.site_keys", "wellknown.asset_keys", "wellknown.discovery"})
bp = Blueprint("wellknown", __name__, url_prefix="/.well-known")
_MOST_KEPT = 100
_KEPT = "mintmark.published"


@dataclass(frozen=True, slots=True)
class _Document:
    """The body of an answer and when it was read."""

    body: bytes
    read_at: float


class _Kept:
    """The last document of each address, in bounds."""

    def __init__(self) -> None:
        self._documents: OrderedDict[str, _Document] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, address: str, document: _Document | None) -> None:
        """Keep a document in place of the one before, or forget that one."""
        with self._lock:
            self._documents.pop(address, None)
            if document is not None:
                self._documents[address] = document
            while len(self._documents) > _MOST_KEPT:
                self._documents.popitem(last=False)

    def find(self, address: str) -> _Document | None:
        """Return the last document of an address."""
        with self._lock:
            return self._documents.get(address)


@bp.get("/jwks.json", provide_automatic_options=False)
def site_keys() -> Response:
    """Answer with the keys of the site."""
    return _answer(lambda now: _key_set(publishing.site_keys(now=now)))


@bp.get("/jwks/<path:path>", provide_automatic_options=False)
def asset_keys(path: str) -> Response:
    """Answer with the keys of an asset, live or switched off: its tokens live on."""
    if not paths.is_path(path):
        raise NotFound()
    return _answer(lambda now: _keys_at(path, now))


@bp.get("/openid-configuration", provide_automatic_options=False)
def discovery() -> Response:
    """Answer with where the keys are; nobody signs in elsewhere by this site, so it names no endpoint to do that."""
    return _answer(_metadata)


def _keys_at(path: str, now: float) -> dict[str, Any] | None:
    asset = find_asset(path)
    holder = None if asset else former.taken([path], now=now).get(path)
    asset_id = asset.id if asset else holder and holder.asset_id
    rings = publishing.asset_rings(asset_id, now=now) if asset_id else {}
    return _key_set(publishing.keys_in(rings, now=now)) if rings else None


def _key_set(keys: list[Any]) -> dict[str, Any]:
    return {"keys": [publishing.jwk_of(key) for key in keys]}


def _metadata(now: float) -> dict[str, Any]:
    """What readers of this document insist on, as far as it is true.

    An empty list is left out (OpenID Connect Discovery §4.2), and so is RS256 where no key signs with it.
    """
    site_url = get_mint().settings.site_url
    metadata: dict[str, Any] = {
        "issuer": site_url,
        "jwks_uri": site_url + url_for("wellknown.site_keys").removeprefix(request.script_root),
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
    }
    if algorithms := sorted({key.algorithm for key in publishing.site_keys(now=now)}):
        metadata["id_token_signing_alg_values_supported"] = algorithms
    return metadata


def _answer(read: Callable[[float], dict[str, Any] | None]) -> Response:
    """Answer with what `read` returns now (None: there is none), or with what it returned not long ago."""
    now = get_mint().clock()
    kept: _Kept = current_app.extensions.setdefault(_KEPT, _Kept())
    try:
        found = read(now)
    except DBAPIError as error:
        return _answer_without_database(kept.find(request.path), error, now)
    if found is None:
        kept.keep(request.path, None)
        raise NotFound()
    document = _Document(json.dumps(found, separators=(",", ":")).encode(), now)
    kept.keep(request.path, document)
    return _respond(document, CACHE_SECONDS)


def _answer_without_database(document: _Document | None, error: DBAPIError, now: float) -> Response:
    rest = CACHE_SECONDS - math.ceil(now - document.read_at) if document else 0
    is_good = document is not None and 0 < rest <= CACHE_SECONDS
    log.say(
        "keys.not_read",
        request=g.request_id,
        status=200 if is_good else 503,
        kind=type(error).__name__,
        path=request.path,
        address=request.remote_addr,
    )
    return _respond(document, rest) if document is not None and is_good else empty(503)


def _respond(document: _Document, seconds: int) -> Response:
    """application/json: application/jwk-set+json is right too (RFC 7517 §8.5.2), but some readers refuse it."""
    response = Response(document.body, content_type="application/json")
    response.headers["Cache-Control"] = f"public, max-age={seconds}"
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.set_etag(hashlib.sha256(document.body).hexdigest()[:32])
    response.make_conditional(request)
    return response
