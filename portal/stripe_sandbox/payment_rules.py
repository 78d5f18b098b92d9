"""What a new payment intent is refused for."""

from .accounts import authorised
from .call import Call
from .cards import card_for
from .currencies import check_amount, check_currency
from .refusals import Json, Refusal, invalid, malformed, no_such

SMALLEST = {
    "eur": 50, "usd": 50, "gbp": 30, "chf": 50, "cad": 50, "aud": 50, "jpy": 50, "nzd": 50, "sgd": 50, "brl": 50,
    "dkk": 250, "sek": 300, "nok": 300, "pln": 200, "hkd": 400, "mxn": 1000, "czk": 1500, "huf": 17_500,
}  # fmt: skip


def check_new_intent(call: Call) -> None:
    """Raise what Stripe would raise before it creates the intent."""
    _check_money(call.params)
    _check_supported(call.params)
    _check_destination(call)
    _check_fee(call)


def _check_money(params: Json) -> None:
    amount, currency = params["amount"], params["currency"]
    check_amount(amount)
    check_currency(currency)
    if amount < SMALLEST.get(currency, 1):
        message = f"Amount must be at least {SMALLEST[currency]} minor units of {currency}."
        raise invalid(message, code="amount_too_small", param="amount")


def _check_supported(params: Json) -> None:
    if params.get("customer"):
        raise no_such("customer", params["customer"], param="customer", status=400)
    if params.get("capture_method", "automatic") == "manual":
        raise malformed("The sandbox captures automatically only.", param="capture_method")
    if params.get("payment_method"):
        card_for(params["payment_method"])
    elif params.get("confirm"):
        message = "You cannot confirm this PaymentIntent because it's missing a payment method."
        raise invalid(message, code="payment_intent_unexpected_state", param="payment_method")


def _check_destination(call: Call) -> None:
    transfer = call.params.get("transfer_data")
    if not transfer:
        return
    param, id_ = "transfer_data[destination]", transfer["destination"]
    try:
        account = authorised(call.work, id_)
    except Refusal as refusal:
        raise invalid(f"No such destination: '{id_}'", code="resource_missing", param=param) from refusal
    if account["capabilities"].get("transfers") != "active":
        message = "Your destination account needs to have the transfers capability enabled."
        raise invalid(message, code="insufficient_capabilities_for_transfer", param=param)
    if not 0 < transfer.get("amount", 1) <= call.params["amount"]:
        message = "The transfer cannot be larger than the amount."
        raise invalid(message, code="amount_too_large", param="transfer_data[amount]")


def _check_fee(call: Call) -> None:
    fee, transfer = call.params.get("application_fee_amount"), call.params.get("transfer_data")
    if fee is None:
        return
    if not transfer:
        message = "Can only apply an application_fee_amount when the PaymentIntent has a destination."
        raise invalid(message, param="application_fee_amount")
    if "amount" in transfer:
        message = "You may only provide one of application_fee_amount and transfer_data[amount]."
        raise invalid(message, param="transfer_data[amount]")
    if not 0 <= fee <= call.params["amount"]:
        message = "The application fee cannot be negative or larger than the amount."
        raise invalid(message, param="application_fee_amount")
