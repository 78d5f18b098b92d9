"""The secrets of a development instance, made on first use and kept beside its data."""

import os
import secrets
from pathlib import Path

SECRETS = ("SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "STRIPE_CONNECT_WEBHOOK_SECRET", "CRON_SECRET")


def local_secrets(instance: Path) -> dict[str, str]:
    """The secrets of a development instance, made on first use and kept in `instance`/secrets.env."""
    file = instance / "secrets.env"
    if not file.exists():
        _write_secrets(file)
    return dict(line.split("=", 1) for line in file.read_text().splitlines() if "=" in line)


def _write_secrets(file: Path) -> None:
    """Link a complete file into place, so that two processes starting at once agree on one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text("".join(f"{name}={secrets.token_urlsafe(32)}\n" for name in SECRETS))
    try:
        os.link(draft, file)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
