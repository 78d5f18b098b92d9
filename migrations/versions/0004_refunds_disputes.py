"""What sending a refund has to remember, and what a dispute holds back."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

SENDING = (
    sa.Column("idempotency_key", sa.String(80)),
    sa.Column("params", postgresql.JSONB()),
    sa.Column("form_token", sa.String(64)),
    sa.Column("send_count", sa.Integer(), nullable=False, server_default="0"),
    sa.Column("first_sent_at", sa.DateTime(timezone=True)),
    sa.Column("last_sent_at", sa.DateTime(timezone=True)),
    sa.Column("next_send_at", sa.DateTime(timezone=True)),
    sa.Column("lease_holder", sa.Uuid()),
    sa.Column("lease_until", sa.DateTime(timezone=True)),
    sa.Column("settled_at", sa.DateTime(timezone=True)),
)


def upgrade() -> None:
    """Add the columns; nothing that is there has to be sent again."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    for column in SENDING:
        op.add_column("refund", column)
    op.create_unique_constraint(op.f("uq_refund_idempotency_key"), "refund", ["idempotency_key"])
    op.create_unique_constraint(op.f("uq_refund_form_token"), "refund", ["form_token"])
    op.create_index(
        op.f("ix_refund_due"), "refund", ["next_send_at"], postgresql_where=sa.text("next_send_at is not null")
    )
    op.add_column("dispute", sa.Column("withdrawn_minor", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_index(
        op.f("ix_dispute_open"), "dispute", ["payment_id"], postgresql_where=sa.text("closed_at is null")
    )
    op.create_index(op.f("ix_refund_created"), "refund", ["created_at", "id"])
    op.create_index(op.f("ix_dispute_created"), "dispute", ["created_at", "id"])
