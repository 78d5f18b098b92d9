"""Stripe's error envelope, as an exception that an endpoint raises."""

from typing import Any

Json = dict[str, Any]


class Refusal(Exception):  # named by what happened
    """A request that Stripe would refuse: HTTP status and error object.

    `executed` tells whether the endpoint had begun: only then is the answer saved under an idempotency key.
    """

    effects_stand = False

    def __init__(self, status: int, type_: str, message: str, *, executed: bool = True, **fields: Any) -> None:
        super().__init__(message)
        self.status = status
        self.executed = executed
        self.error: Json = {"type": type_, "message": message}
        self.error.update({key: value for key, value in fields.items() if value is not None})
        if "code" in self.error:
            self.error["doc_url"] = doc_url(self.error["code"])

    @property
    def envelope(self) -> Json:
        """The body of the answer."""
        return {"error": self.error}


def doc_url(code: str) -> str:
    """The page that explains an error code."""
    return f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}"


def invalid(message: str, *, code: str | None = None, param: str | None = None, **fields: Any) -> Refusal:
    """A 400 raised by an endpoint that had begun to execute."""
    return Refusal(400, "invalid_request_error", message, code=code, param=param, **fields)


def malformed(message: str, *, code: str | None = None, param: str | None = None) -> Refusal:
    """A 400 raised before execution: never saved under a key."""
    return Refusal(400, "invalid_request_error", message, executed=False, code=code, param=param)


def no_such(noun: str, id_: str, *, param: str = "id", status: int = 404) -> Refusal:
    """The object does not exist, or not for this account."""
    message = f"No such {noun}: '{id_}'"
    return Refusal(status, "invalid_request_error", message, code="resource_missing", param=param)


def no_access(account: str, secret_key: str) -> Refusal:
    """The account is unknown, or it took its authorisation back."""
    message = (
        f"The provided key '{masked(secret_key)}' does not have access to account '{account}' "
        "(or that account does not exist). Application access may have been revoked."
    )
    return Refusal(403, "invalid_request_error", message, executed=False, code="account_invalid")


def wrong_key(given: str) -> Refusal:
    """The secret key is missing or not ours."""
    if not given:
        message = "You did not provide an API key. Send it as a Bearer token or as the Basic user name."
        return Refusal(401, "invalid_request_error", message, executed=False)
    message = f"Invalid API Key provided: {masked(given)}"
    return Refusal(401, "invalid_request_error", message, executed=False, code="invalid_api_key")


def unknown_url(method: str, path: str) -> Refusal:
    """No such endpoint."""
    return Refusal(
        404,
        "invalid_request_error",
        f"Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs.",
        executed=False,
    )


def masked(secret: str) -> str:
    """Enough of a key to recognise it, not enough to use it."""
    return f"{secret[:8]}{'*' * 8}{secret[-4:]}" if len(secret) > 12 else "*" * len(secret)
