"""Rows that break the catalogue, found without reading the others."""

from alembic import op

revision = "0010"
down_revision = "0008"
branch_labels = None
depends_on = None

INDEX = """
create index ix_log_violation on log (created_at, id) where metadata ? 'catalogueViolation'
"""


def upgrade() -> None:
    """Make the index; it is empty as long as every event is what the catalogue says."""
    op.execute("set local lock_timeout = '5s'")
    op.execute(INDEX)
