"""Idempotency keys at Stripe: how long one may be sent again, when, and where its object is looked for."""

from datetime import datetime, timedelta

KEY_AGE_LIMIT = timedelta(hours=23)
"""Stripe may forget a key after 24 hours: an older one could make a second object."""

LIST_OVERLAP = timedelta(minutes=5)
"""How much before the first sending a list begins: clocks differ."""

BACK_OFF = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2))


def next_sending(now: datetime, send_count: int) -> datetime:
    """When to look again after `send_count` sendings, at least one."""
    return now + BACK_OFF[min(send_count, len(BACK_OFF)) - 1]
