"""Settings: read once, taken out of the environment, and refused with words where they cannot be right."""

import base64
import os
import re
import stat
from pathlib import Path

import pytest

from mintmark.config import SETTINGS, Limit, read_settings, take_settings
from mintmark.errors import ConfigurationError

KEY = "k1:" + base64.b64encode(b"k" * 32).decode()


@pytest.fixture
def read(tmp_path):
    return lambda **settings: read_settings(
        {
            "MINTMARK_INSTANCE": str(tmp_path / "i"),
            **{"MINTMARK_" + name: value for name, value in settings.items()},
        }
    )


def test_without_settings_there_is_a_whole_site_on_sqlite_with_a_key_of_its_own(read, tmp_path):
    settings = read()

    assert settings.database_url == f"sqlite:///{tmp_path / 'i' / 'mintmark.sqlite'}"
    assert (settings.bind, settings.workers, settings.session_idle, settings.session_lifetime) == (
        "127.0.0.1:8000",
        2,
        3600,
        43200,
    )
    assert (settings.limit_sign_in, settings.limit_tokens) == (Limit(10, 60), Limit(600, 60))
    assert stat.S_IMODE((tmp_path / "i").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "i" / "sealing-key").stat().st_mode) == 0o600


def test_the_key_that_was_made_is_found_again(read):
    assert read().sealer.fingerprint(b"x") == read().sealer.fingerprint(b"x")


def test_a_folder_that_others_may_read_is_closed(read, tmp_path):
    (tmp_path / "i").mkdir(mode=0o755)
    read()

    assert stat.S_IMODE((tmp_path / "i").stat().st_mode) == 0o700


def test_settings_are_taken_out_of_the_environment_but_for_what_imports_read(tmp_path):
    environ = {
        "MINTMARK_INSTANCE": str(tmp_path),
        "MINTMARK_SEALING_KEY": KEY,
        "MINTMARK_SECRET_A": "s",
        "PATH": "/bin",
    }

    take_settings(environ=environ)

    assert environ == {"MINTMARK_SECRET_A": "s", "PATH": "/bin"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WORKER", "2"),
        ("workers", "2"),
        ("WORKERS", "0"),
        ("WORKERS", "two"),
        ("WORKERS", "-1"),
        ("WORKERS", "²"),
        ("BIND", "8000"),
        ("BIND", "127.0.0.1:"),
        ("BIND", "127.0.0.1:99999"),
        ("BIND", "0.0.0.0:8000"),
        ("BIND", "[::]:8000"),
        *(
            ("BIND", bind)
            for bind in (
                "0:80",
                "*:80",
                "0x0:80",
                "[::0]:80",
                "[::ffff:0.0.0.0]:80",
                "00.0.0.0:80",
                "[0:0:0:0:0:0:0:0]:80",
            )
        ),
        *(
            ("BASE_URL", "https://" + rest)
            for rest in ("x.org:abc", "exa mple.org", "b\u00fccher.example", "x.org:99999", "")
        ),
        ("REDIS_URL", "memory://"),
        ("REDIS_URL", "redis://127.0.0.1:99999"),
        ("BIND", "::1:8000"),
        ("BIND", "[::1:8000"),
        ("BIND", "127.0.0.1:\u0663"),
        ("REDIS_URL", "foo://x"),
        ("DATABASE_URL", "postgresql://h:abc/d"),
        ("BASE_URL", "tokens.example.test"),
        ("BASE_URL", "ftp://tokens.example.test"),
        ("BASE_URL", "https://u:p@tokens.example.test"),
        ("BASE_URL", "https://tokens.example.test/?a=b"),
        ("BASE_URL", "https://tokens.example.test/a//b"),
        ("DATABASE_URL", "mysql://localhost/x"),
        ("SEALING_KEY", "k1:c2hvcnQ="),
        ("SEALING_KEY", ""),
        ("TRUSTED_PROXIES", "yes"),
        ("LIMIT_SIGN_IN", "10"),
        ("LIMIT_SIGN_IN", "0 per minute"),
        ("LIMIT_TOKENS", "ten per minute"),
        ("SESSION_IDLE", "1"),
        ("SQLITE_SYNCHRONOUS", "off"),
        *(
            ("METRICS_TOKEN", token)
            for token in ("", "short", "x" * 19, "with a space " * 3, "ä" * 30, "x" * 201, "x" * 20 + "\n")
        ),
        ("CROSS_SITE", "yes"),
        ("CROSS_SITE", "1"),
    ],
)
def test_what_cannot_be_right_stops_the_start(read, name, value):
    with pytest.raises(ConfigurationError):
        read(**{name: value})


def test_an_unknown_setting_is_named(read):
    with pytest.raises(ConfigurationError, match="MINTMARK_SEALINGKEY"):
        read(SEALINGKEY="x")


def test_no_refusal_repeats_a_sealing_key_and_repr_hides_what_is_secret(read):
    with pytest.raises(ConfigurationError) as refusal:
        read(SEALING_KEY="k1 " + KEY[3:])
    with pytest.raises(ConfigurationError, match="MINTMARK_METRICS_TOKEN") as other:
        read(METRICS_TOKEN="hush hush hush hush hush hush")
    settings = read(
        SEALING_KEY=KEY, DATABASE_URL="postgresql://u:hush@h/d", REDIS_URL="redis://:hush@h/0", METRICS_TOKEN="hush" * 9
    )

    assert KEY[3:] not in str(refusal.value) and "hush" not in str(other.value)
    assert KEY[3:] not in repr(settings) and "hush" not in repr(settings)


def test_the_base_url_decides_host_cookie_and_path(read):
    settings = read(BASE_URL="https://www.Uni.test/tokens/", BIND="0.0.0.0:8000", CROSS_SITE="1")

    assert settings.base_url == "https://www.uni.test/tokens"
    assert (settings.is_https, settings.base_path, settings.hosts) == (True, "/tokens", {"www.uni.test"})


def test_readme_lists_every_setting_with_its_default():
    readme = (Path(__file__).parent.parent / "README.md").read_text()
    rows = dict(re.findall(r"^\| `MINTMARK_([A-Z_]+)` \| (.*?) \| .* \|$", readme, re.M))

    assert rows == {name: default for name, (_, default, _) in SETTINGS.items()}


def test_two_processes_that_start_at_once_agree_on_one_key(tmp_path):
    folder = tmp_path / "race"
    folder.mkdir(mode=0o700)
    children = []
    for _ in range(8):
        child = os.fork()
        if child == 0:
            prints = read_settings({"MINTMARK_INSTANCE": str(folder)}).sealer.fingerprint(b"x")
            (tmp_path / f"print-{os.getpid()}").write_text(prints)
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)

    assert len({path.read_text() for path in tmp_path.glob("print-*")}) == 1
    assert [path.name for path in folder.iterdir()] == ["sealing-key"]


@pytest.mark.parametrize(("given", "kept"), [("https://x.org:443", "https://x.org"), ("http://X.org:80/a/", "http://x.org/a"),
                                             ("https://x.org:8443", "https://x.org:8443"), ("https://[::1]:8443", "https://[::1]:8443"),
                                             ("http://[0:0:0:0:0:0:0:1]:8000", "http://[::1]:8000")])  # fmt: skip
def test_a_base_url_is_kept_as_browsers_write_an_origin(read, given, kept):
    assert read(BASE_URL=given).base_url == kept


def test_a_database_without_its_key_gets_no_other_one(read, tmp_path):
    read()
    (tmp_path / "i" / "sealing-key").unlink()
    (tmp_path / "i" / "mintmark.sqlite").touch()

    with pytest.raises(ConfigurationError, match="sealing-key"):
        read()
    assert not (tmp_path / "i" / "sealing-key").exists()


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"no key"])
def test_a_key_file_that_holds_none_stops_the_start(read, tmp_path, content):
    read()
    (tmp_path / "i" / "sealing-key").write_bytes(content)

    with pytest.raises(ConfigurationError):
        read()


def test_a_key_file_that_others_may_read_is_closed(read, tmp_path):
    read()
    (tmp_path / "i" / "sealing-key").chmod(0o644)
    read()

    assert stat.S_IMODE((tmp_path / "i" / "sealing-key").stat().st_mode) == 0o600


def test_a_host_is_known_in_lower_case_and_loopback_is_not_exposed(read):
    assert "myhost" in read(BIND="MyHost:8000").hosts
    assert not read(BIND="127.0.0.2:8000").is_exposed and not read(BIND="[::1]:8000").is_exposed
    assert read(BIND="192.0.2.1:8000").is_exposed
