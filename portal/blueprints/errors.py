"""Errors as pages or JSON: a bad parameter, a refusal, a missing object, a bug; each with its request id."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from flask import Flask, Response, current_app, g, jsonify, make_response, render_template, request
from flask_babel import gettext
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, SecurityError

from portal.audit.outage import is_unreachable
from portal.audit.redaction import clean_text
from portal.audit.system_log import log_api_error
from portal.blueprints.access import SignedIn, person, record_guest, wants_json
from portal.blueprints.bad_queries import bad_query_page
from portal.domain.errors import DomainError, Refusal
from portal.domain.people import LogActor
from portal.queries.paging import BadParameter
from portal.queries.search_language import BadQuery
from portal.unit_of_work import gave_up_replica, reading

E = TypeVar("E", bound=Exception)
RETRY_AFTER = 5
"""Seconds after which to ask again while the database is gone: a restart takes about so long."""
PAGES = {400, 403, 404, 409, 413, 429, 500, 503}

WORDS = {
    400: "La requête n’est pas valide.",
    401: "Connectez-vous d’abord.",
    403: "Vous n’avez pas accès à cette page.",
    404: "Rien ne se trouve à cette adresse.",
    405: "Cette adresse ne répond pas à cette méthode.",
    413: "L’envoi est trop volumineux.",
    414: "Cette adresse est trop longue.",
    415: "Cette forme d’envoi n’est pas acceptée : le portail ne reçoit aucun fichier.",
    500: "Une erreur inattendue s’est produite.",
    503: "Le service est momentanément indisponible.",
}


def register(app: Flask) -> None:
    """Answer every error as this module says."""
    app.register_error_handler(BadParameter, _unless_gone(bad_parameter))
    app.register_error_handler(DomainError, _unless_gone(refused))
    app.register_error_handler(CSRFError, _unless_gone(csrf_missing))
    app.register_error_handler(HTTPException, _unless_gone(http_error))
    app.register_error_handler(Exception, _unless_gone(unexpected))


def _unless_gone(handler: Callable[[E], Response]) -> Callable[[E], Response]:
    """`handler`, or 503 when its page finds the database gone."""

    @wraps(handler)
    def handle(error: E) -> Response:
        try:
            return handler(error)
        except Exception as lost:
            if is_unreachable(lost):
                return database_gone(lost)
            raise

    return handle


def bad_parameter(error: BadParameter) -> Response:
    """400 naming the parameter and what it takes."""
    expected = gettext(error.expected, **error.words)
    details = {"parameter": error.parameter, "value": clean_text(error.value), "expected": expected, **error.place}
    message = gettext("Le paramètre « %(name)s » n’accepte pas cette valeur.", name=error.parameter)
    if wants_json():
        return json_error(400, "BAD_PARAMETER", message, details)
    if isinstance(error, BadQuery):
        return make_response(bad_query_page(error, expected), 400)
    shown = {**details, "message": message}
    return _page(400, error=shown, message=message)


def refused(error: DomainError) -> Response:
    """A rule said no: its own status, sentence and event."""
    message = sentence(error)
    if wants_json():
        return json_error(error.status, error.event, message, {k: str(v) for k, v in error.facts.items()})
    return _page(error.status, message=message, detail=None, event=error.event)


def sentence(error: DomainError) -> str:
    """A refusal in the reader's language."""
    return told(error)


def told(refusal: DomainError | Refusal) -> str:
    """Why something, or one field of it, is refused, in the reader's language."""
    return str(gettext(refusal.message, **refusal.words))


def csrf_missing(error: CSRFError) -> Response:
    """A form without a valid token: expired, or not ours."""
    message = gettext("Ce formulaire a expiré : rechargez la page et recommencez.")
    if wants_json() and person() is None:  # without a session there is nothing that a token would guard
        record_guest()
        return json_error(401, "UNAUTHORIZED", gettext(WORDS[401]), {})
    if wants_json():
        return json_error(400, "CSRF", message, {"reason": str(error.description)})
    return _page(400, error=None, message=message)


def http_error(error: HTTPException) -> Response:
    """An HTTP error raised by Flask or a view."""
    if error.response is not None:
        return make_response(error.response)
    status = error.code or 500
    message = gettext(WORDS.get(status, error.name))
    if isinstance(error, SecurityError):  # a host that is not ours: no address can be built for it
        return _bare(status, message)
    if wants_json():
        return json_error(status, error.name.upper().replace(" ", "_"), message, {})
    response = _page(status, error=None, message=None if status in {403, 404} else message)
    if status == 405:
        response.headers["Allow"] = ", ".join(getattr(error, "valid_methods", None) or [])
    return response


def unexpected(error: Exception) -> Response:
    """A bug: kept in the book with its stack trace, answered with a request id, whatever else is broken."""
    if gave_up_replica(error) and request.method in {"GET", "HEAD"}:
        return _again()
    if is_unreachable(error):
        return database_gone(error)
    current_app.logger.exception("request %s failed", g.get("request_id"))
    somebody = _whoever()
    actor = somebody.actor if somebody else None
    action = (request.endpoint or request.path).rpartition(".")[2].upper()
    facts = {"action": action, "method": request.method}
    try:
        kind = actor.kind if actor else LogActor.GUEST
        log_api_error(request.path, error, kind, actor.id if actor else None, facts)
    except Exception:
        current_app.logger.exception("request %s: the book could not be reached", g.get("request_id"))
    if wants_json():
        return json_error(500, "INTERNAL_ERROR", _sorry(), {})
    return _error_page()


def _again() -> Response:
    """The same view, which now reads the primary."""
    try:
        return current_app.make_response(current_app.dispatch_request())
    except Exception as error:
        return current_app.make_response(current_app.handle_user_exception(error))


def _sorry() -> str:
    """In the reader's language, when that can be known."""
    try:
        return str(gettext(WORDS[500]))
    except Exception:
        return WORDS[500]


def _whoever() -> SignedIn | None:
    """Whoever asks; nobody, when the database does not even tell that."""
    try:
        reading().rollback()  # what failed may have left its transaction unusable
        return person()
    except Exception:
        return None


def _error_page() -> Response:
    """The page of a bug; bare when the frame around it needs what is broken."""
    try:
        return _page(500, message=gettext(WORDS[500]))
    except Exception:
        current_app.logger.exception("request %s: no page could be made", g.get("request_id"))
        return _bare(500, _sorry())


def _bare(status: int, message: str) -> Response:
    """A page without a frame; render_template() would ask who is signed in."""
    bare = current_app.jinja_env.get_template("errors/bare.html")
    return make_response(bare.render(message=message, reference=g.get("request_id")), status)


def database_gone(error: Exception) -> Response:
    """503 without asking the database for anything: not who is asking, nor in which language they read."""
    seen = g.get("_login_user")  # what this request had loaded before
    actor = seen.actor if isinstance(seen, SignedIn) else None
    g.database_gone = True
    facts: dict[str, Any] = {"action": request.endpoint or request.path, "method": request.method, "status": 503}
    facts |= {"errorType": type(error).__name__, "errorStack": None}
    kind, actor_id = (actor.kind, actor.id) if actor else (LogActor.GUEST, None)
    log_api_error(request.path, str(getattr(error, "orig", error)).strip(), kind, actor_id, facts)
    message = gettext("La base de données ne répond pas. Réessayez dans quelques secondes.")
    if wants_json():
        response = json_error(503, "DATABASE_UNAVAILABLE", message, {"retryAfterSeconds": RETRY_AFTER})
    else:
        here = request.full_path.rstrip("?") if request.method in {"GET", "HEAD"} else None
        response = _page(503, message=message, sent=here is None, back_href=here)
    response.headers["Retry-After"] = str(RETRY_AFTER)
    return response


def busy(message: str, retry_after: int) -> Response:
    """429: this process does as much of it as it will at once."""
    if wants_json():
        response = json_error(429, "TOO_MANY_REQUESTS", message, {"retryAfterSeconds": retry_after})
    else:
        response = _page(429, message=message, retry_after=retry_after, back_href=None)
    response.headers["Retry-After"] = str(retry_after)
    return response


def json_error(status: int, code: str, message: str, details: dict[str, Any]) -> Response:
    """The one form of JSON errors."""
    body = {"error": code, "message": message, "details": details, "requestId": str(g.get("request_id"))}
    return make_response(jsonify(body), status)


def _page(status: int, **context: Any) -> Response:
    name = status if status in PAGES else (400 if status < 500 else 500)
    return make_response(render_template(f"errors/{name}.html", **context), status)
