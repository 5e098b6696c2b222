"""MINTMARK_CROSS_SITE: the session cookie goes along with requests of other sites, and none of them does anything.

Nothing leans on SameSite: what a form does takes its token and an origin of ours (ASVS 3.5.1).
"""

import shutil

import pytest

from tests.conftest import PASSWORD, SEALING_KEY, House, csrf_of
from tests.making import make_asset
from tests.test_rights import Walk

pytestmark = pytest.mark.slow
SITE, EVIL = "https://www.uni.test", "https://evil.test"
JSON = {"form": "json", "field": "token", "beside": {}, "methods": ["GET", "POST"]}
ELSEWHERE = [
    {"Origin": EVIL, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
    {"Origin": "null", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    {"Origin": EVIL},
    {"Referer": f"{EVIL}/page"},
    {"Origin": "https://uni.test", "Sec-Fetch-Site": "same-site"},
    {"Origin": "http://www.uni.test"},
]


@pytest.fixture(scope="module")
def site(tmp_path_factory, empty_sqlite):
    """A site whose cookie goes across sites, with one of everything, and the browser of its administrator."""
    instance = tmp_path_factory.mktemp("cross_site")
    instance.chmod(0o700)
    shutil.copy(empty_sqlite, instance / "mintmark.sqlite")
    house = House({"INSTANCE": str(instance), "SEALING_KEY": SEALING_KEY, "BASE_URL": SITE, "CROSS_SITE": "1"})
    house.walk = Walk(house)
    make_asset(house, "json", answer=JSON, origins=["https://chat.test"])
    house.ada = house.client()
    fields = {"csrf_token": token_of(house.ada, "/login"), "username": "ada", "password": PASSWORD}
    answer = house.ada.post("/login", base_url=SITE, data=fields)
    assert answer.status_code == 303 and "SameSite=None" in answer.headers["Set-Cookie"]
    yield house
    house.close()


def token_of(client, path):
    return csrf_of(client.get(path, base_url=SITE))


def doors(house):
    """Return the address of everything that takes a POST, but for tokens."""
    rules = [rule for rule in house.app.url_map.iter_rules() if "POST" in (rule.methods or ())]
    unknown = {name for rule in rules for name in rule.arguments} - house.walk.there.keys()
    assert not unknown, f"say in test_rights.py what {unknown} may be"
    return sorted(rule.build(house.walk.there, append_unknown=False)[1] for rule in rules)


def test_no_request_of_another_site_does_anything_with_or_without_the_forms_token(site):
    token = token_of(site.ada, "/account")
    before, addresses = site.log(), doors(site)
    assert len(addresses) > 30

    for address in addresses:
        for headers in ELSEWHERE:
            for data in ({}, {"csrf_token": token}):
                answer = site.ada.post(address, base_url=SITE, data=data, headers=headers)
                assert answer.status_code in (400, 403, 404), (address, headers, data, answer.status_code)

    assert site.log() == before
    assert site.ada.get("/account", base_url=SITE).status_code == 200, "who is signed in still is"


def test_no_form_without_its_token_does_anything_wherever_it_says_it_comes_from(site):
    before = site.log()

    for address in doors(site):
        for token in ({}, {"csrf_token": ""}, {"csrf_token": "another"}):
            answer = site.ada.post(address, base_url=SITE, data=token, headers={"Origin": SITE})
            assert answer.status_code in (400, 404), (address, token)

    assert site.log() == before


def test_a_page_of_another_site_has_a_token_only_where_it_is_listed(site):
    for headers in ELSEWHERE[1:]:
        for method in ("GET", "POST"):
            answer = site.ada.open(
                "/json", method=method, base_url=SITE, json={} if method == "POST" else None, headers=headers
            )
            assert answer.status_code == 403 and answer.headers["Mintmark-Reason"] == "origin", (method, headers)
    assert site.log("token.issued") == []

    listed = {"Origin": "https://chat.test", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}
    answer = site.ada.get("/json", base_url=SITE, headers=listed)

    assert answer.status_code == 200 and answer.headers["Access-Control-Allow-Origin"] == "https://chat.test"
