"""What the site remembers: the tables, and how they are read and written.

Moments (`…_at`) are whole Unix seconds, but for the log's `at`, which is milliseconds.
Ids are UUIDs as text, random and made by us, for sealed values are bound to them.
"""

from mintmark.models.assets import Access, Asset, Revision, Secret
from mintmark.models.base import db, writing
from mintmark.models.log import LogRow
from mintmark.models.people import Attribute, Group, Membership, Person
from mintmark.models.sessions import Attempt, Session
from mintmark.models.site import Site

__all__ = [
    "Access",
    "Asset",
    "Attempt",
    "Attribute",
    "Group",
    "LogRow",
    "Membership",
    "Person",
    "Revision",
    "Secret",
    "Session",
    "Site",
    "db",
    "writing",
]
