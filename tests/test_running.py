"""What docs/running.md says of this site is so, and systemd takes the units beside it."""

import configparser
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from docs import scale
from mintmark import serve
from mintmark.config import PREFIX, SETTINGS
from mintmark.figures import COUNTED
from mintmark.log import EVENTS
from mintmark.models.base import MORE_FOR_A_WHILE, POOL_SIZE
from mintmark.models.wire import MOST_CONNECTIONS
from tests.conftest import skip_or_fail
from tests.serving import ROOT
from tests.test_architecture import MODULES

DOCS = ROOT / "docs"
RUNNING = (DOCS / "running.md").read_text()
TIMED = ("tidy", "backup", "log")
SERVICES = ("mintmark.service", *(f"mintmark-{name}.service" for name in TIMED))
UNITS = (*SERVICES, *(f"mintmark-{name}.timer" for name in TIMED))
SOURCE = {path: path.read_text() for path in MODULES.values()}


def unit(name):
    """Return the sections of a unit; of what is said several times the last."""
    parser = configparser.RawConfigParser(strict=False, comment_prefixes=("#",), delimiters=("=",))
    parser.optionxform = str
    parser.read_string((DOCS / name).read_text())
    return {section: dict(parser[section]) for section in parser.sections()}


# The text


def test_every_event_that_is_said_on_standard_output_is_explained():
    said = {event for text in SOURCE.values() for event in re.findall(r'\bsay\(\s*"([a-z_.]+)"', text)}
    said |= {event for text in SOURCE.values() for event in re.findall(r'to_json\(\{"event": "([a-z_.]+)"', text)}
    table = RUNNING.partition("Standard output has")[2].partition("\n\nIn the log itself")[0]

    assert set(re.findall(r"^\| `([a-z_.]+)` \|", table, re.MULTILINE)) == said


def test_every_figure_that_is_watched_is_there():
    there = set(re.findall(r'"(mintmark_[a-z_]+)"', (ROOT / "mintmark/web/metrics.py").read_text()))
    there |= {f"mintmark_node_{name}" for name in COUNTED}
    watched = set(re.findall(r"`(mintmark_[a-z_]+)[`{]", RUNNING))

    assert {name.removesuffix("_total") for name in watched} == there


def test_what_is_named_is_there():
    names = set(re.findall(r"\b[a-z_]+\.[a-z_]+\b", RUNNING.partition("In the log itself")[2].partition("\n\n")[0]))
    assert names and names <= EVENTS.keys()
    settings = {name.removeprefix(PREFIX) for name in re.findall(rf"{PREFIX}[A-Z_]+", RUNNING)}
    assert settings and settings <= SETTINGS.keys()
    for target in re.findall(r"\]\(([^)#:]+)", RUNNING):
        assert (DOCS / target).exists(), target


def test_the_number_of_connections_is_that_of_the_code():
    for_pages = POOL_SIZE + MORE_FOR_A_WHILE
    most = MOST_CONNECTIONS + for_pages

    assert f"| {most} × workers of all nodes, and 20 more |" in RUNNING
    assert f"at most {MOST_CONNECTIONS} connections for tokens" in RUNNING and f"{for_pages} for pages" in RUNNING
    assert f"Two nodes of two workers: {4 * most + 20}." in RUNNING
    assert f"keeps up to {MOST_CONNECTIONS + POOL_SIZE} |" in RUNNING
    assert f"at most {most} connections" in (ROOT / "README.md").read_text()
    assert f"Connections are {most} a worker at most" in scale.PAGE.read_text()


def test_no_setting_has_a_comment_behind_it_which_would_be_part_of_its_value():
    settings = re.findall(rf"^    ({PREFIX}[A-Z_]+=.*)$", RUNNING, re.MULTILINE)

    assert len(settings) > 6
    assert not [line for line in settings if re.search(r"=.*\s#", line)]


def test_nothing_writes_over_the_only_copy_of_the_log():
    written = re.findall(r"log export > (\S+)", RUNNING)

    assert "/srv/elsewhere/log.new" in written and "/srv/elsewhere/log.jsonl" not in written


def test_what_follows_from_the_measured_figures_was_worked_out_from_them():
    text = scale.PAGE.read_text()

    assert scale.write_anew(text) == text, "python -m docs.scale"
    assert scale.read("| `node_cpu` | 1,126.5 µs | x |\n| `people` | 10 | x |") == {"node_cpu": 1126.5, "people": 10}


# systemd


def test_the_service_has_time_to_stop_and_is_started_again_whatever_ended_it():
    service = unit("mintmark.service")["Service"]

    assert int(service["TimeoutStopSec"]) > serve._STOP_SECONDS
    assert (service["Restart"], service["KillMode"], service["OOMPolicy"]) == ("always", "mixed", "continue")
    assert unit("mintmark.service")["Unit"]["StartLimitIntervalSec"] == "0"


def test_all_services_run_as_the_same_user_on_the_same_folder_with_as_little_as_can_be():
    service, *timed = (unit(name)["Service"] for name in SERVICES)
    own = {"Type", "ExecStart", "Restart", "RestartSec", "KillMode", "TimeoutStopSec", "OOMPolicy", "LimitNOFILE"}
    own |= {"TimeoutStartSec", "ReadWritePaths"}

    shared = {name: value for name, value in service.items() if name not in own}
    for each in timed:
        assert {name: value for name, value in each.items() if name not in own} == shared
    assert (service["StateDirectoryMode"], service["UMask"], service["User"]) == ("0700", "0077", "mintmark")
    assert (service["NoNewPrivileges"], service["ProtectSystem"]) == ("yes", "strict")
    assert service["CapabilityBoundingSet"] == "" and service["LimitCORE"] == "0"
    assert not any(name.startswith(PREFIX) for name in service) and "SEALING_KEY" not in str(service)


def command_of(name, tmp_path, flask):
    """Return what a unit runs, with another program in place of flask, and another folder in place of /srv."""
    program = tmp_path / "flask"
    program.write_text(f"#!/bin/sh\n{flask}\n")
    program.chmod(0o755)
    line = unit(name)["Service"]["ExecStart"].replace("/opt/mintmark/.venv/bin/flask", str(program))
    return [part.replace("%%", "%").replace("$$", "$") for part in shlex.split(line.replace("/srv", str(tmp_path)))]


def test_a_log_that_could_not_be_collected_leaves_the_one_that_was(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    log = tmp_path / "elsewhere/log.jsonl"
    log.write_text("before\n")

    failed = subprocess.run(command_of("mintmark-log.service", tmp_path, "echo half; exit 1"), timeout=30)
    assert (failed.returncode, log.read_text()) == (1, "before\n")

    subprocess.run(command_of("mintmark-log.service", tmp_path, 'echo "$@"'), check=True, timeout=30)
    assert log.read_text() == "--app app log export\n"
    assert [path.name for path in log.parent.iterdir()] == ["log.jsonl"]


def test_each_backup_has_a_name_of_its_own_and_its_failure_is_one_of_the_unit(tmp_path):
    command = command_of("mintmark-backup.service", tmp_path, 'echo "$@"; exit 1')

    done = subprocess.run(command, capture_output=True, text=True, timeout=30)

    assert done.returncode == 1
    assert re.fullmatch(rf"--app app backup {tmp_path}/backups/mintmark-\d{{4}}-\d\d-\d\d-\d{{4}}\n", done.stdout)


def test_commands_have_the_user_the_folder_and_the_settings_of_the_service(tmp_path):
    # Given programs that say how they were called, and that root calls them,
    for name, does in (("id", "echo 0"), ("systemd-run", 'printf "%s\\n" "$@"')):
        (tmp_path / name).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / name).chmod(0o755)

    # when a command is given an argument with a space,
    command = ["/bin/sh", str(DOCS / "mintmark.sh"), "mint", "a b"]
    path = f"{tmp_path}:/usr/bin:/bin"
    said = subprocess.run(command, env={"PATH": path}, capture_output=True, text=True, check=True, timeout=30)

    # then it runs as the service does.
    lines = said.stdout.splitlines()
    service = unit("mintmark.service")["Service"]
    given = dict(lines[at + 1].split("=", 1) for at, line in enumerate(lines) if line == "-p")
    assert given and given == {name: service[name] for name in given}
    assert {"User", "UMask", "WorkingDirectory", "EnvironmentFile", "Environment"} <= given.keys()
    assert lines[-5:] == ["/opt/mintmark/.venv/bin/flask", "--app", "app", "mint", "a b"]
    assert "--wait" in lines and "--pipe" in lines


@pytest.mark.slow
def test_systemd_takes_the_units_and_finds_them_well_shut(tmp_path):
    program = shutil.which("systemd-analyze") or skip_or_fail("systemd-analyze is needed: apt-get install systemd")
    here = Path(sys.executable).parent
    for name in UNITS:
        text = (DOCS / name).read_text().replace("/opt/mintmark/.venv/bin", str(here))
        (tmp_path / name).write_text(text.replace("=/opt/mintmark", f"={ROOT}"))

    paths = [str(tmp_path / name) for name in UNITS]
    verified = subprocess.run([program, "verify", "--man=no", *paths], capture_output=True, text=True, timeout=30)

    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")
    for path in paths[: len(SERVICES)]:
        command = [program, "security", "--no-pager", "--offline=true", "--threshold=20", path]
        shut = subprocess.run(command, capture_output=True, text=True, timeout=30)
        assert shut.returncode == 0, shut.stdout  # Of 100, where a plain service has 96.
