"""Home leads on: to the preview of each asset, to its page for who may edit it, and to the first asset of all."""

from tests.filling import submit
from tests.making import make_asset, make_group, make_person
from tests.test_pages import Page


def links_of(page):
    return {found["href"] for found in page.all("a")}


def test_home_leads_to_the_preview_of_each_asset_and_editors_to_its_page(sqlite_house):
    make_group(sqlite_house, "staff")
    edited = make_asset(sqlite_house, "a/edited", editors=["staff"])
    read = make_asset(sqlite_house, "read", params=[{"name": "room"}])
    for username, fields in {"ada": {"is_admin": True}, "eve": {"groups": ["staff"]}, "ben": {}}.items():
        make_person(sqlite_house, username, **fields)
    pages = {f"/admin/assets/{asset_id}" for asset_id in (edited, read)}

    for username, own in {"ada": pages, "eve": {f"/admin/assets/{edited}"}, "ben": set()}.items():
        links = links_of(Page(sqlite_house.signed_in(username).get("/").text))
        assert links >= {"/account/preview/a/edited", "/account/preview/read", "/a/edited"}, username
        assert links & pages == own, username


def test_from_the_empty_home_one_act_leads_to_a_token(sqlite_house):
    make_person(sqlite_house, "ada", is_admin=True)
    ada = sqlite_house.signed_in("ada")
    [act] = Page(ada.get("/").text).all("a", **{"class": "act"})
    assert submit(ada, act["href"], path="first", name="First").status_code == 303
    assert ada.get("/first").text.count(".") == 2
    assert "/account/preview/first" in links_of(Page(ada.get("/").text))
