"""Public keys that others show: read whatever white space got in, and nothing taken that is private, small or of another kind."""

import base64
import datetime
import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, rsa, x25519
from cryptography.x509.oid import NameOID

from mintmark import keypairs
from mintmark.errors import FieldError
from mintmark.public_keys import base64url, public_members_of_jwk, read_public_key
from mintmark.tokens import KEY_ALGORITHMS, SECRET_ALGORITHMS
from tests.making import key_pair

PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER
SPKI, PKCS1 = serialization.PublicFormat.SubjectPublicKeyInfo, serialization.PublicFormat.PKCS1


def pair_of(algorithm):
    return key_pair("RS256" if keypairs.is_rsa(algorithm) else algorithm, 7000)


def pem_of(algorithm):
    return keypairs.spki_pem(pair_of(algorithm).public)


def wrapped(label, der):
    body = base64.b64encode(der).decode()
    return f"-----BEGIN {label}-----\n{body}\n-----END {label}-----\n"


def certificate_of(algorithm):
    """Return a certificate that is long over: its key is another matter."""
    private = pair_of(algorithm).private
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "portal.test")])
    begin = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).serial_number(1)
    builder = builder.public_key(private.public_key()).not_valid_before(begin)
    builder = builder.not_valid_after(begin + datetime.timedelta(days=1))
    made = builder.sign(private, None if algorithm == "EdDSA" else hashes.SHA256())
    return made.public_bytes(PEM).decode()


@pytest.mark.parametrize("algorithm", KEY_ALGORITHMS)
def test_a_public_key_is_read_from_whatever_it_is_handed_on_as(algorithm):
    members, pem = pair_of(algorithm).public, pem_of(algorithm)
    spellings = {
        "PEM": pem,
        "CRLF": pem.replace("\n", "\r\n"),
        "white space around": f"\n\t  {pem}\n\n",
        "indented": pem.replace("\n", "\n    "),
        "in one line": pem.replace("\n", ""),
        "in one line with spaces": pem.replace("\n", " "),
        "line ends as in JSON": pem.replace("\n", "\\n"),
        "line ends as in JSON, of Windows": pem.replace("\n", "\\r\\n"),
        "words before": f"Bag Attributes\n  friendlyName: x\n{pem}",
        "certificate": certificate_of(algorithm),
        "JWK": json.dumps(members),
        "JWK with all that may stand there": json.dumps(
            {**members, "kid": "x", "use": "sig", "key_ops": ["verify"], "alg": algorithm, "x5c": ["x"], "x5t": 1}
        ),
    }
    if keypairs.is_rsa(algorithm):
        spellings["PKCS #1"] = pair_of(algorithm).private.public_key().public_bytes(PEM, PKCS1).decode()

    for name, text in spellings.items():
        assert read_public_key(text, algorithm) == members, name


@pytest.mark.parametrize("algorithm", KEY_ALGORITHMS)
def test_nothing_private_is_taken_and_none_of_it_is_said(algorithm):
    pair = pair_of(algorithm)
    none = serialization.NoEncryption()
    pkcs8 = pair.private.private_bytes(PEM, serialization.PrivateFormat.PKCS8, none).decode()
    texts = [pkcs8, f"{pem_of(algorithm)}\n{pkcs8}", pkcs8.replace("\n", " ")]
    texts += [json.dumps({**pair.public, name: "c2VjcmV0"}) for name in ("d", "p", "q", "dp", "dq", "qi", "oth", "k")]
    texts += [json.dumps({"kty": "oct", "k": "c2VjcmV0"}), json.dumps({**pair.public, "d": None})]

    for text in texts:
        with pytest.raises(FieldError, match="private") as refused:
            read_public_key(text, algorithm)
        assert "c2VjcmV0" not in str(refused.value) and refused.value.field == "public_key"


def der_of(key):
    return key.public_key().public_bytes(DER, SPKI)


def no_keys():
    pem = pem_of("ES256")
    members = pair_of("ES256").public
    return {
        "nothing": "",
        "words": "my key",
        "two keys": pem + pem,
        "two certificates": certificate_of("ES256") * 2,
        "a key and half of one": pem + "-----BEGIN PUBLIC KEY-----\nMFkw",
        "without its end": pem.rpartition("-----END")[0],
        "cut off": pem[:60] + pem[-28:],
        "other labels": pem.replace("PUBLIC", "DSA PUBLIC"),
        "no base64": pem.replace("M", "!", 1),
        "something behind the key": wrapped("PUBLIC KEY", der_of(pair_of("ES256").private) + b"\0"),
        "an empty block": "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----",
        "a request": pem.replace("PUBLIC KEY", "CERTIFICATE REQUEST"),
        "a key said to be a certificate": pem.replace("PUBLIC KEY", "CERTIFICATE"),
        "OpenSSH": "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTY= ben",
        "too long": pem + " " * 20_000 + "x",
        "half of a pair": pem + "\ud800-----BEGIN",
        "a key set": json.dumps({"keys": [members]}),
        "a list": json.dumps([members]),
        "no JSON": "{kty: EC}",
        "a name twice": json.dumps(members)[:-1] + ', "kty": "EC"}',
        "deep": '{"a":' + "[" * 16_000,
        "no members": "{}",
    }


@pytest.mark.parametrize("name", no_keys())
def test_what_is_no_public_key_is_refused(name):
    with pytest.raises(FieldError) as refused:
        read_public_key(no_keys()[name], "ES256")

    assert refused.value.field == "public_key"


def test_a_key_of_another_kind_is_refused():
    strangers = [
        ec.generate_private_key(ec.SECP521R1()),
        ec.generate_private_key(ec.SECP256K1()),
        ed448.Ed448PrivateKey.generate(),
        x25519.X25519PrivateKey.generate(),
        dsa.DSAPublicNumbers(5, dsa.DSAParameterNumbers(2**1023 + 1155, 2**159 + 181, 4)).public_key(),
    ]
    texts = [wrapped("PUBLIC KEY", der_of(key) if hasattr(key, "public_key") else key.public_bytes(DER, SPKI)) for key in strangers]  # fmt: skip
    for algorithm in KEY_ALGORITHMS:
        kin = [each for each in KEY_ALGORITHMS if keypairs.is_rsa(each) and keypairs.is_rsa(algorithm)]
        others = [each for each in KEY_ALGORITHMS if each not in {algorithm, *kin}]
        texts_here = [*texts, *map(pem_of, others), *(json.dumps(pair_of(each).public) for each in others)]
        for text in texts_here:
            with pytest.raises(FieldError, match="another type|cannot be read"):
                read_public_key(text, algorithm)


def rsa_pem(e, n):
    return rsa.RSAPublicNumbers(e, n).public_key().public_bytes(PEM, SPKI).decode()


def test_an_rsa_key_has_a_size_and_an_exponent_that_can_be_trusted():
    n = pair_of("RS256").private.public_key().public_numbers().n
    small, large = rsa_pem(65537, (1 << 2046) + 1), rsa_pem(65537, (1 << 8192) + 1)
    for text, words in (
        (small, "has 2047 bits"),
        (large, "has 8193 bits"),
        (rsa_pem(2**33 + 1, n), "unusual public exponent"),
        (rsa_pem(65537, n - 1), "even"),
    ):
        with pytest.raises(FieldError, match=words):
            read_public_key(text, "RS256")
    assert read_public_key(rsa_pem(3, n), "PS256")["e"] == "Aw"


def whole(number):
    return base64url(number.to_bytes((number.bit_length() + 7) // 8 or 1, "big"))


def test_members_of_a_jwk_are_looked_at_before_anything_is_worked_out_with_them():
    members = pair_of("RS256").public
    for changed in (
        {"e": whole(4)},
        {"e": whole(1)},
        {"e": ""},
        {"e": whole(2**32 + 1)},
        {"e": 65537},
        {"n": whole((1 << 1023) + 1)},
        {"n": whole((1 << 9000) + 1)},
        {"n": "A" * 20_000},
        {"n": members["n"] + "="},
        {"n": members["n"][:-1] + "\n"},
        {"n": "é" + members["n"]},
        {"n": None},
        {"n": [members["n"]]},
        {"kty": "EC"},
        {"kty": None},
        {"kty": ["RSA"]},
        {"use": "enc"},
        {"use": None},
        {"key_ops": ["sign"]},
        {"key_ops": ["verify", "sign"]},
        {"key_ops": []},
        {"key_ops": "verify"},
        {"alg": "PS256"},
        {"alg": None},
        {"alg": "HS256"},
    ):
        with pytest.raises(FieldError) as refused:
            public_members_of_jwk({**members, **changed}, "RS256")
        assert refused.value.field == "public_key", changed
    # Some libraries write an octet of nothing before (RFC 7518 §6.3.1.1 forbids it); it is the same key, and so written.
    n = base64url(b"\0" + base64.urlsafe_b64decode(members["n"] + "=="))
    assert public_members_of_jwk({**members, "n": n}, "RS256") == members
    for other in (None, 1, "x", [], [members], True):
        with pytest.raises(FieldError):
            public_members_of_jwk(other, "RS256")


def test_a_point_is_on_the_curve_that_it_says():
    members, raw = pair_of("ES256").public, base64.urlsafe_b64decode(pair_of("ES256").public["x"] + "==")
    for changed in (
        {"crv": "P-384"},
        {"crv": "P-521"},
        {"crv": "secp256k1"},
        {"crv": None},
        {"x": members["y"], "y": members["x"]},
        {"x": base64url(raw[:-1])},
        {"x": base64url(b"\0" + raw)},
        {"x": base64url(bytes(32)), "y": base64url(bytes(32))},
        {"y": base64url(b"\xff" * 32)},
    ):
        with pytest.raises(FieldError):
            public_members_of_jwk({**members, **changed}, "ES256")


def test_no_point_of_ed25519_for_which_anybody_can_sign_is_taken():
    """https://eprint.iacr.org/2020/1244: with such a key one signature is good for many messages."""
    prime = 2**255 - 19
    eighth = int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little")
    for y in (0, 1, prime - 1, prime, prime + 1, eighth, prime - eighth):
        for sign in (0, 1 << 255):
            x = base64url((y | sign).to_bytes(32, "little"))
            with pytest.raises(FieldError, match="anybody can sign|damaged"):
                public_members_of_jwk({"kty": "OKP", "crv": "Ed25519", "x": x}, "EdDSA")
    for size in (0, 31, 33):
        with pytest.raises(FieldError):
            public_members_of_jwk({"kty": "OKP", "crv": "Ed25519", "x": base64url(b"\x02" * size)}, "EdDSA")
    with pytest.raises(FieldError):
        public_members_of_jwk({**pair_of("EdDSA").public, "crv": "X25519"}, "EdDSA")


def test_what_is_said_of_openssh_helps():
    with pytest.raises(FieldError, match="ssh-keygen -e -m PKCS8"):
        read_public_key("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI ben@x", "EdDSA")


def test_algorithms_of_secrets_have_no_public_keys():
    for algorithm in SECRET_ALGORITHMS:
        for text in (
            pem_of("RS256"),
            pem_of("ES256"),
            json.dumps(pair_of("RS256").public),
            '{"kty": "oct", "k": "AA"}',
        ):
            with pytest.raises(FieldError):
                read_public_key(text, algorithm)
