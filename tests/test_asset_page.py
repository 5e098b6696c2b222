"""The page of one asset: what it says, the warnings that stay, what was asked lately, and the acts on it."""

import json

import pytest
from sqlalchemy import insert, select

from mintmark.assets import overlap, save
from mintmark.assets.former import keep as keep_former_path
from mintmark.assets.secrets import SecretValue
from mintmark.examine import keeping
from mintmark.keypairs import spki_pem
from mintmark.keys import rings
from mintmark.models import Asset, TokenCount, db, writing
from tests.conftest import SECRET, csrf_of
from tests.making import (
    change_asset,
    key_pair,
    make_asset,
    make_attribute,
    make_group,
    make_key,
    make_next_key,
    make_person,
)
from tests.test_admin_assets import links, shown
from tests.test_pages import HOSTILE, Page

SURNAME = '{"sub": "{{ user.username }}", "family_name": "{{ user.last_name }}"}'
DAY = 86_400


@pytest.fixture
def cast(house):
    """ada administers, ben is in desk and has no surname, carl is in others."""
    make_group(house, "desk")
    make_group(house, "others")
    make_person(house, "ada", is_admin=True, last_name="Lovelace")
    make_person(house, "ben", groups=["desk"])
    make_person(house, "carl", groups=["others"])
    return house


def asset_row(house, asset_id):
    return house.rows("SELECT * FROM asset WHERE id = :id", id=asset_id)[0]


def act(house, client, asset_id, name, **fields):
    return house.post_form(client, f"/admin/assets/{asset_id}/{name}", page=f"/admin/assets/{asset_id}", **fields)


def words_of(page):
    return " ".join(page.text.split())


def test_the_page_says_everything_about_an_asset_but_its_secret(cast):
    asset_id = make_asset(cast, "desk/help", name="Help desk", readers=["desk"], editors=["others"], backdate=30,
                          lifetime=600, headers={"kid": "k-7"}, origins=["https://app.example.test"],
                          params=[{"name": "room", "one_of": ["red", "blue"]}], claims={"nbf": True, "jti": False},
                          answer={"form": "json", "field": "jwt", "beside": {"status": "ok"}})  # fmt: skip
    answer = cast.signed_in("ada").get(f"/admin/assets/{asset_id}")
    page = Page(answer.text)

    for words in ("http://127.0.0.1:8000/desk/help", "Live", "People in desk and its editors others, and administrators",
                  "People in others, and administrators", "sign as anybody", "10 minutes", "HS256", "iat, nbf, exp; dated back by 30 seconds",
                  "kid: k-7", "JSON with the token as jwt, beside it status, to GET and POST", "room: one of red, blue",
                  "https://app.example.test", '{"sub": "{{ user.username }}"}', "revision 1"):  # fmt: skip
        assert words in words_of(page), (words, words_of(page))
    fingerprint = asset_row(cast, asset_id)["fingerprint"]
    assert fingerprint in page.text and SECRET not in answer.text


def test_warnings_stay_while_they_are_true(cast):
    make_attribute(cast, "salary", sensitive=True)
    asset_id = make_asset(
        cast, "a", '{"pay": "{{ user.attributes.salary }}"}', lifetime=None, readers=[], secret="0123456789", weak=True
    )
    make_asset(cast, "other", secret="0123456789", weak=True)
    ada = cast.signed_in("ada")

    for _ in range(2):
        text = words_of(shown(ada, f"/admin/assets/{asset_id}"))
        for words in ("It has no lifetime: its tokens are good for ever.", "Its secret is marked weak", "Never expires",
                      "It has the same secret as other", "sensitive attribute salary", "Nobody but administrators may fetch it",
                      "5 to 15 minutes"):  # fmt: skip
            assert words in text, words


def test_an_asset_that_gives_nobody_a_token_says_so(cast):
    asset_id = make_asset(cast, "a")
    with cast.app.app_context(), writing():
        asset = db.session.get(Asset, asset_id)
        revision = save.current_revision(asset)
        revision.definition = {**revision.definition, "template": '{"x": "{{ user.attributes.gone }}"}'}

    page = shown(cast.signed_in("ada"), f"/admin/assets/{asset_id}")
    assert "Nobody gets a token: line 1" in words_of(page)
    assert "Nobody gets a token" in words_of(shown(cast.signed_in("ada"), f"/admin/assets/{asset_id}/awkward"))


def test_examining_again_keeps_what_was_found_without_any_value(cast):
    asset_id = make_asset(cast, "a", SURNAME, readers=["desk"], editors=["others"])
    carl = cast.signed_in("carl")
    assert "Nobody has looked yet" in shown(carl, f"/admin/assets/{asset_id}").text

    assert act(cast, carl, asset_id, "examine").status_code == 303

    row = asset_row(cast, asset_id)
    assert (row["failing"], row["examined_at"]) == (2, int(cast.clock()))
    findings = row["findings"] if isinstance(row["findings"], list) else json.loads(row["findings"])
    assert {"code", "words", "is_error"} == set(findings[0]) and findings[0]["is_error"]
    assert "2 of 3 readers have no user.last_name" in words_of(shown(carl, f"/admin/assets/{asset_id}"))
    assert "ben" not in json.dumps(findings) and "Lovelace" not in json.dumps(findings)

    change_asset(cast, "a", template='{"sub": "{{ user.username }}"}')
    act(cast, carl, asset_id, "examine")
    assert asset_row(cast, asset_id)["failing"] == 0


def test_a_look_that_is_cut_short_says_so(cast):
    asset_id = make_asset(cast, "a", SURNAME)
    with cast.app.app_context(), writing():
        asset = db.session.get(Asset, asset_id)
        found = keeping.look(cast.mint.prepare(asset.id, asset.revision), now=0, site_url="", time_limit=0)
        keeping.keep(asset, asset.revision, found, by=cast.by())
        assert [(each["code"], each["is_error"]) for each in asset.findings] == [("cut_short", False)]
        assert "first 0 readers" in asset.findings[0]["words"] and asset.failing == 0


def test_an_asset_without_any_token_counts_as_failing(cast):
    asset_id = make_asset(cast, "a")
    with cast.app.app_context(), writing():
        asset = db.session.get(Asset, asset_id)
        found = keeping.look(cast.mint.prepare(asset.id, asset.revision), now=0, site_url="")
        broken = type(found)(0, 0, False, (type_of_finding("template_refused"),), ())
        keeping.keep(asset, asset.revision, broken, by=cast.by())
        assert asset.failing == 1


def type_of_finding(code):
    from mintmark.examine import Finding

    return Finding(code, "nobody gets a token", is_error=True)


def test_what_was_found_about_an_older_revision_is_not_kept(cast):
    asset_id = make_asset(cast, "a")
    with cast.app.app_context(), writing():
        asset = db.session.get(Asset, asset_id)
        found = keeping.look(cast.mint.prepare(asset.id, asset.revision), now=0, site_url="")
        keeping.keep(asset, 0, found, by=cast.by())
        assert asset.examined_at is None


def test_switching_off_and_on_are_revisions_and_hold_at_once(cast):
    asset_id = make_asset(cast, "a")
    ada = cast.signed_in("ada")

    for number, (live, status) in enumerate([("off", 404), ("on", 200)], 2):
        assert act(cast, ada, asset_id, "switch", live=live).status_code == 303
        assert ada.get("/a").status_code == status
        assert asset_row(cast, asset_id)["revision"] == number
    assert "Nothing was changed" in shown_after(ada, act(cast, ada, asset_id, "switch", live="on")).text
    assert [json.loads(row["detail"])["fields"] for row in cast.log("asset.revised")] == [["live"], ["live"]]


def shown_after(client, answer):
    return shown(client, answer.headers["Location"])


def save_as(house, asset_id, username, *, by_editor):
    """Save the next revision as somebody."""
    with house.app.app_context(), writing():
        asset = db.session.get(Asset, asset_id)
        definition = save.current_revision(asset).definition
        definition = {**definition, "name": f"{definition['name']}+"}
        person = house.rows("SELECT id FROM person WHERE username = :name", name=username)[0]["id"]
        save.revise(
            asset, definition, None, sealer=house.mint.settings.sealer, by=house.by(person), by_editor=by_editor
        )


def test_what_editors_saved_is_unseen_until_an_administrator_marks_what_they_looked_at(cast):
    asset_id = make_asset(cast, "a", editors=["others"])
    ada = cast.signed_in("ada")
    save_as(cast, asset_id, "carl", by_editor=True)  # 2
    page = shown(ada, f"/admin/assets/{asset_id}")
    assert page.one("input", name="revision")["value"] == "2"
    assert f"/admin/assets/{asset_id}/revisions/2" in links(page, "/admin/assets/")
    save_as(cast, asset_id, "ada", by_editor=False)  # 3
    save_as(cast, asset_id, "carl", by_editor=True)  # 4, while the page stood open

    act(cast, ada, asset_id, "seen", revision="2")
    assert asset_row(cast, asset_id)["unseen_since"] == 4
    act(cast, ada, asset_id, "seen", revision="4")
    assert asset_row(cast, asset_id)["unseen_since"] is None
    assert "Nothing was left" in shown_after(ada, act(cast, ada, asset_id, "seen", revision="4")).text
    seen = [(row["revision"], json.loads(row["detail"])["since"]) for row in cast.log("asset.seen")]
    assert seen == [(2, 2), (4, 4)]
    assert "Saved by an editor" not in shown(ada, f"/admin/assets/{asset_id}").text


def test_a_revision_that_is_none_is_not_marked(sqlite_house):
    make_person(sqlite_house, "ada", is_admin=True)
    asset_id = make_asset(sqlite_house, "a")
    ada = sqlite_house.signed_in("ada")

    for revision in ("", "0", "-1", "2", "x", "99999999999999999999", "１"):
        assert act(sqlite_house, ada, asset_id, "seen", revision=revision).status_code == 404, revision


@pytest.fixture
def sqlite_cast(sqlite_house):
    make_group(sqlite_house, "others")
    make_person(sqlite_house, "ada", is_admin=True)
    make_person(sqlite_house, "carl", groups=["others"])
    return sqlite_house


def test_an_editor_examines_but_neither_switches_nor_marks(sqlite_cast):
    asset_id = make_asset(sqlite_cast, "a", editors=["others"])
    save_as(sqlite_cast, asset_id, "carl", by_editor=True)
    carl = sqlite_cast.signed_in("carl")
    page = shown(carl, f"/admin/assets/{asset_id}")

    assert [form["action"].rpartition("/")[2] for form in page.all("form", method="post")] == ["logout", "examine"]
    for name in ("switch", "seen"):
        assert act(sqlite_cast, carl, asset_id, name, live="off", revision="2").status_code == 403
    assert asset_row(sqlite_cast, asset_id)["revision"] == 2


def test_an_editor_is_not_told_where_others_keep_theirs(sqlite_cast):
    asset_id = make_asset(sqlite_cast, "a", editors=["others"])
    make_asset(sqlite_cast, "hidden/place")

    text = words_of(shown(sqlite_cast.signed_in("carl"), f"/admin/assets/{asset_id}"))
    assert "the same secret as another asset" in text and "hidden/place" not in text


def test_forms_of_others_are_refused(sqlite_cast):
    asset_id = make_asset(sqlite_cast, "a")
    ada = sqlite_cast.signed_in("ada")
    for name in ("switch", "seen", "examine"):
        assert ada.post(f"/admin/assets/{asset_id}/{name}", data={"live": "off", "revision": "1"}).status_code == 400
    assert asset_row(sqlite_cast, asset_id)["live"]


def test_what_is_gone_or_in_the_trash_has_no_page(sqlite_cast):
    asset_id = make_asset(sqlite_cast, "a")
    with sqlite_cast.app.app_context(), writing():
        db.session.get(Asset, asset_id).trashed_at = 5
    ada = sqlite_cast.signed_in("ada")

    for each in (asset_id, "none", "%00"):
        for rest in ("", "/awkward"):
            assert ada.get(f"/admin/assets/{each}{rest}").status_code == 404, each
    for name in ("switch", "seen", "examine"):
        answer = sqlite_cast.post_form(ada, f"/admin/assets/{asset_id}/{name}", page="/admin/assets")
        assert answer.status_code == 404


def test_tokens_of_the_last_days_stand_in_a_picture_and_in_numbers(cast):
    asset_id = make_asset(cast, "a")
    today = int(cast.clock()) // DAY * DAY
    counts = [
        (today, "done", 7),
        (today, "failed", 1),
        (today - 29 * DAY, "refused", 2),
        (today - 30 * DAY, "done", 99),
    ]
    with cast.app.app_context(), writing() as session:
        rows = [{"asset": asset_id, "at": at, "outcome": outcome, "amount": n} for at, outcome, n in counts]
        session.execute(insert(TokenCount), rows)

    page = shown(cast.signed_in("ada"), f"/admin/assets/{asset_id}")
    assert "7 tokens issued, 2 refused, 1 failed." in words_of(page)
    assert len(page.all("rect")) == 3 and "99" not in page.text
    assert page.one("svg", role="img")["aria-label"] == "Tokens of the last 30 days"


def test_the_last_failures_say_for_whom_why_and_under_which_number(cast):
    asset_id = make_asset(cast, "a", SURNAME, editors=["others"])
    answer = cast.signed_in("ben").get("/a")
    assert answer.status_code == 500
    number = answer.headers["Mintmark-Request"]

    page = shown(cast.signed_in("ada"), f"/admin/assets/{asset_id}")
    assert "Last failures" in page.text and "user.last_name" in page.text
    assert f"/admin/log?request={number}" in links(page, "/admin/log")
    theirs = shown(cast.signed_in("carl"), f"/admin/assets/{asset_id}")
    assert "Last failures" in theirs.text and links(theirs, "/admin/log") == links(theirs, "/admin/people") == []


def test_who_still_comes_by_a_former_path_is_named(cast):
    asset_id = make_asset(cast, "new/a")
    with cast.app.app_context(), writing():
        keep_former_path("old/a", asset_id, now=cast.clock(), until=int(cast.clock()) + DAY)
    ben = cast.signed_in("ben")
    assert [ben.get(path).status_code for path in ("/old/a", "/old/a", "/new/a")] == [200, 200, 200]
    ada = cast.signed_in("ada")

    text = words_of(shown(ada, f"/admin/assets/{asset_id}"))
    assert "old/a answers until 2027-01-16 08:00:00 UTC" in text
    assert "ben old/a 2027-01-15 08:00:00 UTC 2" in text
    cast.clock.advance(2 * DAY)
    assert "None answers any more" in shown(cast.signed_in("ada"), f"/admin/assets/{asset_id}").text


def test_awkward_people_are_shown_with_their_claims_or_why_not(sqlite_cast):
    asset_id = make_asset(sqlite_cast, "a", SURNAME, editors=["others"])
    page = shown(sqlite_cast.signed_in("carl"), f"/admin/assets/{asset_id}/awkward")
    text = words_of(page)

    assert "Without a surname" in text and "user.last_name" in text and "would get an error" in text
    assert '"family_name": "O\'Brien \\"Q\\" <x>"' in page.text
    assert '\\",\\"admin\\":true,\\"z\\":\\"' in page.text
    assert sqlite_cast.log("token.issued") == []


def test_hostile_texts_stay_text_on_the_page_of_an_asset(sqlite_cast):
    ada = sqlite_cast.signed_in("ada")
    asset_id = make_asset(sqlite_cast, "a", name="plain")
    plain = [shown(ada, f"/admin/assets/{asset_id}{rest}").skeleton() for rest in ("", "/awkward")]
    for text in HOSTILE:
        template = '{"sub": "x", "y": ' + json.dumps(text.replace("{", "(").replace("%", "")) + "}"
        change_asset(sqlite_cast, "a", name=text, template=template)
        for rest, before in zip(("", "/awkward"), plain, strict=True):
            page = shown(ada, f"/admin/assets/{asset_id}{rest}")
            assert text in page.text and page.skeleton() == before, text


def test_the_answer_of_a_page_is_the_same_for_the_first_and_for_300_others(sqlite_cast):
    from tests.test_admin_assets import statements_of
    from tests.test_asset_tree import insert_assets

    asset_id = make_asset(sqlite_cast, "a")
    ada = sqlite_cast.signed_in("ada")
    shown(ada, f"/admin/assets/{asset_id}")  # The template is compiled once, for pages and tokens alike.
    before = statements_of(sqlite_cast, ada, f"/admin/assets/{asset_id}")
    insert_assets(sqlite_cast, [f"n{number}" for number in range(300)])
    with sqlite_cast.app.app_context():
        assert db.session.scalar(select(Asset.fingerprint).where(Asset.id == asset_id))

    assert statements_of(sqlite_cast, ada, f"/admin/assets/{asset_id}") == before <= 20


def test_an_address_that_no_database_takes_leads_to_nothing(cast):
    """PostgreSQL keeps no NUL in text; whoever asks with one is answered as for any id that is not there."""
    ada, ben = cast.signed_in("ada"), cast.signed_in("ben")
    token = csrf_of(ada.get("/"))

    for page in ("", "/edit", "/secret", "/revisions/1", "/trash"):
        assert ada.get(f"/admin/assets/%00{page}").status_code == 404, page
        assert ben.get(f"/admin/assets/%00{page}").status_code == 403, page
    for act_of in ("switch", "seen", "trash", "move/end"):
        answer = ada.post(f"/admin/assets/%00/{act_of}", data={"csrf_token": token, "path": "a", "revision": "1"})
        assert answer.status_code == 404, act_of


def test_where_a_sensitive_attribute_is_named_editors_are_not_told_what_readers_lack(sqlite_cast):
    """Else a template that fails for one value would tell it, save by save (CWE-204)."""
    house = sqlite_cast
    make_attribute(house, "salary", "number", sensitive=True)
    asset_id = make_asset(house, "payroll", '{"n": {{ user.attributes.salary }}}', editors=["others"])
    carl, ada = house.signed_in("carl"), house.signed_in("ada")
    page = f"/admin/assets/{asset_id}"

    house.post_form(carl, page + "/examine", page=page)

    assert "has no" not in carl.get(page).text and "for administrators alone" in carl.get(page).text
    assert "user.attributes.salary" in ada.get(page).text and "they would get 500" in ada.get(page).text


# What the relying party needs -----------------------------------------------------------------


AUD = '{"sub": "{{ user.username }}", "aud": "Convergence"}'


def needs_of(house, asset_id, who="ada"):
    """Return the part of the page that says what the relying party needs: its words and what can be copied."""
    answer = house.signed_in(who).get(f"/admin/assets/{asset_id}")
    _, found, rest = answer.text.partition('<section aria-labelledby="needs">')
    part = found + rest.partition('<section aria-labelledby="template">')[0]
    return words_of(Page(part)), Page(part).texts["code"]


def test_a_key_is_given_as_pem_jwk_and_address_to_be_pasted(cast):
    key = make_key(cast, "site-2026", "RS256", number=1)
    asset_id = make_asset(cast, "a/b", AUD, signing_key="site-2026")
    words, codes = needs_of(cast, asset_id)

    public = key_pair("RS256", 1).public
    assert spki_pem(public).strip() in [code.strip() for code in codes]
    jwk = json.loads(next(code for code in codes if code.startswith("{")))
    assert jwk == {**public, "use": "sig", "alg": "RS256", "kid": "site-2026"}
    assert {"RS256", "site-2026", "Convergence", "http://127.0.0.1:8000/.well-known/jwks/a/b",
            "http://127.0.0.1:8000/.well-known/jwks.json", "http://127.0.0.1:8000/.well-known/openid-configuration"} <= set(codes)  # fmt: skip
    assert "The next public key" not in words
    assert f"/admin/keys/{key}" in cast.signed_in("ada").get(f"/admin/assets/{asset_id}").text

    # The addresses lead where they say.
    for path in (".well-known/jwks/a/b", ".well-known/jwks.json"):
        assert jwk in json.loads(cast.client().get(f"/{path}").text)["keys"]


def test_without_a_fixed_audience_the_key_stands_in_the_assets_own_set_alone(sqlite_house):
    make_person(sqlite_house, "ada", is_admin=True)
    make_key(sqlite_house, "site-2026")
    asset_id = make_asset(sqlite_house, "a", signing_key="site-2026")
    words, codes = needs_of(sqlite_house, asset_id)
    assert "http://127.0.0.1:8000/.well-known/jwks/a" in codes
    assert "Audience" not in words and "Discovery" not in words and "jwks.json" not in words


def test_the_next_key_is_there_with_its_moment_as_soon_as_it_is_planned(sqlite_house):
    make_person(sqlite_house, "ada", is_admin=True)
    now = int(sqlite_house.clock())
    make_key(sqlite_house, "site-2026")
    asset_id = make_asset(sqlite_house, "a", AUD, signing_key="site-2026")
    make_next_key(sqlite_house, "site-2026", "site-2027", published_at=now + 1_000, signs_from_at=now + 5_000)
    words, codes = needs_of(sqlite_house, asset_id)
    assert "The next public key It signs from 2027-01-15 09:23:20 UTC on." in words
    assert "Who reads a key set has it from 2027-01-15 08:16:40 UTC on." in words

    sqlite_house.clock.advance(1_000)
    words, codes = needs_of(sqlite_house, asset_id)
    assert "The next public key It signs from 2027-01-15 09:23:20 UTC on." in words
    assert "Who reads a key set has it already." in words
    assert len([code for code in codes if "BEGIN PUBLIC KEY" in code]) == 2

    sqlite_house.clock.advance(4_000)
    words, codes = needs_of(sqlite_house, asset_id)
    assert "site-2026" not in words and "The next" not in words
    assert len([code for code in codes if "BEGIN PUBLIC KEY" in code]) == 1


def test_of_several_keys_to_come_none_is_missing_and_those_after_the_next_are_folded(sqlite_house):
    make_person(sqlite_house, "ada", is_admin=True)
    now = int(sqlite_house.clock())
    make_key(sqlite_house, "site-2026")
    asset_id = make_asset(sqlite_house, "a", AUD, signing_key="site-2026")
    for number in (1, 2, 3):
        signs = now + number * 90 * DAY
        make_next_key(sqlite_house, "site-2026", f"plan-{number}", published_at=signs - DAY, signs_from_at=signs)
    words, codes = needs_of(sqlite_house, asset_id)

    ids = ["site-2026", "plan-1", "plan-2", "plan-3"]
    assert [code for code in codes if code in ids] == [*ids[:2], *[each for each in ids[2:] for _ in range(2)]]
    assert "The public keys after it plan-2, signs from 2027-07-14 08:00:00 UTC on" in words
    page = words_of(shown(sqlite_house.signed_in("ada"), f"/admin/assets/{asset_id}"))
    assert "Signing key site-2026 Claims" in page, page
    assert len([code for code in codes if "BEGIN PUBLIC KEY" in code]) == 4


def test_while_it_leaves_a_key_both_are_there(sqlite_house):
    make_person(sqlite_house, "ada", is_admin=True)
    make_key(sqlite_house, "site-2026")
    make_key(sqlite_house, "other")
    asset_id = make_asset(sqlite_house, "a", AUD, signing_key="site-2026")
    assert sqlite_house.signed_in("ada").get("/a").status_code == 200
    with sqlite_house.app.app_context():
        other = rings.find_key("other").ring_id
    change_asset(sqlite_house, "a", signing_key=other)
    words, codes = needs_of(sqlite_house, asset_id)
    assert codes.index("site-2026") < codes.index("other") and "The next public key It signs from" in words


def test_where_no_key_signs_the_page_says_so(sqlite_house):
    make_person(sqlite_house, "ada", is_admin=True)
    now = int(sqlite_house.clock())
    make_key(sqlite_house, "site-2026", retired_at=now + 60, gone_at=now + 1_000)
    asset_id = make_asset(sqlite_house, "a", AUD, signing_key="site-2026")
    assert "stops signing at 2027-01-15T08:01:00" in words_of(shown(sqlite_house.signed_in("ada"), f"/admin/assets/{asset_id}"))  # fmt: skip
    sqlite_house.clock.advance(60)
    page = words_of(shown(sqlite_house.signed_in("ada"), f"/admin/assets/{asset_id}"))
    assert "No key of this asset signs" in page and "None signs now" in page


def test_a_secret_is_told_by_its_fingerprint_and_what_is_staged_with_its_moment(sqlite_house):
    make_person(sqlite_house, "ada", is_admin=True)
    asset_id = make_asset(sqlite_house, "a", AUD, headers={"kid": "desk-1"})
    words, codes = needs_of(sqlite_house, asset_id)
    fingerprint = asset_row(sqlite_house, asset_id)["fingerprint"]
    assert {fingerprint, "desk-1", "HS256", "Convergence"} <= set(codes) and "staged" not in words
    assert "jwks" not in words

    sealer = sqlite_house.mint.settings.sealer
    with sqlite_house.app.app_context(), writing():
        secret = SecretValue(b"another-secret-of-the-help-desk-0123456789", False, "desk-2")
        overlap.stage(save.lock_asset(asset_id), secret, sealer=sealer, by=sqlite_house.by())
    words, codes = needs_of(sqlite_house, asset_id)
    assert "Another secret is staged" in words and "once you switch to it" in words and "desk-2" in codes
    with sqlite_house.app.app_context(), writing():
        at = int(sqlite_house.clock()) + 60
        overlap.switch(save.lock_asset(asset_id), at, sealer=sealer, by=sqlite_house.by())
    assert "It signs from 2027-01-15 08:01:00 UTC on" in needs_of(sqlite_house, asset_id)[0]
    sqlite_house.clock.advance(60)
    words, codes = needs_of(sqlite_house, asset_id)
    assert "staged" not in words and "desk-2" in codes and "desk-1" not in codes


def test_an_editor_is_told_nothing_of_keys(sqlite_house):
    make_group(sqlite_house, "eds")
    make_person(sqlite_house, "eve", groups=["eds"])
    now = int(sqlite_house.clock())
    make_key(sqlite_house, "site-2026", retired_at=now + 60, gone_at=now + 1_000)
    asset_id = make_asset(sqlite_house, "a", AUD, signing_key="site-2026", editors=["eds"])
    answer = sqlite_house.signed_in("eve").get(f"/admin/assets/{asset_id}")
    assert answer.status_code == 200
    for words in ("site-2026", "jwks", "PUBLIC KEY", "relying party needs", "/admin/keys", "stops signing"):
        assert words not in answer.text, words
