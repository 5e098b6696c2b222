"""Foreign tokens, hostile and good, 1,000 and more, in classes, each with the row that answers it.

`cases(now)` is a share of them for each algorithm, at least three of each class and together all of them;
`cases(now, whole=True)` all for each algorithm. They are for trusted issuers as `settings_of(algorithm)` says, one for
each algorithm, and for people of `subjects_of(cases)`. With another `salt` they have other `jti`s, and are as new.
`replay(cases)` is one class more, where somebody keeps what was spent: the good ones again.
What is neither clearly right nor wrong is decided here, with a word why.
"""

import base64
import functools
import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import jwt
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from mintmark.issuers.refusals import (
    BAD_REQUEST,
    CLAIMS_INVALID,
    INVALID_TOKEN,
    TOKEN_EXPIRED,
    TOKEN_USED,
    UNKNOWN_ISSUER,
    Row,
)
from mintmark.keypairs import is_rsa, public_key_of, spki_pem
from mintmark.tokens import ALGORITHMS, SECRET_BYTES
from mintmark.unverified import MAX_TOKEN_BYTES
from tests.making import key_pair

AUDIENCE = "mintmark"
KEY_ID = "k1"
SUBJECT = "ben"
GOOD = None
TRANSPORTS = ("header", "body", "query")
# What may differ between issuers stands here, and is the same for all of these.
LEEWAY, MAX_LIFETIME, REQUIRED, TYP = 30, 600, ("email",), None
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
P384_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973
ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493


@dataclass(frozen=True)
class Case:
    """One token. `expected` is the row that answers it, None where it is good; `elsewhere` by which ways it differs."""

    name: str
    group: str
    algorithm: str
    token: str = field(repr=False)
    expected: Row | None
    elsewhere: Mapping[str, Row | None]

    def expected_by(self, transport: str) -> Row | None:
        return self.elsewhere.get(transport, self.expected)

    @property
    def fits_header(self) -> bool:
        """Tell whether the text can stand in a header field just as it is."""
        return all("!" <= character <= "~" for character in self.token)

    @property
    def fits_address(self) -> bool:
        """Tell whether the text can stand in an address, its bytes in percents: half of a surrogate pair has none."""
        return not any("\ud800" <= character <= "\udfff" for character in self.token)

    @property
    def claims(self) -> dict[str, Any]:
        """Return the claims of a token that is good somewhere."""
        return json.loads(decode(self.token.split(".")[1]))


def issuer_of(algorithm: str) -> str:
    return f"https://{algorithm.lower()}.portal.test"


def secret_of(algorithm: str, whose: str = "ours") -> bytes:
    """Return a secret just as long as the algorithm wants it."""
    return f"{whose} {algorithm} 7Vt!".encode().ljust(SECRET_BYTES[algorithm], b"+")


def public_of(algorithm: str, number: int = 0) -> dict[str, Any]:
    """Return the public members of the key of the issuer (0), or of a stranger (1)."""
    return pair_of(algorithm, number).public


def pair_of(algorithm: str, number: int = 0):
    """RSA keys take long to make: the four algorithms share one, which makes them easier to confuse."""
    return key_pair("RS256" if is_rsa(algorithm) else algorithm, 7000 + number)


def settings_of(algorithm: str) -> dict[str, Any]:
    """Return the settings of the trusted issuer, as they are entered, but for its key."""
    return {
        "issuer": issuer_of(algorithm),
        "name": f"portal-{algorithm.lower()}",
        "algorithm": algorithm,
        "audience": AUDIENCE,
        "required_claims": [*REQUIRED],
        "identity_claim": "sub",
        "one_time": True,
        "leeway": LEEWAY,
        "max_lifetime": MAX_LIFETIME,
        "live": True,
    }


def subjects_of(cases: list[Case]) -> list[str]:
    """Return every `sub` that is good on some way."""
    return sorted({case.claims["sub"] for case in cases if GOOD in (case.expected, *case.elsewhere.values())})


def encode(data: bytes | str) -> str:
    data = data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass")
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Forge:
    """Makes tokens for the issuer of one algorithm. Without any word they are good."""

    def __init__(self, algorithm: str, now: float, salt: str) -> None:
        self.algorithm, self.now, self.salt = algorithm, int(now), salt
        self.is_secret = algorithm in SECRET_BYTES
        self.key = secret_of(algorithm) if self.is_secret else pair_of(algorithm).private
        self.strange_key = secret_of(algorithm, "theirs") if self.is_secret else pair_of(algorithm, 1).private
        self._numbers = itertools.count()

    def header(self) -> dict[str, Any]:
        return {"alg": self.algorithm, "typ": "JWT", "kid": KEY_ID}

    def claims(self) -> dict[str, Any]:
        return {
            "iss": issuer_of(self.algorithm),
            "sub": SUBJECT,
            "aud": AUDIENCE,
            "iat": self.now,
            "exp": self.now + 300,
            "jti": f"{self.salt}{self.algorithm}-{next(self._numbers)}",
            "email": "ben@example.test",
        }

    def token(
        self,
        *,
        header: Mapping[str, Any] = {},
        claims: Mapping[str, Any] = {},
        without: tuple[str, ...] = (),
        header_text: Callable[[str], str | bytes] = str,
        claims_text: Callable[[str], str | bytes] = str,
        key: Any = None,
        algorithm: str | None = None,
        sign: Callable[[bytes], bytes] | None = None,
        signature: Callable[[bytes], bytes] = bytes,
        after: Callable[[str], str] = str,
    ) -> str:
        """Make one: what is given is put in, `without` left out; the texts, the signature and all are gone over."""
        held = {name: value for name, value in {**self.header(), **header}.items() if name not in without}
        said = {name: value for name, value in {**self.claims(), **claims}.items() if name not in without}
        head = encode(header_text(json.dumps(held)))
        signing_input = f"{head}.{encode(claims_text(json.dumps(said)))}"
        if sign is None:
            how = jwt.get_algorithm_by_name(algorithm or self.algorithm)
            made = how.sign(signing_input.encode(), self.key if key is None else key)
        else:
            made = sign(signing_input.encode())
        return after(f"{signing_input}.{encode(signature(made))}")

    def hmac(self, secret: bytes, name: str = "HS256", **how: Any) -> str:
        """Make one that says HS… and is signed with whatever bytes."""
        with_name = {"alg": name, **how.pop("header", {})}
        return self.token(header=with_name, key=secret, algorithm=name, **how)


Variant = (
    tuple[str, Callable[[], str], Row | None] | tuple[str, Callable[[], str], Row | None, Mapping[str, Row | None]]
)
IN_ADDRESS_NOT = {"query": CLAIMS_INVALID}


def good(f: Forge) -> list[Variant]:
    return [
        ("as it should be", f.token, GOOD),
        ("no typ", partial(f.token, without=("typ",)), GOOD),
        ("typ in lower case", partial(f.token, header={"typ": "jwt"}), GOOD),
        ("no kid, and one key", partial(f.token, without=("kid",)), GOOD),
        ("aud in a list", partial(f.token, claims={"aud": [AUDIENCE]}), GOOD),
        # Said twice is said.
        ("aud twice in a list", partial(f.token, claims={"aud": ["x", AUDIENCE, AUDIENCE]}), GOOD),
        ("aud is the last of 32", partial(f.token, claims={"aud": [f"x{n}" for n in range(31)] + [AUDIENCE]}), GOOD),
        ("nbf now", partial(f.token, claims={"nbf": f.now}), GOOD),
        ("times with fractions", partial(f.token, claims={"iat": f.now - 0.5, "exp": f.now + 299.25}), GOOD),
        ("times as 1.8e9", partial(f.token, claims_text=lambda t: t.replace(f'"iat": {f.now}', f'"iat": {f.now / 1e9}e9')), GOOD),
        ("claims nobody asked for", partial(f.token, claims={"ünïcode": "🦊👩🏽‍🚀", "is_admin": True, "metadata": {"a": [1, None]}}), GOOD),
        ("null where nothing is asked", partial(f.token, claims={"name": None, "redirect_url": None, "metadata": None}), GOOD),
        ("sub with an umlaut", partial(f.token, claims={"sub": "jürgen"}), GOOD),
        # Texts of claims are not normalised (RFC 8259 §8.3): this is another person than the one above.
        ("sub with a combining umlaut", partial(f.token, claims={"sub": "ju\u0308rgen"}), GOOD),
        ("sub of 255 characters", partial(f.token, claims={"sub": "b" * 255}), GOOD),
        ("sub with a space", partial(f.token, claims={"sub": "ben b"}), GOOD),
        ("jti of 255 characters", partial(f.token, claims={"jti": f"{f.salt}{f.algorithm}-".ljust(255, "j")}), GOOD),
        ("unknown members of the header", partial(f.token, header={"x": {"y": [1]}, "sub": "ada"}), GOOD),
        # A JWS has no `zip` and `cty` says nothing that is acted on: unknown members are ignored (RFC 7515 §4).
        ("zip in the header", partial(f.token, header={"zip": "DEF"}), GOOD),
        ("cty in the header", partial(f.token, header={"cty": "JWT"}), GOOD),
        ("white space in the JSON", partial(f.token, claims_text=lambda t: f" \r\n\t{t}\n"), GOOD),
        ("a name spelt by escapes", partial(f.token, claims_text=lambda t: t.replace('"sub"', '"\\u0073ub"')), GOOD),
        ("a pair of surrogates", partial(f.token, claims_text=lambda t: t.replace('"email": "', '"email": "\\ud83d\\ude00')), GOOD),
    ]  # fmt: skip


def none(f: Forge) -> list[Variant]:
    names = ("none", "None", "NONE", "nOnE", "none ", "", "null")
    return [
        *[(f"alg {name!r}, nothing signed", partial(f.token, header={"alg": name}, signature=lambda s: b""), INVALID_TOKEN) for name in names],
        *[(f"alg {name!r}, signed", partial(f.token, header={"alg": name}), INVALID_TOKEN) for name in names[:3]],
        ("the right alg, nothing signed", partial(f.token, signature=lambda s: b""), INVALID_TOKEN),
        ("the right alg, two parts", partial(f.token, after=lambda t: t.rpartition(".")[0]), INVALID_TOKEN),
        ("none, no kid", partial(f.token, header={"alg": "none"}, without=("kid",), signature=lambda s: b""), INVALID_TOKEN),
        ("none, two parts", partial(f.token, header={"alg": "none"}, after=lambda t: t.rpartition(".")[0]), INVALID_TOKEN),
    ]  # fmt: skip


def confusion(f: Forge) -> list[Variant]:
    """RFC 8725 §2.1, CVE-2016-5431, CVE-2022-29217."""
    found: list[Variant] = []
    for other in ALGORITHMS:
        if other == f.algorithm:
            continue
        is_same_type = other in SECRET_BYTES if f.is_secret else _is_kin(other, f.algorithm)
        key = f.key if is_same_type else secret_of(other) if other in SECRET_BYTES else pair_of(other).private
        made = partial(f.token, header={"alg": other}, algorithm=other, key=key)
        found.append((f"says and is {other}, {'the same key' if is_same_type else 'another key'}", made, INVALID_TOKEN))
        kept = partial(f.token, algorithm=other, key=key)
        found.append((f"is {other}, says {f.algorithm}", kept, INVALID_TOKEN))
    spellings = (f.algorithm.lower(), f.algorithm.capitalize(), f"{f.algorithm} ", f" {f.algorithm}", f"{f.algorithm}\x00", f.algorithm.replace("S", "ſ"))  # fmt: skip
    for spelling in (each for each in spellings if each != f.algorithm):
        found.append((f"alg {spelling!r}", partial(f.token, header={"alg": spelling}), INVALID_TOKEN))
    for value in (None, 1, True, [f.algorithm], {"alg": f.algorithm}):
        found.append((f"alg {value!r}", partial(f.token, header={"alg": value}), INVALID_TOKEN))
    found.append(("no alg", partial(f.token, without=("alg",)), INVALID_TOKEN))
    return found


def _is_kin(other: str, algorithm: str) -> bool:
    return is_rsa(other) and is_rsa(algorithm)


def key_as_secret(f: Forge) -> list[Variant]:
    """The public key is known to everybody; as a secret it would sign for everybody (CVE-2022-29217, CVE-2026-102268).

    Who has a shared secret shows nothing: those who guess try what is short, empty, or another spelling of it.
    """
    if f.is_secret:
        secret = secret_of(f.algorithm)
        guesses = {
            "nothing but a NUL": b"\x00",
            "a word": b"secret",
            "the name of the issuer": issuer_of(f.algorithm).encode(),
            "hex": secret.hex().encode(),
            "base64": base64.b64encode(secret),
            "base64url": encode(secret).encode(),
            "a line end behind": secret + b"\n",
            "cut": secret[:-1],
            "UTF-16": secret.decode().encode("utf-16"),
        }
        found: list[Variant] = [
            (name, partial(f.hmac, guess, f.algorithm), INVALID_TOKEN) for name, guess in guesses.items()
        ]
        # HMAC fills short keys up with NUL (RFC 2104 §2): this is the same key, not another one.
        return [*found, ("the secret with a NUL behind", partial(f.hmac, secret + b"\x00", f.algorithm), GOOD)]
    texts = {**_texts_of_key(f.algorithm), "empty": b"\x00"}
    names = itertools.cycle(SECRET_BYTES)
    return [
        *[(f"{what} with {name}", partial(_raw_hmac, f, text, name), INVALID_TOKEN) for (what, text), name in zip(texts.items(), names, strict=False)],
        ("PEM, said to be the right alg", partial(_raw_hmac, f, texts["PEM"], "HS256", f.algorithm), INVALID_TOKEN),
    ]  # fmt: skip


def _raw_hmac(f: Forge, secret: bytes, name: str, said: str | None = None) -> str:
    """PyJWT would not sign with a key file; whoever attacks does."""
    import hmac

    digest = f"sha{name[2:]}"
    return f.token(header={"alg": said or name}, sign=lambda data: hmac.digest(secret, data, digest))


def _texts_of_key(algorithm: str) -> dict[str, bytes]:
    public = public_of(algorithm)
    key, pem = public_key_of(public), spki_pem(public)
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    ssh = key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return {
        "PEM": pem.encode(),
        "PEM without its last line end": pem.rstrip().encode(),
        "PEM with CRLF": pem.replace("\n", "\r\n").encode(),
        "PEM in one line": pem.replace("\n", "").encode(),
        "PEM with white space before": b"\n " + pem.encode(),
        "DER": key.public_bytes(serialization.Encoding.DER, form),
        "JWK": json.dumps(public).encode(),
        "JWK without spaces": json.dumps(public, sort_keys=True, separators=(",", ":")).encode(),
        "JWK with its kid": json.dumps({**public, "kid": KEY_ID}).encode(),
        "OpenSSH": ssh,
        "a member of it": str(public.get("n") or public["x"]).encode(),
    }


def kid(f: Forge) -> list[Variant]:
    """RFC 8725 §3.10. A secret has no `kid`: what is a text of an issuer's own, whatever it says, is not looked at."""
    unknown = GOOD if f.is_secret else INVALID_TOKEN
    bad_types = (1, True, None, [], [KEY_ID], {KEY_ID: 1}, 0.5)
    texts = {
        "a way up": "../../../../../../dev/null",
        "SQL": "k1' OR '1'='1",
        "more SQL": "x'; DROP TABLE issuer_key; --",
        "a command": "k1|/bin/id",
        "an address": "https://evil.test/key",
        "in capitals": KEY_ID.upper(),
        "a space behind": KEY_ID + " ",
        "full-width": "ｋ１",
        "of 128 characters": "k" * 128,
        "markup": "<script>alert(1)</script>",
    }
    hidden = {"a NUL": f"{KEY_ID}\x00", "a line end": f"{KEY_ID}\n", "a zero-width space": f"{KEY_ID}\u200b", "nothing": "", "129 characters": "k" * 129}  # fmt: skip
    return [
        *[(f"kid {value!r}", partial(f.token, header={"kid": value}), INVALID_TOKEN) for value in bad_types],
        *[(f"kid is {what}", partial(f.token, header={"kid": text}), unknown) for what, text in texts.items()],
        *[(f"kid is or has {what}", partial(f.token, header={"kid": text}), INVALID_TOKEN) for what, text in hidden.items()],
        ("dev/null as the key", partial(f.hmac, b"\x00", header={"kid": "/dev/null"}), INVALID_TOKEN),
        ("a stranger’s key under our kid", partial(f.token, key=f.strange_key), INVALID_TOKEN),
    ]  # fmt: skip


def keys_brought_along(f: Forge) -> list[Variant]:
    """RFC 8725 §3.10, CVE-2018-0114: a key that the token brings is not looked at, be it the right one."""
    theirs = {"kty": "oct", "k": encode(f.strange_key)} if f.is_secret else public_of(f.algorithm, 1)
    brought = {
        "jwk": theirs,
        "jku": "https://evil.test/jwks.json",
        "x5u": "http://169.254.169.254/latest/meta-data",
        "x5c": ["MIIBszCCAVmgAwIBAgIUb3duZXI="],
        "x5t#S256": "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU",
    }
    return [
        *[(f"{name} of a stranger, who signed", partial(f.token, header={name: value}, key=f.strange_key), INVALID_TOKEN) for name, value in brought.items()],
        ("all of them, and no kid", partial(f.token, header=brought, key=f.strange_key, without=("kid",)), INVALID_TOKEN),
        *[(f"{name} of a stranger, the issuer signed", partial(f.token, header={name: value}), GOOD) for name, value in brought.items()],
        ("jwk is nonsense, the issuer signed", partial(f.token, header={"jwk": 1, "jku": ["file:///etc/passwd"]}), GOOD),
    ]  # fmt: skip


def extensions(f: Forge) -> list[Variant]:
    """RFC 7515 §4.1.11, RFC 7797 §6, CVE-2026-32597."""
    headers = [{"crit": ["exp"], "exp": 1}, {"crit": ["x"], "x": 1}, {"crit": []}, {"crit": None}, {"crit": "b64"}, {"crit": ["b64"], "b64": False}, {"b64": False}, {"b64": True}, {"crit": ["alg"]}, {"crit": {"x": 1}}]  # fmt: skip
    return [(json.dumps(each), partial(f.token, header=each), INVALID_TOKEN) for each in headers]


def encrypted(f: Forge) -> list[Variant]:
    """RFC 7516; CVE-2026-29000: what is encrypted is not opened, however much work it asks for."""
    texts = {
        "RSA-OAEP": {"alg": "RSA-OAEP", "enc": "A256GCM"},
        "dir": {"alg": "dir", "enc": "A128CBC-HS256", "kid": KEY_ID},
        "PBES2, a long time": {"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2c": 2**31 - 1, "p2s": "c2FsdA"},
        "zip": {"alg": "dir", "enc": "A256GCM", "zip": "DEF"},
        "the right alg": {"alg": f.algorithm, "enc": "A256GCM"},
    }
    return [
        *[(f"five parts, {name}", partial(_five, head), INVALID_TOKEN) for name, head in texts.items()],
        ("enc in three parts", partial(f.token, header={"enc": "A256GCM"}), INVALID_TOKEN),
        ("five parts, of a good one", partial(f.token, after=lambda t: f"{t}.{encode(b'iv')}.{encode(b'tag')}"), INVALID_TOKEN),
        ("five parts, empty", lambda: "....", INVALID_TOKEN),
    ]  # fmt: skip


def _five(head: Mapping[str, Any]) -> str:
    return ".".join(encode(part) for part in (json.dumps(head), b"key", b"iv" * 6, b"text", b"tag" * 5))


def repeated(f: Forge) -> list[Variant]:
    """RFC 7515 §4, RFC 8725 §2.4: two readers could see two things."""
    in_header = {
        "alg": lambda t: t.replace("{", f'{{"alg": "{f.algorithm}", ', 1),
        "another alg": lambda t: t.replace("{", '{"alg": "none", ', 1),
        "kid": lambda t: t[:-1] + f', "kid": "{KEY_ID}"}}',
        "what nobody asks for": lambda t: t[:-1] + ', "x": 1, "x": 1}',
    }
    in_claims = {
        "sub": lambda t: t[:-1] + ', "sub": "ada"}',
        "sub by escapes": lambda t: t[:-1] + ', "\\u0073ub": "ada"}',
        "exp": lambda t: t.replace("{", '{"exp": 9999999999, ', 1),
        "iss": lambda t: t[:-1] + f', "iss": "{issuer_of(f.algorithm)}"}}',
        "deep down": lambda t: t[:-1] + ', "a": [{"b": {"c": 1, "c": 2}}]}',
    }
    return [
        *[(f"in the header: {name}", partial(f.token, header_text=text), INVALID_TOKEN) for name, text in in_header.items()],
        *[(f"in the claims: {name}", partial(f.token, claims_text=text), INVALID_TOKEN) for name, text in in_claims.items()],
    ]  # fmt: skip


def encodings(f: Forge) -> list[Variant]:
    """RFC 7515 §2, RFC 4648 §3.5, RFC 7519 §7.2, RFC 8259: one spelling, and UTF-8."""
    texts: dict[str, Callable[[str], str | bytes]] = {
        "UTF-16": lambda t: t.encode("utf-16"),
        "UTF-16 without a mark": lambda t: t.encode("utf-16-le"),
        "UTF-32": lambda t: t.encode("utf-32-be"),
        "a byte order mark": lambda t: b"\xef\xbb\xbf" + t.encode(),
        "a byte that is no UTF-8": lambda t: t.encode()[:-1] + b', "x": "\xff"}',
        "an overlong letter": lambda t: t.encode()[:-1] + b', "x": "\xc0\xaf"}',
        "half of a pair": lambda t: t[:-1] + ', "x": "\\ud800"}',
        "half of a pair as bytes": lambda t: t.encode()[:-1] + b', "x": "\xed\xa0\x80"}',
        "a control character": lambda t: t[:-1] + ', "x": "\x01"}',
        "something behind": lambda t: t + "x",
        "two objects": lambda t: t + t,
        "a list around": lambda t: f"[{t}]",
        "a comma too many": lambda t: t[:-1] + ",}",
        "a comment": lambda t: t[:-1] + "/* x */}",
        "single quotes": lambda t: t.replace('"', "'"),
        "NaN": lambda t: t[:-1] + ', "x": NaN}',
        "Infinity": lambda t: t[:-1] + ', "x": -Infinity}',
        "a number too long": lambda t: t[:-1] + f', "x": {"9" * 21}}}',
        "a number too large": lambda t: t[:-1] + ', "x": 1e400}',
        "text": lambda t: json.dumps(t),
        "null": lambda t: "null",
        "nothing": lambda t: "",
        "33 levels": lambda t: t[:-1] + f', "x": {"[" * 32}{"]" * 32}}}',
        "5,000 levels": lambda t: t[:-1] + f', "x": {"[" * 2_500}{"]" * 2_500}}}',
    }
    return [
        *[(f"header: {name}", partial(f.token, header_text=text), INVALID_TOKEN) for name, text in texts.items()],
        *[(f"claims: {name}", partial(f.token, claims_text=text), INVALID_TOKEN) for name, text in texts.items()],
    ]  # fmt: skip


def spellings(f: Forge) -> list[Variant]:
    """RFC 7515 §7.1, CVE-2026-102269: not one character is let off."""
    rests = {
        "a space before": lambda t: " " + t,
        "a space behind": lambda t: t + " ",
        "a line end behind": lambda t: t + "\n",
        "a line end within": lambda t: t[:10] + "\r\n" + t[10:],
        "a tab": lambda t: t.replace(".", ".\t", 1),
        "a NUL behind": lambda t: t + "\x00",
        "= behind": lambda t: t + "=",
        "= behind the header": lambda t: t.replace(".", "=.", 1),
        "== behind the claims": lambda t: "==.".join(t.rsplit(".", 1)),
        "%2E for a dot": lambda t: t.replace(".", "%2E"),
        "percent for a letter": lambda t: "%65" + t[1:],
        "+ and /": lambda t: t[:-4] + "+/+/",
        "a zero-width space": lambda t: t[:20] + "\u200b" + t[20:],
        "a full-width letter": lambda t: t[:-1] + "Ａ",
        "a soft hyphen": lambda t: t[:9] + "\u00ad" + t[9:],
        "one dot leader for a dot": lambda t: t.replace(".", "\u2024"),
        "half of a pair": lambda t: t + "\ud800",
        "Bearer before": lambda t: "Bearer " + t,
        "quotes around": lambda t: f'"{t}"',
        "a dot before": lambda t: "." + t,
        "a dot behind": lambda t: t + ".",
        "two dots": lambda t: t.replace(".", "..", 1),
        "twice, a comma between": lambda t: f"{t},{t}",
        "a fragment": lambda t: t + "#x",
        "as JSON": lambda t: json.dumps(dict(zip(("protected", "payload", "signature"), t.split("."), strict=True))),
        "dots only": lambda t: "..",
        "a letter": lambda t: "e",
        "a length that nothing has": lambda t: t.rpartition(".")[0] + ".AAAAA",
    }
    found: list[Variant] = [(name, partial(f.token, after=after), INVALID_TOKEN) for name, after in rests.items()]
    for part, what in enumerate(("header", "claims", "signature")):
        if part < 2 or len(f.token().rpartition(".")[2]) % 4:
            found.append((f"bits left over in the {what}", partial(_left_over, f, part), INVALID_TOKEN))
    return found


def _left_over(f: Forge, part: int) -> str:
    """Set a bit of the last character that belongs to no byte."""
    text = f.token(header_text=lambda t: t + " " * (1 - len(t) % 3), claims_text=lambda t: t + " " * ((1 - len(t)) % 3))
    parts = text.split(".")
    if part == 0 and len(parts[0]) % 4 == 0:
        parts[0] = encode(decode(parts[0]) + b" ")
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    parts[part] = parts[part][:-1] + letters[letters.index(parts[part][-1]) + 1]
    return ".".join(parts)


def iss(f: Forge) -> list[Variant]:
    ours = issuer_of(f.algorithm)
    other = issuer_of(ALGORITHMS[(ALGORITHMS.index(f.algorithm) + 1) % len(ALGORITHMS)])
    values = [ours + "/", ours.upper(), ours + " ", ours + "\x00", ours + "\u200b", "https://evil.test", [ours], {ours: 1}, 1, True, "x" * 256, f"{ours}#", ours.replace("https", "http")]  # fmt: skip
    return [
        ("none", partial(f.token, without=("iss",)), UNKNOWN_ISSUER),
        # Null and a text without letters are not the same as none (RFC 7519 §4.1.1: a StringOrURI).
        ("null", partial(f.token, claims={"iss": None}), UNKNOWN_ISSUER),
        ("an empty text", partial(f.token, claims={"iss": ""}), UNKNOWN_ISSUER),
        *[(repr(value)[:40], partial(f.token, claims={"iss": value}), UNKNOWN_ISSUER) for value in values],
        # Another issuer that is trusted too: its key is another (RFC 8725 §3.8).
        ("another trusted issuer", partial(f.token, claims={"iss": other}), INVALID_TOKEN),
    ]


BAD_TEXTS = {
    "null": None,
    "empty": "",
    "a number": 7,
    "0": 0,
    "true": True,
    "a list": ["ben"],
    "an object": {"id": "ben"},
    "256 characters": "b" * 256,
    "a NUL": "ben\x00",
    "a line end": "ben\n",
    "a zero-width space": "be\u200bn",
    "a zero-width joiner": "be\u200dn",
    "a turn of direction": "\u202eneb",
    "a byte order mark": "\ufeffben",
    "a soft hyphen": "be\u00adn",
    "a Hangul filler": "ben\u3164",
    "a variation selector": "ben\ufe0f",
    "a tag letter": "ben\U000e0061",
    "a space before": " ben",
    "a no-break space": "ben\u00a0b",
    "only a space": " ",
    "for private use": "ben\ue000",
    "an escape sequence": "\x1b[31mben",
}


def sub(f: Forge) -> list[Variant]:
    return [
        ("none", partial(f.token, without=("sub",)), CLAIMS_INVALID),
        *[(name, partial(f.token, claims={"sub": value}), CLAIMS_INVALID) for name, value in BAD_TEXTS.items()],
    ]


def jti(f: Forge) -> list[Variant]:
    return [
        ("none", partial(f.token, without=("jti",)), CLAIMS_INVALID),
        *[(name, partial(f.token, claims={"jti": value}), CLAIMS_INVALID) for name, value in BAD_TEXTS.items()],
    ]


def aud(f: Forge) -> list[Variant]:
    values: list[Any] = [None, "", 1, True, {}, {AUDIENCE: True}, [], ["other"], [None, AUDIENCE], [AUDIENCE, 1], [[AUDIENCE]], AUDIENCE.upper(), AUDIENCE + " ", AUDIENCE + "\x00", AUDIENCE + ".evil.test", AUDIENCE[:-1], "mıntmark", [AUDIENCE] * 33, issuer_of(f.algorithm), "*", f"{AUDIENCE},other"]  # fmt: skip
    return [
        ("none", partial(f.token, without=("aud",)), CLAIMS_INVALID),
        *[(repr(value)[:40], partial(f.token, claims={"aud": value}), CLAIMS_INVALID) for value in values],
    ]


# Beyond what every reader of JSON holds exactly, or what a date or a BIGINT can be.
NO_MOMENTS: dict[str, Any] = {
    "null": None,
    "text": "1800000300",
    "a date": "2027-01-15T08:05:00Z",
    "true": True,
    "a list": [1_800_000_300],
    "an object": {},
    "negative": -1,
    "2^53": 2**53,
    "2^63": 2**63,
    "10^19": 10**19,
    "1e308": 1e308,
    "less than nothing": -0.5,
}


def exp(f: Forge) -> list[Variant]:
    now = f.now
    return [
        ("none", partial(f.token, without=("exp",)), CLAIMS_INVALID),
        *[(name, partial(f.token, claims={"exp": value}), CLAIMS_INVALID) for name, value in NO_MOMENTS.items()],
        ("0", partial(f.token, claims={"exp": 0}), TOKEN_EXPIRED),
        ("just within the leeway", partial(f.token, claims={"iat": now - 200, "exp": now - 29}), GOOD),
        ("the leeway is over", partial(f.token, claims={"iat": now - 200, "exp": now - 30}), TOKEN_EXPIRED),
        ("a fraction within the leeway", partial(f.token, claims={"iat": now - 200, "exp": now - 29.5}), GOOD),
        ("yesterday", partial(f.token, claims={"iat": now - 86_700, "exp": now - 86_400}), TOKEN_EXPIRED),
        ("1e9", partial(f.token, claims={"exp": 1e9}), TOKEN_EXPIRED),
        # Of several faults the one that its maker can do least about is told.
        ("over, and for somebody else", partial(f.token, claims={"exp": now - 60, "aud": "x"}), TOKEN_EXPIRED),
        ("over, and without iat", partial(f.token, claims={"exp": now - 60}, without=("iat",)), TOKEN_EXPIRED),
        ("over, and a stranger signed", partial(f.token, claims={"exp": now - 60}, key=f.strange_key), INVALID_TOKEN),
        ("in milliseconds", partial(f.token, claims={"exp": (now + 300) * 1000}), CLAIMS_INVALID),
    ]  # fmt: skip


def nbf(f: Forge) -> list[Variant]:
    now = f.now
    return [
        # A registered claim has its type (RFC 7519 §4.1.5): null is no number, and not the same as none.
        *[(name, partial(f.token, claims={"nbf": value}), INVALID_TOKEN) for name, value in NO_MOMENTS.items()],
        ("just within the leeway", partial(f.token, claims={"nbf": now + 30}), GOOD),
        ("beyond the leeway", partial(f.token, claims={"nbf": now + 31}), INVALID_TOKEN),
        ("half a second beyond", partial(f.token, claims={"nbf": now + 30.5}), INVALID_TOKEN),
        ("tomorrow", partial(f.token, claims={"nbf": now + 86_400}), INVALID_TOKEN),
        ("the same as exp", partial(f.token, claims={"nbf": now + 20, "exp": now + 20}), INVALID_TOKEN),
        ("after exp", partial(f.token, claims={"nbf": now + 25, "exp": now + 20}), INVALID_TOKEN),
        ("0", partial(f.token, claims={"nbf": 0}), GOOD),
        ("before iat", partial(f.token, claims={"nbf": now - 60}), GOOD),
    ]


def iat(f: Forge) -> list[Variant]:
    now = f.now
    return [
        ("none", partial(f.token, without=("iat",)), CLAIMS_INVALID),
        *[(name, partial(f.token, claims={"iat": value}), CLAIMS_INVALID) for name, value in NO_MOMENTS.items()],
        ("just within the leeway", partial(f.token, claims={"iat": now + 30}), GOOD),
        ("beyond the leeway", partial(f.token, claims={"iat": now + 31}), CLAIMS_INVALID),
        ("tomorrow", partial(f.token, claims={"iat": now + 86_400, "exp": now + 86_700}), CLAIMS_INVALID),
        ("0", partial(f.token, claims={"iat": 0}), CLAIMS_INVALID),
        ("long ago", partial(f.token, claims={"iat": now - 640}), CLAIMS_INVALID),
    ]


def lifetimes(f: Forge) -> list[Variant]:
    now = f.now
    return [
        ("300, the most in an address", partial(f.token, claims={"exp": now + 300}), GOOD),
        ("301", partial(f.token, claims={"exp": now + 301}), GOOD, IN_ADDRESS_NOT),
        ("300.5", partial(f.token, claims={"exp": now + 300.5}), GOOD, IN_ADDRESS_NOT),
        ("600, the most", partial(f.token, claims={"exp": now + 600}), GOOD, IN_ADDRESS_NOT),
        ("600, nearly over", partial(f.token, claims={"iat": now - 629, "exp": now - 29}), GOOD, IN_ADDRESS_NOT),
        ("601", partial(f.token, claims={"exp": now + 601}), CLAIMS_INVALID),
        ("600.5", partial(f.token, claims={"exp": now + 600.5}), CLAIMS_INVALID),
        ("an hour", partial(f.token, claims={"exp": now + 3_600}), CLAIMS_INVALID),
        ("ten years", partial(f.token, claims={"exp": now + 315_360_000}), CLAIMS_INVALID),
        ("for ever", partial(f.token, claims={"exp": 2**53 - 1}), CLAIMS_INVALID),
        ("nothing", partial(f.token, claims={"iat": now + 10, "exp": now + 10}), CLAIMS_INVALID),
        ("less than nothing", partial(f.token, claims={"iat": now + 20, "exp": now + 10}), CLAIMS_INVALID),
        ("nothing, before exp is over", partial(f.token, claims={"iat": now, "exp": now - 10}), CLAIMS_INVALID),
    ]


def required(f: Forge) -> list[Variant]:
    empty: list[Any] = [None, "", [], {}]
    # Required is that it is there and holds something; what it has to be is a matter of what it is mapped to.
    held: list[Any] = [0, False, " ", [None], {"a": None}]
    return [
        ("none", partial(f.token, without=("email",)), CLAIMS_INVALID),
        *[(json.dumps(value), partial(f.token, claims={"email": value}), CLAIMS_INVALID) for value in empty],
        *[(json.dumps(value), partial(f.token, claims={"email": value}), GOOD) for value in held],
        ("in another case", partial(f.token, claims={"Email": "x@example.test"}, without=("email",)), CLAIMS_INVALID),
    ]


def sizes(f: Forge) -> list[Variant]:
    return [
        ("just 16 KiB", partial(_of_size, f, MAX_TOKEN_BYTES), GOOD),
        ("one character more", partial(_of_size, f, MAX_TOKEN_BYTES + 1), BAD_REQUEST),
        ("20 KiB", lambda: "e" * 20_480, BAD_REQUEST),
        ("40 KiB of dots", lambda: "." * 40_960, BAD_REQUEST),
        ("nothing", lambda: "", BAD_REQUEST),
        ("16 KiB of dots", lambda: "." * MAX_TOKEN_BYTES, INVALID_TOKEN),
        ("16 KiB of brackets", lambda: f"{encode('[' * 6_000)}.{encode('[' * 6_000)}.", INVALID_TOKEN),
        ("32 levels", partial(f.token, claims={"x": functools.reduce(lambda inner, _: [inner], range(30), [])}), GOOD),
        ("33 levels", partial(f.token, claims={"x": functools.reduce(lambda inner, _: [inner], range(31), [])}), INVALID_TOKEN),
        ("800 claims", partial(f.token, claims={f"c{n}": n for n in range(800)}), GOOD),
        ("a header of 8 KiB", partial(f.token, header={"x": "x" * 8_000}), GOOD),
        ("a list of 2,500", partial(f.token, claims={"groups": ["a"] * 1_500}), GOOD),
        ("one claim named 8,000 letters", partial(f.token, claims={"n" * 8_000: 1}), GOOD),
    ]  # fmt: skip


def _of_size(f: Forge, size: int) -> str:
    """Fill header and claims up until all of it has so many characters."""
    claims = {"jti": f"{f.salt}{f.algorithm}-of-{size}"}
    rest = size - len(f.token(header={"x": ""}, claims={**claims, "y": ""}))
    for more, amount in itertools.product(range(4), range(rest * 3 // 4 - 12, rest * 3 // 4 + 12)):
        header, filled = {"x": "x" * more}, {**claims, "y": "y" * amount}
        texts = json.dumps({**f.header(), **header}), json.dumps({**f.claims(), **filled})
        if sum((len(text) * 4 + 2) // 3 for text in texts) + 2 + _signature_size(f) == size:
            return f.token(header=header, claims=filled)
    raise AssertionError("no such size")


def _signature_size(f: Forge) -> int:
    amount = SECRET_BYTES.get(f.algorithm) or {"ES256": 64, "ES384": 96, "EdDSA": 64}.get(f.algorithm, 256)
    return (amount * 4 + 2) // 3


def signatures(f: Forge) -> list[Variant]:
    def flip(at: int) -> Callable[[bytes], bytes]:
        return lambda s: bytes(byte ^ (1 if n == at % len(s) else 0) for n, byte in enumerate(s))

    def swap(part: int) -> Callable[[str], str]:
        return lambda t: ".".join((other if n == part else own) for n, (own, other) in enumerate(zip(t.split("."), _other(f).split("."), strict=True)))  # fmt: skip

    bad: dict[str, Callable[[bytes], bytes]] = {
        "cut by a byte": lambda s: s[:-1],
        "cut in half": lambda s: s[: len(s) // 2],
        "without its first byte": lambda s: s[1:],
        "of one byte": lambda s: s[:1],
        "with a byte behind": lambda s: s + b"\x00",
        "with a byte before": lambda s: b"\x00" + s,
        "twice": lambda s: s + s,
        "backwards": lambda s: s[::-1],
        "NUL only": lambda s: bytes(len(s)),
        "ones only": lambda s: b"\xff" * len(s),
        "a one": lambda s: bytes(len(s) - 1) + b"\x01",
        "as hex": lambda s: s.hex().encode(),
        "in base64 again": lambda s: base64.urlsafe_b64encode(s),
        "a bit of the first byte": flip(0),
        "a bit in the middle": flip(15),
        "a bit of the last byte": flip(-1),
    }
    found: list[Variant] = [(f"signature {name}", partial(f.token, signature=change), INVALID_TOKEN) for name, change in bad.items()]  # fmt: skip
    found += [(f"{what} of another token", partial(f.token, after=swap(n)), INVALID_TOKEN) for n, what in enumerate(("header", "claims", "signature"))]  # fmt: skip
    found.append(("signed by a stranger", partial(f.token, key=f.strange_key, without=("kid",)), INVALID_TOKEN))
    found.append(
        ("claims signed alone", partial(f.token, sign=lambda data: _sign(f, data.partition(b".")[2])), INVALID_TOKEN)
    )
    return found + _of_kind(f)


def _other(f: Forge) -> str:
    """Return another good token; its header too is another, that says the same."""
    return f.token(header={"x": 1}, claims={"sub": "ada"})


def _sign(f: Forge, data: bytes) -> bytes:
    return jwt.get_algorithm_by_name(f.algorithm).sign(data, f.key)


def _of_kind(f: Forge) -> list[Variant]:
    """What only signatures of one kind can be."""
    if f.is_secret:
        return [("the secret itself", partial(f.token, signature=lambda s: secret_of(f.algorithm)), INVALID_TOKEN)]
    if is_rsa(f.algorithm):
        return _of_rsa(f)
    return _of_curve(f) if f.algorithm.startswith("ES") else _of_ed25519(f)


def _of_rsa(f: Forge) -> list[Variant]:
    n = public_key_of(public_of(f.algorithm)).public_numbers().n
    size = (n.bit_length() + 7) // 8
    digest = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}[f.algorithm[2:]]
    pss = padding.PSS(mgf=padding.MGF1(digest), salt_length=digest.digest_size)
    schemes = {"PKCS #1 v1.5": padding.PKCS1v15(), "PSS": pss}
    scheme = schemes["PKCS #1 v1.5" if f.algorithm.startswith("PS") else "PSS"]
    return [
        ("n", partial(f.token, signature=lambda s: n.to_bytes(size, "big")), INVALID_TOKEN),
        ("n − 1", partial(f.token, signature=lambda s: (n - 1).to_bytes(size, "big")), INVALID_TOKEN),
        ("plus n", partial(f.token, signature=lambda s: (int.from_bytes(s, "big") + n).to_bytes(size + 1, "big")), INVALID_TOKEN),
        ("the other padding, the same key", partial(f.token, sign=lambda data: f.key.sign(data, scheme, digest)), INVALID_TOKEN),
    ]  # fmt: skip


def _of_curve(f: Forge) -> list[Variant]:
    """CVE-2022-21449: nothing, or the order of the curve, is no signature."""
    size, order = (32, P256_ORDER) if f.algorithm == "ES256" else (48, P384_ORDER)

    def parts(change: Callable[[int, int], tuple[int, int]]) -> Callable[[bytes], bytes]:
        def changed(s: bytes) -> bytes:
            r, n = change(int.from_bytes(s[:size], "big"), int.from_bytes(s[size:], "big"))
            return r.to_bytes(size, "big") + n.to_bytes(size, "big")

        return changed

    def to_der(s: bytes) -> bytes:
        return encode_dss_signature(int.from_bytes(s[:size], "big"), int.from_bytes(s[size:], "big"))

    bad = {
        "r is 0": lambda r, s: (0, s),
        "s is 0": lambda r, s: (r, 0),
        "both are 0": lambda r, s: (0, 0),
        "both are the order": lambda r, s: (order, order),
        "s is the order": lambda r, s: (r, order),
        "r is 1, s is 0": lambda r, s: (1, 0),
        "r and s change places": lambda r, s: (s, r),
    }
    return [
        *[(name, partial(f.token, signature=parts(change)), INVALID_TOKEN) for name, change in bad.items()],
        ("as DER", partial(f.token, signature=to_der), INVALID_TOKEN),
        ("parts with a byte before", partial(f.token, signature=lambda s: b"\0" + s[:size] + b"\0" + s[size:]), INVALID_TOKEN),
        # Both s and n − s are signatures (FIPS 186-5 §6.4); nobody is told twice apart by a signature here, but by `jti`.
        ("n − s", partial(f.token, signature=parts(lambda r, s: (r, order - s))), GOOD),
        ("the other s of the two", partial(f.token, signature=parts(lambda r, s: (r, max(s, order - s)))), GOOD),
    ]  # fmt: skip


def _of_ed25519(f: Forge) -> list[Variant]:
    """RFC 8032 §5.1.7: S is below the order; a point of small order as R helps nobody."""
    small = [bytes([1]) + bytes(31), bytes(32), bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"), bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")]  # fmt: skip

    def greater(s: bytes) -> bytes:
        return s[:32] + (int.from_bytes(s[32:], "little") + ED25519_ORDER).to_bytes(32, "little")

    return [
        ("S plus the order", partial(f.token, signature=greater), INVALID_TOKEN),
        *[(f"R of small order {n}, S is 0", partial(f.token, signature=lambda s, r=r: r + bytes(32)), INVALID_TOKEN) for n, r in enumerate(small)],
        ("R of small order, S as it was", partial(f.token, signature=lambda s: small[0] + s[32:]), INVALID_TOKEN),
    ]  # fmt: skip


def typ(f: Forge) -> list[Variant]:
    """RFC 8725 §3.11: a token for another purpose. The long spelling, application/jwt, is refused like all the rest."""
    values: list[Any] = ["at+jwt", "logout+jwt", "secevent+jwt", "dpop+jwt", "JWE", "JOSE", "application/jwt", "application/at+jwt", "", "JWT ", " JWT", "ＪＷＴ", "JWT\x00", None, 1, True, ["JWT"], {"JWT": 1}]  # fmt: skip
    return [(repr(value), partial(f.token, header={"typ": value}), INVALID_TOKEN) for value in values]


# class → (its variants, how many each algorithm has of them at least)
CLASSES: dict[str, tuple[Callable[[Forge], list[Variant]], int]] = {
    "good": (good, 7),
    "none": (none, 4),
    "confusion": (confusion, 7),
    "key as secret": (key_as_secret, 5),
    "kid": (kid, 6),
    "keys brought along": (keys_brought_along, 4),
    "extensions": (extensions, 3),
    "encrypted": (encrypted, 3),
    "repeated names": (repeated, 3),
    "encodings": (encodings, 6),
    "spellings": (spellings, 5),
    "iss": (iss, 4),
    "sub": (sub, 4),
    "aud": (aud, 4),
    "exp": (exp, 5),
    "nbf": (nbf, 4),
    "iat": (iat, 4),
    "jti": (jti, 4),
    "lifetimes": (lifetimes, 4),
    "required": (required, 3),
    "sizes": (sizes, 4),
    "signatures": (signatures, 9),
    "typ": (typ, 4),
}


def cases(now: float, *, salt: str = "", whole: bool = False) -> list[Case]:
    """Return the table; each algorithm takes the variants that come after those of the one before it."""
    found = []
    for number, algorithm in enumerate(ALGORITHMS):
        forge = Forge(algorithm, now, salt)
        for group, (variants_of, amount) in CLASSES.items():
            variants = variants_of(forge)
            if not whole:
                first = number * amount
                chosen = sorted({(first + step) % len(variants) for step in range(amount)})
                variants = [variants[index] for index in chosen]
            for name, make, expected, *elsewhere in variants:
                found.append(Case(name, group, algorithm, make(), expected, elsewhere[0] if elsewhere else {}))
    return found


def replay(cases: list[Case]) -> list[Case]:
    """Return the good ones of these once more, after they signed in (RFC 7519 §4.1.7); what a way refuses it still does."""
    found = []
    for case in cases:
        rows = {way: TOKEN_USED if case.expected_by(way) is GOOD else case.expected_by(way) for way in TRANSPORTS}
        if TOKEN_USED in rows.values():
            found.append(replace(case, group="replay", expected=TOKEN_USED, elsewhere=rows))
    return found
