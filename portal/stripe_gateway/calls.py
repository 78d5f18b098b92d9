"""How a call is made: the client, paged lists, and Stripe's errors as our own."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import stripe

from portal.domain.gateway import StripeFailure

API_VERSION = "2026-10-28.endive"
PAGE = 100
LIVE_KEYS = ("sk_live_", "rk_live_")


class Calls:
    """A client, and what every call shares."""

    api_version = API_VERSION

    def __init__(self, secret_key: str, *, api_base: str | None, timeout: timedelta) -> None:
        self.timeout = timeout
        self.live = secret_key.startswith(LIVE_KEYS)
        self._client = stripe.StripeClient(
            secret_key,
            stripe_version=API_VERSION,
            base_addresses={"api": api_base} if api_base else None,
            http_client=stripe.RequestsClient(timeout=timeout.total_seconds()),
            max_network_retries=0,
        )

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

    def _asked(self, call: Callable[[], Any]) -> dict[str, Any]:
        try:
            answer = call()
        except stripe.StripeError as error:
            raise _failure(error) from error
        plain: dict[str, Any] = answer.to_dict()
        return plain


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
        decline_code=(told or {}).get("decline_code"),
    )


def _retry_after(error: stripe.StripeError) -> timedelta | None:
    """How long a refused caller is asked to wait, when that is a number of seconds."""
    given = str((error.headers or {}).get("Retry-After", ""))
    return timedelta(seconds=int(given)) if given.isascii() and given.isdigit() and len(given) < 5 else None


def moment(timestamp: int | None) -> datetime | None:
    """Stripe's seconds as an aware moment."""
    return None if timestamp is None else datetime.fromtimestamp(timestamp, UTC)
