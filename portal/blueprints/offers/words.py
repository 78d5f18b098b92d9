"""The words of a creator's offers."""

from flask_babel import lazy_gettext as _l

from portal.queries.offer_search import OfferStatus

TABS = (
    (None, _l("Toutes")),
    (OfferStatus.AVAILABLE, _l("En ligne")),
    (OfferStatus.BOOKED, _l("Réservées")),
    (OfferStatus.COMPLETED, _l("Terminées")),
    (OfferStatus.CANCELLED, _l("Annulées")),
)
