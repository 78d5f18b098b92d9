"""What job pages say: names, rhythms, outcomes and the reasons of automatic payouts."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from flask_babel import format_date, format_decimal, gettext
from flask_babel import lazy_gettext as _

from portal.blueprints.spoken import counted as ngettext
from portal.domain.jobs import Schedule
from portal.domain.payouts.rounds import Outcome, Reason, outcome_of
from portal.queries.job_search import JobRun

TITLES = {
    "process-payouts": (_("Payouts automatiques"), _("Verse leur solde aux créateurs qui ont un planning.")),
    "reconcile-stripe": (
        _("Réconciliation Stripe"),
        _("Rattrape les événements manqués, relit les payouts en suspens et compare tout une fois par jour."),
    ),
    "cleanup-logs": (_("Rétention des journaux"), _("Supprime les lignes dont la durée de garde est passée.")),
    "expire-bookings": (
        _("Réservations impayées"),
        _("Rend à la vente les appels qui n’ont pas été payés à temps, et ferme leurs paiements chez Stripe."),
    ),
    "report-overdue": (
        _("Étapes en retard"),
        _("Inscrit au journal, une seule fois, chaque étape qui n’est pas venue à temps."),
    ),
    "keep-partitions": (
        _("Partitions des journaux"),
        _("Prépare la place des lignes des deux prochaines semaines."),
    ),
    "roll-up-logs": (
        _("Comptages des journaux"),
        _("Compte les heures complètes par type et par acteur, pour les histogrammes."),
    ),
}

REASONS = {
    Reason.SENT: _("Payout envoyé à Stripe"),
    Reason.TO_REVIEW: _("Payout créé, à approuver"),
    Reason.REFUSED: _("Refusé par Stripe"),
    Reason.UNKNOWN: _("Issue inconnue : le portail vérifie tout seul"),
    Reason.NOT_SENT: _("Pas encore envoyé : il partira tout seul"),
    Reason.STRIPE_ERROR: _("Stripe n’a pas répondu comme prévu"),
    Reason.BUG: _("Erreur inattendue du portail"),
    Reason.NOT_SCHEDULED: _("N’a plus de planning"),
    Reason.NO_ACCOUNT: _("Pas de compte Stripe"),
    Reason.BLOCKED: _("Payouts bloqués"),
    Reason.IDENTITY: _("Identité à compléter chez Stripe"),
    Reason.BANK: _("Compte bancaire non validé"),
    Reason.NO_CURRENCY: _("Pas de solde dans la devise du créateur"),
    Reason.BALANCE_LOW: _("Solde sous le minimum"),
    Reason.OPEN_PAYOUT: _("Un payout est déjà en cours"),
    Reason.ALREADY_PAID: _("Déjà payé pour cette période"),
    Reason.SENDING_PAUSED: _("Envoi des payouts suspendu"),
    Reason.ACCOUNT_CHANGED: _("Compte Stripe changé entre-temps"),
}


def title(name: str) -> Any:
    """A job's name as people say it."""
    return TITLES[name][0] if name in TITLES else name


def description(name: str) -> Any:
    """What a job does, in one sentence."""
    return TITLES[name][1] if name in TITLES else ""


def rhythm(schedule: Schedule) -> str:
    """How often a job runs."""
    if schedule.every == timedelta(days=1):
        hours, minutes = divmod(int(schedule.offset.total_seconds()) // 60, 60)
        return str(gettext("Chaque jour à %(time)s UTC", time=f"{hours:02d}:{minutes:02d}"))
    minutes = int(schedule.every.total_seconds()) // 60
    if minutes == 60:
        return str(gettext("Chaque heure"))
    return str(ngettext("Chaque minute", "Toutes les %(num)s minutes", minutes))


def result(run: JobRun) -> list[str]:
    """What a run did, in a few counted words."""
    told = run.summary
    found: list[str] = []
    if "succeeded" in told:
        found += [
            ngettext("%(num)s succès", "%(num)s succès", told["succeeded"]),
            ngettext("%(num)s échec", "%(num)s échecs", told["failed"]),
            ngettext("%(num)s ignoré", "%(num)s ignorés", told["skipped"]),
        ]
    if "checked" in told:
        found += [
            ngettext("%(num)s vérifié", "%(num)s vérifiés", told["checked"]),
            ngettext("%(num)s réparé", "%(num)s réparés", told["repaired"]),
            ngettext("%(num)s sans correspondance", "%(num)s sans correspondance", told["unmatched"]),
        ]
    if told.get("missedEvents"):
        found.append(ngettext("%(num)s événement rattrapé", "%(num)s événements rattrapés", told["missedEvents"]))
    if "made" in told:
        found.append(ngettext("%(num)s partition créée", "%(num)s partitions créées", told["made"]))
    if "hours" in told:
        found.append(ngettext("%(num)s heure comptée", "%(num)s heures comptées", told["hours"]))
    if "deletedInfo" in told:
        found += _deleted(told)
    return [str(words) for words in found]


def _deleted(told: dict[str, Any]) -> list[str]:
    """What retention deleted, by level when there is anything to tell apart."""
    by_level = {level: told[f"deleted{level.title()}"] for level in ("INFO", "WARNING", "ERROR")}
    if told.get("held"):
        n = sum(told["due"].values())
        shown = format_decimal(n)
        return [
            ngettext(
                "retenue : %(count)s ligne à confirmer", "retenue : %(count)s lignes à confirmer", n, count=shown
            )
        ]
    n = sum(by_level.values())
    found: list[str] = [
        ngettext("%(count)s ligne supprimée", "%(count)s lignes supprimées", n, count=format_decimal(n))
    ]
    found += [f"{level} {format_decimal(n)}" for level, n in by_level.items() if n]
    if weeks := told.get("weeksDropped", 0) + told.get("weeksRewritten", 0):
        found.append(ngettext("%(num)s semaine rendue au disque", "%(num)s semaines rendues au disque", weeks))
    return found


def week(start: datetime) -> str:
    """A week by its Monday, which is UTC's."""
    return str(format_date(start.date(), "medium"))


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How many creators were counted so in a run."""

    label: Any
    outcome: Outcome
    count: int


def reasons(run: JobRun) -> list[ReasonCount]:
    """A payout run's creators by reason: successes, failures, then those left out."""
    order = list(Outcome)
    known = {Reason(word): n for word, n in run.summary.get("reasons", {}).items() if word in set(Reason)}
    counts = [ReasonCount(REASONS[reason], outcome_of(reason), n) for reason, n in known.items()]
    return sorted(counts, key=lambda one: (order.index(one.outcome), -one.count))


def reason_label(word: str) -> Any:
    """A reason as people say it."""
    return REASONS[Reason(word)] if word in set(Reason) else word


def error_line(run: JobRun) -> str:
    """The last line of a run's error: what it was."""
    return (run.error or "").strip().rpartition("\n")[2]


def is_by_hand(run: JobRun) -> bool:
    """Whether somebody, and not the clock, started the run."""
    return run.slot.startswith("manual:")


def day(run: JobRun) -> str:
    """The day that a payout run paid for, as people write it."""
    told = run.summary.get("day")
    return str(format_date(date.fromisoformat(told), "short")) if told else ""
