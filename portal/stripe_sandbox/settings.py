"""What one sandbox needs to know to run."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

API_VERSION = "2026-10-28.endive"


def utc_now() -> datetime:
    """The wall clock, aware, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class SandboxSettings:
    """Where the sandbox keeps its books, who may call it, and whom it calls back."""

    path: Path
    secret_key: str = "sk_test_sandbox"  # noqa: S105  # a well-known key for a well-known fake
    platform_webhook_url: str | None = None
    platform_webhook_secret: str = "whsec_sandbox_platform"  # noqa: S105
    connect_webhook_url: str | None = None
    connect_webhook_secret: str = "whsec_sandbox_connect"  # noqa: S105
    settle_after: timedelta = timedelta(seconds=20)
    clock: Callable[[], datetime] = utc_now
