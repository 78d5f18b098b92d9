"""/, /dashboard, /language, the admin's overview and a user's page."""

from flask import abort, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from portal.blueprints.access import READERS, me, person, requires, safe_next
from portal.blueprints.dashboard import bp
from portal.blueprints.filters import LANGUAGES
from portal.blueprints.jobs import words
from portal.blueprints.scheduled import desk
from portal.domain.people import Role
from portal.domain.work import utc_now
from portal.queries import dashboard
from portal.queries.booking_search import current_bookings
from portal.queries.webhook_health import inbox_health
from portal.unit_of_work import reading

BOOKINGS_SHOWN = 10
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
    """What needs an admin now."""
    now = utc_now()
    errors = dashboard.recent_errors(reading(), now=now)
    return render_template(
        "dashboard/admin.html",
        now=now,
        waiting=dashboard.payouts_to_approve(reading()),
        trouble=dashboard.trouble(reading(), now=now),
        errors=errors[: dashboard.ERRORS_SHOWN],
        error_count=sum(error.count for error in errors),
        more_types=max(len(errors) - dashboard.ERRORS_SHOWN, 0),
        late_jobs=dashboard.late_jobs(reading(), desk().schedules),
        job_title=words.title,
        runs=dashboard.last_runs(reading()),
        inbox=inbox_health(reading(), now=now),
        protections=dashboard.protections(reading()),
        money_rows=dashboard.latest_money(reading()),
    )


@bp.get("/dashboard/user")
@requires(Role.USER)
def user() -> str:
    """What a user has to pay or to look forward to."""
    bookings = current_bookings(reading(), me().user_id, limit=BOOKINGS_SHOWN)
    return render_template("dashboard/user.html", bookings=bookings, now=utc_now())
