"""Who may use which route: one line a route. `python -m tests.blueprints.rights` prints what every cell answers.

A route without a line fails test_every_route.py. To add one, name who reaches it:

    "GET /dashboard/admin/things/<thing_id>": READ,

and where its path has a new parameter, give it a value in tests/blueprints/cast.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum

from portal.models import Role

USER, CREATOR, ADMIN, AUDITOR = Role.USER, Role.CREATOR, Role.ADMIN, Role.AUDITOR


class Whose(StrEnum):
    """Whose object a request names."""

    OWN = "own"
    FOREIGN = "foreign"
    MISSING = "missing"


class Expected(StrEnum):
    """What a cell of the table answers."""

    REACHED = "reached"
    SIGN_IN = "302 /login"
    UNAUTHORIZED = "401"
    FORBIDDEN = "403"
    NOT_FOUND = "404"


@dataclass(frozen=True)
class Right:
    """Who reaches a route; `roles` None: everybody, guests too.

    `owned`: its objects are somebody's, and a stranger's answer like missing ones. `names` says which of the
    cast's values a parameter takes, where its own name is taken; `body` what a call sends. `secret`: guarded by
    a secret, not by sessions. `ready`: what its owner gets where the cast has nothing prepared. `party`: an admin
    who is one of those concerned is refused too.
    """

    roles: frozenset[Role] | None
    owned: bool = False
    missing: Expected = Expected.NOT_FOUND
    ready: Expected = Expected.REACHED
    names: dict[str, str] = field(default_factory=dict)
    body: dict[str, str] = field(default_factory=dict)
    secret: bool = False
    party: bool = False

    def but(self, **changes: object) -> "Right":
        """This right with something else about it."""
        return replace(self, **changes)  # type: ignore[arg-type]


ALL = Right(None)
SIGNED_IN = Right(frozenset(Role))
READ = Right(frozenset({ADMIN, AUDITOR}))
ACT = Right(frozenset({ADMIN}))
SELL = Right(frozenset({CREATOR}), owned=True)
BUY = Right(frozenset({USER}), owned=True)
OTHERS = ACT.but(party=True)
SECRET = Right(None, secret=True)

DESK = "/dashboard/admin"
MINE = "/dashboard/user/bookings"
SHOP = "/dashboard/creator"
OFFERS = f"{SHOP}/offers"


REASON = {"reason": "Pièce manquante au dossier"}


def asked(path: str, right: Right) -> dict[str, Right]:
    """A page that confirms and the form that acts."""
    return {f"GET {path}": right, f"POST {path}": right}


TABLE: dict[str, Right] = {
    # everybody
    "GET /": ALL,
    "GET /dashboard": ALL,
    "GET /language/<code>": ALL,
    "GET /static/<filename>": ALL,
    "GET /timezone/utc/<state>": ALL,
    "GET /healthz": ALL,
    "GET /readyz": ALL,
    "GET /login": ALL,
    "POST /login": ALL,
    "POST /logout": ALL,
    **asked("/login/password/<token>", ALL),
    "GET /creators": ALL,
    "GET /creators/<handle>": ALL,
    "GET /offers/<offer_id>": ALL,
    # guarded by a secret of their own
    "GET /metrics": SECRET,
    "GET /api/cron/<name>": SECRET,
    "POST /api/cron/<name>": SECRET,
    "POST /api/payments/webhook": SECRET,
    "POST /api/payments/webhook/connect": SECRET,
    # whoever is signed in
    **asked("/dashboard/preferences", SIGNED_IN),
    "POST /dashboard/preferences/theme": SIGNED_IN,
    "GET /login/confirm": SIGNED_IN,
    "POST /login/confirm": SIGNED_IN.but(ready=Expected.UNAUTHORIZED),
    "GET /account/security": SIGNED_IN,
    "POST /account/sessions/<session_id>/end": SIGNED_IN.but(owned=True),
    "POST /account/sessions/end-others": SIGNED_IN,
    **asked("/account/password", SIGNED_IN),
    **asked("/account/second-factor", SIGNED_IN),
    "POST /account/second-factor/begin": SIGNED_IN,
    "GET /account/second-factor/code.svg": SIGNED_IN.but(ready=Expected.NOT_FOUND),
    **asked("/account/second-factor/codes", SIGNED_IN.but(ready=Expected.NOT_FOUND)),
    **asked("/account/second-factor/disable", SIGNED_IN.but(ready=Expected.NOT_FOUND)),
    # users
    "GET /dashboard/user": BUY,
    "POST /offers/<offer_id>/book": BUY.but(owned=False),
    f"GET {MINE}": BUY,
    f"GET {MINE}/<booking_id>": BUY,
    **asked(f"{MINE}/<booking_id>/pay", BUY),
    f"GET {MINE}/<booking_id>/return": BUY,
    "POST /api/bookings": BUY,
    "POST /api/payments/create-intent": BUY,
    # creators
    f"GET {SHOP}": SELL,
    **asked(f"{SHOP}/account", SELL),
    f"GET {SHOP}/account/return": SELL,
    f"GET {SHOP}/payouts": SELL,
    **asked(f"{SHOP}/payouts/new", SELL),
    f"GET {SHOP}/payouts/<payout_id>": SELL,
    **asked(f"{SHOP}/payouts/<payout_id>/withdraw", SELL),
    f"GET {OFFERS}": SELL,
    **asked(f"{OFFERS}/new", SELL),
    f"GET {OFFERS}/<offer_id>": SELL,
    **asked(f"{OFFERS}/<offer_id>/edit", SELL),
    **asked(f"{OFFERS}/<offer_id>/cancel", SELL),
    **asked(f"{OFFERS}/<offer_id>/complete", SELL),
    **asked(f"{OFFERS}/<offer_id>/delete", SELL),
    "POST /api/creators/payouts/request": SELL,
    "POST /api/call-offers": SELL,
    "PUT /api/call-offers/<offer_id>": SELL,
    "DELETE /api/call-offers/<offer_id>": SELL.but(names={"offer_id": "other_offer_id"}),
    # admins and auditors read
    f"GET {DESK}/search": READ,
    f"GET {DESK}/help": READ,
    f"GET {DESK}": READ,
    f"GET {DESK}/system-logs": READ,
    f"GET {DESK}/system-logs/live": READ,
    f"GET {DESK}/system-logs/histogram": READ,
    f"GET {DESK}/system-logs/facets": READ,
    f"GET {DESK}/system-logs/count": READ,
    f"GET {DESK}/system-logs/groups": READ,
    f"GET {DESK}/system-logs/completeness": READ,
    f"GET {DESK}/logs/count": READ,
    f"GET {DESK}/system-logs/<row_id>": READ.but(names={"row_id": "log_id"}),
    f"GET {DESK}/logs": READ,
    f"GET {DESK}/logs/<row_id>": READ.but(names={"row_id": "transaction_id"}),
    f"GET {DESK}/traces/<kind>/<id>": READ.but(names={"id": "payout_id"}),
    f"GET {DESK}/traces/compare": READ,
    f"GET {DESK}/system-logs/export": READ,
    f"GET {DESK}/logs/export": READ,
    f"GET {DESK}/logs/histogram": READ,
    f"GET {DESK}/logs/facets": READ,
    f"GET {DESK}/exports": READ,
    f"GET {DESK}/views": READ,
    f"GET {DESK}/system-logs/summary": READ,
    f"GET {DESK}/exports/<export_id>": READ,
    f"GET {DESK}/bookings": READ,
    f"GET {DESK}/bookings/<booking_id>": READ,
    f"GET {DESK}/creators": READ,
    f"GET {DESK}/creators/<creator_id>": READ,
    f"GET {DESK}/users": READ,
    f"GET {DESK}/users/<user_id>": READ,
    f"GET {DESK}/payments": READ,
    f"GET {DESK}/payments/<payment_id>": READ,
    f"GET {DESK}/refunds-disputes": READ,
    f"GET {DESK}/payouts": READ,
    f"GET {DESK}/payouts/<payout_id>": READ,
    f"GET {DESK}/jobs": READ,
    f"GET {DESK}/jobs/<name>": READ,
    f"GET {DESK}/jobs/<name>/progress": READ,
    f"GET {DESK}/jobs/cleanup-logs/preview": READ,
    f"GET {DESK}/webhooks": READ,
    f"GET {DESK}/alerts": READ,
    f"GET {DESK}/webhooks/<event_id>": READ,
    "GET /api/admin/creators": READ,
    "GET /api/admin/jobs": READ,
    "GET /api/admin/logs": READ,
    "GET /api/admin/payouts": READ,
    "GET /api/admin/system-logs": READ,
    "GET /api/admin/system-logs/histogram": READ,
    "GET /api/admin/logs/histogram": READ,
    "GET /api/admin/logs/facets": READ,
    "GET /api/admin/system-logs/suggestions": READ,
    "GET /api/admin/logs/suggestions": READ,
    "GET /api/admin/system-logs/facets": READ,
    "GET /api/admin/system-logs/count": READ,
    "GET /api/admin/logs/count": READ,
    "GET /api/admin/system-logs/export": READ,
    "GET /api/admin/logs/export": READ,
    "GET /api/admin/exports/<export_id>": READ,
    "GET /api/admin/traces/<kind>/<id>": READ.but(names={"id": "payout_id"}),
    "GET /api/admin/webhooks": READ,
    # admins act
    **asked(f"{DESK}/creators/<creator_id>/block", ACT),
    f"GET {DESK}/creators/<creator_id>/unblock": ACT,
    f"POST {DESK}/creators/<creator_id>/unblock": OTHERS.but(body=REASON),
    f"GET {DESK}/creators/<creator_id>/validate": ACT,
    f"POST {DESK}/creators/<creator_id>/validate": OTHERS,
    **asked(f"{DESK}/users/new", ACT),
    **asked(f"{DESK}/users/<user_id>/disable", ACT),
    **asked(f"{DESK}/users/<user_id>/enable", ACT),
    **asked(f"{DESK}/users/<user_id>/role", ACT),
    **asked(f"{DESK}/users/<user_id>/second-factor", ACT),
    **asked(f"{DESK}/users/<user_id>/sessions", ACT),
    **asked(f"{DESK}/users/<user_id>/link", ACT),
    **asked(f"{DESK}/jobs/<name>/pause", ACT),
    **asked(f"{DESK}/jobs/<name>/resume", ACT),
    **asked(f"{DESK}/jobs/<name>/run", ACT),
    **asked(f"{DESK}/jobs/cleanup-logs/confirm", ACT),
    f"GET {DESK}/payments/<payment_id>/refund": ACT,
    f"POST {DESK}/payments/<payment_id>/refund": OTHERS,
    **asked(f"{DESK}/payouts/approve", ACT),
    f"GET {DESK}/payouts/<payout_id>/approve": ACT,
    f"POST {DESK}/payouts/<payout_id>/approve": OTHERS,
    **asked(f"{DESK}/payouts/<payout_id>/cancel", ACT),
    **asked(f"{DESK}/payouts/<payout_id>/reject", ACT),
    **asked(f"{DESK}/payouts/<payout_id>/retry", ACT),
    f"POST {DESK}/payouts/<payout_id>/withdraw-approval": ACT,
    **asked(f"{DESK}/payouts/sending", ACT),
    **asked(f"{DESK}/alerts/<alert_id>/silence", ACT),
    f"POST {DESK}/alerts/<alert_id>/acknowledge": ACT,
    f"POST {DESK}/alerts/<alert_id>/unsilence": ACT,
    **asked(f"{DESK}/views/new", ACT),
    **asked(f"{DESK}/views/<view_id>/edit", ACT),
    **asked(f"{DESK}/views/<view_id>/delete", ACT),
    **asked(f"{DESK}/webhooks/<event_id>/dismiss", ACT),
    **asked(f"{DESK}/webhooks/<event_id>/retry", ACT),
    "POST /api/admin/payments/<payment_id>/refund": OTHERS.but(body={**REASON, "amount": "1"}),
    "POST /api/admin/payouts/<payout_id>/approve": OTHERS,
    "POST /api/admin/payouts/<payout_id>/reject": ACT.but(body=REASON),
    "POST /api/admin/payouts/<payout_id>/withdraw-approval": ACT,
    "POST /api/admin/payouts/block": ACT,
    "POST /api/admin/payouts/unblock": OTHERS.but(body=REASON),
}


def cells(route: str) -> Iterator[tuple[Role | None, Whose, Expected]]:
    """Every cell of a route's line: who asks, for whose object, and what is answered."""
    right = TABLE[route]
    whose = list(Whose) if "<" in route and right.owned else [Whose.OWN, Whose.MISSING]
    for role in (None, *Role):
        for whom in whose if "<" in route else [Whose.OWN]:
            yield role, whom, _expected(route, right, role, whom)


def _expected(route: str, right: Right, role: Role | None, whose: Whose) -> Expected:
    if right.roles is not None and role is None:
        return Expected.UNAUTHORIZED if " /api/" in route else Expected.SIGN_IN
    if right.roles is not None and role not in right.roles:
        return Expected.FORBIDDEN
    if whose is Whose.OWN:
        return right.ready
    return Expected.NOT_FOUND if whose is Whose.FOREIGN else right.missing


def markdown() -> str:
    """The whole table: a line for each route and kind of object, a column for each role."""
    lines = ["| route | object | guest | " + " | ".join(role.lower() for role in Role) + " |"]
    lines += ["|" + " --- |" * (3 + len(Role))]
    for route in sorted(TABLE, key=lambda route: (route.partition(" ")[2], route)):
        if TABLE[route].secret:
            lines += [f"| `{route}` | — |" + " its own secret |" * (1 + len(Role))]
            continue
        found = list(cells(route))
        for whose in dict.fromkeys(whose for _, whose, _ in found):
            answers = [str(answer) for _, whom, answer in found if whom is whose]
            shown = whose if "<" in route else "—"
            lines += [f"| `{route}` | {shown} | " + " | ".join(answers) + " |"]
    return "\n".join(lines)


if __name__ == "__main__":
    print(markdown())
