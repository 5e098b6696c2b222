"""Django doing the same work: who asks by a session in the database, one asset, one person with groups, one log row.

`python -m bench.peers.django_site FILE` makes the tables and the signed-in people and writes their cookies; granian
serves `application`. DATABASE names the SQLite file, PEOPLE their number. What a careful developer would do for speed
is done: connections stay open, the template is compiled once, and no middleware runs that is not needed.
"""

import functools
import json
import os
import sys
import time
import uuid
from pathlib import Path

import django
import jwt
from django.conf import settings

settings.configure(
    SECRET_KEY="a-secret-for-the-benchmark-0123456789",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__ if __name__ != "__main__" else "bench.peers.django_site",
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions"],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.environ["DATABASE"],
            "CONN_MAX_AGE": None,
            "OPTIONS": {
                "timeout": 10,
                "transaction_mode": "IMMEDIATE",
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
            },
        }
    },
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
)
django.setup()

from django.contrib.auth.models import Group, User  # noqa: E402 — Django's models need the settings first
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import models  # noqa: E402
from django.http import HttpRequest, HttpResponse  # noqa: E402
from django.template import Context, Engine, Template  # noqa: E402
from django.urls import path  # noqa: E402

TEMPLATE = """{
  "sub": "{{ user.username|escapejs }}",
  "email": "{{ user.email|escapejs }}",
  "given_name": "{{ user.first_name|escapejs }}",
  "family_name": "{{ user.last_name|escapejs }}",
  "groups": [{% for name in groups %}"{{ name|escapejs }}"{% if not forloop.last %}, {% endif %}{% endfor %}],
  "admin": {% if can_edit %}true{% else %}false{% endif %}
}"""


class Asset(models.Model):
    """What is kept at a path."""

    path = models.CharField(max_length=255, unique=True)
    live = models.BooleanField(default=True)
    template = models.TextField()
    secret = models.TextField()
    lifetime = models.IntegerField(default=600)
    readers = models.JSONField()  # Ids of groups: one query less than another table.

    class Meta:
        app_label = "bench"


class LogRow(models.Model):
    """One token that was issued."""

    at = models.BigIntegerField(db_index=True)
    event = models.CharField(max_length=40)
    outcome = models.CharField(max_length=10)
    actor = models.CharField(max_length=150)
    address = models.CharField(max_length=45, null=True)
    person = models.ForeignKey(User, models.DO_NOTHING)
    asset = models.ForeignKey(Asset, models.DO_NOTHING)
    request = models.CharField(max_length=32)
    jti = models.CharField(max_length=36, db_index=True)

    class Meta:
        app_label = "bench"


@functools.lru_cache
def compiled(text: str) -> Template:
    """Return the template of an asset, compiled once."""
    return Engine(autoescape=False).from_string(text)


def issue(request: HttpRequest, asset_path: str) -> HttpResponse:
    """Answer with a token for who is signed in, once its row is committed."""
    if not request.user.is_authenticated:
        return HttpResponse(status=403)
    asset = Asset.objects.filter(path=asset_path, live=True).first()
    if asset is None:
        return HttpResponse(status=404)
    groups = dict(request.user.groups.values_list("id", "name"))
    if groups.keys().isdisjoint(asset.readers):
        return HttpResponse(status=403)
    context = Context({"user": request.user, "groups": groups.values(), "can_edit": request.user.is_staff})
    now, jti = time.time(), str(uuid.uuid4())
    claims = json.loads(compiled(asset.template).render(context))
    claims |= {"iat": int(now), "exp": int(now) + asset.lifetime, "jti": jti}
    token = jwt.encode(claims, asset.secret, algorithm="HS256")
    LogRow.objects.create(
        at=int(now * 1000), event="token.issued", outcome="done", actor=request.user.username,
        address=request.META.get("REMOTE_ADDR"), person=request.user, asset=asset, request=uuid.uuid4().hex, jti=jti,
    )  # fmt: skip
    answer = HttpResponse(token, content_type="application/jwt")
    answer["Cache-Control"] = "no-store"
    return answer


urlpatterns = [path("<path:asset_path>", issue)]
application = get_wsgi_application()


def fill(people: int) -> list[str]:
    """Make the tables, the asset and signed-in people; return their cookies."""
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore
    from django.core.management import call_command
    from django.db import connection, transaction

    call_command("migrate", verbosity=0)
    with connection.schema_editor() as editor:
        editor.create_model(Asset)
        editor.create_model(LogRow)
    cookies = []
    with transaction.atomic():
        staff = Group.objects.create(name="staff")
        secret = "a-secret-for-the-benchmark-0123456789"
        Asset.objects.create(path="a", template=TEMPLATE, secret=secret, readers=[staff.pk])
        for number in range(people):
            user = User(username=f"person{number}", email=f"p{number}@example.test", first_name="Ann",
                        last_name=f"O'Brien {number}")  # fmt: skip
            user.set_unusable_password()
            user.save()
            user.groups.add(staff)
            session = SessionStore()
            session[SESSION_KEY] = str(user.pk)
            session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
            session[HASH_SESSION_KEY] = user.get_session_auth_hash()
            session.create()
            cookies.append(f"sessionid={session.session_key}")
    return cookies


if __name__ == "__main__":
    Path(sys.argv[1]).write_text("\n".join(fill(int(os.environ["PEOPLE"]))))
