"""A search's whole result as a streamed answer, recorded before it begins and when it ends."""

import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
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


@dataclass(slots=True)
class _Seat:
    """One export's room, given back once."""

    taken: bool = True

    def leave(self) -> None:
        if self.taken:
            self.taken = False
            _room.release()


def export_book(book: Book) -> Response:
    """The whole result of this address's search of a book. Raises BadParameter."""
    kind, columns = parse_format(request.args), parse_columns(request.args)
    refuse_place(request.args)
    search: Search = searched(LogSearch, also=ALSO) if book is Book.LOG else searched(TransactionSearch, also=ALSO)
    if not _room.acquire(blocking=False):
        return busy(gettext("Plusieurs exports sont déjà en cours ici."), RETRY_AFTER)
    seat = _Seat()
    try:
        return _answer(book, kind, search, columns, seat)
    except BaseException:
        seat.leave()
        raise


def _answer(book: Book, kind: ExportFormat, search: Search, columns: Sequence[str], seat: _Seat) -> Response:
    """The answer, once the database has given the first rows: until then an error is an ordinary one."""
    export = _begun(book, kind, search)
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    pieces = _pieces(export, search, kind, columns, _units(app, g.request_id))
    first = next(pieces, b"")
    answer = Response(_continued(first, pieces, seat), content_type=MIMETYPES[kind])
    answer.call_on_close(lambda: _ended(pieces, seat))
    page = url_for("exports.detail", export_id=export.id)
    manifest = find_manifest(reading(), export.id)
    name = manifest.name if manifest else f"{export.id}.{kind}"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    answer.headers["Link"] = f'<{page}>; rel="describedby"'
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


def _pieces(
    export: Exporting, search: Search, kind: ExportFormat, columns: Sequence[str], units: UnitOfWork
) -> Generator[bytes, None, None]:
    with long_reading() as session:
        found = batches(session, search, kind, columns)
        yield from export_pieces(units, export=export, batches=found, clock=utc_now)


def _continued(first: bytes, rest: Iterator[bytes], seat: _Seat) -> Iterator[bytes]:
    try:
        yield first
        yield from rest
    finally:
        seat.leave()


def _ended(pieces: Generator[bytes, None, None], seat: _Seat) -> None:
    """Whatever the reader did: an export that nobody goes on reading is recorded as cut."""
    try:
        pieces.close()
    finally:
        seat.leave()
