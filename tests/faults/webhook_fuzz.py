"""Fuzzed deliveries through the whole application: never a 5xx, and nothing stored that nobody signed.

`python -m tests.faults.webhook_fuzz --count N`: headers, bodies and valid deliveries broken in one or two places,
at both addresses, some signed over what they became and some not. A delivery counts as signed when an oracle of
its own (hmac, json, struct of the header as Stripe documents it) says so, not because the portal says so.
Exit status 1 when an answer is not one of 200, 400, 413 or the inbox holds an id that the oracle never let pass.
"""

import argparse
import hashlib
import hmac
import io
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stderr
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from flask import Flask
from sqlalchemy import create_engine, select
from sqlalchemy.pool import NullPool

from portal.models import StripeEvent
from tests.conftest import SECRETS
from tests.faults.scratch import environ_on, migrated_app, scratch_folder, scratch_server
from tests.webhooks.test_receiving import CONNECT, PLATFORM, body

KEYS = {PLATFORM: SECRETS["STRIPE_WEBHOOK_SECRET"], CONNECT: SECRETS["STRIPE_CONNECT_WEBHOOK_SECRET"]}
ALLOWED = frozenset({200, 400, 413})
LIMIT = 256 * 1024
STRANGE: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, 10**12, 10**400, "", " ", "\x00", "\ud800", "é", "a/b", "x" * 81, "x" * 5000),
    *([], {}, [[]], {"id": 1}, {"object": "payout"}, "evt_1\n", "<script>", "%s%n", "'; drop table log"),
)
JUNK = (
    b"",
    b"\x00",
    b"\xff\xfe",
    b"[]",
    b"null",
    b"7",
    b'"x"',
    b"{}",
    b"{" * 5000,
    b"[" * 60_000,
    b"\xef\xbb\xbf{}",
)
PIECES = ("t=", "v1=", "v0=", ",", "=", " ", "0", "9" * 30, "a" * 64, "\t", "é", "\x00", "-1", "1e9", "t", "v1")


@dataclass
class Sent:
    """One delivery on its way."""

    path: str
    body: bytes
    header: str | None
    signed: bool = field(default=False)


class Fuzzer:
    """Makes deliveries from a seed, the same ones each time."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.made = 0

    def next(self) -> Sent:
        """One delivery, broken or not."""
        self.made += 1
        path = self.chance.choice((PLATFORM, CONNECT))
        sent = Sent(path, self._body(), None)
        sent.header = self._header(sent)
        sent.signed = is_signed(sent)
        return sent

    def _event(self) -> dict[str, Any]:
        number = self.chance.randrange(max(1, self.made // 3)) if self.chance.random() < 0.2 else self.made
        return dict(json.loads(body(id=f"evt_{number}")))

    def _body(self) -> bytes:
        kind = self.chance.random()
        if kind < 0.1:
            return self.chance.choice(JUNK)
        if kind < 0.15:
            return self.chance.randbytes(self.chance.randrange(400))
        event = self._event()
        if kind < 0.6:
            self._twist(event)
        whole = json.dumps(event).encode()
        if kind < 0.75:
            return self._bend(whole)
        if kind > 0.998:
            return whole.replace(b"}", b" " * (LIMIT + self.chance.randrange(-600, 600) - len(whole)) + b"}", 1)
        return whole

    def _twist(self, event: dict[str, Any]) -> None:
        """Another value somewhere, a key less, or a key more."""
        for _ in range(self.chance.randrange(1, 3)):
            place: dict[str, Any] = event
            if self.chance.random() < 0.3 and isinstance(event.get("data"), dict):
                held = event["data"].get("object")
                place = held if isinstance(held, dict) else event["data"]
            key = self.chance.choice([*place, "account", "payment_intent", "id"])
            if self.chance.random() < 0.2:
                place.pop(key, None)
            else:
                place[key] = deepcopy(self.chance.choice(STRANGE))

    def _bend(self, whole: bytes) -> bytes:
        """Bytes changed, cut out or doubled."""
        at = self.chance.randrange(len(whole))
        end = at + self.chance.randrange(1, 9)
        instead = self.chance.choice(
            (b"", self.chance.randbytes(3), whole[at:end] * 2, b"\\u0000", b"NaN", b"1e999")
        )
        return whole[:at] + instead + whole[end:]

    def _header(self, sent: Sent) -> str | None:
        kind = self.chance.random()
        if kind < 0.03:
            return None
        if kind < 0.15:
            return "".join(self.chance.choices(PIECES, k=self.chance.randrange(12)))
        at = int(time.time()) + self.chance.choice((0, 0, 0, 0, -200, 200, -400, 400, 10**9, -(10**9)))
        if kind < 0.25:
            return self._bent(signed_header(sent.body, KEYS[sent.path], at))
        secret = KEYS[sent.path] if kind < 0.9 else self.chance.choice(["", "whsec", *KEYS.values()])
        good = signed_header(sent.body, secret, at)
        return good if kind < 0.8 or kind > 0.85 else f"{good},v1={'0' * 64},v0=x"

    def _bent(self, header: str) -> str:
        at = self.chance.randrange(len(header))
        return header[:at] + self.chance.choice(PIECES) + header[at + self.chance.randrange(3) :]


def signed_header(payload: bytes, secret: str, at: int) -> str:
    """A header as Stripe writes it."""
    return f"t={at},v1={_digest(payload, secret, str(at))}"


def _digest(payload: bytes, secret: str, stamp: str) -> str:
    return hmac.new(secret.encode(), stamp.encode() + b"." + payload, hashlib.sha256).hexdigest()


def is_signed(sent: Sent) -> bool:
    """Whether the header holds a signature of exactly this body with this address's secret, of this time."""
    parts = [part.partition("=") for part in (sent.header or "").split(",")]
    stamps = [value for name, _, value in parts if name == "t"]
    try:
        stamp = str(int(stamps[0]))
    except (IndexError, ValueError):
        return False
    wanted = _digest(sent.body, KEYS[sent.path], stamp)
    return wanted in {value for name, _, value in parts if name == "v1"} and abs(int(stamp) - time.time()) < 305


@dataclass
class Outcome:
    """What the application answered, and what it kept."""

    answers: Counter[int]
    stored: int
    unsigned: list[str]
    wrong: list[str]
    seconds: float

    @property
    def is_clean(self) -> bool:
        """Whether nothing went wrong, and something went right."""
        return not self.unsigned and not self.wrong and self.answers[200] > 0 and self.answers[400] > 0


def fuzz(app: Flask, count: int, seed: int, tell: Callable[[str], None] = lambda _: None) -> Outcome:
    """Send `count` deliveries to an application with an empty inbox."""
    fuzzer, client, answers = Fuzzer(seed), app.test_client(), Counter[int]()
    let_pass: set[str] = set()
    wrong: list[str] = []
    started = time.monotonic()
    for n in range(count):
        sent = fuzzer.next()
        headers = {} if sent.header is None else {"Stripe-Signature": sent.header}
        status = _post(client, sent, headers)
        answers[status] += 1
        if status not in ALLOWED or (status == 200 and not sent.signed):
            wrong.append(f"{status} signed={sent.signed} {sent.header!r:.120} {sent.body!r:.300}")
        if sent.signed and status == 200:
            let_pass.add(json.loads(sent.body)["id"])
        if n % 5000 == 4999:
            tell(f"{n + 1} deliveries, {time.monotonic() - started:.0f} s")
    engine = create_engine(app.extensions["database_urls"].owner, poolclass=NullPool)
    with engine.connect() as connection:
        kept = set(connection.scalars(select(StripeEvent.id)))
    unsigned = sorted(kept - let_pass)
    return Outcome(answers, len(kept), unsigned, wrong, time.monotonic() - started)


def _post(client: Any, sent: Sent, headers: dict[str, str]) -> int:
    """The answer; werkzeug's client refuses headers that no server would hand on."""
    try:
        return int(client.post(sent.path, data=sent.body, headers=headers).status_code)
    except ValueError as refusal:
        if "newline" in str(refusal):
            return 400
        raise


def main(count: int, seed: int) -> int:
    """Fuzz on a database of its own, and print."""
    with scratch_folder() as folder, scratch_server(folder, durable=False) as server:
        app = migrated_app(environ_on(server, "callastar_fuzz", folder))
        with redirect_stderr(io.StringIO() if count <= 5000 else (folder / "log.ndjson").open("w")):
            outcome = fuzz(app, count, seed, tell=print)
    answers = ", ".join(f"{n} x {status}" for status, n in sorted(outcome.answers.items()))
    print(f"{count} deliveries in {outcome.seconds:.0f} s: {answers}")
    print(f"{outcome.stored} events stored, {len(outcome.unsigned)} of them unsigned")
    print(f"{sum(n for status, n in outcome.answers.items() if status >= 500)} answers of 5xx")
    for line in [*outcome.wrong[:20], *outcome.unsigned[:20]]:
        print(f"  {line}")
    return 0 if outcome.is_clean else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=20261122)
    given = parser.parse_args()
    sys.exit(main(given.count, given.seed))
