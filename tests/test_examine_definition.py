"""`examine.warnings_of`: what a definition alone, or one cheap query, makes doubtful."""

import pytest
from sqlalchemy import event

from mintmark import people
from mintmark.assets import overlap, save, trash
from mintmark.assets.secrets import read_secret
from mintmark.assets.signing import sources_of
from mintmark.examine import warnings_of
from mintmark.models import Person, Revision, db, writing
from tests.conftest import SECRET
from tests.making import (
    change_asset,
    make_asset,
    make_attribute,
    make_group,
    make_key,
    make_next_key,
    make_person,
)

OTHER_SECRET = "another-shared-secret-0123456789-abcdef"
PATH = "integrations/helpdesk"


def warned(house, path=PATH):
    """Return code → words of every warning about the asset at a path."""
    with house.app.app_context():
        revision = save.current_revision(save.find_asset(path))
        (source,) = sources_of(db.session(), [revision])
        found = warnings_of(revision, source, now=house.clock())
    assert not any(finding.is_error for finding in found)
    assert len({finding.code for finding in found}) == len(found), found
    return {finding.code: str(finding) for finding in found}


def test_an_ordinary_asset_has_no_warning(house):
    make_asset(house, PATH)
    assert warned(house) == {}


# lifetime


def test_no_lifetime_is_pointed_out(sqlite_house):
    make_asset(sqlite_house, PATH, lifetime=None)
    assert warned(sqlite_house) == {"no_lifetime": "has no lifetime: its tokens are good for ever"}


@pytest.mark.parametrize(
    ("lifetime", "code"),
    [(10, "short_lifetime"), (29, "short_lifetime"), (30, None), (86_400, None), (86_401, "long_lifetime")],
)
def test_a_lifetime_under_30_seconds_or_over_a_day_is_pointed_out(sqlite_house, lifetime, code):
    make_asset(sqlite_house, PATH, lifetime=lifetime)
    assert list(warned(sqlite_house)) == ([code] if code else [])


def test_the_lifetime_is_named(sqlite_house):
    make_asset(sqlite_house, PATH, lifetime=90_000)
    assert "90,000 seconds" in warned(sqlite_house)["long_lifetime"]


# secret


def test_a_weak_secret_is_pointed_out_without_repeating_it(sqlite_house):
    make_asset(sqlite_house, PATH, secret="dictated8", weak=True)
    words = warned(sqlite_house)["weak_secret"]
    assert "HS256" in words and "dictated8" not in words


def test_two_assets_with_one_secret_name_each_other(house):
    make_asset(house, PATH)
    make_asset(house, "integrations/chat")
    make_asset(house, "integrations/other", secret=OTHER_SECRET)
    assert "integrations/chat" in warned(house)["shared_secret"]
    assert PATH in warned(house, "integrations/chat")["shared_secret"]
    assert warned(house, "integrations/other") == {}
    assert SECRET not in str(warned(house))


def test_a_staged_secret_that_another_asset_has_is_pointed_out_before_it_signs(sqlite_house):
    make_asset(sqlite_house, PATH)
    make_asset(sqlite_house, "integrations/other", secret=OTHER_SECRET)
    with sqlite_house.app.app_context(), writing():
        secret, sealer = read_secret(OTHER_SECRET, "text", algorithm="HS256"), sqlite_house.mint.settings.sealer
        overlap.stage(save.find_asset(PATH), secret, sealer=sealer, by=sqlite_house.by())
    assert "is to have the same secret as integrations/other:" in warned(sqlite_house)["shared_secret"]
    make_asset(sqlite_house, "integrations/chat")
    said = warned(sqlite_house)["shared_secret"]
    assert "has, or is to have, the same secret as integrations/chat, integrations/other:" in said


def test_of_many_assets_with_one_secret_three_are_named_and_the_rest_counted(sqlite_house):
    for name in "abcdef":
        make_asset(sqlite_house, name)
    assert "b, c, d and 2 more:" in warned(sqlite_house, "a")["shared_secret"]


def test_a_shared_secret_in_the_trash_is_not_pointed_out(sqlite_house):
    make_asset(sqlite_house, PATH)
    make_asset(sqlite_house, "integrations/chat")
    with sqlite_house.app.app_context(), writing():
        trash.trash(save.find_asset("integrations/chat"), by=sqlite_house.by())
    assert warned(sqlite_house) == {}


def test_a_secret_that_was_shared_once_is_not_pointed_out(sqlite_house):
    """Given: the other asset had this secret in an earlier revision."""
    make_asset(sqlite_house, PATH)
    make_asset(sqlite_house, "integrations/chat")
    _give_secret(sqlite_house, "integrations/chat", OTHER_SECRET)
    assert warned(sqlite_house) == {}
    assert warned(sqlite_house, "integrations/chat") == {}


def test_an_asset_does_not_share_a_secret_with_its_own_earlier_revisions(sqlite_house):
    make_asset(sqlite_house, PATH)
    _give_secret(sqlite_house, PATH, OTHER_SECRET)
    _give_secret(sqlite_house, PATH, SECRET)
    assert warned(sqlite_house) == {}


def _give_secret(house, path, secret):
    from mintmark.assets.secrets import SecretValue

    with house.app.app_context(), writing():
        asset = save.find_asset(path)
        definition, value = save.current_revision(asset).definition, SecretValue(secret.encode(), weak=False)
        sealer = house.mint.settings.sealer
        assert save.revise(asset, definition, value, sealer=sealer, by=house.by()) == ["secret"]


# readers


def test_an_asset_without_readers_and_editors_is_pointed_out(sqlite_house):
    make_person(sqlite_house, "ada", is_admin=True)
    make_asset(sqlite_house, PATH, readers=[])
    assert "no readers and no editors" in warned(sqlite_house)["no_readers"]


def test_groups_without_live_people_are_pointed_out(house):
    make_group(house, "staff")
    make_group(house, "desk")
    make_person(house, "mallory", live=False, groups=["staff", "desk"])
    make_person(house, "ben")
    make_asset(house, PATH, readers=["staff"], editors=["desk"])
    assert "no live person" in warned(house)["no_readers"]


@pytest.mark.parametrize("fields", [{"readers": ["staff"]}, {"readers": [], "editors": ["staff"]}])
def test_one_live_reader_or_editor_is_enough(house, fields):
    make_group(house, "staff")
    make_person(house, "ben", groups=["staff"])
    make_asset(house, PATH, **fields)
    assert warned(house) == {}


def test_switching_off_the_last_reader_brings_the_warning(sqlite_house):
    make_group(sqlite_house, "staff")
    ben = make_person(sqlite_house, "ben", groups=["staff"])
    make_asset(sqlite_house, PATH, readers=["staff"])
    with sqlite_house.app.app_context(), writing():
        people.revise(db.session.get_one(Person, ben), {"live": False}, by=sqlite_house.by())
    assert "no_readers" in warned(sqlite_house)


# parameters


def test_a_claim_from_a_parameter_of_any_value_is_pointed_out(sqlite_house):
    template = '{"sub": "{{ user.username }}", "chat": {"room": "r-{{ params.room }}"}}'
    make_asset(sqlite_house, PATH, template, params=[{"name": "room"}])
    words = warned(sqlite_house)["free_parameter"]
    assert "room" in words and "“chat”" in words and "“sub”" not in words and "one_of" in words


@pytest.mark.parametrize(
    ("template", "params"),
    [
        ('{"room": "{{ params.room }}"}', [{"name": "room", "one_of": ["a", "b"]}]),
        ('{"sub": "{{ user.username }}"}', [{"name": "room"}]),
    ],
)
def test_a_listed_or_unused_parameter_is_not_pointed_out(sqlite_house, template, params):
    make_asset(sqlite_house, PATH, template, params=params)
    assert warned(sqlite_house) == {}


# sensitive attributes


def test_a_sensitive_attribute_in_the_template_is_pointed_out(house):
    make_attribute(house, "salary", "number", sensitive=True)
    make_attribute(house, "department")
    make_asset(house, PATH, '{"s": {{ user.attributes.salary }}, "d": "{{ user.attributes.department }}"}')
    assert list(warned(house)) == ["sensitive_attribute"]
    assert "attribute salary:" in warned(house)["sensitive_attribute"]


def test_a_sensitive_attribute_in_a_condition_is_pointed_out(sqlite_house):
    make_attribute(sqlite_house, "salary", "number", sensitive=True)
    make_asset(sqlite_house, PATH, '{"rich": {% if user.attributes.salary %}1{% else %}0{% endif %}}')
    assert "sensitive_attribute" in warned(sqlite_house)


def test_a_sensitive_attribute_that_is_not_used_is_not_pointed_out(sqlite_house):
    make_attribute(sqlite_house, "salary", "number", sensitive=True)
    make_asset(sqlite_house, PATH)
    assert warned(sqlite_house) == {}


# all together


def test_what_is_wrong_in_several_ways_gets_a_warning_for_each(house):
    make_attribute(house, "salary", "number", sensitive=True)
    template = '{"a": "{{ params.a }}", "s": {{ user.attributes.salary }}}'
    fields = {"readers": [], "lifetime": None, "params": [{"name": "a"}]}
    make_asset(house, PATH, template, secret="dictated8", weak=True, **fields)
    make_asset(house, "integrations/chat", secret="dictated8", weak=True)
    codes = {
        "no_lifetime",
        "weak_secret",
        "shared_secret",
        "no_readers",
        "free_parameter",
        "sensitive_attribute",
    }
    assert set(warned(house)) == codes


def test_a_stored_template_that_no_longer_compiles_hides_no_other_warning(sqlite_house):
    make_asset(sqlite_house, PATH, lifetime=None)
    change_asset(sqlite_house, PATH, template='{"a": {{ user.attributes.gone }}}')
    assert list(warned(sqlite_house)) == ["no_lifetime"]


# signing keys


AUD = '{"sub": "{{ user.username }}", "aud": "here"}'


def test_a_key_that_goes_on_signing_is_no_warning(house):
    make_key(house, "site-2026", number=1)
    make_key(house, "own", number=2)
    make_asset(house, PATH, AUD, signing_key="site-2026")
    make_asset(house, "other", signing_key="own")
    assert warned(house) == warned(house, "other") == {}
    make_next_key(house, "site-2026", "site-2027")
    assert warned(house) == {}


def test_without_a_lifetime_a_key_never_leaves_the_key_set(sqlite_house):
    make_key(sqlite_house)
    make_asset(sqlite_house, PATH, AUD, signing_key="site-2026", lifetime=None)
    assert "can never leave the key set" in warned(sqlite_house)["no_lifetime"]


def test_the_end_of_a_key_is_told_before_it_comes_and_when_it_came(sqlite_house):
    now = int(sqlite_house.clock())
    make_key(sqlite_house, "ends", retired_at=now + 90_000, gone_at=now + 99_000)
    make_asset(sqlite_house, PATH, AUD, signing_key="ends")
    assert warned(sqlite_house)["key_runs_out"].startswith("its signing key ends stops signing at 2027-01-16T09:00:00")
    sqlite_house.clock.advance(90_000)
    assert warned(sqlite_house) == {"no_key": "no key of it signs now, so that it gives no token: make the next one"}


def test_a_reminder_is_told_when_it_is_due_soon(sqlite_house):
    now = int(sqlite_house.clock())
    make_key(sqlite_house, "site-2026", due_at=now + 15 * 86_400)
    make_asset(sqlite_house, PATH, AUD, signing_key="site-2026")
    assert warned(sqlite_house) == {}
    sqlite_house.clock.advance(86_400)
    assert "should be followed by another key from 2027-01-30T08:00:00" in warned(sqlite_house)["key_runs_out"]
    make_next_key(sqlite_house, "site-2026", "site-2027")
    assert warned(sqlite_house) == {}


def test_the_number_of_queries_does_not_depend_on_people_or_assets(sqlite_house):
    make_group(sqlite_house, "staff")
    for number in range(40):
        make_person(sqlite_house, f"person-{number}", groups=["staff"])
        make_asset(sqlite_house, f"asset-{number}", readers=["staff"])
    with sqlite_house.app.app_context():
        revision = save.current_revision(save.find_asset("asset-7"))
        (source,), asked = sources_of(db.session(), [revision]), []
        event.listen(db.engine, "before_cursor_execute", lambda *arguments: asked.append(arguments[2]))
        warnings_of(revision, source, now=sqlite_house.clock())
        assert len(asked) <= 4
        assert db.session.scalar(db.select(db.func.count()).select_from(Revision)) == 40


# what comes


def test_a_key_that_follows_and_would_break_the_contract_is_pointed_out_before_it_signs(sqlite_house):
    house, contract = sqlite_house, {"headers": {"kid": {"constant": "one"}}}
    make_key(house, "one")
    make_asset(house, PATH, '{"aud": "x"}', signing_key="one", contract=contract)
    assert warned(house) == {}
    make_next_key(house, "one", "two", published_at=int(house.clock()) + 86_400)  # Planned: nobody has it yet.

    words = warned(house)["coming_breach"]

    assert words == (
        "from 2027-01-16T08:06:00.000Z on its tokens would break the contract, and nobody would get one:"
        " the header `kid` is not the fixed value that is asked for"
    )


def test_a_staged_secret_that_would_break_the_contract_is_pointed_out_with_its_moment(sqlite_house):
    house = sqlite_house
    make_asset(house, PATH)
    with house.app.app_context(), writing():
        asset, acting = save.find_asset(PATH), {"sealer": house.mint.settings.sealer, "by": house.by()}
        overlap.stage(asset, read_secret(OTHER_SECRET, "text", algorithm="HS256"), **acting)
        overlap.switch(asset, int(house.clock()) + 60, **acting)
    with house.app.app_context(), writing():  # As another version of the preset might have it.
        revision = save.current_revision(save.find_asset(PATH))
        revision.definition = {**revision.definition, "contract": {"headers": {"kid": {"required": True}}}}

    assert warned(house)["coming_breach"].startswith("from 2027-01-15T08:01:00.000Z on its tokens would break")
