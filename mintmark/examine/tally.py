"""Counting: what each reader would get, kept as numbers, so that memory does not grow with people."""

import json
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mintmark.assets.prepare import Prepared
from mintmark.contracts import Contract
from mintmark.drafts import Draft, make_sample
from mintmark.errors import CannotIssue
from mintmark.examine.awkward import Sample, samples, with_value
from mintmark.examine.findings import BROKEN, Failure, Finding, about_readers
from mintmark.payload import MAX_TOKEN_CHARACTERS
from mintmark.readers import Reader

NEAR_LIMIT = 7_000  # of MAX_TOKEN_CHARACTERS
_NAMED = 3  # people of one finding whose ids are kept.


class Trier:
    """Drafts tokens of one asset as `Mint.issue` does, at one moment."""

    def __init__(self, asset: Prepared, *, attributes: Mapping[str, str], now: float, site_url: str) -> None:
        self.asset, self._attributes, self._now, self._site_url = asset, attributes, now, site_url
        self.samples, self.long_samples = samples(asset), samples(asset, are_long=True)
        self.is_cut_short = False

    def try_on(
        self, reader: Reader, tried: Iterable[Sample], is_over: Callable[[], bool]
    ) -> tuple[list[Draft], list[Failure]]:
        """Return what somebody would get with each sample of parameters, and each failure once.

        What fails in any case is not told again for parameters that were left out. There may be hundreds of
        samples: once time is over no more are tried than the first, and `is_cut_short` says so.
        """
        got: list[Draft] = []
        failures: dict[Failure, Failure] = {}
        for number, sample in enumerate(tried):
            self.is_cut_short = number > 0 and is_over()
            if self.is_cut_short:
                break
            try:
                got.append(self._make(reader, sample))
            except CannotIssue as error:
                for each in self._and_more(reader, sample, error):
                    if not sample.explains(each):
                        failures.setdefault(Failure.of(each), Failure.of(each, sample.without))
        return got, list(failures.values())

    def _and_more(self, reader: Reader, sample: Sample, error: CannotIssue) -> Iterator[CannotIssue]:
        """Yield the error and, as long as it is something that the person lacks, those that come behind it.

        Rendering stops at the first that is missing; whoever lacks two things is to be counted for both.
        """
        given: set[str] = set()
        while True:
            yield error
            name = str(error.detail.get("name"))
            reader_or_none = (
                None if name in given or error.code == BROKEN else with_value(reader, name, self._attributes)
            )
            if reader_or_none is None:
                return
            given.add(name)
            reader = reader_or_none
            try:
                self._make(reader, sample)
                return
            except CannotIssue as another:
                error = another

    def _make(self, reader: Reader, sample: Sample) -> Draft:
        return make_sample(self.asset, reader, sample.params, self._now, self._site_url)


@dataclass
class _Concerned:
    """How many people one finding concerns, and the first of them."""

    amount: int = 0
    people: list[str] = field(default_factory=list)

    def add(self, person_id: str) -> None:
        self.amount += 1
        if len(self.people) < _NAMED:
            self.people.append(person_id)


class Tally:
    """What was counted about the readers of one asset."""

    def __init__(self, contract: Contract | None = None) -> None:
        """The `contract` says by which claim the relying party knows people."""
        self.seen = 0
        self.failing = 0
        self.is_cut_short = False
        self.failures: dict[Failure, _Concerned] = {}
        self._near, self._longest = _Concerned(), 0
        self._identity = "sub" if contract is None else contract.identity
        rule = {} if contract is None else contract.claims.get(self._identity, {})
        self._subjects = _Subjects(is_folded=rule.get("format") == "email")

    def add(self, reader: Reader, got: list[Draft], failures: Iterable[Failure]) -> None:
        """Count one reader, once for each failure, however many parameters lead to it."""
        self.seen += 1
        self.failing += any(not failure.without for failure in failures)
        for failure in failures:
            self.failures.setdefault(failure, _Concerned()).add(reader.id)
        longest = max((each.characters for each in got), default=0)
        if longest > NEAR_LIMIT:
            self._near.add(reader.id)
            self._longest = max(self._longest, longest)
        subject = got[0].claims.get(self._identity) if got else None
        if subject is not None:
            self._subjects.add(subject)

    def findings(self) -> Iterator[Finding]:
        """Say what was counted, errors first."""
        told = [
            about_readers(failure, found.amount, self._share(found.amount), tuple(found.people))
            for failure, found in self.failures.items()
        ]
        yield from sorted(told, key=lambda finding: not finding.is_error)
        if shared := self._subjects.shared():
            words = f"{self._share(shared)} share their `{self._identity}`: the relying party takes them for one person"
            yield Finding("shared_sub", words)
        if self._near.amount:
            get = "gets" if self._near.amount == 1 else "get"
            words = (
                f"{self._share(self._near.amount)} {get} a token of more than {NEAR_LIMIT:,} characters"
                f" (up to {self._longest:,}); at most {MAX_TOKEN_CHARACTERS:,} are possible"
            )
            yield Finding("token_near_limit", words, people=tuple(self._near.people))

    def _share(self, amount: int) -> str:
        readers = "reader" if self.seen == 1 else "readers"
        if self.is_cut_short:
            return f"at least {amount:,} of the first {self.seen:,} {readers}"
        return f"{amount:,} of {self.seen:,} {readers}"


class _Subjects:
    """Which `sub` came more than once: eight bytes for each person, in buckets looked at one by one.

    `is_folded`: parties take e-mail addresses for the same that differ in case only.
    """

    def __init__(self, *, is_folded: bool = False) -> None:
        self._buckets = [array("q") for _ in range(256)]
        self._is_folded = is_folded

    def add(self, subject: Any) -> None:
        text = subject if isinstance(subject, str) else json.dumps(subject, sort_keys=True)
        mark = hash(text.casefold() if self._is_folded else text)
        self._buckets[mark & 255].append(mark)

    def shared(self) -> int:
        """Return how many people have a subject that somebody else has too."""
        return sum(amount for bucket in self._buckets for amount in Counter(bucket).values() if amount > 1)
