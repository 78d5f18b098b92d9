"""The .venv: made without pip, filled by the pip in vendor/."""

import hashlib
import os
import platform
import re
import sys
import time
from functools import cache
from pathlib import Path

from launcher.children import Child
from launcher.instance import locked
from launcher.signals import Signals
from launcher.terminal import RunError, say


def venv_python(root: Path) -> Path:
    """The interpreter that runs the portal."""
    return root / ".venv" / "bin" / "python"


def stamp_path(root: Path) -> Path:
    """Written last, so that its presence means a finished install."""
    return root / ".venv" / "installed"


def interpreter_tag() -> str:
    """What compiled packages depend on."""
    return f"{sys.implementation.cache_tag}-{platform.machine()}"


def stamp(requirements: bytes, tag: str) -> str:
    """What a finished install notes: the interpreter, and these requirements."""
    return f"{tag} {hashlib.sha256(requirements).hexdigest()}"


def installed_stamp(root: Path) -> str:
    """The note of the last finished install, or nothing; also nothing when its interpreter is gone."""
    try:
        return stamp_path(root).read_text() if venv_python(root).exists() else ""
    except OSError:
        return ""


def wanted_stamp(root: Path) -> str:
    """The note that the requirements of today would leave."""
    return stamp((root / "requirements.txt").read_bytes(), interpreter_tag())


def is_installed(root: Path) -> bool:
    """Whether these requirements are installed, for this interpreter."""
    return installed_stamp(root) == wanted_stamp(root)


def ensure_installed(root: Path, signals: Signals) -> None:
    """Make or mend the .venv; does nothing, quickly, when it is in order."""
    if is_installed(root):
        return
    with locked(root / "vendor", on_busy=lambda: wait_for_other_install(signals)):
        if not is_installed(root):
            install(root, signals)


def wait_for_other_install(signals: Signals) -> None:
    """Another run.py is installing: let it finish."""
    tell_of_the_wait()
    signals.pause(0.5)


@cache
def tell_of_the_wait() -> None:
    """Said once."""
    say("Another run.py is installing here; waiting for it…")


def install(root: Path, signals: Signals) -> None:
    """Install requirements.txt; from scratch when the last install was cut short or is another Python's."""
    wanted = wanted_stamp(root)
    if not installed_stamp(root).startswith(interpreter_tag() + " "):
        make_venv(root)
    stamp_path(root).unlink(missing_ok=True)
    pip_install(root, signals)
    stamp_path(root).write_text(wanted)


def make_venv(root: Path) -> None:
    """An empty .venv in the place of whatever was there."""
    try:
        import venv
    except ImportError as error:
        raise RunError("This Python lacks venv. On Debian and Ubuntu: apt install python3-venv") from error
    say(f"Making .venv (Python {platform.python_version()})…")
    try:
        venv.EnvBuilder(clear=True, symlinks=True, with_pip=False).create(root / ".venv")
    except (OSError, ValueError) as error:
        raise RunError(f"Could not make {root / '.venv'}: {error}") from error


def pip_wheel(root: Path) -> Path:
    """The one pip in vendor/."""
    wheels = sorted((root / "vendor").glob("pip-*.whl"))
    if not wheels:
        raise RunError(f"No pip wheel in {root / 'vendor'}: the checkout is incomplete.")
    return wheels[-1]


def package_count(requirements: str) -> int:
    """How many packages the file pins."""
    lines = (line.strip() for line in requirements.splitlines())
    return sum(bool(line) and not line.startswith(("#", "-")) for line in lines)


def pip_install(root: Path, signals: Signals) -> None:
    """Install requirements.txt with the vendored pip, telling how far it is."""
    count = package_count((root / "requirements.txt").read_text("utf-8"))
    log = root / ".venv" / "install.log"
    options = ["--no-input", "--disable-pip-version-check", "--progress-bar", "off"]
    command = [venv_python(root), pip_wheel(root) / "pip", "install", *options, "-r", "requirements.txt"]
    environ = {**os.environ, "PYTHONUNBUFFERED": "1", "PIP_USER": "0", "PIP_ROOT_USER_ACTION": "ignore"}
    say(f"Installing {count} packages (the first time, a minute or so)…")
    begun = time.monotonic()
    child = Child.start("pip", log, [str(part) for part in command], environ, root)
    child.wait(signals, meanwhile=lambda: show_progress(log, count))
    if child.process.returncode:
        hint = "The packages come over the network, from where pip is set to look."
        raise RunError(f"The packages could not be installed ({log}):\n{child.last_lines()}\n{hint}")
    say(f"Installed in {time.monotonic() - begun:.0f} s.")


def show_progress(log: Path, count: int) -> None:
    """On a terminal, how many packages pip has looked at."""
    if sys.stdout.isatty():
        done = len(re.findall(rb"(?m)^(?:Collecting|Processing) ", log.read_bytes()))
        print(f"  {min(done, count)} of {count}", end="\r", flush=True)
