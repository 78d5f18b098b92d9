"""The local Stripe as a process of its own, with faulty answers, steered over HTTP."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock
from typing import Any

from portal.stripe_sandbox import SandboxSettings
from portal.stripe_sandbox.faults import FaultKind
from portal.stripe_sandbox.server import RunningSandbox
from tests.conftest import SECRETS
from tests.faults.crashing import ask_sandbox
from tests.faults.moments import SharedClock, SharedCount
from tests.faults.oracle import Ledger
from tests.portal_process import free_port, wait_until

CREATION_FAULTS = 0.36
SLOW = {"delay_before": 0.3, "delay_after": 1.2}
READING_FAULTS = ("server_error", "rate_limited", "not_found", "drop_after", "not_json", "unavailable")
READING_PROBABILITY = 0.012
CANCELLATION_FAULTS = ("server_error", "drop_after", "drop_before")


@dataclass(frozen=True, slots=True)
class Traffic:
    """How many requests Stripe is answering at this moment, and how many creations it was asked for."""

    now: SharedCount = field(default_factory=SharedCount)
    creations: SharedCount = field(default_factory=SharedCount)


class Bank:
    """What a test asks of a sandbox in another process; the names are those of Sandbox."""

    def create_account(self, **wanted: Any) -> dict[str, Any]:
        return ask_sandbox("/accounts", wanted)

    def change_account(self, account: str, **wanted: Any) -> dict[str, Any]:
        return ask_sandbox(f"/accounts/{account}", wanted)

    def fund(self, account: str, amount_minor: int, currency: str = "eur") -> dict[str, Any]:
        return ask_sandbox("/fund", {"account": account, "amount": amount_minor, "currency": currency})

    def settle(self, payout: str, outcome: str) -> dict[str, Any]:
        return ask_sandbox(f"/payouts/{payout}/settle", {"outcome": outcome})

    def advance(self) -> None:
        ask_sandbox("/advance", {})

    def deliver(self, **options: Any) -> list[dict[str, Any]]:
        return list(ask_sandbox("/deliver", options)["attempts"])

    def undelivered(self) -> list[str]:
        """Events that the portal has not acknowledged, given up or not."""
        waiting = ask_sandbox("/deliveries")["deliveries"]
        return [row["event"] for row in waiting if row["delivered_at"] is None]

    def ledger(self) -> Ledger:
        return ask_sandbox("/ledger")

    def be_faulty(self, seed: int) -> None:
        """About 30 % of creations, resent ones too, go wrong in every way there is, and a few other calls."""
        kinds = [kind.value for kind in FaultKind]
        each = 1 - (1 - CREATION_FAULTS) ** (1 / len(kinds))
        for n, kind in enumerate(kinds):
            self._add(kind, "POST", "/v1/payouts", each, seed + n)
        for n, kind in enumerate(READING_FAULTS):
            self._add(kind, "GET", "/v1/*", READING_PROBABILITY, seed + 100 + n)
        for n, kind in enumerate(CANCELLATION_FAULTS):
            self._add(kind, "POST", "/v1/payouts/*/cancel", 0.1, seed + 200 + n)

    def _add(self, kind: str, method: str, path: str, probability: float, seed: int) -> None:
        rule = {"kind": kind, "method": method, "path": path, "probability": probability, "seed": seed}
        ask_sandbox("/faults", {**rule, "times": None, "seconds": SLOW.get(kind, 0)})

    def strikes(self) -> dict[tuple[str, str], int]:
        """How often each kind struck, by what was asked and kind; those that a process provoked apart."""
        struck: dict[tuple[str, str], int] = {}
        for rule in ask_sandbox("/faults")["faults"]:
            asked = "GET" if rule["method"] == "GET" else rule["path"].rpartition("/")[2]
            key = ("provoked" if rule["account"] else asked, rule["kind"])
            struck[key] = struck.get(key, 0) + rule["hits"]
        return struck

    def recover(self) -> None:
        """Answer every call as Stripe should."""
        ask_sandbox("/faults", {"clear": True})


@contextmanager
def bank_process(folder: Path, clock: SharedClock, portal_url: str) -> Iterator[tuple[Bank, int, Traffic]]:
    """Fork the bank; its handle, its process and what it is asked."""
    port, traffic = free_port(), Traffic()
    os.environ["STRIPE_API_BASE"] = f"http://127.0.0.1:{port}"
    child = os.fork()
    if child == 0:
        _serve(folder, clock, portal_url, port, traffic)
    bank = Bank()
    wait_until(lambda: _answers(bank), "the local Stripe to answer")
    try:
        yield bank, child, traffic
    finally:
        os.kill(child, signal.SIGTERM)
        os.waitpid(child, 0)


def _answers(bank: Bank) -> bool:
    try:
        return bank.ledger() is not None
    except OSError:
        return False


def _serve(folder: Path, clock: SharedClock, portal_url: str, port: int, traffic: Traffic) -> None:
    stop = Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    hooks = f"{portal_url}/api/payments/webhook"
    settings = SandboxSettings(
        path=folder / "stripe.sqlite3",
        platform_webhook_url=hooks,
        platform_webhook_secret=SECRETS["STRIPE_WEBHOOK_SECRET"],
        connect_webhook_url=f"{hooks}/connect",
        connect_webhook_secret=SECRETS["STRIPE_CONNECT_WEBHOOK_SECRET"],
        clock=clock,
    )
    silence()
    running = RunningSandbox(settings, port=port)
    counted: Any = running.app
    counted.wsgi_app = _counting(running.app.wsgi_app, traffic)
    with running:
        stop.wait()
    os._exit(0)


def _counting(wsgi: Callable[..., Any], traffic: Traffic) -> Callable[..., Any]:
    lock = Lock()

    def counted(environ: Any, start: Any) -> Any:
        with lock:
            traffic.now.add(1)
            traffic.creations.add(environ["REQUEST_METHOD"] == "POST" and environ["PATH_INFO"] == "/v1/payouts")
        try:
            return wsgi(environ, start)
        finally:
            with lock:
                traffic.now.add(-1)

    return counted


def silence() -> None:
    """Say nothing on this process's error output: the books are read from the database."""
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 -- a file descriptor is needed
        os.dup2(nowhere.fileno(), 2)
