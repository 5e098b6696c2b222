"""Who may enter what: every address of the URL map, every method, as everybody (ASVS 8.2.1, 8.3.1, CWE-862).

Nothing is listed by hand but the cast: whatever page is added is walked, and a page under `/admin` that
somebody but an administrator may enter stands in EDITORS_TOO or fails here.
"""

import re
import shutil
import uuid

import pytest

from mintmark.models import Asset, db, writing
from mintmark.web.rights import EDITORS_TOO
from tests.conftest import SEALING_KEY, House
from tests.making import make_asset, make_attribute, make_group, make_issuer, make_key, make_person, make_provider

UNKNOWN = [
    *(room + rest for room in ("/admin", "/account") for rest in ("/", "/x", "/x/y", "/assets/x/y/z", "/sessions/x")),
    "/admin/people/", "/admin/assets/x/nothing", "/admin/assets/new/", "/admin/log/1/2", "/account/preview", "/account/password/",
    "/admin/keys/", "/admin/keys/x/nothing", "/admin/keys/new/", "/admin/keys/x/public.pem/",
    "/admin/issuers/", "/admin/issuers/x/nothing", "/admin/issuers/new/", "/admin/issuers/why/", "/admin/issuers/x",
]  # fmt: skip


class Walk:
    """A house with a cast and one of everything that an address may name."""

    def __init__(self, house):
        self.house = house
        group_id = make_group(house, "desk")
        make_group(house, "chat")
        make_attribute(house, "city", changed_by="person")
        make_person(house, "ada", is_admin=True)
        make_person(house, "erin", groups=["desk"])
        make_person(house, "otto", groups=["chat"])
        self.there = {
            "asset_id": make_asset(house, "integrations/desk", editors=["desk"]),
            "person_id": make_person(house, "ben"),
            "group_id": group_id,
            "signing_key_id": make_key(house, number=0),
            "provider_id": make_provider(house),
            "issuer_id": make_issuer(house, secret="a-secret-of-the-portal-and-of-nobody-else"),
            "name": "city",
            "path": "integrations/desk",
            "slug": "zendesk-sso",
            "number": 1,
            "row_id": 1,
            "rest": "nothing",
        }
        make_asset(house, "integrations/chat", editors=["chat"])
        self.absent = {
            **{name: str(uuid.uuid4()) for name in self.there if name.endswith("_id") and name != "row_id"},
            **{"name": "nothing", "path": "nothing", "slug": "nothing", "number": 99, "row_id": 99_999, "rest": "x"},
        }

    def rules(self, room):
        """Return endpoint, method and address of every rule of a room, of what is there and of what is not."""
        found = set()
        adapter = self.house.app.url_map.bind("localhost")
        for rule in self.house.app.url_map.iter_rules():
            if not re.match(rf"/{room}(/|$)", rule.rule):
                continue
            unknown = set(rule.arguments) - self.there.keys()
            assert not unknown, f"{rule.rule}: say in this test what {unknown} may be"
            for method in (rule.methods or set()) & {"GET", "POST"}:
                there, absent = (rule.build(values, append_unknown=False)[1] for values in (self.there, self.absent))
                found.add((adapter.match(there, method=method)[0], method, there, absent))
        assert len(found) > 5
        return sorted(found)

    def open(self, client, method, address):
        """Return an answer that was read to its end, as a server does."""
        return client.open(address, method=method, buffered=True)


@pytest.fixture(scope="module")
def walk(tmp_path_factory, empty_sqlite):
    """One house for all walks: they change nothing."""
    instance = tmp_path_factory.mktemp("rights")
    instance.chmod(0o700)
    shutil.copy(empty_sqlite, instance / "mintmark.sqlite")
    house = House({"INSTANCE": str(instance), "SEALING_KEY": SEALING_KEY, "SQLITE_SYNCHRONOUS": "normal"})
    yield Walk(house)
    house.close()


def shown(answer):
    """Return a page without what is different each time: the number of the request."""
    return re.sub(r"<code>[0-9a-f]{16}</code>", "", answer.text)


def test_a_stranger_is_sent_to_sign_in_and_nothing_else(walk):
    client = walk.house.client()
    rules = [rule for room in ("admin", "account") for rule in walk.rules(room)]

    for address in sorted({address for rule in rules for address in rule[2:]} | set(UNKNOWN)):
        answer = client.get(address)
        assert answer.status_code == 303, address
        assert re.match(r"/login\?next=/a(dmin|ccount)", answer.headers["Location"].replace("%2F", "/")), address
    for address in sorted({there for _, _, there, _ in rules}):
        for method in ("HEAD", "POST", "DELETE", "OPTIONS"):
            assert client.open(address, method=method).status_code == 403, (method, address)


def test_a_person_enters_no_page_of_the_administrators_and_learns_nothing_there(walk):
    client = walk.house.signed_in("ben")
    asked = {(method, address) for _, method, *addresses in walk.rules("admin") for address in addresses}
    asked |= {("GET", path) for path in UNKNOWN if path.startswith("/admin")}
    pages = set()

    for method, address in sorted(asked):
        answer = walk.open(client, method, address)
        assert answer.status_code == 403, (method, address)
        pages.add(shown(answer))

    assert len(pages) == 1 and "for administrators" in pages.pop()


def test_an_editor_of_something_else_enters_no_page_of_this_asset_and_learns_nothing_there(walk):
    client = walk.house.signed_in("otto")

    for endpoint, method, there, absent in walk.rules("admin"):
        answer = walk.open(client, method, there)
        is_theirs = endpoint in EDITORS_TOO and there == absent
        assert (answer.status_code == 403) is not is_theirs, (method, there)
        if there != absent:
            assert shown(walk.open(client, method, absent)) == shown(answer), (method, absent)


def test_an_editor_enters_the_pages_of_their_assets_that_are_for_editors_and_no_others(walk):
    client = walk.house.signed_in("erin")

    for endpoint, method, there, absent in walk.rules("admin"):
        answer = walk.open(client, method, there)
        assert (answer.status_code == 403) is (endpoint not in EDITORS_TOO), (method, there)
        assert answer.status_code < 500, (method, there)
        if there != absent:
            assert walk.open(client, method, absent).status_code == 403, (method, absent)


def test_an_editor_enters_nothing_of_an_asset_in_the_trash(walk):
    client = walk.house.signed_in("erin")

    def put(trashed_at):
        with walk.house.app.app_context(), writing():
            db.session.get_one(Asset, walk.there["asset_id"]).trashed_at = trashed_at

    put(1)
    statuses = {walk.open(client, method, there).status_code for _, method, there, _ in walk.rules("admin")}
    put(None)

    assert statuses == {403}


def test_an_administrator_enters_every_page_and_no_form_without_its_token_does_anything(walk):
    client = walk.house.signed_in("ada")
    before = walk.house.log()

    for endpoint, method, there, absent in [*walk.rules("admin"), *walk.rules("account")]:
        answer = walk.open(client, method, there)
        if endpoint == "nothing.nothing":
            assert answer.status_code == 404, (method, there)
        else:
            assert answer.status_code == (200 if method == "GET" else 400), (method, there, answer.text)
        if there != absent:
            assert walk.open(client, method, absent).status_code in ({404} if method == "GET" else {400, 404}), (
                method,
                absent,
            )
    for address in UNKNOWN:
        assert client.get(address).status_code == 404, address

    assert [row["event"] for row in walk.house.log()[len(before) :]] in ([], ["log.exported"] * 2)


def test_a_person_enters_their_own_pages(walk):
    client = walk.house.signed_in("ben")

    for endpoint, method, there, _ in walk.rules("account"):
        expected = 404 if endpoint == "nothing.nothing" else 200 if method == "GET" else 400
        assert walk.open(client, method, there).status_code == expected, (method, there)


def test_what_is_for_editors_is_there(walk):
    assert EDITORS_TOO <= {endpoint for endpoint, *_ in walk.rules("admin")}
