"""Whether the database answers, and which migration it has reached."""

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session


def reached_revision(session: Session) -> str | None:
    """The migration that the database has reached, empty before the first; None when it does not answer."""
    try:
        known = session.scalar(text("select to_regclass('alembic_version') is not null"))
        revision = session.scalar(text("select max(version_num) from alembic_version")) if known else ""
    except SQLAlchemyError:
        session.invalidate()
        return None
    return revision or ""
