"""The newest traces, made by the portal's own verbs against the local Stripe."""

from decimal import Decimal
from uuid import UUID

from flask import Flask

from portal.audit.actor import Actor, operation
from portal.demo.rows import amount
from portal.demo.world import Person, Seller, World
from portal.domain.creators import block_payouts
from portal.domain.errors import DomainError
from portal.domain.payouts.request import PayoutRequest, request_payout
from portal.domain.payouts.review import approve_payout, reject_payout
from portal.domain.work import utc_now
from portal.models import LogActor
from portal.unit_of_work import unit_of_work

ROWS = 30
"""About how many rows of `log` these traces are."""
REASON = "Le montant ne correspond pas aux ventes du mois : merci de refaire la demande."
BLOCK_REASON = "Changement de titulaire du compte bancaire à confirmer par écrit"


def act(app: Flask, world: World) -> None:
    """One payout waits, one is approved, one rejected, one request refused, one creator blocked."""
    first, second = world.admins
    sellers = world.sellers
    _request(app, sellers["noemie-perrin"], 8_400)
    approved = _request(app, sellers["maxime-girard"], 9_600)
    rejected = _request(app, sellers["elise-caron"], 7_500)
    _request(app, sellers["pablo-ortega"], 5_000)
    if approved is not None:
        _approve(app, approved, second)
    if rejected is not None:
        _reject(rejected, first)
    with operation(), unit_of_work() as session:
        creator_id = sellers["matteo-ricci"].id
        block_payouts(session, creator_id=creator_id, reason=BLOCK_REASON, actor=_admin(first), now=utc_now())


def _request(app: Flask, seller: Seller, cents: int) -> UUID | None:
    """The new payout's id, or None when a rule refused."""
    person = seller.person
    actor = Actor(LogActor.CREATOR, str(seller.id), person.id, person.name, person.email)
    wish = PayoutRequest(str(amount(seller.minor(cents), seller.currency)), seller.currency, f"demo-{seller.id}")
    with operation():
        try:
            requested = request_payout(
                unit_of_work, app.extensions["stripe_gateway"], creator_id=seller.id, request=wish, actor=actor,
                auto_limit=Decimal(0), clock=utc_now,
            )  # fmt: skip
        except DomainError:
            return None
    return requested.payout.id


def _approve(app: Flask, payout_id: UUID, admin: Person) -> None:
    gateway = app.extensions["stripe_gateway"]
    with operation():
        approve_payout(unit_of_work, gateway, payout_id=payout_id, actor=_admin(admin), clock=utc_now)


def _reject(payout_id: UUID, admin: Person) -> None:
    with operation(), unit_of_work() as session:
        reject_payout(session, payout_id=payout_id, actor=_admin(admin), reason=REASON, now=utc_now())


def _admin(admin: Person) -> Actor:
    return Actor(LogActor.ADMIN, str(admin.id), admin.id, admin.name, admin.email)
