"""A sandbox on a local port, the real SDK against it, and a clock that only tests move."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import stripe
from flask import Flask
from werkzeug.serving import make_server

from portal.stripe_sandbox import Sandbox, SandboxSettings, create_sandbox
from portal.stripe_sandbox.server import QuietHandler

PLATFORM_SECRET = "whsec_test_platform"
CONNECT_SECRET = "whsec_test_connect"


class Clock:
    """Stands still until told."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def settings(tmp_path: Path, clock: Clock) -> SandboxSettings:
    return SandboxSettings(
        path=tmp_path / "stripe.db",
        platform_webhook_secret=PLATFORM_SECRET,
        connect_webhook_secret=CONNECT_SECRET,
        clock=clock,
    )


class Served:
    """One listening server for the whole session; each test puts its own sandbox behind it."""

    def __init__(self) -> None:
        self.app: Flask | None = None
        self._server = make_server("127.0.0.1", 0, self, threaded=True, request_handler=QuietHandler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def __call__(self, environ: Any, start_response: Any) -> Any:
        assert self.app is not None
        return self.app(environ, start_response)

    @property
    def sandbox(self) -> Sandbox:
        assert self.app is not None
        handle: Sandbox = self.app.extensions["sandbox"]
        return handle

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture(scope="session")
def listening() -> Iterator[Served]:
    served = Served()
    yield served
    served.stop()


@pytest.fixture
def server(listening: Served, settings: SandboxSettings) -> Iterator[Served]:
    listening.app = create_sandbox(settings)
    sandbox = listening.sandbox
    yield listening
    sandbox.close()


@pytest.fixture
def sandbox(server: Served) -> Sandbox:
    return server.sandbox


@pytest.fixture
def connect_to() -> Iterator[Callable[..., stripe.StripeClient]]:
    """Open SDK clients that are closed afterwards."""
    opened: list[stripe.HTTPClient] = []

    def connect(url: str, key: str = "sk_test_sandbox") -> stripe.StripeClient:
        transport = stripe.RequestsClient(timeout=5)
        opened.append(transport)
        return stripe.StripeClient(key, base_addresses={"api": url}, http_client=transport)

    yield connect
    for transport in opened:
        transport.close()


@pytest.fixture
def client(server: Served, connect_to: Callable[..., stripe.StripeClient]) -> stripe.StripeClient:
    return connect_to(server.url)


@pytest.fixture
def account(sandbox: Sandbox) -> str:
    """An account that is ready to be paid, with 1,000.00 EUR."""
    id_: str = sandbox.create_account()["id"]
    sandbox.fund(id_, 100_000, "eur")
    return id_


@pytest.fixture
def pay_out(client: stripe.StripeClient, account: str) -> Callable[..., stripe.Payout]:
    """Create a payout with the SDK."""

    def create(amount: int = 1500, *, key: str | None = None, **params: Any) -> stripe.Payout:
        options: stripe.RequestOptions = {"stripe_account": account}
        if key:
            options["idempotency_key"] = key
        return client.v1.payouts.create({"amount": amount, "currency": "eur", **params}, options)

    return create


@pytest.fixture
def creator(sandbox: Sandbox) -> str:
    id_: str = sandbox.create_account()["id"]
    return id_


@pytest.fixture
def buy(client: stripe.StripeClient, creator: str) -> Callable[..., stripe.PaymentIntent]:
    """Pay 100.00 EUR to the creator, of which the platform keeps 15.00."""

    def pay(card: str = "pm_card_bypassPending", **params: Any) -> stripe.PaymentIntent:
        return client.v1.payment_intents.create(
            {
                "amount": 10_000,
                "currency": "eur",
                "confirm": True,
                "payment_method": card,
                "application_fee_amount": 1500,
                "transfer_data": {"destination": creator},
                "metadata": {"booking_id": "b1"},
                **params,
            }
        )

    return pay
