"""Contenders: what is measured. Each has a service of its own, but for two assets of one Mintmark."""

import importlib.util
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import load, postgresql, serving, site
from bench.serving import PEOPLE, WORKERS, Service

BETTER_AUTH = Path(__file__).parent / "peers" / "better_auth"
EDDSA_PATH = "/eddsa"
Start = Callable[[Path, Path], AbstractContextManager[Service]]


@dataclass(frozen=True)
class Contender:
    """A name for the command line, words for the table, and what is asked of which service."""

    key: str
    label: str
    service: str
    path: str = site.PATH
    answer: str = load.TOKEN


ALL = [
    Contender("bare", "bare Flask", "bare", answer="^x{300}$"),
    Contender("full", "Mintmark, SQLite FULL", "full"),
    Contender("eddsa", "Mintmark, SQLite FULL, EdDSA", "full", path=EDDSA_PATH),
    Contender("normal", "Mintmark, SQLite NORMAL", "normal"),
    Contender("postgresql", "Mintmark, PostgreSQL", "postgresql"),
    Contender("django", "Django, the same work", "django"),
    Contender("jwt-extended", "Flask-JWT-Extended, no log row", "jwt-extended"),
    Contender("better-auth", "better-auth, EdDSA, no log row", "better-auth", path="/api/auth/token"),
]


def find_reason_not_to(service: str) -> str | None:
    """Return why a service cannot be measured on this machine, or None."""
    if service == "postgresql":
        return postgresql.find_reason_not_to()
    module = {"django": "django", "jwt-extended": "flask_jwt_extended"}.get(service)
    if module and not importlib.util.find_spec(module):
        return f"{module} is not installed; `make bench` does it"
    if service == "better-auth" and not shutil.which("node"):
        return "there is no Node"
    if service == "better-auth" and not (BETTER_AUTH / "node_modules").is_dir():
        return "its packages are not installed; `make bench` does it where there is npm"
    return None


@contextmanager
def serving_all(services: list[str], folder: Path) -> Iterator[dict[str, Service]]:
    """Serve them all, each in a folder of its own; bare Flask gets the cookies of people it does not know."""
    nobody = folder / "nobody.cookies"
    nobody.write_text("\n".join(f"mintmark={number:0>90}" for number in range(PEOPLE)))
    with ExitStack() as stack:
        yield {name: stack.enter_context(_START[name](folder / name, nobody)) for name in services}


@contextmanager
def _bare(folder: Path, nobody: Path) -> Iterator[Service]:
    port = serving.free_port()
    with serving.running(
        serving.granian("bench.bare:app", port), {}, port=port, printed=folder.with_suffix(".log")
    ) as pid:
        yield Service(port, pid, nobody)


@contextmanager
def _full(folder: Path, _nobody: Path) -> Iterator[Service]:
    with site.serving(folder, {}, lambda given: site.add_assets(given, {EDDSA_PATH: ("EdDSA", 0)})) as service:
        yield service


@contextmanager
def _normal(folder: Path, _nobody: Path) -> Iterator[Service]:
    with site.serving(folder, {"SQLITE_SYNCHRONOUS": "normal"}) as service:
        yield service


@contextmanager
def _postgresql(folder: Path, _nobody: Path) -> Iterator[Service]:
    with postgresql.database() as url, site.serving(folder, {"DATABASE_URL": url}) as service:
        yield service


def _peer(fill: list[str], serve: Callable[[int], list[str]], cwd: Path = serving.ROOT) -> Start:
    @contextmanager
    def start(folder: Path, _nobody: Path) -> Iterator[Service]:
        port, cookies = serving.free_port(), folder.with_suffix(".cookies")
        numbers = {"PORT": port, "PEOPLE": PEOPLE, "WORKERS": WORKERS}
        environ = {name: str(number) for name, number in numbers.items()}
        environ["DATABASE"] = str(folder.with_suffix(".sqlite"))
        serving.run([*fill, str(cookies)], environ, cwd=cwd)
        with serving.running(serve(port), environ, port=port, printed=folder.with_suffix(".log"), cwd=cwd) as pid:
            yield Service(port, pid, cookies)

    return start


def _python_peer(module: str, application: str) -> Start:
    return _peer([sys.executable, "-m", module], lambda port: serving.granian(f"{module}:{application}", port))


_START: dict[str, Start] = {
    "bare": _bare,
    "full": _full,
    "normal": _normal,
    "postgresql": _postgresql,
    "django": _python_peer("bench.peers.django_site", "application"),
    "jwt-extended": _python_peer("bench.peers.jwt_extended", "app"),
    "better-auth": _peer(["node", "site.js", "fill"], lambda _port: ["node", "site.js", "serve"], BETTER_AUTH),
}
