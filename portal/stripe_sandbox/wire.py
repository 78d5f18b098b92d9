"""Flask's request and response, in the sandbox's own terms."""

import socket
from typing import NoReturn

from flask import Request, Response

from .faults import ConnectionDropped
from .form import nested
from .gate import Answer, Asked
from .settings import API_VERSION


def asked_of(request: Request) -> Asked:
    """The API request that came in over HTTP."""
    pairs = request.form if request.method == "POST" else request.args
    return Asked(
        method=request.method,
        path=request.path,
        params=nested(pairs.items(multi=True)),
        secret_key=secret_key_of(request),
        account=request.headers.get("Stripe-Account", ""),
        key=request.headers.get("Idempotency-Key"),
        version=request.headers.get("Stripe-Version", API_VERSION),
        base_url=request.host_url.rstrip("/"),
    )


def secret_key_of(request: Request) -> str:
    """The key given as a Bearer token or as the Basic user name."""
    authorization = request.authorization
    if authorization is None:
        return ""
    return authorization.token or authorization.username or ""


def response_of(answer: Answer) -> Response:
    """The HTTP response of an answer."""
    response = Response(answer.body, status=answer.status, mimetype="application/json")
    response.headers.update(answer.headers)
    return response


def hang_up(request: Request) -> NoReturn:
    """Close the client's connection without a byte of an answer."""
    connection = request.environ.get("werkzeug.socket")
    if isinstance(connection, socket.socket):
        connection.shutdown(socket.SHUT_RDWR)
    raise ConnectionDropped
