"""A site file is read as plain data: strict JSON, or YAML without its surprises; nothing else ever comes out."""

import json

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mintmark.errors import InvalidFields
from mintmark.site_file.json_text import read_json
from mintmark.site_file.reading import MAX_BYTES, read_bytes, read_tree
from mintmark.site_file.yaml_text import read_yaml

LOADERS = [yaml.SafeLoader, *([yaml.CSafeLoader] if hasattr(yaml, "CSafeLoader") else [])]


def refused(read, text):
    with pytest.raises(InvalidFields) as caught:
        read(text)
    [(field, words)] = caught.value.problems
    return f"{field}: {words}"


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize(
    "text",
    "NO no yes on off y True NULL Null 012 1_000 0x1f 0o17 0b1 1:30 2024-01-01 2024-01-01T00:00:00Z +5 .5 5. .inf .nan = 1e".split(),
)
def test_what_other_readers_of_yaml_turn_into_something_else_stays_text(text, loader):
    assert read_yaml(f"a: {text}\nb: [{text}]\n", loader).root == {"a": text, "b": [text]}


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize(
    ("text", "value"),
    [("", None), ("~", None), ("null", None), ("true", True), ("false", False), ("0", 0), ("-12", -12), ("0.00012345678901234567", 0.00012345678901234567),
     ("1.50", 1.5), ("1e3", 1000.0), ("-0.5E-2", -0.005), ("12345678901234567890", 12345678901234567890),
     ('"null"', "null"), ("'12'", "12"), ('"\\U0001F600"', "\U0001f600")],
)  # fmt: skip
def test_only_null_true_false_and_decimal_numbers_are_no_text(text, value, loader):
    found = read_yaml(f"a: {text}\n", loader).root["a"]

    assert found == value and type(found) is type(value)


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize(
    ("text", "path", "words"),
    [
        ("a: 1\nb: 2\na: 3\n", ("a",), "is written twice (line 3, column 1)"),
        ("a: {b: [1, {c: 1, c: 2}]}\n", ("a", "b", 1, "c"), "is written twice (line 1, column 19)"),
        ("1: x\n", (), "has a name that is no text; put it in quotes (line 1, column 1)"),
        ("a:\n  true: x\n", ("a",), "has a name that is no text; put it in quotes (line 2, column 3)"),
        ("? [a]\n: x\n", (), "has a name that is no text; put it in quotes (line 1, column 3)"),
        ("a: {<<: {b: 1}}\n", ("a",), "“<<” would merge objects, which a site file cannot (line 1, column 5)"),
        ("a: !!str x\n", ("a",), "has a tag (!), which a site file cannot have; text that starts with ! needs quotes (line 1, column 4)"),
        ("a: !!python/object:os.system [x]\n", ("a",), "has a tag (!), which a site file cannot have; text that starts with ! needs quotes (line 1, column 4)"),
        ("a: [x, &b c]\n", ("a", 1), "has an anchor (&), which a site file cannot have; text that starts with & needs quotes (line 1, column 8)"),
        ("a: [x, *b]\n", ("a", 1), "is an alias (*), which a site file cannot have; text that starts with * needs quotes (line 1, column 8)"),
        ("a: 123456789012345678901\n", ("a",), "is a number of more than 20 digits; if it is text, put it in quotes (line 1, column 4)"),
        ("a: 1e999\n", ("a",), "is a number of more than 20 digits; if it is text, put it in quotes (line 1, column 4)"),
        ('a: "\\0"\n', ("a",), "holds a character that is no text (NUL or half of a surrogate pair) (line 1, column 4)"),
    ],
)  # fmt: skip
def test_a_fault_of_yaml_is_told_with_its_place_and_does_not_stop_the_reading(text, path, words, loader):
    [fault] = read_yaml(text, loader).faults

    assert (fault.path, fault.words) == (path, words)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "site file: text: is empty; a site file starts with “mintmark: 1”"),
        ("# only a comment\n", "site file: text: is empty; a site file starts with “mintmark: 1”"),
        ("\ufeffmintmark: 1", "site file: line 1, column 1: starts with a byte-order mark; save the file as UTF-8 without one"),
        ("a: 1\n---\nb: 2\n", "site file: line 2, column 1: a second document begins; a site file is one"),
        ("%TAG ! tag:x,2000:\n---\na: 1\n", "site file: line 1, column 1: declares tags, which a site file cannot have"),
        ("a: 'x", "site file: line 1, column 6: found unexpected end of stream (while scanning a quoted scalar)"),
        ('a: "\\ud83d\\ude00"', "site file: line 1, column 7: found invalid Unicode character escape code: write the character itself, or one escape such as \\U0001F600 instead of two halves"),
        ("a: \x01", "site file: line 1, column 4: holds a character that YAML does not take (U+0001)"),
        ("ab\n c\ud800", "site file: line 2, column 3: holds half of a surrogate pair"),
        ("[" * 40, "site file: line 1, column 33: is nested more than 32 levels deep"),
        ("{a: 1}", "site file: line 1, column 2: Expecting property name enclosed in double quotes (text that starts with { is read as JSON)"),
        (' \n\t{"a": 1,}', "site file: line 2, column 10: Illegal trailing comma before end of object (text that starts with { is read as JSON)"),
        ('{"a":' * 40 + "1" + "}" * 40, "site file: line 1, column 161: is nested more than 32 levels deep"),
        ('{"a":' * 100_000, "site file: text: is nested more than 32 levels deep"),
    ],
)  # fmt: skip
def test_text_that_cannot_be_read_on_is_refused_with_the_place(text, line):
    found = refused(read_tree, text)

    if "trailing comma" in line:  # Python says it differently from one version to the next.
        assert found.startswith("site file: line 2, column ")
    else:
        assert found == line


@pytest.mark.parametrize("text", ['a: "\\ud83d"', 'a: "\\ud83d\\ude00"', 'a: "\\UFFFFFFFF"'])
def test_both_readers_of_yaml_refuse_halves_of_characters(text):
    for loader in LOADERS:
        try:
            assert read_yaml(text, loader).faults
        except InvalidFields:
            pass


@pytest.mark.parametrize(
    ("text", "path", "words"),
    [
        ('{"a": 1,\n "a": 2}', ("a",), "is written twice (line 2, column 2)"),
        ('{"a": [{"b": 1, "\\u0062": 2}]}', ("a", 0, "b"), "is written twice (line 1, column 17)"),
        ('{"a": NaN}', ("a",), "NaN is no number in JSON (line 1, column 7)"),
        ('{"a": [1, -Infinity]}', ("a", 1), "-Infinity is no number in JSON (line 1, column 11)"),
        ('{"a": "\\ud83d x"}', ("a",), "holds a character that is no text (NUL or half of a surrogate pair) (line 1, column 7)"),
        ('{"a": "\\u0000"}', ("a",), "holds a character that is no text (NUL or half of a surrogate pair) (line 1, column 7)"),
        ('{"a": ' + "9" * 5000 + "}", ("a",), "is a number of more than 20 digits; if it is text, put it in quotes (line 1, column 7)"),
    ],
)  # fmt: skip
def test_json_is_read_strictly(text, path, words):
    [fault] = read_tree(text).faults

    assert (fault.path, fault.words) == (path, words)


def test_json_joins_the_halves_of_an_emoji():
    assert read_tree('{"a": "\\ud83d\\ude00"}').root == {"a": "\U0001f600"}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\xff\xfem\x00", "site file: line 1, column 1: starts with a byte-order mark; save the file as UTF-8 without one"),
        (b"\xef\xbb\xbfmintmark: 1", "site file: line 1, column 1: starts with a byte-order mark; save the file as UTF-8 without one"),
        (b"mintmark: 1\nab\xe9\n", "site file: line 2, column 3: is not UTF-8 (byte 0xe9)"),
        (b" " * (MAX_BYTES + 1), "site file: text: has more than 64 MiB; divide it into several files"),
    ],
)  # fmt: skip
def test_bytes_are_utf_8_and_not_endless(data, words):
    assert refused(read_bytes, data) == words


def test_a_billion_laughs_are_a_few_faults():
    # Given nine levels of nine aliases each
    lines = ["a0: &a0 [lol]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]

    tree = read_tree("\n".join(lines))

    assert len(tree.faults) == 10 + 9 * 9 and tree.root["a9"] == [None] * 9


names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
numbers = st.integers(-(10**20) + 1, 10**20 - 1) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=15,
)


@settings(max_examples=30)
@given(st.dictionaries(names, values, max_size=4), st.booleans())
def test_json_gives_what_was_written(document, is_ascii):
    tree = read_json(json.dumps(document, ensure_ascii=is_ascii))

    assert (tree.root, tree.faults) == (document, [])


yaml_pieces = st.sampled_from(
    ["a", "b: ", "- ", "\n", "  ", "{", "}", "[", "]", ",", ": ", "? ", "&x ", "*x", "!t ", "!!int ", "|", ">", "'", '"',
     "<<", "---\n", "...\n", "%YAML 1.1\n", "\t", "\\ud800", "\\UFFFFFFFF", "1e9", "\x85", "\u2028", "#", "@", "`", "\r"]
)  # fmt: skip


@pytest.mark.parametrize("loader", LOADERS)
@given(text=st.text() | st.lists(yaml_pieces, max_size=25).map("".join))
def test_whatever_the_text_nothing_but_plain_data_or_a_refusal_comes_out(text, loader):
    for read in (read_tree, lambda text: read_yaml(text, loader)):
        try:
            tree = read(text)
        except InvalidFields as error:
            assert all("\n" not in field + words for field, words in error.problems)
        else:
            json.dumps(None if tree.root is object else tree.root, default=lambda value: None)


@given(st.binary(max_size=200))
def test_whatever_the_bytes_nothing_but_text_or_a_refusal_comes_out(data):
    try:
        assert read_bytes(data).encode() == data
    except InvalidFields:
        pass
