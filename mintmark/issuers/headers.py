"""What is checked of a token before its claims: the issuer, its key, the algorithm, the header, the signature.

Pure. The key is of the issuer's own, and the algorithm of the key's (RFC 8725 §3.1, §3.8): a header picks one of the
keys by `kid` and chooses nothing else. `jwk`, `jku`, `x5u`, `x5c` are not looked at (RFC 8725 §3.10), nor is `zip`.
"""

from mintmark.fields import UNSEEN
from mintmark.issuers.checks import Check, Given, kind, passed, refused, shown, unseen
from mintmark.issuers.refusals import UNKNOWN_ISSUER, TokenRefused
from mintmark.issuers.rules import KeyNotFound
from mintmark.public_keys import MAX_KEY_ID
from mintmark.tokens import SECRET_BYTES, Verifier
from mintmark.unverified import UnverifiedToken

MAX_ISSUER = 255


def unverified_issuer_of(token: UnverifiedToken) -> str | None:
    """Return the `iss` that a token says; "" where it has none; None where it can be nobody's."""
    if "iss" not in token.unverified_claims:
        return ""
    issuer = token.unverified_claims["iss"]
    # A text that is there and empty is another thing than none: nobody is called that. Null is no text either.
    if not isinstance(issuer, str) or not 0 < len(issuer) <= MAX_ISSUER or UNSEEN.search(issuer):
        return None
    return issuer


def check_issuer(given: Given) -> Check:
    """`iss`: exactly the text of the issuer, or none where it has none (RFC 7519 §4.1.1)."""
    asked = shown(given.rules.issuer) if given.rules.issuer else "none"
    found = unverified_issuer_of(given.token)
    if found is not None and found == given.rules.issuer:
        return passed("issuer", f"`iss` is {shown(found)}" if found else "there is no `iss`, and none is asked")
    held = given.unverified_claims.get("iss")
    words = f"`iss` is {shown(held)}" if "iss" in given.unverified_claims else "there is no `iss`"
    return Check("issuer", False, f"{words}; {asked} is asked", UNKNOWN_ISSUER)


def find_key(given: Given) -> tuple[Verifier | None, Check]:
    """`kid`: find the key that it names among those of the issuer (RFC 7515 §4.1.4)."""
    header = given.unverified_header
    unverified_kid = header.get("kid")
    if "kid" in header:
        if not isinstance(unverified_kid, str):
            return None, refused("key", f"`kid` is {kind(unverified_kid)}; text is asked")
        if not 0 < len(unverified_kid) <= MAX_KEY_ID or UNSEEN.search(unverified_kid):
            words = f"`kid` has 1 to {MAX_KEY_ID} characters that can be seen; this one has not"
            return None, refused("key", words)
    try:
        verifier = given.rules.keys.find(unverified_kid)
    except KeyNotFound as error:
        return None, refused("key", str(error))
    except TokenRefused as error:
        # The key may sign for nobody here, whatever the token: it is one that this site signs with.
        return None, Check(error.reason, False, error.words, error.row)
    if verifier.algorithm in SECRET_BYTES:
        return verifier, passed("key", "there is a shared secret; no `kid` is looked at")
    if "kid" in header:
        return verifier, passed("key", f"there is a key for `kid` {shown(unverified_kid)}")
    return verifier, passed("key", "there is no `kid`, and one key only")


def check_algorithm(given: Given, verifier: Verifier | None) -> Check:
    """`alg`: exactly the one algorithm of the issuer and of its key (RFC 8725 §3.1)."""
    asked, said = given.rules.algorithm, given.token.unverified_algorithm
    if said != asked:
        return refused("algorithm", f"`alg` is {shown(said)}; {asked} is asked")
    if verifier is not None and verifier.algorithm != asked:
        return refused("algorithm", f"the key is for {verifier.algorithm}; {asked} is asked")
    return passed("algorithm", f"`alg` is {asked}")


def check_extensions(given: Given) -> Check:
    """`crit` and `b64`: refused, for no extension is known here (RFC 7515 §4.1.11, RFC 7797 §6)."""
    found = [name for name in ("crit", "b64") if name in given.unverified_header]
    if found:
        return refused("crit", f"the header has {' and '.join(f'`{name}`' for name in found)}; no extension is taken")
    return passed("crit", "the header demands no extension")


def check_signature(given: Given, verifier: Verifier | None) -> Check:
    """The signature: made with the key that was found, by its algorithm, over these very bytes."""
    if verifier is None:
        return unseen("signature", "there is no key to look with")
    if verifier.algorithm != given.rules.algorithm or given.token.unverified_algorithm != given.rules.algorithm:
        return unseen("signature", "another algorithm is not tried")
    if verifier.has_signed(given.token):
        return passed("signature", "the key made the signature")
    if not given.token.unverified_signature:
        return refused("signature", "there is none")
    return refused("signature", "the key did not make it, or the token was changed since")


def check_typ(given: Given) -> Check:
    """`typ`: JWT, the issuer's own, or none, so that a token for another purpose is not taken (RFC 8725 §3.11)."""
    asked = "JWT or none is asked"
    if given.rules.typ is not None:
        asked = f"JWT, {shown(given.rules.typ)} or none is asked"
    if "typ" not in given.unverified_header:
        return passed("typ", "there is no `typ`")
    typ = given.unverified_header["typ"]
    # Media types do not differ by case (RFC 7515 §4.1.9); the longer spelling, application/jwt, nobody writes.
    if isinstance(typ, str) and typ.isascii() and typ.lower() in {"jwt", (given.rules.typ or "jwt").lower()}:
        return passed("typ", f"`typ` is {shown(typ)}")
    return refused("typ", f"`typ` is {shown(typ)}; {asked}")
