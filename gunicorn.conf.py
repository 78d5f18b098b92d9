"""How gunicorn serves the portal: threads, because a request may wait for Stripe; run.py starts it."""

import os
from pathlib import Path

_host = os.environ.get("HOST") or "127.0.0.1"
_port = os.environ.get("PORT") or "8000"
_memory = Path("/dev/shm")  # noqa: S108 - gunicorn makes its own private file there

bind = f"[{_host}]:{_port}" if ":" in _host else f"{_host}:{_port}"
workers = int(os.environ.get("WEB_CONCURRENCY") or "1")
worker_class = "gthread"
threads = 8
timeout = 60
graceful_timeout = 45  # longer than a call to Stripe may take
preload_app = False  # the scheduler's thread would stay behind in the parent
control_socket_disable = True  # two portals of one user would share the socket
accesslog = None  # the portal keeps its own record of requests
if _memory.is_dir():
    worker_tmp_dir = str(_memory)  # a heartbeat on a slow disk can stall a worker


def post_worker_init(worker):  # type: ignore[no-untyped-def]  # gunicorn's own hook
    """Start the clock in each worker, never in a command or in the parent."""
    from portal.jobs.outages import keep_replaying
    from portal.jobs.scheduler import start

    keep_replaying(worker.wsgi)
    start(worker.wsgi)
