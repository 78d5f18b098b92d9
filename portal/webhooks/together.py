"""Deliveries that arrive at once are stored at once: one transaction for all that a process's threads hold.

Whoever comes first stores what waits; who comes meanwhile waits for the next turn, which one of them takes. A
delivery that comes alone waits for nobody; after a turn that held several the next one waits a moment for as
many. Each is answered only when its own transaction has been committed.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import Generic, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from portal.audit.outage import is_unreachable

MOST = 50
"""Deliveries of one transaction: far more than a process has threads."""

COMPANY = 0.002
"""Seconds for which a turn waits for as many deliveries as the one before held: less than a commit takes."""

T = TypeVar("T")


class TurnBroken(Exception):
    """Whoever was storing was stopped before the commit."""


@dataclass(slots=True, eq=False)
class Waiting(Generic[T]):
    """One that waits: it is done once stored, or once `error` says why it is not."""

    thing: T
    called: Event = field(default_factory=Event)
    done: bool = False
    error: Exception | None = None


class Together(Generic[T]):
    """Stores what several threads bring, in turns; `store` commits all that it is given, or raises."""

    def __init__(self, store: Callable[[Sequence[T]], None]) -> None:
        self._store = store
        self._lock = Lock()
        self._waiting: list[Waiting[T]] = []
        self._taken = False
        self._last = 1

    def bring(self, thing: T) -> None:
        """Return when `thing` is committed. Raises what `store` raised for it, or TurnBroken."""
        mine = Waiting(thing)
        if not self._comes_first(mine):
            mine.called.wait()
        if not mine.done:
            self._store_what_waits(mine)
        if mine.error is not None:
            raise mine.error

    def _comes_first(self, mine: Waiting[T]) -> bool:
        with self._lock:
            self._waiting.append(mine)
            first, self._taken = not self._taken, True
        return first

    def _store_what_waits(self, mine: Waiting[T]) -> None:
        """Take turns until `mine` is done, then let whoever waits longest go on."""
        try:
            while not mine.done:
                self._take_turn()
        finally:
            with self._lock:
                self._taken = bool(self._waiting)
                if self._waiting:
                    self._waiting[0].called.set()

    def _take_turn(self) -> None:
        if len(self._waiting) < self._last:
            time.sleep(COMPANY)
        with self._lock:
            turn, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
        self._last = len(turn)
        try:
            self._store_all(turn)
        finally:
            for one in turn:  # also when this thread is stopped in the middle: nobody waits for ever
                if not one.done:
                    one.done, one.error = True, one.error or TurnBroken()
                one.called.set()

    def _store_all(self, turn: list[Waiting[T]]) -> None:
        """All in one transaction; when that fails for a reason of its rows, each in one of its own."""
        error = self._tried(turn)
        if error is None:
            return
        if len(turn) == 1 or is_unreachable(error):
            for one in turn:
                one.done, one.error = True, error
            return
        for one in turn:
            self._store_all([one])

    def _tried(self, turn: list[Waiting[T]]) -> SQLAlchemyError | None:
        try:
            self._store([one.thing for one in turn])
        except SQLAlchemyError as error:
            return error
        for one in turn:
            one.done = True
        return None
