"""What rows of a busy log look like: every type of the catalogue, some far more often than others.

A kind is one way that a row may look: its message and its metadata are texts for PostgreSQL's format(), which puts
ids, amounts and addresses where the places stand. A type that comes often has many kinds.
"""

import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

from portal.audit.catalogue import CATALOGUE, EventSpec
from portal.demo.stacks import (
    API_ERRORS,
    DATABASE_GONE,
    LIST_TIMEOUT,
    LOCK_TIMEOUT,
    NO_SUCH_OBJECT,
    PAYOUT_JOB_BUG,
)
from portal.models import LogActor, LogLevel

SLOTS = 16_384
SHARES = {LogLevel.INFO: 0.90, LogLevel.WARNING: 0.07, LogLevel.ERROR: 0.025, LogLevel.CRITICAL: 0.005}
FALL = 1.1
"""The nth most frequent type of a level comes 1/n**FALL as often as the first."""

PLACES = (
    "payoutId", "creatorId", "bookingId", "paymentId", "refundId", "disputeId", "offerId", "eventId", "runId",
    "adminId", "userId", "amount", "ms", "ip", "stripe",
)  # fmt: skip
"""What format() fills, in the order of its arguments."""
ID = {name: f'"%{n}$s"' for n, name in enumerate(PLACES, 1)}
ID |= {"amount": ID["amount"].strip('"'), "ms": ID["ms"].strip('"')}
SAME = {"callOfferId": "offerId", "validatedBy": "adminId", "ipAddress": "ip", "confirmedBy": "adminId"}
SAME |= {"bookingOwnerId": "userId", "cancelledByUserId": "userId"}
AMOUNTS = re.compile(r"(amount|balance|price|fee|withdrawn|reinstated|reversed)", re.IGNORECASE)
COUNTS = re.compile(r"(Ms|Seconds|Count|tries|processed|succeeded|failed|skipped|total|deleted|rows|due)")
STRIPE = {"stripePayoutId": "po", "stripeAccountId": "acct", "stripeRefundId": "re", "stripeDisputeId": "dp"}
STRIPE |= {"stripeTransferId": "tr", "paymentIntentId": "pi", "stripeRequestId": "req", "objectId": "py"}
STACKS = [error.stack for error in API_ERRORS]
STACKS += [PAYOUT_JOB_BUG, DATABASE_GONE, LIST_TIMEOUT, LOCK_TIMEOUT, NO_SUCH_OBJECT]
WORDS = {
    "currency": ("EUR", "EUR", "EUR", "USD", "GBP", "JPY"),
    "reason": ("Justificatif manquant", "Le créateur a annulé l’appel", "Demandé par le client", "Doublon"),
    "rejectionReason": ("Pièce d’identité illisible", "Montant à vérifier avec le créateur"),
    "blockReason": ("Litige en cours", "Contrôle de conformité"),
    "failureMessage": ("Le compte bancaire est fermé", "Titulaire du compte inconnu de la banque"),
    "errorMessage": ("Read timed out.", "Request rate limit exceeded.", "No such payout", "lock timeout"),
    "stripeErrorMessage": ("Solde insuffisant sur le compte", "This account can no longer receive payouts"),
    "eventType": ("payout.paid", "payout.created", "charge.succeeded", "payment_intent.succeeded",
                  "account.updated", "charge.refunded", "balance.available", "payout.failed"),
    "userAgent": ("Mozilla/5.0 (Macintosh; Intel Mac OS X 14_6) Safari/605.1.15",
                  "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:144.0) Firefox/144.0",
                  "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) Mobile/15E148"),
    "endpoint": ("/api/bookings", "/api/call-offers", "/api/payments/create-intent", "/dashboard/admin/payouts"),
    "job": ("process-payouts", "reconcile-stripe", "cleanup-logs", "roll-up-logs", "process-inbox"),
    "status": ("PAID", "PROCESSING", "won", "lost"),
    "newStatus": ("CONFIRMED", "PAID", "COMPLETED"),
    "previousStatus": ("PENDING", "REQUESTED", "PROCESSING"),
    "creatorName": ("Zoé Lambert", "Noël Benoît", "Inès Faure", "Léa Garnier", "Hugo Petit", "Chloé Girard"),
    "creatorEmail": ("zoe@example.test", "noel@example.test", "ines@example.test"),
    "adminName": ("Camille Roy", "Sacha Morel"),
    "title": ("Appel vidéo de 15 minutes", "Conseil carrière", "Cours de piano"),
    "provider": ("stripe",),
}  # fmt: skip
OTHERWISE = ("à vérifier", "terminé", "en cours", "conforme", "reporté", "incomplet")


@dataclass(frozen=True, slots=True)
class Kind:
    """One way that a row may look; `mask` has bit n set when place n stands in it."""

    type: str
    level: LogLevel
    actor: LogActor
    message: str
    metadata: str
    mask: int


def kinds(chance: random.Random) -> Iterator[Kind]:
    """SLOTS kinds; a row takes each as often as any other."""
    first, *others = _frequencies()
    slots = [(spec, max(1, round(share * SLOTS))) for spec, share in others]
    slots.append((first[0], SLOTS - sum(count for _, count in slots)))
    for spec, count in slots:
        yield from (_kind(spec, chance) for _ in range(count))


def _frequencies() -> Iterator[tuple[EventSpec, float]]:
    """Each type with its share of all rows, the most frequent of the commonest level first."""
    for level, share in SHARES.items():
        of_level = sorted((spec for spec in CATALOGUE.values() if spec.level is level), key=_rank)
        weights = [1 / n**FALL for n in range(1, len(of_level) + 1)]
        yield from ((spec, share * weight / sum(weights)) for spec, weight in zip(of_level, weights, strict=True))


def _rank(spec: EventSpec) -> int:
    """An order that is always the same and that no alphabet gives."""
    first = ("WEBHOOK_RECEIVED", "WEBHOOK_SIGNATURE_VERIFIED", "WEBHOOK_PROCESSING_SUCCESS", "USER_LOGIN")
    return first.index(spec.type) if spec.type in first else random.Random(spec.type).randrange(9, 10**6)


def _kind(spec: EventSpec, chance: random.Random) -> Kind:
    actors = spec.actors or (LogActor.USER, LogActor.CREATOR, LogActor.ADMIN)
    facts = {key: _value(key, chance) for key in sorted(spec.required)}
    for word in re.findall(r"{(\w+)}", spec.message):
        facts.setdefault(word, _value(word, chance))
    message = re.sub(r"{(\w+)}", lambda found: facts[found[1]].strip('"'), spec.message.replace("%", "%%"))
    metadata = ", ".join(f'"{key}": {value}' for key, value in facts.items())
    held = message + metadata
    mask = sum(1 << n for n in range(len(PLACES)) if f"%{n + 1}$s" in held)
    return Kind(spec.type, spec.level, chance.choice(actors), message, f"{{{metadata}}}", mask)


def _value(key: str, chance: random.Random) -> str:
    """A place or a constant, as JSON within a text of format()."""
    place = SAME.get(key, key)
    if place in ID:
        return ID[place]
    if key in STRIPE:
        return f'"{STRIPE[key]}_%{PLACES.index("stripe") + 1}$s"'
    if key == "errorStack":
        return _constant(chance.choice(STACKS))
    if key in WORDS:
        return _constant(chance.choice(WORDS[key]))
    if AMOUNTS.search(key):
        return ID["amount"]
    if COUNTS.search(key):
        return ID["ms"]
    return _constant(chance.choice(OTHERWISE))


def _constant(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("%", "%%")
