"""What an import does with the secrets of an asset: the one that signs now, and the one that is to follow.

Rule: what signs now counts as the present secret. So a `next_secret` whose moment has come is the
secret, and a file from before a switch is good after it, too.
"""

from collections.abc import Mapping
from typing import Any

from mintmark.assets.definition import DEFAULTS
from mintmark.assets.overlap import MAX_AHEAD_SECONDS
from mintmark.assets.save import is_other_secret
from mintmark.assets.secrets import SecretValue, check_secret, open_secret
from mintmark.assets.signing import Source
from mintmark.errors import FieldError, SealError
from mintmark.models import Secret
from mintmark.site_file.changes import NextChange
from mintmark.site_file.planning import Planning
from mintmark.site_file.problems import Entry
from mintmark.site_file.secret_field import NextSecretField, SecretField
from mintmark.tokens import SECRET_ALGORITHMS

_NOT_SET = "is not set, and this asset has no secret yet"


class SecretsPlan:
    """The `secret` that is saved (None: what signs stays), what comes `next`, and the `fields` that change by that."""

    def __init__(
        self, planning: Planning, entry: Entry, definition: Mapping[str, Any], source: Source, algorithm: str | None
    ) -> None:
        """Compare; `source` and `algorithm` are what a present asset signs with, and are empty for a new one."""
        self._planning, self._entry, self._source = planning, entry, source
        self._algorithm = definition.get("algorithm", DEFAULTS["algorithm"])
        self._is_other_algorithm = algorithm not in (None, self._algorithm)
        self.secret: SecretValue | None = None
        self.next = NextChange()
        self._present = source.secret_at(planning.now)
        has_next = source.next_secret is not None and source.next_secret is not self._present
        self._staged = source.next_secret if has_next else None
        if definition.get("signing_key") is not None:
            self._see_no_secret()
        elif "algorithm" not in entry.faulty and self._algorithm in SECRET_ALGORITHMS:
            self._compare()
        self.fields = ["secret"] if is_other_secret(self.secret, self._present, sealer=planning.sealer) else []
        self.fields += ["next_secret"] if self.next else []

    def _see_no_secret(self) -> None:
        """An asset signs with a secret or with keys, never with both."""
        values = self._entry.values
        if "secret" in values and values.get("signing_key") is not None:
            self._planning.problems.add(self._entry, "secret", "stands beside signing_key; an asset takes one of them")
        if values.get("next_secret") is not None:
            words = "is for assets with a secret; this one signs with a signing key"
            self._planning.problems.add(self._entry, "next_secret", words)

    def _compare(self) -> None:
        given: SecretField | None = self._entry.values.get("secret")
        following: NextSecretField | None = self._entry.values.get("next_secret")
        says_next, field = "next_secret" in self._entry.values, "secret"
        if following is not None and following.has_come(self._planning.now):
            given, following, field = following.secret, None, "next_secret"
        with self._planning.problems.catching(self._entry, field):
            self.secret = self._find(given)
            if self.secret is None and self._present is None:
                self._say_missing(given, field)
            if self.secret is None and field == "next_secret":
                says_next = False  # Its variable is not set: everything stays.
        if says_next and "next_secret" not in self._entry.faulty:
            with self._planning.problems.catching(self._entry, "next_secret"):
                self.next = self._next(following)
        with self._planning.problems.catching(self._entry, "secret"):
            self._see_staying()

    def _find(self, given: SecretField | None) -> SecretValue | None:
        return given.find(self._planning.options.environ, algorithm=self._algorithm) if given else None

    def _say_missing(self, given: SecretField | None, field: str) -> None:
        if given is not None:
            raise FieldError(f"{given.variable} {_NOT_SET}", field)
        if not self._entry.faulty & {"secret", "next_secret", "signing_key"}:
            raise FieldError("is missing", field)

    def _next(self, given: NextSecretField | None) -> NextChange:
        if given is None:
            return NextChange(drops=self._staged is not None)
        moment = given.signs_from_at
        if moment is not None and moment > self._planning.now + MAX_AHEAD_SECONDS:
            raise FieldError("signs from a moment that is more than a year ahead", "next_secret")
        value = self._find(given.secret)
        if value is None and self._staged is None:
            raise FieldError(f"{given.secret.variable} is not set, and no secret is staged yet", "next_secret")
        if value is None or (self._staged is not None and self._is_same(value, self._staged)):
            return NextChange(moves=moment != self._source.next_from_at, signs_from_at=moment)
        if self._signs_already(value):
            raise FieldError("is the present one, which signs already", "next_secret")
        return NextChange(self._staged is not None, value, moment is not None, moment)

    def _is_same(self, value: SecretValue, row: Secret) -> bool:
        return value.kid == row.kid and not is_other_secret(value, row, sealer=self._planning.sealer)

    def _signs_already(self, value: SecretValue) -> bool:
        if self.secret is not None:
            return value == self.secret
        return self._present is not None and self._is_same(value, self._present)

    def _see_staying(self) -> None:
        """The secrets that stay are long enough for the algorithm that comes."""
        staying = [self._present if self.secret is None else None, None if self.next.drops else self._staged]
        try:
            for row in staying:
                if row is not None and self._is_other_algorithm:
                    value = open_secret(row, sealer=self._planning.sealer)
                    check_secret(value, algorithm=self._algorithm, weak=row.weak)
        except SealError as error:
            raise FieldError(f"{error} Give it anew", "secret") from error
