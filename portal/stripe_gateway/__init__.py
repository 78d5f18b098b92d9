"""The only code that talks to Stripe's SDK: implements domain.gateway with plain results and our own errors."""

from portal.stripe_gateway.accounts import AccountCalls
from portal.stripe_gateway.aftermath import AftermathCalls
from portal.stripe_gateway.events import EventCalls
from portal.stripe_gateway.intents import IntentCalls
from portal.stripe_gateway.payouts import PayoutCalls


class Stripe(AccountCalls, PayoutCalls, IntentCalls, AftermathCalls, EventCalls):
    """Stripe over HTTP. No call is retried here: who may send again, and when, is a rule."""
