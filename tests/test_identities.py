"""Identities: (issuer, subject), linked by the person who is signed in or by an administrator, and in no other way (OWASP ASVS 6.8.1)."""

import itertools
import threading
from random import Random

import jwt
import pytest

from mintmark import identities, people
from mintmark.errors import FieldError
from mintmark.models import Identity, Person, TrustedIssuer, db, writing
from mintmark.people import find_person
from tests.conftest import PASSWORD, SECRET, csrf_of
from tests.making import make_identity, make_issuer, make_person, make_provider
from tests.test_openid import make_campus  # noqa: F401 — the fixture.
from tests.test_pages import HOSTILE, Page

ISSUER = "https://portal.test"
PAGE = "/account/identities"
NAVIGATION = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
numbers = itertools.count()


@pytest.fixture
def made(house):
    """A house with an issuer that people go to, `ben`, `cleo`, and `nora` who has no password."""
    make_person(house, "ada", is_admin=True)
    for name in ("ben", "cleo"):
        make_person(house, name)
    make_person(house, "nora", password=None)
    house.issuer = make_issuer(house, ISSUER, start_url="https://portal.test/sso", tenant="Main portal")
    return house


def token_for(house, sub, **claims):
    """Return a token of the portal for a subject, good for five minutes and once."""
    now = int(house.clock())
    payload = {"iss": ISSUER, "aud": "mintmark", "sub": sub, "iat": now, "exp": now + 300, "jti": f"t{next(numbers)}"}
    return jwt.encode(payload | claims, SECRET, "HS256")


def begin(house, client, source="issuer:portal", **fields):
    return house.post_form(client, PAGE + "/link", page=PAGE, source=source, **fields)


def arrive(house, client, sub, **claims):
    """Come back from the portal with a token, as a browser does."""
    return client.get("/auth/jwt", query_string={"token": token_for(house, sub, **claims)}, headers=NAVIGATION)


def question(client):
    """Return the fields of the form that asks; none where nothing is asked."""
    page = Page(client.get(PAGE).text)
    return {
        field["name"]: field["value"] for field in page.all("input", type="hidden") if page.all("input", name="arrived")
    }


def confirm(client, fields, **more):
    return client.post(PAGE + "/confirm", data={**fields, **more})


def linked(house):
    """Return the username and subject of every identity."""
    rows = house.rows("SELECT username, subject FROM identity JOIN person ON person.id = person_id ORDER BY subject")
    return [(row["username"], row["subject"]) for row in rows]


def spent(house):
    return house.rows("SELECT count(*) AS n FROM spent_token")[0]["n"]


def test_who_is_signed_in_goes_to_the_issuer_comes_back_and_is_asked(made):
    client = made.signed_in("ben")

    went = begin(made, client)
    assert (went.status_code, "/auth/jwt/start/portal" in went.text) == (200, True)
    assert client.get("/auth/jwt/start/portal").headers["Location"].startswith("https://portal.test/sso")
    back = arrive(made, client, "b-17")
    assert (back.status_code, back.headers["Location"]) == (303, PAGE)
    shown = client.get(PAGE)

    assert linked(made) == [] and spent(made) == 0
    assert all(words in shown.text for words in ("Is this you?", "Main portal", ISSUER, "b-17", "ben"))
    answer = confirm(client, question(client))
    assert (answer.status_code, linked(made), spent(made)) == (303, [("ben", "b-17")], 1), answer.text
    [row] = made.log("identity.linked")
    ben = made.rows("SELECT id FROM person WHERE username = 'ben'")[0]["id"]
    assert (row["actor"], row["person"], row["issuer"], row["sub"]) == (ben, ben, ISSUER, "b-17")
    assert question(client) == {}
    stranger = made.client()
    signed_in = stranger.get("/auth/jwt", headers={"Authorization": "Bearer " + token_for(made, "b-17")})
    assert (signed_in.status_code, signed_in.json["user"]["username"]) == (200, "ben")


def test_what_comes_back_uncalled_links_nothing(made):
    client = made.signed_in("ben")

    assert arrive(made, client, "b-17").status_code != 303 or question(client) == {}
    assert linked(made) == []
    begin(made, client)
    made.clock.advance(601)
    arrive(made, client, "b-17")

    assert question(client) == {} and linked(made) == []


def test_an_answer_is_good_in_the_browser_that_was_asked_for_the_person_who_began_and_for_ten_minutes(made):
    client, other = made.signed_in("ben"), made.signed_in("ben")
    begin(made, client)
    arrive(made, client, "b-17")
    fields = question(client)
    stolen = {"arrived": fields["arrived"]}

    assert confirm(other, {**stolen, "csrf_token": csrf_of(other.get(PAGE))}).status_code == 422
    assert confirm(client, {**fields, "csrf_token": "another"}).status_code == 400
    for arrived in ("", "x", "AAAA", fields["arrived"][:-8] + "AAAAAAAA", "é"):
        assert confirm(client, {**fields, "arrived": arrived}).status_code == 422, arrived
    begin(made, client)
    arrive(made, client, "b-17")
    cleo = made.sign_in("cleo", client=client) if client.post("/logout", data=fields) else client
    assert confirm(cleo, {**stolen, "csrf_token": csrf_of(cleo.get(PAGE))}).status_code == 422

    late = made.signed_in("ben")
    begin(made, late)
    arrive(made, late, "b-17")
    fields = question(late)
    made.clock.advance(601)
    answer = confirm(late, fields)
    assert answer.status_code == 422 and "too long ago" in answer.text
    assert linked(made) == [] and spent(made) == 0


def test_the_page_is_answered_for_what_it_named_whatever_arrived_since(made):
    client = made.signed_in("ben")
    begin(made, client)
    arrive(made, client, "b-17")
    fields = question(client)
    arrive(made, client, "of-mallory")

    assert confirm(client, fields).status_code == 303
    assert linked(made) == [("ben", "b-17")]


def test_who_is_signed_out_meanwhile_is_told_and_signs_nobody_in(made):
    client = made.signed_in("ben")
    begin(made, client)
    made.run("tidy")
    with made.app.app_context(), writing() as session:
        session.execute(db.text("UPDATE session SET ended_at = 1"))

    answer = arrive(made, client, "b-17")

    assert answer.status_code == 403 and "not signed in any more" in answer.text
    assert linked(made) == [] and spent(made) == 0 and made.log("person.signed_in")[1:] == []


def test_what_is_somebodys_stays_theirs_and_nothing_is_spent(made):
    make_identity(made, made.issuer, "c-1", "cleo")
    make_identity(made, made.issuer, "b-1", "ben")
    client = made.signed_in("ben")

    begin(made, client)
    taken = arrive(made, client, "c-1")
    begin(made, client)
    own = arrive(made, client, "b-1")

    assert taken.status_code == 409 and "belongs to somebody else" in taken.text and "cleo" not in taken.text
    assert own.status_code == 303 and "linked to you already" in client.get(PAGE).text
    begin(made, client)
    arrive(made, client, "b-2")
    fields = question(client)
    make_identity(made, made.issuer, "b-2", "cleo")
    answer = confirm(client, fields)
    assert answer.status_code == 422 and "linked to somebody already" in answer.text
    assert linked(made) == [("ben", "b-1"), ("cleo", "b-2"), ("cleo", "c-1")] and spent(made) == 0


def test_a_token_links_once_and_one_that_was_used_links_nothing(made):
    client = made.signed_in("ben")
    begin(made, client)
    arrive(made, client, "b-17", jti="the-same")
    confirm(client, question(client))
    ben = find_id(made, "ben")
    with made.app.app_context(), writing():
        identities.forget_person(ben)

    begin(made, client)
    again = arrive(made, client, "b-17", jti="the-same")
    fields = question(client)
    answer = confirm(client, fields) if fields else again

    assert "already been used" in answer.text and linked(made) == [] and spent(made) == 1


def test_the_longest_subject_is_kept_in_a_cookie_that_browsers_keep(made):
    client, random = made.signed_in("ben"), Random(7)
    long = ["".join(chr(random.randrange(0x20000, 0x2A000)) for _ in range(255)) for _ in range(2)]
    begin(made, client)
    client.get("/auth/jwt/start/portal?next=/account/sessions", headers=NAVIGATION)

    answer = arrive(made, client, long[0], jti=long[1])

    assert len(answer.headers["Set-Cookie"]) < 4093  # RFC 6265 §6.1: what a browser keeps at least, attributes and all.
    assert confirm(client, question(client)).status_code == 303 and linked(made) == [("ben", long[0])]


def test_an_issuer_that_is_switched_off_meanwhile_links_nobody(made):
    client = made.signed_in("ben")
    begin(made, client)
    arrive(made, client, "b-17")
    fields = question(client)
    with made.app.app_context(), writing():
        db.session.get_one(TrustedIssuer, made.issuer).live = False

    answer = confirm(client, fields)

    assert answer.status_code == 422 and "any more" in answer.text
    assert linked(made) == [] and spent(made) == 0
    assert begin(made, client).status_code == 422 and "Link another" not in client.get(PAGE).text


def test_an_issuer_that_knows_people_by_another_claim_meanwhile_links_nobody(made):
    client = made.signed_in("ben")
    begin(made, client)
    arrive(made, client, "b-17")
    fields = question(client)
    with made.app.app_context(), writing():
        row = db.session.get_one(TrustedIssuer, made.issuer)
        row.definition = {**row.definition, "identity_claim": "employee"}

    answer = confirm(client, fields)

    assert answer.status_code == 422 and "any more" in answer.text
    assert linked(made) == [] and spent(made) == 0


def test_leaving_it_links_nothing(made):
    client = made.signed_in("ben")
    begin(made, client)
    arrive(made, client, "b-17")

    fields = question(client)
    assert confirm(client, fields, leave="on").status_code == 303
    assert question(client) == {} and linked(made) == []
    assert confirm(client, fields).status_code == 422 and linked(made) == []


def test_a_stale_sign_in_is_asked_for_the_password_at_each_step(made):
    client = made.signed_in("ben")
    made.clock.advance(16 * 60)

    assert begin(made, client).status_code == 422
    assert begin(made, client, own_password=PASSWORD).status_code == 200
    made.clock.advance(9 * 60)
    arrive(made, client, "b-17")
    with made.app.app_context(), writing() as session:
        session.execute(db.text("UPDATE session SET signed_in_at = signed_in_at - 3600"))
    fields = question(client)
    stale, wrong = confirm(client, fields), confirm(client, fields, own_password="wrong")
    assert (stale.status_code, wrong.status_code, linked(made)) == (422, 422, [])
    assert question(client)["csrf_token"] == fields["csrf_token"]
    assert confirm(client, fields, own_password=PASSWORD).status_code == 303
    assert linked(made) == [("ben", "b-17")]


def test_one_is_unlinked_and_its_sessions_elsewhere_end(made):
    identity = make_identity(made, made.issuer, "b-17", "ben")
    elsewhere = made.client()
    elsewhere.get("/auth/jwt", headers={"Authorization": "Bearer " + token_for(made, "b-17")})
    assert elsewhere.get("/account").status_code == 200
    here, by_password = made.signed_in("ben"), made.signed_in("ben")

    answer = made.post_form(here, PAGE + "/unlink", page=PAGE, identity=identity)

    assert answer.status_code == 303 and linked(made) == []
    assert [each.get("/account").status_code for each in (elsewhere, here, by_password)] == [303, 200, 200]
    assert made.log("identity.unlinked")[0]["sub"] == "b-17"
    again = made.post_form(here, PAGE + "/unlink", page=PAGE, identity=identity)
    assert again.status_code == 303 and "unlinked already" in here.get(PAGE).text


def test_nobody_unlinks_what_is_somebody_elses(made):
    identity = make_identity(made, made.issuer, "c-1", "cleo")

    answer = made.post_form(made.signed_in("ben"), PAGE + "/unlink", page=PAGE, identity=identity)

    assert answer.status_code == 303 and linked(made) == [("cleo", "c-1")]
    make_identity(made, made.issuer, "b-1", "ben")
    none = made.post_form(made.signed_in("ben"), PAGE + "/unlink", page=PAGE)
    assert none.status_code == 422 and "Identity is not chosen" in none.text


def test_the_last_way_in_stays(made):
    second = make_issuer(made, "https://other.test", name="other", secret=SECRET + "-of-another")
    one, two = make_identity(made, made.issuer, "n-1", "nora"), make_identity(made, second, "n-2", "nora")
    client = made.signed_in("nora")
    with made.app.app_context(), writing():
        db.session.get_one(TrustedIssuer, second).live = False

    answer = made.post_form(client, PAGE + "/unlink", page=PAGE, identity=one)

    assert answer.status_code == 422 and "your only way in" in answer.text and len(linked(made)) == 2
    with made.app.app_context(), writing():
        db.session.get_one(TrustedIssuer, second).live = True
    assert made.post_form(client, PAGE + "/unlink", page=PAGE, identity=one).status_code == 303
    assert made.post_form(client, PAGE + "/unlink", page=PAGE, identity=two).status_code == 422
    made.clock.advance(16 * 60)
    stale = client.get(PAGE).text
    assert "you have no password here" in stale and 'name="own_password"' not in stale
    assert "Sign out, sign in again the way you came" in stale


def test_the_page_is_kept_by_no_other_claim_of_the_same_issuer(made):
    make_identity(made, made.issuer, "b-17", "ben")
    with made.app.app_context(), writing():
        row = db.session.get_one(TrustedIssuer, made.issuer)
        row.definition = {**row.definition, "identity_claim": "email"}

    answer = made.client().get("/auth/jwt", headers={"Authorization": "Bearer " + token_for(made, "x", email="b-17")})

    assert answer.status_code == 401
    assert "Not used" in made.signed_in("ben").get(PAGE).text


def test_a_subject_of_an_openid_provider_is_linked_once_and_by_the_browser_that_waits_for_it(make_campus):  # noqa: F811 — the fixture.
    campus = make_campus()
    house, client = campus.house, campus.house.signed_in("ben")

    assert "/auth/oidc/campus" in begin(house, client, "provider:campus").text
    back = campus.sign_in(client, sub="u-2")
    assert (back.status_code, back.headers["Location"]) == (303, PAGE)
    fields, waiting = question(client), client.get_cookie("mintmark").value
    assert confirm(client, fields).status_code == 303

    assert linked(house) == [("ben", "u-1"), ("ben", "u-2")]
    stranger = house.client()
    campus.sign_in(stranger, sub="u-2")
    assert "ben" in stranger.get("/account").text
    # An administrator unlinks it: what was answered once links nothing again,
    with house.app.app_context(), writing():
        identity = identities.find(campus.id, "sub", "u-2")
        identities.unlink(identity.id, identity.person_id, by=house.by())
    again = confirm(client, fields)
    assert again.status_code == 422 and "Begin again" in again.text
    # nor while the browser waits for another one,
    begin(house, client, "provider:campus")
    assert confirm(client, fields).status_code == 422
    # nor with the cookie of before.
    client.set_cookie("mintmark", waiting)
    replayed = confirm(client, fields)
    assert replayed.status_code == 422 and "already been used" in replayed.text
    assert linked(house) == [("ben", "u-1")] and spent(house) == 1


# By an administrator


def page_of(house, username):
    return f"/admin/people/{find_id(house, username)}/identities"


def find_id(house, username):
    return house.rows("SELECT id FROM person WHERE username = :name", name=username)[0]["id"]


def type_in(house, client, username, subject, source=None, **fields):
    page = page_of(house, username)
    return house.post_form(
        client, page + "/link", page=page, source=source or "issuer:portal", subject=subject, **fields
    )


def test_an_administrator_links_a_subject_and_unlinks_it(made):
    ada = made.signed_in("ada")

    answer = type_in(made, ada, "ben", "b-17")

    assert answer.status_code == 303 and linked(made) == [("ben", "b-17")]
    [row] = made.log("identity.linked")
    assert (row["actor"], row["person"], row["sub"]) == (find_id(made, "ada"), find_id(made, "ben"), "b-17")
    assert "b-17" in ada.get(page_of(made, "ben")).text
    assert (
        made.client().get("/auth/jwt", headers={"Authorization": "Bearer " + token_for(made, "b-17")}).status_code
        == 200
    )
    identity = made.rows("SELECT id FROM identity")[0]["id"]
    page = page_of(made, "ben")
    assert "Identity is not chosen" in made.post_form(ada, page + "/unlink", page=page).text
    assert made.post_form(ada, page + "/unlink", page=page, identity=identity).status_code == 303
    assert linked(made) == []


def test_a_subject_that_is_somebodys_is_refused_and_says_whose(made):
    make_identity(made, made.issuer, "c-1", "cleo")
    ada = made.signed_in("ada")

    answer = type_in(made, ada, "ben", "c-1")
    own = type_in(made, ada, "cleo", "c-1")

    assert answer.status_code == 422 and "is linked to cleo already" in answer.text and 'value="c-1"' in answer.text
    assert own.status_code == 422 and "is linked to this person already" in own.text
    for subject in ("", " b", "b\x00", "b\u202e", "x" * 256, "a\u200db", "a\ufe0fb", "a\u00a0b", "\u3164", "x\u00adb"):
        assert type_in(made, ada, "ben", subject).status_code == 422, subject
    assert type_in(made, ada, "ben", "b", source="nobody").status_code == 422
    assert linked(made) == [("cleo", "c-1")]


def test_of_two_at_once_one_gets_the_subject(made):
    ids, answers = [find_id(made, name) for name in ("ben", "cleo")], []
    barrier = threading.Barrier(2)

    def link(person_id):
        with made.app.app_context():
            barrier.wait()
            try:
                with writing():
                    person = people.lock_person(person_id)
                    identities.link(made.issuer, "sub", "one", person, by=made.by(), issuer=ISSUER)
                answers.append("linked")
            except FieldError:
                answers.append("refused")
            db.session.remove()

    threads = [threading.Thread(target=link, args=(each,)) for each in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answers) == ["linked", "refused"] and len(linked(made)) == 1
    with made.app.app_context(), writing():
        for number in range(identities.MAX_OF_PERSON):
            identities.link(made.issuer, "sub", f"n{number}", find_person("nora"), by=made.by(), issuer=ISSUER)
        with pytest.raises(FieldError, match="more than 20"):
            identities.link(made.issuer, "sub", "one more", find_person("nora"), by=made.by(), issuer=ISSUER)


def test_hostile_texts_stay_texts_on_both_pages(sqlite_house):
    house = sqlite_house
    make_person(house, "ada", is_admin=True)
    person = make_person(house, "ben")
    issuer = make_issuer(house, ISSUER, start_url="https://portal.test/sso")
    identity = make_identity(house, issuer, "plain", "ben")
    make_provider(house)
    clients = {PAGE: house.signed_in("ben"), f"/admin/people/{person}/identities": house.signed_in("ada")}
    plain = {address: Page(client.get(address).text).skeleton() for address, client in clients.items()}

    for text in HOSTILE:
        with house.app.app_context(), writing():
            row = db.session.get_one(TrustedIssuer, issuer)
            row.definition, row.issuer = {**row.definition, "tenant": text}, text
            db.session.get_one(Identity, identity).subject = text
            db.session.get_one(Person, person).first_name = None
        for address, client in clients.items():
            page = Page(client.get(address).text)
            assert text in page.text or " ".join(text.split()) in " ".join(page.text.split()), (address, text)
            assert len(page.skeleton()) == len(plain[address]), (address, text)


def test_of_several_issuers_none_is_chosen_before_somebody_chooses(made):
    campus, client, admin = make_provider(made), made.signed_in("ben"), made.signed_in("ada")
    assert campus
    assert not [each for each in Page(client.get(PAGE).text).all("input", name="source") if "checked" in each]
    answer = begin(made, client, source="")
    assert answer.status_code == 422 and "is not chosen" in answer.text
    of_ben = f"/admin/people/{find_id(made, 'ben')}/identities"
    assert "Link one" in admin.get(of_ben.removesuffix("/identities")).text
    answer = made.post_form(admin, of_ben + "/link", page=of_ben, source="", subject="7")
    assert answer.status_code == 422 and "is not chosen" in answer.text
    made.post_form(admin, of_ben + "/link", page=of_ben, source="issuer:portal", subject="7")
    assert "Link or unlink" in admin.get(of_ben.removesuffix("/identities")).text
