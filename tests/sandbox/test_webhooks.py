"""Webhooks: signed, retried, repeated, reordered; each to its own endpoint."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from time import monotonic, sleep

import pytest
import stripe

from portal.stripe_sandbox import Sandbox, SandboxSettings
from portal.stripe_sandbox.server import RunningSandbox

from .conftest import CONNECT_SECRET, PLATFORM_SECRET, Clock

PayOut = Callable[..., stripe.Payout]


class Receiver:
    """Keeps what it was posted and answers as told."""

    def __init__(self) -> None:
        self.status = 200
        self.got: list[tuple[str, bytes, dict[str, str]]] = []

    def __call__(self, endpoint: str, body: bytes, headers: dict[str, str]) -> int:
        self.got.append((endpoint, body, headers))
        if self.status == 0:
            raise ConnectionRefusedError("nobody there")
        return self.status

    @property
    def types(self) -> list[str]:
        return [json.loads(body)["type"] for _, body, _ in self.got]


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


def test_a_payout_event_is_signed_for_the_connect_endpoint(
    pay_out: PayOut, sandbox: Sandbox, receiver: Receiver, account: str
) -> None:
    payout = pay_out(metadata={"attempt_id": "a1"}, key="k9")
    sandbox.deliver(receiver)
    [(endpoint, body, headers)] = receiver.got
    assert endpoint == "connect"
    event = stripe.Webhook.construct_event(body, headers["Stripe-Signature"], CONNECT_SECRET)
    assert (event.type, event.account, event.livemode) == ("payout.created", account, False)
    assert event.api_version == "2026-10-28.endive"
    assert event.data.object["id"] == payout.id
    assert event.data.object["metadata"]["attempt_id"] == "a1"
    assert event.request.idempotency_key == "k9"
    assert event.request.id == payout.last_response.request_id
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body, headers["Stripe-Signature"], PLATFORM_SECRET)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body + b" ", headers["Stripe-Signature"], CONNECT_SECRET)


def test_a_payment_event_goes_to_the_platform_without_an_account(
    client: stripe.StripeClient, sandbox: Sandbox, receiver: Receiver
) -> None:
    client.v1.payment_intents.create(
        {"amount": 500, "currency": "eur", "confirm": True, "payment_method": "pm_card_visa"}
    )
    sandbox.deliver(receiver)
    assert receiver.types == ["payment_intent.created", "charge.succeeded", "payment_intent.succeeded"]
    for endpoint, body, headers in receiver.got:
        assert endpoint == "platform"
        event = stripe.Webhook.construct_event(body, headers["Stripe-Signature"], PLATFORM_SECRET)
        assert "account" not in json.loads(body)
        assert getattr(event, "account", None) is None


def test_an_update_tells_what_it_was_before(pay_out: PayOut, sandbox: Sandbox, receiver: Receiver) -> None:
    sandbox.settle(pay_out().id, "paid")
    sandbox.deliver(receiver)
    assert receiver.types == ["payout.created", "payout.updated", "payout.paid"]
    update = json.loads(receiver.got[1][1])["data"]
    assert update["previous_attributes"] == {"status": "pending"}
    assert update["object"]["status"] == "in_transit"


@pytest.mark.parametrize("status", [500, 404, 301, 0])
def test_a_failed_delivery_is_tried_again_with_growing_pauses(
    pay_out: PayOut, sandbox: Sandbox, receiver: Receiver, clock: Clock, status: int
) -> None:
    pay_out()
    receiver.status = status
    for pause in (1, 5, 30, 300):
        assert len(sandbox.deliver(receiver)) == 1
        clock.move(seconds=pause - 0.5)
        assert sandbox.deliver(receiver) == []
        clock.move(seconds=0.5)
    receiver.status = 200
    sandbox.deliver(receiver)
    assert sandbox.pending_deliveries() == []
    assert sandbox.deliveries()[0]["tries"] == 5
    assert len({body for _, body, _ in receiver.got}) == 1


def test_a_dead_endpoint_is_given_up_after_three_days(
    pay_out: PayOut, sandbox: Sandbox, receiver: Receiver, clock: Clock, client: stripe.StripeClient, account: str
) -> None:
    pay_out()
    receiver.status = 503
    for _ in range(40):
        sandbox.deliver(receiver)
        clock.move(hours=4)
    assert sandbox.pending_deliveries() == []
    assert 10 < len(receiver.got) < 30
    on_account: stripe.RequestOptions = {"stripe_account": account}
    undelivered = client.v1.events.list({"delivery_success": False}, on_account).data
    assert [event.type for event in undelivered] == ["payout.created"]
    assert undelivered[0].pending_webhooks == 1
    assert client.v1.events.list({"delivery_success": True}, on_account).data == []


def test_events_can_be_repeated_and_reordered(pay_out: PayOut, sandbox: Sandbox, receiver: Receiver) -> None:
    sandbox.settle(pay_out().id, "paid")
    sandbox.deliver(receiver, order="reversed", copies=2)
    assert receiver.types == ["payout.paid"] * 2 + ["payout.updated"] * 2 + ["payout.created"] * 2
    assert sandbox.deliver(receiver) == []
    first = sandbox.events()[0]["id"]
    sandbox.deliver(receiver, events=[first])
    assert receiver.types[-1] == "payout.created"
    sandbox.deliver(receiver, events=[event["id"] for event in sandbox.events()], order="random", seed=3)
    assert sorted(receiver.types[-3:]) == ["payout.created", "payout.paid", "payout.updated"]


def test_the_events_list_reaches_back_thirty_days(
    pay_out: PayOut, client: stripe.StripeClient, sandbox: Sandbox, clock: Clock, account: str
) -> None:
    old = pay_out()
    sandbox.settle(old.id, "paid")
    on_account: stripe.RequestOptions = {"stripe_account": account}
    only = client.v1.events.list({"types": ["payout.paid", "payout.failed"]}, on_account).data
    assert [event.type for event in only] == ["payout.paid"]
    assert len(client.v1.events.list({"type": "payout.*"}, on_account).data) == 3
    assert client.v1.events.list({}).data == []
    clock.move(days=30, seconds=1)
    assert client.v1.events.list({}, on_account).data == []
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.events.retrieve(only[0].id, options=on_account)


class Portal(BaseHTTPRequestHandler):
    """A webhook receiver over HTTP that asks the sandbox back, as the portal does."""

    seen: list[str]
    ask: Callable[[], object]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        event = stripe.Webhook.construct_event(body, self.headers["Stripe-Signature"], CONNECT_SECRET)
        type(self).ask()
        self.seen.append(event.type)
        self.send_response(200 if len(self.seen) > 1 else 500)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def portal() -> Iterator[tuple[type[Portal], str]]:
    handler = type("OnePortal", (Portal,), {"seen": []})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield handler, f"http://127.0.0.1:{server.server_port}/api/payments/webhook/connect"
        server.shutdown()
        thread.join()


def test_a_running_sandbox_settles_and_delivers_by_itself(
    tmp_path: Path, portal: tuple[type[Portal], str], connect_to: Callable[..., stripe.StripeClient]
) -> None:
    handler, url = portal
    settings = SandboxSettings(
        path=tmp_path / "running.db",
        connect_webhook_url=url,
        connect_webhook_secret=CONNECT_SECRET,
        settle_after=timedelta(seconds=0.4),
    )
    with RunningSandbox(settings) as running:
        account = running.sandbox.create_account()["id"]
        running.sandbox.fund(account, 5000)
        client = connect_to(running.url)
        handler.ask = lambda: client.v1.balance.retrieve(options={"stripe_account": account})
        client.v1.payouts.create({"amount": 1500, "currency": "eur"}, {"stripe_account": account})
        limit = monotonic() + 8
        while len(handler.seen) < 4 and monotonic() < limit:
            sleep(0.05)
    assert sorted(handler.seen) == ["payout.created", "payout.created", "payout.paid", "payout.updated"]
    assert handler.seen[0] == "payout.created"
