"""Who comes by every day, and from where."""

from dataclasses import dataclass
from typing import Any

from portal.demo.chance import Chance

AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/142.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/19.1 Safari/605.1.15",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
    "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "Mozilla/5.0 (Linux; Android 16; Pixel 9) AppleWebKit/537.36 Chrome/142.0.0.0 Mobile Safari/537.36",
)
NETWORKS = ("192.0.2", "198.51.100", "203.0.113")
Someone = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Visitors:
    """People and what they touch, as rows of the database."""

    users: list[Someone]
    admins: list[Someone]
    creators: list[Someone]
    offers: list[Someone]
    bookings: list[Someone]


def browser(chance: Chance) -> dict[str, str]:
    """ipAddress and userAgent of a request."""
    return {"ipAddress": address(chance), "userAgent": chance.pick(AGENTS)}


def address(chance: Chance) -> str:
    """An address from the ranges kept for documentation."""
    return f"{chance.pick(NETWORKS)}.{chance.whole(1, 254)}"
