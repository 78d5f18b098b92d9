"""States of pages besides the plain one: empty, wrong, refused, opened."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.blueprints.rights import DESK, SHOP

LOG, MONEY = f"{DESK}/system-logs", f"{DESK}/logs"
NOTHING = "q=introuvable"
LARGE = "select id from payout where amount_minor = 250000"
WAITING = "select id from payout where status = 'REQUESTED' order by id limit 1"
CAMILLE = "select id from \"user\" where email = 'creator@callastar.test'"
BLOCKABLE = "select id from creator where handle = 'camille-laurent'"


@dataclass(frozen=True)
class State:
    """A page in a state: what is asked for, what is done there, what that answers. `object` fills in {id}."""

    who: str
    path: str
    status: int = 200
    act: Callable[[Any], None] | None = None
    answer: int = 200
    object: str | None = None


def press(selector: str) -> Callable[[Any], None]:
    """Click on something."""
    return lambda page: page.click(selector)


def menu(label: str) -> Callable[[Any], None]:
    """Open one of the menus."""
    return lambda page: page.locator("details.menu > summary", has_text=label).click()


def send(action: str, **values: str) -> Callable[[Any], None]:
    """Fill in a form that the browser lets through as it is, and send it."""

    def act(page: Any) -> None:
        form = page.locator(f"main form[action$='{action}']")
        form.evaluate("(form) => { form.noValidate = true; }")
        for name, value in values.items():
            form.locator(f"[name={name}]").fill(value)
        with page.expect_navigation():
            form.locator("button[type=submit]").last.click()

    return act


def open_all(page: Any) -> None:
    """Unfold everything that the page itself folds."""
    page.evaluate(
        "() => document.querySelectorAll('main details:not([data-menu])').forEach((d) => { d.open = true; })"
    )


def expand(page: Any) -> None:
    """Open the first row of an explorer."""
    page.locator("a[data-expand]").first.click()
    page.locator("tr.detail").wait_for()


def suggest(page: Any) -> None:
    """Let the search box suggest."""
    page.locator("#filter-q").press_sequentially("lev")
    page.locator(".suggestions li").first.wait_for()


def follow(page: Any) -> None:
    """Follow the log."""
    page.click("[data-live]")
    page.locator("[data-live][aria-pressed=true]").wait_for()


def confirm_in_place(page: Any) -> None:
    """Open the confirmation of an approval in its dialog."""
    page.locator("a[data-dialog]").first.click()
    page.locator("#dialog[open] form").wait_for()


def select_all(page: Any) -> None:
    """Select the whole queue."""
    page.check("#select-all")


EMPTY = {
    "log, nothing found": State("admin", f"{LOG}?{NOTHING}"),
    "transactions, nothing found": State("admin", f"{MONEY}?{NOTHING}"),
    "groups, nothing found": State("admin", f"{LOG}/groups?{NOTHING}"),
    "payouts, nothing found": State("admin", f"{DESK}/payouts?{NOTHING}"),
    "creators, nothing found": State("admin", f"{DESK}/creators?{NOTHING}"),
    "accounts, nothing found": State("admin", f"{DESK}/users?{NOTHING}"),
    "payments, nothing found": State("admin", f"{DESK}/payments?{NOTHING}"),
    "bookings, nothing found": State("admin", f"{DESK}/bookings?{NOTHING}"),
    "webhooks, nothing found": State("admin", f"{DESK}/webhooks?{NOTHING}"),
    "search, nothing found": State("admin", f"{DESK}/search?{NOTHING}"),
    "help, nothing found": State("admin", f"{DESK}/help?{NOTHING}"),
    "dashboard of a new creator": State("creator, new", SHOP),
    "offers of a new creator": State("creator, new", f"{SHOP}/offers"),
    "payouts of a new creator": State("creator, new", f"{SHOP}/payouts"),
    "request of a new creator": State("creator, new", f"{SHOP}/payouts/new"),
    "account of a new creator": State("creator, new", f"{SHOP}/account"),
    "dashboard of a new user": State("user, new", "/dashboard/user"),
    "bookings of a new user": State("user, new", "/dashboard/user/bookings"),
}
WRONG = {
    "not found, guest": State("guest", "/nulle-part", 404),
    "not found": State("admin", "/nulle-part", 404),
    "forbidden": State("user", DESK, 403),
    "bad search": State("admin", f"{LOG}?q=level%3A%28ERROR", 400),
    "bad filter": State("admin", f"{LOG}?from=bientot", 400),
    "conflict": State("admin", f"{DESK}/creators/{{id}}/unblock", 409, object=BLOCKABLE),
}
REFUSED = {
    "sign-in refused": State(
        "guest", "/login", act=send("/login", email="x@example.test", password="y"), answer=401
    ),
    "request refused": State(
        "creator", f"{SHOP}/payouts/new", act=send("/payouts/new", amount="rien"), answer=422
    ),
    "offer refused": State("creator", f"{SHOP}/offers/new", act=send("/offers/new", title=""), answer=422),
    "rejection refused": State(
        "admin", f"{DESK}/payouts/{{id}}/reject", act=send("/reject", reason="non"), answer=422, object=WAITING
    ),
    "block refused": State(
        "admin", f"{DESK}/creators/{{id}}/block", act=send("/block", reason="non"), answer=422, object=BLOCKABLE
    ),
    "account refused": State("admin", f"{DESK}/users/new", act=send("/users/new", email="non"), answer=422),
    "approval without the amount": State(
        "admin", f"{DESK}/payouts/{{id}}/approve", act=send("/approve"), answer=422, object=LARGE
    ),
    "view refused": State(
        "admin", f"{DESK}/views/new?book=log&query=", act=send("/views/new", name=""), answer=422
    ),
}
OPENED = {
    "user menu": State("admin", DESK, act=press(".topbar .person")),
    "theme menu": State("admin", DESK, act=press(".topbar summary[aria-label=Thème]")),
    "keyboard help": State("admin", DESK, act=lambda page: page.keyboard.press("?")),
    "log, views": State("admin", LOG, act=menu("Vues")),
    "log, export": State("admin", LOG, act=menu("Exporter")),
    "log, columns": State("admin", LOG, act=menu("Colonnes")),
    "log, a row": State("admin", LOG, act=expand),
    "log, a row with a stack": State("admin", f"{LOG}?q=has%3AerrorStack", act=expand),
    "log, suggestions": State("admin", LOG, act=suggest),
    "log, live": State("admin", LOG, act=follow),
    "log, unfolded": State("admin", LOG, act=open_all),
    "log, filtered": State(
        "auditor", f"{LOG}?level=ERROR&type=-WEBHOOK_*&actor=SYSTEM&columns=payoutId&from=now-90d"
    ),
    "log, around": State("admin", f"{LOG}/{{id}}#around", object="select max(id) from log where level = 'ERROR'"),
    "transactions, a row": State("admin", MONEY, act=expand),
    "password link": State("admin", f"{DESK}/users/{{id}}/link", act=send("/link"), object=CAMILLE),
    "queue": State("admin", f"{DESK}/payouts?status=REQUESTED", act=select_all),
    "approval in place": State("admin", f"{DESK}/payouts/{{id}}", act=confirm_in_place, object=WAITING),
    "approval with the amount": State("admin", f"{DESK}/payouts/{{id}}/approve", object=LARGE),
    "payout, unfolded": State("admin", f"{DESK}/payouts/{{id}}", act=open_all, object=WAITING),
    "webhook, unfolded": State(
        "admin",
        f"{DESK}/webhooks/{{id}}",
        act=open_all,
        object="select id from stripe_event where state = 'DEAD' limit 1",
    ),
    "second factor, to scan": State("admin, beginning", "/account/second-factor"),
    "second factor, in force": State("admin, guarded", "/account/security"),
}
STATES = EMPTY | WRONG | REFUSED | OPENED
