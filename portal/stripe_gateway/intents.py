"""Payment intents, and the charges that cards leave behind. All are the platform's own."""

from collections.abc import Mapping
from typing import Any

from portal.domain.gateway import StripeCharge, StripeIntent
from portal.stripe_gateway.calls import Calls


class IntentCalls(Calls):
    """Creates, reads, cancels and, for test payers, confirms payment intents; reads charges."""

    def create_intent(self, params: Mapping[str, Any], idempotency_key: str) -> StripeIntent:
        """Create a payment intent with the stored parameters and key."""
        wanted: Any = dict(params)
        options: Any = {"idempotency_key": idempotency_key}
        return _intent(self._asked(lambda: self._client.v1.payment_intents.create(wanted, options)))

    def retrieve_intent(self, intent_id: str) -> StripeIntent:
        """Read a payment intent's present state."""
        return _intent(self._asked(lambda: self._client.v1.payment_intents.retrieve(intent_id)))

    def cancel_intent(self, intent_id: str) -> StripeIntent:
        """Cancel a payment intent that nobody has paid."""
        return _intent(self._asked(lambda: self._client.v1.payment_intents.cancel(intent_id)))

    def confirm_intent(self, intent_id: str, payment_method: str) -> StripeIntent:
        """Try a test card on a payment intent; a decline raises StripeFailure with type card_error."""
        params: Any = {"payment_method": payment_method}
        return _intent(self._asked(lambda: self._client.v1.payment_intents.confirm(intent_id, params)))

    def retrieve_charge(self, charge_id: str) -> StripeCharge:
        """Read one try of a card."""
        return _charge(self._asked(lambda: self._client.v1.charges.retrieve(charge_id)))


def _intent(answer: Mapping[str, Any]) -> StripeIntent:
    error = answer.get("last_payment_error") or {}
    return StripeIntent(
        id=answer["id"],
        amount_minor=answer["amount"],
        received_minor=answer.get("amount_received") or 0,
        currency=answer["currency"].upper(),
        status=answer["status"],
        client_secret=answer["client_secret"],
        error_code=error.get("code"),
        error_message=error.get("message"),
        decline_code=error.get("decline_code"),
        metadata=dict(answer.get("metadata") or {}),
    )


def _charge(answer: Mapping[str, Any]) -> StripeCharge:
    """A decline's own code stands in the outcome, beside the error's general one."""
    outcome = answer.get("outcome") or {}
    return StripeCharge(
        id=answer["id"],
        payment_intent=answer.get("payment_intent"),
        amount_minor=answer["amount"],
        currency=answer["currency"].upper(),
        status=answer["status"],
        failure_code=answer.get("failure_code"),
        failure_message=answer.get("failure_message"),
        decline_code=outcome.get("reason"),
    )
