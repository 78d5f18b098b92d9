"""Rows of the past, written as the owner, and the weeks that hold them."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

MANY = text(
    "insert into log (created_at, level, type, actor, message, metadata, request_id)"
    " select :at - n * cast(:apart as interval), cast(:level as log_level), 'PAST_EVENT', 'USER', 'm',"
    " jsonb_build_object('note', repeat('x', :width)), gen_random_uuid() from generate_series(1, :count) as n"
)


def write_old(
    session: Session, level: str, days: float, count: int = 1, width: int = 10, apart: str = "1 ms"
) -> None:
    """Rows of a level, so many days old."""
    at = datetime.now(UTC) - timedelta(days=days)
    session.execute(text("select make_partitions(:first, :at)"), {"first": at - timedelta(days=1), "at": at})
    session.execute(MANY, {"at": at, "level": level, "count": count, "width": width, "apart": apart})
    session.commit()


def held(session: Session) -> dict[str, int]:
    """How many old rows there are, by level."""
    session.rollback()
    rows = session.execute(text("select level::text, count(*) from log where type = 'PAST_EVENT' group by 1"))
    return {row[0]: row[1] for row in rows}


def drop_old_weeks(owner: Engine) -> None:
    """Leave the weeks that a new database has."""
    with owner.begin() as connection:
        old = "select inhrelid::regclass::text from pg_inherits where inhparent = 'log'::regclass"
        for part in connection.scalars(text(old)).all():
            week = datetime.strptime(part.removeprefix("log_") + "1", "%Gw%V%u").replace(tzinfo=UTC)
            if week < datetime.now(UTC) - timedelta(days=28):
                connection.execute(text(f"drop table {part}"))
