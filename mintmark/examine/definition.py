"""What may be meant but is seldom right: the warnings that follow from a definition, or from one cheap query.

They stay as long as they are true: on the asset's page, the dashboard, in import and `flask check`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import select

from mintmark import attributes, payload
from mintmark.assets.fitting import row_breach
from mintmark.assets.party_fields import contract_of, unheld
from mintmark.assets.signing import Source
from mintmark.errors import FieldError
from mintmark.examine.findings import Finding, about_coming
from mintmark.keys.life import FOR_EVER
from mintmark.keys.running_out import DUE, ENDS, SOON_SECONDS, RunningOut
from mintmark.models import Asset, Attribute, Membership, Person, Revision, Secret, SigningKey, db
from mintmark.tokens import SECRET_BYTES

SHORT_LIFETIME, LONG_LIFETIME = 30, 86_400
_NOBODY = "nobody but administrators may fetch it"
_NAMED = 3  # other assets, by their paths; the rest are counted.


def warnings_of(
    revision: Revision, source: Source, template: payload.Template | None = None, *, now: float
) -> list[Finding]:
    """Return the warnings about a saved, or just flushed, revision and what it signs with.

    `template` is the compiled one where the caller has it; where it no longer compiles, the others are
    given. At most four queries, whatever the number of people.
    """
    definition = revision.definition
    template = template or _compile(definition)
    secret = source.secret_at(now)
    return [
        *_about_lifetime(definition["lifetime"], has_key=revision.ring_id is not None),
        *(_about_secret(definition, secret, source.next_secret or secret) if secret else _about_keys(source, now)),
        *_about_coming(definition, source, now),
        *_about_readers(definition),
        *_about_preset(definition),
        *(_about_template(definition, template) if template else ()),
    ]


def _compile(definition: Mapping[str, Any]) -> payload.Template | None:
    params = [param["name"] for param in definition["params"]]
    try:
        return payload.compile(definition["template"], attributes.declared(), params)
    except payload.TemplateError:
        return None


def _about_lifetime(lifetime: int | None, *, has_key: bool) -> Iterator[Finding]:
    if lifetime is None:
        for_ever = ", and a key that signed them can never leave the key set by itself" if has_key else ""
        yield Finding("no_lifetime", f"has no lifetime: its tokens are good for ever{for_ever}")
    elif lifetime < SHORT_LIFETIME:
        words = f"has a lifetime of {lifetime} seconds: a slow network or a clock that differs can outlast it"
        yield Finding("short_lifetime", words)
    elif lifetime > LONG_LIFETIME:
        yield Finding("long_lifetime", f"has a lifetime of {lifetime:,} seconds, more than a day")


def _about_secret(definition: Mapping[str, Any], secret: Secret, following: Secret) -> Iterator[Finding]:
    if secret.weak:
        algorithm = definition["algorithm"]
        words = f"its secret is marked weak: {algorithm} takes {SECRET_BYTES[algorithm]} bytes (RFC 7518 §3.2)"
        yield Finding("weak_secret", words)
    statement = (
        select(Asset.path, Asset.fingerprint)
        .where(Asset.fingerprint.in_({secret.fingerprint, following.fingerprint}))
        .where(Asset.id != secret.asset_id, Asset.trashed_at.is_(None))
        .order_by(Asset.path)
        .limit(100)
    )
    if paths := {path: each for path, each in db.session.execute(statement)}:
        whose, named = set(paths.values()), list(paths)[:_NAMED]
        more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
        has = "is to have" if secret.fingerprint not in whose else "has" if len(whose) == 1 else "has, or is to have,"
        words = f"{has} the same secret as {', '.join(named)}{more}: a token for one is good for the other"
        yield Finding("shared_secret", words)


def _about_keys(source: Source, now: float) -> Iterator[Finding]:
    """Say where its keys end, before somebody misses a token."""
    spans = [span for span in source.spans() if span.until_at > now]
    if not spans or spans[0].from_at > now:
        yield Finding("no_key", "no key of it signs now, so that it gives no token: make the next one")
        return
    last, running = spans[-1], None
    if not isinstance(key := last.row, SigningKey):
        return
    if last.until_at < FOR_EVER:
        running = RunningOut(ENDS, int(last.until_at), key.key_id, key.id)
    elif key.due_at is not None and key.due_at <= now + SOON_SECONDS:
        running = RunningOut(DUE, key.due_at, key.key_id, key.id)
    if running is not None:
        yield Finding("key_runs_out", f"its signing key {key.key_id} {running.words}")


def _about_coming(definition: Mapping[str, Any], source: Source, now: float) -> Iterator[Finding]:
    """Whoever switches, or plans a key, is told before the moment comes."""
    try:
        contract = contract_of(definition)
    except FieldError:
        return  # Nobody gets a token; that is said of the asset.
    for span in source.spans() if contract is not None else ():
        if span.from_at > now and contract is not None and (words := row_breach(contract, definition, span.row)):
            yield about_coming(span.from_at, words)
            return


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


def _about_preset(definition: Mapping[str, Any]) -> Iterator[Finding]:
    """After an upgrade, or a step back, a preset may be another one, or none."""
    if words := unheld(definition):
        words += ", so that its tokens are held to no contract: choose its preset anew on the Edit page"
        yield Finding("preset_unheld", words)


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
