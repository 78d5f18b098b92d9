"""Ports of this machine: which are free, and who answers there."""

import http.client
import socket

from launcher.plan import Plan
from launcher.terminal import RunError


def bind_error(host: str, port: int) -> OSError | None:
    """Why nothing could listen there, or None."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen()
        except OSError as error:
            return error
    return None


def check_port(plan: Plan) -> None:
    """Refuse to start where the portal could not listen."""
    error = bind_error(plan.host, plan.port)
    if isinstance(error, PermissionError):
        raise RunError(f"Port {plan.port} is reserved for root. Choose another: PORT=8080 python3 run.py")
    if error and bind_error(plan.host, 0):
        raise RunError(f"Cannot listen on HOST={plan.host}: {error.strerror or error}.")
    if error:
        raise RunError(f"Port {plan.port} is taken. Choose another: PORT={plan.port + 1} python3 run.py")


def choose_port(wish: object, taken: int) -> int:
    """The wished port of this machine when it is free, any free one otherwise."""
    if isinstance(wish, int) and 0 < wish < 65536 and wish != taken and not bind_error("127.0.0.1", wish):
        return wish
    while True:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port: int = probe.getsockname()[1]
        if port != taken:
            return port


def answers(host: str, port: int, path: str) -> bool:
    """Whether a server there answers in good health."""
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
