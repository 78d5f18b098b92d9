"""What need not be looked for everywhere: the kinds that the log holds, and what an id is the id of."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Subquery,
    bindparam,
    literal_column,
    or_,
    select,
    text,
    union,
    union_all,
)
from sqlalchemy.orm import Session

from portal.models import (
    Booking,
    CallOffer,
    Creator,
    Dispute,
    JobRun,
    Log,
    Payment,
    Payout,
    Refund,
    StripeEvent,
)
from portal.models.log import TRACED_KEYS
from portal.queries.log_language import is_type
from portal.queries.probes import Cut, Place, of_kinds, prefix_of

KEYS = (Log.created_at, Log.id)
REMEMBERED_SECONDS = 60
MARGIN = 1000
"""Ids are taken before their rows are seen: so many before the last one may still come."""
NAMED_BY: Mapping[str, Any] = {
    "payoutId": Payout,
    "bookingId": Booking,
    "paymentId": Payment,
    "refundId": Refund,
    "disputeId": Dispute,
    "offerId": CallOffer,
    "creatorId": Creator,
    "runId": JobRun,
}
"""The metadata key under which rows name a thing of each table."""
KINDS = text("""
with recursive kind as (
    (select type, level from log order by type, level limit 1)
    union all
    select following.* from kind cross join lateral (
        select type, level from log where (type, level) > (kind.type, kind.level) order by type, level limit 1
    ) as following
)
select type, level::text, (select max(id) from log) from kind
""")


@dataclass(frozen=True, slots=True)
class Kinds:
    """Each type with its levels, as the book had them when its rows up to the id `seen` were there."""

    pairs: tuple[tuple[str, str], ...]
    seen: int


NONE = Kinds((), 0)
"""What is known of an empty book: every row is read."""
_remembered: dict[Any, tuple[float, Kinds]] = {}


def known_kinds(session: Session) -> Kinds:
    """The kinds of the session's database, at most a minute old: rows after `seen` may be of others."""
    place = session.get_bind()
    until, kinds = _remembered.get(place, (0.0, NONE))
    if time.monotonic() >= until:
        rows = session.execute(KINDS).all()
        kinds = Kinds(tuple((row[0], row[1]) for row in rows), max((row[2] for row in rows), default=0) - MARGIN)
        _remembered[place] = (time.monotonic() + REMEMBERED_SECONDS, kinds)
    return kinds


def of_known_kinds(
    kinds: Kinds, types: Sequence[str], levels: Sequence[str], conditions: Sequence[ColumnElement[bool]], cut: Cut
) -> Subquery:
    """Keys of the rows of these types and levels: a probe of each kind that is known, and all newer rows."""
    pairs = [pair for pair in kinds.pairs if _wanted(pair, types, levels)]
    known = {"type": [type for type, _ in pairs], "level": [level for _, level in pairs]}
    newer = [Log.id > kinds.seen, or_(*map(is_type, types)), Log.level.in_(levels), *conditions]
    place = Place(Log.created_at + timedelta(), Log.id)  # never by the index of moments: newer rows are few
    return union(of_kinds(KEYS, known, conditions, cut), cut(select(*KEYS).where(*newer), place)).subquery(
        "probed"
    )


def _wanted(pair: tuple[str, str], types: Sequence[str], levels: Sequence[str]) -> bool:
    prefixes = [(value, prefix_of(value)) for value in types]
    named = any(pair[0] == value if prefix is None else pair[0].startswith(prefix) for value, prefix in prefixes)
    return named and pair[1] in levels


def keys_naming(session: Session, entity: str) -> tuple[str, ...]:
    """The metadata keys under which rows may name `entity`: one for a thing of ours, all for what is none."""
    try:
        found = session.scalar(OF_OURS, {"id": UUID(entity)})
    except ValueError:
        found = session.scalar(OF_STRIPE, {"id": entity})
    return TRACED_KEYS if found is None else (found,)


def _is_there(name: str, model: Any) -> Any:
    """The name, if there is a row of the id asked for."""
    return select(literal_column(f"'{name}'")).where(select(model.id).where(model.id == bindparam("id")).exists())


OF_STRIPE = _is_there("eventId", StripeEvent).execution_options(kept_plan=True)
OF_OURS = union_all(*(_is_there(name, model) for name, model in NAMED_BY.items())).execution_options(
    kept_plan=True
)
