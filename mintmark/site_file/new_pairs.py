"""The key pairs of an import: those that are brought are checked once, new ones are made before its transaction begins.

Rule: an RSA key takes a tenth of a second to check and longer to make. A dry run makes none.
"""

from collections.abc import Iterable, Mapping

from mintmark import keypairs
from mintmark.keypairs import KeyPair
from mintmark.site_file.changes import NewKey
from mintmark.site_file.key_fields import PrivateKeyField

STAND_IN = "EdDSA"


class NewPairs:
    """Key pairs by the id of their key."""

    def __init__(self) -> None:
        self._made: dict[str, KeyPair] = {}
        self._brought: dict[tuple[str, str], KeyPair] = {}

    def find(self, key_id: str, given: PrivateKeyField, environ: Mapping[str, str], algorithm: str) -> KeyPair | None:
        """Return the pair that is brought as a key; None where its variable is not set. Raises FieldError."""
        if (key_id, algorithm) not in self._brought:
            pair = given.find(environ, algorithm=algorithm)
            if pair is None:
                return None
            self._brought[key_id, algorithm] = pair
        return self._brought[key_id, algorithm]

    def work_out(self, keys: Iterable[NewKey]) -> None:
        """Make the pairs that are not brought."""
        for key in keys:
            if key.pair is None and key.key_id not in self._made:
                self._made[key.key_id] = keypairs.generate(key.algorithm)

    def of(self, key: NewKey) -> KeyPair:
        """Return the pair of a new key."""
        if key.pair is not None:
            return key.pair
        self.work_out([key])
        return self._made[key.key_id]


def stand_in(key: NewKey) -> KeyPair:
    """Return the pair of a new key for a dry run: where it is to be made, one of STAND_IN, which costs nothing."""
    return key.pair or KeyPair(key.algorithm, keypairs.generate(STAND_IN).private)
