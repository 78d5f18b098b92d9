"""The words that a search of the log may use: its columns, what its metadata names, and any other key."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, not_, or_

from portal.audit.catalogue import CATALOGUE
from portal.models import Log, LogActor, LogLevel
from portal.models.log import TRACED_KEYS
from portal.queries.paging import BadParameter
from portal.queries.parameters import Arguments, Choice, many, split_excluded
from portal.queries.probes import prefix_of
from portal.queries.search_field import EQUAL, Field, WrongValue, missing, read_uuid, refuse_operator
from portal.queries.search_fields import AnyOf, Closed, Exact, Holding, Moment
from portal.queries.search_forms import Forms
from portal.queries.search_metadata import Traced
from portal.queries.search_types import as_known, families
from portal.queries.search_vocabulary import Vocabulary, vocabulary
from portal.queries.time_range import moments

TYPE = re.compile(r"[A-Za-z0-9_.:-]{0,79}[A-Za-z0-9_.:*]", re.ASCII)
SPELLINGS = {f"{key.removesuffix('Id')}Id": key.removesuffix("Id") for key in TRACED_KEYS} | {
    "niveau": "level",
    "acteur": "actor",
    "entité": "entity",
    "requête": "requestId",
    "request": "requestId",
    "réservation": "booking",
    "paiement": "payment",
    "remboursement": "refund",
    "litige": "dispute",
    "offre": "offer",
    "créateur": "creator",
    "événement": "event",
    "utilisateur": "user",
    "userId": "user",
    "depuis": "from",
    "jusqu": "to",
}


def is_type(value: str) -> ColumnElement[bool]:
    """A row's type is `value`, or begins with it where it ends in _ or *."""
    prefix = prefix_of(value)
    return Log.type == value if prefix is None else Log.type.startswith(prefix, autoescape=True)


def parse_types(args: Arguments) -> Choice:
    """The types that an address asks for, and those it leaves out. Raises BadParameter."""
    only, without = split_excluded(many(args, "type"))
    for value in (*only, *without):
        if not TYPE.fullmatch(value):
            expected = "un type comme PAYOUT_APPROVED, ou un début comme PAYOUT_ ou PAYOUT_* ; « - » devant exclut"
            raise BadParameter("type", value, expected)
    return Choice(only, without)


@dataclass(frozen=True, slots=True, eq=False)
class Type:
    """The type of an event, or the beginning of several."""

    name: str = "type"

    @property
    def values(self) -> Sequence[str]:
        """Families, then types."""
        return families(CATALOGUE)

    def read(self, operator: str, raw: str) -> tuple[str, ...]:
        """The type as the catalogue writes it."""
        refuse_operator(operator, EQUAL)
        if not raw:
            raise missing()
        if not TYPE.fullmatch(raw):
            raise WrongValue("un type comme PAYOUT_APPROVED, ou un début comme PAYOUT_ ou PAYOUT_*")
        return (as_known(raw, CATALOGUE),)

    def condition(self, operator: str, value: tuple[str, ...]) -> ColumnElement[bool]:
        """One of the types; any other."""
        held = or_(*map(is_type, value))
        return not_(held) if operator == "!=" else held

    def present(self) -> ColumnElement[bool]:
        """Always."""
        held: ColumnElement[bool] = Log.type.is_not(None)
        return held

    def narrows(self, _operator: str, _value: Any) -> bool:
        """Not by itself."""
        return False


COLUMNS: tuple[Field, ...] = (
    Closed("level", Log.level, LogLevel, ordered=True),
    Type(),
    Closed("actor", Log.actor, LogActor),
    Exact("actorId", Log.actor_id),
    AnyOf("entity", tuple(Log.details[key].astext for key in TRACED_KEYS)),
    Exact("requestId", Log.request_id, read_uuid),
    *(Traced(key.removesuffix("Id"), key, Log.details) for key in TRACED_KEYS),
    AnyOf("user", (Log.details["userId"].astext, Log.actor_id), search=Log.search),
    Holding("message", Log.message, Log.search),
)


def log_vocabulary(now: datetime, tz: str) -> Vocabulary:
    """The log's words; `now` and `tz` are what from: and to: are read by."""
    first, last = moments(now, tz)
    times = (Moment("from", Log.created_at, True, first), Moment("to", Log.created_at, False, last))
    return vocabulary((*COLUMNS, *times), SPELLINGS, Log.details, Log.search)


PARAMETERS = {
    "level": ("level", ":"),
    "type": ("type", ":"),
    "actor": ("actor", ":"),
    "actorId": ("actorId", ":"),
    "entity": ("entity", ":"),
    "requestId": ("requestId", ":"),
    "from": ("from", ":"),
    "to": ("to", ":"),
}
"""Which term says the same as which parameter."""


def log_forms(now: datetime, tz: str) -> Forms:
    """How the log's parameters and its search say the same."""
    return Forms(PARAMETERS, frozenset({"level", "type", "actor"}), log_vocabulary(now, tz))
