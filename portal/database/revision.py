"""Which migration the code expects the database to have reached."""

from functools import cache
from pathlib import Path

from alembic.script import ScriptDirectory

MIGRATIONS = Path(__file__).parent.parent.parent / "migrations"


@cache
def newest_revision() -> str:
    """The head of the migrations that this code came with."""
    return ScriptDirectory(str(MIGRATIONS)).get_current_head() or ""
