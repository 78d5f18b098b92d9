"""`flask logs search`, `export` and `verify-export`: the explorers of both books for a terminal."""

import getpass
import hashlib
import json
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

import click
from flask.cli import with_appcontext
from werkzeug.datastructures import MultiDict

from portal.audit.actor import SYSTEM, operation
from portal.domain.exports import Asked, begin_export, export_pieces
from portal.domain.work import utc_now
from portal.queries.columns import cell, parse_columns
from portal.queries.export_search import Manifest, find_manifest
from portal.queries.exports import Book, ExportFormat, Search, batches, log_record, money_record
from portal.queries.frozen import frozen, moment
from portal.queries.log_search import PARAMETERS as LOG_PARAMETERS
from portal.queries.log_search import LogSearch
from portal.queries.paging import BadParameter
from portal.queries.search_language import BadQuery
from portal.queries.transaction_search import PARAMETERS as MONEY_PARAMETERS
from portal.queries.transaction_search import TransactionSearch
from portal.unit_of_work import long_reading, reading, reading_books, unit_of_work

BOOKS = {"system": Book.LOG, "money": Book.TRANSACTION_LOG}
PARAMETERS = tuple(dict.fromkeys((*LOG_PARAMETERS, *MONEY_PARAMETERS, "columns")))
FORMATS = [kind.value for kind in ExportFormat]
ZONE = "UTC"
"""Days without a zone; `--tz` says another."""
SHOWN = {
    Book.LOG: ("createdAt", "level", "type", "actor", "actorId", "message"),
    Book.TRANSACTION_LOG: ("createdAt", "eventType", "amount", "currency", "entityType", "entityId", "status"),
}
Command = Callable[..., None]
Options = Mapping[str, tuple[str, ...]]


def _parameters(command: Command) -> Command:
    """Every parameter of both explorers as an option of its own name; repeat one for alternatives."""
    for name in reversed(PARAMETERS):
        command = click.option(f"--{name}", f"given_{name}", multiple=True, metavar="VALUE")(command)
    book = click.option("--book", type=click.Choice(sorted(BOOKS)), default="system", show_default=True)
    return book(command)


def _searched(book: Book, options: Options) -> tuple[Search, tuple[str, ...], MultiDict[str, str]]:
    """The search of the options, as the explorer would read its address."""
    args = MultiDict((name.removeprefix("given_"), value) for name, values in options.items() for value in values)
    try:
        columns = parse_columns(args)
        kind: Any = LogSearch if book is Book.LOG else TransactionSearch
        return kind.from_args(args, now=utc_now(), tz=ZONE, also=("columns",)), columns, args
    except BadParameter as error:
        raise _wrong(error) from error


def _wrong(error: BadParameter) -> click.ClickException:
    expected = error.expected % error.words if error.words else error.expected
    return click.ClickException(f"--{error.parameter} {error.value!r}: {expected}{_pointed(error)}")


def _pointed(error: BadParameter) -> str:
    """Where in a search the mistake is, and what would be right there."""
    if not isinstance(error, BadQuery):
        return ""
    marked = f"\n  {error.query}\n  {' ' * error.position}{'^' * error.length}"
    return f"{marked}  {error.suggestion}?" if error.suggestion else marked


@click.command("search")
@with_appcontext
@_parameters
@click.option("--format", "shape", type=click.Choice(["table", "ndjson"]), default="table", show_default=True)
def search(book: str, shape: str, **options: tuple[str, ...]) -> None:
    """One page of a book, with the explorer's parameters; the next one by the --cursor that is printed."""
    which = BOOKS[book]
    wanted, columns, _ = _searched(which, options)
    try:
        page = wanted.page(reading_books())
    except BadParameter as error:
        raise _wrong(error) from error
    record: Callable[[Any], dict[str, Any]] = log_record if which is Book.LOG else money_record
    records = [record(row) for row in page.rows]
    for line in _table(records, which, columns) if shape == "table" else map(_json, records):
        click.echo(line)
    if page.next:
        click.echo(f"--cursor {page.next.encode()}", err=True)


def _json(record: dict[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False, default=float)


def _table(records: list[dict[str, Any]], book: Book, columns: tuple[str, ...]) -> Iterator[str]:
    """Aligned columns; control characters of a message never reach the terminal."""
    heads = [*SHOWN[book], *columns]
    lines = [
        [_plain(record[name]) for name in SHOWN[book]] + [_plain(cell(record["metadata"], key)) for key in columns]
        for record in records
    ]
    widths = [max(len(line[n]) for line in [heads, *lines]) for n in range(len(heads))]
    for line in [heads, *lines]:
        yield "  ".join(value.ljust(width) for value, width in zip(line, widths, strict=True)).rstrip()


def _plain(value: Any) -> str:
    text = "-" if value in (None, "") else str(value)
    return "".join(c if c.isprintable() else " " for c in text)[:120]


@click.command("export")
@with_appcontext
@_parameters
@click.option("--format", "shape", type=click.Choice(FORMATS), default="ndjson", show_default=True)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def export(book: str, shape: str, file: Path, **options: tuple[str, ...]) -> None:
    """The whole result into FILE, and its manifest into FILE.manifest.json beside it."""
    if options.get("given_cursor") or options.get("given_limit"):
        raise click.ClickException("an export holds the whole result: no --cursor, no --limit")
    wanted, columns, args = _searched(BOOKS[book], options)
    given = frozen(args.items(multi=True), wanted.period, now=utc_now())
    filters = {name: [v for n, v in given if n == name] for name, _ in given}
    by = f"{getpass.getuser()}@{socket.gethostname()}"
    asked = Asked(BOOKS[book], ExportFormat(shape), filters, by)
    with _whole(file) as out, operation(), long_reading() as books:
        with unit_of_work() as session:
            begun = begin_export(session, asked=asked, actor=SYSTEM, now=utc_now())
        found = batches(books, wanted, asked.format, columns)
        pieces = export_pieces(unit_of_work, export=begun, batches=found, clock=utc_now, longest=None)
        with closing(pieces):
            out.writelines(pieces)
    manifest = find_manifest(reading(), begun.id)
    if manifest is None or not manifest.is_complete:
        raise click.ClickException(f"export {begun.id} did not end well")
    beside = Path(f"{file}.manifest.json")
    beside.write_text(json.dumps(manifest_of(manifest), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    click.echo(f"{manifest.rows} rows, {manifest.bytes} bytes, sha256 {manifest.sha256}")


@contextmanager
def _whole(file: Path) -> Iterator[BinaryIO]:
    """A file under another name until it is whole; what does not become so is removed."""
    part = file.with_name(f"{file.name}.part")
    try:
        with part.open("wb") as out:
            yield out
        part.replace(file)
    except BadParameter as error:
        raise _wrong(error) from error
    except OSError as error:
        raise click.ClickException(f"{file}: {error.strerror}") from error
    finally:
        with suppress(OSError):
            part.unlink()


def manifest_of(manifest: Manifest) -> dict[str, Any]:
    """A manifest as its file says it: the API's names."""
    return {
        "id": str(manifest.id),
        "book": manifest.book,
        "format": manifest.format,
        "filters": manifest.filters,
        "by": manifest.asked_by,
        "requestId": str(manifest.request_id),
        "startedAt": moment(manifest.created_at),
        "endedAt": moment(manifest.ended_at) if manifest.ended_at else None,
        "complete": manifest.is_complete,
        "rows": manifest.rows,
        "bytes": manifest.bytes,
        "sha256": manifest.sha256,
    }


@click.command("verify-export")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("export_id", required=False, type=click.UUID)
@with_appcontext
def verify_export(file: Path, export_id: UUID | None) -> None:
    """Whether FILE is the whole export that the portal recorded: by its id, or the manifest beside it."""
    beside = Path(f"{file}.manifest.json")
    if export_id is None and not beside.exists():
        raise click.ClickException(f"no {beside}: name the export's id")
    manifest = find_manifest(reading(), export_id or _id_in(beside))
    if manifest is None:
        raise click.ClickException("the portal knows no such export")
    size, digest = _measured(file)
    if not manifest.is_complete:
        click.echo(f"NOT WHOLE: export {manifest.id} is {manifest.state} ({manifest.error or 'no end known'})")
        sys.exit(1)
    if (size, digest) != (manifest.bytes, manifest.sha256):
        click.echo(f"DIFFERENT: {size} bytes, sha256 {digest}; recorded {manifest.bytes}, {manifest.sha256}")
        sys.exit(1)
    click.echo(f"OK: {manifest.rows} rows by {manifest.asked_by}, {moment(manifest.created_at)}")


def _id_in(beside: Path) -> UUID:
    try:
        return UUID(json.loads(beside.read_text(encoding="utf-8"))["id"])
    except (ValueError, KeyError, TypeError) as error:
        raise click.ClickException(f"{beside} is no manifest") from error


def _measured(file: Path) -> tuple[int, str]:
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return file.stat().st_size, digest
