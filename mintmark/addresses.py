"""Addresses in settings: what a base URL, a bind, a database and a Redis may be, and how they are kept."""

import ipaddress
import re
from urllib.parse import urlsplit

# A name, or an address as it is usually written: not `0`, `0x0` or `*`, which are every address.
_HOST = re.compile(
    r"[a-z][a-z0-9.-]*|(0|[1-9][0-9]{0,2})(\.(0|[1-9][0-9]{0,2})){3}|[0-9a-f]*:[0-9a-f:.]+|[0-9][a-z0-9-]*(\.[a-z0-9-]+)*\.[a-z][a-z0-9-]*",
    re.ASCII | re.IGNORECASE,
)
_BASE_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)*/?", re.ASCII)


def read_base_url(value: str) -> str:
    """Return a base URL as browsers write an origin, with its path. Raises ValueError."""
    words = "takes an address such as https://tokens.example.org or https://www.example.org/tokens"
    parts = urlsplit(value)
    port = parts.port  # A ValueError where it is none.
    is_plain = parts.scheme in ("http", "https") and not (parts.query or parts.fragment or "@" in parts.netloc)
    if not is_plain or not _HOST.fullmatch(parts.hostname or "") or not _BASE_PATH.fullmatch(parts.path):
        raise ValueError(words)
    netloc = f"[{ipaddress.ip_address(parts.hostname or '')}]" if ":" in (parts.hostname or "") else parts.hostname
    if port is not None and port != {"https": 443, "http": 80}[parts.scheme]:
        netloc = f"{netloc}:{port}"
    return f"{parts.scheme}://{netloc}{parts.path.rstrip('/')}"


def read_bind(value: str) -> str:
    """Return `host:port` where both can be. Raises ValueError."""
    host, _ = split_bind(value)
    if (":" in host) != (host.startswith("[") and host.endswith("]")):
        raise ValueError("takes an IPv6 address in brackets: [::1]:8000")
    if not _HOST.fullmatch(host.strip("[]")):
        raise ValueError("takes host:port, for instance 127.0.0.1:8000")
    return value


def read_redis_url(value: str) -> str:
    """Return the address of a Redis. Raises ValueError."""
    if not value.startswith(("redis://", "rediss://", "redis+unix://")):
        raise ValueError("takes an address that starts with redis://, rediss:// or redis+unix://")
    _see_port(value)
    return value


def _see_port(address: str) -> None:
    try:
        _ = urlsplit(address).port
    except ValueError:
        raise ValueError("has a port that is none") from None


def read_database_url(value: str) -> str:
    """Return the address of a database as SQLAlchemy wants it. Raises ValueError."""
    if not value.startswith(("sqlite:///", "postgresql://", "postgres://", "postgresql+psycopg://")):
        raise ValueError("takes an address that starts with postgresql:// or sqlite:///")
    _see_port(value)
    return value if value.startswith("sqlite") else "postgresql+psycopg://" + value.partition("://")[2]


def split_bind(bind: str) -> tuple[str, int]:
    """Return host and port of `host:port`. Raises ValueError."""
    host, colon, port = bind.rpartition(":")
    if not colon or not (port.isascii() and port.isdecimal()) or not 0 < int(port) < 65536:
        raise ValueError("takes host:port, for instance 127.0.0.1:8000")
    return host, int(port)


def is_every_address(host: str) -> bool:
    """Tell whether a host to bind to is all addresses of the machine."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_unspecified or bool(getattr(address, "ipv4_mapped", None) and address.ipv4_mapped.is_unspecified)  # type: ignore[union-attr]


def is_loopback(host: str) -> bool:
    """Tell whether what is sent to a host stays on this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
