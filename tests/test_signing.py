"""Who signs when: of all moments exactly one signer, or none; the same on every node, and at once after a revoke."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey

from mintmark import keypairs
from mintmark.assets import overlap, save, signing
from mintmark.assets.secrets import read_secret
from mintmark.assets.signing import Signers, Source, Turn
from mintmark.errors import CannotIssue
from mintmark.keys import changing, rings
from mintmark.keys.life import WAIT_SECONDS
from mintmark.models import writing
from mintmark.unverified import read_unverified
from tests.conftest import SECRET
from tests.making import change_asset, key_pair, make_asset, make_key, make_next_key, make_person

OTHER = "another-secret-of-the-help-desk-9876543210"
moments = st.integers(0, 1_000)


@st.composite
def chains(draw, most=4, ring="k"):
    """Keys of one ring that follow each other as the acts make them; some revoked, some without their private half."""
    keys, at = [], draw(moments)
    for number in range(draw(st.integers(0, most))):
        following = at + draw(st.integers(1, 300))
        key = SimpleNamespace(
            id=f"{ring}{number}",
            signs_from_at=at,
            retired_at=following,
            revoked_at=draw(st.sampled_from([None, None, None, at, following])),
            sealed=draw(st.sampled_from([b"sealed", b"sealed", b"sealed", None])),
        )
        keys.append(key)
        at = following
    if keys and draw(st.booleans()):
        keys[-1].retired_at = None
    return keys


@st.composite
def sources(draw):
    """What any revision may have behind it."""
    if draw(st.booleans()):
        return Source(
            keys=draw(chains()), former_keys=draw(chains(ring="former")), former_until_at=draw(st.none() | moments)
        )
    staged = draw(st.sampled_from([None, SimpleNamespace(id="next")]))
    return Source(secret=SimpleNamespace(id="now"), next_secret=staged, next_from_at=draw(st.none() | moments))


def rows_at(source, now):
    return [span.row for span in source.spans() if span.from_at <= now < span.until_at]


def marked(source):
    """Return the turns of a source, its rows in place of what would sign."""
    return Signers(Turn(span.from_at, span.until_at, span.row) for span in source.spans())


@given(sources(), moments)
@settings(max_examples=150, deadline=None)
def test_at_no_moment_do_two_sign_and_with_a_secret_always_one_does(source, now):
    edges = {edge for span in source.spans() for edge in (span.from_at, span.until_at)} & set(range(3_000))
    for at in {now, *edges, *(edge - 1 for edge in edges), *(edge - 0.5 for edge in edges)}:
        found = rows_at(source, at)
        assert len(found) <= 1
        assert len(found) == 1 or source.secret is None
        if found:
            assert marked(source).at(at) is found[0]
        else:
            with pytest.raises(CannotIssue):
                marked(source).at(at)


@given(chains(), moments)
@settings(max_examples=100, deadline=None)
def test_a_ring_has_no_gap_between_keys_that_are_whole(keys, now):
    for key in keys:
        key.revoked_at, key.sealed = None, b"sealed"
    if keys:
        found = rows_at(Source(keys=keys), now)
        is_within = keys[0].signs_from_at <= now and (keys[-1].retired_at is None or now < keys[-1].retired_at)
        assert len(found) == is_within


@given(sources(), moments)
@settings(max_examples=100, deadline=None)
def test_what_is_revoked_or_has_no_private_half_never_signs(source, now):
    for span in source.spans():
        assert source.secret or (span.row.revoked_at is None and span.row.sealed is not None)
    following = marked(source).after(now)
    assert following is None or following not in rows_at(source, now)


@given(st.floats(0, 1e12))
@settings(deadline=None)
def test_a_staged_secret_without_a_moment_never_signs(now):
    source = Source(secret=SimpleNamespace(id="now"), next_secret=SimpleNamespace(id="next"))
    assert [row.id for row in rows_at(source, now)] == ["now"]
    assert marked(source).after(now).id == "next" and source.secret_at(now).id == "now"


@given(moments, st.integers(0, 400), chains(), chains())
@settings(max_examples=100, deadline=None)
def test_after_a_change_of_rings_the_former_one_signs_until_its_moment_and_no_longer(at, ahead, former, keys):
    source = Source(keys=keys, former_keys=former, former_until_at=at + ahead)
    for span in source.spans():
        if any(span.row is key for key in former):
            assert span.until_at <= at + ahead
    if not [key for key in former if key.revoked_at is None and key.sealed and key.signs_from_at < at + ahead]:
        # Where nothing of it is left nobody waits.
        assert rows_at(source, at) == rows_at(Source(keys=keys), at)


@pytest.fixture
def nodes(make_house):
    """Two nodes over one database, with an asset `a`; each is asked by a client of its own."""
    one, two = make_house(LIMIT_TOKENS="9999 per minute"), make_house(LIMIT_TOKENS="9999 per minute")
    two.clock.now = one.clock.now
    make_person(one, "ben")
    one.ben, two.ben = one.signed_in("ben"), two.signed_in("ben")
    return one, two


def advance(nodes, seconds):
    for each in nodes:
        each.clock.advance(seconds)


def kid_of(house, path="a"):
    """Return the key id of a token that was fetched just now; the status where there is none."""
    answer = house.ben.get(f"/{path}")
    return (
        read_unverified(answer.text).unverified_header.get("kid") if answer.status_code == 200 else answer.status_code
    )


def is_by(house, secret):
    token = house.ben.get("/a").text
    try:
        jwt.decode(token, OctKey.import_key(secret), algorithms=["HS256"])
    except Exception as error:
        assert type(error).__name__ == "BadSignatureError"
        return False
    return True


def stage(house, text=OTHER, kid=None):
    with house.app.app_context(), writing():
        secret = replace(read_secret(text, "text", algorithm="HS256"), kid=kid)
        overlap.stage(save.find_asset("a"), secret, sealer=house.mint.settings.sealer, by=house.by())


def switch(house, at=None):
    with house.app.app_context(), writing():
        overlap.switch(save.find_asset("a"), at, sealer=house.mint.settings.sealer, by=house.by())


def revoke(house, key_id, replacement=None):
    with house.app.app_context(), writing():
        key, pair = rings.find_key(key_id), replacement and key_pair("ES256", 9)
        changing.revoke(key, pair, replacement, sealer=house.mint.settings.sealer, by=house.by())


def test_two_nodes_switch_to_a_staged_secret_in_the_same_second(nodes):
    one, two = nodes
    make_asset(one, "a")
    stage(one, kid="second")
    assert [kid_of(each) for each in nodes] == [None, None] and is_by(one, SECRET) and is_by(two, SECRET)
    switch(one, int(one.clock()) + 100)

    advance(nodes, 99.999)
    assert [kid_of(each) for each in nodes] == [None, None] and is_by(two, SECRET)
    advance(nodes, 0.001)
    assert [kid_of(each) for each in nodes] == ["second", "second"] and is_by(one, OTHER) and is_by(two, OTHER)


def test_two_nodes_change_over_to_the_next_key_in_the_same_second(nodes):
    one, two = nodes
    make_key(one, "first")
    make_asset(one, "a", signing_key="first", algorithm="ES256")
    assert [kid_of(each) for each in nodes] == ["first", "first"]
    make_next_key(two, "first", "second")

    advance(nodes, WAIT_SECONDS - 0.001)
    assert [kid_of(each) for each in nodes] == ["first", "first"]
    advance(nodes, 0.001)
    assert [kid_of(each) for each in nodes] == ["second", "second"]


def test_after_a_revoke_on_another_node_the_very_next_token_is_signed_otherwise(nodes):
    one, two = nodes
    make_key(one, "first")
    make_asset(one, "a", signing_key="first", algorithm="ES256")
    assert kid_of(two) == "first"
    revoke(one, "first", "instead")
    assert [kid_of(each) for each in nodes] == ["instead", "instead"]

    # Without a replacement nothing signs: no token, and the log says why.
    revoke(one, "instead")
    assert [kid_of(each) for each in nodes] == [500, 500]
    assert {row["code"] for row in one.log("token.failed")} == {"key_unusable"}


def test_a_revoke_within_the_change_of_rings_is_seen_at_once_too(nodes):
    one, two = nodes
    make_key(one, "left")
    make_key(one, "chosen")
    make_asset(one, "a", signing_key="left", algorithm="ES256")
    assert kid_of(two) == "left"
    change_ring(one, "a", "chosen")
    assert kid_of(two) == "left"

    revoke(one, "left")
    assert [kid_of(each) for each in nodes] == ["chosen", "chosen"]


def test_an_asset_that_changes_its_ring_signs_with_the_former_one_for_as_long_as_caches_live(nodes):
    one, two = nodes
    make_key(one, "left")
    make_key(one, "chosen")
    make_asset(one, "a", signing_key="left", algorithm="ES256")
    assert kid_of(two) == "left"
    change_ring(one, "a", "chosen")

    advance(nodes, WAIT_SECONDS - 0.001)
    assert [kid_of(each) for each in nodes] == ["left", "left"]
    advance(nodes, 0.001)
    assert [kid_of(each) for each in nodes] == ["chosen", "chosen"]


def test_an_asset_that_issued_nothing_changes_its_ring_at_once(sqlite_house):
    house = sqlite_house
    make_person(house, "ben")
    house.ben = house.signed_in("ben")
    make_key(house, "left")
    make_key(house, "chosen")
    make_asset(house, "a", signing_key="left", algorithm="ES256")
    change_ring(house, "a", "chosen")
    assert kid_of(house) == "chosen"


def test_an_asset_that_goes_back_to_its_ring_meanwhile_has_never_left_it(sqlite_house):
    house = sqlite_house
    make_person(house, "ben")
    house.ben = house.signed_in("ben")
    make_key(house, "left")
    make_key(house, "chosen")
    make_asset(house, "a", signing_key="left", algorithm="ES256")
    assert kid_of(house) == "left"
    change_ring(house, "a", "chosen")
    house.clock.advance(100)
    change_ring(house, "a", "left")
    for seconds in (0, 259, 1, 1_000):
        house.clock.advance(seconds)
        assert kid_of(house) == "left"


def change_ring(house, path, key_id):
    with house.app.app_context():
        ring_id = rings.find_key(key_id).ring_id
    change_asset(house, path, signing_key=ring_id)


def test_keys_are_read_once_however_many_tokens_are_fetched(nodes, monkeypatch):
    one, two = nodes
    make_key(one, "first")
    make_asset(one, "a", signing_key="first", algorithm="ES256")
    make_next_key(one, "first", "second")
    read = []
    monkeypatch.setattr(signing, "from_bytes", lambda pkcs8: read.append(1) or keypairs.from_bytes(pkcs8))

    for _ in range(50):
        assert kid_of(one) == "first"
    assert len(read) == 2  # the present one and the next
    advance(nodes, WAIT_SECONDS)
    assert {kid_of(one) for _ in range(50)} == {"second"} and len(read) == 2

    # Another revision, and another key of the ring, are read anew, once.
    make_next_key(one, "second", "third")
    assert {kid_of(one) for _ in range(50)} == {"second"} and len(read) == 2 + 3
