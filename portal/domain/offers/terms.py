"""What an offer says, read from what people type: title, price, moment, duration; each with its limits."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from portal.domain.errors import Refusal
from portal.domain.money import AmountInvalid, parse_price

LONGEST_TITLE, LONGEST_DESCRIPTION = 160, 2000
SHORTEST_CALL, LONGEST_CALL = 5, 480
FARTHEST = timedelta(days=366)
MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d:\d\d)?", re.ASCII)
BROKEN = re.compile(r"[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class OfferDraft:
    """Terms as they were typed; None is a term that was not given."""

    title: str | None = None
    description: str | None = None
    price: str | None = None
    currency: str | None = None
    date_time: str | None = None
    duration: str | None = None
    status: str | None = None

    def given(self) -> dict[str, str]:
        """What was asked for, under the specification's names."""
        named = {
            "title": self.title,
            "description": self.description,
            "price": self.price,
            "currency": self.currency,
            "dateTime": self.date_time,
            "duration": self.duration,
            "status": self.status,
        }
        return {name: value for name, value in named.items() if value is not None}


class TermInvalid(Exception):
    """A term that cannot be one."""

    def __init__(self, message: str, words: dict[str, object] | None = None) -> None:
        super().__init__(message % words if words else message)
        self.refusal = Refusal(message, words or {})


def read_terms(
    draft: OfferDraft, *, currency: str, zone: ZoneInfo, now: datetime
) -> tuple[dict[str, Any], dict[str, Refusal]]:
    """The columns that a draft gives, and why its other terms are refused."""
    readers: dict[str, tuple[str, Callable[[str], Any]]] = {
        "title": ("title", read_title),
        "description": ("description", read_description),
        "currency": ("currency", lambda text: read_currency(text, currency)),
        "price": ("price_minor", lambda text: read_price(text, currency)),
        "dateTime": ("starts_at", lambda text: read_start(text, zone, now)),
        "duration": ("duration_minutes", read_duration),
    }
    values: dict[str, Any] = {}
    errors: dict[str, Refusal] = {}
    for name, text in draft.given().items():
        if name in readers:
            column, read = readers[name]
            try:
                values[column] = read(text)
            except TermInvalid as invalid:
                errors[name] = invalid.refusal
    return values, errors


def read_title(text: str) -> str:
    """A title on one line."""
    title = " ".join(BROKEN.sub("", text).split())
    if not title:
        raise TermInvalid("Donnez un titre à cet appel.")
    if len(title) > LONGEST_TITLE:
        raise TermInvalid("Le titre dépasse %(most)s caractères.", {"most": LONGEST_TITLE})
    return title


def read_description(text: str) -> str:
    """What the call is about; may be empty."""
    description = BROKEN.sub("", text).replace("\r\n", "\n").strip()
    if len(description) > LONGEST_DESCRIPTION:
        raise TermInvalid("La description dépasse %(most)s caractères.", {"most": LONGEST_DESCRIPTION})
    return description


def read_currency(text: str, own: str) -> str:
    """The creator's own currency: shares and payouts are in it."""
    if text.strip().upper() != own:
        raise TermInvalid("Vos prix sont en %(currency)s, la devise de votre compte.", {"currency": own})
    return own


def read_price(text: str, currency: str) -> int:
    """Minor units that a card can be charged."""
    try:
        return parse_price(text, currency)
    except AmountInvalid as invalid:
        raise TermInvalid(invalid.message, invalid.words) from invalid


def read_start(text: str, zone: ZoneInfo, now: datetime) -> datetime:
    """The moment a call begins, in UTC; without a zone of its own the text is in `zone`.

    An hour that the clocks skip is refused; one that they strike twice is the first.
    """
    if not text.strip():
        raise TermInvalid("Indiquez une date et une heure.")
    if not MOMENT.fullmatch(text.strip()):
        raise TermInvalid("Indiquez une date et une heure, comme 2026-11-30T14:30.")
    try:
        written = datetime.fromisoformat(text.strip()).replace(second=0, microsecond=0)
        moment = _in_zone(written, zone) if written.tzinfo is None else written.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise TermInvalid("Cette date n’existe pas.") from error
    if moment <= now:
        raise TermInvalid("Choisissez un moment à venir : celui-ci est passé.")
    if moment > now + FARTHEST:
        raise TermInvalid("Choisissez un moment dans l’année qui vient.")
    return moment


def _in_zone(written: datetime, zone: ZoneInfo) -> datetime:
    moment = written.replace(tzinfo=zone).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) != written:
        raise TermInvalid("Cette heure n’existe pas ce jour-là : les horloges passent à l’heure d’été.")
    return moment


def read_duration(text: str) -> int:
    """Whole minutes."""
    words: dict[str, object] = {"least": SHORTEST_CALL, "most": LONGEST_CALL}
    plain = text.strip()
    if not (plain.isascii() and plain.isdigit() and len(plain) < 5):
        raise TermInvalid("Indiquez une durée en minutes, de %(least)s à %(most)s.", words)
    minutes = int(plain)
    if not SHORTEST_CALL <= minutes <= LONGEST_CALL:
        raise TermInvalid("Une durée va de %(least)s à %(most)s minutes.", words)
    return minutes
