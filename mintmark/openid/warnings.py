"""What may not be meant about an OpenID provider, in words; the rule of `mintmark.issuers.warnings` holds here too."""

from collections.abc import Mapping

from mintmark.issuers.warnings import gone_attributes
from mintmark.models import OpenIDProvider


def warnings_of(row: OpenIDProvider, attributes: Mapping[str, str]) -> list[str]:
    """Return what is to be said of a provider; `attributes` are those declared now."""
    definition, found = row.definition, []
    mapped = definition.get("attribute_map", {})
    if "email" in mapped:
        words = "it says the e-mail addresses of its people: at relying parties that go by e-mail it can be anybody"
        found.append(words)
    if definition.get("create_people") and definition.get("groups_map"):
        found.append("it makes people and puts them into groups: who may fetch what those groups may is for it to say")
    return found + [
        f"it maps the attribute {name}, which is gone; nothing is kept of it"
        for name in gone_attributes(mapped, attributes)
    ]
