"""The declared names, values that are not what was declared, and how problems are told."""

import collections
import copy
import threading
import time

import pytest
from payload_people import ADA, ATTRIBUTES, PARAMS, claims, each, person, places, problems, value, words

from mintmark.payload import CONTEXT, LOOP, Problem, TemplateError, check, compile, render


def test_every_name_of_the_table_can_be_used_and_has_a_meaning():
    for declared in CONTEXT:
        given = value(declared.name)
        assert declared.meaning
        assert {str: "text", int: "number", bool: "boolean", list: "list"}[type(given)] == declared.type
    for declared in LOOP:
        assert "cannot" not in words('{"a": [{% for x in user.groups %}{{ ' + declared.name + " }}{% endfor %}]}")


def test_attributes_and_parameters_are_known_where_declared():
    text = '{"a": {{ user.attributes.size }}, "b": {{ params.size }}}'
    assert len(check(text)) == 2
    assert check(text, {"size": "number"}, ["size"]) == []
    assert check(text, {"size": "number"}, iter(["size"])) == []
    with pytest.raises(ValueError, match="attribute type"):
        check(text, {"size": "date"})


@each(
    "name",
    [
        "items",
        "keys",
        "get",
        "values",
        "pop",
        "update",
        "clear",
        "copy",
        "format",
        "upper",
        "split",
        "join",
        "mro",
        "if",
        "not",
        "in",
        "is",
        "true",
        "none",
        "loop",
        "user",
    ],
)
def test_an_attribute_may_have_the_name_of_a_method_or_a_word_of_jinja(name):
    template = compile(
        '{"a": {{ user.attributes.NAME }}, "b": {{ user["attributes"]["NAME"] }}}'.replace("NAME", name), {name: "text"}
    )
    assert render(template, {"user": {"attributes": {name: "x"}}}) == {"a": "x", "b": "x"}


@each(
    ("written", "meant"),
    [
        ("user.fist_name", "user.first_name"),
        ("user.emial", "user.email"),
        ("username", "user.username"),
        ("email", "user.email"),
        ("user.name", "asset.name"),
        ("user.department", "user.attributes.department"),
        ("user.attributes.departement", "user.attributes.department"),
        ("params.rom", "params.room"),
        ("room", "params.room"),
        ("user.group", "user.groups"),
        ("user.isadmin", "user.is_admin"),
        ("site.ulr", "site.url"),
        ("asset.canedit", "asset.can_edit"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_right_one(written, meant):
    assert f"`{written}` is not a known name (did you mean `{meant}`?)" in words('{"a": {{ ' + written + " }}}")


def test_a_name_like_no_other_gets_no_suggestion():
    assert "did you mean" not in words('{"a": {{ zzzzzzzzzz }}}')
    assert "did you mean" not in words('{"a": {{ ' + "x" * 5_000 + " }}}")
    assert len(words('{"a": {{ ' + "x" * 5_000 + " }}}")) < 200


class Odd(str):
    """A text that is not plain."""


WRONG = {
    "text": [1, 1.5, True, [], ["a"], {}, b"a", object(), Odd("a"), "\ud800", "a\udfffb", "x" * 8_193],
    "number": [
        "1",
        True,
        [],
        {},
        float("nan"),
        float("inf"),
        -float("inf"),
        10**20,
        -(10**20),
        10**5_000,
        1j,
    ],
    "boolean": ["true", 1, 0, [], "", {}, 1.0],
    "list": [
        ["x" * 8_193],
        ["é" * 8_193],
        "a",
        1,
        True,
        {"a": 1},
        [1],
        ["a", None],
        [["a"]],
        ["\ud800"],
        ["x"] * 1_001,
        {"a"},
        [Odd("a")],
        iter(["a"]),
    ],
}


@each(
    ("kind", "wrong"),
    [(kind, wrong) for kind, wrongs in WRONG.items() for wrong in wrongs],
)
def test_a_value_of_another_type_than_declared_is_an_error_that_does_not_show_it(kind, wrong):
    template = compile('{\n"a": {{ user.attributes.x }}, "b": 1}', {"x": kind})
    with pytest.raises(TemplateError) as caught:
        render(template, {"user": {"attributes": {"x": wrong}}})
    assert (caught.value.line, caught.value.column) == (2, 6)
    assert (
        "`user.attributes.x`" in caught.value.reason
        or "longer" in caught.value.reason
        or "items" in caught.value.reason
    )
    assert len(str(caught.value)) < 200


@each(
    "context",
    [
        None,
        1,
        "user",
        [],
        {"user": "x"},
        {"user": []},
        {"user": 1},
        {"user": {"username": 1}},
        {"user": {"username": ["ada"]}},
        object(),
        {"user": {"attributes": "x"}, "now": "now"},
        collections.OrderedDict(),
        {1: 2},
        {"user": {"username": {"username": "x"}}},
        [("user", 1)],
    ],
)
def test_a_context_of_any_other_shape_is_an_error_and_nothing_else(context):
    for text in ('{"a": {{ user.username }}}', '{"a": {{ user.attributes.level }}}', '{"a": "{{ now }}"}'):
        with pytest.raises(TemplateError):
            claims(text, context if context is not None else {})
        with pytest.raises(TemplateError):
            render(compile(text, ATTRIBUTES), context)


def test_a_value_of_a_person_is_never_read_as_a_template():
    for text in ("{{ user.email }}", "{% if 1 %}", '"', "\\", "{# #}", '", "admin": true, "x": "'):
        assert claims('{"a": {{ user.username }}, "b": "<{{ user.username }}>"}', person(username=text)) == {
            "a": text,
            "b": f"<{text}>",
        }


def test_a_render_changes_neither_context_nor_template():
    template = compile('{"a": {{ user.groups }}, "b": [{% for x in user.groups %}{{ x }}{% endfor %}]}')
    context = copy.deepcopy(ADA)
    first = render(template, context)
    first["a"].append("mallory")
    assert context == ADA
    assert render(template, context)["a"] == ["editors", "staff"]


def test_one_template_may_be_rendered_by_many_threads_at_once():
    template = compile(
        '{"a": [{% for x in user.groups %}"{{ x }}{{ loop.index }}"{% endfor %}], "b": {{ user.username }}}'
    )
    wrong = []

    def work(number):
        context = person(username=f"p{number}", groups=[f"g{number}-{index}" for index in range(50)])
        expected = [f"g{number}-{index}{index + 1}" for index in range(50)]
        for _ in range(50):
            if render(template, context) != {"a": expected, "b": f"p{number}"}:
                wrong.append(number)

    threads = [threading.Thread(target=work, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# Problems


def test_every_faulty_tag_and_the_first_fault_of_the_json_are_told_in_order():
    text = (
        '{"a": {{ nobody }}, "b": "{{ user.username | nothing }} {{ $ }}",\n'
        ' "c": [{% for x in user.nobody %}{{ x }}{% endfor %}], "d": {{ 1 + 1 }},\n'
        ' "e": 01, "f": 02, "g": {{ user }}, "h": {{ "x }}, "i": {{ now() }}, {% set x = 1 %}\n}'
    )
    assert places(text) == [
        *[(1, 7), (1, 27), (1, 57), (2, 8), (2, 61)],
        *[(3, 8), (3, 25), (3, 42), (3, 57), (3, 70)],
    ]
    assert problems(text) == sorted(problems(text))


def test_compile_raises_the_same_problems():
    text = '{"a": {{ nobody }}, "b": 01}'
    with pytest.raises(TemplateError) as caught:
        compile(text)
    error = caught.value
    assert error.problems == check(text) and len(error.problems) == 2
    assert (error.line, error.column, error.reason, error.name) == (1, 7, error.problems[0].reason, None)
    assert str(error).splitlines() == list(map(str, error.problems))


def test_a_problem_reads_as_one_line():
    assert str(Problem(3, 9, "no", "do")) == "line 3, column 9: no (do)"
    assert str(Problem(3, 9, "no")) == "line 3, column 9: no"
    for text in (
        '{"a": {{ user["\\u001b[31m\\n"] }}}',
        '{"a": {{ x["\\u202e"] }}}',
        '{"a\\n": 1, "a\\n": 2}',
        '{"a": {{ "a\\nb" c }}}',
        '{"a": {{ \x1b }}}',
    ):
        assert words(text).isprintable() and words(text)


def test_columns_count_characters_not_bytes():
    assert places('{"é😀": "☃{{ nobody }}"}') == [(1, 10)]
    assert places('{"a": "\u2028\x85",\n "b": {{ nobody }}}') == [(2, 7)]


@each("tag", ["{{ user.username", '{"x": "{% if now', "{# never", '{{ "', "{{", "{%", "{#"])
def test_a_tag_that_is_not_closed_is_told_once_where_it_opens(tag):
    assert places('{"a": 1,\n "b": ' + tag.replace('{"x": "', "")) == [(2, 7)]


def test_the_end_of_the_text_is_told_where_it_is():
    assert places('{"a": 1, "b": {{ now }}') == [(1, 24)]
    assert places('{"a": {% if now %}1{% else %}2{% endif %}\n\n') == [(3, 1)]
    assert places('{"b": {{ \'}}') == [(1, 7), (1, 13)]


def test_a_tag_that_cannot_be_read_is_told_once():
    found = problems('{"a": {{ $ }}, "b": {{ $$ }}, "c": {{ user.username }}, "d": {{ $ }}}')
    assert [problem.column for problem in found] == [7, 21, 62]


def test_after_100_tags_that_cannot_be_read_the_rest_is_left():
    found = problems('{"a": "' + "{{$}}" * 3_000 + '"}')
    assert len(found) == 100
    assert "left unread" in found[-1].reason


def test_check_with_nearly_no_stack_left_is_a_problem_and_no_crash():
    deep = '{"a": ' + "[" * 11 + "{{ (((((((((((1))))))))))) }}" + "]" * 11 + "}"

    def descend(levels):
        return descend(levels - 1) if levels else check(deep)

    answers = [descend(levels) for levels in range(0, 600, 100)]
    assert [] in answers
    assert PARAMS


def test_suggestions_stay_cheap_with_many_attributes_and_many_mistakes():
    many = {f"attribute_number_{number}": "text" for number in range(1_000)}
    text = '{"a": "' + "".join(f"{{{{user.attributes.atribute_nmber_{number}}}}}" for number in range(400)) + '"}'
    begun = time.process_time()
    assert len(check(text, many)) == 400
    assert time.process_time() - begun < 1.0
