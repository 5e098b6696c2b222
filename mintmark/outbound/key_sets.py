"""Key sets of others (RFC 7517 §5): the keys of one that verify with one algorithm, each by its id.

Rule: an entry that is not wholly in order is no key, and the others of its set are not touched by that. Nothing of an
entry is ever repeated but the place at which it stands: it may hold what is secret.
"""

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mintmark import keypairs
from mintmark.errors import FieldError, KeyUnusable
from mintmark.outbound import fetching, kept
from mintmark.outbound.fetching import NotFetched
from mintmark.outbound.kept import Kept
from mintmark.public_keys import MAX_KEY_ID
from mintmark.tokens import Verifier

MAX_AGE = 300  # What our own key sets ask for as well.
MOST_KEYS = 100
_MOST_PARSED = 50
Keys = Mapping[str | None, tuple[Verifier, str]]
_parsed: dict[tuple[str, str], tuple[dict[str, Any], Keys, tuple[str, ...]]] = {}
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class KeySet:
    """A key set as it is known here: key id → (verifier, thumbprint), and what is to be said of it on a page.

    The key id None is that of the only key of a set, where it has none. `problems` are those of single entries,
    `problem` is why the set was not read when that was `tried_at` last. Not `is_known`: it was never read, or too
    long ago.
    """

    is_known: bool = False
    keys: Keys = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    fetched_at: int | None = None
    tried_at: int | None = None
    problem: str | None = None


def keys_at(
    url: str,
    algorithm: str,
    *,
    now: float,
    fetch_also: frozenset[str],
    wanted_kid: str | None = None,
    may_fetch: bool = True,
) -> Keys:
    """Return the keys at an address, as `key_set_at` reads them. Raises NotFetched where none are known at all."""
    return known(key_set_at(url, algorithm, now=now, fetch_also=fetch_also, wanted_kid=wanted_kid, may_fetch=may_fetch))


def known(found: KeySet) -> Keys:
    """Return the keys of a key set that was read at least once. Raises NotFetched."""
    if not found.is_known:
        raise NotFetched(found.problem or "Its key set was not read yet; another process may be reading it.")
    return found.keys


def key_set_at(
    url: str,
    algorithm: str,
    *,
    now: float,
    fetch_also: frozenset[str],
    wanted_kid: str | None = None,
    may_fetch: bool = True,
    seconds: float = fetching.SECONDS,
) -> KeySet:
    """Return the key set at an address; with `may_fetch` read anew where it is old, or has no key of `wanted_kid`.

    The latter at most once a minute over all nodes, whatever ids a stranger makes up.
    """
    if not may_fetch:
        return _read(url, algorithm, kept.look(url, now=now))

    def get(refetch: bool) -> Kept:
        return kept.get(
            url, now=now, max_age=MAX_AGE, fetch_also=fetch_also, refetch=refetch, see=entries_of, seconds=seconds
        )

    found = _read(url, algorithm, get(False))
    if wanted_kid is not None and wanted_kid not in found.keys:
        found = _read(url, algorithm, get(True))
    return found


def entries_of(document: dict[str, Any]) -> list[Any]:
    """Return the entries of a key set; one without any is a key set too. Raises NotFetched."""
    entries = document.get("keys")
    if not isinstance(entries, list):
        raise NotFetched("Its answer is no key set: it has no list “keys”.")
    if len(entries) > MOST_KEYS:
        raise NotFetched(f"Its key set has more than {MOST_KEYS} keys.")
    return entries


def read_key_set(document: dict[str, Any], algorithm: str) -> tuple[Keys, tuple[str, ...]]:
    """Return the keys of a key set that verify with an algorithm, and what is wrong with the others."""
    entries = entries_of(document)
    amounts = Counter(kid for entry in entries if (kid := _kid_of(entry)) is not None)
    keys: dict[str | None, tuple[Verifier, str]] = {}
    nameless, problems = [], []
    for number, entry in enumerate(entries, 1):
        try:
            kid, key = _read_entry(entry, algorithm)
            if kid is not None and amounts[kid] > 1:
                raise FieldError("has a key id (“kid”) that another key of the set has too")
        except (FieldError, KeyUnusable) as error:
            problems.append(f"Key {number} of the set is not used: it {error}.")
            continue
        if kid is None:
            nameless.append((number, key))
        else:
            keys[kid] = key
    if len(nameless) == 1 and not keys:
        keys[None] = nameless[0][1]
    else:
        words = "it has no key id (“kid”), and is not the only key"
        problems += [f"Key {number} of the set is not used: {words}." for number, _ in nameless]
    return keys, tuple(problems)


def _kid_of(entry: Any) -> str | None:
    kid = entry.get("kid") if isinstance(entry, dict) else None
    return kid if isinstance(kid, str) else None


def _read_entry(entry: Any, algorithm: str) -> tuple[str | None, tuple[Verifier, str]]:
    """Return key id and key of an entry. Raises FieldError, KeyUnusable."""
    members = keypairs.public_members_of_jwk(entry, algorithm)
    kid = _kid_of(entry)
    if (kid is None) != ("kid" not in entry) or (kid is not None and len(kid) > MAX_KEY_ID):
        raise FieldError(f"has a key id (“kid”) that is no text of at most {MAX_KEY_ID} characters")
    return kid, (Verifier(algorithm, keypairs.public_key_of(members)), keypairs.thumbprint(members))


def _read(url: str, algorithm: str, found: Kept) -> KeySet:
    """Read a key set, or take what was read of the very same before: parsing costs more than comparing."""
    if found.body is None:
        return KeySet(fetched_at=found.fetched_at, tried_at=found.tried_at, problem=found.problem)
    with _lock:
        body, keys, problems = _parsed.get((url, algorithm), (None, {}, ()))
    if body != found.body:
        keys, problems = _checked(found.body, algorithm)
        with _lock:
            if len(_parsed) >= _MOST_PARSED:
                _parsed.clear()
            _parsed[url, algorithm] = (found.body, keys, problems)
    return KeySet(True, keys, problems, found.fetched_at, found.tried_at, found.problem)


def _checked(body: dict[str, Any], algorithm: str) -> tuple[Keys, tuple[str, ...]]:
    try:
        return read_key_set(body, algorithm)
    except NotFetched as error:  # It was kept as another kind of document.
        return {}, (str(error),)
