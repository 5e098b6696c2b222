"""Pages: what each holds, that hostile texts stay texts, and that the sheet's colours can be read."""

import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from flask import flash, render_template

from mintmark import site
from tests.conftest import SEALING_KEY, House
from tests.making import make_asset, make_group, make_person

STATIC = Path(__file__).parents[1] / "static"
SHEETS = sorted(path.name for path in STATIC.glob("*.css"))
VOID = frozenset("meta link input img br hr path circle".split())
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</title></main></html>",
    "{{ 7 * 7 }}{% raw %}${1+1}",
    "javascript:alert(1)",
    "<!-- --><![CDATA[ ]]>&lt;b&gt;&amp;",
    "שלום \u05d0\u05d1 مرحبا 💥",
    'O\'Brien "Q" <x>',
    "W" * 255,
]


class Page(HTMLParser):
    """A page taken apart; fails where the tags do not nest."""

    def __init__(self, html):
        super().__init__()
        self.html, self.tags, self.text, self._open, self.texts = html, [], "", [], {}
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, name, attributes):
        self.tags.append((name, dict(attributes), self.get_starttag_text()))
        assert len(dict(attributes)) == len(attributes), self.get_starttag_text()
        if name not in VOID:
            self._open.append(name)

    def handle_endtag(self, name):
        if name not in VOID:
            assert self._open.pop() == name, name

    def handle_data(self, data):
        self.text += data
        if self._open:
            self.texts.setdefault(self._open[-1], []).append(data)

    def all(self, tag, /, **wanted):
        return [found for each, found, _ in self.tags if each == tag and wanted.items() <= found.items()]

    def one(self, tag, /, **wanted):
        found = self.all(tag, **wanted)
        assert len(found) == 1, (tag, wanted, found)
        return found[0]

    def skeleton(self):
        """Return what no text may change: the tags, their attributes' names, and those that act."""
        acts = ("href", "src", "action", "method", "type", "name", "role", "class", "id")
        return [(tag, sorted(found), [found.get(name) for name in acts]) for tag, found, _ in self.tags]


def setup_code(house):
    with house.app.app_context():
        return site.setup_code(sealer=house.mint.settings.sealer)


def rendered(house, template, **variables):
    with house.app.test_request_context():
        return Page(render_template(template, **variables))


@pytest.fixture(scope="module")
def pages(tmp_path_factory, empty_sqlite):
    """Every page in every state that it has, fetched once: name → (html, whether somebody is signed in)."""
    instance = tmp_path_factory.mktemp("pages")
    shutil.copy(empty_sqlite, instance / "mintmark.sqlite")
    house = House({"INSTANCE": str(instance), "SEALING_KEY": SEALING_KEY, "SQLITE_SYNCHRONOUS": "normal"})
    yield every_page(house)
    house.close()


def every_page(house):
    stranger = house.client()
    code = setup_code(house)
    setup = f"/setup?code={code}"
    shown = {
        "sign-in": stranger.get("/login?next=/x"),
        "setup": stranger.get(setup),
        "setup refused": house.post_form(stranger, "/setup", page=setup, username=" ", password="1", code=code),
        "no setup": stranger.get("/setup?code=wrong"),
    }
    make_person(house, "ada", is_admin=True)
    make_person(house, "ben", first_name="Ben", last_name="Okri")
    shown["sign-in refused"] = house.post_form(stranger, "/login", username="ada", password="wrong")
    shown["form refused"] = stranger.post("/login", data={"username": "ada"})
    ada, ben = house.signed_in("ada"), house.signed_in("ben")
    signed_in = {
        "first steps": ada.get("/"),
        "nothing yet": ben.get("/"),
        "after the last": ben.get("/?after=z"),
        "help": ben.get("/help"),
    }
    make_asset(house, "integrations/helpdesk", name="Help desk")
    signed_in["one asset"] = ben.get("/")
    make_asset(house, "chat", name="Chat", lifetime=None)
    make_asset(house, "editor", name="Editor", lifetime=5400, params=[{"name": "room"}, {"name": "nonce"}])
    signed_in["assets"] = ben.get("/")
    signed_in["form refused, signed in"] = ben.post("/logout")
    statuses = {name: answer.status_code for name, answer in (shown | signed_in).items()}
    assert {name: status for name, status in statuses.items() if status != 200} == {
        "setup refused": 422,
        "no setup": 404,
        "sign-in refused": 422,
        "form refused": 400,
        "form refused, signed in": 400,
    }
    return {name: (Page(answer.text), name in signed_in) for name, answer in (shown | signed_in).items()}


def test_every_page_has_a_heading_a_title_and_landmarks(pages):
    titles = {}
    for name, (page, _) in pages.items():
        assert len(page.all("h1")) == 1, name
        titles[name] = page.texts["title"][0]
        assert re.fullmatch(r"\S.* · Mintmark", titles[name]), name
        assert page.one("html")["lang"] == "en"
        assert page.one("meta", name="color-scheme")["content"] == "light dark"
        assert page.one("main")["id"] == page.one("a", **{"class": "skip"})["href"][1:]
        page.one("header")
        page.one("link", rel="icon")
    assert titles["sign-in"] == "Sign in · Mintmark"


def test_every_field_has_a_label_and_every_reference_its_place(pages):
    for name, (page, _) in pages.items():
        ids = [found["id"] for _, found, _ in page.tags if "id" in found]
        assert len(set(ids)) == len(ids), name
        for field in page.all("input"):
            if field["type"] != "hidden":
                page.one("label", **{"for": field["id"]})
            assert set(field.get("aria-describedby", "").split()) <= set(ids), name


def test_no_page_has_inline_styles_scripts_or_handlers(pages):
    for name, (page, _) in pages.items():
        assert not page.all("style"), name
        assert all(found["src"].startswith("/static/") for found in page.all("script")), name
        assert "".join(page.texts.get("script", [])).strip() == "", name
        for _, found, tag in page.tags:
            assert not [each for each in found if each.startswith("on") or each in ("style", "srcdoc")], tag


def test_every_attribute_is_quoted(pages):
    for page, _ in pages.values():
        for _, _, tag in page.tags:
            assert "=" not in re.sub(r'="[^"]*"', "", tag), tag


def test_no_page_names_another_site(pages):
    for page, _ in pages.values():
        for _, found, tag in page.tags:
            for each in ("href", "src", "action", "formaction", "data", "poster"):
                assert re.match(r"(/(?!/)|#)", found.get(each, "/")), tag


def test_passwords_and_names_can_be_filled_in_by_a_password_manager(pages):
    for name, kind in (("sign-in", "current-password"), ("setup", "new-password")):
        page = pages[name][0]
        assert page.one("input", name="username")["autocomplete"] == "username"
        assert page.one("input", name="password")["autocomplete"] == kind
        assert page.one("input", name="password")["type"] == "password"
        assert "value" not in page.one("input", name="password")


def test_every_page_of_somebody_signed_in_can_sign_them_out(pages):
    for name, (page, is_signed_in) in pages.items():
        forms = page.all("form", action="/logout", method="post")
        assert len(forms) == is_signed_in, name
        assert len(page.all("input", name="csrf_token")) == len(page.all("form")), name


def test_the_rooms_are_there_for_whoever_may_enter_them(pages):
    rooms = {name: page.all("nav", **{"aria-label": "Rooms"}) for name, (page, _) in pages.items()}
    assert {name for name, found in rooms.items() if found} == {
        name for name, (_, is_signed_in) in pages.items() if is_signed_in
    }
    for name, address in (("help", "/help"), ("first steps", "/"), ("assets", "/")):
        assert [found["href"] for found in pages[name][0].all("a", **{"aria-current": "page"})] == [address]
    assert pages["first steps"][0].all("a", href="/admin") and not pages["help"][0].all("a", href="/admin")


@pytest.mark.parametrize("text", HOSTILE)
def test_what_was_done_is_said_once_at_the_top_of_the_page(sqlite_house, text):
    def shown(text):
        with sqlite_house.app.test_request_context():
            flash(text)
            return Page(render_template("error.html", status=404, title="T", words="w"))

    page = shown(text)
    said = page.one("p", role="status")
    assert said["class"] == "flash"
    assert text in page.text and page.html.index('class="flash"') < page.html.index("<h1>")
    assert page.skeleton() == shown("plain").skeleton()


def test_the_form_on_home_signs_out(sqlite_house):
    make_person(sqlite_house, "ben")
    ben = sqlite_house.signed_in("ben")
    assert sqlite_house.post_form(ben, "/logout", page="/").status_code == 303
    assert ben.get("/").location == "/login"


@pytest.mark.parametrize(
    "names, shown",
    [
        ({"display_name": "Ben O.", "first_name": "Ben"}, "Ben O."),
        ({"first_name": "Ben", "last_name": "Okri"}, "Ben Okri"),
        ({"last_name": "Okri"}, "Okri"),
        ({}, "ben"),
    ],
)
def test_the_letterhead_names_the_person(sqlite_house, names, shown):
    make_person(sqlite_house, "ben", **names)
    assert Page(sqlite_house.signed_in("ben").get("/").text).texts["bdi"] == [shown]


def test_a_refused_sign_in_keeps_the_name_and_says_why(pages):
    page = pages["sign-in refused"][0]
    assert page.one("input", name="username")["value"] == "ada"
    assert "do not belong together" in page.text
    assert page.one("p", role="alert")["id"] == page.one("input", name="password")["aria-describedby"]


def test_the_next_page_survives_a_refused_sign_in(sqlite_house):
    client = sqlite_house.client()
    answer = sqlite_house.post_form(client, "/login", username="x", password="x", next="/?after=a&b=\"'<")
    assert Page(answer.text).one("input", name="next")["value"] == "/?after=a&b=\"'<"


def test_a_refused_setup_marks_each_field_and_says_what_is_wrong(pages):
    page = pages["setup refused"][0]
    for name in ("username", "password"):
        field = page.one("input", name=name)
        assert field["aria-invalid"] == "true"
        assert f"{name}-problem" in field["aria-describedby"]
    assert "Password has fewer than 12 characters." in page.text
    assert "12 characters or more" in pages["setup"][0].text


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_are_shown_as_text(sqlite_house, text):
    make_person(sqlite_house, "plain", display_name="plain")
    make_person(sqlite_house, "ben", display_name=text)
    make_asset(sqlite_house, "one", name="plain")
    plain = Page(sqlite_house.signed_in("plain").get("/").text)
    make_asset(sqlite_house, "two", name=text)
    ben = Page(sqlite_house.signed_in("ben").get("/").text)
    assert ben.texts["bdi"] == [text, "plain", text]
    assert ben.all("div", **{"class": "example"})[1]["data-copy"] == f"the example of {text}"
    assert [tag for tag, *_ in ben.skeleton() if tag in ("script", "img", "form")] == [
        tag for tag, *_ in plain.skeleton() if tag in ("script", "img", "form")
    ]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_stranger_sends_comes_back_as_text(sqlite_house, text):
    client = sqlite_house.client()
    plain = Page(sqlite_house.post_form(client, "/login", username="plain", password="x", next="plain").text)
    page = Page(sqlite_house.post_form(client, "/login", username=text, password=text, next=text).text)
    assert page.one("input", name="username")["value"] == text[:150]
    assert page.one("input", name="next")["value"] == text
    assert page.skeleton() == plain.skeleton()
    assert Page(client.get("/setup", query_string={"code": text}).text).all("form") == []


@pytest.mark.parametrize("text", HOSTILE)
def test_a_path_that_no_asset_can_have_would_break_nothing(sqlite_house, text):
    def shown(text):
        asset = {"path": text, "name": text, "url": f"/{text}", "lifetime": 60, "params": [], "example": text}
        other = {**asset, "params": [text]}
        more = f"/?after={text}"
        return rendered(sqlite_house, "home.html", assets=[asset, other], next_url=more, is_first_page=True)

    page = shown(text)
    assert page.texts["code"] == [text, text, text, text, text]
    assert page.all("a", download=None)[0]["href"] == f"/{text}"
    assert [tag for tag, *_ in page.skeleton()] == [tag for tag, *_ in shown("plain").skeleton()]


@pytest.mark.parametrize("text", HOSTILE)
def test_words_of_an_error_are_text(sqlite_house, text):
    page, plain = (rendered(sqlite_house, "error.html", status=500, title=it, words=it) for it in (text, "plain"))
    assert page.texts["h1"] == [text]
    assert page.skeleton() == plain.skeleton()


@pytest.mark.parametrize(
    "seconds, words",
    [
        (10, "10 seconds"),
        (60, "1 minute"),
        (90, "1 minute 30 seconds"),
        (600, "10 minutes"),
        (3600, "1 hour"),
        (90061, "1 day 1 hour 1 minute 1 second"),
        (31_536_000, "365 days"),
    ],
)
def test_a_lifetime_in_words(sqlite_house, seconds, words):
    template = sqlite_house.app.jinja_env.get_template("_words.html")
    assert str(template.module.duration(seconds)) == words


def test_an_asset_without_lifetime_is_warned_about_in_word_and_shape(pages):
    html = pages["assets"][0].html
    assert re.search(r'<p class="state state-warning"><svg [^>]*><path [^>]*/></svg> Never expires</p>', html)
    assert html.count("state-warning") == 1
    assert "Valid for 10 minutes" in html and "Valid for 1 hour 30 minutes" in html


def test_each_asset_is_shown_with_path_example_and_link(pages):
    page = pages["assets"][0]
    assert page.texts["bdi"][1:] == ["Chat", "Editor", "Help desk"]
    assert "integrations/helpdesk" in page.texts["code"]
    assert any('fetch("/integrations/helpdesk"' in code for code in page.texts["code"])
    assert [found["href"] for found in page.all("a", download=None)] == ["/chat", "/integrations/helpdesk"]
    assert "the answer is a token, not a page" in page.text


def test_an_asset_with_parameters_has_no_link_that_cannot_give_them(pages):
    page = pages["assets"][0]
    assert "Parameters: room, nonce" in page.text
    assert "/editor" not in [found.get("href") for found in page.all("a")]


def test_an_asset_that_takes_only_post_has_no_link(sqlite_house):
    asset = {"path": "a", "name": "A", "url": "/a", "lifetime": 60, "params": [], "example": ""}
    for methods, links in ((["GET", "POST"], 1), (["POST"], 0)):
        assets = [{**asset, "methods": methods}]
        page = rendered(sqlite_house, "home.html", assets=assets, next_url=None, is_first_page=True)
        assert len(page.all("a", download=None)) == links


def test_more_assets_than_a_page_holds_are_reached_by_links(sqlite_house):
    make_person(sqlite_house, "ben")
    for number in range(51):
        make_asset(sqlite_house, f"a{number:02}")
    ben = sqlite_house.signed_in("ben")
    first = Page(ben.get("/").text)
    second = Page(ben.get(first.one("a", rel="next")["href"]).text)
    assert [page.texts["code"][0] for page in (first, second)] == ["a00", "a50"]
    assert not second.all("a", rel="next")
    assert "First assets" in second.text and "First assets" not in first.text


def test_an_empty_home_says_how_to_begin(pages):
    assert "flask --app app site import" in pages["first steps"][0].text
    assert pages["first steps"][0].all("a", **{"class": "act"})
    assert not pages["nothing yet"][0].all("a", **{"class": "act"})
    assert "Nothing is set up for you yet. Ask" in pages["nothing yet"][0].text
    assert "site import" not in pages["nothing yet"][0].text
    assert "First assets" in pages["after the last"][0].text


@pytest.mark.parametrize("base_url, is_told", [("http://www.uni.test", True), ("https://www.uni.test", False)])
def test_a_site_without_https_says_so_on_every_page(sqlite_house, base_url, is_told):
    house = House({**sqlite_house.overrides, "BASE_URL": base_url})
    for path in ("/login", "/setup?code=x"):
        assert ("not on https" in house.client().get(path, base_url=base_url).text) == is_told
        assert "not on https" not in sqlite_house.client().get(path).text
    house.close()


def test_pages_under_a_base_path_stay_under_it(sqlite_house):
    page = Page(sqlite_house.client().get("/login", environ_overrides={"SCRIPT_NAME": "/tokens"}).text)
    addresses = [found.get("href") or found.get("src") or found.get("action") for _, found, _ in page.tags]
    assert all(each.startswith(("/tokens/", "#")) for each in addresses if each)


# The sheet ---------------------------------------------------------------------------------

# Every text colour on every ground that it stands on (WCAG 2.2, 1.4.3), and lines that tell
# where something is (1.4.11). A colour that is used and not named here fails.
GROUNDS = ("paper", "tint", "field", "verdigris-tint", "brass-tint", "oxblood-tint")
TEXTS = {
    "ink": GROUNDS,
    "ink-quiet": GROUNDS,
    "verdigris": GROUNDS,
    "verdigris-deep": ("paper",),
    "on-verdigris": ("verdigris", "verdigris-deep"),
    "brass": GROUNDS,
    "oxblood": GROUNDS,
}
LINES = {
    "edge": ("paper", "field"),
    "ink-quiet": ("paper",),
    "verdigris": GROUNDS,
    "oxblood": GROUNDS,
    "brass": GROUNDS,
}
DECORATION = {"line"}


@pytest.fixture(scope="module")
def sheet():
    parts = (STATIC / name for name in SHEETS)
    return re.sub(r"/\*.*?\*/", "", "".join(part.read_text("utf-8") for part in parts), flags=re.DOTALL)


def colours(sheet):
    """Return the colours of each scheme."""
    blocks = re.findall(r":root \{(.*?)\}", sheet, re.DOTALL)
    light, dark = (dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block)) for block in blocks if "#" in block)
    assert light.keys() == dark.keys()
    return {"light": light, "dark": dark}


def luminance(colour):
    """Return the relative luminance (WCAG 2.2, Definitions)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_the_contrast_is_computed_as_wcag_says():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read_and_every_line_be_seen(sheet, scheme):
    found = colours(sheet)[scheme]
    for pairs, least in ((TEXTS, 4.5), (LINES, 3.0)):
        for colour, grounds in pairs.items():
            for ground in grounds:
                assert contrast(found[colour], found[ground]) >= least, (scheme, colour, ground)


def test_every_colour_in_use_is_held_to_its_contrast(sheet):
    texts = set(re.findall(r"(?<![-a-z])color: var\(--([a-z-]+)\)", sheet))
    grounds = set(re.findall(r"background(?:-color)?: var\(--([a-z-]+)\)", sheet))
    lines = set(re.findall(r"(?:border|outline|fill|stroke)(?!-radius)[a-z-]*: [^;]*var\(--([a-z-]+)\)", sheet))
    lines -= DECORATION
    assert texts == set(TEXTS)
    assert grounds <= {ground for on in TEXTS.values() for ground in on}
    assert lines - {"verdigris-deep"} == set(LINES)
    assert set(colours(sheet)["light"]) == texts | grounds | lines | DECORATION


def test_colours_stand_in_one_part_of_the_sheet(sheet):
    rules = re.sub(r":root \{.*?\}", "", sheet, flags=re.DOTALL)
    assert not re.search(r"#[0-9a-f]{3,8}\b|rgb|hsl|oklch", rules)


def test_the_sheet_uses_what_it_defines_and_fetches_nothing(sheet):
    defined, used = set(re.findall(r"(--[a-z0-9-]+):", sheet)), set(re.findall(r"var\((--[a-z0-9-]+)", sheet))
    assert used == defined
    assert not re.search(r"url\(|@import|@font-face|shadow|!important", sheet)


def test_every_class_in_use_is_in_the_sheet(pages, sheet):
    found = [found.get("class", "") for page, _ in pages.values() for _, found, _ in page.tags]
    classes = set(" ".join(found).split())
    assert classes - set(re.findall(r"\.([a-z-]+)", sheet)) <= {"wide"}


@pytest.mark.parametrize(
    "name, kind",
    [
        ("mintmark.css", "text/css"),
        ("things.css", "text/css"),
        ("mark.svg", "image/svg+xml"),
        ("copy.js", "text/javascript"),
    ],
)
def test_static_files_are_served_with_their_types(sqlite_house, name, kind):
    with sqlite_house.client().get(f"/static/{name}") as answer:
        assert (answer.status_code, answer.mimetype) == (200, kind)


def test_the_mark_is_a_picture_and_nothing_more():
    mark = (STATIC / "mark.svg").read_text("utf-8")
    assert not re.search(r"<script|<style|style=|href|\son[a-z]+=", mark)
    assert re.findall(r"https?://[^\"]+", mark) == ["http://www.w3.org/2000/svg"]


def test_only_static_files_that_are_there_may_be_kept_by_a_cache(sqlite_house):
    make_person(sqlite_house, "ben")
    client = sqlite_house.signed_in("ben")
    client.get("/")

    with client.get("/static/mintmark.css") as answer:
        assert answer.headers["Cache-Control"] == "public, max-age=3600"
    for path in ("/static/nothing.css", "/static/", "/static/../app.py", "/", "/login", "/nothing"):
        answer = client.get(path)
        assert answer.headers["Cache-Control"] == "no-store", path
        assert answer.headers["Vary"] == "Cookie, Authorization, Origin", path
    missing = client.get("/static/nothing.css")
    assert (missing.status_code, missing.data) == (404, b"") and "Set-Cookie" not in missing.headers


@pytest.mark.parametrize(("settings", "is_said"), [({}, False), ({"BIND": "10.1.2.3:8000"}, True), ({"BASE_URL": "http://www.uni.test"}, True),
                                                   ({"BASE_URL": "https://www.uni.test"}, False), ({"BASE_URL": "http://localhost:9"}, False)])  # fmt: skip
def test_it_is_said_loudly_where_others_can_read_passwords(make_house, settings, is_said):
    house = make_house(**settings)
    host = settings.get("BASE_URL", "http://" + settings.get("BIND", "localhost"))

    assert ("not on https" in house.client().get("/login", base_url=host).text) == is_said


def test_each_person_finds_on_home_what_they_may_fetch_and_nothing_else(house):
    for group in ("red", "blue"):
        make_group(house, group)
    people = {
        "ada": {"is_admin": True},
        "ruth": {"groups": ["red"]},
        "bob": {"groups": ["blue"]},
        "both": {"groups": ["red", "blue"]},
        "none": {},
    }
    for username, fields in people.items():
        make_person(house, username, **fields)
    assets = {"all": {}, "nobody": {"readers": []}, "red": {"readers": ["red"]}, "edit": {"readers": [], "editors": ["blue"]},
              "off": {"live": False}, "mixed": {"readers": ["red"], "editors": ["blue"]}}  # fmt: skip
    for path, fields in assets.items():
        make_asset(house, path, **fields)

    for username in people:
        client = house.signed_in(username)
        page = client.get("/").text
        for path in assets:
            is_listed = f"fetch(&#34;/{path}&#34;" in page
            assert is_listed == (client.get("/" + path).status_code == 200), (username, path)
