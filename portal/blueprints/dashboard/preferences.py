"""Preferences: a page of its own, and the quick switches of the top bar."""

from dataclasses import replace

from flask import abort, flash, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from portal.blueprints.access import me, requires, safe_next
from portal.blueprints.dashboard import bp
from portal.blueprints.dashboard.forms import ZONES, PreferencesForm
from portal.domain.people import Role
from portal.domain.preferences import Theme, save_preferences
from portal.unit_of_work import unit_of_work


@bp.get("/dashboard/preferences")
@requires(*Role)
def preferences() -> str:
    """What somebody likes, as it stands."""
    liked = me().preferences
    form = PreferencesForm(data={name: getattr(liked, name) for name in liked.__slots__} | _as_choices())
    return _page(form)


def _as_choices() -> dict[str, str]:
    liked = me().preferences
    return {"locale": liked.locale or "", "page_size": str(liked.page_size)}


@bp.post("/dashboard/preferences")
@requires(*Role)
def preferences_post() -> str | Response | tuple[str, int]:
    """Keep them; what this browser had switched for itself ends."""
    form = PreferencesForm()
    if not form.validate():
        return _page(form), 422
    with unit_of_work() as work:
        save_preferences(work, user_id=me().user_id, actor=me().actor, wanted=form.wanted())
    session.pop("language", None)
    session.pop("utc", None)
    flash(_("Préférences enregistrées : elles valent sur tous vos appareils."), "success")
    return redirect(url_for("dashboard.preferences"))


@bp.post("/dashboard/preferences/theme")
@requires(*Role)
def theme() -> Response:
    """Change the theme alone, from the top bar, and come back."""
    wanted = request.form.get("theme", "")
    if wanted not in set(Theme):
        abort(400)
    with unit_of_work() as work:
        liked = replace(me().preferences, theme=Theme(wanted))
        save_preferences(work, user_id=me().user_id, actor=me().actor, wanted=liked)
    return redirect(safe_next(request.form.get("next")) or url_for("dashboard.home"))


@bp.get("/timezone/utc/<any(on, off):state>")
def utc(state: str) -> Response:
    """Show this browser moments in UTC, or in the person's own zone again, and come back."""
    session["utc"] = state == "on"
    return redirect(safe_next(request.args.get("next")) or url_for("dashboard.home"))


def _page(form: PreferencesForm) -> str:
    return render_template("dashboard/preferences.html", form=form, zones=ZONES)
