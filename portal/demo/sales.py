"""What became of each sale: paid, declined, abandoned, completed, cancelled."""

from datetime import datetime, timedelta

from portal.demo.chance import DAY
from portal.demo.complaints import dispute, refund
from portal.demo.marketplace import Sale, booking_moments, publish
from portal.demo.world import Person, Seller, World
from portal.models import BookingStatus, LogActor, OfferStatus

REGULARS = {"camille-laurent": 1.5, "lea-fontaine": 2.0, "nathan-rousseau": 2.0, "jonas-weber": 2.0}
MOVES_ACCOUNT = "theo-marchand"
UNPAID = "Réservation impayée"
CANCEL_REASONS = (
    "Cancelled by creator via call offer update",
    "Empêchement du créateur",
    "Reporté d’un commun accord",
)


def trade(world: World, count: int) -> list[Sale]:
    """So many bookings over the whole story, and offers that nobody has booked yet."""
    sellers = [seller for seller in world.sellers.values() if seller.sells]
    weights = [REGULARS.get(seller.part.handle, 1.0) for seller in sellers]
    chosen = world.chance.random.choices(sellers, weights, k=count)
    moments = booking_moments(world, count)
    pairs = zip(chosen, moments, strict=True)
    sales = [_sell(world, seller, _buyer(world), at) for seller, at in pairs if _is_open(world, seller, at)]
    for seller in sellers:
        for _ in range(world.chance.whole(1, 4)):
            published = world.chance.moment(world.ago(world.chance.whole(1, 12)))
            publish(world, seller, published, world.now)
    return sales


def _is_open(world: World, seller: Seller, at: datetime) -> bool:
    """One creator sells nothing while changing accounts."""
    return seller.part.handle != MOVES_ACCOUNT or at < world.ago(12)


def _buyer(world: World) -> Person:
    return world.users[0] if world.chance.yes(0.06) else world.chance.pick(world.users)


def _sell(world: World, seller: Seller, buyer: Person, at: datetime) -> Sale:
    sale = Sale(world, seller, buyer, at)
    at += timedelta(seconds=world.chance.whole(20, 400))
    if at > world.now - DAY / 4 or world.chance.yes(0.02):
        return sale
    sale.begin_payment(at)
    if world.chance.yes(0.015):
        _end_unpaid(sale)
        return sale
    at += timedelta(seconds=world.chance.whole(25, 300))
    if world.chance.yes(0.08):
        sale.decline(at)
        if world.chance.yes(0.4):
            _end_unpaid(sale)
            return sale
        at += timedelta(seconds=world.chance.whole(60, 600))
        sale.begin_payment(at)
        at += timedelta(seconds=world.chance.whole(25, 300))
    sale.pay(at)
    _follow(sale)
    return sale


def _end_unpaid(sale: Sale) -> None:
    due = sale.offer["starts_at"] - DAY / 4
    if due < sale.world.now:
        cancel(sale, due, UNPAID)


def _follow(sale: Sale) -> None:
    """The call takes place, or does not; money may be asked back."""
    world, ends_at = sale.world, sale.ends_at
    early = sale.offer["starts_at"] - world.chance.span(DAY / 6, DAY)
    if world.chance.yes(0.025) and max(early, sale.at + DAY / 12) < world.now - DAY / 4:
        at = max(early, sale.at + DAY / 12)
        cancel(sale, at, world.chance.pick(CANCEL_REASONS))
        refund(sale, at + world.chance.span(DAY / 24, DAY / 5), part=1.0)
        return
    if ends_at + timedelta(minutes=20) > world.now:
        return
    _complete(sale, ends_at + timedelta(seconds=world.chance.whole(20, 900)))
    if world.chance.yes(0.012):
        at = ends_at + world.chance.span(DAY, 6 * DAY)
        refund(sale, at, part=world.chance.pick((0.25, 0.5, 1.0)))
    elif world.chance.yes(0.01):
        dispute(sale, ends_at + world.chance.span(4 * DAY, 20 * DAY))


def _ids(sale: Sale) -> dict[str, object]:
    ids = {"bookingId": sale.booking["id"], "userId": sale.buyer.id, "creatorId": sale.seller.id}
    return ids | {"callOfferId": sale.offer["id"], "previousStatus": sale.booking["status"]}


def cancel(sale: Sale, at: datetime, reason: str) -> None:
    """The creator cancels the call."""
    op = sale.world.operation(at)
    facts = _ids(sale) | {"newStatus": BookingStatus.CANCELLED, "cancelledBy": "creator", "reason": reason}
    facts |= {"cancelledByUserId": sale.seller.person.id, "cancelledAt": at}
    op.log("BOOKING_CANCELLED", LogActor.CREATOR, sale.seller.id, facts)
    sale.booking |= {"status": BookingStatus.CANCELLED, "ended_at": at}
    sale.offer["status"] = OfferStatus.CANCELLED


def _complete(sale: Sale, at: datetime) -> None:
    op = sale.world.operation(at)
    facts = _ids(sale) | {"newStatus": BookingStatus.COMPLETED, "completedAt": at, "completedBy": "creator"}
    op.log("BOOKING_COMPLETED", LogActor.CREATOR, sale.seller.id, facts)
    sale.booking |= {"status": BookingStatus.COMPLETED, "ended_at": at}
    sale.offer["status"] = OfferStatus.COMPLETED
