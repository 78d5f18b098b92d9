"""What people prefer: theme, density, rows a page, keyboard shortcuts; zone and language were there."""

from alembic import op

revision = "0014"
down_revision = "0007"
branch_labels = None
depends_on = None

COLUMNS = """
set local lock_timeout = '5s';
alter table "user"
    add column theme varchar(5) not null default 'auto' constraint ck_user_theme check (theme in ('auto', 'light', 'dark')),
    add column density varchar(11) not null default 'normal'
        constraint ck_user_density check (density in ('compact', 'normal', 'comfortable')),
    add column page_size smallint not null default 50 constraint ck_user_page_size check (page_size in (25, 50, 100)),
    add column shortcuts boolean not null default true;
"""


def upgrade() -> None:
    """Add the columns with their defaults: no row is rewritten."""
    op.execute(COLUMNS)
