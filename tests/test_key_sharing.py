"""One signing key for several assets: only where every token of each has an `aud` that no other one has (RFC 8725 §3.9).

By whatever way an asset comes to a key, or to another template while it signs with one.
"""

import threading

import pytest

from mintmark.assets import save, trash
from mintmark.errors import FieldError
from mintmark.keys import rings
from mintmark.keys.life import SKEW_SECONDS, WAIT_SECONDS
from mintmark.models import writing
from tests.conftest import PASSWORD, csrf_of
from tests.filling import fields_of, submit
from tests.making import change_asset, make_asset, make_group, make_key, make_person
from tests.test_pages import Page

pytestmark = pytest.mark.slow
BARE = '{"sub": "{{ user.username }}"}'
IF = "{% if user.is_admin %}"
NOT_FIXED = [
    BARE,
    '{"sub": "x", "aud": "{{ user.username }}"}',
    '{"sub": "x", "aud": "{{ user.email | omit }}"}',
    '{"sub": "x", "aud": "two {{ asset.path }}"}',
    '{"sub": "x", "aud": ["two", "{{ user.username }}"]}',
    '{"sub": "x", ' + IF + ' "aud": "two" {% endif %}}',
    '{"sub": "x", ' + IF + ' "aud": "two" {% else %} "aud": "three" {% endif %}}',
    '{"sub": "x", "aud": ["two", ' + IF + ' "three" {% endif %}]}',
    '{"sub": "x", "to": {"aud": "two"}}',
]
SAME = [
    '{"aud": "one"}',
    '{"aud": ["one"]}',
    '{"aud": ["two", "one"]}',
    r'{"aud": "\u006fne"}',
    "{ " + IF + ' "aud": "one" {% else %} "aud": "one" {% endif %}}',
]
OWN = [
    '{"aud": "two"}',
    '{"aud": ["two", "three"]}',
    '{"aud": "One"}',
    '{"aud": "one "}',
    "{ " + IF + ' "aud": "two" {% else %} "aud": "two" {% endif %}}',
]


@pytest.fixture
def site(house):
    """An asset `one`, with the fixed `aud` "one", signs with the key site-2026."""
    house.editors = make_group(house, "editors")
    make_person(house, "ada", is_admin=True)
    make_person(house, "eve", groups=["editors"])
    make_key(house, "site-2026", number=1)
    make_key(house, "other", number=2)
    make_asset(house, "one", '{"aud": "one"}', signing_key="site-2026")
    return house


def ring_of(house, key_id="site-2026"):
    with house.app.app_context():
        return rings.find_key(key_id).ring_id


def id_of(house, path):
    return house.rows("SELECT id FROM asset WHERE path = :path", path=path)[0]["id"]


def refusal(act, *arguments, **fields):
    with pytest.raises(FieldError) as refused:
        act(*arguments, **fields)
    assert refused.value.field == "signing_key"
    return str(refused.value)


def throw_away(house, path):
    with house.app.app_context(), writing():
        trash.trash(save.find_asset(path), by=house.by())


def restore(house, asset_id, path):
    with house.app.app_context(), writing():
        trash.restore(
            save.lock_asset(asset_id, is_trashed=True), path, sealer=house.mint.settings.sealer, by=house.by()
        )


# What may be shared ------------------------------------------------------------------------


def test_a_new_asset_shares_a_key_only_with_a_fixed_audience_of_its_own(site):
    for template in NOT_FIXED:
        words = refusal(make_asset, site, "two", template, signing_key="site-2026")
        assert words.startswith("serves one too, and this template has no fixed “aud”"), template
    for template in SAME:
        assert "with the same “aud” one" in refusal(make_asset, site, "two", template, signing_key="site-2026"), (
            template
        )
    assert [row["path"] for row in site.rows("SELECT path FROM asset")] == ["one"]
    for template in OWN:
        make_asset(site, "two", template, signing_key="site-2026")
        throw_away(site, "two")


def test_a_key_that_serves_one_asset_alone_asks_for_no_audience(site):
    for number, template in enumerate(NOT_FIXED):
        make_asset(site, f"alone-{number}", template, signing_key="other")
        for newcomer in (*OWN[:2], BARE):
            words = refusal(make_asset, site, "late", newcomer, signing_key="other")
            assert f"serves alone-{number} too, " in words, template
        throw_away(site, f"alone-{number}")


def test_an_asset_that_is_switched_off_counts_and_one_in_the_trash_does_not(site):
    change_asset(site, "one", live=False)
    assert "serves one too" in refusal(make_asset, site, "two", SAME[0], signing_key="site-2026")
    throw_away(site, "one")
    make_asset(site, "two", SAME[0], signing_key="site-2026")


def test_a_saved_template_and_another_key_are_looked_at_too(site):
    make_asset(site, "two", OWN[0], signing_key="site-2026")
    for template in (*NOT_FIXED[:3], *SAME[:3]):
        assert "serves one too" in refusal(change_asset, site, "two", template=template)
    for template in (*NOT_FIXED[:3], *SAME[:3]):
        make_asset(site, "three", template, signing_key="other")
        assert "serves one too" in refusal(change_asset, site, "three", signing_key=ring_of(site))
        throw_away(site, "three")
    # What leaves the claims alone is never refused.
    change_asset(site, "two", live=False, lifetime=None, name="Two")


def test_who_shares_a_key_is_switched_off_whatever_became_of_its_template(site):
    make_asset(site, "two", OWN[0], signing_key="site-2026")
    broken = '{"aud": "two", "x": "{{ user.attributes.gone }}"}'
    with site.app.app_context(), writing() as session:
        revision = save.current_revision(save.find_asset("two"))
        revision.definition = {**revision.definition, "template": broken}
        session.flush()
    change_asset(site, "two", live=False)
    assert "serves two too, with the same “aud” two" in refusal(make_asset, site, "x", OWN[0], signing_key="site-2026")


# One that leaves a key signs with it until every verifier knows the other --------------------


@pytest.fixture
def leaving(site):
    """An asset `two` has issued with site-2026, and goes over to the key `other`."""
    make_asset(site, "two", OWN[0], signing_key="site-2026")
    assert site.signed_in("eve").get("/two").status_code == 200
    change_asset(site, "two", signing_key=ring_of(site, "other"))
    return site


def test_one_that_leaves_keeps_its_audience_as_long_as_it_signs_with_the_key(leaving):
    for template in (*NOT_FIXED[:2], SAME[0]):
        assert "serves one too" in refusal(change_asset, leaving, "two", template=template)
    leaving.clock.advance(WAIT_SECONDS)
    change_asset(leaving, "two", template=BARE)


def test_nobody_takes_the_audience_of_one_that_leaves_as_long_as_it_signs_with_the_key(leaving):
    for template in (OWN[0], OWN[1], BARE):
        words = refusal(make_asset, leaving, "late", template, signing_key="site-2026")
        assert "serves one too" in words if template == BARE else "serves two too" in words
    leaving.clock.advance(WAIT_SECONDS)
    # Afterwards until the last token that it signed with that audience has expired.
    assert "tokens with the “aud” two" in refusal(make_asset, leaving, "late", OWN[0], signing_key="site-2026")
    leaving.clock.advance(600 + SKEW_SECONDS)
    make_asset(leaving, "late", OWN[0], signing_key="site-2026")


# By every way ------------------------------------------------------------------------------


def revise(house, who, path, template):
    client = house.signed_in(who)
    return submit(client, f"/admin/assets/{id_of(house, path)}/edit", template=template)


def test_an_administrator_is_told_at_the_template_and_loses_nothing(site):
    make_asset(site, "two", OWN[0], signing_key="site-2026", name="Two")
    for template in (*NOT_FIXED[:3], *SAME[:2]):
        answer = revise(site, "ada", "two", template)
        text = " ".join(Page(answer.text).text.split())
        assert answer.status_code == 422
        assert "Template does not go with the signing key, which serves one too" in text
        assert fields_of(answer)["template"] == [template]
    assert revise(site, "ada", "two", OWN[1]).status_code == 303


def test_an_editor_is_told_so_without_where_others_keep_their_assets(site):
    make_asset(site, "two", OWN[0], signing_key="site-2026", name="Two", editors=["editors"])
    for template in (*NOT_FIXED[:3], *SAME[:2]):
        answer = revise(site, "eve", "two", template)
        text = " ".join(Page(answer.text).text.split())
        assert answer.status_code == 422
        assert "Template does not go with the signing key, which serves another asset too" in text
        assert "one too" not in text and "site-2026" not in answer.text
        assert fields_of(answer)["template"] == [template]
    assert revise(site, "eve", "two", OWN[1]).status_code == 303


@pytest.mark.parametrize("who", ["ada", "eve"])
def test_no_old_revision_brings_back_a_template_that_may_not_share(site, who):
    templates = [BARE, NOT_FIXED[1], SAME[0], OWN[1]]
    two = make_asset(site, "two", templates[0], editors=["editors"])
    for template in templates[1:]:
        change_asset(site, "two", template=template)
    change_asset(site, "two", template=OWN[0], algorithm="ES256", signing_key=ring_of(site))
    client, base = site.signed_in(who), f"/admin/assets/{two}/revisions"

    for number in (1, 2, 3):
        page = f"{base}/{number}"
        answer = site.post_form(client, f"{page}/bring-back", page=page, revision=5)
        assert answer.status_code == 422, number
        assert "does not go with the signing key, which serves" in answer.text
        assert (who == "ada") == ("serves one too" in answer.text)
    page = f"{base}/4"
    assert site.post_form(client, f"{page}/bring-back", page=page, revision=5).status_code == 303


def test_a_copy_shares_the_key_with_an_audience_of_its_own_or_takes_one_of_its_own(site):
    ada, page = site.signed_in("ada"), f"/admin/assets/{id_of(site, 'one')}/copy"
    for audience, words in [("one", "with the same “aud” one"), ("", "is empty"), (" ", "is empty")]:
        answer = submit(ada, page, path="two", kept="same", audience=audience)
        assert answer.status_code == 422 and words in answer.text, audience
        assert fields_of(answer)["path"] == ["two"] and fields_of(answer)["audience"] == [audience]

    for path, audience in [("two", "two"), ("three", 'x{{ user.username }}"\\'), ("four", "{% if %}ü")]:
        assert submit(ada, page, path=path, kept="same", audience=audience).status_code == 303
        [row] = site.rows("SELECT ring_id FROM asset WHERE path = :path", path=path)
        assert row["ring_id"] == ring_of(site)
        assert '"aud"' in site.signed_in("ada").get(f"/admin/assets/{id_of(site, path)}").text.replace("&#34;", '"')
    assert site.rows("SELECT COUNT(*) AS n FROM signing_key") == [{"n": 2}]

    assert submit(ada, page, path="own", kept="new", key_id="own-key").status_code == 303
    assert site.rows("SELECT ring_id FROM asset WHERE path = 'own'")[0]["ring_id"] == ring_of(site, "own-key")


def test_without_a_fixed_audience_a_copy_cannot_share(site):
    for number, template in enumerate(NOT_FIXED[:3]):
        alone = make_asset(site, f"alone-{number}", template, signing_key="other")
        answer = submit(site.signed_in("ada"), f"/admin/assets/{alone}/copy", path="b", kept="same", audience="b")
        assert answer.status_code == 422 and "has no fixed “aud”" in answer.text
        throw_away(site, f"alone-{number}")


def test_what_is_restored_shares_no_key_that_serves_somebody_else_meanwhile(site):
    ada = site.signed_in("ada")
    for number, (mine, theirs) in enumerate([(OWN[0], OWN[1]), (BARE, OWN[0]), (OWN[0], BARE)]):
        key_id = f"key-{number}"
        make_key(site, key_id, number=number + 3)
        mine_id = make_asset(site, f"mine-{number}", mine, signing_key=key_id)
        throw_away(site, f"mine-{number}")
        make_asset(site, f"theirs-{number}", theirs, signing_key=key_id)
        page = f"/admin/assets/{mine_id}/trash"

        token = csrf_of(ada.get(page))
        answer = ada.post(page + "/restore", data={"csrf_token": token, "path": f"mine-{number}", "kept": "same"})
        assert answer.status_code == 422 and f"Its signing key serves theirs-{number} too" in Page(answer.text).text
        assert site.rows("SELECT trashed_at FROM asset WHERE id = :id", id=mine_id) != [{"trashed_at": None}]

        # It comes back with a key of its own, which signs at once.
        fields = {"csrf_token": token, "path": f"mine-{number}", "kept": "new", "key_id": f"back-{number}"}
        assert ada.post(page + "/restore", data=fields).status_code == 303
        [row] = site.rows("SELECT ring_id, live FROM asset WHERE id = :id", id=mine_id)
        assert row["ring_id"] == ring_of(site, f"back-{number}") and row["live"]
        assert ada.get(f"/mine-{number}").status_code == 200


def test_a_key_is_chosen_for_a_new_asset_only_with_a_password_that_is_fresh(site):
    ada = site.signed_in("ada")
    site.clock.advance(16 * 60)
    more = {"path": "two", "name": "Two", "template": OWN[0], "signing_key": "site-2026"}
    assert "Your password is needed" in submit(ada, "/admin/assets/new", **more).text
    assert submit(ada, "/admin/assets/new", **more, own_password="wrong").status_code == 422
    assert submit(ada, "/admin/assets/new", **more, own_password=PASSWORD).status_code == 303


# Two at once -------------------------------------------------------------------------------


def at_once(house, *acts):
    """Do several acts at the same instant; return what each was refused with, or None."""
    together, found = threading.Barrier(len(acts)), []

    def run(act):
        together.wait()
        try:
            act()
            found.append(None)
        except FieldError as error:
            found.append(error.field)

    threads = [threading.Thread(target=run, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(found, key=str)


def test_of_two_saves_at_the_same_instant_one_gets_the_audience(site):
    # Two new ones, two changed ones, and one that comes back while another is made.
    new = [lambda n=n: make_asset(site, f"new-{n}", '{"aud": "n"}', signing_key="site-2026") for n in range(3)]
    assert at_once(site, *new) == [None, "signing_key", "signing_key"]

    for n in range(2):
        make_asset(site, f"old-{n}", '{"aud": "old-' + str(n) + '"}', signing_key="site-2026")
    changed = [lambda n=n: change_asset(site, f"old-{n}", template='{"aud": "c"}') for n in range(2)]
    assert at_once(site, *changed) == [None, "signing_key"]

    back = make_asset(site, "back", '{"aud": "b"}', signing_key="site-2026")
    throw_away(site, "back")
    both = [lambda: restore(site, back, "back"), lambda: make_asset(site, "b", '{"aud": "b"}', signing_key="site-2026")]
    assert at_once(site, *both) == [None, "signing_key"]


def test_two_that_change_keys_with_each_other_do_not_wait_for_ever(site):
    make_asset(site, "left", '{"aud": "left"}', signing_key="other")
    for path in ("one", "left"):
        assert site.signed_in("ada").get(f"/{path}").status_code == 200
    for _ in range(3):
        swapped = [
            lambda: change_asset(site, "one", signing_key=ring_of(site, "other")),
            lambda: change_asset(site, "left", signing_key=ring_of(site)),
        ]
        assert at_once(site, *swapped) == [None, None]
        back = [
            lambda: change_asset(site, "one", signing_key=ring_of(site)),
            lambda: change_asset(site, "left", signing_key=ring_of(site, "other")),
        ]
        assert at_once(site, *back) == [None, None]


def test_a_key_of_a_copy_or_of_what_comes_back_asks_for_a_fresh_password(site):
    ada = site.signed_in("ada")
    two = make_asset(site, "two", OWN[0], signing_key="site-2026")
    throw_away(site, "two")
    site.clock.advance(16 * 60)
    copy, back = f"/admin/assets/{id_of(site, 'one')}/copy", f"/admin/assets/{two}/trash"
    for kept in ("new", "same"):
        answer = submit(ada, copy, path="copy", kept=kept, audience="copy", key_id="k")
        assert answer.status_code == 422 and "Your password is needed" in Page(answer.text).text, kept
    fields = {"csrf_token": csrf_of(ada.get(back)), "path": "two", "kept": "new"}
    answer = ada.post(back + "/restore", data=fields)
    assert answer.status_code == 422 and "Your password is needed" in Page(answer.text).text
    assert ada.post(back + "/restore", data={**fields, "own_password": "no"}).status_code == 422
    # The key that it had was its own before.
    assert ada.post(back + "/restore", data={**fields, "kept": "same"}).status_code == 303
    assert site.rows("SELECT COUNT(*) AS n FROM signing_key") == [{"n": 2}]
