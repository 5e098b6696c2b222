"""The person, attributes and short forms that the tests of the template language share."""

import copy
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from mintmark.payload import Problem, check, compile, render

ATTRIBUTES = {"department": "text", "phone": "text", "level": "number", "is_staff": "boolean", "tags": "list"}
PARAMS = ("room", "nonce")
ADA: dict[str, Any] = {
    "user": {
        "id": "6f1c2f0e-7a53-4c6e-9a10-2f6f5d0a9b11",
        "username": "ada",
        "email": "ada@example.test",
        "first_name": "Ada",
        "last_name": "Lovelace",
        "display_name": "Ada Lovelace",
        "groups": ["editors", "staff"],
        "roles": ["user"],
        "permissions": [],
        "is_admin": True,
        "attributes": {"department": "R&D", "level": 7, "is_staff": False, "tags": ["b", "a", "b"]},
    },
    "asset": {"path": "integrations/helpdesk", "name": "Help desk", "can_edit": False},
    "site": {"url": "https://mint.example.test"},
    "now": 1_700_000_000,
    "params": {"room": "blue"},
}


def person(**user: Any) -> dict[str, Any]:
    """Give Ada's context with some of her values changed; `attributes` are merged."""
    context = copy.deepcopy(ADA)
    context["user"]["attributes"] |= user.pop("attributes", {})
    context["user"] |= user
    return context


def claims(template: str, context: dict[str, Any] | None = None) -> dict[str, Any]:
    """Give the claims of a template that must be fine, for Ada or for somebody else."""
    return render(compile(template, ATTRIBUTES, PARAMS), ADA if context is None else context)


def value(expression: str, context: dict[str, Any] | None = None) -> Any:
    """Give the value of an expression that is a whole claim."""
    return claims('{"a": {{ ' + expression + " }}}", context)["a"]


def problems(template: Any) -> list[Problem]:
    """Give what is wrong with a template."""
    return check(template, ATTRIBUTES, PARAMS)


def places(template: str) -> list[tuple[int, int]]:
    """Give line and column of all that is wrong with a template."""
    return [(problem.line, problem.column) for problem in problems(template)]


def words(template: str) -> str:
    """Give all that is said about a template, as one text."""
    return "\n".join(map(str, problems(template)))


def is_fine(template: str) -> bool:
    """Tell whether a template may be saved."""
    return not problems(template)


def each(names: str | tuple[str, ...], cases: Iterable[Any]) -> Callable[[Callable[..., None]], Callable[[], None]]:
    """Run a test with every case of a table and tell all that fail: `parametrize` at the price of one test."""
    table = list(cases)

    def decorate(test: Callable[..., None]) -> Callable[[], None]:
        def of_all_cases() -> None:
            failed = []
            for case in table:
                try:
                    test(**(dict(zip(names, case, strict=True)) if isinstance(names, tuple) else {names: case}))
                except (Exception, pytest.fail.Exception) as error:
                    failed.append(f"{case!r:.300}\n    {type(error).__name__}: {error}")
            assert not failed, f"{len(failed)} of {len(table)} cases fail:\n" + "\n".join(failed)

        of_all_cases.__name__, of_all_cases.__doc__ = test.__name__, test.__doc__
        return of_all_cases

    return decorate
