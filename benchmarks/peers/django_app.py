"""Django's admin over `log`, set up as its documentation advises for a large table, with its own sign-in.

The whole site is this file: settings, an unmanaged model, its admin. Django's own tables have their own schema.
"""

import os

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from sqlalchemy import make_url

PASSWORD = "callastar-demo"
url = make_url(os.environ["PEER_DATABASE"])
settings.configure(
    DEBUG=False,
    SECRET_KEY="benchmark",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    TIME_ZONE="Europe/Paris",
    LANGUAGE_CODE="fr",
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "django.contrib.staticfiles",
        "benchmarks.peers",
    ],
    STATIC_URL="/static/",
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": url.query.get("host") or url.host,
            "PORT": url.port or "",
            "USER": url.username,
            "PASSWORD": url.password or "",
            "NAME": url.database,
            "CONN_MAX_AGE": None,
            "OPTIONS": {"options": "-c search_path=peer_django,public"},
        }
    },
)
django.setup()

from django.contrib import admin, auth  # noqa: E402 -- after the settings
from django.core.management import call_command  # noqa: E402
from django.db import connection, models  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.urls import path  # noqa: E402

from portal.audit.catalogue import CATALOGUE  # noqa: E402

LEVELS = ("INFO", "WARNING", "ERROR", "CRITICAL")
ACTORS = ("USER", "CREATOR", "ADMIN", "SYSTEM", "GUEST")


class Log(models.Model):
    """The columns that the list shows and filters by; choices, so that no filter reads the table."""

    id = models.BigIntegerField(primary_key=True)
    created_at = models.DateTimeField()
    level = models.CharField(max_length=20, choices=[(name, name) for name in LEVELS])
    type = models.CharField(max_length=80, choices=[(name, name) for name in sorted(CATALOGUE)])
    actor = models.CharField(max_length=20, choices=[(name, name) for name in ACTORS])
    actor_id = models.TextField(null=True)
    message = models.TextField()
    metadata = models.JSONField()
    request_id = models.UUIDField()

    class Meta:
        app_label = "peers"
        managed = False
        db_table = "log"


@admin.register(Log)
class LogAdmin(admin.ModelAdmin):
    """A list of 50 rows, newest first; no count of the unfiltered table, no DISTINCT in filters."""

    list_display = ("created_at", "level", "type", "actor", "message")
    list_filter = ("level", "type", "actor")
    list_per_page = 50
    search_fields = ("message",)
    ordering = ("-created_at", "-id")
    show_full_result_count = False
    date_hierarchy = None


urlpatterns = [
    path("admin/", admin.site.urls),
    path("healthz", lambda _: HttpResponse("ok")),
]


def prepare() -> None:
    """Django's own tables, and somebody who may see everything."""
    with connection.cursor() as cursor:
        cursor.execute("create schema if not exists peer_django")
    call_command("migrate", verbosity=0)
    people = auth.get_user_model().objects
    if not people.filter(username="admin").exists():
        people.create_superuser("admin", "admin@callastar.test", PASSWORD)


app = WSGIHandler()

if __name__ == "__main__":
    prepare()
