"""What the jobs remember: the period a low balance was told for, and how an event reached the inbox."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the two columns."""
    op.add_column("creator", sa.Column("balance_low_period", sa.String(40)))
    op.add_column("stripe_event", sa.Column("origin", sa.String(10), nullable=False, server_default="webhook"))
    op.create_check_constraint(op.f("ck_stripe_event_origin"), "stripe_event", "origin in ('webhook', 'list')")
