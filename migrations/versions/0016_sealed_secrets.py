"""Room for authenticators' secrets encrypted; those that lie there as they are stay readable until sealed."""

from alembic import op

revision = "0016"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A wider varchar rewrites no row."""
    op.execute("set local lock_timeout = '5s'")
    op.execute("alter table second_factor alter column secret type varchar(255)")
