"""Prepared assets: all that can be known per (asset, revision), made once and kept in bounds.

Compiled template, opened keys and encoded headers are kept in the memory of the process for
the assets used last. A revision is immutable, so nothing here can be stale: a save makes
another revision, which is another entry, and so does a change of its signing keys.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session as OrmSession

from mintmark import payload
from mintmark.assets.party_fields import contract_of
from mintmark.assets.signing import Signers, Source, sources_of
from mintmark.contracts import Contract
from mintmark.errors import Busy, CannotIssue, FieldError, KeyUnusable, SealError
from mintmark.log import to_json
from mintmark.models import Attribute, Revision
from mintmark.sealing import Sealer

MAX_KEPT = 500
_FAULT_SECONDS = 5.0  # Nobody makes the site prepare a faulty asset at every request.


@dataclass(frozen=True, slots=True)
class Prepared:
    """One revision of an asset, ready to issue; or with the `fault` that keeps it from that."""

    id: str
    revision: int
    path: str
    name: str
    definition: dict[str, Any]
    for_everyone: bool
    readers: frozenset[str]
    editors: frozenset[str]
    origins: frozenset[str]
    methods: frozenset[str]
    template: payload.Template | None
    signers: Signers | None
    contract: Contract | None
    log_detail: str
    fault: CannotIssue | None


class PreparedAssets:
    """The assets used last, by (asset, revision, revision of the declared attributes, revision of its keys)."""

    def __init__(self, load: Callable[[str, int], Prepared]) -> None:
        self._load = load
        self._kept: OrderedDict[tuple[str, int, int, int], tuple[Prepared, float]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, asset_id: str, revision: int, attributes_revision: int, keys_revision: int) -> Prepared:
        """Return the prepared asset, from memory where it is there. One with a fault is tried anew after a moment."""
        key = (asset_id, revision, attributes_revision, keys_revision)
        with self._lock:
            prepared, until = self._kept.get(key, (None, 0.0))
            if prepared is not None and until > time.monotonic():
                self._kept.move_to_end(key)
                return prepared
        prepared = self._load(asset_id, revision)
        with self._lock:
            self._kept[key] = prepared, float("inf") if prepared.fault is None else time.monotonic() + _FAULT_SECONDS
            while len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
        return prepared


def load_prepared(engine: Engine, sealer: Sealer, asset_id: str, revision: int) -> Prepared:
    """Read one revision from the database and prepare it. Raises Busy."""
    try:
        with OrmSession(engine) as session:
            row = session.get_one(Revision, (asset_id, revision))
            (source,) = sources_of(session, [row])
            attributes = {name: kind for name, kind in session.execute(select(Attribute.name, Attribute.type))}
            return prepare(row, source, attributes, sealer=sealer)
    except DBAPIError as error:
        raise Busy("The database does not answer.") from error


def prepare(revision: Revision, source: Source, attributes: dict[str, str], *, sealer: Sealer) -> Prepared:
    """Compile and open; what fails becomes the asset's fault, to be diagnosed when somebody asks for a token."""
    template, signers, contract, fault = None, None, None, None
    definition = revision.definition
    try:
        template = payload.compile(
            definition["template"], attributes, [param["name"] for param in definition["params"]]
        )
        signers = source.signers(definition, sealer=sealer)
        contract = contract_of(definition)
    except payload.TemplateError as error:
        fault = template_fault(error, "template_refused")
    except (SealError, KeyUnusable) as error:
        hint = "See that MINTMARK_SEALING_KEY is the one the secret was sealed with, or enter the secret anew."
        fault = CannotIssue("key_unusable", str(error), hint=hint)
    except FieldError as error:
        fault = CannotIssue("contract_unreadable", f"The contract cannot be read: it {error}.")
    readers = definition["readers"]
    return Prepared(
        id=revision.asset_id,
        revision=revision.number,
        path=definition["path"],
        name=definition["name"],
        definition=definition,
        for_everyone=readers == "everyone",
        readers=frozenset(() if readers == "everyone" else readers),
        editors=frozenset(definition["editors"]),
        origins=frozenset(definition["origins"]),
        methods=frozenset(definition["answer"]["methods"]),
        template=template,
        signers=signers,
        contract=contract,
        log_detail=to_json({"path": definition["path"]}),
        fault=fault,
    )


def template_fault(error: payload.TemplateError, code: str) -> CannotIssue:
    """Return the diagnosis of a template that fails: where, which name, and what to do; never a value."""
    place = {"line": error.line, "column": error.column, "name": error.name}
    return CannotIssue(code, error.reason, **place, hint=error.hint or None)
