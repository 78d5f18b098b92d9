"""Automatic payouts: a creator on a schedule is paid the whole balance once a business period in UTC (T2).

The period's key is unique by creator and currency in the database, and everything is decided on the locked
creator: two runs at once, or one that is repeated after a crash, pay once.
"""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from portal.audit.actor import SYSTEM
from portal.audit.system_log import log_warning
from portal.domain.errors import PayoutRefused
from portal.domain.gateway import StripeGateway
from portal.domain.money import MOST_MINOR, WHOLE_HUNDREDS
from portal.domain.payouts.admission import Admission, admit_payout
from portal.domain.payouts.checks import RequestChecks
from portal.domain.payouts.facts import (
    SENDING_PAUSED,
    lock_creator,
    reserved_minor,
)
from portal.domain.payouts.rounds import Handled, Reason, Round, period_key
from portal.domain.payouts.sending import send_payout
from portal.domain.work import Clock, UnitOfWork
from portal.models import (
    Creator,
    LogActor,
    Payout,
    PayoutRoute,
    PayoutSource,
    PayoutStatus,
    Setting,
)
from portal.models.currency import to_decimal
from portal.models.payout import RESERVED

WHOLE_BALANCE = "solde disponible"


REFUSALS = {
    "PAYOUT_REQUEST_KYC_INCOMPLETE": Reason.IDENTITY,
    "PAYOUT_REQUEST_BANK_NOT_VERIFIED": Reason.BANK,
    "PAYOUT_REQUEST_CURRENCY_NOT_FOUND": Reason.NO_CURRENCY,
    "PAYOUT_REQUEST_STRIPE_ERROR": Reason.STRIPE_ERROR,
}
STATUSES = {
    PayoutStatus.REQUESTED: Reason.TO_REVIEW,
    PayoutStatus.FAILED: Reason.REFUSED,
    PayoutStatus.SUBMITTING: Reason.UNKNOWN,
    PayoutStatus.APPROVED: Reason.NOT_SENT,
    PayoutStatus.CANCELED: Reason.ACCOUNT_CHANGED,
}


def pay_on_schedule(
    work: UnitOfWork, gateway: StripeGateway, *, creator_id: UUID, round: Round, clock: Clock
) -> Handled:
    """Pay the creator what is available, if it is due and nothing forbids it; says what happened, and why."""
    with work() as session:
        creator = session.get_one(Creator, creator_id)
        held = _held(session, creator, round.day)
    if held is not None:
        return Handled(creator_id, held)
    checks = _Checks(creator, round)
    try:
        account_id, available = _look(checks, gateway)
    except PayoutRefused as refusal:
        return Handled(creator_id, REFUSALS[refusal.event])
    wish = _Wish(checks, account_id, available, gateway.api_version, clock())
    with work() as session:
        decided = _decide(session, wish)
    if isinstance(decided, Reason):
        return Handled(creator_id, decided)
    return _sent(work, gateway, decided, clock)


class _Checks(RequestChecks):
    """A request's checks, for a wish that the schedule makes: its rows name the run."""

    def __init__(self, creator: Creator, round: Round) -> None:
        facts = {"runId": round.run_id}
        super().__init__(creator, SYSTEM, amount=WHOLE_BALANCE, currency=creator.currency, facts=facts)
        self.round = round


@dataclass(frozen=True, slots=True)
class _Wish:
    """What the checks found, to be decided on the locked creator."""

    checks: _Checks
    account_id: str
    available_minor: int
    api_version: str
    now: datetime


def _held(session: Session, creator: Creator, day: date) -> Reason | None:
    """What the portal itself knows to stand in the way; nothing of it needs a row in the log."""
    key = period_key(creator.payout_schedule, day)
    if key is None:
        return Reason.NOT_SCHEDULED
    if creator.stripe_account_id is None:
        return Reason.NO_ACCOUNT
    if creator.is_payout_blocked:
        return Reason.BLOCKED
    mine = (Payout.creator_id == creator.id, Payout.currency == creator.currency)
    paused = exists().where(Setting.name == SENDING_PAUSED)
    paid = exists().where(*mine, Payout.period_key == key)
    opened = exists().where(*mine, Payout.status.in_(RESERVED))
    found = session.execute(select(paused, paid, opened)).one()
    reasons = (Reason.SENDING_PAUSED, Reason.ALREADY_PAID, Reason.OPEN_PAYOUT)
    return next((reason for reason, holds in zip(reasons, found, strict=True) if holds), None)


def _look(checks: _Checks, gateway: StripeGateway) -> tuple[str, int]:
    """The account and what it holds ready, as Stripe says now. Raises PayoutRefused."""
    checks.initiated()
    account = checks.verified_account(gateway, checks.account_id())
    return account.id, checks.available_minor(gateway, account.id)


def _decide(session: Session, wish: _Wish) -> Payout | Reason:
    """T2, or T1 above the limit, on the locked creator: what was decided before is decided again here."""
    creator = lock_creator(session, wish.checks.creator.id)
    if creator is None or creator.stripe_account_id != wish.account_id:
        return Reason.ACCOUNT_CHANGED
    held = _held(session, creator, wish.checks.round.day)
    if held is not None:
        return held
    left = wish.available_minor - reserved_minor(session, creator.id, creator.currency)
    amount_minor = payable_minor(left, creator.currency)
    if amount_minor < creator.payout_minimum_minor:
        _tell_low(session, creator, left, wish)
        return Reason.BALANCE_LOW
    return _admit(session, creator, amount_minor, wish)


def payable_minor(left: int, currency: str) -> int:
    """As much of `left` minor units as one payout may hold."""
    most = min(max(left, 0), MOST_MINOR)
    return most - most % 100 if currency in WHOLE_HUNDREDS else most


def _tell_low(session: Session, creator: Creator, left: int, wish: _Wish) -> None:
    """PAYOUT_BALANCE_LOW, once a period."""
    key = period_key(creator.payout_schedule, wish.checks.round.day)
    if creator.balance_low_period == key:
        return
    creator.balance_low_period = key
    facts = {
        "creatorId": creator.id,
        "availableBalance": to_decimal(max(left, 0), creator.currency),
        "requestedAmount": to_decimal(creator.payout_minimum_minor, creator.currency),
        "currency": creator.currency,
        "periodKey": key,
        "runId": wish.checks.round.run_id,
    }
    log_warning("PAYOUT_BALANCE_LOW", LogActor.SYSTEM, None, creator.id, facts, session=session)


def _admit(session: Session, creator: Creator, amount_minor: int, wish: _Wish) -> Payout:
    round, key = wish.checks.round, period_key(creator.payout_schedule, wish.checks.round.day)
    admission = Admission(
        creator_id=creator.id,
        account_id=wish.account_id,
        amount_minor=amount_minor,
        currency=creator.currency,
        available_minor=wish.available_minor,
        source=PayoutSource.JOB,
        auto_limit=round.auto_limit,
        api_version=wish.api_version,
        now=wish.now,
        period_key=key,
    )
    facts = {"periodKey": key, "runId": round.run_id}
    return admit_payout(session, admission, actor=SYSTEM, processing_ms=wish.checks.elapsed_ms, facts=facts)


def _sent(work: UnitOfWork, gateway: StripeGateway, payout: Payout, clock: Clock) -> Handled:
    """Send at once what no admin decides on, and say how that ended."""
    creator_id, payout_id = payout.creator_id, payout.id
    if payout.route is PayoutRoute.REVIEW:
        return Handled(creator_id, Reason.TO_REVIEW, payout_id)
    send_payout(work, gateway, payout_id=payout_id, clock=clock)
    with work() as session:
        status = session.get_one(Payout, payout_id).status
    return Handled(creator_id, STATUSES.get(status, Reason.SENT), payout_id)
