"""Each function of the specification, called as its examples do, read back from the book.

The examples of the guide show some types and metadata that the catalogue later closed; those rows are
written, never lost, and say what they lack in catalogueViolation.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.audit import system_log as system
from portal.audit import transaction_log as money
from portal.audit import writer
from portal.audit.actor import current_request_id
from portal.models import EntityType, Log, LogActor, LogLevel, TransactionEventType, TransactionLog
from portal.models.currency import to_decimal

T, E = TransactionEventType, EntityType


@pytest.fixture
def lenient(context: Flask) -> Any:
    """As in production: a violation is kept in the row."""
    writer.apart().strict = False
    yield
    writer.apart().strict = True


SYSTEM_CALLS: dict[
    str, tuple[Callable[[], Any], tuple[LogLevel, str, LogActor, str | None, str], dict[str, Any]]
] = {
    "log_info": (
        lambda: system.log_info(
            "PAYOUT_REQUEST_INITIATED",
            LogActor.CREATOR,
            "Demande de payout initiée par le créateur",
            "creator-1",
            {"amount": 500, "currency": "EUR"},
        ),
        (
            LogLevel.INFO,
            "PAYOUT_REQUEST_INITIATED",
            LogActor.CREATOR,
            "creator-1",
            "Demande de payout initiée par le créateur",
        ),
        {"amount": 500, "currency": "EUR"},
    ),
    "log_warning": (
        lambda: system.log_warning(
            "PAYOUT_BALANCE_LOW",
            LogActor.SYSTEM,
            "Solde insuffisant pour le payout automatique",
            "creator-1",
            {"availableBalance": 8.50, "requestedAmount": 10},
        ),
        (
            LogLevel.WARNING,
            "PAYOUT_BALANCE_LOW",
            LogActor.SYSTEM,
            "creator-1",
            "Solde insuffisant pour le payout automatique",
        ),
        {"availableBalance": 8.5, "requestedAmount": 10},
    ),
    "log_error": (
        lambda: system.log_error(
            "STRIPE_API_ERROR",
            LogActor.SYSTEM,
            "Erreur API Stripe lors de la création du payout",
            "creator-1",
            {"errorType": "api_error", "errorCode": "rate_limit", "errorMessage": "Too many requests"},
        ),
        (
            LogLevel.ERROR,
            "STRIPE_API_ERROR",
            LogActor.SYSTEM,
            "creator-1",
            "Erreur API Stripe lors de la création du payout",
        ),
        {"errorType": "api_error", "errorCode": "rate_limit", "errorMessage": "Too many requests"},
    ),
    "log_critical": (
        lambda: system.log_critical(
            "DATABASE_CONNECTION_LOST",
            LogActor.SYSTEM,
            "Perte de connexion à la base de données",
            None,
            {"dbHost": "postgres.example.com", "retryAttempt": 3},
        ),
        (
            LogLevel.CRITICAL,
            "DATABASE_CONNECTION_LOST",
            LogActor.SYSTEM,
            None,
            "Perte de connexion à la base de données",
        ),
        {"dbHost": "postgres.example.com", "retryAttempt": 3},
    ),
    "log_auth": (
        lambda: system.log_auth(
            "LOGIN", "user-1", True, {"ipAddress": "192.168.1.1", "userAgent": "Mozilla/5.0..."}
        ),
        (LogLevel.INFO, "USER_LOGIN", LogActor.USER, "user-1", "Connexion réussie"),
        {"ipAddress": "192.168.1.1", "userAgent": "Mozilla/5.0..."},
    ),
    "log_user_action": (
        lambda: system.log_user_action(
            "BOOKING_CREATED",
            "user-1",
            "Réservation créée pour un appel",
            {"bookingId": "xyz", "creatorId": "abc", "amount": 100},
        ),
        (LogLevel.INFO, "BOOKING_CREATED", LogActor.USER, "user-1", "Réservation créée pour un appel"),
        {"bookingId": "xyz", "creatorId": "abc", "amount": 100},
    ),
    "log_creator_action": (
        lambda: system.log_creator_action(
            "OFFER_CREATED",
            "creator-1",
            "Nouvelle offre d'appel créée",
            {"offerId": "xyz", "price": 150, "duration": 30},
        ),
        (LogLevel.INFO, "OFFER_CREATED", LogActor.CREATOR, "creator-1", "Nouvelle offre d'appel créée"),
        {"offerId": "xyz", "price": 150, "duration": 30},
    ),
    "log_admin_action": (
        lambda: system.log_admin_action(
            "PAYOUT_APPROVED",
            "admin-1",
            "Payout approuvé par l'administrateur",
            LogLevel.INFO,
            {"payoutId": "xyz", "creatorId": "abc", "amount": 500},
        ),
        (LogLevel.INFO, "PAYOUT_APPROVED", LogActor.ADMIN, "admin-1", "Payout approuvé par l'administrateur"),
        {"payoutId": "xyz", "creatorId": "abc", "amount": 500},
    ),
    "log_system": (
        lambda: system.log_system(
            "CRON_STARTED",
            "Démarrage du cron de traitement des payouts",
            LogLevel.INFO,
            {"cronName": "process-payouts", "timestamp": datetime(2025, 12, 28, tzinfo=UTC)},
        ),
        (
            LogLevel.INFO,
            "CRON_STARTED",
            LogActor.SYSTEM,
            None,
            "Démarrage du cron de traitement des payouts",
        ),
        {"cronName": "process-payouts", "timestamp": "2025-12-28T00:00:00+00:00"},
    ),
    "log_payment_event": (
        lambda: system.log_payment_event(
            "SUCCEEDED",
            "payment-1",
            "user-1",
            100.50,
            "EUR",
            LogLevel.INFO,
            {"bookingId": "xyz", "creatorId": "abc"},
        ),
        (LogLevel.INFO, "PAYMENT_SUCCEEDED", LogActor.USER, "user-1", "Paiement réussi"),
        {
            "paymentId": "payment-1",
            "amount": 100.5,
            "currency": "EUR",
            "bookingId": "xyz",
            "creatorId": "abc",
        },
    ),
    "log_payout_event": (
        lambda: system.log_payout_event(
            "APPROVED",
            "payout-1",
            "creator-1",
            500,
            "EUR",
            LogLevel.INFO,
            {"adminId": "admin-1", "approvedAt": datetime(2025, 12, 28, tzinfo=UTC)},
        ),
        (
            LogLevel.INFO,
            "PAYOUT_APPROVED",
            LogActor.ADMIN,
            "admin-1",
            "Payout de 500 EUR approuvé par … pour …",
        ),
        {"payoutId": "payout-1", "creatorId": "creator-1", "amount": 500, "adminId": "admin-1"},
    ),
    "log_webhook_event": (
        lambda: system.log_webhook_event(
            "STRIPE",
            "payment_intent.succeeded",
            True,
            {"eventId": "evt_xxx", "paymentIntentId": "pi_xxx"},
        ),
        (
            LogLevel.INFO,
            "WEBHOOK_PROCESSING_SUCCESS",
            LogActor.SYSTEM,
            None,
            "Webhook Stripe traité avec succès : payment_intent.succeeded",
        ),
        {"provider": "STRIPE", "eventId": "evt_xxx", "paymentIntentId": "pi_xxx"},
    ),
    "log_api_error": (
        lambda: system.log_api_error(
            "/api/payouts/request",
            ValueError("Validation failed"),
            LogActor.CREATOR,
            "creator-1",
            {"requestBody": {"amount": -50}, "validationErrors": ["Amount must be positive"]},
        ),
        (
            LogLevel.ERROR,
            "API_ERROR",
            LogActor.CREATOR,
            "creator-1",
            "Erreur API /api/payouts/request",
        ),
        {
            "errorType": "ValueError",
            "errorMessage": "Validation failed",
            "requestBody": {"amount": -50},
            "validationErrors": ["Amount must be positive"],
        },
    ),
    "log_booking": (
        lambda: system.log_booking(
            "CREATED",
            "booking-1",
            "user-1",
            "creator-1",
            {
                "callOfferId": "offer-1",
                "price": "150",
                "currency": "EUR",
                "dateTime": "2026-01-02T10:00:00Z",
            },
        ),
        (LogLevel.INFO, "BOOKING_CREATED", LogActor.USER, "user-1", "Réservation créée"),
        {"bookingId": "booking-1", "userId": "user-1", "creatorId": "creator-1", "price": "150"},
    ),
}


@pytest.mark.parametrize("name", SYSTEM_CALLS)
def test_a_system_function_writes_what_its_example_shows(
    name: str, lenient: None, context: Flask, session: Session
) -> None:
    call, expected, metadata = SYSTEM_CALLS[name]
    row_id = call()
    row = session.scalars(select(Log)).one()
    assert row.id == row_id
    assert (row.level, row.type, row.actor, row.actor_id, row.message) == expected
    assert metadata.items() <= row.details.items()
    assert row.request_id == current_request_id()
    assert abs((datetime.now(UTC) - row.created_at).total_seconds()) < 5


MONEY_CALLS: dict[str, tuple[Callable[[], Any], dict[str, Any], dict[str, Any]]] = {
    "log_transaction": (
        lambda: money.log_transaction(
            event_type=T.PAYMENT_CREATED,
            entity_type=E.PAYMENT,
            entity_id="payment-1",
            amount=100.50,
            currency="EUR",
            status="PENDING",
            metadata={"bookingId": "xyz", "userId": "abc"},
        ),
        {
            "event_type": T.PAYMENT_CREATED,
            "entity_type": E.PAYMENT,
            "entity_id": "payment-1",
            "payment_id": "payment-1",
            "status": "PENDING",
        },
        {"bookingId": "xyz", "userId": "abc"},
    ),
    "log_payment": (
        lambda: money.log_payment(
            T.PAYMENT_SUCCEEDED,
            payment_id="payment-1",
            amount=100.50,
            currency="EUR",
            status="SUCCEEDED",
            stripe_payment_intent_id="pi_xxx",
            metadata={"bookingId": "xyz"},
        ),
        {"event_type": T.PAYMENT_SUCCEEDED, "payment_id": "payment-1", "status": "SUCCEEDED"},
        {"bookingId": "xyz", "stripePaymentIntentId": "pi_xxx"},
    ),
    "log_payout": (
        lambda: money.log_payout(
            T.PAYOUT_CREATED,
            payout_id="payout-1",
            creator_id="creator-1",
            amount=100.50,
            currency="EUR",
            status="REQUESTED",
            stripe_payout_id="po_xxx",
            metadata={"approvedBy": "admin_id"},
        ),
        {"event_type": T.PAYOUT_CREATED, "entity_type": E.PAYOUT, "payout_id": "payout-1"},
        {"creatorId": "creator-1", "stripePayoutId": "po_xxx", "approvedBy": "admin_id"},
    ),
    "log_refund": (
        lambda: money.log_refund(
            T.REFUND_SUCCEEDED,
            refund_id="refund-1",
            payment_id="payment-1",
            amount=100.50,
            currency="EUR",
            status="SUCCEEDED",
            stripe_refund_id="re_xxx",
            reason="Demande client",
        ),
        {"event_type": T.REFUND_SUCCEEDED, "refund_id": "refund-1", "payment_id": "payment-1"},
        {"stripeRefundId": "re_xxx", "reason": "Demande client"},
    ),
    "log_transfer": (
        lambda: money.log_transfer(
            T.TRANSFER_CREATED,
            transfer_id="transfer-1",
            amount=Decimal("100.50"),
            currency="EUR",
            status="PAID",
            stripe_transfer_id="tr_xxx",
        ),
        {"event_type": T.TRANSFER_CREATED, "entity_type": E.TRANSFER, "entity_id": "transfer-1"},
        {"stripeTransferId": "tr_xxx"},
    ),
    "log_dispute": (
        lambda: money.log_dispute(
            T.DISPUTE_CREATED,
            dispute_id="dispute-1",
            amount="100.50",
            currency="EUR",
            status="needs_response",
            stripe_dispute_id="dp_xxx",
            reason="fraudulent",
        ),
        {"event_type": T.DISPUTE_CREATED, "entity_type": E.DISPUTE, "entity_id": "dispute-1"},
        {"stripeDisputeId": "dp_xxx", "reason": "fraudulent"},
    ),
}


@pytest.mark.parametrize("name", MONEY_CALLS)
def test_a_financial_function_writes_what_its_example_shows(name: str, context: Flask, session: Session) -> None:
    call, columns, metadata = MONEY_CALLS[name]
    call()
    row = session.scalars(select(TransactionLog)).one()
    assert {column: getattr(row, column) for column in columns} == columns
    assert metadata.items() <= row.details.items()
    assert (row.amount_minor, row.currency) == (10050, "EUR")
    assert to_decimal(row.amount_minor or 0, "EUR") == Decimal("100.50")


def test_a_webhook_is_recorded_with_its_event_and_entity(context: Flask, session: Session) -> None:
    money.log_webhook(
        stripe_event_id="evt_1",
        event_type="payment_intent.succeeded",
        entity_type=E.PAYMENT,
        entity_id="payment-1",
        metadata={"paymentIntentId": "pi_xxx"},
    )
    row = session.scalars(select(TransactionLog)).one()
    assert (row.event_type, row.stripe_event_id, row.payment_id) == (T.WEBHOOK_RECEIVED, "evt_1", "payment-1")
    assert row.details == {"eventType": "payment_intent.succeeded", "paymentIntentId": "pi_xxx"}


def test_a_financial_error_keeps_its_message_and_stack(context: Flask, session: Session) -> None:
    try:
        raise RuntimeError("Insufficient funds")
    except RuntimeError as error:
        money.log_error(T.PAYMENT_FAILED, E.PAYMENT, "payment-1", error, {"userId": "user_id", "attemptNumber": 2})
    row = session.scalars(select(TransactionLog)).one()
    assert row.error_message == "Insufficient funds"
    assert row.details["attemptNumber"] == 2
    assert 'raise RuntimeError("Insufficient funds")' in row.details["errorStack"]


def test_a_violation_stays_in_the_row_and_is_counted(lenient: None, context: Flask, session: Session) -> None:
    before = writer.violation_counts().get("CRON_STARTED", 0)
    system.log_system("CRON_STARTED", "Démarrage", LogLevel.INFO, {})
    row = session.scalars(select(Log)).one()
    assert row.details["catalogueViolation"] == ["unknown type CRON_STARTED"]
    assert writer.violation_counts()["CRON_STARTED"] == before + 1


@pytest.mark.parametrize(
    ("type", "metadata", "complaint"),
    [
        ("NOT_AN_EVENT", {}, "unknown type"),
        ("PAYOUT_APPROVAL_INITIATED", {"payoutId": "p"}, "missing adminEmail; missing adminId"),
    ],
)
def test_a_violation_fails_in_tests(
    context: Flask, session: Session, type: str, metadata: dict[str, Any], complaint: str
) -> None:
    from portal.audit.catalogue import CatalogueViolation

    with pytest.raises(CatalogueViolation, match=complaint):
        system.log_admin_action(type, "admin-1", metadata=metadata)
    assert session.scalars(select(Log)).all() == []
