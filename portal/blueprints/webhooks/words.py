"""What the inbox's pages say of a state, and the tabs above the list."""

from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext

from portal.queries.webhook_entry import InboxState
from portal.queries.webhook_health import InboxHealth
from portal.queries.webhook_search import LATE_STATE, WebhookSearch

STATES = {
    InboxState.RECEIVED: lazy_gettext("À traiter"),
    InboxState.PROCESSED: lazy_gettext("Traité"),
    InboxState.IGNORED: lazy_gettext("Ignoré"),
    InboxState.DEAD: lazy_gettext("Abandonné"),
    InboxState.DISMISSED: lazy_gettext("Écarté"),
}


def tabs(search: WebhookSearch, health: InboxHealth, kept: dict[str, Any]) -> list[dict[str, Any]]:
    """Every state, with the counts of what somebody should look at."""
    labels: list[tuple[str | None, str, int | None]] = [
        (None, _("Tous"), None),
        (InboxState.DEAD, _("Abandonnés"), health.dead),
        (LATE_STATE, _("En retard"), health.late),
        (InboxState.RECEIVED, _("À traiter"), health.waiting),
        (InboxState.PROCESSED, _("Traités"), None),
        (InboxState.IGNORED, _("Ignorés"), None),
        (InboxState.DISMISSED, _("Écartés"), None),
    ]
    return [
        {
            "label": label,
            "href": url_for("webhooks.index", state=state, **kept),
            "count": count,
            "current": search.state == state,
        }
        for state, label, count in labels
    ]


def state_label(state: str) -> str:
    """A state as people say it."""
    return str(STATES[InboxState(state)])
