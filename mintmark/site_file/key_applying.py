"""Doing what a plan says about signing keys, by the same acts as forms and commands.

Rule: what an act refuses, although the plan was without problems, is said with its entry and field.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from mintmark.errors import FieldError, InvalidFields
from mintmark.keys import changing, making
from mintmark.keys.rings import find_key, get_key
from mintmark.log import Occasion
from mintmark.models import db
from mintmark.sealing import Sealer
from mintmark.site_file.changes import NewKey, Plan
from mintmark.site_file.new_pairs import STAND_IN, NewPairs, stand_in
from mintmark.site_file.problems import label_of


def save_keys(plan: Plan, pairs: NewPairs | None, *, sealer: Sealer, by: Occasion) -> None:
    """Move, make and bring keys. Without pairs (a dry run) none is made, and another one stands for it."""
    for change in plan.key_changes:
        if (signs_from_at := change.moments.get("signs_from_at")) is not None:
            with _naming(change.key_id):
                changing.move(get_key(change.row_id), signs_from_at, by=by)
    for key in plan.new_keys:
        _save_new(key, pairs, sealer=sealer, by=by)
    for change in plan.key_changes:
        others = {name: moment for name, moment in change.moments.items() if name != "signs_from_at"}
        if others:
            changing.reset(get_key(change.row_id), others, by=by)
    db.session.flush()


def _save_new(key: NewKey, pairs: NewPairs | None, *, sealer: Sealer, by: Occasion) -> None:
    pair = stand_in(key) if pairs is None else pairs.of(key)
    is_brought = key.pair is not None
    with _naming(key.key_id):
        if key.is_first:
            row = making.make(pair, key.key_id, sealer=sealer, by=by, is_brought=is_brought, ring_id=key.ring_id,
                              moments=key.moments)  # fmt: skip
        else:
            row = making.adopt(key.ring_id, pair, key.key_id, sealer=sealer, by=by, is_brought=is_brought,
                               moments=key.moments)  # fmt: skip
    if pairs is None and not is_brought:
        row.algorithm = STAND_IN
        db.session.flush()


def settle_keys(plan: Plan, *, by: Occasion) -> None:
    """When the assets of the file are saved, say of each new key when it goes."""
    for key in plan.new_keys:
        row = find_key(key.key_id)
        if row is not None:
            changing.settle(row, key.moments.gone_at, by=by)


@contextmanager
def _naming(key_id: str) -> Iterator[None]:
    try:
        yield
    except FieldError as error:
        label = label_of("signing_keys", key_id)
        raise InvalidFields([(f"{label}: {error.field or 'entry'}", str(error))]) from error
