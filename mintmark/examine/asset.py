"""Examining one asset: on every real reader, and on awkward people."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from mintmark import attributes, groups
from mintmark.assets.prepare import Prepared
from mintmark.contracts import key_breach
from mintmark.examine.awkward import awkward_people
from mintmark.examine.findings import Failure, Finding, Trial, about_asset, about_awkward, about_coming
from mintmark.examine.people import Readers
from mintmark.examine.tally import Tally, Trier
from mintmark.tokens import SECRET_ALGORITHMS


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found about one asset: how many readers were tried, how many would get an error, and in words.

    `is_cut_short`: time ran out before everybody was tried. `trials` are the awkward people.
    """

    readers: int
    failing: int
    is_cut_short: bool
    findings: tuple[Finding, ...]
    trials: tuple[Trial, ...]


class Examiner:
    """Examines assets at one moment; what they have in common is read once."""

    def __init__(self, *, now: float, site_url: str, clock: Callable[[], float] = time.monotonic) -> None:
        """`now` is the moment of the tokens; `clock` only measures time limits."""
        self.now, self._site_url, self._clock = now, site_url, clock
        self._readers = Readers()

    @cached_property
    def attributes(self) -> dict[str, str]:
        """Return name → type of every declared attribute."""
        return attributes.declared()

    @cached_property
    def group_names(self) -> dict[str, str]:
        """Return id → name of every group."""
        return groups.names_by_id()

    def examine(self, asset: Prepared, *, time_limit: float | None = None) -> Examination:
        """Try the asset on awkward people and on all of its readers, for at most `time_limit` seconds.

        Awkward people take at most half of that. Nothing is recorded, and nothing changed.
        """
        if asset.fault is not None:
            return Examination(0, 0, False, (about_asset(asset.fault),), ())
        start = self._clock()
        trier = Trier(asset, attributes=self.attributes, now=self.now, site_url=self._site_url)
        trials = self._try_awkward(trier, self._ends(start, time_limit, 0.5))
        tally = self._try_readers(trier, self._ends(start, time_limit, 1.0))
        coming = _about_coming(asset, self.now)
        findings = (*tally.findings(), *coming, *_about_trials(trials, tally.failures))
        return Examination(tally.seen, tally.failing, tally.is_cut_short, findings, tuple(trials))

    def try_awkward(self, asset: Prepared, *, time_limit: float | None = None) -> tuple[Trial, ...]:
        """Try an asset without a fault on awkward people only, for at most `time_limit` seconds."""
        trier = Trier(asset, attributes=self.attributes, now=self.now, site_url=self._site_url)
        return tuple(self._try_awkward(trier, self._ends(self._clock(), time_limit, 1.0)))

    def _ends(self, start: float, time_limit: float | None, share: float) -> Callable[[], bool]:
        """Return what tells whether time has run out."""
        if time_limit is None:
            return lambda: False
        end = start + time_limit * share
        return lambda: self._clock() >= end

    def _try_awkward(self, trier: Trier, is_over: Callable[[], bool]) -> list[Trial]:
        trials: list[Trial] = []
        for person in awkward_people(trier.asset, self.attributes, self.group_names):
            if is_over():
                break
            tried = trier.long_samples if person.has_long_params else trier.samples
            got, failures = trier.try_on(person.reader, tried, is_over)
            trials.append(Trial(person.words, got[0].claims if got else None, tuple(failures)))
        return trials

    def _try_readers(self, trier: Trier, is_over: Callable[[], bool]) -> Tally:
        tally = Tally(trier.asset.contract)
        for reader in self._readers.of(trier.asset):
            if is_over():
                tally.is_cut_short = True
                break
            tally.add(reader, *trier.try_on(reader, trier.samples, is_over))
            tally.is_cut_short = trier.is_cut_short
        return tally


def _about_coming(asset: Prepared, now: float) -> Iterator[Finding]:
    """How long a staged secret is, is known only where it was opened; `warnings_of` says all else of what comes."""
    if asset.contract is None or asset.signers is None:
        return
    for turn in asset.signers.turns:
        if turn.from_at > now and turn.signer.algorithm in SECRET_ALGORITHMS:
            if words := key_breach(asset.contract, turn.signer.algorithm, turn.signer.key_size):
                yield about_coming(turn.from_at, f"the secret {words}")
                return


def _about_trials(trials: list[Trial], known: Mapping[Failure, object]) -> list[Finding]:
    """Say once for each failure which awkward people have it; what real readers have too was said."""
    who: dict[Failure, list[str]] = {}
    for trial in trials:
        for failure in trial.failures:
            if failure not in known:
                who.setdefault(failure, []).append(trial.words)
    return [about_awkward(failure, words) for failure, words in who.items()]
