"""kill -9 in the middle of automatic payouts: after a restart the same run goes on, and everybody is paid once."""

from collections import Counter
from pathlib import Path
from threading import Thread
from urllib.error import URLError
from urllib.request import Request, urlopen

from flask import Flask
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from portal.models import JobRun, Payout, PayoutSchedule, PayoutStatus, RunState
from portal.stripe_sandbox.server import RunningSandbox
from tests.conftest import SECRETS
from tests.factories import Factory
from tests.portal_process import PortalProcess, wait_until

CREATORS = 24


def start_by_the_outside_clock(url: str) -> None:
    """Ask for a run and wait for an answer that will not come."""
    headers = {"Authorization": f"Bearer {SECRETS['CRON_SECRET']}"}

    def ask() -> None:
        try:
            urlopen(Request(f"{url}/api/cron/process-payouts", headers=headers), timeout=60).close()
        except (URLError, OSError):
            return

    Thread(target=ask, daemon=True).start()


def test_killed_midway_the_run_goes_on_and_everybody_is_paid_once(
    app: Flask,
    database_url: str,
    session: Session,
    factory: Factory,
    running_sandbox: RunningSandbox,
    tmp_path: Path,
) -> None:
    for _ in range(CREATORS):
        factory.creator(payout_schedule=PayoutSchedule.DAILY)
    environ = {
        **SECRETS,
        "DATABASE_URL": database_url,
        "PORTAL_INSTANCE": str(tmp_path / "instance"),
        "STRIPE_API_BASE": running_sandbox.url,
        "STRIPE_TIMEOUT": "2",
        "PAYOUT_AUTO_APPROVE_LIMIT": "10000",
    }
    sandbox = factory.sandbox
    sandbox.faults.add("delay_after", method="POST", path="/v1/payouts", seconds=0.5, times=None)
    with PortalProcess({**environ, "JOBS": "off"}, tmp_path / "portal.log") as portal:
        start_by_the_outside_clock(portal.url)
        wait_until(lambda: len(sandbox.ledger()["payouts"]) >= 5, "the first payouts at Stripe", 40)
        portal.kill()
    sandbox.faults.clear()
    paid_before = len(sandbox.ledger()["payouts"])
    assert paid_before < CREATORS
    session.execute(text("update job_run set lease_until = now() - interval '1 second'"))
    session.commit()

    def one_run() -> JobRun:
        session.rollback()
        manual = select(JobRun).where(JobRun.slot.startswith("manual:"))
        return session.scalars(manual.execution_options(populate_existing=True)).one()

    def on_their_way() -> int:
        session.rollback()
        query = select(func.count()).select_from(Payout).where(Payout.status == PayoutStatus.PROCESSING)
        return session.scalar(query) or 0

    assert one_run().state is RunState.RUNNING
    with PortalProcess({**environ, "JOBS": "on"}, tmp_path / "portal.log"):
        wait_until(lambda: one_run().state is RunState.SUCCEEDED, "the run to be taken over", 60)
        wait_until(lambda: on_their_way() == CREATORS, "every payout to be at Stripe", 60)
    assert one_run().fence == 2
    at_stripe = Counter(payout["account"] for payout in sandbox.ledger()["payouts"])
    assert len(at_stripe) == CREATORS
    assert set(at_stripe.values()) == {1}
