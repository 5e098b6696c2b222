"""Encryption at rest: what opens, and what does not (ASVS 11.3.3, 11.3.4; NIST SP 800-38D)."""

import base64
import os

import pytest

from mintmark.errors import ConfigurationError, SealError
from mintmark.sealing import Sealer, SealingKey

PLACE = {"table": "secret", "row": "r1", "column": "sealed"}


def make_sealer(*key_ids):
    return Sealer([SealingKey(key_id, key_id.encode().ljust(32, b"k")) for key_id in key_ids])


def test_a_sealed_value_opens_in_its_place_only():
    sealer = make_sealer("a")
    sealed = sealer.seal(b"value", **PLACE)

    assert sealer.open(sealed, **PLACE) == b"value"
    for other in ({"table": "site"}, {"row": "r2"}, {"column": "key"}):
        with pytest.raises(SealError):
            sealer.open(sealed, **{**PLACE, **other})


def test_places_cannot_be_confused_by_moving_a_boundary():
    sealer = make_sealer("a")
    sealed = sealer.seal(b"value", table="a", row="bc", column="d")

    with pytest.raises(SealError):
        sealer.open(sealed, table="ab", row="c", column="d")


def test_any_changed_byte_and_any_shorter_value_is_refused():
    sealer = make_sealer("a")
    sealed = sealer.seal(b"value", **PLACE)

    for index in range(len(sealed)):
        changed = sealed[:index] + bytes([sealed[index] ^ 1]) + sealed[index + 1 :]
        with pytest.raises(SealError):
            sealer.open(changed, **PLACE)
        with pytest.raises(SealError):
            sealer.open(sealed[:index], **PLACE)


def test_the_first_key_seals_and_all_open():
    old, both, new = make_sealer("old"), make_sealer("new", "old"), make_sealer("new")

    assert both.open(old.seal(b"value", **PLACE), **PLACE) == b"value"
    assert new.open(both.seal(b"value", **PLACE), **PLACE) == b"value"
    with pytest.raises(SealError):
        new.open(old.seal(b"value", **PLACE), **PLACE)


def test_the_same_value_is_never_sealed_the_same_way_twice():
    sealer = make_sealer("a")

    assert len({sealer.seal(b"value", **PLACE) for _ in range(1000)}) == 1000


def test_fingerprints_are_equal_for_equal_values_and_keyed():
    assert make_sealer("a").fingerprint(b"x") == make_sealer("a").fingerprint(b"x")
    assert make_sealer("a").fingerprint(b"x") != make_sealer("a").fingerprint(b"y")
    assert make_sealer("a").fingerprint(b"x") != make_sealer("b").fingerprint(b"x")


def test_what_is_derived_differs_by_purpose_and_is_not_the_key():
    key = SealingKey("a", b"k" * 32)

    assert len({key.derive("session"), key.derive("setup"), b"k" * 32}) == 3


def test_a_key_is_read_as_it_is_written():
    key, line = SealingKey.generate()

    assert SealingKey.parse(line + "\n").derive("x") == key.derive("x")


@pytest.mark.parametrize("line", ["", "nokey", "id:", "id:short", "id:" + base64.b64encode(b"k" * 31).decode(), ":" + "A" * 44,
                                  "a b:" + base64.b64encode(b"k" * 32).decode(), "id:!!!" + "A" * 41])  # fmt: skip
def test_what_is_no_key_is_refused_without_repeating_it(line):
    with pytest.raises(ConfigurationError) as refusal:
        SealingKey.parse(line)
    assert line == "" or line.partition(":")[2] == "" or line.partition(":")[2] not in str(refusal.value)


def test_two_keys_of_one_id_and_no_key_at_all_are_refused():
    with pytest.raises(ConfigurationError):
        make_sealer("a", "a")
    with pytest.raises(ConfigurationError):
        Sealer([])


def test_neither_keys_nor_sealers_show_their_bytes():
    value = os.urandom(32)
    key = SealingKey("a", value)

    for text in (repr(key), repr(Sealer([key])), str(key)):
        assert base64.b64encode(value).decode() not in text and repr(value) not in text
