"""Where placeholders, blocks and commas may stand, and what a placeholder gives there."""

import pytest
from payload_people import claims, each, is_fine, person, places, words


@each(
    ("text", "expected"),
    [
        ('{"a": {{ user.username }}}', "ada"),
        ('{"a": {{ user.is_admin }}}', True),
        ('{"a": {{ user.groups }}}', ["editors", "staff"]),
        ('{"a": {{ user.permissions }}}', []),
        ('{"a": {{ now }}}', 1_700_000_000),
        ('{"a": "{{ user.username }}"}', "ada"),
        ('{"a": "<{{ user.first_name }} {{ user.last_name }}>"}', "<Ada Lovelace>"),
        ('{"a": "{{ now }}/{{ user.is_admin }}/{{ asset.can_edit }}"}', "1700000000/true/false"),
        ('{"a": "{{ user.attributes["department"] }}"}', "R&D"),
        ("""{"a": "{{ user.attributes['department'] ~ "\\"" }}"}""", 'R&D"'),
        ('{"a": ["{{ user.username }}", {{ now }}]}', ["ada", 1_700_000_000]),
        ('{"a":{{user.username}}}', "ada"),
        (r'{"a": "\\{{ user.username }}"}', "\\ada"),
        (r'{"a": "\u0041{{ user.username }}\n"}', "Aada\n"),
        ('{"a": "{{ user.username }}{{ user.username }}"}', "adaada"),
        ('{"a": "{ {{ user.username }} }"}', "{ ada }"),
        ('{"a":\n\n{{\n user.username\n}}\n}', "ada"),
    ],
)
def test_a_placeholder_stands_in_a_text_or_as_a_whole_value(text, expected):
    assert claims(text) == {"a": expected}


@each(
    ("text", "where"),
    [
        ("{{ user.username }}", [(1, 1)]),
        ('{{ user.username }}{"a": 1}', [(1, 1)]),
        ('{"a": 1}{{ user.username }}', [(1, 9)]),
        ('{"{{ user.username }}": 1}', [(1, 3)]),
        ('{"a{{ now }}b": 1, "{{ now }}{{ now }}": 2}', [(1, 4), (1, 21), (1, 30)]),
        ("{ {{ user.username }}: 1}", [(1, 3)]),
        ('{"a" {{ now }}: 1}', [(1, 6)]),
        ('{"a": 1{{ now }}}', [(1, 8)]),
        ('{"a": {{ now }}1}', [(1, 16)]),
        ('{"a": -{{ now }}}', [(1, 8)]),
        ('{"a": 1.{{ now }}}', [(1, 9)]),
        ('{"a": 1e{{ now }}}', [(1, 9)]),
        ('{"a": tr{{ now }}}', [(1, 9)]),
        ('{"a": true{{ now }}}', [(1, 11)]),
        ('{"a": "x"{{ now }}, "b": "x" {{ now }}}', [(1, 10), (1, 30)]),
        ('{"a": {{ now }}{{ now }}}', [(1, 16)]),
        ('{"a": {{ now }}"x"}', [(1, 16)]),
        ('{"a": [1{{ now }}]}', [(1, 9)]),
        ('{"a": []{{ now }}}', [(1, 9)]),
        ('{"a": 1, {{ now }}}', [(1, 10)]),
        (r'{"a": "\{{ now }}"}', [(1, 9)]),
        (r'{"a": "\\\{{ now }}", "b": "\{{ now }}"}', [(1, 11), (1, 30)]),
        (r'{"a": "\u{{ now }}"}', [(1, 10)]),
        (r'{"a": "\u00{{ now }}41"}', [(1, 12)]),
        (r'{"a": "\u004{{ now }}"}', [(1, 13)]),
        ('{"a": "\\{# x #}{{ now }}"}', [(1, 16)]),
        (r'{"a": "\{% if now %}n{% endif %}"}', [(1, 9)]),
        ('{"{% if now %}a{% endif %}": 1}', [(1, 3)]),
        (r'{"a": "\ud83d{{ now }}\ude00"}', [(1, 8)]),
        (r'{"a": "\ud83d{% if now %}\ude00{% endif %}"}', [(1, 8)]),
    ],
)
def test_a_placeholder_stands_nowhere_else(text, where):
    assert places(text) == where


def test_a_quote_within_a_tag_does_not_end_the_text_and_a_backslash_before_it_is_refused():
    assert claims('{"a": "x {{ user.attributes["department"] | default("-") }} y"}') == {"a": "x R&D y"}
    assert "quotes inside a tag need no backslash" in words(r'{"a": "{{ user.attributes[\"department\"] }}"}')


@each(
    ("written", "spelled"),
    [
        (7, "7"),
        (7.0, "7"),
        (-0.0, "0"),
        (7.5, "7.5"),
        (1e19, "10000000000000000000"),
        (1e300, "1e+300"),
        (-3, "-3"),
        (True, "wrong"),
    ],
)
def test_in_text_a_number_is_spelled_as_json_spells_it_without_a_zero_fraction(written, spelled):
    context = person(attributes={"level": written})
    if spelled == "wrong":
        with pytest.raises(Exception, match="is not a number"):
            claims('{"a": "{{ user.attributes.level }}"}', context)
    else:
        assert claims('{"a": "{{ user.attributes.level }}", "b": {{ "" ~ user.attributes.level }}}', context) == {
            "a": spelled,
            "b": spelled,
        }
        assert claims('{"a": {{ user.attributes.level }}}', context) == {"a": written}


@each(
    "text",
    [
        '{"a": "{{ user.groups }}"}',
        '{"a": {{ "x" ~ user.groups }}}',
        '{"a": "{{ ["x"] }}"}',
        '{"a": "{{ user.groups | sort }}"}',
    ],
)
def test_a_list_in_text_is_refused(text):
    assert "`join`" in words(text)


# Blocks


@each(
    ("text", "expected"),
    [
        ('{ {% if user.is_admin %} "a": 1 {% endif %} }', {"a": 1}),
        ('{ {% if asset.can_edit %} "a": 1 {% endif %} }', {}),
        (
            '{ {% if asset.can_edit %} "a": 1 {% elif now %} "a": 2, "b": 3 {% else %} "a": 4 {% endif %} }',
            {"a": 2, "b": 3},
        ),
        ('{ {% if asset.can_edit %} "a": 1 {% else %} {% if now %}"a": 2{% endif %} {% endif %} }', {"a": 2}),
        ('{"a": [{% if now %}1, 2{% else %}3{% endif %}]}', {"a": [1, 2]}),
        ('{"a": [{% if not now %}1, 2{% else %}3{% endif %}]}', {"a": [3]}),
        ('{"a": [{% for x in user.groups %}"{{ x }}"{% endfor %}]}', {"a": ["editors", "staff"]}),
        (
            '{"a": [{% for x in user.groups %}{{ x }}, {{ loop.index }}{% endfor %}]}',
            {"a": ["editors", 1, "staff", 2]},
        ),
        ('{"a": {% if now %}1{% else %}2{% endif %}}', {"a": 1}),
        ('{"a": {% if not now %}1{% elif not now %}"x"{% else %}{"b": []}{% endif %}}', {"a": {"b": []}}),
        ('{"a": {% if now %}{% if now %}1{% else %}2{% endif %}{% else %}3{% endif %}}', {"a": 1}),
        ('{"a": "x{% if now %}y{{ user.username }}{% else %}z{% endif %}"}', {"a": "xyada"}),
        ('{"a": "{% for x in user.groups %}{{ x }};{% endfor %}"}', {"a": "editors;staff;"}),
        (
            '{"a": "{% for x in user.groups %}{% if not loop.first %}, {% endif %}{{ x }}{% endfor %}"}',
            {"a": "editors, staff"},
        ),
        ('{"a": "{% if now %}{% endif %}"}', {"a": ""}),
        ('{"a": [{% for x in user.groups %}{% endfor %}]}', {"a": []}),
        (
            '{"a": [{% for x in user.groups %}{"g": "{{ x }}", "n": [{{ loop.index0 }}]}{% endfor %}]}',
            {"a": [{"g": "editors", "n": [0]}, {"g": "staff", "n": [1]}]},
        ),
    ],
)
def test_a_block_encloses_members_items_one_value_or_text(text, expected):
    assert claims(text) == expected


@each(
    ("text", "where"),
    [
        ('{ {% for x in user.groups %} "a": 1 {% endfor %} }', [(1, 3)]),
        ('{"a": {% for x in user.groups %}1{% endfor %}}', [(1, 7)]),
        ('{"a": {% if now %}1{% endif %}}', [(1, 7)]),
        ('{"a": {% if now %}1{% elif now %}2{% endif %}}', [(1, 7)]),
        ('{"a": {% if now %}{% else %}2{% endif %}}', [(1, 19)]),
        ('{"a": {% if now %}1, 2{% else %}2{% endif %}}', [(1, 20)]),
        ('{"a": {% if now %}1,{% else %}2{% endif %}}', [(1, 20)]),
        ('{"a": {% if now %}1 2{% else %}2{% endif %}}', [(1, 21)]),
        ('{"a": {% if now %}"b": 2{% else %}2{% endif %}}', [(1, 22)]),
        ('{% if now %}{"a": 1}{% endif %}', [(1, 1)]),
        ('{"a": 1}{% if now %}{% endif %}', [(1, 9)]),
        ('{"a": [{% if now %}1]{% endif %}}', [(1, 21)]),
        ('{"a": {% if now %}[1{% else %}[2{% endif %}]}', [(1, 21)]),
        ('{"a": "{% if now %}x"{% endif %}}', [(1, 21)]),
        ('{"a": {% if now %}"x{% else %}"y{% endif %}"}', [(1, 21)]),
        ('{ {% if now %}"a": {% endif %}1}', [(1, 20)]),
        ('{"a" {% if now %}: 1{% endif %}}', [(1, 6)]),
        ('{ {% if now %}"a": {"b": 1 {% endif %}}}', [(1, 28)]),
        ('{ {% if now %}"a": 1}{% endif %}', [(1, 21)]),
        ('{"a": 1{% if now %}2{% endif %}}', [(1, 20)]),
        ('{"a": [1{% if now %}{% endif %}2]}', []),
    ],
)
def test_a_block_encloses_nothing_else(text, where):
    assert places(text) == where


@each(
    ("text", "where"),
    [
        ('{"a": 1 {% endif %}}', [(1, 9)]),
        ('{"a": 1 {% else %}}', [(1, 9)]),
        ('{"a": 1 {% elif now %}}', [(1, 9)]),
        ('{"a": 1 {% endfor %}}', [(1, 9)]),
        ('{ {% if now %} "a": 1 }', [(1, 3)]),
        ('{ {% if now %} "a": 1 {% endfor %} }', [(1, 3), (1, 23)]),
        ('{"a": [{% for x in user.groups %}1{% endif %}]}', [(1, 8), (1, 35)]),
        ('{"a": [{% for x in user.groups %}1{% elif now %}2{% endfor %}]}', [(1, 35)]),
        ('{ {% if now %}"a": 1{% else %}"b": 1{% else %}"c": 1{% endif %} }', [(1, 37)]),
        ('{ {% if now %}"a": 1{% else %}"b": 1{% elif now %}"c": 1{% endif %} }', [(1, 37)]),
        ('{ {% if now %}"a": 1{% else if %}"b": 1{% endif %} }', [(1, 21)]),
        ('{ {% if now %}"a": 1{% endif now %} }', [(1, 21)]),
        ('{ {% if %}"a": 1{% endif %} }', [(1, 3)]),
        ('{ {% %}"a": 1 }', [(1, 3)]),
        ('{ {% if now %}"a": 1 {% if now %}"b": 1 {% endif %} }', [(1, 3)]),
    ],
)
def test_blocks_are_closed_in_order(text, where):
    assert places(text) == where


@each(
    ("text", "hint"),
    [
        ('{{% if now %}"a": 1{% endif %}}', "write a space between { and {%"),
        ('{"a": {{# x #}}}', "write a space between { and {#"),
        ("{{{ user.username }}}", "write a space between { and {{"),
        ('{"a": 1, "b": {{% if now %}"a": {{ nobody }}{% endif %}}}', "write a space between { and {%"),
    ],
)
def test_between_an_opening_brace_and_a_tag_stands_a_space(text, hint):
    assert hint in words(text)


def test_after_a_missing_space_the_rest_is_still_read():
    assert places('{{% if now %}"a": {{ nobody }}{% endif %}}') == [(1, 1), (1, 19)]


def test_blocks_stand_at_most_10_deep():
    def nested(depth):
        return '{"a": [' + "{% if now %}" * depth + "1" + "{% endif %}" * depth + "]}"

    assert claims(nested(10)) == {"a": [1]}
    assert "10 deep" in words(nested(11))


# Commas


@each(
    "text",
    [
        '{"z": 1 {% if now %}"a": 1{% endif %}}',
        '{"z": 1, {% if now %}"a": 1{% endif %}}',
        '{"z": 1, {% if now %}, "a": 1{% endif %}}',
        '{"z": 1 {% if now %}, "a": 1{% endif %}}',
        '{ {% if now %}"a": 1{% endif %} "z": 1}',
        '{ {% if now %}"a": 1,{% endif %} "z": 1}',
        '{ {% if now %}"a": 1{% endif %}, "z": 1}',
        '{ {% if now %}"a": 1,{% endif %}, "z": 1}',
        '{ {% if now %}"a": 1,{% else %}"b": 1,{% endif %} {% if now %}"z": 1{% endif %}}',
        '{"z": 1, {% if now %}"a": 1{% endif %}, }',
        '{"z": 1, {% if now %}"a": 1, {% endif %} {# x #} }',
    ],
)
def test_beside_a_block_tag_a_comma_may_stand_or_not(text):
    assert claims(text) == {"z": 1, "a": 1}


@each(
    "items",
    [
        '"{{ x }}"',
        '"{{ x }}",',
        ',"{{ x }}"',
        ',"{{ x }}",',
        '{% if now %}"{{ x }}"{% endif %}',
        '{% if now %},"{{ x }}",{% endif %},',
    ],
)
def test_a_loop_needs_no_commas_and_never_writes_two(items):
    loop = "{% for x in user.groups %}" + items + "{% endfor %}"
    assert claims('{"a": [' + loop + "]}") == {"a": ["editors", "staff"]}
    assert claims('{"a": [1' + loop + "2]}") == {"a": [1, "editors", "staff", 2]}
    assert claims('{"a": [1,' + loop + ",2]}") == {"a": [1, "editors", "staff", 2]}


@each(
    ("text", "where"),
    [
        ('{"z": 1,, {% if now %}"a": 1{% endif %}}', (1, 9)),
        ('{"z": 1 {% if now %},,"a": 1{% endif %}}', (1, 22)),
        ('{"z": 1 {% if now %}"a": 1{% endif %},,}', (1, 39)),
        ('{"z": 1, {# x #}, {% if now %}"a": 1{% endif %}}', (1, 17)),
        ('{"z": 1 {# x #} "y": 1}', (1, 17)),
        ('{"z": {{ now }} "y": 1}', (1, 17)),
        ('{"z": {% if now %}1{% else %}2{% endif %} "y": 1}', (1, 43)),
        ('{"z": {% if now %}1{% else %}2{% endif %},}', (1, 43)),
        ('{"z": [{{ now }},]}', (1, 18)),
        ('{ {% if now %}"a": 1 "b": 1{% endif %}}', (1, 22)),
    ],
)
def test_elsewhere_exactly_one_comma_stands_between_two(text, where):
    assert places(text) == [where]


@each(
    "text",
    [
        '{"a": [{% for x in user.groups %}"{{ x }}"{{ "," if not loop.last }}{% endfor %}]}',
        '{"a": [{% for x in user.groups %}{{ x }}{{ ", " if not loop.last else "" }}{% endfor %}]}',
        '{"a": [{% for x in user.groups %}{{ "," if not loop.first }}"{{ x }}"{% endfor %}]}',
        '{"a": 1 {{ "," if user.is_admin }} {% if user.is_admin %}"b": 1{% endif %}}',
    ],
)
def test_a_placeholder_that_writes_commas_is_refused_with_a_hint(text):
    assert "delete it; the site writes the commas" in words(text)
    assert words(text).count("line 1") == 1


def test_within_text_a_comma_is_text_but_must_always_be_there():
    loop = '{"a": "{%% for x in user.groups %%}{{ x }}{{ "," if not loop.last%s }}{%% endfor %%}"}'
    assert claims(loop % ' else ""') == {"a": "editors,staff"}
    assert "`join`" in words(loop % "")
    assert is_fine('{"a": {{ "," }}, "b": ["{{ "," }}", {{ "," }}]}')
    assert claims('{"a": ["x", {{ "," if user.is_admin else ";" }}]}') == {"a": ["x", ","]}
