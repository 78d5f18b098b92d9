"""Alerts, their messages and silences; and the application no longer writes which migration was reached."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0011"
branch_labels = None
depends_on = None

RIGHTS = """
grant select, insert, update on alert, alert_message to callastar_app;
grant select, insert, update, delete on alert_silence to callastar_app;
revoke insert, update, delete on alembic_version from callastar_app;
"""
KINDS = "kind in ('critical', 'errors', 'job', 'payouts', 'webhooks')"
SAID = "kind in ('raised', 'reminder', 'resolved')"


def upgrade() -> None:
    """Make the three tables and say who may write them."""
    op.execute("set local lock_timeout = '5s'")
    _alerts()
    _silences()
    _messages()
    op.execute(RIGHTS)


def _moment(name: str, *, needed: bool = False) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=not needed)


def _alerts() -> None:
    op.create_table(
        "alert",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("facts", postgresql.JSONB(), nullable=False, server_default="{}"),
        _moment("opened_at", needed=True),
        _moment("seen_at", needed=True),
        _moment("resolved_at"),
        _moment("told_at"),
        _moment("acknowledged_at"),
        sa.Column("acknowledged_by", sa.Uuid()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert")),
        sa.ForeignKeyConstraint(["acknowledged_by"], ["user.id"], name=op.f("fk_alert_acknowledged_by")),
        sa.CheckConstraint(KINDS, name=op.f("ck_alert_kind")),
    )
    still = sa.text("resolved_at is null")
    op.create_index("uq_alert_open", "alert", ["key"], unique=True, postgresql_where=still)
    op.create_index("ix_alert_key_told", "alert", ["key", "told_at"])
    op.create_index("ix_alert_opened", "alert", ["opened_at", "id"])


def _silences() -> None:
    op.create_table(
        "alert_silence",
        sa.Column("key", sa.String(200), nullable=False),
        _moment("until", needed=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("set_by", sa.Uuid()),
        _moment("set_at", needed=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_alert_silence")),
        sa.ForeignKeyConstraint(["set_by"], ["user.id"], name=op.f("fk_alert_silence_set_by")),
    )


def _messages() -> None:
    op.create_table(
        "alert_message",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reference", sa.String(80), nullable=False),
        sa.Column("target", sa.String(80), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        _moment("made_at", needed=True),
        _moment("next_try_at"),
        sa.Column("tries", sa.Integer(), nullable=False, server_default="0"),
        _moment("sent_at"),
        sa.Column("last_error", sa.Text()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_message")),
        sa.UniqueConstraint("reference", "target", name=op.f("uq_alert_message_reference_target")),
        sa.CheckConstraint(SAID, name=op.f("ck_alert_message_kind")),
    )
    waits = sa.text("next_try_at is not null")
    op.create_index("ix_alert_message_due", "alert_message", ["next_try_at"], postgresql_where=waits)
    op.create_index("ix_alert_message_made", "alert_message", ["made_at"])
