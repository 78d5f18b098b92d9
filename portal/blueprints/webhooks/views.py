"""The inbox, dead letters first, and one event."""

from flask import abort, render_template, request, url_for

from portal.blueprints.access import READERS, requires, with_query
from portal.blueprints.filters import select_timezone
from portal.blueprints.lists import kept, page_href, with_page_size
from portal.blueprints.webhooks import bp
from portal.blueprints.webhooks.words import state_label, tabs
from portal.domain.work import utc_now
from portal.queries.webhook_entry import StripeEvent, find_event, find_webhook, shown_body
from portal.queries.webhook_health import inbox_health
from portal.queries.webhook_search import WebhookSearch
from portal.unit_of_work import reading
from portal.webhooks.decisions import is_dismissible, is_retriable

KEPT = ("q", "type", "account", "from", "to", "tz", "limit")


@bp.get("")
@requires(*READERS)
def index() -> str:
    """Events, dead letters first, then the newest, with what needs a look as tabs."""
    now = utc_now()
    search = WebhookSearch.from_args(with_page_size(request.args), tz=select_timezone(), now=now)
    page = search.page(reading())
    return render_template(
        "webhooks/index.html",
        search=search,
        page=page,
        now=now,
        tabs=tabs(search, inbox_health(reading(), now=now), kept(*KEPT)),
        previous_href=page_href(page.previous),
        next_href=page_href(page.next),
        without=lambda **gone: with_query(cursor=None, **gone),
    )


def event_or_404(event_id: str) -> StripeEvent:
    """The event of an address."""
    return find_event(reading(), event_id) or abort(404)


@bp.get("/<event_id>")
@requires(*READERS)
def detail(event_id: str) -> str:
    """One event: how it stands, its last error, its body, and what was said of it."""
    found, now = find_webhook(reading(), event_id), utc_now()
    if found is None:
        abort(404)
    event = found.event
    return render_template(
        "webhooks/detail.html",
        event=event,
        entry=found,
        body=shown_body(event.payload),
        now=now,
        state_label=state_label(event.state),
        retriable=is_retriable(event, now),
        dismissible=is_dismissible(event, now),
        trace_href=url_for("traces.show", kind="event", id=event.id),
    )
