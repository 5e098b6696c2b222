"""What is kept of a trusted issuer: its fields and their bounds, its keys, and that none of them is one of ours.

RFC 8725 §3.1, §3.8; draft-ietf-oauth-rfc8725bis §3.12; OWASP ASVS 5.0 6.8.1, 9.1.3, 13.3.2.
"""

import base64
import hashlib
import json

import jwt
import pytest

from mintmark import groups, identities, keypairs, sessions
from mintmark.assets.secrets import keep
from mintmark.errors import FieldError, InvalidFields, NotFound, SealError
from mintmark.issuers import finding, saving
from mintmark.issuers import keys as public_keys
from mintmark.issuers.definition import DEFAULTS, as_entered, read_issuer
from mintmark.issuers.keys import PublicKey
from mintmark.issuers.refusals import UNKNOWN_ISSUER, TokenRefused
from mintmark.issuers.rules import KeyNotFound
from mintmark.issuers.secret import open_secret
from mintmark.issuers.warnings import warnings_of
from mintmark.models import TrustedIssuer, db, writing
from mintmark.people import find_person
from mintmark.secret_values import SecretValue, read_secret
from mintmark.sessions import Entrance
from mintmark.unverified import read_unverified
from tests.conftest import SECRET, START
from tests.elsewhere import elsewhere
from tests.making import (
    change_asset,
    key_pair,
    make_asset,
    make_group,
    make_identity,
    make_issuer,
    make_key,
    make_person,
)

PORTAL = "https://portal.test"
THEIRS = "the-secret-of-the-portal-0123456789-0123456789-0123456789-0123456789"
SITE = "http://127.0.0.1:8000"
# As the design of the site file has it, but for the name of a group in place of its id.
WHOLE = {
    "issuer": "https://your-app.test",
    "name": "portal",
    "tenant": "Main",
    "algorithm": "RS256",
    "audience": "mintmark",
    "typ": "JWT",
    "required_claims": ["email", "tenant_id"],
    "identity_claim": "sub",
    "one_time": True,
    "leeway": 30,
    "max_lifetime": 600,
    "create_people": False,
    "update_people": True,
    "username_prefix": "",
    "attribute_map": {"email": "email", "first_name": "firstName", "department": "org.unit"},
    "groups_claim": "groups",
    "groups_map": {"admin": "Helpdesk"},
    "roles_claim": "roles",
    "permissions_claim": "permissions",
    "start_url": "https://your-app.test/sso?to=mintmark",
    "return_to": ["https://app.example.test"],
    "session_lifetime": 3600,
    "live": True,
}


def read(fetch_also=frozenset(), **changed):
    entered = {name: value for name, value in {**WHOLE, **changed}.items() if value is not ...}
    known = {"group_ids": {"helpdesk": "id-1"}, "attributes": {"department": "text"}}
    return read_issuer(entered, **known, site_url=SITE, fetch_also=fetch_also)


def problems_of(**changed):
    with pytest.raises(InvalidFields) as caught:
        read(**changed)
    return caught.value.problems


def test_every_field_of_the_design_is_taken_as_it_stands_and_groups_by_their_ids():
    found = read()

    rest = {name: value for name, value in WHOLE.items() if name not in ("issuer", "name", "live", "groups_map")}
    columns = {name: found[name] for name in ("issuer", "name", "live")}
    assert columns == {"issuer": "https://your-app.test", "name": "portal", "live": True}
    assert found["definition"] == {**DEFAULTS, **rest, "groups_map": {"admin": "id-1"}}

    # And given back as it was entered.
    row = TrustedIssuer(**found)
    assert as_entered(row, {"id-1": "Helpdesk"}) == {**WHOLE, "jwks_url": None, "discover": False}
    assert "department" not in as_entered(row, {}, but=["department"])["attribute_map"]


def test_what_is_not_entered_asks_most_of_a_token():
    least = read_issuer(
        {"issuer": None, "name": "a", "audience": "b"},
        group_ids={},
        attributes={},
        site_url=SITE,
        fetch_also=frozenset(),
    )

    assert (least["issuer"], least["live"]) == ("", True)
    strict = {"one_time": True, "leeway": 30, "max_lifetime": 600, "create_people": False, "update_people": True}
    assert {**least["definition"], **strict} == least["definition"]
    assert (least["definition"]["typ"], least["definition"]["identity_claim"]) == (None, "sub")


GOOD = [
    ("issuer", ["a", "urn:x:y", "https://Köln.test/ü", "portal", "https://your-app.test/", "x" * 255]),
    ("name", ["a", "0", "a_b-c", "a" * 40]),
    ("typ", [None, "at+jwt", "application/jwt", "JWT"]),
    ("required_claims", [[], ["a.b", "https://x.test/y"], [str(n) for n in range(32)]]),
    ("identity_claim", ["identity", "user.id", "https://x.test/sub", "x" * 100]),
    ("leeway", [0, 60]),
    ("max_lifetime", [10, 86_400]),
    ("username_prefix", ["", "portal:", "x" * 40]),
    ("attribute_map", [{}, {"display_name": "x" * 200}]),
    ("session_lifetime", [None, 60, 31_536_000]),
    ("start_url", [None, "http://localhost:3000/sso", "http://127.0.0.1/x", "https://a.test:8443/?a=b"]),
    ("return_to", [[], [f"https://a{n}.test" for n in range(50)], ["http://localhost:3000"]]),
    ("algorithm", ["RS256", "PS256", "ES256", "ES384", "EdDSA", "HS256", "HS512"]),
]
BAD = [
    ("issuer", ["", "a b", " a", "a\n", "a\x00", "a\u200b", "\ud800", "x" * 256, 5, [], SITE, SITE + "/"]),
    ("name", ["", "A", "-a", "a b", "a" * 41, "a/b", None, 1, "ä"]),
    ("tenant", [5, "x" * 256]),
    ("algorithm", ["none", "rs256", "RS257", None, "HS1", ["RS256"], "Ed25519"]),
    ("audience", ["", None, 5, ["a"], "x" * 256]),
    ("typ", ["", "a b", "x" * 41, 1, "jwt\n"]),
    ("required_claims", ["email", [1], [""], [str(n) for n in range(33)], ["x" * 201], None, ["email, tenant_id"],
                         ["a b"], ["a..b"]]),
    ("identity_claim", ["a..b", ".a", "a.", ".", "a b", "a,b", "a\u00a0b", "", None, "iss", "aud", "jti", "exp", "x" * 101, "a\u200b"]),
    ("one_time", [None, "yes", 1]),
    ("leeway", [-1, 61, 1.0, True, "30", None]),
    ("max_lifetime", [9, 86_401, None]),
    ("create_people", [None, 0]),
    ("update_people", ["true"]),
    ("username_prefix", [None, "x" * 41, " a", "a\u200b", "a\n"]),
    ("attribute_map", [[], {"is_admin": "admin"}, {"live": "x"}, {"password": "x"}, {"id": "x"}, {"floor": "x"},
                       {"email": 1}, {"email": ""}, {"email": "x" * 201}]),
    ("groups_map", [{"a": "nobody"}, {"a": 1}, {"": "helpdesk"}, ["helpdesk"], {str(n): "helpdesk" for n in range(201)}]),
    ("groups_claim", [None, "", 5]),  # None: there are values of it that are mapped.
    ("roles_claim", ["", "realm roles", "roles,groups", "a..b"]),
    ("permissions_claim", [["a"], "a.\tb"]),
    ("start_url", ["", "sso", "//a.test/x", "javascript:alert(1)", "http://a.test/sso", "https://a.test/ü", "https://a b/",
                   "https://u:p@a.test/", "https://a.test/#x", "https://", "ftp://a.test/", "https://A.test/"]),
    ("return_to", ["*", ["*"], ["null"], ["https://a.test/"], ["http://a.test"], ["https://a.test", "https://a.test"],
                   [f"https://a{n}.test" for n in range(51)], None]),
    ("session_lifetime", [59, 31_536_001, 0]),
    ("live", [None, 1]),
    ("jwks_url", ["", "http://keys.test/jwks", "https://127.0.0.1/jwks", "https://[::1]/", "https://10.0.0.1/jwks",
                  "https://u@keys.test/", "file:///etc/passwd", f"{SITE}/.well-known/jwks.json", 5]),
    ("discover", ["yes", None]),
]  # fmt: skip


@pytest.mark.parametrize(("field", "values"), GOOD, ids=[field for field, _ in GOOD])
def test_a_field_takes_what_is_within_its_bounds(field, values):
    for value in values:
        found = read(**{field: value})
        assert {**found, **found["definition"]}[field] == value


@pytest.mark.parametrize(("field", "values"), BAD, ids=[field for field, _ in BAD])
def test_a_field_refuses_what_is_beyond_its_bounds(field, values):
    for value in values:
        assert [problem[0] for problem in problems_of(**{field: value})] == [field], value


def test_everything_that_is_wrong_is_said_at_once_and_what_is_missing_too():
    found = problems_of(issuer=..., name=..., audience=..., leeway=99, secret="x", is_admin="admin")

    assert found == [
        ("issuer", "is missing"),
        ("name", "is missing"),
        ("audience", "is missing"),
        ("leeway", "takes a whole number from 0 to 60"),
        ("is_admin", "is no field of a trusted issuer"),
        ("secret", "is no field of a trusted issuer"),
    ]


def test_there_is_one_way_to_the_keys_of_an_issuer():
    address = "https://93.184.216.34/jwks"

    assert read(jwks_url=address)["definition"]["jwks_url"] == address
    assert problems_of(algorithm="HS256", jwks_url=address) == [("jwks_url", "is not for HS256, which takes a secret")]
    assert problems_of(algorithm="HS256", discover=True, issuer="https://93.184.216.34") == [
        ("discover", "is not for HS256, which takes a secret")
    ]
    both = problems_of(jwks_url=address, discover=True, issuer="https://93.184.216.34")
    assert both == [("discover", "stands beside jwks_url; an issuer takes one way to its keys")]
    for issuer in ("portal", None, "http://idp.test", "https://127.0.0.1"):
        assert [field for field, _ in problems_of(discover=True, issuer=issuer)] == ["discover"], issuer
    listed = frozenset({"http://127.0.0.1:9"})
    assert read(discover=True, issuer="http://127.0.0.1:9", fetch_also=listed)["definition"]["discover"]


def row_of(issuer_id):
    return db.session.get_one(TrustedIssuer, issuer_id)


def rules(house, issuer=PORTAL):
    return finding.rules_of(finding.find_live(issuer), settings=house.mint.settings, now=START)


def signs(verifier, key, algorithm="HS256"):
    return verifier.has_signed(read_unverified(jwt.encode({"sub": "x"}, key, algorithm)))


def test_an_issuer_is_found_by_its_exact_iss_while_it_is_live(house):
    portal = make_issuer(house, secret=THEIRS)
    make_issuer(house, None, name="nameless", secret=THEIRS)

    with house.app.app_context():
        assert finding.find_live(PORTAL).id == portal
        assert finding.find_live("").name == "nameless"
        for other in (PORTAL + "/", PORTAL.upper(), " " + PORTAL, "portal", PORTAL + "\x00", "\ud800", "x" * 300, "%"):
            assert finding.find_live(other) is None
        with writing():
            assert saving.switch(row_of(portal), False, by=house.by())
            assert not saving.switch(row_of(portal), False, by=house.by())
        assert finding.find_live(PORTAL) is None


def test_the_rules_are_what_was_entered_and_a_secret_does_not_look_at_the_kid(house):
    fields = {"typ": "at+jwt", "required_claims": ["a"], "identity_claim": "uid", "leeway": 5, "max_lifetime": 60}
    make_issuer(house, secret=THEIRS, one_time=False, **fields)

    with house.app.app_context():
        found = rules(house)
        asked = (found.issuer, found.algorithm, found.audience, found.typ, found.required_claims, found.identity_claim)
        assert asked == (PORTAL, "HS256", "mintmark", "at+jwt", ("a",), "uid")
        assert (found.one_time, found.leeway, found.max_lifetime, found.max_age, found.nonce) == (
            False,
            5,
            60,
            60,
            None,
        )
        assert all(signs(found.keys.find(kid), THEIRS) for kid in (None, "", "../../etc/passwd", "k1"))
        assert not signs(found.keys.find(None), THEIRS + "x")


def test_a_key_is_found_by_its_id_among_the_live_ones_and_without_an_id_only_where_there_is_one(house):
    first, second = key_pair("ES256", 0), key_pair("ES256", 1)
    portal = make_issuer(house, algorithm="ES256", keys=[("k1", first.public), ("k2", second.public, False)])
    make_issuer(house, "https://other.test", name="other", algorithm="ES256", keys=[("k9", second.public)])

    with house.app.app_context():
        keys = rules(house).keys
        assert signs(keys.find("k1"), first.private, "ES256") and signs(keys.find(None), first.private, "ES256")
        for kid in ("k2", "k9", "K1", "k1 ", "", "k1\x00"):
            with pytest.raises(KeyNotFound):
                keys.find(kid)

        # With two live ones a token has to say which; with none there is none.
        with writing():
            assert public_keys.switch(row_of(portal), "k2", True, by=house.by())
        assert signs(keys.find("k2"), second.private, "ES256")
        with pytest.raises(KeyNotFound):
            keys.find(None)
        with writing():
            public_keys.remove(row_of(portal), "k1", by=house.by())
        assert signs(keys.find(None), second.private, "ES256")
        with writing():
            public_keys.remove(row_of(portal), "k2", by=house.by())
        with pytest.raises(KeyNotFound):
            keys.find(None)
        with pytest.raises(NotFound), writing():
            public_keys.remove(row_of(portal), "k2", by=house.by())
    told = [json.loads(row["detail"]) for row in house.log("issuer.revised")]
    assert [next(iter(each.keys() & {"key_switched_on", "key_removed"})) for each in told] == [
        "key_switched_on",
        "key_removed",
        "key_removed",
    ]


def test_a_key_is_of_the_issuers_algorithm_and_its_id_is_used_once(sqlite_house):
    house, es256 = sqlite_house, key_pair("ES256", 0).public
    portal = make_issuer(house, algorithm="ES256", keys=[("k1", es256)])
    by_secret = make_issuer(house, "https://b.test", name="b", secret=THEIRS)
    refused = [
        (portal, "k1", key_pair("ES256", 1).public),
        (portal, "k2", key_pair("ES384").public),
        (portal, "k2", key_pair("RS256").public),
        (by_secret, "k1", es256),
    ]

    for issuer_id, key_id, members in refused:
        with sqlite_house.app.app_context(), pytest.raises(FieldError), writing():
            public_keys.add(row_of(issuer_id), key_id, members, by=house.by())
    for text in ("", " k", "k\n", "-----BEGIN PUBLIC KEY-----", '{"kty":"RSA"}', "x" * 129, "a\u200b", 5):
        with pytest.raises(FieldError):
            public_keys.read_key_id(text)
    with sqlite_house.app.app_context(), writing():
        public_keys.add(row_of(portal), "k2", key_pair("ES256", 1).public, by=house.by())
        assert [key.key_id for key in public_keys.keys_of(portal)] == ["k1", "k2"]


def test_no_key_of_this_site_is_ever_one_of_an_issuer(house):
    ours = key_pair("ES256", 2)
    make_asset(house, "desk", secret=SECRET)
    make_key(house, "site-2026", "ES256", number=2)
    refused = [{"secret": SECRET}, {"algorithm": "ES256", "keys": [("k", ours.public)]}]

    for fields in refused:
        with pytest.raises(FieldError, match="signs nobody in here"):
            make_issuer(house, **fields)

    # Nor where it is given to one that is there; whatever else is refused, nothing of it stays.
    portal = make_issuer(house, secret=THEIRS)
    other = make_issuer(house, "https://b.test", name="b", algorithm="ES256", keys=[("k", key_pair("ES256", 0).public)])
    with house.app.app_context():
        with pytest.raises(FieldError), writing():
            value = read_secret(SECRET, "text", algorithm="HS256")
            saving.set_secret(row_of(portal), value, sealer=house.mint.settings.sealer, by=house.by())
        with pytest.raises(FieldError), writing():
            public_keys.add(row_of(other), "k2", ours.public, by=house.by())
        assert open_secret(row_of(portal), sealer=house.mint.settings.sealer) == THEIRS.encode()


def test_another_spelling_of_a_secret_of_this_site_is_the_same_key(house):
    """HMAC fills short keys up with zero bytes and hashes long ones (RFC 2104 §2)."""
    long, middle = "L" * 150, "M" * 100
    for path, secret in (("desk", SECRET), ("long", long), ("middle", middle)):
        asset_id = make_asset(house, path, secret=secret)
    with house.app.app_context(), writing():
        zeros = SecretValue(b"an asset's own secret, of 36 bytes..\0\0", weak=False)
        keep(zeros, asset_id, sealer=house.mint.settings.sealer, now=START)

    def spelled(value, algorithm="HS256"):
        return read_secret(base64.b64encode(value).decode(), "base64", algorithm=algorithm)

    twins = [
        (SECRET.encode() + b"\0", "HS256"), (SECRET.encode() + bytes(64 - len(SECRET)), "HS256"), (SECRET.encode() + bytes(85), "HS512"),
        (b"an asset's own secret, of 36 bytes..", "HS256"), (b"an asset's own secret, of 36 bytes..\0", "HS256"),
        (hashlib.sha256(long.encode()).digest(), "HS256"), (hashlib.sha256(long.encode()).digest() + b"\0", "HS256"),
        (hashlib.sha256(middle.encode()).digest(), "HS256"), (hashlib.sha512(long.encode()).digest(), "HS512"),
        (hashlib.sha384(long.encode()).digest(), "HS384"), (middle.encode() + b"\0", "HS512"),
    ]  # fmt: skip
    portal = make_issuer(house, secret=THEIRS)
    with house.app.app_context():
        for value, algorithm in twins:
            with pytest.raises(FieldError, match="signs nobody in here"), writing():
                saving.set_secret(
                    row_of(portal), spelled(value, algorithm), sealer=house.mint.settings.sealer, by=house.by()
                )
        with writing():
            good = spelled(b"the-secret-of-the-portal-0123456789\0")
            saving.set_secret(row_of(portal), good, sealer=house.mint.settings.sealer, by=house.by())
    # Also where an asset begins to sign with another spelling later.
    make_asset(house, "later", secret="the-secret-of-the-portal-0123456789")
    with house.app.app_context(), pytest.raises(TokenRefused):
        rules(house).keys.find(None)


def test_a_key_that_begins_to_sign_here_later_signs_nobody_in_from_then_on(house):
    pair = key_pair("ES256", 3)
    make_issuer(house, secret=THEIRS)
    make_issuer(house, "https://b.test", name="b", algorithm="ES256", keys=[("k", pair.public)])
    make_asset(house, "desk", secret=THEIRS)
    make_key(house, "site-2026", "ES256", number=3)

    with house.app.app_context():
        for issuer in (PORTAL, "https://b.test"):
            row = finding.find_live(issuer)
            for look in (
                lambda row=row: finding.see_is_not_ours(row, settings=house.mint.settings),
                lambda issuer=issuer: rules(house, issuer).keys.find(None),
            ):
                with pytest.raises(TokenRefused) as caught:
                    look()
                assert (caught.value.row, caught.value.reason) == (UNKNOWN_ISSUER, "ours")
        problems = [candidate.problem for candidate in finding.all_rules(settings=house.mint.settings, now=START)]
        assert all("this site signs with" in problem for problem in problems)

    # Also where an asset has another secret by now, for its old tokens live on.
    change_asset(house, "desk", live=False)
    with house.app.app_context(), pytest.raises(TokenRefused):
        rules(house).keys.find(None)


def test_a_site_that_moves_to_the_address_of_an_issuer_trusts_it_no_more(make_house):
    house = make_house()
    make_issuer(house, "https://tokens.test", secret=THEIRS)
    moved = make_house(BASE_URL="https://tokens.test")

    with moved.app.app_context(), pytest.raises(TokenRefused) as caught:
        finding.see_is_not_ours(finding.find_live("https://tokens.test"), settings=moved.mint.settings)
    assert caught.value.words == "the issuer is this site"


def test_a_secret_is_sealed_for_its_row_and_stands_nowhere_else(house):
    make_issuer(house, secret=THEIRS)
    make_issuer(house, "https://b.test", name="b", secret=THEIRS + "b")
    sealer = house.mint.settings.sealer

    [one, other] = house.rows("SELECT * FROM trusted_issuer ORDER BY name")
    assert THEIRS not in json.dumps([one, house.log()], default=str) and THEIRS.encode() not in bytes(one["sealed"])
    assert one["sealed_by"] == "test" and len(one["fingerprint"]) == 16 != other["fingerprint"]
    with house.app.app_context(), writing():
        row = saving.every()[0]
        row.sealed = bytes(house.rows("SELECT sealed FROM trusted_issuer WHERE name = 'portal'")[0]["sealed"])
        with pytest.raises(SealError):
            open_secret(row, sealer=sealer)
    with house.app.app_context(), pytest.raises(KeyNotFound):
        rules(house, "https://b.test").keys.find(None)


def revise(house, issuer_id, *, secret=None, keys=None, **fields):
    with house.app.app_context(), writing():
        row = saving.get_issuer(issuer_id, is_locked=True)
        entered = {**as_entered(row, groups.names_by_id()), **fields}
        values = read_issuer(
            entered, group_ids=groups.ids_by_key(), attributes={}, site_url=SITE, fetch_also=frozenset()
        )
        sealer = house.mint.settings.sealer
        return saving.revise(row, values, secret=secret, keys=keys, sealer=sealer, by=house.by())


def test_a_change_is_noted_with_what_it_lets_in_and_what_changes_nothing_is_not(house):
    portal = make_issuer(house, secret=THEIRS)
    make_group(house, "staff")
    before = house.rows("SELECT revised_at FROM trusted_issuer")[0]["revised_at"]

    assert revise(house, portal) == []
    changed = revise(house, portal, leeway=10, create_people=True, groups_claim="g", groups_map={"x": "staff"})

    assert changed == ["leeway", "create_people", "groups_claim", "groups_map"]
    [row] = house.log("issuer.revised")
    told = {"name": "portal", "fields": changed, "create_people": True, "groups_map": {"x": "staff"}}
    assert (row["issuer"], json.loads(row["detail"])) == (PORTAL, told)
    # Two changes within a second differ, too.
    revise(house, portal, leeway=11)
    assert house.rows("SELECT revised_at FROM trusted_issuer")[0]["revised_at"] == before + 2


def test_the_iss_of_an_issuer_never_changes_and_names_are_used_once(house):
    portal = make_issuer(house, secret=THEIRS)

    with pytest.raises(FieldError, match="never changes"):
        revise(house, portal, issuer="https://other.test")
    with pytest.raises(FieldError, match="is trusted already"):
        make_issuer(house, name="second", secret=THEIRS)
    with pytest.raises(FieldError, match="is the name of another"):
        make_issuer(house, "https://other.test", secret=THEIRS)
    assert revise(house, portal, name="renamed") == ["name"]


def test_another_algorithm_keeps_the_key_only_where_that_goes_with_it(house):
    short, pair = THEIRS[:32], key_pair("ES256", 0)
    portal = make_issuer(house, secret=short)

    with pytest.raises(FieldError, match="HS512 takes at least 64"):
        revise(house, portal, algorithm="HS512")
    changed = revise(house, portal, algorithm="ES256", keys=[PublicKey("k1", pair.public)])
    assert changed == ["algorithm", "secret", "public_keys"]
    row = house.rows("SELECT sealed, sealed_by, fingerprint FROM trusted_issuer")[0]
    assert set(row.values()) == {None}  # What is not used any more is not kept.
    with pytest.raises(FieldError, match="hold “k1”"):
        revise(house, portal, algorithm="RS256")
    with pytest.raises(FieldError, match="is missing"):
        revise(house, portal, algorithm="HS256")
    fresh = read_secret(THEIRS, "text", algorithm="HS512")
    assert revise(house, portal, algorithm="HS512", secret=fresh) == ["algorithm", "secret", "public_keys"]
    assert house.rows("SELECT * FROM issuer_key") == []
    with house.app.app_context():
        assert signs(rules(house).keys.find(None), THEIRS, "HS512")


def begin_session(house, username, source_id):
    with house.app.app_context(), writing():
        person, way = find_person(username), Entrance(source_id, PORTAL)
        return sessions.begin(person, now=START, address=None, device="", by_way_of=way).id


def test_switching_off_and_taking_away_ends_the_sessions_that_the_issuer_began_and_no_others(house):
    portal = make_issuer(house, secret=THEIRS)
    make_person(house, "ben", password=None)
    make_identity(house, portal, "b", "ben")
    kept = begin_session(house, "ben", None)
    ended = begin_session(house, "ben", portal)

    assert revise(house, portal, live=False) == ["live"]
    ends = {row["id"]: row["ended_at"] for row in house.rows("SELECT id, ended_at FROM session")}
    assert (ends[kept], ends[ended]) == (None, START)
    assert json.loads(house.log("issuer.revised")[0]["detail"])["sessions_ended"] == 1

    later = begin_session(house, "ben", portal)
    with house.app.app_context(), writing():
        identity = identities.find(portal, "sub", "b")
        assert identity is not None
        saving.remove(row_of(portal), by=house.by())
    for table in ("trusted_issuer", "issuer_key", "identity"):
        assert house.rows(f"SELECT * FROM {table}") == []
    assert house.rows("SELECT ended_at FROM session WHERE id = :id", id=later) == [{"ended_at": START}]
    assert house.log("issuer.removed")[0]["issuer"] == PORTAL
    with house.app.app_context(), pytest.raises(NotFound):
        saving.get_issuer(portal)


def test_a_group_into_which_an_issuer_puts_people_stays_and_may_be_renamed(house):
    group_id = make_group(house, "staff")
    portal = make_issuer(house, secret=THEIRS, groups_claim="groups", groups_map={"x": "staff"})

    with house.app.app_context():
        with pytest.raises(FieldError, match="groups map of the trusted issuer `portal`"), writing():
            groups.remove(groups.get_group(group_id, is_locked=True), by=house.by())
        with writing():
            groups.rename(groups.get_group(group_id, is_locked=True), "crew", by=house.by())
        assert as_entered(row_of(portal), groups.names_by_id())["groups_map"] == {"x": "crew"}
    revise(house, portal, groups_map={})
    with house.app.app_context(), writing():
        groups.remove(groups.get_group(group_id, is_locked=True), by=house.by())

    # Nor is one mapped that was taken away since the form was read.
    with house.app.app_context(), pytest.raises(FieldError, match="taken away"), writing():
        row = row_of(portal)
        gone = {**row.definition, "groups_map": {"x": group_id}}
        values = {"issuer": row.issuer, "name": row.name, "live": True, "definition": gone}
        saving.revise(row, values, sealer=house.mint.settings.sealer, by=house.by())


def test_what_may_not_be_meant_is_said(sqlite_house):
    make_group(sqlite_house, "staff")
    careful = make_issuer(sqlite_house, secret=THEIRS)
    careless = make_issuer(
        sqlite_house,
        "https://b.test",
        name="b",
        algorithm="ES256",
        keys=[("k", key_pair("ES256", 0).public, False)],
        one_time=False,
        max_lifetime=3601,
        attribute_map={"email": "mail"},
        create_people=True,
        groups_claim="g",
        groups_map={"x": "staff"},
        return_to=["http://localhost:3000", "https://a.test"],
    )

    with sqlite_house.app.app_context():
        found = {each: warnings_of(row_of(each), public_keys.keys_of(each), {}) for each in (careful, careless)}
        row_of(careful).definition = {
            **row_of(careful).definition,
            "attribute_map": {"floor": "x"},
            "weak_secret": True,
        }
        gone = warnings_of(row_of(careful), [], {"department": "text"})
        assert finding.origins_of_live_issuers() == {"http://localhost:3000", "https://a.test"}

    assert found[careful] == []
    for words, said in zip(
        ("no key of it is live", "(one_time) is off", "more than an hour", "not https", "e-mail", "into groups"),
        found[careless],
        strict=True,
    ):
        assert words in said
    assert gone == [
        "its secret is marked weak: shorter than HS256 takes",
        "it maps the attribute floor, which is gone; nothing is kept of it",
    ]


def test_the_thumbprint_of_a_key_is_kept_beside_it(sqlite_house):
    public = key_pair("RS256").public
    make_issuer(sqlite_house, algorithm="RS256", keys=[("k", public)])

    [row] = sqlite_house.rows("SELECT * FROM issuer_key")
    assert (row["thumbprint"], json.loads(row["public"])) == (keypairs.thumbprint(public), public)


def test_keys_that_are_fetched_are_found_by_their_ids_and_one_of_ours_among_them_is_refused(make_house):
    theirs, ours = key_pair("ES256", 0), key_pair("ES256", 4)
    entries = [{**pair.public, "kid": kid, "use": "sig"} for kid, pair in (("k1", theirs), ("site-2026", ours))]
    with elsewhere() as site:
        site.answers["/jwks"] = {"keys": entries}
        issuer = f"http://127.0.0.1:{site.port}"
        site.answers["/.well-known/openid-configuration"] = {"issuer": issuer, "jwks_uri": site.url()}
        house = make_house(FETCH_ALSO=issuer)
        make_issuer(house, algorithm="ES256", jwks_url=site.url())
        make_issuer(house, issuer, name="discovered", algorithm="ES256", discover=True)
        make_key(house, "site-2026", "ES256", number=4)

        with house.app.app_context():
            # Nothing is fetched for whom it is not worth it.
            row = finding.find_live(PORTAL)
            with pytest.raises(KeyNotFound, match="not known"):
                finding.rules_of(row, settings=house.mint.settings, now=START, may_fetch=False).keys.find("k1")
            for named in (PORTAL, issuer):
                keys = rules(house, named).keys
                assert signs(keys.find("k1"), theirs.private, "ES256")
                with pytest.raises(TokenRefused) as caught:
                    keys.find("site-2026")
                assert caught.value.reason == "ours"
                for kid in ("k2", None):
                    with pytest.raises(KeyNotFound):
                        keys.find(kid)
