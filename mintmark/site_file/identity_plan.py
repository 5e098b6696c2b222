"""What an import does with the identities of people: linked, and unlinked where a list has them no more.

Rule: `of` is the name that a trusted issuer or OpenID provider has after the import. A subject is one person's: that of
somebody else is refused, unless the file takes it from them.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Row, select

from mintmark.identities import ISSUER, PROVIDER
from mintmark.models import Identity, OpenIDProvider, Person, TrustedIssuer, db
from mintmark.site_file.changes import IdentityLink
from mintmark.site_file.identity_field import IdentityField
from mintmark.site_file.planning import Planning, chunks
from mintmark.site_file.problems import Entry

SourceName = tuple[str, str]  # kind and name; the names of issuers and of providers are apart.
_COLUMNS = [getattr(Identity, name) for name in ("id", "person_id", "source_id", "claim", "subject")]
_AMBIGUOUS = "“{0}” is an issuer and a provider; write issuer:{0} or provider:{0}"


def of_name(source: SourceName, known: Iterable[SourceName]) -> str:
    """Return how the file calls an issuer or provider: its name, with its kind where another kind has it too."""
    is_unique = sum(name == source[1] for _, name in known) == 1
    return source[1] if is_unique else ":".join(source)


class Identities:
    """Compares the identities of the people in the file with the site."""

    def __init__(self, planning: Planning) -> None:
        self._problems, self._plan = planning.problems, planning.plan
        self._ids = _sources_after(planning)
        self._names = {source_id: name for name, source_id in self._ids.items() if source_id}
        self._holders: dict[IdentityLink, Entry] = {}  # Compared without regard to whose it is.
        self._new: dict[SourceName, dict[tuple[str, str], Entry]] = {}  # source → claim and subject

    def present_of(self, person_ids: Iterable[str]) -> dict[str, list[Row[Any]]]:
        """Return the identities of people, by person."""
        found: dict[str, list[Row[Any]]] = {person_id: [] for person_id in person_ids}
        for row in db.session.execute(select(*_COLUMNS).where(Identity.person_id.in_(found))) if found else ():
            found[row.person_id].append(row)
        return found

    def compare(self, entry: Entry, present: Iterable[Row[Any]] = ()) -> bool:
        """Plan the links of one entry, and the end of those `present` that it lacks; tell whether there are any."""
        if "identities" not in entry.values:
            return False
        wanted = {link for each in entry.values["identities"] if (link := self._link(entry, each))}
        for link in wanted:
            self._see_once(entry, link)
        kept, gone = set(), []
        for row in present:
            source = self._names.get(row.source_id)
            link = IdentityLink(*source, row.claim, row.subject, entry.key) if source else None
            if link in wanted:
                kept.add(link)
            else:
                gone.append((row.id, row.person_id))
        new = sorted(wanted - kept, key=lambda link: (link.kind, link.name, link.claim, link.subject))
        for link in new:
            self._new.setdefault((link.kind, link.name), {})[link.claim, link.subject] = entry
        self._plan.links += new
        self._plan.unlinks += gone
        return bool(new or gone)

    def see_are_free(self) -> None:
        """What is to be linked is nobody's, or taken from them by this very file."""
        taken = {identity_id for identity_id, _ in self._plan.unlinks}
        for source, wanted in self._new.items():
            source_id = self._ids[source]
            for chunk in chunks(sorted({subject for _, subject in wanted})) if source_id else ():
                statement = (
                    select(Identity.id, Identity.claim, Identity.subject, Person.username)
                    .join(Person, Person.id == Identity.person_id)
                    .where(Identity.source_id == source_id, Identity.subject.in_(chunk))
                )
                for row in db.session.execute(statement):
                    entry = wanted.get((row.claim, row.subject))
                    if entry is not None and row.id not in taken:
                        words = f"“{row.subject}” of {source[1]} is linked to {row.username} already"
                        self._problems.add(entry, "identities", words)

    def _link(self, entry: Entry, given: IdentityField) -> IdentityLink | None:
        kinds = [kind for kind in (ISSUER, PROVIDER) if (kind, given.of) in self._ids]
        if len(kinds) == 1:
            return IdentityLink(kinds[0], given.of, given.claim, given.subject, entry.key)
        kind, _, name = given.of.partition(":")
        if not kinds and (kind, name) in self._ids:
            return IdentityLink(kind, name, given.claim, given.subject, entry.key)
        words = _AMBIGUOUS.format(given.of) if kinds else f"“{given.of}” is no trusted issuer and no OpenID provider"
        self._problems.add(entry, "identities", words)
        return None

    def _see_once(self, entry: Entry, link: IdentityLink) -> None:
        other = self._holders.setdefault(link, entry)
        if other is not entry:
            self._problems.add(entry, "identities", f"“{link.subject}” of {link.name} is that of {other.label}, too")


def _sources_after(planning: Planning) -> dict[SourceName, str | None]:
    """Return the issuers and providers that are there after the import, with their ids; None: it is new."""
    issuers: dict[str, Any] = {row.issuer: row for row in db.session.scalars(select(TrustedIssuer))}
    providers: dict[str, Any] = {row.name: row for row in db.session.scalars(select(OpenIDProvider))}
    found: dict[SourceName, str | None] = {}
    for entry in planning.entries("trusted_issuers"):
        _add(found, ISSUER, entry, issuers.pop(entry.values["issuer"] or "", None))
    for entry in planning.entries("openid_providers"):
        _add(found, PROVIDER, entry, providers.pop(entry.key, None))
    found |= {(ISSUER, row.name): row.id for row in issuers.values()}
    return found | {(PROVIDER, row.name): row.id for row in providers.values()}


def _add(found: dict[SourceName, str | None], kind: str, entry: Entry, row: Any) -> None:
    values: Mapping[str, Any] = entry.values
    if name := values.get("name", row.name if row else None):
        found[kind, name] = row.id if row else None
