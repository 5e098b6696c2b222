"""The secret of an asset as fields of a form: a new one stands there, made at random, until somebody types another.

It is shown while it is not saved, and never afterwards.
"""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mintmark.assets.secrets import ENCODINGS, SecretValue, read_secret
from mintmark.fields import read_choice, read_text
from mintmark.tokens import SECRET_ALGORITHMS
from mintmark.web.forms import typed

LABELS = {"secret": "Secret", "secret_encoding": "How the secret is written"}
_RANDOM_BYTES = 48  # 64 characters as text: enough for every algorithm (RFC 7518 §3.2).


def new_secret_values() -> dict[str, Any]:
    """Return the fields with a secret that was made just now."""
    return {"secret": secrets.token_urlsafe(_RANDOM_BYTES), "secret_encoding": "text", "secret_weak": False}


def typed_secret_values() -> dict[str, Any]:
    """Return the fields as they were typed."""
    return typed("secret", "secret_encoding", switches=("secret_weak",))


def read_secret_entered(values: Mapping[str, Any], algorithm: str) -> SecretValue:
    """Return the checked secret, with its `kid` where the form has one. Raises FieldError, which never repeats it."""
    encoding = read_choice(values["secret_encoding"], "secret_encoding", ENCODINGS)
    # What is wrong with the algorithm is said at its own field.
    known = algorithm if algorithm in SECRET_ALGORITHMS else SECRET_ALGORITHMS[0]
    secret = read_secret(values["secret"], encoding, algorithm=known, weak=values["secret_weak"])
    return replace(secret, kid=read_text(values["kid"], "kid")) if values.get("kid") else secret
