"""Chance with a fixed seed: picks, ids, and moments with the rhythm of a day and a week."""

import string
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from random import Random
from typing import TypeVar
from uuid import UUID

T = TypeVar("T")
DAY = timedelta(days=1)
SIGNS = string.ascii_letters + string.digits
HOURS = (2, 1, 1, 1, 1, 2, 4, 7, 10, 12, 12, 13, 14, 12, 11, 12, 15, 21, 28, 31, 27, 18, 9, 4)
"""How busy each hour of a day is, in UTC: evenings most."""
WEEKDAYS = (0.9, 0.9, 0.95, 1.0, 1.15, 1.2, 1.25)
_DAY_HOURS = range(24)
_UP_TO_HOUR = tuple(accumulate(HOURS))


class Chance:
    """Repeatable chance: the same seed and the same questions give the same answers."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311 -- made-up data, repeatable on purpose

    def yes(self, probability: float) -> bool:
        """True with this probability."""
        return self.random.random() < probability

    def pick(self, choices: Sequence[T]) -> T:
        """One of the choices."""
        return choices[int(self.random.random() * len(choices))]

    def whole(self, least: int, most: int) -> int:
        """A whole number between two, both included."""
        return least + int(self.random.random() * (most - least + 1))

    def span(self, least: timedelta, most: timedelta) -> timedelta:
        """A duration between two."""
        return least + (most - least) * self.random.random()

    def uuid(self, at: datetime) -> UUID:
        """A time-ordered UUID (version 7) of a moment."""
        milliseconds = int(at.timestamp() * 1000)
        high, low = self.random.getrandbits(12), self.random.getrandbits(62)
        return UUID(int=(milliseconds & (1 << 48) - 1) << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low)

    def stripe_id(self, prefix: str, length: int = 24) -> str:
        """An id that looks like Stripe's."""
        return f"{prefix}_{''.join(self.random.choices(SIGNS, k=length))}"

    def moment(self, start: datetime) -> datetime:
        """A moment in the 24 hours from `start`, more often when people are awake."""
        hour = self.random.choices(_DAY_HOURS, cum_weights=_UP_TO_HOUR)[0]
        floor = start.replace(minute=0, second=0, microsecond=0)
        at = floor + timedelta(hours=(hour - start.hour) % 24, seconds=self.random.random() * 3600)
        return at if at >= start else at + DAY


def weekday_weight(start: datetime) -> float:
    """How busy the 24 hours from `start` are."""
    return WEEKDAYS[(start + DAY / 2).weekday()]
