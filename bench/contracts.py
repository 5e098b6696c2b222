"""What holding a token to a contract costs, as a share of signing it: for each preset, in turns, in one process.

`python -m bench.contracts`. Only the ratios of one run mean anything.
"""

import statistics
import timeit

from mintmark import payload, presets
from mintmark.contracts import find_breach
from mintmark.tokens import Signer

_AT_ONCE, _ROUNDS = 500, 9
_ANYBODY = {
    "id": "00000000-0000-4000-8000-000000000000",
    "username": "ada",
    "email": "ada@example.test",
    "first_name": "Ada",
    "last_name": "Lovelace",
    "display_name": "Ada Lovelace",
    "groups": ["staff"],
    "roles": ["user"],
    "permissions": ["read"],
    "is_admin": False,
    "attributes": {},
}


def main() -> None:
    """Print the cost for each preset, and the median ratio."""
    ratios = []
    for preset in presets.all_presets().values():
        checking, signing = _costs(preset)
        ratios.append(checking / signing)
        print(f"{preset.slug:20} {checking:6.1f} µs of contract, {signing:6.1f} µs of HS256, ratio {ratios[-1]:.2f}")
    print(f"median ratio {statistics.median(ratios):.2f}, from {min(ratios):.2f} to {max(ratios):.2f}")


def _costs(preset: presets.Preset) -> tuple[float, float]:
    """Return what both take of a token, in microseconds: medians of rounds that take turns."""
    answers = {question.name: question.example or question.default or "" for question in preset.questions}
    filled, contract = presets.fill(preset, answers), presets.contract_of(preset, answers)
    params = [param["name"] for param in filled.get("params", [])]
    template = payload.compile(filled["template"], {}, params)
    claims = payload.render(
        template,
        {
            "user": _ANYBODY,
            "asset": {"path": "a", "name": "A", "can_edit": False},
            "site": {"url": "https://tokens.example.test"},
            "now": 1_800_000_000,
            "params": dict.fromkeys(params, "x"),
        },
    )
    claims |= {"iat": 1_800_000_000, "exp": 1_800_000_000 + (filled["lifetime"] or 600), "jti": "aA" * 11}
    signer = Signer("HS256", b"a-secret-for-the-benchmark-0123456789", filled.get("headers", {}))
    rounds = [
        (
            timeit.timeit(lambda: find_breach(contract, claims, signer.header), number=_AT_ONCE),
            timeit.timeit(lambda: signer.sign(claims), number=_AT_ONCE),
        )
        for _ in range(_ROUNDS)
    ]
    checking, signing = (statistics.median(each) * 1e6 / _AT_ONCE for each in zip(*rounds, strict=True))
    return checking, signing


if __name__ == "__main__":
    main()
