"""What an import does with assets: made, saved as the next revision, or trashed where the file has none.

Rule: an asset is checked whole, also where the file names a few fields of it; what is not in
the file is what the asset has now.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, select

from mintmark import groups
from mintmark.assets import former
from mintmark.assets.anew import named_groups
from mintmark.assets.definition import DEFAULTS, read_definition
from mintmark.assets.save import is_other_secret
from mintmark.assets.secrets import SecretValue, check_secret, open_secret
from mintmark.errors import FieldError, InvalidFields, SealError
from mintmark.fields import identifier_key, is_same
from mintmark.models import IS_CURRENT, Asset, Revision, Secret, db
from mintmark.site_file.changes import AssetChange
from mintmark.site_file.planning import Planning, by_code_point, chunks
from mintmark.site_file.problems import Entry
from mintmark.tokens import ALGORITHMS


def plan_assets(planning: Planning) -> None:
    """Compare every asset of the file with the site."""
    assets = _Assets(planning, {entry.key for entry in planning.entries("assets")})
    for chunk in chunks(planning.document.sections["assets"]):
        assets.compare(chunk)
    if planning.options.prune:
        assets.trash_others()


class _Assets:
    def __init__(self, planning: Planning, paths: set[str]) -> None:
        self._planning, self._problems, self._paths = planning, planning.problems, paths
        self._group_names = groups.names_by_id()

    def compare(self, entries: Sequence[Entry]) -> None:
        """Find out what is new, and what is different."""
        statement = (
            select(Asset.path, Asset.id, Revision.definition, Secret)
            .join(Revision, IS_CURRENT)
            .join(Secret, Secret.id == Revision.secret_id)
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

    def trash_others(self) -> None:
        """Every asset that is not in the file."""
        statement = select(Asset.id, Asset.path).where(Asset.trashed_at.is_(None)).order_by(by_code_point(Asset.path))
        for asset_id, path in db.session.execute(statement):
            if path not in self._paths:
                self._planning.plan.assets_off.append(asset_id)
                self._planning.change("-", "assets", path)

    def _make(self, entry: Entry) -> None:
        definition = self._read(entry, {})
        if "secret" not in entry.values and "secret" not in entry.faulty:
            self._problems.add(entry, "secret", "is missing")
        secret = self._secret(entry, definition, None)
        self._planning.plan.assets.append(AssetChange(definition, secret))
        self._planning.change("+", "assets", entry.key)

    def _change(self, entry: Entry, row: Row[Any]) -> None:
        definition = self._read(entry, named_groups(row.definition, self._group_names))
        secret = self._secret(entry, definition, row)
        changed = [name for name, value in definition.items() if not is_same(row.definition.get(name), value)]
        if is_other_secret(secret, row.Secret, sealer=self._planning.sealer):
            changed.append("secret")
        if changed:
            self._planning.plan.assets.append(AssetChange(definition, secret, row.id))
            self._planning.change("~", "assets", entry.key, changed)

    def _read(self, entry: Entry, present: Mapping[str, Any]) -> dict[str, Any]:
        """Return the checked definition; where something is wrong, what was entered."""
        given = {name: value for name, value in entry.values.items() if name != "secret"}
        entered, faulty = {**present, **given}, entry.faulty.copy()
        try:
            return self._checked(entry.key, entered)
        except InvalidFields as error:
            for field, words in error.problems:
                if field not in faulty:
                    self._problems.add(entry, field, words)
            return entered

    def _checked(self, path: str, entered: dict[str, Any]) -> dict[str, Any]:
        """A template takes up to a tenth of a second: the second plan takes over what the first found."""
        planning = self._planning
        question = (entered, planning.types, self._ids_of_named(entered))
        known = planning.memory.definitions.get(path)
        if known is None or known[0] != question:
            answer = read_definition(entered, group_ids=planning.group_ids, attributes=planning.types)
            known = planning.memory.definitions[path] = (question, answer)
        return known[1]

    def _ids_of_named(self, entered: Mapping[str, Any]) -> list[str | None]:
        lists = [entered.get(field) for field in ("readers", "editors")]
        named = [name for names in lists if isinstance(names, list) for name in names if isinstance(name, str)]
        return [self._planning.group_ids.get(identifier_key(name)) for name in named]

    def _secret(self, entry: Entry, definition: Mapping[str, Any], row: Row[Any] | None) -> SecretValue | None:
        algorithm = definition.get("algorithm", DEFAULTS["algorithm"])
        if "algorithm" in entry.faulty or algorithm not in ALGORITHMS:
            return None
        with self._problems.catching(entry, "secret"):
            given = entry.values.get("secret")
            secret = given.find(self._planning.options.environ, algorithm=algorithm) if given else None
            if secret is None and row is not None:
                self._see_present(row, algorithm)
            elif secret is None and given:
                raise FieldError(f"{given.variable} is not set, and this asset has no secret yet", "secret")
            return secret
        return None

    def _see_present(self, row: Row[Any], algorithm: str) -> None:
        """The secret that stays is long enough for the algorithm that comes."""
        if algorithm == row.definition["algorithm"]:
            return
        try:
            value = open_secret(row.Secret, sealer=self._planning.sealer)
            check_secret(value, algorithm=algorithm, weak=row.Secret.weak)
        except SealError as error:
            raise FieldError(f"{error} Give it anew", "secret") from error
