"""The page of what an asset signs with: the present secret or key, what follows, and the moments of both."""

from typing import Any

from flask.typing import ResponseReturnValue

from mintmark.assets import former_secret, overlap, save
from mintmark.assets.credentials import Credentials
from mintmark.assets.signing import Source, sources_of
from mintmark.errors import FieldError
from mintmark.keys.life import FOR_EVER
from mintmark.models import Asset, Secret, db
from mintmark.tokens import SECRET_ALGORITHMS
from mintmark.web import get_mint
from mintmark.web.admin import key_chosen, secret_entered
from mintmark.web.admin.moment_entered import moment_typed
from mintmark.web.forms import Form, shown

_LABELS = {**secret_entered.LABELS, **key_chosen.LABELS, "kid": "Key id of the secret", "switch_at": "Moment"}
# The forms of the page, by the names that views give them; the last two hold fields.
_FORMS = ("switch_now", "wait", "step_back", "drop", "switch", "secret", "key")


def source_of(asset: Asset) -> Source:
    """Return the rows behind what an asset signs with."""
    return sources_of(db.session(), [save.current_revision(asset)])[0]


def see_as_shown(asset: Asset, seen: str) -> None:
    """Raises FieldError where a locked asset signs with something else than the page `seen` showed."""
    if seen != _mark(asset):
        words = "was changed meanwhile, by somebody else or by its moment: see what stands here now, and do it again"
        raise FieldError(words, "what_signs")


def _mark(asset: Asset) -> str:
    """Return what changes whenever an asset signs with something else: ids and moments, nothing secret."""
    credentials = Credentials.of(save.current_revision(asset))
    has_switched = credentials.has_switched(get_mint().clock())
    return "/".join(str(value or "") for value in (*credentials.columns().values(), has_switched))


def page(asset: Asset, *, status: int = 200, **refused: Form) -> ResponseReturnValue:
    """Return the page; a form that was refused stands there as it was typed."""
    now = get_mint().clock()
    revision, source = save.current_revision(asset), source_of(asset)
    forms = {name: Form({}) for name in _FORMS}
    forms["secret"] = Form(secret_entered.new_secret_values() | {"algorithm": SECRET_ALGORITHMS[0], "kid": ""})
    forms["switch"] = Form({"switch_at": moment_typed(source.next_from_at)})
    forms["key"] = Form(key_chosen.new_key_values())
    present = source.secret_at(now)
    more: dict[str, Any] = _of_secrets(asset, source, present, now) if present else _of_keys(source, now)
    more |= {"asset": asset, "definition": revision.definition, "seen": _mark(asset), "now": int(now)}
    more |= {"algorithm": revision.definition["algorithm"], "labels": _LABELS, "forms": {**forms, **refused}}
    more |= {"refused": next(iter(refused), None), "key_choices": key_chosen.choices(now, but=asset.ring_id)}
    more |= {"key_algorithms": key_chosen.ALGORITHMS, "key_sizes": key_chosen.SIZES}
    more |= {"secret_algorithms": [(name, name) for name in SECRET_ALGORITHMS]}
    return shown("admin/asset_secret.html", (forms | refused)["secret"], status, **more)


def _of_secrets(asset: Asset, source: Source, present: Secret, now: float) -> dict[str, Any]:
    """Return what the page says of secrets: the present, the staged and the former one, and their moments."""
    may_step_back = overlap.may_step_back(Credentials.of(save.current_revision(asset)), now)
    staged = None if present is source.next_secret else source.next_secret
    since, staged_since = overlap.since(asset, present.id, now), staged and overlap.since(asset, staged.id, now)
    switches_at = source.next_from_at if staged else None
    back_until = source.next_from_at + overlap.STEP_BACK_SECONDS if may_step_back and source.next_from_at else None
    moments = [
        (since, f"The present secret, `{present.fingerprint}`, began to sign"),
        (staged_since, f"The next one, `{staged.fingerprint}`, was staged" if staged else ""),
        (switches_at, f"The next one, `{staged.fingerprint}`, signs" if staged else ""),
        (back_until, "Stepping back is possible until then"),
    ]
    found = {"present": present, "since": since, "staged": staged, "staged_since": staged_since}
    former = source.secret if may_step_back else None
    found |= {"switches_at": switches_at, "former": former, "back_until": back_until}
    if former and source.next_from_at:
        found["former_needed_until"] = former_secret.needed_until(asset.id, former.id, source.next_from_at)
    return {**found, "moments": _in_order(moments, now)}


def _of_keys(source: Source, now: float) -> dict[str, Any]:
    """Return what the page says of keys: who signs, who does so afterwards, and the moments."""
    spans = [(span.row, int(span.from_at), span.until_at) for span in source.spans() if span.until_at > now]
    signing = [row for row, from_at, _ in spans if from_at <= now]
    moments: list[tuple[int | None, str]] = [
        (at, f"`{row.key_id}` {'signs' if at > now else 'began to sign'}") for row, at, _ in spans
    ]
    if spans and spans[-1][2] < FOR_EVER:
        moments.append((int(spans[-1][2]), "No key signs any more: the next one is missing"))
    return {
        "signing": signing[0] if signing else None,
        "last": source.keys[-1] if source.keys else None,
        "following": [(row, from_at) for row, from_at, _ in spans if from_at > now],
        "former_until": source.former_until_at if (source.former_until_at or 0) > now else None,
        "moments": _in_order(moments, now),
    }


def _in_order(moments: list[tuple[int | None, str]], now: float) -> list[tuple[int, str, str]]:
    """Return moments with their words and whether they are past, now or to come; this one is among them."""
    known = [(at, words, "past" if at <= now else "coming") for at, words in moments if at is not None]
    return sorted([*known, (int(now), "Now", "now")], key=lambda each: (each[0], each[2] == "now", each[2] == "coming"))
