"""What needs an admin now, in sentences that lead to where it is done, the worst first."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import url_for
from flask_babel import format_decimal
from flask_babel import gettext as _

from portal.audit import writer
from portal.blueprints.filters import money
from portal.blueprints.jobs import words
from portal.blueprints.moments import local_date, local_datetime, relative_time
from portal.blueprints.spoken import counted as ngettext
from portal.queries.complaint_search import TO_ANSWER
from portal.queries.dashboard import LateJob, Waiting
from portal.queries.job_search import JobRun
from portal.queries.overview import FAILED_WITHIN, Errors, ErrorType, Trouble
from portal.queries.webhook_health import InboxHealth

FORGED = "WEBHOOK_SIGNATURE_VERIFICATION_FAILED"
SOON = timedelta(days=3)
CRITICAL_SHOWN = 4
LAST_DAY: dict[str, Any] = {"from": "now-24h"}
TONES = ("critical", "error", "warning", "info")


@dataclass(frozen=True, slots=True)
class Need:
    """One thing to look at: how bad, how many, what, since when or how much, and where."""

    tone: str
    icon: str
    title: str
    detail: str
    href: str


def by_urgency(*groups: Iterable[Need]) -> list[Need]:
    """All needs, the worst first, otherwise in the order given."""
    return sorted((need for group in groups for need in group), key=lambda need: TONES.index(need.tone))


def of_payouts(waiting: Sequence[Waiting], trouble: Trouble) -> Iterator[Need]:
    """Decisions to take, payouts that stand still, payouts that failed."""
    if waiting:
        count = sum(line.count for line in waiting)
        sums = ", ".join(money(line.total, line.currency) for line in waiting)
        age = relative_time(min(line.oldest for line in waiting))
        yield Need(
            "warning", "hourglass",
            ngettext("%(num)s payout à approuver", "%(num)s payouts à approuver", count),
            _("%(sums)s · le plus ancien %(age)s", sums=sums, age=age),
            url_for("payouts.index", status="REQUESTED"),
        )  # fmt: skip
    if trouble.stuck:
        yield Need(
            "error", "timer-off",
            ngettext("%(num)s payout n’avance plus", "%(num)s payouts n’avancent plus", trouble.stuck),
            _("non envoyés, sans réponse de Stripe ou en retard à la banque"),
            url_for("payouts.index", stuck=1),
        )  # fmt: skip
    if trouble.failed:
        yield Need(
            "error", "circle-x",
            ngettext("%(num)s payout échoué en 7 jours", "%(num)s payouts échoués en 7 jours", trouble.failed),
            _("refusés par Stripe ou renvoyés par la banque"),
            url_for("payouts.index", status=["FAILED", "RETURNED"], changedFrom=f"now-{FAILED_WITHIN.days}d"),
        )  # fmt: skip


def of_people(trouble: Trouble, now: datetime) -> Iterator[Need]:
    """Disputes with their due dates, and accounts that Stripe pays by itself."""
    if trouble.disputes:
        due, n = trouble.first_due, trouble.disputes
        detail = _("preuves à donner avant le %(day)s", day=local_date(due)) if due else _("sans échéance connue")
        yield Need(
            "error" if due and due < now + SOON else "warning", "receipt",
            ngettext("%(num)s litige attend une réponse", "%(num)s litiges attendent une réponse", n),
            f"{detail} ({relative_time(due)})" if due else detail,
            url_for("payments.complaints", kind="disputes", open=1, status=TO_ANSWER),
        )  # fmt: skip
    if trouble.unmanaged_schedules:
        yield Need(
            "warning", "landmark",
            ngettext(
                "%(num)s compte est versé par Stripe sans approbation",
                "%(num)s comptes sont versés par Stripe sans approbation",
                trouble.unmanaged_schedules,
            ),
            _("leur planning chez Stripe n’est pas manuel"),
            url_for("creators.index", state="schedule"),
        )  # fmt: skip


def of_steps(overdue: Mapping[str, int]) -> Iterator[Need]:
    """Bookings and refunds past a limit; payouts and disputes have sentences of their own."""
    if bookings := overdue.get("booking"):
        yield Need(
            "warning", "calendar",
            ngettext("%(num)s réservation en retard", "%(num)s réservations en retard", bookings),
            _("une étape attendue n’est pas venue à temps"),
            url_for("all_bookings.index", overdue=1),
        )  # fmt: skip
    if refunds := overdue.get("refund"):
        yield Need(
            "error", "undo-2",
            ngettext("%(num)s remboursement en retard", "%(num)s remboursements en retard", refunds),
            _("demandé, mais pas encore chez Stripe"),
            url_for("payments.complaints", kind="refunds", overdue=1),
        )  # fmt: skip


def of_jobs(late: Sequence[LateJob], runs: Sequence[JobRun], now: datetime) -> Iterator[Need]:
    """Jobs without a success for too long, and those whose last run failed or stopped."""
    for job in late:
        yield Need(
            "critical", "timer-off",
            _("Tâche en retard : %(job)s", job=words.title(job.name)),
            _("aurait dû réussir avant le %(when)s", when=local_datetime(job.expected_by, False)),
            url_for("jobs.detail", name=job.name),
        )  # fmt: skip
    told = {job.name for job in late}
    for run in runs:
        stopped = run.state == "RUNNING" and run.lease_until < now
        if run.job not in told and (run.state == "FAILED" or stopped):
            title = _("Tâche interrompue : %(job)s") if stopped else _("Tâche échouée : %(job)s")
            age = relative_time(run.started_at)
            yield Need("error", "clock", title % {"job": words.title(run.job)}, age, _job_href(run.job))


def _job_href(name: str) -> str:
    return url_for("jobs.detail", name=name) if name in words.TITLES else url_for("jobs.index")


def of_webhooks(inbox: InboxHealth, errors: Errors) -> Iterator[Need]:
    """Dead letters, events that wait too long, bodies that nobody signed."""
    if inbox.dead:
        yield Need(
            "error", "webhook",
            ngettext("%(num)s événement Stripe abandonné", "%(num)s événements Stripe abandonnés", inbox.dead),
            _("un administrateur doit décider"),
            url_for("webhooks.index", state="DEAD"),
        )  # fmt: skip
    if inbox.late:
        yield Need(
            "warning", "webhook",
            ngettext("%(num)s événement Stripe en retard", "%(num)s événements Stripe en retard", inbox.late),
            _("le plus ancien %(age)s", age=relative_time(inbox.oldest_waiting)) if inbox.oldest_waiting else "",
            url_for("webhooks.index", state="LATE"),
        )  # fmt: skip
    for error in errors.types:
        if error.type == FORGED:
            n = error.count
            title = ngettext("%(num)s signature de webhook refusée", "%(num)s signatures de webhook refusées", n)
            yield Need("warning", "shield", title, _often(error), _rows_href(error))


def of_the_log(errors: Errors) -> Iterator[Need]:
    """What is critical, what rises, and rows that wait on disk."""
    critical = [error for error in errors.types if error.level == "CRITICAL"]
    for error in critical[:CRITICAL_SHOWN]:
        yield Need("critical", "siren", error.type, _often(error), _rows_href(error))
    if len(critical) > CRITICAL_SHOWN:
        more = len(critical) - CRITICAL_SHOWN
        yield Need(
            "critical", "siren",
            ngettext("et %(num)s autre type critique", "et %(num)s autres types critiques", more), "",
            url_for("logs.groups", by="type", level="CRITICAL", **LAST_DAY),
        )  # fmt: skip
    for error in errors.types:
        if error.rises and error.level != "CRITICAL" and error.type != FORGED:
            usual = format_decimal(round(error.usual or 0, 1))
            detail = _("%(often)s ; d’habitude %(usual)s par jour", often=_often(error), usual=usual)
            yield Need(
                "warning", "activity", _("En hausse : %(type)s", type=error.type), detail, _rows_href(error)
            )
    if writer.rows_wait():
        yield Need(
            "critical", "database",
            _("Des lignes du journal attendent sur le disque"),
            _("la base ne les a pas encore prises ; elles seront rejouées"),
            url_for("logs.index", type="DATABASE_CONNECTION_LOST"),
        )  # fmt: skip


def _often(error: ErrorType) -> str:
    age, n = relative_time(error.last), error.count
    text = ngettext("%(num)s fois en 24 h, %(age)s", "%(num)s fois en 24 h, la dernière %(age)s", n, age=age)
    return str(text)


def _rows_href(error: ErrorType) -> str:
    return url_for("logs.index", level=error.level.value, type=error.type, **LAST_DAY)
