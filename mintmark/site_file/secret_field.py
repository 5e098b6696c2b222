"""The secrets of an asset in a site file, the present and the next one: given, or the name of a variable that holds it.

Rule: nothing that stands in this field is ever repeated in an error, not even a name: somebody
may have written the secret where a name belongs.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mintmark.assets.secrets import ENCODINGS, MAX_CHARACTERS, SecretValue, read_secret
from mintmark.config import PREFIX, SECRET_PREFIX
from mintmark.errors import FieldError
from mintmark.fields import read_boolean, read_choice, read_object, read_text
from mintmark.site_file.moment_field import read_optional_moment

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,1023}", re.ASCII)
_FIELDS = frozenset({*ENCODINGS, "env", "as", "weak", "kid"})


@dataclass(frozen=True)
class SecretField:
    """What the file says: a text and its encoding, or a variable that holds such a text."""

    encoding: str
    weak: bool
    kid: str | None = None
    text: str | None = field(default=None, repr=False)
    variable: str | None = None

    def find(self, environ: Mapping[str, str], *, algorithm: str) -> SecretValue | None:
        """Return the checked secret; None where its variable is not set. Raises FieldError."""
        text = environ.get(self.variable) if self.variable else self.text
        if text is None:
            return None
        try:
            return replace(read_secret(text, self.encoding, algorithm=algorithm, weak=self.weak), kid=self.kid)
        except FieldError as error:
            raise FieldError(f"{error} (from {self.variable})" if self.variable else str(error), "secret") from None


@dataclass(frozen=True)
class NextSecretField:
    """The secret that follows the present one, and from when it signs; None: it is staged and waits."""

    secret: SecretField
    signs_from_at: int | None = None

    def has_come(self, now: float) -> bool:
        """Tell whether it signs by now."""
        return self.signs_from_at is not None and self.signs_from_at <= now


def read_next_secret_field(value: Any, field: str) -> NextSecretField | None:
    """Return what the file says about the next secret; None: there is none. Raises FieldError."""
    if value is None:
        return None
    given = read_object(value, field)
    secret = read_secret_field({name: one for name, one in given.items() if name != "signs_from_at"}, field)
    return NextSecretField(secret, read_optional_moment(given.get("signs_from_at"), field))


def read_secret_field(value: Any, field: str) -> SecretField:
    """Return what the file says about a secret. Raises FieldError."""
    given = read_object(value, field)
    if set(given) - _FIELDS:
        raise FieldError(f"takes one of {', '.join(ENCODINGS)}, env; beside it weak, kid, and with env also as", field)
    sources = [name for name in (*ENCODINGS, "env") if name in given]
    if len(sources) != 1:
        raise FieldError(f"takes exactly one of {', '.join(ENCODINGS)}, env", field)
    weak = read_boolean(given.get("weak", False), field)
    kid = None if given.get("kid") is None else read_text(given["kid"], field)
    source = sources[0]
    if source == "env":
        encoding = read_choice(given.get("as", "text"), field, ENCODINGS)
        return SecretField(encoding, weak, kid, variable=read_variable(given["env"], field))
    if "as" in given:
        raise FieldError(f"“as” belongs to env; here {source} says how the secret is written", field)
    if not isinstance(given[source], str):
        raise FieldError("takes text; put it in quotes", field)
    return SecretField(source, weak, kid, text=read_text(given[source], field, longest=MAX_CHARACTERS))


def variable_field(variable: str, value: bytes | None) -> dict[str, Any]:
    """Return the field of a secret that leaves as the name of a variable; without a value it does not open.

    `as: base64` where the secret is no text that a variable could hold as it is.
    """
    try:
        text = "" if value is None else value.decode()
        is_text = text.isprintable() and text == text.strip()
    except UnicodeDecodeError:
        is_text = False
    return {"env": variable} if is_text else {"env": variable, "as": "base64"}


def read_variable(value: Any, field: str) -> str:
    """Return the name of any variable but Mintmark's settings, which are taken out of the environment at start."""
    if not isinstance(value, str) or not _VARIABLE.fullmatch(value):
        raise FieldError(f"env takes the name of a variable, such as {SECRET_PREFIX}HELPDESK", field)
    if value.startswith(PREFIX) and not value.startswith(SECRET_PREFIX):
        raise FieldError(f"env names a setting of Mintmark; use a variable that starts with {SECRET_PREFIX}", field)
    return value
