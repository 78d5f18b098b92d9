"""Money asked back: refunds and disputes, each a list of its own with the same filters and totals."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session

from portal.models import Booking, CallOffer, Creator, Payment
from portal.models import Dispute as Dispute
from portal.models import Refund as Refund
from portal.models import RefundStatus as RefundStatus
from portal.queries.overdue import overdue_ids
from portal.queries.paging import BadParameter, Order, Page, cut_page, parse_cursor, parse_limit
from portal.queries.parameters import Arguments, flag, many, member, one, refuse_unknown
from portal.queries.payment_search import Buyer, Seller, mentions
from portal.queries.time_range import TimeRange, parse_time_range

PARAMETERS = frozenset({"kind", "status", "open", "overdue", "from", "to", "tz", "q", "cursor", "limit"})
TO_ANSWER = ("needs_response", "warning_needs_response")
"""Disputes that are ours to answer: then the bank reviews them."""
DISPUTE_STATUSES = (
    "needs_response",
    "under_review",
    "warning_needs_response",
    "warning_under_review",
    "warning_closed",
    "prevented",
    "won",
    "lost",
)


class Kind(StrEnum):
    """Which list."""

    REFUNDS = "refunds"
    DISPUTES = "disputes"


@dataclass(frozen=True, slots=True)
class Complaint:
    """A refund or a dispute, with the payment it is about and its people's names."""

    what: Refund | Dispute
    payment: Payment
    seller: str
    buyer: str

    @property
    def created_at(self) -> datetime:
        """When it was asked for or opened."""
        return self.what.created_at

    @property
    def id(self) -> UUID:
        """The refund's or the dispute's id."""
        return self.what.id


@dataclass(frozen=True, slots=True)
class ComplaintSearch:
    """Refunds or disputes, newest first; every field narrows, several statuses widen."""

    now: datetime
    kind: Kind = Kind.REFUNDS
    statuses: tuple[str, ...] = ()
    is_open: bool = False
    is_overdue: bool = False
    period: TimeRange = field(default_factory=TimeRange)
    text: str = ""
    order: Order = field(default_factory=Order)
    limit: int = 50

    @classmethod
    def from_args(cls, args: Arguments, *, tz: str, now: datetime) -> "ComplaintSearch":
        """The search that an address asks for; `tz` is the reader's zone. Raises BadParameter."""
        refuse_unknown(args, PARAMETERS)
        kind = member("kind", one(args, "kind") or Kind.REFUNDS, Kind)
        return cls(
            now=now,
            kind=kind,
            statuses=tuple(_status(kind, value) for value in many(args, "status")),
            is_open=flag(args, "open"),
            is_overdue=flag(args, "overdue"),
            period=parse_time_range(args, now=now, tz=tz),
            text=one(args, "q") or "",
            order=Order(parse_cursor(one(args, "cursor"), UUID)),
            limit=parse_limit(one(args, "limit")),
        )

    @property
    def narrowed(self) -> bool:
        """Whether anything is filtered at all."""
        return bool(self._conditions())

    @property
    def _model(self) -> Any:
        return Refund if self.kind is Kind.REFUNDS else Dispute

    def page(self, session: Session) -> Page[Complaint]:
        """One page."""
        place = (self._model.created_at, self._model.id)
        query = self._joined(self._model, Payment, Seller.name, Buyer.name)
        query = query.where(*self.order.conditions(*place)).order_by(*self.order.columns(*place))
        found = session.execute(query.limit(self.limit + 1)).all()
        return cut_page([Complaint(*row) for row in found], self.limit, self.order.cursor)

    def totals(self, session: Session) -> list[tuple[str, int, int]]:
        """Currency, how many, and minor units, over the whole search."""
        query = self._joined(self._model.currency, func.count(), func.sum(self._model.amount_minor))
        query = query.group_by(self._model.currency).order_by(self._model.currency)
        return [(currency, n, int(minor)) for currency, n, minor in session.execute(query)]

    def _joined(self, *columns: Any) -> Select[Any]:
        query = select(*columns).select_from(self._model).join(Payment, Payment.id == self._model.payment_id)
        query = query.join(Booking, Booking.id == Payment.booking_id)
        query = query.join(CallOffer, CallOffer.id == Booking.call_offer_id)
        query = query.join(Creator, Creator.id == CallOffer.creator_id).join(Seller, Seller.id == Creator.user_id)
        return query.join(Buyer, Buyer.id == Booking.user_id).where(*self._conditions())

    def _conditions(self) -> Sequence[ColumnElement[bool]]:
        found = list(self.period.conditions(self._model.created_at))
        if self.statuses:
            found.append(self._model.status.in_(self.statuses))
        if self.is_open:
            waits = Refund.status == RefundStatus.PENDING
            found.append(waits if self.kind is Kind.REFUNDS else Dispute.closed_at.is_(None))
        if self.is_overdue:
            found.append(self._model.id.in_(overdue_ids(self.kind.removesuffix("s"), now=self.now)))
        if self.text:
            stripe_id = Refund.stripe_refund_id if self.kind is Kind.REFUNDS else Dispute.stripe_dispute_id
            found.append(or_(mentions(self.text), stripe_id == self.text))
        return found


def _status(kind: Kind, text: str) -> str:
    known = list(RefundStatus) if kind is Kind.REFUNDS else DISPUTE_STATUSES
    if text not in known:
        raise BadParameter("status", text, ", ".join(known))
    return text


@dataclass(frozen=True, slots=True)
class ComplaintCounts:
    """How many there are, and how many wait for somebody."""

    refunds: int
    pending_refunds: int
    disputes: int
    open_disputes: int


def count_complaints(session: Session) -> ComplaintCounts:
    """The counts over both lists."""
    refunds = select(func.count(), func.count().filter(Refund.status == RefundStatus.PENDING)).select_from(Refund)
    disputes = select(func.count(), func.count().filter(Dispute.closed_at.is_(None))).select_from(Dispute)
    return ComplaintCounts(*session.execute(refunds).one(), *session.execute(disputes).one())
