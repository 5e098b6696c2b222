"""The log: its events, how a row is written by an act, and how it leaves.

Rows are the truth; standard output repeats what has no row (strangers, 404, 405, 503).
`detail` is JSON. Neither ever holds a token, a secret, a password or a cookie.
"""

import json
from dataclasses import dataclass
from typing import Any

from mintmark.models import LogRow, db
from mintmark.moment import iso
from mintmark.output import say as say
from mintmark.output import say_bug as say_bug
from mintmark.output import to_json as to_json

# event → meaning; README's table is held to this one by a test.
EVENTS = {
    "token.issued": "a person, or a command for a person, got a token (`code`: `former_path`, `next_key`, or none)",
    "token.refused": "a known person was refused one (`code`: `not_a_reader`, `limit_reached`, `origin`)",
    "token.failed": "the asset is set up so that this person gets none; the diagnosis says why",
    "person.signed_in": "a new session began; `issuer` where it was by a token",
    "person.sign_in_refused": "a password or a token signed nobody in; a name that nobody has is not kept",
    "person.signed_out": "a session ended by its person",
    "person.created": "a person was made",
    "person.erased": "a person was emptied: id and username stay reserved, nothing else is kept",
    "person.link_made": "a one-time link to set a password was made for a person",
    "person.sessions_ended": "sessions of a person were ended",
    "person.revised": "a person was changed; `detail` names the fields",
    "person.password_set": "a password was set, and the person's other sessions ended",
    "group.created": "a group was made",
    "group.revised": "a group got another name",
    "group.removed": "a group was taken away",
    "attribute.declared": "a custom attribute was declared",
    "attribute.revised": "the declaration of an attribute was changed",
    "attribute.removed": "an attribute and everybody’s value of it were taken away",
    "asset.created": "an asset was made, as revision 1",
    "asset.revised": "an asset was changed; `detail` names the fields",
    "asset.trashed": "an asset was moved to the trash",
    "asset.restored": "an asset was taken out of the trash",
    "asset.purged": "an asset in the trash was taken away for good",
    "asset.seen": "an administrator has seen what editors saved",
    "asset.previewed": "an administrator looked at the claims that an asset gives another person",
    "key.made": "a signing key was made; `detail` has its moments, and the key that it replaces",
    "key.brought": "a signing key was brought; `detail` as above",
    "key.rescheduled": "the moments of a signing key were changed",
    "key.revoked": "a signing key was unpublished at once, and signs no more",
    "key.unpublished": "a retired signing key whose tokens never expire was unpublished",
    "issuer.created": "a trusted issuer was made",
    "issuer.revised": "a trusted issuer was changed, or given another key; `detail` names the fields",
    "issuer.removed": "a trusted issuer was taken away, with what it knew of people",
    "provider.created": "an OpenID provider was made",
    "provider.revised": "an OpenID provider was changed; `detail` names the fields",
    "provider.removed": "an OpenID provider was taken away, with what it knew of people",
    "identity.linked": "an issuer’s subject was linked to a person: by either, or when they were made",
    "identity.unlinked": "an issuer’s subject was unlinked from a person",
    "access_token.made": "a person made an access token; `detail` has its name, assets and expiry",
    "access_token.ended": "an access token was ended, by its person or an administrator",
    "site.resealed": "everything sealed was moved to another sealing key",
    "site.tidied": "what nobody needs any more was taken away; `detail` has how many of each kind",
    "site.set_up": "the one-time link was used: the first administrator exists",
    "site.imported": "a site file was imported",
    "site.exported": "the site was exported to a file",
    "site.backed_up": "the database was copied to a file; `detail` names the last row of the log that is in it",
    "site.restored": "the site goes on from a backup; `detail` has what was ended, and what was taken away again",
    "log.exported": "the log, or what a filter left of it, was exported",
    "log.archived": "the oldest rows were written to a file and taken out of the log",
}
# code → meaning, of the events about tokens that had one.
CODES = {
    "former_path": "asked for by a path that the asset was moved away from",
    "next_key": "signed with the next secret or key, to try it",
    "not_a_reader": "the person is none of the asset’s readers",
    "limit_reached": "too many within a short time",
    "origin": "asked from an origin that the asset does not list",
}
COLUMNS = [column.name for column in LogRow.__table__.columns]


@dataclass(frozen=True, slots=True)
class Occasion:
    """When, by whom, from where and under which request id something is done.

    `former_path` is what was asked for where the asset was moved away from it.
    """

    now: float
    actor: str | None
    address: str | None = None
    request: str | None = None
    former_path: str | None = None


def note(event: str, by: Occasion, *, outcome: str = "done", **columns: Any) -> None:
    """Add one row to the transaction of an act. `detail` may be any JSON value."""
    if event not in EVENTS:
        raise KeyError(event)
    detail = columns.pop("detail", None)
    db.session.add(
        LogRow(
            at=int(by.now * 1000),
            event=event,
            outcome=outcome,
            actor=by.actor,
            address=by.address,
            request=by.request,
            detail=None if detail is None else to_json(detail),
            **columns,
        )
    )


def values_of(row: Any) -> dict[str, Any]:
    """Return a row as it leaves: its columns, the moment in UTC, the detail as the JSON value that it is."""
    values = {name: getattr(row, name) for name in COLUMNS}
    values["at"] = iso(row.at / 1000)
    values["detail"] = json.loads(row.detail) if row.detail else None
    return values
