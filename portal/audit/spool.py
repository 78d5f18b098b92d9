"""Where rows wait while the database is gone: a line a row, on disk before the caller goes on.

Each process appends to a file of its own. Whoever replays renames a file first, under the file's lock, so
that a writer never adds to what is being read. What finds no room is only on stderr, and counted.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any
from uuid import uuid4

LIMIT = 64 * 1024 * 1024
"""So many bytes may wait in a folder, about 60,000 rows."""
OPEN, SEALED = ".ndjson", ".sealed"


class Spool:
    """A folder of waiting lines, shared by the processes of one instance."""

    def __init__(self, folder: Path, limit: int = LIMIT) -> None:
        self.folder = folder
        self.limit = limit
        self._token = uuid4().hex[:8]
        self._lock = Lock()

    @property
    def aside(self) -> Path:
        """Where lines that cannot be replayed are kept for a human."""
        return self.folder / "aside"

    def append(self, line: Mapping[str, Any]) -> bool:
        """Put a line on disk; False when the bound or the disk leaves no room for it."""
        data = (json.dumps(line, ensure_ascii=False, default=str) + "\n").encode()
        try:
            with self._lock:
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                if self._size() + len(data) > self.limit:
                    return False
                self._write(data)
        except OSError:
            return False
        return True

    def waits(self) -> bool:
        """Whether anything is there to replay, of this process or of any other."""
        return any(path.suffix in {OPEN, SEALED} for path in self._files())

    def lines(self) -> int:
        """How many lines wait, and how many lie aside for a human."""
        waiting = [path for path in self._files() if path.suffix in {OPEN, SEALED}]
        aside = list(self.aside.glob(f"*{OPEN}"))
        return sum(path.read_bytes().count(b"\n") for path in waiting + aside if path.exists())

    def seal(self) -> list[Path]:
        """Close every file to its writer; the files to replay, those of an earlier try among them."""
        for path in [path for path in self._files() if path.suffix == OPEN]:
            with path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                path.rename(self.folder / f"{uuid4().hex}{SEALED}")
        _sync_folder(self.folder)
        return sorted(path for path in self._files() if path.suffix == SEALED)

    def forget(self, path: Path) -> None:
        """Remove a file whose rows are stored, so that no power cut brings it back."""
        path.unlink(missing_ok=True)
        _sync_folder(self.folder)

    def set_aside(self, name: str, lines: list[bytes]) -> None:
        """Keep lines that cannot be replayed; keeping those of one file again changes nothing."""
        self.aside.mkdir(mode=0o700, exist_ok=True)
        draft = self.aside / f"{name}.draft"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.writelines(line + b"\n" for line in lines)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(self.aside / f"{name}{OPEN}")
        _sync_folder(self.aside)

    @contextmanager
    def turn(self) -> Iterator[bool]:
        """Whether it is this process's turn to replay: one at a time, and the turn of a dead one ends with it."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def _files(self) -> list[Path]:
        return list(self.folder.iterdir()) if self.folder.is_dir() else []

    def _size(self) -> int:
        total = 0
        for path in self._files():
            with suppress(FileNotFoundError):  # replayed meanwhile
                total += path.stat().st_size if path.suffix in {OPEN, SEALED} else 0
        return total

    def _write(self, data: bytes) -> None:
        """Append whole or not at all; begins a new line where a power cut tore the last one."""
        with os.fdopen(self._open(), "rb+", buffering=0) as file:
            end = file.seek(0, os.SEEK_END)
            if end and os.pread(file.fileno(), 1, end - 1) != b"\n":
                data = b"\n" + data
            try:
                while data:
                    data = data[file.write(data) :]
                os.fsync(file.fileno())
            except OSError:
                file.truncate(end)
                raise
            if end == 0:
                _sync_folder(self.folder)

    def _open(self) -> int:
        """This process's file, locked, and not one that was sealed while waiting for the lock."""
        path = self.folder / f"{os.getpid()}-{self._token}{OPEN}"
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            with suppress(FileNotFoundError):
                if path.stat().st_ino == os.fstat(descriptor).st_ino:
                    return descriptor
            os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
