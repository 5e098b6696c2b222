"""The one verifier of foreign tokens: the whole table, what is said of each check, and any text at all (RFC 8725)."""

import functools
import statistics
import time
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from mintmark.issuers import checking
from mintmark.issuers.refusals import (
    BAD_REQUEST,
    CLAIMS_INVALID,
    INVALID_TOKEN,
    TOKEN_EXPIRED,
    UNKNOWN_ISSUER,
    TokenRefused,
)
from mintmark.issuers.rules import BODY, CODE, HEADER, QUERY, KeyNotFound, Rules
from mintmark.keypairs import public_key_of
from mintmark.tokens import ALGORITHMS, SECRET_BYTES, Verifier
from tests import foreign_tokens as table
from tests.conftest import START


class Ring:
    """The keys of one issuer, by `kid`; a secret has none."""

    def __init__(self, keys, is_secret=False):
        self.keys, self.is_secret = keys, is_secret

    def find(self, kid):
        if self.is_secret:
            return self.keys[None]
        if kid is None and len(self.keys) == 1:
            return next(iter(self.keys.values()))
        if kid not in self.keys:
            raise KeyNotFound("there is no live key of this `kid`")
        return self.keys[kid]


def rules_of(algorithm, **others):
    if algorithm in SECRET_BYTES:
        keys = Ring({None: Verifier(algorithm, table.secret_of(algorithm))}, is_secret=True)
    else:
        keys = Ring({table.KEY_ID: Verifier(algorithm, public_key_of(table.public_of(algorithm)))})
    usual = {
        "issuer": table.issuer_of(algorithm),
        "algorithm": algorithm,
        "keys": keys,
        "audience": table.AUDIENCE,
        "typ": table.TYP,
        "required_claims": table.REQUIRED,
        "identity_claim": "sub",
        "one_time": True,
        "leeway": table.LEEWAY,
        "max_lifetime": table.MAX_LIFETIME,
        "max_age": table.MAX_LIFETIME,
        "is_id_token": False,
        "nonce": None,
    }
    return Rules(**{**usual, **others})


@pytest.fixture(scope="module")
def issuers():
    found = [rules_of(algorithm) for algorithm in ALGORITHMS]
    return {rules.issuer: rules for rules in found}


def arrive(token, issuers, transport=BODY):
    """Do as the site does: take it apart, pick the issuer that it says, verify. Return the row, None where it is good."""
    try:
        unverified = checking.read(token)
        rules = issuers.get(checking.unverified_issuer_of(unverified))
        if rules is None:
            return UNKNOWN_ISSUER
        checking.verify(unverified, rules, now=START, transport=transport)
    except TokenRefused as refusal:
        assert refusal.words and refusal.reason
        return refusal.row
    return None


def row_of(token, rules, *, now=START, transport=BODY):
    """Return the row and the reason, or what was verified."""
    try:
        return checking.verify(checking.read(token), rules, now=now, transport=transport)
    except TokenRefused as refusal:
        return refusal.row, refusal.reason


@functools.cache
def the_cases():
    return table.cases(START)


def test_every_token_of_the_table_is_answered_as_it_says_by_every_way(issuers):
    cases = the_cases()
    print(Counter(case.group for case in cases))

    see(cases, issuers)

    assert len(cases) >= 800
    assert min(Counter((case.group, case.algorithm) for case in cases).values()) >= 3
    assert len({(case.group, case.algorithm) for case in cases}) == len(table.CLASSES) * len(ALGORITHMS)


@pytest.mark.slow
def test_the_whole_table_is_answered_as_it_says_for_each_algorithm(issuers):
    cases = table.cases(START, whole=True)

    see(cases, issuers)


def see(cases, issuers):
    """See that each is answered as it says by every way, and print what that takes."""
    wrong, seconds = [], []
    for case in cases:
        for transport in table.TRANSPORTS:
            begin = time.process_time()
            row = arrive(case.token, issuers, transport)
            seconds.append(time.process_time() - begin)
            if row != case.expected_by(transport):
                wrong.append((case, transport, row))
    slowest, middle = max(seconds) * 1000, statistics.median(seconds) * 1000
    print(f"{len(cases)} tokens by each way, CPU ms: slowest {slowest:.2f}, median {middle:.2f}")
    assert wrong == []
    assert slowest < 1_000  # Ten times what is promised: the machine of a test is shared.


def test_the_shares_of_the_algorithms_together_are_the_whole_of_each_class():
    forges = [table.Forge(algorithm, START, "") for algorithm in ALGORITHMS]
    for group, (variants_of, amount) in table.CLASSES.items():
        # What belongs to one algorithm alone has no share of its own in another; the slow test has all of it.
        if group not in ("confusion", "signatures", "key as secret"):
            assert max(len(variants_of(forge)) for forge in forges) <= amount * len(forges), group


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
def test_another_library_takes_the_good_ones_too_but_for_what_it_knows_nothing_of():
    taken = 0
    for case in the_cases():
        if case.expected is None:
            header = checking.read(case.token).unverified_header
            registry = jws.JWSRegistry(algorithms=[case.algorithm], strict_check_header=False)
            registry.max_header_length = registry.max_payload_length = 16_384
            jwk = _joserfc_key(case.algorithm)
            if {"jwk", "jku", "x5u", "x5c", "zip"} & header.keys():
                continue  # It looks at some of these, as this site does not.
            found = jws.deserialize_compact(case.token, jwk, registry=registry)
            assert found.payload and found.headers()["alg"] == case.algorithm
            taken += 1
    assert taken > 60


def _joserfc_key(algorithm):
    if algorithm in SECRET_BYTES:
        return OctKey.import_key(table.secret_of(algorithm))
    members = table.public_of(algorithm)
    return {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}[members["kty"]].import_key(members)


def test_what_explains_and_what_verifies_never_disagree(issuers):
    for number, case in enumerate(the_cases()):
        try:
            unverified = checking.read(case.token)
        except TokenRefused:
            continue
        rules, transport = issuers[table.issuer_of(case.algorithm)], (BODY, QUERY)[number % 2]
        checks = checking.explain(unverified, rules, now=START, transport=transport)
        first = next((check for check in checks if check.passed is not True), None)
        found = row_of(case.token, rules, transport=transport)
        if first is None:
            assert isinstance(found, checking.Verified), case
        else:
            assert found == (first.row, first.name), case
        for check in checks:
            assert (check.row is not None) == (check.passed is False), check
            assert len(check.words) < 900 and check.words.isprintable(), check


def test_a_verified_token_says_who_came_and_for_how_long():
    forge = table.Forge("ES256", START, "")
    token = forge.token(claims={"exp": START + 299.5, "jti": "once"})

    verified = row_of(token, rules_of("ES256"))

    assert (verified.issuer, verified.subject, verified.jti) == ("https://es256.portal.test", "ben", "once")
    assert verified.expires_at == START + 300  # Kept as spent not a moment too short.
    assert verified.claims["email"] == "ben@example.test"


@pytest.mark.parametrize(
    "token", [None, 7, True, [], ["a.b.c"], {"token": "x"}, b"a.b.c", "", "e" * 16_385, "\ud800" * 20_000]
)
def test_what_is_no_text_or_too_long_is_a_bad_request(token):
    with pytest.raises(TokenRefused) as refused:
        checking.read(token)

    assert refused.value.row == BAD_REQUEST


HS = "HS256"
RULES = rules_of(HS)
FORGE = table.Forge(HS, START, "")
GOOD = FORGE.token()


def test_a_token_without_iss_is_of_the_issuer_that_has_none_and_of_no_other():
    nameless = replace(RULES, issuer="")

    assert isinstance(row_of(FORGE.token(without=("iss",)), nameless), checking.Verified)
    assert row_of(FORGE.token(without=("iss",)), RULES) == (UNKNOWN_ISSUER, "issuer")
    for value in ("", None, 0, [], "https://hs256.portal.test"):
        assert row_of(FORGE.token(claims={"iss": value}), nameless) == (UNKNOWN_ISSUER, "issuer")


def test_an_iss_that_can_be_nobodys_is_not_even_looked_for():
    def issuer_of(claims, **how):
        return checking.unverified_issuer_of(checking.read(FORGE.token(claims=claims, **how)))

    assert issuer_of({}) == "https://hs256.portal.test" and issuer_of({}, without=("iss",)) == ""
    assert issuer_of({"iss": "x" * 255}) == "x" * 255
    for value in (None, "", 7, True, [], {}, "x" * 256, "x\x00", "x\n", "x\u202e", "\ufeffx"):
        assert issuer_of({"iss": value}) is None, value


def test_a_kid_is_a_text_of_an_ordinary_length_also_where_a_secret_needs_none():
    for kid, is_good in (("k" * 128, True), ("k" * 129, False), ("", False), ("k\x00", False), ("k\u2028", False)):
        assert isinstance(row_of(FORGE.token(header={"kid": kid}), RULES), checking.Verified) is is_good, kid


def test_a_key_is_looked_for_only_once_the_issuer_is_the_right_one():
    class Watched(Ring):
        asked = 0

        def find(self, kid):
            self.asked += 1
            return super().find(kid)

    keys = Watched(RULES.keys.keys, is_secret=True)
    assert row_of(FORGE.token(claims={"iss": "https://other.test"}), replace(RULES, keys=keys))[0] == UNKNOWN_ISSUER
    assert keys.asked == 0
    assert row_of(GOOD, replace(RULES, keys=keys)).subject == "ben" and keys.asked == 1


def test_without_kid_a_key_is_found_only_where_there_is_exactly_one():
    forge, rules = table.Forge("ES256", START, ""), rules_of("ES256")
    other = Verifier("ES256", public_key_of(table.public_of("ES256", 1)))
    both = replace(rules, keys=Ring({**rules.keys.keys, "k2": other}))

    assert isinstance(row_of(forge.token(without=("kid",)), rules), checking.Verified)
    assert row_of(forge.token(without=("kid",)), both) == (INVALID_TOKEN, "key")
    assert row_of(forge.token(without=("kid",)), replace(rules, keys=Ring({}))) == (INVALID_TOKEN, "key")
    assert row_of(forge.token(header={"kid": "k2"}), both) == (INVALID_TOKEN, "signature")


def test_a_key_that_may_sign_for_nobody_is_one_failed_check_among_the_others():
    class Ours(Ring):
        def find(self, kid):
            raise TokenRefused(UNKNOWN_ISSUER, "ours", "this site signs with it")

    rules = replace(RULES, keys=Ours({}))
    checks = checking.explain(checking.read(GOOD), rules, now=START, transport=BODY)

    assert row_of(GOOD, rules) == (UNKNOWN_ISSUER, "ours")
    assert [(check.name, check.passed) for check in checks if check.passed is not True] == [
        ("ours", False),
        ("signature", None),
    ]
    assert len(checks) == 15


def test_a_key_of_another_algorithm_than_the_issuers_is_never_tried():
    rules = replace(rules_of("RS256"), keys=rules_of("RS384").keys)
    forge = table.Forge("RS256", START, "")

    assert row_of(forge.token(), rules) == (INVALID_TOKEN, "algorithm")
    said = forge.token(header={"alg": "RS384"}, algorithm="RS384")
    assert row_of(said, rules) == (INVALID_TOKEN, "algorithm")


def test_the_issuers_own_typ_is_taken_beside_jwt_and_none():
    rules = replace(RULES, typ="at+jwt")

    for typ in ("at+jwt", "AT+JWT", "JWT", "jwt"):
        assert isinstance(row_of(FORGE.token(header={"typ": typ}), rules), checking.Verified), typ
    assert isinstance(row_of(FORGE.token(without=("typ",)), rules), checking.Verified)
    assert isinstance(
        row_of(FORGE.token(header={"typ": "Task+jwt"}), replace(RULES, typ="task+JWT")), checking.Verified
    )
    kelvin = FORGE.token(header={"typ": "tas\u212a+jwt"})  # The sign of the kelvin is a k in lower case.
    assert row_of(kelvin, replace(RULES, typ="task+jwt")) == (INVALID_TOKEN, "typ")
    for typ in ("logout+jwt", "at", "at+jwt ", "application/at+jwt", None):
        assert row_of(FORGE.token(header={"typ": typ}), rules) == (INVALID_TOKEN, "typ"), typ


def test_a_token_that_came_in_an_address_needs_a_jti_and_lives_five_minutes_at_most():
    many = replace(RULES, one_time=False, max_lifetime=3_600, max_age=3_600)
    nameless, hour = FORGE.token(without=("jti",)), FORGE.token(claims={"exp": START + 3_600})

    for transport in (HEADER, BODY, CODE):
        assert isinstance(row_of(nameless, many, transport=transport), checking.Verified)
        assert isinstance(row_of(hour, many, transport=transport), checking.Verified)
    assert row_of(nameless, many, transport=QUERY) == (CLAIMS_INVALID, "jti")
    assert row_of(hour, many, transport=QUERY) == (CLAIMS_INVALID, "lifetime")
    # A shorter life stays the shorter one.
    short = replace(many, max_lifetime=60)
    assert row_of(GOOD, short, transport=QUERY) == (CLAIMS_INVALID, "lifetime")
    # A `jti` that is there is one that can be kept, asked for or not.
    for value in (None, "", 7, "x\x00", "x" * 256):
        assert row_of(FORGE.token(claims={"jti": value}), many) == (CLAIMS_INVALID, "jti"), value


def test_how_long_ago_a_token_was_made_is_bounded_by_itself():
    rules = replace(RULES, max_lifetime=3_600, max_age=300)

    for age, is_good in ((330, True), (331, False), (3_000, False)):
        token = FORGE.token(claims={"iat": START - age, "exp": START - age + 3_600})
        assert (row_of(token, rules) == (CLAIMS_INVALID, "iat")) is not is_good, age


def test_leeway_is_what_the_issuer_has_and_lengthens_no_life():
    for leeway in (0, 60):
        rules = replace(RULES, leeway=leeway)
        late = {"iat": START - 400, "exp": START - leeway}
        assert row_of(FORGE.token(claims=late), rules) == (TOKEN_EXPIRED, "exp")
        assert isinstance(row_of(FORGE.token(claims={**late, "exp": late["exp"] + 1}), rules), checking.Verified)
        for name, row in (("nbf", INVALID_TOKEN), ("iat", CLAIMS_INVALID)):
            ahead = {"exp": START + 300, name: START + leeway}
            assert isinstance(row_of(FORGE.token(claims=ahead), rules), checking.Verified)
            assert row_of(FORGE.token(claims={**ahead, name: START + leeway + 1}), rules) == (row, name)
        assert row_of(FORGE.token(claims={"exp": START + 601}), rules) == (CLAIMS_INVALID, "lifetime")


def test_claims_are_required_and_the_person_named_also_deep_down():
    rules = replace(RULES, required_claims=("user.mail", "https://x.test/tenant"), identity_claim="user.id")
    user = {"mail": "b@example.test", "id": "b-1"}
    full = {"user": user, "https://x.test/tenant": "t"}

    assert row_of(FORGE.token(claims=full), rules).subject == "b-1"
    assert row_of(FORGE.token(claims=full, without=("sub",)), rules).subject == "b-1"
    # A claim whose whole name has dots comes before the way down.
    assert row_of(FORGE.token(claims={**full, "user.id": "b-2"}), rules).subject == "b-2"
    for claims, reason in (
        ({**full, "user": {"id": "b-1"}}, "required"),
        ({**full, "user": "b-1"}, "required"),
        ({**full, "https://x.test/tenant": []}, "required"),
        ({**full, "user": {**user, "id": None}}, "identity"),
        ({**full, "user": {**user, "id": 7}}, "identity"),
        ({**full, "user": {**user, "id": "b\u200b1"}}, "identity"),
        ({**full, "user": {**user, "id": ""}}, "identity"),
        ({**full, "user": {**user, "id": "b" * 256}}, "identity"),
        ({**full, "sub": 7}, "sub"),
    ):
        assert row_of(FORGE.token(claims=claims), rules) == (CLAIMS_INVALID, reason), claims


def test_an_id_token_carries_the_nonce_of_this_sign_in_and_is_meant_for_us():
    rules = replace(RULES, is_id_token=True, nonce="n-0S6_WzA2Mj", one_time=False)
    several = {"nonce": rules.nonce, "aud": [table.AUDIENCE, "other"]}

    def row(claims):
        return row_of(FORGE.token(claims=claims), rules, transport=CODE)

    assert isinstance(row({"nonce": rules.nonce}), checking.Verified)
    assert isinstance(row({**several, "azp": table.AUDIENCE}), checking.Verified)
    assert row({}) == (INVALID_TOKEN, "nonce")
    for value in (None, "", "other", rules.nonce + "x", 7, [rules.nonce], "ü"):
        assert row({"nonce": value}) == (INVALID_TOKEN, "nonce"), value
    assert row(several) == (CLAIMS_INVALID, "azp")
    for azp in ("other", None, [table.AUDIENCE]):
        assert row({**several, "azp": azp}) == (CLAIMS_INVALID, "azp")
        assert row({"nonce": rules.nonce, "azp": azp}) == (CLAIMS_INVALID, "azp")
    # Whoever was sent away with an empty nonce by mistake gets nobody in.
    assert row_of(FORGE.token(claims={"nonce": ""}), replace(rules, nonce="")) == (INVALID_TOKEN, "nonce")
    # Of which sign-in one is that somebody pastes, nobody knows: it is good for nothing, whatever it carries.
    unknown = replace(rules, nonce=None)
    assert row_of(FORGE.token(claims={"nonce": rules.nonce}), unknown) == (INVALID_TOKEN, "nonce")
    assert row_of(FORGE.token(claims={}), unknown) == (INVALID_TOKEN, "nonce")
    # Of a trusted issuer nothing of it is asked.
    assert isinstance(row_of(FORGE.token(claims={"azp": "other", "nonce": 1}), RULES), checking.Verified)


WORDS = [
    # `now` is 2027-01-15 08:00:00 UTC.
    (
        {"claims": {"iat": START - 200, "exp": START - 47}},
        "exp",
        "the clock here says 08:00:00 UTC; the token expired at 07:59:13 UTC: 47 seconds ago,"
        " 17 seconds more than the leeway of 30",
    ),
    (
        {"claims": {"iat": START - 86_500, "exp": START - 86_400}},
        "exp",
        "the clock here says 08:00:00 UTC; the token expired at 2027-01-14 08:00:00 UTC: 1 day ago,"
        " 23 hours 59 minutes 30 seconds more than the leeway of 30",
    ),
    ({"claims": {"exp": "1800000300"}}, "exp", "`exp` is “1800000300”, text; a JSON number is asked"),
    ({"claims": {"exp": True}}, "exp", "`exp` is true, true or false; a JSON number is asked"),
    ({"claims": {"exp": 2**63}}, "exp", "`exp` is 9223372036854775808; it takes seconds since 1970, from 0 to 2^53 − 1"),
    (
        {"claims": {"nbf": START + 77}},
        "nbf",
        "the clock here says 08:00:00 UTC; the token is good from 08:01:17 UTC on: 1 minute 17 seconds from now,"
        " 47 seconds more than the leeway of 30",
    ),
    (
        {"claims": {"iat": START - 700}},
        "iat",
        "the clock here says 08:00:00 UTC; the token was made at 07:48:20 UTC: 11 minutes 40 seconds ago;"
        " at most 10 minutes and the leeway of 30 are",
    ),
    ({"claims": {"exp": START + 3_600}}, "lifetime", "the token lives 1 hour; at most 10 minutes is taken"),
    ({"claims": {"aud": "X"}}, "aud", "`aud` is “X”; “mintmark” is asked"),
    ({"claims": {"iss": "http://x.test/\u202e"}}, "issuer", "`iss` is “http://x.test/\\u202e”; “https://hs256.portal.test” is asked"),
    ({"without": ("iss",)}, "issuer", "there is no `iss`; “https://hs256.portal.test” is asked"),
    ({"header": {"typ": "at+jwt"}}, "typ", "`typ` is “at+jwt”; JWT or none is asked"),
    ({"header": {"alg": "HS512"}}, "algorithm", "`alg` is “HS512”; HS256 is asked"),
    ({"header": {"crit": ["b64"], "b64": False}}, "crit", "the header has `crit` and `b64`; no extension is taken"),
    ({"header": {"kid": 7}}, "key", "`kid` is a number; text is asked"),
    ({"without": ("email",)}, "required", "missing or empty: “email”"),
    ({"claims": {"sub": "b\u200bn"}}, "sub", "`sub` is “b\\u200bn”; it holds a control or invisible character (U+200B)"),
    ({"without": ("jti",)}, "jti", "there is no `jti`, and every token of this issuer signs in once"),
    ({"signature": lambda s: b""}, "signature", "there is none"),
    ({"claims": {"aud": "a" * 200}}, "aud", f"`aud` is “{'a' * 77}…”; “mintmark” is asked"),
]  # fmt: skip


@pytest.mark.parametrize(
    "made, name, words", WORDS, ids=[f"{name} {number}" for number, (_, name, _) in enumerate(WORDS)]
)
def test_an_administrator_reads_what_was_found_and_what_was_asked(made, name, words):
    checks = checking.explain(checking.read(FORGE.token(**made)), RULES, now=START, transport=BODY)

    assert [check.words for check in checks if check.name == name] == [words]
    assert [check.passed for check in checks if check.name == name] == [False]


def test_every_check_is_explained_also_behind_one_that_failed():
    token = table.Forge("ES256", START, "").token(header={"kid": "gone"}, claims={"aud": "x", "exp": START - 60})

    checks = checking.explain(checking.read(token), rules_of("ES256"), now=START, transport=QUERY)

    assert [(check.name, check.passed) for check in checks] == [
        ("issuer", True), ("key", False), ("algorithm", True), ("crit", True), ("signature", None), ("typ", True),
        ("exp", False), ("nbf", True), ("aud", False), ("iat", True), ("lifetime", False), ("required", True),
        ("sub", True), ("identity", True), ("jti", True),
    ]  # fmt: skip


def test_a_moment_at_the_end_of_time_is_explained_too():
    for moment in (2**53 - 1, 253_402_300_800, 0, 0.001):
        token = FORGE.token(claims={"exp": moment, "nbf": moment, "iat": moment})
        for now in (START, 0.0, -5.0, 253_402_300_900.0):
            assert len(checking.explain(checking.read(token), RULES, now=now, transport=BODY)) == 15


LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_good_token_that_was_changed_anywhere_is_good_no_more(data):
    algorithm = data.draw(st.sampled_from(["HS256", "RS256", "PS256", "ES256", "EdDSA"]))
    good = _good_of(algorithm)
    at = data.draw(st.integers(0, len(good) - 1))
    how = data.draw(st.sampled_from(["letter", "cut", "twice", "any"]))
    change = {
        "letter": data.draw(st.sampled_from(LETTERS)),
        "cut": "",
        "twice": good[at] * 2,
        "any": data.draw(st.text(min_size=1, max_size=3)),
    }[how]
    changed = good[:at] + change + good[at + 1 :]

    row = arrive(changed, {rules.issuer: rules for rules in (rules_of(algorithm),)})

    assert changed == good or row in (INVALID_TOKEN, UNKNOWN_ISSUER, CLAIMS_INVALID, TOKEN_EXPIRED)


_kept = {}


def _good_of(algorithm):
    if algorithm not in _kept:
        _kept[algorithm] = table.Forge(algorithm, START, "").token()
    return _kept[algorithm]


def test_no_bit_of_a_good_token_can_be_turned():
    for algorithm in ("HS256", "EdDSA"):
        good, issuers = _good_of(algorithm), {table.issuer_of(algorithm): rules_of(algorithm)}
        assert arrive(good, issuers) is None
        parts = good.split(".")
        for part, text in enumerate(parts):
            raw = table.decode(text)
            for at in range(len(raw)):
                turned = raw[:at] + bytes([raw[at] ^ (1 << at % 8)]) + raw[at + 1 :]
                changed = ".".join([*parts[:part], table.encode(turned), *parts[part + 1 :]])
                assert arrive(changed, issuers) in (INVALID_TOKEN, UNKNOWN_ISSUER), (part, at)


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(st.text(), st.text("eyJ.-_A =\ud800é\x00"), st.binary().map(lambda b: b.decode("latin-1")), st.integers())
)
def test_any_text_is_refused_and_nothing_else_happens(text):
    assert arrive(text, {RULES.issuer: RULES}) in (BAD_REQUEST, INVALID_TOKEN, UNKNOWN_ISSUER)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**19), 10**19) | st.floats(allow_nan=False, allow_infinity=False) | st.text(st.characters(codec="utf-8"), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
NAMES = st.sampled_from(["iss", "sub", "aud", "exp", "iat", "nbf", "jti", "email"])
HEADERS = st.sampled_from(["alg", "typ", "kid", "crit", "b64", "jwk", "x"])


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(HEADERS, json_values, max_size=2), st.dictionaries(NAMES, json_values, max_size=3))
def test_whatever_claims_hold_they_are_verified_or_refused_and_explained(header, claims):
    token = FORGE.token(header=header, claims=claims)
    try:
        unverified = checking.read(token)
    except TokenRefused:
        return

    row = arrive(token, {RULES.issuer: RULES})
    checks = checking.explain(unverified, RULES, now=START, transport=BODY)

    assert (row is None) == all(check.passed for check in checks)
    assert all(check.words.isprintable() for check in checks)
