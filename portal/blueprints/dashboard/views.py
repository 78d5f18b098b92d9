"""/, /dashboard, /language, the admin's overview and a user's page."""

from flask import abort, g, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from portal.blueprints.access import READERS, me, person, requires, safe_next
from portal.blueprints.dashboard import bp, needs
from portal.blueprints.filters import LANGUAGES, select_timezone
from portal.blueprints.jobs import words
from portal.blueprints.scheduled import desk
from portal.domain.people import Role
from portal.domain.work import utc_now
from portal.queries import dashboard, overview
from portal.queries.booking_search import current_bookings
from portal.queries.overdue import count_overdue
from portal.queries.webhook_health import inbox_health
from portal.unit_of_work import reading

BOOKINGS_SHOWN = 10
ERRORS_SHOWN = 8
HOMES = {
    Role.ADMIN: "dashboard.admin",
    Role.AUDITOR: "dashboard.admin",
    Role.CREATOR: "creator.dashboard",
    Role.USER: "dashboard.user",
}


@bp.get("/")
@bp.get("/dashboard")
def home() -> Response:
    """Each role to its own beginning, visitors to sign in."""
    return redirect(url_for(HOMES[me().role] if person() else "auth.login"))


@bp.get("/language/<code>")
def language(code: str) -> Response:
    """Show this browser the portal in another language, and come back."""
    if code not in LANGUAGES:
        abort(404)
    session["language"] = code
    return redirect(safe_next(request.args.get("next")) or url_for("dashboard.home"))


@bp.get("/dashboard/admin")
@requires(*READERS)
def admin() -> str:
    """What needs an admin now, and how the portal itself is."""
    now, work = utc_now(), reading()
    waiting = dashboard.payouts_to_approve(work)
    g.to_approve = sum(line.count for line in waiting)
    trouble, errors = overview.trouble(work, now=now), overview.errors_of_a_day(work, now=now)
    runs = dashboard.last_runs(work)
    late = dashboard.late_jobs(work, desk().schedules)
    inbox = inbox_health(work, now=now)
    return render_template(
        "dashboard/admin.html",
        now=now,
        needs=needs.by_urgency(
            needs.of_payouts(waiting, trouble),
            needs.of_people(trouble, now),
            needs.of_steps(count_overdue(work, now=now)),
            needs.of_jobs(late, runs, now),
            needs.of_webhooks(inbox, errors),
            needs.of_the_log(errors),
        ),
        trouble=trouble,
        errors=errors,
        errors_shown=errors.types[:ERRORS_SHOWN],
        days=overview.payout_days(work, now=now, tz=select_timezone()),
        job_title=words.title,
        runs=runs,
        inbox=inbox,
        protections=dashboard.protections(work),
    )


@bp.get("/dashboard/user")
@requires(Role.USER)
def user() -> str:
    """What a user has to pay or to look forward to."""
    bookings = current_bookings(reading(), me().user_id, limit=BOOKINGS_SHOWN)
    return render_template("dashboard/user.html", bookings=bookings, now=utc_now())
