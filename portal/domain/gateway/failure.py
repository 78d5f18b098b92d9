"""What Stripe's errors say of the money."""

from datetime import timedelta
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """What an error says of the object that the call was to create."""

    REFUSED = "refused"  # definitely not created
    RETRY = "retry"  # not created; the same key may be sent again
    UNKNOWN = "unknown"  # created or not


class StripeFailure(Exception):
    """A call that Stripe did not answer with success.

    `http_status` is None when no answer came; `retry_after` is how long Stripe asks to wait.
    """

    def __init__(
        self,
        message: str,
        *,
        type: str,
        code: str | None = None,
        http_status: int | None = None,
        stripe_request_id: str | None = None,
        retry_after: timedelta | None = None,
        decline_code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.type = type
        self.code = code
        self.http_status = http_status
        self.stripe_request_id = stripe_request_id
        self.retry_after = retry_after
        self.decline_code = decline_code

    @property
    def verdict(self) -> Verdict:
        """Refused only on a JSON 400, 402, 403 or 404 that is no idempotency error; else retry or unknown."""
        if self.http_status in {401, 429}:
            return Verdict.RETRY
        if self.http_status in {400, 402, 403, 404} and self.type not in {"idempotency_error", "unreadable"}:
            return Verdict.REFUSED
        return Verdict.UNKNOWN

    def facts(self) -> dict[str, Any]:
        """errorType, errorCode, errorMessage and stripeRequestId for an audit row."""
        return {
            "errorType": self.type,
            "errorCode": self.code,
            "errorMessage": self.message,
            "stripeRequestId": self.stripe_request_id,
        }


class SignatureInvalid(Exception):
    """A webhook body that Stripe did not sign with one of our secrets, or that is no event."""
