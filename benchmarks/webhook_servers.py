"""The servers that deliveries are posted to: gunicorn with two workers, a bare view or the portal in it."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import psutil
from flask import Flask
from sqlalchemy import Engine, text

from benchmarks.webhook_senders import SECRET


class Server:
    """gunicorn with two workers on a port of its own, until the block ends."""

    def __init__(self, arguments: list[str], environ: dict[str, str], log: Path, port: int) -> None:
        self.port = port
        self.log = log.open("ab")
        command = [sys.executable, "-m", "gunicorn", *arguments]
        self.process = subprocess.Popen(
            command, env={**os.environ, **environ}, stdout=self.log, stderr=self.log, start_new_session=True
        )
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                with urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=2) as answer:
                    answer.read()
                    return
            except (URLError, OSError):
                time.sleep(0.05)
        raise RuntimeError(f"the server does not answer: see {self.log.name}")

    def kill_a_worker(self, chance: random.Random) -> None:
        """kill -9 for one worker; the master starts another."""
        workers = psutil.Process(self.process.pid).children()
        if workers:
            os.kill(chance.choice(workers).pid, signal.SIGKILL)

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.log.close()


def free_port() -> int:
    """A port that nobody listens on."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def bare_server(engine: Engine, folder: Path) -> Server:
    """The bare view, with the portal's number of workers and threads, on the same PostgreSQL."""
    with engine.begin() as connection:
        kept = "id bigint generated always as identity primary key, payload bytea not null"
        connection.execute(text(f"create table if not exists bare ({kept})"))
    dsn = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    port = free_port()
    settings = folder / "bare.conf.py"  # without one gunicorn takes the portal's
    settings.touch()
    options = [
        "-c",
        str(settings),
        "-w",
        "2",
        "-k",
        "gthread",
        "--threads",
        "8",
        "-b",
        f"127.0.0.1:{port}",
        "--no-control-socket",
    ]
    return Server([*options, "benchmarks.bare:app"], {"BARE_DSN": dsn}, folder / "bare.log", port)


def portal_server(app: Flask, folder: Path) -> Server:
    """The portal as it runs in production, but for the jobs."""
    owner = app.extensions["database_urls"].owner
    port = free_port()
    environ = {
        "DATABASE_URL": owner.render_as_string(hide_password=False),
        "PORTAL_INSTANCE": str(folder / "instance"),
        "STRIPE_CONNECT_WEBHOOK_SECRET": f"whsec_next,{SECRET}",
        "WEB_CONCURRENCY": "2",
        "JOBS": "off",
        "PORT": str(port),
    }
    return Server(["-c", "gunicorn.conf.py", "wsgi:app"], environ, folder / "portal.log", port)
