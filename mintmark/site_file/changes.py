"""What an import would do: its lines, and the checked values with which it is done.

Rule: a plan is made by reading only. It holds nothing that did not change, so that an empty
one means that nothing is to be written at all.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from mintmark.assets.secrets import SecretValue
from mintmark.fields import identifier_key
from mintmark.issuers.keys import PublicKey
from mintmark.keypairs import KeyPair
from mintmark.keys.adding import Moments
from mintmark.site_file.problems import label_of


@dataclass(frozen=True)
class Change:
    """One line: `+ people jsmith`, `~ assets sales/chat: lifetime, template`, `- assets old/path`."""

    sign: str
    section: str
    name: str
    fields: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.sign} {label_of(self.section, self.name)}" + (
            f": {', '.join(self.fields)}" if self.fields else ""
        )


@dataclass(frozen=True)
class PersonChange:
    """New values of one person, by id, and ids of groups; `password` where it is to be set."""

    person_id: str
    key: str
    values: dict[str, Any]
    joins: frozenset[str] = frozenset()
    leaves: frozenset[str] = frozenset()
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class IdentityLink:
    """An identity that a person (by key) is to have: who knows them, by kind and name, by which claim, as whom."""

    kind: str
    name: str
    claim: str
    subject: str
    person_key: str = field(compare=False)


@dataclass(frozen=True)
class NewKey:
    """A key that is made, or brought with its `pair`: the first of a new ring, or one that follows the last."""

    key_id: str
    algorithm: str
    ring_id: str
    is_first: bool
    moments: Moments
    pair: KeyPair | None


@dataclass(frozen=True)
class KeyChange:
    """Other moments of a key, by the id of its row: signs_from_at, gone_at, due_at."""

    row_id: str
    key_id: str
    moments: dict[str, int | None]


@dataclass(frozen=True)
class NextChange:
    """What is done with the secret that is to follow: the staged one is taken away, another one is staged,
    and where it `moves` it signs from another moment on (None: it waits)."""

    drops: bool = False
    stages: SecretValue | None = None
    moves: bool = False
    signs_from_at: int | None = None

    def __bool__(self) -> bool:
        return self.drops or self.stages is not None or self.moves


@dataclass(frozen=True)
class AssetChange:
    """A whole new definition; without a secret the present one, or the key, stays; without an id the asset is new."""

    definition: dict[str, Any]
    secret: SecretValue | None
    asset_id: str | None = None
    next: NextChange = NextChange()


@dataclass(frozen=True)
class IssuerChange:
    """What `read_issuer` gave; without a secret or keys those that are there stay; without an id it is new."""

    values: dict[str, Any]
    secret: SecretValue | None
    keys: list[PublicKey] | None
    issuer_id: str | None


@dataclass(frozen=True)
class ProviderChange:
    """What `read_provider` gave; where it `sets_secret`, None is a public client; without an id it is new."""

    values: dict[str, Any]
    secret: str | None = field(repr=False)
    sets_secret: bool
    provider_id: str | None


@dataclass
class Plan:
    """Everything that one import changes, in the order in which it is done."""

    changes: list[Change] = field(default_factory=list)
    attributes: list[dict[str, Any]] = field(default_factory=list)
    new_groups: dict[str, str] = field(default_factory=dict)  # id → name
    respelled_groups: dict[str, str] = field(default_factory=dict)  # id → name
    new_people: list[dict[str, Any]] = field(default_factory=list)
    people: list[PersonChange] = field(default_factory=list)
    people_off: list[str] = field(default_factory=list)  # ids
    key_changes: list[KeyChange] = field(default_factory=list)
    new_keys: list[NewKey] = field(default_factory=list)
    assets: list[AssetChange] = field(default_factory=list)
    assets_off: list[str] = field(default_factory=list)  # ids
    issuers: list[IssuerChange] = field(default_factory=list)
    issuers_off: list[str] = field(default_factory=list)  # ids
    providers: list[ProviderChange] = field(default_factory=list)
    providers_off: list[str] = field(default_factory=list)  # ids
    unlinks: list[tuple[str, str]] = field(default_factory=list)  # ids of an identity and its person
    links: list[IdentityLink] = field(default_factory=list)

    def passwords(self) -> list[tuple[str, str]]:
        """Return the passwords that are to be set, as (key of the person, password)."""
        new = [(identifier_key(one["username"]), one["password"]) for one in self.new_people if "password" in one]
        return new + [(one.key, one.password) for one in self.people if one.password is not None]

    def counts(self) -> dict[str, dict[str, int]]:
        """Return how many entries were made, changed and taken away, by section."""
        found: dict[str, Counter[str]] = {}
        for change in self.changes:
            found.setdefault(change.section, Counter())[_WORDS[change.sign]] += 1
        return {section: dict(counter) for section, counter in found.items()}


_WORDS = {"+": "made", "~": "changed", "-": "taken_away"}
