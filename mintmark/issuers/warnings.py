"""What may not be meant, or be forgotten, about a trusted issuer: said at its page and at every import, in words.

Rule: what lets somebody be another person, or lasts long, is said each time, and never stops anything.
"""

from collections.abc import Mapping, Sequence

from mintmark.issuers.key_sources import PUBLIC_KEYS, SECRET, way_of
from mintmark.issuers.person_fields import PERSON_FIELDS
from mintmark.issuers.secret import is_weak
from mintmark.models import IssuerKey, TrustedIssuer

_LONG = 3_600


def warnings_of(row: TrustedIssuer, keys: Sequence[IssuerKey], attributes: Mapping[str, str]) -> list[str]:
    """Return what is to be said of an issuer with its public `keys`; `attributes` are those declared now."""
    return [*_of_its_keys(row, keys), *_of_its_tokens(row), *_of_its_people(row, attributes)]


def _of_its_keys(row: TrustedIssuer, keys: Sequence[IssuerKey]) -> list[str]:
    way = way_of(row.definition)
    if way == PUBLIC_KEYS and not any(key.live for key in keys):
        return ["no key of it is live, so that every token of it is refused"]
    if way == SECRET and is_weak(row):
        return [f"its secret is marked weak: shorter than {row.definition['algorithm']} takes"]
    return []


def _of_its_tokens(row: TrustedIssuer) -> list[str]:
    definition, found = row.definition, []
    if not definition["one_time"]:
        words = "until it expires, whoever gets to see a token of it can sign in with it, too"
        found.append(f"“Each token once” (one_time) is off: {words}")
    if definition["max_lifetime"] > _LONG:
        found.append("its tokens may live for more than an hour; to sign somebody in, minutes are enough")
    plain = [origin for origin in definition["return_to"] if origin.startswith("http:")]
    if plain:
        found.append(f"people may return to {plain[0]}, which is not https")
    return found


def _of_its_people(row: TrustedIssuer, attributes: Mapping[str, str]) -> list[str]:
    definition, found = row.definition, []
    if "email" in definition["attribute_map"]:
        words = "it says the e-mail addresses of its people: at relying parties that go by e-mail it can be anybody"
        found.append(words)
    if definition["create_people"] and definition["groups_map"]:
        found.append("it makes people and puts them into groups: who may fetch what those groups may is for it to say")
    gone = gone_attributes(definition["attribute_map"], attributes)
    return found + [f"it maps the attribute {name}, which is gone; nothing is kept of it" for name in gone]


def gone_attributes(attribute_map: Mapping[str, str], attributes: Mapping[str, str]) -> list[str]:
    """Return what is mapped and is no attribute any more."""
    return [name for name in attribute_map if name not in PERSON_FIELDS and name not in attributes]
