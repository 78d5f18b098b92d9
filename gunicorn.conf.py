"""How gunicorn serves the portal: threads, because a request may wait for Stripe; run.py starts it."""

import gc
import os
from pathlib import Path

_host = os.environ.get("HOST") or "127.0.0.1"
_port = os.environ.get("PORT") or "8000"
_instance = Path(os.environ.get("PORTAL_INSTANCE") or "instance").resolve()
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
limit_request_line = 4094
limit_request_fields = 60
limit_request_field_size = 8190
forwarded_allow_ips = ""  # what proxies say is read by TRUSTED_PROXIES alone
secure_scheme_headers = {}
forwarder_headers = ""
if _memory.is_dir():
    worker_tmp_dir = str(_memory)  # a heartbeat on a slow disk can stall a worker


os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_instance / "metrics")  # before any worker imports the client


def on_starting(server):  # type: ignore[no-untyped-def]  # noqa: ARG001 -- gunicorn's own hook
    """Begin the counts of requests anew: those of an earlier server's workers are not ours."""
    folder = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for file in folder.glob("*.db"):
        file.unlink(missing_ok=True)


def child_exit(server, worker):  # type: ignore[no-untyped-def]  # noqa: ARG001 -- gunicorn's own hook
    """Take what a worker measured of itself out of /metrics; what it counted stays."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(worker.pid)


def post_worker_init(worker):  # type: ignore[no-untyped-def]  # gunicorn's own hook
    """Start the clock in each worker, never in a command or in the parent."""
    from portal.jobs.outages import keep_replaying
    from portal.jobs.scheduler import start

    gc.collect()
    gc.freeze()  # what a worker starts with stays: pages need not wait while it is looked through
    keep_replaying(worker.wsgi)
    start(worker.wsgi)
