"""The way to whoever is told of alerts: Apprise, imported only where a target is configured.

An address of Apprise holds secrets. A target is therefore named by its kind and a mark of its address, and what
goes wrong is said by its status alone.
"""

import hashlib
import logging
import re
from collections.abc import Sequence
from typing import Protocol

STATUS = re.compile(r"\berror=(\d{3})\b")


class Notifier(Protocol):
    """Sends to targets by their names."""

    @property
    def targets(self) -> Sequence[str]:
        """Their names."""
        ...

    def send(self, target: str, title: str, body: str) -> str | None:
        """None when the target took the message, else why not."""
        ...


class AppriseNotifier:
    """Targets that Apprise knows how to reach."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = {target_name(address): address for address in addresses}

    @property
    def targets(self) -> Sequence[str]:
        """The kind of each and a mark of its address, in the order of the setting."""
        return list(self._addresses)

    def send(self, target: str, title: str, body: str) -> str | None:
        """None when the target took the message, else why not, without anything of its address."""
        address = self._addresses.get(target)
        if address is None:
            return "n’est plus parmi ALERT_TARGETS"
        import apprise

        logger = logging.getLogger("apprise")
        logger.propagate = False  # its lines name addresses
        desk = apprise.Apprise()
        if not desk.add(address):
            return "n’est pas une adresse qu’Apprise comprend"
        with apprise.LogCapture(level=logging.WARNING) as said:  # type: ignore[no-untyped-call]
            sent = desk.notify(body=body, title=title, body_format=apprise.NotifyFormat.TEXT)
            found = STATUS.search(said.getvalue())
        if sent:
            return None
        return f"refusé ({found[1]})" if found else "ne répond pas"


def target_name(address: str) -> str:
    """What a target is called in rows and pages: json:1f2e3d4c."""
    kind = address.partition("://")[0].lower()
    return f"{kind[:40]}:{hashlib.sha256(address.encode()).hexdigest()[:8]}"
