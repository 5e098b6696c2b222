"""What is to be said of those who sign people in: every live trusted issuer and OpenID provider with a warning.

Rule: the words are those of their pages. The same few statements, however many there are.
"""

from dataclasses import dataclass

from sqlalchemy import select

from mintmark import attributes
from mintmark.issuers.warnings import warnings_of as of_issuer
from mintmark.models import IssuerKey, OpenIDProvider, TrustedIssuer, db
from mintmark.openid.warnings import warnings_of as of_provider

ISSUERS, PROVIDERS = "trusted_issuers", "openid_providers"  # as in a site file


@dataclass(frozen=True, slots=True)
class WarnedSource:
    """A trusted issuer or OpenID provider (`section`), and what is to be said of it: one sentence or several."""

    section: str
    id: str
    name: str
    words: tuple[str, ...]

    @property
    def amount(self) -> int:
        """Return how many sentences there are."""
        return len(self.words)


def warned_sources() -> list[WarnedSource]:
    """Return those of which there is something to say: issuers by name, then providers."""
    issuers = db.session.scalars(select(TrustedIssuer).where(TrustedIssuer.live).order_by(TrustedIssuer.name)).all()
    providers = db.session.scalars(
        select(OpenIDProvider).where(OpenIDProvider.live).order_by(OpenIDProvider.name)
    ).all()
    if not issuers and not providers:
        return []
    declared = attributes.declared()
    keys: dict[str, list[IssuerKey]] = {row.id: [] for row in issuers}
    for key in db.session.scalars(select(IssuerKey)):
        keys.setdefault(key.issuer_id, []).append(key)
    found = [WarnedSource(ISSUERS, row.id, row.name, tuple(of_issuer(row, keys[row.id], declared))) for row in issuers]
    found += [WarnedSource(PROVIDERS, row.id, row.name, tuple(of_provider(row, declared))) for row in providers]
    return [each for each in found if each.words]
