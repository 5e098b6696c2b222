"""Whoever fetches the asset of a preset, its relying party takes the token, or the site says here why there is none.

Each preset is made as an asset on a house with its examples, and fetched by an ordinary and by awkward people;
joserfc and Node's jose judge with the party's rules (tests/party_rules.py), all tokens in one process.
"""

import json
import shutil
import subprocess
from base64 import urlsafe_b64decode
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from mintmark import keypairs
from mintmark.keypairs import KeyPair
from mintmark.keys import adding, making
from mintmark.models import writing
from mintmark.presets import all_presets, fill, snippet_of
from mintmark.tokens import SECRET_BYTES
from tests.conftest import START, skip_or_fail
from tests.making import key_pair, make_asset, make_group, make_person
from tests.party_rules import RULES, First, at, faults, meant
from tests.relying_party import Asked, judge
from tests.test_presets import PLACES, answers_of, hostile_answers, is_taken

pytestmark = pytest.mark.slow
SECRET = "a-secret-that-is-long-enough-for-every-hmac-of-rfc-7518-0123456789"
FAMILIES = {"RS": "RS256", "PS": "RS256", "ES": "ES256", "Ed": "EdDSA"}
NAMES = ("first_name", "last_name", "display_name")
BEN = {"username": "ben", "email": "ben@example.test", "first_name": "Ben", "last_name": "Bright", "roles": ["agent"]}


def named(text, **others):
    return {**dict.fromkeys(NAMES, text), "email": "somebody@example.test", **others}


# words → somebody who has an e-mail address and a plain username, and is awkward otherwise
AWKWARD = {
    "quotes": named('O\'Brien "Q" <x>'),
    "looks like JSON": named('","admin":true,"z":"'),
    "looks like a template": named("{{ user.id }}{% if %}{#\\"),
    "ends the script": named("</script><script>alert(1)</script><!--"),
    "right to left": named("\u0645\u062d\u0645\u062f \u202e\u0627\u0644"),
    "emoji": named("\U0001f98a\U0001f469\U0001f3fd\u200d\U0001f680\U0001f3f3\ufe0f\u200d\U0001f308"),
    "lines and controls": named("a\r\nX: y\x1b[2J\x7f\u2028\u0085"),
    "255 long": named("\U0001f98a" * 255, email=f"{'x' * 242}@example.test"),
    "no surname": {"email": "x@example.test", "first_name": "Solo"},
    "no first name": {"email": "x@example.test", "last_name": "Solo"},
    "only an e-mail address": {"email": "x@example.test"},
    "empty names": named(""),
    "many groups": named("Ina Many", groups=[f"group-{n:02}" for n in range(50)], roles=[f"role {n} “x”" for n in range(50)], permissions=[f"p:{n}" for n in range(50)]),
    "odd e-mail address": named("Odd", email="o'dd+{{7*7}}{%if/x=|`#~$@exämple.test"),
}  # fmt: skip
# Who lacks something that some relying parties demand.
LACKING = {
    "no e-mail address": {"first_name": "No", "last_name": "Mail"},
    "an empty e-mail address": named("Empty", email=""),
    "an e-mail address that is none": named("None", email="nobody at home"),
    "an e-mail address that ends a tag": named("Tag", email='"><img/src=x>{{7*7}}@exämple.test'),
    "two e-mail addresses": named("Two", email="a@example.test,b@example.test"),
    "a hostile username": named("Hostile", username='Ada {{ 7*7 }} "x" <b>&ü/:@'),
    "a wide username": named("Wide", username="ａdmin"),
    "an underscore first": named("Under", username="_admin"),
    "a username in Arabic, and no e-mail address": {"username": "محمد"},
}


class Cast:
    """The people of a house, each with what the site knows of them and a door."""

    def __init__(self, house):
        for number in range(50):
            make_group(house, f"group-{number:02}")
        self.people = {}
        for number, (words, values) in enumerate({"ordinary": BEN, **AWKWARD, **LACKING}.items()):
            fields = {"username": f"person-{number}", **values}
            person_id = make_person(house, password=None, **fields)
            row = {**dict.fromkeys((*NAMES, "email")), "roles": [], "groups": [], **fields, "id": person_id}
            row["roles"] = sorted(row["roles"])
            whole = " ".join(filter(None, (row["first_name"], row["last_name"])))
            row["display_name"] = row["display_name"] or whole or row["username"]
            self.people[words] = (row, house.signed_in(fields["username"]))


class Party:
    """One preset as an asset of a house, and its relying party set up with the key and the rules."""

    def __init__(self, house, preset, algorithm, number):
        self.preset, self.rules, self.algorithm = preset, RULES[preset.slug], algorithm
        self.answers = answers_of(preset)
        fields = fill(preset, self.answers) | {"path": f"{preset.slug}-{algorithm.lower()}", "algorithm": algorithm}
        self.path, self.spki = fields.pop("path"), None
        if algorithm not in SECRET_BYTES:
            fields["signing_key"] = self.key_id = f"key-{self.path}"
            fields.get("headers", {}).pop("kid", None)
            self.spki = keypairs.spki_pem(add_key(house, self.key_id, algorithm, number).public)
        elif self.rules.header.get("kid") is ...:
            fields["headers"] = fields.get("headers", {}) | {"kid": "typed"}
        make_asset(house, self.path, secret=SECRET, **fields)
        self.longest = fields["lifetime"]

    def fetch(self, client):
        return client.get(f"/{self.path}", query_string=self.rules.params)

    def token_of(self, answer):
        return json.loads(answer.text)[self.rules.answer_field] if self.rules.answer_field else answer.text

    def asked(self, token):
        """Return the token as the relying party sees it, one second after it was made."""
        fixed = {name: meant(value, self.answers) for name, value in self.rules.fixed.items()}
        return Asked(
            token, START + 1, (self.algorithm,), secret=None if self.spki else SECRET.encode(), spki=self.spki,
            audience=fixed.get("aud", fixed.get("aud>0")), issuer=fixed.get("iss"), leeway=self.rules.leeway,
            required=tuple(self.rules.required.split()), typ=self.rules.header.get("typ"),
            headers=tuple(name for name in self.rules.header if name not in ("typ", "kid")),
        )  # fmt: skip

    def see(self, person, verdict):
        """See that the claims and the header are what the relying party takes, and of this person."""
        assert verdict.reason is None, (self.path, person["username"], verdict.reason)
        assert list(faults(self.rules, self.answers, verdict.claims, verdict.header)) == [], self.path
        assert verdict.header["alg"] == self.algorithm
        assert not self.spki or verdict.header["kid"] == self.key_id
        for place, name in self.rules.shows.items():
            assert at(verdict.claims, place) == person[name], (self.path, place)


def add_key(house, key_id, algorithm, number):
    """Publish a key; RSA keys, which take long to make, are the same in each test, whatever the algorithm."""
    pair = key_pair("RS256" if keypairs.is_rsa(algorithm) else algorithm, number)
    pair = KeyPair(algorithm, pair.private)
    with house.app.app_context(), writing():
        sealer = house.mint.settings.sealer
        making.make(pair, key_id, sealer=sealer, by=house.by(), moments=adding.Moments())
    return pair


def test_each_party_takes_the_token_of_everybody_who_has_what_it_demands(sqlite_house):
    # Given an asset for each preset, an ordinary person and twenty awkward ones.
    cast = Cast(sqlite_house)
    parties = [Party(sqlite_house, p, p.definition["algorithm"], n) for n, p in enumerate(all_presets().values())]

    # When each fetches each.
    asked, refused, counted = [], Counter(), Counter()
    for party in parties:
        for words, (person, client) in cast.people.items():
            answer = party.fetch(client)
            if not party.rules.holds(person):
                assert answer.status_code == 500 and answer.text == "", (party.path, words)
                refused[party.preset.slug] += 1
                continue
            assert answer.status_code == 200, (party.path, words, sqlite_house.log("token.failed"))
            asked.append((party, person, party.asked(party.token_of(answer))))
            counted[party.preset.slug] += 1

    # Then both libraries take every token, and at least ten awkward people were among them.
    verdicts = judge([each for *_, each in asked])
    for (party, person, _), pair in zip(asked, verdicts, strict=True):
        for verdict in pair:
            party.see(person, verdict)
    assert set(counted) == set(RULES) and min(counted.values()) >= 1 + len(AWKWARD) >= 11
    see_diagnoses(sqlite_house, refused)
    print(
        f"{len(asked)} tokens of {len(parties)} presets taken by both; {refused.total()} refused here: {dict(refused)}"
    )


def see_diagnoses(house, refused):
    """See that each failure is in the log with the place in the template, and with nobody's value."""
    rows = house.log("token.failed")
    assert len(rows) == refused.total() and {row["code"] for row in rows} == {"template_failed", "contract_broken"}
    for row in rows:
        detail = json.loads(row["detail"])
        assert detail["line"]
        assert "nobody at home" not in row["detail"] and "7*7" not in row["detail"]


def test_each_party_takes_the_token_of_each_algorithm_that_it_knows(sqlite_house):
    ben = make_person(sqlite_house, password=None, **BEN)
    client, asked = sqlite_house.signed_in("ben"), []
    person = {**BEN, "id": ben, "display_name": "Ben Bright", "groups": []}

    pairs = [(preset, name) for preset in all_presets().values() for name in RULES[preset.slug].algorithms.split()]
    for number, (preset, algorithm) in enumerate(pairs):
        party = Party(sqlite_house, preset, algorithm, number)
        answer = party.fetch(client)
        assert answer.status_code == 200, (party.path, sqlite_house.log("token.failed"))
        asked.append((party, party.asked(party.token_of(answer))))

    for (party, _), pair in zip(asked, judge([each for _, each in asked]), strict=True):
        for verdict in pair:
            party.see(person, verdict)
    wrong = [each for party, asked_of in asked for each in others(party, asked_of)]
    assert not [each for each, pair in zip(wrong, judge(wrong), strict=True) if any(v.reason is None for v in pair)]
    print(
        f"{len(asked)} pairs of preset and algorithm taken; {len(wrong)} times refused by a party that is set up otherwise"
    )


def others(party, asked):
    """Yield the same token before a relying party with another key, audience or issuer, or one claim more to see."""
    if asked.secret:
        yield replace(asked, secret=b"another" + asked.secret)
    else:
        yield replace(asked, spki=keypairs.spki_pem(key_pair(FAMILIES[party.algorithm[:2]], 1_000).public))
    yield replace(asked, required=(*asked.required, "nowhere"))
    yield replace(asked, now=START + party.longest + asked.leeway + 1)
    if asked.audience:
        yield replace(asked, audience=asked.audience + "x")
    if asked.issuer:
        yield replace(asked, issuer=asked.issuer + "/")


# Reads programs as JSON, and writes what is wrong with the grammar of each, or null.
GRAMMAR = """
const Program = (async () => {}).constructor;
const fault = (text) => { try { new Program(text); return null; } catch (error) { return `${error}`; } };
process.stdout.write(JSON.stringify(JSON.parse(require("fs").readFileSync(0, "utf8")).map(fault)));
"""


def test_each_snippet_is_a_program_whatever_was_answered():
    programs = [snippet_of(p, answers_of(p), **PLACES) for p in all_presets().values() if p.snippet]
    for preset, question, hostile in hostile_answers():
        if preset.snippet and is_taken(preset, question, hostile):
            programs.append(snippet_of(preset, answers_of(preset, **{question.name: hostile}), **PLACES))
    places = dict.fromkeys(PLACES, 'https://x.test/"`${1}\\\n\u2028*/</script>')
    programs += [snippet_of(p, answers_of(p), **places) for p in all_presets().values() if p.snippet]

    node = shutil.which("node") or skip_or_fail("Node is needed")
    done = subprocess.run([node, "-e", GRAMMAR], input=json.dumps(programs), capture_output=True, text=True, check=True)
    faults_found = [pair for pair in zip(json.loads(done.stdout), programs, strict=True) if pair[0]]
    assert faults_found == [] and "</script" not in "".join(programs)
    print(f"{len(programs)} snippets parse")


def test_a_staged_secret_brings_its_own_key_id_where_the_party_knows_secrets_by_id(sqlite_house):
    # Given assets of the presets that ask for the id of a secret, and somebody who has an e-mail address.
    make_person(sqlite_house, is_admin=True, **BEN)
    rotated = [preset for preset in all_presets().values() if any(isinstance(v, First) for v in RULES[preset.slug].header.values())]  # fmt: skip
    parties = [Party(sqlite_house, preset, "HS256", number) for number, preset in enumerate(rotated)]
    assert {party.preset.slug for party in parties} == {"zendesk-messaging", "ably", "tableau"}

    # When a secret with another id is staged for each, as the site file has it, and its moment comes.
    moment = datetime.fromtimestamp(START + 3_600, UTC).isoformat()
    staged = {"text": SECRET + "-next", "kid": "another", "signs_from_at": moment}
    site = {"mintmark": 1, "assets": [{"path": party.path, "next_secret": staged} for party in parties]}
    done = sqlite_house.run("site", "import", "-", input=json.dumps(site))
    assert done.exit_code == 0, done.output

    # Then each signs before with the id that was asked for, and afterwards with that of the staged one.
    for hours in (0, 2):
        sqlite_house.clock.advance(hours * 3_600)
        client = sqlite_house.signed_in("ben")
        for party in parties:
            answer = party.fetch(client)
            assert answer.status_code == 200, (party.path, sqlite_house.log("token.failed"))
            first = next(meant(v, party.answers) for v in party.rules.header.values() if isinstance(v, First))
            kid = json.loads(urlsafe_b64decode(answer.text.split(".")[0] + "=="))["kid"]
            assert kid == ("another" if hours else first)
