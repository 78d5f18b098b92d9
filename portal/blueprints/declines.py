"""Why a card was declined, in the reader's language: Stripe's codes, whose own words are English."""

from portal.blueprints.spoken import lazy_gettext as _l

NO_REASON = _l("La banque a refusé la carte sans dire pourquoi.")
DECLINES = {
    "insufficient_funds": _l("La provision de la carte ne suffit pas."),
    "card_velocity_exceeded": _l("La carte a atteint son plafond."),
    "expired_card": _l("La carte a expiré."),
    "incorrect_cvc": _l("Le code de sécurité de la carte est faux."),
    "incorrect_number": _l("Le numéro de la carte est faux."),
    "processing_error": _l("La banque n’a pas pu traiter ce paiement ; réessayez dans un instant."),
    "authentication_required": _l("La banque demande une authentification, qui n’a pas eu lieu."),
    "generic_decline": NO_REASON,
    "do_not_honor": NO_REASON,
    "lost_card": NO_REASON,
    "stolen_card": NO_REASON,
}
"""A card reported lost or stolen is declined like any other: whoever holds it is not told."""


def decline_words(code: str | None, message: str | None = None) -> str:
    """Why a card was declined; what Stripe said where there are no words of ours."""
    return str(DECLINES[code]) if code in DECLINES else str(message or _l("La banque a refusé la carte."))
