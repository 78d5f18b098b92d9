"""The words that a search of the book of money may use. Amounts are decimal, in each row's own currency."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from difflib import get_close_matches
from typing import Any

from sqlalchemy import ColumnElement, and_, false, not_, or_, true

from portal.audit.catalogue import CATALOGUE
from portal.models import EntityType, LogActor, LogLevel, TransactionEventType, TransactionLog
from portal.models.currency import THREE_DECIMAL, ZERO_DECIMAL
from portal.queries.amounts import AMOUNT
from portal.queries.search_field import EQUAL, Field, WrongValue, is_present, missing, read_uuid, refuse_operator
from portal.queries.search_fields import AnyOf, Closed, Exact, Moment
from portal.queries.search_forms import Forms
from portal.queries.search_metadata import COMPARE, Metadata
from portal.queries.search_types import as_known, families, matching
from portal.queries.search_vocabulary import Vocabulary, vocabulary
from portal.queries.time_range import moments
from portal.queries.transaction_entry import level_of

BOOK = TransactionLog
EVENTS = [kind.value for kind in TransactionEventType]
SPELLINGS = {
    "eventType": "type",
    "événement": "type",
    "objet": "entityType",
    "niveau": "level",
    "acteur": "actor",
    "entité": "entity",
    "request": "requestId",
    "requête": "requestId",
    "stripeEventId": "event",
    "eventId": "event",
    "paymentId": "payment",
    "paiement": "payment",
    "payoutId": "payout",
    "refundId": "refund",
    "remboursement": "refund",
    "statut": "status",
    "devise": "currency",
    "montant": "amount",
    "creatorId": "creator",
    "créateur": "creator",
    "bookingId": "booking",
    "réservation": "booking",
    "userId": "user",
    "utilisateur": "user",
    "depuis": "from",
    "jusqu": "to",
}


@dataclass(frozen=True, slots=True, eq=False)
class EventType:
    """The type of a financial event, or the beginning of several; types of the other book find nothing here."""

    name: str = "type"

    @property
    def values(self) -> Sequence[str]:
        """Families, then types."""
        return families(EVENTS)

    def read(self, operator: str, raw: str) -> tuple[str, ...]:
        """The types that begin so."""
        refuse_operator(operator, EQUAL)
        if not raw:
            raise missing()
        known = as_known(raw, EVENTS)
        types = matching(known, EVENTS)
        if not types and not matching(as_known(raw, CATALOGUE), CATALOGUE):
            near = get_close_matches(raw.upper(), self.values, n=1)
            words = {"values": ", ".join(EVENTS)}
            raise WrongValue("%(values)s, ou un début comme PAYOUT_*", words, near[0] if near else None)
        return tuple(types)

    def condition(self, operator: str, value: tuple[str, ...]) -> ColumnElement[bool]:
        """One of the types; any other."""
        held = BOOK.event_type.in_(value) if value else false()
        return not_(held) if operator == "!=" else held

    def present(self) -> ColumnElement[bool]:
        """Always."""
        return true()

    def narrows(self, _operator: str, _value: Any) -> bool:
        """Not by itself."""
        return False


@dataclass(frozen=True, slots=True, eq=False)
class Level(Closed):
    """How serious an event is by its type: the book itself keeps no level."""

    def condition(self, operator: str, value: tuple[str, ...]) -> ColumnElement[bool]:
        """One of the types of these levels; any other."""
        held = BOOK.event_type.in_([kind for kind in EVENTS if level_of(kind) in value])
        return not_(held) if operator == "!=" else held


@dataclass(frozen=True, slots=True, eq=False)
class Amount:
    """A decimal amount of whichever currency a row has; rows without one are none of them."""

    name: str = "amount"
    values: Sequence[str] = ()

    def read(self, operator: str, raw: str) -> Decimal:
        """The decimal amount."""
        refuse_operator(operator, (*EQUAL, *COMPARE))
        if not raw:
            raise missing()
        if not AMOUNT.fullmatch(raw):
            raise WrongValue("un montant décimal, comme amount>=100 ou amount<99,50")
        return Decimal(raw.replace(",", "."))

    def condition(self, operator: str, value: Decimal) -> ColumnElement[bool]:
        """Compared in the minor units of the row's currency."""
        decimals = {0: BOOK.currency.in_(ZERO_DECIMAL), 3: BOOK.currency.in_(THREE_DECIMAL)}
        decimals[2] = BOOK.currency.not_in(ZERO_DECIMAL | THREE_DECIMAL)
        return or_(*(and_(own, _compared(operator, value.scaleb(n))) for n, own in decimals.items()))

    def present(self) -> ColumnElement[bool]:
        """Not null."""
        return is_present(BOOK.amount_minor)

    def narrows(self, _operator: str, _value: Any) -> bool:
        """Never."""
        return False


def _compared(operator: str, minor: Decimal) -> ColumnElement[bool]:
    """Whole minor units against what may lie between two of them."""
    below, above = (int(minor.to_integral_value(way)) for way in (ROUND_FLOOR, ROUND_CEILING))
    column = BOOK.amount_minor
    compare: dict[str, Callable[[], ColumnElement[bool]]] = {
        ">=": lambda: column >= above,
        ">": lambda: column > below,
        "<=": lambda: column <= below,
        "<": lambda: column < above,
        "!=": lambda: column != below if below == above else is_present(column),
    }
    return compare.get(operator, lambda: column == below if below == above else false())()


def _currency(raw: str) -> str:
    if not (len(raw) == 3 and raw.isascii() and raw.isalpha()):
        raise WrongValue("un code de devise ISO, comme EUR", suggestion="EUR")
    return raw.upper()


COLUMNS: tuple[Field, ...] = (
    EventType(),
    Closed("entityType", BOOK.entity_type, EntityType),
    Level("level", BOOK.event_type, LogLevel, ordered=True),
    Closed("actor", BOOK.actor, LogActor),
    Exact("actorId", BOOK.actor_id),
    Exact("entityId", BOOK.entity_id),
    AnyOf("entity", (BOOK.entity_id, BOOK.payment_id, BOOK.payout_id, BOOK.refund_id, BOOK.stripe_event_id)),
    Exact("requestId", BOOK.request_id, read_uuid),
    Exact("event", BOOK.stripe_event_id),
    Exact("payment", BOOK.payment_id),
    Exact("payout", BOOK.payout_id),
    Exact("refund", BOOK.refund_id),
    Exact("status", BOOK.status, rare=False),
    Exact("currency", BOOK.currency, _currency, ("EUR", "USD", "GBP", "CHF"), rare=False),
    Amount(),
    Metadata("creator", ("creatorId",), BOOK.details, BOOK.search),
    Metadata("booking", ("bookingId",), BOOK.details, BOOK.search),
    AnyOf("user", (BOOK.details["userId"].astext, BOOK.actor_id)),
)


def transaction_vocabulary(now: datetime, tz: str) -> Vocabulary:
    """The words of the book of money; `now` and `tz` are what from: and to: are read by."""
    first, last = moments(now, tz)
    times = (Moment("from", BOOK.created_at, True, first), Moment("to", BOOK.created_at, False, last))
    return vocabulary((*COLUMNS, *times), SPELLINGS, BOOK.details, BOOK.search)


PARAMETERS = {
    "eventType": ("type", ":"),
    "entityType": ("entityType", ":"),
    "entityId": ("entityId", ":"),
    "stripeEventId": ("event", ":"),
    "paymentId": ("payment", ":"),
    "payoutId": ("payout", ":"),
    "refundId": ("refund", ":"),
    "status": ("status", ":"),
    "currency": ("currency", ":"),
    "amountMin": ("amount", ">="),
    "amountMax": ("amount", "<="),
    "requestId": ("requestId", ":"),
    "from": ("from", ":"),
    "to": ("to", ":"),
}
"""Which term says the same as which parameter."""


def transaction_forms(now: datetime, tz: str) -> Forms:
    """How the parameters of the book of money and its search say the same."""
    return Forms(PARAMETERS, frozenset({"eventType", "entityType"}), transaction_vocabulary(now, tz))
