"""Waiting, briefly, while Stripe works on the same key: two clicks, two tabs, one object."""

import time
from collections.abc import Callable
from typing import TypeVar

from portal.domain.gateway import StripeFailure

T = TypeVar("T")
PAUSES = (0.1, 0.2, 0.4, 0.8)
"""Seconds between tries; a person waits for the answer."""

KEY_IN_USE = 409


def patiently(create: Callable[[], T]) -> T:
    """What `create` returns, tried again while its key is in use. Raises StripeFailure."""
    for pause in PAUSES:
        try:
            return create()
        except StripeFailure as failure:
            if failure.http_status != KEY_IN_USE:
                raise
            time.sleep(pause)
    return create()
