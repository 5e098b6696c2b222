"""Everybody whose token one may be: trusted issuers and OpenID providers, each with what it asks.

Rule: nothing is fetched for it; a provider's keys are those that were read before.
"""

from typing import Any

from mintmark.issuers import finding
from mintmark.issuers.explaining import OPENID_PROVIDER, TRUSTED_ISSUER, Source
from mintmark.issuers.finding import Candidate
from mintmark.openid import rules
from mintmark.openid import saving as providers
from mintmark.web import get_mint, return_to


def see_page(said: Any, origins: frozenset[str]) -> None:
    """Raises TokenRefused where a token would be that says to go on there, by the same rule."""
    return_to.resolve(None, said, None, origins=origins)


def all_sources() -> list[Source]:
    """Return every trusted issuer and every live OpenID provider."""
    mint = get_mint()
    settings, now = mint.settings, mint.clock()
    found = [of_issuer(each) for each in finding.all_rules(settings=settings, now=now)]
    for row in providers.every():
        if row.live:
            asked = rules.rules_of(row, now=now, fetch_also=settings.fetch_also)
            found.append(
                Source(
                    id=row.id,
                    name=row.name,
                    kind=OPENID_PROVIDER,
                    rules=asked,
                    definition=row.definition,
                    problem=None,
                )
            )
    return found


def of_issuer(each: Candidate) -> Source:
    """Return a trusted issuer as one whose token it may be."""
    row = each.row
    return Source(
        id=row.id,
        name=row.name,
        kind=TRUSTED_ISSUER,
        rules=each.rules,
        definition=row.definition,
        problem=each.problem,
    )
