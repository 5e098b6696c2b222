"""Shared secrets: read as the relying party shows them, tried, and refused with words that never repeat them."""

import base64

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from mintmark.assets.secrets import read_secret
from mintmark.errors import FieldError

GOOD = "0123456789abcdef0123456789abcdef"
PRIVATE = {
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
    "ec": ec.generate_private_key(ec.SECP256R1()),
    "rsa": rsa.generate_private_key(65537, 2048),
}


@pytest.mark.parametrize(
    ("text", "encoding", "value"),
    [
        (GOOD, "text", GOOD.encode()),
        ("é" * 16, "text", ("é" * 16).encode()),
        (GOOD * 2, "hex", bytes.fromhex(GOOD * 2)),
        (base64.b64encode(b"\xff" * 33).decode(), "base64", b"\xff" * 33),
        (base64.urlsafe_b64encode(b"\xfb" * 32).decode(), "base64url", b"\xfb" * 32),
        (base64.urlsafe_b64encode(b"\xfb" * 32).decode().rstrip("="), "base64url", b"\xfb" * 32),
    ],
)
def test_a_secret_is_decoded_only_where_that_was_asked_for(text, encoding, value):
    assert read_secret(text, encoding, algorithm="HS256").value == value


@pytest.mark.parametrize(
    ("text", "encoding"),
    [(" " + GOOD, "text"), (GOOD + "\n", "text"), ("", "text"), (5, "text"), ("zz" * 32, "hex"), (GOOD + "0", "hex"), ("a b" * 32, "hex"),
     ("ab cd" * 20, "base64"), (GOOD[:-1] + "-", "base64"), (GOOD[:-1] + "+", "base64url"), ("x" * 5000, "text")],
)  # fmt: skip
def test_what_is_not_what_it_is_said_to_be_is_refused_without_repeating_it(text, encoding):
    with pytest.raises(FieldError) as refusal:
        read_secret(text, encoding, algorithm="HS256")
    assert len(str(text).strip()) < 5 or str(text).strip() not in str(refusal.value)


@pytest.mark.parametrize(("algorithm", "needed"), [("HS256", 32), ("HS384", 48), ("HS512", 64)])
def test_a_secret_is_as_long_as_rfc_7518_wants_unless_marked_weak(algorithm, needed):
    assert read_secret("s" * needed, "text", algorithm=algorithm).weak is False
    with pytest.raises(FieldError, match="weak"):
        read_secret("s" * (needed - 1), "text", algorithm=algorithm)
    assert read_secret("s" * 8, "text", algorithm=algorithm, weak=True).weak is True
    for weak in (True, False):
        with pytest.raises(FieldError, match="never"):
            read_secret("s" * 7, "text", algorithm=algorithm, weak=weak)


def key_files():
    for name, key in PRIVATE.items():
        for kind, private, public in (
            ("PEM", serialization.Encoding.PEM, serialization.Encoding.PEM),
            ("DER", serialization.Encoding.DER, serialization.Encoding.DER),
        ):
            forms = {
                "private": key.private_bytes(private, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
                "public": key.public_key().public_bytes(public, serialization.PublicFormat.SubjectPublicKeyInfo),
            }
            for half, value in forms.items():
                yield pytest.param(value, id=f"{name} {half} {kind}")


@pytest.mark.parametrize("value", list(key_files()))
def test_a_key_file_is_no_secret_in_whatever_form(value):
    encoded = base64.b64encode(value).decode()
    urlsafe = base64.urlsafe_b64encode(value).decode()
    written = [
        (encoded, "base64"),
        (encoded, "text"),
        (encoded.rstrip("="), "text"),
        (value.hex(), "hex"),
        (value.hex(), "text"),
    ]
    written += [(urlsafe, "base64url"), (urlsafe, "text"), (base64.b64encode(value + b"\n").decode(), "base64")]
    if value.startswith(b"-----"):
        text = value.decode().strip()
        written += [(text, "text"), (base64.b64encode(text.encode("utf-16")).decode(), "base64")]
    for text, encoding in written:
        with pytest.raises(FieldError):
            read_secret(text, encoding, algorithm="HS256")


def test_random_secrets_are_not_taken_for_key_files():
    import secrets

    assert read_secret("0000" + "1" * 46, "text", algorithm="HS256").value
    for _ in range(3000):
        value = secrets.token_bytes(64)
        assert read_secret(base64.b64encode(value).decode(), "base64", algorithm="HS512").value == value
