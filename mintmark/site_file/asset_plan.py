"""What an import does with assets: made, saved as the next revision, or trashed where the file has none.

Rule: an asset is checked whole, also where the file names a few fields of it; what is not in
the file is what the asset has now, or what its preset writes with other answers.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import aliased

from mintmark import groups
from mintmark.assets import former
from mintmark.assets.anew import as_entered
from mintmark.assets.definition import read_definition
from mintmark.assets.party_changes import follow
from mintmark.assets.signing import Source
from mintmark.errors import InvalidFields
from mintmark.fields import identifier_key, is_same
from mintmark.keys import rings
from mintmark.keys.rings import Choice
from mintmark.models import IS_CURRENT, Asset, Revision, Secret, db
from mintmark.site_file.changes import AssetChange
from mintmark.site_file.planning import Planning, by_code_point, chunks
from mintmark.site_file.problems import Entry
from mintmark.site_file.secret_plan import SecretsPlan
from mintmark.site_file.sharing_plan import Sharing

_NEXT = aliased(Secret, name="NextSecret")


def plan_assets(planning: Planning) -> None:
    """Compare every asset of the file with the site."""
    assets = _Assets(planning, {entry.key for entry in planning.entries("assets")})
    for chunk in chunks(planning.document.sections["assets"]):
        assets.compare(chunk)
    assets.see_sharing()
    if planning.options.prune:
        assets.trash_others()


class _Assets:
    def __init__(self, planning: Planning, paths: set[str]) -> None:
        self._planning, self._problems, self._paths = planning, planning.problems, paths
        self._group_names = groups.names_by_id()
        self._key_ids = rings.names(now=planning.now)
        self._sharing = Sharing(planning)

    def compare(self, entries: Sequence[Entry]) -> None:
        """Find out what is new, and what is different."""
        statement = (
            select(Asset.path, Asset.id, Asset.audience, Revision.definition, Revision.next_from_at, Secret, _NEXT)
            .join(Revision, IS_CURRENT)
            .outerjoin(Secret, Secret.id == Revision.secret_id)
            .outerjoin(_NEXT, _NEXT.id == Revision.next_secret_id)
            .where(Asset.path.in_([entry.key for entry in entries if entry.key]), Asset.trashed_at.is_(None))
        )
        present = {row.path: row for row in db.session.execute(statement)}
        self._see_none_answers([entry for entry in entries if entry.key and entry.key not in present])
        for entry in entries:
            row = present.get(entry.key)
            if row is None:
                self._make(entry)
            else:
                self._change(entry, row)

    def _see_none_answers(self, entries: Sequence[Entry]) -> None:
        """A new asset takes no path that still answers for one that was moved away from it, and stays."""
        taken = former.taken([entry.key for entry in entries], now=self._planning.now)
        for entry in entries:
            if (found := taken.get(entry.key)) and (found.path in self._paths or not self._planning.options.prune):
                self._problems.add(entry, "path", found.words)

    def see_sharing(self) -> None:
        """Hold all assets of the file and the site against each other that sign with the same keys."""
        self._sharing.see(self._paths)

    def trash_others(self) -> None:
        """Every asset that is not in the file."""
        statement = select(Asset.id, Asset.path).where(Asset.trashed_at.is_(None)).order_by(by_code_point(Asset.path))
        for asset_id, path in db.session.execute(statement):
            if path not in self._paths:
                self._planning.plan.assets_off.append(asset_id)
                self._planning.change("-", "assets", path)

    def _make(self, entry: Entry) -> None:
        definition = self._read(entry, {}, {})
        secrets = SecretsPlan(self._planning, entry, definition, Source(), None)
        change = AssetChange(definition, secrets.secret, next=secrets.next)
        self._planning.plan.assets.append(change)
        self._planning.change("+", "assets", entry.key)
        self._sharing.add(entry, definition, change)

    def _change(self, entry: Entry, row: Row[Any]) -> None:
        present = as_entered(row.definition, self._group_names, self._key_ids)
        definition = self._read(entry, present, row.definition)
        source = Source(secret=row.Secret, next_secret=row.NextSecret, next_from_at=row.next_from_at)
        secrets = SecretsPlan(self._planning, entry, definition, source, row.definition["algorithm"])
        changed = [name for name, value in definition.items() if not is_same(row.definition.get(name), value)]
        changed += secrets.fields
        change = AssetChange(definition, secrets.secret, row.id, secrets.next) if changed else None
        if change is not None:
            self._planning.plan.assets.append(change)
            self._planning.change("~", "assets", entry.key, changed)
        self._sharing.add(entry, definition, change, before=row)

    def _read(self, entry: Entry, present: Mapping[str, Any], kept: Mapping[str, Any]) -> dict[str, Any]:
        """Return the checked definition; where something is wrong, what was entered."""
        followed, faulty = follow(_entered(entry.values, present), kept, entry.values), entry.faulty.copy()
        entered, problems = followed.entered, followed.problems
        try:
            definition = self._checked(entry.key, entered, self._choices(present), kept)
        except InvalidFields as error:
            definition, problems = entered, [*problems, *error.problems]
        for field, words in problems:
            if field not in faulty:
                self._problems.add(entry, field, words)
        return definition

    def _choices(self, present: Mapping[str, Any]) -> dict[str, Choice]:
        """Return what the ids of keys name; what an asset has it may keep, also where none of its keys is left."""
        key_id, keys = present.get("signing_key"), self._planning.keys
        if key_id is None or key_id in keys:
            return keys
        ring_ids = {named: ring_id for ring_id, named in self._key_ids.items()}
        return {**keys, key_id: Choice(ring_ids[key_id], present["algorithm"])} if key_id in ring_ids else keys

    def _checked(
        self, path: str, entered: dict[str, Any], keys: Mapping[str, Choice], kept: Mapping[str, Any]
    ) -> dict[str, Any]:
        """A template takes up to a tenth of a second: the second plan takes over what the first found."""
        planning = self._planning
        key_id = entered.get("signing_key")
        key = keys.get(key_id) if isinstance(key_id, str) else None
        party = kept.get("preset"), kept.get("ask")
        question = (entered, planning.types, self._ids_of_named(entered), key, party)
        known = planning.memory.definitions.get(path)
        if known is None or known[0] != question:
            answer = read_definition(
                entered, group_ids=planning.group_ids, attributes=planning.types, keys=keys, kept=kept
            )
            known = planning.memory.definitions[path] = (question, answer)
        return known[1]

    def _ids_of_named(self, entered: Mapping[str, Any]) -> list[str | None]:
        lists = [entered.get(field) for field in ("readers", "editors")]
        named = [name for names in lists if isinstance(names, list) for name in names if isinstance(name, str)]
        return [self._planning.group_ids.get(identifier_key(name)) for name in named]


def _entered(given: Mapping[str, Any], present: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an asset is to be: a secret takes the place of its key, and a key brings its algorithm with it."""
    entered = {**present, **given}
    if "secret" in given and "signing_key" not in given:
        entered["signing_key"] = None
    is_of_key = entered.get("signing_key") is not None or present.get("signing_key") is not None
    if is_of_key and "algorithm" not in given:
        entered.pop("algorithm", None)
    return {name: value for name, value in entered.items() if name not in ("secret", "next_secret")}
