"""An import takes over all of a file or nothing, changes what differs, and writes nothing where nothing does."""

import base64
import json
import sqlite3
import threading
import time
from pathlib import Path

import jwt
import psycopg
import pytest
from sqlalchemy import text

from mintmark import site
from mintmark.models import db
from tests.conftest import PASSWORD, SECRET
from tests.making import change_asset, make_asset, make_attribute, make_group, make_person
from tests.test_site_file_errors import ID, everything

NEW_PASSWORD = "c4n4ry of a new password"
EXAMPLE = f"""mintmark: 1
attributes:
  - {{name: department, label: Department, type: text, sensitive: false, changed_by: administrators}}
groups: [{{name: staff}}]
people:
  - username: jsmith             # a comment
    id: {ID}
    password: {NEW_PASSWORD}
    email: j.smith@example.test
    first_name: John
    last_name: Smith
    display_name: null
    is_admin: false
    live: true
    groups: [staff]
    roles: [user]
    permissions: ["users:read"]
    attributes: {{department: R&D}}
assets:
  - path: integrations/helpdesk
    name: Help desk
    algorithm: HS256
    secret: {{text: "{SECRET}", weak: false}}
    headers: {{kid: my-key}}
    template: |
      {{"sub": "{{{{ user.username }}}}", "admin": {{{{ asset.can_edit }}}}}}
    lifetime: 600
    backdate: 0
    claims: {{iat: true, jti: true, nbf: false}}
    readers: [staff]
    editors: []
    origins: [https://app.example.test]
    answer: {{form: raw}}
    params: [{{name: nonce}}, {{name: room, one_of: [a, b]}}]
    live: true
"""


def imported(house, document, *flags, env=None):
    """Import a document that is to be accepted, and return the lines of what was changed."""
    text = document if isinstance(document, str) else json.dumps({"mintmark": 1, **document})
    result = house.run("site", "import", "-", *flags, input=text, env=env)
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


def refused(house, document, *flags, env=None):
    text = document if isinstance(document, str) else json.dumps({"mintmark": 1, **document})
    result = house.run("site", "import", "-", *flags, input=text, env=env)
    assert (result.exit_code, result.stdout) == (1, "")
    return result.stderr


def person(house, username):
    [row] = house.rows("SELECT * FROM person WHERE username = :username", username=username)
    return row


def definition(house, path):
    sql = "SELECT r.definition FROM asset a JOIN revision r ON r.asset_id = a.id AND r.number = a.revision"
    [row] = house.rows(sql + " WHERE a.path = :path AND a.trashed_at IS NULL", path=path)
    return json.loads(row["definition"]) if isinstance(row["definition"], str) else row["definition"]


def asset(path="desk", **fields):
    template = '{"sub": "{{ user.username }}"}'
    return {"path": path, "name": "Desk", "template": template, "secret": {"text": SECRET}, **fields}


def token_of(house, username, path="desk"):
    result = house.run("mint", path, "--as", username)
    assert result.exit_code == 0, result.output
    return result.stdout.strip()


def test_the_example_of_the_design_is_taken_over(house):
    # Given a site without people, when the example is imported
    lines = imported(house, EXAMPLE)

    # Then everything is there, the person signs in, and their token is the help desk's
    assert lines == [
        "+ attributes department",
        "+ groups staff",
        "+ people jsmith",
        "+ assets integrations/helpdesk",
    ]
    assert person(house, "jsmith")["id"] == ID
    client = house.sign_in("jsmith", NEW_PASSWORD)
    token = client.get("/integrations/helpdesk").text
    claims = jwt.decode(token, SECRET, ["HS256"], options={"verify_exp": False, "verify_iat": False})
    assert (claims["sub"], claims["admin"]) == ("jsmith", False)
    assert jwt.get_unverified_header(token)["kid"] == "my-key"
    events = [row["event"] for row in house.log()][:5]
    assert events == ["attribute.declared", "group.created", "person.created", "asset.created", "site.imported"]
    [row] = house.log("site.imported")
    assert json.loads(row["detail"])["people"] == {"made": 1} and row["actor"].startswith("command")


def test_json_says_the_same_as_yaml(house):
    document = {
        "groups": [{"name": "staff"}],
        "people": [{"username": "ada \U0001f600", "groups": ["STAFF"]}],
        "assets": [asset()],
    }

    assert imported(house, document) == ["+ groups staff", "+ people ada \U0001f600", "+ assets desk"]


def test_a_second_import_of_the_same_file_writes_nothing(house):
    # Given an imported file, and what happens with reset passwords that are the same
    imported(house, EXAMPLE)
    before = everything(house)

    house.clock.advance(100)

    assert imported(house, EXAMPLE, "--reset-passwords") == []
    assert imported(house, EXAMPLE.replace(f"    password: {NEW_PASSWORD}\n", ""), "--prune") == []
    assert everything(house) == before


def test_a_dry_run_says_what_the_import_does_and_changes_nothing(house):
    make_person(house, "ada", password=None, is_admin=True)
    make_person(house, "ben", password=None)
    make_asset(house, "old/path")
    make_asset(house, "desk")
    document = {
        "groups": [{"name": "staff"}],
        "people": [{"username": "ada"}, {"username": "eve", "password": NEW_PASSWORD, "groups": ["staff"]}],
        "assets": [asset(name="desk", lifetime=60), asset("new", lifetime=None)],
    }
    before = everything(house)

    dry = house.run("site", "import", "-", "--dry-run", "--prune", input=json.dumps({"mintmark": 1, **document}))

    assert dry.exit_code == 0 and everything(house) == before
    assert dry.stdout.splitlines() == [
        "+ groups staff",
        "+ people eve",
        "- people ben",
        "~ assets desk: lifetime",
        "+ assets new",
        "- assets old/path",
    ]
    real = house.run("site", "import", "-", "--prune", input=json.dumps({"mintmark": 1, **document}))
    assert (real.exit_code, real.stdout, real.stderr) == (0, dry.stdout, dry.stderr)
    assert (
        house.run(
            "site",
            "import",
            "-",
            "--dry-run",
            "--prune",
            input=json.dumps({"mintmark": 1, **document, "people": [{"username": "ada"}, {"username": "eve"}]}),
        ).stdout
        == ""
    )


def test_one_wrong_entry_and_nothing_of_the_file_is_taken_over(house):
    before = everything(house)

    refused(
        house, {"groups": [{"name": "a"}], "people": [{"username": "x"}], "assets": [asset(), asset("b", lifetime=1)]}
    )

    assert everything(house) == before


def test_what_fails_in_the_middle_of_the_writing_leaves_nothing_behind(sqlite_house):
    # Given a database that refuses the last row of an import
    with sqlite_house.app.app_context(), db.engine.begin() as connection:
        connection.execute(text("CREATE TRIGGER no BEFORE INSERT ON revision BEGIN SELECT RAISE(ABORT, 'no'); END"))
    before = everything(sqlite_house)

    words = refused(sqlite_house, EXAMPLE)

    assert words.startswith("error: Somebody else changed the same entries") and everything(sqlite_house) == before


def test_an_absent_field_keeps_its_value_on_an_existing_entry_and_takes_its_default_on_a_new_one(house):
    imported(house, EXAMPLE.replace("lifetime: 600", "lifetime: 700"))
    before = person(house, "jsmith"), definition(house, "integrations/helpdesk")

    assert imported(house, {"people": [{"username": "jsmith"}], "assets": [{"path": "/integrations/helpdesk"}]}) == []
    imported(house, {"people": [{"username": "new"}], "assets": [asset("new")]})

    assert (person(house, "jsmith"), definition(house, "integrations/helpdesk")) == before
    new = person(house, "new")
    assert (bool(new["is_admin"]), bool(new["live"]), new["email"]) == (False, True, None)
    assert definition(house, "new")["lifetime"] == 600 and definition(house, "new")["readers"] == "everyone"


def test_a_list_replaces_the_list_and_lines_name_the_fields(house):
    imported(house, EXAMPLE)
    make_group(house, "other")

    lines = imported(
        house,
        {
            "attributes": [{"name": "department", "label": "Dept.", "sensitive": True}],
            "people": [{"username": "JSmith", "groups": ["other"], "roles": [], "email": None, "attributes": {}}],
            "assets": [{"path": "integrations/helpdesk", "readers": ["other", "Staff"], "params": []}],
        },
    )

    assert lines == [
        "~ attributes department: label, sensitive",
        "~ people JSmith: username, roles, email, attributes, groups",
        "~ assets integrations/helpdesk: params, readers",
    ]
    assert person(house, "JSmith")["id"] == ID  # issued as typed, still the same person
    names = house.rows("SELECT g.name FROM membership m JOIN people_group g ON g.id = m.group_id")
    assert [row["name"] for row in names] == ["other"]
    assert len(definition(house, "integrations/helpdesk")["readers"]) == 2
    assert house.rows("SELECT number FROM revision ORDER BY number") == [{"number": 1}, {"number": 2}]


@pytest.mark.parametrize(("present", "new"), [(1, True), (1, 1.0), ({"a": 1}, {"a": True}), ([0], [False])])
def test_true_is_not_1_and_1_is_not_1_0(sqlite_house, present, new):
    answer = {"form": "json", "beside": {"x": present}}
    imported(sqlite_house, {"assets": [asset(answer=answer)]})

    lines = imported(sqlite_house, {"assets": [asset(answer={**answer, "beside": {"x": new}})]})

    assert lines == ["~ assets desk: answer"]


def test_the_spelling_of_a_group_is_changed_as_typed(house):
    make_group(house, "staff")
    make_asset(house, "desk", readers=["staff"])

    assert imported(house, {"groups": [{"name": "Staff"}], "assets": [{"path": "desk", "readers": ["STAFF"]}]}) == [
        "~ groups Staff: name"
    ]
    assert house.rows("SELECT name FROM people_group") == [{"name": "Staff"}]
    assert json.loads(house.log("site.imported")[0]["detail"])["respelled_groups"] == ["Staff"]


def test_entries_may_name_groups_and_attributes_of_the_site_and_of_the_file(sqlite_house):
    make_group(sqlite_house, "old")
    make_attribute(sqlite_house, "floor", "number")

    imported(
        sqlite_house,
        {
            "attributes": [{"name": "tags", "type": "list"}],
            "groups": [{"name": "new"}],
            "people": [{"username": "x", "groups": ["OLD", "NEW"], "attributes": {"floor": 2.5, "tags": ["b", "a"]}}],
            "assets": [
                asset(
                    template='{"t": {{ user.attributes.tags | default([]) }}, "f": {{ user.attributes.floor | omit }}}'
                )
            ],
        },
    )

    claims = jwt.decode(token_of(sqlite_house, "x"), options={"verify_signature": False})
    assert (claims["t"], claims["f"]) == (["b", "a"], 2.5)


def test_prune_takes_away_what_is_not_in_the_file(house):
    # Given people who are signed in, and assets
    make_person(house, "ada", is_admin=True)
    make_person(house, "ben")
    make_person(house, "mallory", password=None, live=False)
    make_asset(house, "old")
    ben = house.signed_in("ben")

    lines = imported(house, {"people": [{"username": "ada"}], "assets": [asset("new")]}, "--prune")

    # Then they are switched off and signed out; who was off before is not told
    assert lines == ["- people ben", "+ assets new", "- assets old"]
    assert ben.get("/old").status_code == 404 and ben.get("/new").status_code == 403
    assert not person(house, "ben")["live"]
    assert [row["event"] for row in house.log("asset.trashed")] == ["asset.trashed"]
    assert [row["person"] for row in house.log("person.revised")] == [person(house, "ben")["id"]]


def test_the_last_live_administrator_stays(house):
    make_person(house, "ada", password=None, is_admin=True)
    make_person(house, "ben", password=None)
    words = "error: site file: people: would leave the site without a live administrator\n"

    assert refused(house, {"people": [{"username": "ben"}]}, "--prune") == words
    assert (
        refused(
            house,
            {"people": [{"username": "ada", "is_admin": False}, {"username": "x", "is_admin": True, "live": False}]},
        )
        == words
    )
    # When somebody takes over in the same file, it is fine
    assert imported(house, {"people": [{"username": "ada", "live": False}, {"username": "ben", "is_admin": True}]}) == [
        "~ people ada: live",
        "~ people ben: is_admin",
    ]


def test_an_empty_site_may_stay_without_an_administrator_and_the_first_one_closes_the_setup(house):
    def code():
        with house.app.app_context():
            return site.setup_code(sealer=house.mint.settings.sealer)

    imported(house, {"people": [{"username": "ben"}]})
    assert code() is not None

    imported(house, {"people": [{"username": "ada", "is_admin": True}]}, "--dry-run")
    assert code() is not None

    imported(house, {"people": [{"username": "ada", "is_admin": True}]})
    assert code() is None


def test_a_password_of_an_existing_person_is_set_only_where_that_was_asked_for(house):
    # Given somebody who is signed in with a password
    make_person(house, "ben")
    client = house.signed_in("ben")
    document = {"people": [{"username": "ben", "password": NEW_PASSWORD}]}

    assert "import with --reset-passwords to set it anew" in refused(house, document)
    assert imported(house, document, "--reset-passwords", "--dry-run") == ["~ people ben: password"]
    house.sign_in("ben", PASSWORD)
    assert imported(house, document, "--reset-passwords") == ["~ people ben: password"]

    # Then the new one signs in, and the old session has ended
    house.sign_in("ben", NEW_PASSWORD)
    assert client.get("/").headers["Location"].endswith("/login")
    assert len(house.log("person.password_set")) == 1 and house.log("person.revised") == []


def test_no_secret_and_no_password_stands_in_output_log_database_or_export(house, database):
    # Given a file with a secret and a password that nobody may see
    canary = "c4n4ry-secret-with-32-bytes-at-least!"
    text = EXAMPLE.replace(SECRET, canary)
    results = [
        house.run("site", "import", "-", *flags, input=text) for flags in (["--dry-run"], [], ["--reset-passwords"])
    ]
    results += [house.run("site", "import", "-", input=text), house.run("site", "export"), house.run("log", "export")]

    seen = "".join(result.output for result in results) + json.dumps(everything(house), default=repr)
    if "DATABASE_URL" not in database:
        house.close()
        seen += "".join(path.read_bytes().decode("latin-1") for path in (house.mint.settings.instance).iterdir())
    for value in (canary, NEW_PASSWORD):
        for form in (value, value.encode().hex(), base64.b64encode(value.encode()).decode()[:-4]):
            assert form not in seen


def test_a_secret_comes_from_a_variable_and_an_unset_one_keeps_the_secret(house, monkeypatch):
    document = {"people": [{"username": "ben"}], "assets": [asset(secret={"env": "MINTMARK_SECRET_DESK"})]}
    variable = {"MINTMARK_SECRET_DESK": SECRET}

    assert "assets desk: secret: MINTMARK_SECRET_DESK is not set" in refused(house, document)
    assert imported(house, document, env=variable) == ["+ people ben", "+ assets desk"]
    assert imported(house, document) == []
    assert imported(house, document, env=variable) == []
    assert imported(house, document, env={"MINTMARK_SECRET_DESK": SECRET[::-1]}) == ["~ assets desk: secret"]

    jwt.decode(token_of(house, "ben"), SECRET[::-1], ["HS256"], options={"verify_exp": False, "verify_iat": False})


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("short", "has 5 bytes; under 8 is never possible (from MINTMARK_SECRET_DESK)"),
        (" " + SECRET, "has white space at its beginning or end."),
        ("x" * 40 + "\udce9", "holds a character that is no text"),
        ("", "is empty (from MINTMARK_SECRET_DESK)"),
        ("-----BEGIN PRIVATE KEY-----" + "x" * 40, "looks like a key file"),
    ],
)
def test_a_bad_secret_of_a_variable_is_refused_in_words_without_it(sqlite_house, value, words):
    document = {"assets": [asset(secret={"env": "MINTMARK_SECRET_DESK"})]}

    found = refused(sqlite_house, document, env={"MINTMARK_SECRET_DESK": value})

    assert f"error: assets desk: secret: {words}" in found and (not value or value not in found)


@pytest.mark.parametrize("encoding", ["text", "base64", "base64url", "hex"])
def test_a_secret_is_read_as_it_says_given_or_from_a_variable(sqlite_house, encoding):
    value = SECRET.encode()
    forms = {
        "text": SECRET,
        "base64": base64.b64encode(value).decode(),
        "base64url": base64.urlsafe_b64encode(value).decode().rstrip("="),
        "hex": value.hex(),
    }
    imported(sqlite_house, {"assets": [asset("a", secret={encoding: forms[encoding]})]})

    document = {"assets": [asset("a", secret={"env": "DESK_KEY", "as": encoding})]}
    assert imported(sqlite_house, document, env={"DESK_KEY": forms[encoding]}) == []


def test_a_weak_secret_says_so_and_is_warned_about(sqlite_house):
    document = {"assets": [asset(secret={"text": "short but weak", "weak": True})]}

    result = sqlite_house.run("site", "import", "-", input=json.dumps({"mintmark": 1, **document}))

    assert result.exit_code == 0
    assert [line for line in result.stderr.splitlines() if line.startswith("warning: desk: ") and "weak" in line]


def test_warnings_stay_as_long_as_they_are_true(sqlite_house):
    document = {"mintmark": 1, "assets": [asset(lifetime=None)]}
    first = sqlite_house.run("site", "import", "-", input=json.dumps(document))

    second = sqlite_house.run("site", "import", "-", input=json.dumps(document))

    assert "warning: desk: has no lifetime" in first.stderr and first.stdout == "+ assets desk\n"
    assert "warning: desk: has no lifetime" in second.stderr and second.stdout == ""


def test_people_who_would_get_an_error_are_counted_in_a_warning(sqlite_house):
    document = {
        "people": [{"username": "ben"}, {"username": "eve", "last_name": "X"}],
        "assets": [asset(template='{"n": "{{ user.last_name }}"}')],
    }

    result = sqlite_house.run("site", "import", "-", "--dry-run", input=json.dumps({"mintmark": 1, **document}))

    assert any("1 of 2 readers" in line and "user.last_name" in line for line in result.stderr.splitlines())


def test_a_whole_asset_is_checked_where_the_file_names_one_field(sqlite_house):
    make_asset(sqlite_house, "desk", backdate=50)

    assert "assets desk: lifetime: is 59; with a backdate of 50" in refused(
        sqlite_house, {"assets": [{"path": "desk", "lifetime": 59}]}
    )


def test_a_path_in_the_trash_is_free(house):
    imported(house, {"assets": [asset()]})
    imported(house, {}, "--prune")

    assert imported(house, {"assets": [asset()]}) == ["+ assets desk"]
    assert len(house.rows("SELECT id FROM asset")) == 2


def test_a_secret_that_does_not_open_is_replaced_or_left_alone(sqlite_house):
    # Given an asset whose sealed secret was damaged
    imported(sqlite_house, {"assets": [asset()]})
    with sqlite_house.app.app_context(), db.engine.begin() as connection:
        connection.execute(text("UPDATE secret SET sealed = :junk"), {"junk": b"junk"})

    assert imported(sqlite_house, {"assets": [{"path": "desk", "lifetime": 60}]}) == ["~ assets desk: lifetime"]
    assert "assets desk: secret: " in refused(sqlite_house, {"assets": [{"path": "desk", "algorithm": "HS384"}]})
    assert imported(sqlite_house, {"assets": [asset(lifetime=60)]}) == ["~ assets desk: secret"]


def test_who_makes_the_same_person_at_the_same_time_makes_the_import_fail_whole(house, database):
    # Given somebody else in the middle of a transaction; on PostgreSQL it is committed while the import waits
    other = _Other(database)
    end = threading.Thread(target=other.commit_when_waited_for)
    end.start()

    words = refused(house, {"groups": [{"name": "staff"}], "people": [{"username": "x"}]})

    end.join()
    other.close()
    expected = "Somebody else changed the same entries" if other.is_postgresql else "The database cannot be "
    assert words.startswith(f"error: {expected}") and len(words.splitlines()) == 1
    assert house.rows("SELECT name FROM people_group") == []


class _Other:
    """Another program that is about to make the person `x`."""

    def __init__(self, database):
        self.is_postgresql, self._url = "DATABASE_URL" in database, database.get("DATABASE_URL")
        file = Path(database["INSTANCE"]) / "mintmark.sqlite"
        self._connection = (
            psycopg.connect(database["DATABASE_URL"])
            if self.is_postgresql
            else sqlite3.connect(file, isolation_level="IMMEDIATE", check_same_thread=False)
        )
        columns = "id, username, username_key, is_admin, live, roles, permissions, attributes, created_at"
        values = f"'{ID}', 'x', 'x', false, true, '[]', '[]', '{{}}', 1"
        self._connection.execute(f"INSERT INTO person ({columns}) VALUES ({values})")

    def commit_when_waited_for(self):
        if not self.is_postgresql:
            return
        waiting = "SELECT 1 FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted AND datname = current_database()"
        end = time.monotonic() + 30
        with psycopg.connect(self._url, autocommit=True) as watching:
            while time.monotonic() < end and watching.execute(waiting).fetchone() is None:
                time.sleep(0.02)
        self._connection.commit()

    def close(self):
        self._connection.close()


def test_of_two_imports_at_once_each_takes_its_turn(house):
    # Given two files that each take away one of two administrators
    make_person(house, "ada", password=None, is_admin=True)
    make_person(house, "eve", password=None, is_admin=True)
    results = []

    def run(username):
        document = {"mintmark": 1, "people": [{"username": username, "live": False}]}
        results.append(house.run("site", "import", "-", input=json.dumps(document)).exit_code)

    threads = [threading.Thread(target=run, args=[name]) for name in ("ada", "eve")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(house.rows("SELECT id FROM person WHERE is_admin AND live")) >= 1
    assert sorted(results) in ([0, 1], [1, 1])


def test_a_change_from_elsewhere_between_two_imports_is_seen(sqlite_house):
    imported(sqlite_house, {"assets": [asset()]})
    change_asset(sqlite_house, "desk", lifetime=99)

    assert imported(sqlite_house, {"assets": [asset(lifetime=600)]}) == ["~ assets desk: lifetime"]


@pytest.mark.slow
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)  # The dearer of the two.
def test_ten_thousand_people_are_taken_over_in_seconds(house):
    # Given ten thousand people without passwords
    people = [
        {"username": f"user{n}", "email": f"u{n}@example.test", "groups": ["staff"], "roles": ["user"]}
        for n in range(10_000)
    ]
    document = {"groups": [{"name": "staff"}], "people": people}

    start = time.process_time()
    assert len(imported(house, document)) == 10_001
    assert imported(house, document) == []
    document["people"] = [{**one, "last_name": "Smith", "groups": []} for one in people]
    assert len(imported(house, document)) == 10_000
    spent = time.process_time() - start

    assert spent < 40
    assert house.rows("SELECT COUNT(*) AS n FROM membership") == [{"n": 0}]
