"""Payment intents: asked for by the platform, paid with a test card."""

from typing import Any

from .call import Call
from .cards import Card, card_for, decline
from .charges import charge_card, failed_charge
from .disputes import open_dispute
from .events import emit
from .listing import page
from .objects import insert, load, merge_metadata, new_id, save
from .payment_rules import check_new_intent
from .refusals import Json, Refusal, invalid, malformed
from .store import Work

CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")


def create_payment_intent(call: Call) -> Json:
    """POST /v1/payment_intents; with `confirm` it is paid at once."""
    check_new_intent(call)
    params = call.params
    body = insert(call.work, _new_intent(call), account=call.account)
    emit(call.work, "payment_intent.created", body, account=call.account)
    if params.get("confirm"):
        return pay(call.work, body, params.get("payment_method"), account=call.account, raises=True)
    return body


def _new_intent(call: Call) -> Json:
    params, id_ = call.params, new_id("pi")
    return {
        "id": id_,
        "object": "payment_intent",
        "amount": params["amount"],
        "amount_capturable": 0,
        "amount_received": 0,
        "application_fee_amount": params.get("application_fee_amount"),
        "automatic_payment_methods": params.get("automatic_payment_methods"),
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic",
        "client_secret": f"{id_}_secret_{new_id('s')[3:]}",
        "confirmation_method": "automatic",
        "created": call.work.timestamp,
        "currency": params["currency"],
        "customer": None,
        "description": params.get("description"),
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": params.get("metadata", {}),
        "next_action": None,
        "on_behalf_of": params.get("on_behalf_of"),
        "payment_method": params.get("payment_method"),
        "payment_method_types": params.get("allowed_payment_method_types", ["card"]),
        "receipt_email": params.get("receipt_email"),
        "status": "requires_confirmation" if params.get("payment_method") else "requires_payment_method",
        "transfer_data": params.get("transfer_data"),
        "transfer_group": params.get("transfer_group"),
    }


def pay(
    work: Work, body: Json, token: str | None, *, account: str = "", raises: bool, authenticated: bool = False
) -> Json:
    """Try a card: the intent succeeds, asks for authentication, or keeps the decline it got."""
    token = token or body["payment_method"]
    if body["status"] not in CONFIRMABLE:
        message = f"This PaymentIntent's status is {body['status']}: it cannot be confirmed."
        raise invalid(message, code="payment_intent_unexpected_state", payment_intent=body)
    if not token:
        message = "You cannot confirm this PaymentIntent because it's missing a payment method."
        raise invalid(message, code="payment_intent_unexpected_state", payment_intent=body)
    card = card_for(token)
    if card.code:
        return _declined(work, body, card, account, raises=raises)
    if card.needs_action and not authenticated:
        return _wait_for_payer(work, body, token, account)
    after = charge_card(work, {**body, "payment_method": token}, card, account)
    save(work, after)
    emit(work, "payment_intent.succeeded", after, account=account)
    if card.disputed:
        open_dispute(work, after["latest_charge"])
    return after


def _declined(work: Work, body: Json, card: Card, account: str, *, raises: bool) -> Json:
    error = decline(card)
    charge = failed_charge(work, body, card, error, account)
    after = {
        **body,
        "status": "requires_payment_method",
        "payment_method": None,
        "latest_charge": charge["id"],
    }
    after["last_payment_error"] = {**error, "charge": charge["id"]}
    save(work, after)
    emit(work, "payment_intent.payment_failed", after, account=account)
    if raises:
        fields = {key: value for key, value in error.items() if key not in ("type", "message")}
        raise Declined(error["message"], charge=charge["id"], payment_intent=after, **fields)
    return after


class Declined(Refusal):
    """A 402 whose effects stand: the declined charge and the events stay."""

    effects_stand = True

    def __init__(self, message: str, **fields: Any) -> None:
        super().__init__(402, "card_error", message, **fields)


def _wait_for_payer(work: Work, body: Json, token: str, account: str) -> Json:
    action = {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}}
    after = {**body, "status": "requires_action", "payment_method": token, "next_action": action}
    save(work, after)
    emit(work, "payment_intent.requires_action", after, account=account)
    return after


def confirm_payment_intent(call: Call) -> Json:
    """POST /v1/payment_intents/:id/confirm."""
    body = load(call.work, "payment_intent", call.id, account=call.account)
    return pay(call.work, body, call.params.get("payment_method"), account=call.account, raises=True)


def retrieve_payment_intent(call: Call) -> Json:
    """GET /v1/payment_intents/:id."""
    body = load(call.work, "payment_intent", call.id, account=call.account)
    secret = call.params.get("client_secret")
    if secret and secret != body["client_secret"]:
        raise invalid("The client_secret provided does not match.", param="client_secret")
    return body


def update_payment_intent(call: Call) -> Json:
    """POST /v1/payment_intents/:id: metadata and description."""
    after = load(call.work, "payment_intent", call.id, account=call.account)
    merge_metadata(after, call.params.get("metadata"))
    after["description"] = call.params.get("description", after["description"])
    unsupported = call.params.keys() - {"metadata", "description", "expand"}
    if unsupported:
        raise malformed("The sandbox updates metadata and description only.", param=min(unsupported))
    return save(call.work, after)


def cancel_payment_intent(call: Call) -> Json:
    """POST /v1/payment_intents/:id/cancel."""
    body = load(call.work, "payment_intent", call.id, account=call.account)
    if body["status"] not in CONFIRMABLE:
        message = f"You cannot cancel this PaymentIntent because it has a status of {body['status']}."
        raise invalid(message, code="payment_intent_unexpected_state", payment_intent=body)
    after = {**body, "status": "canceled", "canceled_at": call.work.timestamp, "next_action": None}
    after["cancellation_reason"] = call.params.get("cancellation_reason")
    save(call.work, after)
    emit(call.work, "payment_intent.canceled", after, account=call.account)
    return after


def list_payment_intents(call: Call) -> Json:
    """GET /v1/payment_intents."""
    url = "/v1/payment_intents"
    return page(call.work, kind="payment_intent", account=call.account, params=call.params, url=url)
