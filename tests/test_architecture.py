"""The house: arrows point down, the core knows no request, and what is said in README is true."""

import ast
import functools
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
MODULES = {path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__"): path
           for path in [ROOT / "app.py", *(ROOT / "mintmark").rglob("*.py")]}  # fmt: skip
KNOWS_THE_REQUEST = ("app", "mintmark.who", "mintmark.web")
PURE = (
    "mintmark.payload",
    "mintmark.tokens",
    "mintmark.sealing",
    "mintmark.paths",
    "mintmark.errors",
    "mintmark.moment",
    "mintmark.fields",
    "mintmark.unverified",
)


@functools.cache
def tree_of(path):
    return ast.parse(path.read_text())


@functools.cache
def imports_of(path):
    """Return the names that a module imports, wherever in it."""
    names = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(names)


def is_within(name, places):
    return any(name == place or name.startswith(place + ".") for place in places)


def test_only_the_front_door_who_and_web_know_flasks_request():
    known = {"flask.request", "flask.session", "flask.g", "flask_login.current_user", "flask.current_app"}
    knowing = {module for module, path in MODULES.items() if imports_of(path) & known}

    assert {module for module in knowing if not is_within(module, KNOWS_THE_REQUEST)} == set()


def test_what_is_pure_imports_neither_flask_nor_a_database():
    for module in [module for module in MODULES if is_within(module, PURE)]:
        assert_is_pure(module)


def assert_is_pure(module):
    impure = {name.partition(".")[0] for name in imports_of(MODULES[module])} & {
        "flask",
        "sqlalchemy",
        "flask_sqlalchemy",
        "time",
        "app",
    }
    ours = {name for name in imports_of(MODULES[module]) if name.startswith("mintmark.")}

    assert impure == set(), module
    assert all(is_within(name, PURE) for name in ours), ours


def test_one_module_signs_one_seals_and_one_makes_key_pairs():
    users = {library: {module for module, path in MODULES.items() if is_within_any(imports_of(path), library)}
             for library in ("jwt", "cryptography", "argon2")}  # fmt: skip

    assert users["jwt"] == {"mintmark.tokens"}
    keys = {"mintmark.keypairs", "mintmark.public_keys", "mintmark.encrypted_pem"}
    assert users["cryptography"] == {"mintmark.sealing", *keys}
    assert users["argon2"] == {"mintmark.passwords"}


def is_within_any(names, library):
    return any(is_within(name, [library]) for name in names)


FLOORS = [
    "errors moment figures",
    "output new_file",
    "paths fields sealing instance addresses payload unverified encrypted_pem public_keys",
    "listed_origins",
    "config tokens keypairs passwords secret_values claims_shown contracts presets matrix verify_snippets",
    "models",
    "log",
    "throttle search outbound",
    "groups attributes sessions",
    "people people_listing keys",
    "identities issuers access_tokens",
    "openid erasing",
    "assets",
    "recorder readers site counts password_links",
    "copies drafts resealing tidying",
    "issue who records inspection",
    "examine database restoring",
    "site_file receiver backup",
    "web",
    "commands",
]


def test_arrows_point_down():
    floor_of = {f"mintmark.{name}": number for number, names in enumerate(FLOORS) for name in names.split()}
    floor_of |= {"app": len(FLOORS), "mintmark.serve": len(FLOORS) + 1, "mintmark.demo": len(FLOORS) + 2}
    rooms = {".".join(module.split(".")[:2]) for module in MODULES} - {"mintmark"}
    assert rooms == set(floor_of)

    for module, path in MODULES.items():
        room = ".".join(module.split(".")[:2])
        for name in imports_of(path):
            other = ".".join(name.split(".")[:2])
            if other in floor_of and other != room and room != "mintmark":
                allowed = floor_of[other] < floor_of[room] or (room, other) in {
                    ("mintmark.serve", "app"),
                    ("mintmark.demo", "app"),
                }
                same = floor_of[other] == floor_of[room]
                assert allowed or same, f"{module} imports {name}"
    assert_no_circles(floor_of)


def assert_no_circles(floor_of):
    arrows = {room: set() for room in floor_of}
    for module, path in MODULES.items():
        room = ".".join(module.split(".")[:2])
        if room in arrows:
            arrows[room] |= {".".join(name.split(".")[:2]) for name in imports_of(path)} & floor_of.keys() - {room}
    while arrows:
        ends = [room for room, others in arrows.items() if not others & arrows.keys()]
        assert ends, f"a circle among {sorted(arrows)}"
        for room in ends:
            del arrows[room]


def test_nothing_of_the_core_loads_what_only_commands_need():
    loaded = subprocess.run(
        [sys.executable, "-c", "import app, sys; print(*sys.modules)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()

    assert {"yaml", "mintmark.site_file", "alembic", "redis"} & set(loaded) == set()


def test_every_function_is_short_enough_to_read_at_once():
    lengths = {}
    for module, path in MODULES.items():
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.FunctionDef):
                lengths[f"{module}.{node.name}"] = node.end_lineno - node.lineno + 1
    ordered = sorted(lengths.values())
    print(
        f"{len(ordered)} functions, median {ordered[len(ordered) // 2]}, p90 {ordered[len(ordered) * 9 // 10]}, longest {ordered[-1]}"
    )

    assert {name: lines for name, lines in lengths.items() if lines > 45} == {}
    assert ordered[len(ordered) * 9 // 10] <= 30


def test_every_module_is_one_room():
    lines = {module: len(path.read_text().splitlines()) for module, path in MODULES.items()}

    assert {module: count for module, count in lines.items() if count > 250} == {}


def test_every_module_opens_with_its_job():
    assert [m for m, path in MODULES.items() if not (ast.get_docstring(tree_of(path)) or "").strip()] == []


def test_readme_lists_every_event_and_command(sqlite_house):
    from mintmark.log import EVENTS

    readme = (ROOT / "README.md").read_text()
    assert dict(re.findall(r"^\| `([a-z_]+\.[a-z_]+)` \| (.*) \|$", readme, re.M)) == EVENTS
    commands = sqlite_house.app.cli.list_commands(None)
    names = [
        f"{name} {each}".rstrip()
        for name in set(commands) - {"db", "run", "shell", "routes"}
        for each in getattr(sqlite_house.app.cli.commands[name], "commands", {"": None})
    ]
    assert len(names) >= 17
    for name in names:
        assert re.search(rf"^\|.*`{name}[` ]", readme, re.M), name
        assert sqlite_house.run(*name.split(), "--help").exit_code == 0


def test_every_event_that_the_code_notes_is_in_the_table():
    from mintmark.log import EVENTS

    noted = set()
    for path in MODULES.values():
        noted |= set(re.findall(r'(?:note|record)\(\s*"([a-z_]+\.[a-z_]+)"', path.read_text()))
    assert noted == set(EVENTS)


def test_no_lock_or_project_file_names_a_registry():
    for path in [
        *ROOT.glob("requirements-*.lock"),
        ROOT / "tests/package-lock.json",
        ROOT / "pyproject.toml",
        ROOT / "Makefile",
    ]:
        assert (
            re.search(r'"resolved"|--(extra-)?index-url|--find-links|registry\.|pypi\.|pythonhosted', path.read_text())
            is None
        ), path


def test_every_door_that_is_open_to_strangers_stands_in_the_list(sqlite_house):
    from app import OPEN_ENDPOINTS

    client = sqlite_house.client()
    for rule in sqlite_house.app.url_map.iter_rules():
        if rule.endpoint in OPEN_ENDPOINTS or "<" in rule.rule:
            continue
        for method in (rule.methods or set()) - {"OPTIONS", "HEAD"}:
            answer = client.open(rule.rule, method=method)
            assert answer.status_code == (303 if method == "GET" else 403), (rule, method)
    assert OPEN_ENDPOINTS <= {rule.endpoint for rule in sqlite_house.app.url_map.iter_rules()}
