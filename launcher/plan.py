"""From the environment to a plan, and from the plan to the environment of the children."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from launcher.terminal import RunError

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Plan:
    """What is started, where, and on whose database and Stripe."""

    host: str
    port: int
    instance: Path
    own_database: bool  # the embedded PostgreSQL, ours to stop
    own_stripe: bool  # the local one, ours to start
    seeds: bool  # an empty database gets the demo; never beside a real Stripe account

    @property
    def logs(self) -> Path:
        """Where each program's output goes."""
        return self.instance / "log"

    @property
    def near_host(self) -> str:
        """The address under which this machine reaches the portal."""
        return "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104

    @property
    def url(self) -> str:
        """The same, for a browser."""
        host = f"[{self.near_host}]" if ":" in self.near_host else self.near_host
        return f"http://{host}:{self.port}"


def plan_from(environ: Mapping[str, str], root: Path = ROOT) -> Plan:
    """Read the variables the launcher itself understands."""
    real_stripe = bool(environ.get("STRIPE_SECRET_KEY"))
    instance = environ.get("PORTAL_INSTANCE")
    return Plan(
        host=environ.get("HOST") or "127.0.0.1",
        port=port_number(environ.get("PORT") or "8000"),
        instance=Path(instance).expanduser().resolve() if instance else root / "instance",
        own_database=not environ.get("DATABASE_URL"),
        own_stripe=not real_stripe and not environ.get("STRIPE_API_BASE"),
        seeds=not real_stripe and environ.get("PORTAL_ENV") != "production",
    )


def port_number(text: str) -> int:
    """The port that PORT names."""
    if text.isascii() and text.isdigit() and 0 < int(text) < 65536:
        return int(text)
    raise RunError(f"PORT must be a number from 1 to 65535, not {text!r}.")


def child_environment(plan: Plan, environ: Mapping[str, str], stripe_port: int | None) -> dict[str, str]:
    """What every child gets: all of ours, and where things are."""
    given = {**environ, "PORT": str(plan.port), "HOST": plan.host, "PORTAL_INSTANCE": str(plan.instance)}
    given["PYTHONUNBUFFERED"] = "1"
    given["PUBLIC_URL"] = environ.get("PUBLIC_URL") or plan.url
    if plan.own_stripe and stripe_port:
        given["STRIPE_API_BASE"] = f"http://127.0.0.1:{stripe_port}"
    return given
