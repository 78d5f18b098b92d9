"""Events that no delivery brought: found in Stripe's list, kept in the same inbox, marked by their origin."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from portal.audit.system_log import log_info
from portal.models import EventOrigin, LogActor, StripeEvent
from portal.unit_of_work import unit_of_work
from portal.webhooks.event import event_from
from portal.webhooks.inbox import inbox_row


def store_missed(listed: Sequence[Mapping[str, Any]], account: str | None, *, now: datetime) -> int:
    """Store those of `account`'s listed events that never arrived; returns how many."""
    if not listed:
        return 0
    ids = [content["id"] for content in listed]
    with unit_of_work() as session:
        known = set(session.scalars(select(StripeEvent.id).where(StripeEvent.id.in_(ids))))
        missed = [content for content in reversed(listed) if content["id"] not in known]
        return sum(_store(session, content, account, now) for content in missed)


def _store(session: Session, content: Mapping[str, Any], account: str | None, now: datetime) -> bool:
    """Keep one event as the list gave it; a list leaves out whose account it was asked for."""
    whole = {**content, "account": account} if account else dict(content)
    event = event_from(whole)
    row = inbox_row(event, json.dumps(whole).encode(), now) | {"origin": EventOrigin.LIST}
    statement = insert(StripeEvent).values(row).on_conflict_do_nothing().returning(StripeEvent.id)
    if session.scalar(statement) is None:
        return False
    facts = event.facts() | {"apiVersion": event.api_version, "origin": EventOrigin.LIST}
    log_info("WEBHOOK_RECEIVED", LogActor.SYSTEM, None, None, facts, session=session)
    return True
