"""What may be meant but is seldom right: the warnings that follow from a definition, or from one cheap query.

They stay as long as they are true: on the asset's page, the dashboard, in import and `flask check`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import select

from mintmark import attributes, payload
from mintmark.examine.findings import Finding
from mintmark.models import Asset, Attribute, Membership, Person, Secret, db
from mintmark.tokens import SECRET_BYTES

SHORT_LIFETIME, LONG_LIFETIME = 30, 86_400
_NOBODY = "nobody but administrators may fetch it"
_NAMED = 3  # other assets, by their paths; the rest are counted.


def warnings_of(
    definition: Mapping[str, Any], secret: Secret, template: payload.Template | None = None
) -> list[Finding]:
    """Return the warnings about a saved, or just flushed, definition and its secret.

    `template` is the compiled one where the caller has it; where it no longer compiles, the others are
    given. At most four queries, whatever the number of people.
    """
    template = template or _compile(definition)
    return [
        *_about_lifetime(definition["lifetime"]),
        *_about_secret(definition, secret),
        *_about_readers(definition),
        *(_about_template(definition, template) if template else ()),
    ]


def _compile(definition: Mapping[str, Any]) -> payload.Template | None:
    params = [param["name"] for param in definition["params"]]
    try:
        return payload.compile(definition["template"], attributes.declared(), params)
    except payload.TemplateError:
        return None


def _about_lifetime(lifetime: int | None) -> Iterator[Finding]:
    if lifetime is None:
        yield Finding("no_lifetime", "has no lifetime: its tokens are good for ever")
    elif lifetime < SHORT_LIFETIME:
        words = f"has a lifetime of {lifetime} seconds: a slow network or a clock that differs can outlast it"
        yield Finding("short_lifetime", words)
    elif lifetime > LONG_LIFETIME:
        yield Finding("long_lifetime", f"has a lifetime of {lifetime:,} seconds, more than a day")


def _about_secret(definition: Mapping[str, Any], secret: Secret) -> Iterator[Finding]:
    if secret.weak:
        algorithm = definition["algorithm"]
        words = f"its secret is marked weak: {algorithm} takes {SECRET_BYTES[algorithm]} bytes (RFC 7518 §3.2)"
        yield Finding("weak_secret", words)
    statement = (
        select(Asset.path)
        .where(Asset.fingerprint == secret.fingerprint, Asset.id != secret.asset_id, Asset.trashed_at.is_(None))
        .order_by(Asset.path)
        .limit(100)
    )
    if paths := list(db.session.scalars(statement)):
        more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
        words = f"has the same secret as {', '.join(paths[:_NAMED])}{more}: a token for one is good for the other"
        yield Finding("shared_secret", words)


def _about_readers(definition: Mapping[str, Any]) -> Iterator[Finding]:
    if definition["readers"] == "everyone":
        return
    group_ids = {*definition["readers"], *definition["editors"]}
    if not group_ids:
        yield Finding("no_readers", "nobody but administrators may fetch it: it has no readers and no editors")
        return
    somebody = (
        select(Person.id)
        .join(Membership, Membership.person_id == Person.id)
        .where(Membership.group_id.in_(group_ids), Person.live)
        .limit(1)
    )
    if db.session.scalar(somebody) is None:
        yield Finding("no_readers", f"{_NOBODY}: no live person is in its groups")


def _about_template(definition: Mapping[str, Any], template: payload.Template) -> Iterator[Finding]:
    free = [param["name"] for param in definition["params"] if "one_of" not in param]
    for name in free:
        if claims := [claim for claim, known in template.claims.items() if f"params.{name}" in known.names]:
            listed = ", ".join(f"“{claim}”" for claim in claims)
            words = f"the parameter {name} takes any value and decides {listed}: list its values in one_of"
            yield Finding("free_parameter", words)
    prefix = "user.attributes."
    used = sorted(name.removeprefix(prefix) for name in template.names if name.startswith(prefix))
    if used:
        sensitive = select(Attribute.name).where(Attribute.sensitive, Attribute.name.in_(used)).order_by(Attribute.name)
        for name in db.session.scalars(sensitive):
            words = f"its template names the sensitive attribute {name}: a payload can be read by anybody"
            yield Finding("sensitive_attribute", words)
