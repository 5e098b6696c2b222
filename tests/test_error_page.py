"""The page of an error stands on nothing that may have failed."""

import pytest
from sqlalchemy import text

from mintmark.models import db
from tests.making import make_person


@pytest.mark.both_databases
def test_a_failed_statement_is_shown_as_our_mistake_to_whoever_is_signed_in(house, monkeypatch):
    def broken():
        db.session.execute(text("SELECT nothing FROM nowhere"))

    make_person(house, "ben")
    client = house.signed_in("ben")
    monkeypatch.setitem(house.app.view_functions, "help.help", broken)

    answer = client.get("/help")

    assert answer.status_code in (500, 503)
    assert "The number of this request" in answer.text or "An administrator finds it under" in answer.text
