"""Makers for tests: a person, a group, an attribute, an asset, each saved as the site itself saves it.

Each takes a `house`, commits, and returns the id. Groups are named by their names; `readers`
and `editors` of an asset too. Whoever is made here signs in with PASSWORD.
"""

import functools

from mintmark import attributes, groups, identities, keypairs, passwords, people
from mintmark.assets import save
from mintmark.assets.definition import read_definition
from mintmark.assets.secrets import read_secret
from mintmark.issuers import saving
from mintmark.issuers.definition import read_issuer
from mintmark.issuers.keys import PublicKey
from mintmark.keys import adding, making, rings
from mintmark.models import KeyRing, TrustedIssuer, db, writing
from mintmark.openid import saving as providers
from mintmark.openid.definition import read_provider
from tests.conftest import PASSWORD, SECRET

# The payload of the Squiz Matrix JSON Web Token asset's documentation, with our placeholders.
MATRIX = """{
 "sub": "{{ user.username }}",
 "given_name": "{{ user.first_name }}",
 "family_name": "{{ user.last_name }}",
 "admin": {{ asset.can_edit }}
}"""
TEMPLATE = '{"sub": "{{ user.username }}"}'


@functools.cache
def hash_of(password):
    """Return the hash of a password, worked out once in a test run."""
    return passwords.hash_password(password)


def make_group(house, name):
    """Make a group and return its id."""
    with house.app.app_context(), writing():
        return groups.make(name, by=house.by()).id


def make_person(house, username, *, groups=(), password=PASSWORD, **fields):
    """Make a person, in the groups of these names; return their id. `password=None`: has no password."""
    with house.app.app_context(), writing():
        values = {"username": username, "groups": [_group_id(name) for name in groups], **fields}
        person = people.make(values, by=house.by())
        person.password_hash = hash_of(password) if password else None
        return person.id


def make_attribute(house, name, type="text", **fields):
    """Declare an attribute and return its name."""
    with house.app.app_context(), writing():
        values = {"name": name, "label": name.title(), "type": type, **fields}
        attributes.declare(values, by=house.by())
    return name


def make_asset(house, path, template='{"sub": "{{ user.username }}"}', *, secret=SECRET, weak=False, **fields):
    """Make an asset; return its id. What is not given takes its default (HS256, 600 seconds, everyone)."""
    with house.app.app_context(), writing():
        entered = {"path": path, "name": path, "template": template, **fields}
        definition = read_definition(
            entered, group_ids=groups.ids_by_key(), attributes=attributes.declared(), keys=rings.choices()
        )
        value = None
        if definition["signing_key"] is None:
            value = read_secret(secret, "text", algorithm=definition["algorithm"], weak=weak)
        asset = save.create(definition, value, sealer=house.mint.settings.sealer, by=house.by())
        return asset.id


@functools.cache
def key_pair(algorithm, number=0):
    """Return a key pair of an algorithm, made once in a test run; another one for each number."""
    return keypairs.generate(algorithm, bits=2048)


def make_key(house, key_id="site-2026", algorithm="ES256", *, number=None, **moments):
    """Make a ring whose first key has this id; return the id of the key's row."""
    with house.app.app_context(), writing():
        pair = keypairs.generate(algorithm, bits=2048) if number is None else key_pair(algorithm, number)
        sealer = house.mint.settings.sealer
        return making.make(pair, key_id, sealer=sealer, by=house.by(), moments=adding.Moments(**moments)).id


def make_next_key(house, key_id, next_id, **moments):
    """Let another key follow the ring of a key; return the id of its row. It signs as soon as it may."""
    with house.app.app_context(), writing():
        ring = db.session.get_one(KeyRing, rings.find_key(key_id).ring_id)
        pair = keypairs.generate(ring.algorithm, bits=2048)
        moments = adding.Moments(**moments)
        return making.follow(
            ring.id, pair, next_id, sealer=house.mint.settings.sealer, by=house.by(), moments=moments
        ).id


def make_issuer(
    house,
    issuer="https://portal.test",
    *,
    name="portal",
    algorithm="HS256",
    secret=SECRET,
    keys=None,
    audience="mintmark",
    **fields,
):
    """Trust an issuer; return its id. `keys` are (key id, public members[, live]); `groups_map` by names of groups."""
    with house.app.app_context(), writing():
        entered = {"issuer": issuer, "name": name, "algorithm": algorithm, "audience": audience, **fields}
        values = read_issuer(
            entered,
            group_ids=groups.ids_by_key(),
            attributes=attributes.declared(),
            site_url=house.mint.settings.site_url,
            fetch_also=house.mint.settings.fetch_also,
        )
        is_secret = algorithm.startswith("HS")
        value = read_secret(secret, "text", algorithm=algorithm) if is_secret else None
        public = [PublicKey(*key) for key in keys or ()]
        sealer = house.mint.settings.sealer
        return saving.create(values, secret=value, keys=public, sealer=sealer, by=house.by()).id


def make_provider(house, issuer="https://login.campus.test", *, name="campus", secret="of the client", **fields):
    """Trust an OpenID provider; return its id. `secret=None`: this site is a public client there."""
    with house.app.app_context(), writing():
        settings = house.mint.settings
        values = read_provider(
            {"name": name, "issuer": issuer, "client_id": "mintmark", **fields},
            group_ids=groups.ids_by_key(),
            attributes=attributes.declared(),
            site_url=settings.site_url,
            fetch_also=settings.fetch_also | {issuer},  # Its name is not looked up.
        )
        return providers.create(values, secret=secret, sealer=settings.sealer, by=house.by()).id


def make_identity(house, issuer_id, subject, username):
    """Let a subject of an issuer be this person; return the identity's id."""
    with house.app.app_context(), writing():
        issuer = db.session.get_one(TrustedIssuer, issuer_id)
        person, claim = people.find_person(username), issuer.definition["identity_claim"]
        return identities.link(issuer.id, claim, subject, person, by=house.by(), issuer=issuer.issuer).id


def change_asset(house, path, **fields):
    """Save an asset's next revision with these fields changed; groups by their ids here."""
    with house.app.app_context(), writing():
        asset = save.find_asset(path)
        definition = {**save.current_revision(asset).definition, **fields}
        save.revise(asset, definition, None, sealer=house.mint.settings.sealer, by=house.by())


def _group_id(name):
    return groups.ids_by_key()[name.casefold()]
