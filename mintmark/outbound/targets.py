"""Which addresses may be fetched: how they are written, and to which network addresses they may lead.

Pure. One expression reads an address, and what it found is what is connected to: no two readers see two hosts in it
(RFC 3986 §3.2.2; CWE-918).
"""

import ipaddress
import re
from dataclasses import dataclass
from typing import Any

from mintmark.errors import FieldError
from mintmark.fields import read_text

MAX_CHARACTERS = 1_000
_LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_URL = re.compile(
    rf"(?P<scheme>https?)://(?P<host>(?=[^:/?]{{1,253}}([:/?]|\Z)){_LABEL}(\.{_LABEL})*|\[[0-9a-f:.]+\])"
    r"(:(?P<port>[1-9][0-9]{0,4}))?(?P<path>[/?][A-Za-z0-9._~:/?@!$&'()*+,;=%\[\]-]*)?",
    re.ASCII | re.IGNORECASE,
)
_USUAL_PORTS = {"https": 443, "http": 80}
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")  # All that IANA has given out to be reached by everybody.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are the IPv4 address that it leads to.
# What Python 3.11 still takes for global: the 6to4 relay and its networks (RFC 7526), documentation (RFC 9637), and
# what IANA set aside for protocols (RFC 6890 §2.2.2).
_NEVER = [ipaddress.ip_network(each) for each in ("192.88.99.0/24", "2002::/16", "3fff::/20", "192.0.0.0/24")]


@dataclass(frozen=True, slots=True)
class Target:
    """An address taken apart. `host` is a name or an IP address without brackets, `path` has the query too."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def is_https(self) -> bool:
        """Tell whether the connection is a secure one."""
        return self.scheme == "https"

    @property
    def is_name(self) -> bool:
        """Tell whether the host is a name, which somebody must be asked for."""
        try:
            ipaddress.ip_address(self.host)
        except ValueError:
            return True
        return False

    @property
    def netloc(self) -> str:
        """Return host and port as the header Host has them (RFC 9110 §7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _USUAL_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Return the origin as browsers write it (RFC 6454 §6.2)."""
        return f"{self.scheme}://{self.netloc}"


def read_target(value: Any, *, fetch_also: frozenset[str], field: str = "jwks_url") -> Target:
    """Return an address that may be fetched, as far as its text tells. Raises FieldError."""
    target = _split(read_text(value, field, longest=MAX_CHARACTERS))
    if target is None:
        words = "is no address that begins with https://, without a name before @, without # and with a plain host"
        raise FieldError(words, field)
    if not target.is_https and not is_listed(target, fetch_also):
        raise FieldError("begins with http://; without https, MINTMARK_FETCH_ALSO must list its origin", field)
    return target


def is_listed(target: Target, fetch_also: frozenset[str]) -> bool:
    """Tell whether the setting FETCH_ALSO lists the origin of an address."""
    return any((listed := _split(each)) is not None and listed.origin == target.origin for each in fetch_also)


def is_global(address: str) -> bool:
    """Tell whether a network address is one that everybody on the internet reaches, and no way round to another."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        if found in _NAT64:
            return is_global(str(ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)))
        if found.scope_id is not None or found not in _GLOBAL_UNICAST:  # So none of ::1, ::ffff:0:0/96, fc00::/7 …
            return False
    is_set_aside = any(found in network for network in _NEVER if network.version == found.version)
    return found.is_global and not found.is_multicast and not found.is_reserved and not is_set_aside


def _split(url: str) -> Target | None:
    match = _URL.fullmatch(url)
    if not match:
        return None
    scheme, host = match["scheme"].lower(), _host(match["host"].lower())
    port = int(match["port"] or _USUAL_PORTS[scheme])
    if host is None or port > 65_535:
        return None
    path = match["path"] or "/"
    return Target(scheme, host, port, path if path.startswith("/") else "/" + path)


def _host(text: str) -> str | None:
    """Return a host; what ends in a number must be an IP address as it is usually written (WHATWG URL §3.5)."""
    try:
        if text.startswith("["):
            return str(ipaddress.IPv6Address(text.strip("[]")))
        if re.fullmatch(r"[0-9]+|0x[0-9a-f]*", text.rpartition(".")[2]):
            return str(ipaddress.IPv4Address(text))
    except ValueError:
        return None
    return text
