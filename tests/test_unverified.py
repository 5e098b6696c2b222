"""Reading tokens that anybody may have written: strictly, in bounds, with one kind of refusal (RFC 7515, RFC 8725 §2.4)."""

import base64
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mintmark.unverified import MAX_TOKEN_BYTES, TokenMalformed, read_unverified

HEADER, CLAIMS = '{"alg":"HS256"}', '{"sub":"ben"}'


def encode(text):
    data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


H, C, S = encode(HEADER), encode(CLAIMS), encode(b"s" * 32)


def with_claims(text):
    return f"{H}.{encode(text)}.{S}"


def with_header(text):
    return f"{encode(text)}.{C}.{S}"


MALFORMED = {
    "nothing": "",
    "a dot": ".",
    "two dots": "..",
    "one part": H,
    "two parts": f"{H}.{C}",
    "four parts": f"{H}.{C}.{S}.{S}",
    "six parts": ".".join([H] * 6),
    "five parts, which is JWE": f"{H}.{C}.{S}.{S}.{S}",
    "an enc in the header": with_header('{"alg":"dir","enc":"A256GCM"}'),
    "JSON serialisation": json.dumps({"payload": C, "signatures": [{"protected": H, "signature": S}]}),
    "flattened JSON": json.dumps({"payload": C, "protected": H, "signature": S}),
    "padding": f"{H}=.{C}.{S}",
    "padding of the signature": f"{H}.{C}.{S}=",
    "base64, not base64url": f"{H}.{encode('>>>???')[:-1]}+/.{S}",
    "white space before": f" {H}.{C}.{S}",
    "a line end after": f"{H}.{C}.{S}\n",
    "a line end within": f"{H[:8]}\r\n{H[8:]}.{C}.{S}",
    "a tab": f"{H}.\t{C}.{S}",
    "NUL": f"{H}.{C}.{S}\x00",
    "Bearer": f"Bearer {H}.{C}.{S}",
    "full-width letters": f"{H}.{C}.{S[:-1]}Ａ",
    "another dot": f"{H}\u2024{C}\u2024{S}",
    "a surrogate": f"{H}.{C}.\ud800",
    "a length that none has": f"{H}.{C}.{S}AA",
    "bits left over in the signature": f"{H}.{C}.{S[:-1]}{chr(ord(S[-1]) + 1)}",
    "bits left over in the claims": f"{H}.{encode('{}')[:-1]}1.{S}",
    "bits left over in the header": f"{encode('{}')[:-1]}1.{C}.{S}",
    "too long": f"{H}.{encode('{' + ' ' * MAX_TOKEN_BYTES + '}')}.{S}",
    "an empty header": f".{C}.{S}",
    "empty claims": f"{H}..{S}",
    "a header that is a list": with_header('["HS256"]'),
    "a header that is a text": with_header('"HS256"'),
    "a header without alg": with_header('{"typ":"JWT"}'),
    "alg twice": with_header('{"alg":"none","alg":"HS256"}'),
    "alg twice, once escaped": with_header('{"alg":"none","\\u0061lg":"HS256"}'),
    "alg null": with_header('{"alg":null}'),
    "alg a list": with_header('{"alg":["HS256"]}'),
    "alg a number": with_header('{"alg":256}'),
    "claims that are a list": with_claims("[]"),
    "claims that are null": with_claims("null"),
    "claims that are a number": with_claims("1"),
    "claims that are a token": with_claims(f"{H}.{C}.{S}"),
    "claims in single quotes": with_claims("{'sub':'ben'}"),
    "a comma at the end": with_claims('{"sub":"ben",}'),
    "a comment": with_claims('{"sub":"ben"/**/}'),
    "two objects": with_claims("{}{}"),
    "something behind": with_claims("{} x"),
    "a NUL behind": with_claims("{}\0"),
    "cut off": with_claims('{"sub":"be'),
    "cut off after a backslash": with_claims('{"sub":"be\\'),
    "a byte-order mark": with_claims("\ufeff{}"),
    "UTF-16": with_claims("{}".encode("utf-16-le")),
    "UTF-32": with_claims("{}".encode("utf-32-be")),
    "Latin-1": with_claims('{"sub":"Zoë"}'.encode("latin-1")),
    "an overlong slash": with_claims(b'{"sub":"\xc0\xaf"}'),
    "a surrogate in UTF-8": with_claims(b'{"sub":"\xed\xa0\x80"}'),
    "half of a pair": with_claims('{"sub":"\\ud83d"}'),
    "half of a pair in a name": with_claims('{"\\udc00":1}'),
    "a raw line end in a text": with_claims('{"sub":"a\nb"}'),
    "a raw NUL in a text": with_claims('{"sub":"a\0b"}'),
    "an escape that is none": with_claims('{"sub":"\\x41"}'),
    "a name twice": with_claims('{"admin":false,"admin":true}'),
    "a name twice within": with_claims('{"a":[{"b":1,"b":1}]}'),
    "NaN": with_claims('{"exp":NaN}'),
    "Infinity": with_claims('{"exp":Infinity}'),
    "-Infinity": with_claims('{"exp":-Infinity}'),
    "a number that is too large": with_claims('{"exp":1e999}'),
    "21 digits": with_claims('{"exp":' + "9" * 21 + "}"),
    "21 digits, with a point": with_claims('{"exp":1.' + "0" * 19 + "1}"),
    "thousands of digits": with_claims('{"exp":' + "9" * 9000 + "}"),
    "thousands of digits, with a point": with_claims('{"exp":0.' + "9" * 9000 + "}"),
    "a number in hex": with_claims('{"exp":0x10}'),
    "a leading zero": with_claims('{"exp":010}'),
    "digits of another script": with_claims('{"exp":١}'),
    "33 lists": with_claims('{"a":' + "[" * 32 + "]" * 32 + "}"),
    "thousands of lists": with_claims('{"a":' + "[" * 11_000),
    "thousands of objects": with_claims('{"a":' * 2_300),
    "thousands of brackets, closing first": with_claims("]" * 5_000 + "[" * 5_000),
    "thousands of escaped quotes": with_claims('{"a":"' + '\\"' * 5_500),
    "thousands of quotes": with_claims('"' * 11_999),
    "thousands of backslashes": with_claims('"' + "\\" * 11_001),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_token_is_refused_in_words_that_repeat_nothing_of_it(name):
    started = time.process_time()
    with pytest.raises(TokenMalformed) as refusal:
        read_unverified(MALFORMED[name])
    assert time.process_time() - started < 0.1
    words = str(refusal.value)
    assert words[0].isupper() and words.endswith(".") and len(words) < 130
    assert not any(len(piece) > 8 and piece in words for piece in MALFORMED[name].split("."))


GOOD = {
    "white space in its JSON": with_claims(' {\r\n\t"sub" : "ben" } '),
    "no signature": f"{H}.{C}.",
    "no claims": with_claims("{}"),
    "alg none": encode('{"alg":"none"}') + f".{C}.",
    "32 levels": with_claims('{"a":' + "[" * 31 + "]" * 31 + "}"),
    "brackets in a text": with_claims(json.dumps({"a": "[{" * 100 + '\\"'})),
    "20 digits": with_claims('{"a":-99999999999999999999,"b":0.00012345678901234567}'),
    "a whole pair": with_claims('{"sub":"\\ud83d\\ude00"}'),
    "the same name in two objects": with_claims('{"a":{"x":1},"b":{"x":1}}'),
    "an empty name": with_claims('{"":1}'),
    "as long as allowed": with_claims('{"a":"' + "x" * 12_170 + '"}'),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_is_well_formed_is_read_as_the_standard_library_reads_it(name):
    token = read_unverified(GOOD[name])
    _, claims, signature = GOOD[name].split(".")
    assert token.unverified_claims == json.loads(base64.urlsafe_b64decode(claims + "=="))
    assert token.unverified_signature == base64.urlsafe_b64decode(signature + "==")
    assert token.signing_input == GOOD[name].rpartition(".")[0].encode()


def test_the_longest_token_that_is_read_takes_no_time():
    claims = '{"a":[' + ",".join(["1"] * 6_050) + "]}"
    started = time.process_time()
    assert len(read_unverified(with_claims(claims)).unverified_claims["a"]) == 6_050
    assert time.process_time() - started < 0.1


@given(st.binary(max_size=300), st.binary(max_size=300), st.binary(max_size=40))
def test_whatever_bytes_the_parts_are_nothing_else_is_raised(header, claims, signature):
    read_or_refuse(".".join(map(encode, (header, claims, signature))))
    read_or_refuse(".".join((H, encode(claims), encode(signature))))


@given(st.text(st.sampled_from(list('abcABC019-_.=+/ \n\0{}[]",:\\é\u2028\ud800😀')), max_size=300))
def test_whatever_text_it_is_nothing_else_is_raised(text):
    read_or_refuse(text)
    read_or_refuse(with_claims(text))


pieces = st.sampled_from(list('[]{}",:\\ 019.-eE+untrfalsN') + ['"a"', '"alg"', "\\u0000", "\\ud800", "1e308", "é"])


@given(st.lists(pieces, max_size=40).map("".join))
def test_whatever_looks_like_json_is_refused_or_read_as_the_standard_library_reads_it(text):
    token = read_or_refuse(with_claims('{"a":' + text + "}"))
    if token:
        assert token.unverified_claims == json.loads('{"a":' + text + "}")


def read_or_refuse(text):
    try:
        return read_unverified(text)
    except TokenMalformed:
        return None


def test_a_token_shows_nothing_of_itself():
    assert repr(read_unverified(f"{H}.{C}.{S}")) == "<UnverifiedToken>"
