"""The administrator's house in a real browser: one story from the first link to sign-out, and every page by axe."""

import itertools
import re
from urllib.parse import urlsplit

import jwt
import pytest

from mintmark import site
from tests import hostile
from tests.conftest import PASSWORD
from tests.full_house import FullHouse
from tests.making import make_person
from tests.test_browser_pages import HOSTILE, address, chromium, open_page, see_that_it_holds, sign_in  # noqa: F401 — fixtures.

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def press(page, name, *, role="button"):
    page.get_by_role(role, name=name, exact=True).first.click()
    page.wait_for_load_state()


def test_from_the_first_link_to_sign_out(sqlite_house, open_page):  # noqa: F811 — the fixture.
    page = open_page(permissions=["clipboard-read", "clipboard-write"])

    def go(to):
        page.goto(to)
        see_that_it_holds(page)

    # The first link makes an administrator, who is led to the first asset.
    with sqlite_house.app.app_context():
        page.goto("/setup?code=" + site.setup_code(sealer=sqlite_house.mint.settings.sealer))
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    press(page, "Become the administrator")
    see_that_it_holds(page)

    # An attribute, a group, and a person in it.
    go("/admin/attributes")
    go("/admin/attributes/new-attribute")
    page.get_by_label("Name", exact=True).fill("customer_number")
    page.get_by_label("Label").fill("Customer number")
    press(page, "Declare this attribute")
    go("/admin/groups")
    page.get_by_label("Name").fill("staff")
    press(page, "Make this group")
    see_that_it_holds(page)
    go("/admin/people/new")
    page.get_by_label("Username").fill("ben")
    page.get_by_label("First name").fill("Ben")
    page.get_by_label("Customer number").fill("C-17")
    page.get_by_label("staff").check()
    press(page, "Make this person")
    see_that_it_holds(page)
    press(page, "Make a one-time link")
    see_that_it_holds(page)
    link = re.search(r"/setup/password\?code=[\w-]+", page.content())[0]

    # An asset with a mistake, which the live check finds and the name's completion mends.
    go("/admin/assets")
    go("/admin/assets/new")
    page.get_by_label("Path", exact=True).fill("integrations/helpdesk")
    page.get_by_label("Name", exact=True).fill("Help desk")
    secret = page.get_by_label("Secret", exact=True).input_value()
    template = page.get_by_label("Template")
    template.fill('{"sub": "{{ user.username }}", "customer": "{{ user.atributes.customer_number }}"}')
    page.locator("#template-findings .note").first.wait_for()
    assert "line 1" in page.locator("#template-findings").inner_text().lower()
    see_that_it_holds(page)
    template.fill('{"sub": "{{ user.username }}", "customer": "{{ user.attributes.customer_number }}"}')
    page.locator("#template-findings .note").first.wait_for(state="detached")
    press(page, "Save")
    see_that_it_holds(page)

    # Its preview gives ada an error, which says what to do: she has no customer number.
    assert "customer_number" in page.get_by_role("main").inner_text()
    page.goto("/admin/assets")
    page.get_by_role("link", name="integrations").first.click()
    see_that_it_holds(page)
    page.get_by_role("link", name="Help desk").first.click()
    asset_url = page.url
    see_that_it_holds(page)
    assert (
        "1 of 2 readers has no `user.attributes.customer_number`".replace("`", "")
        in page.get_by_role("main").inner_text()
    )

    # Corrected: a second revision, and the preview gives a token that another library accepts.
    page.goto(asset_url + "/edit")
    page.get_by_label("Template").fill(
        '{"sub": "{{ user.username }}", "customer": "{{ user.attributes.customer_number | default("none") }}"}'
    )
    see_that_it_holds(page)
    press(page, "Save as the next revision")
    see_that_it_holds(page)
    page.goto("/account/preview/integrations/helpdesk")
    see_that_it_holds(page)
    assert sqlite_house.log("token.issued") == []
    press(page, "Issue a token")
    see_that_it_holds(page)
    assert len(sqlite_house.log("token.issued")) == 1
    page.get_by_role("button", name="Copy the token").click()
    token = page.evaluate("navigator.clipboard.readText()")
    options = {"verify_exp": False, "verify_iat": False, "verify_nbf": False}
    assert jwt.decode(token, secret, algorithms=["HS256"], options=options)["customer"] == "none"
    page.goto("/account/inspect")
    page.get_by_label(re.compile("Token")).first.fill(token)
    page.get_by_role("main").get_by_role("button").first.click()
    page.wait_for_load_state()
    see_that_it_holds(page)
    assert "integrations/helpdesk" in page.get_by_role("main").inner_text()

    # What it gives ben: claims, no token.
    page.goto(asset_url + "/preview")
    page.get_by_label(re.compile("Username")).first.fill("ben")
    page.get_by_role("main").get_by_role("button").first.click()
    page.wait_for_load_state()
    see_that_it_holds(page)
    assert "C-17" in page.get_by_role("main").inner_text() and not re.search(r"eyJ[\w-]+\.", page.content())

    # Ben sets a password by his link, fetches the token, and may not enter the house.
    ben = open_page()
    ben.goto(link)
    see_that_it_holds(ben)
    ben.get_by_label("New password").fill(PASSWORD)
    press(ben, "Set the password")
    see_that_it_holds(ben)
    ben.get_by_label("Username").fill("ben")
    ben.get_by_label("Password").fill(PASSWORD)
    press(ben, "Sign in")
    see_that_it_holds(ben)
    fetched = ben.evaluate("fetch('/integrations/helpdesk').then((answer) => answer.text())")
    assert jwt.decode(fetched, secret, algorithms=["HS256"], options=options)["customer"] == "C-17"
    assert ben.goto("/admin/assets").status == 403
    see_that_it_holds(ben)

    # Back to the first revision, into the trash, and out of it.
    page.goto(asset_url + "/revisions")
    see_that_it_holds(page)
    page.goto(asset_url + "/revisions/1")
    press(page, "Bring revision 1 back")
    see_that_it_holds(page)
    page.goto(asset_url + "/trash")
    see_that_it_holds(page)
    page.get_by_text("Move it to the trash").click()
    press(page, "Move to the trash")
    status = "fetch('/integrations/helpdesk').then((answer) => answer.status)"
    assert ben.evaluate(status) == 404
    page.goto(asset_url + "/trash")
    see_that_it_holds(page)
    press(page, "Restore")
    assert ben.evaluate(status) == 200

    # The readers are staff alone: ada's own group decides no more than that she administers; a person outside gets 403.
    page.goto(asset_url + "/edit")
    page.get_by_label("People in the groups chosen here").check()
    press(page, "Save as the next revision")
    assert ben.evaluate(status) == 403

    # The log and the dashboard know all of it; then ada signs out.
    go("/admin/log")
    go("/admin")
    press(page, "Sign out")
    assert page.url.endswith("/login")
    see_that_it_holds(page)


def test_a_signing_key_from_its_making_to_its_end(sqlite_house, open_page):  # noqa: F811 — the fixture.
    make_person(sqlite_house, "ada", is_admin=True)
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    sign_in(page, "ada")

    def copied(what):
        page.get_by_role("button", name=f"Copy {what}", exact=True).first.click()
        return page.evaluate("navigator.clipboard.readText()")

    def fetched():
        token = page.evaluate("fetch('/integrations/talk').then((answer) => answer.text())")
        return token, jwt.get_unverified_header(token)["kid"]

    def published(address_of_set):
        path = urlsplit(address_of_set).path
        key_set = page.evaluate(f"fetch('{path}', {{cache: 'no-store'}}).then((answer) => answer.json())")
        return {key["kid"]: jwt.PyJWK.from_dict(key) for key in key_set["keys"]}

    def audience(token, key):
        options = {"verify_exp": False, "verify_iat": False, "verify_nbf": False}
        return jwt.decode(token, key, algorithms=["RS256"], audience="talk", options=options)["aud"]

    # An asset is made with a key of its own; what the relying party needs is copied, and verifies its tokens.
    page.goto("/admin/assets/new")
    page.get_by_label("Path", exact=True).fill("integrations/talk")
    page.get_by_label("Name", exact=True).fill("Talk")
    page.get_by_label("Template").fill('{"aud": "talk", "sub": "{{ user.username }}"}')
    page.get_by_label("Algorithm", exact=True).select_option("RS256")
    page.get_by_label("Key id of the new key", exact=True).fill("talk-1")
    see_that_it_holds(page)
    press(page, "Save")
    see_that_it_holds(page)
    page.goto("/admin/assets?under=integrations")
    press(page, "Talk", role="link")
    see_that_it_holds(page)
    pem, address_of_set = copied("the public key as PEM"), copied("the address of the key set")
    first, key_id = fetched()
    assert key_id == "talk-1" and audience(first, pem) == "talk"
    assert audience(first, published(address_of_set)["talk-1"]) == "talk"

    # The next key is brought in: published at once, tried by the administrator, signing six minutes later.
    page.goto("/admin/keys")
    see_that_it_holds(page)
    press(page, "talk-1", role="link")
    see_that_it_holds(page)
    key_url = page.url
    press(page, "Make the next key", role="link")
    see_that_it_holds(page)
    page.get_by_label("Key id", exact=True).first.fill("talk-2")
    press(page, "Bring in the next key")
    see_that_it_holds(page)
    assert set(published(address_of_set)) == {"talk-1", "talk-2"} and fetched()[1] == "talk-1"
    page.goto("/account/preview/integrations/talk?with=next")
    see_that_it_holds(page)
    assert "talk-2" in page.get_by_role("main").inner_text()
    sqlite_house.clock.advance(360)
    second, key_id = fetched()
    assert key_id == "talk-2" and audience(second, published(address_of_set)["talk-2"]) == "talk"
    assert audience(first, published(address_of_set)["talk-1"]) == "talk"
    page.goto(key_url)
    see_that_it_holds(page)
    assert "retired" in page.get_by_role("main").inner_text().lower()

    # Somebody else may have it: it is revoked, and another one signs at once.
    page.goto("/admin/keys")
    press(page, "talk-2", role="link")
    page.get_by_role("link", name=re.compile("Revoke it")).click()
    see_that_it_holds(page)
    page.get_by_label("Key id of the new key").fill("talk-3")
    press(page, "Revoke this key")
    see_that_it_holds(page)
    assert "talk-2" not in published(address_of_set) and fetched()[1] == "talk-3"

    # The log says what it signed, and whoever pastes such a token is told loudly.
    page.get_by_role("link", name=re.compile("What it signed")).first.click()
    page.wait_for_load_state()
    see_that_it_holds(page)
    assert page.get_by_role("table").locator("tbody tr").count() == len(log_of(sqlite_house, "talk-2"))
    page.goto("/account/inspect")
    page.get_by_label(re.compile("Token")).first.fill(second)
    page.get_by_role("main").get_by_role("button").first.click()
    page.get_by_role("alert").get_by_text("Revoked.").wait_for()
    see_that_it_holds(page)


def log_of(house, key_id):
    return [row for row in house.log() if row["kid"] == key_id]


@pytest.mark.parametrize("part", range(4))
def test_every_page_holds_at_every_width_in_light_and_dark(sqlite_house, open_page, part):  # noqa: F811 — the fixture.
    full = FullHouse(sqlite_house, HOSTILE)
    cookie = full.clients["ada"].get_cookie("mintmark").value
    page = open_page()
    page.context.add_cookies([{"name": "mintmark", "value": cookie, "url": page.evaluate("'http://127.0.0.1'")}])
    addresses = [each for each in sorted(set(full.pages().values())) if not re.search(r"\.(csv|jsonl|pem|json)$", each)]
    for address_of_page in addresses[part::4]:
        assert page.goto(address_of_page).status == 200, address_of_page
        page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        see_that_it_holds(page)


def test_350_hostile_texts_run_nothing_in_a_browser(sqlite_house, open_page, capsys):  # noqa: F811 — the fixture.
    """Each text stands in every field, some at once; one of two pages that show them is opened, in turn, and nothing runs."""
    full = FullHouse(sqlite_house)
    cookie = full.clients["ada"].get_cookie("mintmark").value
    page = open_page()
    page.context.add_cookies([{"name": "mintmark", "value": cookie, "url": "http://127.0.0.1"}])
    ran = []
    page.on("dialog", lambda dialog: (ran.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: ran.append(request.url) if "127.0.0.1" not in request.url else None)
    shown = [f"/admin/people/{full.person}", f"/admin/assets/{full.asset}/edit"]
    for text, address_of_page in zip(hostile.TOGETHER, itertools.cycle(shown), strict=False):
        full.write(text)
        page.goto(address_of_page, wait_until="domcontentloaded")
        assert page.evaluate("document.querySelectorAll('main img, main iframe, main object, main script').length") == 0
    assert ran == []
    with capsys.disabled():
        print(f"\n{len(hostile.TEXTS)} hostile texts on one of {len(shown)} pages in a browser")
