"""The only code that talks to Stripe's SDK: implements domain.gateway with plain results and our own errors."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import stripe

from portal.domain.gateway import (
    Balance,
    BankAccount,
    ConnectedAccount,
    SignatureInvalid,
    StripeFailure,
    StripePayout,
)

T = TypeVar("T")
API_VERSION = "2026-10-28.endive"
TOLERANCE = timedelta(seconds=300)
PAGE = 100
RETURNED = ("payout_failure", "payout_cancel")


class Stripe:
    """Stripe over HTTP. No call is retried here: who may send again, and when, is a rule."""

    api_version = API_VERSION

    def __init__(self, secret_key: str, *, api_base: str | None, timeout: timedelta) -> None:
        self.timeout = timeout
        self._client = stripe.StripeClient(
            secret_key,
            stripe_version=API_VERSION,
            base_addresses={"api": api_base} if api_base else None,
            http_client=stripe.RequestsClient(timeout=timeout.total_seconds()),
            max_network_retries=0,
        )

    def retrieve_account(self, account: str) -> ConnectedAccount:
        """Read a connected account with its bank accounts."""
        return _account(self._asked(lambda: self._client.v1.accounts.retrieve(account)))

    def retrieve_balance(self, account: str) -> Balance:
        """Read a connected account's balance."""
        options: Any = {"stripe_account": account}
        answer = self._asked(lambda: self._client.v1.balance.retrieve({}, options))
        return Balance(available=_by_currency(answer["available"]), pending=_by_currency(answer["pending"]))

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

    def list_events(
        self, account: str | None, created_from: datetime, types: Sequence[str]
    ) -> list[dict[str, Any]]:
        """Every event of these types since `created_from`, newest first; `account` None is the platform's own."""
        return list(self._every(self._client.v1.events.list, account, created_from, types=list(types)))

    def sum_receipts(self, account: str, created_from: datetime) -> Mapping[str, int]:
        """What came into the balance since, in minor units by currency; payouts that came back left out."""
        received: Counter[str] = Counter()
        for item in self._every(self._client.v1.balance_transactions.list, account, created_from):
            if item["net"] > 0 and item["type"] not in RETURNED:
                received[item["currency"].upper()] += item["net"]
        return received

    def _every(
        self, ask: Callable[[Any, Any], Any], account: str | None, created_from: datetime, **filters: Any
    ) -> Iterator[dict[str, Any]]:
        """Every object of a list created since, page after page, newest first."""
        options: Any = {"stripe_account": account} if account else {}
        params: Any = {"created": {"gte": int(created_from.timestamp())}, "limit": PAGE, **filters}
        while True:
            page = self._asked(partial(ask, params, options))
            yield from page["data"]
            if not page["has_more"]:
                return
            params = {**params, "starting_after": page["data"][-1]["id"]}

    def verify_event(self, body: bytes, signature: str, secret: str, now: datetime) -> dict[str, Any]:
        """The event in a signed body. Raises SignatureInvalid, also for a timestamp in the future."""
        try:
            header = signature.encode("ascii").decode()
            event = stripe.Webhook.construct_event(body, header, secret, tolerance=int(TOLERANCE.total_seconds()))
            stamp = int(next(part[2:] for part in header.split(",") if part.startswith("t=")))
            found: dict[str, Any] = event.to_dict()
        except _UNVERIFIABLE as error:
            raise SignatureInvalid(str(error) or type(error).__name__) from error
        if stamp - now.timestamp() > TOLERANCE.total_seconds():
            raise SignatureInvalid("Timestamp is in the future")
        if not isinstance(found.get("id"), str) or not isinstance(found.get("type"), str):
            raise SignatureInvalid("Body is not an event")
        return found

    def _asked(self, call: Callable[[], Any]) -> dict[str, Any]:
        try:
            answer = call()
        except stripe.StripeError as error:
            raise _failure(error) from error
        plain: dict[str, Any] = answer.to_dict()
        return plain


_UNVERIFIABLE = (
    stripe.SignatureVerificationError,
    ValueError,
    TypeError,
    AttributeError,
    KeyError,
    StopIteration,
    RecursionError,
)


def _failure(error: stripe.StripeError) -> StripeFailure:
    body = error.json_body if isinstance(error.json_body, dict) else {}
    told = body.get("error") if isinstance(body.get("error"), dict) else {}
    unreadable = error.http_status is not None and not told
    return StripeFailure(
        error.user_message or str(error),
        type="unreadable" if unreadable else (told or {}).get("type") or type(error).__name__,
        code=error.code,
        http_status=error.http_status,
        stripe_request_id=error.request_id,
        retry_after=_retry_after(error),
    )


def _retry_after(error: stripe.StripeError) -> timedelta | None:
    """How long a refused caller is asked to wait, when that is a number of seconds."""
    given = str((error.headers or {}).get("Retry-After", ""))
    return timedelta(seconds=int(given)) if given.isascii() and given.isdigit() and len(given) < 5 else None


def _account(answer: Mapping[str, Any]) -> ConnectedAccount:
    requirements = answer.get("requirements") or {}
    due = [*(requirements.get("past_due") or []), *(requirements.get("currently_due") or [])]
    banks = (answer.get("external_accounts") or {}).get("data") or []
    schedule = ((answer.get("settings") or {}).get("payouts") or {}).get("schedule") or {}
    return ConnectedAccount(
        id=answer["id"],
        charges_enabled=answer["charges_enabled"],
        payouts_enabled=answer["payouts_enabled"],
        requirements_due=tuple(dict.fromkeys(due)),
        schedule_interval=schedule.get("interval", "manual"),
        bank_accounts=tuple(
            BankAccount(bank["id"], bank["currency"].upper(), bank["last4"], bank.get("status", "new"))
            for bank in banks
        ),
    )


def _by_currency(funds: list[dict[str, Any]]) -> dict[str, int]:
    return {fund["currency"].upper(): fund["amount"] for fund in funds}


def _payout(account: str, answer: Mapping[str, Any]) -> StripePayout:
    arrival = answer.get("arrival_date")
    return StripePayout(
        id=answer["id"],
        account=account,
        amount_minor=answer["amount"],
        currency=answer["currency"].upper(),
        status=answer["status"],
        arrival_at=None if arrival is None else datetime.fromtimestamp(arrival, UTC),
        created_at=datetime.fromtimestamp(answer["created"], UTC),
        failure_code=answer.get("failure_code"),
        failure_message=answer.get("failure_message"),
        metadata=dict(answer.get("metadata") or {}),
    )
