"""The inbox: what an event must not be processed beside, the stack of its last error, an admin's note."""

from alembic import op

revision = "0005"
down_revision = "0008"
branch_labels = None
depends_on = None

COLUMNS = """
alter table stripe_event
    add column subject varchar(80),
    add column last_stack text,
    add column note text,
    alter column object_type type varchar(80);
update stripe_event set subject = coalesce(case when type like 'account.%' then account end, object_id, id);
alter table stripe_event alter column subject set not null;
"""

INDEXES = """
create index ix_stripe_event_leased on stripe_event (subject) where state = 'RECEIVED' and lease_until is not null;
"""


def upgrade() -> None:
    """Add the columns, say of every stored event what it is about, and index what is being processed."""
    for statements in (COLUMNS, INDEXES):
        op.execute(statements)
