"""What certainly breaks a contract, seen before anybody asks for a token: from the definition and its template."""

from collections.abc import Iterator, Mapping
from typing import Any

from mintmark.contracts.checking import breaches_of
from mintmark.contracts.vocabulary import TYPE_WORDS, Contract, Rule, kinds_of
from mintmark.payload import NOT_FIXED, Claim, Template

# What stands there in every token of ours; that of `jti` is random (tokens.make_jti).
_OURS: dict[str, Any] = {"exp": 1, "iat": 1, "nbf": 1, "jti": "aA" * 11}
_NEVER_SAME = ("constant", "one_of")


def certain_breaches(
    contract: Contract, definition: Mapping[str, Any], template: Template | None
) -> Iterator[tuple[str, str]]:
    """Yield (field of the definition, words) for all that nobody's token could meet.

    `definition` is whole but for what was refused before. A `kid` may come with the secret or key, and is looked
    at with that (mintmark/assets/fitting.py).
    """
    if "algorithm" in definition and contract.algorithms and definition["algorithm"] not in contract.algorithms:
        taken = ", ".join(contract.algorithms)
        yield "algorithm", f"is {definition['algorithm']}; the relying party takes {taken}"
    if "lifetime" in definition:
        yield from _about_lifetime(contract, definition["lifetime"])
    if "claims" in definition:
        yield from _about_switches(contract, definition["claims"])
    if "headers" in definition:
        algorithm = {"alg": definition["algorithm"]} if "algorithm" in definition else {}
        yield from _about_headers(contract, {"typ": "JWT", **definition["headers"], **algorithm})
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
    elif words := _about_ours("exp", rule):
        yield "lifetime", words
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
        elif is_on and (words := _about_ours(name, rule)):
            yield "claims", words


def _about_ours(name: str, rule: Rule) -> str:
    """Say what a claim that the site writes can never meet, or nothing; which characters it has nobody knows."""
    if any(word in rule for word in _NEVER_SAME):
        return f"cannot meet the contract: `{name}` is another in every token"
    found = next(breaches_of({word: rule[word] for word in rule if word != "without"}, _OURS[name], name), None)
    return f"cannot meet the contract: `{found[0]}` {found[1]}" if found else ""


def _about_headers(contract: Contract, headers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, rule in contract.headers.items():
        if name == "kid" or (name == "alg" and name not in headers):
            continue
        if name in headers:
            if found := next(breaches_of(rule, headers[name], name), None):
                words = f"break the contract: `{found[0]}` {found[1]}"
                yield ("algorithm", words.replace("break", "breaks", 1)) if name == "alg" else ("headers", words)
        elif rule.get("required"):
            yield "headers", f"lack `{name}`, which the relying party asks for"


def _about_claim(place: str, rule: Rule, claim: Claim | None) -> str:
    """Say what is wrong with a claim, or a member of one, whoever asks; or nothing."""
    if claim is None:
        return f"lacks `{place}`, which the relying party asks for" if rule.get("required") else ""
    if rule.get("refused"):
        return f"has `{place}`, which the relying party refuses" if claim.is_certain else ""
    if not (claim.is_certain or rule.get("required")):
        return ""
    if claim.literal is not NOT_FIXED:
        found = next(breaches_of(rule, claim.literal, place), None)
        return f"breaks the contract: `{found[0]}` {found[1]}" if found else ""
    kinds = kinds_of(rule)
    if kinds and claim.types.isdisjoint("number" if kind == "whole" else kind for kind in kinds) and claim.types:
        are, asked_for = (
            " or ".join(TYPE_WORDS.get(each, each) for each in each_of) for each_of in (sorted(claim.types), kinds)
        )
        return f"breaks the contract: `{place}` is {are}, and has to be {asked_for}"
    return _about_members(place, rule, claim.members) if claim.members is not None else ""


def _about_members(place: str, rule: Rule, members: Mapping[str, Claim]) -> str:
    rules = dict(rule.get("members", {}))
    if "others" in rule:
        rules |= {name: rule["others"] for name in members if name not in rules}
    found = (_about_claim(f"{place}.{name}", each, members.get(name)) for name, each in rules.items())
    return next(filter(None, found), "")
