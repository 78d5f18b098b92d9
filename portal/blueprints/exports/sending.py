"""A search's whole result as a streamed answer, recorded before it begins and when it ends."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from typing import Any
from uuid import UUID

from flask import Flask, Response, current_app, g, request, url_for
from flask_babel import gettext

from portal.audit.actor import operation
from portal.blueprints.access import me
from portal.blueprints.errors import busy
from portal.blueprints.explorer import searched
from portal.domain.exports import Asked, Exporting, begin_export, export_pieces
from portal.domain.work import UnitOfWork, utc_now
from portal.queries.columns import parse_columns
from portal.queries.export_search import find_manifest
from portal.queries.exports import Book, ExportFormat, Search, batches, parse_format, refuse_place
from portal.queries.frozen import frozen
from portal.queries.log_search import LogSearch
from portal.queries.transaction_search import TransactionSearch
from portal.unit_of_work import long_reading, reading, unit_of_work

MIMETYPES = {ExportFormat.CSV: "text/csv; charset=utf-8", ExportFormat.NDJSON: "application/x-ndjson"}
ALSO = ("format",)
MOST_AT_ONCE = 3
RETRY_AFTER = 30
_room = threading.BoundedSemaphore(MOST_AT_ONCE)
"""Each export holds a thread of its process: the others stay for everybody else."""


def export_book(book: Book) -> Response:
    """The whole result of this address's search of a book. Raises BadParameter."""
    kind, columns = parse_format(request.args), parse_columns(request.args)
    refuse_place(request.args)
    search: Search = searched(LogSearch, also=ALSO) if book is Book.LOG else searched(TransactionSearch, also=ALSO)
    if not _room.acquire(blocking=False):
        return busy(gettext("Plusieurs exports sont déjà en cours ici."), RETRY_AFTER)
    return _answer(book, kind, search, columns)


def _answer(book: Book, kind: ExportFormat, search: Search, columns: Sequence[str]) -> Response:
    """The answer, once the database has given the first rows: until then an error is an ordinary one.

    Its rows are from before it was recorded: that record names what is searched for, and would be found.
    """
    with ExitStack() as until_sent:
        until_sent.callback(_room.release)
        books = until_sent.enter_context(long_reading())
        export = _begun(book, kind, search)
        app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
        found = batches(books, search, kind, columns)
        pieces = export_pieces(_units(app, g.request_id), export=export, batches=found, clock=utc_now)
        first = next(until_sent.enter_context(closing(pieces)), b"")
        manifest = find_manifest(reading(), export.id)
        name = manifest.name if manifest else f"{export.id}.{kind}"
        kept = until_sent.pop_all()
    answer = Response(_sent(first, pieces, kept), content_type=MIMETYPES[kind])
    answer.call_on_close(kept.close)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    answer.headers["Link"] = f'<{url_for("exports.detail", export_id=export.id)}>; rel="describedby"'
    answer.headers["X-Export-Id"] = str(export.id)
    return answer


def _begun(book: Book, kind: ExportFormat, search: Search) -> Exporting:
    given = [(k, v) for k, v in request.args.items(multi=True) if v.strip() and k != "format"]
    filters: dict[str, list[str]] = {}
    for name, value in frozen(given, search.period, now=utc_now()):
        filters.setdefault(name, []).append(value)
    asked = Asked(book=book, format=kind, filters=filters, by=me().email)
    with unit_of_work() as session:
        return begin_export(session, asked=asked, actor=me().actor, now=utc_now())


def _units(app: Flask, request_id: UUID) -> UnitOfWork:
    """Units of work of this request that outlive it: an answer is streamed when its view is long over."""

    @contextmanager
    def unit() -> Iterator[Any]:
        with app.app_context(), operation(request_id), unit_of_work() as session:
            yield session

    return unit


def _sent(first: bytes, rest: Iterator[bytes], kept: ExitStack) -> Iterator[bytes]:
    """An export that nobody goes on reading is closed, and recorded as cut."""
    with kept:
        yield first
        yield from rest
