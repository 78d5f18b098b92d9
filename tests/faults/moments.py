"""A clock that a family of forked processes shares, and that the eldest moves."""

import mmap
import struct
from datetime import UTC, datetime, timedelta


class SharedClock:
    """The wall's time and an offset; every process forked after its making sees it move."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 8)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.offset)

    @property
    def offset(self) -> float:
        """Seconds ahead of the wall."""
        return float(struct.unpack("d", self._memory[:8])[0])

    def move(self, **by: float) -> None:
        """Let time pass; the arguments are timedelta's."""
        self._memory[:8] = struct.pack("d", self.offset + timedelta(**by).total_seconds())


class SharedCount:
    """A number that one process changes under its own lock and others read."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 8)

    @property
    def value(self) -> int:
        """The number now."""
        return int(struct.unpack("q", self._memory[:8])[0])

    def add(self, n: int) -> None:
        """Change the number."""
        self._memory[:8] = struct.pack("q", self.value + n)
