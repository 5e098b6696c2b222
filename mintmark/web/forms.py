"""Forms: what one shows, and the problems of what was entered, all at once.

A reader of `mintmark.fields` returns a checked value or raises; `Problems.of` collects what it
raised under the field's name, and `see` raises it all. The view then shows the form again with
what was typed (status 422); passwords and kept secrets are never shown again, nor is what cannot be
a key id where one belongs.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from flask import render_template, request

from mintmark.errors import FieldError, InvalidFields
from mintmark.fields import may_repeat

_KEY_IDS = {"key_id": 128, "kid": 255, "prefix": 128, "signing_key": 128}  # Fields, and how long each may be.


class Problems:
    """What was wrong with the fields of one form: one sentence each, the first that was found."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}

    def add(self, field: str, words: str) -> None:
        """Note what is wrong with a field."""
        self.found.setdefault(field, words)

    @contextmanager
    def of(self, field: str = "") -> Iterator[None]:
        """Note what is refused within; `field` is the name on the form, where the error names another or none."""
        try:
            yield
        except FieldError as error:
            self.add(field or error.field, str(error))
        except InvalidFields as error:
            for name, words in error.problems:
                self.add(field or name, words)

    def see(self) -> None:
        """Raises InvalidFields if anything was wrong."""
        if self.found:
            raise InvalidFields(list(self.found.items()))


class Form:
    """What a form shows: values by field, as typed or as they are, and problems by field."""

    def __init__(self, values: Mapping[str, Any], problems: Mapping[str, str] | None = None) -> None:
        self.values = {name: "" if _is_pasted(name, value) else value for name, value in values.items()}
        self.problems = dict(problems or {})

    @classmethod
    def refused(cls, values: Mapping[str, Any], error: InvalidFields | FieldError) -> "Form":
        """Return the form as it was typed, with what was refused."""
        problems = error.problems if isinstance(error, InvalidFields) else [(error.field, str(error))]
        found: dict[str, str] = {}
        places = {name: place for place, name in enumerate(values)}  # As on the page, where the first has the focus.
        for field, words in sorted(problems, key=lambda each: places.get(each[0], len(places))):
            found.setdefault(field, words)
        return cls(values, found)


def _is_pasted(name: str, value: Any) -> bool:
    """Tell a private key in the place of a key id; it is never shown."""
    return name in _KEY_IDS and isinstance(value, str) and not may_repeat(value, _KEY_IDS[name])


def typed(*fields: str, lists: tuple[str, ...] = (), switches: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return what was typed into text fields, chosen in lists, and switched on; line ends as one character."""
    values: dict[str, Any] = {name: request.form.get(name, "").replace("\r\n", "\n") for name in fields}
    values |= {name: request.form.getlist(name) for name in lists}
    return values | {name: name in request.form for name in switches}


def lines_of(text: str) -> list[str]:
    """Return the lines that hold something, without white space at their ends."""
    return [line.strip() for line in text.split("\n") if line.strip()]


def plain_lines(text: str) -> str:
    """Return text with each line end as one character; browsers send them in a spelling of their own."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def shown(template: str, form: Form, status: int, **more: Any) -> tuple[str, int]:
    """Return a page with a form and its status."""
    return render_template(template, form=form, **more), status
