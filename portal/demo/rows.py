"""Rows on their way into the database, as lines of COPY: the two books, and the tables beside them."""

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from portal.audit.catalogue import CATALOGUE
from portal.demo.chance import Chance
from portal.models import EntityType, LogActor, TransactionEventType
from portal.models.currency import to_decimal

Facts = dict[str, Any]
LOG_COLUMNS = ("created_at", "level", "type", "actor", "actor_id", "message", "metadata", "request_id")
_SPECIAL = re.compile(r"[\\\t\n\r]")
_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})
_OWNER = {EntityType.PAYMENT: "payment_id", EntityType.PAYOUT: "payout_id", EntityType.REFUND: "refund_id"}


class Books:
    """What was written so far; the rows of tables are dicts that may still change until they are loaded."""

    def __init__(self) -> None:
        self.log: list[tuple[datetime, str]] = []
        self.numbered: list[tuple[datetime, str]] = []
        self.tables: dict[str, list[Facts]] = defaultdict(list)

    def add(self, table: str, row: Facts) -> Facts:
        """Keep a row of a table and return it."""
        self.tables[table].append(row)
        return row


class Operation:
    """One request, job run or webhook delivery: its rows share an id and follow each other in time."""

    def __init__(self, books: Books, chance: Chance, at: datetime, request_id: UUID | None = None) -> None:
        self.books = books
        self.chance = chance
        self.at = at
        self.request_id = request_id or chance.uuid(at)

    def wait(self, least_ms: float, most_ms: float) -> int:
        """Let time pass, as a call to Stripe does; returns the milliseconds."""
        passed = self.chance.random.uniform(least_ms, most_ms)
        self.at += timedelta(milliseconds=passed)
        return round(passed)

    def log(self, type: str, actor: LogActor, actor_id: Any, facts: Facts) -> None:
        """A row of `log` with the catalogue's level and message."""
        row = self._line(type, actor, actor_id, facts)
        self.books.log.append((self.at, row))

    def log_numbered(self, type: str, actor: LogActor, actor_id: Any, facts: Facts) -> int:
        """A row of `log` that another will name; returns its id."""
        row_id = len(self.books.numbered) + 1
        row = self._line(type, actor, actor_id, facts)
        self.books.numbered.append((self.at, f"{row_id}\t{row}"))
        return row_id

    def _line(self, type: str, actor: LogActor, actor_id: Any, facts: Facts) -> str:
        spec = CATALOGUE[type]
        self.at += timedelta(microseconds=150 + self.chance.random.random() * 500)
        who = r"\N" if actor_id is None else actor_id
        message, metadata = escaped(spec.describe(facts)), escaped(json_text(facts))
        return f"{self.at}\t{spec.level}\t{type}\t{actor}\t{who}\t{message}\t{metadata}\t{self.request_id}\n"

    def money(
        self,
        event: TransactionEventType,
        entity: EntityType,
        entity_id: Any,
        metadata: Facts,
        *,
        amount_minor: int | None = None,
        currency: str | None = None,
        actor: tuple[LogActor, Any] = (LogActor.SYSTEM, None),
        **columns: Any,
    ) -> None:
        """A row of `transaction_log`; `columns` are status, stripe_event_id, error_message and other owners."""
        owners = {"payment_id": None, "payout_id": None, "refund_id": None}
        if entity in _OWNER:
            owners[_OWNER[entity]] = entity_id
        self.at += timedelta(microseconds=150 + self.chance.random.random() * 500)
        row = {"created_at": self.at, "event_type": event, "entity_type": entity, "entity_id": entity_id}
        row |= {"amount_minor": amount_minor, "currency": currency, "metadata": metadata}
        row |= {"status": None, "stripe_event_id": None, "error_message": None, **owners, **columns}
        row |= {"actor": actor[0], "actor_id": actor[1], "request_id": self.request_id}
        self.books.add("transaction_log", row)


def amount(minor: int, currency: str) -> Decimal:
    """Minor units as rows show them."""
    return to_decimal(minor, currency)


def json_text(facts: Mapping[str, Any]) -> str:
    """Metadata as the writer stores it: plain JSON, amounts as numbers."""
    return _encode(facts)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value.isoformat() if isinstance(value, datetime) else str(value)


_encode = json.JSONEncoder(ensure_ascii=False, default=_plain).encode


def line(values: tuple[Any, ...]) -> str:
    """One line of COPY's text format."""
    return "\t".join(map(_field, values)) + "\n"


def _field(value: Any) -> str:
    if value is None:
        return r"\N"
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, bytes):
        return rf"\\x{value.hex()}"
    return escaped(json_text(value) if isinstance(value, dict) else str(value))


def escaped(text: str) -> str:
    """Text as COPY reads it."""
    return text.translate(_ESCAPES) if _SPECIAL.search(text) else text
