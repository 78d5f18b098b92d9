"""The senders: processes that sign and post events, some of them again, and what they saw.

They share the machine with the servers, so they do no more than HTTP needs; and they connect anew now and then, as
which worker has which connection is chance.
"""

import hashlib
import hmac
import json
import multiprocessing
import random
import socket
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

CONNECT = "/api/payments/webhook/connect"
SECRET = "whsec_" + "b" * 32
BODY_BYTES = 2500
DUPLICATES = 0.3
PLACE = b"evt_" + b"0" * 32
A_CONNECTION = 5
"""Deliveries that one connection carries."""


@dataclass(slots=True)
class Sent:
    """What one client, or all together, saw."""

    acknowledged: list[str] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)
    repeated: int = 0
    refused: Counter[int] = field(default_factory=Counter)
    broken: int = 0


@dataclass(frozen=True, slots=True)
class Measured:
    """One run; `lost` counts acknowledged events that are not in the inbox."""

    seconds: float
    sent: Sent
    kills: int = 0
    lost: int = 0

    @property
    def stored_per_second(self) -> float:
        """New events only."""
        return len(self.sent.acknowledged) / self.seconds

    @property
    def per_second(self) -> float:
        """New and repeated ones."""
        return (len(self.sent.acknowledged) + self.sent.repeated) / self.seconds

    def percentile(self, share: float) -> float:
        """Milliseconds within which that share of deliveries was answered."""
        ordered = sorted(self.sent.milliseconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def template(account: str) -> bytes:
    """An event of 2.5 KB whose id is still to be put in."""
    content = {
        "id": PLACE.decode(),
        "object": "event",
        "account": account,
        "api_version": "2026-10-28.endive",
        "created": int(time.time()),
        "data": {"object": {"id": account, "object": "account", "metadata": {"filler": ""}}},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": "account.updated",
    }
    content["data"]["object"]["metadata"]["filler"] = "x" * (BODY_BYTES - len(json.dumps(content)))  # type: ignore[index]
    return json.dumps(content).encode()


class Wire:
    """A connection to the server, and what it still carries."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.left = A_CONNECTION

    def post(self, path: str, body: bytes, signature: str) -> int:
        """The answer's status. Raises OSError."""
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nStripe-Signature: {signature}\r\n\r\n"
        )
        self.socket.sendall(head.encode() + body)
        self.left -= 1
        return self._status()

    def _status(self) -> int:
        read = b""
        while b"\r\n\r\n" not in read:
            read += self._more()
        head, _, rest = read.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        while len(rest) < length:
            rest += self._more()
        return int(head.split(b" ", 2)[1])

    def _more(self) -> bytes:
        read = self.socket.recv(65536)
        if not read:
            raise ConnectionError("the server closed the connection")
        return read


class Client:
    """One of Stripe's senders: a delivery at a time."""

    def __init__(self, port: int, path: str, accounts: list[str], seed: int) -> None:
        self.port, self.path = port, path
        self.chance = random.Random(seed)
        self.bodies = [template(account) for account in accounts]
        self.wire: Wire | None = None
        self.sent = Sent()
        self.last: list[tuple[str, bytes]] = []

    def run(self, until: float) -> Sent:
        """Deliver until a moment of the monotonic clock."""
        while time.monotonic() < until:
            again = bool(self.last) and self.chance.random() < DUPLICATES
            event_id, body = self.chance.choice(self.last) if again else self._new()
            started = time.monotonic()
            status = self._post(body)
            if status != 200:
                self.sent.refused[status] += 1
                continue
            self.sent.milliseconds.append((time.monotonic() - started) * 1000)
            if again:
                self.sent.repeated += 1
            else:
                self.sent.acknowledged.append(event_id)
                self.last = [*self.last[-49:], (event_id, body)]
        return self.sent

    def _new(self) -> tuple[str, bytes]:
        event_id = f"evt_{self.chance.getrandbits(128):032x}"
        return event_id, self.chance.choice(self.bodies).replace(PLACE, event_id.encode())

    def _post(self, body: bytes) -> int:
        stamp = str(int(time.time()))
        digest = hmac.new(SECRET.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        try:
            if self.wire is None or self.wire.left == 0:
                self.wire = Wire(self.port)
            return self.wire.post(self.path, body, f"t={stamp},v1={digest}")
        except OSError:
            self.wire = None
            self.sent.broken += 1
            return 0


def _client(port: int, path: str, accounts: list[str], seed: int, seconds: float, told: Any) -> None:
    told.put(Client(port, path, accounts, seed).run(time.monotonic() + seconds))


def load(port: int, path: str, accounts: list[str], seconds: float, clients: int, seed: int) -> Measured:
    """So many client processes for so long."""
    context = multiprocessing.get_context("fork")
    told = context.Queue()
    jobs = [
        context.Process(target=_client, args=(port, path, accounts, seed * 1000 + n, seconds, told), daemon=True)
        for n in range(clients)
    ]
    for job in jobs:
        job.start()
    whole = Sent()
    for _ in jobs:
        part = told.get(timeout=seconds + 60)
        whole.acknowledged += part.acknowledged
        whole.milliseconds += part.milliseconds
        whole.repeated += part.repeated
        whole.refused += part.refused
        whole.broken += part.broken
    for job in jobs:
        job.join()
    return Measured(seconds, whole)
