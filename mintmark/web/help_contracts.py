"""What the help page says of contracts and launches: a row for each word that there is, with an example.

Rule: words, types and formats come from `mintmark.contracts`; a test reads every example as a contract, and
fails where a word, a format or a way to launch has none.
"""

import json
from functools import cache
from typing import Any, NamedTuple

from mintmark.assets.contract_words import Line, contract_lines
from mintmark.contracts import FORMATS, TYPE_WORDS, read_contract

EXAMPLE: dict[str, Any] = {
    "algorithms": ["HS256"],
    "headers": {"kid": {"required": True}},
    "claims": {
        "email": {"required": True, "format": "email"},
        "name": {"type": "text", "longest": 255},
        "aud": {"required": True, "constant": "help-desk"},
        "groups": {"type": "list", "items": {"type": "text", "without": ","}},
        "iss": {"refused": True},
    },
    "lifetime": {"longest": 300},
    "key": {"bytes": 32},
    "identity": "email",
}
PARTS = {
    "algorithms": "those that it takes; without it, all",
    "headers": "name and rule of each parameter of the header: `kid`, `typ`",
    "claims": "name and rule of each claim, those of the site too: `exp`, `iat`, `nbf`, `jti`",
    "lifetime": "`shortest` and `longest`, in seconds",
    "key": "how long the key has to be: `bytes` of a shared secret, `bits` of an RSA key",
    "identity": "the claim by which it knows people: where two share it, you are warned; without it, `sub`",
}
# word of a rule → what it asks for, and an example of its value.
WORDS: dict[str, tuple[str, Any]] = {
    "required": ("it has to be there", True),
    "refused": ("it may not be there; this word stands alone", True),
    "type": (f"what it is: {', '.join(f'`{name}` ({words})' for name, words in TYPE_WORDS.items())}", "text"),
    "constant": ("this value, and no other", "help-desk"),
    "one_of": ("one of these values", ["agent", "customer"]),
    "shortest": ("at least so many characters of a text, or items of a list", 1),
    "longest": ("at most so many characters of a text, or items of a list", 255),
    "format": ("text of a format, which are listed below", "email"),
    "without": ("text in which none of these characters stands", ",;"),
    "items": ("the rule of each item of a list", {"type": "text"}),
    "members": ("the rules of members of an object, by their names", {"id": {"required": True}}),
    "others": ("the rule of all members of an object that are not named", {"type": "text"}),
}
WAYS = {
    "query": "the token is a parameter of the address",
    "fragment": "the token stands behind the # of the address, where no server sees it",
    "post": "the token is a field of a form that sends itself; where scripts are off, it has a button",
}
LAUNCH = {
    "url": "the address to which the browser is sent: https, and nobody but an administrator writes it",
    "name": "what the token is called there",
    "pass": "names of parameters that are handed on to the relying party: `state`, `nonce`, `return_to`",
    "return_to": "origins, or whole addresses: an address that is handed on is one of them, or it is refused; where"
    " `redirect_uri` is handed on, the token itself may go to each whole address",
}


class Row(NamedTuple):
    """One word of a rule: what it asks for, an example, and what that takes in words."""

    written: str
    meaning: str
    example: str
    takes: str


def contract() -> str:
    """Return the contract at the top, as somebody would write it."""
    lines = (f"  {json.dumps(name)}: {json.dumps(part)}" for name, part in EXAMPLE.items())
    return "{\n" + ",\n".join(lines) + "\n}"


@cache
def lines() -> list[Line]:
    """Return what it says, in words."""
    return contract_lines(read_contract(EXAMPLE))


@cache
def words() -> list[Row]:
    """List the words of a rule."""
    rows = []
    for word, (meaning, value) in WORDS.items():
        rule = {word: value}
        said = contract_lines(read_contract({"claims": {"x": rule}}))
        takes = "; ".join(f"{line.about}: {line.words}" if line.about != "x" else line.words for line in said)
        rows.append(Row(word, meaning, json.dumps(rule), takes))
    return rows


def formats() -> dict[str, str]:
    """Return the formats, and what each is."""
    return {name: words for name, (_, words) in FORMATS.items()}
