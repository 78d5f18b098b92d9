"""The only commit of the portal, a change with its audit rows or neither; and the sessions of reads."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from flask import current_app, g
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session, SessionTransaction
from sqlalchemy.pool import ConnectionPoolEntry, Pool, PoolResetState

from portal.audit import writer
from portal.audit.outage import is_unreachable
from portal.extensions import db

REPLICA_REST_SECONDS = 30.0
EACH_ALONE = "each statement alone"
RECOVERY_CONFLICT = "40001"
"""The replica ended a read for the sake of what it replays; a read that locks nothing meets it nowhere else."""


@dataclass(slots=True)
class Replica:
    """A second server that holds the books, for reads only; one that did not answer is left alone for a while."""

    engine: Engine
    rests_until: float = 0.0

    def session(self) -> Session | None:
        """A session on an open connection; None while the replica does not answer."""
        if time.monotonic() < self.rests_until:
            return None
        session = Session(self.engine, expire_on_commit=False)
        try:
            _each_alone(session).connection()
        except SQLAlchemyError as error:
            session.close()
            if not is_unreachable(error):
                raise
            self.rest()
            return None
        return session

    def rest(self) -> None:
        """Do not ask it again for thirty seconds: each attempt in vain may take three."""
        self.rests_until = time.monotonic() + REPLICA_REST_SECONDS
        current_app.logger.warning("the replica does not answer: the books are read from the primary")


@contextmanager
def unit_of_work() -> Iterator[Session]:
    """Yield the session; commit at the end, or roll everything back when the block raises.

    Whatever the session read before is let go first: a decision taken here never rests on a row that
    was loaded outside. Units do not nest.
    """
    session: Session = db.session()
    session.rollback()
    session.expire_all()
    session.info[EACH_ALONE] = False
    session.begin()
    try:
        yield session
        session.flush()
        lines = writer.insert_joined(session)
        session.commit()
    except BaseException:
        session.rollback()
        writer.forget_joined(session)
        raise
    writer.emit(lines)


def reading() -> Session:
    """The session for a page's reads; what it loads is never changed.

    Within a unit of work it is the unit's; outside, each statement is answered alone.
    """
    session: Session = db.session()
    return session if session.in_transaction() else _each_alone(session)


def _each_alone(session: Session) -> Session:
    """The session, whose statements are transactions of their own until it lets its next connection go.

    A page's few reads need not see one moment: to begin and end a transaction around them takes two more trips.
    """
    session.info[EACH_ALONE] = True
    return session


@event.listens_for(Session, "after_begin")
def _without_a_transaction(session: Session, _: SessionTransaction, connection: Connection) -> None:
    """A connection that a session takes to read with."""
    if session.info.get(EACH_ALONE):
        driver: Any = connection.connection.dbapi_connection
        driver.autocommit = connection.info[EACH_ALONE] = True


@event.listens_for(Pool, "reset")
def _in_a_transaction_again(driver: Any, entry: ConnectionPoolEntry, _: PoolResetState) -> None:
    """Give back as it was what only read: whoever has the connection next is in a transaction."""
    if entry.info.pop(EACH_ALONE, False) and not driver.closed:
        driver.autocommit = False


@contextmanager
def long_reading() -> Iterator[Session]:
    """A session of its own that sees the primary as it is now for as long as it is read, and cannot write."""
    with Session(db.engine, expire_on_commit=False) as session:
        session.execute(text("set transaction isolation level repeatable read, read only"))
        session.execute(text("select pg_current_snapshot()"))  # what is seen is settled by the first question
        try:
            yield session
        finally:
            _close(session)


def reading_books() -> Session:
    """The session for reads of the two books: the replica's, or the primary's when there is none or it is gone.

    What was written a moment ago may not be there yet: a row that a link names is read with reading().
    """
    replica: Replica | None = current_app.extensions.get("replica")
    if replica is None or g.get("replica_gone"):
        return reading()
    if "books" not in g:
        session = replica.session()
        if session is None:
            g.replica_gone = True
            return reading()
        g.books = session
    books: Session = g.books
    return books


def gave_up_replica(error: BaseException) -> bool:
    """Whether `error` is the replica's, lost while it was read: this request then reads the primary instead."""
    books: Session | None = g.pop("books", None)
    if books is None:
        return False
    is_lost = is_unreachable(error) or getattr(getattr(error, "orig", None), "pgcode", None) == RECOVERY_CONFLICT
    _close(books)
    if is_lost:
        g.replica_gone = True
        current_app.extensions["replica"].rest()
    return is_lost


def let_go(_: BaseException | None = None) -> None:
    """Close the sessions of a request that ends; a connection lost by then spoils no answer that is ready."""
    if (books := g.pop("books", None)) is not None:
        _close(books)
    if db.session.registry.has():
        _close(db.session())


def _close(session: Session) -> None:
    try:
        session.close()
    except DBAPIError as error:
        session.invalidate()
        if not is_unreachable(error):
            raise
