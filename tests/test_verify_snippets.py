"""The code that relying parties copy: filled in, safe to fill in, and run here as the page shows it (RFC 8725)."""

import ast
import hmac
import html
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from mintmark import keypairs, verify_snippets
from mintmark.assets import overlap, save
from mintmark.assets.secrets import read_secret
from mintmark.keypairs import KeyPair
from mintmark.models import writing
from mintmark.tokens import ALGORITHMS, SECRET_ALGORITHMS, Signer
from mintmark.verify_snippets import LANGUAGES, LEEWAY, Facts, snippets_for
from mintmark.verify_snippets.literals import literal_writer
from tests.conftest import SECRET, House, skip_or_fail
from tests.hostile import TEXTS
from tests.making import key_pair, make_asset, make_group, make_key, make_next_key, make_person
from tests.relying_party import forged, part, parts_of
from tests.serving import free_port, served
from tests.test_pages import Page

ROOT = Path(__file__).parents[1]
RUN = {language.label: language for language in LANGUAGES if language.is_run}
FILES = {"Python": "verify.py", "Node": "verify.mjs", "Ruby": "verify.rb", "Go": "verify.go"}
# One process for several tokens; a program in Go is so quick that each token has its own.
TOGETHER = {
    "Python": [sys.executable, "-c", """
import json, sys, verify
def judged(token):
    try:
        return verify.verify(token), ""
    except (verify.jwt.PyJWTError, ValueError) as error:
        return None, f"refused: {error}"
print(json.dumps([judged(token) for token in sys.argv[1:]]))"""],
    "Node": ["node", "--input-type=module", "-e", """
import { verify } from "./verify.mjs";
const judged = (token) => verify(token).then((claims) => [claims, ""], (error) => [null, `refused: ${error.message}`]);
console.log(JSON.stringify(await Promise.all(process.argv.slice(1).map(judged))));
process.exitCode = 0;"""],
    "Ruby": ["ruby", "-e", """
load "verify.rb"
def judged(token) = [verify(token), ""] rescue [nil, "refused: #{$!.message}"]
puts JSON.generate(ARGV.map { |token| judged(token) })"""],
}  # fmt: skip
TEMPLATE = json.dumps({"aud": "https://desk.test", "iss": "https://tokens.test", "sub": "ben"})
EVERY_FACTS = [
    Facts(algorithm, key_set, False, audience_is, audience, issuer, has_expiry, typ)
    for (algorithm, key_set), (audience_is, audience), issuer, has_expiry, typ in itertools.product(
        [("HS256", None), ("RS256", "https://t.test/.well-known/jwks/a")],
        [("fixed", "https://desk.test"), ("absent", None), ("varies", None)],
        [None, "https://t.test"],
        [True, False],
        ["JWT", "at+jwt"],
    )
]
# What would be more than a text in one of the languages, each with some of its kin.
HOSTILE = {
    "Python": '"); os.system("touch pwned"); ("\\N{DIGIT ONE}{0}%s',
    "Node": '${process.exit(0)}`"+process.exit(0)+"\\u{22}</script>\u2028\u2029',
    "Ruby": '#{exit 0}#$0#@x" + `touch pwned` + "%x(touch pwned)\\',
    "Go": '`+os.Exit(0)+`"\\x22\n)\nfunc init() { os.Exit(0) }\n//',
    "PHP": '$x{$_SERVER["x"]}<?php ?>\\$',
    "Java": '\\u0022+System.exit(0)+\\u0022\\uuuu0022\\134',
    "the rest": "\t\r\n\x7f\x85\xa0é\u202eيمن👩🏽‍🚀\U0010ffff'\"\\",
}  # fmt: skip


# Filling in, without running anything


def decoded(literal, slug):
    """Read a literal as its language does: quotes, few characters that stand for themselves, escapes by number."""
    assert literal[0] == literal[-1] == '"'
    escape = {"java": r"\\[0-3][0-7]{2}|(?:\\u[0-9a-f]{4})+", "python": r"\\u[0-9a-f]{4}|\\U[0-9a-f]{8}"}
    escape |= {"go": escape["python"]}
    pattern = escape.get(slug, r"\\u\{[0-9a-f]{1,6}\}")
    assert re.fullmatch(rf"(?:[A-Za-z0-9 ._~:/@+=&?,()-]|{pattern})*", literal[1:-1], re.ASCII), literal

    def character(found):
        digits = re.sub(r"[^0-9a-f]", "", found[0], flags=re.ASCII)
        if slug == "java" and "u" not in found[0]:
            return chr(int(digits, 8))
        if slug == "java":
            return bytes.fromhex(digits).decode("utf-16-be")
        return chr(int(digits, 16))

    return re.sub(pattern, character, literal[1:-1])


def test_a_literal_is_the_text_and_can_be_nothing_else_in_each_language():
    texts = [*HOSTILE.values(), *TEXTS, *map(chr, range(0x500)), "\ufeff", "\ufffe", "\U0001f980", ""]
    for language in LANGUAGES:
        write = literal_writer(language.slug)
        for text in texts:
            assert decoded(write(text), language.slug) == text, (language.slug, text)
    for text in texts:
        assert ast.literal_eval(literal_writer("python")(text)) == text
        # Java reads `\u0022` before it looks for the end of a text: of what it could mean, nothing is written so.
        assert not re.search(r"\\u00[0-7]", literal_writer("java")(text)), text


def test_only_texts_and_whole_numbers_become_literals():
    write = literal_writer("python")
    assert (write(30), write("30")) == ("30", '"30"')
    for value in (None, True, 1.5, b"x", ["x"], {"x": 1}):
        with pytest.raises(TypeError, match="text or a whole number"):
            write(value)


def test_no_source_writes_a_value_past_the_literals():
    for language in LANGUAGES:
        source = (Path(verify_snippets.__file__).parent / f"sources/{language.slug}.txt").read_text()
        assert set(re.findall(r"\{\{ (.*?) \}\}", source)) <= {
            "algorithm", "key_set", "audience", "issuer", "typ", "leeway"}  # fmt: skip
        assert not re.search(r"\||safe|autoescape|raw|include", "".join(re.findall(r"\{%.*?%\}|\{\{.*?\}\}", source)))
        with pytest.raises(UndefinedError):
            verify_snippets._source(language.slug).render(algorithm="HS256")


def test_a_hostile_value_changes_nothing_of_the_code_but_its_literal():
    for facts in EVERY_FACTS:
        if facts.audience_is != "fixed" or facts.issuer is None:
            continue
        for text in HOSTILE.values():
            hostile = Facts(facts.algorithm, facts.key_set and "https://t.test/K", False, "fixed", text, text + "I", facts.has_expiry, facts.typ)  # fmt: skip
            plain = Facts(facts.algorithm, hostile.key_set, False, "fixed", "AUDIENCE-X", "ISSUER-X", facts.has_expiry, facts.typ)  # fmt: skip
            for one, other in zip(snippets_for(hostile), snippets_for(plain), strict=True):
                write = literal_writer(one.language.slug)
                as_plain = one.code.replace(write(text + "I"), '"ISSUER-X"').replace(write(text), '"AUDIENCE-X"')
                assert as_plain == other.code and one.code.isascii(), one.language.slug


def test_of_every_asset_the_code_pins_the_algorithm_and_asks_for_what_is_fixed():
    for facts in EVERY_FACTS:
        for snippet in snippets_for(facts):
            code, write = snippet.code, literal_writer(snippet.language.slug)
            assert code.count(write(facts.algorithm)) == 1 and re.search(rf"\b{LEEWAY}\b", code)
            assert ("TOKEN_SECRET" in code) is (facts.key_set is None)
            # Whoever forgot the setting would take tokens that anybody can sign; Java's library refuses by itself.
            assert ("TOKEN_SECRET is empty" in code) is (facts.key_set is None and snippet.language.slug != "java")
            assert facts.key_set is None or write(facts.key_set) in code
            assert ("TOKEN_AUDIENCE" in code) is (facts.audience_is == "varies")
            assert facts.audience is None or write(facts.audience) in code
            assert facts.issuer is None or write(facts.issuer) in code
            assert ('"exp"' in code or "Expiry == nil" in code or "->exp" in code) is facts.has_expiry
            assert "{%" not in code and "{{" not in code and "\n\n\n\n" not in code and code.endswith("\n")
            assert "none" not in code.casefold() and write(facts.typ) in code  # RFC 8725 §3.11
            # PHP ends with 0 where it is given words to end with.
            assert snippet.language.slug != "php" or not re.search(r"\b(?:exit|die)\b(?!\(1\))", code)


def test_python_code_can_be_read_by_python():
    for facts in EVERY_FACTS:
        compile(next(each.code for each in snippets_for(facts) if each.language.slug == "python"), "verify.py", "exec")


def test_where_a_library_cannot_do_it_there_is_a_reason_instead_of_code():
    lacking = {}
    for algorithm in ALGORITHMS:
        key_set = None if algorithm in SECRET_ALGORITHMS else "https://t.test/k"
        for snippet in snippets_for(Facts(algorithm, key_set)):
            assert (snippet.code is None) is bool(snippet.reason)
            if snippet.code is None:
                lacking.setdefault(snippet.language.label, []).append(algorithm)

    assert lacking == {"Ruby": ["EdDSA"], "PHP": ["PS256"], "Java": ["EdDSA"]}
    weak = {each.language.label for each in snippets_for(Facts("HS256", is_weak=True)) if each.code is None}
    assert weak == {"PHP", "Java"}
    assert list(RUN) == ["Python", "Node", "Ruby", "Go"]


def test_a_fixed_audience_has_a_text_and_no_other_has_one():
    for facts in (
        Facts("HS256", audience_is="fixed"),
        Facts("HS256", audience="x"),
        Facts("HS256", None, False, "varies", "x"),
    ):
        with pytest.raises(ValueError, match="fixed audience"):
            snippets_for(facts)


# The page


def codes_of(answer):
    """Return language → code, as whoever copies it from the page gets it."""
    assert answer.status_code == 200, answer.text
    found = re.findall(r'data-copy="the code in (\w+)"><pre dir="ltr"><code>(.*?)</code></pre>', answer.text, re.DOTALL)
    return {label: html.unescape(code) for label, code in found}


def shown(client, asset_id):
    return client.get(f"/admin/assets/{asset_id}/verify")


def words_of(answer):
    return " ".join(Page(answer.text).text.split())


def test_the_page_shows_the_code_of_an_asset_with_a_secret_and_nothing_of_the_secret(sqlite_house):
    house = sqlite_house
    make_person(house, "ada", is_admin=True)
    asset_id = make_asset(house, "desk", TEMPLATE, headers={"kid": "desk-1"})
    secret = house.rows("SELECT fingerprint FROM secret")[0]

    answer = shown(house.signed_in("ada"), asset_id)

    expected = Facts("HS256", None, False, "fixed", "https://desk.test", "https://tokens.test")
    assert codes_of(answer) == {each.language.label: each.code for each in snippets_for(expected)}
    words = words_of(answer)
    assert "desk-1" in words and "TOKEN_SECRET" in words and "30 seconds" in words and "jti" in words
    assert "Type JWT" in words and "iat" in words
    assert SECRET not in answer.text and secret["fingerprint"] not in answer.text
    page = Page(answer.text)
    assert (
        len(page.all("details")) == 6
        and [each for each in page.all("details") if "open" in each] == page.all("details")[:1]
    )
    assert words.count("Not run by us") == 2


def test_the_page_shows_the_key_set_and_the_key_that_signs_now(sqlite_house):
    house = sqlite_house
    make_person(house, "ada", is_admin=True)
    make_key(house, "site-1", "EdDSA")
    asset_id = make_asset(house, "desk", '{"sub": "x"}', signing_key="site-1", lifetime=None, claims={"iat": True, "jti": False, "nbf": False})  # fmt: skip
    make_next_key(house, "site-1", "site-2")

    answer = shown(house.signed_in("ada"), asset_id)

    codes, words = codes_of(answer), words_of(answer)
    url = f"{house.mint.settings.site_url}/.well-known/jwks/desk"
    expected = snippets_for(Facts("EdDSA", url, has_expiry=False))
    assert codes == {each.language.label: each.code for each in expected if each.code} and len(codes) == 4
    assert "site-1 signs now" in words and "site-2" not in words
    assert all(each.reason.replace("`", "") in words for each in expected if each.reason)
    assert "no jti" in words and "no exp" in words and "TOKEN_SECRET" not in answer.text


def test_what_is_fixed_comes_from_the_template_or_from_the_contract(sqlite_house):
    house = sqlite_house
    make_person(house, "ada", is_admin=True)
    ada = house.signed_in("ada")
    by_user, held = '"{{ user.username }}"', {"required": True, "constant": "held"}
    cases = [
        ('{"sub": "x"}', None, ("absent", None, None)),
        ('{"sub": "x", "aud": "a", "iss": "i"}', None, ("fixed", "a", "i")),
        ('{"sub": "x", "aud": ["b", "a"]}', None, ("fixed", "a", None)),
        (f'{{"sub": "x", "aud": {by_user}, "iss": {by_user}}}', None, ("varies", None, None)),
        ('{"sub": "x" {% if user.is_admin %}, "aud": "a", "iss": "i" {% endif %} }', None, ("varies", None, None)),
        (f'{{"sub": "x", "aud": {by_user}, "iss": {by_user}}}', {"aud": held, "iss": held}, ("fixed", "held", "held")),
        (f'{{"sub": "x", "aud": {by_user}}}', {"aud": {"constant": "held"}}, ("varies", None, None)),
        (f'{{"sub": "x", "aud": {by_user}}}', {"aud": {"required": True, "type": "text"}}, ("varies", None, None)),
    ]
    for number, (template, claims, expected) in enumerate(cases):
        asset_id = make_asset(house, f"a{number}", template, contract=claims and {"claims": claims})
        facts = Facts("HS256", None, False, *expected)
        assert codes_of(shown(ada, asset_id))["Python"] == snippets_for(facts)[0].code, template


def test_a_staged_secret_and_a_weak_one_are_said(sqlite_house):
    house = sqlite_house
    make_person(house, "ada", is_admin=True)
    asset_id = make_asset(house, "desk", secret="short-one", weak=True)
    ada = house.signed_in("ada")
    assert "staged" not in words_of(shown(ada, asset_id)) and len(codes_of(shown(ada, asset_id))) == 4

    with house.app.app_context(), writing():
        secret = read_secret("n" * 40, "text", algorithm="HS256")
        overlap.stage(save.find_asset("desk"), secret, sealer=house.mint.settings.sealer, by=house.by())

    assert "Another secret is staged" in words_of(shown(ada, asset_id))


def test_editors_of_the_asset_see_it_and_others_do_not(sqlite_house):
    house = sqlite_house
    make_group(house, "desk")
    make_person(house, "eve", groups=["desk"])
    make_person(house, "ben")
    asset_id, other_id = make_asset(house, "desk", editors=["desk"]), make_asset(house, "chat")

    assert shown(house.signed_in("eve"), asset_id).status_code == 200
    assert shown(house.signed_in("eve"), other_id).status_code == 403
    assert shown(house.signed_in("ben"), asset_id).status_code == 403
    assert shown(house.client(), asset_id).status_code == 303


# Run as shown


class Bench:
    """Writes code as the page shows it into files, and runs it with a token on standard input."""

    def __init__(self, folder, cache):
        self.folder, self.cache, self.count = folder, cache, Counter()
        for program in ("node", "ruby", "go"):
            if not shutil.which(program):
                skip_or_fail(f"{program} is needed: apt-get install nodejs ruby golang-go")
        if not (ROOT / "tests/node_modules/jose").exists():
            skip_or_fail("jose is needed: npm ci --prefix tests")
        if subprocess.run(["ruby", "-e", 'require "jwt"'], capture_output=True).returncode:
            skip_or_fail("The gem jwt is needed: apt-get install ruby-jwt")
        if not Path("/usr/share/gocode/src/gopkg.in/square/go-jose.v2").exists():
            skip_or_fail("go-jose is needed: apt-get install golang-gopkg-square-go-jose.v2-dev")
        (folder / "node_modules").symlink_to(ROOT / "tests/node_modules")

    def write(self, label, name, code):
        """Keep code under a name."""
        place = self.folder / label / name
        place.mkdir(parents=True)
        (place / FILES[label]).write_text(code, encoding="ascii")
        return place

    def build(self):
        """Compile all that is in Go at once."""
        places = [f"./{place.name}" for place in sorted((self.folder / "Go").iterdir()) if place.is_dir()]
        environ = {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOFLAGS": "", "GOCACHE": str(self.cache)}  # fmt: skip
        formed = subprocess.run(
            ["gofmt", "-l", "."], cwd=self.folder / "Go", capture_output=True, text=True, check=True
        )
        assert formed.stdout == ""
        built = subprocess.run(
            ["go", "build", "-ldflags=-w", "-o", str(self.folder / "built") + "/", *places],
            cwd=self.folder / "Go",
            env={**os.environ, **environ},
            capture_output=True,
            text=True,
        )
        assert built.returncode == 0, built.stderr

    def command(self, label, name):
        place = self.folder / label / name / FILES[label]
        first = {"Python": sys.executable, "Node": "node", "Ruby": "ruby"}
        return [self.folder / "built" / name] if label == "Go" else [first[label], place]

    def run(self, label, name, token, **environ):
        """Return the claims that the code prints, or None and its reason."""
        done = self._done(label, name, self.command(label, name), token, environ)
        if done.returncode == 0:
            return json.loads(done.stdout), ""
        assert done.stdout == "" and done.stderr.strip(), (label, name, done)
        return None, done.stderr.strip()

    def run_together(self, label, name, tokens, **environ):
        """Return the same of several tokens, for which one process calls `verify`, as an application does."""
        done = self._done(label, name, [*TOGETHER[label], *tokens], "", environ)
        assert done.returncode == 0, (label, name, done)
        return json.loads(done.stdout)

    def _done(self, label, name, command, text, environ):
        self.count[label] += 1
        return subprocess.run(
            command,
            input=text,
            cwd=self.folder / label / name,
            env={"PATH": os.environ["PATH"], "PYTHONWARNINGS": "ignore", **environ},
            capture_output=True,
            text=True,
            timeout=60,
        )


@dataclass
class Case:
    """A token, or what makes one when its turn comes, for the code of a name; and whether it is to be accepted."""

    what: str
    name: str
    token: str | Callable[[], str]
    is_good: bool = False
    environ: dict = field(default_factory=dict)
    is_together: bool = False  # with others of the same name


def see_verdicts(bench, label, cases):
    """See that each is accepted or refused as it ought to be, two processes at a time."""

    groups = {}
    for number, case in enumerate(cases):
        groups.setdefault(case.name if case.is_together and label in TOGETHER else number, []).append(case)

    def judge(group):
        tokens = [case.token if isinstance(case.token, str) else case.token() for case in group]
        run = bench.run_together if len(group) > 1 else lambda *given, **environ: [bench.run(*given, **environ)]
        given = tokens if len(group) > 1 else tokens[0]
        found = run(label, group[0].name, given, **group[0].environ)
        return [(case, token, *verdict) for case, token, verdict in zip(group, tokens, found, strict=True)]

    with ThreadPoolExecutor(2) as pool:
        verdicts = list(itertools.chain.from_iterable(pool.map(judge, groups.values())))
    for case, token, claims, reason in verdicts:
        assert (claims is not None) is case.is_good, (label, case.what, case.name, claims, reason)
        assert case.is_good or reason.startswith("refused: ") or "is empty" in reason, (label, case.what, reason)
        assert not re.search("connect|timed out|fetch|Errno", reason, re.IGNORECASE), (label, case.what, reason)
        if case.is_good:
            assert claims == parts_of(token)[1], (label, case.what)
    good = sum(case.is_good for case in cases)
    print(f"{label}: {good} tokens accepted, {len(cases) - good} refused, {bench.count[label]} processes")


class Site:
    """A house at an address, at the time that it is, with ada who looks at pages and ben who fetches."""

    def __init__(self, house, url, bench):
        self.house, self.url, self.bench = house, url, bench
        make_person(house, "ada", is_admin=True)
        make_person(house, "ben")
        self.ada, self.ben = house.signed_in("ada"), house.signed_in("ben")
        self.keys = {}

    def add(self, algorithm, path, label, template=TEMPLATE, secret="", **fields):
        """Make an asset, keep the code that its page shows, fetch a token; None where there is no code."""
        key_id = f"kid-{path}"
        if algorithm in SECRET_ALGORITHMS:
            secret = secret or (f"the-secret-of-{path}-" * 9)[:64]
            asset_id = make_asset(self.house, path, template, secret=secret, algorithm=algorithm, headers={"kid": key_id}, **fields)  # fmt: skip
            self.keys[path] = secret.encode()
        else:
            number = len(self.keys)
            make_key(self.house, key_id, algorithm, number=number)
            asset_id = make_asset(self.house, path, template, signing_key=key_id, **fields)
            self.keys[path] = key_pair(algorithm, number).private
        code = codes_of(shown(self.ada, asset_id)).get(label)
        if code is None:
            return None
        self.bench.write(label, path, code)
        answer = self.ben.get(f"/{path}")
        assert answer.status_code == 200
        environ = {"TOKEN_SECRET": secret} if algorithm in SECRET_ALGORITHMS else {}
        return Case("fetched", path, answer.text, True, environ)


@pytest.fixture
def site(sqlite_house, tmp_path, tmp_path_factory):
    folder = tmp_path / "bench"
    folder.mkdir()
    bench = Bench(folder, tmp_path_factory.getbasetemp() / "go-cache")
    house = House({**sqlite_house.overrides, "BIND": f"127.0.0.1:{free_port()}"})
    house.clock.now = time.time()
    house.asked = Counter()

    @house.app.before_request
    def count():
        from flask import request

        house.asked[request.path] += 1

    with served(house) as url:
        yield Site(house, url, bench)
    house.close()


def another_pair(algorithm):
    return (
        KeyPair(algorithm, key_pair("RS256", 100).private) if keypairs.is_rsa(algorithm) else key_pair(algorithm, 100)
    )


def with_empty_secret(header, claims):
    """Return a token that is signed with no bytes, as anybody can where a setting was forgotten."""
    signing_input = f"{part(header)}.{part(claims)}"
    hash = header["alg"].replace("HS", "sha")
    return f"{signing_input}.{part(hmac.digest(b'', signing_input.encode(), hash))}"


def refused_of(site, case, algorithm):
    """Yield what only looks like the token of an asset: (what, token)."""
    key, header, claims = site.keys[case.name], *parts_of(case.token)[:2]
    head, middle, signature = case.token.split(".")
    is_secret = algorithm in SECRET_ALGORITHMS

    def sign(given, key=key, algorithm=algorithm, key_id=header["kid"], headers=None):
        return Signer(algorithm, key, headers or {}, key_id).sign(given)

    def without(name):
        return {each: value for each, value in claims.items() if each != name}

    other = key[:-1] + b"x" if is_secret else another_pair(algorithm).private
    yield "tampered claims", f"{head}.{part({**claims, 'sub': 'ada'})}.{signature}"
    yield "tampered signature", f"{head}.{middle}.{('B' if signature[0] == 'A' else 'A') + signature[1:]}"
    yield "another key", sign(claims, other)
    yield "expired", sign({**claims, "exp": int(time.time()) - LEEWAY - 5})
    yield "none", forged({**header, "alg": "none"}, claims)
    yield "no exp", sign(without("exp"))
    yield "another aud", sign({**claims, "aud": "https://desk.test.evil.test"})
    yield "no aud", sign(without("aud"))
    yield "another iss", sign({**claims, "iss": "https://tokens.test/"})
    yield "not yet", sign({**claims, "nbf": int(time.time()) + 500})
    yield "of the future", sign({**claims, "iat": int(time.time()) + 500, "exp": int(time.time()) + 900})
    yield "another typ", sign(claims, headers={"typ": "logout+jwt"})
    if is_secret:
        wrong = {"HS256": "HS384", "HS384": "HS512", "HS512": "HS256"}[algorithm]
        yield "the same secret, another algorithm", sign(claims, algorithm=wrong)
        yield "a key pair’s algorithm", sign(claims, key_pair("RS256", 100).private, "RS256")
        yield "an empty secret", with_empty_secret(header, claims)
    else:
        pem = keypairs.spki_pem(KeyPair(algorithm, key).public)
        confused = {**header, "alg": "HS256"}
        yield "confused by the PEM", forged(confused, claims, pem.encode())
        yield "confused by the stripped PEM", forged(confused, claims, pem.strip().encode())
        yield "an unknown key id", sign(claims, key_id="nobody")
        if keypairs.is_rsa(algorithm):
            yield (
                "the same key, another algorithm",
                sign(claims, algorithm="PS256" if algorithm != "PS256" else "RS256"),
            )


def just_expired(signer, claims):
    """Return what makes a token that expired less than the leeway ago, whenever that is asked."""
    return lambda: signer.sign({**claims, "exp": int(time.time()) - LEEWAY // 3})


THOROUGHLY = ("HS256", "RS256")
# Of the others, which differ by no line of the code: what tells whether the algorithm itself is handled right.
_CORE = frozenset({"tampered claims", "another key", "expired", "none",
                   "the same secret, another algorithm", "confused by the PEM"})  # fmt: skip


def malformed_of(token):
    """Yield what is no token although it has all that one has (RFC 7515 §2, §7.1): (what, text)."""
    head, middle, signature = token.split(".")
    yield from {"nothing": "", "no signature": f"{head}.{middle}."}.items()
    yield from {"padded": f"{token}=", "not ASCII": f"é{token}"}.items()
    yield "white space in the signature", f"{head}.{middle}.{signature[:9]}\n{signature[9:]}"
    yield "in JSON", json.dumps({"protected": head, "payload": middle, "signature": signature})


@pytest.mark.slow
@pytest.mark.parametrize("label", RUN)
def test_the_code_as_shown_accepts_tokens_of_the_site_and_refuses_what_only_looks_like_one(site, label):
    # Given an asset of each algorithm, with the code that its page shows.
    cases = []
    for algorithm in ALGORITHMS:
        case = site.add(algorithm, algorithm.lower(), label)
        if case is None:
            assert algorithm in RUN[label].lacking
            continue
        claims = parts_of(case.token)[1]
        is_thorough = algorithm in THOROUGHLY
        cases.append(case)
        refused = [
            Case(what, case.name, token, False, case.environ) for what, token in refused_of(site, case, algorithm)
        ]
        core = [each for each in refused if each.what in _CORE]
        assert len(refused) >= 14 and len(core) == 5
        # Each alone with one algorithm; with the others one process for several, which tells as much of the library.
        alone = refused if algorithm == "HS256" else core if is_thorough else []
        cases += [replace(each, is_together=each not in alone) for each in (refused if is_thorough else core)]
        if is_thorough:
            signer = Signer(algorithm, site.keys[case.name], {}, parts_of(case.token)[0]["kid"])
            late = just_expired(signer, claims)
            ahead = int(time.time()) + LEEWAY // 3
            several = signer.sign({**claims, "aud": ["https://other.test", "https://desk.test"], "iat": ahead, "nbf": ahead})  # fmt: skip
            cases += [Case("just expired", case.name, late, True, case.environ), Case("several, by a clock ahead", case.name, several, True, case.environ)]  # fmt: skip
    first = cases[0]
    header, claims, _ = parts_of(first.token)
    cases += [Case(what, first.name, text, False, first.environ) for what, text in malformed_of(first.token)]
    empty = with_empty_secret(header, claims)
    cases.append(Case("the secret is empty", first.name, empty, False, {"TOKEN_SECRET": ""}))
    if label == "Go":
        site.bench.build()

    # Then each token meets its verdict.
    see_verdicts(site.bench, label, cases)


@pytest.mark.slow
@pytest.mark.parametrize("label", RUN)
def test_the_code_runs_as_shown_where_something_is_not_fixed_and_where_what_is_fixed_is_hostile(site, label):
    def again(case, **claims):
        header, found, _ = parts_of(case.token)
        given = {name: value for name, value in {**found, **claims}.items() if value is not ...}
        return Signer(header["alg"], site.keys[case.name], {}, header["kid"]).sign(given)

    # Given assets without expiry or audience, with an audience of each person, with a weak secret, with a type.
    endless = site.add("ES256", "endless", label, '{"sub": "x"}', lifetime=None)
    varying = site.add("HS256", "varying", label, '{"sub": "x", "aud": "{{ user.username }}"}')
    weak = site.add("HS256", "weak", label, secret="short-one", weak=True)
    typed = site.add("ES256", "typed", label, headers={"typ": "at+jwt"})
    assert parts_of(typed.token)[0]["typ"] == "at+jwt"
    varying.environ = {**varying.environ, "TOKEN_AUDIENCE": "ben"}
    cases = [endless, varying, weak, typed]
    cases += [
        Case(f"an aud {aud!r} where there is none", "endless", again(endless, aud=aud), is_together=True)
        for aud in ("x", "", [], None)
    ]
    cases += [
        Case("the typ of another", "typed", again(typed)),
        Case("expired", "endless", again(endless, exp=int(time.time()) - 99), is_together=True),
        Case("the aud of another", "varying", again(varying, aud="ada"), False, varying.environ),
        Case("no aud", "varying", again(varying, aud=...), False, varying.environ),
    ]
    # And assets whose audience and issuer would be code.
    for number, text in enumerate((HOSTILE[label], HOSTILE["the rest"], "".join(HOSTILE.values()))):
        escaped = json.dumps({"aud": text, "iss": text + "!", "sub": "x"}).replace("{", r"\u007b")
        template = "{" + escaped.removeprefix(r"\u007b")
        case = site.add("HS256", f"hostile-{number}", label, template)
        assert parts_of(case.token)[1]["aud"] == text
        cases += [case, Case("hostile, not the same", case.name, again(case, aud=text[:-1]), False, case.environ)]
    # And one whose secret was handed over as base64, with the line that its comment has for that.
    code = (site.bench.folder / label / "weak" / FILES[label]).read_text()
    site.bench.write(label, "base64", with_base64(code, label))
    cases.append(Case("base64", "base64", weak.token, True, {"TOKEN_SECRET": "c2hvcnQtb25l"}))
    if label == "Go":
        site.bench.build()

    # Then what is compared is the text, and nothing else happens.
    see_verdicts(site.bench, label, cases)
    assert not list(site.bench.folder.rglob("pwned"))


def with_base64(code, label):
    """Return the code with what its comment says about base64 done."""
    advice = re.search(r"given as base64: (.*)", code)[1]
    before = {
        "Python": 'os.environ["TOKEN_SECRET"].encode()',
        "Node": 'Buffer.from(process.env.TOKEN_SECRET ?? "")',
        "Ruby": 'SECRET = ENV.fetch("TOKEN_SECRET")',
        "Go": 'key := []byte(os.Getenv("TOKEN_SECRET"))',
    }[label]
    assert code.count(before) == 1
    code = code.replace(before, "SECRET = " + advice if label == "Ruby" else advice)
    added = {"Python": ("import json", "import base64\nimport json"), "Go": ('\t"encoding/json"', '\t"encoding/base64"\n\t"encoding/json"')}  # fmt: skip
    return code.replace(*added[label], 1) if label in added else code


@pytest.mark.slow
def test_every_hostile_text_is_the_same_in_each_language_that_we_run(site):
    texts = [*HOSTILE.values(), *TEXTS]
    programs = {
        "Python": ("import json\nprint(json.dumps([", "]))"),
        "Node": ("console.log(JSON.stringify([", "]))"),
        "Ruby": ('require "json"\nputs JSON.generate([', "])"),
        "Go": ('package main\n\nimport (\n\t"encoding/json"\n\t"os"\n)\n\nfunc main() {\n\tjson.NewEncoder(os.Stdout).Encode([]string{', "})\n}\n"),
    }  # fmt: skip
    for label, (begin, end) in programs.items():
        literals = ", ".join(map(literal_writer(RUN[label].slug), texts))
        site.bench.write(label, "all", begin + literals + end)
    site.bench.build()
    for label in programs:
        assert site.bench.run(label, "all", "")[0] == texts, label
    print(f"{len(texts)} texts in {len(programs)} languages")


@pytest.mark.slow
def test_a_program_that_goes_on_fetches_the_key_set_once(site):
    """Of what is ours in the code, not the library's: Ruby and Go; an unknown key id does not hammer the site."""
    codes = {label: site.add("ES256", label.lower(), label) for label in ("Ruby", "Go")}
    nobody = {label: Signer("ES256", site.keys[case.name], {}, "nobody").sign(parts_of(case.token)[1]) for label, case in codes.items()}  # fmt: skip
    more = 'load "verify.rb"\nputs 5.times.map { ARGV.map { |each| verify(each)["sub"] rescue "refused" } }.to_json\n'
    (site.bench.folder / "Ruby/ruby/more.rb").write_text(more)
    (site.bench.folder / "Go/go/more.go").write_text("""package main

import (
	"encoding/json"
	"os"
)

func init() {
	found := [][]interface{}{}
	for round := 0; round < 5; round++ {
		row := []interface{}{}
		for _, token := range os.Args[1:] {
			if claims, err := verify(token); err == nil {
				row = append(row, claims["sub"])
			} else {
				row = append(row, "refused")
			}
		}
		found = append(found, row)
	}
	json.NewEncoder(os.Stdout).Encode(found)
	os.Exit(0)
}
""")
    site.bench.build()

    for label, command in {"Ruby": ["ruby", "more.rb"], "Go": [site.bench.folder / "built/go"]}.items():
        place = site.bench.folder / label / label.lower()
        site.house.asked.clear()
        done = subprocess.run(
            [*command, codes[label].token, nobody[label]], cwd=place, capture_output=True, text=True, check=True
        )
        assert json.loads(done.stdout) == [["ben", "refused"]] * 5
        assert site.house.asked == {f"/.well-known/jwks/{label.lower()}": 1}
