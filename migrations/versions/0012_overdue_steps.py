"""Which late steps of payouts, bookings, refunds and disputes were told."""

from alembic import op

revision = "0012"
down_revision = "0014"
branch_labels = None
depends_on = None

TABLE = """
create table overdue_step (
    kind varchar(20) not null,
    entity_id uuid not null,
    step varchar(30) not null,
    since timestamptz not null,
    due_at timestamptz not null,
    told_at timestamptz not null,
    constraint pk_overdue_step primary key (kind, entity_id, step, since)
);
grant select, insert on overdue_step to callastar_app;
"""


def upgrade() -> None:
    """Make the table; the application adds to it and changes nothing."""
    op.execute(TABLE)
