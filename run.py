"""Start Callastar Portal with everything it needs: `python3 run.py --help`.

The work is in launcher/. Keeps to what Python 3.7 can read, so that an old one gets a sentence, not a traceback.
"""

from __future__ import annotations

import io
import os
import sys

from launcher.terminal import RunError

OLDEST_PYTHON = (3, 11)


def check_python(version: tuple[int, ...], system: str, executable: str) -> None:
    """Refuse a Python that cannot run the portal."""
    if system != "posix":
        raise RunError("Callastar Portal runs on Linux and macOS; on Windows, start it inside WSL.")
    if version[:2] < OLDEST_PYTHON:
        this = ".".join(map(str, version[:3]))
        raise RunError(
            f"Callastar Portal needs Python 3.11 or newer; {executable} is Python {this}.\n"
            "Start it with a newer one, as: python3.11 run.py"
        )


def launch(arguments: list[str]) -> None:
    """Do what the command line says; imports what old Pythons cannot read."""
    from launcher.commands import dispatch
    from launcher.signals import Signals

    signals = Signals()
    signals.listen()
    dispatch(arguments, signals)


def main(arguments: list[str]) -> int:
    """The exit status of one call of run.py."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that knows no UTF-8
    try:
        check_python(tuple(sys.version_info[:3]), os.name, sys.executable)
        launch(arguments)
    except (RunError, OSError) as error:  # also a full disk, or a folder of someone else's
        print(error, file=sys.stderr, flush=True)
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
