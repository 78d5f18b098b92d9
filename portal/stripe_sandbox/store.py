"""The sandbox's own SQLite file: its objects, events, keys and deliveries.

One connection behind one process-wide lock: every request is one serial transaction. WAL with
synchronous=NORMAL survives a kill of the process at any instant, which is what the fault tests do.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from threading import RLock

from .settings import SandboxSettings

SCHEMA = """
BEGIN;
CREATE TABLE IF NOT EXISTS object (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    account TEXT NOT NULL,
    created INTEGER NOT NULL,
    body TEXT NOT NULL,
    currency TEXT,
    net INTEGER,
    available_on REAL
);
CREATE INDEX IF NOT EXISTS object_page ON object (kind, account, created, seq);
CREATE INDEX IF NOT EXISTS object_balance ON object (account, currency, available_on, net)
    WHERE net IS NOT NULL;
CREATE TABLE IF NOT EXISTS timer (id TEXT PRIMARY KEY, due_at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS timer_due ON timer (due_at);
CREATE TABLE IF NOT EXISTS idempotency_key (
    account TEXT NOT NULL,
    key TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    params TEXT NOT NULL,
    status INTEGER NOT NULL,
    body TEXT NOT NULL,
    request_id TEXT NOT NULL,
    created REAL NOT NULL,
    PRIMARY KEY (account, key)
);
CREATE TABLE IF NOT EXISTS delivery (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    event TEXT NOT NULL UNIQUE,
    endpoint TEXT NOT NULL,
    first_due_at REAL NOT NULL,
    due_at REAL,
    tries INTEGER NOT NULL DEFAULT 0,
    delivered_at REAL,
    last_status INTEGER,
    last_error TEXT
);
CREATE INDEX IF NOT EXISTS delivery_due ON delivery (due_at) WHERE due_at IS NOT NULL;
COMMIT;
"""


@dataclass(frozen=True, slots=True)
class Work:
    """One open transaction, the moment it runs at, and the request that asked for it."""

    db: sqlite3.Connection
    now: datetime
    settings: SandboxSettings
    request_id: str | None = None
    idempotency_key: str | None = None

    @property
    def timestamp(self) -> int:
        """Now, as Stripe writes it."""
        return int(self.now.timestamp())


class Store:
    """The file, opened once; transactions on it are serial."""

    def __init__(self, settings: SandboxSettings) -> None:
        self.settings = settings
        self._lock = RLock()
        settings.path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(settings.path, timeout=30, isolation_level=None, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(SCHEMA)

    @contextmanager
    def transaction(self, *, request_id: str | None = None, key: str | None = None) -> Iterator[Work]:
        """Hold the lock and one transaction; commit on success, roll back on any exception."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield Work(self._db, self.settings.clock(), self.settings, request_id, key)
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def close(self) -> None:
        """Close the file; the sandbox cannot be used afterwards."""
        with self._lock:
            self._db.close()


@contextmanager
def savepoint(work: Work) -> Iterator[None]:
    """Undo what the block did when it raises, and let the rest of the transaction stand."""
    work.db.execute("SAVEPOINT attempt")
    try:
        yield
    except BaseException:
        work.db.execute("ROLLBACK TO attempt")
        work.db.execute("RELEASE attempt")
        raise
    work.db.execute("RELEASE attempt")
