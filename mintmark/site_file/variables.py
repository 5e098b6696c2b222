"""Names of the variables from which an import takes what an export leaves out.

Rule: each name stands for one secret. Those of assets come first, so that no signing key and no
staged secret that comes or goes gives an asset another one.
"""

import re
from collections.abc import Iterable

from mintmark.config import SECRET_PREFIX


class Variables:
    """The names of one export."""

    def __init__(self, paths: Iterable[str]) -> None:
        """`paths` are those of all assets, in their order."""
        self._taken: set[str] = set()
        self._of_asset = {path: self._unique(path) for path in paths}

    def of_asset(self, path: str) -> str:
        """Return the variable for the secret of an asset."""
        return self._of_asset[path]

    def of_next(self, path: str) -> str:
        """Return the variable for the secret that is to follow."""
        return self._unique(f"NEXT_{path}")

    def of_key(self, key_id: str) -> str:
        """Return the variable for the private half of a signing key."""
        return self._unique(f"KEY_{key_id}")

    def of_issuer(self, name: str) -> str:
        """Return the variable for the secret of a trusted issuer."""
        return self._unique(f"ISSUER_{name}")

    def of_provider(self, name: str) -> str:
        """Return the variable for the client secret of an OpenID provider."""
        return self._unique(f"OPENID_{name}")

    def _unique(self, named: str) -> str:
        first = name = SECRET_PREFIX + re.sub("[^A-Z0-9_]", "_", named.upper().replace("/", "__"))
        number = 1
        while name in self._taken:
            number += 1
            name = f"{first}_{number}"
        self._taken.add(name)
        return name
