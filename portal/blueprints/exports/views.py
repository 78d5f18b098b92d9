"""The files of both books, the list of exports and the manifest of each."""

from uuid import UUID

from flask import Response, abort, jsonify, render_template, request

from portal.blueprints.access import READERS, requires, with_query
from portal.blueprints.api import bp as api
from portal.blueprints.exports import bp
from portal.blueprints.exports.sending import export_book
from portal.blueprints.exports.words import manifest_json, reason_of, state_of
from portal.blueprints.lists import page_href
from portal.domain.work import utc_now
from portal.queries.export_search import ExportSearch, ExportState, Manifest, find_manifest
from portal.queries.exports import Book
from portal.queries.parameters import refuse_unknown
from portal.unit_of_work import reading


@api.get("/admin/system-logs/export", endpoint="export_system_logs")
@bp.get("/system-logs/export")
@requires(*READERS)
def system_logs() -> Response:
    """The log, as a file."""
    return export_book(Book.LOG)


@api.get("/admin/logs/export", endpoint="export_transactions")
@bp.get("/logs/export")
@requires(*READERS)
def transactions() -> Response:
    """The book of money, as a file."""
    return export_book(Book.TRANSACTION_LOG)


@bp.get("/exports")
@requires(*READERS)
def index() -> str:
    """What left the books, newest first."""
    search = ExportSearch.from_args(request.args)
    page = search.page(reading())
    return render_template(
        "exports/index.html",
        search=search,
        page=page,
        states=[state.value for state in ExportState],
        state_of=lambda manifest: state_of(manifest, utc_now()),
        previous_href=page_href(page.previous),
        next_href=page_href(page.next),
        without=lambda **gone: with_query(cursor=None, **gone),
    )


@bp.get("/exports/<uuid:export_id>")
@requires(*READERS)
def detail(export_id: UUID) -> str:
    """One export's manifest."""
    refuse_unknown(request.args, ())
    manifest = _manifest_or_404(export_id)
    shown = {"manifest": manifest, "state": state_of(manifest, utc_now()), "reason": reason_of(manifest)}
    return render_template("exports/detail.html", **shown)


@api.get("/admin/exports/<uuid:export_id>", endpoint="export_manifest")
@requires(*READERS)
def manifest(export_id: UUID) -> Response:
    """The same for programs."""
    refuse_unknown(request.args, ())
    return jsonify(manifest_json(_manifest_or_404(export_id)))


def _manifest_or_404(export_id: UUID) -> Manifest:
    return find_manifest(reading(), export_id) or abort(404)
