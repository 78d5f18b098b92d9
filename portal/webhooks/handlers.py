"""What each type of event does: read the present state from Stripe, then apply it in one transaction.

An event only says that something changed; what it says of money is never believed. Each kind of thing has a
module of its own, <thing>_events.py, with a table of HANDLERS; here they become one.
"""

from portal.webhooks import account_events, aftermath_events, payment_events, payout_events
from portal.webhooks.handler import Handler, Handlers

MODULES = (
    account_events,
    aftermath_events,
    payment_events,
    payout_events,
)


def joined(*tables: Handlers) -> dict[str, Handler]:
    """One table of several. Raises ValueError when a type stands in two."""
    found: dict[str, Handler] = {}
    for table in tables:
        if twice := found.keys() & table.keys():
            raise ValueError(f"handled twice: {', '.join(sorted(twice))}")
        found |= table
    return found


HANDLERS = joined(*(module.HANDLERS for module in MODULES))
