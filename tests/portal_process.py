"""The portal as its own processes, to be killed: gunicorn with its workers, over real HTTP."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from http.cookiejar import CookieJar
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

from tests.browser import PASSWORD

ROOT = Path(__file__).parent.parent
PATIENCE = 20.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class PortalProcess:
    """gunicorn serving the portal on a free port; killed without warning, or stopped at the end."""

    def __init__(self, environ: dict[str, str], log: Path, port: int | None = None) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = log.open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"],
            cwd=ROOT,
            env={**os.environ, **environ, "PORT": str(self.port), "PUBLIC_URL": self.url},
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
        )
        wait_until(self._answers, "the portal to answer")

    def _answers(self) -> bool:
        assert self.process.poll() is None, f"the portal died: see {self.log.name}"
        try:
            with build_opener().open(f"{self.url}/healthz", timeout=2) as answer:
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False

    def kill(self) -> None:
        """kill -9 for the master and all its workers, at once."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()


class Visitor:
    """Somebody's cookies, over real HTTP."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.opener = build_opener(HTTPCookieProcessor(CookieJar()))

    def get(self, path: str) -> str:
        with self.opener.open(self.url + path, timeout=PATIENCE) as answer:
            return str(answer.read().decode())

    def post(self, path: str, page: str, **fields: str) -> tuple[int, str]:
        """Send a form with the token and hidden fields of the page it stands on."""
        hidden = dict(re.findall(r'<input[^>]*type="hidden"[^>]*name="([^"]+)"[^>]*value="([^"]*)"', page))
        hidden |= dict(re.findall(r'<input[^>]*name="([^"]+)"[^>]*type="hidden"[^>]*value="([^"]*)"', page))
        data = urlencode({**hidden, **fields}).encode()
        try:
            with self.opener.open(self.url + path, data=data, timeout=PATIENCE) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def sign_in(self, email: str) -> "Visitor":
        self.post("/login", self.get("/login"), email=email, password=PASSWORD)
        return self


def wait_until(condition: object, what: str, seconds: float = PATIENCE) -> None:
    """Look at `condition` until it holds, or fail naming `what`."""
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
        time.sleep(0.05)
