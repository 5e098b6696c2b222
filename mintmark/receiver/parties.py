"""What a relying party is set up with: everything it decides by comes from here, nothing from a token."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mintmark.tokens import ALGORITHMS, SECRET_ALGORITHMS

WAYS = ("query", "fragment", "post", "page")
_SLUG = re.compile(r"(?!static\Z)[a-z0-9][a-z0-9-]{0,39}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Party:
    """One relying party of the receiver, at `/<slug>`.

    `algorithm` is the one it takes (RFC 8725 §3.1), with a `secret` of its own or the key set at `jwks_url`.
    `audience` is its name: without one, a token that names an audience is somebody else's (RFC 7519 §4.1.3).
    `by` is how tokens come, `name` the parameter, form field or JSON member that holds one, `path` the asset
    at the site that gives them (the slug, where it is not said). With `one_time` each `jti` is taken once.
    """

    slug: str
    algorithm: str
    secret: bytes | None = field(default=None, repr=False)
    jwks_url: str | None = None
    audience: str | None = None
    by: str = "query"
    name: str = "token"
    path: str | None = None
    title: str | None = None
    one_time: bool = False

    def __post_init__(self) -> None:
        if not _SLUG.fullmatch(self.slug) or self.by not in WAYS or self.algorithm not in ALGORITHMS:
            raise ValueError("a relying party has a slug, a way and an algorithm that there are")
        if (self.secret is None) == (self.jwks_url is None):
            raise ValueError("a relying party has a secret or the address of a key set")
        if (self.secret is None) == (self.algorithm in SECRET_ALGORITHMS):
            raise ValueError("a secret is for HMAC, a key set for everything else (CVE-2022-29217)")

    @property
    def asset_path(self) -> str:
        """Return the path of the asset whose tokens come here."""
        return self.path or self.slug

    @property
    def heading(self) -> str:
        """Return what to call it on a page."""
        return self.title or self.slug


def to_json(party: Party) -> dict[str, Any]:
    """Return a party as JSON, its secret too: for the pipe to the process that plays it, and nothing else."""
    members = {name: getattr(party, name) for name in Party.__dataclass_fields__}
    return members | {"secret": None if party.secret is None else base64.b64encode(party.secret).decode("ascii")}


def from_json(members: Mapping[str, Any]) -> Party:
    """Return the party that `to_json` wrote. Raises ValueError or TypeError."""
    secret = members.get("secret")
    return Party(**{**members, "secret": None if secret is None else base64.b64decode(secret)})
