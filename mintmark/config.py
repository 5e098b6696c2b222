"""Every setting: its name, default and meaning; and what the site refuses to start with.

Settings come from `MINTMARK_*` variables, are read once and taken out of the environment,
so that no child process, error page or WSGI environ can show them. A test holds README's
table to SETTINGS.
"""

import os
import re
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mintmark.addresses import (
    is_every_address,
    is_loopback,
    read_base_url,
    read_bind,
    read_database_url,
    read_redis_url,
    split_bind,
)
from mintmark.errors import ConfigurationError, FieldError
from mintmark.instance import make_sealer, private_folder
from mintmark.listed_origins import read_origins
from mintmark.sealing import Sealer

PREFIX = "MINTMARK_"
_INSTANCE = Path(__file__).parent.parent / "instance"
SECRET_PREFIX = "MINTMARK_SECRET_"  # noqa: S105 — the beginning of a variable's name, no secret: read by imports only


@dataclass(frozen=True)
class Limit:
    """At most `amount` attempts in any `seconds` seconds."""

    amount: int
    seconds: int


@dataclass(frozen=True)
class Settings:
    """The site's settings, checked. Lifetimes are in seconds."""

    instance: Path
    database_url: str = field(repr=False)
    sealer: Sealer
    bind: str = "127.0.0.1:8000"
    workers: int = 2
    base_url: str | None = None
    trusted_proxies: int = 0
    limit_sign_in: Limit = Limit(10, 60)
    limit_tokens: Limit = Limit(600, 60)
    redis_url: str | None = field(default=None, repr=False)
    session_idle: int = 3600
    session_lifetime: int = 43200
    metrics_token: str | None = field(default=None, repr=False)
    sqlite_synchronous: str = "full"
    cross_site: bool = False
    fetch_also: frozenset[str] = frozenset()
    keep_refused: bool = False

    @property
    def is_https(self) -> bool:
        """Tell whether people reach the site over https."""
        return bool(self.base_url and self.base_url.startswith("https://"))

    @property
    def is_exposed(self) -> bool:
        """Tell whether passwords and tokens cross a network so that others can read them."""
        name = urlsplit(self.site_url).hostname or ""
        return not self.is_https and not is_loopback(name)

    @property
    def base_path(self) -> str:
        """Return the path of the base URL, without a slash at the end: "" or "/tokens"."""
        return urlsplit(self.base_url).path if self.base_url else ""

    @cached_property
    def hosts(self) -> frozenset[str]:
        """Return the host names, without port, under which the site answers."""
        if self.base_url:
            return frozenset({urlsplit(self.base_url).hostname or ""})
        return frozenset({split_bind(self.bind)[0].strip("[]").lower(), "localhost", "127.0.0.1", "::1"})

    @property
    def site_url(self) -> str:
        """Return the address of the site as people type it."""
        return self.base_url or f"http://{self.bind}"

    @property
    def is_sqlite(self) -> bool:
        """Tell whether the database is the embedded one."""
        return self.database_url.startswith("sqlite")


def _text(value: str) -> str:
    return value


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(value: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", value) or not low <= int(value) <= high:
            raise ValueError(f"takes a whole number from {low} to {high}")
        return int(value)

    return read


def _limit(value: str) -> Limit:
    match = re.fullmatch(r"\s*([0-9]{1,6})\s*(?:per|/)\s*(second|minute|hour|day)\s*", value)
    if not match or int(match[1]) < 1:
        raise ValueError('takes a limit such as "10 per minute" (second, minute, hour, day)')
    return Limit(int(match[1]), {"second": 1, "minute": 60, "hour": 3600, "day": 86400}[match[2]])


def _switch(value: str) -> bool:
    if value not in ("0", "1"):
        raise ValueError("takes 0 or 1")
    return value == "1"


def _metrics_token(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._~+/-]{20,200}=*", value, re.ASCII):  # RFC 6750 §2.1
        raise ValueError("takes 20 to 200 letters, digits and . _ ~ + / -")
    return value


def _fetch_also(value: str) -> frozenset[str]:
    named = [each.strip() for each in value.split(",") if each.strip()]
    https = [each.replace("http://", "https://", 1) for each in named]  # Plain http is what this setting may allow.
    try:
        read_origins(https, "FETCH_ALSO", most=50)
    except FieldError as error:
        raise ValueError(f"takes origins, separated by commas; one {error}") from None
    return frozenset(named)


def _synchronous(value: str) -> str:
    if value.lower() not in ("full", "normal"):
        raise ValueError("takes full or normal")
    return value.lower()


# name → (reader, default as shown, meaning); README's table is held to this one by a test.
SETTINGS: dict[str, tuple[Callable[[str], Any], str, str]] = {
    "DATABASE_URL": (
        read_database_url,
        "SQLite in the instance folder",
        "where the database is: `postgresql://…` or `sqlite:////…`",
    ),
    "INSTANCE": (_text, "`instance`", "folder for the database and keys, readable by its owner alone"),
    "BIND": (read_bind, "`127.0.0.1:8000`", "address and port to serve on"),
    "WORKERS": (_whole(1, 64), "`2`", "worker processes"),
    "BASE_URL": (
        read_base_url,
        "none",
        "the address people use; decides host, cookie and https; may have a path",
    ),
    "SEALING_KEY": (
        _text,
        "made in the instance folder",
        "`<id>:<32 bytes base64>`, several separated by commas: the first seals, all open",
    ),
    "TRUSTED_PROXIES": (
        _whole(0, 10),
        "`0`",
        "how many proxies stand in front and append to `X-Forwarded-For`",
    ),
    "LIMIT_SIGN_IN": (_limit, "`10 per minute`", "sign-in attempts, per account and per address"),
    "LIMIT_TOKENS": (_limit, "`600 per minute`", "tokens, per person and asset"),
    "REDIS_URL": (read_redis_url, "none", "Redis for limits that several workers and nodes share"),
    "SESSION_IDLE": (_whole(60, 31_536_000), "`3600`", "seconds without use after which a session ends"),
    "SESSION_LIFETIME": (
        _whole(60, 31_536_000),
        "`43200`",
        "seconds after sign-in after which a session ends",
    ),
    "METRICS_TOKEN": (
        _metrics_token,
        "none",
        "what reads `/-/metrics` by `Authorization: Bearer …`; without it none does",
    ),
    "SQLITE_SYNCHRONOUS": (
        _synchronous,
        "`full`",
        "`normal` is faster; a power cut may then lose the last log rows",
    ),
    "CROSS_SITE": (_switch, "`0`", "`1`: session cookie with `SameSite=None`, https only"),
    "FETCH_ALSO": (
        _fetch_also,
        "none",
        "origins, separated by commas, that may be fetched from although they are private or not https",
    ),
    "KEEP_REFUSED": (
        _switch,
        "`0`",
        "`1`: the claims of refused sign-ins by token, without the signature, are kept for a day",
    ),
}


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Read and check the settings; make the instance folder, and a sealing key where none is given.

    Raises ConfigurationError that names the variable and what it takes.
    """
    given: dict[str, Any] = {}
    for variable in sorted(name for name in environ if name.startswith(PREFIX)):
        name = variable.removeprefix(PREFIX)
        if variable.startswith(SECRET_PREFIX):
            continue
        if name not in SETTINGS:
            raise ConfigurationError(f"{variable} is no setting of Mintmark. The settings are in README.md.")
        try:
            given[name.lower()] = SETTINGS[name][0](environ[variable])
        except ValueError as error:
            raise ConfigurationError(f"{variable} {error}.") from None
    given["instance"] = private_folder(Path(given.get("instance") or _INSTANCE).resolve())
    given.setdefault("database_url", f"sqlite:///{given['instance'] / 'mintmark.sqlite'}")
    given["sealer"] = make_sealer(given.pop("sealing_key", None), given["instance"])
    settings = Settings(**given)
    _refuse_what_cannot_be_safe(settings)
    return settings


def take_settings(
    overrides: Mapping[str, str] | None = None, environ: MutableMapping[str, str] = os.environ
) -> Settings:
    """Read the settings, some replaced by `overrides` (names without prefix), and take them out of the environment."""
    settings = read_settings({**environ, **{PREFIX + name: value for name, value in (overrides or {}).items()}})
    for variable in [name for name in environ if name.startswith(PREFIX) and not name.startswith(SECRET_PREFIX)]:
        del environ[variable]
    return settings


def _refuse_what_cannot_be_safe(settings: Settings) -> None:
    if is_every_address(split_bind(settings.bind)[0].strip("[]")) and not settings.base_url:
        raise ConfigurationError(
            "MINTMARK_BIND is every address of this machine: MINTMARK_BASE_URL must say under which name people come."
        )
    if settings.cross_site and not settings.is_https:
        raise ConfigurationError(
            "MINTMARK_CROSS_SITE is 1, which browsers accept only where MINTMARK_BASE_URL is https."
        )
