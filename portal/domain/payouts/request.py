"""A creator asks for a payout: T1 (an admin will decide) and T2 (within the automatic limit)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.audit.actor import Actor
from portal.audit.system_log import error_facts, log_error
from portal.domain.errors import DomainError, NotFound
from portal.domain.gateway import ConnectedAccount, StripeGateway
from portal.domain.payouts.admission import Admission, admit_payout
from portal.domain.payouts.checks import RequestChecks
from portal.domain.payouts.facts import has_open, lock_creator, reserved_minor
from portal.domain.payouts.sending import send_payout
from portal.domain.work import Clock, UnitOfWork
from portal.models import (
    Creator,
    LogActor,
    Payout,
    PayoutRoute,
    PayoutSource,
)

SHORTEST_TOKEN = 8


@dataclass(frozen=True, slots=True)
class PayoutRequest:
    """What the creator's form says. `form_token` names one showing of the form: one token, one payout."""

    amount: str
    currency: str
    form_token: str


@dataclass(frozen=True, slots=True)
class Requested:
    """The payout of a request; `is_new` is false when the same form was sent before."""

    payout: Payout
    is_new: bool


@dataclass(frozen=True, slots=True)
class _Wish:
    """What the checks found, to be decided on the locked creator."""

    checks: RequestChecks
    account: ConnectedAccount
    available_minor: int
    form_token: str
    auto_limit: Decimal
    api_version: str
    now: datetime


def request_payout(
    work: UnitOfWork,
    gateway: StripeGateway,
    *,
    creator_id: UUID,
    request: PayoutRequest,
    actor: Actor,
    auto_limit: Decimal,
    clock: Clock,
) -> Requested:
    """Ask for a payout; within `auto_limit` (a decimal amount) it is also sent. Raises PayoutRefused."""
    token = f"{creator_id}:{request.form_token[:64]}"
    with work() as session:
        before = _by_token(session, token)
        creator = session.get(Creator, creator_id)
    if before is not None:
        return Requested(before, is_new=False)
    if creator is None:
        raise NotFound("Ce créateur n’existe pas.", event="PAYOUT_REQUEST_UNAUTHORIZED")
    checks = RequestChecks(creator, actor, amount=request.amount, currency=request.currency)
    if len(request.form_token) < SHORTEST_TOKEN:
        raise checks.invalid("Ce formulaire a expiré : rechargez la page.")
    with _fatal_errors_recorded(checks):
        requested = _admit(work, gateway, checks, token, auto_limit, clock)
        if requested.is_new and requested.payout.route is PayoutRoute.AUTO:
            send_payout(work, gateway, payout_id=requested.payout.id, clock=clock)
    return requested


@contextmanager
def _fatal_errors_recorded(checks: RequestChecks) -> Iterator[None]:
    """Record what is neither a refusal nor success, then let it pass: it stays a bug."""
    try:
        yield
    except DomainError:
        raise
    except Exception as error:
        creator_id = checks.creator.id
        facts = {"creatorId": creator_id, "processingTimeMs": checks.elapsed_ms, **error_facts(error)}
        log_error("PAYOUT_REQUEST_FATAL_ERROR", LogActor.SYSTEM, None, creator_id, facts)
        raise


def _admit(
    work: UnitOfWork,
    gateway: StripeGateway,
    checks: RequestChecks,
    token: str,
    auto_limit: Decimal,
    clock: Clock,
) -> Requested:
    checks.initiated()
    checks.valid_amount()
    account = checks.verified_account(gateway, checks.account_id())
    available = checks.available_minor(gateway, account.id)
    wish = _Wish(checks, account, available, token, auto_limit, gateway.api_version, clock())
    with work() as session:
        return _record(session, wish)


def _record(session: Session, wish: _Wish) -> Requested:
    """T1 or T2 on the locked creator: what was decided before is decided again here."""
    checks = wish.checks
    creator = lock_creator(session, checks.creator.id)
    before = _by_token(session, wish.form_token)
    if before is not None:
        return Requested(before, is_new=False)
    _recheck(session, creator, wish)
    payout = admit_payout(session, _admission(wish), actor=checks.actor, processing_ms=checks.elapsed_ms)
    return Requested(payout, is_new=True)


def _admission(wish: _Wish) -> Admission:
    return Admission(
        creator_id=wish.checks.creator.id,
        account_id=wish.account.id,
        amount_minor=wish.checks.amount_minor or 0,
        currency=wish.checks.currency,
        available_minor=wish.available_minor,
        source=PayoutSource.CREATOR,
        auto_limit=wish.auto_limit,
        api_version=wish.api_version,
        now=wish.now,
        form_token=wish.form_token,
    )


def _recheck(session: Session, creator: Creator | None, wish: _Wish) -> None:
    checks = wish.checks
    if creator is None or creator.stripe_account_id != wish.account.id:
        raise checks.invalid("Votre compte Stripe vient de changer : recommencez.", status=409)
    checks.unblocked(creator)
    if has_open(session, creator.id, checks.currency):
        message = "Un payout en %(currency)s est déjà en cours ; attendez qu’il parte ou annulez-le."
        raise checks.invalid(message, status=409, words={"currency": checks.currency})
    checks.covered(wish.available_minor, reserved_minor(session, creator.id, checks.currency))


def _by_token(session: Session, token: str) -> Payout | None:
    return session.scalar(select(Payout).where(Payout.form_token == token))
