"""The life of a signing key: its states follow each other in one order, and the waits are those that are written down."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from mintmark.keys import life, picture
from mintmark.keys.life import GONE, NEXT, PLANNED, RETIRED, REVOKED, SIGNING, STATES, is_published, state_of

SPAN = 10 * 86_400
moments = st.integers(0, SPAN)


@dataclass
class Key:
    """What has the moments of a signing key."""

    published_at: int
    signs_from_at: int
    retired_at: int | None = None
    gone_at: int | None = None
    revoked_at: int | None = None
    due_at: int | None = None


@st.composite
def keys(draw, may_be_revoked=True):
    """A key whose moments are in their order; the later ones may not be known."""
    known = draw(st.integers(2, 4))
    at = [*sorted(draw(st.lists(moments, min_size=known, max_size=known))), None, None]
    revoked_at = draw(st.none() | moments) if may_be_revoked else None
    return Key(*at[:4], revoked_at=revoked_at)


@given(keys(), st.lists(moments, min_size=2))
def test_states_follow_each_other_and_never_go_back(key, when):
    seen = [STATES.index(state_of(key, now)) for now in sorted(when)]

    assert seen == sorted(seen)


@given(keys(may_be_revoked=False), moments)
def test_a_state_is_what_its_moments_say_to_the_second(key, now):
    until = {
        PLANNED: (-1, key.published_at),
        NEXT: (key.published_at, key.signs_from_at),
        SIGNING: (key.signs_from_at, key.retired_at),
        RETIRED: (key.retired_at, key.gone_at),
        GONE: (key.gone_at, None),
    }
    begin, end = until[state_of(key, now)]

    assert begin <= now and (end is None or now < end)
    assert is_published(key, now) == (key.published_at <= now and (key.gone_at is None or now < key.gone_at))


@given(keys(), moments)
def test_a_revoked_key_is_published_nowhere_from_that_moment_on(key, now):
    is_revoked = key.revoked_at is not None and key.revoked_at <= now

    assert (state_of(key, now) == REVOKED) == is_revoked
    assert not (is_revoked and is_published(key, now))


@given(moments, st.none() | st.integers(0, SPAN))
def test_a_key_stays_published_until_its_last_token_has_expired_everywhere(retired_at, longest):
    needed = life.needed_until(retired_at, longest)

    assert needed is None if longest is None else needed >= retired_at + longest + life.SKEW_SECONDS


def test_the_waits_are_those_of_the_key_set():
    assert life.WAIT_SECONDS == 360 == life.may_sign_from(0)
    assert life.needed_until(1000, 600) == 1000 + 600 + 60 + 300
    assert life.needed_until(1000, None) is None


@given(st.lists(keys(), min_size=1, max_size=5), moments)
def test_the_picture_shows_each_key_within_its_width_in_the_order_of_time(some, now):
    drawn = picture.draw(some, now)

    assert 0 <= drawn.now_x < picture.WIDTH and len(drawn.lines) == len(some)
    for key, line in zip(some, drawn.lines, strict=True):
        kinds = [stretch.kind for stretch in line]
        assert kinds == [kind for kind in ("published", "signing", "retired") if kind in kinds]
        assert all(0 <= each.x and each.width > 0 and each.x + each.width <= picture.WIDTH for each in line)
        if state_of(key, now) == SIGNING:
            assert "signing" in kinds


def test_while_six_minutes_run_published_now_and_the_change_are_seen_apart():
    year, now = 365 * 86_400, 1_800_000_000
    one = Key(now - year, now - year + 360, now + 260, now + 86_400, due_at=now + year)
    two = Key(now - 100, now + 260, due_at=now + year)
    drawn = picture.draw([one, two], now)

    published, signing = drawn.lines[1]
    assert drawn.now_x - published.x >= 20 <= signing.x - drawn.now_x and published.width >= 40
    assert signing.x == drawn.lines[0][1].x + drawn.lines[0][1].width
    assert drawn.is_stretched and drawn.next_change_at == now + 260


def test_a_picture_in_which_nothing_is_short_has_an_even_scale():
    key = Key(published_at=0, signs_from_at=100 * 86_400, retired_at=300 * 86_400, gone_at=400 * 86_400)
    drawn = picture.draw([key], 200 * 86_400)

    assert not drawn.is_stretched and drawn.next_change_at == 300 * 86_400
    assert [each.x for each in drawn.lines[0]] == [0, 222, 667] and drawn.now_x == 444


def test_a_key_that_was_revoked_before_it_signed_is_drawn_as_published_only():
    key = Key(published_at=100, signs_from_at=900, retired_at=300, gone_at=300, revoked_at=300)

    assert [each.kind for each in picture.draw([key], 400).lines[0]] == ["published"]


def test_a_short_wait_is_seen_in_a_picture_of_years():
    key = Key(published_at=0, signs_from_at=360, retired_at=5 * 365 * 86_400)

    published, signing, _ = picture.draw([key], 100).lines[0]
    assert published.width >= 5 and signing.width > 800
