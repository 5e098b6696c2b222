"""The identities of a person in a site file: who knows them, by which claim, as whom.

Rule: only the form is looked at here; whether `of` names anybody is for `mintmark.site_file.identity_plan`.
"""

from dataclasses import dataclass
from typing import Any

from mintmark.errors import FieldError
from mintmark.fields import read_list, read_object, read_text
from mintmark.identities import MAX_OF_PERSON, read_subject

_FIELDS = ("of", "claim", "subject")


@dataclass(frozen=True, slots=True)
class IdentityField:
    """One identity as the file has it; `of` is the name of a trusted issuer or OpenID provider."""

    of: str
    claim: str
    subject: str


def read_identities(value: Any, field: str) -> list[IdentityField]:
    """Return the identities of one person. Raises FieldError."""
    found = [_read(each, number, field) for number, each in enumerate(read_list(value, field, most=MAX_OF_PERSON), 1)]
    if len(set(found)) != len(found):
        raise FieldError("names one of them twice", field)
    return found


def _read(item: Any, number: int, field: str) -> IdentityField:
    try:
        given = read_object(item, field)
        if set(given) != set(_FIELDS):
            raise FieldError(f"takes the fields {', '.join(_FIELDS)}", field)
        of, claim = (read_text(given[name], name) for name in ("of", "claim"))
        return IdentityField(of, claim, read_subject(given["subject"], "subject"))
    except FieldError as error:
        named = f"{error.field} " if error.field != field else ""
        raise FieldError(f"#{number}: {named}{error}", field) from None
