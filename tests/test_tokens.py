"""Signing: what leaves is what was meant, judged by another library (RFC 7515, RFC 8725)."""

import base64
import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey

from mintmark.errors import FieldError, MintmarkError
from mintmark.tokens import SECRET_ALGORITHMS, NotSigned, Signer, make_jti, read_algorithm, read_headers, trial
from mintmark.unverified import TokenMalformed, read_unverified

SECRET = b"s" * 64
text = st.text(st.characters(exclude_categories=["Cs"]))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=12,
)


@given(st.sampled_from(SECRET_ALGORITHMS), st.dictionaries(text, json_values, max_size=5))
def test_another_library_reads_the_very_claims_and_so_do_we(algorithm, claims):
    signer = Signer(algorithm, SECRET, {"kid": "k"})
    token = signer.sign(claims)
    payload = base64.urlsafe_b64decode(token.split(".")[1] + "==")

    assert json.loads(payload) == claims
    assert jwt.decode(token, OctKey.import_key(SECRET), algorithms=[algorithm]).claims == claims
    assert signer.verify(read_unverified(token)) == claims
    assert read_unverified(token).unverified_header == signer.header
    assert signer.size_of(claims) == len(token)  # It was known before.


@given(st.integers(0, 1023))
def test_a_token_of_which_any_one_bit_is_another_is_not_verified(place):
    signer = Signer("HS256", SECRET, {})
    token = bytearray(signer.sign({"sub": "ben", "exp": 1_800_000_600}).encode())
    position, bit = place // 8 % len(token), place % 8
    token[position] ^= 1 << bit
    with pytest.raises(MintmarkError) as refusal:
        signer.verify(read_unverified(token.decode("latin-1")))
    assert isinstance(refusal.value, NotSigned | TokenMalformed)


def test_another_secret_has_not_signed_it():
    token = read_unverified(Signer("HS256", SECRET, {}).sign({}))
    with pytest.raises(NotSigned):
        Signer("HS256", b"t" * 64, {}).verify(token)


def part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def signed(header, claims, hash="sha256"):
    """Sign with SECRET whatever the header says, as somebody would who got hold of it."""
    signing_input = f"{part(header)}.{part(claims)}"
    signature = hmac.digest(SECRET, signing_input.encode(), hash)
    return f"{signing_input}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "HS512"},
        {"alg": "hs256"},
        {"alg": "RS256"},
        {"alg": "HS256", "crit": ["b64"], "b64": True},
        {"alg": "HS256", "crit": []},
    ],
)
def test_the_header_never_chooses_the_algorithm_and_demands_nothing(header):
    # RFC 8725 §3.1, RFC 7515 §4.1.11; the signature itself is that of HS256 with the right secret.
    with pytest.raises(NotSigned):
        Signer("HS256", SECRET, {}).verify(read_unverified(signed(header, {"sub": "ben"})))
    assert Signer("HS256", SECRET, {}).verify(read_unverified(signed({"alg": "HS256"}, {"sub": "ben"})))


def test_a_signature_cut_short_is_none():
    head, _, signature = Signer("HS256", SECRET, {}).sign({}).rpartition(".")
    for length in (0, 4, 8, 40):
        assert not Signer("HS256", SECRET, {}).has_signed(read_unverified(f"{head}.{signature[:length]}"))


def test_no_header_of_an_asset_overrides_the_algorithm():
    for headers in ({"alg": "none"}, {"alg": "HS512"}):
        with pytest.raises(FieldError):
            read_headers(headers)
        header = Signer("HS256", SECRET, headers).sign({}).split(".")[0]
        assert json.loads(base64.urlsafe_b64decode(header + "==")) == {"typ": "JWT", "alg": "HS256"}


@pytest.mark.parametrize(
    "name",
    ["", "alg", "b64", "crit", "enc", "zip", "jku", "jwk", "x5c", "x5u", "x5t", "x5t#S256", "x5anything"],
)
def test_headers_that_steer_a_verifier_are_refused(name):
    with pytest.raises(FieldError):
        read_headers({name: "value"})


@pytest.mark.parametrize("value", ["", None, 5, ["a"], "v" * 256, "a\x00b", "\ud800"])
def test_a_header_is_fixed_text(value):
    with pytest.raises(FieldError):
        read_headers({"kid": value})


def test_good_headers_are_kept():
    assert read_headers({"kid": "k", "typ": "at+jwt", "iss": "client"}) == {
        "kid": "k",
        "typ": "at+jwt",
        "iss": "client",
    }


@pytest.mark.parametrize(
    "name", ["none", "None", "hs256", "HS257", "ES512", "ES256K", "Ed25519", "PS384", "", "HS256 "]
)
def test_unknown_algorithms_are_refused_exactly(name):
    with pytest.raises(FieldError):
        read_algorithm(name)


@pytest.mark.parametrize(
    "secret",
    [
        b"-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A\n-----END PUBLIC KEY-----",
        b"-----BEGIN RSA PRIVATE KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A\n-----END RSA PRIVATE KEY-----",
        b"ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDGy0gSlKMkxyA",
        b'{"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA"}',
        b'{"keys": [{"kty": "RSA", "n": "x", "e": "AQAB"}]}',
    ],
)
def test_a_key_file_is_no_secret(secret):
    with pytest.raises(FieldError, match="key file") as refusal:
        trial("HS256", secret)
    assert secret.decode() not in str(refusal.value)


def test_ids_have_128_random_bits():
    ids = {make_jti() for _ in range(1000)}

    assert len(ids) == 1000
    assert {len(base64.urlsafe_b64decode(each + "==")) for each in ids} == {16}


def test_a_signer_does_not_show_its_key():
    assert "sss" not in repr(Signer("HS256", SECRET, {})) + repr(vars(Signer("HS256", SECRET, {})).keys())
