"""OpenID Connect in a real browser: there and back, a token, and out on both sides; and the pages on the way."""

import time

import jwt
import pytest

from mintmark.models import writing
from tests import openid_provider
from tests.conftest import SEALING_KEY, House
from tests.making import make_asset, make_person, make_provider
from tests.serving import free_port, served
from tests.test_browser_pages import chromium, see_that_it_holds  # noqa: F401 — a fixture.

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def campus(tmp_path, empty_sqlite):
    """A site that listens, with a provider of its own; `ben` is its `u-1`."""
    (tmp_path / "mintmark.sqlite").write_bytes(empty_sqlite.read_bytes())
    tmp_path.chmod(0o700)
    bind = f"127.0.0.1:{free_port()}"
    with openid_provider.running(f"http://{bind}") as provider:
        house = House(
            {"INSTANCE": str(tmp_path), "SEALING_KEY": SEALING_KEY, "BIND": bind, "FETCH_ALSO": provider.issuer}
        )
        house.clock.now = time.time()
        make_person(house, "ada", is_admin=True)
        make_asset(house, "integrations/helpdesk")
        make_provider(
            house, provider.issuer, secret=openid_provider.CLIENT_SECRET, algorithm="ES256", create_people=True,
            username_claim="preferred_username", attribute_map={"first_name": "given_name", "email": "email"},
        )  # fmt: skip
        with served(house) as address:
            yield house, provider, address
        house.close()


def test_somebody_signs_in_there_fetches_a_token_here_and_signs_out_on_both_sides(campus, chromium):  # noqa: F811 — the fixture.
    house, provider, address = campus
    context = chromium.new_context(base_url=address)
    page, wrong = context.new_page(), []

    def hear(message):
        if message.type == "error" and "status of 404" not in message.text:  # The provider has no icon.
            wrong.append(message.text)

    page.on("console", hear)

    page.goto("/login?next=/account")
    page.get_by_role("link", name="campus").click()
    page.wait_for_url(f"{provider.issuer}/authorize*")
    page.get_by_label("Who").fill("u-1")
    page.get_by_role("button", name="Come in").click()
    page.wait_for_url(f"{address}/account")

    assert "ben@campus.test" in page.content()
    token = page.evaluate("fetch('/integrations/helpdesk').then(answer => answer.text())")
    assert jwt.decode(token, options={"verify_signature": False})["sub"] == "ben"
    assert len(provider.signed_in) == 1

    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="You are signed out here").wait_for()
    see_that_it_holds(page)
    page.wait_for_url(f"{provider.issuer}/end*")  # The page leads on by itself.
    page.get_by_role("button", name="Sign out of Campus").click()
    page.wait_for_url(f"{address}/login")

    assert provider.signed_in == {}
    assert page.goto("/account").url.startswith(f"{address}/login")
    page.get_by_role("link", name="campus").click()
    page.get_by_label("Who").wait_for()  # The provider asks again.
    assert wrong == []
    context.close()


def test_what_goes_wrong_is_said_on_a_page_that_holds(campus, chromium):  # noqa: F811 — the fixture.
    house, provider, address = campus
    context = chromium.new_context(base_url=address)
    page = context.new_page()
    provider.knobs.answer = {"code": None, "error": ["access_denied"]}
    page.goto("/auth/oidc/campus")
    page.get_by_label("Who").fill("u-1")
    page.get_by_role("button", name="Come in").click()
    page.get_by_role("heading", name="Nobody was signed in").wait_for()
    see_that_it_holds(page)
    context.close()


def test_the_pages_of_providers_hold(campus, chromium):  # noqa: F811 — the fixture.
    house, provider, address = campus
    client = house.signed_in("ada")
    [row] = house.rows("SELECT id FROM openid_provider")
    with house.app.app_context(), writing() as session:
        session.connection().exec_driver_sql("UPDATE openid_provider SET client_id = ?", ("client-" + "x" * 200,))
    context = chromium.new_context(base_url=address)
    context.add_cookies([{"name": "mintmark", "value": client.get_cookie("mintmark").value, "url": address}])
    page = context.new_page()
    for path in ("/admin/openid", "/admin/openid/new", f"/admin/openid/{row['id']}"):
        page.goto(path)
        if path.endswith(row["id"]):
            page.get_by_role("button", name="Read it now").click()
            page.wait_for_load_state()
        for summary in page.locator("main summary").all():
            summary.click()
        see_that_it_holds(page)
    context.close()
