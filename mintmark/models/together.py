"""One does for all who wait what each would do alone: rows committed, or looked up, by one statement.

There is no thread for it: to hand work to a thread and be woken by it takes some 23 µs of processor time
(bench/README.md). The first thread to get `_serving` leads: it does its own and all that waits. The others wait for
`_serving` too, and then find their place settled. `with together:` tells that this thread will ask soon; whoever asks
while others are on their way waits for them, up to _A_MOMENT, so that they share a commit.
"""

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Generic, TypeVar

from mintmark.errors import Busy
from mintmark.models import patience
from mintmark.models.write_queue import BUSY_SECONDS

_A_MOMENT = 0.002  # seconds
# While the last attempt failed: how long one tries, and how long the others wait for that. Threads are few, and
# requests wait for a free one too, which patience does not see.
_TRIES_SECONDS, _UNWELL_SECONDS = 0.2, 0.05
_LEAST_SECONDS = 0.15
_Asked = TypeVar("_Asked")
_Given = TypeVar("_Given")


class Place(Generic[_Asked, _Given]):
    """What one of them asked, and what became of it: settled once, by what it is given or by an error."""

    __slots__ = ("_bell", "asked", "error", "given", "is_abandoned", "is_settled")

    def __init__(self, asked: _Asked) -> None:
        self.asked = asked
        self.given: _Given | None = None
        self.error: Exception | None = None
        self.is_settled = self.is_abandoned = False
        self._bell = threading.Lock()  # Held until somebody wakes this place.
        self._bell.acquire()

    def settle(self, given: _Given | None = None, *, error: Exception | None = None) -> None:
        """Say what became of it, unless that was said before."""
        if not self.is_settled:
            self.given, self.error, self.is_settled = given, error, True
            self.wake()

    def wait(self) -> None:
        """Return when it is settled or woken, or a moment later."""
        self._bell.acquire(timeout=_A_MOMENT)

    def wake(self) -> None:
        """Wake the thread of this place; it leads if nobody has settled it."""
        with suppress(RuntimeError):  # Nobody waits any more.
            self._bell.release()


class Together(Generic[_Asked, _Given]):
    """Any number of threads ask; `serve` settles the places that the function it is given takes, as late as it likes.

    What `serve` raises is the error of all places that it left unsettled. `with together:` is on its way to ask.
    """

    def __init__(self, serve: Callable[[Callable[[], list[Place[_Asked, _Given]]]], None]) -> None:
        self._serve = serve
        self._waiting: deque[Place[_Asked, _Given]] = deque()
        self._serving = threading.Lock()
        self._coming: set[int] = set()  # Threads; to add and to take away is atomic.
        self._is_unwell = False  # The last attempt failed, or somebody waited for it in vain.

    def __enter__(self) -> None:
        self._coming.add(threading.get_ident())

    def __exit__(self, *exc: object) -> None:
        """Who did not ask after all lets the others go on."""
        if threading.get_ident() in self._coming:
            self._coming.discard(threading.get_ident())
            with suppress(IndexError):
                if not self._coming:
                    self._waiting[0].wake()

    def ask(self, asked: _Asked) -> _Given | None:
        """Return what became of it. Raises Busy when it has waited as long as it may, or the error of its place."""
        place: Place[_Asked, _Given] = Place(asked)
        self._waiting.append(place)
        self._coming.discard(threading.get_ident())
        if self._coming:
            place.wait()
        if not place.is_settled:
            self._wait_or_lead(place)
        if place.error is not None:
            raise place.error
        return place.given

    def _wait_or_lead(self, place: Place[_Asked, _Given]) -> None:
        """Wait for who works now; do what is there then, unless this was among what was done."""
        began, most = monotonic(), _UNWELL_SECONDS if self._is_unwell else BUSY_SECONDS
        may_lead = self._serving.acquire(timeout=patience.left(most))
        patience.spend(monotonic() - began)
        if not may_lead:
            place.is_abandoned = self._is_unwell = True  # Who leads may have taken it: then it is done all the same.
            raise Busy("Others waited too long for the same.")
        try:
            if not place.is_settled:
                self._see_has_time(place)
                self._serve_all(place)
        finally:
            self._serving.release()

    def _see_has_time(self, place: Place[_Asked, _Given]) -> None:
        """Too little time is left to lead: to run out of it now would fail all whose places are taken along."""
        if patience.left(_LEAST_SECONDS) < _LEAST_SECONDS:
            place.is_abandoned = True
            raise Busy("There is no time left.")

    def _serve_all(self, own: Place[_Asked, _Given]) -> None:
        taken: list[Place[_Asked, _Given]] = []

        def take() -> "list[Place[_Asked, _Given]]":
            with suppress(IndexError):
                while True:
                    taken.append(self._waiting.popleft())
            return [place for place in taken if not place.is_abandoned]

        failure: Exception = Busy("Nobody settled this.")
        try:
            if self._is_unwell:
                with patience.patience(patience.left(_TRIES_SECONDS)):
                    self._serve(take)
            else:
                self._serve(take)
            self._is_unwell = False
        except Exception as error:  # Whoever waits is to be told, whatever it is.
            failure, self._is_unwell = error, True
            take()  # What is broken is not asked again by each of those who came meanwhile.
        for place in [*taken, own]:  # Those that are settled already keep what they got.
            place.settle(error=failure)
