"""What reading the books needs: an index that the live tail reads by, exports' records, saved views."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0012"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
BOOKS = "book in ('log', 'transaction_log')"
RIGHTS = """
grant select, insert, update, delete on saved_view to callastar_app;
grant select, insert on log_export to callastar_app;
grant update (state, ended_at, row_count, byte_count, sha256, error) on log_export to callastar_app;
"""
UNFINISHED = """
select c.relname from pg_index i join pg_class c on c.oid = i.indexrelid
where not i.indisvalid and c.relname ~ '^log_\\d{4}w\\d\\d_txid_idx$'
"""
WEEKS = "select inhrelid::regclass::text from pg_inherits where inhparent = 'log'::regclass order by 1"


def upgrade() -> None:
    """Make the tables, then index each week of the log without holding up who writes; may be run again."""
    op.execute("set local lock_timeout = '5s'")
    _exports()
    _views()
    op.execute(RIGHTS)
    op.execute("create index if not exists ix_log_txid on only log (txid)")
    with op.get_context().autocommit_block():
        _index_weeks()


def _exports() -> None:
    op.create_table(
        "log_export",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("book", sa.String(15), nullable=False),
        sa.Column("format", sa.String(6), nullable=False),
        sa.Column("filters", postgresql.JSONB, nullable=False),
        sa.Column("user_id", sa.Uuid, sa.ForeignKey("user.id")),
        sa.Column("asked_by", sa.String(200), nullable=False),
        sa.Column("request_id", sa.Uuid, nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("row_count", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("byte_count", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("sha256", sa.String(64)),
        sa.Column("error", sa.String(200)),
        sa.CheckConstraint(BOOKS, name="book"),
        sa.CheckConstraint("format in ('csv', 'ndjson')", name="format"),
        sa.CheckConstraint("state in ('RUNNING', 'COMPLETE', 'CUT', 'FAILED')", name="state"),
        sa.CheckConstraint("(state = 'RUNNING') = (ended_at is null)", name="ended"),
        if_not_exists=True,
    )
    op.create_index("ix_log_export_started", "log_export", ["started_at", "id"], if_not_exists=True)


def _views() -> None:
    op.create_table(
        "saved_view",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("book", sa.String(15), nullable=False),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("name_key", sa.String(180), nullable=False),
        sa.Column("query", sa.String(4000), nullable=False),
        sa.Column("owner_id", sa.Uuid, sa.ForeignKey("user.id"), nullable=False),
        sa.Column("is_shared", sa.Boolean, nullable=False, server_default="false"),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        sa.Column("created_at", MOMENT, nullable=False, server_default=sa.func.now()),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.CheckConstraint(BOOKS, name="book"),
        sa.UniqueConstraint("owner_id", "book", "name_key"),
        if_not_exists=True,
    )
    op.create_index(
        "uq_saved_view_shared",
        "saved_view",
        ["book", "name_key"],
        unique=True,
        postgresql_where=sa.text("is_shared"),
        if_not_exists=True,
    )


def _index_weeks() -> None:
    """Weeks made from here on have the index by themselves."""
    connection = op.get_bind()
    for name in connection.exec_driver_sql(UNFINISHED).scalars().all():
        op.execute(f"drop index concurrently {name}")
    for week in connection.exec_driver_sql(WEEKS).scalars().all():
        op.execute(f"create index concurrently if not exists {week}_txid_idx on {week} (txid)")
        op.execute(f"alter index ix_log_txid attach partition {week}_txid_idx")
