"""What people and programs do every day, each a small operation with its rows."""

from collections.abc import Callable

from portal.demo.rows import Operation, amount
from portal.demo.stacks import API_ERRORS
from portal.demo.visits import Someone, Visitors, address, browser
from portal.models import LogActor

Act = Callable[[Operation, Visitors], None]
FORBIDDEN = ("/dashboard/admin", "/dashboard/admin/payouts", "/dashboard/admin/system-logs", "/api/admin/payouts")
STRANGERS = ("root@callastar.test", "test@exemple.test", "info@exemple.test", "admin@exemple.test")
BAD_SIGNATURES = (
    "No signatures found matching the expected signature for payload",
    "Timestamp outside the tolerance zone (1795291200)",
    "Unable to extract timestamp and signatures from header",
)
STRIPE_ERRORS = (
    ("invalid_request_error", "rate_limit", "Request rate limit exceeded."),
    ("api_error", None, "An unknown error occurred."),
    (
        "APIConnectionError",
        None,
        "Unexpected error communicating with Stripe: Read timed out. (read timeout=20.0)",
    ),
)
SEARCHES = ("level:ERROR", "type:PAYOUT_*", "actor:ADMIN -type:CRON_*", '"solde insuffisant"')


def somebody(op: Operation, visitors: Visitors) -> tuple[LogActor, Someone]:
    """Whoever signs in: mostly users."""
    dice = op.chance.random.random()
    if dice < 0.62:
        return LogActor.USER, op.chance.pick(visitors.users)
    if dice < 0.92:
        creator = op.chance.pick(visitors.creators)
        return LogActor.CREATOR, creator | {"id": creator["user_id"]}
    return LogActor.ADMIN, op.chance.pick(visitors.admins)


def come_and_go(op: Operation, visitors: Visitors) -> None:
    """Somebody signs in, and often signs out again."""
    actor, person = somebody(op, visitors)
    facts = browser(op.chance)
    op.log("USER_LOGIN", actor, person["id"], facts)
    if op.chance.yes(0.45):
        later = Operation(op.books, op.chance, op.at)
        later.wait(120_000, 5_400_000)
        later.log("USER_LOGOUT", actor, person["id"], facts)


def mistype(op: Operation, visitors: Visitors) -> None:
    """A wrong password, then the right one."""
    actor, person = somebody(op, visitors)
    facts = browser(op.chance)
    wrong = {"email": person["email"], "reason": "wrong_password", **facts}
    op.log("USER_LOGIN_FAILED", LogActor.GUEST, person["id"], wrong)
    again = Operation(op.books, op.chance, op.at)
    again.wait(4000, 25_000)
    again.log("USER_LOGIN", actor, person["id"], facts)


def knock(op: Operation, _: Visitors) -> None:
    """Somebody tries addresses that do not exist."""
    facts = {"email": op.chance.pick(STRANGERS), "reason": "unknown_email", **browser(op.chance)}
    op.log("USER_LOGIN_FAILED", LogActor.GUEST, None, facts)


def stray(op: Operation, visitors: Visitors) -> None:
    """Somebody opens a page that is not theirs."""
    facts = {"endpoint": op.chance.pick(FORBIDDEN), "method": "GET", "requiredRole": "ADMIN", **browser(op.chance)}
    actor, person = somebody(op, visitors)
    if actor is not LogActor.ADMIN:
        op.log("USER_ACCESS_DENIED", actor, person["id"], facts)


def break_something(op: Operation, visitors: Visitors) -> None:
    """A bug or a slow outside: an API error with its trace."""
    error = op.chance.pick(API_ERRORS)
    people = {"USER": visitors.users, "CREATOR": visitors.creators, "ADMIN": visitors.admins}[error.actor]
    kind, _, message = error.stack.strip().splitlines()[-1].partition(": ")
    facts = {"endpoint": error.endpoint, "action": error.action, "errorType": kind.rpartition(".")[2]}
    facts |= {"errorMessage": message, "errorStack": error.stack}
    op.log("API_ERROR", LogActor(error.actor), op.chance.pick(people)["id"], facts)


def change_offer(op: Operation, visitors: Visitors) -> None:
    """A creator changes a price or a duration."""
    offer = op.chance.pick(visitors.offers)
    before = amount(offer["price_minor"], offer["currency"])
    after = before + op.chance.pick((-5, 5, 10, 15)) if before > 10 else before + 5
    facts = {"offerId": offer["id"], "title": offer["title"], "creatorId": offer["creator_id"]}
    begun = facts | {"changes": {"price": after}, "previousStatus": "AVAILABLE"}
    op.log("OFFER_UPDATE_INITIATED", LogActor.CREATOR, offer["creator_id"], begun)
    op.wait(6, 40)
    done = facts | {"changes": [f"price: {before} → {after}"], "newStatus": "AVAILABLE"}
    op.log("OFFER_UPDATED", LogActor.CREATOR, offer["creator_id"], done)


def delete_offer(op: Operation, visitors: Visitors) -> None:
    """A creator takes an offer down."""
    offer = op.chance.pick(visitors.offers)
    facts = {"offerId": op.chance.uuid(op.at), "offerTitle": offer["title"], "title": offer["title"]}
    begun = facts | {"offerStatus": "AVAILABLE"}
    op.log("OFFER_DELETE_INITIATED", LogActor.CREATOR, offer["creator_id"], begun)
    op.wait(6, 40)
    op.log("OFFER_DELETED", LogActor.CREATOR, offer["creator_id"], facts | {"deletedAt": op.at})


def pay_twice(op: Operation, visitors: Visitors) -> None:
    """A second tab pays for what is paid."""
    booking = op.chance.pick(visitors.bookings)
    facts = {"bookingId": booking["id"]}
    op.log("PAYMENT_INTENT_CREATION_INITIATED", LogActor.USER, booking["user_id"], facts)
    paid = facts | {"bookingStatus": booking["status"]}
    op.log("PAYMENT_INTENT_ALREADY_PAID", LogActor.USER, booking["user_id"], paid)


def pay_for_another(op: Operation, visitors: Visitors) -> None:
    """A booking that is somebody else's, or nobody's."""
    booking, user = op.chance.pick(visitors.bookings), op.chance.pick(visitors.users)
    if user["id"] == booking["user_id"] or op.chance.yes(0.4):
        facts = {"bookingId": op.chance.uuid(op.at)}
        op.log("PAYMENT_INTENT_CREATION_INITIATED", LogActor.USER, user["id"], facts)
        op.log("PAYMENT_INTENT_BOOKING_NOT_FOUND", LogActor.USER, user["id"], facts)
        return
    facts = {"bookingId": booking["id"]}
    op.log("PAYMENT_INTENT_CREATION_INITIATED", LogActor.USER, user["id"], facts)
    owned = facts | {"bookingOwnerId": booking["user_id"]}
    op.log("PAYMENT_INTENT_ACCESS_DENIED", LogActor.USER, user["id"], owned)


def pay_unsigned(op: Operation, _: Visitors) -> None:
    """A payment without a sign-in."""
    op.log("PAYMENT_INTENT_UNAUTHORIZED", LogActor.GUEST, None, {"endpoint": "/api/payments/create-intent"})


def ask_too_much(op: Operation, visitors: Visitors) -> None:
    """A creator asks for more than there is, or mistypes."""
    creator = op.chance.pick(visitors.creators)
    currency, typed = creator["currency"], op.chance.pick(("5000", "12000", "3500,00", "9800"))
    facts = {"creatorId": creator["id"], "requestedAmount": typed, "currency": currency}
    about = {
        "creatorEmail": creator["email"],
        "creatorName": creator["name"],
        "payoutSchedule": creator["schedule"],
    }
    op.log("PAYOUT_REQUEST_INITIATED", LogActor.CREATOR, creator["id"], facts | about)
    if op.chance.yes(0.4):
        wrong = {"validationErrors": ["Le montant minimum est de 10.00 EUR."], "requestedAmount": "2"}
        op.log("PAYOUT_REQUEST_VALIDATION_ERROR", LogActor.CREATOR, creator["id"], facts | wrong)
        return
    facts["requestedAmount"] = asked = round(float(typed.replace(",", ".")))
    known = {"creatorId": creator["id"], "stripeAccountId": creator["account"]}
    op.log("PAYOUT_REQUEST_STRIPE_VERIFICATION", LogActor.SYSTEM, creator["id"], known)
    op.wait(160, 900)
    held = round(asked * op.chance.random.uniform(0.05, 0.4), 2)
    op.log("PAYOUT_REQUEST_BALANCE_CHECK", LogActor.SYSTEM, creator["id"], facts | {"availableBalance": held})
    short = facts | {"availableAmount": held, "reservedAmount": 0}
    op.log("PAYOUT_REQUEST_INSUFFICIENT_BALANCE", LogActor.CREATOR, creator["id"], short)


def post_unsigned(op: Operation, _: Visitors) -> None:
    """Somebody who is not Stripe posts to the webhook."""
    facts = {"headersPresent": False, "ipAddress": address(op.chance)}
    op.log("WEBHOOK_NO_SIGNATURE", LogActor.SYSTEM, None, facts)


def post_forged(op: Operation, _: Visitors) -> None:
    """A signature that does not verify."""
    facts = {"verificationTimeMs": op.chance.whole(1, 9), "errorMessage": op.chance.pick(BAD_SIGNATURES)}
    facts |= {"signatureProvided": True, "ipAddress": address(op.chance)}
    op.log("WEBHOOK_SIGNATURE_VERIFICATION_FAILED", LogActor.SYSTEM, None, facts)


def stumble(op: Operation, visitors: Visitors) -> None:
    """Stripe answers a reading with an error."""
    creator = op.chance.pick(visitors.creators)
    kind, code, message = op.chance.pick(STRIPE_ERRORS)
    facts = {
        "creatorId": creator["id"],
        "stripeAccountId": creator["account"],
        "errorType": kind,
        "errorCode": code,
    }
    facts |= {"errorMessage": message, "stripeRequestId": op.chance.stripe_id("req", 14)}
    op.log("STRIPE_API_ERROR", LogActor.SYSTEM, creator["id"], facts)


def export(op: Operation, visitors: Visitors) -> None:
    """An admin exports a search."""
    admin = op.chance.pick(visitors.admins)
    facts = {"adminId": admin["id"], "filters": {"q": op.chance.pick(SEARCHES), "from": "now-7d"}}
    facts |= {"format": op.chance.pick(("csv", "ndjson")), "rows": op.chance.whole(40, 4000)}
    op.log("LOGS_EXPORTED", LogActor.ADMIN, admin["id"], facts)


ACTS: tuple[tuple[float, Act], ...] = (
    (70, come_and_go),
    (5, mistype),
    (2.5, knock),
    (2, stray),
    (0.9, break_something),
    (7, change_offer),
    (1.5, delete_offer),
    (1, pay_twice),
    (0.6, pay_for_another),
    (0.5, pay_unsigned),
    (0.8, ask_too_much),
    (0.5, post_unsigned),
    (0.35, post_forged),
    (0.4, stumble),
    (0.4, export),
)
"""How often each happens, relative to the others."""
