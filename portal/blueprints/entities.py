"""What a row of the books is about: the things it names, each with the links to the rest of their life."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import url_for

from portal.blueprints.spoken import lazy_gettext

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
MOST_CHANGES = 50
CHANGE = re.compile(r"(?P<name>[^:]{1,80}): (?P<before>.*) → (?P<after>.*)", re.DOTALL)
BEFORE_AFTER = (("from", "to"), ("before", "after"), ("old", "new"))


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


def changes_in(metadata: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """What a row says changed: name, before, after; from previousStatus and newStatus, or `changes`."""
    names = [key.removeprefix("previous") for key in metadata if key.startswith("previous")]
    pairs = [
        (name[:1].lower() + name[1:], metadata[f"previous{name}"], metadata[f"new{name}"])
        for name in names
        if name and f"new{name}" in metadata
    ]
    return [*pairs, *_listed(metadata.get("changes"))][:MOST_CHANGES]


def _listed(changes: Any) -> list[tuple[str, Any, Any]]:
    """Lines such as `price: 60.00 → 55.00`, or an object of pairs: {"price": {"from": 60, "to": 55}}."""
    if isinstance(changes, list):
        lines = [CHANGE.fullmatch(line) for line in changes if isinstance(line, str)]
        return [(line["name"], line["before"], line["after"]) for line in lines if line]
    if not isinstance(changes, Mapping):
        return []
    pairs = ((name, _pair(change)) for name, change in changes.items())
    return [(name, *pair) for name, pair in pairs if pair]


def _pair(change: Any) -> tuple[Any, Any] | None:
    if isinstance(change, list) and len(change) == 2:
        return change[0], change[1]
    if isinstance(change, Mapping):
        for before, after in BEFORE_AFTER:
            if before in change and after in change:
                return change[before], change[after]
    return None
