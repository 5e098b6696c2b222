"""Inspecting a pasted token on our own server: it is read strictly, believed only where verified, and kept nowhere."""

import json
import logging

import pytest

from mintmark import inspection
from mintmark.models import db
from mintmark.people import find_person
from mintmark.tokens import Signer
from mintmark.unverified import read_unverified
from tests.conftest import SECRET, START
from tests.making import change_asset, make_asset, make_group, make_person
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
    assert "Not signed with the present secret of Help desk (/helpdesk)." in words_of(
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
        ({"alg": "RS256"}, "No asset signs with the algorithm that its header says"),
        ({"alg": "hs256"}, "No asset signs with the algorithm that its header says"),
        ({"alg": "<script>"}, "No asset signs with the algorithm that its header says"),
        ({"alg": "HS256", "crit": ["exp"]}, "Its header demands extensions (crit)"),
        ({"alg": "HS256", "crit": None}, "Its header demands extensions (crit)"),
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
        return inspection.find_signer(read_unverified(token), find_person(username), sealer=sealer, **bounds)


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
