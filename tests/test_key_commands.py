"""`flask keys …`: what each prints and refuses; no private key and no passphrase is ever repeated."""

import json

import pytest
from cryptography.hazmat.primitives import serialization

from mintmark import keypairs
from tests.making import key_pair, make_asset, make_key, make_next_key

AUD = '{"aud": "desk", "sub": "{{ user.username }}"}'
ES256 = ("--algorithm", "ES256")
pytestmark = pytest.mark.slow  # In detail, as those of the other commands.


def keys(house, *arguments, input=None):
    result = house.run("keys", *arguments, input=input)
    return result.exit_code, result.stdout, result.stderr


def pem_of(pair, passphrase=""):
    form = serialization.PrivateFormat.PKCS8
    secret = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    return pair.private.private_bytes(serialization.Encoding.PEM, form, secret).decode()


def kids_of(house):
    return [row["key_id"] for row in house.rows("SELECT key_id FROM signing_key ORDER BY signs_from_at")]


def test_a_key_that_is_made_signs_and_its_public_half_is_printed(house):
    assert keys(house, "make", "site-2026", *ES256) == (0, "site-2026 signs with ES256.\n", "")
    make_asset(house, "desk", AUD, algorithm="ES256", signing_key="site-2026", secret=None)

    code, pem, _ = keys(house, "public", "site-2026")
    jwk = json.loads(keys(house, "public", "site-2026", "--jwk")[1])

    assert code == 0 and pem.startswith("-----BEGIN PUBLIC KEY-----\n") and pem.endswith("-----END PUBLIC KEY-----\n")
    assert (jwk["kid"], jwk["alg"], jwk["kty"], "d" in jwk) == ("site-2026", "ES256", "EC", False)
    assert keypairs.spki_pem({name: jwk[name] for name in ("kty", "crv", "x", "y")}) == pem
    assert [(row["event"], row["kid"]) for row in house.log("key.made")] == [("key.made", "site-2026")]
    assert house.log("key.made")[0]["actor"].startswith("command")


def test_the_list_has_a_line_for_each_key_with_its_state_moments_and_assets(sqlite_house):
    make_key(sqlite_house, "site-2026", "ES256")
    make_asset(sqlite_house, "desk", AUD, algorithm="ES256", signing_key="site-2026", secret=None)
    make_next_key(sqlite_house, "site-2026", "site-2027")

    now, later = "2027-01-15T08:00:00.000Z", "2027-01-15T08:06:00.000Z"
    expected = [
        f"site-2026: ES256, signing; published {now}, signs from {now}, retired {later}, gone 2027-01-15T08:22:00.000Z; assets: desk",
        f"site-2027: ES256, next; published {now}, signs from {later}; assets: desk",
    ]
    assert keys(sqlite_house, "list")[1].splitlines() == expected

    sqlite_house.clock.advance(400)
    (line,) = keys(sqlite_house, "list")[1].splitlines()
    assert line.startswith("site-2027: ES256, signing; ")
    assert [each.split(";")[0] for each in keys(sqlite_house, "list", "--all")[1].splitlines()] == [
        "site-2026: ES256, retired",
        "site-2027: ES256, signing",
    ]


def test_a_list_names_some_assets_of_many_and_none_of_none(sqlite_house):
    make_key(sqlite_house, "k", "ES256")
    assert keys(sqlite_house, "list")[1].endswith("; assets: none\n")
    for number in range(7):
        template = AUD.replace("desk", f"desk-{number}")
        make_asset(sqlite_house, f"desk-{number}", template, algorithm="ES256", signing_key="k", secret=None)

    assert keys(sqlite_house, "list")[1].endswith("; assets: desk-0, desk-1, desk-2, desk-3, desk-4, …\n")


@pytest.mark.parametrize("passphrase", ["", "correct horse"])
def test_a_key_is_brought_from_a_file_and_nothing_of_it_is_repeated(sqlite_house, tmp_path, passphrase):
    pair = key_pair("ES256")
    (tmp_path / "key.pem").write_text(pem_of(pair, passphrase))
    given = ("make", "brought", *ES256, "--from", str(tmp_path / "key.pem"))

    if passphrase:
        refusals = [keys(sqlite_house, *given), keys(sqlite_house, *given, "--passphrase-stdin", input="CANARY\n")]
        assert [(code, out) for code, out, _ in refusals] == [(1, ""), (1, "")]
        assert "passphrase: is needed" in refusals[0][2] and "passphrase: does not open" in refusals[1][2]
        assert "CANARY" not in refusals[1][2]
        given += ("--passphrase-stdin",)

    assert keys(sqlite_house, *given, input=passphrase + "\n") == (0, "brought signs with ES256.\n", "")
    assert keys(sqlite_house, "public", "brought")[1] == keypairs.spki_pem(pair.public)
    assert len(sqlite_house.log("key.brought")) == 1
    code, _, words = keys(sqlite_house, "make", "again", *ES256, "--from", "-", input=pem_of(pair))
    assert (code, words) == (1, "error: private_key: is a key that this site has, or had, as brought\n")


@pytest.mark.parametrize(
    ("arguments", "input", "code", "words"),
    [
        (("make", "k"), None, 2, "--algorithm"),
        (("make", "k", "--algorithm", "HS256"), None, 2, "HS256"),
        (("make", "k", "--algorithm", "none"), None, 2, "none"),
        (("make", "k", "--algorithm", "RS256", "--bits", "1024"), None, 2, "1024"),
        (("make", "a b", *ES256), None, 1, "key_id: takes 1 to 128"),
        (("make", "", *ES256), None, 1, "key_id: takes 1 to 128"),
        (("make", "site-2026", *ES256), None, 1, "ids are never used again"),
        (("make", "k", *ES256, "--from", "/nowhere/CANARY.pem"), None, 2, "takes the name of a file that is there"),
        (("make", "k", *ES256, "--from", "/"), None, 2, "takes the name of a file that is there"),
        (("make", "k", *ES256, "--from", "-----BEGIN PRIVATE KEY-----\nCANARY"), None, 2, "never the key itself"),
        (("rotate", "site-2026", "--from", "CANARY" * 999), None, 2, "never the key itself"),
        (
            ("make", "k", *ES256, "--from", __file__, "--passphrase-stdin"),
            b"\xff\xfeCANARY\n",
            1,
            "passphrase: is not UTF-8",
        ),
        (("make", "k", *ES256, "--from", "-"), "", 1, "private_key: is no PEM or JWK"),
        (("make", "k", *ES256, "--from", "-"), "CANARY" * 9000, 1, "private_key: is longer than"),
        (("make", "k", *ES256, "--from", "-"), b"\xff\xfeCANARY\x00", 1, "private_key: is no PEM or JWK"),
        (
            ("make", "k", *ES256, "--from", "-", "--passphrase-stdin"),
            "CANARY\n",
            1,
            "passphrase: comes from standard input",
        ),
        (("make", "k", *ES256, "--passphrase-stdin"), "CANARY\n", 1, "passphrase: is for a key that is brought"),
        (("make", "k", *ES256, "--from", "-", "--bits", "2048"), "CANARY", 1, "bits: are for a key that is made"),
        (("rotate", "nobody"), None, 1, "There is no signing key of this id"),
        (("rotate", "\x00"), None, 1, "There is no signing key of this id"),
        (("rotate", "site-2026", "--next-id", "site-2026"), None, 1, "key_id: is, or was, the id of another key"),
        (("rotate", "site-2026", "--at", "tomorrow"), None, 2, "2026-01-31T08:00Z"),
        (("rotate", "site-2026", "--at", "2026-01-31T08:00Z"), None, 1, "signs_from_at: is too early"),
        (("plan", "site-2026", "--every", "0", "--keys", "2"), None, 2, "0"),
        (("plan", "site-2026", "--every", "30", "--keys", "51"), None, 2, "51"),
        (("plan", "site-2026", "--every", "30"), None, 2, "--keys"),
        (("revoke", "site-2026"), None, 1, "--yes"),
        (("revoke", "nobody", "--yes"), None, 1, "There is no signing key of this id"),
        (("revoke", "site-2026", "--yes", "--replacement", "n", "--no-replacement"), None, 2, "exclude"),
        (("public", "nobody"), None, 1, "There is no signing key of this id"),
    ],
)
def test_what_cannot_be_is_refused_with_words_and_changes_nothing(refusing_house, arguments, input, code, words):
    result = refusing_house.run("keys", *arguments, input=input)

    assert (result.exit_code, result.stdout) == (code, "")
    assert words in result.stderr and "CANARY" not in result.stderr and "Traceback" not in result.stderr
    assert kids_of(refusing_house) == ["site-2026"]


@pytest.fixture(scope="module")
def refusing_house(tmp_path_factory, empty_sqlite):
    """One house for all that changes nothing."""
    import shutil

    from tests.conftest import SEALING_KEY, House

    instance = tmp_path_factory.mktemp("refusing")
    shutil.copy(empty_sqlite, instance / "mintmark.sqlite")
    house = House({"INSTANCE": str(instance), "SEALING_KEY": SEALING_KEY, "SQLITE_SYNCHRONOUS": "normal"})
    make_key(house, "site-2026", "ES256", number=0)
    yield house
    house.close()


def test_an_id_that_begins_with_a_dash_follows_two_dashes(sqlite_house):
    assert keys(sqlite_house, "make", *ES256, "--", "-k1")[0] == 0
    assert keys(sqlite_house, "rotate", "--next-id=--yes", "--", "-k1")[0] == 0
    assert keys(sqlite_house, "public", "--", "--yes")[0] == 0
    assert keys(sqlite_house, "public", "-k1")[0] == 0  # Two are needed only where it could be an option.
    assert sorted(kids_of(sqlite_house)) == ["--yes", "-k1"]


def test_rotating_publishes_the_next_key_and_lets_it_sign_when_it_may(house):
    make_key(house, "site-2026", "ES256")
    make_asset(house, "desk", AUD, algorithm="ES256", signing_key="site-2026", secret=None)

    code, out, _ = keys(house, "rotate", "site-2026", "--next-id", "site-2027")
    assert (code, out) == (0, "site-2027 is published, and signs from 2027-01-15T08:06:00.000Z.\n")

    # When any key of them is named, what is meant is that which follows the last.
    code, out, _ = keys(house, "rotate", "site-2026", "--next-id", "late", "--at", "2027-02-01T09:00+01:00")
    assert (code, out) == (0, "late is published, and signs from 2027-02-01T08:00:00.000Z.\n")
    assert kids_of(house) == ["site-2026", "site-2027", "late"]


def test_the_next_rsa_key_is_as_long_as_the_present_one_unless_said(sqlite_house):
    make_key(sqlite_house, "k1", "RS256", number=0)
    keys(sqlite_house, "rotate", "k1", "--next-id", "k2")

    sizes = [
        keypairs.size_in_words(json.loads(row["public"])) for row in sqlite_house.rows("SELECT public FROM signing_key")
    ]
    assert sizes == ["RSA, 2048 bits"] * 2


def test_a_plan_says_when_each_of_its_keys_signs(sqlite_house):
    make_key(sqlite_house, "site-2026", "EdDSA")

    code, out, _ = keys(sqlite_house, "plan", "site-2026", "--every", "30", "--keys", "3")

    assert code == 0
    assert [line.partition(" signs from ")[2] for line in out.splitlines()] == [
        "2027-02-14T08:00:00.000Z",
        "2027-03-16T08:00:00.000Z",
        "2027-04-15T08:00:00.000Z",
    ]
    assert len(kids_of(sqlite_house)) == 4


def test_a_revoked_key_is_replaced_at_once_by_the_one_that_was_named(house):
    make_key(house, "site-2026", "ES256")
    make_asset(house, "desk", AUD, algorithm="ES256", signing_key="site-2026", secret=None)

    house.clock.advance(1)
    code, out, _ = keys(house, "revoke", "site-2026", "--replacement", "new", "--yes")

    assert (code, out) == (0, "site-2026 is revoked. new signs in its place.\n")
    assert [line.split(";")[0] for line in keys(house, "list", "--all")[1].splitlines()] == [
        "site-2026: ES256, revoked",
        "new: ES256, signing",
    ]
    assert keys(house, "list")[1].startswith("new: ")
    assert keys(house, "revoke", "site-2026", "--yes")[:2] == (1, "")


def test_a_key_is_revoked_without_a_replacement_or_with_one_of_its_thumbprint(sqlite_house):
    make_key(sqlite_house, "a", "ES256")
    make_key(sqlite_house, "b", "ES256")
    make_next_key(sqlite_house, "b", "b2", signs_from_at=1_900_000_000)

    assert keys(sqlite_house, "revoke", "a", "--no-replacement", "--yes")[1].endswith(
        "Nothing was made in its place.\n"
    )
    assert (
        "replacement: is for a key that signs now"
        in keys(sqlite_house, "revoke", "b2", "--replacement", "x", "--yes")[2]
    )
    assert keys(sqlite_house, "revoke", "b2", "--yes")[1].endswith("Nothing was made in its place.\n")
    out = keys(sqlite_house, "revoke", "b", "--yes")[1]
    assert len(out.removeprefix("b is revoked. ").removesuffix(" signs in its place.\n")) == 43


def test_a_site_that_was_never_set_up_has_no_keys(tmp_path):
    from tests.conftest import SEALING_KEY, House

    house = House({"INSTANCE": str(tmp_path / "new"), "SEALING_KEY": SEALING_KEY})
    for arguments in (("list",), ("make", "k", *ES256), ("reseal",), ("new-sealing-key",)):
        code, out, words = keys(house, *arguments)
        assert (code, out) == (1, "") and "run `flask --app app init`" in words
    house.close()


def test_no_key_comes_behind_those_that_are_planned_where_one_is_wanted_soon(sqlite_house):
    # Given a key that another one follows,
    make_key(sqlite_house, "site-2026", "ES256")
    make_asset(sqlite_house, "desk", AUD, algorithm="ES256", signing_key="site-2026", secret=None)
    make_next_key(sqlite_house, "site-2026", "site-2027")

    # then a third one is put behind that only where it was named, or a moment was,
    code, _, words = keys(sqlite_house, "rotate", "site-2026", "--next-id", "soon")
    assert code == 1 and "key_id: is followed by site-2027 from 2027-01-15T08:06:00.000Z on" in words
    assert keys(sqlite_house, "rotate", "site-2026", "--next-id", "later", "--at", "2027-03-01T00:00:00Z")[0] == 0
    assert keys(sqlite_house, "rotate", "later", "--next-id", "last")[0] == 0
    assert kids_of(sqlite_house) == ["site-2026", "site-2027", "later", "last"]

    # and none follows a key that signs no more.
    assert keys(sqlite_house, "revoke", "site-2027", "--yes")[0] == 0
    code, _, words = keys(sqlite_house, "rotate", "site-2027")
    assert code == 1 and "key_id: signs no more; site-2026 does in its place, or will" in words


def test_somebody_is_reminded_of_keys_made_by_command_after_a_year(sqlite_house):
    assert keys(sqlite_house, "make", "site-2026", *ES256)[0] == 0
    assert keys(sqlite_house, "rotate", "site-2026", "--next-id", "site-2027")[0] == 0
    assert keys(sqlite_house, "revoke", "site-2027", "--replacement", "new", "--yes")[0] == 0
    year = int(sqlite_house.clock()) + 365 * 86_400
    due = {row["key_id"]: row["due_at"] for row in sqlite_house.rows("SELECT key_id, due_at FROM signing_key")}
    assert due == dict.fromkeys(["site-2026", "site-2027", "new"], year)


def test_too_many_planned_keys_are_refused_before_they_are_made(sqlite_house, monkeypatch):
    make_key(sqlite_house, "site-2026", "ES256")
    monkeypatch.setattr(keypairs, "generate", None)
    code, _, words = keys(sqlite_house, "plan", "site-2026", "--every", "3660", "--keys", "12")
    assert code == 1 and "more than ten years ahead" in words


@pytest.mark.parametrize("key_id", ["-_NpfZ8v9hMX", "--Npf", "-y"])
def test_a_key_whose_id_begins_with_a_dash_is_named_as_any_other(sqlite_house, key_id):
    house = sqlite_house
    make_key(house, key_id)

    assert house.run("keys", "public", key_id).output.startswith("-----BEGIN PUBLIC KEY-----")
    assert house.run("keys", "rotate", key_id, "--next-id", "k2").exit_code == 0
    assert house.run("keys", "revoke", key_id, "--yes").exit_code == 0

    [row] = house.rows("SELECT revoked_at FROM signing_key WHERE key_id = :key_id", key_id=key_id)
    assert row["revoked_at"] is not None
    typo = house.run("keys", "revoke", "k2", "--no-replacment")
    assert typo.exit_code == 2 and "--no-replacment" in typo.output
