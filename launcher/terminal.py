"""What reaches the person at the terminal: sentences, and errors they can put right. Old Pythons read this too."""

import contextlib


class RunError(Exception):
    """Something the person at the terminal can put right; its text says how."""


def say(text: str) -> None:
    """Tell it at once; a terminal that is gone must not keep us from stopping."""
    with contextlib.suppress(OSError):
        print(text, flush=True)
