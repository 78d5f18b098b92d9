"""The book of money by the things that only its metadata names: traces need no text index to find them."""

from alembic import op

revision = "0008"
down_revision = "0013"
branch_labels = None
depends_on = None

NAMED = ("bookingId", "creatorId", "offerId", "runId", "userId")


def upgrade() -> None:
    """Add a partial index for each key; rows without the key cost nothing."""
    op.execute("set local lock_timeout = '5s'")
    for key in NAMED:
        value = f"metadata ->> '{key}'"
        op.execute(
            f"create index ix_transaction_log_{key.lower()} on transaction_log (({value}), created_at, id)"
            f" where {value} is not null"
        )
