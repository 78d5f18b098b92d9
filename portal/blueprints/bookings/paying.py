"""Paying for a booking: Stripe's own form with a real account, test cards with the local Stripe."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from flask import Response, abort, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from portal.blueprints.access import CSP, gateway, me, requires, settings
from portal.blueprints.bookings import bp
from portal.blueprints.bookings.views import is_payable, own_booking_or_404
from portal.blueprints.declines import decline_words
from portal.blueprints.errors import sentence
from portal.domain.errors import PaymentRefused
from portal.domain.gateway import StripeFailure
from portal.domain.payments.cards import CARDS, TOKENS, try_card
from portal.domain.payments.opening import open_payment
from portal.domain.people import Role
from portal.domain.work import utc_now
from portal.queries.booking_search import BookingDetail
from portal.unit_of_work import reading, unit_of_work

STRIPE_JS = "https://js.stripe.com"
PAY_CSP = (
    CSP.replace("script-src 'self'", f"script-src 'self' {STRIPE_JS}").replace(
        "connect-src 'self'", "connect-src 'self' https://api.stripe.com"
    )
    + f"; frame-src {STRIPE_JS} https://hooks.stripe.com"
)
"""Stripe's script and frames, on this page alone."""

PAID = "PAYMENT_INTENT_ALREADY_PAID"


@bp.get("/<uuid:booking_id>/pay")
@requires(Role.USER)
def pay(booking_id: UUID) -> Response | BaseResponse:
    """The payment page; a booking that needs none goes to its own page."""
    found = own_booking_or_404(booking_id)
    if not is_payable(found):
        return redirect(url_for("bookings.detail", booking_id=booking_id))
    return _page(found, declined=_last_decline(found))


@bp.post("/<uuid:booking_id>/pay")
@requires(Role.USER)
def pay_post(booking_id: UUID) -> Response | BaseResponse:
    """Pay with a test card, at the local Stripe only."""
    found = own_booking_or_404(booking_id)
    token = request.form.get("card", "")
    if not settings().sandbox:
        abort(404)
    if token not in TOKENS:
        return _page(found, declined=_("Choisissez une carte."), status=422)
    try:
        declined = _try(booking_id, token)
    except PaymentRefused as refusal:
        return _refused(booking_id, refusal)
    if declined is not None:
        return _page(own_booking_or_404(booking_id), declined=declined, status=422)
    return redirect(url_for("bookings.returned", booking_id=booking_id))


def _try(booking_id: UUID, token: str) -> str | None:
    """Why the card was declined, or None."""
    actor, percent = me().actor, settings().platform_fee_percent
    reading().close()  # no transaction stays open while Stripe is asked
    opened = open_payment(
        unit_of_work, gateway(), booking_id=str(booking_id), actor=actor, fee_percent=percent, clock=utc_now
    )
    try:
        failure = try_card(gateway(), opened.intent_id, token)
    except StripeFailure as error:
        if error.code == "payment_intent_unexpected_state":
            return None  # another tab was quicker: the next page says how it stands
        return str(_("Stripe ne répond pas pour l’instant. Réessayez : rien ne sera débité deux fois."))
    return decline_words(failure.decline_code or failure.code, failure.message) if failure else None


def _refused(booking_id: UUID, refusal: PaymentRefused) -> Response | BaseResponse:
    if refusal.event == PAID:
        return redirect(url_for("bookings.returned", booking_id=booking_id))
    return _page(own_booking_or_404(booking_id), refused=sentence(refusal), status=refusal.status)


def _without_secret(view: Callable[[UUID], Any]) -> Callable[[UUID], Any]:
    """Stripe comes back with the secret in the address: it is dropped before anybody has to sign in."""

    @wraps(view)
    def guarded(booking_id: UUID) -> Any:
        if request.args:
            return redirect(url_for("bookings.returned", booking_id=booking_id))
        return view(booking_id)

    return guarded


@bp.get("/<uuid:booking_id>/return")
@_without_secret
@requires(Role.USER)
def returned(booking_id: UUID) -> str | BaseResponse:
    """What is known after a payment; asks again by itself until Stripe's webhook has confirmed it."""
    found = own_booking_or_404(booking_id)
    declined, waits = _last_decline(found), found.booking.status == "PENDING"
    if request.headers.get("X-Fragment"):
        return Response(status=204, headers={} if waits and not declined else {"X-Reload": "true"})
    if not waits:
        return redirect(url_for("bookings.detail", booking_id=booking_id))
    return render_template("bookings/return.html", booking=found.booking, offer=found.offer, declined=declined)


def _last_decline(found: BookingDetail) -> str | None:
    """Why the last card was declined, unless another is being tried."""
    payment = found.payment
    if payment is None or payment.status != "FAILED":
        return None
    return decline_words(payment.decline_code, payment.error_message)


def _page(
    found: BookingDetail, *, declined: str | None = None, refused: str | None = None, status: int = 200
) -> Response:
    real = not settings().sandbox
    page = render_template(
        "bookings/pay.html",
        detail=found,
        booking=found.booking,
        offer=found.offer,
        declined=declined,
        refused=refused,
        cards=() if real else CARDS,
        publishable_key=settings().stripe_publishable_key if real else None,
        stripe_js=f"{STRIPE_JS}/v3/",
    )
    response = make_response(page, status)
    if real:
        response.headers["Content-Security-Policy"] = PAY_CSP
    return response
