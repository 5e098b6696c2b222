"""From the entries of a file and the site as it is now: what an import changes, or everything that is wrong.

Attributes, groups and signing keys come first, for people, assets and trusted issuers name them.
"""

from typing import Any

from sqlalchemy import select

from mintmark import attributes, groups
from mintmark.errors import FieldError
from mintmark.models import Attribute, Group, db
from mintmark.models.base import new_id
from mintmark.sealing import Sealer
from mintmark.site_file.asset_plan import plan_assets
from mintmark.site_file.changes import Plan
from mintmark.site_file.document import Document
from mintmark.site_file.issuer_plan import plan_issuers
from mintmark.site_file.key_plan import plan_keys
from mintmark.site_file.people_plan import plan_people
from mintmark.site_file.planning import Memory, Options, Planning
from mintmark.site_file.problems import Entry
from mintmark.site_file.provider_plan import plan_providers
from mintmark.site_file.sections import ATTRIBUTE_DEFAULTS


def make_plan(
    document: Document, options: Options, *, now: float, sealer: Sealer, memory: Memory, site_url: str
) -> Plan:
    """Return what is to be done. Raises InvalidFields with every problem of the file."""
    planning = Planning(document, options, now, sealer, memory, site_url, document.problems.copy())
    _plan_attributes(planning)
    _plan_groups(planning)
    plan_people(planning)
    plan_keys(planning)
    plan_assets(planning)
    plan_issuers(planning)
    plan_providers(planning)
    planning.problems.see_none()
    return planning.plan


def _plan_attributes(planning: Planning) -> None:
    present = {row.name: row for row in db.session.scalars(select(Attribute))}
    planning.types = {name: row.type for name, row in present.items()}
    for entry in planning.entries("attributes"):
        row = present.get(entry.key)
        if row is None:
            values = {"label": entry.key, **ATTRIBUTE_DEFAULTS, **entry.values}
            planning.change("+", "attributes", entry.key)
        else:
            values = {"name": entry.key, **_changed_declaration(planning, entry, row)}
            if len(values) == 1:
                continue
            planning.change("~", "attributes", entry.key, [name for name in values if name != "name"])
        planning.plan.attributes.append(values)
        planning.types[entry.key] = values.get("type") or planning.types[entry.key]
    if len(planning.types) > attributes.MAX_ATTRIBUTES:
        words = f"would be {len(planning.types)}; a site has at most {attributes.MAX_ATTRIBUTES}"
        planning.problems.add_of_file("attributes", words)


def _changed_declaration(planning: Planning, entry: Entry, row: Attribute) -> dict[str, Any]:
    changed = {name: value for name, value in entry.values.items() if getattr(row, name) != value}
    if "type" in changed:
        try:
            attributes.see_type_may_change(row)
        except FieldError as error:
            planning.problems.add(entry, "type", str(error))
    return changed


def _plan_groups(planning: Planning) -> None:
    present = {row.name_key: row for row in db.session.execute(select(Group.name_key, Group.id, Group.name))}
    planning.group_ids = groups.ids_by_key()
    for entry in planning.entries("groups"):
        name, row = entry.values["name"], present.get(entry.key)
        if row is None:
            group_id = planning.memory.new_group_ids.setdefault(entry.key, new_id())
            planning.group_ids[entry.key] = group_id
            planning.plan.new_groups[group_id] = name
            planning.change("+", "groups", name)
        elif row.name != name:
            planning.plan.respelled_groups[row.id] = name
            planning.change("~", "groups", name, ["name"])
