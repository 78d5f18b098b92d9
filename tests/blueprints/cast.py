"""Who asks for the routes of the table, and what there is to ask for."""

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.audit.actor import SYSTEM
from portal.domain.doors.passwords import make_link
from portal.domain.doors.sessions import digest, open_session
from portal.domain.exports import Asked, begin_export
from portal.domain.jobs import pause_job
from portal.domain.people import Browser as Address
from portal.domain.people import Limits
from portal.domain.work import utc_now
from portal.models import (
    Alert,
    AlertKind,
    Book,
    Creator,
    ExportFormat,
    Log,
    Payment,
    Role,
    SavedView,
    TransactionLog,
    User,
    UserSession,
    uuid7,
)
from portal.queries.reconciliation import JOB
from portal.unit_of_work import unit_of_work
from tests.blueprints.rights import TABLE, Whose
from tests.browser import Browser
from tests.factories import Factory
from tests.market import booking_of, offer_of, seller
from tests.sales import Sales
from tests.webhooks.inbox import Inbox

NOWHERE = {
    "handle": "nobody",
    "event_id": "evt_unknown",
    "name": "no-such-job",
    "code": "xx",
    "state": "maybe",
    "filename": "css/none.css",
    "kind": "payout",
    "log_id": 999_999_999,
    "transaction_id": 999_999_999,
}
"""Parameters of objects that do not exist, where no random id will do."""


def paused_job(app: Flask) -> str:
    """A job that is paused, so that asking for a run starts none."""
    with app.app_context(), unit_of_work() as unit:
        pause_job(unit, name=JOB, reason="Pour ces tests", actor=SYSTEM, now=utc_now())
    return JOB


def an_alert(session: Session) -> UUID:
    """An alert that is open."""
    now = utc_now()
    alert = Alert(id=uuid7(), key="payouts:stuck", kind=AlertKind.PAYOUTS, opened_at=now, seen_at=now)
    alert.facts = {"count": 1, "oldest": now.isoformat()}
    session.add(alert)
    session.commit()
    return alert.id


def an_export(app: Flask) -> UUID:
    """An export that was begun."""
    asked = Asked(Book.LOG, ExportFormat.CSV, {}, "somebody")
    with app.app_context(), unit_of_work() as unit:
        return begin_export(unit, asked=asked, actor=SYSTEM, now=utc_now()).id


class Cast:
    """One person of every role, a stranger beside each owner, and one object of every kind."""

    def __init__(self, app: Flask, factory: Factory, session: Session) -> None:
        self.app, self.session = app, session
        self.zoe: Creator = seller(factory, name="Zoé")
        self.paul: User = factory.user()
        self.people: dict[Role, str] = {
            Role.USER: self.paul.email,
            Role.CREATOR: self.zoe.email,
            Role.ADMIN: factory.admin().email,
            Role.AUDITOR: factory.user(Role.AUDITOR).email,
        }
        self.strangers = {Role.USER: factory.user().email, Role.CREATOR: seller(factory).email}
        offer = offer_of(factory, self.zoe)
        self.booking = booking_of(factory, offer, self.paul)
        self.payment: Payment = Sales(app, session).sell(self.zoe, self.paul)
        Sales(app, session).ask_back(self.payment, amount="1")  # by no admin
        Inbox(app, session).post("evt_known", self.zoe.stripe_account_id)
        self.names: dict[str, Any] = {
            "handle": self.zoe.handle,
            "offer_id": offer.id,
            "other_offer_id": offer_of(factory, self.zoe).id,
            "booking_id": self.booking.id,
            "creator_id": self.zoe.id,
            "user_id": factory.user().id,
            "payment_id": self.payment.id,
            "payout_id": factory.payout(self.zoe).id,
            "event_id": "evt_known",
            "alert_id": an_alert(session),
            "export_id": an_export(app),
            "view_id": self._a_view(),
            "name": paused_job(app),
            "kind": "payout",
            "code": "fr",
            "token": self.link(),
            "state": "on",
            "filename": "css/app.css",
            "log_id": session.scalars(select(Log.id).limit(1)).one(),
            "transaction_id": session.scalars(select(TransactionLog.id).limit(1)).one(),
        }
        self.open_sessions = self.sessions()
        self.names["session_id"] = self.open_sessions[Role.USER]
        self.missing: dict[str, Any] = {name: uuid7() for name in self.names} | NOWHERE

    def link(self) -> str:
        """The token of a link that chooses a password."""
        with self.app.app_context(), unit_of_work() as unit:
            return make_link(unit, user_id=self.paul.id, actor=SYSTEM, now=utc_now())

    def sessions(self) -> dict[Role, UUID]:
        """A session beside the one in use, for each role."""
        with self.app.app_context(), unit_of_work() as unit:
            limits, here = Limits(timedelta(hours=1), timedelta(hours=1)), Address(None, None)
            asked = {role: select(User).where(User.email == email) for role, email in self.people.items()}
            users = {role: unit.scalars(query).one() for role, query in asked.items()}
            tokens = {
                role: open_session(unit, user=user, browser=here, limits=limits, now=utc_now())
                for role, user in users.items()
            }
            return {role: unit.get_one(UserSession, digest(token)).id for role, token in tokens.items()}

    def _a_view(self) -> UUID:
        """A saved view of the admin's."""
        owner = self.session.scalars(select(User).where(User.email == self.people[Role.ADMIN])).one()
        view = SavedView(id=uuid7(), book=Book.LOG, name="Vue", name_key="vue", query="", owner_id=owner.id)
        view.updated_at = utc_now()
        self.session.add(view)
        self.session.commit()
        return view.id

    def browser(self, email: str | None) -> Browser:
        """Somebody's, or a guest's, with a page that holds a token."""
        browser = Browser(self.app)
        if email is None:
            browser.get("/login")
        else:
            browser.sign_in(email).get("/dashboard")
        return browser

    def everybody(self) -> dict[Role | None, Browser]:
        """A browser for each role, and a guest's."""
        return {None: self.browser(None)} | {role: self.browser(email) for role, email in self.people.items()}

    @staticmethod
    def token(browser: Browser) -> str:
        """The token of the page that is shown; a guest's stands in the form."""
        found = re.search(r'name="csrf[-_]token"[^>]*? (?:content|value)="([^"]+)"', browser.text)
        assert found is not None
        return found[1]

    def path(self, route: str, values: dict[str, Any]) -> str:
        """A route's address for these values."""
        taken = TABLE[route].names
        return re.sub("<(.+?)>", lambda found: str(values[taken.get(found[1], found[1])]), route.partition(" ")[2])

    def ask(
        self,
        browser: Browser,
        route: str,
        values: dict[str, Any] | None = None,
        query: str = "",
        more: dict[str, Any] | None = None,
    ) -> Any:
        """Ask for a route; forms and bodies hold what the table says and their token, bodies `more` as well."""
        method = route.partition(" ")[0]
        path = self.path(route, values or self.names) + query
        if path.startswith("/api/"):
            headers = {"X-CSRFToken": self.token(browser)}
            body = None if method == "GET" else {**TABLE[route].body, **(more or {})}
            return browser.client.open(path, method=method, json=body, headers=headers, buffered=True)
        data = None if method == "GET" else {**TABLE[route].body, "csrf_token": self.token(browser)}
        return browser.client.open(path, method=method, data=data, buffered=True)

    def values(self, whose: Whose, role: Role | None) -> dict[str, Any]:
        """What a request names: foreign objects are ours, asked for by strangers; a session is its own role's."""
        if whose is Whose.MISSING:
            return self.missing
        others = [r for r in Role if r is not role]
        mine = role if whose is Whose.OWN and role else others[0]
        return self.names | {"session_id": self.open_sessions[mine]}
