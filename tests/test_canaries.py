"""No secret or password in a database file, its WAL, an export, a page, a log line or an error (ASVS 13.3.2, 14.2.6, 16.2.5)."""

import base64
import logging

from tests.conftest import csrf_of

CANARIES = {
    "secret": "CANARY-secret-of-the-help-desk-0123456789abcdef",
    "other": "CANARY-other-secret-fedcba9876543210-CANARY",
    "password": "CANARY-password-of-ada-correct-horse",
    "typed": "CANARY-password-typed-as-a-username",
    "wrong": "CANARY-wrong-password-typed-by-ben",
}
SITE = """
mintmark: 1
people:
  - {username: ada, is_admin: true, password: CANARY-password-of-ada-correct-horse, email: ada@example.test}
  - {username: ben}
assets:
  - path: a
    name: A
    secret: {text: CANARY-secret-of-the-help-desk-0123456789abcdef}
    template: '{"sub": "{{ user.username }}"}'
  - path: b
    name: B
    secret: {env: MINTMARK_SECRET_B}
    template: '{"mail": "{{ user.email }}"}'
"""
BAD = """
mintmark: 1
people: [{username: eve, password: CANARY-password-of-ada-correct-horse, unknown: 1}]
assets:
  - {path: c, name: C, template: "{", secret: {text: " CANARY-secret-of-the-help-desk-0123456789abcdef"}}
  - {path: d, name: D, template: "{}", secret: {hex: CANARY-secret-of-the-help-desk-0123456789abcdef}}
  - {path: e, name: E, template: "{}", secret: {text: CANARY-1, weak: false}}
"""


def test_no_canary_is_found_anywhere_after_a_full_run(house, tmp_path, capfd, caplog, monkeypatch):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("MINTMARK_SECRET_B", CANARIES["other"])
    seen, tokens = [], []

    # Given a site with secrets and passwords, imported, and refused imports.
    for text in (BAD, SITE, BAD, SITE):
        result = house.run("site", "import", "-", input=text)
        seen.append(result.output + result.stderr)
    assert [row["event"] for row in house.log("asset.created")] == ["asset.created"] * 2

    # When everything is used, rightly and wrongly.
    client = house.client()
    for username, password in (
        ("ada", CANARIES["wrong"]),
        (CANARIES["typed"], ""),
        (CANARIES["typed"], CANARIES["wrong"]),
        ("ada", CANARIES["password"]),
    ):
        page = client.get("/login")
        if page.status_code == 200:
            data = {"csrf_token": csrf_of(page), "username": username, "password": password}
            answer = client.post("/login", data=data)
            seen.append(answer.text.replace(CANARIES["typed"], "") if username == CANARIES["typed"] else answer.text)
    tokens += [client.get("/a").text, client.get("/b").text]
    ben = house.signed_in("ben")
    seen += [client.get("/").text, ben.get("/b").text, ben.get("/nothing").text, str(ben.get("/b").headers)]
    mint = house.run("mint", "a", "--as", "ada")
    tokens.append(mint.stdout.strip())
    for command in (
        ("check",),
        ("log", "export"),
        ("site", "export"),
        ("mint", "b", "--as", "ben"),
        ("site", "import", "-", "--dry-run"),
    ):
        result = house.run(*command, input=SITE)
        seen.append(result.output + result.stderr)
    seen += [repr(house.mint.settings), repr(vars(house.app.config)), str(dict(house.app.config))]

    # Then no canary, token or hash is in what was said, and none in what was kept.
    out = capfd.readouterr()
    said = "\n".join(seen) + out.out + out.err + caplog.text
    kept = "".join(
        str(house.rows(f"SELECT * FROM {table}"))
        for table in ("log", "asset", "revision", "secret", "person", "session", "attempt")
    )
    files = b"".join(path.read_bytes() for path in (tmp_path / "instance").rglob("*") if path.is_file())
    for canary in CANARIES.values():
        for form in (
            canary,
            base64.b64encode(canary.encode()).decode()[:-4],
            canary.encode().hex(),
            repr(canary.encode())[2:-1],
        ):
            assert form not in said, (canary, said[max(0, said.find(form) - 200) : said.find(form) + 100])
            assert form not in kept and form.encode() not in files
    assert all(token.count(".") == 2 and token not in said + kept and token.encode() not in files for token in tokens)
    assert "$argon2" not in said


def test_a_bug_shows_its_id_and_nothing_else(sqlite_house, capfd, monkeypatch):
    from mintmark.web import proof

    monkeypatch.setattr(proof, "find_person", lambda name: 1 / 0)
    client = sqlite_house.client()
    page = client.get("/login")

    answer = client.post(
        "/login", data={"csrf_token": csrf_of(page), "username": "ada", "password": CANARIES["password"]}
    )

    assert answer.status_code == 500
    assert answer.headers["Mintmark-Request"] in answer.text
    assert "ZeroDivision" not in answer.text and "Traceback" not in answer.text
    out = capfd.readouterr()
    assert '"kind":"ZeroDivisionError"' in out.out and CANARIES["password"] not in out.out + out.err
