"""The code flow with PKCE (RFC 6749 §4.1, RFC 7636, OpenID Connect Core §3.1): what is asked of a provider, and how.

Rule: Authlib builds the address and redeems the code, with metadata that our fetcher got and over connections of our
fetcher. It reads no ID token: that is for the one verifier of foreign tokens (`rules`, mintmark/issuers/checking.py).
"""

import base64
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn
from urllib.parse import quote_plus, urlencode

from authlib.common.errors import AuthlibBaseError  # type: ignore[import-untyped]
from authlib.oauth2.client import OAuth2Client  # type: ignore[import-untyped]

from mintmark.errors import MintmarkError
from mintmark.models import OpenIDProvider
from mintmark.openid import saving
from mintmark.outbound import discovery, fetching
from mintmark.sealing import Sealer

NEEDED = ("authorization_endpoint", "token_endpoint")  # of the metadata, beside what every issuer has
_TOKEN = re.compile(r"[\x21-\x7e]{1,8192}", re.ASCII)  # What may stand in a header (RFC 6750 §2.1).
_ERROR = re.compile(r"[a-z_]{1,60}", re.ASCII)


class ProviderFailed(MintmarkError):
    """A provider could not be reached, or answered what no provider may; the words are safe to show."""

    code = "provider_failed"


class ProviderAway(ProviderFailed):
    """A provider could not be reached, or says itself that it does not work now."""

    code = "provider_away"


@dataclass(frozen=True, slots=True)
class Pending:
    """What binds a sign-in to the browser that began it. `state` is for the answer, `nonce` for the ID token."""

    state: str
    nonce: str = field(repr=False)
    code_verifier: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Redeemed:
    """What a code was worth. Without an access token of type Bearer there is no userinfo."""

    id_token: str = field(repr=False)
    access_token: str | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """This site, as a provider knows it."""

    client_id: str
    secret: str | None = field(repr=False)
    auth_method: str
    scopes: str
    redirect_uri: str
    fetch_also: frozenset[str]

    def _authlib(self) -> Any:
        client = OAuth2Client(
            _Connection(self.fetch_also),
            client_id=self.client_id,
            client_secret=self.secret,
            token_endpoint_auth_method="none" if self.secret is None else self.auth_method,  # noqa: S106 — no password
            scope=self.scopes,
            redirect_uri=self.redirect_uri,
            code_challenge_method="S256",
        )
        client.register_client_auth_method(("client_secret_basic", _basic))
        return client

    def begin(self, metadata: Mapping[str, Any]) -> tuple[str, Pending]:
        """Return the address to which the browser is sent, and what it is to come back with."""
        pending = Pending(*(secrets.token_urlsafe(32) for _ in range(3)))  # 256 bit each (ASVS 10.2.1)
        address, _ = self._authlib().create_authorization_url(
            metadata["authorization_endpoint"],
            state=pending.state,
            nonce=pending.nonce,
            code_verifier=pending.code_verifier,
        )
        return str(address), pending

    def redeem(self, metadata: Mapping[str, Any], pending: Pending, code: str) -> Redeemed:
        """Return what the provider gives for a code. Raises ProviderFailed."""
        try:
            answer = self._authlib().fetch_token(
                metadata["token_endpoint"],
                grant_type="authorization_code",
                code=code,
                redirect_uri=self.redirect_uri,
                code_verifier=pending.code_verifier,
            )
        except AuthlibBaseError as error:
            _say_refused(error)
        except (ValueError, TypeError, AttributeError, OverflowError):  # Authlib takes the answer to be well-formed.
            raise ProviderFailed("The provider’s answer to the code is none that can be read.") from None
        id_token, access_token = answer.get("id_token"), answer.get("access_token")
        if not isinstance(id_token, str):
            raise ProviderFailed("The provider gave no ID token.")
        is_bearer = str(answer.get("token_type")).lower() == "bearer"
        has_access = is_bearer and isinstance(access_token, str) and _TOKEN.fullmatch(access_token)
        return Redeemed(id_token, access_token if has_access else None)

    def userinfo(self, metadata: Mapping[str, Any], redeemed: Redeemed, subject: str) -> dict[str, Any]:
        """Return what the provider says of the subject of a verified ID token. Raises ProviderFailed.

        Whatever is about another subject is not used (OpenID Connect Core §5.3.2).
        """
        headers = {"Authorization": f"Bearer {redeemed.access_token}", "Accept": "application/json"}
        answer = _send("GET", metadata["userinfo_endpoint"], headers, None, self.fetch_also)
        if answer.status_code != 200 or not answer.is_json:
            raise ProviderFailed("The provider’s userinfo is none that can be read.")
        claims = answer.json()
        if claims.get("sub") != subject:
            raise ProviderFailed("The provider’s userinfo is about somebody else than its ID token.")
        return claims


def client_of(row: OpenIDProvider, *, redirect_uri: str, sealer: Sealer, fetch_also: frozenset[str]) -> Client:
    """Return this site as a provider knows it. Raises SealError."""
    return Client(
        client_id=row.client_id,
        secret=saving.open_secret(row, sealer=sealer),
        auth_method=row.definition["auth_method"],
        scopes=row.definition["scopes"],
        redirect_uri=redirect_uri,
        fetch_also=discovery.listed_for(row.issuer, fetch_also=fetch_also),
    )


def redirect_uri(site_url: str, name: str) -> str:
    """Return the address that is registered at a provider, letter for letter (ASVS 10.4.1)."""
    return f"{site_url.rstrip('/')}/auth/oidc/{name}/callback"


def post_logout_uri(site_url: str) -> str:
    """Return where a provider sends the browser after a sign-out there; it is registered at the provider."""
    return f"{site_url.rstrip('/')}/login"


class _Reply:
    """An answer, as Authlib wants one."""

    def __init__(self, answer: fetching.Answer) -> None:
        self.status_code = answer.status
        self._body = answer.body
        media_type = answer.headers.get("content-type", "").partition(";")[0]
        self.is_json = media_type.strip().lower() == "application/json"

    def json(self) -> dict[str, Any]:
        """Return the JSON object. Raises ProviderFailed."""
        try:
            return fetching.read_json(self._body)
        except fetching.NotFetched:  # Its words tell of an address that nobody here entered.
            raise ProviderFailed("The provider’s answer is no JSON object.") from None

    def raise_for_status(self) -> None:
        """Raises ProviderAway: Authlib asks for this where it takes the provider to be at fault."""
        raise ProviderAway(f"The provider answered with status {self.status_code}.")


class _Connection:
    """What Authlib sends with: our own fetcher, with all its guards."""

    def __init__(self, fetch_also: frozenset[str]) -> None:
        self._fetch_also = fetch_also

    def post(self, url: str, *, data: dict[str, str], headers: Mapping[str, str], auth: Any) -> _Reply:
        """Send a form."""
        # A copy: the headers that Authlib hands over are those of every client in this process.
        url, sent, body = auth.prepare("POST", url, dict(headers), urlencode(data))
        return _send("POST", url, sent, body.encode("ascii"), self._fetch_also)


def _send(method: str, url: str, headers: Mapping[str, str], body: bytes | None, fetch_also: frozenset[str]) -> _Reply:
    try:
        return _Reply(fetching.send(method, url, dict(headers), body, fetch_also=fetch_also))
    except fetching.NotFetched as error:
        raise ProviderAway(str(error)) from error


def _basic(client: Any, method: str, url: str, headers: dict[str, str], body: str) -> tuple[str, dict[str, str], str]:
    """Authenticate by Basic, each half form-encoded first (RFC 6749 §2.3.1), which Authlib leaves out."""
    pair = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret)}"
    return url, {**headers, "Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}, body


def _say_refused(error: AuthlibBaseError) -> NoReturn:
    """RFC 6749 §5.2; only a word of its grammar is repeated."""
    said = error.error if isinstance(error.error, str) and _ERROR.fullmatch(error.error) else "an error"
    raise ProviderFailed(f"The provider did not take the code: {said}.") from None
