"""Trusted issuers and OpenID providers in a site file: made, changed, switched off; the same elsewhere after a round trip."""

import json

import pytest

from mintmark import attributes, keypairs, sessions
from mintmark.issuers import saving
from mintmark.issuers.secret import open_secret
from mintmark.models import TrustedIssuer, db, writing
from mintmark.openid import saving as providers
from mintmark.people import find_person
from mintmark.sessions import Entrance
from tests.conftest import SECRET, START
from tests.making import key_pair, make_asset, make_attribute, make_group, make_issuer, make_key, make_person
from tests.test_site_file_errors import everything
from tests.test_site_file_export import empty_site, exported  # noqa: F401 — a fixture
from tests.test_site_file_import import imported, refused

pytestmark = pytest.mark.slow
CANARY = "c4n4ry-Of-The-Secret-Nobody-May-See-0123456789"
PORTAL = "https://portal.test"
PEM = keypairs.spki_pem(key_pair("RS256").public)
OTHER_PEM = keypairs.spki_pem(key_pair("RS256", 1).public)
# The section of the design, with real keys.
DESIGN = f"""
mintmark: 1
groups: [{{name: helpdesk-editors}}]
trusted_issuers:
  - issuer: https://your-app.test
    name: portal
    tenant: Main
    algorithm: RS256
    public_keys: [{{key_id: k1, live: true, public_key: {json.dumps(PEM)}}}]
    audience: mintmark
    typ: JWT
    required_claims: [email, tenant_id]
    identity_claim: sub
    one_time: true
    leeway: 30
    max_lifetime: 600
    create_people: false
    update_people: true
    username_prefix: ""
    attribute_map: {{email: email, first_name: firstName, last_name: lastName, display_name: displayName}}
    groups_claim: groups
    groups_map: {{admin: helpdesk-editors}}
    roles_claim: roles
    permissions_claim: permissions
    start_url: https://your-app.test/sso
    return_to: [https://app.example.test]
    session_lifetime: 3600
    live: true
openid_providers:
  - {{name: campus, issuer: "https://id.campus.test", client_id: mintmark, client_secret: {{env: MINTMARK_SECRET_CAMPUS}},
     create_people: false, attribute_map: {{}}, groups_map: {{}}, live: true}}
"""


def issuer(**fields):
    return {"issuer": PORTAL, "name": "portal", "algorithm": "HS256", "audience": "mintmark", **fields}


def issuers(*entries, **sections):
    return {"trusted_issuers": list(entries), **sections}


def signed(**fields):
    return issuer(secret={"text": CANARY}, **fields)


def definition(house, name="portal"):
    [row] = house.rows("SELECT definition FROM trusted_issuer WHERE name = :name", name=name)
    return json.loads(row["definition"]) if isinstance(row["definition"], str) else row["definition"]


def test_the_example_of_the_design_is_taken_over_and_written_back(house):
    lines = imported(house, DESIGN, env={"MINTMARK_SECRET_CAMPUS": CANARY})

    assert lines == [
        "+ groups helpdesk-editors",
        "+ trusted_issuers https://your-app.test",
        "+ openid_providers campus",
    ]
    [key] = house.rows("SELECT * FROM issuer_key")
    assert (key["key_id"], bool(key["live"])) == ("k1", True)
    text = exported(house)
    assert "client_secret: {env: MINTMARK_SECRET_OPENID_CAMPUS}" in text and CANARY not in text
    assert imported(house, text) == imported(house, DESIGN) == []
    detail = json.loads(house.log("site.imported")[0]["detail"])
    assert detail == {"groups": {"made": 1}, "trusted_issuers": {"made": 1}, "openid_providers": {"made": 1}}


def filled(house):
    """Fill a site with each way to the keys; return the variables that its secrets come from."""
    for name in ("no", "a: b"):
        make_group(house, name)
    make_attribute(house, "floor", "number")
    make_issuer(house, None, name="nameless", secret=CANARY, tenant="- x", typ="null", attribute_map={"floor": "a.b"})
    make_issuer(house, PORTAL, name="a-b", secret="b" * 40, groups_claim="#g", groups_map={"~": "no", "1e3": "a: b"})
    make_issuer(house, PORTAL + "/", name="a_b", algorithm="HS512", secret="b" * 64, live=False, one_time=False)
    keys = [("k1", key_pair("ES256", 0).public), ("012", key_pair("ES256", 1).public, False)]
    make_issuer(house, "urn:x", name="keyed", algorithm="ES256", keys=keys, return_to=["http://localhost:1"])
    make_issuer(house, "none-yet", name="bare", algorithm="EdDSA", keys=[], session_lifetime=60)
    rs256 = {"algorithm": "RS256", "secret": None}
    make_issuer(
        house, "urn:set", name="set", jwks_url="https://1.1.1.1/jwks?x=1&y", start_url="https://a.test/", **rs256
    )
    make_issuer(house, "https://8.8.8.8", name="found", discover=True, username_prefix="x: ", **rs256)
    imported(house, {"openid_providers": [
        {"name": "campus", "issuer": "https://id.test", "client_id": "x", "client_secret": {"text": CANARY}},
        {"name": "public", "issuer": "https://id2.test", "client_id": "x", "live": False, "username_prefix": "# "},
    ]})  # fmt: skip
    prefix = "MINTMARK_SECRET_"
    names = {"ISSUER_NAMELESS": CANARY, "ISSUER_A_B": "b" * 40, "ISSUER_A_B_2": "b" * 64, "OPENID_CAMPUS": CANARY}
    return {prefix + name: value for name, value in names.items()}


def test_an_export_imports_into_an_empty_site_and_gives_itself_again(house, empty_site):  # noqa: F811
    variables = filled(house)
    first = exported(house)

    assert imported(house, first) == []
    lines = imported(empty_site, first, env=variables)
    assert [line for line in lines if not line.startswith("+ ")] == []
    assert exported(empty_site) == first and imported(empty_site, first) == []
    assert not any(value in first for value in (CANARY, "b" * 40))
    for site in (house, empty_site):
        with site.app.app_context():
            found = {row.name: row for row in saving.every()}
            opened = [open_secret(found[name], sealer=site.mint.settings.sealer) for name in ("nameless", "a-b", "a_b")]
            assert opened == [CANARY.encode(), b"b" * 40, b"b" * 64]
            campus = providers.find_live("campus")
            assert providers.open_secret(campus, sealer=site.mint.settings.sealer) == CANARY
    # Without the variables nothing of it is taken over, and each is named.
    words = refused(house, first.replace("portal.test", "else.test").replace("nameless", "nameless2"))
    assert "MINTMARK_SECRET_ISSUER_A_B is not set, and this issuer has no secret yet" in words


def test_weak_secrets_and_those_that_are_no_text_go_round(house, empty_site):  # noqa: F811
    entries = [
        issuer(secret={"text": "tenbytes..", "weak": True}),
        issuer(issuer="b", name="b", secret={"hex": "ff" * 32}),
    ]
    imported(house, issuers(*entries))
    text = exported(house)

    assert "secret: {env: MINTMARK_SECRET_ISSUER_PORTAL, weak: true}" in text
    assert "secret: {as: base64, env: MINTMARK_SECRET_ISSUER_B}" in text
    env = {"MINTMARK_SECRET_ISSUER_PORTAL": "tenbytes..", "MINTMARK_SECRET_ISSUER_B": "/" * 42 + "8="}
    imported(empty_site, text, env=env)
    assert exported(empty_site) == text
    assert imported(house, text, env=env) == []


def test_an_absent_field_keeps_its_value_and_takes_its_default_on_a_new_one(house):
    imported(house, issuers(signed(leeway=7, one_time=False)))

    assert imported(house, issuers({"issuer": PORTAL}, {"issuer": PORTAL + "/", "name": "b", "audience": "x",
                                    "public_keys": []})) == [f"+ trusted_issuers {PORTAL}/"]  # fmt: skip
    assert (definition(house)["leeway"], definition(house)["one_time"]) == (7, False)
    assert (definition(house, "b")["leeway"], definition(house, "b")["one_time"]) == (30, True)
    assert imported(house, issuers({"issuer": PORTAL, "leeway": 8, "live": False})) == [
        f"~ trusted_issuers {PORTAL}: live, leeway"
    ]


def test_a_secret_or_keys_are_changed_where_they_are_others(house):
    env = {"MINTMARK_SECRET_X": CANARY}
    from_env = {"env": "MINTMARK_SECRET_X"}
    imported(house, issuers(issuer(secret=from_env)), env=env)

    assert imported(house, issuers(issuer(secret=from_env))) == []  # Not set: the present one stays.
    assert imported(house, issuers(issuer(secret=from_env)), env=env) == []
    changed = imported(house, issuers(issuer(secret=from_env)), env={"MINTMARK_SECRET_X": CANARY + "x"})
    assert changed == [f"~ trusted_issuers {PORTAL}: secret"]

    # Keys replace those that are there; naming them takes the place of the secret.
    def keyed(*keys):
        return issuers(issuer(algorithm="RS256", public_keys=[{"key_id": k, "public_key": pem} for k, pem in keys]))

    way = f"~ trusted_issuers {PORTAL}: "
    assert imported(house, keyed(("k1", PEM))) == [way + "algorithm, public_keys"]
    assert house.rows("SELECT sealed FROM trusted_issuer") == [{"sealed": None}]
    assert imported(house, keyed(("k1", PEM))) == []
    assert imported(house, keyed(("k1", OTHER_PEM), ("k2", PEM))) == [way + "public_keys"]
    assert imported(house, keyed(("k2", PEM))) == [way + "public_keys"]
    assert [row["key_id"] for row in house.rows("SELECT key_id FROM issuer_key")] == ["k2"]
    at_address = {"issuer": PORTAL, "jwks_url": "https://1.1.1.1/jwks"}
    assert imported(house, issuers(at_address)) == [way + "jwks_url"]
    assert house.rows("SELECT * FROM issuer_key") == []
    assert imported(house, keyed(("k2", PEM))) == [way + "jwks_url, public_keys"]


def test_a_client_secret_stays_changes_or_goes(house):
    def provider(**fields):
        return {"openid_providers": [{"name": "campus", "issuer": "https://id.test", "client_id": "x", **fields}]}

    from_env = {"env": "MINTMARK_SECRET_X"}
    assert imported(house, provider(client_secret={"text": CANARY})) == ["+ openid_providers campus"]
    assert imported(house, provider(client_secret=from_env)) == imported(house, provider()) == []
    line = ["~ openid_providers campus: client_secret"]
    assert imported(house, provider(client_secret=from_env), env={"MINTMARK_SECRET_X": CANARY + "x"}) == line
    assert imported(house, provider(client_secret=None)) == line
    assert imported(house, provider(client_secret=None)) == []
    words = refused(house, provider(client_secret=from_env, issuer="https://other.test"))
    assert "openid_providers campus: client_secret: MINTMARK_SECRET_X is not set" in words
    assert "openid_providers campus: issuer: never changes" in words


def test_prune_switches_off_what_is_not_in_the_file_and_ends_its_sessions_and_a_dry_run_does_not(house):
    imported(house, issuers(signed(), signed(issuer=None, name="b"), openid_providers=[
        {"name": name, "issuer": "https://id.test", "client_id": "x"} for name in ("campus", "other")
    ]))  # fmt: skip
    make_person(house, "ada", is_admin=True)
    with house.app.app_context(), writing():
        sources = [db.session.query(TrustedIssuer).filter_by(name="b").one().id, providers.find_live("other").id, None]
        for source in sources:
            way = Entrance(source, "x") if source else None
            sessions.begin(find_person("ada"), now=START, address=None, device="", by_way_of=way)
    kept = issuers({"issuer": PORTAL}, openid_providers=[{"name": "campus"}], people=[{"username": "ada"}])
    before = everything(house)

    lines = ["- trusted_issuers null", "- openid_providers other"]
    assert imported(house, kept) == []
    assert imported(house, kept, "--prune", "--dry-run") == lines and everything(house) == before
    assert imported(house, kept, "--prune") == lines
    assert imported(house, kept, "--prune") == []
    assert [row["ended_at"] for row in house.rows("SELECT * FROM session WHERE source_id IS NOT NULL")] == [START] * 2
    assert [row["ended_at"] for row in house.rows("SELECT * FROM session WHERE source_id IS NULL")] == [None]
    off = house.rows(
        "SELECT name FROM trusted_issuer WHERE NOT live UNION SELECT name FROM openid_provider WHERE NOT live"
    )
    assert {row["name"] for row in off} == {"b", "other"}


def test_everything_that_is_wrong_is_said_at_once_and_nothing_is_taken_over(house):
    make_asset(house, "desk", secret=SECRET)
    make_key(house, "site-2026", "RS256", number=5)
    imported(house, issuers(signed()))
    before = everything(house)
    ours = keypairs.spki_pem(key_pair("RS256", 5).public)

    words = refused(
        house,
        issuers(
            {"issuer": PORTAL, "name": "Portal", "leeway": 61, "algorithm": "HS512"},
            signed(issuer=None, name="portal"),
            signed(issuer="c", name="c", groups_map={"x": "nobody"}, attribute_map={"floor": "x"}, is_admin="admin"),
            issuer(issuer="d", name="d", secret={"text": SECRET}),
            issuer(issuer="e", name="e", algorithm="RS256", public_keys=[{"key_id": "k", "public_key": ours}]),
            issuer(issuer="f", name="f", algorithm="RS256", public_keys=[{"key_id": "k", "public_key": CANARY}]),
            issuer(issuer="g", name="g", algorithm="RS256", secret={"text": CANARY}),
            issuer(issuer="h", name="h", secret={"env": "MINTMARK_SECRET_GONE"}),
            issuer(issuer="i", name="i", algorithm="none", secret={"text": CANARY}),
            signed(issuer="j", name="d"),
            issuer(issuer="http://127.0.0.1:8000", name="k", secret={"text": "short"}),
            issuer(issuer="l", name="l"),
            openid_providers=[{"name": "m", "issuer": "http://id.test", "client_secret": {"text": " " + CANARY}}],
        ),
    )

    assert everything(house) == before and CANARY not in words
    named = {line.removeprefix("error: ").rpartition(": ")[0].partition(": ")[0] + ": " + line.split(": ")[2]
             for line in words.splitlines()}  # fmt: skip
    assert named == {
        f"trusted_issuers {PORTAL}: name",
        f"trusted_issuers {PORTAL}: leeway",
        f"trusted_issuers {PORTAL}: secret",
        "trusted_issuers null: name",
        "trusted_issuers c: groups_map",
        "trusted_issuers c: attribute_map",
        "trusted_issuers c: is_admin",
        "trusted_issuers d: secret",
        "trusted_issuers e: public_keys",
        "trusted_issuers f: public_keys",
        "trusted_issuers g: secret",
        "trusted_issuers g: public_keys",
        "trusted_issuers h: secret",
        "trusted_issuers i: algorithm",
        "trusted_issuers j: name",
        "trusted_issuers http://127.0.0.1:8000: issuer",
        "trusted_issuers http://127.0.0.1:8000: secret",
        "trusted_issuers l: secret",
        "openid_providers m: issuer",
        "openid_providers m: client_id",
        "openid_providers m: client_secret",
    }


def test_a_key_that_an_asset_of_the_same_file_signs_with_is_refused_with_its_entry(house):
    asset = {"path": "desk", "name": "x", "template": '{"a": 1}', "secret": {"text": CANARY}}
    before = everything(house)

    words = refused(house, issuers(signed(), assets=[asset]))

    assert words.startswith(f"error: trusted_issuers {PORTAL}: secret: is one that this site signs with")
    assert everything(house) == before


def test_what_may_not_be_meant_is_said_as_a_warning_of_a_dry_run_too(house):
    document = json.dumps({"mintmark": 1, **issuers(signed(one_time=False, attribute_map={"email": "mail"}))})
    expected = [
        f"warning: trusted_issuers {PORTAL}: “Each token once” (one_time) is off: until it expires, whoever gets to see a token of it can sign"
        " in with it, too",
        f"warning: trusted_issuers {PORTAL}: it says the e-mail addresses of its people: at relying parties that go by"
        " e-mail it can be anybody",
    ]

    for flags in (["--dry-run"], []):
        result = house.run("site", "import", "-", *flags, input=document)
        assert (result.exit_code, result.stderr.splitlines()) == (0, expected)


def test_a_mapping_to_an_attribute_that_is_gone_is_left_out_and_is_no_change(house, empty_site):  # noqa: F811
    make_attribute(house, "floor")
    imported(house, issuers(signed(attribute_map={"floor": "f", "email": "e"})))
    with house.app.app_context(), writing():
        attributes.remove(attributes.get_attribute("floor", is_locked=True), by=house.by())

    text = exported(house)

    assert "attribute_map: {email: e}" in text and imported(house, text) == []
    imported(empty_site, text, env={"MINTMARK_SECRET_ISSUER_PORTAL": CANARY})
    assert exported(empty_site) == text


def identities(house):
    """Return who is linked to whom, as (username, name, claim, subject)."""
    rows = house.rows(
        "SELECT p.username, coalesce(t.name, o.name) AS name, i.claim, i.subject FROM identity i"
        " JOIN person p ON p.id = i.person_id LEFT JOIN trusted_issuer t ON t.id = i.source_id"
        " LEFT JOIN openid_provider o ON o.id = i.source_id"
    )
    return sorted((row["username"], row["name"], row["claim"], row["subject"]) for row in rows)


def of(name, subject, claim="sub"):
    return {"of": name, "claim": claim, "subject": subject}


def known(*people, **sections):
    """Return a document of two issuers, a provider with the name of one of them, and people with identities."""
    campus = {"name": "portal", "issuer": "https://id.test", "client_id": "x"}
    trusted = issuers(signed(), signed(issuer=None, name="b"), openid_providers=[campus])
    entries = [{"username": name, **({} if linked is None else {"identities": linked})} for name, linked in people]
    return {**trusted, "people": entries, **sections}


def test_identities_move_with_their_people_and_go_round(house, empty_site):  # noqa: F811
    odd = of("b", "a: #1 שé", "a.b: c")
    many = [of("b", f"subject number {number}, which is long") for number in range(9)]
    document = known(("ada", [of("issuer:portal", "7"), of("provider:portal", "7"), odd]), ("ben", many), ("carl", []))
    lines = imported(house, document)

    assert lines[:3] == ["+ people ada", "+ people ben", "+ people carl"] and len(lines) == 6
    expected = [("ada", "b", "a.b: c", odd["subject"]), *[("ada", "portal", "sub", "7")] * 2]
    assert identities(house)[:3] == expected and len(house.log("identity.linked")) == 12
    text = exported(house)
    assert '{claim: sub, of: "provider:portal", subject: "7"}' in text and text.count("identities:") == 2
    assert imported(house, text) == imported(house, document) == []
    secrets = {"MINTMARK_SECRET_ISSUER_PORTAL": CANARY, "MINTMARK_SECRET_ISSUER_B": CANARY}
    before = everything(empty_site)
    assert imported(empty_site, text, "--dry-run", env=secrets) and everything(empty_site) == before
    imported(empty_site, text, env=secrets)
    assert exported(empty_site) == text and identities(empty_site) == identities(house)


def test_a_list_of_identities_replaces_that_of_the_person_and_an_absent_one_keeps_it(house):
    imported(house, known(("ada", [of("b", "1"), of("b", "2")]), ("ben", [of("b", "3")])))
    make_person(house, "carl")

    assert imported(house, known(("ada", None), ("ben", None))) == []
    # By the name that the issuer gets; what is taken from one may be given to another.
    moved = known(("ada", [of("c", "2"), of("c", "3")]), ("ben", []), ("carl", [of("c", "1")]))
    moved["trusted_issuers"][1]["name"] = "c"
    assert imported(house, moved) == [f"~ people {name}: identities" for name in ("ada", "ben", "carl")] + [
        "~ trusted_issuers null: name"
    ]
    assert identities(house) == [("ada", "c", "sub", "2"), ("ada", "c", "sub", "3"), ("carl", "c", "sub", "1")]
    assert len(house.log("identity.unlinked")) == 2
    assert imported(house, moved) == []


def test_identities_that_cannot_be_are_said_with_their_people(house):
    imported(house, known(("ada", [of("b", "1")]), ("ben", [of("b", "2")])))
    before = everything(house)

    words = refused(house, known(
        ("ben", [of("portal", "x")]),
        ("carl", [of("nobody", "x")]),
        ("dora", [of("b", "1"), of("b", "9")]),
        ("emil", [of("b", "9")]),
        ("fay", [{"of": "b", "subject": "x"}]),
        ("gus", [of("b", ""), of("b", "x")]),
        ("hal", [of("b", str(number)) for number in range(100, 121)]),
    ))  # fmt: skip

    assert words.splitlines() == [
        "error: people ben: identities: “portal” is an issuer and a provider; write issuer:portal or provider:portal",
        "error: people carl: identities: “nobody” is no trusted issuer and no OpenID provider",
        "error: people dora: identities: “1” of b is linked to ada already",
        "error: people emil: identities: “9” of b is that of people dora, too",
        "error: people fay: identities: #1: takes the fields of, claim, subject",
        "error: people gus: identities: #1: subject is empty",
        "error: people hal: identities: has 21 items; at most 20 are possible",
    ]
    assert everything(house) == before


def test_a_warning_of_the_issuer_without_iss_names_it(sqlite_house):
    document = {"mintmark": 1, **issuers(signed(issuer=None, name="convergence", one_time=False))}

    answer = sqlite_house.run("site", "import", "-", "--dry-run", input=json.dumps(document))

    assert "warning: trusted_issuers null (convergence): “Each token once”" in answer.output
