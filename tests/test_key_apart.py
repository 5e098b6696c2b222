"""A key whose tokens have no audience stays out of the site's key set for as long as one of them is good.

Whoever trusts the site's set would take such a token, whomever it was made for (RFC 8725 §3.9).
"""

import threading

import pytest
from sqlalchemy import select

from mintmark.assets import save, trash
from mintmark.errors import FieldError
from mintmark.keys import rings, sharing
from mintmark.keys.life import SKEW_SECONDS, WAIT_SECONDS
from mintmark.models import Asset, KeyRing, db, writing
from tests.making import change_asset, make_asset, make_key, make_person

BARE = '{"sub": "{{ user.username }}"}'
OWN_AUDIENCE = '{"sub": "{{ user.username }}", "aud": "helpdesk"}'


def is_for_all(house, key_id="site-2026"):
    with house.app.app_context():
        statement = select(KeyRing.id).where(
            KeyRing.id == rings.find_key(key_id).ring_id, sharing.is_for_all(now=house.clock())
        )
        return db.session.scalar(statement) is not None


def ring_of(house, key_id):
    with house.app.app_context():
        return rings.find_key(key_id).ring_id


@pytest.fixture
def keys(house):
    """Two rings, one of which signed for an asset without an audience, for 600 seconds."""
    make_person(house, "ben")
    make_key(house, "site-2026", number=1)
    make_key(house, "other", number=2)
    make_asset(house, "a", BARE, signing_key="site-2026")
    assert house.signed_in("ben").get("/a").status_code == 200
    return house


def test_a_key_is_for_all_while_it_serves_nobody_or_assets_with_their_own_audience(keys):
    assert is_for_all(keys, "other")
    make_asset(keys, "b", OWN_AUDIENCE, signing_key="other")
    assert is_for_all(keys, "other")
    assert not is_for_all(keys)

    # One that issued nothing leaves nothing behind.
    make_key(keys, "third", number=3)
    make_asset(keys, "c", BARE, signing_key="third")
    assert not is_for_all(keys, "third")
    change_asset(keys, "c", signing_key=ring_of(keys, "other"), template=OWN_AUDIENCE.replace("helpdesk", "c"))
    assert is_for_all(keys, "third")


@pytest.mark.parametrize("way", ["another key", "an audience", "the trash"])
def test_a_key_that_served_without_an_audience_waits_until_its_tokens_have_expired(keys, way):
    if way == "another key":  # With which it signs once every verifier knows that.
        change_asset(keys, "a", signing_key=ring_of(keys, "other"))
        keys.clock.advance(WAIT_SECONDS)
    elif way == "an audience":
        change_asset(keys, "a", template=OWN_AUDIENCE)
    else:
        with keys.app.app_context(), writing():
            trash.trash(save.find_asset("a"), by=keys.by())

    assert not is_for_all(keys)
    keys.clock.advance(600 + SKEW_SECONDS - 1)
    assert not is_for_all(keys)
    keys.clock.advance(1)
    assert is_for_all(keys)


def test_where_a_token_never_expires_the_key_stays_out_for_ever(keys):
    change_asset(keys, "a", lifetime=None)
    change_asset(keys, "a", template=OWN_AUDIENCE)
    keys.clock.advance(100 * 365 * 86_400)
    assert not is_for_all(keys)


def test_the_longest_of_several_lifetimes_counts(keys):
    change_asset(keys, "a", lifetime=6_000)
    change_asset(keys, "a", lifetime=60)
    change_asset(keys, "a", template=OWN_AUDIENCE)
    keys.clock.advance(5_000)
    assert not is_for_all(keys)
    keys.clock.advance(1_060)
    assert is_for_all(keys)


def test_nobody_joins_a_key_while_tokens_without_an_audience_are_good(keys):
    # Given an asset without an audience that has just left its key,
    change_asset(keys, "a", signing_key=ring_of(keys, "other"))
    keys.clock.advance(WAIT_SECONDS)

    # then its key takes no other asset,
    with pytest.raises(FieldError, match="without a fixed “aud”"):
        make_asset(keys, "b", OWN_AUDIENCE, signing_key="site-2026")
    # until the last of those tokens has expired; the asset itself may come back before.
    change_asset(keys, "a", signing_key=ring_of(keys, "site-2026"))
    change_asset(keys, "a", signing_key=ring_of(keys, "other"))
    keys.clock.advance(WAIT_SECONDS + 600 + SKEW_SECONDS)
    make_asset(keys, "b", OWN_AUDIENCE, signing_key="site-2026")


def test_what_a_purged_asset_left_counts_too(keys):
    with keys.app.app_context(), writing():
        asset = save.find_asset("a")
        trash.trash(asset, by=keys.by())
        trash.purge(asset, by=keys.by())

    with pytest.raises(FieldError, match="without a fixed “aud”"):
        make_asset(keys, "b", BARE, signing_key="site-2026")
    keys.clock.advance(600 + SKEW_SECONDS)
    make_asset(keys, "b", BARE, signing_key="site-2026")


def test_an_audience_that_was_given_up_is_nobody_elses_while_its_tokens_are_good(keys):
    asset = make_asset(keys, "c", OWN_AUDIENCE, signing_key="other", lifetime=6_000)
    assert keys.signed_in("ben").get("/c").status_code == 200
    change_asset(keys, "c", lifetime=60)
    change_asset(keys, "c", template=OWN_AUDIENCE.replace("helpdesk", "chat"))

    with pytest.raises(FieldError, match="with the “aud” helpdesk"):
        make_asset(keys, "d", OWN_AUDIENCE, signing_key="other")
    change_asset(keys, "c", template=OWN_AUDIENCE)  # It may go back itself.
    change_asset(keys, "c", template=OWN_AUDIENCE.replace("helpdesk", "chat"))
    keys.clock.advance(6_000 + SKEW_SECONDS)
    make_asset(keys, "d", OWN_AUDIENCE, signing_key="other")
    assert asset


def test_what_is_restored_while_it_leaves_a_key_shares_neither_key_with_the_same_audience(keys):
    # Given an asset that leaves a key for another, and is in the trash,
    make_key(keys, "third", number=3)
    asset_id = make_asset(keys, "c", OWN_AUDIENCE, signing_key="other")
    assert keys.signed_in("ben").get("/c").status_code == 200
    change_asset(keys, "c", signing_key=ring_of(keys, "third"))
    with keys.app.app_context(), writing():
        trash.trash(save.find_asset("c"), by=keys.by())

    # then nobody takes its place with its audience at the key that it was leaving,
    with pytest.raises(FieldError, match="with the “aud” helpdesk"):
        make_asset(keys, "d", OWN_AUDIENCE, signing_key="other")

    # and where somebody has it at either key, it does not come back.
    make_asset(keys, "e", OWN_AUDIENCE.replace("helpdesk", "x"), signing_key="other")
    with keys.app.app_context(), writing():
        db.session.execute(db.update(Asset).where(Asset.path == "e").values(audience=["helpdesk"]))
    with pytest.raises(FieldError, match="serves e too"), keys.app.app_context(), writing():
        trash.restore(save.lock_asset(asset_id, is_trashed=True), "c", sealer=keys.mint.settings.sealer, by=keys.by())


def test_an_editor_does_not_take_a_key_out_of_the_sites_set(keys):
    make_asset(keys, "c", OWN_AUDIENCE, signing_key="other")
    with keys.app.app_context(), writing():
        asset, sealer = save.find_asset("c"), keys.mint.settings.sealer
        definition = {**save.current_revision(asset).definition, "template": BARE}
        with pytest.raises(FieldError, match="an administrator may take that away"):
            save.revise(asset, definition, None, sealer=sealer, by=keys.by(), by_editor=True)
        db.session.rollback()
    assert is_for_all(keys, "other")


def test_two_that_leave_a_key_at_once_are_both_written_down(keys):
    # Given two assets that issued with one key,
    for name in ("c", "d"):
        make_asset(keys, name, OWN_AUDIENCE.replace("helpdesk", name), signing_key="other")
        assert keys.signed_in("ben").get(f"/{name}").status_code == 200

    # when both are moved to the trash at the same time,
    both = threading.Barrier(2)

    def throw_away(path):
        with keys.app.app_context(), writing():
            asset = save.find_asset(path)
            if db.engine.dialect.name == "postgresql":  # SQLite has one writer.
                rings.keys_of(asset.ring_id)
                both.wait(5)
            trash.trash(asset, by=keys.by())

    threads = [threading.Thread(target=throw_away, args=(path,)) for path in ("c", "d")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    # then nobody takes the audience of either.
    for name in ("c", "d"):
        with pytest.raises(FieldError, match=f"with the “aud” {name}"):
            make_asset(keys, "late", OWN_AUDIENCE.replace("helpdesk", name), signing_key="other")
