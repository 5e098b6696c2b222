"""A house with one of everything, and the addresses of all its pages: for tests that look at every page.

`text` stands wherever somebody may type free text, so that a page that mishandles one is found.
"""

import json
from dataclasses import replace
from urllib.parse import quote

from sqlalchemy import select

from mintmark import access_tokens, groups, people
from mintmark.assets import overlap, save, trash
from mintmark.assets.secrets import read_secret
from mintmark.contracts import read_contract
from mintmark.errors import FieldError, InvalidFields
from mintmark.fields import read_identifier
from mintmark.issuers import kept_refusals
from mintmark.keys import adding, changing, making, rings
from mintmark.log import Occasion
from mintmark.models import (
    AccessToken,
    Asset,
    FormerPath,
    Identity,
    LogRow,
    OpenIDProvider,
    Person,
    Session,
    SigningKey,
    TrustedIssuer,
    db,
    writing,
)
from mintmark.people import find_person
from mintmark.presets import fill, find_preset, read_answers
from mintmark.unverified import UnverifiedToken
from tests.making import (
    key_pair,
    make_asset,
    make_attribute,
    make_group,
    make_identity,
    make_issuer,
    make_person,
    make_provider,
)

NEXT_SECRET = "the-next-secret-of-the-help-desk-9876543210"
TYPES = {"words": "text", "amount": "number", "has_key": "boolean", "many": "list"}
TEMPLATE = '{"sub": "{{ user.username }}", "w": "{{ user.attributes.words | omit }}", "n": %s}'


REFUSED = "5f0c2a7e9b1d3c44"
PARTY = {"issuer": "https://www.example.test", "tenant_id": "tenant-1"}
LAUNCH = {"by": "post", "url": "https://party.example.test/sso", "name": "jwt", "pass": ["return_to"], "return_to": []}


class FullHouse:
    """One of everything. `ada` administers, `ben` fetches, `eve` edits the asset and the one with a signing key.

    `asset` has a staged secret, `other_asset` one that will sign at a moment; `keys` is state → signing key.
    """

    def __init__(self, house, text="plain"):
        self.house = house
        house.mint.settings = replace(house.mint.settings, keep_refused=True)
        self.group = make_group(house, "editors")
        self.other_group = make_group(house, _identifier(text, "others"))
        for name, kind in TYPES.items():
            make_attribute(house, name, kind, sensitive=name == "words", changed_by="person")
        make_person(house, "ada", is_admin=True)
        make_person(house, "eve", groups=["editors"], first_name="Eve")
        self.person = make_person(house, "ben", groups=["editors"])
        self.asset = make_asset(house, "integrations/helpdesk", TEMPLATE % '"x"', editors=["editors"], lifetime=None)
        self.other_asset = make_asset(
            house, "integrations/chat", readers=["editors"], params=[{"name": "room", "one_of": ["a"]}]
        )
        self.party_asset = make_asset(house, "integrations/party", **_of_party(PARTY))
        self.trashed = make_asset(house, "old", TEMPLATE % '"x"')
        self.keys, self.key_asset = self._make_keys()
        self.former_path = "before/helpdesk"
        with house.app.app_context(), writing():
            now = int(house.clock())
            db.session.add(FormerPath(path=self.former_path, asset_id=self.asset, moved_at=now, answers_until=now + 99))
            for person in (find_person("ada"), db.session.get_one(Person, self.person)):
                chosen = (self.asset, self.other_asset, self.party_asset, self.trashed)
                access_tokens.make(person, "laptop", chosen, 30, by=house.by())
            db.session.add(Session(id="f" * 64, person_id=self.person, signed_in_at=now, last_used_at=now))
        public = key_pair("ES256", 9).public
        self.provider = make_provider(house)
        self.issuer = make_issuer(house, algorithm="ES256", keys=[("k1", public), ("k2", public, False)])
        self.identities = [make_identity(house, self.issuer, f"of {name}", name) for name in ("ada", "ben")]
        self.write(text)
        with house.app.app_context(), writing():
            trash.trash(db.session.get_one(Asset, self.trashed), by=house.by())
        self.clients = {name: house.signed_in(name) for name in ("ada", "ben", "eve")}

    def write(self, text):
        """Write a text wherever somebody may type one; it may be called again with another."""
        house = self.house
        with house.app.app_context(), writing():
            by = house.by()
            self._name_person(text, by)
            for asset_id in (self.asset, self.other_asset, self.trashed, self.key_asset):
                self._name_asset(db.session.get_one(Asset, asset_id), text, by)
            self._answer(db.session.get_one(Asset, self.party_asset), text, by)
            self._name_keys(text, by)
            self._name_issuer(text.replace("\x00", ""), by)
            for number, each in enumerate(self.identities):
                db.session.get_one(Identity, each).subject = text.replace("\x00", "")[:254] + str(number)
            groups.respell(self.other_group, _identifier(text, "others"))
            for token in db.session.scalars(select(AccessToken)):
                token.name = text
            events = [
                ("token.failed", "failed", "template_failed"),
                ("token.refused", "refused", "not_a_reader"),
                ("token.issued", "done", "former_path"),
            ]
            for event, outcome, code in events:
                db.session.add(_row(by, event, outcome, code, text, person=self.person, asset=self.asset))
            session = db.session.get_one(Session, "f" * 64)
            session.address = text
            session.device = "".join(character for character in text if character.isprintable())

    def _name_person(self, text, by):
        values = {name: text for name in ("email", "first_name", "last_name", "display_name")}
        values |= {"roles": [text], "permissions": [text]}
        values |= {"attributes": {"words": text, "amount": 3, "has_key": True, "many": [text]}}
        people.revise(db.session.get_one(Person, self.person), values, by=by)

    def _name_asset(self, asset, text, by):
        definition = dict(save.current_revision(asset).definition)
        definition["name"] = text
        definition["template"] = TEMPLATE % json.dumps(text.replace("{", "(").replace("}", ")"))
        definition["headers"] = {"x" if definition["signing_key"] else "kid": text}
        definition["answer"] = {"form": "json", "field": text, "beside": {"x": text}, "methods": ["GET"]}
        definition |= {"launch": LAUNCH, "contract": _contract(text)}
        save.revise(asset, definition, None, sealer=self.house.mint.settings.sealer, by=by, by_editor=True)

    def _answer(self, asset, text, by):
        """Answer the preset's question that takes any text, where this is one."""
        try:
            found = _of_party({**PARTY, "issuer": text})
        except InvalidFields:
            return
        definition = {**save.current_revision(asset).definition, "template": found["template"], "ask": found["ask"]}
        save.revise(asset, {**definition, "name": text}, None, sealer=self.house.mint.settings.sealer, by=by)

    def _name_issuer(self, text, by):
        """Name what an issuer says and what was kept of a token of it, whether or not a form would take that."""
        row = db.session.get_one(TrustedIssuer, self.issuer)
        named = {name: text for name in ("tenant", "audience", "username_prefix", "groups_claim", "start_url")}
        row.issuer, row.definition = text[:255], {**row.definition, **named, "required_claims": [text]}
        row.definition = {**row.definition, "groups_map": {text: self.other_group}, "attribute_map": {"email": text}}
        provider = db.session.get_one(OpenIDProvider, self.provider)
        provider.issuer, provider.client_id = text[:255], text
        claimed = {"scopes": text, "groups_claim": text, "attribute_map": {"email": text}}
        provider.definition = {**provider.definition, **claimed, "groups_map": {text: self.other_group}}
        kept_refusals.drop_due(now=by.now, is_keeping=False)
        token = UnverifiedToken({"alg": text, "kid": text}, {"iss": text, "sub": text, text: [text]}, b"", b"")
        kept_refusals.keep(token, request=REFUSED, transport="body", now=by.now)

    def _make_keys(self):
        """Make a ring with a key in each state but gone, in the past, and an asset that signs with it."""
        house, now = self.house, self.house.clock()
        with house.app.app_context(), writing():
            sealer = house.mint.settings.sealer
            revoked = making.make(key_pair("ES256", 0), "revoked", sealer=sealer, by=Occasion(now - 9000, "test"))
            ring_id, made = revoked.ring_id, {"revoked": revoked.id}
        asset_id = make_asset(
            house, "integrations/widget", TEMPLATE % '"x"', signing_key="revoked", editors=["editors"], lifetime=9000
        )
        with house.app.app_context(), writing():
            key = rings.get_key(made["revoked"])
            retired = changing.revoke(
                key, key_pair("ES256", 1), "retired", sealer=sealer, by=Occasion(now - 8000, "test")
            )
            made["retired"] = retired.id
            for number, (state, published_at) in enumerate((("signing", -5000), ("next", -10), ("planned", 3600)), 2):
                by = Occasion(now + min(published_at, 0), "test")
                moments = adding.Moments(published_at=int(now) + published_at)
                pair = key_pair("ES256", number)
                made[state] = making.follow(ring_id, pair, state, sealer=sealer, by=by, moments=moments).id
        return made, asset_id

    def _name_keys(self, text, by):
        """Give the key that signs another id, where the text may be one, and both next secrets one of theirs."""
        asset, other = (db.session.get_one(Asset, each) for each in (self.asset, self.other_asset))
        sealer = self.house.mint.settings.sealer
        secret = replace(read_secret(NEXT_SECRET, "text", algorithm="HS256"), kid=text)
        for each in (asset, other):
            overlap.stage(each, secret, sealer=sealer, by=by)
        overlap.switch(other, int(by.now) + 3600, sealer=sealer, by=by)
        try:
            db.session.get_one(SigningKey, self.keys["signing"]).key_id = adding.read_key_id(text)
        except FieldError:
            pass

    def pages(self):
        """Return the address of every page with a GET, by name; queries of lists too."""
        values = {"asset_id": self.asset, "person_id": self.person, "group_id": self.group, "name": "words", "number": 1,
                  "path": "integrations/helpdesk", "slug": "zendesk-sso", "row_id": self.house.log()[-1]["id"],
                  "signing_key_id": self.keys["signing"], "issuer_id": self.issuer, "provider_id": self.provider}  # fmt: skip
        found = {}
        with self.house.app.test_request_context():
            for rule in self.house.app.url_map.iter_rules():
                is_page = "GET" in (rule.methods or ()) and rule.endpoint.partition(".")[0] not in _NO_PAGES
                if is_page and rule.arguments <= values.keys():
                    adapter = self.house.app.create_url_adapter(None) or self.house.app.url_map.bind("localhost")
                    found[rule.endpoint] = adapter.build(rule.endpoint, {name: values[name] for name in rule.arguments})
        return (
            found
            | {f"list {number}": address for number, address in enumerate(_LISTS)}
            | {"in the trash": f"/admin/assets/{self.trashed}/trash"}
            | {f"key {state}": f"/admin/keys/{key_id}" for state, key_id in self.keys.items()}
            | {f"revoke {state}": f"/admin/keys/{key_id}/revoke" for state, key_id in self.keys.items()}
            | {f"of a key {page}": f"/admin/assets/{self.key_asset}{page}" for page in _PAGES_OF_AN_ASSET}
            | {f"of a moment {page}": f"/admin/assets/{self.other_asset}{page}" for page in _PAGES_OF_AN_ASSET[:2]}
            | {f"of a party {page}": f"/admin/assets/{self.party_asset}{page}" for page in _PAGES_OF_A_PARTY}
            | {"begun": "/admin/assets/new?preset=authonomy&ask_tenant_id=t&ask_issuer=https://x.test"}
            | {f"preview {path}": f"/account/preview/integrations/{path}" for path in _PREVIEWS}
            | {"why refused": f"/admin/issuers/why?request={REFUSED}"}
            | {"log of a key": f"/admin/log?kid={quote(self._key_id())}"}
        )

    def _key_id(self):
        [row] = self.house.rows("SELECT key_id FROM signing_key WHERE id = :id", id=self.keys["signing"])
        return row["key_id"]


_NO_PAGES = frozenset(
    "static token signin nothing setup password_link wellknown metrics probes launch jwt_signin oidc".split()
)
_PAGES_OF_AN_ASSET = ["", "/secret", "/edit", "/copy", "/revisions", "/revisions/1", "/preview"]
_PAGES_OF_A_PARTY = ["", "/edit", "/revisions", "/revisions/1", "/delivery", "/verify"]
_PREVIEWS = ["widget", "widget?with=next", "helpdesk?with=next", "chat?with=next"]
_LISTS = [
    "/admin/assets?under=integrations", "/admin/assets?q=integrations", *(f"/admin/assets?show={show}" for show in
    ("off", "trash", "endless", "weak", "failing", "unseen", "shared")), "/admin/people?q=ben", "/admin/people?show=administrators",
    "/admin/people?show=off", "/admin/people?show=erased", "/admin/log?event=token.failed", "/admin/log?outcome=refused",
    "/admin/log?event=key.revoked", "/admin/keys?show=past", "/admin/keys?q=s",
    "/admin?span=week", "/admin?span=month", "/admin/presets?q=zendesk", "/admin/presets?q=nothing",
]  # fmt: skip


def _of_party(ask):
    """Return the fields of an asset for a relying party that asks for some text of any kind, its issuer."""
    preset = find_preset("authonomy")
    found = fill(preset, read_answers(preset.questions, ask))
    return {name: found[name] for name in ("template", "preset", "ask", "launch")} | {"algorithm": "HS256"}


def _contract(text):
    """Ask for this text, where it is one that a contract may hold, in claims that no template has."""
    contract = {"claims": {"absent": {"one_of": [text, "x"], "without": text[:100]}, text[:60]: {"constant": text}}}
    try:
        return dict(read_contract(contract).definition)
    except FieldError:
        return None


def _identifier(text, otherwise):
    try:
        return read_identifier(text, "name")
    except FieldError:
        return otherwise


def _row(by, event, outcome, code, text, *, person, asset):
    text = text.replace("\x00", "")
    detail = {
        "path": "integrations/helpdesk",
        "reason": text,
        "hint": text,
        "line": 1,
        "column": 2,
        "name": "user.email",
    }
    return LogRow(at=int(by.now * 1000), event=event, outcome=outcome, code=code, actor=text, address=text, person=person, asset=asset,
                  revision=1, request=REFUSED, jti=text, kid=text, sub=text, detail=json.dumps(detail))  # fmt: skip
