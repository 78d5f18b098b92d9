"""Ticks outlive the database's absence: a line when it goes and one when it is back, and the spool replayed."""

import logging
from collections.abc import Callable
from threading import Event, Thread

from flask import Flask

from portal.audit import writer
from portal.audit.outage import is_unreachable
from portal.audit.replay import replay
from portal.jobs import keep_partitions

REPLAY_SECONDS = 5.0
log = logging.getLogger(__name__)


class Surviving:
    """A tick that says once an outage that the database is gone, and tries again at its next turn."""

    def __init__(self, act: Callable[..., object], name: str) -> None:
        self.act = act
        self.name = name
        self.gone = False

    def __call__(self, *args: object) -> None:
        """Tick; only what is not an outage is raised."""
        try:
            self.act(*args)
        except Exception as error:
            if not is_unreachable(error):
                raise
            self._gone(error)
        else:
            self._back()

    def _gone(self, error: Exception) -> None:
        writer.note_outage()
        if not self.gone:
            reason = str(getattr(error, "orig", error)).strip().partition("\n")[0]
            log.warning("%s: the database is gone, trying again at every turn: %s", self.name, reason)
        self.gone = True

    def _back(self) -> None:
        if self.gone:
            log.warning("%s: the database is back", self.name)
        self.gone = False


def replay_spool(app: Flask) -> int:
    """Store what waits on disk for the database, whichever process left it there."""
    apart = writer.apart()
    if apart.engine is None or apart.spool is None:
        return 0
    if apart.spool.waits():
        keep_partitions.tick(app)  # a row without its partition would be refused
    return replay(apart.engine, apart.spool, apart.outage)


def keep_replaying(app: Flask, every: float = REPLAY_SECONDS) -> Event:
    """Replay now and every few seconds in a thread of its own, also where JOBS=off; the event stops it.

    Only the server's workers call this.
    """
    stopped = Event()
    tick = Surviving(replay_spool, "spool")

    def live() -> None:
        while True:
            try:
                tick(app)
            except Exception:
                log.exception("the spool was not replayed")
            if stopped.wait(every):
                return

    Thread(target=live, name="spool", daemon=True).start()
    return stopped
