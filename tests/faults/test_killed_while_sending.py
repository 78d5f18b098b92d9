"""kill -9 between Stripe's answer and the record: after a restart one payout, PROCESSING."""

from pathlib import Path
from threading import Thread
from typing import Any

from flask import Flask
from sqlalchemy.orm import Session

from portal.models import Payout, PayoutStatus
from tests.domain.acts import Acts
from tests.factories import Factory
from tests.portal_process import PortalProcess, Visitor, wait_until


def test_killed_between_the_stripe_call_and_the_record_a_payout_is_sent_once(
    app: Flask, session: Session, factory: Factory, environ: dict[str, str], tmp_path: Path
) -> None:
    acts = Acts(app, session)
    payout = acts.request(factory.creator()).payout
    admin = factory.admin()
    factory.sandbox.faults.add("delay_after", method="POST", path="/v1/payouts", seconds=3, times=1)
    with PortalProcess(environ, tmp_path / "portal.log") as portal:
        visitor = Visitor(portal.url).sign_in(admin.email)
        page = f"/dashboard/admin/payouts/{payout.id}/approve"
        confirm = visitor.get(page)
        Thread(target=_approve_until_killed, args=(visitor, page, confirm), daemon=True).start()
        wait_until(lambda: factory.sandbox.ledger()["payouts"], "the payout to be created at Stripe")
        portal.kill()
    assert acts.payout(payout.id).status is PayoutStatus.SUBMITTING
    with PortalProcess({**environ, "JOBS": "on"}, tmp_path / "portal.log"):
        wait_until(
            lambda: acts.payout(payout.id).status is PayoutStatus.PROCESSING, "the payout to be repaired", 30
        )
    [at_stripe] = factory.sandbox.ledger()["payouts"]
    assert acts.payout(payout.id).stripe_payout_id == at_stripe["id"]
    assert acts.types().count("PAYOUT_PROCESSING") == 1
    assert acts.last("PAYOUT_RECONCILED").details["previousStatus"] == "SUBMITTING"


def _approve_until_killed(visitor: Visitor, path: str, page: str) -> Any:
    try:
        return visitor.post(path, page)
    except OSError:
        return None


def test_killed_before_the_claim_an_approved_payout_is_sent_after_the_restart(
    app: Flask, session: Session, factory: Factory, environ: dict[str, str], tmp_path: Path, monkeypatch: Any
) -> None:
    """C3: approved and committed, never sent."""
    acts = Acts(app, session)
    payout: Payout = acts.request(factory.creator()).payout
    monkeypatch.setattr("portal.domain.payouts.review.send_payout", lambda *_, **__: None)
    acts.approve(factory.admin(), payout.id)
    assert acts.payout(payout.id).status is PayoutStatus.APPROVED
    with PortalProcess({**environ, "JOBS": "on"}, tmp_path / "portal.log"):
        wait_until(lambda: acts.payout(payout.id).status is PayoutStatus.PROCESSING, "the payout to be sent")
    assert len(factory.sandbox.ledger()["payouts"]) == 1
