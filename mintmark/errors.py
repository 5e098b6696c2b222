"""Every refusal of Mintmark: a code for the log, and words that are safe to show.

One family. A class says what happened; which HTTP status or exit code it becomes is
decided at the edge: pages in `app.py`, the token endpoint in `web/refusals.py`, commands in
`commands/__init__.py`. Anything that is
not a MintmarkError is a bug of ours. No message may hold a secret, a token or a password.
"""

from typing import Any


class MintmarkError(Exception):
    """Something was refused; `str(error)` may be shown to whoever asked."""

    code = "refused"


class ConfigurationError(MintmarkError):
    """The site cannot start as it is set up."""

    code = "configuration"


class FieldError(MintmarkError):
    """A value that somebody entered was refused; `field` names where."""

    code = "invalid_field"

    def __init__(self, words: str, field: str = "") -> None:
        super().__init__(words)
        self.field = field


class NotFound(MintmarkError):
    """What was named does not exist, or is not live."""

    code = "not_found"


class Busy(MintmarkError):
    """The database could not be written in time, or at all; trying again may help."""

    code = "busy"


class SealError(MintmarkError):
    """A sealed value does not open: wrong sealing key, or the value was moved or changed."""

    code = "seal_broken"


class KeyUnusable(MintmarkError):
    """A secret that cannot sign."""

    code = "key_unusable"


class NotAReader(MintmarkError):
    """This person may not fetch this asset."""

    code = "not_a_reader"


class BadParameters(MintmarkError):
    """A declared parameter is malformed or was given twice, or the body is not what was asked for."""

    code = "bad_parameters"


class LimitReached(MintmarkError):
    """Too many requests; `retry_after` is in whole seconds."""

    code = "limit_reached"

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"Too many attempts. Try again in {retry_after} seconds.")
        self.retry_after = retry_after


class CannotIssue(MintmarkError):
    """The asset is set up so that this person gets no token; `detail` is the diagnosis for the log."""

    code = "cannot_issue"

    def __init__(self, code: str, words: str, **detail: Any) -> None:
        super().__init__(words)
        self.code = code
        self.detail = {
            "reason": words,
            **{name: value for name, value in detail.items() if value is not None},
        }

    def copy(self) -> "CannotIssue":
        """Return the same diagnosis as another exception, for one that is kept must not be raised twice."""
        return CannotIssue(
            self.code, str(self), **{name: value for name, value in self.detail.items() if name != "reason"}
        )


class NotRecorded(MintmarkError):
    """The log row was not committed, or it is unknown whether it was: the token must not leave."""

    code = "not_recorded"


class InvalidFields(MintmarkError):
    """Several values were refused at once; `problems` are (field, words)."""

    code = "invalid_fields"

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{field}: {words}" for field, words in problems))
        self.problems = problems
