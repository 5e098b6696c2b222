"""Signing in and out by Glewlwyd, an OpenID provider that others wrote."""

import time
from urllib.parse import urlsplit

import pytest

from tests import glewlwyd
from tests.conftest import csrf_of
from tests.making import make_provider

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]
SITE = "http://127.0.0.1:8000"


def path_of(address):
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}"


def test_somebody_is_made_comes_again_and_is_led_on_to_sign_out_there(make_house, tmp_path):
    with glewlwyd.running(SITE, tmp_path) as provider:
        house = make_house(FETCH_ALSO=f"http://127.0.0.1:{provider.port}")
        house.clock.now = time.time()
        make_provider(
            house, provider.issuer, secret=glewlwyd.SECRET, create_people=True, username_prefix="campus-",
            attribute_map={"display_name": "name", "email": "email"}, scopes="openid",
        )  # fmt: skip
        for _ in range(2):
            client = house.client()
            back = provider.sign_in(client.get("/auth/oidc/campus").headers["Location"])
            answer = client.get(path_of(back))
            assert (answer.status_code, answer.headers["Location"]) == (303, "/"), answer.text
            assert client.get(path_of(back)).status_code == 400

        [person] = house.rows("SELECT * FROM person")
        assert person["username"].startswith("campus-")
        [identity] = house.rows("SELECT * FROM identity")
        assert person["username"] == "campus-" + identity["subject"]

        answer = client.post("/logout", data={"csrf_token": csrf_of(client.get("/account"))})
        address = answer.headers["Refresh"].partition("url=")[2]
        assert address.startswith(f"http://127.0.0.1:{provider.port}/")
        status, headers, _ = provider.ask("GET", path_of(address))
        assert status == 302 and "prompt=end_session" in headers["Location"]  # It asks, on a page of its own.
        assert client.get("/account").status_code == 303
