"""Faults on demand: rules that make chosen requests go wrong in a chosen way.

Rules live in memory: a restarted sandbox is healthy.
"""

import random
import secrets
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from threading import Lock
from typing import Any

from .refusals import Json, Refusal


class FaultKind(StrEnum):
    """What goes wrong. The first group answers before anything is executed, and saves nothing."""

    BAD_REQUEST = "bad_request"
    UNAUTHORIZED = "unauthorized"
    CARD_DECLINED = "card_declined"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    KEY_IN_USE = "key_in_use"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    BAD_GATEWAY = "bad_gateway"
    UNAVAILABLE = "unavailable"
    DROP_BEFORE = "drop_before"
    DELAY_BEFORE = "delay_before"
    # executed, and its effects stand
    DROP_AFTER = "drop_after"
    DELAY_AFTER = "delay_after"
    SERVER_ERROR_SAVED = "server_error_saved"
    SERVER_ERROR_UNSAVED = "server_error_unsaved"
    TRUNCATED_BODY = "truncated_body"
    NOT_JSON = "not_json"
    # begun, undone, and the 500 saved under the key
    SERVER_ERROR_SAVED_WITHOUT_EFFECT = "server_error_saved_without_effect"


ANSWERS: dict[FaultKind, tuple[int, str, str | None, str]] = {
    FaultKind.BAD_REQUEST: (400, "invalid_request_error", None, "Sandbox fault: bad request."),
    FaultKind.UNAUTHORIZED: (401, "invalid_request_error", "invalid_api_key", "Invalid API Key provided."),
    FaultKind.CARD_DECLINED: (402, "card_error", "card_declined", "Your card was declined."),
    FaultKind.FORBIDDEN: (403, "invalid_request_error", "account_invalid", "Sandbox fault: no access."),
    FaultKind.NOT_FOUND: (404, "invalid_request_error", "resource_missing", "Sandbox fault: no such object."),
    FaultKind.KEY_IN_USE: (
        409,
        "idempotency_error",
        "idempotency_key_in_use",
        "There is currently another in-progress request using this Idempotent Key.",
    ),
    FaultKind.RATE_LIMITED: (429, "invalid_request_error", "rate_limit", "Request rate limit exceeded."),
    FaultKind.SERVER_ERROR: (500, "api_error", None, "An unknown error occurred."),
    FaultKind.BAD_GATEWAY: (502, "api_error", None, "Bad gateway."),
    FaultKind.UNAVAILABLE: (503, "api_error", None, "The service is temporarily unavailable."),
}


class ConnectionDropped(ConnectionAbortedError):  # named by what happened
    """The server closes the connection without a byte of an answer."""


@dataclass(slots=True)
class FaultRule:
    """Which requests, how many of them, and what happens to them."""

    kind: FaultKind
    method: str = "*"
    path: str = "*"
    account: str | None = None
    skip: int = 0
    times: int | None = 1
    probability: float = 1.0
    seconds: float = 0.0
    seed: int | None = None
    id: str = field(default_factory=lambda: f"fault_{secrets.token_hex(4)}")
    hits: int = 0

    def concerns(self, method: str, path: str, account: str) -> bool:
        """The request is one the rule is about, whether or not it strikes this time."""
        if self.times is not None and self.hits >= self.times:
            return False
        fits = fnmatchcase(method, self.method) and fnmatchcase(path, self.path)
        return fits and (self.account is None or self.account == account)

    def refusal(self) -> Refusal | None:
        """The answer given instead of executing, for the kinds that have one."""
        if self.kind not in ANSWERS:
            return None
        status, type_, code, message = ANSWERS[self.kind]
        return Refusal(status, type_, message, executed=False, code=code)


class Faults:
    """The rules in force, in the order they were added; the first that strikes wins."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._rules: list[FaultRule] = []
        self._dice: dict[str, random.Random] = {}

    def add(self, kind: FaultKind | str, **options: Any) -> FaultRule:
        """Add a rule; options are the fields of FaultRule: path a shell pattern, times None for ever."""
        rule = FaultRule(FaultKind(kind), **options)
        with self._lock:
            self._rules.append(rule)
            self._dice[rule.id] = random.Random(rule.seed)  # noqa: S311  # chance in a test, repeatable by its seed
        return rule

    def clear(self) -> None:
        """Remove every rule."""
        with self._lock:
            self._rules.clear()
            self._dice.clear()

    def list(self) -> list[Json]:
        """The rules and how often each struck."""
        with self._lock:
            return [asdict(rule) for rule in self._rules]

    def strike(self, method: str, path: str, account: str) -> FaultRule | None:
        """The rule that strikes this request, counted."""
        with self._lock:
            for rule in self._rules:
                if not rule.concerns(method, path, account):
                    continue
                if rule.skip > 0:
                    rule.skip -= 1
                elif self._dice[rule.id].random() < rule.probability:
                    rule.hits += 1
                    return rule
        return None
