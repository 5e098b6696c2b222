"""Figures for a monitor, in Prometheus' text format, under any host and only for whoever has the token.

Each scrape reads the database anew, so that every process says the same.
"""

import hmac
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, request
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import defer
from werkzeug.exceptions import NotFound

from mintmark.keys.life import GONE, REVOKED, state_of
from mintmark.keys.running_out import ends, running_out
from mintmark.models import SigningKey, db
from mintmark.web import get_mint
from mintmark.web.asking import empty

PREFIX = "/-"
ENDPOINT = "metrics.metrics"
bp = Blueprint("metrics", __name__, url_prefix=PREFIX)


class _Figures:
    """What the library collects: figures that were worked out before."""

    def __init__(self, figures: list[Any]) -> None:
        self._figures = figures

    def collect(self) -> list[Any]:
        """Return them."""
        return self._figures


@bp.get("/metrics", provide_automatic_options=False)
def metrics() -> Response:
    """Answer with all figures; 404 without the setting, 401 without the right token."""
    from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

    mint = get_mint()
    if mint.settings.metrics_token is None:
        raise NotFound()
    if not _is_right(mint.settings.metrics_token):
        response = empty(401)
        response.headers["WWW-Authenticate"] = "Bearer"
        return response
    try:
        figures = _Figures([*_about_keys(mint.clock())])
    except DBAPIError:
        return empty(503)
    return Response(generate_latest(figures), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _is_right(token: str) -> bool:
    kind, _, given = request.headers.get("Authorization", "").partition(" ")
    return hmac.compare_digest(given.encode(), token.encode()) and kind.lower() == "bearer"


def _about_keys(now: float) -> Iterator[Any]:
    from prometheus_client.core import GaugeMetricFamily

    states = GaugeMetricFamily(
        "mintmark_signing_key_state", "1 for the state of each signing key", labels=("key_id", "algorithm", "state")
    )
    statement = select(SigningKey).where((SigningKey.gone_at.is_(None)) | (SigningKey.gone_at > int(now)))
    for key in db.session.scalars(statement.options(defer(SigningKey.sealed)).order_by(SigningKey.key_id)):
        if (state := state_of(key, now)) not in (GONE, REVOKED):
            states.add_metric((key.key_id, key.algorithm, state), 1)
    yield states
    moments = GaugeMetricFamily(
        "mintmark_signing_key_runs_out_timestamp_seconds",
        "When nothing signs any more (kind none, ends), or another key should follow (due)",
        labels=("key_id", "kind"),
    )
    for each in ends(now=now):
        moments.add_metric((each.key_id, each.kind), each.at)
    yield moments
    yield GaugeMetricFamily(
        "mintmark_signing_keys_running_out", "Signing keys to look at", value=len(running_out(now=now))
    )
