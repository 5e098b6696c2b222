"""The pages of signing keys: the list, making and bringing one, its life, the next ones, and revoking it."""

import base64
import functools
import io
import json
import logging

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from sqlalchemy import event

from mintmark import keypairs
from mintmark.keys import listing, rings
from mintmark.models import db
from tests.conftest import PASSWORD, csrf_of
from tests.filling import _Forms, fields_of, sent, submit
from tests.full_house import FullHouse
from tests.making import change_asset, key_pair, make_asset, make_group, make_key, make_next_key, make_person
from tests.test_pages import Page

pytestmark = pytest.mark.slow
DAY, WAIT, LATER = 86_400, 360, 16 * 60
NEW = "/admin/keys/new"
AUD = '{"sub": "{{ user.username }}", "aud": "%s"}'
PLAIN = serialization.NoEncryption()
PKCS8, TRADITIONAL = serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL


@pytest.fixture
def ada(sqlite_house):
    """An administrator's client."""
    make_person(sqlite_house, "ada", is_admin=True)
    client = sqlite_house.signed_in("ada")
    client.house = sqlite_house
    return client


@pytest.fixture
def served(ada):
    """The same, with a key `one` that signs for the asset `a`; `client.address` is the key's page."""
    ada.key = make_key(ada.house, "one")
    ada.address = f"/admin/keys/{ada.key}"
    make_asset(ada.house, "a", AUD % "a", signing_key="one", algorithm="ES256", name="Help <desk>")
    return ada


def pem_of(key, form=PKCS8, encryption=PLAIN):
    return key.private_bytes(serialization.Encoding.PEM, form, encryption).decode()


def jwk_of(key):
    numbers = key.private_numbers()
    size = (key.curve.key_size + 7) // 8
    whole = lambda n: base64.urlsafe_b64encode(n.to_bytes(size, "big")).rstrip(b"=").decode()  # noqa: E731
    return {**keypairs.public_members(key.public_key()), "d": whole(numbers.private_value)}


def send(client, page, action, **changed):
    """Load a page, change fields of the form that leads to `action` (None: not sent), and send it."""
    parser = _Forms()
    parser.feed(client.get(page).text)
    [fields] = [fields for found, fields in parser.forms if found.get("action") == action]
    for name, value in changed.items():
        fields[name] = [] if value is None else [value]
    return client.post(action, data=sent(fields))


def bring(client, text, algorithm="ES256", **fields):
    return submit(client, NEW, how="brought", private_key=text, algorithm=algorithm, **fields)


def keys_in(house):
    return house.rows("SELECT * FROM signing_key ORDER BY signs_from_at, created_at")


def seen(client):
    """Return what a form says of the keys that its page showed."""
    return client.house.rows("SELECT revision FROM key_ring")[0]["revision"]


def words_of(answer):
    return " ".join(Page(answer.text).text.split())


# The list


def test_the_empty_list_says_how_to_begin(ada):
    assert "There is no signing key yet." in words_of(ada.get("/admin/keys"))
    assert Page(ada.get("/").text).one("a", href="/admin/keys")
    assert "No signing key is past." in words_of(ada.get("/admin/keys?show=past"))
    assert "No key id begins like this." in words_of(ada.get("/admin/keys?q=x"))


def test_the_list_has_a_line_for_each_ring_with_what_signs_and_what_comes_next(served):
    make_next_key(served.house, "one", "two")
    make_key(served.house, "alone", "EdDSA", due_at=int(served.house.clock()) + DAY)
    make_asset(served.house, "b", signing_key="alone", algorithm="EdDSA")

    page = Page(served.get("/admin/keys").text)
    words = " ".join(page.text.split())
    assert len(page.all("tr")) == 3
    assert "alone EdDSA, Ed25519 Signs Make the next key after alone Due 2027-01-16 08:00:00 UTC 1" in words
    assert "one ES256, P-256 Signs twosigns from 2027-01-15 08:06:00 UTC 1" in words

    served.house.clock.advance(WAIT)
    words = words_of(served.get("/admin/keys"))
    assert "two ES256, P-256 1 formerone Retired Signs Make the next key" in words


def test_a_ring_of_which_nothing_signs_is_past_unless_an_asset_waits_for_it(served):
    make_key(served.house, "lost")
    for key_id in ("one", "lost"):
        with served.house.app.app_context():
            row = rings.find_key(key_id).id
        page = f"/admin/keys/{row}/revoke"
        assert send(served, page, page, replacement="none").status_code == 303

    assert "one ES256, P-256 Revoked Nothing signs 1" in words_of(served.get("/admin/keys"))
    assert "Nothing signs" in words_of(served.get("/admin/keys"))
    past = words_of(served.get("/admin/keys?show=past"))
    assert "lost ES256, P-256 Revoked Nothing 0" in past and "one Revoked" not in past


def test_a_key_is_found_by_the_beginning_of_its_id_capitals_distinguished(served):
    make_next_key(served.house, "one", "Two")
    for query, found in (
        ("on", 1),
        ("Tw", 1),
        ("tw", 0),
        ("ne", 0),
        ("%", 0),
        ("_", 0),
        ("\x00", 1),
        ("é", 0),
        ("~" * 300, 0),
    ):
        page = Page(served.get("/admin/keys", query_string={"q": query}).text)
        assert len(page.all("tr")) == (found and found + 1), query


def test_thousands_of_rings_are_read_in_pages_with_the_same_number_of_queries(ada, monkeypatch):
    monkeypatch.setattr(listing, "PAGE_SIZE", 4)

    def look(address):
        statements = []
        with ada.house.app.app_context():
            engine = db.engine
        listen = lambda *args: statements.append(args[2])  # noqa: E731
        event.listen(engine, "before_cursor_execute", listen)
        page = Page(ada.get(address).text)
        event.remove(engine, "before_cursor_execute", listen)
        return page, len(statements)

    make_key(ada.house, "k0")
    _, few = look("/admin/keys")
    for number in range(1, 11):
        make_key(ada.house, f"k{number}")
        ada.house.clock.advance(number % 3)
    seen, address = [], "/admin/keys"
    while address:
        page, many = look(address)
        assert many == few
        seen += [text for text in page.texts["code"] if text.startswith("k")]
        address = next((found["href"] for found in page.all("a", rel="next")), None)
    assert sorted(seen) == sorted(f"k{number}" for number in range(11))
    for place in ("x", "1", "99999999999999999999.x", "\x00", "1.\x00"):
        assert ada.get("/admin/keys", query_string={"after": place}).status_code == 200


# Made


def test_a_key_is_made_with_sensible_fields_as_they_stand(ada):
    fields = fields_of(ada.get(NEW))
    assert (fields["algorithm"], fields["bits"], fields["how"]) == (["RS256"], ["3072"], ["made"])
    answer = submit(ada, NEW, bits="2048", key_id=" site-1 ", due_days="30")

    [key] = keys_in(ada.house)
    assert (answer.status_code, answer.location) == (303, f"/admin/keys/{key['id']}")
    assert (key["key_id"], key["algorithm"], key["is_brought"]) == ("site-1", "RS256", 0)
    assert key["due_at"] == int(ada.house.clock()) + 30 * DAY
    assert "RSA, 2048 bits" in words_of(ada.get(answer.location))


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "EdDSA"])
def test_a_key_of_each_curve_is_made_named_by_its_thumbprint_and_without_a_reminder(ada, algorithm):
    assert submit(ada, NEW, algorithm=algorithm, key_id="", due_days="").status_code == 303
    [key] = keys_in(ada.house)
    assert key["key_id"] == key["thumbprint"] and key["due_at"] is None and key["algorithm"] == algorithm


@pytest.mark.parametrize(
    "field, typed, words",
    [
        ("algorithm", "HS256", "Algorithm takes one of RS256"),
        ("algorithm", "none", "Algorithm takes one of RS256"),
        ("algorithm", "", "Algorithm takes one of RS256"),
        ("bits", "1024", "Size of an RSA key takes one of 2048, 3072, 4096"),
        ("bits", "99999999", "Size of an RSA key takes one of"),
        ("bits", None, "Size of an RSA key takes one of"),
        ("how", "stolen", "The key pair takes one of made, brought"),
        ("how", None, "The key pair takes one of"),
        ("private_key", "pasted-and-forgotten", "The key pair is to be made here, and one was pasted"),
        ("passphrase", "typed-and-forgotten", "The key pair is to be made here, and one was pasted"),
        ("key_id", "a b", "Key id takes 1 to 128 letters"),
        ("key_id", "ключ", "Key id takes 1 to 128 letters"),
        ("key_id", "a key", "Key id takes 1 to 128 letters"),
        ("key_id", "taken", "Key id is, or was, the id of another key"),
        ("due_days", "0", "Remind after days takes a whole number from 1 to 3 660"),
        ("due_days", "soon", "Remind after days takes a whole number"),
        ("due_days", "99999999999999999999", "Remind after days takes a whole number"),
    ],
)
def test_what_is_typed_wrongly_is_refused_and_kept(ada, field, typed, words):
    make_key(ada.house, "taken")
    answer = submit(ada, NEW, **{"key_id": "mine", "due_days": "77", field: typed})

    assert answer.status_code == 422 and words in words_of(answer), words_of(answer)
    kept, shown = {"key_id": ["mine"], "due_days": ["77"]}, fields_of(answer)
    secret = field in ("private_key", "passphrase")
    kept[field] = [""] if secret else [typed] if field in ("key_id", "due_days") else shown.get(field)
    assert {name: shown.get(name) for name in kept} == kept
    assert len(keys_in(ada.house)) == 1 and "forgotten" not in answer.text


def test_all_problems_are_said_at_once(ada):
    answer = submit(ada, NEW, how="brought", private_key="x", key_id="a b", due_days="-1")
    assert words_of(answer).count("Key id takes") == 2 and "no PEM or JWK" in answer.text and "from 1 to" in answer.text


# Brought

EC_KEY = ec.generate_private_key(ec.SECP256R1())
OTHER_EC_KEY = ec.generate_private_key(ec.SECP256R1())
P384_KEY = ec.generate_private_key(ec.SECP384R1())
ED_KEY = ed25519.Ed25519PrivateKey.generate()
LOCKED = serialization.BestAvailableEncryption(b"open sesame")


@functools.cache
def good_keys():
    """Return name → algorithm, what is pasted, the key, the passphrase; made when the first test asks."""
    rsa_key = key_pair("RS256").private
    return {
        "PKCS #8": ("ES256", pem_of(EC_KEY), EC_KEY, ""),
        "SEC 1": ("ES256", pem_of(EC_KEY, TRADITIONAL), EC_KEY, ""),
        "PKCS #1": ("RS256", pem_of(rsa_key, TRADITIONAL), rsa_key, ""),
        "RSA for PS256": ("PS256", pem_of(rsa_key), rsa_key, ""),
        "Ed25519": ("EdDSA", pem_of(ED_KEY), ED_KEY, ""),
        "encrypted": ("ES384", pem_of(P384_KEY, PKCS8, LOCKED), P384_KEY, "open sesame"),
        "JWK": ("ES256", json.dumps({**jwk_of(EC_KEY), "use": "sig", "kid": "theirs"}), EC_KEY, ""),
    }


@pytest.mark.parametrize("name", ["PKCS #8", "SEC 1", "PKCS #1", "RSA for PS256", "Ed25519", "encrypted", "JWK"])
def test_a_key_of_ones_own_is_brought_in_each_form(ada, name):
    algorithm, text, key, passphrase = good_keys()[name]
    answer = bring(ada, text, algorithm, passphrase=passphrase, key_id="mine")

    assert answer.status_code == 303, words_of(answer)
    [row] = keys_in(ada.house)
    with ada.house.app.app_context():
        assert rings.get_key(row["id"]).public == keypairs.public_members(key.public_key())
    assert row["is_brought"] == 1 and ada.house.log("key.brought")[0]["kid"] == "mine"
    assert "Brought" in words_of(ada.get(answer.location))


CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"
PUBLIC = (
    EC_KEY.public_key()
    .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    .decode()
)


BAD = [
    "nothing",
    "words",
    "certificate",
    "public key",
    "public JWK",
    "secret JWK",
    "key set",
    "another curve",
    "another type",
    "Ed25519 for ES256",
    "too small",
    "halves of two keys",
    "cut off",
    "oversized",
    "no passphrase",
    "wrong passphrase",
    "needless passphrase",
    "endless passphrase",
    "repeated names",
    "deep",
]


@functools.cache
def bad_keys():
    """Return name → algorithm, what is pasted, the passphrase, and the words of the refusal."""
    small = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    mismatched = {**jwk_of(EC_KEY), "d": jwk_of(OTHER_EC_KEY)["d"]}
    pem = pem_of(EC_KEY)
    return {
        "nothing": ("ES256", " \n", "", "is empty; paste it once more"),
        "words": ("ES256", "hunter2-hunter2", "", "is no PEM or JWK"),
        "certificate": ("ES256", CERTIFICATE, "", "is a certificate"),
        "public key": ("ES256", PUBLIC, "", "is a public key"),
        "public JWK": (
            "ES256",
            json.dumps(keypairs.public_members(EC_KEY.public_key())),
            "",
            "is a public key or a secret",
        ),
        "secret JWK": ("ES256", '{"kty": "oct", "k": "c2VjcmV0"}', "", "is a public key or a secret"),
        "key set": ("ES256", json.dumps({"keys": [jwk_of(EC_KEY)]}), "", "is a whole key set"),
        "another curve": ("ES256", pem_of(P384_KEY), "", "ES256 takes a key on the curve P-256"),
        "another type": ("RS256", pem, "", "RS256 takes an RSA key"),
        "Ed25519 for ES256": ("ES256", pem_of(ED_KEY), "", "is of another type"),
        "too small": ("RS256", pem_of(small), "", "has 1024 bits"),
        "halves of two keys": ("ES256", json.dumps(mismatched), "", "its halves do not belong together"),
        "cut off": ("ES256", pem[: len(pem) // 2], "", "cannot be read"),
        "oversized": ("ES256", pem + "x" * 17_000, "", "is longer than 16,384 characters"),
        "no passphrase": ("ES384", pem_of(P384_KEY, PKCS8, LOCKED), "", "Passphrase is needed"),
        "wrong passphrase": (
            "ES384",
            pem_of(P384_KEY, PKCS8, LOCKED),
            "wrong-passphrase",
            "Passphrase does not open the key",
        ),
        "needless passphrase": ("ES256", pem, "needless-passphrase", "Passphrase is not needed"),
        "endless passphrase": (
            "ES384",
            pem_of(P384_KEY, PKCS8, LOCKED),
            "endless" * 999,
            "Passphrase does not open the key",
        ),
        "repeated names": ("ES256", '{"kty": "EC", "kty": "EC", "d": "x"}', "", "is not one JWK"),
        "deep": ("ES256", '{"d":' + "[" * 9000, "", "is not one JWK"),
    }


@pytest.mark.parametrize("name", BAD)
def test_a_key_that_cannot_sign_is_refused_and_nothing_of_it_is_said_again(ada, name, caplog, capfd):
    algorithm, text, passphrase, words = bad_keys()[name]
    caplog.set_level(logging.DEBUG)
    answer = bring(ada, text, algorithm, passphrase=passphrase, key_id="mine")

    assert answer.status_code == 422 and words in words_of(answer), words_of(answer)
    shown = fields_of(answer)
    assert shown["private_key"] == [""] == shown["passphrase"] and shown["how"] == ["brought"]
    assert keys_in(ada.house) == [] and ada.house.log("key.brought") == []
    out = capfd.readouterr()
    said = answer.text + str(answer.headers) + caplog.text + out.out + out.err
    for line in [line for line in text.split("\n") if len(line) > 12 and "-----" not in line]:
        assert line[:40] not in said
    assert not passphrase or passphrase not in said


def test_a_key_is_brought_once(ada):
    assert bring(ada, pem_of(EC_KEY), key_id="mine").status_code == 303
    answer = bring(ada, pem_of(EC_KEY), key_id="other")
    assert answer.status_code == 422 and "is a key that this site has, or had, as mine" in words_of(answer)


def test_a_body_that_is_far_too_long_is_refused_whole(ada):
    data = {"csrf_token": csrf_of(ada.get(NEW)), "private_key": "x" * 70_000}
    assert ada.post(NEW, data=data).status_code == 413
    files = {"csrf_token": csrf_of(ada.get(NEW)), "private_key": (io.BytesIO(pem_of(EC_KEY).encode()), "key.pem")}
    assert ada.post(NEW, data=files, content_type="multipart/form-data").status_code == 422


# Its page


def test_the_page_has_what_relying_parties_need_each_to_be_copied(served):
    page = Page(served.get(served.address).text)
    copied = {found["data-copy"] for found in page.all("div") if "data-copy" in found}
    with served.house.app.app_context():
        key = rings.find_key("one")
        pem = keypairs.spki_pem(key.public)
        members = {"kty": "EC", "use": "sig", "alg": "ES256", "kid": "one", **key.public}

    assert copied == {"the key id", "the address of the key set", "the address of the discovery document",
                      "the public key as PEM", "the public key as JWK"}  # fmt: skip
    assert pem in page.texts["code"]
    assert members in [json.loads(text) for text in page.texts["code"] if text.startswith("{")]
    assert "http://127.0.0.1:8000/.well-known/jwks.json" in page.texts["code"]
    assert "http://127.0.0.1:8000/.well-known/openid-configuration" in page.texts["code"]
    assert "a" in page.texts["code"] and "Help <desk>" in page.text


def test_a_key_of_an_asset_without_a_fixed_audience_names_the_key_set_of_that_asset_alone(ada):
    key = make_key(ada.house, "one")
    make_asset(ada.house, "deep/a", signing_key="one", algorithm="ES256")
    codes = Page(ada.get(f"/admin/keys/{key}").text).texts["code"]

    assert "http://127.0.0.1:8000/.well-known/jwks/deep/a" in codes
    assert not any("jwks.json" in text or "openid" in text for text in codes)


def test_the_public_key_is_downloaded_in_both_spellings(ada):
    key = make_key(ada.house, '"><script>/../x', "EdDSA")
    pem, jwk = ada.get(f"/admin/keys/{key}/public.pem"), ada.get(f"/admin/keys/{key}/public.json")

    assert pem.content_type == "application/x-pem-file" and pem.text.startswith("-----BEGIN PUBLIC KEY-----")
    assert pem.headers["Content-Disposition"] == 'attachment; filename="___script__.._x.pem"'
    assert jwk.content_type == "application/jwk+json" and set(jwk.json) == {"kty", "crv", "x", "use", "alg", "kid"}
    assert serialization.load_pem_public_key(pem.data) == keypairs.public_key_of(
        {k: jwk.json[k] for k in ("kty", "crv", "x")}
    )


def test_the_picture_says_the_same_as_the_table(served):
    make_next_key(served.house, "one", "two")
    page = Page(served.get(served.address).text)

    pictures = page.all("svg", role="img")
    assert len(pictures) == 2
    assert [found["id"] for found in page.all("title") if "id" in found] == ["life-1", "life-2"]
    assert pictures[0]["aria-labelledby"] == "life-1 life-1-words"
    assert "Published 2027-01-15T08:00, signs from 2027-01-15T08:00, retired 2027-01-15T08:06" in page.text
    assert len(page.all("rect", **{"class": "life-signing"})) == 2 + 1  # and the sample
    assert "two Next Published, signs from 2027-01-15 08:06:00 UTC" in " ".join(page.text.split())
    assert len([row for row in page.all("th", scope="row")]) >= 2


def test_each_state_is_said_and_shown(served):
    house = served.house
    two = make_next_key(house, "one", "two")
    assert words_of(served.get(f"/admin/keys/{two}")).count("Next") >= 2
    house.clock.advance(WAIT)
    assert "Published until 2027-01-15 08:22:00 UTC" in words_of(served.get(served.address))
    house.clock.advance(600 + WAIT)
    answer = words_of(served.get(served.address))
    assert "Gone since 2027-01-15 08:22:00 UTC" in answer and "What relying parties need" not in answer
    assert "Danger zone" not in answer


def test_the_first_fifty_assets_are_shown_and_the_rest_counted(served, monkeypatch):
    for number in range(52):
        make_asset(served.house, f"b/{number:02}", AUD % number, signing_key="one", algorithm="ES256")
    answer = served.get(served.address)
    assert "These are the first 50 of 53." in words_of(answer) and "b/48" in answer.text and "b/50" not in answer.text


def test_what_runs_out_is_said_on_the_page(ada):
    key = make_key(ada.house, "one", due_at=int(ada.house.clock()) + DAY)
    make_asset(ada.house, "a", signing_key="one", algorithm="ES256")
    assert "one should be followed by another key from 2027-01-16 08:00:00 UTC on. Make the next key" in words_of(
        ada.get(f"/admin/keys/{key}"))  # fmt: skip


def test_hostile_key_ids_stay_text_on_every_page(ada):
    for number, key_id in enumerate(['"><script>alert(1)</script>', "'onmouseover='alert(1)", "{{7*7}}{%raw%}", "javascript:alert(1)", "</title></main>", "../../etc", "%2e%2e", "?a=b&c#d"]):  # fmt: skip
        key = make_key(ada.house, key_id)
        make_asset(ada.house, f"x/{number}", signing_key=key_id, algorithm="ES256", name=key_id)
        for address in (f"/admin/keys/{key}", f"/admin/keys/{key}/next", f"/admin/keys/{key}/revoke", "/admin/keys"):
            page = Page(ada.get(address).text)
            assert key_id in page.text
            assert {found.get("src") for found in page.all("script")} <= {"/static/copy.js"}
            assert not [found for _, found, _ in page.tags if any(name.startswith("on") for name in found)]


# The next key


def follow(client, **fields):
    return send(client, client.address + "/next", client.address + "/next", **fields)


def test_the_next_key_is_published_now_and_signs_as_soon_as_it_may(served):
    page = served.get(served.address + "/next")
    assert "Empty: as soon as possible, which is 2027-01-15T08:06:00Z" in words_of(page)
    assert "hold the public key by hand" in words_of(page)
    answer = follow(served, key_id="two", due_days="30")

    one, two = keys_in(served.house)
    assert (answer.status_code, answer.location) == (303, f"/admin/keys/{two['id']}")
    assert two["signs_from_at"] == one["retired_at"] == int(served.house.clock()) + WAIT
    assert two["due_at"] == two["signs_from_at"] + 30 * DAY


def test_the_next_key_signs_from_a_moment_that_is_typed_in_utc(served):
    assert follow(served, key_id="two", signs_from_at="2027-02-01T12:30", due_days="").status_code == 303
    two = keys_in(served.house)[1]
    assert two["signs_from_at"] == 1801485000 and two["due_at"] is None
    assert "signs from 2027-02-01 12:30:00 UTC" in words_of(served.get("/admin/keys"))


def test_the_next_key_is_brought(served):
    answer = follow(served, how="brought", private_key=pem_of(EC_KEY), key_id="two")
    assert answer.status_code == 303, words_of(answer)
    assert keys_in(served.house)[1]["is_brought"] == 1


@pytest.mark.parametrize(
    "fields, words",
    [
        ({"signs_from_at": "2027-01-15T08:05"}, "Signs from is too early: verifiers know the key from"),
        ({"signs_from_at": "2026-01-01T00:00"}, "Signs from is too early"),
        ({"signs_from_at": "2099-01-01T00:00"}, "Signs from is more than ten years ahead"),
        ({"signs_from_at": "9999-12-31T23:59"}, "Signs from is more than ten years ahead"),
        ({"signs_from_at": "tomorrow"}, "Signs from takes a moment in UTC"),
        ({"signs_from_at": "2027-02-30T00:00"}, "Signs from takes a moment in UTC"),
        ({"signs_from_at": "2027-02-01"}, "Signs from takes a moment in UTC"),
        ({"signs_from_at": "٢٠٢٧-02-01T00:00"}, "Signs from takes a moment in UTC"),
        ({"key_id": "one"}, "Key id is, or was, the id of another key"),
        ({"how": "brought", "private_key": pem_of(P384_KEY)}, "is of another type; ES256 takes"),
        ({"due_days": "x"}, "Remind after days takes a whole number"),
    ],
)
def test_a_next_key_that_is_typed_wrongly_is_refused(served, fields, words):
    answer = follow(served, **fields)
    assert answer.status_code == 422 and words in words_of(answer), words_of(answer)
    assert len(keys_in(served.house)) == 1
    if "signs_from_at" in fields:
        assert f'value="{fields["signs_from_at"]}"' in answer.text


def plan(client, **fields):
    fields = {"every_days": "90", "amount": "3", **fields}
    return send(client, client.address + "/next", client.address + "/plan", **fields)


def test_several_keys_are_planned_and_named_by_their_days(served):
    answer = plan(served, naming="dated", prefix="site-")

    rows = keys_in(served.house)
    assert answer.status_code == 303
    assert [row["key_id"] for row in rows] == ["one", "site-2027-04-15", "site-2027-07-14", "site-2027-10-12"]
    assert "3 keys are planned. The last one signs from 2027-10-12." in words_of(served.get(answer.location))
    assert "Planned" in words_of(served.get(f"/admin/keys/{rows[3]['id']}"))


def test_planned_keys_are_named_by_their_thumbprints(served):
    assert plan(served, amount="1").status_code == 303
    one = keys_in(served.house)[1]
    assert one["key_id"] == one["thumbprint"]


@pytest.mark.parametrize(
    "fields, words",
    [
        ({"every_days": "0"}, "Days between two keys takes a whole number from 1 to 366"),
        ({"every_days": ""}, "Days between two keys takes a whole number"),
        ({"every_days": "366", "amount": "12"}, "Days between two keys is more than ten years ahead"),
        ({"amount": "13"}, "How many keys takes a whole number from 1 to 12"),
        ({"amount": "-1"}, "How many keys takes a whole number"),
        ({"naming": "other"}, "Key ids takes one of thumbprint, dated"),
        ({"naming": "dated", "prefix": "a b"}, "Key ids begin with takes 1 to 128 letters"),
        ({"naming": "dated", "prefix": "x" * 101}, "Key ids begin with has 101 characters"),
        ({"naming": "dated", "prefix": "taken-"}, "Key ids begin with is, or was, the id of another key"),
    ],
)
def test_a_plan_that_is_typed_wrongly_is_refused_whole(served, fields, words):
    make_key(served.house, "taken-2027-07-14")
    answer = plan(served, **fields)
    assert answer.status_code == 422 and words in words_of(answer), words_of(answer)
    assert len(keys_in(served.house)) == 2


def test_rsa_keys_are_planned_in_the_size_that_is_chosen(ada):
    ada.key = make_key(ada.house, "one", "RS256")
    ada.address = f"/admin/keys/{ada.key}"
    assert plan(ada, plan_bits="1024").status_code == 422
    assert plan(ada, plan_bits="2048", amount="1").status_code == 303
    assert "RSA, 2048 bits" in words_of(ada.get("/admin/keys"))


def test_rsa_keys_are_planned_so_many_at_once_as_are_made_in_some_seconds(ada, monkeypatch):
    ada.key = make_key(ada.house, "one", "RS256")
    ada.address = f"/admin/keys/{ada.key}"
    monkeypatch.setattr(keypairs, "generate", None)  # A refused plan makes none.
    for bits, amount, words in (("4096", "5", "is more than 4"), ("3072", "9", "is more than 8")):
        answer = plan(ada, plan_bits=bits, amount=amount)
        assert answer.status_code == 422 and f"How many keys {words}" in words_of(answer)
    answer = plan(ada, plan_bits="2048", amount="12", every_days="366")
    assert answer.status_code == 422 and "Days between two keys is more than ten years ahead" in words_of(answer)


def test_a_form_that_is_sent_twice_does_its_act_once_and_what_was_typed_stays(served):
    two = make_next_key(served.house, "one", "two", signs_from_at=int(served.house.clock()) + DAY)
    other = f"/admin/keys/{two}"
    for page, to, fields in (
        (other, other + "/move", {"signs_from_at": "2027-01-17T00:00"}),
        (served.address + "/next", served.address + "/next", {"due_days": "77"}),
        (served.address + "/next", served.address + "/plan", {"every_days": "91", "amount": "1"}),
        (other + "/revoke", other + "/revoke", {}),
    ):
        parser = _Forms()
        parser.feed(served.get(page).text)
        [found] = [sent(found) for form, found in parser.forms if form.get("action") == to]
        assert served.post(to, data={**found, **fields}).status_code == 303, to
        before = keys_in(served.house)
        for again in ({**found, **fields}, {**found, **fields, "seen": ""}):
            answer = served.post(to, data=again)
            assert answer.status_code == 422 and keys_in(served.house) == before
            assert "The keys were changed since this page was loaded" in words_of(answer), to
            assert all(f'value="{value}"' in answer.text for value in fields.values())


# Another moment


def test_a_moment_is_moved_and_as_soon_as_possible_is_one_button(served):
    two = make_next_key(served.house, "one", "two", signs_from_at=int(served.house.clock()) + DAY)
    page, to = f"/admin/keys/{two}", f"/admin/keys/{two}/move"

    assert send(served, page, to, signs_from_at="2027-02-01T00:00").status_code == 303
    assert "signs from 2027-02-01 00:00:00 UTC" in words_of(served.get(page))
    for typed, words in (("2027-01-15T08:01", "is too early"), ("", "takes a moment"), ("soon", "takes a moment")):
        answer = send(served, page, to, signs_from_at=typed)
        assert answer.status_code == 422 and words in words_of(answer) and f'value="{typed}"' in answer.text
    assert send(served, page, to, when="soon", signs_from_at="").status_code == 303
    assert keys_in(served.house)[1]["signs_from_at"] == int(served.house.clock()) + WAIT

    served.house.clock.advance(WAIT)
    token = csrf_of(served.get(page))
    assert "/move" not in served.get(page).text
    answer = served.post(to, data={"csrf_token": token, "when": "soon", "seen": seen(served)})
    assert answer.status_code == 422 and "Signs from stands: the key signs already" in words_of(answer)


# Revoked


def test_revoking_says_what_it_does_and_another_key_signs_at_once(served):
    page = served.address + "/revoke"
    assert "1 asset signs with it now: a" in words_of(served.get(page))
    assert "from then on no token that it signed verifies there." in words_of(served.get(page))
    assert "Its tokens would have expired within 10 minutes" in words_of(served.get(page))
    assert "None of its tokens is unexpired now." in words_of(served.get(page))
    assert served.get("/a").status_code == 200
    assert "1 token has not expired yet." in words_of(served.get(page))
    answer = send(served, page, page, key_id="two")

    assert (answer.status_code, answer.location) == (303, served.address)
    words = words_of(served.get(served.address))
    assert "The key was revoked. Another one signs in its place." in words and "two signs now." in words
    assert "trust it until 2027-01-15 08:05:00 UTC at the latest" in words
    assert Page(served.get(served.address).text).all("a", href="/admin/log?kid=one")
    assert "1 token has not expired yet. See what it signed" in words_of(served.get(served.address))
    served.house.clock.advance(601)
    assert "None of its tokens is unexpired now." in words_of(served.get(served.address))
    assert served.get("/a").status_code == 200
    assert [row["kid"] for row in served.house.log("token.issued")] == ["one", "two"]
    assert "It is gone already." in words_of(served.get(page))
    again = served.post(
        page, data={"csrf_token": csrf_of(served.get(page)), "replacement": "none", "seen": seen(served)}
    )
    assert again.status_code == 422 and "is gone already" in words_of(again)


def test_revoking_without_a_replacement_stops_the_assets_and_says_so(served):
    page = served.address + "/revoke"
    assert "its assets give no token until the next key is made" in words_of(served.get(page))
    assert send(served, page, page, replacement="none").status_code == 303
    assert served.get("/a").status_code == 500
    assert "Nothing signs in its place" in words_of(served.get(served.address))
    follow(served, key_id="two")
    assert served.get("/a").status_code == 200


@pytest.mark.parametrize(
    "fields, words",
    [({"replacement": "x"}, "In its place takes one of"), ({"replacement": None}, "In its place takes one of"),
     ({"key_id": "one"}, "Key id of the new key is, or was"), ({"key_id": "a b"}, "Key id of the new key takes 1 to 128")],
)  # fmt: skip
def test_a_form_that_revokes_and_is_typed_wrongly_is_refused(served, fields, words):
    page = served.address + "/revoke"
    answer = send(served, page, page, **fields)
    assert answer.status_code == 422 and words in words_of(answer), words_of(answer)
    assert served.house.log("key.revoked") == []


def test_a_next_key_and_a_retired_key_are_revoked_without_a_question(served):
    two = make_next_key(served.house, "one", "two")
    page = f"/admin/keys/{two}/revoke"
    words = (
        "signs for no asset yet; tokens to try it with may be about. None of its tokens is unexpired now. one signs on."
    )
    assert words in words_of(served.get(page))
    assert send(served, page, page).status_code == 303
    make_next_key(served.house, "one", "three")
    served.house.clock.advance(WAIT)
    page = served.address + "/revoke"
    assert "from then on no token that it signed verifies there." in words_of(served.get(page))
    assert send(served, page, page).status_code == 303
    assert "three signs now." in words_of(served.get(served.address))


def test_a_retired_key_whose_tokens_never_expire_is_unpublished(served):
    change_asset(served.house, "a", lifetime=None)
    make_next_key(served.house, "one", "two")
    to = served.address + "/unpublish"
    assert to not in served.get(served.address).text
    answer = served.post(to, data={"csrf_token": csrf_of(served.get(served.address)), "seen": seen(served)})
    assert answer.status_code == 422 and "This key goes by itself" in words_of(answer)
    served.house.clock.advance(WAIT)
    assert "Never: some of its tokens never expire" in words_of(served.get(served.address))
    assert send(served, served.address, to).status_code == 303
    assert "Gone since" in words_of(served.get(served.address))


# Who may, and what is asked


def every_act(client):
    """Return page, address and fields of each act on the keys of `client`."""
    two = make_next_key(client.house, "one", "two", signs_from_at=int(client.house.clock()) + DAY)
    other = f"/admin/keys/{two}"
    return [
        (NEW, NEW, {"algorithm": "ES256"}),
        (client.address + "/next", client.address + "/next", {"key_id": "x"}),
        (client.address + "/next", client.address + "/plan", {"amount": "1"}),
        (other, other + "/move", {"when": "soon"}),
        (other + "/revoke", other + "/revoke", {}),
        (client.address, client.address + "/unpublish", {}),
    ]


def test_a_while_after_the_sign_in_each_act_asks_for_the_password(served):
    acts = every_act(served)
    served.house.clock.advance(LATER)
    before = keys_in(served.house)
    for page, to, fields in acts:
        for password in ("", "wrong"):
            data = {"csrf_token": csrf_of(served.get(page)), "own_password": password, **fields}
            answer = served.post(to, data=data)
            assert answer.status_code == 422 and "Your password is" in words_of(answer), to
    assert keys_in(served.house) == before

    # With the right one it is done, and the next time none is asked for.
    page, to, fields = acts[3]
    assert send(served, page, to, own_password=PASSWORD, **fields).status_code == 303
    assert "own_password" not in served.get(page).text


def test_they_are_the_administrators_alone(served):
    make_group(served.house, "staff")
    change_asset(served.house, "a", editors=[])
    make_asset(served.house, "edited", AUD % "b", signing_key="one", algorithm="ES256", editors=["staff"])
    make_person(served.house, "eve", groups=["staff"])
    eve, token = served.house.signed_in("eve"), csrf_of(served.get(NEW))
    acts = every_act(served)
    for page in {page for page, _, _ in acts} | {
        served.address + "/public.pem",
        served.address + "/public.json",
        "/admin/keys",
    }:
        assert eve.get(page).status_code == 403, page
    for _, to, fields in acts:
        assert eve.post(to, data={"csrf_token": token, **fields}).status_code == 403
        assert served.post(to, data=fields).status_code == 400  # without the form's token
    assert "/admin/keys" not in eve.get("/").text


def test_a_key_that_is_not_there_is_404_on_every_page(served):
    token = csrf_of(served.get(NEW))
    for ending in ("", "/public.pem", "/public.json", "/next", "/revoke"):
        for name in ("nothing", "%00", "x" * 300):
            assert served.get(f"/admin/keys/{name}{ending}").status_code == 404, ending
    for ending in ("/next", "/plan", "/move", "/revoke", "/unpublish"):
        fields = {
            "csrf_token": token,
            "how": "made",
            "amount": "1",
            "every_days": "9",
            "naming": "thumbprint",
            "when": "soon",
        }
        assert served.post(f"/admin/keys/nothing{ending}", data=fields).status_code == 404, ending


def test_no_page_answer_or_row_has_anything_of_a_private_half(served, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    rsa_key = key_pair("RS256").private
    bring(served, pem_of(rsa_key), "RS256", key_id="rsa")
    numbers = rsa_key.private_numbers()
    whole = lambda n: base64.urlsafe_b64encode(n.to_bytes((n.bit_length() + 7) // 8, "big")).rstrip(b"=").decode()  # noqa: E731
    canaries = [whole(each) for each in (numbers.d, numbers.p, numbers.q, numbers.dmp1, numbers.dmq1, numbers.iqmp)]
    canaries += [str(numbers.d), f"{numbers.d:x}", *(line for line in pem_of(rsa_key).split("\n") if len(line) == 64)]
    with served.house.app.app_context():
        key = rings.find_key("rsa").id
        seen = [repr(rings.get_key(key)), repr(keypairs.KeyPair("RS256", rsa_key))]
    for address in ("", "/public.pem", "/public.json", "/next", "/revoke"):
        seen.append(served.get(f"/admin/keys/{key}{address}").text)
    seen += [str(served.house.rows("SELECT * FROM log")), caplog.text, *capfd.readouterr()]
    for row in served.house.rows("SELECT * FROM signing_key"):
        seen.append(str({name: value for name, value in row.items() if name != "sealed"}))
    public = pem_of_public(rsa_key)
    for canary in canaries:
        assert canary in public or not any(canary in each for each in seen)


def pem_of_public(key):
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def test_all_pages_and_acts_work_on_both_databases(house):
    make_person(house, "ada", is_admin=True)
    ada = house.signed_in("ada")
    assert submit(ada, NEW, algorithm="ES256", key_id="one").status_code == 303
    make_asset(house, "a", AUD % "a", signing_key="one", algorithm="ES256")
    assert ada.get("/a").status_code == 200
    ada.address = f"/admin/keys/{keys_in(house)[0]['id']}"
    assert follow(ada, key_id="two").status_code == 303
    assert plan(ada, naming="dated", prefix="p-").status_code == 303
    two = f"/admin/keys/{keys_in(house)[1]['id']}"
    assert send(ada, two, two + "/move", when="soon").status_code == 303
    assert send(ada, ada.address + "/revoke", ada.address + "/revoke").status_code == 303

    for address in (
        ada.address,
        two,
        two + "/next",
        two + "/revoke",
        "/admin/keys",
        "/admin/keys?show=past",
        "/admin/keys?q=p-",
    ):
        assert ada.get(address).status_code == 200, address
    assert "1 token has not expired yet." in words_of(ada.get(ada.address))
    assert len(Page(ada.get("/admin/keys?q=p-").text).all("tr")) == 2
    assert len(Page(ada.get("/admin/keys?q=P-").text).all("tr")) == 0


# Moments


def test_every_field_of_a_moment_takes_the_seconds_that_it_shows(sqlite_house):
    full, seen = FullHouse(sqlite_house), 0
    for name, address in full.pages().items():
        with full.clients["ada"].get(address) as answer:
            found = Page(answer.text).all("input", type="datetime-local") if answer.mimetype == "text/html" else []
        # Without it browsers take no value with seconds and do not send the form (HTML Standard, `step`).
        assert all(each.get("step") == "1" for each in found), name
        seen += len(found)
    assert seen >= 3


def test_a_key_that_no_asset_has_chosen_is_ready_and_next_has_a_shape_of_its_own(served):
    make_key(served.house, "alone")
    make_next_key(served.house, "one", "two")
    assert "alone ES256, P-256 Ready no asset has chosen it" in words_of(served.get("/admin/keys"))
    with served.house.app.app_context():
        alone, two = rings.find_key("alone").id, rings.find_key("two").id
    assert "Ready no asset has chosen it" in words_of(served.get(f"/admin/keys/{alone}"))
    shape_of = lambda answer, kind: answer.text.partition(f'state-{kind}">')[2].partition("</svg>")[0]  # noqa: E731
    signs, follows = shape_of(served.get("/admin/keys"), "good"), shape_of(served.get(f"/admin/keys/{two}"), "next")
    assert "<circle" in signs and "<path" in follows


def test_the_picture_names_the_next_change_and_has_no_end(served):
    make_next_key(served.house, "one", "two")
    words = words_of(served.get(served.address))
    assert "next change 2027-01-15 08:06:00 UTC" in words and " and on " in words
    assert "Short times are drawn longer than they are." in words
