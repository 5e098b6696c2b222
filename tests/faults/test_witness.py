"""Whoever judges is judged: a site that refuses everything, and one that lets everybody wait, are not judged well."""

import json
from dataclasses import asdict

import pytest

from tests.faults.load import Answer, Load
from tests.faults.witness import FAILS_MOSTLY_WITHIN, Witness, see_early


def test_a_site_that_never_did_what_its_clients_asked_for_is_not_judged_well(sqlite_site, tmp_path):
    done = {"fetch": 200, "write": 303, "arrive": 200}
    for missing in done:
        answers = [Answer(kind, 0, 0.0, 0.1, 500 if kind == missing else done[kind]) for kind in done]
        load = Load(sqlite_site, tmp_path / f"answers-{missing}")
        load.file.write_text("".join(json.dumps(asdict(answer)) + "\n" for answer in answers))

        with pytest.raises(AssertionError, match=f"no {missing} was ever"):
            Witness(sqlite_site, load).judge(key_set={"keys": []})


def test_failures_that_mostly_take_long_are_not_judged_well():
    assert see_early([0.1, 0.1, FAILS_MOSTLY_WITHIN + 1]) == FAILS_MOSTLY_WITHIN + 1
    with pytest.raises(AssertionError, match="half of 2 failures"):
        see_early([FAILS_MOSTLY_WITHIN + 1] * 2)


def test_clients_that_die_fail_the_test(sqlite_site, tmp_path):
    sqlite_site.service.start()
    sqlite_site.administrator = "none", "none", "one too many"

    with pytest.raises(AssertionError, match="the clients ended with 1"):
        with Load(sqlite_site, tmp_path / "answers", clients=1, arrivals=0) as load:
            load.wait_for_tokens(2)
