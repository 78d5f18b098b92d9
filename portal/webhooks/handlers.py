"""Every type of event that the portal handles, and by what."""

from portal.webhooks import account_events, aftermath_events, payout_events

HANDLERS = payout_events.HANDLERS | account_events.HANDLERS | aftermath_events.HANDLERS
