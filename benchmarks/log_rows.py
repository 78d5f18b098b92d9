"""Millions of rows in both books, made by the server itself; the same number gives the same rows."""

import random
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, text

from benchmarks.log_kinds import PLACES, kinds

DAYS = 90
MONEY_SHARE = 10
"""One row of the book of money to so many of the log."""
RARE, RARE_ROWS = "hippocampe", 20
AT_ONCE = 2
"""Connections that fill, index and vacuum: one a core of an ordinary machine."""
CHUNK = 100_000

KINDS = """
drop table if exists kind;
create unlogged table kind (slot integer primary key, type text, level log_level, actor log_actor,
                            message text, metadata text, mask integer)
"""
TEXTS = {
    "payoutId": "md5('payout' || n / 100000 * 1000 + h % 1000)::uuid",
    "creatorId": "md5('creator' || (h >> 10) % 5000 * ((h >> 22) % 5000) / 5000)::uuid",
    "bookingId": "md5('booking' || n / 100000 * 2000 + h % 2000)::uuid",
    "paymentId": "md5('payment' || n / 100000 * 2000 + h % 2000)::uuid",
    "refundId": "md5('refund' || n / 100000 * 50 + h % 50)::uuid",
    "disputeId": "md5('dispute' || n / 100000 * 10 + h % 10)::uuid",
    "offerId": "md5('offer' || (h >> 12) % 20000)::uuid",
    "eventId": "'evt_' || left(md5('event' || n / 4), 24)",
    "runId": "md5('run' || n / 20000)::uuid",
    "adminId": "md5('admin' || (h >> 5) % 5)::uuid",
    "userId": "md5('user' || (h >> 8) % 50000)::uuid",
    "amount": "(5 + (h >> 16) % 900) || '.' || 10 + (h >> 30) % 90",
    "ms": "(3 + (h >> 7) % 1900)",
    "ip": "'10.' || (h >> 9) % 250 || '.' || (h >> 17) % 250 || '.' || (h >> 25) % 250",
    "stripe": "left(md5('stripe' || n), 24)",
}
FILLED = ", ".join(
    f"case when mask & {1 << place} <> 0 then ({TEXTS[name]})::text end as p{place}"
    for place, name in enumerate(PLACES)
)
GIVEN = ", ".join(f"p{place}" for place in range(len(PLACES)))
MOMENT = """cast(:start as timestamptz) + interval '1 second' * (x + 8000 * sin(x * 2 * pi() / 86400))"""
"""Days are busier than nights, and time never runs backwards."""

LOG_ROWS = f"""
insert into log (id, created_at, level, type, actor, actor_id, message, metadata, request_id)
select n + 1, {MOMENT}, level, type, actor,
    case actor when 'USER' then md5('user' || (h >> 8) % 50000)::uuid::text
        when 'CREATOR' then ({TEXTS["creatorId"]})::text when 'ADMIN' then ({TEXTS["adminId"]})::text end,
    format(message, {GIVEN}) || case when n % :rare = 7 then ' ({RARE})' else '' end,
    format(metadata, {GIVEN})::jsonb,
    md5('request' || n / 4)::uuid
from (select n, x, h, level, type, actor, message, metadata, {FILLED}
    from (select n, n * cast(:step as double precision) as x,
            hashint8extended(n / 4, 1) & (1::bigint << 40) - 1 as h, hashint8extended(n, 2) & 16383 as slot
        from generate_series(cast(:first as bigint), :last) as n offset 0) as numbers
    join kind using (slot)) as rows
"""
MONEY_ROWS = f"""
insert into transaction_log (id, created_at, event_type, entity_type, entity_id, stripe_event_id, amount_minor,
    currency, status, metadata, payment_id, payout_id, actor, request_id)
select n + 1, {MOMENT}, (array['PAYMENT_CREATED', 'PAYMENT_SUCCEEDED', 'PAYOUT_CREATED', 'PAYOUT_PAID',
        'PAYOUT_FAILED', 'WEBHOOK_RECEIVED', 'PAYMENT_FAILED', 'PAYMENT_SUCCEEDED'])[kind + 1]
        ::transaction_event_type,
    (case when kind between 2 and 4 then 'PAYOUT' else 'PAYMENT' end)::entity_type,
    case when kind between 2 and 4 then payout else payment end, 'evt_' || left(md5('event' || m / 4), 24),
    500 + h % 90000, (array['EUR', 'EUR', 'USD', 'GBP'])[1 + h % 4], 'succeeded',
    jsonb_build_object('creatorId', creator, 'livemode', true, 'apiVersion', '2026-10-01'),
    case when kind between 2 and 4 then null else payment end, case when kind between 2 and 4 then payout end,
    'SYSTEM', md5('request' || m / 4)::uuid
from (select m, m / {MONEY_SHARE} as n, x, h, (h >> 20) % 8 as kind,
        md5('payout' || m / 100000 * 1000 + h % 1000)::uuid::text as payout,
        md5('payment' || m / 100000 * 2000 + h % 2000)::uuid::text as payment,
        md5('creator' || (h >> 10) % 5000 * ((h >> 22) % 5000) / 5000)::uuid::text as creator
    from (select m, m * cast(:step as double precision) as x,
            hashint8extended(m / 4, 1) & (1::bigint << 40) - 1 as h
        from generate_series(cast(:first as bigint), :last, {MONEY_SHARE}) as m offset 0) as numbers) as rows
"""
BOOKS = ("log", "transaction_log")
PARTS = "select inhrelid::regclass::text from pg_inherits where inhparent = cast(:book as regclass) order by 1"
INDEXES = "select indexname, indexdef from pg_indexes where tablename = :book and indexname like 'ix\\_%'"
BUILD = ("maintenance_work_mem = '512MB'", "max_parallel_maintenance_workers = 0", "work_mem = '64MB'")


def fill(engine: Engine, rows: int, told: Callable[[str], None]) -> None:
    """Both books full of rows of the last 90 days, indexed at the end, and vacuumed."""
    began = time.monotonic()
    with engine.connect() as connection:
        start = datetime.now(UTC) - timedelta(days=DAYS)
        connection.execute(
            text("select make_partitions(:first, :last)"),
            {"first": start - timedelta(days=1), "last": datetime.now(UTC)},
        )
        _write_kinds(connection)
        definitions = [d for book in BOOKS for d in _without_indexes(connection, book)]
    for what, queries in (
        ("rows", _inserts(rows, start)),
        ("indexes", _builds(engine, definitions)),
        ("vacuum", _vacuums(engine)),
    ):
        _all(engine, queries)
        told(f"{what} after {time.monotonic() - began:.0f} s")
    with engine.connect() as connection:
        for definition in definitions:
            connection.exec_driver_sql(definition.replace(" ON ONLY ", " ON ", 1))
        connection.exec_driver_sql("drop table kind")
        connection.exec_driver_sql("analyze")
        for book in BOOKS:
            connection.exec_driver_sql(
                f"select setval(pg_get_serial_sequence('{book}', 'id'), max(id)) from {book}"
            )
    told(f"analyzed after {time.monotonic() - began:.0f} s")


def _write_kinds(connection: Connection) -> None:
    connection.exec_driver_sql(KINDS)
    insert = text("insert into kind values (:slot, :type, :level, :actor, :message, :metadata, :mask)")
    found: list[dict[str, Any]] = []
    for slot, kind in enumerate(kinds(random.Random(1))):
        given = {"message": kind.message, "metadata": kind.metadata, "mask": kind.mask}
        found.append({"slot": slot, "type": kind.type, "level": kind.level, "actor": kind.actor, **given})
    connection.execute(insert, found)
    connection.exec_driver_sql("analyze kind")


def _without_indexes(connection: Connection, book: str) -> list[str]:
    """Drop a book's indexes but its key's; what makes them again."""
    found = connection.execute(text(INDEXES), {"book": book}).all()
    for name, _ in found:
        connection.exec_driver_sql(f'drop index "{name}"')
    return [definition for _, definition in found]


def _inserts(rows: int, start: datetime) -> list[tuple[str, dict[str, Any]]]:
    """One statement a chunk of rows, the old half and the young one in turn."""
    given = {"start": start, "step": DAYS * 86400 / rows, "rare": max(8, rows // RARE_ROWS)}
    spans = [{**given, "first": n, "last": min(n + CHUNK, rows) - 1} for n in range(0, rows, CHUNK)]
    half = -(-len(spans) // 2)
    turns = [span for pair in zip(spans[:half], [*spans[half:], None], strict=False) for span in pair if span]
    return [(query, span) for span in turns for query in (LOG_ROWS, MONEY_ROWS)]


def _builds(engine: Engine, definitions: Iterable[str]) -> list[tuple[str, dict[str, Any]]]:
    """Each index of each partition by itself; the book's index takes them over. The longest ones first."""
    found = []
    for definition in sorted(definitions, key=lambda one: "gin" not in one):
        book = "transaction_log" if ".transaction_log " in definition else "log"
        columns = definition.split(" USING ", 1)[1]
        found += [(f"create index on {part} using {columns}", {}) for part in _parts(engine, book)]
    return found


def _vacuums(engine: Engine) -> list[tuple[str, dict[str, Any]]]:
    return [(f"vacuum (freeze) {part}", {}) for book in BOOKS for part in _parts(engine, book)]


def _parts(engine: Engine, book: str) -> list[str]:
    with engine.connect() as connection:
        return [str(name) for name in connection.scalars(text(PARTS), {"book": book})]


def _all(engine: Engine, queries: Iterable[tuple[str, dict[str, Any]]]) -> None:
    """Run all on a few connections, in order."""
    waiting = list(queries)

    def work(_: int) -> None:
        with engine.connect() as connection:
            for setting in BUILD:
                connection.exec_driver_sql(f"set {setting}")
            while waiting:
                query, values = waiting.pop(0)
                connection.execute(text(query), values) if values else connection.exec_driver_sql(query)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(work, range(AT_ONCE)))
