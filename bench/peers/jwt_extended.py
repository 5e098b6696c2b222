"""Flask-JWT-Extended, without any log row: who asks by a token in a cookie, their person by the ORM, a fresh token.

`python -m bench.peers.jwt_extended FILE` makes the table and the people and writes their cookies; granian serves `app`.
DATABASE names the SQLite file, PEOPLE their number.
"""

import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from flask import Flask, Response
from flask_jwt_extended import JWTManager, create_access_token, current_user, jwt_required
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    """The root of the models."""


db = SQLAlchemy(model_class=Base)
app = Flask(__name__)
app.config |= {
    "JWT_SECRET_KEY": "a-secret-for-the-benchmark-0123456789",
    "JWT_TOKEN_LOCATION": ["cookies"],
    "JWT_ACCESS_TOKEN_EXPIRES": timedelta(minutes=10),
    "SQLALCHEMY_DATABASE_URI": "sqlite:///" + os.environ["DATABASE"],
}
db.init_app(app)
jwt = JWTManager(app)


class Membership(db.Model):  # type: ignore[name-defined,misc]
    """Who is in which group."""

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    group_id: Mapped[int] = mapped_column(ForeignKey("people_group.id"), primary_key=True)


class Group(db.Model):  # type: ignore[name-defined,misc]
    """A group of people."""

    __tablename__ = "people_group"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)


class Person(db.Model):  # type: ignore[name-defined,misc]
    """Who may fetch tokens."""

    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(unique=True)
    email: Mapped[str]
    first_name: Mapped[str]
    last_name: Mapped[str]
    is_admin: Mapped[bool] = mapped_column(default=False)
    groups: Mapped[list[Group]] = relationship(secondary="membership", lazy="joined")


@jwt.user_lookup_loader
def find_person(_header: dict[str, Any], payload: dict[str, Any]) -> Person | None:
    """Find who asks, as the library's documentation does it."""
    return db.session.execute(db.select(Person).filter_by(username=payload["sub"])).unique().scalar_one_or_none()


@app.get("/a")
@jwt_required()
def issue() -> Response:
    """Answer with a token for who asks."""
    claims = {
        "email": current_user.email,
        "given_name": current_user.first_name,
        "family_name": current_user.last_name,
        "groups": [group.name for group in current_user.groups],
        "admin": current_user.is_admin,
    }
    token = create_access_token(current_user.username, additional_claims=claims)
    return Response(token, content_type="application/jwt", headers={"Cache-Control": "no-store"})


def fill(people: int) -> list[str]:
    """Make the tables and the people; return cookies that last a run."""
    with app.app_context():
        db.create_all()
        staff = Group(name="staff")
        for number in range(people):
            db.session.add(Person(username=f"person{number}", email=f"p{number}@example.test", first_name="Ann",
                                  last_name=f"O'Brien {number}", groups=[staff]))  # fmt: skip
        db.session.commit()
        lasting = timedelta(days=1)
        return [
            "access_token_cookie=" + create_access_token(f"person{number}", expires_delta=lasting)
            for number in range(people)
        ]


if __name__ == "__main__":
    Path(sys.argv[1]).write_text("\n".join(fill(int(os.environ["PEOPLE"]))))
