"""Our payouts of 30 days against Stripe's, account by account: what can be repaired is, the rest is shown."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from portal.domain.gateway import StripeGateway, StripePayout
from portal.domain.payouts.reconcile import apply_seen
from portal.domain.work import Clock, UnitOfWork
from portal.models import Payout, PayoutAttempt, PayoutStatus

REACH = timedelta(days=30)
IN_FLIGHT = timedelta(minutes=10)
"""What moved so lately may be on its way between the two books."""
OLD = timedelta(days=60)
"""Stripe wants a balance paid out within 90 days; after 60 somebody should know."""

AGREES = {
    "pending": (PayoutStatus.PROCESSING,),
    "in_transit": (PayoutStatus.PROCESSING,),
    "paid": (PayoutStatus.PAID,),
    "failed": (PayoutStatus.FAILED, PayoutStatus.RETURNED),
    "canceled": (PayoutStatus.CANCELED,),
}
DEAD = ("failed", "canceled")


class Bucket(StrEnum):
    """Where a payout stands between the two books."""

    AGREE = "agree"
    ONLY_OURS = "only_ours"
    ONLY_STRIPE = "only_stripe"
    DIFFER = "differ"


@dataclass(frozen=True, slots=True)
class Pair:
    """A payout as we have it and as Stripe has it; one side may be missing."""

    bucket: Bucket
    ours: Payout | None
    seen: StripePayout | None

    def facts(self) -> dict[str, Any]:
        """The pair as plain values; amounts in minor units."""
        ours, seen = self.ours, self.seen
        return {
            "bucket": self.bucket.value,
            "payoutId": str(ours.id) if ours else None,
            "creatorId": str(ours.creator_id) if ours else None,
            "stripePayoutId": seen.id if seen else (ours.stripe_payout_id if ours else None),
            "account": seen.account if seen else (ours.stripe_account_id if ours else None),
            "ours": [ours.amount_minor, ours.currency, ours.status.value] if ours else None,
            "stripe": [seen.amount_minor, seen.currency, seen.status] if seen else None,
        }


@dataclass(frozen=True, slots=True)
class Compared:
    """One account compared: pairs that do not agree, how many do, how many were repaired, and old balances."""

    account: str
    agreeing: int
    repaired: int
    pairs: list[Pair]
    old_minor: Mapping[str, int] = field(default_factory=dict)


def compare_account(
    work: UnitOfWork, gateway: StripeGateway, *, account: str, told: Collection[str], clock: Clock
) -> Compared:
    """Compare an account's payouts with Stripe's list. Raises StripeFailure.

    `told` names payouts of Stripe's that an earlier comparison has reported as not ours.
    """
    since = clock() - REACH
    listed = gateway.list_payouts(account, since)
    repaired = 0
    for seen in _doubtful(work, listed, told):
        with work() as session:
            repaired += apply_seen(session, seen, now=clock())
    with work() as session:
        pairs = _pairs(session, account, listed, since, clock())
    found = [pair for pair in pairs if pair.bucket is not Bucket.AGREE]
    return Compared(account, len(pairs) - len(found), repaired, found, _old_balance(gateway, account, clock()))


def _doubtful(work: UnitOfWork, listed: list[StripePayout], told: Collection[str]) -> list[StripePayout]:
    """What Stripe lists and we do not have so; bounces of paid payouts are among them."""
    with work() as session:
        ours = _by_stripe_id(session, [seen.id for seen in listed])
    return [
        seen
        for seen in listed
        if seen.id not in told and not (seen.id in ours and _same_status(ours[seen.id], seen))
    ]


def _pairs(
    session: Session, account: str, listed: list[StripePayout], since: datetime, now: datetime
) -> list[Pair]:
    ours = _by_stripe_id(session, [seen.id for seen in listed])
    fresh = now - IN_FLIGHT
    pairs = [
        Pair(_bucket(ours.get(seen.id), seen), ours.get(seen.id), seen)
        for seen in listed
        if seen.id in ours or seen.created_at < fresh
    ]
    ids = [seen.id for seen in listed]
    query = select(Payout).where(
        Payout.stripe_account_id == account,
        Payout.stripe_payout_id.is_not(None),
        Payout.stripe_payout_id.not_in(ids),
        Payout.created_at >= since,
        Payout.updated_at < fresh,
    )
    return pairs + [Pair(Bucket.ONLY_OURS, payout, None) for payout in session.scalars(query)]


def _by_stripe_id(session: Session, ids: list[str]) -> dict[str, Payout]:
    """Our payouts by Stripe's ids, those of earlier attempts included."""
    query = select(Payout, PayoutAttempt.stripe_payout_id).outerjoin(
        PayoutAttempt, PayoutAttempt.payout_id == Payout.id
    )
    query = query.where(or_(Payout.stripe_payout_id.in_(ids), PayoutAttempt.stripe_payout_id.in_(ids)))
    found: dict[str, Payout] = {}
    for payout, tried in session.execute(query):
        found |= {name: payout for name in (payout.stripe_payout_id, tried) if name}
    return found


def _same_status(ours: Payout, seen: StripePayout) -> bool:
    if ours.stripe_payout_id != seen.id:
        return seen.status in DEAD  # an earlier attempt, replaced since
    return ours.status in AGREES.get(seen.status, ())


def _bucket(ours: Payout | None, seen: StripePayout) -> Bucket:
    if ours is None:
        return Bucket.ONLY_STRIPE
    money = (ours.amount_minor, ours.currency) == (seen.amount_minor, seen.currency)
    return Bucket.AGREE if money and _same_status(ours, seen) else Bucket.DIFFER


def _old_balance(gateway: StripeGateway, account: str, now: datetime) -> dict[str, int]:
    """Minor units that came in more than 60 days ago and are still there: first in, first out."""
    available = {code: minor for code, minor in gateway.retrieve_balance(account).available.items() if minor > 0}
    received = gateway.sum_receipts(account, now - OLD) if available else {}
    old = {code: minor - received.get(code, 0) for code, minor in available.items()}
    return {code: minor for code, minor in old.items() if minor > 0}
