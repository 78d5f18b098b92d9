"""Which creator asks for a payout when, and how it ends."""

from collections.abc import Callable
from datetime import datetime, timedelta

from portal.demo import endings
from portal.demo.blocks import pause_and_block
from portal.demo.endings import HOUR, MINUTE
from portal.demo.payouts import Life
from portal.demo.settling import hear
from portal.demo.world import Seller, World
from portal.models import PayoutSchedule, PayoutSource

Ending = Callable[[Life, datetime], None]
RESERVE_CENTS, LEAST_CENTS = 45_000, 3_000
FIRST, LAST, APART = 87.0, 8.0, 6.0
TARGET_MINOR, TARGET_DAYS = 181_240, 7.0
VISITOR = "camille-laurent"


def requested(life: Life, asked: datetime) -> None:
    """Waits for an admin."""


def submitting(life: Life, asked: datetime) -> None:
    """Sent, its outcome not known yet: the sender will ask again."""
    endings.lost(life, at=asked + 2 * MINUTE, until=life.world.now)


def leaving(life: Life, asked: datetime) -> None:
    """Just created: the local Stripe settles it by itself."""
    endings.at_stripe(life, asked + HOUR)
    life.world.departing.append(life.thing["id"])
    life.row["next_check_at"] = life.world.now + HOUR


def travelling(life: Life, asked: datetime) -> None:
    """On its way to the bank until tomorrow."""
    endings.at_stripe(life, asked + HOUR)
    arrival = (life.world.now + timedelta(hours=30)).replace(microsecond=0)
    life.row |= {"arrival_at": arrival, "next_check_at": life.world.now + 12 * HOUR}
    hear(life, "payout.updated", asked + 5 * HOUR, status="in_transit", arrival_date=int(arrival.timestamp()))


ENDINGS: dict[str, Ending] = {
    "paid": endings.paid,
    "retried": endings.retried,
    "returned": endings.returned,
    "rejected": endings.rejected,
    "canceled": endings.canceled,
    "found": endings.found,
    "review": endings.review,
    "requested": requested,
    "submitting": submitting,
    "leaving": leaving,
    "travelling": travelling,
    **{kind: endings.refusing(kind) for kind in endings.REFUSALS},
    **{
        code: endings.failing(code)
        for code in ("no_account", "account_closed", "could_not_process", "account_frozen", "declined")
    },
}
SCRIPT: dict[str, tuple[tuple[float, str], ...]] = {
    VISITOR: ((62.4, "could_not_process"), (34.6, "rejected")),
    "lea-fontaine": ((41.3, "rejected"), (0.9, "requested")),
    "chloe-bernard": ((33.2, "could_not_process"), (1.4, "requested")),
    "ines-garnier": ((0.4, "requested"),),
    "manon-dubois": ((27.6, "retried"), (2.1, "requested")),
    "oliver-whitfield": ((38.3, "refused_bank"), (0.25, "requested")),
    "lukas-brunner": ((45.5, "found"), (0.6, "requested")),
    "giulia-conti": ((22.4, "refused_balance"), (1.4, "review")),
    "sofia-navarro": ((50.7, "account_closed"), (0.045, "submitting")),
    "emma-de-vries": ((17.4, "no_account"),),
    "aino-virtanen": ((24.4, "refused_not_allowed"),),
    "hannah-vogel": ((30.3, "returned"),),
    "grace-miller": ((48.4, "rejected"), (19.6, "canceled"), (0.15, "leaving")),
    "yuki-tanaka": ((36.5, "account_frozen"), (1.1, "travelling")),
    "theo-marchand": ((58.2, "returned"),),
    "noemie-perrin": ((44.3, "rejected"),),
    "maxime-girard": ((29.4, "refused_balance"), (11.3, "declined")),
    "elise-caron": ((65.4, "declined"), (12.2, "rejected")),
}
STOPS = {"emma-de-vries": 17.0, "aino-virtanen": 24.0, "pablo-ortega": 21.0}
"""Creators who could not be paid any more from so many days ago."""


def pay_creators_who_ask(world: World) -> None:
    """Every payout that a creator asked for."""
    for seller in world.sellers.values():
        if seller.account is not None and seller.part.schedule is PayoutSchedule.MANUAL:
            _tell_story(world, seller)
    pause_and_block(world)


def _tell_story(world: World, seller: Seller) -> None:
    handle = seller.part.handle
    script = list(SCRIPT.get(handle, ()))
    for days, ending in sorted([*script, *_ordinary(world, handle, script)], reverse=True):
        asked = world.ago(days) - world.chance.span(MINUTE / 60, MINUTE * min(40, 1 + days))
        minor = (
            _ordinary_amount(world, seller, asked) if ending == "paid" else special_amount(world, seller, asked)
        )
        if minor:
            ENDINGS[ending](Life(world, seller, asked, minor, source=PayoutSource.CREATOR), asked)
    if handle == VISITOR:
        _leave_target(world, seller)


def _ordinary(world: World, handle: str, script: list[tuple[float, str]]) -> list[tuple[float, str]]:
    """Every week or two a payout that goes well, not too near a special one."""
    last, days = max(LAST, STOPS.get(handle, 0.0) + 5), FIRST - world.chance.random.random() * 6
    found = []
    taken = [day for day, _ in script] + ([TARGET_DAYS] if handle == VISITOR else [])
    while days > last:
        if all(abs(days - day) > APART for day in taken):
            found.append((days, "paid"))
        days -= 8 + world.chance.random.random() * 9
    return found


def _ordinary_amount(world: World, seller: Seller, at: datetime) -> int:
    reserve = TARGET_MINOR + 40_000 if seller.part.handle == VISITOR else seller.minor(RESERVE_CENTS)
    room = int((seller.till.spendable(at) - reserve) * world.chance.random.uniform(0.6, 1))
    return rounded(seller, room) if room >= seller.minor(LEAST_CENTS) else 0


def special_amount(world: World, seller: Seller, at: datetime) -> int:
    """Some 60 to 200 euros, within what the balance holds."""
    wish = seller.minor(world.chance.whole(6_000, 20_000))
    return rounded(seller, min(wish, int(seller.till.spendable(at) * 0.9)))


def rounded(seller: Seller, minor: int) -> int:
    """A little under `minor`, as people ask."""
    step = 1000 if seller.currency == "JPY" else 500
    return minor // step * step


def _leave_target(world: World, seller: Seller) -> None:
    """The demo's own creator finds a round sum that can be asked for at once."""
    asked = world.ago(TARGET_DAYS)
    minor = min(seller.till.available(world.now) - TARGET_MINOR, seller.till.spendable(asked))
    if minor > 0:
        endings.paid(Life(world, seller, asked, minor, source=PayoutSource.CREATOR), asked)
