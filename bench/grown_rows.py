"""The largest tables of a grown site, made by the database itself out of numbers: minutes less than from outside.

The words of a statement are the same for SQLite and PostgreSQL, but for a few functions, which `Maker` spells.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

DAYS = 60  # so long the log is
RINGS = ("RS256", "ES256", "ES384", "EdDSA", "PS256")
KEYED = 50  # Of a hundred assets this one signs with a key.
_FIRST = (
    "Ada Ben Chloé Dmitri Elif Farid Grace Hugo Ines Jonas Keiko Luka Mia Noor Olga Pia Quinn Rosa Søren Tomás".split()
)
_LAST = "Okri Brien Müller García Nowak Rossi Kim Silva Haddad Jensen Lind Sato Weber Costa Ali Byrne".split()
_EVENTS = ("token.refused", "token.failed", "person.signed_in", "asset.revised")  # One row in forty is one of these.
_OUTCOMES = ("refused", "failed", "done", "done")
_CODES = ("not_a_reader", "template_failed", None, None)
_PARTS = 10  # of the log, so that no transaction is too large for a disk


@dataclass(frozen=True, slots=True)
class Maker:
    """Fills one database with so many people and log rows; everything is computed from its number, `n`."""

    connection: Connection
    people: int
    assets: int
    groups: int
    rows: int
    now: float

    def make_people(self) -> None:
        """Make the people: one in a hundred thousand administers, one in fifty is switched off."""
        department = """'{"department": "dept ' || CAST(n % 50 AS TEXT) || '"}'"""
        self._insert("person", self.people, {
            "id": self._id("n", 1), "username": self._username("n"), "username_key": self._username("n"),
            "email": self._mail(), "first_name": _pick(_FIRST, "n * 7"),
            "last_name": f"{_pick(_LAST, 'n * 11')} || CAST(n % 997 AS TEXT)",
            "is_admin": "n % 100000 = 0", "live": "n % 50 <> 1", "roles": self._json("""'["user"]'"""),
            "permissions": self._json("'[]'"), "attributes": self._json(department),
            "created_at": f"{int(self.now)} - n % 10000000",
        })  # fmt: skip

    def make_memberships(self) -> None:
        """Make memberships: most in the first group, one in a hundred in the second, each in one of the others."""
        for group, condition in (("0", "n % 10 < 6"), ("1", "n % 100 = 0"), (f"2 + n % {self.groups - 2}", "1 = 1")):
            ids = {"person_id": self._id("n", 1), "group_id": self._id(group, 3)}
            self._insert("membership", self.people, ids, f"WHERE {condition}")

    def make_words(self) -> None:
        """Make the words of all people and assets, as mintmark/search.py finds them."""
        last = f"{_pick([name.casefold() for name in _LAST], 'n * 11')} || CAST(n % 997 AS TEXT)"
        self._words("person", self.people, self._username("n"), 1, [
            self._username("n"), self._mail(), "CAST(n AS TEXT)", _pick(_small(_FIRST), "n * 7"), last,
            "'example'", "'test'"])  # fmt: skip
        folder, within = self._padded("n / 2000", 2), self._padded("n / 50 % 40", 2)
        self._words("asset", self.assets, self._path("n"), 2, [
            "'dept'", folder, "'app'", within, "'asset'", self._padded("n", 6), "CAST(n AS TEXT)"])  # fmt: skip

    def _words(self, kind: str, count: int, label: str, number_of_kind: int, words: list[str]) -> None:
        unite = " UNION " if kind == "asset" else " UNION ALL "  # One of an asset may stand in it twice.
        each = unite.join(f"SELECT n, {word} AS word FROM number" for word in words)
        values = {"kind": f"'{kind}'", "word": "word", "label": label, "entry_id": self._id("n", number_of_kind)}
        # In the order of the primary key, for so a database takes them quickest.
        self._insert("search_word", count, values, "ORDER BY word, n", of=f"({each}) AS each_word")

    def make_log(self) -> None:
        """Make the rows of 60 days. A few assets are asked for half of the time; one row in forty is no token."""
        step = DAYS * 86_400_000 // self.rows
        for part in range(_PARTS):
            first, end = self.rows * part // _PARTS, self.rows * (part + 1) // _PARTS
            given = self._series(end - first, first)
            asset = f"CASE n % 2 WHEN 1 THEN n * 31 % 50 ELSE n * 104729 % {self.assets} END"
            numbers = f"(SELECT n, n * 7919 % {self.people} AS who, {asset} AS a FROM number) AS row_number"
            self._run(f"{given} INSERT INTO log ({', '.join(self._log_values(step))}) SELECT"
                      f" {', '.join(self._log_values(step).values())} FROM {numbers} ORDER BY n")  # fmt: skip
            self.connection.commit()

    def _log_values(self, step: int) -> dict[str, str]:
        def unless_token(values: Sequence[str | None], otherwise: str) -> str:
            return f"CASE n % 40 WHEN 0 THEN {_pick(values, 'n / 40')} ELSE {otherwise} END"

        is_signed = f"n % 40 <> 0 AND a % 100 = {KEYED}"
        half = f"CASE WHEN n < {self.rows // 2} THEN 'first' ELSE 'second' END"
        return {
            "at": f"{int(self.now * 1000) - DAYS * 86_400_000} + n * {step}",
            "event": unless_token(_EVENTS, "'token.issued'"), "outcome": unless_token(_OUTCOMES, "'done'"),
            "actor": self._id("who", 1), "address": self._address(), "person": self._id("who", 1),
            "asset": f"CASE n % 160 WHEN 80 THEN NULL ELSE {self._id('a', 2)} END", "revision": "1",
            "request": self._hex("n", 16), "jti": f"CASE n % 40 WHEN 0 THEN NULL ELSE {self._hex('n', 22)} END",
            "kid": f"CASE WHEN {is_signed} THEN 'bench-' || CAST(a / 100 % {len(RINGS)} AS TEXT) || '-' || {half} END",
            "sub": self._username("who"), "code": unless_token(_CODES, "NULL"),
            "detail": f"""'{{"path":"' || {self._path('a')} || '"}}'""",
        }  # fmt: skip

    def make_counts(self) -> None:
        """Count the tokens, as mintmark/counts/rolling.py would have done all the while."""
        for asset, seconds in (("''", 3_600), ("asset", 86_400)):
            self._run(f"INSERT INTO token_count (asset, at, outcome, amount) SELECT {asset}, at / {seconds * 1000} *"
                      f" {seconds}, outcome, COUNT(*) FROM log WHERE event IN ('token.issued', 'token.refused',"
                      " 'token.failed') GROUP BY 1, 2, 3")  # fmt: skip
        self._run("UPDATE site SET counted_log_id = (SELECT MAX(id) FROM log)")

    def _insert(self, table: str, count: int, values: dict[str, str], rest: str = "", of: str = "number") -> None:
        columns, made = ", ".join(values), ", ".join(values.values())
        self._run(f"{self._series(count)} INSERT INTO {table} ({columns}) SELECT {made} FROM {of} {rest}")

    def _run(self, statement: str) -> None:
        self.connection.exec_driver_sql(statement.replace("%", self._percent))

    @property
    def _is_sqlite(self) -> bool:
        return self.connection.dialect.name == "sqlite"

    @property
    def _percent(self) -> str:
        return "%" if self._is_sqlite else "%%"  # psycopg takes one alone for a placeholder.

    def _series(self, count: int, first: int = 0) -> str:
        """Give the table `number`, whose `n` counts from the first on."""
        if self._is_sqlite:
            more = f"SELECT n + 1 FROM number WHERE n + 1 < {first + count}"
            return f"WITH RECURSIVE number (n) AS (SELECT {first} UNION ALL {more})"
        return f"WITH number (n) AS (SELECT generate_series({first}::bigint, {first + count - 1}))"

    def _id(self, number: str, kind: int) -> str:
        """Spell bench.grown.scatter."""
        scattered = self._hex(f"(({number}) * 2654435761 + {kind}) % 4294967296", 8)
        return f"{scattered} || '-{kind:04x}-4000-8000-' || {self._hex(number, 12)}"

    def _hex(self, number: str, digits: int) -> str:
        if self._is_sqlite:
            return f"printf('%0{digits}x', {number})"
        return f"lpad(to_hex(({number})::bigint), {digits}, '0')"

    def _padded(self, number: str, digits: int) -> str:
        if self._is_sqlite:
            return f"printf('%0{digits}d', {number})"
        return f"lpad(({number})::text, {digits}, '0')"

    def _path(self, number: str) -> str:
        folder, within = self._padded(f"({number}) / 2000", 2), self._padded(f"({number}) / 50 % 40", 2)
        return f"'dept-' || {folder} || '/app-' || {within} || '/asset-' || {self._padded(number, 6)}"

    def _username(self, number: str) -> str:
        return f"'person' || {self._padded(number, 7)}"

    def _mail(self) -> str:
        return f"{_pick(_small(_FIRST), 'n * 7')} || '.' || CAST(n AS TEXT) || '@example.test'"

    @staticmethod
    def _address() -> str:
        return "'10.' || CAST(who % 200 AS TEXT) || '.' || CAST(n % 250 AS TEXT) || '.7'"

    def _json(self, expression: str) -> str:
        return expression if self._is_sqlite else f"({expression})::json"


def _small(names: Sequence[str]) -> list[str]:
    return [name.casefold() for name in names]


def _pick(values: Sequence[str | None], number: str) -> str:
    """Return what gives one of some values, in turn."""
    cases = " ".join(f"WHEN {place} THEN '{value}'" for place, value in enumerate(values) if value is not None)
    return f"CASE ({number}) % {len(values)} {cases} END"
