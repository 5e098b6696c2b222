"""Inspecting a pasted token on our own server: it is read strictly, believed only where verified, and kept nowhere."""

import base64
import hmac
import json
import logging
from dataclasses import replace

import pytest

from mintmark import inspection, keypairs
from mintmark.assets import listing, overlap, save
from mintmark.assets.secrets import read_secret
from mintmark.keys import changing, rings
from mintmark.models import SigningKey, db, writing
from mintmark.people import find_person
from mintmark.tokens import KEY_ALGORITHMS, Signer
from mintmark.unverified import read_unverified
from tests.conftest import SECRET, START
from tests.making import change_asset, key_pair, make_asset, make_group, make_key, make_next_key, make_person
from tests.test_pages import HOSTILE, Page
from tests.test_tokens import part, signed
from tests.test_unverified import MALFORMED

URL = "/account/inspect"
OTHER = "the-secret-of-another-asset-9876543210-abcdef"


@pytest.fixture
def made(house):
    """Ben of the group staff; helpdesk for everyone, chat for staff, hidden for nobody, each with its own secret."""
    make_group(house, "staff")
    make_person(house, "ada", is_admin=True)
    make_person(house, "ben", groups=["staff"])
    make_person(house, "carl")
    make_asset(house, "helpdesk", name="Help desk")
    make_asset(house, "chat", secret=OTHER, name="Chat", readers=["staff"])
    make_asset(house, "hidden", secret=OTHER + "hidden", name="Hidden", readers=[])
    return house


def inspect(house, client, token, path=""):
    token_field = client.get(URL)
    form = Page(token_field.text).all("input", name="csrf_token")[0]["value"]
    return client.post(URL, data={"csrf_token": form, "token": token, "path": path})


def words_of(answer):
    return " ".join(Page(answer.text).text.split())


def token_of(secret=SECRET, algorithm="HS256", **claims):
    return Signer(algorithm, secret.encode(), {}).sign({"sub": "ben", "exp": int(START) + 60, **claims})


def test_the_asset_that_signed_is_named(made):
    ben = made.signed_in("ben")
    for path, name in (("helpdesk", "Help desk"), ("chat", "Chat")):
        answer = inspect(made, ben, ben.get(f"/{path}").text)
        assert answer.status_code == 200
        assert f"Signed by {name} (/{path}), with its present secret." in words_of(answer)
        assert "unverified" not in answer.text and "Do not believe" not in answer.text


def test_claims_and_header_are_shown_with_moments_in_words(made):
    answer = inspect(made, made.signed_in("ben"), token_of(exp=int(START) + 90, iat=int(START) - 3600))
    words = words_of(answer)
    assert "Not expired: it says 2027-01-15 08:01:30 UTC" in words
    assert "exp 1800000090 2027-01-15 08:01:30 UTC, in 1 minute 30 seconds" in words
    assert "iat 1799996400 2027-01-15 07:00:00 UTC, 1 hour ago" in words
    assert 'alg "HS256"' in words


@pytest.mark.parametrize(
    ("exp", "words"),
    [
        (int(START), "Expired at 2027-01-15 08:00:00 UTC"),
        (START + 0.5, "Not expired: it says 2027-01-15 08:00:00 UTC"),
        (None, "Never expires: it has no exp"),
        ("1800000060", "Its exp is no moment"),
        (True, "Its exp is no moment"),
        (10**19, "Its exp is no moment"),
    ],
)
def test_it_is_said_whether_it_has_expired(made, exp, words):
    assert words in words_of(inspect(made, made.signed_in("ben"), token_of(exp=exp)))


def test_an_asset_that_one_may_not_fetch_is_never_named(made):
    hidden, ben = token_of(OTHER + "hidden"), made.signed_in("ben")
    words = words_of(inspect(made, ben, hidden))
    assert "None of the 2 assets that you may fetch signed it" in words and "Hidden" not in words
    assert "Claims, unverified" in words and "Do not believe what follows" in words
    for path in ("hidden", "nothing", "chat/x"):
        answer = inspect(made, ben, hidden, path)
        assert answer.status_code == 422
        assert "leads to no live asset that you may fetch" in answer.text
    assert "Signed by Hidden" in words_of(inspect(made, made.signed_in("ada"), hidden, "/hidden"))
    assert "The one asset that you may fetch did not sign it" in words_of(
        inspect(made, made.signed_in("carl"), token_of(OTHER))
    )


def test_a_typed_path_is_the_only_one_that_is_tried(made):
    ben = made.signed_in("ben")
    assert "Signed by Chat (/chat)" in words_of(inspect(made, ben, token_of(OTHER), "/chat"))
    assert "Not signed by Help desk (/helpdesk) as it is now." in words_of(
        inspect(made, ben, token_of(OTHER), "helpdesk")
    )
    answer = inspect(made, ben, token_of(), "Not a path")
    assert answer.status_code == 422 and Page(answer.text).one("input", name="path")["value"] == "Not a path"


def test_switched_off_and_trashed_assets_and_former_secrets_sign_nothing(made):
    ben, token = made.signed_in("ben"), token_of(OTHER)
    change_asset(made, "chat", live=False)
    assert "Signed by" not in words_of(inspect(made, ben, token))
    assert inspect(made, ben, token, "chat").status_code == 422


@pytest.mark.parametrize("header", [{"alg": "none"}, {"alg": "None", "typ": "JWT"}])
def test_a_token_that_nobody_signed_is_named_so(made, header):
    for token in (f"{part(header)}.{part({'sub': 'ben'})}.", signed(header, {"sub": "ben"})):
        words = words_of(inspect(made, made.signed_in("ben"), token))
        assert "Nobody signed it: its header says none" in words and "Claims, unverified" in words


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ({"alg": "RS1"}, "No asset signs with the algorithm that its header says"),
        ({"alg": "PS512", "kid": "site"}, "No asset signs with the algorithm that its header says"),
        ({"alg": "ES256K", "kid": "site"}, "No asset signs with the algorithm that its header says"),
        ({"alg": "rs256", "kid": "site"}, "assets sign with HS256, HS384, HS512, RS256, RS384, RS512, PS256, ES256"),
        ({"alg": "hs256"}, "No asset signs with the algorithm that its header says"),
        ({"alg": "<script>"}, "No asset signs with the algorithm that its header says"),
        ({"alg": "HS256", "crit": ["exp"]}, "Its header demands extensions (crit)"),
        ({"alg": "HS256", "crit": None}, "Its header demands extensions (crit)"),
        ({"alg": "ES256", "kid": "site", "crit": ["exp"]}, "Its header demands extensions (crit)"),
        ({"alg": "RS256"}, "Its header says no key id (kid)"),
        ({"alg": "ES256", "kid": 7}, "Its header says no key id (kid)"),
        ({"alg": "EdDSA", "kid": ["site"]}, "Its header says no key id (kid)"),
    ],
)
def test_what_no_asset_can_have_signed_is_said_before_any_secret_is_tried(made, header, words):
    assert words in words_of(inspect(made, made.signed_in("ben"), signed(header, {"sub": "ben"})))


def test_the_header_does_not_choose_the_algorithm(made):
    # RFC 8725 §3.1: signed with the right secret, by an algorithm that is not the asset's.
    longer = SECRET + "-" * 40
    make_asset(made, "long", secret=longer, algorithm="HS512", name="Long")
    ben = made.signed_in("ben")
    assert "Signed by Long" in words_of(inspect(made, ben, token_of(longer, "HS512")))
    assert "None of the 3 assets" in words_of(inspect(made, ben, token_of(longer, "HS256")))


@pytest.mark.parametrize("algorithm", KEY_ALGORITHMS)
def test_the_key_that_signed_is_named_with_its_asset(made, algorithm):
    make_key(made, "site", algorithm, number=0)
    make_asset(made, "talk", signing_key="site", name="Talk")
    ben = made.signed_in("ben")
    answer = inspect(made, ben, ben.get("/talk").text)
    words = words_of(answer)
    assert "Signed by this site’s key site, for Talk (/talk). The key signs now." in words
    assert "unverified" not in answer.text and "Do not believe" not in answer.text
    assert "/admin/" not in answer.text
    assert "Signed by this site’s key site, for Talk" in words_of(inspect(made, ben, ben.get("/talk").text, "talk"))


def of_key(pair, key_id, headers=None, **claims):
    signer = Signer(pair.algorithm, pair.private, headers or {}, key_id)
    return signer.sign({"sub": "ben", "exp": int(START) + 60, **claims})


def test_the_state_of_the_key_is_said(made):
    # Given a ring with a key that will be retired, and gone, and one that follows it,
    first = make_key(made, "first", number=0)
    make_asset(made, "talk", signing_key="first", name="Talk")
    make_next_key(made, "first", "second", signs_from_at=int(START) + 1000)
    ben, token = made.signed_in("ben"), of_key(key_pair("ES256", 0), "first")
    with made.app.app_context():
        gone_at = rings.get_key(first).gone_at
        sealed = rings.find_key("second").sealed
        pkcs8 = made.mint.settings.sealer.open(
            sealed, table="signing_key", row=rings.find_key("second").id, column="sealed"
        )
    following = of_key(keypairs.KeyPair("ES256", keypairs.from_bytes(pkcs8)), "second")

    # when the moments pass, then the words say where the keys are.
    assert "The key signs now." in words_of(inspect(made, ben, token))
    assert "The key does not sign yet: this is a token to try it with." in words_of(inspect(made, ben, following))
    made.clock.advance(1000)
    words = words_of(inspect(made, ben, token))
    assert "The key is retired since 2027-01-15 08:16:40 UTC; relying parties find it in the key set until" in words
    assert "The key signs now." in words_of(inspect(made, ben, following))
    made.clock.advance(gone_at - int(made.clock()))
    words = words_of(inspect(made, ben, token))
    assert "Signed by this site’s key first, for Talk (/talk). The key is gone since" in words
    assert "Claims, unverified" not in words


def test_a_key_that_was_revoked_is_said_loudly_and_nothing_of_its_token_is_believed(made):
    key = make_key(made, "site", number=0)
    make_asset(made, "talk", signing_key="site", name="Talk")
    ben = made.signed_in("ben")
    token = ben.get("/talk").text
    made.clock.advance(5)
    with made.app.app_context(), writing():
        changing.revoke(rings.get_key(key), None, None, sealer=made.mint.settings.sealer, by=made.by())
    for path in ("", "talk"):
        page = Page(inspect(made, ben, token, path).text)
        [alert] = page.all("p", role="alert")
        words = " ".join(page.text.split())
        assert alert["class"] == "problem"
        assert "Revoked. The key site signed it, and that was revoked at 2027-01-15 08:00:05 UTC" in words
        assert "trust nothing that it signed" in words and "Do not believe what follows" in words
        assert "Claims, unverified" in words and "Signed by" not in words


def test_what_a_key_did_not_sign_is_not_believed_whatever_its_header_says(made):
    """RFC 8725 §2.1, §3.1; CVE-2022-29217: the header names a key and an algorithm, and decides neither."""
    ours, other = key_pair("RS256", 0), key_pair("RS256", 1)
    make_key(made, "site", "RS256", number=0)
    make_key(made, "curve", "ES256", number=0)
    make_asset(made, "talk", signing_key="site", name="Talk")
    ben = made.signed_in("ben")
    head, claims, signature = of_key(ours, "site").split(".")
    no_key = "Not signed by site, which its header names."
    for token, words in (
        (of_key(other, "site"), no_key),
        (f"{head}.{part({'sub': 'ada'})}.{signature}", no_key),
        (f"{head}.{claims}.", no_key),
        (of_key(key_pair("PS256", 0), "site"), no_key),
        (of_key(keypairs.KeyPair("RS512", ours.private), "site"), no_key),
        (of_key(key_pair("ES256", 1), "site"), no_key),
        (of_key(ours, "curve"), "Not signed by curve, which its header names."),
        (of_key(ours, "Site"), "This site has no signing key with the key id of its header, and never had one."),
        (of_key(ours, "site\x00"), "This site has no signing key with the key id of its header"),
        (of_key(ours, "s" * 5000), "This site has no signing key with the key id of its header"),
    ):
        answer = inspect(made, ben, token)
        assert answer.status_code == 200
        assert words in words_of(answer) and "Claims, unverified" in words_of(answer), words
    public = keypairs.spki_pem(ours.public)
    for secret in (public, public.strip(), json.dumps(ours.public), ours.public["n"]):
        token = hmac_token(secret.encode(), {"alg": "HS256", "typ": "JWT", "kid": "site"})
        for path in ("", "talk"):
            words = words_of(inspect(made, ben, token, path))
            assert "Claims, unverified" in words and "Signed by" not in words


def hmac_token(key, header):
    body = f"{part(header)}.{part({'sub': 'ben', 'exp': int(START) + 60})}"
    digest = hmac.digest(key, body.encode(), "sha256")
    return f"{body}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def test_of_a_shared_key_the_asset_is_named_whose_audience_it_is_and_none_that_one_may_not_fetch(made):
    make_key(made, "site", number=0)
    for path, readers in (("desk", "everyone"), ("talk", "everyone"), ("secretly", [])):
        template = json.dumps({"aud": f"of-{path}"})
        make_asset(made, path, template, signing_key="site", name=path.title(), readers=readers)
    ben, pair = made.signed_in("ben"), key_pair("ES256", 0)
    for audience, words in (
        ("of-talk", "key site, for Talk (/talk). The"),
        (["x", "of-desk"], "key site, for Desk (/desk). The"),
        ("of-secretly", "key site, for one of Desk (/desk), Talk (/talk). The"),
        (7, "key site, for one of Desk (/desk), Talk (/talk). The"),
    ):
        seen = words_of(inspect(made, ben, of_key(pair, "site", aud=audience)))
        assert words in seen and "Secretly" not in seen, audience
    seen = words_of(inspect(made, ben, of_key(pair, "site", aud="of-talk"), "desk"))
    assert "Not signed for Desk (/desk)." in seen and "Do not believe" in seen
    for path in ("desk", "talk"):
        change_asset(made, path, live=False)
    assert "key site, for no asset that you may fetch." in words_of(inspect(made, ben, of_key(pair, "site")))


def test_of_many_assets_on_one_key_that_one_is_named_whose_token_it_is(sqlite_house, monkeypatch):
    make_person(sqlite_house, "ben")
    make_key(sqlite_house, "site", number=0)
    monkeypatch.setattr(listing, "PAGE_SIZE", 2)
    for number in range(7):
        make_asset(sqlite_house, f"x{number}", json.dumps({"aud": f"of-x{number}"}), signing_key="site")
    ben, pair = sqlite_house.signed_in("ben"), key_pair("ES256", 0)

    def seen(audience, path=""):
        return words_of(inspect(sqlite_house, ben, of_key(pair, "site", aud=audience), path))

    for path in ("", "x6"):
        assert "key site, for x6 (/x6). The" in seen("of-x6", path) and "Not signed for" not in seen("of-x6", path)
    assert "key site, for x6 (/x6). The" in seen("of-x6", "x1") and "Not signed for x1 (/x1)." in seen("of-x6", "x1")
    assert "for one of x0 (/x0), x1 (/x1) and others. The" in seen("of-another")

    # Where the search ends before it came there, it says no more than it knows; a typed path is looked at whatever happens.
    monkeypatch.setattr(inspection, "MAX_ASSETS", 4)
    assert "for one of x0 (/x0), x1 (/x1) and others. The" in seen("of-x6")
    assert "key site, for x6 (/x6). The" in seen("of-x6", "x6")
    monkeypatch.setattr(inspection, "MAX_SECONDS", 0)
    assert "signed for x1" not in seen("of-x6", "x1") and "key site, for x6 (/x6). The" in seen("of-x6", "x6")


def test_an_administrator_is_led_to_the_key_and_an_asset_that_went_on_to_another_key_is_named_still(made):
    key = make_key(made, "site", number=0)
    make_key(made, "other", number=1)
    asset = make_asset(made, "talk", signing_key="site", name="Talk")
    ada = made.signed_in("ada")
    token = ada.get("/talk").text
    with made.app.app_context():
        ring_id = rings.find_key("other").ring_id
    change_asset(made, "talk", signing_key=ring_id)
    answer = inspect(made, ada, token)
    assert "Signed by this site’s key site, for Talk (/talk)." in words_of(answer), asset
    assert Page(answer.text).one("a", href=f"/admin/keys/{key}")


def test_a_secret_beside_the_present_one_is_named_for_what_it_is(made):
    ben, following = made.signed_in("ben"), "the-next-secret-of-the-help-desk-0123456789"
    with made.app.app_context(), writing():
        asset, sealer = save.find_asset("helpdesk"), made.mint.settings.sealer
        value = replace(read_secret(following, "text", algorithm="HS256"), kid="next")
        overlap.stage(asset, value, sealer=sealer, by=made.by())
    assert "with its next secret, which does not sign yet" in words_of(inspect(made, ben, token_of(following)))
    assert "with its present secret." in words_of(inspect(made, ben, token_of()))
    with made.app.app_context(), writing():
        overlap.switch(save.find_asset("helpdesk"), int(START) + 60, sealer=sealer, by=made.by())
    made.clock.advance(60)
    for path in ("", "helpdesk"):
        assert "with its present secret." in words_of(inspect(made, ben, token_of(following), path))
        assert "with its former secret, from before the switch." in words_of(inspect(made, ben, token_of(), path))


def test_a_key_whose_private_half_is_gone_still_vouches(sqlite_house):
    make_person(sqlite_house, "ben")
    key = make_key(sqlite_house, "site", number=0)
    with sqlite_house.app.app_context(), writing():
        db.session.get_one(SigningKey, key).sealed = None
    ben = sqlite_house.signed_in("ben")
    assert "for no asset that you may fetch" in words_of(
        inspect(sqlite_house, ben, of_key(key_pair("ES256", 0), "site"))
    )


def test_a_changed_token_is_signed_by_nobody(made):
    ben = made.signed_in("ben")
    head, claims, signature = ben.get("/helpdesk").text.split(".")
    other = f"{head}.{part({'sub': 'ada'})}.{signature}"
    for token in (other, f"{head}.{claims}.", f"{head}.{claims}.{signature[:-3]}"):
        words = words_of(inspect(made, ben, token))
        assert "None of the 2 assets that you may fetch signed it" in words


def test_malformed_tokens_are_422_with_what_was_typed(sqlite_house):
    make_person(sqlite_house, "ben")
    ben = sqlite_house.signed_in("ben")
    for name in (
        "nothing",
        "a dot",
        "five parts, which is JWE",
        "full-width letters",
        "too long",
        "alg twice",
        "thousands of lists",
    ):
        answer = inspect(sqlite_house, ben, MALFORMED[name])
        assert answer.status_code == 422 and "Token cannot be read." in answer.text, name
        shown = Page(answer.text).texts.get("textarea", [""])
        assert "".join(shown).strip("\n") == MALFORMED[name], name
        assert '<table class="claims">' not in answer.text


def test_white_space_around_what_was_copied_does_not_matter(made):
    answer = inspect(made, made.signed_in("ben"), f"\n  {token_of()}\r\n")
    assert "Signed by Help desk" in words_of(answer)


def test_nothing_of_the_token_is_kept(made, capfd, caplog):
    caplog.set_level(logging.DEBUG)
    ben = made.signed_in("ben")
    before = len(made.log())
    canary = token_of(claim="CANARY-claim")
    answers = [inspect(made, ben, canary), inspect(made, ben, canary + "!"), inspect(made, ben, canary, "nowhere")]
    answers.append(ben.post(URL, data={"token": canary, "csrf_token": "wrong"}))
    assert [answer.status_code for answer in answers] == [200, 422, 422, 400]
    assert canary not in answers[-1].text
    assert len(made.log()) == before
    kept = json.dumps(made.log(), default=str) + caplog.text + "".join(capfd.readouterr())
    assert "CANARY" not in kept and canary.rpartition(".")[2] not in kept
    for answer in answers:
        assert "Location" not in answer.headers and answer.headers["Cache-Control"] == "no-store"
        assert canary not in str(answer.headers)


def test_a_stranger_may_not_inspect(made):
    assert made.client().get(URL).status_code == 303
    assert made.client().post(URL, data={"token": token_of()}).status_code == 403


def search(house, token, username="ada", **bounds):
    with house.app.app_context():
        sealer = house.mint.settings.sealer
        token, now = read_unverified(token), house.clock()
        return inspection.find_signer(token, find_person(username), sealer=sealer, now=now, **bounds)


def test_the_search_is_bounded_and_says_how_far_it_came(sqlite_house, monkeypatch):
    make_person(sqlite_house, "ada", is_admin=True)
    for number in range(52):
        make_asset(sqlite_house, f"a{number:02}", secret=f"{OTHER}{number}")
    first, last = token_of(f"{OTHER}0"), token_of(f"{OTHER}51")
    assert search(sqlite_house, last) == inspection.Search("a51", "a51", 52, False)
    assert search(sqlite_house, token_of()) == inspection.Search(None, None, 52, False)
    # Given that time runs out after the first page, or that there may be no more than fifty.
    ticks = iter([0.0, 0.1, 0.3])
    assert search(sqlite_house, last, clock=lambda: next(ticks)) == inspection.Search(None, None, 50, True)
    monkeypatch.setattr(inspection, "MAX_ASSETS", 50)
    assert search(sqlite_house, last) == inspection.Search(None, None, 50, True)
    assert search(sqlite_house, first) == inspection.Search("a00", "a00", 1, True)
    ada = sqlite_house.signed_in("ada")
    words = words_of(inspect(sqlite_house, ada, last))
    assert "None of the first 50 assets that you may fetch signed it; there are more. Type the path" in words
    assert "Signed by a51" in words_of(inspect(sqlite_house, ada, last, "a51"))


def test_an_asset_whose_secret_does_not_open_is_passed_over(sqlite_house):
    make_person(sqlite_house, "ada", is_admin=True)
    make_asset(sqlite_house, "a", secret=OTHER)
    make_asset(sqlite_house, "b")
    with sqlite_house.app.app_context():
        db.session.execute(
            db.text("UPDATE secret SET sealed = X'00' WHERE asset_id = (SELECT id FROM asset WHERE path = 'a')")
        )
        db.session.commit()
    assert search(sqlite_house, token_of()) == inspection.Search("b", "b", 2, False)


def test_hostile_texts_appear_as_text(sqlite_house):
    make_person(sqlite_house, "ben")
    ben = sqlite_house.signed_in("ben")
    plain = None
    for hostile in HOSTILE:
        answer = inspect(
            sqlite_house, ben, token_of(**{"x" + hostile: hostile, "list": [hostile], "in": {hostile: hostile}})
        )
        page = Page(answer.text)
        plain = plain or page.skeleton()
        assert answer.status_code == 200 and page.skeleton() == plain
