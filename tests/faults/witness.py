"""Whoever watches a fault and holds the site to its promises, against the database and what the clients got.

`look()` may be called at any moment; `Witness` as a `with` block does so every second. `judge()` is called when the
load is over and the database can be read:

- every token that a client received has exactly one committed row, of its person, in the order of that person's tokens;
- every write that was acknowledged is there, and what was not acknowledged is wholly there or not at all;
- one sign-in token signs in at most once;
- every token verifies with the key published for it, and lives as long as its asset says;
- what failed was an empty answer, mostly at once: never a token, never a wait without end;
- each kind of client was let do its work at least once: a site that refuses everything keeps every promise above;
- nothing secret stands in a file of the instance folder, or in what the service printed.
"""

import base64
import json
import statistics
import threading
import time
from collections import Counter, defaultdict

import jwt

from tests.conftest import PASSWORD, SECRET
from tests.faults.load import BROKEN, HANG, REFUSED
from tests.faults.service import ISSUER_SECRET, LIFETIME

SLACK = 4.0  # Tests share their machine with others, and a client its processor: so much longer may everything take.
# Seconds: what failures take in the middle, and the slowest of them, which hangs if it takes longer.
FAILS_MOSTLY_WITHIN, FAILS_WITHIN = 2.0, 2.0 * SLACK
RECOVERS_WITHIN = 10.0 * SLACK
LOOKS_EVERY = 1.0
USED = {"fetch": 200, "write": 303, "arrive": 200}  # What clients are told when they got what they asked for.
_ROWS = "SELECT jti, id, person FROM log WHERE event = 'token.issued'"


class Witness:
    """Watches a site and the load on it. `site`, `load` as in tests/faults/service.py and load.py."""

    def __init__(self, site, load):
        self.site, self.load = site, load
        self.seen, self.looks, self.violation = set(), 0, None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exc):
        self._stopped.set()
        self._thread.join()
        if exc[0] is None and self.violation:
            raise self.violation

    def _watch(self):
        while not self._stopped.wait(LOOKS_EVERY):
            try:
                self.look()
            except AssertionError as error:
                self.violation = error
                return
            except Exception:  # noqa: S112 — the database cannot be read: that is what the fault is
                continue

    def look(self):
        """Read the answers, then the rows: each token received until now has its row, and no row has vanished."""
        received = [jti for jti, _ in jtis_of(self.load.tokens())]
        rows = Counter(jti for jti, *_ in self.site.rows(_ROWS))
        wrong = {jti: rows[jti] for jti in received if rows[jti] != 1}
        assert wrong == {}, f"tokens without exactly one row: {wrong}"
        assert self.seen <= rows.keys(), f"rows that vanished: {self.seen - rows.keys()}"
        self.seen, self.looks = set(rows), self.looks + 1

    def judge(self, *, statuses=(200, 503), waits=0.0, may_break=True, key_set=None):
        """Hold everything to what the module says; return the slowest failure of a token, in seconds.

        `statuses`: the answers that tokens may have. `waits`: so many seconds the fault itself keeps an answer. `may_break`: connections may end without an answer, as they
        do where a process is killed. `key_set`: that of `/key`; without it, it is asked for.
        """
        self._see_use()
        self.look()
        self._see_order()
        self._see_tokens(key_set)
        self._see_writes()
        self._see_arrivals()
        self._see_no_secret()
        self.site.see_whole()
        return self._see_failures(statuses, waits, may_break)

    def _see_use(self):
        for kind, status in USED.items():
            counts = self.load.statuses(kind)
            assert counts.get(status) or not self.load.asked[kind], f"no {kind} was ever answered {status}: {counts}"

    def _see_order(self):
        ids = {jti: (id, person) for jti, id, person in self.site.rows(_ROWS)}
        tokens_of = defaultdict(list)
        for jti, answer in jtis_of(self.load.tokens()):
            tokens_of[answer.who].append(ids[jti])
        for who, rows in tokens_of.items():
            assert len({person for _, person in rows}) == 1, who
            assert rows == sorted(rows), f"the rows of person {who} are in another order than their tokens"

    def _see_tokens(self, key_set):
        keys = {key["kid"]: jwt.PyJWK(key).key for key in (key_set or self.key_set())["keys"]}
        for answer in self.load.tokens():
            header = jwt.get_unverified_header(answer.token)
            key = keys[header["kid"]] if header["alg"] == "ES256" else SECRET
            options = {"verify_exp": False, "verify_iat": False}  # The clock is another's affair.
            claims = jwt.decode(answer.token, key, algorithms=[header["alg"]], options=options)
            assert claims["exp"] - claims["iat"] == LIFETIME, claims
            assert claims["sub"] == f"p{answer.who}", claims

    def key_set(self):
        """Return the key set that the first node publishes for the asset `/key`."""
        status, _, body = self.site.service.get("/.well-known/jwks/key")
        assert status == 200, status
        return json.loads(body)

    def _see_writes(self):
        there = {name for (name,) in self.site.rows("SELECT name FROM people_group")}
        noted = [json.loads(detail)["name"] for (detail,) in self.site.rows(
            "SELECT detail FROM log WHERE event = 'group.created'")]  # fmt: skip
        acknowledged = {answer.name for answer in self.load.answers("write") if answer.status == 303}
        assert acknowledged <= there, f"acknowledged and gone: {acknowledged - there}"
        assert sorted(noted) == sorted(there), "a group without its row in the log, or a row without its group"

    def _see_arrivals(self):
        let_in = Counter(answer.name for answer in self.load.answers("arrive") if answer.status == 200)
        rows = Counter(
            jti for (jti,) in self.site.rows("SELECT jti FROM log WHERE event = 'person.signed_in' AND jti IS NOT NULL")
        )
        twice = [jti for jti in let_in if let_in[jti] > 1] + [jti for jti in rows if rows[jti] > 1]
        assert twice == [], f"sign-in tokens that signed in twice: {twice}"
        assert let_in.keys() <= rows.keys(), let_in.keys() - rows.keys()

    def _see_no_secret(self):
        forms = [
            PASSWORD.encode(),
            SECRET.encode(),
            ISSUER_SECRET.encode(),
            base64.b64encode(SECRET.encode()),
            b"PRIVATE KEY",
        ]
        forms += [answer.token.encode() for answer in self.load.tokens()[-20:]]
        files = [path for path in self.site.folder.rglob("*") if path.is_file() and path != self.load.file]
        for path in files:
            content = path.read_bytes()
            assert not [form for form in forms if form in content], path

    def _see_failures(self, statuses, waits, may_break):
        answers = self.load.answers()
        assert HANG not in {answer.status for answer in answers}, self.load.statuses()
        tokens = self.load.answers("fetch")
        allowed = {*statuses, BROKEN, REFUSED} if may_break else set(statuses)
        assert {answer.status for answer in tokens} <= allowed, self.load.statuses("fetch")
        failed = [answer for answer in tokens if answer.status not in (200, BROKEN, REFUSED)]
        assert {answer.length for answer in failed} <= {0}
        return see_early([answer.seconds for answer in failed], waits)

    def recovery(self, since, within=RECOVERS_WITHIN, tokens=5):
        """Wait for tokens asked for after the fault ended, at the moment `since`; return the seconds they took to come."""
        return self.load.wait_for_tokens(tokens, since=since, within=within)


def see_early(seconds, waits=0.0):
    """See that failures came early for most, and for everybody at last; return what the slowest took.

    `waits`: so many seconds more each may have taken.
    """
    slowest, usual = max(seconds, default=0.0), statistics.median(seconds or [0.0])
    assert slowest <= waits + FAILS_WITHIN, f"a failure took {slowest:.1f} s"
    assert usual <= waits + FAILS_MOSTLY_WITHIN, f"half of {len(seconds)} failures took {usual:.1f} s or more"
    return slowest


def in_words(load, slowest=0.0, recoveries=()):
    """Say what a fault did to the clients: the end of the line that `told` prints."""
    names = {BROKEN: "cut", REFUSED: "not listened to"}
    counts = ", ".join(f"{number} {names.get(status, status)}" for status, number in load.statuses("fetch").items())
    words = f"{len(load.tokens())} tokens received ({counts}), slowest failure {slowest:.2f} s"
    if recoveries:
        words += f", back within {max(recoveries):.2f} s (median {sorted(recoveries)[len(recoveries) // 2]:.2f})"
    return words


def wait_until(is_true, within=RECOVERS_WITHIN, what="it"):
    """Wait until something is true; return the seconds."""
    began = time.monotonic()
    while time.monotonic() - began < within:
        if is_true():
            return time.monotonic() - began
        time.sleep(0.05)
    raise AssertionError(f"{what} was not so within {within} s")


def jtis_of(answers):
    """Return the jti of each answer that holds a token, beside the answer."""
    return [(json.loads(_decode(answer.token.split(".")[1]))["jti"], answer) for answer in answers]


def _decode(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
