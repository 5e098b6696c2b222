"""Discovery documents of others: whose they are, and what of them is believed (OpenID Connect Discovery 1.0 §4)."""

import time

import pytest

from mintmark.models import FetchedDocument, db, writing
from mintmark.outbound import discovery
from mintmark.outbound.discovery import address_of, keys_of, metadata_of, read_metadata
from mintmark.outbound.fetching import NotFetched
from tests.elsewhere import elsewhere
from tests.making import key_pair

NONE = frozenset()
ISSUER = "https://id.test"
WELL_KNOWN = "/.well-known/openid-configuration"


@pytest.fixture(scope="module")
def server():
    with elsewhere() as site:
        yield site


@pytest.fixture
def site(server):
    server.answers.clear()
    server.asked.clear()
    server.answers[WELL_KNOWN] = {"issuer": server.origin(), "jwks_uri": server.url("/jwks")}
    server.answers["/jwks"] = {"keys": [{**key_pair("ES256").public, "kid": "k1"}]}
    return server


def test_the_address_follows_from_the_issuer():
    assert address_of("https://id.test") == "https://id.test" + WELL_KNOWN
    assert address_of("https://id.test/") == "https://id.test" + WELL_KNOWN
    assert address_of("https://id.test/realms/a/") == "https://id.test/realms/a" + WELL_KNOWN


def test_only_what_is_known_here_is_taken():
    document = {
        "issuer": ISSUER,
        "jwks_uri": "https://id.test/jwks",
        "authorization_endpoint": "https://login.id.test/authorize?tenant=a",
        "token_endpoint": "https://id.test/token",
        "userinfo_endpoint": None,
        "end_session_endpoint": "https://id.test/leave",
        "id_token_signing_alg_values_supported": ["RS256", "none"],
        "authorization_response_iss_parameter_supported": True,
        "registration_endpoint": "http://10.0.0.1/",
        "claims_supported": 7,
    }

    found = read_metadata(document, ISSUER, fetch_also=NONE)

    left_out = {"userinfo_endpoint", "registration_endpoint", "claims_supported"}
    assert found == {name: value for name, value in document.items() if name not in left_out}


def test_a_document_is_that_of_the_issuer_it_names_to_the_letter():
    document = {"issuer": ISSUER, "jwks_uri": "https://id.test/jwks"}
    for issuer in (ISSUER + "/", "https://ID.test", "https://id.test:443", " " + ISSUER, "http://id.test", ""):
        with pytest.raises(NotFetched, match="another issuer"):
            read_metadata(document, issuer, fetch_also=NONE)
        with pytest.raises(NotFetched, match="another issuer"):
            read_metadata({**document, "issuer": issuer}, ISSUER, fetch_also=NONE)
    for issuer in (None, 7, [ISSUER], {}, True):
        with pytest.raises(NotFetched, match="another issuer"):
            read_metadata({**document, "issuer": issuer}, ISSUER, fetch_also=NONE)


def test_every_address_in_it_is_looked_at_like_one_that_was_entered():
    document = {"issuer": ISSUER, "jwks_uri": "https://id.test/jwks"}
    for name in discovery.ADDRESSES:
        for value in ("http://id.test/x", "https://user@id.test/canary", "javascript:canary", "/jwks", "", 7, [], {}, True,
                      "https://id.test/#canary", "https://id.test/\r\ncanary"):  # fmt: skip
            with pytest.raises(NotFetched, match=f"“{name}”") as refused:
                read_metadata({**document, name: value}, ISSUER, fetch_also=NONE)
            assert "canary" not in str(refused.value)
    with pytest.raises(NotFetched, match="jwks_uri"):
        read_metadata({"issuer": ISSUER}, ISSUER, fetch_also=NONE)


def test_an_issuer_names_what_is_listed_only_where_it_is_listed_itself():
    # Else a provider elsewhere would send this site to what was listed for another (CWE-918).
    listed = frozenset({"http://id.test", "http://idp.internal:8080"})
    for name in discovery.ADDRESSES:
        for issuer, value, is_taken in [
            ("http://id.test", "http://id.test/x", True),
            ("http://id.test/realms/a", "http://idp.internal:8080/x", True),
            (ISSUER, "http://idp.internal:8080/admin/delete", False),
            (ISSUER, "http://id.test/x", False),
            (ISSUER, "https://elsewhere.test/x", True),
        ]:
            document = {"issuer": issuer, "jwks_uri": "https://id.test/jwks", name: value}
            if is_taken:
                assert read_metadata(document, issuer, fetch_also=listed)[name] == value
            else:
                with pytest.raises(NotFetched, match=f"“{name}”"):
                    read_metadata(document, issuer, fetch_also=listed)
    assert discovery.listed_for("http://id.test", fetch_also=listed) == listed
    assert discovery.listed_for(ISSUER, fetch_also=listed) == discovery.listed_for("", fetch_also=listed) == NONE


def test_the_keys_of_an_issuer_that_is_not_listed_are_not_fetched_from_what_is(house, site):
    # It is https, as its text tells; where it leads is looked at when it is fetched.
    url = site.url("/jwks").replace("http://", "https://")
    listed = frozenset({f"https://127.0.0.1:{site.port}"})
    with house.app.app_context():
        with writing():
            now = int(house.clock())
            document = {"issuer": ISSUER, "jwks_uri": url}
            db.session.add(FetchedDocument(url=address_of(ISSUER), body=document, fetched_at=now, tried_at=now))
        with pytest.raises(NotFetched, match="private network"):
            keys_of(ISSUER, "ES256", now=now, fetch_also=listed)
    assert site.asked == []


def test_lists_are_lists_of_text():
    document = {"issuer": ISSUER, "jwks_uri": "https://id.test/jwks"}
    for name in discovery.LISTS:
        for value in ("RS256", [7], [None], {}, ["a"] * 201, [""], ["\x00"], ["a" * 300]):
            with pytest.raises(NotFetched, match=f"“{name}”"):
                read_metadata({**document, name: value}, ISSUER, fetch_also=NONE)


def test_the_document_of_another_does_not_replace_the_last_good_one(house, site):
    issuer, options = site.origin(), {"now": house.clock(), "fetch_also": site.listed}
    with house.app.app_context():
        good = metadata_of(issuer, **options)
        assert good == {"issuer": issuer, "jwks_uri": site.url("/jwks")}

        site.answers[WELL_KNOWN] = {"issuer": "https://evil.test", "jwks_uri": "https://evil.test/jwks"}
        options["now"] += discovery.MAX_AGE - 1
        assert metadata_of(issuer, **options) == good and len(site.asked) == 1
        options["now"] += 1
        assert metadata_of(issuer, **options) == good and len(site.asked) == 2

        with pytest.raises(NotFetched, match="another issuer"):
            metadata_of(issuer + "/", **options)
        options["now"] += 86_400
        with pytest.raises(NotFetched, match="another issuer"):
            metadata_of(issuer, **options)


def test_the_keys_of_an_issuer_are_those_that_its_document_names(house, site):
    options = {"now": house.clock(), "fetch_also": site.listed}
    with house.app.app_context():
        with pytest.raises(NotFetched, match="not read yet"):
            keys_of(site.origin(), "ES256", may_fetch=False, **options)
        assert site.asked == []

        assert list(keys_of(site.origin(), "ES256", **options)) == ["k1"]
        assert list(keys_of(site.origin(), "ES256", may_fetch=False, **options)) == ["k1"]
        site.answers["/jwks"] = {"keys": [{**key_pair("ES256").public, "kid": "k2"}]}
        assert list(keys_of(site.origin(), "ES256", wanted_kid="k2", **options)) == ["k1"]
        options["now"] += 60
        assert list(keys_of(site.origin(), "ES256", wanted_kid="k2", **options)) == ["k2"]
    assert [path for _, path, _, _ in site.asked] == [WELL_KNOWN, "/jwks", "/jwks"]


@pytest.mark.slow
def test_document_and_key_set_together_take_three_seconds_at_most(sqlite_house, site):
    def slowly(answer, seconds):
        def say(_handler):
            time.sleep(seconds)
            return answer

        return say

    document, options = site.answers[WELL_KNOWN], {"now": sqlite_house.clock(), "fetch_also": site.listed}
    site.answers["/jwks"] = slowly(site.answers["/jwks"], 2.5)
    for seconds, words, asked in ((2.7, "not read yet", 1), (1.5, "in time", 3)):  # Too late to begin; begun.
        site.answers[WELL_KNOWN] = slowly(document, seconds)
        options["now"] += discovery.MAX_AGE
        began = time.monotonic()
        with sqlite_house.app.app_context(), pytest.raises(NotFetched, match=words):
            keys_of(site.origin(), "ES256", **options)
        assert time.monotonic() - began < 3.5
        assert len(site.asked) == asked
