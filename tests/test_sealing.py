"""Encryption at rest: what opens, and what does not (ASVS 11.3.3, 11.3.4; NIST SP 800-38D)."""

import base64
import os
import stat
from threading import Thread

import pytest

from mintmark.errors import ConfigurationError, NotFound, SealError
from mintmark.instance import KeyFile
from mintmark.instance import make_sealer as make_file_sealer
from mintmark.sealing import Sealer, SealingKey, key_id_of

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


# Keys that change while a process runs


def sealer_of(folder):
    return make_file_sealer(None, folder)


def test_a_process_opens_what_another_one_sealed_with_a_key_that_came_later(tmp_path):
    running, command = sealer_of(tmp_path), sealer_of(tmp_path)
    before = running.seal(b"before", **PLACE)

    key_id = command.source.add()
    assert key_id_of(command.seal(b"value", **PLACE)) == key_id_of(before)  # A key that is behind seals nothing.
    command.source.put_first(key_id)
    sealed = command.seal(b"value", **PLACE)

    assert key_id_of(sealed) == key_id != key_id_of(before)
    assert running.open(sealed, **PLACE) == b"value" and running.open(before, **PLACE) == b"before"


def test_a_process_never_seals_with_a_key_that_was_replaced(tmp_path):
    running, command = sealer_of(tmp_path), sealer_of(tmp_path)
    old, first_derived = key_id_of(running.seal(b"x", **PLACE)), running.derive("attempts")
    key_id = command.source.add()
    command.source.put_first(key_id)

    assert key_id_of(running.seal(b"x", **PLACE)) == key_id
    command.source.take_out(old)
    assert running.derive("attempts") == first_derived
    assert key_id_of(running.seal(b"x", **PLACE)) == key_id
    assert [key.key_id for key in sealer_of(tmp_path).keys] == [key_id]


def test_a_file_that_cannot_be_read_for_a_while_stops_nothing(tmp_path):
    running = sealer_of(tmp_path)
    sealed, whole = running.seal(b"x", **PLACE), running.source.path.read_bytes()

    for content in (b"", b"\xff", b"half a ke", None):
        running.source.path.unlink() if content is None else running.source.path.write_bytes(content)
        assert key_id_of(running.seal(b"x", **PLACE)) == key_id_of(sealed)
        with pytest.raises(SealError):
            running.open(make_sealer("other").seal(b"x", **PLACE), **PLACE)
    running.source.path.write_bytes(whole)
    assert running.open(sealed, **PLACE) == b"x"


def test_threads_that_meet_a_new_key_at_once_all_know_it(tmp_path):
    running, command = sealer_of(tmp_path), sealer_of(tmp_path)
    for _ in range(20):
        command.source.put_first(command.source.add())
        sealed, opened = command.seal(b"x", **PLACE), []
        threads = [Thread(target=lambda: opened.append(running.open(sealed, **PLACE))) for _ in range(4)]  # noqa: B023
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert opened == [b"x"] * 4


def test_the_file_is_its_owners_alone_and_no_key_is_lost_where_several_add_one(tmp_path):
    path = sealer_of(tmp_path).source.path
    first = path.read_text()
    children = []
    for _ in range(8):
        if (child := os.fork()) == 0:
            KeyFile(tmp_path).add()
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)

    assert path.read_text().startswith(first) and len(path.read_text().splitlines()) == 9
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["sealing-key"]


def test_only_a_key_that_is_there_is_put_first_and_the_first_is_never_taken_out(tmp_path):
    file = sealer_of(tmp_path).source
    (first,) = (key.key_id for key in file.read())
    before = file.path.read_bytes()

    for act in (file.put_first, file.take_out):
        with pytest.raises(NotFound, match=f"it has {first}"):
            act("nobody")
    with pytest.raises(ConfigurationError, match="is the key that seals"):
        file.take_out(first)
    assert file.path.read_bytes() == before


@pytest.mark.parametrize(
    "sealed", [b"", b"\x01", b"\x01\x00", b"\x01\x05a b c", b"\x01\x02\xff\xfe", b"\x01\xff" + b"k" * 300]
)
def test_what_names_no_key_names_none(sealed):
    assert key_id_of(sealed) == ""
