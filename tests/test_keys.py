"""What is done to signing keys: made, followed, planned, moved, revoked, unpublished; and what is refused."""

import json
import random
import threading
from itertools import pairwise

import pytest

from mintmark import keypairs
from mintmark.assets import save, trash
from mintmark.errors import FieldError, NotFound
from mintmark.keys import adding, changing, listing, making, rings
from mintmark.keys.life import GONE, NEXT, PLANNED, RETIRED, REVOKED, SIGNING, state_of
from mintmark.models import Asset, KeyRing, SigningKey, db, writing
from mintmark.moment import iso
from mintmark.records.unexpired import unexpired
from tests.conftest import House
from tests.making import change_asset, key_pair, make_asset, make_key, make_next_key, make_person

pytestmark = pytest.mark.slow
DAY = 86_400
WAIT = 360


def act(house, does):
    """Do something with the ring of the only keys there, in one transaction; return what it gives."""
    with house.app.app_context(), writing():
        return does(house.mint.settings.sealer, house.by())


def key_of(key_id):
    found = rings.find_key(key_id)
    assert found is not None, key_id
    return found


def follow(house, key_id, next_id, pair=None, **moments):
    def does(sealer, by):
        ring_id = key_of(key_id).ring_id
        new = pair or keypairs.generate("ES256")
        made = making.follow(ring_id, new, next_id, sealer=sealer, by=by, moments=adding.Moments(**moments))
        return made.signs_from_at

    return act(house, does)


def move(house, key_id, moment):
    act(house, lambda _, by: changing.move(key_of(key_id), moment, by=by))


def revoke(house, key_id, new_id=None):
    def does(sealer, by):
        pair = keypairs.generate("ES256") if new_id else None
        made = changing.revoke(key_of(key_id), pair, new_id, sealer=sealer, by=by)
        return made and made.key_id

    return act(house, does)


def plan(house, key_id, ids, every=DAY):
    def does(sealer, by):
        pairs = [(keypairs.generate("ES256"), each) for each in ids]
        return [each.key_id for each in making.plan(key_of(key_id).ring_id, pairs, every=every, sealer=sealer, by=by)]

    return act(house, does)


def states(house):
    """Return key id → state."""
    with house.app.app_context():
        keys = db.session.scalars(db.select(SigningKey).order_by(SigningKey.signs_from_at))
        return {key.key_id: state_of(key, house.clock()) for key in keys}


def moments(house, key_id):
    [row] = house.rows("SELECT * FROM signing_key WHERE key_id = :key_id", key_id=key_id)
    now = int(house.clock())
    return tuple(row[name] and row[name] - now for name in ("published_at", "signs_from_at", "retired_at", "gone_at"))


def ring_revision(house):
    return house.rows("SELECT revision FROM key_ring")[0]["revision"]


@pytest.fixture
def served(sqlite_house):
    """A house whose key `one` signs for an asset with a lifetime of ten minutes."""
    make_key(sqlite_house, "one")
    make_asset(sqlite_house, "a", signing_key="one", algorithm="ES256")
    return sqlite_house


def refused(does, words, field):
    with pytest.raises(FieldError) as refusal:
        does()
    assert words in str(refusal.value) and refusal.value.field == field


# Made


def test_the_first_key_signs_at_once_and_is_in_the_log_without_a_private_half(house):
    make_key(house, "one", due_at=int(house.clock()) + DAY)

    [row], [logged] = house.rows("SELECT * FROM signing_key"), house.log("key.made")
    assert states(house) == {"one": SIGNING} and moments(house, "one") == (0, 0, None, None)
    assert row["due_at"] == int(house.clock()) + DAY and row["sealed_by"] == "test" and not row["is_brought"]
    assert json.loads(logged["detail"])["algorithm"] == "ES256" and logged["kid"] == "one"
    assert set(keypairs.public_members(key_pair("ES256").private.public_key())) == set(
        json.loads(row["public"]) if isinstance(row["public"], str) else row["public"]
    )


def test_without_a_key_id_it_is_the_thumbprint(sqlite_house):
    make_key(sqlite_house, None)

    [row] = sqlite_house.rows("SELECT * FROM signing_key")
    assert row["key_id"] == row["thumbprint"] and len(row["key_id"]) == 43


@pytest.mark.parametrize("key_id", ["", " ", "a b", "é", "x" * 129, "a\n", "a\x00"])
def test_a_key_id_that_some_verifier_would_not_take_is_refused(sqlite_house, key_id):
    refused(lambda: make_key(sqlite_house, key_id), "takes 1 to 128 letters", "key_id")


def test_an_id_and_a_key_are_never_used_again_not_even_after_they_were_revoked(served):
    revoke(served, "one", "two")

    refused(lambda: make_key(served, "one"), "never used again", "key_id")
    make_key(served, "pair", number=1)
    refused(lambda: make_key(served, "pair-2", number=1), "is a key that this site has, or had, as pair", "private_key")


def test_a_ring_that_is_not_there_is_not_found(sqlite_house):
    pair = keypairs.generate("ES256")
    for ring_id in ("nothing", "\x00"):
        with pytest.raises(NotFound):
            act(sqlite_house, lambda sealer, by, id=ring_id: making.follow(id, pair, None, sealer=sealer, by=by))
    with pytest.raises(NotFound), sqlite_house.app.app_context():
        rings.get_key("nothing")


# Followed


def test_the_next_key_signs_when_every_verifier_knows_it_and_the_one_before_stays_until_its_tokens_expired(served):
    make_next_key(served, "one", "two")

    assert moments(served, "two") == (0, WAIT, None, None)
    assert moments(served, "one") == (0, 0, WAIT, WAIT + 600 + WAIT)
    assert states(served) == {"one": SIGNING, "two": NEXT}
    served.clock.advance(WAIT)
    assert states(served) == {"one": RETIRED, "two": SIGNING}
    served.clock.advance(600 + WAIT)
    assert states(served) == {"one": GONE, "two": SIGNING}


def test_the_next_key_may_wait_longer_but_not_shorter(served):
    now = int(served.clock())
    for early in (now - DAY, now, now + WAIT - 1):
        refused(lambda at=early: follow(served, "one", "two", signs_from_at=at), "is too early", "signs_from_at")
    refused(lambda: follow(served, "one", "two", signs_from_at=now + 4_000 * DAY), "ten years", "signs_from_at")
    refused(lambda: follow(served, "one", "two", published_at=now - 1), "is past", "published_at")
    assert states(served) == {"one": SIGNING} and ring_revision(served) == 0

    assert follow(served, "one", "two", signs_from_at=now + DAY) == now + DAY
    assert moments(served, "one")[2] == DAY and ring_revision(served) == 1


def test_where_nothing_was_ever_signed_nobody_waits(sqlite_house):
    make_key(sqlite_house, "one")
    sqlite_house.clock.advance(1)
    make_next_key(sqlite_house, "one", "two")

    assert states(sqlite_house) == {"one": RETIRED, "two": SIGNING}


def test_of_keys_that_wait_no_two_begin_at_one_moment_and_none_is_retired_before_it_signs(sqlite_house):
    make_key(sqlite_house, "one", signs_from_at=int(sqlite_house.clock()) + DAY)
    make_next_key(sqlite_house, "one", "two")
    make_next_key(sqlite_house, "one", "three")

    assert [moments(sqlite_house, each)[1:3] for each in ("one", "two", "three")] == [
        (DAY, DAY + 1), (DAY + 1, DAY + 2), (DAY + 2, None)]  # fmt: skip
    words = "the key that it follows, three, signs from"
    refused(
        lambda: follow(sqlite_house, "one", "four", signs_from_at=int(sqlite_house.clock())), words, "signs_from_at"
    )


def test_a_key_of_another_algorithm_does_not_follow_and_does_not_replace(served):
    other = keypairs.generate("ES384")

    refused(lambda: follow(served, "one", "two", other), "is ES384", "algorithm")
    does = lambda sealer, by: changing.revoke(key_of("one"), other, None, sealer=sealer, by=by)  # noqa: E731
    refused(lambda: act(served, does), "is ES384", "algorithm")
    assert states(served) == {"one": SIGNING}


def test_a_ring_has_fifty_keys_to_come_at_most(served, monkeypatch):
    monkeypatch.setattr(making, "MAX_IN_RING", 3)
    follow(served, "one", "two")
    follow(served, "one", "three")

    refused(lambda: follow(served, "one", "four"), "more than 3 keys", "key_id")


def test_a_longer_lifetime_keeps_the_key_that_will_be_retired(served):
    make_next_key(served, "one", "two")
    change_asset(served, "a", lifetime=7200)
    assert moments(served, "one")[3] == WAIT + 7200 + WAIT

    change_asset(served, "a", lifetime=None)
    assert moments(served, "one")[3] is None
    served.clock.advance(10 * DAY)
    assert states(served) == {"one": RETIRED, "two": SIGNING}


def test_what_tokens_of_a_purged_asset_need_is_kept_on_the_key(house):
    # Given a key with an asset whose tokens live a day, that gave one and is purged, and another asset
    make_person(house, "ben")
    make_key(house, "one")
    make_asset(house, "short", '{"aud": "short"}', signing_key="one", algorithm="ES256")
    long = make_asset(house, "long", '{"aud": "long"}', signing_key="one", algorithm="ES256", lifetime=DAY)
    assert house.signed_in("ben").get("/long").status_code == 200
    key = act(house, lambda *_: key_of("one").id)
    act(house, lambda _, by: trash.trash(save.lock_asset(long), by=by))
    house.clock.advance(100)
    act(house, lambda _, by: trash.purge(save.lock_asset(long, is_trashed=True), by=by))

    # Then nobody says that none of its tokens is good, and the key stays for them when it is replaced
    with house.app.app_context():
        assert unexpired(rings.get_key(key), now=house.clock()) is None
    make_next_key(house, "one", "two")
    assert moments(house, "one")[2:] == (WAIT, DAY + WAIT - 100)
    house.clock.advance(DAY + WAIT - 100)
    assert states(house) == {"one": GONE, "two": SIGNING}


def test_a_key_with_endless_tokens_of_a_purged_asset_stays_until_it_is_unpublished(served):
    make_person(served, "ben")
    change_asset(served, "a", template='{"aud": "a"}')
    asset_id = make_asset(served, "b", '{"aud": "b"}', signing_key="one", algorithm="ES256", lifetime=None)
    assert served.signed_in("ben").get("/b").status_code == 200
    act(served, lambda _, by: trash.trash(save.lock_asset(asset_id), by=by))
    act(served, lambda _, by: trash.purge(save.lock_asset(asset_id, is_trashed=True), by=by))
    make_next_key(served, "one", "two")

    assert moments(served, "one")[3] is None


def test_no_moment_is_so_far_ahead_that_it_cannot_be_meant(served):
    far = 253_402_300_799
    for field in ("published_at", "signs_from_at", "retired_at", "gone_at", "due_at"):
        refused(lambda field=field: make_key(served, "far", **{field: far}), "years ahead", field)
    refused(lambda: follow(served, "one", "two", due_at=far), "years ahead", "due_at")
    refused(lambda: follow(served, "one", "two", published_at=far), "years ahead", "signs_from_at")

    assert states(served) == {"one": SIGNING} and iso(far + 10) == iso(far)


def test_a_ring_is_known_by_the_key_that_signs_else_the_first_that_will_else_the_last(served):
    def known():
        with served.app.app_context():
            [ring_id] = db.session.scalars(db.select(KeyRing.id))
            [chain] = listing.list_rings(now=served.clock()).chains
            assert rings.names(now=served.clock())[ring_id] == chain.known_by.key_id
            return chain.known_by.key_id

    now = int(served.clock())
    make_next_key(served, "one", "two", published_at=now + DAY, signs_from_at=now + 2 * DAY)
    make_next_key(served, "one", "three", published_at=now + DAY, signs_from_at=now + 3 * DAY)
    assert known() == "one"
    revoke(served, "one")
    assert known() == "two"
    revoke(served, "two")
    revoke(served, "three")
    assert known() == "three"


def test_who_signs_next_is_somebody_whose_key_is_published(served):
    now = int(served.clock())
    make_next_key(served, "one", "two", published_at=now + DAY, signs_from_at=now + 2 * DAY)
    with served.app.app_context():
        prepared = served.mint.prepare(db.session.scalar(db.select(Asset.id)), 1)

    assert prepared.signers.after(now) is None
    assert prepared.signers.after(now + DAY).key_id == "two"


# Planned


def test_a_plan_has_a_key_for_each_span_published_a_week_before_or_half_the_span(served):
    now = int(served.clock())
    assert plan(served, "one", ["two", "three"], every=90 * DAY) == ["two", "three"]

    assert moments(served, "two") == (83 * DAY, 90 * DAY, 180 * DAY, 180 * DAY + 600 + WAIT)
    assert moments(served, "three") == (173 * DAY, 180 * DAY, None, None)
    assert served.rows("SELECT due_at FROM signing_key WHERE key_id = 'three'")[0]["due_at"] == now + 270 * DAY
    served.clock.advance(84 * DAY)
    assert states(served) == {"one": SIGNING, "two": NEXT, "three": PLANNED}


def test_a_plan_in_quick_succession_keeps_the_wait(served):
    refused(lambda: plan(served, "one", ["two"], every=4 * WAIT - 1), "takes at least 1440 seconds", "every")
    with served.app.app_context():
        ring_id, now = key_of("one").ring_id, served.clock()
        refused(lambda: making.turns(ring_id, 366 * DAY, 12, now), "more than ten years ahead", "signs_from_at")
        refused(lambda: making.turns(ring_id, DAY, 50, now), "more than 50 keys", "key_id")
    plan(served, "one", ["two", "three"], every=4 * WAIT)

    assert moments(served, "two")[:2] == (2 * WAIT, 4 * WAIT)
    assert moments(served, "three")[:2] == (6 * WAIT, 8 * WAIT)


def test_a_plan_long_after_the_last_key_begins_as_soon_as_it_may(served):
    served.clock.advance(500 * DAY)
    plan(served, "one", ["two"], every=90 * DAY)

    assert moments(served, "two")[:2] == (0, WAIT)


def test_of_a_plan_with_one_fault_nothing_is_kept(served):
    refused(lambda: plan(served, "one", ["two", "one"]), "never used again", "key_id")

    assert states(served) == {"one": SIGNING} and moments(served, "one")[2] is None


# Moved


def test_a_moment_is_moved_later_and_earlier_and_the_others_move_along(served):
    now = int(served.clock())
    make_next_key(served, "one", "two", signs_from_at=now + DAY)
    move(served, "two", now + 2 * DAY)
    assert moments(served, "one")[2:] == (2 * DAY, 2 * DAY + 600 + WAIT)

    served.clock.advance(100)
    move(served, "two", None)
    assert moments(served, "two")[1] == WAIT - 100 == moments(served, "one")[2]
    assert json.loads(served.log("key.rescheduled")[-1]["detail"])["key_id"] == "two"
    refused(lambda: move(served, "two", now + WAIT - 1), "verifiers know the key from", "signs_from_at")


def test_a_planned_key_that_is_to_sign_earlier_is_published_at_once(served):
    now = int(served.clock())
    plan(served, "one", ["two", "three"], every=90 * DAY)

    refused(lambda: move(served, "two", now + WAIT - 1), "is too early", "signs_from_at")
    move(served, "two", now + DAY)
    assert moments(served, "two")[:2] == (0, DAY) and states(served)["two"] == NEXT
    refused(lambda: move(served, "two", now + 180 * DAY), "when three follows", "signs_from_at")
    refused(lambda: move(served, "three", now + DAY), "the key that it follows, two, signs from", "signs_from_at")
    refused(lambda: move(served, "three", now + 5_000 * DAY), "ten years", "signs_from_at")


def test_a_key_that_signs_or_has_signed_cannot_be_moved(served):
    make_next_key(served, "one", "two")
    refused(lambda: move(served, "one", None), "signs already", "signs_from_at")
    served.clock.advance(WAIT)
    for key_id in ("one", "two"):
        refused(lambda each=key_id: move(served, each, None), "signs already, or is retired", "signs_from_at")


# Revoked


def test_revoking_the_key_that_signs_brings_another_at_once(house):
    make_key(house, "one")
    make_asset(house, "a", signing_key="one", algorithm="ES256")

    assert revoke(house, "one", "two") == "two"
    assert states(house) == {"one": REVOKED, "two": SIGNING}
    assert house.rows("SELECT sealed, sealed_by FROM signing_key WHERE key_id = 'one'") == [
        {"sealed": None, "sealed_by": None}
    ]
    detail = json.loads(house.log("key.revoked")[0]["detail"])
    assert (detail["was"], detail["replacement"]) == ("signing", "two")
    refused(lambda: revoke(house, "one"), "is gone already", "key_id")


def test_the_replacement_signs_until_the_key_that_was_to_follow_does(served):
    make_next_key(served, "one", "three", signs_from_at=int(served.clock()) + DAY)
    revoke(served, "one", "two")

    assert moments(served, "two") == (0, 0, DAY, DAY + 600 + WAIT)
    assert states(served) == {"one": REVOKED, "two": SIGNING, "three": NEXT}


def test_without_a_replacement_the_published_next_key_signs_at_once(served):
    make_next_key(served, "one", "two", signs_from_at=int(served.clock()) + DAY)

    assert revoke(served, "one") is None
    assert states(served) == {"one": REVOKED, "two": SIGNING}


def test_without_a_replacement_and_with_a_planned_key_only_nothing_signs_until_that_is_moved(served):
    plan(served, "one", ["two"], every=90 * DAY)
    revoke(served, "one")
    assert states(served) == {"one": REVOKED, "two": PLANNED}

    # Nobody has to wait where nothing signs.
    move(served, "two", None)
    assert states(served) == {"one": REVOKED, "two": SIGNING}


def test_where_nothing_signs_the_next_key_does_at_once(served):
    revoke(served, "one")
    make_next_key(served, "one", "two")

    assert states(served) == {"one": REVOKED, "two": SIGNING}


@pytest.mark.parametrize("gone, one_until", [("two", 180 * DAY), ("three", None)])
def test_a_key_to_come_that_is_revoked_leaves_no_gap(served, gone, one_until):
    plan(served, "one", ["two", "three"], every=90 * DAY)
    revoke(served, gone)

    before = {"two": "one", "three": "two"}[gone]
    assert moments(served, before)[2] == one_until
    assert states(served)[gone] == REVOKED
    assert json.loads(served.log("key.revoked")[0]["detail"])["was"] == "planned"


def test_a_revoked_retired_key_changes_nothing_for_the_others(served):
    make_next_key(served, "one", "two")
    served.clock.advance(WAIT)
    before = moments(served, "two")
    assert revoke(served, "one", "three") is None  # None is needed, for the other one signs.

    assert states(served) == {"one": REVOKED, "two": SIGNING} and moments(served, "two") == before


# Unpublished


def test_only_a_retired_key_whose_tokens_never_expire_is_unpublished_by_hand(served):
    def unpublish(key_id):
        act(served, lambda _, by: changing.unpublish(key_of(key_id), by=by))

    make_next_key(served, "one", "two")
    refused(lambda: unpublish("one"), "goes by itself", "key_id")
    change_asset(served, "a", lifetime=None)
    refused(lambda: unpublish("one"), "goes by itself", "key_id")
    served.clock.advance(WAIT)
    unpublish("one")

    assert states(served) == {"one": GONE, "two": SIGNING}
    assert served.rows("SELECT sealed FROM signing_key WHERE key_id = 'one'") == [{"sealed": None}]
    assert served.log("key.unpublished")[0]["kid"] == "one"
    refused(lambda: unpublish("one"), "goes by itself", "key_id")


# All together


@pytest.mark.parametrize("seed", range(12))
def test_whatever_is_done_the_turns_of_a_ring_neither_overlap_nor_leave_a_gap(served, seed):
    chance, number = random.Random(seed), 0  # noqa: S311 — no secret is made of it
    for _ in range(25):
        number += 1
        now, ids = int(served.clock()), list(states(served))
        wished = chance.choice([None, now + chance.randrange(0, 30 * DAY)])
        steps = [
            lambda i=ids, w=wished, n=number: follow(served, i[0], f"f{n}", signs_from_at=w),
            lambda i=ids, w=wished: move(served, chance.choice(i), w),
            lambda i=ids, n=number: plan(served, i[0], [f"p{n}", f"q{n}"], every=chance.randrange(WAIT * 4, 9 * DAY)),
            lambda i=ids, n=number: revoke(served, chance.choice(i), f"r{n}"),
            lambda: served.clock.advance(chance.choice([1, 100, WAIT, DAY, 12 * DAY])),
        ]
        try:
            chance.choice(steps)()
        except FieldError:
            pass
        see_that_turns_follow(served)


def see_that_turns_follow(house):
    now = int(house.clock())
    rows = house.rows("SELECT * FROM signing_key WHERE revoked_at IS NULL ORDER BY signs_from_at, created_at")
    for row in rows:
        assert row["published_at"] <= row["signs_from_at"]
        assert row["retired_at"] is None or row["retired_at"] >= row["signs_from_at"]
        if row["retired_at"] is not None:
            assert row["gone_at"] == row["retired_at"] + 600 + WAIT
    for one, other in pairwise(rows):
        assert one["retired_at"] is not None and one["retired_at"] <= other["signs_from_at"]
        if one["retired_at"] > now:
            assert one["retired_at"] == other["signs_from_at"]
            assert other["signs_from_at"] - other["published_at"] >= WAIT or one["signs_from_at"] > now
    assert not rows or rows[-1]["retired_at"] is None or rows[-1]["retired_at"] <= now
    assert sum(state == SIGNING for state in states(house).values()) <= 1


# Two at once


def two_at_once(house, one, other):
    """Do two things at the same time in two processes of the site; return their errors, in no order."""
    second = House(house.overrides)
    second.clock = second.mint.clock = house.clock
    begin, errors = threading.Barrier(2), []

    def run(where, does):
        begin.wait()
        try:
            does(where)
        except FieldError as error:
            errors.append(str(error))

    threads = [threading.Thread(target=run, args=each) for each in ((house, one), (second, other))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    second.close()
    return errors


def test_of_two_next_keys_at_once_one_follows_the_other(house):
    make_key(house, "one")
    make_asset(house, "a", signing_key="one", algorithm="ES256")

    errors = two_at_once(house, lambda h: follow(h, "one", "two"), lambda h: follow(h, "one", "three"))

    assert errors == [] and ring_revision(house) == 2
    rows = house.rows("SELECT * FROM signing_key ORDER BY signs_from_at")
    assert [one["retired_at"] for one in rows] == [rows[1]["signs_from_at"], rows[2]["signs_from_at"], None]
    assert rows[2]["signs_from_at"] == rows[1]["signs_from_at"] + 1


def test_one_id_for_two_keys_at_once_is_refused_to_one(house):
    errors = two_at_once(house, lambda h: make_key(h, "same"), lambda h: make_key(h, "same"))

    assert len(errors) == 1 and "never used again" in errors[0]
    assert len(house.rows("SELECT * FROM signing_key")) == 1 == len(house.rows("SELECT * FROM key_ring"))


def test_one_pair_twice_at_once_is_refused_to_one(house):
    pair = key_pair("ES256", 7)
    make = lambda h, id: act(h, lambda sealer, by: making.make(pair, id, sealer=sealer, by=by))  # noqa: E731
    errors = two_at_once(house, lambda h: make(h, "x"), lambda h: make(h, "y"))

    assert len(errors) == 1 and ("had, as" in errors[0] or "somebody else at this moment" in errors[0])
    assert len(house.rows("SELECT * FROM signing_key")) == 1


def test_who_waited_for_the_lock_sees_the_key_as_it_is_then(house):
    make_key(house, "one")
    make_asset(house, "a", signing_key="one", algorithm="ES256")

    errors = two_at_once(house, lambda h: revoke(h, "one", "two"), lambda h: revoke(h, "one", "three"))

    assert errors == ["is gone already"]
    assert sorted(states(house).values()) == [REVOKED, SIGNING]
    with house.app.app_context():
        assert len(list(db.session.scalars(db.select(KeyRing)))) == 1
