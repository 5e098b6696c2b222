"""Who signs people in here beside their password: trusted issuers, OpenID providers, and whom they know as whom."""

from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from mintmark.models.base import by_code_point, db, new_id


class TrustedIssuer(db.Model):  # type: ignore[name-defined,misc]
    """Somebody whose tokens are accepted at sign-in; `issuer` is their `iss` ("": their tokens have none).

    `definition` holds every other setting (mintmark/issuers/definition.py). Its key is a secret, sealed for this
    row, with its keyed `fingerprint`; or the public keys beside it; or a key set at an address.
    """

    __tablename__ = "trusted_issuer"

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    issuer: Mapped[str] = mapped_column(by_code_point(String(255), 255), unique=True)
    name: Mapped[str] = mapped_column(by_code_point(String(40), 40), unique=True)
    definition: Mapped[dict[str, Any]] = mapped_column(JSON)
    live: Mapped[bool]
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    sealed_by: Mapped[str | None] = mapped_column(String(40), index=True)
    fingerprint: Mapped[str | None] = mapped_column(String(16))
    created_at: Mapped[int]
    revised_at: Mapped[int]

    def __repr__(self) -> str:
        return f"<TrustedIssuer {self.id}>"


class IssuerKey(db.Model):  # type: ignore[name-defined,misc]
    """One public key of a trusted issuer, live or switched off. `public` are the members of its JWK that verify."""

    __tablename__ = "issuer_key"

    issuer_id: Mapped[str] = mapped_column(ForeignKey("trusted_issuer.id"), primary_key=True)
    key_id: Mapped[str] = mapped_column(by_code_point(String(128), 128), primary_key=True)
    live: Mapped[bool]
    public: Mapped[dict[str, Any]] = mapped_column(JSON)
    thumbprint: Mapped[str] = mapped_column(String(43))
    created_at: Mapped[int]


class OpenIDProvider(db.Model):  # type: ignore[name-defined,misc]
    """Who signs people in here by OpenID Connect. The client secret is sealed for this row; None: a public client."""

    __tablename__ = "openid_provider"

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(by_code_point(String(40), 40), unique=True)
    issuer: Mapped[str] = mapped_column(by_code_point(String(255), 255))
    client_id: Mapped[str] = mapped_column(Text)
    definition: Mapped[dict[str, Any]] = mapped_column(JSON)
    live: Mapped[bool]
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    sealed_by: Mapped[str | None] = mapped_column(String(40), index=True)
    created_at: Mapped[int]
    revised_at: Mapped[int]

    def __repr__(self) -> str:
        return f"<OpenIDProvider {self.id}>"


class Identity(db.Model):  # type: ignore[name-defined,misc]
    """As whom a trusted issuer or OpenID provider (`source_id`) knows a person: (issuer, subject), nothing else.

    `claim` is the one that held the subject: another claim of the same issuer is another set of names.
    """

    __tablename__ = "identity"
    __table_args__ = (
        Index("uq_identity_subject", "source_id", "claim", "subject", unique=True),
        Index("ix_identity_person", "person_id"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    source_id: Mapped[str] = mapped_column(String(36))
    claim: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(by_code_point(String(255), 255))
    person_id: Mapped[str] = mapped_column(ForeignKey("person.id"))
    linked_at: Mapped[int]
    last_used_at: Mapped[int | None]


class SpentToken(db.Model):  # type: ignore[name-defined,misc]
    """A `jti` that signed somebody in, kept until nobody could use it again. By the text of `iss`, not by a row of
    ours: an issuer that is taken away and made anew finds what it spent."""

    __tablename__ = "spent_token"
    __table_args__ = (Index("ix_spent_token_keep", "keep_until_at"),)

    issuer: Mapped[str] = mapped_column(by_code_point(String(255), 255), primary_key=True)
    jti: Mapped[str] = mapped_column(by_code_point(String(255), 255), primary_key=True)
    spent_at: Mapped[int]
    keep_until_at: Mapped[int]


class FetchedDocument(db.Model):  # type: ignore[name-defined,misc]
    """A key set or discovery document of others, kept for all nodes; `tried_at` is claimed by the node that asks."""

    __tablename__ = "fetched_document"

    url: Mapped[str] = mapped_column(by_code_point(Text()), primary_key=True)
    body: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    fetched_at: Mapped[int | None]
    tried_at: Mapped[int]
    problem: Mapped[str | None] = mapped_column(Text)


class RefusedToken(db.Model):  # type: ignore[name-defined,misc]
    """Header and claims of a refused sign-in, without the signature, for a day; only where KEEP_REFUSED is on."""

    __tablename__ = "refused_token"
    __table_args__ = (Index("ix_refused_token_at", "at"),)

    request: Mapped[str] = mapped_column(String(32), primary_key=True)
    at: Mapped[int]
    transport: Mapped[str] = mapped_column(String(10))
    header: Mapped[dict[str, Any]] = mapped_column(JSON)
    claims: Mapped[dict[str, Any]] = mapped_column(JSON)

    def __repr__(self) -> str:
        return f"<RefusedToken {self.request}>"


class ProviderSession(db.Model):  # type: ignore[name-defined,misc]
    """What a session needs to sign out at the OpenID provider too: its ID token, sealed for the session of this id."""

    __tablename__ = "provider_session"

    id: Mapped[str] = mapped_column(ForeignKey("session.id"), primary_key=True)
    provider_id: Mapped[str] = mapped_column(String(36))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    sealed_by: Mapped[str] = mapped_column(String(40), index=True)

    def __repr__(self) -> str:
        return f"<ProviderSession {self.provider_id}>"
