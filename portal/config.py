"""The environment as frozen settings; every error is listed at once and refuses to boot."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from urllib.parse import urlsplit

SANDBOX_KEY = "sk_test_sandbox"
DEFAULT_SANDBOX_URL = "http://127.0.0.1:8001"
LONGEST_MINUTES = 1380
SECRETS = ("SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "STRIPE_CONNECT_WEBHOOK_SECRET", "CRON_SECRET")
POLICY_DAYS = {"INFO": 30, "WARNING": 60, "ERROR": 90}
"""How long rows of the log are kept at least; portal.audit.retention holds the same."""
DEMO_DAYS = 100
"""How long beside the local Stripe, whose demo tells ninety days at every level."""
LONGEST_DAYS = 36_500


class ConfigurationError(Exception):
    """What the environment says wrong, one sentence a line."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the environment decides. Amount limits are decimal amounts of a payout's own currency."""

    production: bool
    instance: Path
    database_url: str | None
    database_owner_url: str | None
    database_replica_url: str | None
    secret_key: str
    stripe_secret_key: str
    stripe_publishable_key: str | None
    stripe_api_base: str | None
    stripe_webhook_secrets: tuple[str, ...]
    stripe_connect_webhook_secrets: tuple[str, ...]
    cron_secret: str | None
    public_url: str
    trusted_hosts: tuple[str, ...]
    payout_auto_approve_limit: Decimal
    platform_fee_percent: Decimal
    booking_unpaid_for: timedelta
    room_base_url: str
    jobs: bool
    retention_days: Mapping[str, int]
    retention_below_policy: bool
    stripe_timeout: timedelta
    idle_limit: timedelta
    session_limit: timedelta

    @property
    def sandbox(self) -> bool:
        """True when the local Stripe stands in for the real one."""
        return self.stripe_secret_key == SANDBOX_KEY

    @property
    def environment_label(self) -> str:
        """DÉMO on the local Stripe, TEST with test keys, PROD with live ones."""
        if self.sandbox:
            return "DÉMO"
        return "PROD" if self.stripe_secret_key.startswith(("sk_live_", "rk_live_")) else "TEST"


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Read `environ`. Raises ConfigurationError naming every variable that is missing or malformed."""
    reader = _Reader(environ)
    settings = reader.settings()
    if reader.errors:
        raise ConfigurationError("\n".join(reader.errors))
    return settings


class _Reader:
    """Collects settings and everything wrong with them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.errors: list[str] = []
        self.production = self.choice("PORTAL_ENV", ("production", "development"), "development") == "production"
        self.below_policy = self.choice("RETENTION_BELOW_POLICY", ("refused", "accepted"), "refused") == "accepted"
        self.instance = Path(environ.get("PORTAL_INSTANCE") or "instance").resolve()

    def settings(self) -> Settings:
        self.refuse_disabled_login()
        local = {} if self.production else local_secrets(self.instance)
        return Settings(
            production=self.production,
            instance=self.instance,
            database_url=self.optional("DATABASE_URL", required=self.production),
            database_owner_url=self.optional("DATABASE_OWNER_URL"),
            database_replica_url=self.optional("DATABASE_REPLICA_URL"),
            secret_key=self.secret("SECRET_KEY", local) or "",
            stripe_secret_key=self.optional("STRIPE_SECRET_KEY", required=self.production) or SANDBOX_KEY,
            stripe_publishable_key=self.publishable_key(),
            stripe_api_base=self.api_base(),
            stripe_webhook_secrets=self.secrets("STRIPE_WEBHOOK_SECRET", local),
            stripe_connect_webhook_secrets=self.secrets("STRIPE_CONNECT_WEBHOOK_SECRET", local),
            cron_secret=self.secret("CRON_SECRET", local),
            public_url=self.url("PUBLIC_URL", f"http://127.0.0.1:{self.environ.get('PORT') or 8000}"),
            trusted_hosts=tuple(self.environ.get("TRUSTED_HOSTS", "").replace(",", " ").split()),
            payout_auto_approve_limit=self.decimal("PAYOUT_AUTO_APPROVE_LIMIT", "0"),
            platform_fee_percent=self.decimal("PLATFORM_FEE_PERCENT", "15", most=Decimal(100)),
            booking_unpaid_for=timedelta(minutes=self.minutes("BOOKING_UNPAID_MINUTES", 30)),
            room_base_url=self.url("ROOM_BASE_URL", "https://callastar.daily.co"),
            jobs=self.choice("JOBS", ("on", "off"), "on") == "on",
            retention_days=self.retention(),
            retention_below_policy=self.below_policy,
            stripe_timeout=timedelta(seconds=float(self.decimal("STRIPE_TIMEOUT", "20", most=Decimal(55)))),
            idle_limit=timedelta(hours=8),
            session_limit=timedelta(days=7),
        )

    def refuse_disabled_login(self) -> None:
        if self.environ.get("LOGIN_DISABLED"):
            self.errors.append("LOGIN_DISABLED: the portal never runs without sign-in; unset it")

    def optional(self, name: str, *, required: bool = False) -> str | None:
        value = self.environ.get(name) or None
        if required and value is None:
            self.errors.append(f"{name}: must be set in production")
        return value

    def secret(self, name: str, local: Mapping[str, str]) -> str | None:
        value = self.environ.get(name) or local.get(name)
        if self.production and (value is None or _is_weak(value)):
            self.errors.append(f"{name}: must be set in production, to at least 16 characters of your own")
        return value

    def retention(self) -> dict[str, int]:
        """Days a level; fewer than the policy's only with the word that accepts it."""
        demo = (self.environ.get("STRIPE_SECRET_KEY") or SANDBOX_KEY) == SANDBOX_KEY and not self.production
        default = dict.fromkeys(POLICY_DAYS, DEMO_DAYS) if demo else POLICY_DAYS
        return {level: self.days(level, least, default[level]) for level, least in POLICY_DAYS.items()}

    def days(self, level: str, least: int, default: int) -> int:
        name = f"RETENTION_{level}_DAYS"
        given = self.environ.get(name) or str(default)
        if not (given.isascii() and given.isdigit() and 1 <= int(given) <= LONGEST_DAYS):
            self.errors.append(f"{name}: {given!r} is not a whole number of days from 1 to {LONGEST_DAYS}")
            return default
        if int(given) < least and not self.below_policy:
            wanted = "set RETENTION_BELOW_POLICY=accepted to mean it"
            self.errors.append(f"{name}: {given} days are fewer than the policy's {least}; {wanted}")
        return int(given)

    def secrets(self, name: str, local: Mapping[str, str]) -> tuple[str, ...]:
        """Several with commas between them, while one is replaced by the next; blank ones are none."""
        given = self.environ.get(name) or local.get(name) or ""
        values = tuple(value for part in given.split(",") if (value := part.strip()))
        if self.production and (not values or any(_is_weak(value) for value in values)):
            self.errors.append(f"{name}: must be set in production, each secret to at least 16 characters")
        return values

    def publishable_key(self) -> str | None:
        """The key that browsers pay with; a secret one here would be shown to everybody."""
        value = self.optional("STRIPE_PUBLISHABLE_KEY", required=self.production)
        if value is not None and not value.startswith("pk_"):
            self.errors.append("STRIPE_PUBLISHABLE_KEY: is not a publishable key, which begins with pk_")
        return value

    def minutes(self, name: str, default: int) -> int:
        """Whole minutes, less than the day for which Stripe remembers a key."""
        text = self.environ.get(name) or str(default)
        if not (text.isascii() and text.isdigit() and 1 <= int(text) <= LONGEST_MINUTES):
            self.errors.append(f"{name}: {text!r} is not a number of minutes from 1 to {LONGEST_MINUTES}")
            return default
        return int(text)

    def api_base(self) -> str | None:
        if self.environ.get("STRIPE_SECRET_KEY") and not self.environ.get("STRIPE_API_BASE"):
            return None
        return self.url("STRIPE_API_BASE", DEFAULT_SANDBOX_URL)

    def url(self, name: str, default: str) -> str:
        value = (self.environ.get(name) or default).rstrip("/")
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            self.errors.append(f"{name}: {value!r} is not an http or https address")
        return value

    def choice(self, name: str, allowed: tuple[str, ...], default: str) -> str:
        value = self.environ.get(name) or default
        if value not in allowed:
            self.errors.append(f"{name}: {value!r} is not one of {', '.join(allowed)}")
        return value

    def decimal(self, name: str, default: str, most: Decimal | None = None) -> Decimal:
        text = self.environ.get(name) or default
        try:
            value = Decimal(text)
        except InvalidOperation:
            value = Decimal("NaN")
        if not value.is_finite() or value < 0 or (most is not None and value > most):
            self.errors.append(f"{name}: {text!r} is not a number from 0" + (f" to {most}" if most else ""))
            return Decimal(default)
        return value


def _is_weak(secret: str) -> bool:
    return len(secret) < 16 or secret == "change-me"  # noqa: S105 -- the word that examples are left at


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
