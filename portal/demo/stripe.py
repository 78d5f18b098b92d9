"""The local Stripe from outside: is it up, and its control surface over HTTP."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any

BATCH = 2_000
PATIENCE_SECONDS = 15.0


class LocalStripeMissing(Exception):
    """The local Stripe does not answer."""


class LocalStripe:
    """The local Stripe at `base`, steered with its secret key."""

    def __init__(self, base: str, secret_key: str) -> None:
        self.base = base.rstrip("/")
        self._secret_key = secret_key

    def wait(self, seconds: float = PATIENCE_SECONDS) -> None:
        """Return once it answers. Raises LocalStripeMissing."""
        until = time.monotonic() + seconds
        while not self._is_up():
            if time.monotonic() > until:
                raise LocalStripeMissing(f"The local Stripe does not answer at {self.base}; start it first.")
            time.sleep(0.2)

    def _is_up(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.base}/", timeout=2):  # noqa: S310 -- the setting is http(s)
                return True
        except OSError:
            return False

    def load(self, objects: Sequence[dict[str, Any]]) -> None:
        """Load many objects without events."""
        for first in range(0, len(objects), BATCH):
            self.post("bulk", {"objects": objects[first : first + BATCH]})

    def depart(self, stripe_payout_id: str) -> None:
        """Send a pending payout on its way to the bank, where it settles by itself."""
        self.post(f"payouts/{stripe_payout_id}/settle", {"outcome": "in_transit"})

    def post(self, verb: str, body: dict[str, Any]) -> dict[str, Any]:
        """Ask for one of its verbs."""
        request = urllib.request.Request(  # noqa: S310 -- the setting is http(s)
            f"{self.base}/_sandbox/{verb}",
            data=json.dumps(body, default=str).encode(),
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {self._secret_key}"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 -- the same
            found: dict[str, Any] = json.load(answer)
        return found
