"""An OpenID provider on 127.0.0.1, built on the server side of Authlib: real keys, real codes, PKCE, a login page.

`Knobs` are the ways in which it misbehaves, each by one field. `Visit` goes through it as a browser would, over HTTP.
"""

import base64
import functools
import http.client
import secrets
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from urllib.parse import parse_qs, unquote_plus, urlencode, urlsplit

from authlib.integrations.flask_oauth2 import AuthorizationServer, ResourceProtector
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc6750 import BearerTokenValidator
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc9207 import IssuerParameter
from authlib.oidc.core import OpenIDCode, UserInfo, UserInfoEndpoint
from authlib.oidc.rpinitiated import EndSessionEndpoint
from flask import Flask, Response, jsonify, request, session
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from tests.serving import free_port, threaded_server

CLIENT_ID, CLIENT_SECRET = "mintmark", "the client's secret: 100% & more/="
PEOPLE = {
    "u-1": {"preferred_username": "ben", "email": "ben@campus.test", "given_name": "Ben", "groups": ["staff"]},
    "u-2": {"preferred_username": "eve", "email": "eve@campus.test", "given_name": "Eve", "groups": []},
}


@functools.cache
def key(algorithm="ES256", number=0):
    """Return a key pair, made once in a test run."""
    named = {"kid": f"{algorithm}-{number}", "alg": algorithm, "use": "sig"}
    if algorithm.startswith("RS"):
        return RSAKey.generate_key(2048, named)
    return ECKey.generate_key("P-256", named)


@dataclass
class Knobs:
    """What is otherwise than it should be."""

    algorithm: str = "ES256"
    number: int = 0  # of the key that signs
    published: tuple[int, ...] = (0,)  # numbers of the keys in the key set
    claims: dict = field(default_factory=dict)  # of the ID token; None: taken out
    header: dict = field(default_factory=dict)
    id_token: str | None = None  # instead of the real one
    userinfo: dict = field(default_factory=dict)
    userinfo_type: str = "application/json"
    in_id_token: tuple[str, ...] = ()  # which claims of a person stand there; the rest is in userinfo alone
    metadata: dict = field(default_factory=dict)
    failing: frozenset = frozenset()  # paths that answer with 500
    raw: dict = field(default_factory=dict)  # path → an answer instead of the real one
    slow: dict = field(default_factory=dict)  # path → seconds
    answer: dict = field(default_factory=dict)  # parameters of the redirect back; None: taken out


class Client:
    """The one relying party that the provider knows."""

    def __init__(self, site_url, name, secret):
        self.redirect_uris = [f"{site_url}/auth/oidc/{name}/callback"]
        self.client_metadata = {"post_logout_redirect_uris": [f"{site_url}/login"]}
        self.secret = secret

    client_id = CLIENT_ID

    def get_client_id(self):
        return self.client_id

    def get_default_redirect_uri(self):
        return self.redirect_uris[0]

    def get_allowed_scope(self, scope):
        return scope

    def check_redirect_uri(self, uri):
        return uri in self.redirect_uris

    def check_client_secret(self, secret):
        return secrets.compare_digest(self.secret or "", secret)

    def check_endpoint_auth_method(self, method, endpoint):
        return (method == "none") == (self.secret is None)

    def check_response_type(self, kind):
        return kind == "code"

    def check_grant_type(self, kind):
        return kind == "authorization_code"


class _Code(SimpleNamespace):
    def get_redirect_uri(self):
        return self.redirect_uri

    def get_scope(self):
        return self.scope

    def get_nonce(self):
        return self.nonce

    def get_auth_time(self):
        return None

    get_acr = get_amr = get_auth_time


class _Token(SimpleNamespace):
    def is_expired(self):
        return False

    is_revoked = is_expired

    def get_scope(self):
        return self.scope

    def get_client(self):
        return self.client

    def get_user(self):
        return self.user


class Provider:
    """The provider of one test. `issuer` is its address; `asked` are the requests that it got, by path."""

    def __init__(self, site_url, *, name="campus", secret=CLIENT_SECRET):
        self.port = free_port()
        self.issuer = f"http://127.0.0.1:{self.port}"
        self.client = Client(site_url, name, secret)
        self.knobs = Knobs()
        self.codes, self.tokens, self.used_codes, self.asked = {}, {}, {}, []
        self.signed_in = {}  # session id → subject
        self.app = self._app()

    def ask_for(self, path):
        """Return what was sent to a path, the last first."""
        return [each for each in reversed(self.asked) if each.path == path]

    def key_set(self):
        return {"keys": [key(self.knobs.algorithm, number).as_dict(private=False) for number in self.knobs.published]}

    def metadata(self):
        urls = {"authorization": "/authorize", "token": "/token", "userinfo": "/userinfo", "end_session": "/end"}
        found = {f"{name}_endpoint": self.issuer + path for name, path in urls.items()}
        found |= {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys", "response_types_supported": ["code"]}
        found |= {"authorization_response_iss_parameter_supported": True, **self.knobs.metadata}
        return {name: value for name, value in found.items() if value is not None}

    def subject(self):
        return self.signed_in.get(session.get("id"))

    def _app(self):
        app = Flask("openid_provider")
        app.config.update(SECRET_KEY=secrets.token_hex(), SESSION_COOKIE_NAME="provider")
        server = AuthorizationServer(app, self._find_client, self._save_token)
        server.register_client_auth_method("client_secret_basic", _by_basic)
        server.register_grant(_grant(self), [CodeChallenge(required=True), _openid_code(self)])
        server.register_extension(_issuer_parameter(self))
        server.register_endpoint(_end_session(self))
        server.register_endpoint(_userinfo(self))
        app.before_request(self._misbehave)
        app.add_url_rule("/.well-known/openid-configuration", "metadata", lambda: jsonify(self.metadata()))
        app.add_url_rule("/keys", "keys", lambda: jsonify(self.key_set()))
        app.add_url_rule("/authorize", "authorize", lambda: self._authorize(server), methods=["GET", "POST"])
        app.add_url_rule("/token", "token", server.create_token_response, methods=["POST"])
        app.add_url_rule("/userinfo", "userinfo", lambda: self._tell(server))
        app.add_url_rule("/end", "end", lambda: self._end(server), methods=["GET", "POST"])
        return app

    def _find_client(self, client_id):
        return self.client if client_id == CLIENT_ID else None

    def _save_token(self, token, asked):
        self.tokens[token["access_token"]] = _Token(user=asked.user, client=asked.client, scope=token["scope"])

    def _misbehave(self):
        path, knobs = request.path, self.knobs
        headers = {name.lower(): value for name, value in request.headers}
        self.asked.append(SimpleNamespace(path=path, headers=headers, form=request.form.to_dict(), args=request.args))
        time.sleep(knobs.slow.get(path, 0))
        if path in knobs.failing:
            return Response("out of order", 500)
        return knobs.raw.get(path)

    def _authorize(self, server):
        """Ask for a name where nobody is signed in, and send the browser back with a code."""
        if request.form.get("sub") in PEOPLE:
            session["id"] = secrets.token_hex()
            self.signed_in[session["id"]] = request.form["sub"]
        subject = self.subject()
        if subject is None:
            return '<!doctype html><title>Campus</title><form method="post"><label>Who <input name="sub"></label><button>Come in</button></form>'
        user = SimpleNamespace(sub=subject)
        try:
            grant = server.get_consent_grant(end_user=user)
        except OAuth2Error as error:
            return Response(str(error), 400)
        response = server.create_authorization_response(grant_user=user, grant=grant)
        if self.knobs.answer:
            response.location = changed(response.location, self.knobs.answer)
        return response

    def _tell(self, server):
        response = server.create_endpoint_response("userinfo")
        if response.status_code == 200:
            response = jsonify({**response.json, **self.knobs.userinfo})
            response.content_type = self.knobs.userinfo_type
        return response

    def _end(self, server):
        try:
            asked = server.validate_endpoint_request("end_session")
        except OAuth2Error as error:
            return Response(str(error), 400)
        if request.method == "GET":
            return '<!doctype html><title>Campus</title><form method="post"><button>Sign out of Campus</button></form>'
        return server.create_endpoint_response("end_session", asked) or "You are signed out."


def changed(address, answer):
    """Return an address with other parameters; None takes one out, a list repeats it."""
    parts = urlsplit(address)
    query = {name: values for name, values in parse_qs(parts.query).items()} | answer
    return parts._replace(query=urlencode({k: v for k, v in query.items() if v is not None}, doseq=True)).geturl()


def _by_basic(find_client, asked):
    """Both halves are form-encoded (RFC 6749 §2.3.1); Authlib takes them as they are."""
    kind, _, encoded = asked.headers.get("Authorization", "").partition(" ")
    if kind != "Basic":
        return None
    client_id, _, secret = base64.b64decode(encoded).decode().partition(":")
    client = find_client(unquote_plus(client_id))
    return client if client and client.check_client_secret(unquote_plus(secret)) else None


def _grant(provider):
    class Grant(AuthorizationCodeGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "client_secret_post", "none"]

        def save_authorization_code(self, code, asked):
            data = asked.payload.data
            provider.codes[code] = _Code(
                code=code,
                user=asked.user,
                redirect_uri=asked.payload.redirect_uri,
                scope=asked.payload.scope,
                nonce=data.get("nonce"),
                code_challenge=data.get("code_challenge"),
                code_challenge_method=data.get("code_challenge_method"),
            )

        def query_authorization_code(self, code, client):
            return provider.codes.get(code)

        def delete_authorization_code(self, code):
            provider.used_codes[code.code] = provider.codes.pop(code.code)

        def authenticate_user(self, code):
            return code.user

    return Grant


def _openid_code(provider):
    class Code(OpenIDCode):
        def exists_nonce(self, nonce, asked):
            return any(code.nonce == nonce for code in (*provider.codes.values(), *provider.used_codes.values()))

        def encode_id_token(self, token, asked):
            knobs, now = provider.knobs, int(time.time())
            if knobs.id_token is not None:
                return knobs.id_token
            known = {"iss": provider.issuer, "aud": CLIENT_ID, "sub": asked.user.sub, "iat": now, "exp": now + 300}
            known |= self.get_authorization_code_claims(asked.authorization_code)
            known |= {name: PEOPLE[asked.user.sub][name] for name in knobs.in_id_token}
            claims = {name: value for name, value in {**known, **knobs.claims}.items() if value is not None}
            signing = key(knobs.algorithm, knobs.number)
            header = {"alg": knobs.algorithm, "kid": signing.kid, **knobs.header}
            return jwt.encode({k: v for k, v in header.items() if v is not None}, claims, signing, [knobs.algorithm])

    return Code()


def _issuer_parameter(provider):
    class Parameter(IssuerParameter):
        def __init__(self, server):
            super().__init__()
            self(server)

        def get_issuer(self):
            return provider.issuer

    return Parameter


def _end_session(provider):
    class EndSession(EndSessionEndpoint):
        def get_server_jwks(self):
            return KeySet([key(provider.knobs.algorithm, number) for number in provider.knobs.published])

        def end_session(self, asked):
            provider.signed_in.pop(session.pop("id", None), None)

    return EndSession


def _userinfo(provider):
    class Validator(BearerTokenValidator):
        def authenticate_token(self, text):
            return provider.tokens.get(text)

    class Endpoint(UserInfoEndpoint):
        def generate_user_info(self, user, scope):
            return UserInfo(sub=user.sub, **PEOPLE[user.sub])

    protector = ResourceProtector()
    protector.register_token_validator(Validator())
    _Token.client_metadata = {}
    Client.client_metadata = {}
    return Endpoint(resource_protector=protector)


@contextmanager
def running(site_url, **options):
    """Run a provider for a site until the test ends."""
    provider = Provider(site_url, **options)
    server = threaded_server(provider.app, provider.port)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def visit(address, method="GET", form=None, cookie=None):
    """Ask for a page as a browser does, following nothing; return (status, headers, text)."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    try:
        headers = {"Cookie": cookie} if cookie else {}
        body = urlencode(form) if form else None
        if body:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request(method, f"{parts.path}?{parts.query}", body=body, headers=headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()
    finally:
        connection.close()
