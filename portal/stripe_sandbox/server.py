"""The sandbox as a running program: a threaded server, and workers that settle and deliver."""

import logging
import signal
from collections.abc import Callable
from threading import Event, Thread
from types import TracebackType
from typing import Any, Self

from flask import Flask
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from .app import create_sandbox
from .sandbox import Sandbox
from .settings import SandboxSettings

PULSE_SECONDS = 0.3
STOP_SECONDS = 15
logger = logging.getLogger(__name__)


class QuietHandler(WSGIRequestHandler):
    """Answers without a line on the console for each request."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


class Worker(Thread):
    """Does one thing at every pulse until stopped."""

    def __init__(self, name: str, task: Callable[[], object]) -> None:
        super().__init__(name=f"stripe-sandbox-{name}", daemon=True)
        self._task = task
        self._stopped = Event()

    def run(self) -> None:
        """Work at every pulse; a fault of the receiver never ends the worker."""
        while not self._stopped.wait(PULSE_SECONDS):
            try:
                self._task()
            except Exception:
                logger.exception("%s stumbled; it goes on", self.name)

    def stop(self) -> None:
        """End after the current pulse."""
        self._stopped.set()
        if self.is_alive():
            self.join(timeout=STOP_SECONDS)


class RunningSandbox:
    """A sandbox served on a port by threads of this process; use as a context manager."""

    def __init__(
        self, settings: SandboxSettings, *, host: str = "127.0.0.1", port: int = 0, worker: bool = True
    ) -> None:
        self.app: Flask = create_sandbox(settings)
        self.sandbox: Sandbox = self.app.extensions["sandbox"]
        self._server: BaseWSGIServer = make_server(
            host, port, self.app, threaded=True, request_handler=QuietHandler
        )
        self.url = f"http://{host}:{self._server.server_port}"
        self._serving = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        tasks = {"bank": self.sandbox.advance, "postman": self.sandbox.deliver} if worker else {}
        self._workers = [Worker(name, task) for name, task in tasks.items()]

    def __enter__(self) -> Self:
        """Start serving."""
        self._serving.start()
        for worker in self._workers:
            worker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the workers, stop listening, close the file."""
        for worker in self._workers:
            worker.stop()
        self._server.shutdown()
        self._serving.join()
        self._server.server_close()
        self.sandbox.close()


def serve(settings: SandboxSettings, host: str = "127.0.0.1", port: int = 12111) -> None:
    """Run until SIGTERM or SIGINT; must be called from the main thread."""
    stop = Event()

    def ask_to_stop(*_: Any) -> None:
        """Let the main thread wake up and leave."""
        stop.set()

    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, ask_to_stop)
    with RunningSandbox(settings, host=host, port=port) as running:
        logger.info("Stripe sandbox on %s", running.url)
        stop.wait()
