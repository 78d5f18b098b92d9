"""Into the database on the owner's connection: partitions, COPY, roll-ups, statistics."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

from sqlalchemy import Connection, text

from portal.demo.rows import LOG_COLUMNS, Books, line
from portal.jobs.roll_up_logs import DAYS, KEYS

ORDER = (
    "user",
    "creator",
    "call_offer",
    "booking",
    "payment",
    "transfer",
    "refund",
    "dispute",
    "payout",
    "payout_attempt",
    "stripe_event",
    "job_run",
    "transaction_log",
)
BUILD = (
    "maintenance_work_mem = '256MB'",
    "min_parallel_table_scan_size = 0",
    "max_parallel_maintenance_workers = 2",
)
ROLL_UP = """
insert into log_hour_{by} (bucket, level, {by}, n)
select date_trunc('hour', created_at, 'UTC'), level, {by}, count(*) from log
where created_at < date_trunc('hour', now(), 'UTC') group by 1, 2, 3
on conflict (bucket, level, {by}) do update set n = excluded.n
"""


def make_partitions(connection: Connection, first: datetime, last: datetime) -> None:
    """Places for every row of the two books between two moments, and two weeks on."""
    query = text("select make_partitions(:first, :last)")
    connection.execute(query, {"first": first, "last": last + timedelta(weeks=2)})


def load_tables(connection: Connection, books: Books) -> None:
    """Everything but `log`."""
    for table in ORDER:
        rows = books.tables[table]
        if table == "transaction_log":
            rows = sorted(rows, key=lambda row: row["created_at"])
        if rows:
            columns = tuple(rows[0])
            copy_lines(connection, table, columns, (line(tuple(row[c] for c in columns)) for row in rows))


def load_numbered(connection: Connection, books: Books) -> None:
    """The rows of `log` that others name by their id; later rows get higher ids."""
    if books.numbered:
        copy_lines(connection, "log", ("id", *LOG_COLUMNS), (row for _, row in books.numbered))
        query = text("select setval(pg_get_serial_sequence('log', 'id'), :last)")
        connection.execute(query, {"last": len(books.numbered)})


def copy_lines(connection: Connection, table: str, columns: tuple[str, ...], lines: Iterable[str]) -> None:
    """Lines of COPY's text format into a table."""
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor:
        cursor.copy_expert(f'copy "{table}" ({", ".join(columns)}) from stdin', StringIO("".join(lines)))


@contextmanager
def indexed_at_the_end(connection: Connection) -> Iterator[None]:
    """Build the indexes of `log` once, after many rows: row by row takes several times as long.

    Nobody else can read or write `log` until the transaction ends.
    """
    query = "select indexname, indexdef from pg_indexes where tablename = 'log' and indexname like 'ix\\_%'"
    found = connection.execute(text(query)).all()
    for name, _ in found:
        connection.exec_driver_sql(f'drop index "{name}"')
    yield
    for setting in BUILD:
        connection.exec_driver_sql(f"set local {setting}")
    for _, definition in found:
        connection.exec_driver_sql(definition.replace(" ON ONLY ", " ON ", 1))


def count_logs(connection: Connection) -> int:
    """How many rows `log` holds."""
    return int(connection.scalar(text("select count(*) from log")) or 0)


def finish(connection: Connection) -> None:
    """Count the complete hours, anew where they were counted before, and tell the planner what there is."""
    ended = {"first": "-infinity", "last": datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)}
    for by in KEYS:
        connection.execute(text(ROLL_UP.format(by=by)))
        connection.execute(DAYS[by], ended)
    connection.execute(text("analyze log, transaction_log"))
