"""The children of one start, together."""

import contextlib
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from launcher.children import Child
from launcher.install import venv_python
from launcher.plan import ROOT, Plan
from launcher.ports import answers
from launcher.signals import Signals
from launcher.terminal import RunError, say

GRACE = {"portal": 50.0}  # gunicorn lets requests finish for 45 s; the others have nothing to finish


@dataclass
class Supervisor:
    """The children of one start: watched together, stopped in the reverse order."""

    plan: Plan
    environ: Mapping[str, str]
    signals: Signals
    root: Path = ROOT
    children: list[Child] = field(default_factory=list)

    def spawn(self, name: str, *arguments: str) -> Child:
        """Start one of the portal's programs, its output in its log."""
        log = self.plan.logs / f"{name}.log"
        command = [str(venv_python(self.root)), "-m", *arguments]
        return Child.start(name, log, command, self.environ, self.root)

    def serve(self, name: str, *arguments: str) -> None:
        """Start one that stays."""
        self.children.append(self.spawn(name, *arguments))

    def finish(self, name: str, *arguments: str) -> None:
        """Run one that ends, and insist on its success."""
        child = self.spawn(name, *arguments)
        child.wait(self.signals, meanwhile=self.check)
        if child.process.returncode:
            raise child.died()

    def await_answer(self, host: str, port: int, path: str, seconds: float = 90) -> None:
        """Wait until a server answers."""
        deadline = time.monotonic() + seconds
        while not answers(host, port, path):
            self.check()
            self.signals.pause()
            if time.monotonic() > deadline:
                raise RunError(f"No answer from port {port} in {seconds:.0f} s; see {self.plan.logs}")

    def check(self) -> None:
        """Raise when one that should stay has ended."""
        for child in self.children:
            if child.process.poll() is not None:
                raise child.died()

    def watch(self) -> NoReturn:
        """Stay until asked to stop, or until a child dies."""
        while True:
            self.check()
            self.signals.pause(0.2)

    def stop(self) -> None:
        """Stop the portal, then its Stripe, then its database."""
        for child in reversed(self.children):
            child.end(GRACE.get(child.name, 10.0), self.signals)
        if self.plan.own_database:
            self.stop_database()

    def stop_database(self) -> None:
        """Stop the embedded PostgreSQL, or say that it may still run."""
        child = self.spawn("setup", "portal.database", "stop")
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.process.wait(60)
        child.end(0, self.signals)
        if child.process.returncode:
            say(f"The database may still run; see {child.log}")
