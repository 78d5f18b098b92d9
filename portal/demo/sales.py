"""What became of each sale: paid, declined, abandoned, completed, cancelled."""

from datetime import datetime, timedelta

from portal.demo.chance import DAY
from portal.demo.complaints import dispute, refund
from portal.demo.marketplace import Sale, booking_moments, publish
from portal.demo.world import Person, Seller, World
from portal.domain.bookings.expire import REASON
from portal.domain.offers.ending import REASON as CANCELLED
from portal.models import BookingStatus, LogActor, OfferStatus, PaymentStatus

REGULARS = {"camille-laurent": 1.5, "lea-fontaine": 2.0, "nathan-rousseau": 2.0, "jonas-weber": 2.0}
VISITED = "camille-laurent"
MOVES_ACCOUNT = "theo-marchand"


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
    return [*sales, _leave_to_pay(world)]


def _leave_to_pay(world: World) -> Sale:
    """The demo's own user has just booked a call with the demo's own creator, and is about to pay."""
    sale = Sale(world, world.sellers[VISITED], world.users[0], world.now - timedelta(minutes=4))
    sale.begin_payment(world.now - timedelta(minutes=3))
    return sale


def _is_open(world: World, seller: Seller, at: datetime) -> bool:
    """One creator sells nothing while changing accounts."""
    return seller.part.handle != MOVES_ACCOUNT or at < world.ago(12)


def _buyer(world: World) -> Person:
    return world.users[0] if world.chance.yes(0.06) else world.chance.pick(world.users)


def _sell(world: World, seller: Seller, buyer: Person, at: datetime) -> Sale:
    sale = Sale(world, seller, buyer, at)
    at += timedelta(seconds=world.chance.whole(20, 400))
    if at > world.now - DAY / 8 or world.chance.yes(0.02):
        _leave_unpaid(sale)
        return sale
    sale.begin_payment(at)
    if world.chance.yes(0.015):
        _leave_unpaid(sale)
        return sale
    at += timedelta(seconds=world.chance.whole(25, 300))
    if world.chance.yes(0.08):
        sale.decline(at)
        if world.chance.yes(0.4):
            _leave_unpaid(sale)
            return sale
        at += timedelta(seconds=world.chance.whole(60, 600))
        sale.begin_payment(at)
        at += timedelta(seconds=world.chance.whole(25, 300))
    sale.pay(at)
    _follow(sale)
    return sale


def _leave_unpaid(sale: Sale) -> None:
    """Nobody pays: past its deadline the booking ends, and the call is for sale again."""
    at = sale.booking["expires_at"] + timedelta(seconds=sale.world.chance.whole(2, 115))
    if at >= sale.world.now:
        return
    facts = _ids(sale) | {"newStatus": BookingStatus.CANCELLED, "expiredAt": at, "reason": REASON}
    facts["previousStatus"] = BookingStatus.PENDING
    sale.world.operation(at).log("BOOKING_EXPIRED", LogActor.SYSTEM, None, facts)
    sale.booking |= {"status": BookingStatus.CANCELLED, "ended_at": at, "end_reason": REASON}
    sale.offer["status"] = OfferStatus.AVAILABLE
    if sale.payment:
        sale.payment["status"] = PaymentStatus.CANCELED
        sale.intent["status"] = "canceled"


def _follow(sale: Sale) -> None:
    """The call takes place, or does not; money may be asked back."""
    world, ends_at = sale.world, sale.ends_at
    early = sale.offer["starts_at"] - world.chance.span(DAY / 6, DAY)
    if world.chance.yes(0.025) and max(early, sale.at + DAY / 12) < world.now - DAY / 4:
        at = max(early, sale.at + DAY / 12)
        cancel(sale, at)
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
    ids |= {"callOfferId": sale.offer["id"], "offerId": sale.offer["id"]}
    return ids | {"previousStatus": sale.offer["status"], "previousBookingStatus": sale.booking["status"]}


def cancel(sale: Sale, at: datetime) -> None:
    """The creator cancels the call."""
    op = sale.world.operation(at)
    facts = _ids(sale) | {"newStatus": BookingStatus.CANCELLED, "cancelledBy": "creator", "reason": CANCELLED}
    facts |= {"cancelledByUserId": sale.seller.person.id, "cancelledAt": at}
    op.log("BOOKING_CANCELLED", LogActor.CREATOR, sale.seller.id, facts)
    sale.booking |= {"status": BookingStatus.CANCELLED, "ended_at": at, "end_reason": CANCELLED}
    sale.offer["status"] = OfferStatus.CANCELLED


def _complete(sale: Sale, at: datetime) -> None:
    op = sale.world.operation(at)
    facts = _ids(sale) | {"newStatus": BookingStatus.COMPLETED, "completedAt": at, "completedBy": "creator"}
    op.log("BOOKING_COMPLETED", LogActor.CREATOR, sale.seller.id, facts)
    sale.booking |= {"status": BookingStatus.COMPLETED, "ended_at": at}
    sale.offer["status"] = OfferStatus.COMPLETED
