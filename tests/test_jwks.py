"""The key sets and discovery: what stands in them when, for whom, and that nothing private ever does (RFC 7517 §9.2)."""

import base64
import json
import random
import sqlite3
from contextlib import contextmanager

import psycopg
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from sqlalchemy import event

from mintmark.assets import save, trash
from mintmark.assets.secrets import read_secret
from mintmark.keys import changing, publishing, rings
from mintmark.keys.life import CACHE_SECONDS, WAIT_SECONDS
from mintmark.models import FormerPath, SigningKey, db, writing
from mintmark.tokens import KEY_ALGORITHMS
from tests.conftest import SECRET, House
from tests.log_rows import statements
from tests.making import change_asset, key_pair, make_asset, make_key, make_next_key, make_person

SITE, DISCOVERY = "/.well-known/jwks.json", "/.well-known/openid-configuration"
MEMBERS = {"RSA": {"n", "e"}, "EC": {"crv", "x", "y"}, "OKP": {"crv", "x"}}
PRIVATE = frozenset("d p q dp dq qi k oth".split())
WITH_AUD = '{"sub": "{{ user.username }}", "aud": "%s"}'
LIFETIME = 600
DAY = 86_400


def get(house, address=SITE, **headers):
    return house.client().get(address, headers=headers)


def of(path):
    return f"/.well-known/jwks/{path}"


def kids(house, address=SITE):
    """Return the key ids of a key set in their order; None where there is no key set."""
    answer = get(house, address)
    return [key["kid"] for key in answer.json["keys"]] if answer.status_code == 200 else None


def make_signing(house, path, key_id="k1", template='{"sub": "{{ user.username }}"}', algorithm="ES256", **fields):
    fields = {"lifetime": LIFETIME, **fields}
    return make_asset(house, path, template, signing_key=key_id, algorithm=algorithm, **fields)


def _base64url(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def ring_of(house, key_id):
    with house.app.app_context():
        return rings.find_key(key_id).ring_id


def give_secret(house, path):
    """Let an asset sign with a shared secret instead of its key."""
    with house.app.app_context(), writing():
        asset = save.find_asset(path)
        definition = {**save.current_revision(asset).definition, "signing_key": None, "algorithm": "HS256"}
        value = read_secret(SECRET, "text", algorithm="HS256", weak=False)
        save.revise(asset, definition, value, sealer=house.mint.settings.sealer, by=house.by())


def revoke(house, key_id, number=None):
    with house.app.app_context(), writing():
        pair = None if number is None else key_pair("ES256", number)
        sealer = house.mint.settings.sealer
        changing.revoke(rings.find_key(key_id), pair, number and f"new-{number}", sealer=sealer, by=house.by())


@contextmanager
def no_database(house):
    """Refuse every connection to the database meanwhile."""
    kind = sqlite3.OperationalError if house.mint.settings.is_sqlite else psycopg.OperationalError

    def refuse(*_arguments):
        raise kind("the database is gone")

    with house.app.app_context():
        engine = db.engine
    engine.dispose()
    event.listen(engine, "do_connect", refuse)
    try:
        yield
    finally:
        event.remove(engine, "do_connect", refuse)


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
def test_of_every_algorithm_exactly_the_members_that_verify_are_published(sqlite_house):
    house = sqlite_house
    make_person(house, "ben")
    ben = house.signed_in("ben")
    for algorithm in KEY_ALGORITHMS:
        make_key(house, algorithm, algorithm, number=0)
        make_signing(house, algorithm.lower(), algorithm, algorithm=algorithm)
        make_key(house, f"all-{algorithm}", algorithm, number=1)

    for algorithm in KEY_ALGORITHMS:
        (key,) = get(house, of(algorithm.lower())).json["keys"]
        assert (key["alg"], key["kid"], key["use"]) == (algorithm, algorithm, "sig")
        assert set(key) == {"kty", "alg", "kid", "use"} | MEMBERS[key["kty"]]
        token = ben.get("/" + algorithm.lower()).text
        verified = jwt.decode(token, KeySet.import_key_set({"keys": [key]}), algorithms=[algorithm])
        assert verified.claims["sub"] == "ben" and verified.header["kid"] == algorithm
    every = get(house).json["keys"]
    assert sorted(key["kid"] for key in every) == sorted(f"all-{algorithm}" for algorithm in KEY_ALGORITHMS)
    assert not any(PRIVATE & set(key) for key in every)
    assert get(house, DISCOVERY).json["id_token_signing_alg_values_supported"] == sorted(KEY_ALGORITHMS)


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", KEY_ALGORITHMS)
def test_whatever_a_row_holds_no_private_member_gets_out(sqlite_house, algorithm):
    house = sqlite_house
    row_id = make_key(house, "k1", algorithm, number=0)
    make_signing(house, "a", algorithm=algorithm, template=WITH_AUD % "a")
    with house.app.app_context(), writing():
        key = db.session.get_one(SigningKey, row_id)
        key.public = {**key.public, **dict.fromkeys(PRIVATE, "CANARY"), "x5c": ["CANARY"], "kid": "CANARY"}

    for address in (SITE, of("a"), DISCOVERY):
        answer = get(house, address)
        assert answer.status_code == 200 and "CANARY" not in answer.text + str(answer.headers)
    with house.app.app_context():
        assert not PRIVATE & publishing.jwk_of(db.session.get_one(SigningKey, row_id)).keys()


@pytest.mark.both_databases
def test_through_a_whole_rotation_both_sets_have_what_verifies_at_each_moment(house):
    """Published, known to all, signing, retired until the last token has expired, gone (OpenID Connect Core §10.1.1)."""
    make_person(house, "ben")
    make_key(house, "k1", number=1)
    make_signing(house, "a", template=WITH_AUD % "a")
    house.signed_in("ben").get("/a")
    start = int(house.clock())
    signs_from, published = start + 3 * DAY, start + DAY
    make_next_key(house, "k1", "k2", published_at=published, signs_from_at=signs_from)
    gone = signs_from + LIFETIME + WAIT_SECONDS

    for moment, expected in [(start, ["k1"]), (published - 1, ["k1"]), (published, ["k1", "k2"]),
                             (signs_from - 1, ["k1", "k2"]), (signs_from, ["k1", "k2"]), (gone - 1, ["k1", "k2"]),
                             (gone, ["k2"]), (gone + 999 * DAY, ["k2"])]:  # fmt: skip
        house.clock.now = float(moment)
        assert kids(house) == expected, moment - start
        assert kids(house, of("a")) == expected, moment - start


def test_a_planned_a_gone_and_a_revoked_key_stand_in_no_set(sqlite_house):
    house = sqlite_house
    now = int(house.clock())
    make_key(house, "gone", number=1, published_at=now - 9, signs_from_at=now - 9, retired_at=now - 5, gone_at=now)
    make_key(house, "planned", number=2, published_at=now + 1)
    make_key(house, "revoked", number=3)
    make_key(house, "k1", number=4)
    make_signing(house, "a", "revoked")
    revoke(house, "revoked")

    assert kids(house) == ["k1"]
    assert kids(house, of("a")) == []
    house.clock.advance(1)
    assert kids(house) == ["k1", "planned"]


def test_a_revoked_key_is_gone_at_once_on_every_node_and_its_replacement_is_there(house):
    make_key(house, "k1", number=1)
    make_signing(house, "a", template=WITH_AUD % "a")
    other = House(house.overrides)
    other.clock = house.clock
    try:
        assert kids(other) == kids(other, of("a")) == ["k1"]
        revoke(house, "k1", number=2)
        assert kids(other) == kids(other, of("a")) == ["new-2"]
    finally:
        other.close()


def test_a_key_set_may_be_cached_for_five_minutes_and_is_the_same_for_everybody(sqlite_house):
    house = sqlite_house
    make_person(house, "ada", is_admin=True)
    make_key(house, "k1", number=1)
    make_signing(house, "a")
    ada = house.signed_in("ada")
    ada.get("/account")

    for address in (SITE, of("a"), DISCOVERY):
        strangers, answer = get(house, address), ada.get(address, headers={"Authorization": "Bearer x"})
        assert answer.data == strangers.data
        assert answer.headers["Cache-Control"] == "public, max-age=300"
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert not {"Set-Cookie", "Vary", "Access-Control-Allow-Credentials"} & set(answer.headers.keys())


def test_who_has_the_document_already_is_told_so(sqlite_house):
    house = sqlite_house
    make_key(house, "k1", number=1)
    tag = get(house).headers["ETag"]
    assert tag.startswith('"')

    for given in (tag, f'"other", {tag}', "*", f"W/{tag}"):
        answer = get(house, **{"If-None-Match": given})
        assert (answer.status_code, answer.data) == (304, b""), given
        assert (answer.headers["ETag"], answer.headers["Cache-Control"]) == (tag, "public, max-age=300")
        assert answer.headers["Access-Control-Allow-Origin"] == "*" and "Vary" not in answer.headers
    make_key(house, "k2", number=2)
    answer = get(house, **{"If-None-Match": tag})
    assert answer.status_code == 200 and answer.headers["ETag"] != tag


def test_only_get_and_head_are_answered(sqlite_house):
    house = sqlite_house
    make_key(house, "k1", number=1)
    make_signing(house, "a")
    client = house.client()

    for address in (SITE, of("a"), DISCOVERY):
        head, got = client.head(address), client.get(address)
        assert (head.status_code, head.data) == (200, b"")
        assert [head.headers[name] for name in ("ETag", "Content-Length")] == [got.headers["ETag"], str(len(got.data))]
        for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"):
            answer = client.open(address, method=method)
            assert (answer.status_code, answer.headers["Allow"], answer.data) == (405, "GET, HEAD", b""), method
            assert answer.headers["Cache-Control"] == "no-store"


def test_there_is_one_spelling(sqlite_house):
    house = sqlite_house
    make_key(house, "k1", number=1)
    make_signing(house, "a/b")
    assert kids(house, of("a/b")) == kids(house, of("a%2Fb")) == ["k1"]

    for address in (SITE + "/", of("a/b") + "/", of("a//b"), of("/a/b"), of("A/B"), of("a/b;x"), of("a/b.json"), of("a/../a/b"),
                    of("a%00b"), of("admin"), of(""), "/.well-known/jwks", "/.WELL-KNOWN/jwks.json",
                    "/.well-known//jwks.json", "/.well-known/JWKS.json", "/.well-known/", DISCOVERY + "/", "/jwks.json"):  # fmt: skip
        answer = get(house, address)
        assert (answer.status_code, answer.data, answer.headers["Cache-Control"]) == (404, b"", "no-store"), address
        assert "Content-Type" not in answer.headers and "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.slow
def test_an_asset_with_a_secret_has_no_key_set_and_stands_in_none(sqlite_house):
    house = sqlite_house
    for path, algorithm in (("hs", "HS256"), ("hs3", "HS384"), ("hs5", "HS512")):
        make_asset(house, path, WITH_AUD % path, algorithm=algorithm, secret="s" * 64)
        answer = get(house, of(path))
        assert (answer.status_code, answer.data, answer.headers["Cache-Control"]) == (404, b"", "no-store")

    assert get(house).json == {"keys": []}
    assert "id_token_signing_alg_values_supported" not in get(house, DISCOVERY).json


def test_a_switched_off_asset_publishes_on_and_one_in_the_trash_does_not(sqlite_house):
    house = sqlite_house
    make_key(house, "k1", number=1)
    make_signing(house, "a")
    change_asset(house, "a", live=False)
    assert kids(house, of("a")) == ["k1"]

    with house.app.app_context(), writing():
        trash.trash(save.find_asset("a"), by=house.by())

    assert kids(house, of("a")) is None


def test_a_former_path_has_the_key_set_for_as_long_as_it_answers(sqlite_house):
    house = sqlite_house
    make_key(house, "k1", number=1)
    make_key(house, "k2", number=2)
    asset_id = make_signing(house, "new")
    now = int(house.clock())
    with house.app.app_context(), writing():
        db.session.add(FormerPath(path="old", asset_id=asset_id, moved_at=now, answers_until=now + 100))
        db.session.add(FormerPath(path="twice", asset_id=asset_id, moved_at=now, answers_until=now + 100))
    make_signing(house, "other", "k2")
    assert kids(house, of("old")) == ["k1"]

    house.clock.advance(99)
    assert kids(house, of("old")) == ["k1"]
    house.clock.advance(1)
    assert kids(house, of("old")) is None
    assert (kids(house, of("new")), kids(house, of("other"))) == (["k1"], ["k2"])


@pytest.mark.slow
def test_in_the_sites_set_stand_only_keys_whose_assets_each_have_an_audience_of_their_own(house):
    """One relying party's token is no good at another one (RFC 8725 §3.9)."""
    for number, key_id in enumerate(("unused", "alone", "fixed", "shared", "varying")):
        make_key(house, key_id, number=number)
    make_signing(house, "alone", "alone")
    make_signing(house, "fixed", "fixed", WITH_AUD % "desk")
    make_signing(house, "one", "shared", WITH_AUD % "one")
    make_signing(house, "two", "shared", WITH_AUD % "two")
    make_signing(house, "varying", "varying", WITH_AUD % "{{ user.username }}")

    assert sorted(kids(house)) == ["fixed", "shared", "unused"]
    for path, expected in (
        ("alone", "alone"),
        ("fixed", "fixed"),
        ("one", "shared"),
        ("two", "shared"),
        ("varying", "varying"),
    ):
        assert kids(house, of(path)) == [expected]


@pytest.mark.both_databases
def test_the_key_that_an_asset_gave_up_is_published_until_its_last_token_has_expired(house):
    make_person(house, "ben")
    make_key(house, "k1", number=1)
    make_key(house, "k2", number=2)
    make_key(house, "never", number=3)
    make_signing(house, "a", lifetime=5000)
    ben = house.signed_in("ben")
    ben.get("/a")
    change_asset(house, "a", lifetime=LIFETIME)
    house.clock.advance(1000)
    before = int(house.clock())
    change_asset(house, "a", signing_key=ring_of(house, "k2"), lifetime=100)
    ends = {"old tokens": before - 1000 + 5000 + 360, "new tokens": before + WAIT_SECONDS + 100 + 360}

    house.clock.now = before + 359.0
    key_set = KeySet.import_key_set(get(house, of("a")).json)
    assert jwt.decode(ben.get("/a").text, key_set, algorithms=["ES256"]).header["kid"] == "k1"
    for moment, expected in ((before, ["k1", "k2"]), (ends["new tokens"], ["k1", "k2"]), (max(ends.values()) - 1, ["k1", "k2"]),
                             (max(ends.values()), ["k2"])):  # fmt: skip
        house.clock.now = float(moment)
        assert kids(house, of("a")) == expected, moment - before


def test_of_a_ring_that_was_given_up_only_keys_that_signed_for_the_asset_stay(sqlite_house):
    house = sqlite_house
    make_person(house, "ben")
    for number, key_id in ((1, "k1"), (2, "other")):
        make_key(house, key_id, number=number)
    make_signing(house, "a", lifetime=DAY)
    make_next_key(house, "k1", "k2")
    house.signed_in("ben").get("/a")
    house.clock.advance(WAIT_SECONDS + 1)
    change_asset(house, "a", signing_key=ring_of(house, "other"))
    house.clock.advance(WAIT_SECONDS + 1)
    make_next_key(house, "k2", "k3")

    assert kids(house, of("a")) == ["k1", "k2", "other"]
    house.clock.advance(3 * DAY)
    assert kids(house, of("a")) == ["other"]


def test_an_asset_that_went_over_to_a_secret_publishes_for_as_long_as_its_tokens_live(house):
    for number, key_id in ((1, "k1"), (2, "for-ever")):
        make_key(house, key_id, number=number)
    make_signing(house, "a")
    make_signing(house, "endless", "for-ever", lifetime=None)
    for path in ("a", "endless"):
        give_secret(house, path)

    house.clock.advance(LIFETIME + 359)
    assert (kids(house, of("a")), kids(house, of("endless"))) == (["k1"], ["for-ever"])
    house.clock.advance(1)
    assert kids(house, of("a")) is None
    house.clock.advance(9999 * DAY)
    assert kids(house, of("endless")) == ["for-ever"]


def test_revisions_of_a_key_that_stayed_change_nothing(sqlite_house):
    house = sqlite_house
    make_key(house, "k1", number=1)
    make_signing(house, "a")
    for number in range(4):
        house.clock.advance(DAY)
        change_asset(house, "a", name=f"name {number}")

    assert kids(house, of("a")) == ["k1"]


def test_without_the_database_a_document_is_given_for_the_rest_of_its_five_minutes(house):
    make_key(house, "k1", number=1)
    make_signing(house, "a")
    before = {address: get(house, address) for address in (SITE, of("a"), DISCOVERY)}
    house.clock.advance(100.5)

    with no_database(house):
        for address, first in before.items():
            answer = get(house, address)
            assert (answer.status_code, answer.data) == (200, first.data)
            assert answer.headers["Cache-Control"] == "public, max-age=199"
            assert answer.headers["ETag"] == first.headers["ETag"]
            assert get(house, address, **{"If-None-Match": first.headers["ETag"]}).status_code == 304
        for address in (of("b"), of("a/b")):
            answer = get(house, address)
            assert (answer.status_code, answer.data, answer.headers["Cache-Control"]) == (503, b"", "no-store")
        house.clock.advance(198.5)
        assert get(house).headers["Cache-Control"] == "public, max-age=1"
        house.clock.advance(1)
        assert [get(house, address).status_code for address in before] == [503, 503, 503]
        house.clock.now -= 10_000
        assert get(house).status_code == 503
        house.clock.now += 10_000
    assert get(house).headers["Cache-Control"] == f"public, max-age={CACHE_SECONDS}"


def test_what_was_revoked_or_trashed_since_does_not_come_back_with_an_outage(sqlite_house):
    house = sqlite_house
    make_key(house, "k1", number=1)
    make_key(house, "k2", number=2)
    make_signing(house, "a", "k2")
    assert (kids(house), kids(house, of("a"))) == (["k1"], ["k2"])
    revoke(house, "k1")
    with house.app.app_context(), writing():
        trash.trash(save.find_asset("a"), by=house.by())
    assert get(house, of("a")).status_code == 404
    assert "k1" not in get(house).text

    with no_database(house):
        assert "k1" not in get(house).text
        assert get(house, of("a")).status_code == 503


@pytest.mark.slow
def test_a_process_keeps_only_so_many_documents(sqlite_house, monkeypatch):
    monkeypatch.setattr("mintmark.web.wellknown._MOST_KEPT", 3)
    house = sqlite_house
    make_key(house, "k1", number=1)
    for number in range(4):
        make_signing(house, f"a{number}", template=WITH_AUD % number)
        get(house, of(f"a{number}"))

    with no_database(house):
        statuses = [get(house, of(f"a{number}")).status_code for number in range(4)]

    assert statuses == [503, 200, 200, 200]


def test_an_outage_is_said_on_standard_output(sqlite_house, capsys):
    get(sqlite_house)
    with no_database(sqlite_house):
        answer = get(sqlite_house)

    assert f'"event":"keys.not_read","request":"{answer.headers["Mintmark-Request"]}"' in capsys.readouterr().out


@pytest.mark.slow
def test_a_document_costs_the_same_number_of_statements_whatever_there_is(house):
    amounts = []
    for start in (0, 4):
        for number in range(start, start + 4):
            make_key(house, f"k{number}", number=number)
            make_signing(house, f"a{number}", f"k{number}", WITH_AUD % number)
            make_next_key(house, f"k{number}", f"next-{number}")
            change_asset(house, "a0", name=f"name {number}", signing_key=ring_of(house, f"k{number}"))
        for address in (SITE, of("a0"), of("nothing"), DISCOVERY):
            with statements(house) as made:
                get(house, address)
            amounts.append(len([each for each in made if not each.startswith("BEGIN")]))

    assert amounts[:4] == amounts[4:]
    assert max(amounts) <= 4


def test_strangers_under_another_host_get_nothing(sqlite_house):
    make_key(sqlite_house, "k1", number=1)

    for address in (SITE, of("a"), DISCOVERY):
        assert get(sqlite_house, address, Host="evil.test").status_code == 400


def test_discovery_says_where_the_keys_are_and_no_more_than_is_true(sqlite_house):
    house = sqlite_house
    make_key(house, "k1", number=1)

    assert get(house, DISCOVERY).json == {
        "issuer": "http://127.0.0.1:8000",
        "jwks_uri": "http://127.0.0.1:8000/.well-known/jwks.json",
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    }


@pytest.mark.slow
def test_under_a_base_url_with_a_path_all_of_it_is_below_that_path(make_house):
    house = make_house(BASE_URL="https://www.uni.test/tokens")
    make_person(house, "ben")
    make_key(house, "k1", number=1)
    make_signing(house, "a", template='{"iss": "{{ site.url }}"}')
    client = house.client()

    def ask(address):
        return client.get(address, base_url="https://www.uni.test")

    found = ask("/tokens" + DISCOVERY).json
    assert found["issuer"] == "https://www.uni.test/tokens"
    assert found["jwks_uri"] == "https://www.uni.test/tokens/.well-known/jwks.json"
    assert ask("/tokens" + SITE).status_code == ask("/tokens" + of("a")).status_code == 200
    assert ask(SITE).status_code == ask(DISCOVERY).status_code == 404
    with house.app.app_context():
        prepared, reader = house.mint.look_up(
            "a", now=house.clock(), person=house.rows("SELECT id FROM person")[0]["id"]
        )
        issued = house.mint.issue(prepared, reader, {}, house.by())
    assert issued.claims["iss"] == found["issuer"]


def test_the_private_half_of_a_key_is_not_even_read(sqlite_house):
    make_key(sqlite_house, "k1", number=1)
    make_signing(sqlite_house, "a", template=WITH_AUD % "a")

    with statements(sqlite_house) as made:
        for address in (SITE, of("a"), DISCOVERY):
            assert get(sqlite_house, address).status_code == 200

    assert all(each.startswith(("BEGIN", "SELECT")) for each in made)
    assert made and not [each for each in made if "signing_key.sealed " in each or "signing_key.sealed," in each]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_whatever_is_done_to_keys_and_assets_every_token_verifies_until_it_expires(sqlite_house, seed):
    """With the key set of its asset as it is, and when it is issued with the one that a verifier got 300 s ago."""
    house, chance = sqlite_house, random.Random(seed)
    make_person(house, "ben")
    last = {}
    for name in "abc":
        make_key(house, f"{name}0", number=ord(name))
        last[name] = f"{name}0"
    make_signing(house, "x", "a0", lifetime=100)
    live, cached, steps = [], {}, 0
    ben = house.signed_in("ben")

    def sign():
        nonlocal ben
        answer = ben.get("/x")
        if answer.status_code == 403:  # The session ended meanwhile.
            ben = house.signed_in("ben")
            answer = ben.get("/x")
        assert answer.status_code == 200
        header, claims = (json.loads(_base64url(part)) for part in answer.text.split(".")[:2])
        if "kid" in header:
            fresh = [seen for at, seen in cached.items() if at > house.clock() - CACHE_SECONDS]
            assert all(header["kid"] in seen for seen in fresh), (steps, header, cached)
            live.append((header["kid"], claims["exp"]))

    def change():
        if chance.random() < 0.2:
            cached.clear()  # The relying party is changed by hand.
            return give_secret(house, "x")
        if not house.rows("SELECT ring_id FROM asset")[0]["ring_id"]:
            cached.clear()
        ring = ring_of(house, last[chance.choice("abc")])
        return change_asset(house, "x", signing_key=ring, algorithm="ES256")

    def rotate():
        name = chance.choice("abc")
        new = f"{name}{int(last[name][1:]) + 1}"
        make_next_key(house, last[name], new)
        last[name] = new

    def live_longer():
        change_asset(house, "x", lifetime=chance.choice([30, 900, 5000]))

    sign()
    while steps < 60:
        steps += 1
        chance.choice([sign, sign, sign, change, rotate, live_longer])()
        now = house.clock()
        published = kids(house, of("x")) or []
        live[:] = [(kid, exp) for kid, exp in live if exp + 60 > now]
        assert {kid for kid, _ in live} <= set(published), (steps, live, published)
        cached[now] = published
        house.clock.advance(chance.choice([0, 1, 59, 200, 301, 361, 4000]))
