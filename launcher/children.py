"""One program of ours: started with its output in a log, waited for, stopped."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

from launcher.signals import Signals
from launcher.terminal import RunError

LOG_CAP = 20 * 1024 * 1024


def end_with_parent() -> Callable[[], None] | None:
    """What a child does first, where the system can: ask to be stopped when run.py is killed."""
    try:
        import ctypes

        prctl = ctypes.CDLL(None).prctl
    except (ImportError, OSError, AttributeError):
        return None
    return lambda: prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


END_WITH_PARENT = end_with_parent()  # looked up early: little is safe between fork and exec


@dataclass
class Child:
    """A program of ours, in a process group of its own: a Ctrl-C at the terminal reaches run.py alone."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    offset: int

    @classmethod
    def start(cls, name: str, log: Path, command: list[str], environ: Mapping[str, str], cwd: Path) -> Self:
        """Start it without a keyboard, its output appended to the log."""
        with open_log(log) as output:
            offset = output.tell()
            process = subprocess.Popen(  # noqa: S603 - our own programs, with our own arguments
                command,
                cwd=cwd,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=0,
                preexec_fn=END_WITH_PARENT,
            )
            return cls(name, process, log, offset)

    def wait(self, signals: Signals, meanwhile: Callable[[], None]) -> None:
        """Do `meanwhile` until it ends by itself; an error there, or a request to stop, ends it."""
        try:
            while self.process.poll() is None:
                signals.pause()
                meanwhile()
        except BaseException:
            self.end(5, signals)
            raise

    def end(self, seconds: float, signals: Signals) -> None:
        """Ask it to stop; kill it after this time, or on a second Ctrl-C."""
        self.process.terminate()
        deadline = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < deadline and signals.asked < 2:
            time.sleep(0.05)
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: of a group of dead processes
            os.killpg(self.process.pid, signal.SIGKILL)  # also what it left behind, as a worker without its master
        self.process.wait()

    def last_lines(self, count: int = 20) -> str:
        """The end of what it wrote since it started."""
        with self.log.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(self.offset, size - 20_000))
            lines = stream.read().decode("utf-8", "replace").splitlines()
        return "\n".join("  " + line for line in lines[-count:])

    def died(self) -> RunError:
        """What to say when it ended by itself."""
        code = self.process.returncode
        end = f"was killed by signal {-code}" if code < 0 else f"ended with status {code}"
        return RunError(f"{self.name} {end}. The end of {self.log}:\n{self.last_lines()}")


def open_log(path: Path) -> IO[bytes]:
    """A log to append to; one that has grown large is put aside first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LOG_CAP:
        path.replace(path.with_name(path.name + ".1"))
    return path.open("ab")
