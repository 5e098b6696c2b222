"""The asset tree and the lists: every entry once, in the order of paths, in pages, by jumps instead of reading."""

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, insert, select

from mintmark import search
from mintmark.assets import picks, tree
from mintmark.assets.reach import EVERYTHING, FEW, Own, Reach, reach_of
from mintmark.models import Access, Asset, Group, Membership, Person, Revision, Secret, db, writing
from tests.making import make_asset, make_group, make_person

PATHS = ["a", "a-b", "a/x", "a/x/y", "a/z", "a0", "b/c/d", "b_c", "c"]


def asset_row(number, path, **columns):
    """Return the row of an asset that needs no revision."""
    fixed = {"live": True, "for_everyone": True, "lifetime": 600, "weak": False, "revision": 1, "created_at": 1}
    return {"id": f"{number:036}", "path": path, "name": path, "fingerprint": f"{number:016x}", **fixed, **columns}


def insert_assets(house, paths, **columns):
    """Make assets by the row, thousands in a moment; each has a revision and a secret that was never sealed."""
    claims = {"iat": True, "jti": True, "nbf": False}
    empty = {"headers": {}, "backdate": 0, "claims": claims, "origins": [], "params": [], "template": '{"sub": "x"}'}
    assets, secrets, revisions = [], [], []
    for number, path in enumerate(paths):
        asset = asset_row(number, path, **columns)
        secret = {"id": asset["id"], "asset_id": asset["id"], "sealed": b"", "weak": False, "created_at": 1}
        definition = {**empty, "path": path, "name": path, "algorithm": "HS256", "lifetime": 600, "live": True,
                      "readers": "everyone", "editors": [], "answer": {"form": "raw", "methods": ["GET"]}}  # fmt: skip
        assets.append(asset)
        secrets.append({**secret, "fingerprint": asset["fingerprint"]})
        revisions.append({"asset_id": asset["id"], "number": 1, "at": 1, "actor": "test", "definition": definition, "secret_id": asset["id"]})  # fmt: skip
    with house.app.app_context(), writing() as session:
        for model, rows in ((Asset, assets), (Secret, secrets), (Revision, revisions)):
            session.execute(insert(model), rows)
        entries = [search.Entry(asset["id"], asset["path"], [asset["path"]]) for asset in assets]
        search.index(search.ASSET, entries, are_new=True)


def walk(under="", *, reach=EVERYTHING, limit=50):
    """Return the places of one level, page by page."""
    found, after, has_more = [], "", True
    while has_more:
        entries, has_more = tree.level(reach, under, after, limit=limit)
        assert len(entries) <= limit and (entries or not has_more)
        found += [(entry.place, entry.amount) for entry in entries]
        after = found[-1][0] if found else ""
    return found


def few_of(paths):
    return Reach("somebody", tuple(Own(path, path, path) for path in sorted(paths)))


TOP = [("a", None), ("a-b", None), ("a/", 3), ("a0", None), ("b/", 1), ("b_c", None), ("c", None)]


@pytest.mark.both_databases
def test_a_level_has_each_asset_and_each_folder_once_in_the_order_of_paths(house):
    insert_assets(house, PATHS)

    with house.app.app_context():
        for limit in (1, 2, 3, 50):
            assert walk(limit=limit) == TOP
            assert walk("a", limit=limit) == [("a/x", None), ("a/x/", 1), ("a/z", None)]
            assert walk("b", limit=limit) == [("b/c/", 1)]
        assert walk("c") == walk("nowhere") == walk("a/x/y") == []


def test_what_is_in_the_trash_is_not_in_the_tree(sqlite_house):
    insert_assets(sqlite_house, ["a", "b/c"], trashed_at=5)
    with sqlite_house.app.app_context():
        assert walk() == []


segments = st.text(alphabet="ab0-_", min_size=1, max_size=3).filter(lambda text: text[0] not in "-_")
some_paths = st.sets(st.lists(segments, min_size=1, max_size=4).map("/".join), max_size=12)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(paths=some_paths, limit=st.integers(1, 4))
def test_the_jumps_find_what_reading_everything_finds(sqlite_house, paths, limit):
    with sqlite_house.app.app_context():
        if paths:
            db.session.execute(insert(Asset), [asset_row(number, path) for number, path in enumerate(paths)])
        for under in {"", *(path.rpartition("/")[0] for path in paths)}:
            assert walk(under, limit=limit) == walk(under, limit=limit, reach=few_of(paths))
        db.session.rollback()


def test_a_folder_is_counted_as_far_as_it_matters(sqlite_house):
    insert_assets(sqlite_house, (f"many/n{number}" for number in range(tree.MOST + 7)))
    with sqlite_house.app.app_context():
        assert walk() == [("many/", tree.MOST + 1)]
        few = tuple(Own(f"n{number}", f"many/n{number:04}", "") for number in range(tree.MOST + 7))
        assert walk(reach=Reach("somebody", few)) == [("many/", tree.MOST + 1)]


def test_any_place_begins_a_page(sqlite_house):
    insert_assets(sqlite_house, PATHS)
    with sqlite_house.app.app_context():
        for after in ("", "zzz", "b", "a/", "/", "\x1f", "a-b"):
            entries, _ = tree.level(EVERYTHING, "", after)
            assert [entry.place for entry in entries] == [place for place, _ in TOP if place > after], after


def test_a_level_and_each_list_are_one_statement_and_quick_among_3000(house):
    insert_assets(house, [f"dept-{number % 7}/app-{number % 30}/n{number:05}" for number in range(3000)], lifetime=None)
    statements = []
    with house.app.app_context():
        db.session.execute(select(1))
        event.listen(db.engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
        start = time.perf_counter()
        entries, has_more = tree.level(EVERYTHING)
        took = time.perf_counter() - start
        assert [(entry.path, entry.amount) for entry in entries] == [
            (f"dept-{n}", 429 if n < 4 else 428) for n in range(7)
        ]
        assert not has_more and len(statements) == 1
        for show in picks.SHOWN:
            picks.pick(show, "", EVERYTHING)
        assert len(statements) == 1 + len(picks.SHOWN)
    assert took < 2


def explained(statement):
    """Return how the database goes about a statement."""
    compiled = statement.compile(db.engine, compile_kwargs={"literal_binds": True})
    is_sqlite = db.engine.dialect.name == "sqlite"
    if not is_sqlite:
        db.session.connection().exec_driver_sql("SET LOCAL enable_seqscan = off")
    explain = "EXPLAIN QUERY PLAN " if is_sqlite else "EXPLAIN "
    return "\n".join(str(row) for row in db.session.connection().exec_driver_sql(explain + str(compiled)))


@pytest.mark.both_databases
def test_each_list_is_read_from_an_index_of_its_own(house, monkeypatch):
    plans = []
    monkeypatch.setattr(picks, "_page", lambda statement, limit: plans.append(explained(statement.limit(limit))))
    with house.app.app_context():
        for show in picks.SHOWN:
            picks.pick(show, "", EVERYTHING)
            index = "ix_asset_fingerprint" if show == "shared" else f"ix_asset_{show}"
            assert index in plans[-1], plans[-1]


@pytest.mark.both_databases
def test_a_level_is_read_from_the_index_of_paths(house):
    with house.app.app_context():
        plan = explained(tree._statement(EVERYTHING, "a/", "a/", 51))
    assert plan.count("uq_asset_path") >= 2 and "SCAN asset" not in plan and "Seq Scan on asset" not in plan, plan


def test_each_list_has_what_it_says_in_pages(house):
    make_asset(house, "off/a", live=False)
    make_asset(house, "endless/a", lifetime=None)
    make_asset(house, "weak/a", secret="0123456789", weak=True)
    for path in ("s/b", "s/a", "s/c"):
        make_asset(house, path, secret="the very same secret of several assets")
    with house.app.app_context(), writing():
        for asset in db.session.scalars(select(Asset).order_by(Asset.path)):
            asset.failing, asset.unseen_since = {"s/a": (0, None), "s/b": (2, 1)}.get(asset.path, (None, None))
    make_asset(house, "gone/a", live=False, lifetime=None)
    make_asset(house, "gone/b")
    with house.app.app_context(), writing():
        for at, path in ((100, "gone/a"), (200, "gone/b")):
            db.session.scalar(select(Asset).where(Asset.path == path)).trashed_at = at

    wanted = {"off": ["off/a"], "endless": ["endless/a"], "weak": ["weak/a"], "failing": ["s/b"], "unseen": ["s/b"],
              "trash": ["gone/b", "gone/a"]}  # fmt: skip
    for show, paths in wanted.items():
        for limit in (1, 50):
            assert paths_of(house, show, limit) == paths, show
    shared = paths_of(house, "shared", 2)
    assert [path for path in shared if path.startswith("s/")] == ["s/a", "s/b", "s/c"]
    assert sorted(set(shared) - {"s/a", "s/b", "s/c"}) == ["endless/a", "off/a"]  # They have the tests' own secret.


def paths_of(house, show, limit):
    """Return the paths of a list, page by page."""
    found, after = [], ""
    with house.app.app_context():
        while True:
            ids, after = picks.pick(show, after, EVERYTHING, limit=limit)
            found += [db.session.get(Asset, asset_id).path for asset_id in ids]
            if after is None:
                return found


@pytest.fixture
def editors_house(house):
    """ben edits ours/a by two groups and ours/b by one; others/c is not his."""
    for name in ("desk", "chat", "others"):
        make_group(house, name)
    make_person(house, "ben", groups=["desk", "chat"])
    make_asset(house, "ours/a", name="Help desk", editors=["desk", "chat"])
    make_asset(house, "ours/b", name="Room", editors=["desk"], lifetime=None)
    make_asset(house, "others/c", name="Help others", editors=["others"], readers=["desk"], lifetime=None)
    return house


def both_reaches(house):
    """Return the reach of ben as somebody who edits few, and as somebody who edits many."""
    ben = db.session.scalar(select(Person).where(Person.username == "ben"))
    return [reach_of(ben), Reach(ben.id)]


def test_an_editor_reaches_what_is_theirs_few_or_many(editors_house):
    with editors_house.app.app_context():
        assert [own.path for own in both_reaches(editors_house)[0].few] == ["ours/a", "ours/b"]
        for reach in both_reaches(editors_house):
            assert walk(reach=reach) == [("ours/", 2)]
            assert walk("ours", reach=reach, limit=1) == [("ours/a", None), ("ours/b", None)]
            assert len(picks.pick("endless", "", reach)[0]) == 1
            assert len(picks.find("help", "", reach)[0]) == 1
            assert picks.find("others", "", reach)[0] == picks.find("!", "", reach)[0] == []
        assert len(picks.find("help", "", EVERYTHING)[0]) == 2


def test_what_an_editor_finds_comes_in_pages(editors_house):
    with editors_house.app.app_context():
        reach, _ = both_reaches(editors_house)
        first, after = picks.find("ours", "", reach, limit=1)
        second, end = picks.find("OURS", after, reach, limit=1)
    assert len({*first, *second}) == 2 and end is None


def test_whoever_edits_many_is_not_kept_in_memory(sqlite_house):
    make_person(sqlite_house, "ben")
    insert_assets(sqlite_house, [f"n{number:04}" for number in range(FEW + 1)])
    with sqlite_house.app.app_context():
        with writing() as session:
            ben = db.session.scalar(select(Person))
            session.add(Group(id="g", name="g", name_key="g", created_at=1))
            session.add(Membership(person_id=ben.id, group_id="g"))
            session.flush()
            access = [
                {"asset_id": asset_id, "group_id": "g", "kind": "editor"}
                for asset_id in session.scalars(select(Asset.id))
            ]
            session.execute(insert(Access), access)
        reach = reach_of(ben)
        assert reach.few is None
        assert len(tree.level(reach)[0]) == 50 and tree.level(reach)[1]
