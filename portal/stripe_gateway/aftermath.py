"""What becomes of a charge afterwards: refunds, disputes, and the transfer of the creator's share."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from portal.domain.gateway import StripeDispute, StripeRefund, StripeTransfer
from portal.stripe_gateway.calls import Calls, moment


class AftermathCalls(Calls):
    """Creates and reads refunds; reads disputes and transfers. All are the platform's own."""

    def create_refund(self, params: Mapping[str, Any], idempotency_key: str) -> StripeRefund:
        """Create a refund with the stored parameters and key."""
        wanted: Any = dict(params)
        options: Any = {"idempotency_key": idempotency_key}
        return _refund(self._asked(lambda: self._client.v1.refunds.create(wanted, options)))

    def retrieve_refund(self, stripe_refund_id: str) -> StripeRefund:
        """Read a refund's present state."""
        return _refund(self._asked(lambda: self._client.v1.refunds.retrieve(stripe_refund_id)))

    def list_refunds(self, payment_intent: str, created_from: datetime) -> list[StripeRefund]:
        """Every refund of a payment intent created since, newest first."""
        listed = self._every(self._client.v1.refunds.list, None, created_from, payment_intent=payment_intent)
        return [_refund(item) for item in listed]

    def retrieve_dispute(self, stripe_dispute_id: str) -> StripeDispute:
        """Read a dispute's present state."""
        return _dispute(self._asked(lambda: self._client.v1.disputes.retrieve(stripe_dispute_id)))

    def retrieve_transfer(self, stripe_transfer_id: str) -> StripeTransfer:
        """Read a transfer with what was reversed of it, and the payment intent that it shares out."""
        params: Any = {"expand": ["source_transaction"]}
        return _transfer(self._asked(lambda: self._client.v1.transfers.retrieve(stripe_transfer_id, params)))


def _refund(answer: Mapping[str, Any]) -> StripeRefund:
    return StripeRefund(
        id=answer["id"],
        payment_intent=answer.get("payment_intent"),
        amount_minor=answer["amount"],
        currency=answer["currency"].upper(),
        status=answer["status"],
        failure_reason=answer.get("failure_reason"),
        created_at=datetime.fromtimestamp(answer["created"], UTC),
        metadata=dict(answer.get("metadata") or {}),
    )


def _dispute(answer: Mapping[str, Any]) -> StripeDispute:
    moves = [item["amount"] for item in answer.get("balance_transactions") or []]
    return StripeDispute(
        id=answer["id"],
        payment_intent=answer.get("payment_intent"),
        amount_minor=answer["amount"],
        currency=answer["currency"].upper(),
        reason=answer["reason"],
        status=answer["status"],
        evidence_due_at=moment((answer.get("evidence_details") or {}).get("due_by")),
        withdrawn_minor=-sum(moves),
        created_at=datetime.fromtimestamp(answer["created"], UTC),
    )


def _transfer(answer: Mapping[str, Any]) -> StripeTransfer:
    charge = answer.get("source_transaction")
    return StripeTransfer(
        id=answer["id"],
        payment_intent=charge.get("payment_intent") if isinstance(charge, Mapping) else None,
        destination=answer["destination"],
        amount_minor=answer["amount"],
        reversed_minor=answer["amount_reversed"],
        currency=answer["currency"].upper(),
        created_at=datetime.fromtimestamp(answer["created"], UTC),
    )
