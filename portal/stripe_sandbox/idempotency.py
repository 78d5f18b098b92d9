"""Idempotency keys as v1 keeps them: per account, for a day, with the first answer and what was asked.

Only answers of requests that began to execute are saved, 500s included; validation failures, 401, 409 and 429
are not. A key whose first request is still running is refused with a 409.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

from .refusals import Json, Refusal
from .store import Work

KEPT_SECONDS = 86_400
LONGEST = 255


@dataclass(frozen=True, slots=True)
class Saved:
    """The first answer given under a key."""

    status: int
    body: str
    request_id: str


class KeysInFlight:
    """The keys of requests that have not been answered yet."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._running: set[tuple[str, str]] = set()

    @contextmanager
    def hold(self, account: str, key: str | None) -> Iterator[None]:
        """Keep the key for the length of one request; raises a 409 when another holds it."""
        if key is None:
            yield
            return
        with self._lock:
            if (account, key) in self._running:
                raise in_use(key)
            self._running.add((account, key))
        try:
            yield
        finally:
            with self._lock:
                self._running.discard((account, key))


def in_use(key: str) -> Refusal:
    """The 409 of two requests under one key at once."""
    message = (
        "There is currently another in-progress request using this Idempotent Key (that probably means you "
        f"submitted twice, and the other request is still going through): {key}. Please try again later."
    )
    return Refusal(409, "idempotency_error", message, executed=False, code="idempotency_key_in_use")


def check_key(key: str | None) -> None:
    """Keys are at most 255 characters."""
    if key is not None and not 1 <= len(key) <= LONGEST:
        message = f"Idempotency keys must be between 1 and {LONGEST} characters long."
        raise Refusal(400, "idempotency_error", message, executed=False)


def recall(work: Work, *, account: str, key: str, method: str, path: str, params: Json) -> Saved | None:
    """The saved answer of this very request; raises idempotency_error when the key was used for another."""
    prune(work, older_than=KEPT_SECONDS)
    row = work.db.execute("SELECT * FROM idempotency_key WHERE account = ? AND key = ?", (account, key)).fetchone()
    if row is None:
        return None
    if (row["method"], row["path"]) != (method, path):
        raise _misused(f"for the same endpoint they were first used for ('{row['path']}' vs '{path}')", key)
    if row["params"] != _written(params):
        raise _misused("with the same parameters they were first used with", key)
    return Saved(row["status"], row["body"], row["request_id"])


def remember(work: Work, saved: Saved, *, account: str, key: str, method: str, path: str, params: Json) -> None:
    """Save the first answer, in the transaction of what it did."""
    work.db.execute(
        "INSERT INTO idempotency_key VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            account, key, method, path, _written(params),
            saved.status, saved.body, saved.request_id, work.now.timestamp(),
        ),
    )  # fmt: skip


def prune(work: Work, *, older_than: float) -> int:
    """Forget keys that are at least this many seconds old; tells how many."""
    oldest = work.now.timestamp() - older_than
    return work.db.execute("DELETE FROM idempotency_key WHERE created <= ?", (oldest,)).rowcount


def _written(params: Json) -> str:
    return json.dumps(params, sort_keys=True)


def _misused(how: str, key: str) -> Refusal:
    message = (
        f"Keys for idempotent requests can only be used {how}. "
        f"Try using a key other than '{key}' if you meant to execute a different request."
    )
    return Refusal(400, "idempotency_error", message, executed=False)
