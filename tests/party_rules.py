"""What each relying party of a preset takes, written down a second time from its public pages and sources.

Rule: nothing here reads a preset's contract or template, so that a mistake in one is not repeated in the other.
Places are claim names with `>` between them; an index stands for an item of a list. `Given` stands for what
the administrator answered.
"""

from dataclasses import dataclass, field

ANY_SECRET, ANY_RSA = "HS256 HS384 HS512", "RS256 RS384 RS512"
TYPES = {"text": str, "list": list, "object": dict, "true or false": bool}


class Given(str):
    """The answer to the question of this name."""


class Number(Given):
    """The same, as a number."""


class First(Given):
    """The same, until a staged secret follows with an id of its own."""


@dataclass(frozen=True)
class Rules:
    """How one relying party is set up: algorithms, claims that have to be there, what they are, and more.

    `needs` is what a person has to have (NEEDS); `shows` claim → the field of a person that stands there, and is
    left out where the person has none; `field` the member of a JSON answer. `filled` are places that may not be
    empty, `known_by` is the claim by which people are told apart, `also` are other values that are taken.
    """

    algorithms: str
    required: str = ""
    types: dict = field(default_factory=dict)
    fixed: dict = field(default_factory=dict)
    header: dict = field(default_factory=dict)
    refused: str = ""
    longest: int | None = None
    leeway: int = 0
    needs: str = ""
    shows: dict = field(default_factory=dict)
    answer_field: str | None = None
    params: dict = field(default_factory=dict)
    key_bytes: int = 0
    filled: str = ""
    known_by: str = "sub"
    also: tuple = ()

    def holds(self, person):
        """Tell whether somebody has what the relying party cannot do without."""
        return all(NEEDS[need](person) for need in self.needs.split())


def texts(*places):
    return dict.fromkeys(places, "text")


_LOCALPART = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._=-/+")
# What a person needs → whether somebody has it.
NEEDS = {
    "email": lambda person: bool(person["email"]),
    "address": lambda person: (
        person["email"] is not None
        and len(person["email"].split("@")) == 2
        and all(person["email"].split("@"))
        and not any(each.isspace() or each in '"(),:;<>[\\]' for each in person["email"])  # RFC 5322 §3.2.3.
    ),
    "localpart": lambda person: (  # Matrix, appendix 4.2.1; Synapse keeps “_” to itself.
        _LOCALPART.issuperset(person["username"].lower()) and person["username"][:1] not in ("", "_")
    ),
    "jid": lambda person: (  # RFC 7622 §3.3.1; beyond ASCII, two usernames may be one there (RFC 8265 §3.3).
        person["username"].isascii() and not set(" \"&'/:<>@") & set(person["username"])
    ),
}
_JITSI = {"context>user>id": "id", "context>user>name": "display_name", "context>user>email": "email"}
_VIDEO = {"video": "object", "video>room": "text", "video>roomJoin": "true or false"}
_ACCESS = {
    "access": "list",
    "access>0": "object",
    "access>0>actions": "list",
    **texts("access>0>type", "access>0>name"),
}
_DETAIL, _HASURA = "authorization_details>0", "https://hasura.io/jwt/claims"
_TOPIC = f"{_DETAIL}>topics>0>match"

RULES = {
    "plain": Rules(
        "HS256", "sub admin", texts("sub") | {"admin": "true or false"},
        shows={"sub": "username", "given_name": "first_name", "family_name": "last_name"},
    ),
    "convergence": Rules(
        "RS256", "aud sub exp", texts("sub", "firstName", "lastName", "displayName", "email"), {"aud": "Convergence"},
        {"typ": "JWT", "kid": ...}, leeway=30, filled="sub",
        shows={"sub": "username", "firstName": "first_name", "lastName": "last_name", "displayName": "display_name", "email": "email"},
    ),
    "authonomy": Rules(
        "RS256 HS256", "iss sub aud exp iat jti email tenant_id", texts("sub"),
        {"iss": Given("issuer"), "aud": "authonomy", "tenant_id": Given("tenant_id")}, {"typ": "JWT"},
        needs="address", longest=3600, filled="sub email", shows={"sub": "id", "email": "email", "name": "display_name", "roles": "roles"},
    ),
    "comm100": Rules(
        "RS256 HS256", "identity", texts("identity"), shows={"identity": "username"}, filled="identity", known_by="identity",
    ),
    "zendesk-sso": Rules(
        "HS256", "iat jti email name", texts("name", "external_id"), needs="address", filled="name email", known_by="email",
        shows={"name": "display_name", "email": "email", "external_id": "id"},
    ),
    "zendesk-messaging": Rules(
        "HS256", "scope external_id", texts("external_id", "name", "email"), {"scope": "user"}, {"kid": First("key_id")},
        filled="external_id", known_by="external_id",
        shows={"external_id": "id", "name": "display_name", "email": "email"},
    ),
    "intercom": Rules(
        "HS256", "user_id", texts("user_id", "name", "email"), filled="user_id", known_by="user_id",
        shows={"user_id": "id", "email": "email", "name": "display_name"},
    ),
    "freshworks": Rules(
        "RS256", "sub email iat nonce", texts("sub", "nonce", "given_name", "family_name"), header={"typ": "JWT"},
        needs="address", params={"nonce": "n-0S6_WzA2Mj"}, filled="sub email nonce",
        shows={"sub": "id", "email": "email", "given_name": "first_name", "family_name": "last_name"},
    ),
    "canny": Rules(
        "HS256", "id email name", texts("id", "name"), needs="address", filled="id email name", known_by="id",
        shows={"id": "id", "email": "email", "name": "display_name"},
    ),
    "featurebase": Rules(
        "HS256", "email name userId", texts("name", "userId"), needs="address", filled="email name userId", known_by="userId",
        shows={"userId": "id", "email": "email", "name": "display_name"},
    ),
    "metabase-embed": Rules(
        "HS256", "resource params", {"resource": "object", "params": "object"}, {"resource>dashboard": Number("number")},
        answer_field="jwt",
    ),
    "metabase-sso": Rules(
        "HS256", "email", {**texts("first_name", "last_name"), "groups": "list"}, needs="address", answer_field="jwt",
        filled="email", known_by="email",
        shows={"email": "email", "first_name": "first_name", "last_name": "last_name", "groups": "groups"},
    ),
    "ckeditor": Rules(
        "HS256", "aud sub iat auth", {**texts("sub", "user>name", "user>email"), "auth": "object", "auth>collaboration": "object"},
        {"aud": Given("environment_id")}, {"typ": "JWT"}, filled="sub",
        shows={"sub": "id", "user>email": "email", "user>name": "display_name"},
    ),
    "tinydrive": Rules(
        "RS256 RS384 RS512 PS256", "sub name exp", texts("sub", "name"), answer_field="token", filled="sub name",
        shows={"sub": "id", "name": "display_name"},
    ),
    "tableau": Rules(
        "HS256", "iss aud sub exp jti scp", {**texts("sub"), "scp": "list", "scp>0": "text"},
        {"iss": Given("client_id"), "aud": "tableau"}, {"kid": First("secret_id"), "iss": Given("client_id")},
        longest=600, needs="email", shows={"sub": "email"}, filled="sub scp",
    ),
    "centrifugo": Rules(
        f"{ANY_SECRET} {ANY_RSA} ES256 ES384 EdDSA", "sub", texts("sub"),
        shows={"sub": "id", "info>name": "display_name"},
        also=(("sub", ""),),  # Somebody unknown.
    ),
    "mercure-0x": Rules(
        f"{ANY_SECRET} {ANY_RSA}", "mercure", {"mercure": "object", "mercure>subscribe": "list", "mercure>subscribe>0": "text"},
        header={"typ": "JWT"}, shows={"mercure>payload>user": "username"},
    ),
    "mercure": Rules(
        f"{ANY_SECRET} {ANY_RSA} PS256 ES256 ES384 EdDSA", "iss aud exp iat jti sub client_id authorization_details",
        {"authorization_details": "list", _DETAIL: "object", f"{_DETAIL}>actions": "list", f"{_DETAIL}>topics": "list", **texts(_TOPIC, f"{_DETAIL}>type")},
        {"iss": Given("issuer"), "aud": Given("hub")}, {"typ": "at+jwt"}, filled="authorization_details",
    ),
    "jitsi": Rules(
        f"{ANY_SECRET} {ANY_RSA}", "aud iss sub room exp", texts("aud", "sub", "room", "context>user>id"),
        {"aud": Given("audience"), "iss": Given("app_id"), "sub": Given("domain")}, {"typ": "JWT"}, shows=_JITSI,
        filled="room", known_by="context", also=(("sub", "*"), ("room", "*"), ("context", {})),
    ),
    "livekit": Rules(
        "HS256", "iss sub exp video", {**texts("sub", "name"), **_VIDEO}, {"iss": Given("api_key")}, refused="aud",
        leeway=10, shows={"sub": "id", "name": "display_name"}, answer_field="participant_token", filled="sub video video>room",
        also=(("video", {"room": "another", "roomJoin": True, "canPublishSources": ["camera"], "roomAdmin": True}),),
    ),
    "stream": Rules(
        "HS256", "user_id iat", texts("user_id"), shows={"user_id": "id"}, filled="user_id", known_by="user_id",
    ),
    "ably": Rules(
        "HS256", "iat exp x-ably-capability", texts("x-ably-capability"), header={"kid": First("key_name")},
        filled="x-ably-capability", known_by="x-ably-clientId", also=(("x-ably-capability", '{"mine:1": ["presence"]}'),),
    ),
    "hasura": Rules(
        f"{ANY_SECRET} {ANY_RSA} ES256 ES384 EdDSA", _HASURA,
        {_HASURA: "object", f"{_HASURA}>x-hasura-allowed-roles": "list",
         **texts(f"{_HASURA}>x-hasura-default-role", f"{_HASURA}>x-hasura-user-id")},
        {f"{_HASURA}>x-hasura-default-role": Given("role")},
        key_bytes=32, filled=f"{_HASURA}>x-hasura-allowed-roles", also=((f"{_HASURA}>x-hasura-allowed-roles", ["user", "editor"]),),
    ),
    "postgrest": Rules(
        f"{ANY_SECRET} {ANY_RSA} PS256 ES256 ES384", "role", fixed={"role": Given("role")}, leeway=30, key_bytes=32,
        shows={"email": "email"},
    ),
    "supabase": Rules(
        "HS256 ES256 RS256", "iss aud sub role", texts("role"), {"aud": "authenticated", "iss": Given("issuer")},
        {"typ": "JWT", "kid": ...}, shows={"sub": "id", "email": "email"}, filled="sub role",
    ),
    "superset": Rules(
        "HS256", "user resources rls_rules type aud iat exp",
        {"user": "object", "resources": "list", "resources>0": "object", "rls_rules": "list"},
        {"type": "guest", "aud": Given("audience")}, shows={"user>username": "username"}, filled="resources", known_by="user",
        also=(("user", {}), ("resources", [{"type": "dashboard", "id": "one"}, {"type": "dashboard", "id": "two"}])),
    ),
    "synapse": Rules("HS256 RS256 ES256", "sub", texts("sub", "name"), refused="aud", needs="localpart", leeway=120, filled="sub"),
    "rabbitmq": Rules(
        "HS256 RS256 ES256", "aud scope", {"scope": "list", "scope>0": "text"}, {"aud>0": Given("resource_server")},
        shows={"sub": "username"}, filled="scope", also=(("aud", "rabbitmq"),),
    ),
    "ejabberd": Rules("HS256 RS256 ES256 EdDSA", "jid exp", texts("jid"), needs="jid", filled="jid", known_by="jid"),
    "dovecot": Rules("HS256 RS256 ES256", "sub exp", texts("sub"), header={"typ": "JWT"}, shows={"sub": "username"}, filled="sub"),
    "docker-registry": Rules(
        "RS256 ES256", "iss aud exp access", {**_ACCESS, **texts("aud", "sub")},
        {"iss": Given("issuer"), "aud": Given("service")}, {"typ": "JWT", "kid": ...}, leeway=60,
        shows={"sub": "username"}, answer_field="token", also=(("access", []),),  # Only signing in.
    ),
    "influxdb": Rules(
        ANY_SECRET, "username exp", texts("username"), shows={"username": "username"}, filled="username", known_by="username",
    ),
    "generic-bearer": Rules(
        "HS256 RS256 ES256", "sub aud exp iat", texts("sub"), {"aud": Given("audience")}, filled="sub",
        shows={"sub": "username", "email": "email"},
    ),
}  # fmt: skip


def at(claims, place):
    """Return what stands at a place, or None."""
    for name in place.split(">"):
        if isinstance(claims, list):
            claims = claims[int(name)] if int(name) < len(claims) else None
        else:
            claims = claims.get(name) if isinstance(claims, dict) else None
    return claims


def meant(value, answers):
    """Return a fixed value, with what was answered in its place."""
    if isinstance(value, Number):
        return int(answers[value])
    return answers[value] if isinstance(value, Given) else value


def faults(rules, answers, claims, header):
    """Yield in words what the relying party would not take; a signature is somebody else's to check."""
    yield from (f"{name} is missing" for name in rules.required.split() if name not in claims)
    yield from (f"{name} is there" for name in rules.refused.split() if name in claims)
    for place, kind in rules.types.items():
        value = at(claims, place)
        if not isinstance(value, TYPES[kind]) and (value is not None or place in rules.required.split()):
            yield f"{place} is not {kind}"
    for place, value in rules.fixed.items():
        if at(claims, place) != meant(value, answers):
            yield f"{place} is not as agreed"
    for name, value in rules.header.items():
        if not (header.get(name) if value is ... else header.get(name) == meant(value, answers)):
            yield f"the header {name} is not as agreed"
    if rules.longest and claims["exp"] - claims["iat"] > rules.longest:
        yield "lives too long"
