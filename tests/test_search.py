"""Finding by words: each word of a query begins a word of what is found; in order, in pages, in bounded time."""

import pytest

from mintmark import search
from mintmark.models import writing
from tests.making import make_person


@pytest.fixture
def find(house):
    """Find people by words; return their labels."""

    def ask(query, **options):
        with house.app.app_context():
            page = search.find_page(search.PERSON, query, limit=options.pop("limit", 50), **options)
            return [hit.place.split("\x1f")[1] for hit in page.hits], page.next_place

    return ask


def index(house, entries):
    """Keep words: label → text; the label is the id too."""
    with house.app.app_context(), writing():
        search.index(search.PERSON, [search.Entry(label, label, [text]) for label, text in entries.items()])


def test_words_are_split_where_people_see_them_end():
    assert search.words_of(["Anna-Maria O'Brien", None, "ß"]) == {"anna", "maria", "o", "brien", "ss"}
    assert search.words_of(["a.b@example.test"]) == {"a.b@example.test", "a", "b", "example", "test"}
    assert search.words_of(["", " . ", "\x00"]) == set()
    assert len(search.words_of([" ".join(str(number) for number in range(99))])) == 40
    assert max(map(len, search.words_of(["x" * 999]))) == 60


def test_each_word_of_a_query_begins_a_word_of_what_is_found(house, find):
    index(house, {"1": "anna okri", "2": "anna smith", "3": "hanna okri", "4": "OKRI Ann"})

    assert find("ann")[0] == ["4", "1", "2"]
    assert find("okri ann")[0] == ["1", "4"]
    assert find("anna anna okri")[0] == ["1"]
    assert find("nna")[0] == find("")[0] == find("...")[0] == find("%")[0] == find("_")[0] == []


def test_an_entry_is_found_once_however_many_of_its_words_begin_so(house, find):
    index(house, {"1": "maria mariana marie", "2": "marie"})

    assert find("mari")[0] == ["1", "2"]
    assert find("mari", limit=1) == (["1"], "maria\x1f1\x1f1")
    assert find("mari", limit=1, after="maria\x1f1\x1f1")[0] == ["2"]


def test_the_old_words_of_an_entry_find_it_no_more(house, find):
    index(house, {"1": "before"})
    index(house, {"1": "after"})
    assert (find("before")[0], find("after")[0]) == ([], ["1"])
    with house.app.app_context(), writing():
        search.forget(search.PERSON, ["1"])
    assert find("after")[0] == []


def test_kinds_do_not_mix(house, find):
    with house.app.app_context(), writing():
        search.index(search.ASSET, [search.Entry("1", "1", ["thing"])])

    assert find("thing")[0] == []


@pytest.mark.both_databases
def test_pages_leave_nothing_out_and_show_nothing_twice(house, find):
    labels = [f"{number:03}" for number in range(30)]
    index(house, {label: f"smith john {'jones' if number % 3 else ''}" for number, label in enumerate(labels)})

    for query, wanted in (
        ("smith", labels),
        ("j", labels),
        ("smith jones", [each for each in labels if int(each) % 3]),
    ):
        found, after = [], ""
        while after is not None:
            page, after = find(query, limit=7, after=after)
            found += page
        assert sorted(found) == wanted and len(found) == len(set(found)), query


def test_where_common_words_seldom_meet_a_page_says_where_to_go_on(house, find, monkeypatch):
    monkeypatch.setattr(search, "_TRIED", (2, 4))
    index(
        house,
        {f"{number:03}": "smith" + " jones" * (number == 9) for number in range(10)} | {"x": "jones", "y": "jones"},
    )
    monkeypatch.setattr(search, "_RARE", 1)

    pages, after = [], ""
    while after is not None:
        found, after = find("jones smith", after=after)
        pages.append(found)

    assert sum(pages, []) == ["009"]


def test_a_place_that_is_none_breaks_nothing(house, find):
    make_person(house, "ben")

    for place in ("x", "\x1f", "a\x1fb", "a\x1fb\x1fc\x1fd", "\U0010ffff"):
        find("ben", after=place)
    assert find("b" * 500)[0] == []
    assert find("ben " * 50)[0] == ["ben"]
