"""The demo holds together: rows, money, traces, and what the local Stripe says of the same payouts."""

import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import Engine, func, select, text
from sqlalchemy.orm import Session

from portal.audit.actor import Actor, operation
from portal.audit.catalogue import violations
from portal.audit.redaction import clean_metadata, clean_text
from portal.demo import seeding
from portal.demo.commands import demo
from portal.demo.seeding import RealStripe, seed
from portal.domain.creators import unblock_payouts
from portal.domain.doors.signing_in import Guess, sign_in
from portal.domain.payouts.review import approve_payout
from portal.domain.people import Browser, Limits
from portal.domain.work import utc_now
from portal.jobs import process_inbox
from portal.models import (
    AttemptState,
    Creator,
    InboxState,
    JobRun,
    Log,
    LogActor,
    LogDayActor,
    LogDayType,
    LogHourActor,
    LogHourType,
    Payment,
    PaymentStatus,
    Payout,
    PayoutAttempt,
    PayoutRoute,
    PayoutStatus,
    Role,
    RunState,
    StripeEvent,
    TransactionLog,
    User,
)
from portal.models.payout import RESERVED
from portal.stripe_sandbox.sandbox import Sandbox
from portal.unit_of_work import unit_of_work
from tests.demo.conftest import SMALL

S = PayoutStatus
AT_STRIPE = {
    S.PROCESSING: {"pending", "in_transit"},
    S.PAID: {"paid"},
    S.FAILED: {"failed"},
    S.RETURNED: {"failed"},
    S.CANCELED: {"canceled"},
}
REQUEST = [
    "PAYOUT_REQUEST_INITIATED",
    "PAYOUT_REQUEST_STRIPE_VERIFICATION",
    "PAYOUT_REQUEST_BALANCE_CHECK",
]
APPROVAL = ["PAYOUT_APPROVAL_INITIATED", "PAYOUT_APPROVAL_VALIDATED", "PAYOUT_APPROVED"]
CREATION = ["PAYOUT_APPROVAL_STRIPE_CREATION", "PAYOUT_PROCESSING", "PAYOUT_APPROVAL_SUCCESS"]
AUTOMATIC = [
    *REQUEST,
    "PAYOUT_REQUEST_STRIPE_CREATION",
    "PAYOUT_REQUEST_STRIPE_CREATION_SUCCESS",
    "PAYOUT_REQUESTED",
    "PAYOUT_PROCESSING",
]
REVIEWED = [*REQUEST, "PAYOUT_REQUESTED", *APPROVAL, *CREATION]


def count(session: Session, what: Any, *where: Any) -> int:
    return session.scalar(select(func.count()).select_from(what).where(*where)) or 0


def test_about_as_many_rows_as_asked_for(session: Session) -> None:
    assert abs(count(session, Log) - SMALL) < SMALL * 0.05


def test_every_row_is_as_the_catalogue_says(session: Session) -> None:
    rows = session.execute(select(Log.type, Log.level, Log.details)).all()
    assert {wrong for row in rows for wrong in violations(*row)} == set()


def test_no_row_holds_what_the_writer_would_have_removed(session: Session) -> None:
    rows = session.execute(select(Log.message, Log.details).where(Log.id % 7 == 0)).all()
    assert [row for row in rows if clean_metadata(row.details) != row.details] == []
    assert [row for row in rows if clean_text(row.message) != row.message] == []


def test_rows_follow_their_ids_in_time(session: Session) -> None:
    """Ids rise with time but for the handful of rows that others name."""
    moments = session.scalars(select(Log.created_at).where(Log.id > 10).order_by(Log.id)).all()
    assert list(moments) == sorted(moments)


def test_every_status_is_there(session: Session) -> None:
    assert set(session.scalars(select(Payout.status).distinct())) == set(PayoutStatus)


def test_one_open_payout_a_creator_and_currency(session: Session) -> None:
    open_ones = session.execute(
        select(Payout.creator_id, Payout.currency).where(Payout.status.in_(RESERVED))
    ).all()
    assert max(Counter(map(tuple, open_ones)).values()) == 1


def test_shares_add_up(session: Session) -> None:
    payments = session.scalars(select(Payment)).all()
    assert len(payments) > 100
    assert all(p.amount_minor == p.platform_fee_minor + p.creator_amount_minor for p in payments)
    assert {p.status for p in payments} == set(PaymentStatus)
    logged = session.execute(
        select(TransactionLog.entity_id, TransactionLog.amount_minor).where(
            TransactionLog.event_type == "PAYMENT_CREATED"
        )
    ).all()
    assert dict(map(tuple, logged)) == {str(p.id): p.amount_minor for p in payments}


def traces(session: Session) -> dict[str, list[str]]:
    """Every payout's events, its request's included, oldest first; webhook rows left out."""
    payout_id = Log.details["payoutId"].astext
    owners = dict(session.execute(select(Log.request_id, payout_id).where(payout_id.is_not(None))).all())
    rows = session.execute(
        select(Log.type, Log.request_id).where(Log.type.like("PAYOUT%")).order_by(Log.created_at, Log.id)
    )
    found: dict[str, list[str]] = {}
    for type, request_id in rows:
        if request_id in owners:
            found.setdefault(owners[request_id], []).append(type)
    return found


def expected(payout: Payout, attempts: list[PayoutAttempt]) -> list[str]:
    """How a trace begins, as far as the payout came."""
    if payout.route is PayoutRoute.AUTO:
        return AUTOMATIC if payout.stripe_payout_id else AUTOMATIC[:4]
    reached = [*REQUEST, "PAYOUT_REQUESTED"]
    if payout.status is S.REJECTED:
        return [*reached, "PAYOUT_REJECTION_INITIATED", "PAYOUT_REJECTED"]
    if attempts:
        reached += APPROVAL
    if attempts and attempts[0].first_sent_at:
        reached.append(CREATION[0])
    return (
        REVIEWED
        if attempts and attempts[0].state is AttemptState.CREATED and attempts[0].send_count == 1
        else reached
    )


def test_every_trace_has_its_events_in_order(session: Session) -> None:
    attempts: dict[Any, list[PayoutAttempt]] = {}
    for attempt in session.scalars(select(PayoutAttempt).order_by(PayoutAttempt.n)):
        attempts.setdefault(attempt.payout_id, []).append(attempt)
    found_traces = traces(session)
    for payout in session.scalars(select(Payout)):
        found = found_traces[str(payout.id)]
        begun = expected(payout, attempts.get(payout.id, []))
        assert found[: len(begun)] == begun, (payout.status, found)
        ends = {S.PAID: "PAYOUT_PAID", S.FAILED: "PAYOUT_FAILED", S.RETURNED: "PAYOUT_RETURNED"}
        ends |= {
            S.CANCELED: "PAYOUT_CANCELED",
            S.REVIEW: "PAYOUT_NEEDS_REVIEW",
            S.SUBMITTING: "PAYOUT_OUTCOME_UNKNOWN",
        }
        assert found[-1] == ends.get(payout.status, found[-1])
        assert len({"PAYOUT_REQUEST_STRIPE_CREATION", "PAYOUT_APPROVAL_STRIPE_CREATION"} & set(found)) <= 1


def test_each_movement_of_money_is_in_the_money_book(session: Session) -> None:
    rows = session.execute(select(TransactionLog.event_type, TransactionLog.payout_id)).all()
    logged = {(row.event_type.value, row.payout_id) for row in rows}
    for payout in session.scalars(select(Payout)):
        assert ("PAYOUT_CREATED", str(payout.id)) in logged
        assert (("PAYOUT_PAID", str(payout.id)) in logged) == (payout.paid_at is not None)
        failed = payout.status in {S.FAILED, S.RETURNED}
        assert not failed or ("PAYOUT_FAILED", str(payout.id)) in logged


def test_the_local_stripe_agrees(seeded: Flask, session: Session) -> None:
    gateway = seeded.extensions["stripe_gateway"]
    payouts = session.scalars(select(Payout).where(Payout.stripe_payout_id.is_not(None))).all()
    assert len(payouts) > 80
    for payout in payouts:
        seen = gateway.retrieve_payout(payout.stripe_account_id, payout.stripe_payout_id)
        assert (seen.amount_minor, seen.currency) == (payout.amount_minor, payout.currency)
        assert seen.status in AT_STRIPE[payout.status]
        assert seen.failure_code == payout.failure_code
        assert seen.metadata["payout_id"] == str(payout.id)


def test_accounts_agree_and_balances_are_never_negative(seeded: Flask, session: Session) -> None:
    gateway = seeded.extensions["stripe_gateway"]
    for creator in session.scalars(select(Creator).where(Creator.stripe_account_id.is_not(None))):
        account = gateway.retrieve_account(creator.stripe_account_id)
        assert (account.charges_enabled, account.payouts_enabled) == (
            creator.charges_enabled,
            creator.payouts_enabled,
        )
        assert account.schedule_interval == creator.stripe_schedule_interval
        balance = gateway.retrieve_balance(creator.stripe_account_id)
        assert set(balance.available) == {creator.currency}
        assert balance.available[creator.currency] >= 0


def test_what_waits_can_be_approved(seeded: Flask, session: Session) -> None:
    gateway = seeded.extensions["stripe_gateway"]
    waiting = session.scalars(select(Payout).where(Payout.status == S.REQUESTED)).all()
    assert len(waiting) >= 5
    for payout in waiting:
        assert gateway.retrieve_balance(payout.stripe_account_id).available[payout.currency] >= payout.amount_minor
        assert not session.get_one(Creator, payout.creator_id).is_payout_blocked


def test_the_first_visitor_can_ask_at_once(seeded: Flask, session: Session) -> None:
    creator = session.scalars(select(Creator).join(User).where(User.email == "creator@callastar.test")).one()
    account = seeded.extensions["stripe_gateway"].retrieve_account(creator.stripe_account_id)
    balance = seeded.extensions["stripe_gateway"].retrieve_balance(creator.stripe_account_id)
    assert 175_000 < balance.available["EUR"] < 190_000
    assert account.payouts_enabled
    assert account.requirements_due == ()
    assert count(session, Payout, Payout.creator_id == creator.id, Payout.status.in_(RESERVED)) == 0


@pytest.mark.parametrize("name", ["admin", "auditor", "creator", "user"])
def test_the_printed_sign_ins_open_a_session(seeded: Flask, name: str) -> None:
    with seeded.app_context():
        limits = Limits(timedelta(hours=1), timedelta(hours=1))
        guess, there = Guess(f"{name}@callastar.test", "callastar-demo"), Browser("192.0.2.1", "test")
        assert sign_in(unit_of_work, guess, keys=(), browser=there, limits=limits, clock=utc_now)


def test_accounts_payouts_and_people_vary(session: Session) -> None:
    creators = session.scalars(select(Creator)).all()
    assert len(creators) >= 25
    assert {c.currency for c in creators} == {"EUR", "GBP", "USD", "CHF", "JPY"}
    assert {c.payout_schedule for c in creators} == {"MANUAL", "DAILY", "WEEKLY", "MONTHLY"}
    assert sum(c.stripe_account_id is None for c in creators) == 1
    assert all(c.payout_block_reason for c in creators if c.is_payout_blocked)
    assert count(session, User, User.role == Role.ADMIN) == 2
    assert count(session, User, User.role == Role.USER) >= 40


def test_jobs_ran_every_day_and_sometimes_failed(session: Session) -> None:
    runs = session.scalars(select(JobRun)).all()
    assert len(runs) > 250
    failed = [run for run in runs if run.state is RunState.FAILED]
    assert {run.job for run in failed} == {"process-payouts", "cleanup-logs", "reconcile-stripe"}
    assert all("Traceback" in (run.error or "") for run in failed)
    for run in runs:
        ends = select(Log.type).where(Log.details["runId"].astext == str(run.id)).order_by(Log.created_at.desc())
        assert (
            session.scalars(ends)
            .first()
            .endswith("_COMPLETED" if run.state is RunState.SUCCEEDED else "_FATAL_ERROR")
        )


def test_retention_ran_every_day_and_the_demo_keeps_its_whole_story(session: Session, seeded: Flask) -> None:
    runs = session.scalars(select(JobRun).where(JobRun.job == "cleanup-logs")).all()
    assert len(runs) >= 88
    ended = [run for run in runs if run.state is RunState.SUCCEEDED]
    assert {run.summary["deletedInfo"] for run in ended} == {0}
    assert {tuple(run.summary["retentionDays"].values()) for run in ended} == {(100, 100, 100)}
    before = session.scalar(select(func.count()).select_from(Log))
    session.rollback()
    done = seeded.test_cli_runner().invoke(args=["logs", "cleanup"])
    assert done.stdout.splitlines()[-1] == "INFO=0 WARNING=0 ERROR=0 deleted"
    assert count(session, Log, Log.type.not_like("CRON_CLEANUP_%")) + len(runs) * 2 == before


def test_the_inbox_holds_every_event_that_the_books_name(session: Session) -> None:
    known = set(session.scalars(select(StripeEvent.id)))
    named = set(session.scalars(select(Log.details["eventId"].astext).where(Log.details["eventId"].is_not(None))))
    assert named - {None} == known
    assert {InboxState.PROCESSED, InboxState.IGNORED, InboxState.DEAD, InboxState.DISMISSED} <= set(
        session.scalars(select(StripeEvent.state))
    )


def test_each_row_named_by_another_exists(session: Session) -> None:
    named = session.execute(
        select(Log.type, Log.details["auditLogId"].astext, Log.request_id).where(Log.details.has_key("auditLogId"))
    ).all()
    assert len(named) == 4
    for type, row_id, request_id in named:
        begun = session.scalars(select(Log).where(Log.id == int(row_id))).one()
        assert begun.request_id == request_id
        assert begun.type == type.replace("CREATOR_PAYOUT_BLOCKED", "PAYOUT_BLOCK_INITIATED").replace(
            "CREATOR_PAYOUT_UNBLOCKED", "PAYOUT_UNBLOCK_INITIATED"
        )


@pytest.mark.parametrize("roll_up", [LogHourType, LogHourActor])
def test_complete_hours_are_rolled_up(session: Session, roll_up: Any) -> None:
    hour = func.date_trunc("hour", func.now(), "UTC")
    summed = session.scalar(select(func.sum(roll_up.n)).where(roll_up.bucket < hour))
    assert summed == count(session, Log, Log.created_at < hour)


@pytest.mark.parametrize("roll_up", [LogDayType, LogDayActor])
def test_complete_days_are_rolled_up(session: Session, roll_up: Any) -> None:
    today = func.date_trunc("day", func.now(), "UTC")
    assert session.scalar(select(func.sum(roll_up.n))) == count(session, Log, Log.created_at < today)


def test_what_is_in_transit_settles_by_itself(seeded: Flask, session: Session, sandbox: Sandbox) -> None:
    """The local Stripe has a timer for it, and tells the portal."""
    leaving = session.scalars(select(Payout).where(Payout.status == S.PROCESSING)).all()
    told = {event["data"]["object"]["id"] for event in sandbox.events() if event["type"] == "payout.updated"}
    assert told & {payout.stripe_payout_id for payout in leaving}


def state_of(session: Session) -> list[Any]:
    tables = ["user", "payout", "payment", "log", "transaction_log", "stripe_event", "job_run", "log_hour_type"]
    return [session.scalar(text(f'select count(*) from "{table}"')) for table in tables]


def test_a_second_seeding_changes_nothing_and_is_quick(seeded: Flask, session: Session) -> None:
    before, begun = state_of(session), time.monotonic()
    seed(seeded)
    assert time.monotonic() - begun < 1
    session.rollback()
    assert state_of(session) == before


def test_more_rows_are_added_on_demand(seeded: Flask, session: Session) -> None:
    before, said = state_of(session), []
    seed(seeded, SMALL + 2_000, say=said.append)
    session.rollback()
    after = state_of(session)
    assert abs(after[3] - SMALL - 2_000) < SMALL * 0.05
    assert [a for n, a in enumerate(after[:7]) if n != 3] == [b for n, b in enumerate(before[:7]) if n != 3]
    assert "more log rows" in said[0]
    test_complete_hours_are_rolled_up(session, LogHourType)
    test_complete_days_are_rolled_up(session, LogDayType)
    seed(seeded, 100, say=said.append)
    assert "nothing to add" in said[1]


def test_the_command_says_nothing_on_a_full_database(seeded: Flask) -> None:
    result: Result = seeded.test_cli_runner().invoke(demo, ["seed"])
    assert result.exit_code == 0, result.output
    assert result.output == ""


def test_a_real_stripe_is_refused(demo_app: Flask, seeded: Flask, owner_engine: Engine, monkeypatch: Any) -> None:
    settings = replace(seeded.extensions["settings"], stripe_secret_key="sk_test_of_somebody")
    monkeypatch.setitem(seeded.extensions, "settings", settings)
    with pytest.raises(RealStripe):
        seeding._begin(seeded, 100, None, print)  # type: ignore[arg-type]


def test_unblocking_works_on_what_was_seeded(seeded: Flask, session: Session) -> None:
    blocked = session.scalars(select(Creator).where(Creator.is_payout_blocked)).first()
    admin = session.scalars(select(User).where(User.role == Role.ADMIN)).first()
    actor = Actor(LogActor.ADMIN, str(admin.id), admin.id, admin.name, admin.email)
    with seeded.app_context(), operation(), unit_of_work() as work:
        assert not unblock_payouts(
            work, creator_id=blocked.id, reason="Vérifié par écrit", actor=actor
        ).is_payout_blocked


def test_the_story_is_the_same_every_time(seeded: Flask) -> None:
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    first, second = (seeding._tell(seeded, 3_000, now) for _ in range(2))
    assert first.books.log == second.books.log
    assert first.objects == second.objects


def settle(app: Flask, sandbox: Sandbox) -> None:
    """Let the bank work, Stripe tell, and the portal process what it was told."""
    client = app.test_client()

    def post(endpoint: str, body: bytes, headers: dict[str, str]) -> int:
        path = "/api/payments/webhook" + ("/connect" if endpoint == "connect" else "")
        return client.post(path, data=body, headers=headers).status_code

    sandbox.advance()
    assert all(attempt["status"] == 200 for attempt in sandbox.deliver(post))
    process_inbox.tick(app)


def test_payouts_settle_live(seeded: Flask, session: Session, sandbox: Sandbox) -> None:
    """What was on its way arrives, and one creator's bank refuses what an admin approves."""
    admin = session.scalars(select(User).where(User.email == "admin@callastar.test")).one()
    actor = Actor(LogActor.ADMIN, str(admin.id), admin.id, admin.name, admin.email)
    query = select(Payout).join(Creator).where(Payout.status == S.REQUESTED)
    refused = session.scalars(query.where(Creator.handle == "ines-garnier")).one()
    leaving = session.scalars(select(Payout).where(Payout.status == S.PROCESSING)).all()
    gateway = seeded.extensions["stripe_gateway"]
    with seeded.app_context(), operation():
        approve_payout(unit_of_work, gateway, payout_id=refused.id, actor=actor, clock=utc_now)
    settle(seeded, sandbox)
    session.expire_all()
    assert (refused.status, refused.failure_code) == (S.FAILED, "account_closed")
    assert sorted(payout.status for payout in leaving) == [S.PAID, S.PAID, S.PROCESSING]


def test_the_indexes_are_all_there_again(session: Session) -> None:
    """They are built after the rows, on every partition."""
    query = "select indexname from pg_indexes where tablename = 'log'"
    wanted = {index.name for index in Log.__table__.indexes} | {"ix_log_search", "pk_log"}
    assert set(session.scalars(text(query))) == wanted
    invalid = "select count(*) from pg_index where indrelid::regclass::text like 'log%' and not indisvalid"
    assert session.scalar(text(invalid)) == 0
