"""Cards for the local Stripe's payer: numbers that stand for what real ones do. Never with a real account."""

from dataclasses import dataclass

from portal.domain.gateway import StripeFailure, StripeGateway


@dataclass(frozen=True, slots=True)
class SampleCard:
    """A card of Stripe's, and what becomes of a payment with it."""

    token: str
    number: str
    outcome: str


CARDS = (
    SampleCard("pm_card_visa", "4242 4242 4242 4242", "Paiement accepté."),
    SampleCard("pm_card_mastercard", "5555 5555 5555 4444", "Paiement accepté, Mastercard."),
    SampleCard("pm_card_bypassPending", "4000 0000 0000 0077", "Accepté, disponible aussitôt sur le solde."),
    SampleCard("pm_card_chargeDeclined", "4000 0000 0000 0002", "Refusé par la banque."),
    SampleCard(
        "pm_card_chargeDeclinedInsufficientFunds", "4000 0000 0000 9995", "Refusé : provision insuffisante."
    ),
    SampleCard("pm_card_chargeDeclinedExpiredCard", "4000 0000 0000 0069", "Refusé : carte expirée."),
    SampleCard("pm_card_chargeDeclinedProcessingError", "4000 0000 0000 0119", "Refusé : erreur de traitement."),
    SampleCard("pm_card_createDispute", "4000 0000 0000 0259", "Accepté, puis contesté auprès de la banque."),
)
TOKENS = frozenset(card.token for card in CARDS)


def try_card(gateway: StripeGateway, intent_id: str, token: str) -> StripeFailure | None:
    """Try a card as the payer's browser would; why it was declined, or None. Raises other StripeFailures."""
    try:
        gateway.confirm_intent(intent_id, token)
    except StripeFailure as failure:
        if failure.type != "card_error":
            raise
        return failure
    return None
