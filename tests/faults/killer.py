"""Runs a verb of the portal in a process of its own, which dies at a named point."""

import os
import signal
import subprocess
import sys
from uuid import UUID

from tests.portal_process import ROOT


class Killer:
    """Called with a crash point and a verb: returns once the process was killed there."""

    def __init__(self, environ: dict[str, str]) -> None:
        self.environ = {**os.environ, **environ}

    def __call__(self, point: str, verb: str, *ids: UUID) -> None:
        command = [sys.executable, "-m", "tests.faults.crashing", point, verb, *map(str, ids)]
        ended = subprocess.run(command, cwd=ROOT, env=self.environ, capture_output=True, text=True, timeout=120)
        assert ended.returncode == -signal.SIGKILL, ended.stdout + ended.stderr[-2000:]
