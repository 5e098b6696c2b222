"""Why was it refused? Where a token leads, whose it may have been meant to be, what the log knows, what was pasted."""

from tests.conftest import SECRET, START
from tests.making import make_issuer
from tests.test_pages import Page
from tests.test_why_refused import NUMBER, WHY, ask, look, refuse, site, token_of

__all__ = ["site"]
LISTED = "http://localhost:9000"


def come(site, token):
    return site.client().post("/auth/jwt", json={"token": token})


def test_where_a_token_leads_is_a_check_like_the_others_and_decides_as_the_front_door_does(site):
    make_issuer(site, "https://listed.test", name="listed", create_people=True, return_to=[LISTED], secret=SECRET + "l")
    other = site.rows("SELECT id FROM trusted_issuer WHERE name = 'listed'")[0]["id"]
    cases = [
        (None, "Passed", "there is no redirect_url"),
        ("/account", "Passed", "leads to “/account”"),
        ("http://localhost/account", "Passed", "leads to"),
        (f"{LISTED}/dashboard", "Passed", f"leads to “{LISTED}/dashboard”"),
        ("https://your-app.com/dashboard", "Failed", f"leads to “https://your-app.com/dashboard”; the list of “Return to” has “{LISTED}”"),
        ("//evil.test", "Failed", "is “//evil.test”, no page of this site"),
        ("javascript:alert(1)", "Failed", f"has “{LISTED}”"),
        (7, "Failed", "is 7, a number; an address is asked"),
        ("", "Failed", "leads to “”"),
    ]  # fmt: skip
    for number, (where, outcome, words) in enumerate(cases):
        often = {"iss": "https://listed.test", "redirect_url": where, "sub": f"s-{number}", "jti": f"j-{number}"}
        token = token_of(SECRET + "l", **often)
        answer, found = look(site, token)
        assert found["listed"]["return_to"][0] == outcome and words in found["listed"]["return_to"][1], where
        assert ("It would sign" in answer.text) is (outcome == "Passed"), where
        told, at_the_door = ask(site, token, other).json, come(site, token)
        assert told["accepted"] is (outcome == "Passed") is (at_the_door.status_code == 200), (where, at_the_door.text)
        assert told["code"] == (None if told["accepted"] else at_the_door.json["code"]), where
        if not told["accepted"]:
            assert (at_the_door.status_code, told["code"]) == (400, "bad_request")
    _, found = look(site, token_of(redirect_url="https://your-app.com/"))
    assert "the list of “Return to” is empty" in found["portal"]["return_to"][1]


def test_what_a_token_was_copied_with_is_taken_off_and_says_how_it_came(site):
    token = token_of(exp=int(START) + 500)
    address = f"http://localhost/auth/jwt?token={token}"
    for text, transport in [
        (f"Bearer {token}", "header"),
        (f"Authorization: bearer  {token}\n", "header"),
        (address, "query"),
        (f"/auth/jwt?return_to=%2Faccount&token={token}#x", "query"),
        (f"  {token}", "body"),
    ]:
        answer, found = look(site, text)
        assert answer.status_code == 200, text[:40]
        assert found["portal"]["lifetime"][0] == ("Failed" if transport == "query" else "Passed"), text[:40]
        [chosen] = [each for each in Page(answer.text).all("input", name="transport") if "checked" in each]
        assert chosen["value"] == transport
    _, found = look(site, f"{address}&return_to=https://evil.test/")
    assert found["portal"]["return_to"][0] == "Failed" and "return_to leads to" in found["portal"]["return_to"][1]
    for text in ("https://[/?token=x", f"{address}&token=b", "Bearer ", "one-part"):
        answer, _ = look(site, text)
        assert answer.status_code == 422 and "Nothing was saved" not in answer.text, text[:40]
        assert 'role="alert"' in answer.text and "1 parts" not in answer.text


def test_whose_token_it_may_have_been_meant_to_be_is_said_where_nobody_has_its_iss(site):
    near, _ = look(site, token_of(iss="https://Portal.test/"))
    said = Page(near.text).text
    assert "its iss is “https://Portal.test/”, and nobody who is trusted here has exactly this one" in said
    assert "“https://portal.test” is asked" in near.text.partition("<summary>")[2].partition("</summary>")[0]
    assert near.text.count("<details open>") == 1
    none, _ = look(site, token_of(iss=None))
    assert "no issuer here is without one" in Page(none.text).text
    make_issuer(site, "https://two.test", name="two", secret=SECRET + "2")
    near, found = look(site, token_of(iss="http://two.test"))
    assert next(iter(found)) == "two" and near.text.count("<details open>") == 1
    far, _ = look(site, token_of(iss="https://three.test"))
    assert "<details open>" not in far.text and "“https://two.test” is asked" in far.text


def test_what_the_log_knows_of_a_refusal_stands_first_whether_its_claims_were_kept_or_not(site):
    refuse(site, token_of(exp=int(START) - 100, iat=int(START) - 200))
    answer = site.ada.get(f"{WHY}?request={NUMBER}")

    page = Page(answer.text)
    facts = page.text.partition("The refused sign-in")[2].partition("The row of the log")[0]
    for words in ("token_expired", "exp", "expired", "in the address"):
        assert words in facts, words
    [chosen] = [each for each in page.all("input", name="transport") if "checked" in each]
    assert chosen["value"] == "query"


def test_words_of_moments_agree_with_the_clocks_beside_them(site):
    site.clock.advance(0.6)
    token = token_of(iat=int(START) + 73, exp=int(START) + 300)
    answer, found = look(site, token)

    assert "made at 08:01:13 UTC: 1 minute 13 seconds from now, 43 seconds more" in found["portal"]["iat"][1]
    assert "in 1 minute 13 seconds" in Page(answer.text).text
    _, found = look(site, token_of(iat=int(START) - 100, exp=int(START) - 47))
    assert "47 seconds ago, 17 seconds more" in found["portal"]["exp"][1]
