"""Figures for a monitor, in Prometheus' text format, under any host and only for whoever has the token.

What is of the whole site is read from the database anew, so that every process of every node says the same; beside it
stands what the workers of this node have counted (mintmark/figures.py), also where the database does not answer.
"""

import hmac
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from flask import Blueprint, Response, request
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import defer
from werkzeug.exceptions import NotFound

from mintmark import figures
from mintmark.counts import catch_up, reading
from mintmark.errors import Busy
from mintmark.keys.life import GONE, REVOKED, state_of
from mintmark.keys.running_out import ends, running_out
from mintmark.models import SigningKey, db
from mintmark.models.base import is_unavailable
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
    found = [*_about_this_node(figures.board.read())]
    try:
        with suppress(Busy):  # What is not counted now is the next time.
            catch_up(db.engine, now=mint.clock())
        found += [*_about_keys(mint.clock()), _about_tokens(mint.clock())]
    except SQLAlchemyError as error:
        if not is_unavailable(error):
            raise
        if not found:
            return empty(503)
    return Response(generate_latest(_Figures(found)), content_type=CONTENT_TYPE_PLAIN_0_0_4)


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


def _about_tokens(now: float) -> Any:
    """Old counts are taken away, and a counter that falls a little would pass for one that began anew: so it does."""
    from prometheus_client.core import CounterMetricFamily

    tokens = CounterMetricFamily(
        "mintmark_tokens",
        "Tokens asked for of the whole site since the month began (UTC), by outcome",
        labels=("outcome",),
    )
    for outcome, amount in reading.this_month(now=now).items():
        tokens.add_metric((outcome,), amount)
    return tokens


def _about_this_node(totals: figures.Totals | None) -> Iterator[Any]:
    """Yield what the workers of this node counted since it began to serve: it falls when the service starts anew."""
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

    if totals is None:
        return
    requests = CounterMetricFamily(
        "mintmark_node_requests", "Answers of this node, by door and class of status", labels=("door", "status")
    )
    for labels, amount in totals.requests.items():
        requests.add_metric(labels, amount)
    yield requests
    seconds = HistogramMetricFamily(
        "mintmark_node_request_seconds", "How long answers of this node took, by door", labels=("door",)
    )
    for door, (bounds, total) in totals.seconds.items():
        seconds.add_metric((door,), bounds, total)
    yield seconds
    yield GaugeMetricFamily("mintmark_node_requests_at_work", "Requests that are answered now", value=totals.at_work)
    for name, meaning in figures.COUNTED.items():
        yield CounterMetricFamily(f"mintmark_node_{name}", meaning, value=totals.counted[name])
