"""What the pages say of presets: what is in the tokens, what there is to do, and where; and the ways to the import."""

from mintmark.presets import fill, read_answers
from tests.making import make_asset, make_group, make_person
from tests.test_pages import Page
from tests.test_presets_pages import PARTIES, PRESETS, ada, words_of

assert ada  # A fixture, by its name.
IMPORT = "/admin/matrix-import"


def links_of(page):
    return [found["href"] for found in page.all("a") if "href" in found]


def made(house, slug, path, **ask):
    """Make an asset with a preset as its form does; return its id."""
    filled = fill(PARTIES[slug], read_answers(PARTIES[slug].questions, ask))
    return make_asset(house, **{**filled, "path": path})


def test_the_page_of_every_preset_shows_the_template_and_the_contract_with_the_places_of_the_answers(ada):
    for slug, preset in PARTIES.items():
        page = Page(ada.get(f"{PRESETS}/{slug}").text)

        assert " ".join(preset.definition["template"].split()) in words_of(page), slug
        assert page.all("table", **{"class": "claims stacked"}), slug
        for name in (name for name in preset.contract["claims"] if "{" not in name):
            assert name in page.texts["code"], (slug, name)
        for question in preset.questions:
            assert f"ask.{question.name}" in page.texts["code"], slug
        if launch := preset.definition.get("launch"):
            assert launch["url"] in words_of(page) and f"/launch/{preset.definition['path']}" in words_of(page), slug


def test_the_page_of_a_preset_asks_first_and_folds_what_is_to_be_done_elsewhere(ada):
    page = Page(ada.get(f"{PRESETS}/zendesk-sso").text)

    assert page.text.index("Fill in an asset") < page.text.index("What you will do at Zendesk")
    assert "What you will do at Zendesk" in page.texts["h2"]
    assert not [each for each in page.all("details") if "open" in each]
    asked = Page(ada.get(f"{PRESETS}/ckeditor").text)
    assert any("exactly “{ask.environment_id}”" in text for text in asked.texts["bdi"])


def test_general_presets_come_first_in_a_kind_of_their_own(ada):
    page = Page(ada.get(PRESETS).text)

    linked = [link.rpartition("/")[2] for link in links_of(page) if link.startswith(PRESETS + "/")]
    assert set(linked[:2]) == {"generic-bearer", "plain"} and page.texts["h2"][0] == "For anybody"
    assert [each.slug for each in PARTIES.values() if each.kind == "Any"] == sorted(linked[:2])


def test_the_import_of_a_matrix_payload_is_found_where_assets_are_and_at_the_plain_preset(ada):
    for address in ("/admin/assets", f"{PRESETS}/plain"):
        assert IMPORT in links_of(Page(ada.get(address).text)), address
    make_asset(ada.house, "a")
    assert IMPORT in links_of(Page(ada.get("/admin/assets").text))
    assert IMPORT not in links_of(Page(ada.get(f"{PRESETS}/zendesk-sso").text))
    make_group(ada.house, "staff")
    make_asset(ada.house, "b", editors=["staff"])
    make_person(ada.house, "eve", groups=["staff"])
    assert IMPORT not in links_of(Page(ada.house.signed_in("eve").get("/admin/assets").text)), (
        "it is for administrators"
    )


def test_delivery_leads_to_the_secret_where_the_preset_says_to_paste_it(ada):
    make_group(ada.house, "staff")
    shared = made(ada.house, "zendesk-sso", "desk", subdomain="acme")
    page = Page(ada.get(f"/admin/assets/{shared}/delivery").text)

    assert PARTIES["zendesk-sso"].key not in words_of(page) and "Paste it here" not in words_of(page)
    assert links_of(page).count(f"/admin/assets/{shared}/secret") == 2, "the tab and the sentence"
    assert f"{PRESETS}/zendesk-sso" in links_of(page)
    edited = make_asset(
        ada.house, "b", '{"email": "a@b.test", "name": "x"}', preset="zendesk-sso", ask={"subdomain": "acme"},
        lifetime=120, editors=["staff"],
    )  # fmt: skip
    make_person(ada.house, "eve", groups=["staff"])
    page = Page(ada.house.signed_in("eve").get(f"/admin/assets/{edited}/delivery").text)
    assert not [link for link in links_of(page) if link.endswith("/secret") or link.startswith(PRESETS)]
    assert "An administrator sets its secret" in words_of(page)


def test_the_preview_of_an_asset_with_a_preset_says_what_is_next_to_whoever_may_do_it(ada):
    make_group(ada.house, "staff")
    asset_id = made(ada.house, "zendesk-sso", "desk", subdomain="acme")
    make_asset(ada.house, "without")
    make_person(ada.house, "ben", email="ben@example.test", groups=["staff"])
    next_step = "Next: what to do at Zendesk stands on Delivery"

    page = Page(ada.get("/account/preview/desk").text)
    assert next_step in words_of(page) and f"/admin/assets/{asset_id}/delivery" in links_of(page)
    for client, path in ((ada, "without"), (ada.house.signed_in("ben"), "desk")):
        page = Page(client.get(f"/account/preview/{path}").text)
        assert "Next: what" not in page.text and not [link for link in links_of(page) if link.endswith("/delivery")]
