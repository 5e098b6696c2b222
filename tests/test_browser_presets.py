"""Presets in a real browser: from the list to a working asset, with and without scripts; axe and every width."""

import pytest

from tests.conftest import SECRET
from tests.making import make_person
from tests.test_browser_pages import address, chromium, open_page, see_that_it_holds, sign_in

pytestmark = pytest.mark.slow
assert address and chromium and open_page  # Fixtures, by their names.


@pytest.mark.parametrize("has_scripts", [True, False])
def test_from_the_list_of_presets_to_an_asset_that_is_launched(sqlite_house, open_page, has_scripts):
    # Given an administrator at the list of assets
    make_person(sqlite_house, "ada", is_admin=True, email="ada@example.test")
    page = open_page(java_script_enabled=has_scripts)
    sign_in(page, "ada")
    page.goto("/admin/assets")

    # when they choose a preset, answer what it asks, paste the secret and save,
    page.get_by_role("link", name="Begin with a preset").first.click()
    page.get_by_label("Words of a name or a kind").fill("zendesk")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="Zendesk", exact=True).click()
    page.get_by_label("Subdomain").fill("Not A Subdomain")
    page.get_by_role("button", name="Fill in an asset").click()
    assert page.get_by_role("alert").is_visible()
    page.get_by_label("Subdomain").fill("acme")
    page.get_by_role("button", name="Fill in an asset").click()
    assert page.get_by_role("heading", name="For Zendesk").is_visible()
    page.get_by_label("Secret", exact=True).fill(SECRET)
    page.get_by_role("button", name="Save").click()

    # then its preview is next, and its page says what it is.
    page.wait_for_url("**/account/preview/integrations/zendesk")
    page.goto("/admin/assets?under=integrations")
    page.get_by_role("link", name="Zendesk", exact=True).click()
    assert page.get_by_role("heading", name="Contract", exact=True).is_visible()
    assert page.get_by_text("https://acme.zendesk.com/access/jwt").is_visible()
    if has_scripts:
        see_that_it_holds(page)


def test_axe_finds_nothing_on_the_pages_of_presets(sqlite_house, open_page):
    make_person(sqlite_house, "ada", is_admin=True)
    page = open_page()
    sign_in(page, "ada")

    # The others are among all pages, which are walked through elsewhere.
    for place in (
        "/admin/presets?q=nothing",
        "/admin/assets/new?preset=zendesk-sso&ask_subdomain=a.b",
        "/admin/assets/new?preset=zendesk-sso&ask_subdomain=acme",
    ):
        page.goto(place)
        if page.locator("details summary").count():
            page.locator("details summary").first.click()
        see_that_it_holds(page)
