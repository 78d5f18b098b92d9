"""What both explorers offer around their rows: a link that does not drift, the result as a file, columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from portal.blueprints.addresses import address
from portal.blueprints.explorer import Explorer, Pair, pairs
from portal.domain.work import utc_now
from portal.queries.columns import COLUMNS, cell, parse_columns
from portal.queries.exports import Book, ExportFormat
from portal.queries.frozen import frozen

EXPORTS = {Book.LOG: "exports.system_logs", Book.TRANSACTION_LOG: "exports.transactions"}


@dataclass(frozen=True, slots=True)
class Column:
    """A metadata key shown as a column, and the address without it."""

    key: str
    drop_href: str


@dataclass(frozen=True, slots=True)
class Tools:
    """One explorer's tools for the search being shown."""

    book: Book
    copy_href: str
    csv_href: str
    ndjson_href: str
    columns: Sequence[Column]
    hidden: Sequence[Pair]

    @staticmethod
    def cell(row: Any, key: str) -> str:
        """What a row shows in a column."""
        return cell(row.details, key)


def tools(explorer: Explorer, book: Book, search: Any, args: Any) -> Tools:
    """The tools for a search. Raises BadParameter for columns that cannot be."""
    timed = explorer.forms().as_parameters(pairs(), "from", "to") or pairs()
    fixed = frozen(timed, search.period, now=utc_now())
    query = f"?{urlencode(fixed)}" if fixed else ""
    whole = [pair for pair in pairs() if pair[0] != "limit"]
    keys = parse_columns(args)
    return Tools(
        book=book,
        copy_href=address(explorer.endpoint) + query,
        csv_href=_export(book, ExportFormat.CSV, whole),
        ndjson_href=_export(book, ExportFormat.NDJSON, whole),
        columns=[Column(key, _without_column(explorer, keys, key)) for key in keys],
        hidden=pairs(),
    )


def _export(book: Book, kind: ExportFormat, given: Sequence[Pair]) -> str:
    return f"{address(EXPORTS[book])}?{urlencode([*given, ('format', kind)])}"


def _without_column(explorer: Explorer, keys: Sequence[str], gone: str) -> str:
    left = ",".join(key for key in keys if key != gone)
    others = [pair for pair in pairs() if pair[0] != COLUMNS]
    return explorer.href([*others, (COLUMNS, left)] if left else others)
