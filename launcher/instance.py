"""The folder of local data: made, held by one start at a time, and what that start notes in it."""

import contextlib
import fcntl
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from launcher.plan import Plan
from launcher.terminal import RunError


def make_instance(folder: Path) -> None:
    """Make the folder; others may enter: started by root, PostgreSQL runs as a user of its own."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"Cannot make PORTAL_INSTANCE={folder}: {error.strerror}") from error


@contextlib.contextmanager
def locked(folder: Path, on_busy: Callable[[], None]) -> Iterator[None]:
    """Hold this folder alone, at most until our process ends; calls `on_busy` while another holds it."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        while not try_lock(handle):
            on_busy()
        yield
    finally:
        os.close(handle)


def try_lock(handle: int) -> bool:
    """Whether the lock is ours now."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def refuse_second(plan: Plan) -> NoReturn:
    """Say where the running portal of this instance is."""
    notes = remembered(plan.instance)
    raise RunError(
        f"A portal already runs on {plan.instance}: {notes.get('url', 'it is starting')}\n"
        f"For a second one: PORTAL_INSTANCE=instance/second PORT={plan.port + 1} python3 run.py"
    )


def remembered(instance: Path) -> dict[str, Any]:
    """What the last start of this instance noted; nothing when it is unreadable."""
    try:
        notes = json.loads((instance / "run.json").read_text())
    except (OSError, ValueError):
        return {}
    return notes if isinstance(notes, dict) else {}


def remember(instance: Path, notes: Mapping[str, object]) -> None:
    """Replace the notes in one step."""
    draft = instance / "run.json.new"
    draft.write_text(json.dumps(notes, indent=2) + "\n")
    draft.replace(instance / "run.json")
