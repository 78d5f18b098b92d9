"""Payouts on connected accounts."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from portal.domain.gateway import StripePayout
from portal.stripe_gateway.calls import Calls, moment


class PayoutCalls(Calls):
    """Creates, reads and cancels payouts."""

    def create_payout(self, account: str, params: Mapping[str, Any], idempotency_key: str) -> StripePayout:
        """Create a payout with the stored parameters and key."""
        options: Any = {"stripe_account": account, "idempotency_key": idempotency_key}
        wanted: Any = dict(params)
        return _payout(account, self._asked(lambda: self._client.v1.payouts.create(wanted, options)))

    def retrieve_payout(self, account: str, stripe_payout_id: str) -> StripePayout:
        """Read a payout's present state."""
        options: Any = {"stripe_account": account}
        answer = self._asked(lambda: self._client.v1.payouts.retrieve(stripe_payout_id, {}, options))
        return _payout(account, answer)

    def cancel_payout(self, account: str, stripe_payout_id: str) -> StripePayout:
        """Cancel a payout that is pending."""
        options: Any = {"stripe_account": account}
        answer = self._asked(lambda: self._client.v1.payouts.cancel(stripe_payout_id, {}, options))
        return _payout(account, answer)

    def list_payouts(self, account: str, created_from: datetime) -> list[StripePayout]:
        """Every payout of the account created since `created_from`, newest first."""
        listed = self._every(self._client.v1.payouts.list, account, created_from)
        return [_payout(account, item) for item in listed]


def _payout(account: str, answer: Mapping[str, Any]) -> StripePayout:
    return StripePayout(
        id=answer["id"],
        account=account,
        amount_minor=answer["amount"],
        currency=answer["currency"].upper(),
        status=answer["status"],
        arrival_at=moment(answer.get("arrival_date")),
        created_at=datetime.fromtimestamp(answer["created"], UTC),
        failure_code=answer.get("failure_code"),
        failure_message=answer.get("failure_message"),
        metadata=dict(answer.get("metadata") or {}),
    )
