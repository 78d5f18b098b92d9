"""What a row of the books is about: the things it names, each with the links to the rest of their life."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import url_for
from flask_babel import lazy_gettext

THINGS: Mapping[str, tuple[str, Any]] = {
    "payoutId": ("payout", lazy_gettext("Payout")),
    "bookingId": ("booking", lazy_gettext("Réservation")),
    "paymentId": ("payment", lazy_gettext("Paiement")),
    "refundId": ("refund", lazy_gettext("Remboursement")),
    "disputeId": ("dispute", lazy_gettext("Litige")),
    "offerId": ("offer", lazy_gettext("Offre")),
    "creatorId": ("creator", lazy_gettext("Créateur")),
    "userId": ("user", lazy_gettext("Utilisateur")),
    "eventId": ("event", lazy_gettext("Événement Stripe")),
    "runId": ("job-run", lazy_gettext("Exécution de tâche")),
}
SAME: Mapping[str, Any] = {
    "payoutId": lazy_gettext("Même payout"),
    "bookingId": lazy_gettext("Même réservation"),
    "paymentId": lazy_gettext("Même paiement"),
    "refundId": lazy_gettext("Même remboursement"),
    "disputeId": lazy_gettext("Même litige"),
    "offerId": lazy_gettext("Même offre"),
    "creatorId": lazy_gettext("Même créateur"),
    "eventId": lazy_gettext("Même événement Stripe"),
    "runId": lazy_gettext("Même exécution"),
}
KIND_LABELS = dict(THINGS.values()) | {"request": lazy_gettext("Requête")}
LONGEST_ID = 200


@dataclass(frozen=True, slots=True)
class Thing:
    """Something that a row names."""

    key: str
    label: Any
    id: str
    trace_href: str


@dataclass(frozen=True, slots=True)
class Chip:
    """One way on from a row."""

    label: Any
    href: str
    icon: str


def things_in(metadata: Mapping[str, Any]) -> list[Thing]:
    """The things that a row's metadata names, in the order of the table above."""
    found = ((key, kind, label, metadata.get(key)) for key, (kind, label) in THINGS.items())
    return [
        Thing(key, label, value, url_for("traces.show", kind=kind, id=value))
        for key, kind, label, value in found
        if isinstance(value, str) and 0 < len(value) <= LONGEST_ID and "/" not in value
    ]


def stack_of(metadata: Mapping[str, Any]) -> str | None:
    """The stack trace that a row carries."""
    stack = metadata.get("errorStack") or metadata.get("stack")
    return stack if isinstance(stack, str) else None


def facts_in(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata without the stack trace, which is shown by itself."""
    shown_apart = stack_of(metadata)
    return {key: value for key, value in metadata.items() if not (shown_apart and value == shown_apart)}


def raw_text(metadata: Mapping[str, Any]) -> str:
    """The metadata as JSON for people."""
    return json.dumps(metadata, ensure_ascii=False, indent=2, sort_keys=True)


def changes_in(metadata: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """What a row says changed: name, before, after, from previousStatus and newStatus and their like."""
    names = [key.removeprefix("previous") for key in metadata if key.startswith("previous")]
    return [
        (name[:1].lower() + name[1:], metadata[f"previous{name}"], metadata[f"new{name}"])
        for name in names
        if name and f"new{name}" in metadata
    ]
