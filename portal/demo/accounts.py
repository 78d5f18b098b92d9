"""What Stripe says of creators' accounts over time: banks that fail and recover, requirements, schedules."""

from datetime import datetime
from typing import Any

from portal.demo.deliveries import hear
from portal.demo.people import DUE
from portal.demo.rows import Facts, Operation
from portal.demo.world import Seller, World
from portal.models import LogActor

SYSTEM = LogActor.SYSTEM


def bank_fails(world: World, seller: Seller, at: datetime) -> None:
    """A failed payout makes its bank account unusable."""
    _tell_bank(world, seller, at, "errored")


def bank_recovers(world: World, seller: Seller, at: datetime) -> None:
    """The creator corrected the bank account."""
    _tell_bank(world, seller, at, "verified")


def _tell_bank(world: World, seller: Seller, at: datetime, status: str) -> None:
    bank = {"object": "bank_account", "id": seller.bank, "account": seller.account, "status": status}
    bank |= {"currency": seller.currency.lower(), "last4": seller.part.last4}

    def handle(op: Operation, _: str) -> None:
        say_state(op, seller)
        if status == "errored":
            facts = _ids(seller) | {"status": status, "last4": seller.part.last4, "currency": seller.currency}
            op.log("CREATOR_BANK_ACCOUNT_ERRORED", SYSTEM, seller.id, facts)

    hear(world, "account.external_account.updated", bank, handle, at=at, account=seller.account)


def _ids(seller: Seller) -> Facts:
    return {"creatorId": seller.id, "stripeAccountId": seller.account}


def say_state(op: Operation, seller: Seller, *, enabled: bool = True, due: tuple[str, ...] = ()) -> None:
    """What the account may do, as the portal notes it."""
    state = {"chargesEnabled": not due, "payoutsEnabled": enabled and not due, "requirementsDue": list(due)}
    op.log("CREATOR_STRIPE_ACCOUNT_UPDATED", SYSTEM, seller.id, _ids(seller) | state)


def tell_accounts(world: World) -> None:
    """Accounts that changed for the worse, and one whose schedule is not the portal's."""
    _tell(world, world.sellers["pablo-ortega"], days=20, due=DUE)
    _tell(world, world.sellers["aino-virtanen"], days=23, enabled=False)
    automatic = world.sellers["zofia-kowalska"]
    _tell(world, automatic, days=11, interval="weekly")
    automatic.row["stripe_schedule_interval"] = "weekly"
    schedule = {"payouts": {"schedule": {"interval": "weekly", "delay_days": 7}, "debit_negative_balances": False}}
    for thing in world.objects:
        if thing["id"] == automatic.account:
            thing["settings"] = schedule


def _tell(
    world: World,
    seller: Seller,
    *,
    days: float,
    enabled: bool = True,
    due: tuple[str, ...] = (),
    interval: str = "manual",
) -> None:
    account: dict[str, Any] = {"object": "account", "id": seller.account, "charges_enabled": not due}
    account |= {"payouts_enabled": enabled and not due, "requirements": {"currently_due": list(due)}}

    def handle(op: Operation, _: str) -> None:
        say_state(op, seller, enabled=enabled, due=due)
        if interval != "manual":
            facts = _ids(seller) | {"interval": interval}
            op.log("CREATOR_PAYOUT_SCHEDULE_NOT_MANUAL", SYSTEM, seller.id, facts)

    hear(world, "account.updated", account, handle, at=world.ago(days), account=seller.account)
