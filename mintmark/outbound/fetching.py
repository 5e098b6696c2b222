"""Fetching from an address that somebody entered, or that another's document names; nothing else here connects.

Rule (OWASP ASVS 5.0 1.3.6, 13.2.4; CWE-918): https only, a name is resolved once and by ourselves, every address of
it is global, and the very one that was looked at is connected to, so that no second answer of a name server leads
elsewhere. Origins of the setting FETCH_ALSO may be private or plain http. No redirect is followed, no proxy asked, no
cookie kept. All of it ends within three seconds, however slowly the other side speaks, and no later than the turn of
whoever asks (`waiting`).
"""

import http.client
import ssl
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from mintmark.errors import FieldError, MintmarkError
from mintmark.outbound import waiting
from mintmark.outbound.connecting import Deadline, Line, NameAsked, NameUnknown, NotGlobal, TooMuch, connect, resolve
from mintmark.outbound.targets import is_listed, read_target
from mintmark.unverified import TokenMalformed, read_object

SECONDS = 3.0
MAX_BYTES = 256 * 1024
_NOT_GLOBAL = "leads into a private network or to this machine; to allow that, MINTMARK_FETCH_ALSO must list its origin"
_OTHER_NAME = (62, 64)  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
_EXPIRED = 10  # X509_V_ERR_CERT_HAS_EXPIRED


class NotFetched(MintmarkError):
    """What is at an address could not be had. The words are whole sentences of ours, without a word of what came."""

    code = "not_fetched"


@dataclass(frozen=True, slots=True)
class Answer:
    """What another site answered, with any status but a redirect's; the names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"<Answer {self.status}>"


def see_address(url: str, *, fetch_also: frozenset[str], field: str = "jwks_url") -> None:
    """See that an address may be fetched, as it is written and as it resolves now. Raises FieldError.

    A name that does not resolve now may do so later: it is looked at again at every fetch.
    """
    target = read_target(url, fetch_also=fetch_also, field=field)
    if is_listed(target, fetch_also):
        return
    try:
        resolve(target, Deadline(SECONDS), may_be_private=False)
    except NotGlobal:
        raise FieldError(_NOT_GLOBAL, field) from None
    except OSError:
        return


def fetch_json(url: str, *, fetch_also: frozenset[str], seconds: float = SECONDS) -> dict[str, Any]:
    """Return the JSON object at an address. Raises NotFetched, and nothing else, whatever is there."""
    answer = send("GET", url, {"Accept": "application/json"}, None, fetch_also=fetch_also, seconds=seconds)
    if answer.status != 200:
        raise NotFetched(f"It answered with status {answer.status}.")
    return read_json(answer.body)


def read_json(body: bytes) -> dict[str, Any]:
    """Return the JSON object that another site answered with, read strictly. Raises NotFetched."""
    try:
        return read_object(body, "answer")
    except TokenMalformed as error:
        raise NotFetched(str(error)) from None


def send(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes | None,
    *,
    fetch_also: frozenset[str],
    seconds: float = SECONDS,
) -> Answer:
    """Send one request and return what is answered to it. Raises NotFetched."""
    try:
        target = read_target(url, fetch_also=fetch_also)
    except FieldError as error:
        raise NotFetched(f"Its address {error}.") from None
    ours = {"Host": target.netloc, "User-Agent": "Mintmark", "Accept-Encoding": "identity", "Connection": "close"}
    theirs = {name: value for name, value in headers.items() if name.title() not in ours}
    deadline = Deadline(waiting.left(seconds))
    with (
        _said_plainly(),
        closing(connect(target, deadline, may_be_private=is_listed(target, fetch_also))) as connection,
    ):
        exchange: Any = http.client.HTTPConnection(target.host, target.port)
        exchange.sock, exchange.auto_open = Line(connection, deadline), 0  # There is this connection and no other.
        exchange.request(method, target.path, body=body, headers={**theirs, **ours})
        return _read(exchange.getresponse())


def _read(response: http.client.HTTPResponse) -> Answer:
    if 300 <= response.status < 400:
        words = "redirects are not followed: the address must be the one that it leads to"
        raise NotFetched(f"It answered with status {response.status}; {words}.")
    if response.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise NotFetched("It answered in a compressed form, which was not asked for.")
    body = response.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        raise TooMuch
    if response.length:
        raise NotFetched("Its answer was cut off.")
    return Answer(response.status, {name.lower(): value for name, value in response.headers.items()}, body)


@contextmanager
def _said_plainly() -> Iterator[None]:
    """Say in words of ours what went wrong; those of a library or of the other side may hold anything."""
    try:
        yield
    except TimeoutError as error:
        raise NotFetched(f"It did not answer in time, which is {SECONDS:.0f} seconds at most.") from error
    except NotGlobal as error:
        raise NotFetched(f"Its address {_NOT_GLOBAL}.") from error
    except NameAsked as error:
        raise NotFetched("Its name is being looked up already, and the name server does not answer.") from error
    except NameUnknown as error:
        raise NotFetched("Its name cannot be resolved.") from error
    except TooMuch as error:
        raise NotFetched(f"Its answer is larger than {MAX_BYTES // 1024} KiB.") from error
    except ssl.SSLError as error:
        raise NotFetched(_secure_words(error)) from error
    except OSError as error:
        raise NotFetched("It cannot be reached, or it hung up.") from error
    except (http.client.HTTPException, ValueError):
        raise NotFetched("It did not answer as HTTP wants it.") from None


def _secure_words(error: ssl.SSLError) -> str:
    if not isinstance(error, ssl.SSLCertVerificationError):
        return "No secure connection (TLS 1.2 or later) could be made."
    if error.verify_code in _OTHER_NAME:
        return "Its certificate is for another name."
    if error.verify_code == _EXPIRED:
        return "Its certificate has expired."
    return "Its certificate is not of an authority that this machine trusts."
