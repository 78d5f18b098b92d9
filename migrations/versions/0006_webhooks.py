"""The inbox: what an event must not be processed beside, its last error's stack, what an admin decided; lists."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

COLUMNS = """
alter table stripe_event
    add column subject varchar(80),
    add column last_stack text,
    add column note text,
    add column decided_by uuid constraint fk_stripe_event_decided_by_user references "user" (id),
    add column decided_at timestamptz,
    alter column object_type type varchar(80);
update stripe_event set subject = coalesce(case when type like 'account.%' then account end, object_id, id);
alter table stripe_event alter column subject set not null;
"""

INDEXES = """
create index ix_stripe_event_leased on stripe_event (subject) where state = 'RECEIVED' and lease_until is not null;
create index ix_stripe_event_subject on stripe_event (subject);
create index ix_stripe_event_type on stripe_event (type, received_at, id);
create index ix_stripe_event_account on stripe_event (account, received_at, id) where account is not null;
create index ix_stripe_event_unprocessed on stripe_event (state, received_at, id) where state <> 'PROCESSED';
create index ix_stripe_event_failed on stripe_event (received_at, id) where last_error is not null;
"""


def upgrade() -> None:
    """Add the columns, say of every stored event what it is about, and index what is being processed."""
    for statements in (COLUMNS, INDEXES):
        op.execute(statements)
