"""What the explorer of money calls its filters, and the links that a row offers."""

from typing import Any

from flask import url_for
from flask_babel import gettext

from portal.blueprints.entities import KIND_LABELS, SAME, Chip, things_in
from portal.blueprints.explorer import Explorer
from portal.blueprints.spoken import lazy_gettext
from portal.blueprints.terms import only_metadata
from portal.domain.work import utc_now
from portal.queries.transaction_entry import TransactionEntry
from portal.queries.transaction_language import transaction_forms, transaction_vocabulary
from portal.queries.transaction_search import EntityType

EXPLORER = Explorer(
    endpoint="transactions.index",
    labels={
        "q": lazy_gettext("texte"),
        "eventType": lazy_gettext("événement"),
        "entityType": lazy_gettext("objet"),
        "entityId": lazy_gettext("id de l’objet"),
        "stripeEventId": lazy_gettext("événement Stripe"),
        "paymentId": lazy_gettext("paiement"),
        "payoutId": lazy_gettext("payout"),
        "refundId": lazy_gettext("remboursement"),
        "status": lazy_gettext("statut"),
        "currency": lazy_gettext("devise"),
        "amountMin": lazy_gettext("montant à partir de"),
        "amountMax": lazy_gettext("montant jusqu’à"),
        "requestId": lazy_gettext("requête"),
        "from": lazy_gettext("depuis"),
        "to": lazy_gettext("jusqu’à"),
        "tz": lazy_gettext("fuseau"),
    },
    invertible=("eventType", "entityType"),
    forms_at=transaction_forms,
)
OBJECTS = {kind.value: KIND_LABELS.get(kind.lower(), lazy_gettext("Transfert")) for kind in EntityType}
"""What a financial event is about, as people say it."""
WORDS = frozenset(transaction_vocabulary(utc_now(), "UTC").fields)
"""Names that the search language keeps for itself."""


def owners(entry: TransactionEntry) -> dict[str, str]:
    """What a financial event is about, under the metadata's names."""
    ids = {"payoutId": entry.payout_id, "paymentId": entry.payment_id, "refundId": entry.refund_id}
    ids["eventId"] = entry.stripe_event_id
    if entry.entity_type == "DISPUTE":
        ids["disputeId"] = entry.entity_id
    return {key: value for key, value in ids.items() if value}


def chips(entry: TransactionEntry) -> list[Chip]:
    """The rest of the life of what a financial event names, and its request."""
    things = things_in({**entry.details, **owners(entry)})
    found = [Chip(SAME[thing.key], thing.trace_href, "route") for thing in things if thing.key in SAME]
    request = url_for("traces.show", kind="request", id=entry.request_id)
    return [*found, Chip(gettext("Même requête"), request, "link")]


def metadata_filters(path: str, value: Any) -> tuple[str, str] | None:
    """For a metadata value, the searches that keep only it and that leave it out."""
    return only_metadata(EXPLORER, WORDS, path, value)
