"""What the other side of a trusted issuer needs: where to send tokens, how, and code that makes one.

Rule: none of it is secret; the key stands in an environment variable of theirs. Texts that somebody entered stand in
the code as literals.
"""

from collections.abc import Mapping
from typing import Any

from mintmark.tokens import SECRET_ALGORITHMS
from mintmark.verify_snippets.literals import literal_writer

_text = literal_writer("python")
_SNIPPET = """import os, time, uuid
import jwt  # PyJWT

def token_for(person):
    now = int(time.time())
    claims = {
%s
    }
    return jwt.encode(claims, os.environ["SIGNING_KEY"], algorithm=%s%s)

print(token_for(%s))
"""


def commands(sign_in: str) -> list[tuple[str, str]]:
    """Return by which ways a token may come: what each is for, and a command that tries it."""
    body = '\'{"token": "\'"$TOKEN"\'"}\''
    in_address = "In the address, where a browser is sent here; the token has a `jti` and lives at most 5 minutes"
    is_json = '-H "Content-Type: application/json"'
    return [
        (in_address, f'curl "{sign_in}?token=$TOKEN"'),
        ("In a header", f'curl -H "Authorization: Bearer $TOKEN" "{sign_in}"'),
        ("In a body", f'curl -X POST "{sign_in}" \\\n  {is_json} \\\n  -d {body}'),
    ]


def snippet(entered: Mapping[str, Any], key_ids: list[str]) -> str:
    """Return Python that makes a token as this issuer's have to be."""
    identity = str(entered["identity_claim"])
    claims: dict[str, str] = {} if entered["issuer"] is None else {"iss": _text(entered["issuer"])}
    claims |= {"aud": _text(entered["audience"]), "iat": "now", "exp": f"now + {min(entered['max_lifetime'], 300)}"}
    claims |= {"jti": "str(uuid.uuid4())"}
    named = dict.fromkeys([identity, *entered["required_claims"]])
    top = dict.fromkeys(name.partition(".")[0] for name in named)
    claims |= {name: f"person[{_text(name)}]" for name in top if name not in claims}
    lines = "\n".join(f"        {_text(name)}: {value}," for name, value in claims.items())
    is_secret = entered["algorithm"] in SECRET_ALGORITHMS
    headers = f', headers={{"kid": {_text(key_ids[0])}}}' if key_ids and not is_secret else ""
    person = "{" + ", ".join(f'{_text(name)}: "…"' for name in top) + "}"
    return _SNIPPET % (lines, _text(entered["algorithm"]), headers, person)
