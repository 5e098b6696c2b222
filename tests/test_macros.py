"""The macros of `_forms.html` and `_words.html`: what every form and page is made of."""

import pytest
from flask import g, render_template_string

from mintmark import sessions
from mintmark.models import writing
from mintmark.people import find_person
from mintmark.web.forms import Form
from mintmark.who import SignedIn
from tests.conftest import SEALING_KEY, House
from tests.making import make_person
from tests.test_pages import HOSTILE, Page

IMPORTS = '{% import "_forms.html" as f %}{% import "_words.html" as w %}'
CHOICES = [("a", "Alpha"), ("b", "Beta"), ("c", "Gamma")]
FIELDS = {
    "text": 'f.text_field(form, "x", label, hint=hint)',
    "area": 'f.area_field(form, "x", label, hint=hint)',
    "choice": 'f.choice_field(form, "x", label, choices, hint=hint)',
    "check": 'f.check_field(form, "x", label, hint=hint)',
    "radio": 'f.radio_field(form, "x", label, choices, hint=hint)',
    "checks": 'f.checks_field(form, "x", label, choices, hint=hint)',
}
GROUPED = ("radio", "checks")
CONTROLS = ("input", "textarea", "select")


@pytest.fixture(scope="module")
def bare_house(tmp_path_factory):
    """A site whose database is never asked."""
    house = House({"INSTANCE": str(tmp_path_factory.mktemp("bare")), "SEALING_KEY": SEALING_KEY})
    yield house
    house.close()


@pytest.fixture
def shown(bare_house):
    """Render an expression that uses the macros as `f` and `w`."""

    def show(expression, **variables):
        variables = {"form": Form({}), "choices": CHOICES, "label": "Label", "hint": "", **variables}
        source = expression if "{%" in expression else "{{ " + expression + " }}"
        with bare_house.app.test_request_context():
            return Page(render_template_string(IMPORTS + source, **variables))

    return show


def control_of(page, kind):
    """Return what is described and marked: the field itself, or the set of its choices."""
    if kind in GROUPED:
        return page.one("fieldset")
    return next(found for tag, found, _ in page.tags if tag in CONTROLS)


@pytest.mark.parametrize("kind", FIELDS)
def test_a_field_has_a_label_and_is_described_by_its_hint_and_problem(shown, kind):
    page = shown(FIELDS[kind], form=Form({}, {"x": "is empty"}), hint="A hint.")

    assert control_of(page, kind)["aria-describedby"] == "x-hint x-problem"
    assert page.one("p", id="x-hint") and page.one("p", id="x-problem")
    assert "A hint." in page.text and "Label is empty." in page.text
    labels = {found["for"] for found in page.all("label")}
    controls = {found["id"] for tag, found, _ in page.tags if tag in CONTROLS}
    assert labels == controls
    assert page.all("legend") if kind in GROUPED else control_of(page, kind)["aria-invalid"] == "true"


@pytest.mark.parametrize("kind", FIELDS)
def test_a_field_without_hint_and_problem_points_nowhere(shown, kind):
    page = shown(FIELDS[kind])

    assert not {"aria-describedby", "aria-invalid", "autofocus"} & control_of(page, kind).keys()
    assert not page.all("p", **{"class": "hint"}) and not page.all("p", **{"class": "problem"})


@pytest.mark.parametrize("kind", FIELDS)
def test_the_first_field_with_a_problem_has_the_focus(shown, kind):
    first = shown(FIELDS[kind], form=Form({}, {"x": "is empty", "y": "is empty"}))
    second = shown(FIELDS[kind], form=Form({}, {"y": "is empty", "x": "is empty"}))

    assert sum("autofocus" in found for _, found, _ in first.tags) == 1
    assert sum("autofocus" in found for _, found, _ in second.tags) == 0


def test_where_nothing_is_wrong_the_focus_is_where_the_page_wants_it(shown):
    field = 'f.text_field(form, "x", label, autofocus=true)'

    assert "autofocus" in shown(field).one("input")
    assert "autofocus" not in shown(field, form=Form({}, {"y": "is empty"})).one("input")


def test_fields_show_what_was_typed_and_passwords_are_never_shown_again(shown):
    form = Form({"x": 'O\'Brien "Q" <x>', "n": None, "zero": 0})

    assert shown('f.text_field(form, "x", label)', form=form).one("input")["value"] == form.values["x"]
    assert shown('f.text_field(form, "n", label)', form=form).one("input")["value"] == ""
    assert shown('f.text_field(form, "zero", label)', form=form).one("input")["value"] == "0"
    assert shown('f.text_field(form, "items", label)', form=form).one("input")["value"] == ""
    assert "value" not in shown('f.text_field(form, "x", label, type="password")', form=form).one("input")


@pytest.mark.parametrize("text", ["", "one", "\none", "\n\n", "a\nb\n", "</textarea><b>", "  {\n}"])
def test_a_text_area_gives_back_exactly_what_was_typed(shown, text):
    html = shown('f.area_field(form, "x", label)', form=Form({"x": text})).html
    inner = html.partition("<textarea")[2].partition(">")[2].partition("</textarea>")[0]

    # A browser takes away one line end after the tag (HTML, 13.1.2.5).
    assert inner.removeprefix("\n") == text.replace("<", "&lt;").replace(">", "&gt;")


def test_what_is_chosen_is_shown_as_chosen(shown):
    numbers = [("1", "One"), ("2", "Two")]
    page = shown(FIELDS["choice"], form=Form({"x": 2}), choices=numbers)
    assert [found["value"] for found in page.all("option", selected=None)] == ["2"]
    page = shown(FIELDS["choice"], form=Form({"x": None}), choices=[("a", "A"), ("", "None")])
    assert [found["value"] for found in page.all("option", selected=None)] == [""]
    page = shown(FIELDS["choice"], form=Form({"x": "<b>"}), choices=[("<b>", "<b>")])
    assert page.one("option", selected=None)["value"] == "<b>"
    page = shown(FIELDS["radio"], form=Form({"x": "b"}))
    assert [found["value"] for found in page.all("input", checked=None)] == ["b"]
    page = shown(FIELDS["checks"], form=Form({"x": ["a", "c", "gone"]}))
    assert [found["value"] for found in page.all("input", checked=None)] == ["a", "c"]
    for value, is_checked in ((True, 1), (False, 0), (None, 0)):
        page = shown(FIELDS["check"], form=Form({"x": value}))
        assert len(page.all("input", checked=None, value="on")) == is_checked


def test_of_many_choices_the_chosen_come_first_and_none_is_lost(shown):
    many = [(f"id-{number}", f"group {number}") for number in range(100)]
    page = shown(FIELDS["checks"], form=Form({"x": ["id-70", "id-7", "gone"]}), choices=many)

    values = [found["value"] for found in page.all("input")]
    assert values[:3] == ["id-7", "id-70", "id-0"]
    assert sorted(values) == sorted(value for value, _ in many)
    ids = [found["id"] for found in page.all("input")]
    assert len(set(ids)) == 100 and all(found["name"] == "x" for found in page.all("input"))
    assert {found["for"] for found in page.all("label")} == set(ids)


def test_the_summary_says_every_problem_and_links_those_that_the_page_shows(shown):
    problems = {"path": "is empty", "own_password": "is not right", "secret": "has 3 bytes", "elsewhere": "is odd!?"}
    page = shown('f.problem_summary(form, labels={"secret": "The secret"})', form=Form({"path": ""}, problems))

    assert page.one("div", role="alert")
    assert [found["href"] for found in page.all("a")] == ["#path", "#own_password", "#secret"]
    for words in (
        "Path is empty.",
        "Your password is not right.",
        "The secret has 3 bytes.",
        "Elsewhere is odd!?",
    ):
        assert words in page.text


def test_where_nothing_is_wrong_there_is_no_summary(shown):
    assert shown("f.problem_summary(form)").tags == []


def test_what_stands_between_backquotes_is_code(shown):
    page = shown("w.with_code(words)", words="did you mean `user.email`, not `<b>`?")

    assert page.texts["code"] == ["user.email", "<b>"]
    assert page.text == "did you mean user.email, not <b>?"


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_stay_texts_in_every_slot_of_every_macro(shown, text):
    def page(text):
        form = Form({"x": text, "own_password": text}, {"x": text, "z": text})
        chosen = Form({"x": [text]}, {"x": text})
        variables = {"form": form, "chosen": chosen, "label": text, "hint": text, "choices": [(text, text)], "t": text}
        person = '{"username": t, "display_name": t}'
        return shown(
            "{{ f.problem_summary(form, labels={'x': t}) }}"
            + "".join("{{ " + field + " }}" for field in FIELDS.values())
            + FIELDS["checks"].join(("{{ ", " }}")).replace("form", "chosen", 1)
            + "{{ f.act('/' ~ t, t, fields={'n': t}) }}{{ f.search_form('/' ~ t, t, t, more={'n': t}) }}"
            "{{ f.pager('/' ~ t, '/' ~ t, t) }}{{ w.state('good', t) }}{{ w.shown_name(" + person + ") }}"
            "{% call f.confirm_act('/' ~ t, 'Purge', t, fields={'n': t}) %}{{ t }}{% endcall %}",
            **variables,
        )

    names = [(tag, sorted(found)) for tag, found, _ in page(text).tags]
    assert names == [(tag, sorted(found)) for tag, found, _ in page("plain").tags]
    assert page(text).all("input", name="n")[0]["value"] == text


def test_one_button_is_a_form_of_ours(shown):
    page = shown('f.act("/switch", "Switch off", kind="danger", fields={"version": 3})')

    assert page.one("form", method="post", action="/switch")
    assert page.one("input", name="csrf_token")["value"]
    assert page.one("input", name="version")["value"] == "3"
    assert page.one("button")["class"] == "danger" and page.texts["button"] == ["Switch off"]


CONFIRM = '{% call f.confirm_act("/purge", "Purge", "Purge it", form=form) %}<p>It is gone.</p>{% endcall %}'


def test_a_dangerous_act_asks_once_more(shown):
    page = shown(CONFIRM.replace(", form=form", ""))

    assert [tag for tag, *_ in page.tags if tag in ("details", "summary", "form", "button")] == [
        "details",
        "summary",
        "form",
        "button",
    ]
    assert "open" not in page.one("details") and "It is gone." in page.text
    assert not page.all("input", name="own_password")


def test_a_dangerous_act_stays_open_where_the_password_was_refused(shown):
    page = shown(CONFIRM, form=Form({}, {"own_password": "is not right"}))

    assert "open" in page.one("details")
    field = page.one("input", name="own_password")
    assert field["aria-describedby"] == "own_password-purge-hint own_password-purge-problem"
    assert "Your password is not right." in page.text


def test_the_own_password_is_asked_for_fifteen_minutes_after_signing_in(sqlite_house):
    make_person(sqlite_house, "ada", is_admin=True)
    with sqlite_house.app.app_context(), writing():
        row = sessions.begin(find_person("ada"), now=sqlite_house.clock(), address=None, device="test").id

    def shown(problems):
        with sqlite_house.app.test_request_context():
            found = sessions.find_person_in_session(row, now=sqlite_house.clock(), settings=sqlite_house.mint.settings)
            g._login_user = SignedIn(*found)
            source = IMPORTS + "{{ f.own_password_field(form) }}"
            return Page(render_template_string(source, form=Form({}, problems))).all("input", name="own_password")

    sqlite_house.clock.advance(15 * 60)
    assert shown({}) == []
    assert len(shown({"own_password": "is not right"})) == 1
    sqlite_house.clock.advance(1)
    (field,) = shown({})
    assert (field["type"], field["autocomplete"]) == ("password", "current-password") and "required" in field


def test_search_keeps_the_other_filters_and_offers_all_again(shown):
    page = shown('f.search_form("/people", value, "Find", more={"live": "no"})', value="love")

    assert page.one("form", method="get", role="search", action="/people")
    assert page.one("input", name="q", type="search")["value"] == "love"
    assert page.one("input", name="live", type="hidden")["value"] == "no"
    assert page.one("a")["href"] == "/people"
    assert not shown('f.search_form("/people", none, "Find")').all("a")


@pytest.mark.parametrize(
    "first, more, links", [(None, None, []), ("/a", None, ["/a"]), (None, "/b", ["/b"]), ("/a", "/b", ["/a", "/b"])]
)
def test_a_list_has_links_only_to_pages_that_are_there(shown, first, more, links):
    page = shown("f.pager(first, more, 'More people')", first=first, more=more)

    assert [found["href"] for found in page.all("a")] == links
    assert len(page.all("nav", **{"aria-label": "More people"})) == bool(links)


@pytest.mark.parametrize(
    "expression, words",
    [
        ("w.moment(1800000000)", "2027-01-15 08:00:00 UTC"),
        ("w.moment(0)", "1970-01-01 00:00:00 UTC"),
        ("w.moment(none)", "never"),
        ("w.number(0)", "0"),
        ("w.number(1234567)", "1\u202f234\u202f567"),
        ("w.duration(90)", "1 minute 30 seconds"),
    ],
)
def test_moments_and_numbers_in_words(shown, expression, words):
    assert shown(expression).text.strip() == words


def test_a_moment_can_be_read_by_machines(shown):
    assert shown("w.moment(1800000000)").one("time")["datetime"] == "2027-01-15T08:00:00Z"


@pytest.mark.parametrize("kind", ["good", "warning", "danger", "off"])
def test_every_state_has_a_word_and_a_shape_of_its_own(shown, kind):
    page = shown(f'w.state("{kind}", "Live")')

    assert page.one("span")["class"] == f"state state-{kind}" and page.text.split() == ["Live"]
    shapes = [shown(f'w.shape("{each}")').html for each in ("good", "warning", "danger", "off")]
    assert len(set(shapes)) == 4
    assert page.one("svg")["aria-hidden"] == "true"


def test_a_token_stands_in_three_tones_and_copies_as_it_is(shown):
    page = shown('w.token("aaa.bbb.ccc")')

    assert [found["class"] for found in page.all("span")] == ["token-header", "token-claims", "token-signature"]
    assert page.texts["span"] == ["aaa", "bbb", "ccc"] and page.text == "aaa.bbb.ccc"
