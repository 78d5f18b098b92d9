"""Deliveries that arrive at once are stored at once: one transaction for all that a process's threads hold.

Whoever comes first stores what waits; who comes meanwhile waits for the next turn, which one of them takes. A
delivery that comes alone waits for nobody. Each is answered only when its own transaction has been committed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from portal.audit.outage import is_unreachable

MOST = 50
"""Deliveries of one transaction: far more than a process has threads."""

T = TypeVar("T")


class TurnBroken(Exception):
    """Whoever was storing was stopped before the commit."""


@dataclass(slots=True, eq=False)
class Waiting(Generic[T]):
    """One that waits: it is done once stored, or once `error` says why it is not."""

    thing: T
    done: bool = False
    error: Exception | None = None


class Together(Generic[T]):
    """Stores what several threads bring, in turns; `store` commits all that it is given, or raises."""

    def __init__(self, store: Callable[[Sequence[T]], None]) -> None:
        self._store = store
        self._waiting: list[Waiting[T]] = []
        self._list = Lock()
        self._turn = Lock()

    def bring(self, thing: T) -> None:
        """Return when `thing` is committed. Raises what `store` raised for it, or TurnBroken."""
        mine = Waiting(thing)
        with self._list:
            self._waiting.append(mine)
        with self._turn:
            while not mine.done:
                self._take_turn()
        if mine.error is not None:
            raise mine.error

    def _take_turn(self) -> None:
        with self._list:
            turn, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
        try:
            self._store_all(turn)
        finally:
            for one in turn:  # also when this thread is stopped in the middle: nobody waits for ever
                if not one.done:
                    one.done, one.error = True, one.error or TurnBroken()

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
