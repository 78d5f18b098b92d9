"""Single values of the environment, read strictly: what is wrong with one is noted, not raised."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from urllib.parse import urlsplit


class Values:
    """The environment, and everything that is wrong with it."""

    production: bool

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.errors: list[str] = []

    def optional(self, name: str, *, required: bool = False) -> str | None:
        value = self.environ.get(name) or None
        if required and value is None:
            self.errors.append(f"{name}: must be set in production")
        return value

    def secret(self, name: str, local: Mapping[str, str]) -> str | None:
        value = self.environ.get(name) or local.get(name)
        if self.production and (value is None or is_weak(value)):
            self.errors.append(f"{name}: must be set in production, to at least 16 characters of your own")
        return value

    def own_secret(self, name: str) -> str | None:
        """A secret that may be left out, but not be weak."""
        value = self.optional(name)
        if value is not None and is_weak(value):
            self.errors.append(f"{name}: must have at least 16 characters of your own")
        return value

    def secrets(self, name: str, local: Mapping[str, str]) -> tuple[str, ...]:
        """Several with commas between them, while one is replaced by the next; blank ones are none."""
        given = self.environ.get(name) or local.get(name) or ""
        values = tuple(value for part in given.split(",") if (value := part.strip()))
        if self.production and (not values or any(is_weak(value) for value in values)):
            self.errors.append(f"{name}: must be set in production, each secret to at least 16 characters")
        return values

    def whole(self, name: str, default: int, what: str, least: int, most: int) -> int:
        """A whole number, as given or the default."""
        text = self.environ.get(name) or str(default)
        if not (text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most):
            self.errors.append(f"{name}: {text[:40]!r} is not a number of {what} from {least} to {most}")
            return default
        return int(text)

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


def is_weak(secret: str) -> bool:
    """Whether a secret is short, or the word that examples are left at."""
    return len(secret) < 16 or secret == "change-me"  # noqa: S105
