"""What may follow where somebody is typing a search of one of the books."""

from flask import Response, jsonify, request

from portal.blueprints.access import READERS, requires
from portal.blueprints.api import bp
from portal.domain.work import utc_now
from portal.queries.log_language import log_vocabulary
from portal.queries.search_suggestions import suggestions_from_args
from portal.queries.search_vocabulary import Vocabulary
from portal.queries.transaction_language import transaction_vocabulary


@bp.get("/admin/system-logs/suggestions")
@requires(*READERS)
def log_suggestions() -> Response:
    """For the log."""
    return _suggested(log_vocabulary(utc_now(), "UTC"))


@bp.get("/admin/logs/suggestions")
@requires(*READERS)
def transaction_suggestions() -> Response:
    """For the book of money."""
    return _suggested(transaction_vocabulary(utc_now(), "UTC"))


def _suggested(words: Vocabulary) -> Response:
    found = suggestions_from_args(request.args, words)
    items = [{"text": item.text, "kind": item.kind} for item in found.items]
    return jsonify(start=found.start, end=found.end, items=items)
