"""The list of creators: its parameters, its pages, its counts, and one creator."""

from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session, contains_eager

from portal.models import Creator, User
from portal.queries.paging import Order, Page, cut_page, parse_cursor, parse_limit
from portal.queries.parameters import Arguments, member, one, refuse_unknown

PARAMETERS = frozenset({"state", "q", "cursor", "limit"})


class CreatorState(StrEnum):
    """What a list of creators can be narrowed to."""

    BLOCKED = "blocked"
    NO_ACCOUNT = "no_account"
    PAYOUTS_DISABLED = "payouts_disabled"
    SCHEDULE = "schedule"


CONDITIONS: dict[CreatorState, ColumnElement[bool]] = {
    CreatorState.BLOCKED: Creator.is_payout_blocked.is_(True),
    CreatorState.NO_ACCOUNT: Creator.stripe_account_id.is_(None),
    CreatorState.PAYOUTS_DISABLED: Creator.stripe_account_id.is_not(None) & ~Creator.payouts_enabled,
    CreatorState.SCHEDULE: Creator.stripe_schedule_interval != "manual",
}


@dataclass(frozen=True, slots=True)
class CreatorSearch:
    """Creators, newest first."""

    state: CreatorState | None = None
    text: str = ""
    order: Order = field(default_factory=Order)
    limit: int = 50

    @classmethod
    def from_args(cls, args: Arguments) -> "CreatorSearch":
        """The search that an address asks for. Raises BadParameter."""
        refuse_unknown(args, PARAMETERS)
        return cls(
            state=member("state", text, CreatorState) if (text := one(args, "state")) else None,
            text=one(args, "q") or "",
            order=Order(parse_cursor(one(args, "cursor"), UUID)),
            limit=parse_limit(one(args, "limit")),
        )

    def statement(self) -> Select[Creator]:
        """Up to `limit` + 1 creators, in the cursor's direction."""
        query = select(Creator).join(Creator.user).options(contains_eager(Creator.user))
        if self.state:
            query = query.where(CONDITIONS[self.state])
        if self.text:
            query = query.where(_mentions(self.text))
        place = (Creator.created_at, Creator.id)
        query = query.where(*self.order.conditions(*place))
        return query.order_by(*self.order.columns(*place)).limit(self.limit + 1)

    def page(self, session: Session) -> Page[Creator]:  # type: ignore[type-var]  # Mapped columns are no protocol members to mypy
        """One page."""
        found = session.scalars(self.statement()).all()
        return cut_page(found, self.limit, self.order.cursor)  # type: ignore[type-var]


def _mentions(text: str) -> ColumnElement[bool]:
    return or_(
        User.name.icontains(text, autoescape=True),
        User.email.icontains(text, autoescape=True),
        Creator.handle.icontains(text.removeprefix("@"), autoescape=True),
        Creator.stripe_account_id == text,
    )


@dataclass(frozen=True, slots=True)
class CreatorCounts:
    """How many creators there are, and how many in each state."""

    everybody: int
    by_state: dict[CreatorState, int]


def count_creators(session: Session) -> CreatorCounts:
    """The counts over all creators."""
    states = list(CONDITIONS)
    counts = [func.count().filter(CONDITIONS[state]) for state in states]
    everybody, *found = session.execute(select(func.count(), *counts).select_from(Creator)).one()
    return CreatorCounts(everybody, dict(zip(states, found, strict=True)))


def find_creator(session: Session, creator_id: UUID) -> Creator | None:
    """A creator, freshly read."""
    return session.get(Creator, creator_id, populate_existing=True)
