"""What alerts are called, what they say, and where one looks into them."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from flask import url_for
from flask_babel import format_decimal, gettext
from flask_babel import lazy_gettext as _

from portal.blueprints.moments import local_datetime
from portal.blueprints.spoken import counted as ngettext
from portal.queries.alert_search import Alert, AlertKind, MessageKind

KINDS = {
    AlertKind.CRITICAL: _("Événement critique"),
    AlertKind.ERRORS: _("Erreurs en hausse"),
    AlertKind.JOB: _("Tâche en retard"),
    AlertKind.PAYOUTS: _("Payouts bloqués"),
    AlertKind.WEBHOOKS: _("Webhooks abandonnés"),
}
MESSAGES = {
    MessageKind.RAISED: _("Ouverture"),
    MessageKind.REMINDER: _("Rappel"),
    MessageKind.RESOLVED: _("Fin"),
}


def subject(alert: Alert) -> str:
    """What it is about: a type, a job; nothing where the kind says all."""
    return str(alert.facts.get("type") or alert.facts.get("job") or "")


def told(alert: Alert) -> str:
    """How much is wrong, in one sentence."""
    facts = alert.facts
    words: dict[AlertKind, Callable[[dict[str, Any]], str]] = {
        AlertKind.CRITICAL: _critical,
        AlertKind.ERRORS: _errors,
        AlertKind.JOB: lambda facts: gettext("Succès attendu avant %(at)s.", at=_moment(facts, "expectedBy")),
        AlertKind.PAYOUTS: _payouts,
        AlertKind.WEBHOOKS: _webhooks,
    }
    return words[alert.kind](facts)


def _critical(facts: dict[str, Any]) -> str:
    return str(facts.get("message", ""))


def _errors(facts: dict[str, Any]) -> str:
    words = {"minutes": facts.get("minutes", 15), "usual": format_decimal(facts.get("usual", 0))}
    return str(
        ngettext(
            "%(num)s erreur en %(minutes)s min ; %(usual)s d’habitude.",
            "%(num)s erreurs en %(minutes)s min ; %(usual)s d’habitude.",
            int(facts.get("count", 0)),
            **words,
        )
    )


def _payouts(facts: dict[str, Any]) -> str:
    n, since = int(facts.get("count", 0)), _moment(facts, "oldest")
    return str(
        ngettext("%(num)s payout, depuis %(at)s.", "%(num)s payouts, le premier depuis %(at)s.", n, at=since)
    )


def _webhooks(facts: dict[str, Any]) -> str:
    n, since = int(facts.get("count", 0)), _moment(facts, "oldest")
    return str(
        ngettext("%(num)s événement, reçu %(at)s.", "%(num)s événements, le premier reçu %(at)s.", n, at=since)
    )


def _moment(facts: dict[str, Any], name: str) -> str:
    given = facts.get(name)
    return local_datetime(datetime.fromisoformat(given), seconds=False) if given else "…"


def href(alert: Alert) -> str:
    """Where one looks into it."""
    if alert.kind in {AlertKind.CRITICAL, AlertKind.ERRORS}:
        return url_for("logs.index", type=subject(alert))
    if alert.kind is AlertKind.JOB:
        return url_for("jobs.index")
    if alert.kind is AlertKind.PAYOUTS:
        return url_for("payouts.index", stuck=1)
    return url_for("webhooks.index", state="DEAD")
