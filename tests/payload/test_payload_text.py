"""The text is one JSON object (RFC 8259), of bounded size, with comments and white space control."""

import json

from payload_people import claims, each, is_fine, places, problems, words

JSON_TEXTS = [
    "{}",
    ' \t\r\n{"a"\n:\t1 } \n',
    '{"a": 0, "b": -0, "c": 12, "d": -12.5, "e": 1e3, "f": 1E-2, "g": 1.5e+2}',
    '{"a": true, "b": false, "c": null}',
    '{"a": [], "b": {}, "c": [[], {}, [1, [2]]]}',
    r'{"a": "\" \\ \/ \b \f \n \r \t \u00e9 \ud83d\ude00"}',
    '{"": "", " ": " "}',
    '{"a": "é ☃ 😀 \u2028 \x7f \ue000 \uf8ff"}',
    '{"a": "{ } % # {x} %} }} #} [,] //"}',
    '{"a": 12345678901234567890, "b": 0.1234567890123456789}',
]


@each("text", JSON_TEXTS)
def test_a_template_without_tags_means_what_json_means(text):
    assert claims(text) == json.loads(text)


@each(
    ("text", "line", "column"),
    [
        ("", 1, 1),
        ("   ", 1, 4),
        ("[]", 1, 1),
        ('"a"', 1, 1),
        ("null", 1, 1),
        ("{", 1, 2),
        ('{"a"', 1, 5),
        ('{"a":', 1, 6),
        ('{"a": 1', 1, 8),
        ('{"a": 1}}', 1, 9),
        ('{"a": 1} x', 1, 10),
        ('{"a": 1}{"b": 1}', 1, 9),
        ("{a: 1}", 1, 2),
        ("{'a': 1}", 1, 2),
        ('{"a" 1}', 1, 6),
        ('{"a": 1,}', 1, 9),
        ('{"a": [1,]}', 1, 10),
        ('{"a": [,1]}', 1, 8),
        ('{,"a": 1}', 1, 2),
        ('{"a": 1,, "b": 1}', 1, 9),
        ('{"a": 1 "b": 1}', 1, 9),
        ('{"a": [1 2]}', 1, 10),
        ('{"a": [1}', 1, 9),
        ('{"a": {]}', 1, 8),
        ('{"a": 01}', 1, 8),
        ('{"a": +1}', 1, 7),
        ('{"a": .5}', 1, 7),
        ('{"a": 1.}', 1, 9),
        ('{"a": 1e}', 1, 9),
        ('{"a": -}', 1, 8),
        ('{"a": 0x1F}', 1, 8),
        ('{"a": 1_000}', 1, 8),
        ('{"a": NaN}', 1, 7),
        ('{"a": Infinity}', 1, 7),
        ('{"a": -Infinity}', 1, 8),
        ('{"a": nul}', 1, 10),
        ('{"a": True}', 1, 7),
        ('{"a": tru', 1, 10),
        ('{"a": "x', 1, 9),
        ('{"a": "x\n"}', 1, 9),
        ('{"a": "\t"}', 1, 8),
        ('{"a": "\x01"}', 1, 8),
        ('{"a\x1f": 1}', 1, 4),
        (r'{"a": "\x"}', 1, 9),
        (r'{"a": "\u12G4"}', 1, 12),
        (r'{"a": "\'"}', 1, 9),
        (r'{"a": "\ud800"}', 1, 8),
        (r'{"a": "x\udc00\ud800"}', 1, 9),
        (r'{"a": "\ud83d\ude00 \ud83d"}', 1, 21),
        (r'{"\ud800": 1}', 1, 3),
        ('{"a": 1}\u00a0', 1, 9),
        ('{\u2028"a": 1}', 1, 2),
        ('{"a": /* no */ 1}', 1, 7),
        ('\n\n  {"a": 1,\r\n   b: 2}', 4, 4),
    ],
)
def test_the_first_fault_of_the_json_is_told_with_its_place(text, line, column):
    assert places(text) == [(line, column)]


@each("number", ["123456789012345678901", "1" * 5000, "0." + "1" * 20, "1e400", "-1e999", "1e" + "9" * 19])
def test_numbers_are_finite_and_have_at_most_20_digits(number):
    assert places('{"a": ' + number + "}") == [(1, 7)]
    assert places('{"a": {{ ' + number.replace("-", "- ") + " }}}") == [(1, 7)]


@each(
    ("text", "place", "word"),
    [
        ('\ufeff{"a": 1}', (1, 1), "byte-order mark"),
        ('{"a":\r1}', (1, 6), "carriage return"),
        ('{"a":\r\n1,\r\r\n"b": 1}', (2, 3), "carriage return"),
        ('{"a": "\0"}', (1, 8), "NUL"),
        ('{"a":\n "\ud800"}', (2, 3), "surrogate"),
        ('{"a": "\udc00\ud800"}', (1, 8), "surrogate"),
        ("{{ user.username }}\0", (1, 20), "NUL"),
    ],
)
def test_characters_that_cannot_be_stored_or_mislead_are_refused(text, place, word):
    assert places(text) == [place]
    assert word in words(text)


@each("text", [None, 1, b'{"a": 1}', ["{}"], {"a": 1}])
def test_what_is_no_text_is_one_problem(text):
    assert [(problem.line, problem.column) for problem in problems(text)] == [(1, 1)]


def test_a_template_has_at_most_16384_bytes_of_utf8():
    frame = len('{"a": ""}')
    assert is_fine('{"a": "' + "x" * (16_384 - frame) + '"}')
    assert places('{"a": "' + "x" * (16_385 - frame) + '"}') == [(1, 16_385)]
    assert is_fine('{"a": "' + "é" * ((16_384 - frame) // 2) + '"}')
    assert places('{"a": "\n' + "é" * 8_192 + '"}') == [(2, (16_384 - 8) // 2 + 1)]
    assert len(problems("x" * 10_000_000)) == 1


def test_a_template_has_at_most_100_names_as_written():
    def members(count):
        return ", ".join(f'"n{index}": 1' for index in range(count))

    assert is_fine("{" + members(100) + "}")
    assert "100 names" in words("{" + members(101) + "}")
    branches = "{%% if user.is_admin %%}%s{%% else %%}%s{%% endif %%}"
    assert is_fine("{ " + branches % (members(50), members(50)) + "}")
    assert "100 names" in words("{ " + branches % (members(50), members(51)) + "}")
    assert "100 names" in words('{"a": [{' + members(50) + "}, {" + members(50) + "}]}")


@each(("opening", "closing"), [("[", "]"), ('{"a": ', "}")])
def test_objects_and_lists_stand_12_levels_deep(opening, closing):
    assert is_fine('{"a": ' + opening * 11 + "1" + closing * 11 + "}")
    assert "12 levels" in words('{"a": ' + opening * 12 + "1" + closing * 12 + "}")


def test_a_crlf_is_one_line_end():
    text = '{"a": 1,\n "b": {{ nobody }},\n\n "c": {{ nothing }}}'
    assert places(text) == places(text.replace("\n", "\r\n")) == [(2, 7), (4, 7)]


@each(
    ("text", "expected"),
    [
        ('{# before #}{"a": 1}{# after #}', {"a": 1}),
        ('{"a": {# {{ nobody }} " , #} 1}', {"a": 1}),
        ('{"a": "x{# gone #}y"}', {"a": "xy"}),
        ('{"a{# gone #}b": 1}', {"ab": 1}),
        ('{"a": 1{# gone #}2}', {"a": 12}),
        ('{ {#- x -#} "a": "x  {#- gone -#}  y"}', {"a": "xy"}),
        ('{"a": {#+ x +#} 1}', {"a": 1}),
        ('{"a": "{# {% raw %} #}"}', {"a": ""}),
    ],
)
def test_comments_are_taken_away_before_json_is_read(text, expected):
    assert claims(text) == expected


@each(
    ("text", "expected"),
    [
        ('{"a": "x {{- user.username -}} y"}', "xaday"),
        ('{"a": "x {{ user.username }} y"}', "x ada y"),
        ('{"a": "x {{+ now }} y"}', "x 1700000000 y"),
        ('{"a": "x {%- if now -%} \\t y {%- endif -%} z"}', "x\t yz"),
        ('{"a": "x {%+ if now +%} y {%+ endif +%} z"}', "x  y  z"),
        ('{"a":\n {{- now -}} \n}', 1_700_000_000),
    ],
)
def test_a_minus_takes_white_space_away_and_a_plus_does_nothing(text, expected):
    assert claims(text) == {"a": expected}


def test_a_minus_at_the_brace_is_no_sign_and_the_template_says_so():
    from mintmark.payload import compile

    template = compile('{"a": {{-5}}, "b": {{ -5 }}, "c": {{-5-}}}')
    assert claims('{"a": {{-5}}, "b": {{ -5 }}, "c": {{- 5 -}}}') == {"a": 5, "b": -5, "c": 5}
    assert [(note.line, note.column, note.hint) for note in template.notes] == [
        (1, 7, "write {{ -5 }} for minus five"),
        (1, 35, "write {{ -5 }} for minus five"),
    ]


@each(
    "text",
    [
        '{"a": "{% raw %}{{ x }}{% endraw %}"}',
        '{"a": {%- raw -%}1{%- endraw -%}}',
        '{"a": 1} {% raw %}{% endraw %}',
    ],
)
def test_raw_is_refused(text):
    assert "raw" in words(text)


def test_raw_that_does_not_end_is_told_once():
    assert places('{"a": 1,\n "b": {%raw%} 2}') == [(2, 7)]


def test_an_escape_survives_a_comment_and_is_never_made_by_one():
    assert claims(r'{"a": "x\n{# y #}z"}') == {"a": "x\nz"}
    assert claims('{"a": "x\\{# y #}n"}') == {"a": "x\n"}
    assert not is_fine('{"a": "\\{# y #}" }')


def test_every_private_character_may_stand_in_a_template_and_in_a_value():
    used = "".join(map(chr, range(0xE000, 0xE000 + 4_000)))
    assert claims('{"a": "' + used + '{{ user.username }}"}')["a"] == used + "ada"
    assert claims('{"a": "\\ue000{{ user.username }}"}')["a"] == "\ue000ada"
