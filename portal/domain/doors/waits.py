"""What a guess costs: a delay that grows for each account, known browser and network, and never lasts."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from portal.domain.errors import TooManyGuesses
from portal.models import SignInWait

FIRST_DELAY = timedelta(seconds=5)
LONGEST_DELAY = timedelta(minutes=15)
FORGOTTEN_AFTER = timedelta(days=1)
FREE = {"account": 5, "browser": 5, "network": 30}
"""Guesses without any delay, by what is counted."""


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """One thing that guesses are counted for; `name` says nothing of an account to who reads the table."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


def keys_for(email: str, address: str | None, *, known_browser: str | None = None) -> tuple[Key, ...]:
    """What a guess at `email` from `address` is counted for, in the one order that rows are locked in.

    A browser that signed this account in before counts for itself: strangers who guess do not delay its owner.
    """
    own = Key("browser", known_browser) if known_browser else Key("account", _digest(email.strip().lower()))
    return tuple(sorted((own, Key("network", network_of(address)))))


def network_of(address: str | None) -> str:
    """The /24 or /64 that an address lies in."""
    try:
        ip = ip_address(address or "")
    except ValueError:
        return "unknown"
    if ip.version == 6 and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    return str(ip_network((ip, 24 if ip.version == 4 else 64), strict=False))


def take_turn(session: Session, keys: Sequence[Key], *, now: datetime) -> None:
    """Count a guess before it is made, so that guesses at once cannot exceed.

    Raises TooManyGuesses, counting nothing.
    """
    rows = [_locked(session, key, now) for key in keys]
    longest = max((row.open_at for row in rows), default=now)
    if longest > now:
        raise TooManyGuesses(longest - now)
    for key, row in zip(keys, rows, strict=True):
        row.tries = 1 if now - row.tried_at > FORGOTTEN_AFTER else row.tries + 1
        row.tried_at, row.open_at = now, now + delay_after(row.tries, FREE[key.kind])


def delay_after(tries: int, free: int) -> timedelta:
    """How long the next guess has to wait after `tries` wrong ones."""
    if tries < free:
        return timedelta(0)
    doubled: timedelta = FIRST_DELAY * 2 ** min(tries - free, 20)
    return min(LONGEST_DELAY, doubled)


def give_back(session: Session, keys: Sequence[Key], *, now: datetime, forgive: bool) -> None:
    """The guess was right: it costs nothing, and with `forgive` the account's wrong ones before are forgotten."""
    for key in keys:
        row = _locked(session, key, now)
        row.tries = 0 if forgive and key.kind != "network" else max(row.tries - 1, 0)
        row.open_at = now


def forget_old(session: Session, *, now: datetime) -> None:
    """Remove the counts that no longer matter."""
    session.execute(delete(SignInWait).where(SignInWait.tried_at < now - FORGOTTEN_AFTER))


def _locked(session: Session, key: Key, now: datetime) -> SignInWait:
    """The key's row, locked until the transaction ends, made where there was none."""
    fresh = insert(SignInWait).values(key=str(key), tries=0, tried_at=now, open_at=now)
    session.execute(fresh.on_conflict_do_nothing())
    return session.get_one(SignInWait, str(key), with_for_update=True, populate_existing=True)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:40]
