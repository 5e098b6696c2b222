"""PostgreSQL is stopped, frozen, cut off, and lost in the middle of a COMMIT, while tokens are fetched (ASVS 16.5.2, 16.5.3).

Whoever received a token finds its row; whoever did not was told so in good time; nobody has to do anything
for it to go on.
"""

import json
import time
from collections import Counter

import jwt
import pytest

from tests.faults.cluster import Cluster
from tests.faults.load import Load
from tests.faults.scale import scaled
from tests.faults.several import STARTS_WITHIN, ClusterSite, see_all_good, see_away, wait_until_back, warm
from tests.faults.witness import FAILS_WITHIN, Witness, in_words

pytestmark = pytest.mark.timeout(900)
CLIENTS = 12  # More than all workers of a node have threads.


@pytest.fixture(scope="module")
def cluster():
    made = Cluster()
    try:
        made.start()
        yield made
    finally:
        made.close()


@pytest.fixture
def site(cluster, tmp_path):
    """A prepared site whose first node runs."""
    cluster.restore()
    made = ClusterSite(cluster, tmp_path)
    try:
        made.service.start(within=STARTS_WITHIN)
        yield made
    finally:
        made.close()


def test_a_database_that_is_stopped_costs_503_until_it_is_back(site, cluster, tmp_path, told):
    seconds = scaled(60.0, least=3.0)
    warm(site.service)

    with Load(site, tmp_path / "answers", clients=CLIENTS) as load, Witness(site, load) as witness:
        cluster.stop()
        see_away(site.service, site.cookies[-1], seconds)
        cluster.start()
        back = wait_until_back(site.service, site.cookies[-1])
        witness.recovery(time.monotonic())

    slowest = witness.judge(statuses=(200, 503), may_break=False)
    told("PostgreSQL stopped", f"once for {seconds:.0f} s, {in_words(load, slowest, [back])}")


def test_connections_that_are_ended_one_and_all_reach_nobody_once_there_are_new_ones(site, cluster, tmp_path, told):
    times, ended, recoveries = scaled(60, least=6), 0, []

    # When all are ended again and again, by the server and on the way.
    with Load(site, tmp_path / "answers", clients=CLIENTS) as load, Witness(site, load) as witness:
        for number in range(times):
            ended += (cluster.end_all_connections, site.proxy.drop)[number % 2]()
            recoveries.append(witness.recovery(time.monotonic()))
    # And once more when nobody asks: the idle ones are dead, and nobody is to notice.
    site.proxy.drop()
    see_all_good(site.service, site.cookies[-1])

    slowest = witness.judge(statuses=(200, 503), may_break=False)
    told("connections ended", f"all {times} times, {ended} in all, {in_words(load, slowest, recoveries)}")


@pytest.mark.parametrize("how", ["server", "network"])
def test_a_database_that_hangs_costs_an_early_503_until_it_goes_on(site, cluster, tmp_path, told, how):
    freeze, thaw = {"server": (cluster.freeze, cluster.thaw), "network": (site.proxy.hold, site.proxy.heal)}[how]
    seconds = scaled(20.0, least=6.0)
    warm(site.service)

    with Load(site, tmp_path / "answers", clients=CLIENTS) as load:
        witness = Witness(site, load)
        freeze()
        try:
            see_away(site.service, site.cookies[-1], seconds)
        finally:
            thaw()
        back = wait_until_back(site.service, site.cookies[-1])
        witness.recovery(time.monotonic())

    slowest = witness.judge(statuses=(200, 503), may_break=False)
    told(f"PostgreSQL frozen ({how})", f"once for {seconds:.0f} s, {in_words(load, slowest, [back])}")


@pytest.mark.parametrize("is_done_first", [True, False], ids=["done", "never_learnt"])
def test_a_connection_that_is_lost_during_commit_gives_no_token_and_trying_again_is_safe(
    site, tmp_path, told, is_done_first
):
    number = scaled(300, least=30)

    with Load(site, tmp_path / "answers", clients=CLIENTS) as load:
        site.proxy.cut_at_commit(4, is_done_first=is_done_first)
        # When people come in by a token of their own, again until they are told something.
        answers = [come_in(site, f"lost-{each}") for each in range(number)]
        site.proxy.heal()
        back = wait_until_back(site.service, site.cookies[-1])

    # Then each token was good for one session: either they heard of it, or it is used up all the same.
    slowest = Witness(site, load).judge(statuses=(200, 503), may_break=False)
    spent = Counter(jti for (jti,) in site.rows("SELECT jti FROM spent_token WHERE jti LIKE 'lost-%'"))
    assert spent == Counter(f"lost-{each}" for each in range(number))
    heard = Counter(statuses[-1] for statuses in answers)
    assert heard.keys() <= {200, 401} and all(set(statuses[:-1]) <= {503} for statuses in answers)
    assert (401 in heard) is is_done_first, "what the database never learnt of uses nothing up"
    assert site.proxy.cut >= number // 4
    what = "that was done" if is_done_first else "that the database never learnt of"
    words = f"{site.proxy.cut} times, {in_words(load, slowest, [back])}, {number} sign-ins by token heard {dict(heard)}"
    told(f"connection lost at a COMMIT {what}", words)


def come_in(site, jti):
    """Post a token until it is answered with something else than 503; return the statuses."""
    now, statuses = int(time.time()), []
    token = jwt.encode({**site.issuer["claims"], "iat": now, "exp": now + 240, "jti": jti}, site.issuer["key"])
    headers, body = {"Content-Type": "application/json"}, json.dumps({"token": token})
    while not statuses or statuses[-1] == 503:
        assert len(statuses) < 30
        began = time.monotonic()
        statuses.append(site.service.get("/auth/jwt", method="POST", headers=headers, body=body)[0])
        assert time.monotonic() - began < FAILS_WITHIN
    return statuses


@pytest.mark.parametrize("how", ["refuse", "hold"])
def test_a_node_that_is_cut_off_from_the_database_fails_alone(site, tmp_path_factory, told, how):
    seconds = scaled(20.0, least=4.0)
    other = site.add_node(DATABASE_URL=site.direct_url)
    other.start(within=STARTS_WITHIN)
    warm(site.service)
    answers = tmp_path_factory.mktemp("answers")  # Not beside the nodes, where tokens would be leaks.

    with (
        Load(site.only(site.service), answers / "cut-off", clients=6, writers=0, arrivals=0) as failing,
        Load(site.only(other), answers / "other", clients=6) as going_on,
    ):
        getattr(site.proxy, how)()
        began = time.monotonic()
        see_away(site.service, site.cookies[-1], seconds)
        during = len([each for each in going_on.tokens() if each.began > began])
        assert other.get("/-/ready")[0] == 200
        site.proxy.heal()
        back = wait_until_back(site.service, site.cookies[-1])

    slowest = Witness(site, failing).judge(statuses=(200, 503), may_break=False)
    Witness(site, going_on).judge(statuses=(200,), may_break=False)
    assert during > 10
    words = f"once for {seconds:.0f} s, {in_words(failing, slowest, [back])}, {during} tokens at the other meanwhile"
    told(f"one node of two cut off ({how})", words)
