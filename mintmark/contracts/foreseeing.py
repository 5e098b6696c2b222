"""What certainly breaks a contract, seen before anybody asks for a token: from the definition and its template."""

from collections.abc import Iterator, Mapping
from typing import Any

from mintmark.contracts.checking import breaches_of
from mintmark.contracts.vocabulary import Contract, Rule
from mintmark.payload import NOT_FIXED, Claim, Template

_OURS = ("exp", "iat", "jti", "nbf")
_KINDS = {"text": "text", "number": "number", "whole": "number", "boolean": "boolean", "list": "list",
          "object": "object"}  # fmt: skip


def certain_breaches(
    contract: Contract, definition: Mapping[str, Any], template: Template | None
) -> Iterator[tuple[str, str]]:
    """Yield (field of the definition, words) for all that nobody's token could meet.

    `definition` is whole but for what was refused before; a `kid` may come with the key and is not looked for.
    """
    if "algorithm" in definition and contract.algorithms and definition["algorithm"] not in contract.algorithms:
        taken = ", ".join(contract.algorithms)
        yield "algorithm", f"is {definition['algorithm']}; the relying party takes {taken}"
    if "lifetime" in definition:
        yield from _about_lifetime(contract, definition["lifetime"])
    if "claims" in definition:
        yield from _about_switches(contract, definition["claims"])
    if "headers" in definition:
        yield from _about_headers(contract, {"typ": "JWT", **definition["headers"]})
    if template is not None:
        for name, rule in contract.claims.items():
            if name not in _OURS and (words := _about_claim(name, rule, template.claims.get(name))):
                yield "template", words


def _about_lifetime(contract: Contract, lifetime: int | None) -> Iterator[tuple[str, str]]:
    rule, longest = contract.claims.get("exp", {}), contract.lifetime.get("longest")
    if lifetime is None:
        if rule.get("required") or longest is not None:
            yield "lifetime", "is none; the relying party takes no token without `exp`"
        return
    if rule.get("refused"):
        yield "lifetime", "has to be none: the relying party refuses `exp`"
    if longest is not None and lifetime > longest:
        yield "lifetime", f"is {lifetime:,} seconds; the relying party takes at most {longest:,}"
    shortest = contract.lifetime.get("shortest")
    if shortest is not None and lifetime < shortest:
        yield "lifetime", f"is {lifetime:,} seconds; the relying party takes at least {shortest:,}"


def _about_switches(contract: Contract, switches: Mapping[str, bool]) -> Iterator[tuple[str, str]]:
    for name, is_on in switches.items():
        rule = contract.claims.get(name, {})
        if rule.get("required") and not is_on:
            yield "claims", f"lack `{name}`, which the relying party asks for"
        if rule.get("refused") and is_on:
            yield "claims", f"have `{name}`, which the relying party refuses"


def _about_headers(contract: Contract, headers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, rule in contract.headers.items():
        if name in headers:
            for place, reason in breaches_of(rule, headers[name], name):
                yield "headers", f"break the contract: `{place}` {reason}"
                break
        elif rule.get("required") and name != "kid":
            yield "headers", f"lack `{name}`, which the relying party asks for"


def _about_claim(name: str, rule: Rule, claim: Claim | None) -> str:
    """Say what is wrong with a claim whoever asks, or nothing."""
    if claim is None:
        return f"lacks `{name}`, which the relying party asks for" if rule.get("required") else ""
    is_always = claim.is_certain or rule.get("required", False)
    if rule.get("refused"):
        return f"has `{name}`, which the relying party refuses" if claim.is_certain else ""
    if not is_always:
        return ""
    if claim.literal is not NOT_FIXED:
        found = next(breaches_of(rule, claim.literal, name), None)
        return f"breaks the contract: `{found[0]}` {found[1]}" if found else ""
    kind = rule.get("type")
    if kind is not None and claim.types and _KINDS[kind] not in claim.types:
        return f"breaks the contract: `{name}` is {' or '.join(sorted(claim.types))}, and has to be {kind}"
    return ""
