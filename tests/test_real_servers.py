"""HAProxy and Dovecot as Debian has them, with the configuration that we tell people to use, let in whom we vouch for.

Tokens are fetched from a running site whose assets were made of presets. What somebody makes of such a token is
refused: each of ATTACKS, by both servers, with a shared secret (HS256) and with a key (RS256).
"""

import base64
import hashlib
import json
import shlex
import subprocess
import tempfile
import time
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc.jwk import JWKRegistry

from mintmark import presets
from mintmark.tokens import Signer
from tests.conftest import SEALING_KEY, House
from tests.making import key_pair, make_asset, make_key, make_person
from tests.relying_party import forged, part, parts_of
from tests.servers.dovecot import JWT, PASSDB, dovecot
from tests.servers.haproxy import CONFIGURATION, haproxy
from tests.serving import free_port, served

pytestmark = pytest.mark.slow
HOUR = 3600
START = {"haproxy": haproxy, "dovecot": dovecot}
PRESET = {"haproxy": "generic-bearer", "dovecot": "dovecot"}
KEYS = {"haproxy": ("wiki-2026", 0), "dovecot": ("mail-2026", 1)}
# As hard to write into a file as they come.
SECRETS = {name: f"the “shared” $ecret of %s; {name}: 'äöü', \"0123456789\"" for name in START}
STRANGER = 'Zoë “Q” "O\'Brien" 🦊'
seen = Counter()


class Site:
    """A running site with an asset for each server and algorithm, and people who may fetch them."""

    def __init__(self, house, url):
        self.house, self.url = house, url
        house.clock.now = time.time() - 4 * HOUR
        for username in ("ada", STRANGER):
            make_person(house, username)
        for server, (key_id, number) in KEYS.items():
            make_key(house, key_id, "RS256", number=number)
            for algorithm in ("HS256", "RS256"):
                self._add(f"{server}/{algorithm.lower()}", server, algorithm)
        for algorithm in ("HS256", "RS256"):  # For another server, signed with the same.
            self._add(f"other/{algorithm.lower()}", "haproxy", algorithm, audience="other")

    def _add(self, path, server, algorithm, **answers):
        preset = presets.find_preset(PRESET[server])
        given = {question.name: question.example for question in preset.questions} | answers
        fields = presets.fill(preset, presets.read_answers(preset.questions, given))
        key = {"signing_key": KEYS[server][0]} if algorithm == "RS256" else {"secret": SECRETS[server]}
        make_asset(self.house, **{**fields, "path": path, "algorithm": algorithm, **key})

    def get(self, path, at=None, username="ada"):
        """Return what the site answers to somebody at a moment, which is now unless said otherwise."""
        self.house.clock.now = time.time() if at is None else at
        cookie = self.house.signed_in(username).get_cookie("mintmark").value
        request = urllib.request.Request(f"{self.url}/{path}", headers={"Cookie": f"mintmark={cookie}"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read().decode()

    def expiring_in(self, path, seconds):
        """Return a token that the site made at a moment so that it expires so many seconds from now."""
        now = int(time.time())
        claims = parts_of(self.get(path, at=now - 2 * HOUR))[1]
        return self.get(path, at=now - 2 * HOUR + (now + seconds - claims["exp"]))

    def public_key(self, path):
        """Return key id and public key (PEM) of an asset, as a relying party has them from the site."""
        [jwk] = json.loads(self.get(f".well-known/jwks/{path}"))["keys"]
        return jwk["kid"], JWKRegistry.import_key(jwk).as_pem(private=False).decode()


@dataclass(frozen=True)
class Case:
    """A server that is running, and a token that the site made for it."""

    name: str
    server: object
    site: Site
    algorithm: str
    token: str
    pem: str

    @property
    def path(self):
        return f"{self.name}/{self.algorithm.lower()}"

    @property
    def header(self):
        return parts_of(self.token)[0]

    @property
    def claims(self):
        return parts_of(self.token)[1]

    def signed(self, claims, key=None):
        """Return a token of any claims, signed by the asset's own key unless there is another."""
        own = (
            SECRETS[self.name].encode() if self.algorithm == "HS256" else key_pair("RS256", KEYS[self.name][1]).private
        )
        return Signer(self.algorithm, key or own, {}, self.header.get("kid")).sign(claims)

    def whom_it_lets_in(self, token, username="ada"):
        return self.server.whom_it_lets_in(token, self.algorithm, username)


@pytest.fixture(scope="module")
def site(empty_sqlite, tmp_path_factory):
    instance = tmp_path_factory.mktemp("instance")
    instance.chmod(0o700)
    database = instance / "mintmark.sqlite"
    database.write_bytes(empty_sqlite.read_bytes())
    database.chmod(0o600)
    house = House({"INSTANCE": str(instance), "SEALING_KEY": SEALING_KEY, "BIND": f"127.0.0.1:{free_port()}"})
    with served(house) as url:
        yield Site(house, url)
    house.close()


@pytest.fixture(scope="module", params=START)
def running_server(request, site):
    """Each server in turn, with keys that it has from the site."""
    name = request.param
    key_id, pem = site.public_key(f"{name}/rs256")
    with tempfile.TemporaryDirectory(prefix="mm-", dir="/tmp") as folder:  # noqa: S108 — sockets take short paths only.
        with START[name](Path(folder), SECRETS[name], {key_id: pem}) as server:
            yield name, server, pem
    print(f"\n{name}: {seen[name, 'let in']} tokens let in, {seen[name, 'refused']} refused")


@pytest.fixture(params=["HS256", "RS256"])
def case(request, running_server, site):
    name, server, pem = running_server
    token = site.get(f"{name}/{request.param.lower()}")
    return Case(name, server, site, request.param, token, pem)


# Let in


def test_a_fetched_token_opens_the_door_until_it_expires(case):
    assert case.header["alg"] == case.algorithm
    for token in (case.token, case.site.expiring_in(case.path, 10)):
        assert case.whom_it_lets_in(token) == "ada"
        seen[case.name, "let in"] += 1


@pytest.mark.parametrize("running_server", ["haproxy"], indirect=True)
def test_the_server_behind_learns_the_very_name(case):
    """Of HAProxy only: Dovecot takes few signs in a username (auth_username_chars)."""
    token = case.site.get(case.path, username=STRANGER)

    assert case.whom_it_lets_in(token) == STRANGER
    seen[case.name, "let in"] += 1


# Refused: what → the tokens of it


def with_claims_changed(case):
    header, _, signature = case.token.split(".")
    for change in ({"sub": "root"}, {"exp": case.claims["exp"] + 1}, {"aud": "wiki", "admin": True}):
        yield f"{header}.{part({**case.claims, **change})}.{signature}"


def with_header_changed(case):
    _, claims, signature = case.token.split(".")
    for change in ({"typ": "jwt"}, {"kid": "other"}, {"jku": "https://evil.test/keys"}):
        yield f"{part({**case.header, **change})}.{claims}.{signature}"


def with_signature_changed(case):
    start, _, last = case.token.rpartition(".")
    signature = bytearray(parts_of(case.token)[2])
    for position in (0, len(signature) // 2, len(signature) - 1):
        changed = bytearray(signature)
        changed[position] ^= 1
        yield f"{start}.{part(bytes(changed))}"
    yield f"{start}.{part(bytes(signature[:-1]))}"
    yield f"{start}."
    yield start
    yield f"{start}.{case.site.get(case.path).rpartition('.')[2]}"  # That of another good token.


def expired(case):
    for seconds in (-1, -60, -HOUR):
        yield case.site.expiring_in(case.path, seconds)


def without_a_moment_of_expiry(case):
    claims = {name: value for name, value in case.claims.items() if name != "exp"}
    yield case.signed(claims)
    for exp in (None, "", "never", 0, -1):
        yield case.signed({**claims, "exp": exp})


def of_another_key(case):
    if case.algorithm == "RS256":
        others = [key_pair("RS256", 2).private, key_pair("RS256", 1 - KEYS[case.name][1]).private]
    else:
        secret = SECRETS[case.name].encode()
        others = [
            secret[:-1],
            secret + b"\n",
            base64.b64encode(secret),
            b"another secret of at least 32 bytes",
            b"\0" * 32,
        ]
    for key in others:
        yield case.signed(case.claims, key)


def with_algorithm_none(case):
    signature = case.token.rpartition(".")[2]
    for name in ("none", "None", "NONE", "nOnE", ""):
        token = forged({**case.header, "alg": name}, case.claims)
        yield token
        yield token + signature
    yield forged({"typ": "JWT"}, case.claims)


def of_another_algorithm(case):
    """The public key as a shared secret (CVE-2015-9235); what is right under another name."""
    if case.algorithm == "HS256":
        secret = SECRETS[case.name].encode()
        yield forged({**case.header, "alg": "RS256"}, case.claims, secret)
        yield forged({**case.header, "alg": "HS384"}, case.claims, secret, "sha384")
        yield forged({**case.header, "alg": "HS512"}, case.claims, secret, "sha512")
        return
    own, kid = key_pair("RS256", KEYS[case.name][1]).private, case.header["kid"]
    for name in ("HS256", "RS384", "PS256", "ES256"):
        signing_input = f"{part({**case.header, 'alg': name})}.{part(case.claims)}"
        yield f"{signing_input}.{part(own.sign(signing_input.encode(), PKCS1v15(), SHA256()))}"
    public = serialization.load_pem_public_key(case.pem.encode())
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    for key in (case.pem.encode(), case.pem.strip().encode(), der, base64.b64encode(der)):
        for header in ({}, {"kid": kid}, {"kid": f"../RS256/{kid}"}, {"kid": "default"}):
            yield forged({"alg": "HS256", "typ": "JWT", **header}, case.claims, key)
        yield forged({"alg": "RS256", "typ": "JWT", "kid": kid}, case.claims, key)


def of_another_asset(case):
    """HAProxy: the same key, another audience. Dovecot: keys that it does not have."""
    asset = "other" if case.name == "haproxy" else "haproxy"
    yield case.site.get(f"{asset}/{case.algorithm.lower()}")


def no_token_at_all(case):
    yield from ("x", "..", "a.b.c", f"{case.token}.{case.token}", case.token.replace(".", "", 1), case.token[1:])


ATTACKS = (
    with_claims_changed, with_header_changed, with_signature_changed, expired, without_a_moment_of_expiry, of_another_key,
    with_algorithm_none, of_another_algorithm, of_another_asset, no_token_at_all,
)  # fmt: skip


def test_what_somebody_makes_of_a_token_is_refused(case):
    tokens = {attack: list(attack(case)) for attack in ATTACKS}
    tries = [(attack, token, name) for attack in ATTACKS for token in tokens[attack] for name in names_for(attack)]

    # Dovecot keeps each that it refuses waiting for half a second.
    with ThreadPoolExecutor(16) as pool:
        let_in = list(pool.map(lambda each: case.whom_it_lets_in(*each[1:]), tries))

    assert [(attack.__name__, token) for (attack, token, _), who in zip(tries, let_in, strict=True) if who] == []
    assert all(tokens.values())
    assert case.whom_it_lets_in(case.token) == "ada", "and yet it works"
    for attack in ATTACKS:
        seen[case.name, "refused"] += len(tokens[attack])


def names_for(attack):
    """Return under whose name to come, for Dovecot is told one beside the token."""
    return ("ada", "root") if attack is with_claims_changed else ("ada",)


def test_nobody_comes_in_without_a_token_or_under_another_name(case):
    if case.name == "haproxy":
        for headers in ({}, {"Authorization": f"Basic {case.token}"}, {"Cookie": case.token}, {"X-Person": "ada"}):
            assert case.server.ask(case.algorithm, headers)[0] == 401, headers
    else:
        names = ["ben", "ada2", "root", "*"]
        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(lambda name: case.whom_it_lets_in(case.token, name), names)) == [None] * len(names)


# What the presets say is what ran here


def pasted(slug):
    """Return the lines to paste of each step of a preset that has some."""
    steps = [step.partition("\n")[2] for step in presets.find_preset(slug).steps]
    return [lines for lines in steps if lines]


def said(path):
    """Return the lines of a configuration file, without comments."""
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
    return "\n".join(lines).strip()


def test_the_steps_of_the_presets_show_the_configuration_that_ran_here():
    *_, key, secret, _ = said(CONFIGURATION).split("\n\n")
    frontends = [[line.strip() for line in each.splitlines() if "http-request" in line] for each in (key, secret)]

    assert [lines.splitlines() for lines in pasted("generic-bearer")] == frontends
    assert pasted("dovecot")[:2] == [said(PASSDB), said(JWT)]


def bash(lines, **places):
    for here, there in places.values():
        assert here in lines, lines
        lines = lines.replace(here, there)
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", lines], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_commands_for_dovecots_keys_write_what_it_read_here(tmp_path):
    _, _, of_secret, of_key = pasted("dovecot")
    keys, secret = ("/etc/dovecot/keys", str(tmp_path)), SECRETS["dovecot"]
    (tmp_path / "public.pem").write_text("PEM")

    bash(of_secret, keys=keys, secret=("'the shared secret'", shlex.quote(secret)))
    bash(of_key, keys=keys, pem=("public-key.pem", f"{tmp_path}/public.pem"), key_id=("the key id", "mail-2026"))

    assert base64.b64decode((tmp_path / "default/HS256/default").read_bytes(), validate=True) == secret.encode()
    assert (tmp_path / "default/RS256/mail-2026").read_text() == "PEM"


def test_the_command_for_ejabberds_key_writes_a_jwk(tmp_path):
    lines, *_ = pasted("ejabberd")
    secret = SECRETS["dovecot"]

    bash(lines, path=("/etc/ejabberd", str(tmp_path)), secret=("'the shared secret'", shlex.quote(secret)))

    jwk = JWKRegistry.import_key(json.loads((tmp_path / "mintmark.jwk").read_text()))
    assert jwk.raw_value == secret.encode()


def test_the_command_for_the_registrys_key_id_gives_the_fingerprint_of_libtrust(tmp_path):
    """The first 240 bits of SHA-256 of the public key's DER, base32, twelve groups of four."""
    make, work_out, *_ = pasted("docker-registry")
    inside = f"cd {shlex.quote(str(tmp_path))}\n"
    bash(inside + make)

    found = bash(inside + work_out)

    public = serialization.load_pem_private_key((tmp_path / "registry-key.pem").read_bytes(), None).public_key()
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    digest = base64.b32encode(hashlib.sha256(der).digest()[:30]).decode()
    assert found == ":".join(digest[start : start + 4] for start in range(0, 48, 4))
    assert "BEGIN CERTIFICATE" in (tmp_path / "registry-key.crt").read_text()
