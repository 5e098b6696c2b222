"""What the row of an asset repeats of its definition, so that lists and look-ups read no JSON."""

from collections.abc import Mapping
from typing import Any

from mintmark import attributes, payload
from mintmark.keys import sharing

AUDIENCE_FROM = frozenset({"template", "params", "signing_key"})  # The audience follows from these fields.


def columns_of(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns that repeat a definition, but for the audience, which takes a compiled template."""
    return {
        "path": definition["path"],
        "name": definition["name"],
        "live": definition["live"],
        "for_everyone": definition["readers"] == "everyone",
        "lifetime": definition["lifetime"],
        "ring_id": definition.get("signing_key"),
    }


def audience_of(definition: Mapping[str, Any]) -> list[str] | None:
    """Return the texts of the literal `aud`; only whoever signs with a key needs them."""
    if definition.get("signing_key") is None:
        return None
    params = [param["name"] for param in definition["params"]]
    try:
        return sharing.literal_audience(payload.compile(definition["template"], attributes.declared(), params))
    except payload.TemplateError:
        return None
