"""Blocked creators, and the evening when sending was paused: an approval that could not be sent."""

from datetime import datetime, timedelta

from portal.demo.chance import DAY
from portal.demo.payouts import SYSTEM, Life, S
from portal.demo.people import open_account
from portal.demo.rows import Facts
from portal.demo.world import Person, Seller, World
from portal.models import AttemptState, LogActor, PayoutSource

PAUSED_DAYS, RESUMED_DAYS = 6.2, 6.0
PAUSE = "Incident annoncé par Stripe sur les virements SEPA"
OLD_REASON = "Hausse inhabituelle des litiges, vérification en cours"
REASON = "Activité suspecte : plusieurs paiements contestés depuis la même adresse"


def pause_and_block(world: World) -> None:
    """While sending is paused one creator changes accounts and another is blocked."""
    admin, other = world.admins
    _block_and_unblock(world, world.sellers["jules-moreau"], other)
    blocked, swapped = (_waiting(world, world.sellers[handle]) for handle in ("hannah-vogel", "theo-marchand"))
    _say(world, PAUSED_DAYS, "PAYOUT_SENDING_PAUSED", admin, PAUSE)
    blocked.approve(world.ago(6.16), other)
    swapped.approve(world.ago(6.15), other)
    _replace_account(world, swapped.seller, world.ago(6.12))
    block(world, blocked.seller, admin, world.ago(6.08), REASON)
    _say(world, RESUMED_DAYS, "PAYOUT_SENDING_RESUMED", admin, "Incident clos")
    _cancel(swapped, world.ago(RESUMED_DAYS) + timedelta(seconds=2))


def _waiting(world: World, seller: Seller) -> Life:
    at = world.ago(6.5) + world.chance.span(timedelta(minutes=1), timedelta(hours=4))
    minor = min(seller.minor(14_000), int(seller.till.spendable(at) * 0.9) // 500 * 500)
    return Life(world, seller, at, minor, source=PayoutSource.CREATOR)


def _say(world: World, days: float, type: str, admin: Person, reason: str) -> None:
    facts = {"adminId": admin.id, "reason": reason}
    world.operation(world.ago(days)).log(type, LogActor.ADMIN, admin.id, facts)


def _replace_account(world: World, seller: Seller, at: datetime) -> None:
    seller.account = seller.row["stripe_account_id"] = world.chance.stripe_id("acct", 16)
    seller.bank = world.chance.stripe_id("ba")
    open_account(world, seller, created=at)


def _cancel(life: Life, at: datetime) -> None:
    """T6's guard: the account is no longer the one that was asked for."""
    life.op = life.world.operation(at)
    facts = life.facts() | life.move(S.CANCELED) | {"stripePayoutId": None, "source": "stripe_account_changed"}
    life.attempt |= {"state": AttemptState.ABANDONED, "next_send_at": None}
    life.op.log("PAYOUT_CANCELED", SYSTEM, life.seller.id, facts)


def block(world: World, seller: Seller, admin: Person, at: datetime, reason: str) -> None:
    """An admin stops a creator's payouts."""
    op = world.operation(at)
    begun = op.log_numbered("PAYOUT_BLOCK_INITIATED", LogActor.ADMIN, admin.id, _wish(seller, admin, reason))
    took = op.wait(10, 60)
    facts = _about(seller, admin) | {"blockReason": reason, "processingTimeMs": took, "auditLogId": begun}
    op.log("CREATOR_PAYOUT_BLOCKED", LogActor.ADMIN, admin.id, facts)
    seller.row |= {"is_payout_blocked": True, "payout_block_reason": reason, "payout_blocked_at": op.at}


def _block_and_unblock(world: World, seller: Seller, admin: Person) -> None:
    at = world.ago(54.3)
    block(world, seller, admin, at, OLD_REASON)
    op = world.operation(at + 2 * DAY)
    reason = "Vérification terminée sans suite"
    begun = op.log_numbered("PAYOUT_UNBLOCK_INITIATED", LogActor.ADMIN, admin.id, _wish(seller, admin, reason))
    took = op.wait(10, 60)
    facts = _about(seller, admin) | {"previousBlockReason": OLD_REASON, "reason": reason}
    facts |= {"processingTimeMs": took, "auditLogId": begun}
    op.log("CREATOR_PAYOUT_UNBLOCKED", LogActor.ADMIN, admin.id, facts)
    seller.row |= {"is_payout_blocked": False, "payout_block_reason": None, "payout_blocked_at": None}


def _wish(seller: Seller, admin: Person, reason: str) -> Facts:
    return {"adminId": admin.id, "adminEmail": admin.email, "creatorId": seller.id, "reason": reason}


def _about(seller: Seller, admin: Person) -> Facts:
    facts = {"creatorId": seller.id, "creatorName": seller.part.name, "creatorEmail": seller.person.email}
    return facts | {"adminId": admin.id, "adminEmail": admin.email}
