"""The payload of the Squiz Matrix JSON Web Token asset, with our placeholders, for people who choose their names.

The relying parties are joserfc and Node's jsonwebtoken: both must accept each token, and each claim
must be the person's attribute, byte for byte.
"""

import itertools
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from mintmark.models import writing
from mintmark.people import find_person, revise
from tests.conftest import SECRET, skip_or_fail
from tests.making import MATRIX, make_asset, make_person

NODE = """
const jwt = require("jsonwebtoken");
const lines = require("fs").readFileSync(0, "utf8").trim().split("\\n");
const options = {algorithms: ["HS256"], clockTimestamp: Number(process.argv[2])};
console.log(JSON.stringify(lines.map(token => jwt.verify(token, process.argv[1], options))));
"""
PIECES = {
    "closes the string": ['","admin":true,"z":"', '"', '\\"', '"}', '","sub":"ada', '\\\\"', '"\\'],
    "is a template": [
        "{{ user.email }}",
        "{% raw %}",
        "{{7*7}}",
        "{# #}",
        "{{",
        "}}",
        "%}",
        "{{ ''.__class__ }}",
        "${7*7}",
        "<%= 7 %>",
    ],
    "escapes": ["\\", "\\u0022", "\\n", "\\\\", "\\u", "\\x00", "%22", "&quot;", "&#34;", "\\ud800"],
    "controls": ["\n", "\r\n", "\t", "\x01", "\x1f", "\x7f", "\x85", "\u2028", "\u2029", "\x1b[31m", "\ufeff"],
    "scripts": [
        "<script>alert(1)</script>",
        "</script>",
        "'><img src=x>",
        "javascript:",
        "]]>",
        "<!--",
        "'--",
        "'; DROP TABLE person",
        "`id`",
    ],
    "letters": [
        "Ünïcödé",
        "李小龍",
        "Владимир",
        "محمد",
        "שלום",
        "ไทย",
        "e\u0301",
        "ﬁ",
        "ß",
        "İ",
        "ǆ",
        "𝔸",
        "\u202egpj.exe",
        "\u200f",
        "a\u200db",
    ],
    "emoji": ["👩‍👩‍👧‍👦", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "🇨🇭", "❤️", "\U0010ffff", "\ue000", "\ufffd", "\uffff"],
    "looks like JSON": ["null", "true", "[]", "{}", "0", "-0", "1e999", "NaN", '{"a":1}', "//", "/* */"],
    "spaces": [" ", "  x  ", "\u00a0", "\u3000", "\u200b", "\u180e"],
    "long": ["a" * 255, "ä" * 255, "😀" * 255, '"' * 255, "\\" * 255],
}
NAMES = sorted({a for kind in PIECES.values() for a in kind}
               | {(a + b)[:255] for a, b in itertools.islice(itertools.product(
                   [kind[0] for kind in PIECES.values()] + PIECES["closes the string"],
                   [each for kind in PIECES.values() for each in kind[:4]]), 400)})  # fmt: skip


def verified_by_node(tokens, now):
    node, modules = shutil.which("node"), Path(__file__).parent / "node_modules"
    if not node or not (modules / "jsonwebtoken").exists():
        skip_or_fail("Node and jsonwebtoken are needed: npm ci --prefix tests")
    done = subprocess.run(
        [node, "-e", NODE, SECRET, str(int(now))],
        cwd=modules.parent,
        input="\n".join(tokens),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
@pytest.mark.slow
def test_for_hostile_names_both_libraries_read_the_persons_attributes_byte_for_byte(house):
    make_person(house, "ben")
    make_asset(house, "a", MATRIX)
    client, tokens, names = house.signed_in("ben"), [], NAMES[:400]
    for number, name in enumerate(names):
        with house.app.app_context(), writing():
            revise(find_person("ben"), {"first_name": name, "last_name": names[-number]}, by=house.by())
        answer = client.get("/a")
        assert answer.status_code == 200, ascii(name)
        tokens.append(answer.text)
    print(f"{len(names)} hostile names of {len(PIECES)} kinds")
    assert len(names) >= 300 and all(len(kind) >= 3 for kind in PIECES.values())

    by_node = verified_by_node(tokens, house.clock())
    for number, (token, node_claims) in enumerate(zip(tokens, by_node, strict=True)):
        claims = jwt.decode(token, OctKey.import_key(SECRET), algorithms=["HS256"]).claims
        assert claims == node_claims
        assert claims.keys() == {"sub", "given_name", "family_name", "admin", "iat", "exp", "jti"}
        assert (claims["given_name"], claims["family_name"]) == (names[number], names[-number])
        assert (claims["sub"], claims["admin"]) == ("ben", False)
