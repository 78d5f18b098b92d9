"""Whole results of a search as a file: read through a cursor, a thousand rows at a time, from one snapshot."""

import csv
import io
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from portal.models import Book as Book
from portal.models import ExportFormat as ExportFormat
from portal.models import Log, TransactionLog
from portal.queries import transaction_entry
from portal.queries.columns import value_at
from portal.queries.frozen import moment
from portal.queries.log_entry import COLUMNS, LogEntry
from portal.queries.log_search import LogSearch
from portal.queries.paging import QUERY_CANCELED, BadParameter
from portal.queries.parameters import Arguments, one
from portal.queries.transaction_entry import TransactionEntry
from portal.queries.transaction_search import TransactionSearch

AT_ONCE = 1000
STATEMENT_SECONDS = 60
"""How long the database may look for the next thousand rows, and wait for whoever reads them."""
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""A cell of text that begins so would be run by a spreadsheet: it gets a leading apostrophe."""

Search = LogSearch | TransactionSearch
Batch = tuple[int, bytes]

LOG_FIELDS = ("id", "createdAt", "level", "type", "actor", "actorId", "message", "metadata", "requestId")
MONEY_FIELDS = (
    "id",
    "createdAt",
    "eventType",
    "entityType",
    "entityId",
    "stripeEventId",
    "amount",
    "currency",
    "status",
    "metadata",
    "errorMessage",
    "paymentId",
    "payoutId",
    "refundId",
    "requestId",
)


def parse_format(args: Arguments) -> ExportFormat:
    """The format that an address asks for. Raises BadParameter."""
    given = one(args, "format") or ""
    try:
        return ExportFormat(given)
    except ValueError as error:
        raise BadParameter("format", given, "csv ou ndjson") from error


def refuse_place(args: Arguments) -> None:
    """An export has no pages. Raises BadParameter."""
    for name in ("cursor", "limit"):
        if given := one(args, name):
            raise BadParameter(name, given, "rien : un export contient tout le résultat")


def batches(session: Session, search: Search, kind: ExportFormat, columns: Sequence[str] = ()) -> Iterator[Batch]:
    """The result in its order, as pieces of a file with the number of rows in each; at least one piece.

    Raises BadParameter when the database does not find the first rows within a minute.
    """
    is_log = isinstance(search, LogSearch)
    fields = LOG_FIELDS if is_log else MONEY_FIELDS
    record = log_record if is_log else money_record
    head = _csv([[*fields, *columns]]) if kind is ExportFormat.CSV else b""
    for rows in _partitions(session, search):
        records = [record(row) for row in rows]
        lines = (_cells(record, fields, columns) for record in records)
        body = _csv(lines) if kind is ExportFormat.CSV else b"".join(map(_line, records))
        yield len(rows), head + body
        head = b""
    if head:
        yield 0, head


def _partitions(session: Session, search: Search) -> Iterator[Sequence[Any]]:
    """Batches of entries. For each batch the database may take a minute, and so may whoever takes it."""
    for setting in ("statement_timeout", "idle_in_transaction_session_timeout"):
        session.execute(text(f"set local {setting} = '{STATEMENT_SECONDS}s'"))
    options = {"stream_results": True, "yield_per": AT_ONCE}
    make: Any = LogEntry if isinstance(search, LogSearch) else TransactionEntry
    rows = session.execute(statement(search), execution_options=options).partitions()
    first = _first(rows, search)
    yield from ([make(*row) for row in batch] for batch in itertools.chain([first] if first else [], rows))


def _first(rows: Iterator[Sequence[Any]], search: Search) -> Sequence[Any]:
    try:
        return next(rows, ())
    except OperationalError as error:
        if getattr(error.orig, "pgcode", None) != QUERY_CANCELED:
            raise
        raise BadParameter(*search.blame, "une recherche plus étroite, ou une période") from error


def statement(search: Search) -> Any:
    """Every row that passes, in the order of reading."""
    if isinstance(search, LogSearch):
        query, place = select(*COLUMNS), (Log.created_at, Log.id)
    else:
        query, place = select(*transaction_entry.COLUMNS), (TransactionLog.created_at, TransactionLog.id)
    return query.where(*search.filters()).order_by(*search.order.columns(*place))


def log_record(row: LogEntry) -> dict[str, Any]:
    """A row of the log under the specification's names."""
    return {
        "id": row.id,
        "createdAt": moment(row.created_at),
        "level": row.level,
        "type": row.type,
        "actor": row.actor,
        "actorId": row.actor_id,
        "message": row.message,
        "metadata": row.details,
        "requestId": str(row.request_id),
    }


def money_record(row: TransactionEntry) -> dict[str, Any]:
    """A row of the book of money under the specification's names."""
    return {
        "id": row.id,
        "createdAt": moment(row.created_at),
        "eventType": row.event_type,
        "entityType": row.entity_type,
        "entityId": row.entity_id,
        "stripeEventId": row.stripe_event_id,
        "amount": row.amount,
        "currency": row.currency,
        "status": row.status,
        "metadata": row.details,
        "errorMessage": row.error_message,
        "paymentId": row.payment_id,
        "payoutId": row.payout_id,
        "refundId": row.refund_id,
        "requestId": str(row.request_id),
    }


def _line(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"), default=float).encode() + b"\n"


def _cells(record: Mapping[str, Any], fields: Sequence[str], columns: Sequence[str]) -> list[str]:
    values = [record[name] for name in fields] + [value_at(record["metadata"], key) for key in columns]
    return [_cell(value) for value in values]


def _cell(value: Any) -> str:
    """A value as text that no spreadsheet runs; numbers are no text."""
    if value is None:
        return ""
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return str(value)
    shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return f"'{shown}" if shown.startswith(FORMULA) else shown


def _csv(lines: Iterable[Sequence[str]]) -> bytes:
    text_of = io.StringIO()
    csv.writer(text_of).writerows(lines)
    return text_of.getvalue().encode()
