"""Signing keys in a site file: made, brought, replaced and moved by the rules; the same elsewhere after a round trip."""

import json

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mintmark.errors import FieldError, InvalidFields
from mintmark.keys import changing, rings
from mintmark.models import SigningKey, db, writing
from mintmark.moment import iso
from mintmark.site_file.document import Document
from mintmark.site_file.importing import Import
from mintmark.site_file.moment_field import read_moment
from mintmark.site_file.planning import Options
from mintmark.site_file.variables import Variables
from mintmark.tokens import KEY_ALGORITHMS
from tests.conftest import SECRET, START
from tests.making import key_pair, make_asset, make_key, make_next_key, make_person
from tests.test_site_file_errors import everything
from tests.test_site_file_export import empty_site, exported  # noqa: F401 — a fixture
from tests.test_site_file_import import asset, definition, imported, refused, token_of

pytestmark = pytest.mark.slow
NOW = int(START)
WAIT = 360
CANARY = "c4n4ry-Of-The-Key-Nobody-May-See"


def at(seconds):
    """Return a moment so many seconds from now, as a file writes it."""
    return iso(START + seconds)


def pem_of(pair, passphrase=None):
    encryption = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    return pair.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption).decode()


def jwk_of(pair):
    return jwt.get_algorithm_by_name(pair.algorithm).to_jwk(pair.private, as_dict=True)


def key(key_id="site-2026", algorithm="ES256", **fields):
    return {"key_id": key_id, "algorithm": algorithm, **fields}


def signed_by(key_id, path="desk", aud="desk", **fields):
    """Return an asset that signs with a key."""
    template = json.dumps({"sub": "{{ user.username }}", **({"aud": aud} if aud else {})})
    return {"path": path, "name": path, "template": template, "signing_key": key_id, **fields}


def rows(house):
    return {row["key_id"]: row for row in house.rows("SELECT * FROM signing_key")}


def secret_of(house):
    """Return the variables with what an export of a site leaves out, as whoever has its sealing key would get them."""
    found = {}
    with house.app.app_context():
        variables = Variables(())
        for row in db.session.scalars(db.select(SigningKey).order_by(SigningKey.signs_from_at, SigningKey.key_id)):
            if row.sealed:
                place = {"table": "signing_key", "row": row.id, "column": "sealed"}
                private = load_der_private_key(house.mint.settings.sealer.open(row.sealed, **place), None)
                pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
                found[variables.of_key(row.key_id)] = pem
    return found


def key_set(house, path="jwks.json"):
    answer = house.client().get(f"/.well-known/{path}")
    assert answer.status_code == 200
    return sorted(answer.json["keys"], key=lambda each: each["kid"])


def claims_of(token, keys, audience):
    """Verify as a relying party does."""
    [one] = [each for each in keys if each["kid"] == jwt.get_unverified_header(token)["kid"]]
    options = {"verify_exp": False, "verify_iat": False}
    return jwt.decode(token, jwt.PyJWK(one), [one["alg"]], audience=audience, options=options)


def test_keys_of_all_algorithms_are_made_sign_and_stand_in_the_same_key_set_elsewhere(house, empty_site):  # noqa: F811
    # Given a file with a key and an asset for each algorithm; RSA keys, which take long, in one of the databases
    algorithms = KEY_ALGORITHMS if house.mint.settings.is_sqlite else ("ES256", "EdDSA")
    names = {algorithm: algorithm.lower() for algorithm in algorithms}
    document = {
        "people": [{"username": "ben"}],
        "signing_keys": [key(f"key-{name}", algorithm) for algorithm, name in names.items()],
        "assets": [signed_by(f"key-{name}", name, name) for name in names.values()],
    }

    lines = imported(house, document)

    # Then all are made once, and each token verifies with the key set of the site
    assert lines[1 : 1 + len(names)] == [f"+ signing_keys key-{name}" for name in names.values()]
    assert imported(house, document) == []
    tokens = {name: token_of(house, "ben", name) for name in names.values()}
    keys = key_set(house)
    assert len(keys) == len(names)
    for name, token in tokens.items():
        assert claims_of(token, keys, name)["sub"] == "ben"

    # When the export is taken over elsewhere, with the private keys in their variables
    text, variables = exported(house), secret_of(house)
    imported(empty_site, text, env=variables)

    # Then keys and export are the same there, and tokens verify across
    assert key_set(empty_site) == keys and exported(empty_site) == text
    for name in names.values():
        assert key_set(empty_site, f"jwks/{name}") == key_set(house, f"jwks/{name}")
        assert claims_of(token_of(empty_site, "ben", name), keys, name)["sub"] == "ben"
    assert imported(house, text) == imported(empty_site, text, env=variables) == []
    assert all(text not in exported(house) + json.dumps(everything(house), default=repr) for text in variables.values())


def test_a_dry_run_says_the_same_and_makes_no_key(house):
    make_person(house, "ben")
    document = {
        "signing_keys": [key(algorithm="RS256"), key("next", "RS256", replaces="site-2026")],
        "assets": [signed_by("next", lifetime=None)],
    }
    before = everything(house)

    dry = house.run("site", "import", "-", "--dry-run", input=json.dumps({"mintmark": 1, **document}))

    assert everything(house) == before
    real = house.run("site", "import", "-", input=json.dumps({"mintmark": 1, **document}))
    assert (dry.exit_code, dry.stdout, dry.stderr) == (0, real.stdout, real.stderr)
    assert dry.stdout.splitlines() == ["+ signing_keys site-2026", "+ signing_keys next", "+ assets desk"]
    assert "no lifetime" in dry.stderr
    assert {row["event"] for row in house.log()} >= {"key.made", "site.imported"}


def test_keys_of_one_ring_may_stand_in_any_order_and_follow_each_other(house):
    # Given a file that begins with the last of three keys
    document = {
        "signing_keys": [
            key("c", replaces="b", signs_from_at=at(2000), due_at=at(9000)),
            {"key_id": "b", "replaces": "a"},
            key("a"),
        ]
    }

    assert imported(house, document) == [f"+ signing_keys {name}" for name in "cba"]

    # Then each is retired when the next one signs; b as soon as verifiers know it
    found = rows(house)
    assert [found[name]["signs_from_at"] for name in "abc"] == [NOW, NOW + WAIT, NOW + 2000]
    assert [found[name]["retired_at"] for name in "abc"] == [NOW + WAIT, NOW + 2000, None]
    assert len({row["ring_id"] for row in found.values()}) == 1 and found["c"]["due_at"] == NOW + 9000
    assert imported(house, document) == [] and imported(house, exported(house)) == []


@pytest.mark.parametrize("form", ["pem", "encrypted", "jwk", "env", "env of a jwk"])
def test_a_key_of_ones_own_is_brought_and_the_same_again_is_no_change(sqlite_house, form):
    pair, env = key_pair("ES256", 1), {"MINE": "", "MINTMARK_SECRET_PASS": "open sesame"}
    private = {
        "pem": {"pem": pem_of(pair)},
        "encrypted": {"pem": pem_of(pair, "open sesame"), "passphrase_env": "MINTMARK_SECRET_PASS"},
        "jwk": {"jwk": jwk_of(pair)},
        "env": {"env": "MINE"},
        "env of a jwk": {"env": "MINE"},
    }[form]
    env["MINE"] = json.dumps(jwk_of(pair)) if "jwk" in form else pem_of(pair)
    document = {"signing_keys": [key(private_key=private)]}

    assert imported(sqlite_house, document, env=env) == ["+ signing_keys site-2026"]

    assert rows(sqlite_house)["site-2026"]["is_brought"]
    assert json.loads(rows(sqlite_house)["site-2026"]["public"]) == pair.public
    before = everything(sqlite_house)
    assert imported(sqlite_house, document, env=env) == []
    assert imported(sqlite_house, {"signing_keys": [key(private_key={"env": "UNSET"})]}) == []
    other = {"signing_keys": [key(private_key={"pem": pem_of(key_pair("ES256", 2))})]}
    assert "private_key: is another one than this site has; keys do not change" in refused(sqlite_house, other)
    assert everything(sqlite_house) == before


WRONG_KEYS = [
    (
        {"env": "MINTMARK_SECRET_NONE"},
        "MINTMARK_SECRET_NONE is not set, and this site has no such key yet; set "
        "it, or take private_key out of the entry: then a pair is made here, with this key id but another public key",
    ),
    ({"env": CANARY}, "env takes the name of a variable, such as MINTMARK_SECRET_HELPDESK"),
    ({"env": "MINTMARK_SEALING_KEY"}, "env names a setting of Mintmark"),
    ({"pem": CANARY}, "is no PEM or JWK; the private key is needed"),
    ({"pem": 5}, "takes text, not a number"),
    ({"pem": f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----"}, "cannot be read"),
    ({"pem": pem_of(key_pair("ES384"))}, "is of another type; ES256 takes a key on the curve P-256"),
    ({"pem": pem_of(key_pair("ES256"), "pass")}, "its passphrase is needed: the key is encrypted"),
    ({"pem": pem_of(key_pair("ES256"), "pass"), "passphrase_env": "NONE"}, "its passphrase is in NONE, which is not"),
    ({"pem": pem_of(key_pair("ES256"), "pass"), "passphrase_env": "BAD"}, "its passphrase does not open the key"),
    ({"pem": pem_of(key_pair("ES256")), "passphrase_env": CANARY}, "env takes the name of a variable"),
    ({"jwk": CANARY}, "takes fields with values, not text"),
    ({"jwk": {"kty": "EC", "d": CANARY}}, "is no whole private JWK for ES256"),
    ({"jwk": {"kty": "oct", "k": CANARY}}, "is a public key or a secret; the private key (with “d”) is needed to sign"),
    ({"jwk": {"d": CANARY}, "passphrase_env": "BAD"}, "takes passphrase_env beside an encrypted PEM only"),
    ({"jwk": {"d": CANARY}, "pem": CANARY}, "takes exactly one of pem, jwk, env"),
    ({CANARY: "x"}, "takes exactly one of pem, jwk, env"),
    ({}, "takes exactly one of pem, jwk, env"),
    (CANARY, "takes fields with values, not text"),
    (None, "takes fields with values, not nothing (null)"),
]


def test_a_bad_private_key_is_refused_in_words_without_it(sqlite_house):
    # Given every wrong way to bring a key, all in one file
    document = {"signing_keys": [key(f"k{n}", private_key=private) for n, (private, _) in enumerate(WRONG_KEYS)]}
    before = everything(sqlite_house)

    found = refused(sqlite_house, document, env={"BAD": CANARY})

    lines = found.splitlines()
    assert len(lines) == len(WRONG_KEYS) and CANARY not in found and "BEGIN" not in found.replace("with -----BEGIN", "")
    for line, (n, (_, words)) in zip(lines, enumerate(WRONG_KEYS), strict=True):
        assert line.startswith(f"error: signing_keys k{n}: private_key: {words}")
    assert everything(sqlite_house) == before


def test_names_below_a_private_key_are_not_repeated_where_the_file_repeats_them():
    text = f"mintmark: 1\nsigning_keys: [{{key_id: a, algorithm: ES256, private_key: {{jwk: {{{CANARY}: 1, {CANARY}: 2}}}}}}]\n"

    with pytest.raises(InvalidFields) as caught:
        Document(text).problems.see_none()

    assert CANARY not in str(caught.value) and "private_key: is written twice" in str(caught.value)


STRUCTURE = [
    ([key("x y")], ["x y: key_id: takes 1 to 128 letters, digits and signs, without spaces"]),
    ([{"algorithm": "ES256"}], ["#1: key_id: is missing"]),
    ([{"key_id": "x"}], ["x: algorithm: is missing"]),
    ([key("x", "HS256")], ["x: algorithm: takes one of RS256, RS384, RS512, PS256, ES256, ES384, EdDSA"]),
    ([key("x"), key("x")], ["x: key_id: is in the file twice: entry #1 has it too"]),
    ([key("x", replaces="none")], ["x: replaces: “none” is no signing key of this site or of the file"]),
    ([key("x", replaces="x")], ["x: replaces: goes round in a circle"]),
    ([key("x", replaces="y"), key("y", replaces="x"), key("z", replaces="y")],
        ["x: replaces: goes round in a circle", "y: replaces: goes round in a circle", "z: replaces: y is replaced by x already"]),
    ([key("x"), key("y", replaces="x"), key("z", replaces="x")], ["z: replaces: x is replaced by y already"]),
    ([key("x", "EdDSA", replaces="y"), key("y")], ["x: algorithm: is EdDSA; the key that it replaces signs with ES256"]),
    ([key("x", "EdDSA", replaces="used-2")], ["x: algorithm: is EdDSA; the key that it replaces signs with ES256"]),
    ([key("x", replaces="used")], ["x: replaces: used is replaced by used-2 already; the last one there is used-2"]),
    ([key("x", kid="x")], ["x: kid: is no field of signing_keys; there are key_id, algorithm, private_key, replaces, "
        "published_at, signs_from_at, retired_at, gone_at, due_at"]),
    ([key("x", signs_from_at="2026-01-01")], ["x: signs_from_at: takes a moment in whole seconds, as 2026-01-31T14:30:00Z"]),
    ([key("x", published_at=at(10), signs_from_at=at(0))], ["x: signs_from_at: is before the key is published"]),
    ([key("x"), key("y", replaces="x", signs_from_at=at(0))], [f"y: signs_from_at: is not after {at(0)}, from which x signs"]),
    ([key("x", retired_at=at(500)), key("y", replaces="x", signs_from_at=at(600))], [f"x: retired_at: is not {at(600)}, from which y signs in its place"]),
    ([key("x"), key("y", replaces="x", signs_from_at=at(WAIT - 1))], [f"y: signs_from_at: is too early: verifiers know the key from {at(WAIT)} on"]),
    ([key("x", retired_at=at(0))], [f"x: retired_at: is not after {at(0)}, from which the key signs"]),
    ([key("x", gone_at=at(9))], ["x: gone_at: takes retired_at beside it"]),
    ([key("x", retired_at=at(9), gone_at=at(8))], ["x: gone_at: is before the key is retired"]),
    ([key("x", due_at=at(0))], [f"x: due_at: is not after {at(0)}, from which the key signs"]),
    ([key("x", replaces="used-2", published_at=at(-1))], ["x: published_at: is past; a key is published now or later where its ring has signed here"]),
    ([key("x", replaces="used-2", signs_from_at=at(WAIT - 1))], [f"x: signs_from_at: is not after {at(WAIT)}, from which used-2 signs"]),
    ([key("x", replaces="used-2", published_at=at(900), signs_from_at=at(1000))], [f"x: signs_from_at: is too early: verifiers know the key from {at(900 + WAIT)} on"]),
    # Of keys that the site has
    ([key("used", "EdDSA")], ["used: algorithm: is ES256 on this site; keys do not change; make the next one, which replaces it"]),
    ([key("used", replaces="used-2")], ["used: replaces: is none on this site; keys do not change; make the next one, which replaces it"]),
    ([key("used-2", replaces=None)], ["used-2: replaces: is used on this site; keys do not change; make the next one, which replaces it"]),
    ([key("used", published_at=at(9))], [f"used: published_at: is {at(0)} on this site, and does not change"]),
    ([key("used", signs_from_at=at(9))], [f"used: signs_from_at: is {at(0)} on this site; the key signs already, or is retired"]),
    ([key("used-2", signs_from_at=at(9))], [f"used-2: signs_from_at: is too early: it may sign from {at(WAIT)} on"]),
    ([key("used", retired_at=at(9))], [f"used: retired_at: is not {at(WAIT)}, from which used-2 signs in its place"]),
    ([key("used-2", retired_at=at(9000))], ["used-2: retired_at: is open on this site; it follows from the key that replaces this one"]),
    ([key("used-2", gone_at=at(9000))], ["used-2: gone_at: is for a key that is retired; nothing replaces this one"]),
    ([key("stolen")], ["stolen: key_id: was revoked on this site; take it out of the file, and what it replaced or was replaced by"]),
    ([key("x", private_key={"jwk": jwk_of(key_pair("ES256", 1))}), key("y", private_key={"jwk": jwk_of(key_pair("ES256", 1))})],
        ["y: private_key: is a key that the file brings as x"]),
    ([key("x", private_key={"jwk": jwk_of(key_pair("ES256", 3))})], ["x: private_key: is a key that this site has, or had, as used"]),
]  # fmt: skip


def test_what_is_wrong_with_keys_is_said_with_entry_and_field_and_nothing_is_changed(house):
    # Given a ring that serves an asset, its next key, and one that was revoked
    make_key(house, "used", number=3)
    make_asset(house, "desk", '{"aud": "desk"}', signing_key="used")
    make_next_key(house, "used", "used-2")
    make_key(house, "stolen")
    with house.app.app_context(), writing():
        changing.revoke(rings.find_key("stolen"), None, None, sealer=house.mint.settings.sealer, by=house.by())
    before = everything(house)

    for entries, lines in STRUCTURE:
        for flags in ((), ("--dry-run",)):
            document = json.dumps({"mintmark": 1, "signing_keys": entries})
            result = house.run("site", "import", "-", *flags, input=document)
            expected = [f"error: signing_keys {line}" for line in lines]
            assert (result.exit_code, result.stdout, result.stderr.splitlines()) == (1, "", expected), entries
    assert everything(house) == before


def test_the_next_key_of_an_asset_waits_until_every_verifier_knows_it(house):
    # Given an asset that has signed with a key
    make_person(house, "ben")
    document = {"signing_keys": [key()], "assets": [signed_by("site-2026", lifetime=600)]}
    imported(house, document)
    first = jwt.get_unverified_header(token_of(house, "ben"))["kid"]
    house.clock.advance(1000)

    # When the file says what replaces it, and no more
    document["signing_keys"].append({"key_id": "site-2027", "replaces": "site-2026"})
    assert imported(house, document) == ["+ signing_keys site-2027"]

    # Then it is published, signs after the wait, and the former one is gone when its tokens are
    found = rows(house)
    assert found["site-2027"]["published_at"] == NOW + 1000
    assert found["site-2027"]["signs_from_at"] == found["site-2026"]["retired_at"] == NOW + 1000 + WAIT
    assert found["site-2026"]["gone_at"] == NOW + 1000 + WAIT + 600 + WAIT
    assert {each["kid"] for each in key_set(house)} == {"site-2026", "site-2027"}
    assert jwt.get_unverified_header(token_of(house, "ben"))["kid"] == first == "site-2026"
    house.clock.advance(WAIT)
    assert jwt.get_unverified_header(token_of(house, "ben"))["kid"] == "site-2027"
    assert imported(house, document) == [] and definition(house, "desk")["signing_key"]
    assert len(house.rows("SELECT number FROM revision")) == 1

    # And the file stays good when the first key is gone
    house.clock.advance(2000)
    assert [each["kid"] for each in key_set(house)] == ["site-2027"]
    assert imported(house, document) == []
    assert imported(house, exported(house)) == [] and "site-2026" not in exported(house)


def test_what_does_not_sign_yet_may_be_moved_and_the_others_follow(house):
    make_key(house, "a")
    make_asset(house, "desk", '{"aud": "desk"}', signing_key="a", lifetime=60)
    make_next_key(house, "a", "b", signs_from_at=NOW + 1000)
    make_next_key(house, "a", "c", signs_from_at=NOW + 2000)
    document = {
        "signing_keys": [
            {"key_id": "a", "gone_at": at(90_000)},
            {"key_id": "b", "signs_from_at": at(3000), "due_at": at(3500)},
            {"key_id": "c", "signs_from_at": at(4000)},
            {"key_id": "d", "replaces": "c", "signs_from_at": at(5000)},
        ]
    }

    assert imported(house, document) == [
        "~ signing_keys a: gone_at",
        "~ signing_keys b: signs_from_at, due_at",
        "~ signing_keys c: signs_from_at",
        "+ signing_keys d",
    ]

    found = rows(house)
    assert [found[name]["retired_at"] for name in "abcd"] == [NOW + 3000, NOW + 4000, NOW + 5000, None]
    assert (found["a"]["gone_at"], found["b"]["due_at"]) == (NOW + 90_000, NOW + 3500)
    assert imported(house, document) == []
    # What would take a key away before its tokens have expired is no change; a due date can be taken away
    earlier = {"signing_keys": [{"key_id": "a", "gone_at": at(3001)}, {"key_id": "b", "due_at": None}]}
    assert imported(house, earlier) == ["~ signing_keys b: due_at"]
    back = {"signing_keys": [{"key_id": "b", "signs_from_at": at(1000)}, {"key_id": "c", "signs_from_at": at(1500)}]}
    assert imported(house, back) == ["~ signing_keys b: signs_from_at", "~ signing_keys c: signs_from_at"]
    crossed = {"signing_keys": [{"key_id": "c", "signs_from_at": at(6000)}]}
    assert "d would not sign after c, which it replaces" in refused(house, crossed)


def test_a_key_with_moments_from_elsewhere_keeps_them_and_one_that_is_gone_is_passed_over(house):
    document = {
        "signing_keys": [
            key("gone", published_at=at(-9000), retired_at=at(-5000), gone_at=at(-10), private_key={"env": "UNSET"}),
            key("old", replaces="gone", published_at=at(-8000), signs_from_at=at(-5000), retired_at=at(-50), gone_at=at(900)),
            key("now", replaces="old", published_at=at(-600), signs_from_at=at(-50)),
        ]
    }  # fmt: skip

    assert imported(house, document) == ["+ signing_keys old", "+ signing_keys now"]

    found = rows(house)
    moments = ("published_at", "signs_from_at", "retired_at", "gone_at")
    assert [found["old"][name] for name in moments] == [NOW - 8000, NOW - 5000, NOW - 50, NOW + 900]
    assert imported(house, document) == [] == imported(house, document, "--prune")
    assert [each["kid"] for each in key_set(house)] == ["now", "old"]


def test_prune_takes_no_key_away(house):
    make_key(house)

    assert imported(house, {"signing_keys": []}, "--prune") == [] and list(rows(house)) == ["site-2026"]


def test_an_asset_goes_over_to_a_key_and_back_to_a_secret(house):
    # Given an asset with a secret
    make_person(house, "ben")
    imported(house, {"assets": [asset(algorithm="HS384", secret={"text": SECRET * 2})]})

    # When it names a key instead, its algorithm comes with that
    document = {"signing_keys": [key()], "assets": [{"path": "desk", "signing_key": "site-2026"}]}
    assert imported(house, document) == ["+ signing_keys site-2026", "~ assets desk: algorithm, signing_key"]
    assert jwt.get_unverified_header(token_of(house, "ben")) == {"alg": "ES256", "kid": "site-2026", "typ": "JWT"}
    assert imported(house, document) == [] and "secret:" not in exported(house)

    # Then a secret takes the place of the key, with the algorithm that is usual for one
    back = {"assets": [{"path": "desk", "secret": {"env": "DESK"}}]}
    words = "error: assets desk: secret: DESK is not set, and this asset has no secret yet\n"
    assert refused(house, back) == words
    assert imported(house, back, env={"DESK": SECRET}) == ["~ assets desk: algorithm, signing_key, secret"]
    jwt.decode(token_of(house, "ben"), SECRET, ["HS256"], options={"verify_exp": False, "verify_iat": False})
    assert imported(house, back, env={"DESK": SECRET}) == []


def test_an_asset_names_a_key_by_any_of_its_ring(house):
    make_key(house, "a")
    make_asset(house, "desk", '{"aud": "desk"}', signing_key="a")
    make_next_key(house, "a", "b")

    assert imported(house, {"assets": [{"path": "desk", "signing_key": "b"}]}) == []
    assert "signing_key: a" in exported(house)


ASSETS = [
    (signed_by("site-2026", secret={"text": SECRET}), "secret: stands beside signing_key; an asset takes one of them"),
    (signed_by("none"), "signing_key: “none” is no signing key of this site, or none of its keys is left"),
    (signed_by(5), "signing_key: takes text, not a number"),
    (signed_by("site-2026", algorithm="RS256"), "algorithm: is RS256; the signing key is for ES256"),
    (signed_by("site-2026", algorithm="HS256"), "algorithm: is HS256; the signing key is for ES256"),
    (signed_by(None), "secret: is missing"),
    (signed_by(None, algorithm="RS256"), "signing_key: is missing: RS256 takes a signing key"),
    (signed_by("site-2026", headers={"kid": "x"}), "headers: “kid” is the key id of the signing key; take it out of"),
    (signed_by("site-2026", next_secret={"text": SECRET}), "next_secret: is for assets with a secret; this one signs"),
    (asset(algorithm="ES256"), "signing_key: is missing: ES256 takes a signing key"),
    (asset(next_secret={"text": SECRET}), "next_secret: is the present one, which signs already"),
    (asset(next_secret={"text": "short"}), "next_secret: has 5 bytes; under 8 is never possible"),
    (asset(next_secret={"env": "UNSET"}), "next_secret: UNSET is not set, and no secret is staged yet"),
    (asset(next_secret={"env": "UNSET", "signs_from_at": at(-5)}), "next_secret: UNSET is not set, and this asset has"),
    (asset(next_secret={"text": SECRET, "signs_from_at": "now"}), "next_secret: takes a moment in whole seconds, as "),
    (
        asset(next_secret={"text": SECRET[::-1], "signs_from_at": at(40e6)}),
        "next_secret: signs from a moment that is mo",
    ),
    (asset(next_secret=CANARY), "next_secret: takes fields with values, not text"),
    (
        asset(next_secret={CANARY: 1}),
        "next_secret: takes one of text, base64, base64url, hex, env; beside it weak, kid",
    ),
    (asset(next_secret={"text": SECRET, "kid": 5}), "next_secret: takes text, not a number"),
]


def test_what_is_wrong_with_keys_and_secrets_of_assets_is_said_with_entry_and_field(sqlite_house):
    make_key(sqlite_house)
    before = everything(sqlite_house)
    document = {"assets": [{**one, "path": f"a{n}"} for n, (one, _) in enumerate(ASSETS)]}

    found = refused(sqlite_house, document)

    for line, (n, (_, words)) in zip(found.splitlines(), enumerate(ASSETS), strict=True):
        assert line.startswith(f"error: assets a{n}: {words}"), line
    assert CANARY not in found and everything(sqlite_house) == before


def test_who_may_share_a_key_is_held_over_the_file_and_the_site_together(house):
    # Given an asset of the site that signs with a key
    make_key(house)
    make_asset(house, "old", '{"aud": "old"}', signing_key="site-2026")
    before = everything(house)

    found = refused(
        house,
        {
            "assets": [
                signed_by("site-2026", "a", "old"),
                signed_by("site-2026", "b", ["b", "c"]),
                signed_by("site-2026", "c", "c"),
                signed_by("site-2026", "d", None),
                signed_by("site-2026", "e", "e"),
            ]
        },
    )

    lines = [line.partition(": give")[0].removeprefix("error: assets ") for line in found.splitlines()]
    assert lines == [
        "a: signing_key: serves old too, with the same “aud” old",
        "c: signing_key: serves b too, with the same “aud” c",
        "d: signing_key: serves old too, and this template has no fixed “aud”",
        "e: signing_key: serves d too, whose template has no fixed “aud”",
    ]
    assert everything(house) == before
    # Where the one on the site goes away or changes in the same file, its place is free
    taken = {"assets": [signed_by("site-2026", "a", "old"), {"path": "old", "template": '{"aud": "new"}'}]}
    assert imported(house, taken) == ["+ assets a", "~ assets old: template"]
    swapped = {"assets": [signed_by("site-2026", "a", "new"), {"path": "old", "template": '{"aud": "old"}'}]}
    assert "changes places with" in refused(house, swapped)
    assert imported(house, {"assets": [signed_by("site-2026", "b", "new")]}, "--prune")[-2:] == [
        "- assets a",
        "- assets old",
    ]


def test_an_asset_that_leaves_a_key_counts_for_as_long_as_it_signs_with_it(house):
    # Given an asset that has signed tokens
    make_person(house, "ben")
    imported(house, {"signing_keys": [key("a"), key("b")], "assets": [signed_by("a", "old", "one")]})
    token_of(house, "ben", "old")
    before = everything(house)
    document = {"assets": [signed_by("a", "new", "one"), {"path": "old", "signing_key": "b"}]}

    # When another one is to take its place in the same import, then that is refused whole
    assert refused(house, document).startswith(
        "error: assets new: signing_key: serves old too, with the same “aud” one"
    )
    assert everything(house) == before
    assert imported(house, {"assets": document["assets"][1:]}) == ["~ assets old: signing_key"]
    house.clock.advance(WAIT)
    assert "tokens with the “aud” one for another asset" in refused(house, document)
    house.clock.advance(600 + 60)
    assert imported(house, document) == ["+ assets new"]


def kids(house, path="desk"):
    return [jwt.get_unverified_header(token_of(house, "ben", path)).get("kid")]


def test_a_next_secret_is_staged_switched_and_taken_away(house):
    make_person(house, "ben")
    following = {"env": "NEXT", "kid": "k2"}
    env = {"NEXT": SECRET[::-1]}
    document = {"assets": [asset(headers={"kid": "k1"}, next_secret=following)]}

    # Given it is staged together with a new asset, the present one signs
    assert imported(house, document, env=env) == ["+ assets desk"]
    assert imported(house, document, env=env) == imported(house, document) == []
    assert kids(house) == ["k1"] and len(house.rows("SELECT number FROM revision")) == 2

    # When it gets a moment, another one, and none again
    for moment in (at(500), at(900), None, at(600)):
        following["signs_from_at"] = moment
        assert imported(house, document) == ["~ assets desk: next_secret"]
        assert imported(house, document, env=env) == imported(house, exported(house)) == []

    # Then it signs from then on as the present one, and the file is as good as before
    house.clock.advance(600)
    assert kids(house) == ["k2"]
    text = exported(house)
    assert "secret: {env: MINTMARK_SECRET_DESK, kid: k2}" in text and "next_secret" not in text
    assert imported(house, document) == imported(house, document, env=env) == imported(house, text) == []
    assert imported(house, text, env={"MINTMARK_SECRET_DESK": SECRET[::-1]}) == []

    # And another one that is staged is replaced, and taken away with null
    for value in (SECRET + "x", SECRET + "y"):
        staged = {"assets": [{"path": "desk", "next_secret": {"text": value}}]}
        assert imported(house, staged) == ["~ assets desk: next_secret"] and imported(house, staged) == []
    assert "next_secret: {env: MINTMARK_SECRET_NEXT_DESK}" in exported(house)
    none = {"assets": [{"path": "desk", "next_secret": None}]}
    assert imported(house, none) == ["~ assets desk: next_secret"] and imported(house, none) == []
    assert kids(house) == ["k2"]


def test_a_staged_secret_is_as_long_as_another_algorithm_takes(sqlite_house):
    imported(sqlite_house, {"assets": [asset(next_secret={"text": SECRET[::-1]})]})
    change = {"path": "desk", "algorithm": "HS512", "secret": {"text": SECRET * 2}}

    assert "secret: has 43 bytes; HS512 takes at least 64" in refused(sqlite_house, {"assets": [change]})
    assert imported(sqlite_house, {"assets": [{**change, "next_secret": None}]}) == [
        "~ assets desk: algorithm, secret, next_secret"
    ]


def test_keys_in_all_states_and_secrets_in_overlap_come_back_elsewhere(house, empty_site):  # noqa: F811
    # Given a ring with a retired, a signing, a next and a planned key; one staged secret, one switched
    make_person(house, "ben")
    make_key(house, "a", number=1)
    make_asset(house, "keyed", '{"aud": "keyed"}', signing_key="a", lifetime=3000)
    make_next_key(house, "a", "b")
    house.clock.advance(1000)
    make_next_key(house, "a", "c", signs_from_at=NOW + 3000, due_at=NOW + 9000)
    make_next_key(house, "a", "d", published_at=NOW + 4000, signs_from_at=NOW + 5000)
    make_key(house, "Key/one.2", "EdDSA")
    staged = {"text": SECRET + "s", "kid": "staged"}
    switched = {"text": SECRET + "n", "kid": "next", "signs_from_at": iso(NOW + 1001)}
    imported(
        house,
        {"assets": [asset("staged", next_secret=staged), asset("due", next_secret={**staged, "signs_from_at": at(9000)}),
                    asset("switched", headers={"kid": "old"}, next_secret=switched)]},
    )  # fmt: skip
    house.clock.advance(2)
    empty_site.clock.now = house.clock.now

    text = exported(house)
    variables = secret_of(house) | {
        "MINTMARK_SECRET_STAGED": SECRET, "MINTMARK_SECRET_NEXT_STAGED": SECRET + "s", "MINTMARK_SECRET_DUE": SECRET,
        "MINTMARK_SECRET_NEXT_DUE": SECRET + "s", "MINTMARK_SECRET_SWITCHED": SECRET + "n",
    }  # fmt: skip
    assert "private_key: {env: MINTMARK_SECRET_KEY_KEY__ONE_2}" in text and variables.keys() >= set(
        {"MINTMARK_SECRET_KEY_A", "MINTMARK_SECRET_KEY_D"}
    )
    imported(empty_site, text, env=variables)

    # Then keys, moments, key sets and headers are the same, now and later
    assert exported(empty_site) == text and imported(house, text) == []
    for _ in range(4):
        assert key_set(empty_site) == key_set(house)
        for path in ("keyed", "staged", "due", "switched"):
            assert kids(empty_site, path) == kids(house, path)
        house.clock.advance(2500)
        empty_site.clock.advance(2500)
    assert exported(empty_site) == exported(house) and imported(house, text) == []


def test_a_key_whose_tokens_never_expire_stays_elsewhere_too(house, empty_site):  # noqa: F811
    # Given a key that signed tokens without an end, retired since
    make_key(house, "a", number=1)
    make_asset(house, "keyed", '{"aud": "keyed"}', signing_key="a", lifetime=None)
    make_next_key(house, "a", "b")
    house.clock.advance(WAIT)
    empty_site.clock.now = house.clock.now

    text = exported(house)
    imported(empty_site, text, env=secret_of(house))

    assert "gone_at: null" in text and rows(empty_site)["a"]["gone_at"] is None
    assert exported(empty_site) == text and imported(house, text) == [] == imported(empty_site, text)
    for site in (house, empty_site):
        site.clock.advance(10_000)
        assert [each["kid"] for each in key_set(site)] == ["a", "b"]


def test_a_retired_key_without_a_word_stays_for_the_tokens_of_the_assets_beside_it(sqlite_house):
    document = {
        "signing_keys": [
            key("a", published_at=at(-9000), signs_from_at=at(-9000)),
            key("b", replaces="a", published_at=at(-5000), signs_from_at=at(-1000)),
        ],
        "assets": [signed_by("b", lifetime=7200)],
    }
    imported(sqlite_house, document)

    found = rows(sqlite_house)
    assert (found["a"]["retired_at"], found["a"]["gone_at"]) == (NOW - 1000, NOW - 1000 + 7200 + WAIT)
    assert imported(sqlite_house, document) == []


def test_a_key_that_is_gone_when_it_comes_keeps_no_private_half(sqlite_house):
    imported(sqlite_house, {"signing_keys": [key("old", published_at=at(-9000), retired_at=at(-5000))]})

    assert rows(sqlite_house)["old"]["sealed"] is None and rows(sqlite_house)["old"]["sealed_by"] is None


def test_moments_that_cannot_be_meant_are_refused(sqlite_house):
    make_key(sqlite_house, "here")
    far = "9999-12-31T23:59:59Z"
    for name, others in (
        ("published_at", {"signs_from_at": far}), ("signs_from_at", {}), ("retired_at", {}), ("due_at", {}),
        ("gone_at", {"retired_at": at(900)}),
    ):  # fmt: skip
        words = refused(sqlite_house, {"signing_keys": [key("x", **{name: far}, **others)]})
        assert f"x: {name}: is more than" in words and "years ahead" in words
    assert "here: due_at: is more than" in refused(sqlite_house, {"signing_keys": [key("here", due_at=far)]})


def test_an_asset_whose_key_was_revoked_stays_as_it_is(house):
    make_key(house)
    make_asset(house, "desk", '{"aud": "desk"}', signing_key="site-2026")
    with house.app.app_context(), writing():
        changing.revoke(rings.find_key("site-2026"), None, None, sealer=house.mint.settings.sealer, by=house.by())

    text = exported(house)

    assert "signing_keys: []" in text and imported(house, text) == []
    # And a new key brings it back to life
    revived = {"signing_keys": [key("site-2027", replaces="site-2026")]}
    make_person(house, "ben")
    assert imported(house, revived) == ["+ signing_keys site-2027"] and kids(house) == ["site-2027"]
    assert imported(house, exported(house)) == []


@pytest.mark.parametrize(
    ("text", "moment"),
    [("2026-11-22T05:51:08Z", 1795326668), ("2026-11-22T05:51:08.000Z", 1795326668), ("1970-01-01T00:00:00Z", 0),
     ("2026-11-22T06:51:08+01:00", 1795326668)],
)  # fmt: skip
def test_moments_are_read_as_the_log_writes_them_quoted_or_not(text, moment):
    assert read_moment(text, "x") == moment
    for quoted in (text, f"'{text}'"):
        document = Document(f"mintmark: 1\nsigning_keys: [{{key_id: a, due_at: {quoted}}}]\n")
        assert document.sections["signing_keys"][0].values["due_at"] == moment


@pytest.mark.parametrize(
    "value",
    ["", "2026-11-22", "2026-11-22T05:51:08", "2026-11-22 05:51:08Z", "2026-11-22T05:51:08.5Z", "2026-02-30T00:00:00Z",
     "2026-11-22T24:00:00Z", "2026-11-22T05:51:60Z", "1969-12-31T23:59:59Z", "9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00Z",
     "2026-11-22T05:51:08+99:00", "２０２６-11-22T05:51:08Z", "2026-11-22T05:51:08Z\n", 5, True, None, ["x"]],
)  # fmt: skip
def test_what_is_no_moment_is_refused(value):
    with pytest.raises(FieldError, match="takes a moment in whole seconds"):
        read_moment(value, "x")


names = st.sampled_from(["a", "b", "c"])
moments = st.sampled_from([at(seconds) for seconds in (-3600, 0, WAIT, 3600, 86_400)])
some_keys = st.fixed_dictionaries(
    {"key_id": names, "algorithm": st.just("EdDSA")},
    optional={"replaces": names, "published_at": moments, "signs_from_at": moments, "gone_at": moments, "due_at": moments},
)  # fmt: skip
some_secrets = st.sampled_from(
    [{"text": SECRET}, {"text": SECRET[::-1], "kid": "k"}, {"text": SECRET + "x", "signs_from_at": at(60)}, None]
)
some_assets = st.fixed_dictionaries(
    {"path": st.sampled_from(["desk", "new"]), "name": st.just("x"), "template": st.sampled_from(['{"aud": "x"}', "{}"])},
    optional={"signing_key": names, "secret": st.just({"text": SECRET}), "next_secret": some_secrets},
)  # fmt: skip


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    keys=st.lists(some_keys, max_size=3, unique_by=lambda one: one["key_id"]),
    assets=st.lists(some_assets, max_size=2, unique_by=lambda one: one["path"]),
)
def test_whatever_the_keys_and_secrets_twice_is_once_and_an_export_is_no_change(sqlite_house, keys, assets):
    # Given any keys and assets, tried and then imported into the site that those before left
    text = json.dumps({"mintmark": 1, "signing_keys": keys, "assets": assets})
    before = everything(sqlite_house)
    dry = sqlite_house.run("site", "import", "-", "--dry-run", input=text)
    assert everything(sqlite_house) == before

    real = sqlite_house.run("site", "import", "-", input=text)

    assert (dry.exit_code, dry.output) == (real.exit_code, real.output)
    assert real.exception is None or isinstance(real.exception, SystemExit), real.exception
    if real.exit_code:
        assert everything(sqlite_house) == before and "at this moment" not in real.output
    else:
        assert imported(sqlite_house, text) == imported(sqlite_house, exported(sqlite_house)) == []


def test_moments_count_from_when_an_import_writes_not_from_when_it_began(house):
    # Given two keys that sign, and an import that hashes and makes keys for longer than verifiers keep a key set
    make_person(house, "ben")
    imported(house, {"signing_keys": [key("a"), key("b")], "assets": [signed_by("a"), signed_by("b", "moved")]})
    token_of(house, "ben", "moved")
    following = {"key_id": "a2", "replaces": "a"}
    document = {"mintmark": 1, "signing_keys": [following], "assets": [{"path": "moved", "signing_key": "a"}]}
    document["assets"][0]["template"] = '{"aud": "moved"}'
    with house.app.app_context():
        one_import = Import(
            json.dumps(document), Options(), sealer=house.mint.settings.sealer, by=house.by(),
            clock=lambda: house.clock() + 400, site_url=house.mint.settings.site_url,
        )  # fmt: skip

        one_import.run()

    # Then nothing signs before all verifiers know it, for they can know it from now on
    house.clock.advance(400)
    assert rows(house)["a2"]["published_at"] == NOW + 400
    assert rows(house)["a2"]["signs_from_at"] == rows(house)["a"]["retired_at"] == NOW + 400 + WAIT
    assert (kids(house), kids(house, "moved")) == (["a"], ["b"])
    house.clock.advance(WAIT)
    assert (kids(house), kids(house, "moved")) == (["a2"], ["a2"])
    assert house.log("site.imported")[-1]["at"] == (NOW + 400) * 1000


def test_a_moment_that_passes_while_an_import_works_is_refused_and_nothing_is_changed(house):
    make_key(house, "a")
    make_asset(house, "desk", '{"aud": "desk"}', signing_key="a")
    document = {"mintmark": 1, "signing_keys": [key("b", replaces="a", published_at=at(100))]}
    before = everything(house)
    with house.app.app_context():
        one_import = Import(
            json.dumps(document), Options(), sealer=house.mint.settings.sealer, by=house.by(),
            clock=lambda: house.clock() + 400, site_url=house.mint.settings.site_url,
        )  # fmt: skip

        with pytest.raises(InvalidFields, match="is past; a key is published now or later"):
            one_import.run()

    assert everything(house) == before


def test_behind_a_key_of_a_new_ring_a_turn_to_come_waits_as_any_other(house):
    # Given a file in which the second key would be published at the moment from which it signs
    make_person(house, "ben")
    following = key("k2", replaces="k1", published_at=at(3600), signs_from_at=at(3600))
    document = {"signing_keys": [key("k1"), following], "assets": [signed_by("k1")]}

    for flags in ((), ("--dry-run",)):
        words = (
            f"error: signing_keys k2: signs_from_at: is too early: verifiers know the key from {at(3600 + WAIT)} on\n"
        )
        assert refused(house, document, *flags) == words

    # Then it is taken over where they know it by then, and where it has signed already
    following["signs_from_at"] = at(3600 + WAIT)
    assert len(imported(house, document, "--dry-run")) == 3
    following.update(published_at=at(-10), signs_from_at=at(0))
    document["signing_keys"][0].update(published_at=at(-50), signs_from_at=at(-50))
    imported(house, document)
    assert kids(house) == ["k2"]


@pytest.mark.parametrize("served", [True, False])
def test_what_does_not_sign_yet_is_moved_to_a_moment_at_which_verifiers_know_it(house, served):
    # Given a ring, and a key that is to be published and to sign much later
    make_key(house, "a")
    make_next_key(house, "a", "b", published_at=NOW + 9000, signs_from_at=NOW + 9999)
    document = {"signing_keys": [{"key_id": "b", "signs_from_at": at(10)}], "assets": [signed_by("a")]}
    if served:
        imported(house, {"assets": document["assets"]})

    words = f"error: signing_keys b: signs_from_at: is too early: it may sign from {at(WAIT)} on\n"

    assert refused(house, document) == words
    document["signing_keys"][0]["signs_from_at"] = at(WAIT)
    assert "~ signing_keys b: signs_from_at" in imported(house, document)
    assert rows(house)["b"]["published_at"] == NOW


def test_a_pair_that_is_made_under_the_id_of_an_older_key_is_warned_about(house):
    # Given an entry from elsewhere, without the private key
    old = key("site-2025", published_at=at(-9000), signs_from_at=at(-9000))
    brought = key("brought", published_at=at(-5), private_key={"pem": pem_of(key_pair("ES256"))})
    document = {"mintmark": 1, "signing_keys": [old, key("today"), brought]}

    results = [
        house.run("site", "import", "-", *flags, input=json.dumps(document)) for flags in (["--dry-run"], [], [])
    ]

    line = (
        f"warning: signing_keys site-2025: was published elsewhere, at {at(-9000)}, and a new pair is made here: two "
        "sites then publish different keys under one id; give it another key_id, or its private_key\n"
    )
    assert [result.stderr for result in results] == [line, line, ""]
