"""Alerts in the words of a message; French, as the log is."""

from collections.abc import Sequence

from portal.models import Alert, AlertKind, MessageKind

SHOWN = 20
HEADS = {
    MessageKind.RAISED: "Callastar : {n} nouvelle(s) alerte(s)",
    MessageKind.REMINDER: "Callastar : {n} alerte(s) toujours en cours",
    MessageKind.RESOLVED: "Callastar : {n} alerte(s) terminée(s)",
}
LINES = {
    AlertKind.CRITICAL: "CRITICAL {type} ({count} ligne(s)) : {message}",
    AlertKind.ERRORS: "{count} erreurs {type} en {minutes} min ; d’habitude {usual}",
    AlertKind.JOB: "La tâche {job} n’a pas réussi à temps (attendue avant {expectedBy})",
    AlertKind.PAYOUTS: "{count} payout(s) bloqué(s), le plus ancien depuis {oldest}",
    AlertKind.WEBHOOKS: "{count} événement(s) Stripe abandonné(s), à décider",
}


def title_of(kind: MessageKind, alerts: Sequence[Alert]) -> str:
    """The subject of a message."""
    return HEADS[kind].format(n=len(alerts))


def line_of(alert: Alert) -> str:
    """One alert in one line."""
    return LINES[alert.kind].format_map(_Facts(alert.facts))


def body_of(alerts: Sequence[Alert], *, reference: str, page: str) -> str:
    """The message: its alerts, where to act, and its reference, by which a second copy is known."""
    lines = [f"- {line_of(alert)}" for alert in alerts[:SHOWN]]
    if len(alerts) > SHOWN:
        lines.append(f"- et {len(alerts) - SHOWN} autre(s)")
    return "\n".join([*lines, "", page, f"Référence : {reference}"])


class _Facts(dict[str, object]):
    def __missing__(self, word: str) -> str:
        return "…"
