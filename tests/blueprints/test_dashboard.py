"""The admin's overview and a user's page."""

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import event
from sqlalchemy.orm import Session

from portal.audit.system_log import log_critical, log_error
from portal.extensions import db
from portal.jobs import watch
from portal.jobs.desk import JOBS
from portal.models import (
    Booking,
    BookingStatus,
    Dispute,
    InboxState,
    JobRun,
    LogActor,
    LogHourType,
    LogLevel,
    PayoutStatus,
    RunState,
    StripeEvent,
    uuid7,
)
from tests.browser import Browser
from tests.factories import Factory
from tests.sales import Sales


@pytest.fixture
def admin(factory: Factory, browser: Browser) -> Browser:
    return browser.sign_in(factory.admin().email)


def test_an_empty_portal_says_that_nothing_waits(admin: Browser) -> None:
    admin.get("/dashboard/admin")
    for words in ("Rien ne vous attend", "Aucune erreur en 24 heures", "Aucune exécution"):
        assert words in admin.words
    assert "Ce qui vous attend" not in admin.words


def test_integrity_says_what_the_database_enforces_and_that_there_are_no_seals(admin: Browser) -> None:
    admin.get("/dashboard/admin")
    assert "L’application ne peut ni modifier ni supprimer une ligne." in admin.words
    assert "La base refuse toute modification, même à son propriétaire." in admin.words
    assert "Aucun scellé" in admin.words


def test_what_waits_is_summed_by_currency(admin: Browser, factory: Factory) -> None:
    for amount, currency in ((10_000, "EUR"), (2_550, "EUR"), (5_000, "JPY")):
        factory.payout(factory.creator(currency=currency), amount_minor=amount)
    factory.payout(factory.creator(), amount_minor=99_999, status=PayoutStatus.PAID)
    admin.get("/dashboard/admin")
    assert "3 payouts à approuver" in admin.words
    assert "125,50 €" in admin.words
    assert "5 000 JPY" in admin.words
    assert "999,99" not in admin.words


def test_errors_are_counted_by_type_and_lead_to_their_rows(admin: Browser, app: Flask) -> None:
    with app.app_context():
        for _ in range(3):
            facts = {"verificationTimeMs": 1, "errorMessage": "x", "signatureProvided": "y", "ipAddress": "z"}
            log_error("WEBHOOK_SIGNATURE_VERIFICATION_FAILED", LogActor.SYSTEM, None, None, facts)
    admin.get("/dashboard/admin")
    assert "WEBHOOK_SIGNATURE_VERIFICATION_FAILED 3" in admin.words
    assert "type=WEBHOOK_SIGNATURE_VERIFICATION_FAILED" in admin.text
    assert "from=now-24h" in admin.text


def test_jobs_and_webhooks_show_their_health(admin: Browser, session: Session) -> None:
    now = datetime.now(UTC)
    long_ago = now - timedelta(hours=3)
    for job, state, started in (
        ("send_payouts", RunState.SUCCEEDED, long_ago),
        ("send_payouts", RunState.FAILED, now),
        ("keep_partitions", RunState.RUNNING, long_ago),
    ):
        session.add(
            JobRun(job=job, slot=str(started), state=state, node="n", started_at=started, heartbeat_at=started,
                   lease_until=started, ended_at=started if state is not RunState.RUNNING else None)
        )  # fmt: skip
    for n, state in enumerate((InboxState.RECEIVED, InboxState.RECEIVED, InboxState.DEAD)):
        session.add(
            StripeEvent(id=f"evt_{n}", type="payout.paid", livemode=False, payload=b"{}", request_id=uuid7(),
                        stripe_created_at=long_ago, received_at=long_ago, state=state)
        )  # fmt: skip
    session.commit()
    admin.get("/dashboard/admin")
    assert "keep_partitions Interrompue" in admin.words
    assert "send_payouts Échouée" in admin.words
    assert "Réussie" not in admin.words
    assert "2 événements Stripe en retard le plus ancien il y a 3 heures" in admin.words
    assert "1 événement Stripe abandonné un administrateur doit décider" in admin.words
    assert "Tâche échouée : send_payouts" in admin.words


def test_failed_stuck_blocked_and_unmanaged_are_counted(admin: Browser, factory: Factory) -> None:
    factory.payout(factory.creator(), status=PayoutStatus.FAILED)
    factory.payout(factory.creator(), status=PayoutStatus.REVIEW)
    factory.creator(is_payout_blocked=True, payout_block_reason="Litiges en cours")
    factory.creator(stripe_schedule_interval="daily")
    admin.get("/dashboard/admin")
    assert "1 payout n’avance plus" in admin.words
    assert "1 payout échoué en 7 jours" in admin.words
    assert "Créateurs bloqués 1" in admin.words
    assert "1 compte est versé par Stripe sans approbation" in admin.words


def test_the_overview_asks_few_questions(admin: Browser, app: Flask, factory: Factory) -> None:
    for _ in range(5):
        factory.payout(factory.creator())
    asked: list[str] = []
    with app.app_context():
        engine = db.engine

    def note(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    admin.get("/dashboard/admin")
    event.remove(engine, "before_cursor_execute", note)
    assert 0 < len(asked) <= 12, "\n".join(asked)


def test_the_overview_is_for_admins_only(app: Flask, factory: Factory) -> None:
    assert Browser(app).get("/dashboard/admin", follow=False).status_code == 302
    for person in (factory.user(), factory.creator()):
        assert Browser(app).sign_in(person.email).get("/dashboard/admin").status_code == 403


def test_a_user_sees_their_own_page_and_nobody_else_does(app: Flask, admin: Browser, factory: Factory) -> None:
    user = factory.user(name="Ugo")
    page = Browser(app).sign_in(user.email)
    page.get("/dashboard/user")
    assert "Bonjour Ugo" in page.words
    assert user.email in page.words
    assert admin.get("/dashboard/user").status_code == 403
    assert "n’a pas le rôle que cette page demande" in admin.words


def test_late_jobs_stand_on_top_until_they_succeed(admin: Browser, app: Flask, session: Session) -> None:
    admin.get("/dashboard/admin")
    assert "Tâche en retard" not in admin.words
    now = datetime.now(UTC)
    watch.tick(app, lambda: now - timedelta(days=30))
    watch.tick(app, lambda: now)
    admin.get("/dashboard/admin")
    assert admin.words.count("Tâche en retard") == len(JOBS)
    assert 'href="/dashboard/admin/jobs/process-payouts"' in admin.text
    assert admin.words.index("Tâche en retard") < admin.words.index("Payouts par jour")
    for name in sorted(JOBS)[1:]:
        moment = {"started_at": now, "heartbeat_at": now, "lease_until": now, "ended_at": now}
        session.add(JobRun(job=name, slot="s", state=RunState.SUCCEEDED, node="n:1", **moment))
    session.commit()
    watch.tick(app, lambda: now)
    admin.get("/dashboard/admin")
    assert admin.words.count("Tâche en retard") == 1


def test_a_lost_database_comes_first_among_the_errors(admin: Browser, app: Flask) -> None:
    with app.app_context():
        for _ in range(3):
            log_error(
                "API_ERROR",
                LogActor.SYSTEM,
                None,
                None,
                {"endpoint": "/x", "action": "x", "errorType": "E", "errorMessage": "m", "errorStack": None},
            )
        facts = {"dbHost": "db", "retryAttempt": 1, "spooledLogs": 2}
        log_critical("DATABASE_CONNECTION_LOST", LogActor.SYSTEM, None, None, facts)
    admin.get("/dashboard/admin")
    assert admin.text.index("DATABASE_CONNECTION_LOST") < admin.text.index("API_ERROR")
    assert "DATABASE_CONNECTION_LOST 1 fois en 24 h" in admin.words


def test_errors_are_told_against_their_usual(admin: Browser, app: Flask, session: Session) -> None:
    begin = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=9)
    session.add(LogHourType(bucket=begin, level=LogLevel.INFO, type="USER_LOGIN", n=1))
    for day in range(2, 9):
        bucket = begin + timedelta(days=day)
        session.add(LogHourType(bucket=bucket, level=LogLevel.ERROR, type="API_ERROR", n=2))
        if day < 8:
            session.add(LogHourType(bucket=bucket, level=LogLevel.ERROR, type="PAYMENT_FAILED", n=5))
    session.commit()
    facts = {"endpoint": "/x", "action": "x", "errorType": "E", "errorMessage": "m", "errorStack": None}
    with app.app_context():
        for _ in range(6):
            log_error("API_ERROR", LogActor.SYSTEM, None, None, facts)
        facts = {"paymentId": "1", "bookingId": "2", "amount": 1, "currency": "EUR"}
        facts |= {"declineCode": "c", "errorMessage": "m"}
        for _ in range(5):
            log_error("PAYMENT_FAILED", LogActor.USER, None, None, facts)
    admin.get("/dashboard/admin")
    assert "En hausse : API_ERROR 6 fois en 24 h" in admin.words
    assert "d’habitude 2 par jour" in admin.words
    assert "En hausse : PAYMENT_FAILED" not in admin.words


def test_disputes_to_answer_say_until_when_and_those_at_the_bank_do_not(
    admin: Browser, app: Flask, factory: Factory, session: Session
) -> None:
    due = datetime.now(UTC) + timedelta(days=2)
    for n, (status, at) in enumerate((("needs_response", due), ("under_review", due - timedelta(days=1)))):
        payment = Sales(app, session).sell(factory.creator(), factory.user())
        session.add(
            Dispute(payment_id=payment.id, stripe_dispute_id=f"du_{n}", amount_minor=100, currency="EUR",
                    reason="fraudulent", status=status, evidence_due_at=at)
        )  # fmt: skip
    session.commit()
    admin.get("/dashboard/admin")
    assert "1 litige attend une réponse" in admin.words
    assert "(dans 2 jours)" in admin.words


def test_days_and_hours_are_drawn_with_their_numbers_in_a_table(admin: Browser, factory: Factory) -> None:
    creator, now = factory.creator(), datetime.now(UTC)
    factory.payout(creator, status=PayoutStatus.PAID, paid_at=now)
    factory.payout(creator, status=PayoutStatus.PAID, paid_at=now - timedelta(days=40))
    factory.payout(creator, status=PayoutStatus.FAILED)
    admin.get("/dashboard/admin")
    assert "Payés 1 Échoués 1" in admin.words
    assert admin.text.count('role="img"') == 2
    assert admin.words.count("Données du graphique") == 2


def test_late_bookings_and_what_is_printed(admin: Browser, app: Flask, factory: Factory, session: Session) -> None:
    payment = Sales(app, session).sell(factory.creator(), factory.user())
    booking = session.get_one(Booking, payment.booking_id)
    booking.status = BookingStatus.PENDING
    payment.succeeded_at = datetime.now(UTC) - timedelta(hours=2)
    session.commit()
    admin.get("/dashboard/admin")
    assert "1 réservation en retard" in admin.words
    assert "Imprimé le" in admin.words
