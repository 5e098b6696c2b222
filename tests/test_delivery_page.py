"""The delivery page: what is there to copy, that no name ends the code around it, and what is said of each origin."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from mintmark import presets
from mintmark.assets import save
from mintmark.models import Asset, db, writing
from mintmark.web.admin import embedding
from tests.conftest import PASSWORD, SEALING_KEY, House, csrf_of, skip_or_fail
from tests.making import change_asset, make_asset, make_group, make_person
from tests.test_browser_pages import address, chromium, open_page, see_that_it_holds, sign_in  # noqa: F401 — fixtures.
from tests.test_pages import Page

DOCS = Path(__file__).parents[1] / "docs"
HOSTILE = ['</script><img src=x onerror=alert(1)>', "\"};alert(1);//", "${alert(1)}`", "<!--<script>", "\u2028\u2029é💥", "__proto__"]  # fmt: skip
LAUNCH = {"by": "post", "url": "https://acme.zendesk.com/access/jwt", "name": "jwt", "pass": ["return_to"],
          "return_to": ["https://acme.zendesk.com"]}  # fmt: skip


@pytest.fixture(scope="module")
def shared_house(tmp_path_factory, empty_sqlite):
    """One house for all tests of the page, which changes nothing."""
    instance = tmp_path_factory.mktemp("delivery")
    instance.chmod(0o700)
    shutil.copy(empty_sqlite, instance / "mintmark.sqlite")
    house = House({"INSTANCE": str(instance), "SEALING_KEY": SEALING_KEY, "SQLITE_SYNCHRONOUS": "normal"})
    make_group(house, "desk")
    make_person(house, "ada", is_admin=True)
    make_person(house, "erin", groups=["desk"])
    house.client_of = {name: house.signed_in(name) for name in ("ada", "erin")}
    yield house
    house.close()


def page_of(house, asset_id, username="ada", **options):
    answer = house.client_of[username].get(f"/admin/assets/{asset_id}/delivery", **options)
    assert answer.status_code == 200, answer.text
    Page(answer.text)
    return answer.text


def copied(page, what):
    """Return what the Copy button of a block copies."""
    return html.unescape(re.search(rf'data-copy="{what}"><pre[^>]*><code>(.*?)</code>', page, re.DOTALL)[1])


def words_of(page):
    return " ".join(Page(page).text.split())


def test_a_page_of_this_origin_gets_its_code_and_one_of_another_origin_the_whole_address(shared_house):
    asset_id = make_asset(shared_house, "talk/one", origins=["https://www.uni.test"])

    page = page_of(shared_house, asset_id)

    here, elsewhere = (
        copied(page, f"the code for a page of {which} origin").splitlines() for which in ("this", "another")
    )
    assert here[0] == '<script src="/static/mintmark.js"></script>'
    assert here[2] == '  const tokens = mintmark("/talk/one", {'
    assert elsewhere[0] == '<script src="http://127.0.0.1:8000/static/mintmark.js"></script>'
    assert elsewhere[2] == '  const tokens = mintmark("http://127.0.0.1:8000/talk/one", {'
    assert '    credentials: "include",' in elsewhere and '    credentials: "include",' not in here
    assert "SameSite=Lax" in words_of(page) and "JSON answer" not in page and 'id="launch"' not in page


def test_what_an_asset_wants_stands_in_the_code(shared_house):
    answer = {"form": "json", "field": "jwt", "beside": {"url": "wss://x.test"}, "methods": ["POST"]}
    params = [{"name": "room", "one_of": ["a", "b"]}, {"name": "nonce"}]
    asset_id = make_asset(shared_house, "talk/two", answer=answer, params=params, backdate=30)

    page = page_of(shared_house, asset_id)

    code = copied(page, "the code for a page of this origin")
    for line in ('params: {"room": "a", "nonce": "…"},', 'method: "POST",', 'field: "jwt",', "backdate: 30,"):
        assert f"\n    {line}\n" in code
    assert json.loads(copied(page, "the answer")) == {"jwt": "eyJ…", "url": "wss://x.test"}
    assert "No origin is listed" in words_of(page)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_in_code_stay_text_and_the_code_stays_code(shared_house, text):
    # Given an asset whose every free text is hostile,
    path = f"hostile/x{HOSTILE.index(text)}"
    answer = {"form": "json", "field": text, "beside": {"x": text}, "methods": ["POST"]}
    asset_id = make_asset(shared_house, path, name=text, answer=answer)

    # when somebody copies the code into a page,
    code = copied(page_of(shared_house, asset_id), "the code for a page of this origin")

    # then the page has two scripts as before, and the name is one literal.
    page = Page(code)
    assert [tag for tag, *_ in page.tags] == ["script", "script"]
    assert "<!--" not in code
    [literal] = re.findall(r"^    field: (.*),$", code, re.MULTILINE)
    assert json.loads(literal) == text and "<" not in literal


def test_code_with_hostile_names_is_javascript(shared_house, tmp_path):
    node = shutil.which("node") or skip_or_fail("There is no node on the PATH")
    cases = []
    for text in HOSTILE:
        definition = {
            "answer": {"form": "json", "field": text, "methods": ["GET"]},
            "params": [],
            "backdate": 0,
            "path": "x",
        }
        code = embedding.embedded(definition, "https://www.uni.test/tokens", is_elsewhere=True)
        body = code.partition('<script type="module">')[2].removesuffix("</script>")
        cases.append(
            f"await (async () => {{ const mintmark = (url, options) => (seen.push([url, options.field]), {{get() {{}}}});{body}}})();"
        )

    script = "const seen = [];\n" + "\n".join(cases) + "\nconsole.log(JSON.stringify(seen));"
    done = subprocess.run([node, "--input-type=module", "-"], input=script, capture_output=True, text=True, check=True)

    assert json.loads(done.stdout) == [["https://www.uni.test/tokens/x", text] for text in HOSTILE]


def test_a_launch_has_its_address_and_what_goes_along(shared_house):
    asset_id = make_asset(shared_house, "talk/three", launch=LAUNCH)

    page = page_of(shared_house, asset_id)

    assert copied(page, "the launch address") == "http://127.0.0.1:8000/launch/talk/three"
    words = words_of(page)
    assert "in a form that posts itself, as the field jwt" in words
    assert "What may be passed on return_to" in words and "https://acme.zendesk.com; any other is refused" in words


def test_where_else_the_token_of_a_launch_may_go_is_said(shared_house):
    there, back = "https://desk.test/callback?tenant=1", "https://desk.test"
    launch = {"by": "query", "url": "https://desk.test/sso", "name": "jwt", "return_to": [back, there]}
    passed = {"talk/three/a": ["redirect_uri", "state"], "talk/three/b": ["redirect_uri"], "talk/three/c": ["state"]}

    a, b, c = (
        words_of(page_of(shared_house, make_asset(shared_house, path, launch={**launch, "pass": names})))
        for path, names in passed.items()
    )

    for words in (a, b):
        assert f"The token may also go to {there}, where the query says so as redirect_uri" in words
    assert "What may be passed on state, from the query" in a and "What may be passed on" not in b
    assert "What may be passed on state, from the query" in c and "The token may also go to" not in c
    # Nothing but the target is said by redirect_uri, and origins are none.
    launch = {**launch, "return_to": [back], "pass": ["redirect_uri"]}
    words = words_of(page_of(shared_house, make_asset(shared_house, "talk/three/d", launch=launch)))
    assert "The token may also go to" not in words and "An address among it" not in words


def test_a_preset_has_its_words_and_its_snippet_filled_in(shared_house):
    asset_id = make_asset(
        shared_house, "talk/four", presets.fill(presets.find_preset("ckeditor"), {"environment_id": "env-1"})["template"],
        preset="ckeditor", ask={"environment_id": "env-1"}, lifetime=7200,
    )  # fmt: skip

    page = page_of(shared_house, asset_id)

    assert 'tokenUrl: "http://127.0.0.1:8000/talk/four"' in copied(page, "the code for CKEditor Cloud Services")
    assert "Environment id env-1" in words_of(page)
    [docs] = [link for link in Page(page).all("a") if link["href"].startswith("https:")]
    assert docs["rel"] == "noreferrer"


def test_the_code_of_every_preset_is_javascript_with_hostile_answers_too():
    node = shutil.which("node") or skip_or_fail("There is no node on the PATH")
    codes = []
    for preset in presets.all_presets().values():
        hostile = {"text": HOSTILE[0], "id": "a/b=*"}
        answers = {
            each.name: each.choices[0] if each.choices else hostile.get(each.kind) or each.example or each.default
            for each in preset.questions
        }
        if preset.snippet:
            code = embedding.preset_code(preset, {"path": "a/b", "ask": answers}, "https://www.uni.test")
            tags = [tag for tag, *_ in Page(code).tags]
            assert code and tags in (["script"], ["script", "script"]), preset.slug
            codes.append(code.partition('<script type="module">')[2].removesuffix("</script>"))
    assert len(codes) > 1

    script = f"for (const code of {json.dumps(codes)}) new (async () => {{}}).constructor(code);"
    done = subprocess.run([node, "--input-type=module", "-"], input=script, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr


def test_a_preset_that_is_known_no_more_or_asks_for_more_is_no_error(shared_house):
    asset_id = make_asset(shared_house, "talk/five")
    change_asset(shared_house, "talk/five", preset="gone-with-the-wind", ask={"x": "y"})
    assert "gone-with-the-wind, which this version" in words_of(page_of(shared_house, asset_id))

    change_asset(shared_house, "talk/five", preset="ckeditor", ask={})
    page = page_of(shared_house, asset_id)

    assert "CKEditor Cloud Services" in page and "the code for CKEditor" not in page


def test_a_revision_from_before_these_fields_is_shown(shared_house):
    asset_id = make_asset(shared_house, "talk/six")
    with shared_house.app.app_context(), writing():
        revision = save.current_revision(db.session.get_one(Asset, asset_id))
        new = {"preset", "ask", "contract", "launch"}
        revision.definition = {name: value for name, value in revision.definition.items() if name not in new}

    assert "On a page of this origin" in words_of(page_of(shared_house, asset_id))


def test_how_a_proxy_is_set_up_is_for_administrators_alone(shared_house):
    asset_id = make_asset(shared_house, "talk/seven", editors=["desk"])

    ada, erin = (page_of(shared_house, asset_id, name) for name in ("ada", "erin"))

    assert copied(ada, "the configuration of nginx") == (DOCS / "nginx.conf").read_text().strip()
    assert copied(ada, "the configuration of Caddy") == (DOCS / "Caddyfile").read_text().strip()
    assert "the configuration of" not in erin and "127.0.0.1:8000;" not in erin
    assert "stands here for administrators" in words_of(erin)


def test_under_a_path_the_proxy_files_name_this_site(sqlite_house):
    overrides = {"BASE_URL": "https://www.uni.test:8443/mint", "BIND": "127.0.0.1:9000", "CROSS_SITE": "1"}
    house = House({**sqlite_house.overrides, **overrides})
    make_person(house, "ada", is_admin=True)
    asset_id = make_asset(house, "talk", origins=["https://uni.test", "https://www.uni.test:8443"])
    client, site = house.client(), "https://www.uni.test:8443"
    token = csrf_of(client.get("/mint/login", base_url=site))
    fields = {"csrf_token": token, "username": "ada", "password": PASSWORD}
    assert client.post("/mint/login", base_url=site, data=fields).status_code == 303

    answer = client.get(f"/mint/admin/assets/{asset_id}/delivery", base_url=site)

    house.close()
    page = answer.text

    nginx, caddy = (copied(page, f"the configuration of {name}") for name in ("nginx", "Caddy"))
    for text in (nginx, caddy):
        assert "example.org" not in text and "/tokens" not in text and "8000" not in text
        assert "MINTMARK_BASE_URL=https://www.uni.test:8443/mint\n" in text
    assert "listen 8443 ssl;" in nginx and "location /mint/ {" in nginx and "proxy_pass http://127.0.0.1:9000;" in nginx
    assert "https://www.uni.test:8443 {" in caddy and "handle /mint/* {" in caddy
    assert 'mintmark("/mint/talk", {' in copied(page, "the code for a page of this origin")
    assert 'mintmark("https://www.uni.test:8443/mint/talk", {' in copied(page, "the code for a page of another origin")
    words = words_of(page)
    assert "https://www.uni.test:8443: this origin itself" in words and "https://uni.test: the same site" in words
    assert "MINTMARK_CROSS_SITE=1: SameSite=None" in words


@pytest.mark.parametrize(
    ("origin", "site_url", "site"),
    [
        ("https://tokens.uni.test", "https://tokens.uni.test/tokens", "own"),
        ("https://tokens.uni.test:8443", "https://tokens.uni.test", "same"),
        ("https://uni.test", "https://tokens.uni.test", "same"),
        ("https://a.b.uni.test", "https://uni.test", "same"),
        ("https://www.uni.test", "https://tokens.uni.test", "uni.test"),
        ("https://a.co.uk", "https://b.co.uk", "co.uk"),  # Only the domain's owner knows; the page says so.
        ("http://localhost:3000", "http://localhost:8000", "same"),
        ("http://127.0.0.1:3000", "http://127.0.0.1:8000", "same"),
        ("http://localhost:8000", "http://127.0.0.1:8000", "another"),
        ("http://10.0.0.1", "http://10.1.0.1", "another"),
        ("https://[::1]:3000", "https://[::2]", "another"),
        ("https://uni.test", "http://uni.test:8000", "another"),
        ("https://eviluni.test", "https://uni.test", "another"),
        ("https://uni.test.evil.example", "https://uni.test", "another"),
        ("https://chat.test", "https://uni.test", "another"),
    ],
)
def test_of_which_site_an_origin_is_as_far_as_can_be_told(origin, site_url, site):
    assert embedding.site_of(origin, site_url) == site


def test_other_sites_may_load_the_script_and_no_other_file(shared_house):
    client = shared_house.client()

    def policy_of(path):
        with client.get(path) as answer:
            return answer.headers["Cross-Origin-Resource-Policy"]

    assert policy_of("/static/mintmark.js") == "cross-origin"
    for path in ("/static/copy.js", "/static/mintmark.css", "/static/nothing.js", "/mintmark.js", "/login"):
        assert policy_of(path) == "same-origin"


@pytest.mark.slow
def test_the_page_holds_at_every_width_and_its_code_is_copied(sqlite_house, open_page):  # noqa: F811 — the fixture.
    origins = ["https://www.uni.test", "http://127.0.0.1:3000", "http://localhost:3000"]
    answer = {"form": "json", "field": HOSTILE[0] * 2, "beside": {"x": "W" * 200}, "methods": ["GET", "POST"]}
    filled = presets.fill(presets.find_preset("zendesk-sso"), {"subdomain": "a" * 63})
    fields = {name: value for name, value in filled.items() if name not in ("path", "template", "name")}
    make_person(sqlite_house, "ada", is_admin=True)
    asset_id = make_asset(
        sqlite_house, "z/" + "long-segment-" * 19 + "end", filled["template"],
        **{**fields, "name": "W" * 200, "origins": origins, "answer": answer, "params": [{"name": "room"}]},
    )  # fmt: skip
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    sign_in(page, "ada")

    page.goto(f"/admin/assets/{asset_id}/delivery")
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    see_that_it_holds(page)
    page.get_by_role("button", name="Copy the configuration of Caddy", exact=True).click()

    assert page.evaluate("navigator.clipboard.readText()").strip() == (DOCS / "Caddyfile").read_text().strip()
