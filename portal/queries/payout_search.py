"""The queue of payouts: its parameters, its pages, its counts, and one payout with all that belongs to it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Select, String, and_, bindparam, cast, func, or_, select
from sqlalchemy.orm import Session, contains_eager, joinedload

from portal.models import Creator, User
from portal.models import Payout as Payout
from portal.models import PayoutRoute as PayoutRoute
from portal.models import PayoutStatus as PayoutStatus
from portal.queries.paging import Order, Page, cut_page, parse_cursor, parse_limit, parse_uuid
from portal.queries.parameters import Arguments, flag, many, member, one, refuse_unknown
from portal.queries.time_range import TimeRange, parse_start, parse_time_range

UNSENT = timedelta(minutes=15)
"""How long an approved or sent payout may wait for Stripe's answer before somebody should look."""

LATE_ARRIVAL = timedelta(days=2)
PARAMETERS = frozenset({"status", "stuck", "creatorId", "from", "to", "changedFrom", "tz", "q", "cursor", "limit"})


@dataclass(frozen=True, slots=True)
class PayoutSearch:
    """Payouts newest first; every field narrows, several statuses widen."""

    now: datetime
    statuses: tuple[PayoutStatus, ...] = ()
    stuck: bool = False
    creator_id: UUID | None = None
    period: TimeRange = field(default_factory=TimeRange)
    changed_from: datetime | None = None
    text: str = ""
    order: Order = field(default_factory=Order)
    limit: int = 50

    @classmethod
    def from_args(cls, args: Arguments, *, tz: str, now: datetime) -> "PayoutSearch":
        """The search that an address asks for; `tz` is the reader's zone. Raises BadParameter."""
        refuse_unknown(args, PARAMETERS)
        return cls(
            now=now,
            statuses=tuple(member("status", value, PayoutStatus) for value in many(args, "status")),
            stuck=flag(args, "stuck"),
            creator_id=parse_uuid("creatorId", one(args, "creatorId")),
            period=parse_time_range(args, now=now, tz=tz),
            changed_from=parse_start(args, "changedFrom", now=now, tz=tz),
            text=one(args, "q") or "",
            order=Order(parse_cursor(one(args, "cursor"), UUID)),
            limit=parse_limit(one(args, "limit")),
        )

    @property
    def narrowed(self) -> bool:
        """Whether anything is filtered at all."""
        return bool(self._conditions())

    def statement(self) -> Select[Payout]:
        """Up to `limit` + 1 payouts with their creators, in the cursor's direction."""
        query = select(Payout).join(Payout.creator).join(Creator.user)
        query = query.options(contains_eager(Payout.creator).contains_eager(Creator.user))
        place = (Payout.created_at, Payout.id)
        query = query.where(*self._conditions(), *self.order.conditions(*place))
        return query.order_by(*self.order.columns(*place)).limit(self.limit + 1)

    def page(self, session: Session) -> Page[Payout]:  # type: ignore[type-var]  # Mapped columns are no protocol members to mypy
        """One page."""
        found = session.scalars(self.statement()).all()
        return cut_page(found, self.limit, self.order.cursor)  # type: ignore[type-var]

    def _conditions(self) -> Sequence[ColumnElement[bool]]:
        found = list(self.period.conditions(Payout.created_at))
        if self.statuses:
            found.append(Payout.status.in_(self.statuses))
        if self.changed_from:
            found.append(Payout.updated_at >= self.changed_from)
        if self.stuck:
            found.append(is_stuck(self.now))
        if self.creator_id:
            found.append(Payout.creator_id == self.creator_id)
        return [*found, _mentions(self.text)] if self.text else found


def _mentions(text: str) -> ColumnElement[bool]:
    return or_(
        User.name.icontains(text, autoescape=True),
        User.email.icontains(text, autoescape=True),
        Creator.handle.icontains(text.removeprefix("@"), autoescape=True),
        cast(Payout.id, String).startswith(text.lower(), autoescape=True),
        Payout.stripe_payout_id.startswith(text, autoescape=True),
        Payout.stripe_account_id == text,
    )


def is_stuck(now: datetime) -> ColumnElement[bool]:
    """Payouts that stand still: not sent, without an answer, late at the bank, or in nobody's hands."""
    waiting = Payout.status.in_((PayoutStatus.APPROVED, PayoutStatus.SUBMITTING))
    return or_(
        Payout.status == PayoutStatus.REVIEW,
        and_(waiting, Payout.updated_at < now - UNSENT),
        and_(Payout.status == PayoutStatus.PROCESSING, Payout.arrival_at < now - LATE_ARRIVAL),
    )


def stuck_since(payout: Payout, now: datetime) -> datetime | None:
    """From when a payout stands still, as is_stuck() counts it; None when it does not."""
    if payout.status is PayoutStatus.REVIEW:
        return payout.updated_at
    if payout.status in {PayoutStatus.APPROVED, PayoutStatus.SUBMITTING}:
        limit = payout.updated_at + UNSENT
    elif payout.status is PayoutStatus.PROCESSING and payout.arrival_at:
        limit = payout.arrival_at + LATE_ARRIVAL
    else:
        return None
    return limit if limit < now else None


@dataclass(frozen=True, slots=True)
class PayoutCounts:
    """How many payouts each status holds, and how many stand still."""

    by_status: Mapping[PayoutStatus, int]
    stuck: int

    def of(self, *statuses: PayoutStatus) -> int:
        """How many payouts have one of these statuses."""
        return sum(self.by_status.get(status, 0) for status in statuses)


def count_payouts(session: Session, *, now: datetime) -> PayoutCounts:
    """The counts over the whole queue."""
    stuck = func.count().filter(is_stuck(now))
    rows = session.execute(select(Payout.status, func.count(), stuck).group_by(Payout.status)).all()
    return PayoutCounts({status: n for status, n, _ in rows}, sum(late for _, _, late in rows))


@dataclass(frozen=True, slots=True)
class PayoutDetail:
    """One payout with its creator, its attempts and who decided."""

    payout: Payout
    decided_by: User | None


WHOLE = (
    select(Payout, User)
    .outerjoin(User, User.id == Payout.decided_by)
    .options(joinedload(Payout.creator), joinedload(Payout.attempts))
    .where(Payout.id == bindparam("id"))
    .execution_options(populate_existing=True, kept_plan=True)
)


def find_payout(session: Session, payout_id: UUID, *, creator_id: UUID | None = None) -> PayoutDetail | None:
    """A payout, freshly read; with `creator_id` only when it is that creator's."""
    query = WHOLE if creator_id is None else WHOLE.where(Payout.creator_id == creator_id)
    row = session.execute(query, {"id": payout_id}).unique().first()
    return None if row is None else PayoutDetail(*row)


def former_accounts(session: Session, creator: Creator) -> list[str]:
    """Stripe accounts that the creator's payouts went to before the present one, the latest first."""
    query = select(Payout.stripe_account_id, func.max(Payout.created_at))
    query = query.where(Payout.creator_id == creator.id).group_by(Payout.stripe_account_id)
    found = session.execute(query.order_by(func.max(Payout.created_at).desc())).all()
    return [account for account, _ in found if account != creator.stripe_account_id]


def recent_payouts(session: Session, creator_id: UUID, *, limit: int) -> list[Payout]:
    """A creator's newest payouts."""
    query = select(Payout).where(Payout.creator_id == creator_id)
    return list(session.scalars(query.order_by(Payout.created_at.desc(), Payout.id.desc()).limit(limit)))


def next_to_decide(session: Session) -> Payout | None:
    """The payout that has waited longest for a decision, with its creator."""
    query = select(Payout).options(joinedload(Payout.creator)).where(Payout.status == PayoutStatus.REQUESTED)
    return session.scalar(query.order_by(Payout.created_at, Payout.id).limit(1))


def payouts_by_id(session: Session, ids: Iterable[UUID]) -> Sequence[Payout]:
    """These payouts with their creators, the longest waiting first; unknown ids are left out."""
    query = select(Payout).options(joinedload(Payout.creator)).where(Payout.id.in_(set(ids)))
    return session.scalars(query.order_by(Payout.created_at, Payout.id)).all()
