"""Reading a private key that somebody brings encrypted: what opening it costs is bounded before it is opened."""

import base64
import time

import pytest
from cryptography.hazmat.asn1 import encode_der
from cryptography.hazmat.primitives import serialization
from cryptography.x509 import ObjectIdentifier

from mintmark import keypairs
from mintmark.errors import FieldError
from tests.making import key_pair

PASSPHRASE = "open sesame"
PBES2, PBKDF2, SCRYPT = "1.2.840.113549.1.5.13", "1.2.840.113549.1.5.12", "1.3.6.1.4.1.11591.4.11"
MD5_DES, SHA1_3DES = "1.2.840.113549.1.5.3", "1.2.840.113549.1.12.1.3"
HMAC_SHA256, AES256_CBC = "1.2.840.113549.2.9", "2.16.840.1.101.3.4.1.42"
TOO_LONG, UNREADABLE = "takes too long to open", "cannot be read"
LABEL = "ENCRYPTED PRIVATE KEY"


def sequence(*parts):
    """Return a DER sequence of numbers, bytes, object ids, and DER."""
    body = b"".join(part.to_der() if isinstance(part, Der) else encode_der(part) for part in parts)
    octets = (len(body).bit_length() + 7) // 8
    long = bytes([0x80 | octets]) if len(body) >= 128 else b""
    return Der(b"\x30" + long + len(body).to_bytes(octets, "big") + body)


class Der:
    def __init__(self, value):
        self._value = value

    def to_der(self):
        return self._value


def algorithm(name, parameters):
    return sequence(ObjectIdentifier(name), parameters)


def pem(der, label=LABEL):
    return f"-----BEGIN {label}-----\n{base64.b64encode(der).decode()}\n-----END {label}-----\n"


def encrypted(how):
    return pem(sequence(how, bytes(64)).to_der())


def pbes2(derivation):
    return algorithm(PBES2, sequence(derivation, algorithm(AES256_CBC, Der(encode_der(bytes(16))))))


def pbkdf2(rounds, *more):
    function = algorithm(HMAC_SHA256, Der(b"\x05\x00"))
    return encrypted(pbes2(algorithm(PBKDF2, sequence(bytes(16), rounds, *more, function))))


def scrypt(cost, block, parallel, *more):
    return encrypted(pbes2(algorithm(SCRYPT, sequence(bytes(16), cost, block, parallel, *more))))


def brought(label=LABEL):
    """Return a key pair, and its private half encrypted as libraries do."""
    pair, hidden = key_pair("ES256"), serialization.BestAvailableEncryption(PASSPHRASE.encode())
    form = serialization.PrivateFormat.PKCS8 if label == LABEL else serialization.PrivateFormat.TraditionalOpenSSL
    return pair, pair.private.private_bytes(serialization.Encoding.PEM, form, hidden).decode()


TOO_EXPENSIVE = {
    "PBKDF2": pbkdf2(2_000_001),
    "PBKDF2 for ever": pbkdf2(2**31 - 1),
    "PBKDF2 with a number without end": pbkdf2(2**20_000),
    "PBKDF2 for a key without end": pbkdf2(1, 2**31 - 1),
    "scrypt, much memory": scrypt(2**17, 8, 1),
    "scrypt, much time": scrypt(2**14, 8, 5),
    "scrypt for a key without end": scrypt(2**14, 8, 1, 2**31 - 1),
    "PBES1 with MD5": encrypted(algorithm(MD5_DES, sequence(bytes(8), 2**31 - 1))),
    "PKCS #12": encrypted(algorithm(SHA1_3DES, sequence(bytes(8), 2**31 - 1))),
}
UNKNOWN = {
    "nothing": pem(b""),
    "cut off": pem(base64.b64decode(pbkdf2(2**31 - 1).splitlines()[1])[:-1]),
    "more than its end": pem(base64.b64decode(pbkdf2(2**31 - 1).splitlines()[1]) + b"\x00"),
    "no base64": f"-----BEGIN {LABEL}-----\n_\n-----END {LABEL}-----",
    "with headers": pbkdf2(2**31 - 1).replace(f"{LABEL}-----\n", f"{LABEL}-----\nProc-Type: 4,ENCRYPTED\n\n", 1),
    "another label at its end": pbkdf2(2**31 - 1).replace(f"END {LABEL}", "END PRIVATE KEY"),
    "white space in its label": pbkdf2(2**31 - 1).replace("BEGIN ", "BEGIN  "),
    "another derivation": encrypted(pbes2(algorithm("1.2.3", sequence(bytes(16), 1)))),
    "scrypt of nothing": scrypt(-(2**20), -(2**20), 1),
}


@pytest.mark.parametrize("name", [*TOO_EXPENSIVE, *UNKNOWN])
def test_what_would_hold_the_site_up_or_cannot_be_told_is_refused_at_once(name):
    text, words = (TOO_EXPENSIVE[name], TOO_LONG) if name in TOO_EXPENSIVE else (UNKNOWN[name], UNREADABLE)
    before = time.process_time()
    for passphrase in (PASSPHRASE, ""):
        with pytest.raises(FieldError, match=words) as refused:
            keypairs.read_private_key(text, "ES256", passphrase=passphrase)
        assert refused.value.field == "private_key"
    assert time.process_time() - before < 0.5


@pytest.mark.parametrize("text", [pbkdf2(2**31 - 1), scrypt(2**20, 8, 4)], ids=["PBKDF2", "scrypt"])
def test_no_other_label_and_no_other_block_leads_round_the_bound(text):
    pair, cheap = brought()
    before = time.process_time()
    for other in (text.replace(LABEL, "PRIVATE KEY"), text.replace(LABEL, "EC PRIVATE KEY"), text + cheap):
        with pytest.raises(FieldError):
            keypairs.read_private_key(other, "ES256", passphrase=PASSPHRASE)
    # Of several the first one is opened, and no other.
    assert keypairs.read_private_key(cheap + text, "ES256", passphrase=PASSPHRASE).public == pair.public
    assert time.process_time() - before < 0.5


@pytest.mark.parametrize("label", [LABEL, "EC PRIVATE KEY"])
def test_what_libraries_write_opens_also_after_a_certificate(label):
    pair, text = brought(label)
    assert label in text
    for given in (text, text.replace("\n", "\r\n"), pem(b"certificate", "CERTIFICATE") + text):
        assert keypairs.read_private_key(given, "ES256", passphrase=PASSPHRASE).public == pair.public
    with pytest.raises(FieldError, match="is needed: the key is encrypted"):
        keypairs.read_private_key(text, "ES256")
    with pytest.raises(FieldError, match="does not open the key"):
        keypairs.read_private_key(text, "ES256", passphrase="wrong")


@pytest.mark.parametrize(
    "text", [pbkdf2(600_000), scrypt(2**14, 8, 4), encrypted(algorithm(SHA1_3DES, sequence(bytes(8), 2048)))]
)
def test_what_costs_little_is_tried(text):
    with pytest.raises(FieldError, match="does not open the key"):
        keypairs.read_private_key(text, "ES256", passphrase=PASSPHRASE)
