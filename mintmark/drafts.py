"""Drafts: what a token would be for somebody, made as every token is made, and not signed yet.

Whoever only looks (preview, examination) keeps the draft; whoever issues signs it (mintmark/issue.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mintmark import payload
from mintmark.assets.prepare import Prepared, template_fault
from mintmark.contracts import find_breach, key_breach
from mintmark.errors import CannotIssue
from mintmark.readers import Reader, may_edit
from mintmark.tokens import Signer, make_jti


@dataclass(frozen=True, slots=True)
class Draft:
    """The claims of a token, and who would sign it."""

    claims: dict[str, Any]
    signer: Signer

    @property
    def characters(self) -> int:
        """Return how many characters the token would have."""
        return self.signer.size_of(self.claims)

    def sign(self) -> str:
        """Return the token. Raises CannotIssue where it is too large."""
        token = self.signer.sign(self.claims)
        _see_size(len(token))
        return token


def make_draft(
    asset: Prepared,
    reader: Reader,
    params: Mapping[str, str],
    now: float,
    site_url: str,
    sources: dict[Any, Any] | None = None,
    *,
    is_next: bool = False,
) -> Draft:
    """Find who signs now, or is to follow (`is_next`: for a token to try it with), and make the claims.

    Where each claim came from is put into `sources`. Raises CannotIssue.
    """
    if asset.fault is not None:
        raise asset.fault.copy()
    signer = _signer_of(asset, now, is_next)
    context = {
        "user": reader.user,
        "asset": {"path": asset.path, "name": asset.name, "can_edit": may_edit(asset, reader)},
        "site": {"url": site_url},
        "now": int(now),
        "params": params,
    }
    assert asset.template is not None  # noqa: S101 — for the type checker: an asset without a fault has one.
    try:
        claims = payload.render(asset.template, context, sources)
    except payload.TemplateError as error:
        raise template_fault(error, "template_failed") from error
    claims = _add_site_claims(claims, asset.definition, int(now))
    _see_contract(asset, claims, signer)
    return Draft(claims, signer)


def make_sample(
    asset: Prepared,
    reader: Reader,
    params: Mapping[str, str],
    now: float,
    site_url: str,
    sources: dict[Any, Any] | None = None,
    *,
    is_next: bool = False,
) -> Draft:
    """Return a draft that is only looked at. Raises CannotIssue wherever no token could be made of it."""
    draft = make_draft(asset, reader, params, now, site_url, sources, is_next=is_next)
    _see_size(draft.characters)
    return draft


def _signer_of(asset: Prepared, now: float, is_next: bool) -> Signer:
    assert asset.signers is not None  # noqa: S101 — for the type checker: an asset without a fault has some.
    if not is_next:
        return asset.signers.at(now)
    following = asset.signers.after(now)
    if following is None:
        raise CannotIssue("key_unusable", "Nothing is staged to follow the present secret or key.")
    return following


def _see_contract(asset: Prepared, claims: Mapping[str, Any], signer: Signer) -> None:
    """What the relying party would refuse is a failure here, with its place, and not a riddle over there."""
    if asset.contract is None:
        return
    if words := key_breach(asset.contract, signer.algorithm, signer.key_size):
        raise CannotIssue("contract_broken", f"The contract is broken: the key {words}.")
    breach = find_breach(asset.contract, claims, signer.header)
    if breach is None:
        return
    assert asset.template is not None  # noqa: S101 — for the type checker: the claims came from it.
    claim = None if breach.is_header else asset.template.claims.get(breach.name)
    place = {"line": claim.line, "column": claim.column} if claim else {}
    hint = "See the contract on the asset’s page, and change the template, or what this person has."
    raise CannotIssue(
        "contract_broken", f"The contract is broken: {breach.words}.", **place, name=breach.place, hint=hint
    )


def _see_size(characters: int) -> None:
    if characters > payload.MAX_TOKEN_CHARACTERS:
        raise CannotIssue(
            "token_too_large",
            f"The token has {characters} characters; at most {payload.MAX_TOKEN_CHARACTERS} are possible.",
            hint="Leave out what the relying party does not need, or shorten it with `truncate`.",
        )


def _add_site_claims(claims: dict[str, Any], definition: Mapping[str, Any], now: int) -> dict[str, Any]:
    """`iat`, `nbf`, `exp` and `jti` of RFC 7519 §4.1, of one reading of the clock."""
    switches, lifetime = definition["claims"], definition["lifetime"]
    iat = now - definition["backdate"]
    if switches["iat"]:
        claims["iat"] = iat
    if switches["nbf"]:
        claims["nbf"] = iat
    if lifetime is not None:
        claims["exp"] = iat + lifetime
    if switches["jti"]:
        claims["jti"] = make_jti()
    return claims
