"""What a rule raises when it says no. The edge turns it into a page or a JSON error."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from math import ceil
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


class FieldsRefused(DomainError):
    """A rule refused what was filled in; `errors` says it field by field, words apart."""

    def __init__(self, message: str, *, errors: "Mapping[str, Refusal] | None" = None, **rest: Any) -> None:
        super().__init__(message, **rest)
        self.errors = dict(errors or {})


class OfferRefused(FieldsRefused):
    """A rule refused what a creator wanted of an offer."""


class BookingRefused(DomainError):
    """A rule refused a booking."""


class PaymentRefused(DomainError):
    """A rule refused the payment of a booking, or Stripe did."""


class ViewRefused(DomainError):
    """A rule refused what somebody wanted of a saved view."""


class SignInRefused(DomainError):
    """The e-mail address and password do not open a session."""

    status = 401


class CodeWanted(DomainError):
    """The password is right; a code is wanted too. `proof` stands for the password until it comes."""

    status = 401

    def __init__(self, proof: str) -> None:
        message = "Donnez le code de votre application, ou un code de récupération."
        super().__init__(message, event="USER_LOGIN_FAILED")
        self.proof = proof


class TooManyGuesses(DomainError):
    """Too many wrong guesses came before; after `seconds` the next one is looked at."""

    status = 429

    def __init__(self, wait: timedelta) -> None:
        self.seconds = max(1, ceil(wait.total_seconds()))
        many = self.seconds >= 120
        message = (
            "Trop d’essais : réessayez dans %(n)s minutes." if many else "Trop d’essais : réessayez dans %(n)s s."
        )
        words = {"n": ceil(self.seconds / 60) if many else self.seconds}
        super().__init__(message, event="USER_LOGIN_DELAYED", words=words)


class ConfirmationWanted(DomainError):
    """The sign-in is too long ago for what was asked."""

    status = 403


class SecondFactorRefused(DomainError):
    """A rule refused something about a second factor."""


class PasswordRefused(DomainError):
    """A password that cannot be chosen, or is not the right one."""


class UserRefused(FieldsRefused):
    """A rule refused something about somebody's account."""
