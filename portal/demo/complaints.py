"""Money asked back: refunds by an admin, disputes by cardholders' banks."""

from datetime import datetime, timedelta
from typing import Any

from portal.demo.chance import DAY
from portal.demo.deliveries import hear, note
from portal.demo.marketplace import Sale
from portal.demo.rows import Facts, Operation, amount
from portal.demo.world import stamp
from portal.models import EntityType, LogActor, PaymentStatus, RefundStatus, TransactionEventType

REASONS = (
    "Demande client",
    "Appel annulé par le créateur",
    "Problème technique pendant l’appel",
    "Geste commercial",
)
DISPUTE_REASONS = ("fraudulent", "product_not_received", "duplicate", "unrecognized")
BROKEN_CARD = "expired_or_canceled_card"


def refund(sale: Sale, at: datetime, *, part: float) -> None:
    """An admin gives back a part of a payment, unless that lies in the future."""
    world, total = sale.world, sale.payment["amount_minor"]
    if at + timedelta(minutes=5) > world.now:
        return
    minor, admin = max(1, round(total * part)), world.chance.pick(world.admins)
    op = world.operation(at)
    row = {"id": world.chance.uuid(at), "payment_id": sale.payment["id"], "amount_minor": minor}
    row |= {"currency": sale.seller.currency, "reason": world.chance.pick(REASONS), "status": RefundStatus.PENDING}
    row |= {"stripe_refund_id": world.chance.stripe_id("re"), "failure_reason": None, "initiated_by": admin.id}
    world.books.add("refund", row | {"settled_at": None, "created_at": at})
    row = world.books.tables["refund"][-1]
    facts = _refund_facts(row)
    initiated = facts | {"reason": row["reason"], "adminId": admin.id, "bookingId": sale.booking["id"]}
    op.log("REFUND_INITIATED", LogActor.ADMIN, admin.id, initiated)
    about = {"initiatedBy": admin.id, "bookingId": sale.booking["id"]}
    _enter(op, row, TransactionEventType.REFUND_CREATED, about, actor=(LogActor.ADMIN, admin.id))
    fails = part < 1.0 and world.chance.yes(0.25)
    thing = {"object": "refund", "id": row["stripe_refund_id"], "amount": minor, "charge": sale.charge["id"]}
    thing |= {"currency": sale.seller.currency.lower(), "created": stamp(at), "payment_intent": sale.intent["id"]}
    thing |= {"metadata": {"refund_id": str(row["id"])}, "status": "failed" if fails else "succeeded"}
    thing["failure_reason"] = BROKEN_CARD if fails else None
    world.objects.append(thing)
    later = at + timedelta(seconds=world.chance.whole(3, 40))
    if fails:
        hear(world, "refund.failed", thing, lambda o, e: _failed(o, e, row), at=later)
        return
    _take_back(sale, minor, at)
    hear(world, "refund.updated", thing, lambda o, e: _succeeded(o, e, row), at=later)


def _take_back(sale: Sale, minor: int, at: datetime) -> None:
    """The creator gives back the share, the platform its fee."""
    fee = sale.payment["platform_fee_minor"] * minor // sale.payment["amount_minor"]
    source = sale.transfer["destination_payment"]
    sale.world.move(sale.seller, at, -minor, kind="payment_refund", source=source, fee=-fee)
    whole = minor == sale.payment["amount_minor"]
    sale.charge |= {"amount_refunded": minor, "refunded": whole}
    sale.transfer |= {"amount_reversed": minor, "reversed": whole}
    sale.transfer_row["reversed_minor"] = minor
    if whole:
        sale.payment["status"] = PaymentStatus.REFUNDED


def _refund_facts(row: Facts) -> Facts:
    facts = {"refundId": row["id"], "paymentId": row["payment_id"]}
    return facts | {"amount": amount(row["amount_minor"], row["currency"]), "currency": row["currency"]}


def _enter(op: Operation, row: Facts, event: TransactionEventType, metadata: Facts, **columns: Any) -> None:
    facts = {"stripeRefundId": row["stripe_refund_id"], "reason": row["reason"], **metadata}
    columns = {"status": row["status"], "payment_id": row["payment_id"], **columns}
    money = {"amount_minor": row["amount_minor"], "currency": row["currency"]}
    op.money(event, EntityType.REFUND, row["id"], facts, **money, **columns)


def _succeeded(op: Operation, event_id: str, row: Facts) -> None:
    row |= {"status": RefundStatus.SUCCEEDED, "settled_at": op.at}
    facts = _refund_facts(row) | {"stripeRefundId": row["stripe_refund_id"]}
    op.log("REFUND_SUCCEEDED", LogActor.SYSTEM, None, facts)
    _enter(op, row, TransactionEventType.REFUND_SUCCEEDED, {}, stripe_event_id=event_id)
    seen = {"stripeRefundId": row["stripe_refund_id"]}
    note(op, event_id, "refund.updated", EntityType.REFUND, row["id"], seen)


def _failed(op: Operation, event_id: str, row: Facts) -> None:
    row |= {"status": RefundStatus.FAILED, "failure_reason": BROKEN_CARD, "settled_at": op.at}
    op.log("REFUND_FAILED", LogActor.SYSTEM, None, _refund_facts(row) | {"failureReason": BROKEN_CARD})
    failed = {"error_message": BROKEN_CARD, "stripe_event_id": event_id}
    _enter(op, row, TransactionEventType.REFUND_FAILED, {}, **failed)
    note(op, event_id, "refund.failed", EntityType.REFUND, row["id"], {"stripeRefundId": row["stripe_refund_id"]})


def dispute(sale: Sale, at: datetime) -> None:
    """A cardholder disputes the payment; the bank decides some weeks later."""
    world = sale.world
    if at + timedelta(minutes=5) > world.now:
        return
    thing = {"object": "dispute", "id": world.chance.stripe_id("du"), "amount": sale.payment["amount_minor"]}
    thing |= {"charge": sale.charge["id"], "payment_intent": sale.intent["id"], "created": stamp(at)}
    thing |= {"currency": sale.seller.currency.lower(), "reason": world.chance.pick(DISPUTE_REASONS)}
    row = {"id": world.chance.uuid(at), "payment_id": sale.payment["id"], "stripe_dispute_id": thing["id"]}
    row |= {"amount_minor": thing["amount"], "currency": sale.seller.currency, "reason": thing["reason"]}
    row |= {"status": "needs_response", "evidence_due_at": at + 9 * DAY, "closed_at": None, "created_at": at}
    row["withdrawn_minor"] = thing["amount"]
    thing |= {
        "status": "needs_response",
        "evidence_details": {"due_by": stamp(at + 9 * DAY), "has_evidence": False},
    }
    world.books.add("dispute", row)
    world.objects.append(thing)
    sale.charge["disputed"] = True
    hear(world, "charge.dispute.created", dict(thing), lambda o, e: _opened(o, e, row), at=at)
    closed = at + world.chance.span(10 * DAY, 30 * DAY)
    if closed < world.now - DAY / 24:
        thing["status"] = row["status"] = world.chance.pick(("won", "lost"))
        row["closed_at"], row["withdrawn_minor"] = closed, 0 if row["status"] == "won" else thing["amount"]
        hear(world, "charge.dispute.closed", dict(thing), lambda o, e: _closed(o, e, row), at=closed)


def _dispute_facts(row: Facts) -> Facts:
    facts = {"disputeId": row["id"], "stripeDisputeId": row["stripe_dispute_id"], "paymentId": row["payment_id"]}
    return facts | {"amount": amount(row["amount_minor"], row["currency"]), "currency": row["currency"]}


def _enter_dispute(op: Operation, row: Facts, event: TransactionEventType, type: str, event_id: str) -> None:
    facts = {"stripeDisputeId": row["stripe_dispute_id"], "reason": row["reason"]}
    status = "needs_response" if event is TransactionEventType.DISPUTE_CREATED else row["status"]
    money = {"amount_minor": row["amount_minor"], "currency": row["currency"], "payment_id": row["payment_id"]}
    op.money(event, EntityType.DISPUTE, row["id"], facts, **money, status=status, stripe_event_id=event_id)
    note(op, event_id, type, EntityType.DISPUTE, row["id"], {"stripeDisputeId": row["stripe_dispute_id"]})


def _opened(op: Operation, event_id: str, row: Facts) -> None:
    facts = _dispute_facts(row) | {"reason": row["reason"], "evidenceDueBy": row["evidence_due_at"]}
    op.log("DISPUTE_OPENED", LogActor.SYSTEM, None, facts)
    _enter_dispute(op, row, TransactionEventType.DISPUTE_CREATED, "charge.dispute.created", event_id)


def _closed(op: Operation, event_id: str, row: Facts) -> None:
    op.log("DISPUTE_CLOSED", LogActor.SYSTEM, None, _dispute_facts(row) | {"status": row["status"]})
    _enter_dispute(op, row, TransactionEventType.DISPUTE_CLOSED, "charge.dispute.closed", event_id)
