"""Arriving: whom a verified token makes, finds and updates, what it may never touch, and that it is spent once."""

import threading
import time
from dataclasses import replace

import pytest

from mintmark import groups, people
from mintmark.issuers import arriving, saving
from mintmark.issuers.arriving import Arrival
from mintmark.issuers.refusals import CLAIMS_INVALID, INVALID_TOKEN, TOKEN_USED, UNKNOWN_ISSUER, TokenRefused
from mintmark.log import Occasion
from mintmark.models import Person, SpentToken, TrustedIssuer, db, writing
from tests.arrivals import ISSUER
from tests.making import make_attribute, make_group, make_identity, make_issuer, make_person

CLAIMS = {
    "email": "john@example.test",
    "firstName": "John",
    "lastName": "Smith",
    "profile": {"city": "Ghent"},
    "in": ["desk", "unknown"],
    "roles": ["user"],
    "permissions": ["users:read"],
    "is_admin": True,
    "live": False,
    "id": "x",
    "password": "CANARY",
}
MAPPED = {
    "attribute_map": {"email": "email", "first_name": "firstName", "last_name": "lastName", "city": "profile.city"},
    "groups_claim": "in",
    "groups_map": {"desk": "help desk", "chat": "chat"},
    "roles_claim": "roles",
    "permissions_claim": "permissions",
}


class Portal:
    """A house that trusts a portal, and arrivals from there."""

    def __init__(self, house, **fields):
        self.house, self.number = house, 0
        for name in ("city", "shoe"):
            make_attribute(house, name)
        for name in ("help desk", "chat", "other"):
            make_group(house, name)
        self.id = make_issuer(house, **{"create_people": True, **MAPPED, **fields})

    def arrival(self, subject="jsmith", claims=CLAIMS, jti=None):
        self.number += 1
        with self.house.app.app_context():
            row = db.session.get_one(TrustedIssuer, self.id)
            spends = (jti or f"j{self.number}", int(self.house.clock()) + 400)
            return Arrival(
                source_id=row.id, issuer=row.issuer, name=row.name, claim=row.definition["identity_claim"],
                subject=subject, claims=claims, definition=row.definition, spends=spends,
            )  # fmt: skip

    def admit(self, arrival):
        with self.house.app.app_context(), writing():
            return arriving.admit(arrival, by=Occasion(self.house.clock(), None)).id

    def arrive(self, *args, **options):
        return self.admit(self.arrival(*args, **options))

    def refuses(self, arrival, row):
        """See that an arrival is refused, foreseen where that can be, and that nothing is kept of it."""
        before = self.everything()
        with pytest.raises(TokenRefused) as refused:
            self.admit(arrival)
        assert refused.value.row == row, refused.value.words
        with self.house.app.app_context(), pytest.raises(TokenRefused) as foreseen:
            arriving.see_may_arrive(arrival)
        assert foreseen.value.row == row
        assert self.everything() == before
        return refused.value.words

    def everything(self):
        return {name: self.house.rows(f"SELECT * FROM {name}") for name in ("person", "identity", "spent_token", "log")}

    def person(self, person_id):
        """Return a person and the names of their groups."""
        with self.house.app.app_context():
            person, names = db.session.get_one(Person, person_id), groups.names_by_id()
            found = {name: getattr(person, name) for name in [*people.FIELDS, "password_hash"]}
            return found | {"groups": sorted(names[each] for each in groups.of_person(person_id))}

    def revise(self, **fields):
        with self.house.app.app_context(), writing():
            row = saving.get_issuer(self.id)
            row.definition = {**row.definition, **fields}


@pytest.fixture
def portal(house):
    return Portal(house)


def test_a_person_is_made_of_what_is_mapped_and_of_nothing_else(portal):
    person_id = portal.arrive()

    assert portal.person(person_id) == {
        "username": "jsmith",
        "email": "john@example.test",
        "first_name": "John",
        "last_name": "Smith",
        "display_name": None,
        "is_admin": False,
        "live": True,
        "roles": ["user"],
        "permissions": ["users:read"],
        "attributes": {"city": "Ghent"},
        "password_hash": None,
        "groups": ["help desk"],
    }
    assert person_id != "x"
    [identity] = portal.house.rows("SELECT * FROM identity")
    assert (identity["claim"], identity["subject"], identity["person_id"]) == ("sub", "jsmith", person_id)
    assert identity["last_used_at"] == identity["linked_at"] == portal.house.clock()
    [linked] = portal.house.log("identity.linked")
    assert (linked["issuer"], linked["sub"], linked["person"]) == (ISSUER, "jsmith", person_id)


def test_the_next_time_only_what_is_mapped_changes(portal):
    person_id = portal.arrive()
    with portal.house.app.app_context(), writing():
        person = people.get_locked(person_id)
        ids = groups.ids_by_key()
        values = {"display_name": "Johnny", "attributes": {"city": "Rome", "shoe": "44"}}
        people.revise(person, {**values, "groups": [ids["other"], ids["chat"]]}, by=portal.house.by())
    portal.house.clock.advance(60)

    again = portal.arrive(
        claims={"email": "j@example.test", "profile": {"city": "Oslo"}, "in": ["desk"], "roles": ["b", "a"]}
    )

    assert again == person_id
    found = portal.person(person_id)
    assert (found["email"], found["first_name"], found["display_name"]) == ("j@example.test", "John", "Johnny")
    assert found["attributes"] == {"city": "Oslo", "shoe": "44"}
    assert found["groups"] == ["help desk", "other"], "what is not mapped is none of the issuer’s business"
    assert (found["roles"], found["permissions"]) == (["a", "b"], []), "a right that is not named is gone"
    assert portal.house.rows("SELECT last_used_at FROM identity") == [{"last_used_at": portal.house.clock()}]


def test_what_is_not_said_stays_and_rights_go(portal):
    person_id = portal.arrive()

    portal.arrive(claims={"email": None, "profile": {}})

    found = portal.person(person_id)
    assert (found["email"], found["attributes"]) == ("john@example.test", {"city": "Ghent"})
    assert (found["roles"], found["permissions"], found["groups"]) == ([], [], [])


def test_nobody_is_updated_where_that_is_off_and_nobody_made(house):
    portal = Portal(house, create_people=False, update_people=False)
    ben = make_person(house, "ben", email="ben@example.test", groups=["chat"])
    make_identity(house, portal.id, "ben@portal", "ben")

    assert portal.arrive("ben@portal") == ben

    assert (portal.person(ben)["email"], portal.person(ben)["groups"]) == ("ben@example.test", ["chat"])
    assert house.log("person.revised") == []
    # No name, no e-mail address leads to a person: only what was linked does.
    for subject in ("ben", "BEN", "ben@example.test", "ben@Portal", "nobody"):
        words = portal.refuses(portal.arrival(subject), INVALID_TOKEN)
        assert "makes no people" in words


def test_nobody_takes_a_name_that_somebody_has_or_had(portal):
    make_person(portal.house, "ada", is_admin=True)
    erased = make_person(portal.house, "eva")
    with portal.house.app.app_context(), writing():
        people.erase(people.get_locked(erased), by=portal.house.by())

    for subject in ("ada", "ADA", "Eva"):
        portal.refuses(portal.arrival(subject), INVALID_TOKEN)
    for subject in ("a\u0301b", " x", "x" * 151):
        portal.refuses(portal.arrival(subject), INVALID_TOKEN)

    portal.revise(username_prefix="portal/")
    made = portal.arrive("ada")
    assert portal.person(made)["username"] == "portal/ada" and not portal.person(made)["is_admin"]
    with portal.house.app.app_context():
        assert arriving.username_of(portal.arrival("ada")) == "portal/ada"
        assert arriving.username_of(portal.arrival("new")) == "portal/new"


def test_who_is_switched_off_or_erased_stays_out(portal):
    off, gone = portal.arrive("off"), portal.arrive("gone")
    with portal.house.app.app_context(), writing():
        people.revise(people.get_locked(off), {"live": False}, by=portal.house.by())
        people.erase(people.get_locked(gone), by=portal.house.by())

    for subject in ("off", "gone"):
        portal.refuses(portal.arrival(subject), INVALID_TOKEN)


def test_what_cannot_be_kept_is_refused_and_spends_nothing(portal):
    for claims in (
        {"email": 7},
        {"email": "x" * 256},
        {"profile": {"city": ["a"]}},
        {"roles": [1]},
        {"in": {"desk": 1}},
    ):
        arrival = portal.arrival(claims={**CLAIMS, **claims})
        portal.refuses(arrival, CLAIMS_INVALID)
        assert portal.admit(replace(arrival, claims=CLAIMS))


def test_a_group_that_was_taken_away_is_passed_over(portal):
    with portal.house.app.app_context():
        desk = groups.ids_by_key()["help desk"]
        definition = {**db.session.get_one(TrustedIssuer, portal.id).definition}
    portal.revise(groups_map={**definition["groups_map"], "desk": "00000000-0000-4000-8000-000000000000"})

    person_id = portal.arrive()

    assert portal.person(person_id)["groups"] == []
    portal.revise(groups_map={"desk": desk})
    portal.arrive()
    assert portal.person(person_id)["groups"] == ["help desk"]


def test_a_token_is_spent_once_by_the_text_of_its_issuer(portal):
    portal.arrive(jti="one")
    portal.refuses(portal.arrival(jti="one"), TOKEN_USED)
    portal.arrive(jti="ONE")

    # An issuer that is taken away and trusted anew finds what it spent.
    with portal.house.app.app_context(), writing():
        saving.remove(saving.get_issuer(portal.id, is_locked=True), by=portal.house.by())
    portal.id = make_issuer(portal.house, create_people=True, username_prefix="again-")
    portal.refuses(portal.arrival(jti="one"), TOKEN_USED)
    other = make_issuer(portal.house, "https://other.test", name="other", create_people=True, username_prefix="other-")
    portal.id = other
    portal.arrive(jti="one")


def test_spent_tokens_are_forgotten_a_day_late_and_some_at_a_time(portal):
    house = portal.house
    house.clock.now = now = 1_500_000_000  # The clock of the database is later.
    rows = [{"issuer": ISSUER, "jti": f"old-{n}", "spent_at": 1, "keep_until_at": now - 86_401 - n} for n in range(150)]
    rows += [{"issuer": ISSUER, "jti": f"kept-{n}", "spent_at": 1, "keep_until_at": now - 86_400 + n} for n in range(3)]
    with house.app.app_context(), writing():
        db.session.add_all(SpentToken(**row) for row in rows)

    def spent(like):
        return len(house.rows("SELECT * FROM spent_token WHERE jti LIKE :like", like=like))

    portal.arrive(jti="first")
    assert (spent("old-%"), spent("kept-%"), spent("first")) == (50, 3, 1)
    portal.arrive(jti="second")
    assert (spent("old-%"), spent("kept-%")) == (0, 3)
    # A clock that jumps an hour ahead frees nothing.
    house.clock.advance(3600)
    portal.arrive(jti="third")
    house.clock.advance(-3600)
    portal.refuses(portal.arrival(jti="first"), TOKEN_USED)


def test_a_node_whose_clock_is_days_ahead_makes_no_spent_token_good_again(portal):
    """Only a clock on which node and database agree forgets: the others still take the token for good."""
    house = portal.house
    house.clock.now = before = int(time.time())
    portal.arrive(jti="first")
    for days in (2, 400):
        house.clock.now = before + days * 86_400
        portal.arrive(jti=f"{days} days ahead")
        portal.arrive(jti=f"{days} days ahead, again")
    house.clock.now = before + 10
    portal.refuses(portal.arrival(jti="first"), TOKEN_USED)


def test_an_issuer_that_is_switched_off_meanwhile_lets_nobody_in(portal):
    arrival = portal.arrival()
    with portal.house.app.app_context(), writing():
        saving.switch(saving.get_issuer(portal.id, is_locked=True), False, by=portal.house.by())

    with pytest.raises(TokenRefused) as refused:
        portal.admit(arrival)

    assert refused.value.row == UNKNOWN_ISSUER and portal.house.rows("SELECT * FROM spent_token") == []


def test_of_two_tokens_of_a_new_person_at_once_one_makes_them_and_the_other_finds_them(portal):
    made, found, ready = [], [], threading.Event()
    first, second = portal.arrival(), portal.arrival(claims={**CLAIMS, "email": "second@example.test"})

    def arrive_second():
        ready.wait(5)
        found.append(portal.admit(second))

    thread = threading.Thread(target=arrive_second)
    thread.start()
    with portal.house.app.app_context(), writing():
        made.append(arriving.admit(first, by=Occasion(portal.house.clock(), None)).id)
        ready.set()
        thread.join(0.3)  # It waits for this one to commit.
        assert found == []
    thread.join()

    assert found == made
    assert portal.person(made[0])["email"] == "second@example.test"
    assert len(portal.house.rows("SELECT * FROM identity")) == 1 and len(portal.house.log("person.created")) == 1


def test_of_one_token_twice_at_once_the_second_waits_and_is_refused(portal):
    portal.arrive()
    arrival, refused = portal.arrival(), []

    def arrive_again():
        try:
            portal.admit(arrival)
        except TokenRefused as error:
            refused.append(error.row)

    thread = threading.Thread(target=arrive_again)
    with portal.house.app.app_context(), writing():
        arriving.admit(arrival, by=Occasion(portal.house.clock(), None))
        thread.start()
        thread.join(0.3)
        assert refused == []
    thread.join()

    assert refused == [TOKEN_USED]


def test_where_the_first_of_two_fails_the_second_comes_in(portal):
    arrival = portal.arrival(jti="again")
    with pytest.raises(ZeroDivisionError), portal.house.app.app_context(), writing():
        arriving.admit(arrival, by=Occasion(portal.house.clock(), None))
        raise ZeroDivisionError

    assert portal.admit(arrival)
