"""What is for sale: creators whom people can pay, and their calls to come."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, and_, func, or_, select
from sqlalchemy.orm import Session, contains_eager

from portal.models import CallOffer as CallOffer
from portal.models import Creator, OfferStatus, Role, User
from portal.queries.paging import Order, Page, cut_page, parse_cursor, parse_limit
from portal.queries.parameters import Arguments, one, refuse_unknown

PARAMETERS = frozenset({"q", "cursor", "limit", "tz"})
MOST_OFFERS = 200
HERE = Creator.user.has(and_(User.role == Role.CREATOR, User.disabled_at.is_(None)))
MAY_SELL = and_(HERE, Creator.stripe_account_id.is_not(None), Creator.charges_enabled)
"""Creator.may_sell, for the database."""


def _is_for_sale(now: datetime) -> ColumnElement[bool]:
    return and_(
        CallOffer.status == OfferStatus.AVAILABLE, CallOffer.deleted_at.is_(None), CallOffer.starts_at > now
    )


@dataclass(frozen=True, slots=True)
class SellerSearch:
    """Creators with calls for sale, newest first."""

    now: datetime
    text: str = ""
    order: Order = field(default_factory=Order)
    limit: int = 50

    @classmethod
    def from_args(cls, args: Arguments, *, now: datetime) -> "SellerSearch":
        """The search that an address asks for. Raises BadParameter."""
        refuse_unknown(args, PARAMETERS)
        return cls(
            now=now,
            text=one(args, "q") or "",
            order=Order(parse_cursor(one(args, "cursor"), UUID)),
            limit=parse_limit(one(args, "limit")),
        )

    def statement(self) -> Select[Creator]:
        """Up to `limit` + 1 creators, in the cursor's direction."""
        selling = select(CallOffer.creator_id).where(_is_for_sale(self.now))
        query = select(Creator).join(Creator.user).options(contains_eager(Creator.user))
        query = query.where(MAY_SELL, Creator.id.in_(selling))
        if self.text:
            titled = selling.where(CallOffer.title.icontains(self.text, autoescape=True))
            named = User.name.icontains(self.text, autoescape=True)
            handled = Creator.handle.icontains(self.text.removeprefix("@"), autoescape=True)
            query = query.where(or_(named, handled, Creator.id.in_(titled)))
        place = (Creator.created_at, Creator.id)
        query = query.where(*self.order.conditions(*place))
        return query.order_by(*self.order.columns(*place)).limit(self.limit + 1)

    def page(self, session: Session) -> Page[Creator]:  # type: ignore[type-var]  # Mapped columns are no protocol members to mypy
        """One page."""
        found = session.scalars(self.statement()).all()
        return cut_page(found, self.limit, self.order.cursor)  # type: ignore[type-var]


def for_sale_by(
    session: Session, creators: Sequence[Creator], *, now: datetime
) -> dict[UUID, Row[UUID, int, datetime, int]]:
    """By creator: how many calls are for sale (`n`), when the next one is (`next_at`), the lowest price."""
    query = select(
        CallOffer.creator_id,
        func.count().label("n"),
        func.min(CallOffer.starts_at).label("next_at"),
        func.min(CallOffer.price_minor).label("lowest_minor"),
    ).where(CallOffer.creator_id.in_([creator.id for creator in creators]), _is_for_sale(now))
    return {row.creator_id: row for row in session.execute(query.group_by(CallOffer.creator_id))}


def find_seller(session: Session, handle: str) -> Creator | None:
    """The creator of a handle, whom people can pay."""
    if not handle.isprintable():
        return None
    return session.scalar(select(Creator).where(Creator.handle == handle, MAY_SELL))


def upcoming_offers(session: Session, creator_id: UUID, *, now: datetime) -> Sequence[CallOffer]:
    """A creator's calls for sale, the next one first."""
    query = select(CallOffer).where(CallOffer.creator_id == creator_id, _is_for_sale(now))
    return session.scalars(query.order_by(CallOffer.starts_at, CallOffer.id).limit(MOST_OFFERS)).all()


def find_public_offer(session: Session, offer_id: UUID) -> CallOffer | None:
    """An offer with its creator, whatever became of it; deleted ones are gone."""
    query = select(CallOffer).join(CallOffer.creator).join(Creator.user)
    query = query.options(contains_eager(CallOffer.creator).contains_eager(Creator.user))
    query = query.where(CallOffer.id == offer_id, CallOffer.deleted_at.is_(None))
    return session.scalar(query.execution_options(populate_existing=True))
