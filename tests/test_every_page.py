"""Every page and every form of the house: hostile texts stay texts, nothing breaks, no secret shows.

The pages are those of the URL map, so that a new one is looked at without being named here.
"""

import base64
import itertools
import re
import shutil
from html.parser import HTMLParser

import pytest
from sqlalchemy import text as sql

from mintmark import keypairs
from mintmark.models import db
from tests import hostile
from tests.conftest import SECRET, House, csrf_of
from tests.full_house import NEXT_SECRET, FullHouse
from tests.test_pages import VOID, Page

VOID = VOID | {"rect", "line", "polyline", "col", "wbr", "use"}
# What may differ between two texts: a difference of lines, marks of an invalid field, a long text folded away.
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")
_FREE_TAGS = {
    "ins",
    "del",
    "bdi",
    "br",
    "wbr",
    "span",
    "li",
    "code",
    "a",
    "section",
    "button",
    "h2",
    "details",
    "summary",
}


def shape(page):
    """Return what no text may add to a page: tags that act, attributes, and where they lead."""
    tags = {(tag, tuple(sorted(found))) for tag, found, _ in page.tags if tag not in _FREE_TAGS}
    scripts = [found.get("src") for tag, found, _ in page.tags if tag == "script"]
    forms = [found.get("action") for tag, found, _ in page.tags if tag == "form"]
    return tags, scripts, [re.sub(_ID, "id", action or "") for action in forms]


def see_that_it_is_clean(page, name):
    for _, found, raw in page.tags:
        assert not [each for each in found if each.startswith("on") or each in ("style", "srcdoc", "srcset")], (
            name,
            raw,
        )
        if found.get("rel") == "noreferrer" and found.get("href", "").startswith("https://"):
            continue  # The documentation of a relying party: an address that stands in a preset.
        for each in ("href", "src", "action", "formaction", "data"):
            assert re.match(r"(/(?!/)|#|\?)", found.get(each) or "/"), (name, raw)
    assert "".join(page.texts.get("script", [])).strip() == "", name
    assert not page.all("style"), name


def look_at_all(full, username="ada", names=None):
    """Return name → page of every page that this person may see, or of some."""
    shown = {}
    for name, address in full.pages().items():
        if names is not None and name not in names:
            continue
        with full.clients[username].get(address) as answer:
            assert answer.status_code in ((200,) if username == "ada" else (200, 403, 303)), (
                name,
                address,
                answer.status,
            )
            if answer.status_code == 200 and answer.mimetype == "text/html":
                shown[name] = Page(answer.text)
    return shown


@pytest.fixture
def plain(make_plain_house):
    """What every page looks like where nobody typed anything odd."""
    return {name: shape(page) for name, page in look_at_all(FullHouse(make_plain_house())).items()}


@pytest.fixture
def make_plain_house(sqlite_house, tmp_path, empty_sqlite):
    made = []

    def make():
        folder = tmp_path / f"house{len(made)}"
        folder.mkdir(mode=0o700)
        shutil.copy(empty_sqlite, folder / "mintmark.sqlite")
        made.append(House({**sqlite_house.overrides, "INSTANCE": str(folder)}))
        return made[-1]

    yield make
    for house in made:
        house.close()


def see_hostile(full, plain, texts, *, is_each_list=True):
    """Look at each page that shows such texts; of the lists of one kind, one is looked at."""
    full.write("a-mark-to-be-found")
    names = {name for name, page in look_at_all(full).items() if "a-mark-to-be-found" in page.html}
    names = {name for name in names if is_each_list or not name.startswith("list ")}
    assert len(names) >= 15
    for text in texts:
        full.write(text)
        pages = look_at_all(full, names=names)
        for name, page in pages.items():
            see_that_it_is_clean(page, name)
            found = shape(page)
            added = found[0] - plain[name][0]
            assert not added, (name, text, added)
            assert found[1:] == plain[name][1:], (name, text)
        html = "".join(page.html for page in pages.values())
        if set(text) & set("<>\"'&"):
            assert f">{text}<" not in html and f'"{text}"' not in html
        seen = "".join(page.text + str(page.tags) for page in pages.values())
        assert _words(text) in _words(seen), text
    return len(names)


def _words(text):
    """Return a text as a reader would compare it: white space and what cannot be printed aside."""
    return re.sub(r"[\s\x00-\x1f\x7f-\x9f]+", "", text.replace("\\\\", "\\").replace("\\'", "'"))


def test_hostile_texts_stay_texts_on_every_page(make_plain_house, plain):
    see_hostile(FullHouse(make_plain_house()), plain, hostile.TOGETHER[:1])


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("part", range(4))
def test_350_hostile_texts_stay_texts_on_every_page(make_plain_house, plain, part, capsys):
    assert len(hostile.TEXTS) >= 350 and all(len(texts) >= 3 for texts in hostile.CLASSES.values())
    texts = hostile.TOGETHER[part::4]
    amount = see_hostile(FullHouse(make_plain_house()), plain, texts, is_each_list=part == 0)
    with capsys.disabled():
        print(
            f"\na quarter of {len(hostile.TEXTS)} hostile texts, {len(texts)} times some at once, on {amount} pages each"
        )


class Forms(HTMLParser):
    """The forms of a page with their fields and what stands in them."""

    def __init__(self, html):
        super().__init__()
        self.forms, self._area, self._select = [], None, None
        self.feed(html)

    def handle_starttag(self, tag, pairs):
        found = dict(pairs)
        if tag == "form":
            self.forms.append(
                {"action": found.get("action"), "method": found.get("method", "get"), "fields": [], "typed": []}
            )
        elif tag in ("input", "textarea", "select") and self.forms and found.get("name"):
            form, kind = self.forms[-1], found.get("type", "text") if tag == "input" else tag
            if kind in ("hidden", "submit"):
                form["fields"].append((found["name"], found.get("value", "")))
            elif kind in ("text", "textarea", "password", "search", "number", "email", "datetime-local", "date"):
                form["typed"].append(found["name"])
            elif kind in ("radio", "checkbox") and "checked" in found:
                form["fields"].append((found["name"], found.get("value", "on")))


def forms_of(full):
    """Return action → fields and names of typed ones, of every form of the house that takes text."""
    found = {}
    for address in full.pages().values():
        with full.clients["ada"].get(address) as answer:
            forms = Forms(answer.text if answer.mimetype == "text/html" else "").forms
        for form in forms:
            if form["method"] == "post" and form["typed"] and form["action"] != "/logout":
                found[form["action"] or address] = form["fields"], form["typed"]
    return found


def send_everywhere(full, forms, text):
    """Send the text in every field of every form at once, with what stands in the others."""
    client = full.clients["ada"]
    token = csrf_of(client.get("/help"))
    for action, (fields, typed) in forms.items():
        data = [(key, token if key == "csrf_token" else value) for key, value in fields]
        answer = client.post(action, data=_encoded(data + [(name, text) for name in typed]))
        assert answer.status_code in (200, 303, 404, 409, 422), (action, text, answer.status, answer.text[:300])
        if answer.status_code != 303 and answer.mimetype == "text/html":
            see_that_it_is_clean(Page(answer.text), (action, text))


def _encoded(fields):
    data = {}
    for name, value in fields:
        data.setdefault(name, []).append(value)
    return data


def test_hostile_texts_in_every_field_of_every_form_are_answered(sqlite_house):
    full = FullHouse(House({**sqlite_house.overrides, "LIMIT_SIGN_IN": "9999 per minute"}))
    forms = forms_of(full)
    assert len(forms) >= 18
    for text in hostile.TOGETHER[1:2]:
        send_everywhere(full, forms, text)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("part", range(4))
def test_350_hostile_texts_in_every_field_of_every_form_are_answered(sqlite_house, part, capsys):
    full = FullHouse(House({**sqlite_house.overrides, "LIMIT_SIGN_IN": "9999 per minute"}))
    texts, forms = hostile.TOGETHER[part::4], forms_of(full)
    for text in texts:
        send_everywhere(full, forms, text)
    with capsys.disabled():
        print(
            f"\na quarter of {len(hostile.TEXTS)} hostile texts, {len(texts)} times some at once, into {len(forms)} forms"
        )


@pytest.mark.slow
def test_no_page_shows_a_secret_a_password_hash_or_a_token(sqlite_house):
    # Given a house in which tokens were fetched,
    full = FullHouse(sqlite_house)
    tokens = [full.clients[name].get("/integrations/helpdesk").text for name in ("ada", "ben", "eve")]
    hashes = [
        row["password_hash"]
        for row in sqlite_house.rows("SELECT password_hash FROM person WHERE password_hash IS NOT NULL")
    ]
    ids = [row["id"] for row in sqlite_house.rows("SELECT id FROM session")]
    sealed = [bytes(row["sealed"]) for row in sqlite_house.rows("SELECT sealed FROM secret")]
    keys = sqlite_house.rows("SELECT id, sealed FROM signing_key WHERE sealed IS NOT NULL")
    private = [private_words(sqlite_house, key) for key in keys]
    assert hashes and ids and sealed and len(private) == 4

    # when everybody looks at everything,
    seen = {(name, who): page.html for who in full.clients for name, page in look_at_all(full, who).items()}
    assert len(seen) > 60

    # then nothing of it shows.
    for where, html in seen.items():
        for canary in (
            SECRET,
            SECRET.encode().hex(),
            NEXT_SECRET,
            *itertools.chain.from_iterable(private),
            *tokens,
            *hashes,
            *ids,
            *(each.hex() for each in sealed),
            "$argon2",
        ):
            assert canary not in html, where


def private_words(house, key):
    """Return the private half of a key in the spellings in which it might show."""
    sealed = bytes(key["sealed"])
    pkcs8 = house.mint.settings.sealer.open(sealed, table="signing_key", row=key["id"], column="sealed")
    number = keypairs.from_bytes(pkcs8).private_numbers().private_value
    raw = number.to_bytes(32, "big")
    texts = [base64.b64encode(pkcs8).decode(), base64.urlsafe_b64encode(raw).decode().rstrip("=")]
    return [*texts, base64.b64encode(raw).decode().rstrip("="), raw.hex(), str(number), sealed.hex()]


@pytest.mark.slow
def test_every_page_can_be_read_where_the_database_cannot_be_written(sqlite_house):
    full = FullHouse(sqlite_house)
    with sqlite_house.app.app_context(), db.engine.connect().execution_options(mintmark_immediate=True) as connection:
        connection.execute(sql("UPDATE site SET set_up_at = set_up_at"))
        for name, address in full.pages().items():
            if not address.endswith((".csv", ".jsonl")):  # An export is recorded first.
                with full.clients["ada"].get(address) as answer:
                    assert answer.status_code == 200, (name, answer.status)
        connection.rollback()
