"""What an export writes is read back as the very same by our own reader, and taken for text by every other one."""

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mintmark.site_file.reading import read_tree
from mintmark.site_file.yaml_writing import entry_lines, scalar
from tests.test_site_file_reading import names, texts, values

HOSTILE = [
    "no", "NO", "true", "null", "~", "", " ", "012", "1e3", "1_000", "0x1f", "2024-01-01", "1:30", "-", "- a", "#a", "a #b",
    "&a", "*a", "!a", "|", ">", "%a", "@a", "`a", "a: b", "a:", "{", "[", "'", '"', "\\", "? a", "<<", "=", "...", "---",
    "a\nb", "a\r\nb\r\n", " a\nb", "\ta\nb", "\n", "\n\n", "\na", "a\n\n", "a\n \n", "a \nb\t\n", "\x85", "a\x85b\n", "\u2028",
    "a\u2029\nb", "\ufeff", "a\n\ufeff", "\U0001f600\n\U0001f600", "\x7f", "\x1b[31m", "\u202e", "\xa0", "a" * 3000, "\n" * 5 + "x",
]  # fmt: skip


def written(entry):
    return "mintmark: 1\nentries:\n" + "".join(entry_lines(entry))


def read_back(entry):
    tree = read_tree(written(entry))
    assert tree.faults == []
    return tree.root["entries"][0]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_comes_back_wherever_it_stands(text):
    entry = {"name": text, "list": [text, "b"], "object": {text: text, "b": [text]}, "template": text, "last": "x"}

    assert read_back(entry) == entry


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_text_for_other_readers_too(text):
    # Given a whole YAML 1.1 reader, with dates and yes/no
    assert yaml.safe_load(f"a: {scalar(text)}\n") == {"a": text}


@settings(max_examples=30)
@given(st.dictionaries(st.from_regex(r"[a-z_]{1,12}", fullmatch=True), values | texts, min_size=1, max_size=6))
def test_every_entry_comes_back(entry):
    assert read_back(entry) == entry


lines = st.lists(
    st.sampled_from(["", " ", "  ", "\t", "a", " a", "a ", "#", "- a", "a: b", "{", "\r", "{{ x }}", "é"]), max_size=6
)


@given(lines.map("\n".join) | lines.map(lambda some: "\n".join(some) + "\n"), texts)
@example("\n \n", "")
def test_every_template_comes_back_with_all_its_white_space(template, name):
    entry = {"name": name, "template": template, "last": 1}

    assert read_back(entry) == entry


@settings(max_examples=30)
@given(st.dictionaries(names, values, max_size=5), st.lists(texts, max_size=30))
def test_what_is_too_long_for_a_line_comes_back_from_several(headers, items):
    entry = {"headers": {**headers, "x" * 150: "y", "z" * 1500: ["w"]}, "items": [*items, "x" * 150]}

    assert read_back(entry) == entry


def test_a_template_of_several_lines_is_a_literal_block_and_short_lists_stand_on_one_line():
    entry = {
        "path": "a/b",
        "template": '{\n  "sub": "{{ user.id }}"\n}\n',
        "readers": ["staff", "no"],
        "lifetime": None,
    }

    assert written(entry) == (
        "mintmark: 1\n"
        "entries:\n"
        "  - path: a/b\n"
        "    template: |\n"
        "      {\n"
        '        "sub": "{{ user.id }}"\n'
        "      }\n"
        '    readers: [staff, "no"]\n'
        "    lifetime: null\n"
    )


@pytest.mark.slow
@settings(max_examples=1000, deadline=None)
@given(st.dictionaries(st.from_regex(r"[a-z_]{1,12}", fullmatch=True), values | texts, min_size=1, max_size=6))
def test_thousands_of_entries_come_back(entry):
    assert read_back(entry) == entry
