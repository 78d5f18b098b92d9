"""Ends bookings that were not paid in time, and closes what could still be paid for cancelled ones."""

from collections.abc import Callable
from uuid import UUID

from flask import Flask

from portal.audit.actor import operation
from portal.domain.bookings.expire import expire_booking, expired_bookings
from portal.domain.payments.closing import close_payments, unclosed_bookings
from portal.domain.work import utc_now
from portal.jobs.runner import Run
from portal.unit_of_work import unit_of_work

Act = Callable[[UUID], bool]


def work(app: Flask, run: Run) -> None:
    """Each booking is an operation of its own; one that goes wrong does not keep the others."""
    gateway = app.extensions["stripe_gateway"]
    with unit_of_work() as session:
        expired = expired_bookings(session, now=utc_now())
        unclosed = unclosed_bookings(session, now=utc_now())

    def expire(booking_id: UUID) -> bool:
        return expire_booking(unit_of_work, gateway, booking_id=booking_id, clock=utc_now)

    def close(booking_id: UUID) -> bool:
        return close_payments(unit_of_work, gateway, booking_id=booking_id, clock=utc_now)

    jobs: list[tuple[str, Act, UUID]] = [("expired", expire, id_) for id_ in expired]
    jobs += [("closed", close, id_) for id_ in unclosed]
    run.summary = {"expired": 0, "closed": 0, "kept": 0, "errors": []}
    for n, (word, act, booking_id) in enumerate(jobs, start=1):
        _one(app, run, word, act, booking_id)
        run.progress(n, len(jobs))


def _one(app: Flask, run: Run, word: str, act: Act, booking_id: UUID) -> None:
    try:
        with operation():
            run.summary[word if act(booking_id) else "kept"] += 1
    except Exception as error:
        app.logger.exception("booking %s", booking_id)
        run.summary["errors"].append({"bookingId": str(booking_id), "error": f"{type(error).__name__}: {error}"})
