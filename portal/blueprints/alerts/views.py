"""Open alerts, past ones, and the messages about them."""

from flask import current_app, render_template, request

from portal.blueprints.access import READERS, requires
from portal.blueprints.alerts import bp, words
from portal.blueprints.lists import page_href, with_page_size
from portal.domain.work import utc_now
from portal.queries import alert_search
from portal.queries.alert_search import PastAlerts
from portal.unit_of_work import reading


@bp.get("")
@requires(*READERS)
def index() -> str:
    """What is wrong now, then what was, and whether it was told."""
    now = utc_now()
    page = PastAlerts.from_args(with_page_size(request.args)).page(reading())
    open_ = alert_search.open_alerts(reading())
    silences = alert_search.silences(reading(), now=now)
    people = [alert.acknowledged_by for alert in (*open_, *page.rows)] + [s.set_by for s in silences.values()]
    return render_template(
        "alerts/index.html",
        open=open_,
        page=page,
        silences=silences,
        names=alert_search.names_of(reading(), people),
        messages=alert_search.latest_messages(reading()),
        targets=current_app.extensions["notifier"].targets,
        words=words,
        now=now,
        previous_href=page_href(page.previous),
        next_href=page_href(page.next),
    )
