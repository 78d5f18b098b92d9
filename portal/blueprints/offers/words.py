"""The words of a creator's offers."""

from flask_babel import lazy_gettext as _l

from portal.queries.offer_search import OfferStatus

TABS = (
    (None, _l("Tous")),
    (OfferStatus.AVAILABLE, _l("En ligne")),
    (OfferStatus.BOOKED, _l("Réservés")),
    (OfferStatus.COMPLETED, _l("Terminés")),
    (OfferStatus.CANCELLED, _l("Annulés")),
)
