"""The specification's new events of webhooks and of admins' sensitive actions, each brought about over HTTP."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from portal.models import Creator, LogActor, LogLevel, User
from tests.browser import Browser
from tests.factories import Factory
from tests.market import logged, opened
from tests.webhooks.test_receiving import CONNECT, body, signature

REASON = "Activité suspecte détectée"
WEBHOOK_IDS = {"ipAddress", "eventId", "stripeAccountId", "livemode", "eventType", "provider", "objectType"}
ADMIN_IDS = {"creatorId", "reason", "payoutId"}


@dataclass
class Stage:
    """An admin, a creator, and the two addresses that Stripe calls."""

    app: Flask
    factory: Factory
    session: Session
    process: Callable[[], None]
    admin: User
    creator: Creator

    def deliver(self, header: str | None, payload: bytes | None = None) -> int:
        headers = {} if header is None else {"Stripe-Signature": header}
        return self.app.test_client().post(CONNECT, data=payload or self.event(), headers=headers).status_code

    def event(self) -> bytes:
        account = self.creator.stripe_account_id
        return body(type="account.updated", account=account, data={"object": {"id": account, "object": "account"}})

    def act(self, verb: str, **sent: Any) -> int:
        page = opened(Browser(self.app).sign_in(self.admin.email), "/dashboard/admin")
        return page.send_json("POST", f"/api/admin/payouts/{verb}", sent).status_code


@pytest.fixture
def stage(app: Flask, factory: Factory, session: Session, process: Any) -> Stage:
    admin = factory.admin(email="admin@example.test", name="Alice")
    return Stage(app, factory, session, process, admin, factory.creator(name="John Doe"))


def verified(stage: Stage) -> None:
    payload = stage.event()
    assert stage.deliver(signature(payload), payload) == 200


def forged(stage: Stage) -> None:
    assert stage.deliver("t=1,v1=abc") == 400


def unsigned(stage: Stage) -> None:
    assert stage.deliver(None) == 400


def processed(stage: Stage) -> None:
    verified(stage)
    stage.process()


def blocked(stage: Stage) -> None:
    assert stage.act("block", creatorId=str(stage.creator.id), reason=REASON) == 200


def blocked_nobody(stage: Stage) -> None:
    assert stage.act("block", reason=REASON) == 422


def blocked_twice(stage: Stage) -> None:
    blocked(stage)
    assert stage.act("block", creatorId=str(stage.creator.id), reason=REASON) == 409


def unblocked(stage: Stage) -> None:
    blocked(stage)
    assert stage.act("unblock", creatorId=str(stage.creator.id), reason="Vérification terminée") == 200


def unblocked_in_vain(stage: Stage) -> None:
    assert stage.act("unblock", creatorId=str(stage.creator.id), reason="Vérification terminée") == 409


INFO, WARNING, ERROR = LogLevel.INFO, LogLevel.WARNING, LogLevel.ERROR
SYSTEM, ADMIN = LogActor.SYSTEM, LogActor.ADMIN
WHO = "creatorId creatorName creatorEmail"
SITUATIONS: list[tuple[Callable[[Stage], None], str, LogLevel, LogActor, str, str, dict[str, Any]]] = [
    (verified, "WEBHOOK_SIGNATURE_VERIFIED", INFO, SYSTEM, "Signature webhook Stripe vérifiée avec succès",
     "verificationTimeMs signaturePresent", {"signaturePresent": True}),
    (forged, "WEBHOOK_SIGNATURE_VERIFICATION_FAILED", ERROR, SYSTEM,
     "Échec de la vérification de la signature du webhook Stripe",
     "verificationTimeMs errorMessage signatureProvided", {"signatureProvided": True}),
    (unsigned, "WEBHOOK_NO_SIGNATURE", WARNING, SYSTEM, "Webhook Stripe reçu sans signature", "headersPresent",
     {}),
    (processed, "WEBHOOK_PROCESSING_STARTED", INFO, SYSTEM,
     "Début du traitement du webhook Stripe : account.updated", "eventId eventType objectType livemode",
     {"eventId": "evt_1", "eventType": "account.updated", "objectType": "account", "livemode": False}),
    (processed, "WEBHOOK_PROCESSING_SUCCESS", INFO, SYSTEM,
     "Webhook Stripe traité avec succès : account.updated", "eventId eventType processingTimeMs totalTimeMs",
     {"eventId": "evt_1", "eventType": "account.updated"}),
    (blocked, "PAYOUT_BLOCK_INITIATED", INFO, ADMIN, "Blocage de payout initié par administrateur",
     "adminId adminEmail creatorId reason", {"adminEmail": "admin@example.test", "reason": REASON}),
    (blocked_nobody, "PAYOUT_BLOCK_VALIDATION_ERROR", ERROR, ADMIN,
     "ID du créateur manquant pour blocage de payout",
     "adminId error", {"error": "missing_creator_id"}),
    (blocked_twice, "PAYOUT_BLOCK_ALREADY_BLOCKED", WARNING, ADMIN,
     "Tentative de blocage pour un créateur déjà bloqué", WHO + " currentReason",
     {"creatorName": "John Doe", "currentReason": REASON}),
    (blocked, "CREATOR_PAYOUT_BLOCKED", WARNING, ADMIN, "Payouts bloqués avec succès pour le créateur John Doe",
     WHO + " blockReason adminId adminEmail processingTimeMs auditLogId",
     {"creatorName": "John Doe", "blockReason": REASON, "adminEmail": "admin@example.test"}),
    (unblocked, "PAYOUT_UNBLOCK_INITIATED", INFO, ADMIN, "Déblocage de payout initié par administrateur",
     "adminId adminEmail creatorId", {"adminEmail": "admin@example.test"}),
    (unblocked_in_vain, "PAYOUT_UNBLOCK_NOT_BLOCKED", WARNING, ADMIN,
     "Tentative de déblocage pour un créateur non bloqué", WHO, {"creatorName": "John Doe"}),
    (unblocked, "CREATOR_PAYOUT_UNBLOCKED", INFO, ADMIN,
     "Payouts débloqués avec succès pour le créateur John Doe",
     WHO + " previousBlockReason adminId adminEmail processingTimeMs auditLogId", {"previousBlockReason": REASON}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("act", "type", "level", "actor", "message", "keys", "values"), SITUATIONS, ids=[s[1] for s in SITUATIONS]
)
def test_each_situation_writes_the_specifications_row(
    stage: Stage,
    act: Callable[[Stage], None],
    type: str,
    level: LogLevel,
    actor: LogActor,
    message: str,
    keys: str,
    values: dict[str, Any],
) -> None:
    act(stage)
    [row] = logged(stage.session, type)
    assert (row.level, row.actor, row.message) == (level, actor, message)
    assert row.actor_id == (str(stage.admin.id) if actor is ADMIN else None)
    wanted = set(keys.split())
    assert wanted <= row.details.keys()
    assert row.details.keys() - wanted <= (ADMIN_IDS if actor is ADMIN else WEBHOOK_IDS)
    assert {key: row.details[key] for key in values} == values
    if "creatorId" in row.details:
        assert row.details["creatorId"] == str(stage.creator.id)
