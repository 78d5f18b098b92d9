"""What an admin's inbox and morning look like at times: events ignored, failed, dead, and nobody's."""

from datetime import timedelta
from typing import Any

from portal.demo.accounts import say_state
from portal.demo.chance import DAY
from portal.demo.deliveries import give_up, hear, ignore, note
from portal.demo.rows import Operation, amount
from portal.demo.stacks import LOCK_TIMEOUT, NO_SUCH_OBJECT
from portal.demo.world import DAYS, Seller, World, stamp
from portal.models import EntityType, InboxState, LogActor

SYSTEM = LogActor.SYSTEM


def happen(world: World) -> None:
    """All of them."""
    ready = [seller for seller in world.sellers.values() if seller.sells and seller.account]
    for n in range(1, DAYS):
        if world.chance.yes(0.6):
            _tell_balance(world, world.chance.pick(ready), days=n)
    for days in (73.3, 28.7, 3.2):
        _stumble(world, world.chance.pick(ready), days)
    _die(world, 16.4, InboxState.DISMISSED)
    _die(world, 5.6, InboxState.DEAD)
    _die(world, 1.7, InboxState.DEAD)
    _show_unmatched(world, world.sellers["jules-moreau"], 21.4)
    _lose_database(world, 38.2)


def _tell_balance(world: World, seller: Seller, *, days: int) -> None:
    at = world.chance.moment(world.ago(days))
    thing = {
        "object": "balance",
        "available": [{"amount": seller.till.available(at), "currency": seller.currency}],
    }
    ignore(world, "balance.available", thing, at=at, account=seller.account)


def _stumble(world: World, seller: Seller, days: float) -> None:
    """Processed at the second try."""
    account: dict[str, Any] = {"object": "account", "id": seller.account, "charges_enabled": True}

    def handle(op: Operation, _: str) -> None:
        say_state(op, seller)

    hear(
        world,
        "account.updated",
        account,
        handle,
        at=world.ago(days),
        account=seller.account,
        failures=(LOCK_TIMEOUT,),
    )


def _die(world: World, days: float, state: InboxState) -> None:
    thing = {"object": "payout", "id": world.chance.stripe_id("po"), "amount": 4200, "currency": "eur"}
    op = world.operation(world.ago(days))
    give_up(world, op, "payout.updated", thing | {"status": "in_transit", "metadata": {}}, NO_SUCH_OBJECT, state)


def _show_unmatched(world: World, seller: Seller, days: float) -> None:
    """The creator was paid from Stripe's own dashboard: not one of the portal's payouts."""
    at, minor = world.ago(days), 2_500
    thing: dict[str, Any] = {"object": "payout", "id": world.chance.stripe_id("po"), "account": seller.account}
    thing |= {"amount": minor, "currency": seller.currency.lower(), "status": "paid", "created": stamp(at - DAY)}
    thing |= {"arrival_date": stamp(at), "destination": seller.bank, "metadata": {}}
    kind = {"kind": "payout", "source": str(thing["id"])}
    thing["balance_transaction"] = world.move(seller, at - DAY, -minor, **kind)
    world.objects.append(thing)

    def handle(op: Operation, event_id: str) -> None:
        facts = {"stripePayoutId": thing["id"], "stripeAccountId": seller.account, "creatorId": seller.id}
        facts |= {"amount": amount(minor, seller.currency), "currency": seller.currency}
        op.log("STRIPE_PAYOUT_UNMATCHED", SYSTEM, seller.id, facts)
        seen = {"stripePayoutId": thing["id"], "stripeStatus": "paid"}
        note(op, event_id, "payout.paid", EntityType.PAYOUT, thing["id"], seen)

    shown = {key: value for key, value in thing.items() if key != "account"}
    hear(world, "payout.paid", shown, handle, at=at, account=seller.account)


def _lose_database(world: World, days: float) -> None:
    op = world.operation(world.ago(days))
    lost = {"dbHost": "db-1.callastar.test", "retryAttempt": 4, "spooledLogs": 37}
    lost |= {"lostAt": op.at - timedelta(seconds=52), "backAt": op.at}
    op.log("DATABASE_CONNECTION_LOST", SYSTEM, None, lost)
