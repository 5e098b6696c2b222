"""What is checked of the other claims: whom a token is for, whom it names, its id, what else it has to hold.

Pure. Texts are compared code point by code point and never changed (RFC 7519 §7.3, RFC 8725 §3.7); one that two
people could not tell apart by eye for a control or invisible character names nobody. Null is no text, and where a
claim is only required, it is none.
"""

import hmac
from typing import Any

from mintmark.fields import MAX_NAME, find_hidden
from mintmark.issuers.checks import Check, Given, kind, passed, refused, shown, unclaimed, unseen
from mintmark.issuers.mapping import claim_at

MAX_AUDIENCES = 32


def check_aud(given: Given) -> Check:
    """`aud`: required, and exactly what is asked is among whom it names (RFC 7519 §4.1.3)."""
    asked = given.rules.audience
    if "aud" not in given.unverified_claims:
        return unclaimed("aud", f"there is no `aud`; {shown(asked)} is asked")
    unverified_aud = given.unverified_claims["aud"]
    audiences = unverified_aud if isinstance(unverified_aud, list) else [unverified_aud]
    if len(audiences) > MAX_AUDIENCES:
        return unclaimed("aud", f"`aud` names {len(audiences)}; at most {MAX_AUDIENCES} are taken")
    if not all(isinstance(each, str) for each in audiences):
        return unclaimed("aud", f"`aud` is {shown(unverified_aud)}; text or a list of text is asked")
    if asked not in audiences:
        return unclaimed("aud", f"`aud` is {shown(unverified_aud)}; {shown(asked)} is asked")
    return passed("aud", f"`aud` is {shown(unverified_aud)}")


def check_azp(given: Given) -> Check:
    """`azp` of an ID token: us, where there is one, and there is one where `aud` names several (OIDC Core §3.1.3.7)."""
    claims, asked = given.unverified_claims, given.rules.audience
    aud = claims.get("aud")
    if "azp" in claims:
        words = f"`azp` is {shown(claims['azp'])}"
        return passed("azp", words) if claims["azp"] == asked else unclaimed("azp", f"{words}; {shown(asked)} is asked")
    if isinstance(aud, list) and len(aud) > 1:
        return unclaimed("azp", f"`aud` names several and there is no `azp`; {shown(asked)} is asked")
    return passed("azp", "there is no `azp`, and `aud` does not name several")


def check_nonce(given: Given) -> Check:
    """`nonce` of an ID token: exactly the one that this browser was sent away with (OIDC Core §3.1.3.7)."""
    held, asked = given.unverified_claims.get("nonce"), given.rules.nonce
    if asked is None:
        return unseen("nonce", "of which sign-in it is, nobody knows any more")
    if isinstance(held, str) and asked and hmac.compare_digest(held.encode(), asked.encode()):
        return passed("nonce", "`nonce` is that of this sign-in")
    words = "there is no `nonce`" if held is None else "`nonce` is not that of this sign-in"
    return refused("nonce", words)


def check_required(given: Given) -> Check:
    """Every claim that the issuer's settings require is there and holds something."""
    wanted = given.rules.required_claims
    missing = [shown(name) for name in wanted if is_empty(claim_at(given.unverified_claims, name))]
    if missing:
        return unclaimed("required", f"missing or empty: {', '.join(missing)}")
    return passed("required", f"{', '.join(map(shown, wanted))} hold something" if wanted else "none is required")


def check_sub(given: Given) -> Check:
    """`sub`: where there is one, a text that can be told apart, even where another claim is the identity."""
    if "sub" not in given.unverified_claims:
        return passed("sub", "there is no `sub`")
    unverified_sub = given.unverified_claims["sub"]
    if fault := fault_of_text(unverified_sub):
        return unclaimed("sub", f"`sub` {fault}")
    return passed("sub", f"`sub` is {shown(unverified_sub)}")


def check_identity(given: Given) -> Check:
    """The claim that names the person holds one text that no other person's can be taken for."""
    name = given.rules.identity_claim
    unverified_subject = claim_at(given.unverified_claims, name)
    if unverified_subject is None:
        return unclaimed("identity", f"there is no {shown(name)}, which names the person")
    if fault := fault_of_text(unverified_subject):
        return unclaimed("identity", f"{shown(name)}, which names the person, {fault}")
    return passed("identity", f"{shown(name)} is {shown(unverified_subject)}")


def check_jti(given: Given) -> Check:
    """`jti`: required of tokens that are spent or came in an address, a text that can be kept (RFC 7519 §4.1.7)."""
    if "jti" in given.unverified_claims:
        unverified_jti = given.unverified_claims["jti"]
        if fault := fault_of_text(unverified_jti):
            return unclaimed("jti", f"`jti` {fault}")
        return passed("jti", f"`jti` is {shown(unverified_jti)}")
    if given.needs_jti:
        why = "every token of this issuer signs in once" if given.rules.one_time else "it came in an address"
        return unclaimed("jti", f"there is no `jti`, and {why}")
    return passed("jti", "there is no `jti`, and none is asked")


def fault_of_text(value: Any) -> str | None:
    """Return in words why a value names nobody, or None."""
    if not isinstance(value, str):
        return f"is {shown(value)}, {kind(value)}; text is asked"
    if not value or len(value) > MAX_NAME:
        return f"has {len(value)} characters; 1 to {MAX_NAME} are asked"
    if unseen := find_hidden(value):
        return f"is {shown(value)}; it holds a control or invisible character (U+{ord(unseen):04X})"
    if value != value.strip():
        return f"is {shown(value)}; it has white space at its beginning or end"
    return None


def is_empty(value: Any) -> bool:
    """Tell whether a claim is none, or holds nothing; false and 0 are something."""
    return value is None or (isinstance(value, str | list | dict) and not value)
