"""/, /dashboard, /language and the admin's overview."""

from flask import abort, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from portal.blueprints.access import me, person, requires, safe_next
from portal.blueprints.dashboard import bp
from portal.blueprints.filters import LANGUAGES
from portal.domain.people import Role

HOMES = {Role.ADMIN: "dashboard.admin", Role.CREATOR: "creator.dashboard", Role.USER: "dashboard.user"}


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
@requires(Role.ADMIN)
def admin() -> str:
    """What needs an admin now."""
    return render_template("dashboard/admin.html")


@bp.get("/dashboard/user")
@requires(Role.USER)
def user() -> str:
    """A user's own page."""
    return render_template("dashboard/user.html")
