"""The books' search functions name their schema: pg_restore empties the search path, and refused the tables."""

from alembic import op

revision = "0015b"
down_revision = "0010"
branch_labels = None
depends_on = None

FUNCTIONS = """
create or replace function log_search(type text, message text, actor_id text, metadata jsonb) returns text
language sql immutable parallel safe as $$
    select lower(concat_ws(E'\\n', type, message, actor_id, public.metadata_values(metadata)))
$$;

create or replace function transaction_search(
    event_type transaction_event_type, entity_id text, status text, error_message text, metadata jsonb
) returns text
language sql immutable parallel safe as $$
    select lower(concat_ws(E'\\n', event_type::text, entity_id, status, error_message,
                           public.metadata_values(metadata)))
$$;
"""


def upgrade() -> None:
    """Say the same with the schema's name; what is stored stays as it is."""
    op.execute(FUNCTIONS)
