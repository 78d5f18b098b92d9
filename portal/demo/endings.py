"""How payouts end: each ending takes a fresh payout to where it stands today."""

from collections.abc import Callable
from datetime import datetime, timedelta

from portal.demo.accounts import bank_fails, bank_recovers
from portal.demo.chance import DAY
from portal.demo.payouts import SYSTEM, Life, S
from portal.demo.rows import Facts
from portal.demo.settling import bounce, cancel, enter_failure, failure, hear, pay
from portal.models import AttemptState, LogActor
from portal.stripe_sandbox.payouts import INSUFFICIENT, NOT_ALLOWED

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
BACK_OFF = (MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * HOUR)
KEY_AGE_LIMIT = 23 * HOUR
UNUSABLE = "This external account failed a previous payout and cannot be used until it is updated."
REFUSALS = {
    "refused_balance": ("balance_insufficient", INSUFFICIENT),
    "refused_not_allowed": ("payouts_not_allowed", NOT_ALLOWED),
    "refused_bank": ("bank_account_unusable", UNUSABLE),
}
REJECTIONS = (
    "Montant supérieur aux ventes des 30 derniers jours : merci de nous écrire.",
    "Pièce d’identité expirée : mettez-la à jour avant toute nouvelle demande.",
    "Litige en cours sur deux paiements récents : la demande pourra être renouvelée après sa clôture.",
    "Demande en double : la précédente est encore en traitement à la banque.",
)
LOST = {"errorType": "APIConnectionError", "errorCode": None, "stripeRequestId": None}
LOST |= {"errorMessage": "Unexpected error communicating with Stripe: Read timed out. (read timeout=20.0)"}


def at_stripe(life: Life, at: datetime) -> None:
    """Approved, created and announced."""
    life.approve(at, life.world.chance.pick(life.world.admins))
    life.send()
    life.create()
    hear(life, "payout.created", life.op.at + timedelta(seconds=2))


def travel(life: Life) -> None:
    """On its way to the bank."""
    left = life.op.at + life.world.chance.span(2 * HOUR, 9 * HOUR)
    hear(life, "payout.updated", left, status="in_transit")


def paid(life: Life, asked: datetime) -> None:
    """Approved within a day or so, in the bank two days later."""
    at_stripe(life, asked + life.world.chance.span(HOUR, 26 * HOUR))
    arrive(life)


def arrive(life: Life) -> None:
    """The rest of the way of a payout that Stripe has."""
    travel(life)
    hear(life, "payout.paid", life.row["arrival_at"] + life.world.chance.span(MINUTE, HOUR), pay, status="paid")


def failing(code: str) -> Callable[[Life, datetime], None]:
    """The ending of a payout that the bank refuses with a code of Stripe's."""

    def end(life: Life, asked: datetime) -> None:
        at_stripe(life, asked + life.world.chance.span(HOUR, 20 * HOUR))
        travel(life)
        bounce(life, life.row["arrival_at"] + life.world.chance.span(MINUTE, HOUR), code)
        bank_fails(life.world, life.seller, life.op.at + timedelta(seconds=3))
        if life.seller.part.last4 == "3000":
            bank_recovers(life.world, life.seller, life.op.at + life.world.chance.span(HOUR, 2 * DAY))

    return end


def refusing(kind: str) -> Callable[[Life, datetime], None]:
    """The ending of a payout that Stripe does not create."""

    def end(life: Life, asked: datetime) -> None:
        life.approve(asked + life.world.chance.span(HOUR, 20 * HOUR), life.world.chance.pick(life.world.admins))
        life.send()
        refuse(life, *REFUSALS[kind])

    return end


def refuse(life: Life, code: str, message: str) -> None:
    """T9: Stripe says no, for certain."""
    life.op.wait(180, 700)
    request_id = life.world.chance.stripe_id("req", 14)
    moved = life.move(S.FAILED)
    life.row |= {"failure_code": code, "failure_message": message}
    life.attempt |= {"state": AttemptState.REFUSED, "next_send_at": None, "error_type": "invalid_request_error"}
    life.attempt |= {"error_code": code, "error_message": message, "error_http_status": 400}
    life.attempt["stripe_request_id"] = request_id
    facts = life.facts() | {"stripeErrorType": "invalid_request_error", "stripeErrorCode": code}
    facts |= {"stripeErrorMessage": message, "stripeRequestId": request_id, "stripeAccountId": life.seller.account}
    kind = "PAYOUT_REQUEST_STRIPE_CREATION_ERROR"
    if life.admin is not None:
        kind, facts["adminId"] = "PAYOUT_APPROVAL_STRIPE_CREATION_ERROR", life.admin.id
    life.op.log(kind, SYSTEM, life.seller.id, facts)
    failed = life.facts() | moved | failure(life, "stripe_api")
    life.op.log("PAYOUT_FAILED", SYSTEM, life.seller.id, failed)
    enter_failure(life, message)


def retried(life: Life, asked: datetime) -> None:
    """Refused, and sent again with a new key once an admin allowed it."""
    refusing("refused_bank")(life, asked)
    admin = life.world.chance.pick(life.world.admins)
    life.op, life.admin = life.world.operation(life.op.at + life.world.chance.span(5 * HOUR, 20 * HOUR)), admin
    moved = life.move(S.APPROVED)
    life.row |= {"decided_by": admin.id, "decided_at": life.op.at, "failure_code": None, "failure_message": None}
    life.prepare()
    facts = life.facts() | {"adminId": admin.id, "attempt": 2, "reason": "Compte bancaire mis à jour"}
    facts["previousStatus"] = moved["previousStatus"]
    life.op.log("PAYOUT_RETRY_AUTHORIZED", LogActor.ADMIN, admin.id, facts)
    life.send()
    life.create()
    hear(life, "payout.created", life.op.at + timedelta(seconds=2))
    arrive(life)


def returned(life: Life, asked: datetime) -> None:
    """Paid, and given back by the bank two days later."""
    paid(life, asked)
    bounce(life, life.op.at + life.world.chance.span(30 * HOUR, 50 * HOUR), "invalid_account_number")
    bank_fails(life.world, life.seller, life.op.at + timedelta(seconds=3))
    bank_recovers(life.world, life.seller, life.op.at + life.world.chance.span(HOUR, 2 * DAY))


def rejected(life: Life, asked: datetime) -> None:
    """An admin says no, and why."""
    at = asked + life.world.chance.span(HOUR, 9 * HOUR)
    life.reject(at, life.world.chance.pick(life.world.admins), life.world.chance.pick(REJECTIONS))


def canceled(life: Life, asked: datetime) -> None:
    """Canceled at Stripe before it left."""
    at_stripe(life, asked + life.world.chance.span(HOUR, 5 * HOUR))
    at = life.op.at + life.world.chance.span(10 * MINUTE, 40 * MINUTE)
    life.world.move(life.seller, at, life.row["amount_minor"], kind="payout_cancel", source=str(life.thing["id"]))
    hear(life, "payout.canceled", at, cancel, status="canceled")


def unknown(life: Life, why: Facts) -> None:
    """The answer was lost: the same key is sent again later."""
    pause = BACK_OFF[min(life.attempt["send_count"], len(BACK_OFF)) - 1]
    life.attempt |= {"next_send_at": life.op.at + pause, "error_type": why["errorType"]}
    life.attempt |= {"error_message": why["errorMessage"], "stripe_request_id": why["stripeRequestId"]}
    life.attempt["error_http_status"] = None if why is LOST else 500
    facts = life.facts() | why | {"attemptId": life.attempt["id"], "nextCheckAt": life.attempt["next_send_at"]}
    life.op.log("PAYOUT_OUTCOME_UNKNOWN", SYSTEM, life.seller.id, facts)


def found(life: Life, asked: datetime) -> None:
    """Stripe's answer was lost, yet the payout was there."""
    life.approve(asked + life.world.chance.span(HOUR, 5 * HOUR), life.world.chance.pick(life.world.admins))
    life.send()
    life.op.wait(20_000, 20_040)
    unknown(life, LOST)
    life.op = life.world.operation(life.attempt["next_send_at"] + timedelta(seconds=1))
    life.count_send()
    life.op.wait(150, 400)
    life.create(cause="list")
    hear(life, "payout.created", life.op.at + timedelta(seconds=5))
    arrive(life)


def lost(life: Life, *, at: datetime, until: datetime) -> None:
    """Stripe answers 500 to every try until a moment; nothing is in its list."""
    life.approve(at, life.world.admins[1])
    life.send()
    why = {"errorType": "api_error", "errorCode": None, "errorMessage": "An unknown error occurred."}
    why["stripeRequestId"] = life.world.chance.stripe_id("req", 14)
    life.op.wait(400, 2500)
    unknown(life, why)
    while life.attempt["next_send_at"] < min(until, life.attempt["first_sent_at"] + KEY_AGE_LIMIT):
        life.op = life.world.operation(life.attempt["next_send_at"] + timedelta(seconds=1))
        life.count_send()
        life.op.wait(400, 2500)
        unknown(life, why)


def review(life: Life, asked: datetime) -> None:
    """Unknown for a day: a human decides."""
    lost(life, at=asked + HOUR / 4, until=life.world.now)
    life.op = life.world.operation(life.attempt["next_send_at"] + timedelta(seconds=1))
    life.count_send()
    life.op.wait(150, 400)
    life.row["next_check_at"] = None
    moved = life.move(S.REVIEW)
    life.attempt |= {"state": AttemptState.ABANDONED, "next_send_at": None}
    facts = life.facts() | moved | {"attemptId": life.attempt["id"], "firstSentAt": life.attempt["first_sent_at"]}
    life.op.log("PAYOUT_NEEDS_REVIEW", SYSTEM, life.seller.id, facts)
