"""The environment as frozen settings; every error is listed at once and refuses to boot."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

from portal.config.local import local_secrets
from portal.config.values import Values, is_weak

SANDBOX_KEY = "sk_test_sandbox"
DEFAULT_SANDBOX_URL = "http://127.0.0.1:8001"
LONGEST_MINUTES = 1380
WEEK_OF_MINUTES = 10_080
MOST_PROXIES = 10
NEAR = ("127.0.0.1", "localhost")
POLICY_DAYS = {"INFO": 30, "WARNING": 60, "ERROR": 90}
"""How long rows of the log are kept at least; portal.audit.retention holds the same."""
DEMO_DAYS = 100
"""How long beside the local Stripe, whose demo tells ninety days at every level."""
APPRISE = re.compile(r"[a-z][a-z0-9+.-]*://.", re.IGNORECASE)
LONGEST_DAYS = 36_500


class ConfigurationError(Exception):
    """What the environment says wrong, one sentence a line."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the environment decides. Amount limits are decimal amounts of a payout's own currency."""

    production: bool
    instance: Path
    database_url: str | None = field(repr=False)
    database_owner_url: str | None = field(repr=False)
    database_replica_url: str | None = field(repr=False)
    database_kept_plans: bool
    secret_key: str = field(repr=False)
    secret_key_fallbacks: tuple[str, ...] = field(repr=False)
    stripe_secret_key: str = field(repr=False)
    stripe_publishable_key: str | None
    stripe_api_base: str | None
    stripe_webhook_secrets: tuple[str, ...] = field(repr=False)
    stripe_connect_webhook_secrets: tuple[str, ...] = field(repr=False)
    cron_secret: str | None = field(repr=False)
    public_url: str
    trusted_hosts: tuple[str, ...]
    trusted_proxies: int
    metrics_token: str | None = field(repr=False)
    alert_targets: tuple[str, ...] = field(repr=False)
    alert_quiet: timedelta
    payout_auto_approve_limit: Decimal
    payout_two_admins_above: Decimal | None
    payout_retype_above: Decimal
    platform_fee_percent: Decimal
    booking_unpaid_for: timedelta
    room_base_url: str
    jobs: bool
    retention_days: Mapping[str, int]
    retention_below_policy: bool
    stripe_timeout: timedelta
    idle_limit: timedelta
    session_limit: timedelta
    admins_need_second_factor: bool

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


class _Reader(Values):
    """Collects settings and everything wrong with them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__(environ)
        self.production = self.choice("PORTAL_ENV", ("production", "development"), "development") == "production"
        self.below_policy = self.choice("RETENTION_BELOW_POLICY", ("refused", "accepted"), "refused") == "accepted"
        self.instance = Path(environ.get("PORTAL_INSTANCE") or "instance").resolve()

    def settings(self) -> Settings:
        self.refuse_disabled_login()
        local = {} if self.production else local_secrets(self.instance)
        public_url = self.url("PUBLIC_URL", f"http://127.0.0.1:{self.environ.get('PORT') or 8000}")
        return Settings(
            production=self.production,
            instance=self.instance,
            database_url=self.optional("DATABASE_URL", required=self.production),
            database_owner_url=self.optional("DATABASE_OWNER_URL"),
            database_replica_url=self.optional("DATABASE_REPLICA_URL"),
            database_kept_plans=self.choice("DATABASE_KEPT_PLANS", ("on", "off"), "on") == "on",
            secret_key=self.secret("SECRET_KEY", local) or "",
            secret_key_fallbacks=self.fallbacks(),
            stripe_secret_key=self.optional("STRIPE_SECRET_KEY", required=self.production) or SANDBOX_KEY,
            stripe_publishable_key=self.publishable_key(),
            stripe_api_base=self.api_base(),
            stripe_webhook_secrets=self.secrets("STRIPE_WEBHOOK_SECRET", local),
            stripe_connect_webhook_secrets=self.secrets("STRIPE_CONNECT_WEBHOOK_SECRET", local),
            cron_secret=self.secret("CRON_SECRET", local),
            public_url=public_url,
            trusted_hosts=self.hosts(public_url),
            trusted_proxies=self.whole("TRUSTED_PROXIES", 0, "proxies", 0, MOST_PROXIES),
            metrics_token=self.own_secret("METRICS_TOKEN"),
            alert_targets=self.targets(),
            alert_quiet=self.minutes("ALERT_QUIET_MINUTES", 60),
            payout_auto_approve_limit=self.decimal("PAYOUT_AUTO_APPROVE_LIMIT", "0"),
            payout_two_admins_above=self.two_admins_above(),
            payout_retype_above=self.decimal("PAYOUT_RETYPE_ABOVE", "1000"),
            platform_fee_percent=self.decimal("PLATFORM_FEE_PERCENT", "15", most=Decimal(100)),
            booking_unpaid_for=self.minutes("BOOKING_UNPAID_MINUTES", 30),
            room_base_url=self.url("ROOM_BASE_URL", "https://callastar.daily.co"),
            jobs=self.choice("JOBS", ("on", "off"), "on") == "on",
            retention_days=self.retention(),
            retention_below_policy=self.below_policy,
            stripe_timeout=timedelta(seconds=float(self.decimal("STRIPE_TIMEOUT", "20", most=Decimal(55)))),
            idle_limit=timedelta(minutes=self.whole("SESSION_IDLE_MINUTES", 480, "minutes", 5, WEEK_OF_MINUTES)),
            session_limit=timedelta(hours=self.whole("SESSION_HOURS", 168, "hours", 1, 720)),
            admins_need_second_factor=self.second_factor() == "required",
        )

    def two_admins_above(self) -> Decimal | None:
        """Above which amount a payout needs two admins; no amount may be approved by nobody that needs two."""
        if not self.environ.get("PAYOUT_TWO_ADMINS_ABOVE"):
            return None
        above = self.decimal("PAYOUT_TWO_ADMINS_ABOVE", "0")
        if above < self.decimal("PAYOUT_AUTO_APPROVE_LIMIT", "0"):
            self.errors.append("PAYOUT_TWO_ADMINS_ABOVE: is below PAYOUT_AUTO_APPROVE_LIMIT")
        return above

    def second_factor(self) -> str:
        """Whether admins and auditors must have a second factor: in production unless it says otherwise."""
        choices = ("required", "optional")
        return self.choice("ADMIN_SECOND_FACTOR", choices, choices[0] if self.production else choices[1])

    def refuse_disabled_login(self) -> None:
        if self.environ.get("LOGIN_DISABLED"):
            self.errors.append("LOGIN_DISABLED: the portal never runs without sign-in; unset it")

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

    def publishable_key(self) -> str | None:
        """The key that browsers pay with; a secret one here would be shown to everybody."""
        value = self.optional("STRIPE_PUBLISHABLE_KEY", required=self.production)
        if value is not None and not value.startswith("pk_"):
            self.errors.append("STRIPE_PUBLISHABLE_KEY: is not a publishable key, which begins with pk_")
        return value

    def minutes(self, name: str, default: int) -> timedelta:
        """Whole minutes, less than the day for which Stripe remembers a key."""
        return timedelta(minutes=self.whole(name, default, "minutes", 1, LONGEST_MINUTES))

    def hosts(self, public_url: str) -> tuple[str, ...]:
        """Hosts that are answered: those named, in production else PUBLIC_URL's, and this machine's; else all."""
        named = tuple(self.environ.get("TRUSTED_HOSTS", "").replace(",", " ").split())
        own = (urlsplit(public_url).hostname or "",) if self.production else ()
        chosen = named or own
        return (*chosen, *NEAR) if chosen else ()

    def fallbacks(self) -> tuple[str, ...]:
        """Earlier values of SECRET_KEY, which still open what they signed."""
        given = self.environ.get("SECRET_KEY_FALLBACKS", "")
        values = tuple(value for part in given.split(",") if (value := part.strip()))
        if self.production and any(is_weak(value) for value in values):
            self.errors.append("SECRET_KEY_FALLBACKS: each must have at least 16 characters")
        return values

    def targets(self) -> tuple[str, ...]:
        """Where alerts go, as Apprise's addresses with white space between them; an error shows none of them."""
        values = tuple(self.environ.get("ALERT_TARGETS", "").split())
        wrong = [n for n, value in enumerate(values, start=1) if not APPRISE.match(value)]
        if wrong:
            self.errors.append(f"ALERT_TARGETS: number {', '.join(map(str, wrong))} is not an address of Apprise")
        return values

    def api_base(self) -> str | None:
        if self.environ.get("STRIPE_SECRET_KEY") and not self.environ.get("STRIPE_API_BASE"):
            return None
        return self.url("STRIPE_API_BASE", DEFAULT_SANDBOX_URL)
