"""What a rule raises when it says no. The edge turns it into a page or a JSON error."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one field is refused: a French sentence, and the words that fill it."""

    message: str
    words: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.message % self.words if self.words else self.message


class DomainError(Exception):
    """A refusal: a French sentence for people, an HTTP status, the audit event, and its facts.

    `words` fill the sentence's %(name)s, so that it can be translated before they do.
    """

    status = 409

    def __init__(
        self,
        message: str,
        *,
        event: str,
        status: int | None = None,
        facts: Mapping[str, Any] | None = None,
        words: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message % words if words else message)
        self.message = message
        self.words = dict(words or {})
        self.event = event
        self.status = status or self.status
        self.facts = dict(facts or {})


class NotFound(DomainError):
    """No such object, or not one of this person's: both look alike."""

    status = 404


class PayoutRefused(DomainError):
    """A rule refused a payout, or a decision on one."""


class RefundRefused(DomainError):
    """A rule refused a refund."""


class CreatorRefused(DomainError):
    """A rule refused something about a creator's account."""


class BlockRefused(DomainError):
    """A rule refused to block or unblock a creator's payouts."""


class OfferRefused(DomainError):
    """A rule refused what a creator wanted of an offer; `errors` says it field by field, words apart."""

    def __init__(self, message: str, *, errors: "Mapping[str, Refusal] | None" = None, **rest: Any) -> None:
        super().__init__(message, **rest)
        self.errors = dict(errors or {})


class BookingRefused(DomainError):
    """A rule refused a booking."""


class PaymentRefused(DomainError):
    """A rule refused the payment of a booking, or Stripe did."""


class ViewRefused(DomainError):
    """A rule refused what somebody wanted of a saved view."""


class SignInRefused(DomainError):
    """The e-mail address and password do not open a session."""

    status = 401
