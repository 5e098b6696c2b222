"""Relying parties: joserfc, and Node's jose in a process of its own. Neither shares a line with what signs.

Each is asked with what a relying party is set up with: algorithms, audience, leeway, and a secret, a
public key as PEM, or the address of a key set, which it fetches by itself from a running site.
"""

import base64
import hmac
import json
import shutil
import subprocess
import urllib.request
import warnings
from bisect import bisect_left, bisect_right
from dataclasses import asdict, dataclass, replace
from operator import itemgetter
from pathlib import Path

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, KeySet, OctKey
from joserfc.jws import JWSRegistry
from joserfc.registry import HeaderParameter

from tests.conftest import skip_or_fail

HERE = Path(__file__).parent
KEY_TYPES = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}


@dataclass(frozen=True)
class Asked:
    """A token, the moment at which it is presented, and how the relying party is set up."""

    token: str
    now: float
    algorithms: tuple[str, ...]
    jwks_url: str | None = None
    secret: bytes | None = None
    spki: str | None = None
    audience: str | None = None
    leeway: int = 0
    required: tuple[str, ...] = ("exp",)
    issuer: str | None = None
    typ: str | None = None
    headers: tuple[str, ...] = ()  # Header parameters of its own; joserfc knows those of RFC 7515 only.

    def with_token(self, token):
        return replace(self, token=token)


@dataclass(frozen=True)
class Verdict:
    """Claims and header of a token that was accepted, or the reason why not."""

    claims: dict | None
    header: dict | None
    reason: str | None


def judge(all_asked):
    """Return (joserfc's verdict, jose's verdict) for each."""
    fetched = {}
    return list(zip([by_joserfc(asked, fetched) for asked in all_asked], by_node(all_asked), strict=True))


def by_joserfc(asked, fetched=None):
    """Judge as a Python application does; `fetched` keeps the key sets."""
    try:
        key = _key(asked, {} if fetched is None else fetched)
        token = decode(asked.token, key, asked.algorithms, asked.headers)
        needed = {name: {"essential": True, "allow_blank": True} for name in asked.required}
        if asked.audience:
            needed["aud"] = {"essential": True, "value": asked.audience}
        if asked.issuer:
            needed["iss"] = {"essential": True, "value": asked.issuer}
        jwt.JWTClaimsRegistry(now=lambda: int(asked.now), leeway=asked.leeway, **needed).validate(token.claims)
    except (JoseError, ValueError) as error:
        return Verdict(None, None, f"{type(error).__name__}: {error}")
    return Verdict(token.claims, token.header, None)


def decode(token, key, algorithms, headers=()):
    """Verify with joserfc, which warns of the name EdDSA (RFC 9864) and of secrets that look like keys."""
    known = {name: HeaderParameter("of this party", "str") for name in headers}
    registry = JWSRegistry(known, algorithms=list(algorithms)) if known else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return jwt.decode(token, key, algorithms=list(algorithms), registry=registry)


def _key(asked, fetched):
    if asked.secret is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return OctKey.import_key(asked.secret)
    if asked.spki is not None:
        return JWKRegistry.import_key(asked.spki, KEY_TYPES[asked.algorithms[0][:2]])
    if asked.jwks_url not in fetched:
        with urllib.request.urlopen(asked.jwks_url, timeout=10) as answer:
            fetched[asked.jwks_url] = KeySet.import_key_set(json.load(answer))
    return fetched[asked.jwks_url]


def by_node(all_asked):
    """Judge as a Node application does. Skips, or fails in CI, where Node or jose is missing."""
    node = shutil.which("node")
    if not node or not (HERE / "node_modules/jose").exists():
        skip_or_fail("Node and jose are needed: npm ci --prefix tests")
    cases = [
        asdict(asked) | {"secret": asked.secret and base64.b64encode(asked.secret).decode()} for asked in all_asked
    ]
    done = subprocess.run(
        [node, HERE / "node/verify.mjs"],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return [Verdict(**verdict) for verdict in json.loads(done.stdout)]


class KeySets:
    """All key sets that were published at an address, each with when it was asked for and when it was received."""

    def __init__(self):
        self.documents, self._parsed = [], {}

    def add(self, asked_at, received_at, body):
        """Keep one; equal ones are parsed once."""
        if body not in self._parsed:
            self._parsed[body] = KeySet.import_key_set(json.loads(body))
        self.documents.append((asked_at, received_at, self._parsed[body]))

    def cached(self, moment, age):
        """Return the key set of a party at a moment, asked for so many seconds before, or as soon as it could."""
        first = bisect_left(self.documents, moment - age, key=itemgetter(0))
        last = bisect_right(self.documents, moment, key=itemgetter(1)) - 1
        assert last >= 0, "nothing was received yet"
        return self.documents[min(first, last)][2]

    def first_after(self, moment):
        """Return the first key set that was asked for after a moment."""
        return self.documents[bisect_left(self.documents, moment, key=itemgetter(0))][2]


class Token:
    """A token with what it says of itself, for a relying party that takes one algorithm."""

    def __init__(self, text):
        self.text = text
        header, claims, _ = parts_of(text)
        self.kid, self.algorithm = header.get("kid"), header["alg"]
        self.iat, self.exp = claims["iat"], claims["exp"]

    def is_good(self, key):
        """Tell whether a key, or one of a set, signed it."""
        try:
            decode(self.text, key, [self.algorithm])
        except (JoseError, ValueError):
            return False
        return True


def part(value):
    """Return a part of a token: JSON or bytes in base64url."""
    value = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def parts_of(token):
    """Return header, claims and signature of a token, unverified."""
    header, claims, signature = [base64.urlsafe_b64decode(each + "=" * (-len(each) % 4)) for each in token.split(".")]
    return json.loads(header), json.loads(claims), signature


def forged(header, claims, key=b"", hash="sha256"):
    """Return a token with any header, signed by HMAC with any bytes, as whoever attacks may; no key: no signature."""
    signing_input = f"{part(header)}.{part(claims)}"
    return f"{signing_input}.{part(hmac.digest(key, signing_input.encode(), hash)) if key else ''}"
