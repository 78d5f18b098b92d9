"""The marketplace's flows: offers that are hidden, not erased; booking deadlines and rooms; frozen payment intents."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

NUMBERED = """
update payment set n = numbered.n
from (select id, row_number() over (partition by booking_id order by created_at, id) as n from payment) as numbered
where numbered.id = payment.id
"""
STATUSES = "status in ('PENDING', 'SUCCEEDED', 'FAILED', 'REFUNDED', 'CANCELED')"


def upgrade() -> None:
    """Add the columns, their constraints and the indexes that pages and the expiry read by."""
    _offers()
    _bookings()
    _payments()


def _offers() -> None:
    op.add_column("call_offer", sa.Column("deleted_at", sa.DateTime(timezone=True)))
    op.add_column("call_offer", sa.Column("version", sa.Integer, nullable=False, server_default="1"))
    shown = sa.text("status = 'AVAILABLE' and deleted_at is null")
    op.create_index("ix_call_offer_available", "call_offer", ["starts_at"], postgresql_where=shown)


def _bookings() -> None:
    op.add_column("booking", sa.Column("expires_at", sa.DateTime(timezone=True)))
    op.add_column("booking", sa.Column("end_reason", sa.String(200)))
    op.add_column("booking", sa.Column("daily_room_name", sa.String(80)))
    op.add_column("booking", sa.Column("daily_room_url", sa.String(300)))
    waiting = sa.text("status = 'PENDING'")
    op.create_index("ix_booking_expiring", "booking", ["expires_at"], postgresql_where=waiting)
    op.execute("update booking set expires_at = created_at + interval '30 minutes' where status = 'PENDING'")


def _payments() -> None:
    op.add_column("payment", sa.Column("n", sa.Integer, nullable=False, server_default="1"))
    op.execute(NUMBERED)
    op.add_column("payment", sa.Column("idempotency_key", sa.String(80)))
    op.create_unique_constraint(op.f("uq_payment_idempotency_key"), "payment", ["idempotency_key"])
    op.add_column("payment", sa.Column("params", postgresql.JSONB))
    op.drop_constraint(op.f("ck_payment_status"), "payment")
    op.create_check_constraint(op.f("ck_payment_status"), "payment", STATUSES)
    open_ = sa.text("status in ('PENDING', 'FAILED')")
    op.create_index("ix_payment_open", "payment", ["booking_id"], postgresql_where=open_)
