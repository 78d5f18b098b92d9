"""What the pages are asked for: who asks, and which of the demo's objects each route names."""

import re
from dataclasses import dataclass
from typing import Any

import pyotp
from sqlalchemy import select, text

from portal.domain.work import utc_now
from portal.models import Book, Creator, Role, SavedView, SecondFactor, User, uuid7
from tests.blueprints.cast import Cast
from tests.blueprints.rights import DESK, MINE, OFFERS, SHOP, TABLE
from tests.browser import Browser
from tests.factories import Factory
from tests.market import booking_of, offer_of
from tests.portal_process import PortalProcess

ROLES: dict[str, Role | None] = {"guest": None} | {role.lower(): role for role in Role}
CAMILLE = "select id from creator where handle = 'camille-laurent'"
HERS = f"creator_id = ({CAMILLE})"
SARAH = "user_id = (select id from \"user\" where email = 'user@callastar.test')"
CLAIRE = "owner_id = (select id from \"user\" where email = 'admin@callastar.test')"
WAITING = "select id from payout where status = 'REQUESTED' order by created_at limit 1"
REFUNDED = "select payment_id from refund order by created_at limit 1"

CHOSEN = {
    "handle": "select 'camille-laurent'",
    "offer_id": f"select id from call_offer where {HERS} and status = 'AVAILABLE' order by id desc limit 1",
    "creator_id": CAMILLE,
    "user_id": "select id from \"user\" where email = 'creator@callastar.test'",
    "payout_id": "select id from payout where status = 'FAILED' order by created_at desc limit 1",
    "payment_id": REFUNDED,
    "booking_id": f"select booking_id from payment where id = ({REFUNDED})",
    "event_id": "select id from stripe_event where state = 'DEAD' order by id limit 1",
    "log_id": "select max(id) from log where metadata ? 'errorStack'",
    "transaction_id": "select max(id) from transaction_log where event_type = 'PAYOUT_FAILED'",
    "view_id": f"select id from saved_view where {CLAIRE} order by name limit 1",
    "first_name": "select split_part(name, ' ', 1) from \"user\" group by 1 order by count(*) desc limit 1",
}
"""An object with much to show, for the parameters that have one in the demo; the cast has the others."""

OWN = {
    "creator": {"payout_id": f"select id from payout where {HERS} and status = 'FAILED' limit 1"},
    "user": {"booking_id": f"select id from booking where {SARAH} and status = 'COMPLETED' order by id limit 1"},
}
"""What belongs to the one who asks."""

FITTING = {
    f"{DESK}/creators/<creator_id>/unblock": "select id from creator where is_payout_blocked limit 1",
    f"{DESK}/creators/<creator_id>/validate": "select id from creator where validated_at is null limit 1",
    f"{DESK}/payments/<payment_id>/refund": "select id from payment where status = 'SUCCEEDED' limit 1",
    f"{DESK}/users/<user_id>": "select id from \"user\" where email = 'user@callastar.test'",
    f"{DESK}/payouts/<payout_id>/approve": WAITING,
    f"{DESK}/payouts/<payout_id>/reject": WAITING,
    f"{DESK}/payouts/<payout_id>/cancel": WAITING,
    f"{SHOP}/payouts/<payout_id>/withdraw": f"select id from payout where {HERS} and status = 'REQUESTED'",
    f"{OFFERS}/<offer_id>/complete": f"select id from call_offer where {HERS} and status = 'BOOKED' limit 1",
    f"{MINE}/<booking_id>/pay": f"select id from booking where {SARAH} and status = 'PENDING' limit 1",
    f"{MINE}/<booking_id>/return": f"select id from booking where {SARAH} and status = 'PENDING' limit 1",
}
"""The object in the state that a page is about, where any other would do for the route alone."""

QUERIES = {
    f"{DESK}/search": "?q={first_name}",
    f"{DESK}/payouts/approve": "?id={waiting_0}&id={waiting_1}&id={waiting_2}",
    f"{DESK}/views/new": "?book=log&query=level%3DERROR",
    f"{DESK}/traces/compare": "?left=payout:{payout_id}",
    "/login/confirm": "?next=/dashboard",
}
STAND_INS = {
    "/login/confirm": "stale",
    "/account/second-factor/codes": "guarded",
    "/account/second-factor/disable": "guarded",
    "/account/second-factor/code.svg": "beginning",
}
"""Pages for whoever signed in long ago, has a second factor, or is about to have one."""


@dataclass(frozen=True)
class Visit:
    """A page as somebody sees it."""

    name: str
    who: str
    path: str


class World:
    """The running portal, everybody's cookie, and the way to each page."""

    def __init__(self, cast: Cast, factory: Factory, portal: PortalProcess) -> None:
        self.cast, self.factory, self.portal = cast, factory, portal
        self._furnish()
        self.cookies = self._cookies()
        self.values = cast.names | {name: self.one(query) for name, query in CHOSEN.items()}
        waiting = cast.session.scalars(text(WAITING.replace("limit 1", "limit 3")))
        self.values |= {f"waiting_{n}": payout for n, payout in enumerate(waiting)}

    def visits(self) -> list[Visit]:
        """Every address that answers GET, as everybody who may ask for it; some of them are no pages."""
        return [
            Visit(route.partition(" ")[2], who, self.path(route, who))
            for route, right in TABLE.items()
            for who, role in ROLES.items()
            if route.startswith("GET") and not right.secret
            if right.roles is None or role in right.roles
        ]

    def path(self, route: str, who: str) -> str:
        """A route's address with the objects that this person sees there."""
        place = route.partition(" ")[2]
        values = self.values | {name: self.one(query) for name, query in OWN.get(who, {}).items()}
        for name in re.findall("<(.+?)>", route if place in FITTING else ""):
            values[name] = self.one(FITTING[place])
        return self.cast.path(route, values) + QUERIES.get(place, "").format(**values)

    def one(self, query: str) -> Any:
        """The one value that a query finds."""
        found = self.cast.session.scalar(text(query))
        assert found is not None, query
        return found

    def _somebody(self, email: str) -> User:
        return self.cast.session.scalars(select(User).where(User.email == email)).one()

    def _furnish(self) -> None:
        """What the demo leaves out."""
        session = self.cast.session
        camille = session.scalars(select(Creator).where(Creator.handle == "camille-laurent")).one()
        sarah, claire = self._somebody("user@callastar.test"), self._somebody("admin@callastar.test")
        self.factory.payout(camille)
        self.factory.payout(self.factory.creator(balance_minor=400_000, name="Anaïs Duval"), amount_minor=250_000)
        booking_of(self.factory, offer_of(self.factory, camille, title="Répétition générale"), sarah)
        for name, query in (("Erreurs de la semaine", "level=ERROR&from=now-7d"), ("Webhooks", "type=WEBHOOK_*")):
            view = SavedView(id=uuid7(), book=Book.LOG, name=name, name_key=name.casefold(), query=query)
            view.owner_id, view.updated_at, view.is_shared = claire.id, utc_now(), name == "Webhooks"
            session.add(view)
        session.commit()

    def _cookies(self) -> dict[str, str]:
        """Everybody, signed in just now; others who did so long ago; others with a second factor; newcomers."""
        roles = {who: role for who, role in ROLES.items() if role}
        cookies = {f"{who}, stale": self.cookie(f"{who}@callastar.test") for who in roles}
        self._let_pass("true", "- interval '1 hour'")
        for who, role in roles.items():
            cookies[who] = self.cookie(f"{who}@callastar.test")
            cookies[f"{who}, guarded"] = self._with_factor(role, confirmed=True)
            cookies[f"{who}, beginning"] = self._with_factor(role, confirmed=False)
        newcomers = {"creator, new": self.factory.creator(account=False), "user, new": self.factory.user()}
        cookies |= {who: self.cookie(somebody.email) for who, somebody in newcomers.items()}
        self._let_pass("confirmed_at > now() - interval '30 minutes'", "+ interval '1 hour'")
        return cookies

    def cookie(self, email: str) -> str:
        """The session of somebody who has just signed in."""
        cookie = Browser(self.cast.app).sign_in(email).client.get_cookie("session")
        assert cookie is not None
        return cookie.value

    def _let_pass(self, whose: str, span: str) -> None:
        query = f"update user_session set confirmed_at = now() {span} where {whose}"
        self.cast.session.execute(text(query))
        self.cast.session.commit()

    def _with_factor(self, role: Role, *, confirmed: bool) -> str:
        """The session of somebody with a second factor, or with one whose first code is still to be given."""
        user = self.factory.user(role)
        cookie = self.cookie(user.email)
        factor = SecondFactor(user_id=user.id, secret=pyotp.random_base32())
        factor.confirmed_at = utc_now() if confirmed else None
        self.cast.session.add(factor)
        self.cast.session.commit()
        return cookie
