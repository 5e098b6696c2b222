"""The next keys of a ring: one that is published now, or a plan of several. Mounted by mintmark/web/admin/key.py."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue

from mintmark import keypairs
from mintmark.errors import FieldError, InvalidFields
from mintmark.fields import read_choice, read_text, read_whole
from mintmark.keys import adding, making, rings
from mintmark.models import SigningKey, writing
from mintmark.moment import iso
from mintmark.web import freshness, get_mint
from mintmark.web.admin import key_entered
from mintmark.web.admin.entered_text import read_number
from mintmark.web.admin.key_seen import SEEN_LABEL, lock_as_seen
from mintmark.web.admin.key_shown import facts_of
from mintmark.web.admin.moment_entered import moment_typed, read_moment_entered
from mintmark.web.csrf import check_csrf
from mintmark.web.forms import Form, Problems, shown, typed
from mintmark.web.occasion import occasion
from mintmark.web.rights import see_right

PLAN_LABELS = {
    "every_days": "Days between two keys",
    "amount": "How many keys",
    "plan_bits": "Size of an RSA key",
    "naming": "Key ids",
    "prefix": "Key ids begin with",
}
_PLAN_PROBLEMS = {**PLAN_LABELS, **SEEN_LABEL}
_MAX_AMOUNT, _MAX_EVERY, _MAX_PREFIX = 12, 366, 100
_MOST_RSA = {4096: 4, 3072: 8, 2048: 12}  # at once: some seconds of work
_LABELS = {**key_entered.LABELS, "signs_from_at": "Signs from", **SEEN_LABEL}


def follow_form(signing_key_id: str) -> ResponseReturnValue:
    """Show the forms for the next key, and for a plan of several."""
    return _page(rings.get_key(signing_key_id))


def follow(signing_key_id: str) -> ResponseReturnValue:
    """Let a key follow the last one of the ring."""
    check_csrf()
    key = rings.get_key(signing_key_id)
    values, problems = key_entered.typed_key_values("signs_from_at"), Problems()
    freshness.confirm(problems)
    signs_from_at = None
    with problems.of():
        if values["signs_from_at"].strip():
            signs_from_at = read_moment_entered(values["signs_from_at"], "signs_from_at")
    try:
        made_id = _follow(key, key_entered.read_key_entered(values, problems, key.algorithm), signs_from_at)
    except (InvalidFields, FieldError) as error:
        form = Form.refused(key_entered.to_show(values), error)
        return _page(rings.get_key(signing_key_id), 422, follow=form)
    flash("The next key is there, and published. It signs from the moment that stands below.")
    return redirect(url_for("key.key", signing_key_id=made_id), 303)


def _follow(key: SigningKey, entered: key_entered.Entered, signs_from_at: int | None) -> str:
    """Keep the key; return the id of its row. Raises FieldError."""
    by = occasion()
    with writing():
        see_right()
        lock_as_seen(key)
        begins = making.earliest_next(key.ring_id, by.now) if signs_from_at is None else signs_from_at
        due_at = None if entered.due_days is None else begins + entered.due_days * key_entered.DAY
        made = making.follow(
            key.ring_id,
            entered.pair,
            entered.key_id,
            sealer=get_mint().settings.sealer,
            by=by,
            is_brought=entered.is_brought,
            moments=adding.Moments(signs_from_at=begins, due_at=due_at),
        )
        return made.id


def plan(signing_key_id: str) -> ResponseReturnValue:
    """Let several keys follow, one every so many days; each is published a week before it signs, or half that time."""
    check_csrf()
    key = rings.get_key(signing_key_id)
    values, problems = typed(*PLAN_LABELS), Problems()
    freshness.confirm(problems)
    try:
        every, amount, bits, prefix = _read_plan(values, problems, key.algorithm)
        problems.see()
        with writing(), _placed(prefix):  # Before any is made, which takes its time.
            lock_as_seen(key)
            making.turns(key.ring_id, every * key_entered.DAY, amount, get_mint().clock())
        pairs = [keypairs.generate(key.algorithm, bits=bits) for _ in range(amount)]
        made = _plan(key, pairs, every, prefix)
    except (InvalidFields, FieldError) as error:
        return _page(rings.get_key(signing_key_id), 422, plan=Form.refused(values, error))
    words = "1 key is" if amount == 1 else f"{amount} keys are"
    flash(f"{words} planned. The last one signs from {iso(made[-1].signs_from_at)[:10]}.")
    return redirect(url_for("key.key", signing_key_id=made[0].id), 303)


def _read_plan(values: Mapping[str, Any], problems: Problems, algorithm: str) -> tuple[int, int, int, str | None]:
    """Return the days between two keys, how many, their size and the beginning of their ids (None: thumbprints)."""
    every, amount, bits, prefix = 1, 1, keypairs.USUAL_RSA_BITS, None
    with problems.of():
        every = read_whole(read_number(values["every_days"]), "every_days", 1, _MAX_EVERY)
    with problems.of():
        amount = read_whole(read_number(values["amount"]), "amount", 1, _MAX_AMOUNT)
    with problems.of():
        if keypairs.is_rsa(algorithm):
            bits = int(read_choice(values["plan_bits"], "plan_bits", tuple(map(str, keypairs.RSA_BITS))))
            if amount > _MOST_RSA[bits]:
                words = f"is more than {_MOST_RSA[bits]}, the most that are made at once of {bits} bits"
                raise FieldError(words, "amount")
    with problems.of():
        if read_choice(values["naming"], "naming", ("thumbprint", "dated")) == "dated":
            prefix = read_text(values["prefix"].strip(), "prefix", longest=_MAX_PREFIX, may_be_empty=True)
            with problems.of("prefix"):
                adding.read_key_id(f"{prefix}2027-01-31")
    return every, amount, bits, prefix


def _plan(key: SigningKey, pairs: list[keypairs.KeyPair], every_days: int, prefix: str | None) -> list[SigningKey]:
    by, every = occasion(), every_days * key_entered.DAY
    with _placed(prefix), writing():
        see_right()
        lock_as_seen(key)
        moments = making.turns(key.ring_id, every, len(pairs), by.now)
        ids = [None if prefix is None else f"{prefix}{iso(moment)[:10]}" for moment in moments]
        named = list(zip(pairs, ids, strict=True))
        return making.plan(key.ring_id, named, every=every, sealer=get_mint().settings.sealer, by=by)


@contextmanager
def _placed(prefix: str | None) -> Iterator[None]:
    """Let what is refused be said of the field of the form that has the fault."""
    try:
        yield
    except FieldError as error:
        place = {"key_id": "prefix" if prefix is not None else "amount", "signs_from_at": "every_days"}
        raise FieldError(str(error), place.get(error.field, error.field)) from error


def _page(
    key: SigningKey, status: int = 200, *, follow: Form | None = None, plan: Form | None = None
) -> ResponseReturnValue:
    earliest = making.earliest_next(key.ring_id, get_mint().clock())
    bits = key_entered.size_of(key)
    first = {**key_entered.new_key_values(key.algorithm, bits), "signs_from_at": ""}
    planned = {"every_days": "90", "amount": "4", "plan_bits": str(bits), "naming": "thumbprint", "prefix": ""}
    return shown(
        "admin/key_next.html",
        follow or Form(first),
        status,
        plan=plan or Form(planned),
        labels=_LABELS,
        plan_labels=_PLAN_PROBLEMS,
        earliest=earliest,
        earliest_text=moment_typed(earliest),
        is_rsa=keypairs.is_rsa(key.algorithm),
        **facts_of(key),
    )
