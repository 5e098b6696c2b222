"""Hostile templates, class by class: each is refused, or harmless; none costs more than a second or 64 MB.

What they do is known from server-side template injection (OWASP ASVS 5.0 §1.3.7) and from the ways out of Jinja's own
sandbox: CVE-2016-10745, CVE-2019-10906, CVE-2024-56326, CVE-2025-27516.
"""

import itertools
import time
import tracemalloc

import pytest
from payload_people import ADA, ATTRIBUTES, PARAMS, person, problems

from mintmark.payload import TemplateError, check, compile, render

DUNDERS = """__class__ __mro__ __subclasses__ __globals__ __init__ __builtins__
__dict__ __getattribute__ __import__ __base__""".split()
THINGS = [
    "user",
    "user.username",
    "user.groups",
    "user.attributes",
    "now",
    "''",
    "[]",
    "loop",
    "self",
    "request",
    "config",
]
CALLS = """range lipsum cycler joiner namespace dict super
caller self.__init__ get_flashed_messages url_for open eval exec getattr""".split()
FILTERS = """attr map select reject groupby format xmlattr pprint random tojson safe
string int float round abs dictsort list slice center indent filesizeformat""".split()
STATEMENTS = [
    "set x = user",
    "macro x()",
    "import 'os' as os",
    "include '/etc/passwd'",
    "extends 'x'",
    "from 'x' import y",
    "call x()",
    "filter upper",
    "with a = 1",
    "autoescape false",
    "block x",
    "do 1",
]


def value(expression):
    return '{"a": {{ ' + expression + " }}}"


def fill(unit, before='{"a": "', after='"}'):
    return before + unit * ((16_384 - len(before) - len(after)) // len(unit)) + after


REFUSED = {
    "sandbox escapes": [
        *[value(f"{thing}.{dunder}") for thing, dunder in itertools.product(THINGS[:5], DUNDERS)],
        *[value(f"{thing}['{dunder}']") for thing, dunder in itertools.product(THINGS[:3], DUNDERS[:5])],
        *[value(f"{thing}|attr('{dunder}')") for thing, dunder in itertools.product(THINGS[5:9], DUNDERS[:3])],
        value("''.__class__.__mro__[1].__subclasses__()"),
        value("user['__cl' ~ 'ass__']"),
        value("user['\\u005f_class__']"),
        value("[].append.__self__"),
        value("user.username.format"),
        value("'{0.__class__}'.format(user)"),
        value("user|map(attribute='__class__')"),
        value("(user)['__class__']"),
    ],
    "calls": [
        *[value(f"{name}()") for name in CALLS],
        *[value(f"{thing}.x()") for thing in THINGS],
        value("user.username.upper()"),
        value("('a'|upper)()"),
        value("x=1"),
    ],
    "filters of Jinja": [value(f"user.username|{name}") for name in FILTERS],
    "statements": [*['{"a": 1 {% ' + one + " %}}" for one in STATEMENTS], '{"a": 1} {% raw %}{{ x }}{% endraw %}'],
    "arithmetic and folding": [
        value("'x' * 10**8"),
        value("2**999999999"),
        value("'a' * 99999"),
        value("[0] * 10**9"),
        value("1/0"),
        value("9**9**9**9"),
        value("'%0999999d' % 1"),
        value("-(-(-5))"),
        value("1 if 10**10**10 else 2"),
        value("['x' * 10**8]"),
    ],
    "undeclared names": [
        value(name)
        for name in [
            "nobody",
            "user.nobody",
            "user.password",
            "asset.secret",
            "site.key",
            "params.x",
            "user.attributes.x",
            "g",
            "session",
            "now.x",
            "loop.index",
            "ask.x",
            "request.args.x",
        ]
    ],
    "placeholders in names": [
        '{"{{ user.username }}": 1}',
        '{"a{{ now }}": 1}',
        '{"a": {"{{ now }}": 1}}',
        "{ {{ user.username }}: 1}",
        '{"{% if now %}a{% endif %}": 1}',
        '{"a": [{"x{{ now }}y": 1}]}',
    ],
    "placeholders beside values": [
        '{"a": 1{{ now }}}',
        '{"a": -{{ now }}}',
        '{"a": {{ now }}.5}',
        '{"a": "x"{{ now }}}',
        '{"a": {{ now }}{{ now }}}',
        '{"a": tru{{ now }}}',
        '{"a": 0x{{ now }}}',
        '{"a": [{{ now }} {{ now }}]}',
    ],
    "placeholders for structure": [
        "{{ user.username }}",
        "{{{ now }}}",
        '{"a": 1{{ "," }}"b": 2}',
        '{"a": {{ now }}',
        '{{ "{" }}"a": 1}',
        '{"a": [1{{ "]" }}}',
        '{"a": "x{{ now }}',
        '{"a" {{ ":" }} 1}',
    ],
    "placeholders after backslashes": ['{"a": "' + "\\" * count + '{{ user.username }}"}' for count in (1, 3, 5, 7, 9)]
    + ['{"a": "\\{# x #}{{ now }}"}', '{"a": "\\{{- now }}"}', '{"a": "\\{% if now %}n{% endif %}"}'],
    "placeholders in escapes": ['{"a": "\\u' + "0041"[:count] + '{{ now }}"}' for count in range(4)]
    + ['{"a": "\\u{# #}{{ now }}"}', '{"a": "\\ud83d{{ now }}\\ude00"}'],
    "comment tricks": [
        '{"a": 1 {# }',
        '{"a": "\\{# #}"}',
        '{"a": {# {# #} #} 1}',
        '{# {"a": 1} #}',
        '{"a": {{ now {# x #} }}}',
        '{"a": 1 {#}#} {# #',
        '{"a": {{# x #} now }}}',
        '{"a": {# #}{# #}}',
    ],
    "surrogates": [
        '{"a": "\ud800"}',
        '{"a": "\\ud800"}',
        '{"a": "\\udc00\\ud800"}',
        value("'\\ud800'"),
        value("user['\\udfff']"),
        '{"\\ud800": 1}',
        '{"a": "\\ud83d{# #}x\\ude00"}',
        value("'a'|replace('a', '\\ud83d')"),
        '{"a": "\\ud83d{% if now %}\\ude00{% endif %}"}',
    ],
    "thousands of digits": [
        '{"a": ' + "9" * 5_000 + "}",
        value("9" * 5_000),
        value("user.groups[" + "9" * 5_000 + "]"),
        value("user.groups." + "1" * 5_000),
        value("'a'|truncate(" + "9" * 5_000 + ")"),
        '{"a": 1e' + "9" * 5_000 + "}",
        value("1." + "0" * 5_000),
        value("1" + "_1" * 3_000),
        value("0x" + "f" * 5_000),
        '{"a": 0.' + "0" * 5_000 + "1}",
        value("1e" + "9" * 19),
    ],
    "deep nesting": [
        *[
            value(opening * depth + "1" + closing * depth)
            for opening, closing in [
                "()",
                "[]",
                ("(1 or (0 and ", "))"),
                ("{1:", "}"),
                ("not ", ""),
                ("- ", ""),
                ("1 if 1 else ", ""),
                ("user.groups[", "]"),
                ("1|default(", ")"),
            ]
            for depth in (30, 500, 1_200)
        ],
        *['{"a": ' + "[" * depth + "1" + "]" * depth + "}" for depth in (12, 1_000, 8_000)],
        *['{"a":' * depth + "1" + "}" * depth for depth in (13, 1_000, 2_300)],
        *['{"a": [' + "{% if 1 %}" * depth + "1" + "{% endif %}" * depth + "]}" for depth in (11, 100, 700)],
        *[
            '{"a": [' + "{% for x in user.groups %}" * depth + "1" + "{% endfor %}" * depth + "]}"
            for depth in (3, 25, 350)
        ],
        value("(" * 16_000),
        value("[" * 16_000),
        value("not " * 4_000),
        value("1|json" + "|json" * 3_000),
        value("user" + ".a" * 8_000),
        value("user.groups" + "[0]" * 5_000),
    ],
    "unclosed": [
        fill(unit, '{"a": "', "") for unit in ("{{", "{%", "{#", "{{'", '{{"', "{%raw%}", "{{(", "{%-", "{{ '}} ")
    ],
    "encodings": [
        '\ufeff{"a": 1}',
        '{"a": 1}\0',
        '{"a":\r1}',
        '{"a"\u00a0: 1}',
        '{"a": 1}\u2028',
        "{“a”: 1}",
        '{"a": ｛｝}',
        '{"a": \uff11}',
        value("ｕser.email"),
        value("user\u200b.email"),
    ],
    "duplicates": [
        '{"sub": "a", "sub": "b"}',
        '{"sub": "a", "s\\u0075b": "b"}',
        '{"sub": "a" {% if now %}"sub": "b"{% endif %}}',
        '{"a": {"x": 1, "\\u0078": 2}}',
    ],
    "claims of the site": [f'{{"{name}": 1}}' for name in ("exp", "nbf", "iat", "jti", "\\u0065xp")]
    + ['{"a": 1 {% if now %}"exp": 9999999999{% endif %}}'],
    "wrong registered claims": [
        '{"sub": 1}',
        '{"iss": null}',
        '{"aud": {}}',
        '{"aud": [1]}',
        '{"sub": ""}',
        '{"iss": {{ user.groups }}}',
        '{"sub": {{ now }}}',
    ],
    "size": [
        "x" * 100_000,
        '{"a": "' + "x" * 16_384 + '"}',
        "{" * 1_000_000,
        "{{" * 8_193,
        "é" * 8_193,
        '{"a": ' + "[" * 20_000,
    ],
}

COSTLY = {
    "tags": [
        fill(unit)
        for unit in (
            "{{now}}",
            "{{x}}",
            "{{$}}",
            "{##}",
            "{%raw%}",
            "{{-1-}}",
            "{{ }}",
            "{{user}}",
            "{{_}}",
            "{{'",
            "{%x%}",
            "{{1+1}}",
            "{{now|x}}",
        )
    ],
    "distinct tags": [
        '{"a":"' + "".join(f"{{{{{word}{index}}}}}" for index in range(100, size)) + '"}'
        for word, size in (("", 2_400), ("user.emai", 1_100), ("n", 1_700), ("'", 1_800))
    ],
    "blocks": [
        fill(unit, '{"a": [', "1]}")
        for unit in (
            "{%if now%}",
            "{%endif%}",
            "{%else%}",
            "{%if now%}{%endif%}",
            "{%for x in user.groups%}",
            "{%for x in user.groups%}{%endfor%}",
        )
    ]
    + [fill("{%elif now%}", '{"z":1,{%if now%}', "{%endif%}}")],
    "items": [fill(unit, '{"a":[', "1]}") for unit in ("1,", "{},", "[],", '"",', "{{1}},", "null,")],
    "one tag": [
        fill(unit, '{"a":{{', "1}}}")
        for unit in (
            "1 or ",
            "1~",
            "not ",
            "- ",
            "(",
            "[",
            "1 if 1 else ",
            "(1 and 1) or ",
            "1==1 and ",
            "user.email or ",
            "'a'in'b' or ",
            "user.groups[0] or ",
            "1,",
            "1_",
        )
    ],
    "names": ["{" + ",".join(f'"{index}":1' for index in range(count)) + "}" for count in (100, 1_500)]
    + ['{"z":1,{%if now%}' + "{%elif now%}".join(f'"{index}":1' for index in range(98)) + "{%endif%}}"],
    "text": [
        fill(unit) for unit in ("\\n", "\\ud83d\\ude00", "é", "{ ", "%globals_", "%asset_x%", "\\", "\\u", "\\ud800")
    ]
    + [
        value("'" + "\\n" * 4_000 + "'"),
        value("'" + "a" * 16_000 + "'"),
        value("x" * 16_000),
        '{"a": "' + "{% " * 5_000,
        '{"a": "' + ("{%" + " " * 100) * 160,
    ],
    "known bombs": [
        fill("[[", '{"a":', ""),
        '{"a":{{ ' + "'x'|replace('x','xxxxxxxxxx')" + "|replace('x','xxxxxxxxxx')" * 500 + "}}}",
        value("user.username" + "|replace('a','aaaaaaaaaa')" * 18),
        value(" ~ ".join(["user.email"] * 600)),
    ],
}


def test_there_are_at_least_300_hostile_templates_and_3_of_each_class(capsys):
    count = sum(map(len, [*REFUSED.values(), *COSTLY.values()]))
    with capsys.disabled():
        print(f"\n{count} hostile templates in {len(REFUSED) + len(COSTLY)} classes")
    assert count >= 300
    assert min(map(len, [*REFUSED.values(), *COSTLY.values()])) >= 3


def timed(work):
    begun = time.process_time()
    given = work()
    assert time.process_time() - begun < 1.0
    return given


@pytest.mark.parametrize("name", REFUSED)
def test_a_hostile_template_is_refused_with_its_place(name):
    for text in REFUSED[name]:
        found = timed(lambda text=text: problems(text))
        assert found, text[:200]
        assert all(problem.line >= 1 and problem.column >= 1 and problem.reason for problem in found), text[:200]
        assert "\n" not in str(found[0]), text[:200]


def costs_little(text):
    if not timed(lambda: problems(text)):
        template = compile(text, ATTRIBUTES, PARAMS)
        try:
            timed(lambda: render(template, ADA))
        except TemplateError as error:
            assert error.reason


@pytest.mark.parametrize("name", COSTLY)
def test_a_costly_template_costs_little(name):
    for text in COSTLY[name][:1]:
        costs_little(text)


@pytest.mark.slow
@pytest.mark.parametrize("name", COSTLY)
def test_every_costly_template_costs_little(name):
    for text in COSTLY[name]:
        costs_little(text)


def peak(text):
    tracemalloc.start()
    check(text, ATTRIBUTES, PARAMS)
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found


def test_a_costly_template_needs_less_than_64_megabytes():
    assert peak(COSTLY["known bombs"][1]) < 64_000_000


@pytest.mark.slow
@pytest.mark.parametrize("name", [*REFUSED, *COSTLY])
def test_no_hostile_template_needs_64_megabytes(name):
    for text in (REFUSED | COSTLY)[name]:
        assert peak(text) < 64_000_000, text[:200]


# Templates that are fine but work hard

LISTS = person(
    groups=[f"{'x' * 200}{number * 7919 % 1_000:04}" for number in range(1_000)],
    roles=[str(number) for number in range(1_000)],
    username="u" * 8_000,
)
OUTER, INNER = "{% for a in user.roles %}", "{% for a in user.roles %}{% for b in user.groups %}"
BODIES = {
    "nothing": "",
    "a number": "1",
    "objects": ",".join(["{}"] * 2_000),
    "lists": ",".join(["[[]]"] * 1_500),
    "items": "{{ a }}",
    "conditions": "{% if " + " and ".join(["1"] * 1_500) + " %}1{% endif %}",
    "long texts": "{% if " + " and ".join(["user.username ~ ''"] * 400) + " %}1{% endif %}",
    "sorting": "{{ user.groups | sort | unique | sort | length }}",
    "looking": "{% if 'x' in user.groups %}1{% endif %}",
    "comparing": "{% if user.groups == user.groups %}1{% endif %}",
    "joining": "{{ user.roles | join('-') | sha256 }}",
    "replacing": "{{ user.username | replace('u', '') | length }}",
    "whole lists": "{{ user.groups }}",
    "json": "{{ user.roles | json }}",
    "names": '{"' + "n" * 5_000 + '": 1}',
    "indexes": "{% if " + " or ".join(["user.groups[2000]"] * 500) + " %}1{% endif %}",
    "choices": "{% if " + " or ".join(["(0 if 1 else 1)"] * 400) + " %}1{% endif %}",
    "comparisons": "{% if " + " or ".join(["'a' in 'b'"] * 700) + " %}1{% endif %}",
    "literal lists": "{{ [" + "1," * 999 + "1] }}",
    "defaults": "{{ a" + " | default(1)" * 15 + " }}",
}


@pytest.mark.parametrize("loops", [OUTER, pytest.param(INNER, marks=pytest.mark.slow)], ids=["one loop", "two loops"])
@pytest.mark.parametrize("body", BODIES)
def test_a_template_that_works_hard_ends_soon(body, loops):
    work_hard(body, loops, None)


def test_noting_the_sources_of_many_claims_ends_soon():
    work_hard("items", OUTER, {})


@pytest.mark.slow
@pytest.mark.parametrize("loops", [OUTER, INNER], ids=["one loop", "two loops"])
@pytest.mark.parametrize("body", BODIES)
def test_noting_the_sources_of_any_claims_ends_soon(body, loops):
    work_hard(body, loops, {})


def work_hard(body, loops, sources):
    """Render with as many steps as there may be, in a second of CPU: in the least of five tries on a busy machine."""
    ends = "{% endfor %}" * loops.count("for")
    template = compile('{"a": [' + loops + BODIES[body] + ends + "]}", ATTRIBUTES, PARAMS)
    assert any(render_hard(template, sources) < 1.0 for _ in range(5))


def render_hard(template, sources):
    """Return the seconds of CPU that it takes to give claims, or to refuse, for the right reason."""
    begun = time.process_time()
    try:
        given = render(template, LISTS, None if sources is None else {})
    except TemplateError as error:
        given = None
        assert "200,000 steps" in error.reason or "8,192" in error.reason
    spent = time.process_time() - begun
    assert given is None or len(str(given)) < 3_000_000
    return spent


def test_a_render_does_at_most_200000_steps():
    text = '{"a": "{% for a in user.roles %}' + "x" * 100 + '{% endfor %}"}'
    assert len(render(compile(text), LISTS)["a"]) == 100_000
    with pytest.raises(TemplateError, match="200,000 steps") as caught:
        render(compile('\n{"b": 1,\n' + text[1:].replace("x" * 100, "x" * 250)), LISTS)
    assert (caught.value.line, caught.value.column, caught.value.name) == (3, 7, None)
