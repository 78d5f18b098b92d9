"""Alerts that are open, those that are over, silences, and the messages that were made of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.models import Alert as Alert
from portal.models import AlertKind as AlertKind
from portal.models import AlertMessage as AlertMessage
from portal.models import AlertSilence as AlertSilence
from portal.models import MessageKind as MessageKind
from portal.models import User
from portal.queries.paging import Cursor, Order, Page, cut_page, parse_cursor, parse_limit
from portal.queries.parameters import Arguments, one, refuse_unknown

PARAMETERS = frozenset({"cursor", "limit"})
MESSAGES_SHOWN = 15


@dataclass(frozen=True, slots=True)
class PastAlerts:
    """The alerts that are over, newest first."""

    cursor: Cursor | None
    limit: int

    @classmethod
    def from_args(cls, args: Arguments) -> "PastAlerts":
        """The page that an address asks for. Raises BadParameter."""
        refuse_unknown(args, PARAMETERS)
        return cls(parse_cursor(one(args, "cursor"), UUID), parse_limit(one(args, "limit")))

    def page(self, session: Session) -> Page[Alert]:
        """One page."""
        order = Order(self.cursor)
        place = (Alert.opened_at, Alert.id)
        query = select(Alert).where(Alert.resolved_at.is_not(None), *order.conditions(*place))
        found = session.scalars(query.order_by(*order.columns(*place)).limit(self.limit + 1)).all()
        return cut_page(found, self.limit, self.cursor)


def open_alerts(session: Session) -> Sequence[Alert]:
    """What is wrong now, the newest first."""
    query = select(Alert).where(Alert.resolved_at.is_(None)).order_by(Alert.opened_at.desc(), Alert.id)
    return session.scalars(query.execution_options(populate_existing=True)).all()


def find_alert(session: Session, alert_id: UUID) -> Alert | None:
    """One alert."""
    return session.get(Alert, alert_id)


def silences(session: Session, *, now: datetime) -> Mapping[str, AlertSilence]:
    """The silences in force, by key."""
    query = select(AlertSilence).where(AlertSilence.until > now).order_by(AlertSilence.until)
    found = session.scalars(query.execution_options(populate_existing=True))
    return {silence.key: silence for silence in found}


def latest_messages(session: Session) -> Sequence[AlertMessage]:
    """The newest messages, sent or not."""
    query = select(AlertMessage).order_by(AlertMessage.made_at.desc(), AlertMessage.id).limit(MESSAGES_SHOWN)
    return session.scalars(query).all()


def names_of(session: Session, ids: Sequence[UUID | None]) -> Mapping[UUID, str]:
    """The names of admins."""
    wanted = {id_ for id_ in ids if id_ is not None}
    query = select(User.id, User.name).where(User.id.in_(wanted))
    return {row.id: row.name for row in session.execute(query)} if wanted else {}
