"""No secret or password in a database file, its WAL, an export, a page, a log line or an error (ASVS 13.3.2, 14.2.6, 16.2.5)."""

import base64
import json
import logging
import re

import pytest
from cryptography.hazmat.primitives import serialization

from mintmark import keypairs
from mintmark.keypairs import from_bytes
from mintmark.models import db
from mintmark.tokens import KEY_ALGORITHMS
from tests.conftest import csrf_of
from tests.making import key_pair, make_asset, make_person

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


# Private keys

PASSPHRASE = "CANARY-passphrase-of-the-brought-keys-0123456789"
WRONG_PASSPHRASE = "CANARY-wrong-passphrase-9876543210"


def pem_of(pair, passphrase=None):
    """Return the PEM that somebody brings: PKCS #8, encrypted where there is a passphrase."""
    hide = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    return pair.private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, hide).decode()


def private_jwk_of(pair):
    """Return the JWK that somebody brings, with the private members of RFC 7518 §6.3.2, §6.2.2 and RFC 8037 §2."""
    names = ("d", "p", "q", "dp", "dq", "qi")
    private = {name: base64.urlsafe_b64encode(each).rstrip(b"=").decode()
               for name, each in zip(names, private_values(pair.private), strict=False)}  # fmt: skip
    return json.dumps({**pair.public, **private})


def private_values(key):
    """Return the private members of a key as bytes: d, p, q, dp, dq and qi of RSA, d of the others."""
    if hasattr(key, "private_bytes_raw"):
        return [key.private_bytes_raw()]
    numbers = key.private_numbers()
    if hasattr(numbers, "private_value"):
        return [numbers.private_value.to_bytes((key.curve.key_size + 7) // 8, "big")]
    wholes = (numbers.d, numbers.p, numbers.q, numbers.dmp1, numbers.dmq1, numbers.iqmp)
    return [whole.to_bytes((whole.bit_length() + 7) // 8, "big") for whole in wholes]


def forms_of(value):
    """Return the texts in which bytes may stand: decimal, hex, and base64 of both alphabets at any place of a longer text.

    A PEM or the base64 of a whole PKCS #8 holds one of the last, once its line ends are taken away.
    """
    yield str(int.from_bytes(value, "big"))
    yield value.hex()
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + value).rstrip(b"=").decode()
        core = encoded[4:-4] if shift else encoded[:-4]
        yield core
        yield core.replace("+", "-").replace("/", "_")


def canaries_of(keys):
    """Return every text that gives a private key away, and every run of bytes."""
    values = {value for key in keys for value in private_values(key)}
    texts = {form for value in values for form in forms_of(value)} | {PASSPHRASE, WRONG_PASSPHRASE}
    texts |= {PASSPHRASE.encode().hex(), base64.b64encode(PASSPHRASE.encode()).decode()[:-4]}
    return texts, values | {PASSPHRASE.encode(), WRONG_PASSPHRASE.encode()}


def without_line_ends(text):
    """Return a text with the lines of a PEM put together, also where they are escaped or numbered as lines of HTML."""
    return re.sub(r"(\\r|\\n|\s|&#1[03];)+", "", text)


class Keeper:
    """An administrator's client that uses keys by pages and commands, and keeps all that was answered."""

    def __init__(self, house):
        make_person(house, "ada", is_admin=True)
        self.house, self.client, self.seen, self.keys = house, house.signed_in("ada"), [], {}

    def get(self, address):
        with self.client.get(address) as answer:
            self.seen.append(f"{answer.headers}\n{answer.text}")
            return answer

    def post(self, page, address=None, status=303, **fields):
        shown = self.get(page)
        seen = re.findall(r'name="(seen)"[^>]* value="(\d+)"', shown.text)
        answer = self.client.post(address or page, data={"csrf_token": csrf_of(shown), **dict(seen), **fields})
        self.seen.append(f"{answer.headers}\n{answer.text}")
        assert answer.status_code == status, answer.text
        self.keep_keys()

    def run(self, *arguments, status=0, **options):
        result = self.house.run(*arguments, **options)
        self.seen.append(result.output + result.stderr + repr(result.exception))
        assert result.exit_code == status, (arguments, result.output, result.stderr)
        self.keep_keys()
        return result.output

    def keep_keys(self):
        """Open the private keys that the database holds now, for later they are taken away."""
        sealer = self.house.mint.settings.sealer
        for row in self.house.rows("SELECT id, sealed FROM signing_key WHERE sealed IS NOT NULL"):
            if row["id"] not in self.keys:
                opened = sealer.open(bytes(row["sealed"]), table="signing_key", row=row["id"], column="sealed")
                self.keys[row["id"]] = from_bytes(opened)

    def id_of(self, key_id):
        return self.house.rows("SELECT id FROM signing_key WHERE key_id = :key_id", key_id=key_id)[0]["id"]

    def see_every_page(self, assets):
        """Look at all pages of the URL map that take no more than a key, an asset or its path."""
        key_rows = self.house.rows("SELECT id FROM signing_key")
        rows = self.house.rows("SELECT MAX(id) AS id FROM log GROUP BY event, outcome")
        values = {"signing_key_id": [row["id"] for row in key_rows], "asset_id": list(assets.values())[::4], "number": [1],
                  "path": [*assets], "row_id": [row["id"] for row in rows]}  # fmt: skip
        rules = [rule for rule in self.house.app.url_map.iter_rules() if "GET" in (rule.methods or ())]
        adapter, seen = self.house.app.url_map.bind("localhost"), set()
        for rule in rules:
            names = set(rule.arguments)
            if rule.endpoint in ("static", "token") or not names <= values.keys():
                continue
            for number in range(max([len(values[name]) for name in names], default=1)):
                chosen = {name: values[name][number % len(values[name])] for name in names}
                answer = self.get(adapter.build(rule.endpoint, chosen))
                assert answer.status_code in (200, 302, 303, 401, 404, 410), (rule.endpoint, answer.status)
                if answer.status_code == 200:
                    seen.add(rule.endpoint)
        assert {"keys.keys", "key.key", "key.pem", "key.jwk", "key.follow_form", "key.revoke_form", "asset.asset",
                "wellknown.site_keys", "wellknown.asset_keys", "records.records"} <= seen  # fmt: skip


def use_keys(keeper, tmp_path, monkeypatch):
    """Make, bring, rotate, plan and revoke keys of all algorithms, by pages, commands and site file; some refused."""
    house, assets = keeper.house, {}
    for algorithm in KEY_ALGORITHMS:
        brought = {"how": "brought", "algorithm": algorithm, "key_id": f"brought-{algorithm}",
                   "private_key": pem_of(key_pair(algorithm, 20), PASSPHRASE), "due_days": ""}  # fmt: skip
        wrong = "EdDSA" if algorithm != "EdDSA" else "ES256"
        new = "/admin/keys/new"
        keeper.post(new, how="made", algorithm=algorithm, bits="2048", key_id=f"made-{algorithm}", due_days="30")
        keeper.post(new, status=422, **brought, passphrase=WRONG_PASSPHRASE)
        keeper.post(new, status=422, **brought)
        keeper.post(new, status=422, **brought | {"algorithm": wrong}, passphrase=PASSPHRASE)
        keeper.post(new, status=422, **brought | {"private_key": pem_of(key_pair(algorithm, 20))[:-90]})
        keeper.post(new, status=422, **brought | {"private_key": private_jwk_of(key_pair(algorithm, 20))[:-1]})
        keeper.post(new, **brought, passphrase=PASSPHRASE)
        for key_id in (f"made-{algorithm}", f"brought-{algorithm}"):
            assets[key_id.lower()] = make_asset(house, key_id.lower(), signing_key=key_id)
            assert keeper.client.get(f"/{key_id.lower()}").status_code == 200
        keys = f"/admin/keys/{keeper.id_of(f'made-{algorithm}')}"
        keeper.post(f"{keys}/next", how="made", bits="2048", key_id=f"next-{algorithm}", due_days="", signs_from_at="")
    use_commands(keeper, tmp_path, monkeypatch)
    house.clock.advance(400)
    for algorithm in KEY_ALGORITHMS:
        assert keeper.client.get(f"/made-{algorithm.lower()}").status_code == 200
        keys = f"/admin/keys/{keeper.id_of(f'next-{algorithm}')}"
        keeper.post(f"{keys}/revoke", replacement="made", key_id=f"instead-{algorithm}")
        assert keeper.client.get(f"/made-{algorithm.lower()}").status_code == 200
    keys = f"/admin/keys/{keeper.id_of('brought-ES256')}"
    keeper.post(f"{keys}/next", f"{keys}/plan", every_days="90", amount="3", naming="dated", prefix="p-", plan_bits="2048")  # fmt: skip
    return assets


def use_commands(keeper, tmp_path, monkeypatch):
    """The same by commands."""
    file = tmp_path / "brought.pem"
    file.write_text(pem_of(key_pair("ES384", 21), PASSPHRASE))
    bring = ("keys", "make", "by-command", "--algorithm", "ES384", "--from", str(file), "--passphrase-stdin")
    keeper.run(*bring, input=WRONG_PASSPHRASE + "\n", status=1)
    keeper.run(*bring, input=PASSPHRASE + "\n")
    keeper.run("keys", "rotate", "by-command", "--next-id", "by-command-2")
    keeper.run("keys", "public", "by-command", "--jwk")
    jwk = private_jwk_of(key_pair("ES256", 22))
    keeper.run("keys", "make", "by-jwk", "--algorithm", "ES384", "--from", "-", input=jwk, status=1)
    keeper.run("keys", "make", "by-jwk", "--algorithm", "ES256", "--from", "-", input=jwk)
    monkeypatch.setenv("MINTMARK_SECRET_KEY_BY_ENV", pem_of(key_pair("EdDSA", 23)))
    entries = [
        {"key_id": "by-file", "algorithm": "ES256", "private_key": {"pem": pem_of(key_pair("ES256", 24))}},
        {"key_id": "by-env", "algorithm": "EdDSA", "private_key": {"env": "MINTMARK_SECRET_KEY_BY_ENV"}},
    ]
    bad = [{**entry, "key_id": f"{entry['key_id']}-bad", "algorithm": "ES384"} for entry in entries]
    keeper.run("site", "import", "-", input=json.dumps({"mintmark": 1, "signing_keys": bad}), status=1)
    for options in (["--dry-run"], []):
        keeper.run("site", "import", "-", *options, input=json.dumps({"mintmark": 1, "signing_keys": entries}))


def test_a_private_key_would_be_found_in_whatever_form_it_stood():
    plain = serialization.NoEncryption()
    for algorithm in ("RS256", "ES256", "ES384", "EdDSA"):
        pair = key_pair(algorithm, 20)
        texts, values = canaries_of([pair.private])
        forms = [pem_of(pair), private_jwk_of(pair), pair.to_bytes().hex(), base64.b64encode(pair.to_bytes()).decode()]
        forms += [repr(pem_of(pair)), json.dumps({"x": pem_of(pair)})]
        if algorithm != "EdDSA":
            traditional = serialization.PrivateFormat.TraditionalOpenSSL
            forms.append(pair.private.private_bytes(serialization.Encoding.PEM, traditional, plain).decode())
        for form in forms:
            assert any(text in without_line_ends(form) for text in texts), (algorithm, form[:60])
        assert any(value in pair.to_bytes() for value in values)
        public = json.dumps(pair.public) + keypairs.spki_pem(pair.public)
        assert not any(text in without_line_ends(public) for text in texts)


@pytest.mark.slow
def test_no_private_key_and_no_passphrase_is_found_anywhere(house, tmp_path, capfd, caplog, monkeypatch):
    caplog.set_level(logging.DEBUG)
    keeper = Keeper(house)

    # When keys of all algorithms are made, brought, refused, rotated and revoked, and everything is looked at.
    assets = use_keys(keeper, tmp_path, monkeypatch)
    for command in (("site", "export"), ("log", "export"), ("keys", "list", "--all"), ("check",)):
        keeper.run(*command)
    if house.mint.settings.is_sqlite:  # Pages are the same on both, what is kept is not.
        keeper.see_every_page(assets)
    prepared = [vars_of(each) for each in house.mint.prepared._kept.values()]
    keeper.seen += [repr(house.mint.settings), repr(prepared), repr([key_pair(each, 20) for each in KEY_ALGORITHMS])]

    # Then nothing of a private key is in what was said, and none in what was kept.
    assert len(keeper.keys) >= 4 * len(KEY_ALGORITHMS) + 7
    out = capfd.readouterr()
    lines = "\n".join([*keeper.seen, out.out, out.err, caplog.text]).splitlines()
    said = "\n".join(dict.fromkeys(lines))  # Pages are much alike; each line is sought in once.
    kept, raw = everything_kept(house, tmp_path)
    texts, values = canaries_of(keeper.keys.values())
    for name, where in (("said", said), ("kept", kept)):
        for each in (where, without_line_ends(where)):
            found = [text for text in texts if text in each]
            assert not found, (name, found[0], each[max(0, each.find(found[0]) - 200) :][:400])
    assert not [value for value in values if value in raw or value.hex().encode() in raw]
    assert not [text for text in texts if text.encode() in raw]
    assert "PRIVATE KEY-----" not in without_hints(said) + kept and b"PRIVATE KEY-----" not in raw
    print(f"{len(keeper.keys)} private keys, {len(texts)} texts and {len(values)} runs of bytes of them, sought in "
          f"{len(said):,} characters of the {len(lines):,} lines of {len(keeper.seen)} answers and {len(raw):,} bytes kept")  # fmt: skip


def vars_of(prepared):
    """Return what a careless dump of a prepared asset would show."""
    return [repr(prepared), [[repr(turn), repr(vars(turn.signer))] for turn in prepared[0].signers.turns]]


def without_hints(text):
    """Return a text without the words that say how a PEM begins."""
    return text.replace("BEGIN … PRIVATE KEY", "").replace("-----BEGIN PRIVATE KEY-----…", "")


def everything_kept(house, tmp_path):
    """Return all rows of all tables as text, and the bytes of all files of the instance folder and of those rows."""
    rows = [row for table in db.metadata.sorted_tables for row in house.rows(f'SELECT * FROM "{table.name}"')]
    values = [value for row in rows for value in row.values()]
    blobs = [bytes(value) for value in values if isinstance(value, bytes | memoryview)]
    files = [path.read_bytes() for path in (tmp_path / "instance").rglob("*") if path.is_file()]
    return str(values), b"\n".join(blobs + files)
