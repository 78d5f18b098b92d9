"""The sandbox as a Flask application."""

from flask import Flask, Response, jsonify, request

from . import control, pages
from .faults import ConnectionDropped
from .refusals import Refusal
from .sandbox import Sandbox
from .settings import SandboxSettings
from .wire import asked_of, hang_up, response_of


def create_sandbox(settings: SandboxSettings) -> Flask:
    """The application over the books at `settings.path`; its handle is `app.extensions["sandbox"]`."""
    app = Flask(__name__)
    app.config["PROPAGATE_EXCEPTIONS"] = True  # a dropped connection must reach the server
    app.extensions["sandbox"] = Sandbox(settings)
    app.register_blueprint(control.bp)
    app.register_blueprint(pages.bp)
    app.register_error_handler(Refusal, show_refusal)
    app.add_url_rule("/v1/<path:_>", "api", answer_api, methods=["GET", "POST", "DELETE"])
    return app


def answer_api(_: str) -> Response:
    """Every request under /v1."""
    try:
        return response_of(control.sandbox().gate.answer(asked_of(request)))
    except ConnectionDropped:
        hang_up(request)


def show_refusal(refusal: Refusal) -> tuple[Response, int]:
    """A request refused before it reached the gate."""
    return jsonify(refusal.envelope), refusal.status
