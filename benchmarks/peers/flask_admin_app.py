"""Flask-Admin over `log`, set up as its documentation advises for a large table; no sign-in, to its advantage."""

import os
from datetime import datetime
from typing import Any

from flask import Flask
from flask_admin import Admin
from flask_admin.contrib.sqla import ModelView
from flask_admin.contrib.sqla.filters import FilterEqual
from flask_babel import Babel
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import BigInteger, DateTime, Enum, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

LEVELS = ("INFO", "WARNING", "ERROR", "CRITICAL")
ACTORS = ("USER", "CREATOR", "ADMIN", "SYSTEM", "GUEST")


class Base(DeclarativeBase):
    """The models' base."""


db = SQLAlchemy(model_class=Base)


class Log(Base):
    """The columns that the list shows and filters by."""

    __tablename__ = "log"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    level: Mapped[str] = mapped_column(Enum(*LEVELS, name="log_level"))
    type: Mapped[str] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(Enum(*ACTORS, name="log_actor"))
    actor_id: Mapped[str | None] = mapped_column(Text)
    message: Mapped[str] = mapped_column(Text)
    details: Mapped[dict[str, Any]] = mapped_column("metadata", JSONB)
    request_id: Mapped[str] = mapped_column(Text)


class LogView(ModelView):
    """A list of 50 rows, newest first, with the filters that the explorer has and a search of the message."""

    can_create = can_edit = can_delete = False
    page_size = 50
    column_list = ("created_at", "level", "type", "actor", "message")
    column_sortable_list = ("created_at",)
    column_default_sort = [("created_at", True), ("id", True)]  # noqa: RUF012 -- a tuple would be one column
    column_filters = (
        "created_at", "level", "type", "actor", "actor_id",
        FilterEqual(column=Log.details["payoutId"].astext, name="Payout id"),
    )  # fmt: skip
    column_searchable_list = ("message",)
    named_filter_urls = True


class UncountedLogView(LogView):
    """The same without the number of pages."""

    simple_list_pager = True


def create_app() -> Flask:
    """The two lists, at /admin/log/ and /admin/uncounted/."""
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["PEER_DATABASE"]
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"pool_size": 10}
    app.secret_key = "benchmark"
    db.init_app(app)
    Babel(app)  # Flask-Admin translates with it where it is installed
    admin = Admin(app, name="Callastar")
    admin.add_view(LogView(Log, db, endpoint="log"))
    admin.add_view(UncountedLogView(Log, db, endpoint="uncounted"))
    app.add_url_rule("/healthz", "healthz", lambda: "ok")
    return app


app = create_app()
