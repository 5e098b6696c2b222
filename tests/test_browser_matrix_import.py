"""The page for Matrix payloads in a real browser: axe, widths, copying, and on to the form of a new asset."""

import os

import pytest

from tests.making import make_person
from tests.test_browser_pages import address, chromium, open_page, see_that_it_holds, sign_in

__all__ = ["address", "chromium", "open_page"]
pytestmark = pytest.mark.slow
PAYLOAD = """{
  "sub": "%globals_user_attribute_username^json_encode%",
  "name": "%globals_user_attribute_first_name% %globals_user_attribute_last_name%",
  "department": "%globals_user_metadata_Department^lowercase^json_encode%",
  "room": "%globals_get_room%",
  "kind": "%asset_type_of_something_with_a_name_that_is_much_longer_than_any_column^striphtml%",
  "admin": %asset_has_write_access^eq:1:true:false%
}"""


def test_a_payload_is_pasted_converted_copied_and_becomes_a_new_asset(sqlite_house, open_page):
    make_person(sqlite_house, "ada", is_admin=True)
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    sign_in(page, "ada")
    page.goto("/admin/matrix-import")
    see_that_it_holds(page)

    page.get_by_label("Payload").fill(PAYLOAD)
    page.get_by_role("button", name="Convert").click()
    page.get_by_role("heading", name="Line by line").wait_for()
    see_that_it_holds(page)
    if folder := os.environ.get("SHOTS"):  # pictures to look at
        for width in (360, 1280):
            for scheme in ("light", "dark"):
                page.set_viewport_size({"width": width, "height": 800})
                page.emulate_media(color_scheme=scheme)
                page.screenshot(path=f"{folder}/matrix-{width}-{scheme}.png", full_page=True)

    page.get_by_role("button", name="Copy the template").click()
    assert '"admin": {{ asset.can_edit }}' in page.evaluate("navigator.clipboard.readText()")
    page.get_by_role("button", name="Make an asset of it").click()
    assert '"room": "{{ params.room' in page.get_by_label("Template", exact=True).input_value()
