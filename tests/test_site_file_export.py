"""An export holds everything but secrets and passwords, and imported into an empty site it gives itself again."""

import json
import stat
import subprocess
import sys
import tracemalloc

import pytest
from sqlalchemy import insert

from mintmark.database import bring_up_to_date
from mintmark.models import Person, db, writing
from mintmark.models.base import new_id
from mintmark.site_file.exporting import site_lines
from mintmark.site_file.reading import read_tree
from mintmark.site_file.variables import Variables
from tests.conftest import SEALING_KEY, SECRET, House
from tests.making import make_asset, make_attribute, make_group, make_person
from tests.test_site_file_import import EXAMPLE, imported
from tests.test_site_file_writing import HOSTILE

SHORT = [text for text in HOSTILE if len(text) <= 2000]


@pytest.fixture
def empty_site(tmp_path):
    """A second site, on SQLite."""
    (tmp_path / "second").mkdir(mode=0o700)
    second = House({"INSTANCE": str(tmp_path / "second"), "SEALING_KEY": SEALING_KEY})
    with second.app.app_context():
        bring_up_to_date(second.mint.settings)
    yield second
    second.close()


def exported(house):
    result = house.run("site", "export")
    assert result.exit_code == 0, result.output
    return result.stdout


def test_an_empty_site_is_a_short_file_that_imports(house):
    text = exported(house)

    sections = "attributes groups people signing_keys assets trusted_issuers openid_providers".split()
    assert text == "mintmark: 1\n" + "".join(f"{section}: []\n" for section in sections)
    assert imported(house, text) == []
    assert [row["event"] for row in house.log()] == ["site.exported"]


def test_an_export_is_sorted_and_readable(house):
    imported(house, EXAMPLE)

    assert (
        exported(house)
        == """mintmark: 1
attributes:
  - name: department
    label: Department
    type: text
    sensitive: false
    changed_by: administrators
groups:
  - name: staff
people:
  - username: jsmith
    id: 6f1c0000-0000-4000-8000-000000000001
    email: j.smith@example.test
    first_name: John
    last_name: Smith
    display_name: null
    is_admin: false
    live: true
    groups: [staff]
    roles: [user]
    permissions: ["users:read"]
    attributes: {department: "R&D"}
signing_keys: []
assets:
  - path: integrations/helpdesk
    name: Help desk
    algorithm: HS256
    secret: {env: MINTMARK_SECRET_INTEGRATIONS__HELPDESK}
    headers: {kid: my-key}
    template: |
      {"sub": "{{ user.username }}", "admin": {{ asset.can_edit }}}
    lifetime: 600
    backdate: 0
    claims: {iat: true, jti: true, nbf: false}
    readers: [staff]
    editors: []
    origins: ["https://app.example.test"]
    answer: {form: raw, methods: [GET]}
    params: [{name: nonce}, {name: room, one_of: [a, b]}]
    live: true
trusted_issuers: []
openid_providers: []
"""
    )


def hostile_site(house):
    """Fill a site with everything that YAML could misread; return the variables that its secrets come from."""
    for name in ("no", "Yes", "012", "1e3", "2024-01-01", "- a", "#a", "a: b", "\U0001f600", "null", "Zoë", "Z", "a"):
        make_group(house, name)
        make_person(
            house, name, password=None, groups=[name], first_name=name, email=f"{name}@x", roles=sorted([name, "~"])
        )
    for kind, values in {
        "text": SHORT,
        "number": [0, -1, 1.0, 0.1, 1e300, -0.0, 10**20 - 1],
        "boolean": [True, False],
        "list": [[], SHORT],
    }.items():
        make_attribute(house, kind + "_of", kind)
        for n, value in enumerate(values):
            make_person(house, f"{kind}-{n}", password=None, live=False, attributes={kind + "_of": value})
    beside = {"no": SHORT[:30], "<<": {"a\nb": {"": [0, 1.0, True, None]}}, "\u2028": "\ufeff", "x" * 1500: "y"}
    answer = {"form": "json", "field": "yes", "beside": beside}
    odd = '{"a":  \n\t"b" ,\r\n"c": "\\u2028 \x85 \u2029"}  \n\n'
    for path, fields in {
        "a-b": {"template": odd, "answer": answer, "headers": {"kid": "012", "typ": "no"}},
        "a_b": {"template": '\n {"a": "é"}', "lifetime": None, "readers": ["no", "Zoë"], "editors": ["012"]},
        "a_b_2": {"template": '{\t"a": 1\t}', "params": [{"name": "no", "one_of": ["1e3", "true", "-"]}]},
        "a/b": {"template": "{}", "name": "\u202e no", "live": False, "claims": {"iat": False}},
        "0": {"template": '{"a": "' + "x" * 300 + '"}', "origins": ["https://a.test", "http://localhost:1"]},
    }.items():
        make_asset(house, path, **fields)
    make_asset(house, "weak", secret="weak but text", weak=True)
    plain = ["A_B", "A_B_2", "A_B_2_2", "A__B", "0"]
    return {**{f"MINTMARK_SECRET_{name}": SECRET for name in plain}, "MINTMARK_SECRET_WEAK": "weak but text"}


def test_an_export_imported_into_an_empty_site_gives_the_same_export_again(house, empty_site):
    variables = hostile_site(house)
    text = exported(house)

    lines = imported(empty_site, text, env=variables)

    # Then both sites export the same, byte for byte, and know the file already
    assert {line[0] for line in lines} == {"+"}
    assert exported(empty_site) == text
    assert imported(house, text) == imported(empty_site, text) == imported(house, text, "--prune") == []


def test_the_names_of_variables_are_unique_and_say_the_path():
    variables = Variables(["a-b", "a/b", "a_b", "a_b_2", "a__b"])

    names = [variables.of_asset(path) for path in ("a-b", "a/b", "a_b", "a_b_2", "a__b")]

    assert names == [f"MINTMARK_SECRET_{name}" for name in ("A_B", "A__B", "A_B_2", "A_B_2_2", "A__B_2")]


def test_a_secret_that_is_no_text_is_asked_for_in_base64(house, empty_site):
    # Given a secret of bytes that no variable can hold as they are
    secret = {"hex": "ff00" * 16}
    imported(house, {"assets": [{"path": "desk", "name": "x", "template": "{}", "secret": secret}]})

    text = exported(house)

    assert "secret: {as: base64, env: MINTMARK_SECRET_DESK}" in text
    imported(empty_site, text, env={"MINTMARK_SECRET_DESK": "/wD/AP8A/wD/AP8A/wD/AP8A/wD/AP8A/wD/AP8A/wA="})
    assert exported(empty_site) == text


def test_an_export_to_a_file_is_its_owners_alone_whole_and_replaces(sqlite_house, tmp_path):
    # Given a file that everybody may read
    imported(sqlite_house, EXAMPLE)
    file = tmp_path / "site.yaml"
    file.write_text("old")
    file.chmod(0o644)

    result = sqlite_house.run("site", "export", str(file))

    assert (result.exit_code, result.output) == (0, "")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text() == exported(sqlite_house)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["site.yaml"]
    assert len(sqlite_house.log("site.exported")) == 2
    assert sqlite_house.run("site", "import", str(file), "--dry-run").exit_code == 0


def test_a_file_that_cannot_be_written_is_said_and_nothing_is_noted(sqlite_house, tmp_path):
    result = sqlite_house.run("site", "export", str(tmp_path / "none" / "site.yaml"))

    assert result.exit_code == 1 and result.stderr.endswith("site.yaml: No such file or directory\n")
    assert sqlite_house.log("site.exported") == []


def test_trash_and_undeclared_things_stay_at_home(house):
    imported(house, EXAMPLE)
    imported(house, "mintmark: 1", "--prune")

    text = exported(house)

    assert read_tree(text).root["assets"] == [] and "live: false" in text


@pytest.mark.slow
def test_serving_pages_never_loads_the_site_file(tmp_path):
    found = "[name for name in sys.modules if name == 'yaml' or name.startswith('mintmark.site_file')]"
    code = f"import app, sys; app.create_app({{'INSTANCE': {str(tmp_path)!r}}}); print({found})"

    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert result.stdout == "[]\n"


@pytest.mark.slow
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)  # Whose driver would fetch all rows at once.
def test_many_people_stream(house):
    with house.app.app_context():
        with writing():
            for start in range(0, 30_000, 10_000):
                rows = [
                    {"id": new_id(), "username": f"u{n}", "username_key": f"u{n}", "created_at": 1,
                     "attributes": {}, "roles": [], "permissions": [], "is_admin": False, "live": True}
                    for n in range(start, start + 10_000)
                ]  # fmt: skip
                db.session.execute(insert(Person), rows)
        tracemalloc.start()
        count = sum(
            line.startswith("  - username") for line in site_lines(sealer=house.mint.settings.sealer, now=house.clock())
        )
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    assert count == 30_000 and peak < 20_000_000


def test_the_lines_of_a_person_are_the_fields_of_the_design(house):
    make_person(house, "ben")

    [entry] = read_tree(exported(house)).root["people"]

    assert (
        list(entry)
        == (
            "username id email first_name last_name display_name is_admin live groups roles permissions attributes"
        ).split()
    )
    assert "argon2" not in json.dumps(entry)
