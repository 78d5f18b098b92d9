"""The only commit of the portal: a change and its audit rows, together or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from portal.audit import writer
from portal.audit.outage import is_unreachable
from portal.extensions import db


@contextmanager
def unit_of_work() -> Iterator[Session]:
    """Yield the session; commit at the end, or roll everything back when the block raises.

    Whatever the session read before is let go first: a decision taken here never rests on a row that
    was loaded outside. Units do not nest.
    """
    session: Session = db.session()
    session.rollback()
    session.expire_all()
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
    """The session for a page's reads; what it loads is never changed."""
    session: Session = db.session()
    return session


def let_go(_: BaseException | None = None) -> None:
    """Close the session of a request that ends; a connection lost by then spoils no answer that is ready."""
    session = db.session() if db.session.registry.has() else None
    if session is None:
        return
    try:
        session.close()
    except DBAPIError as error:
        session.invalidate()
        if not is_unreachable(error):
            raise
