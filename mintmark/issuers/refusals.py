"""Why a foreign token signs nobody in: one exception, the few words that are told, and the reason for the log.

Pure. What is told is one row of ROWS and nothing finer (ASVS 16.5.1); which check failed stands in the log only.
"""

from dataclasses import dataclass

from mintmark.errors import MintmarkError


@dataclass(frozen=True, slots=True)
class Row:
    """What is told: a status, a fixed message, a code."""

    status: int
    error: str
    code: str


BAD_REQUEST = Row(400, "Invalid token", "bad_request")
INVALID_TOKEN = Row(401, "Invalid token", "invalid_token")
TOKEN_EXPIRED = Row(401, "Token expired", "token_expired")
TOKEN_USED = Row(401, "Token has already been used", "token_used")
UNKNOWN_ISSUER = Row(401, "Configuration not found", "unknown_issuer")
CLAIMS_INVALID = Row(401, "Required claims validation failed", "claims_invalid")
ROWS = (BAD_REQUEST, INVALID_TOKEN, TOKEN_EXPIRED, TOKEN_USED, UNKNOWN_ISSUER, CLAIMS_INVALID)


class TokenRefused(MintmarkError):
    """A foreign token was refused. `reason` names the check that failed, `words` say how, both for the log alone.

    The words repeat nothing of the token but what a claim that was checked holds, shortened.
    """

    code = "token_refused"

    def __init__(self, row: Row, reason: str, words: str) -> None:
        super().__init__(row.error)
        self.row, self.reason, self.words = row, reason, words
