"""What the help page lists: the code's own tables, each row with an example and what it gives for Ada.

Rule: names, filters, types and limits come from `mintmark.payload`; here stand only examples and words. A test
compiles every example, and fails where a filter or a shape has none.
"""

import json
from functools import cache
from typing import Any, NamedTuple

from mintmark import payload
from mintmark.assets.definition import MAX_BACKDATE, MAX_LIFETIME, MIN_LIFETIME
from mintmark.assets.launch_field import MAX_PASSED, MAX_RETURNS
from mintmark.assets.request_fields import MAX_PARAMS
from mintmark.contracts import MAX_CONTRACT_CHARACTERS
from mintmark.keypairs import RSA_BITS
from mintmark.keys.life import CACHE_SECONDS, WAIT_SECONDS
from mintmark.moment import duration_in_words
from mintmark.payload import values
from mintmark.payload.context import Declared
from mintmark.tokens import SECRET_BYTES

ADA: dict[str, Any] = {
    "user": {
        "id": "6f1c2b4e-8a3d-4c5f-9e7a-1b2c3d4e5f60",
        "username": "ada",
        "email": "Ada@example.test",
        "first_name": "Ada",
        "last_name": "Lovelace",
        "display_name": "Ada Lovelace",
        "groups": ["engines", "staff"],
        "roles": ["author", "user"],
        "permissions": ["articles:read", "articles:write"],
        "is_admin": False,
        "attributes": {},
    },
    "asset": {"path": "integrations/helpdesk", "name": "Help desk", "can_edit": False},
    "site": {"url": "https://tokens.example.test"},
    "now": 1_800_000_000,
    "params": {},
}
PARAMS = ("room",)  # Declared, and not given.
TEMPLATE = """{
  "sub": "{{ user.username }}",
  "name": "{{ user.first_name }} {{ user.last_name }}",
  "email": "{{ user.email | lower | omit }}",
  "groups": {{ user.groups }},
  "admin": {{ asset.can_edit }}
}"""
FILTERS = {
    "default": '"room": "{{ params.room | default("lobby") }}"',
    "omit": '"room": "{{ params.room | omit }}"',
    "lower": '"email": "{{ user.email | lower }}"',
    "upper": '"code": "{{ user.username | upper }}"',
    "trim": '"name": "{{ user.display_name | trim }}"',
    "replace": '"name": "{{ user.display_name | replace(" ", ".") }}"',
    "join": '"scope": "{{ user.permissions | join(" ") }}"',
    "first": '"role": "{{ user.roles | first | default("guest") }}"',
    "last": '"group": "{{ user.groups | last | omit }}"',
    "length": '"group_count": {{ user.groups | length }}',
    "unique": '"roles": {{ user.roles | unique }}',
    "sort": '"groups": {{ user.groups | sort }}',
    "truncate": '"initial": "{{ user.last_name | truncate(1) }}"',
    "json": '"groups": "{{ user.groups | json }}"',
    "sha256": '"hash": "{{ user.email | lower | sha256 }}"',
}
SHAPES = {
    "A whole value, with its type": '"groups": {{ user.groups }}',
    "Within text": '"name": "{{ user.first_name }} {{ user.last_name }}"',
    "Text put together": '"room": {{ "team-" ~ user.username }}',
    "One value or another": '"role": {{ "owner" if asset.can_edit else "guest" }}',
    "A claim for some only": '{% if "staff" in user.groups %} "staff": true {% endif %}',
    "One claim or another": '{% if user.is_admin %} "level": 9 {% else %} "level": 1 {% endif %}',
    "An item for each of a list": '"teams": [ {% for group in user.groups %} {"id": "{{ group }}"} {% endfor %} ]',
    "A comment, which no token holds": '"a": 1 {# for the old widget #}',
}
_LOOP_EXAMPLE = '"list": [ {%% for group in user.groups %%} {{ %s }} {%% endfor %%} ]'
SITE_CLAIMS = {
    "iat": "when the token was issued, less the asset's backdate; may be switched off",
    "nbf": "from when it is valid: the same moment as `iat`; where switched on",
    "exp": "when it expires: `iat` and the asset's lifetime; none where the asset has no lifetime",
    "jti": "128 random bits, never the same twice; may be switched off",
}
RULES = (
    "The template is one JSON object. A placeholder is a whole value, or stands within a text that is a value; never "
    "in a name, never beside another value.",
    "A placeholder that is a whole value keeps its type: `{{ user.groups }}` is a list, `{{ user.is_admin }}` is true "
    "or false. Within text a list is refused: use `join`.",
    "Quotes inside `{{ … }}` do not end the text around it, and need no backslash.",
    "A block encloses whole claims, whole items, exactly one value, or a piece of one text. The site writes the commas "
    "around it: there may be one or none.",
    "Between `{` and a tag stands a space.",
    "Values of different types differ: `true` is not `1`; but `1` is `1.0`.",
    "No claim stands twice, except in branches of one `if` that exclude each other.",
    "There are no calls, no arithmetic, no assignments, no includes, and no names that begin with `_`.",
    "Whatever the values of a person hold, they stay values: none can add, change or break a claim.",
)

_RSA = f"an RSA key of {', '.join(map(str, RSA_BITS[:-1]))} or {RSA_BITS[-1]} bits"
_SAME = "the same, where the relying party asks for it"
# algorithm → what it takes, and for whom it is.
ALGORITHMS = {
    **{name: (f"a shared secret of {least} bytes or more", _SAME) for name, least in SECRET_BYTES.items()},
    "HS256": (f"a shared secret of {SECRET_BYTES['HS256']} bytes or more", "most help desks, chats and editors"),
    "RS256": (_RSA, "whoever takes public keys: all of them take this one"),
    "RS384": (_RSA, _SAME),
    "RS512": (_RSA, _SAME),
    "PS256": (_RSA, "who asks for RSA-PSS"),
    "ES256": ("a key on P-256", "who takes it: short tokens, quickly signed"),
    "ES384": ("a key on P-384", "who asks for it"),
    "EdDSA": ("an Ed25519 key", "who takes it: short tokens, quickly signed"),
}
KEY_SETS = {
    "/.well-known/jwks/<path>": "the keys of the asset at that path, and no others: what its relying party needs",
    "/.well-known/jwks.json": "the keys whose assets all say a fixed `aud`",
    "/.well-known/openid-configuration": "the issuer and the address of that key set, for those who ask for it",
}
_CACHE, _WAIT = duration_in_words(CACHE_SECONDS), duration_in_words(WAIT_SECONDS)
ROTATION = (
    "The next key is made and published beside the present one; nothing else changes yet.",
    f"Verifiers may keep a key set for {_CACHE}, so it signs {_WAIT} later at the earliest, when every one of them "
    "knows it.",
    "At that moment it signs, and the key before it is retired; no timer is needed, and nobody is signed out.",
    "A retired key stays published until the last token that it signed has expired everywhere; then it is gone, and "
    "its private half is taken away.",
    "A key that somebody else may have is revoked: at once it signs no more and is published no more, and verifiers "
    f"that kept the key set trust it for {_CACHE} more at most.",
)


class Row(NamedTuple):
    """One row of the help: what is written, its type, its meaning, an example and what that gives."""

    written: str
    type: str
    meaning: str
    example: str
    gives: str


@cache
def names() -> list[Row]:
    """List the names that every template may use."""
    return [_name_row(declared) for declared in payload.CONTEXT]


@cache
def loop_names() -> list[Row]:
    """List the names that are known within a loop."""
    return [_name_row(declared) for declared in payload.LOOP]


@cache
def filters() -> list[Row]:
    """List the filters, with the types that each takes."""
    rows = []
    for name, row in payload.FILTERS.items():
        takes = "anything" if row.takes == values.ANYTHING else " or ".join(sorted(row.takes, reverse=True))
        rows.append(Row(row.signature, takes, row.meaning, FILTERS[name], given(FILTERS[name])))
    return rows


@cache
def shapes() -> list[Row]:
    """List the ways in which a placeholder or block may stand."""
    return [Row(words, "", "", example, given(example)) for words, example in SHAPES.items()]


def attribute_example(name: str, kind: str) -> str:
    """Return a claim of a declared attribute, left out for whoever has no value."""
    placeholder = f"{{{{ user.attributes.{name} | omit }}}}"
    return f'"{name}": "{placeholder}"' if kind == values.TEXT else f'"{name}": {placeholder}'


def given(example: str) -> str:
    """Return what an example gives for Ada, as JSON."""
    claims = payload.render(payload.compile("{ " + example + " }", params=PARAMS), ADA)
    return json.dumps(claims, ensure_ascii=False)


@cache
def template_gives() -> str:
    """Return what the template at the top of the page gives for Ada, a claim on each line."""
    return json.dumps(payload.render(payload.compile(TEMPLATE), ADA), ensure_ascii=False, indent=2)


def limits() -> list[tuple[str, int]]:
    """List the limits of templates, tokens and assets, in words."""
    return [
        ("bytes of a template", values.MAX_TEMPLATE_BYTES),
        ("characters of a token", values.MAX_TOKEN_CHARACTERS),
        ("names in all objects of a template", values.MAX_NAMES),
        ("levels of objects and lists", values.MAX_LEVELS),
        ("blocks within each other", values.MAX_BLOCK_DEPTH),
        ("loops within each other", values.MAX_LOOP_DEPTH),
        ("levels of one expression", values.MAX_EXPRESSION_DEPTH),
        ("characters of any text on its way", values.MAX_TEXT),
        ("items of any list on its way", values.MAX_ITEMS),
        ("digits of a number", values.MAX_DIGITS),
        ("steps of making one token", values.MAX_STEPS),
        ("parameters of an asset", MAX_PARAMS),
        ("characters of a contract", MAX_CONTRACT_CHARACTERS),
        ("parameters that a launch may pass on", MAX_PASSED),
        ("addresses that a launch may send people back to", MAX_RETURNS),
        ("seconds of lifetime at least", MIN_LIFETIME),
        ("seconds of lifetime at most", MAX_LIFETIME),
        ("seconds of backdate at most", MAX_BACKDATE),
    ]


def _name_row(declared: Declared) -> Row:
    root, _, last = declared.name.rpartition(".")
    placeholder = f"{{{{ {declared.name} }}}}"
    example = f'"{last}": "{placeholder}"' if declared.type == values.TEXT else f'"{last}": {placeholder}'
    if root == "loop":
        example = _LOOP_EXAMPLE % declared.name
    return Row(declared.name, declared.type, declared.meaning, example, given(example))
