"""Sites for faults, and the lines that say what each fault did: `make faults` prints them at its end."""

import shutil

import pytest

# Before they are imported: what they assert says why it failed, too.
pytest.register_assert_rewrite(
    *(f"tests.faults.{name}" for name in "cluster load proxy service several witness".split())
)

from tests.faults.service import Site  # noqa: E402 — see above

TOLD = "fault"
TAIL = 4_000  # Characters of what a service said, where a test fails.


def pytest_terminal_summary(terminalreporter):
    lines = {}
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        lines.update({value: None for name, value in report.user_properties if name == TOLD})
    if lines:
        terminalreporter.section("faults")
    for line in sorted(lines):
        terminalreporter.write_line(line)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Show what the services of a test said last, where it fails; what their clients were told, `Load` prints."""
    report = yield
    if report.failed and "tmp_path" in item.funcargs:
        for path in sorted(item.funcargs["tmp_path"].glob("*log*")):
            if path.is_file():
                report.sections.append((f"the end of {path.name}", path.read_text(errors="replace")[-TAIL:]))
    return report


@pytest.fixture
def told(record_property):
    """Say in one line what was done, how many times, and what came of it: `told("kill -9 of a worker", "150 times, …")`."""
    return lambda fault, words: record_property(TOLD, f"{fault}: {words}")


@pytest.fixture
def make_site(tmp_path):
    """Build a site over a database that the overrides name; all its nodes are stopped afterwards."""
    made = []

    def make(overrides):
        made.append(Site(overrides, tmp_path))
        return made[-1]

    yield make
    for site in made:
        site.stop()


@pytest.fixture
def site(database, make_site):
    """A prepared site on each database; not yet started."""
    return make_site({**database, "SQLITE_SYNCHRONOUS": "full"}).prepare()


@pytest.fixture
def sqlite_site(tmp_path, empty_sqlite, make_site):
    """A prepared site on SQLite, for what does not depend on the engine; not yet started."""
    instance = tmp_path / "instance"
    instance.mkdir(mode=0o700)
    shutil.copy(empty_sqlite, instance / "mintmark.sqlite")
    (instance / "mintmark.sqlite").chmod(0o600)
    return make_site({"INSTANCE": str(instance)}).prepare()
