"""What the site remembers: the tables, and how they are read and written.

Moments (`…_at`) are whole Unix seconds, but for the log's `at`, which is milliseconds.
Ids are UUIDs as text, random and made by us, for sealed values are bound to them.
"""

from mintmark.models.access_tokens import AccessToken, AccessTokenAsset
from mintmark.models.assets import IS_CURRENT, Access, Asset, FormerPath, Revision, Secret
from mintmark.models.base import db, writing
from mintmark.models.counts import TokenCount
from mintmark.models.issuers import (
    FetchedDocument,
    Identity,
    IssuerKey,
    OpenIDProvider,
    ProviderSession,
    RefusedToken,
    SpentToken,
    TrustedIssuer,
)
from mintmark.models.keys import KeyRing, SigningKey
from mintmark.models.log import LogRow
from mintmark.models.people import Attribute, Group, Membership, PasswordLink, Person
from mintmark.models.search import SearchWord
from mintmark.models.sessions import Attempt, Session
from mintmark.models.site import Site

__all__ = [
    "Access",
    "AccessToken",
    "AccessTokenAsset",
    "Asset",
    "Attempt",
    "Attribute",
    "FetchedDocument",
    "FormerPath",
    "Group",
    "IS_CURRENT",
    "Identity",
    "IssuerKey",
    "KeyRing",
    "LogRow",
    "Membership",
    "OpenIDProvider",
    "PasswordLink",
    "Person",
    "ProviderSession",
    "RefusedToken",
    "Revision",
    "SearchWord",
    "Secret",
    "Session",
    "SigningKey",
    "Site",
    "SpentToken",
    "TokenCount",
    "TrustedIssuer",
    "db",
    "writing",
]
