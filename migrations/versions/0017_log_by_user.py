"""The log by the user that its metadata names: a user's trace needs no text index. Made while rows are written."""

from alembic import op
from sqlalchemy import text

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

INDEX = "ix_log_userid"
ON = "((metadata ->> 'userId'), created_at, id) where metadata ->> 'userId' is not null"
WITHOUT = text("""
select inhrelid::regclass::text from pg_inherits where inhparent = 'log'::regclass and not exists (
    select from pg_index join pg_inherits as own on own.inhrelid = pg_index.indexrelid
    where pg_index.indrelid = pg_inherits.inhrelid and own.inhparent = 'ix_log_userid'::regclass
)
order by 1
""")
"""Partitions that do not have the index yet."""


def upgrade() -> None:
    """An index a partition, none of which holds up a writer; a run that was interrupted goes on where it was."""
    with op.get_context().autocommit_block():
        op.execute(f"create index if not exists {INDEX} on only log {ON}")
        for partition in op.get_bind().scalars(WITHOUT).all():
            own = f"{partition}_userid"
            op.execute(f"drop index concurrently if exists {own}")
            op.execute(f"create index concurrently {own} on {partition} {ON}")
            op.execute(f"alter index {INDEX} attach partition {own}")


def downgrade() -> None:
    """Without it."""
    op.execute("set local lock_timeout = '5s'")
    op.execute(f"drop index {INDEX}")
