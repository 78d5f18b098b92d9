"""Views of /dashboard/admin/views."""

from typing import Any
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from flask import abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from portal.blueprints.access import READERS, me, requires
from portal.blueprints.errors import sentence
from portal.blueprints.explorer import PLACE
from portal.blueprints.saved_views import bp
from portal.blueprints.saved_views.forms import DeleteViewForm, SaveViewForm
from portal.blueprints.saved_views.menu import link_of, view_href
from portal.domain.errors import ViewRefused
from portal.domain.people import Role
from portal.domain.saved_views import change_view, delete_view, save_view
from portal.domain.work import utc_now
from portal.queries.columns import parse_columns
from portal.queries.exports import Book
from portal.queries.log_search import LogSearch
from portal.queries.parameters import member, one, refuse_unknown
from portal.queries.saved_views import ViewEntry, find_own_view, views_for
from portal.queries.transaction_search import TransactionSearch
from portal.unit_of_work import reading, unit_of_work

Page = str | Response | tuple[str, int]
SEARCHES: dict[Book, Any] = {Book.LOG: LogSearch, Book.TRANSACTION_LOG: TransactionSearch}


@bp.get("")
@requires(*READERS)
def index() -> str:
    """One's own views and the shared ones."""
    refuse_unknown(request.args, ())
    views, user_id = views_for(reading(), me().user_id), me().user_id
    own = [view for view in views if view.owner_id == user_id]
    others = [view for view in views if view.owner_id != user_id]
    return render_template("saved_views/index.html", own=own, others=others, link_of=link_of)


@bp.get("/new")
@requires(Role.ADMIN)
def new() -> Page:
    """The form that keeps a search. Raises BadParameter when no explorer takes it."""
    refuse_unknown(request.args, ("book", "query"))
    book = member("book", one(request.args, "book") or "", Book)
    query = _checked(book, request.args.get("query", ""))
    return _form(SaveViewForm(data={"book": book, "query": query}), book, query)


@bp.post("/new")
@requires(Role.ADMIN)
def new_post() -> Page:
    """Keep it, and show it."""
    form = SaveViewForm()
    book = member("book", form.book.data or "", Book)
    query = _checked(book, form.query.data or "")
    asked: dict[str, Any] = {"name": form.name.data or "", "shared": bool(form.shared.data)}
    try:
        with unit_of_work() as session:
            view_id = save_view(session, book=book, query=query, **asked, actor=me().actor, now=utc_now())
    except ViewRefused as refusal:
        form.name.errors = [sentence(refusal)]
        return _form(form, book, query), refusal.status
    view = own_view_or_404(view_id)
    flash(_("Vue « %(name)s » enregistrée.", name=view.name), "success")
    return redirect(view_href(view))


@bp.get("/<uuid:view_id>/edit")
@requires(Role.ADMIN)
def edit(view_id: UUID) -> Page:
    """A view's name and whether it is shared."""
    view = own_view_or_404(view_id)
    form = SaveViewForm(data={"name": view.name, "shared": view.is_shared, "version": str(view.version)})
    return _form(form, view.book, view.query, view)


@bp.post("/<uuid:view_id>/edit")
@requires(Role.ADMIN)
def edit_post(view_id: UUID) -> Page:
    """Change it, unless another tab has."""
    form, view = SaveViewForm(), own_view_or_404(view_id)
    asked: dict[str, Any] = {"name": form.name.data or "", "shared": bool(form.shared.data)}
    asked["seen_version"] = form.seen_version
    try:
        with unit_of_work() as session:
            change_view(session, view_id=view_id, **asked, actor=me().actor, now=utc_now())
    except ViewRefused as refusal:
        view = own_view_or_404(view_id)
        form.name.errors = [sentence(refusal)]
        form.version.data = str(view.version)
        return _form(form, view.book, view.query, view), refusal.status
    flash(_("Vue « %(name)s » modifiée.", name=own_view_or_404(view_id).name), "success")
    return redirect(url_for("saved_views.index"))


@bp.get("/<uuid:view_id>/delete")
@requires(Role.ADMIN)
def delete(view_id: UUID) -> str:
    """What deleting means; changes nothing."""
    view = own_view_or_404(view_id)
    return render_template("saved_views/delete.html", view=view, form=DeleteViewForm())


@bp.post("/<uuid:view_id>/delete")
@requires(Role.ADMIN)
def delete_post(view_id: UUID) -> Response:
    """Forget it."""
    with unit_of_work() as session:
        name = delete_view(session, view_id=view_id, actor=me().actor)
    flash(_("Vue « %(name)s » supprimée.", name=name), "success")
    return redirect(url_for("saved_views.index"))


def own_view_or_404(view_id: UUID) -> ViewEntry:
    """The view of an address, when it is this person's."""
    return find_own_view(reading(), view_id, me().user_id) or abort(404)


def _checked(book: Book, query: str) -> str:
    """The search of an address as it is kept. Raises BadParameter when the explorer would."""
    given = [(name, value) for name, value in parse_qsl(query.lstrip("?")) if name not in PLACE]
    args = MultiDict(given)
    SEARCHES[book].from_args(args, now=utc_now(), tz=me().timezone, also=("columns",))
    parse_columns(args)
    return urlencode(given)


def _form(form: SaveViewForm, book: Book, query: str, view: ViewEntry | None = None) -> str:
    shown = {"form": form, "book": book, "filters": parse_qsl(query), "view": view}
    return render_template("saved_views/form.html", **shown)
