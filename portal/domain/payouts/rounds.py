"""A round of automatic payouts: who is due in which business period, and how each creator is counted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from sqlalchemy import case, exists, select
from sqlalchemy.orm import Session

from portal.models import Creator, Payout, PayoutSchedule


class Outcome(StrEnum):
    """How the job counts a creator."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"


class Reason(StrEnum):
    """Why a creator was counted so, in one word."""

    SENT = "sent"
    TO_REVIEW = "to_review"
    REFUSED = "refused_by_stripe"
    UNKNOWN = "outcome_unknown"
    NOT_SENT = "not_sent_yet"
    STRIPE_ERROR = "stripe_error"
    BUG = "bug"
    NOT_SCHEDULED = "not_scheduled"
    NO_ACCOUNT = "no_account"
    BLOCKED = "blocked"
    IDENTITY = "identity"
    BANK = "bank"
    NO_CURRENCY = "no_currency"
    BALANCE_LOW = "balance_low"
    OPEN_PAYOUT = "open_payout"
    ALREADY_PAID = "already_paid"
    SENDING_PAUSED = "sending_paused"
    ACCOUNT_CHANGED = "account_changed"


OUTCOMES = {
    Reason.SENT: Outcome.SUCCEEDED,
    Reason.TO_REVIEW: Outcome.SUCCEEDED,
    Reason.REFUSED: Outcome.FAILED,
    Reason.UNKNOWN: Outcome.FAILED,
    Reason.NOT_SENT: Outcome.FAILED,
    Reason.STRIPE_ERROR: Outcome.FAILED,
    Reason.BUG: Outcome.FAILED,
}

WITH_PAYOUT = frozenset({Reason.SENT, Reason.TO_REVIEW, Reason.REFUSED, Reason.UNKNOWN, Reason.NOT_SENT})
"""Creators counted so have a payout for the period: no later run of the period meets them."""


@dataclass(frozen=True, slots=True)
class Handled:
    """What became of one creator in one run."""

    creator_id: UUID
    reason: Reason
    payout_id: UUID | None = None

    @property
    def outcome(self) -> Outcome:
        """How the run counts it."""
        return outcome_of(self.reason)


def outcome_of(reason: Reason) -> Outcome:
    """How a creator with this reason is counted."""
    return OUTCOMES.get(reason, Outcome.SKIPPED)


@dataclass(frozen=True, slots=True)
class Round:
    """One run over the creators: whose day it pays for, and up to which decimal amount without an admin."""

    run_id: UUID
    day: date
    auto_limit: Decimal


def period_key(schedule: PayoutSchedule, day: date) -> str | None:
    """The business period that `day`, in UTC, lies in: 2026-11-22, 2026-W47 or 2026-11."""
    if schedule is PayoutSchedule.DAILY:
        return f"{day:%Y-%m-%d}"
    if schedule is PayoutSchedule.WEEKLY:
        return f"{day:%G-W%V}"
    return f"{day:%Y-%m}" if schedule is PayoutSchedule.MONTHLY else None


def due_creators(session: Session, *, day: date) -> Sequence[UUID]:
    """Creators on a schedule whose period has no payout yet, the longest-standing first."""
    keys = {schedule: key for schedule in PayoutSchedule if (key := period_key(schedule, day))}
    current = case(keys, value=Creator.payout_schedule)
    paid = exists().where(
        Payout.creator_id == Creator.id, Payout.currency == Creator.currency, Payout.period_key == current
    )
    query = select(Creator.id).where(Creator.payout_schedule.in_(keys), ~paid)
    return session.scalars(query.order_by(Creator.created_at, Creator.id)).all()
