"""What a provider says of somebody: the claims of the ID token, and those of userinfo that it lacks.

Pure. Rule: what stands in the ID token, which is signed, is never replaced by what does not.
"""

from collections.abc import Mapping
from typing import Any

from mintmark.issuers.arriving import Arrival
from mintmark.issuers.mapping import claim_at
from mintmark.models import OpenIDProvider


def is_lacking(claims: Mapping[str, Any], definition: Mapping[str, Any]) -> bool:
    """Tell whether a claim that is mapped, or becomes a username, is not in the ID token; null counts as absent."""
    wanted = {*definition["attribute_map"].values()}
    wanted |= {definition[name] for name in ("groups_claim", "roles_claim", "permissions_claim")}
    wanted |= {definition["username_claim"] if definition["create_people"] else None}
    return any(claim_at(claims, claim) is None for claim in wanted - {None})


def completed(claims: Mapping[str, Any], userinfo: Mapping[str, Any]) -> dict[str, Any]:
    """Return the claims of an ID token with those of userinfo that it lacks."""
    return {**userinfo, **{name: value for name, value in claims.items() if value is not None}}


def arrival_of(row: OpenIDProvider, subject: str, claims: Mapping[str, Any]) -> Arrival:
    """Return somebody who arrives. They are known by `sub`, whatever else they are called; a code is spent there."""
    return Arrival(
        source_id=row.id,
        issuer=row.issuer,
        name=row.name,
        claim="sub",
        subject=subject,
        claims=claims,
        definition=row.definition,
        spends=None,
    )
