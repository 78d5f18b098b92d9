"""Requests to stop: counted, and looked at between steps."""

import signal
import time
from dataclasses import dataclass


class Stopped(KeyboardInterrupt):
    """Ctrl-C, or a signal that asks to stop."""


@dataclass
class Signals:
    """Counts the requests to stop; nothing is interrupted in the middle of a step."""

    asked: int = 0

    def listen(self) -> None:
        """From now on Ctrl-C, a termination and a closed terminal are requests."""
        signal.signal(signal.SIGINT, self.note)
        signal.signal(signal.SIGTERM, self.note)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup
            signal.signal(signal.SIGHUP, self.note)

    def note(self, number: int, _frame: object) -> None:
        """Count a request; while stopping only an impatient Ctrl-C counts again."""
        if number == signal.SIGINT or not self.asked:
            self.asked += 1

    def pause(self, seconds: float = 0.05) -> None:
        """Wait a moment. Raises Stopped once asked to."""
        if self.asked:
            raise Stopped
        time.sleep(seconds)
