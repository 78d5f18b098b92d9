"""Test cards: what a payment method token or a card number leads to.

The tokens and numbers are Stripe's own. Ordinary cards settle into the pending balance and become
available after the sandbox's delay; `pm_card_bypassPending` is available at once.
"""

from dataclasses import dataclass

from .refusals import Refusal, doc_url


@dataclass(frozen=True, slots=True)
class Card:
    """How a card behaves."""

    last4: str = "4242"
    brand: str = "visa"
    code: str | None = None
    decline_code: str | None = None
    needs_action: bool = False
    available_now: bool = False
    disputed: bool = False


CARDS = {
    "pm_card_visa": Card(),
    "pm_card_mastercard": Card("4444", "mastercard"),
    "pm_card_bypassPending": Card("0077", available_now=True),
    "pm_card_createDispute": Card("0259", disputed=True),
    "pm_card_authenticationRequired": Card("3184", needs_action=True),
    "pm_card_chargeDeclined": Card("0002", code="card_declined", decline_code="generic_decline"),
    "pm_card_visa_chargeDeclined": Card("0002", code="card_declined", decline_code="generic_decline"),
    "pm_card_chargeDeclinedInsufficientFunds": Card(
        "9995", code="card_declined", decline_code="insufficient_funds"
    ),
    "pm_card_visa_chargeDeclinedInsufficientFunds": Card(
        "9995", code="card_declined", decline_code="insufficient_funds"
    ),
    "pm_card_visa_chargeDeclinedLostCard": Card("9987", code="card_declined", decline_code="lost_card"),
    "pm_card_visa_chargeDeclinedStolenCard": Card("9979", code="card_declined", decline_code="stolen_card"),
    "pm_card_chargeDeclinedFraudulent": Card("0019", code="card_declined", decline_code="fraudulent"),
    "pm_card_chargeDeclinedExpiredCard": Card("0069", code="expired_card", decline_code="expired_card"),
    "pm_card_chargeDeclinedIncorrectCvc": Card("0127", code="incorrect_cvc", decline_code="incorrect_cvc"),
    "pm_card_chargeDeclinedProcessingError": Card(
        "0119", code="processing_error", decline_code="processing_error"
    ),
}
MESSAGES = {
    "insufficient_funds": "Your card has insufficient funds.",
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
}
NUMBERS = {
    "4242424242424242": "pm_card_visa",
    "5555555555554444": "pm_card_mastercard",
    "4000000000000077": "pm_card_bypassPending",
    "4000000000000259": "pm_card_createDispute",
    "4000002760003184": "pm_card_authenticationRequired",
    "4000000000000002": "pm_card_chargeDeclined",
    "4000000000009995": "pm_card_chargeDeclinedInsufficientFunds",
    "4000000000000069": "pm_card_chargeDeclinedExpiredCard",
    "4000000000000127": "pm_card_chargeDeclinedIncorrectCvc",
    "4000000000000119": "pm_card_chargeDeclinedProcessingError",
}


def card_for(token: str) -> Card:
    """The card behind a payment method token or a test number; raises `resource_missing`."""
    token = NUMBERS.get(token.replace(" ", ""), token)
    if token not in CARDS:
        message = f"No such PaymentMethod: '{token}'"
        code = "resource_missing"
        raise Refusal(400, "invalid_request_error", message, code=code, param="payment_method")
    return CARDS[token]


def decline(card: Card) -> dict[str, str]:
    """The error object of a declined card."""
    code = str(card.code)
    return {
        "type": "card_error",
        "code": code,
        "decline_code": str(card.decline_code),
        "message": MESSAGES.get(str(card.decline_code), "Your card was declined."),
        "doc_url": doc_url(code),
    }
