"""The wish for a payout and the questions to Stripe before there is one."""

from portal.demo.rows import Facts, Operation, amount
from portal.demo.world import Seller
from portal.models import LogActor

SYSTEM = LogActor.SYSTEM


def ask(op: Operation, seller: Seller, typed: str, actor: LogActor = LogActor.CREATOR) -> None:
    """The wish for a payout, as typed."""
    facts = {"creatorId": seller.id, "creatorEmail": seller.person.email, "creatorName": seller.part.name}
    facts |= {"requestedAmount": typed, "currency": seller.currency, "payoutSchedule": seller.part.schedule}
    op.log("PAYOUT_REQUEST_INITIATED", actor, seller.id, facts)


def check(op: Operation, seller: Seller, minor: int, available: int) -> None:
    """The two questions to Stripe before a payout exists."""
    known = {"creatorId": seller.id, "stripeAccountId": seller.account}
    op.log("PAYOUT_REQUEST_STRIPE_VERIFICATION", SYSTEM, seller.id, known)
    op.wait(160, 600)
    facts: Facts = {"creatorId": seller.id, "requestedAmount": amount(minor, seller.currency)}
    facts |= {"availableBalance": amount(available, seller.currency), "currency": seller.currency}
    op.wait(120, 420)
    op.log("PAYOUT_REQUEST_BALANCE_CHECK", SYSTEM, seller.id, facts)
