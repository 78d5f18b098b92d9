"""The log's hours together by day: sums over months read a twentieth as many counts. The job fills them."""

from alembic import op

revision = "0019"
down_revision = "0017"
branch_labels = None
depends_on = None

DAYS = """
create table log_day_type (
    bucket timestamptz not null,
    level log_level not null,
    type text not null,
    n bigint not null,
    constraint pk_log_day_type primary key (bucket, level, type)
);
create table log_day_actor (
    bucket timestamptz not null,
    level log_level not null,
    actor log_actor not null,
    n bigint not null,
    constraint pk_log_day_actor primary key (bucket, level, actor)
);
grant select, insert, update, delete on log_day_type, log_day_actor to callastar_app;
"""


def upgrade() -> None:
    """Make the two tables, beside those of the hours."""
    op.execute(DAYS)


def downgrade() -> None:
    """The hours are enough."""
    op.execute("drop table log_day_type, log_day_actor")
