"""The books outlive the process."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import requests
import stripe

from portal.stripe_sandbox import SandboxSettings
from portal.stripe_sandbox.server import RunningSandbox

from .conftest import Clock

Connect = Callable[..., stripe.StripeClient]


def test_a_new_application_on_the_same_file_keeps_everything(
    settings: SandboxSettings, clock: Clock, connect_to: Connect
) -> None:
    with RunningSandbox(settings, worker=False) as before:
        account = before.sandbox.create_account()["id"]
        before.sandbox.fund(account, 5000)
        on_account: stripe.RequestOptions = {"stripe_account": account, "idempotency_key": "k"}
        first = connect_to(before.url).v1.payouts.create({"amount": 1500, "currency": "eur"}, on_account)
        kept = (before.sandbox.ledger(), before.sandbox.events(), before.sandbox.pending_deliveries())
    with RunningSandbox(settings, worker=False) as after:
        assert (after.sandbox.ledger(), after.sandbox.events(), after.sandbox.pending_deliveries()) == kept
        again = connect_to(after.url).v1.payouts.create({"amount": 1500, "currency": "eur"}, on_account)
        assert again.id == first.id
        clock.move(minutes=1)
        after.sandbox.advance()
        assert after.sandbox.ledger()["payouts"][0]["status"] == "paid"


PROGRAM = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from portal.stripe_sandbox import SandboxSettings
    from portal.stripe_sandbox.server import serve
    serve(SandboxSettings(Path(sys.argv[1])), port=int(sys.argv[2]))
    """
)


def start(path: Path, port: int, connect_to: Connect) -> tuple[subprocess.Popen[bytes], stripe.StripeClient]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    program = subprocess.Popen([sys.executable, "-c", PROGRAM, str(path), str(port)], env=environment)
    client = connect_to(f"http://127.0.0.1:{port}")
    limit = time.monotonic() + 10
    while time.monotonic() < limit:
        try:
            client.v1.balance.retrieve()
        except stripe.APIConnectionError:
            time.sleep(0.05)
        else:
            break
    return program, client


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_a_killed_server_keeps_what_it_answered(tmp_path: Path, connect_to: Connect) -> None:
    path, port = tmp_path / "killed.db", free_port()
    program, client = start(path, port, connect_to)
    control = {"auth": ("sk_test_sandbox", ""), "timeout": 5}
    url = f"http://127.0.0.1:{port}/_sandbox"
    account = requests.post(f"{url}/accounts", json={}, **control).json()["id"]  # type: ignore[arg-type]
    requests.post(f"{url}/fund", json={"account": account, "amount": 9000}, **control)  # type: ignore[arg-type]
    keyed: list[str] = []
    for n in range(5):
        options: stripe.RequestOptions = {"stripe_account": account, "idempotency_key": f"k{n}"}
        keyed.append(client.v1.payouts.create({"amount": 100 + n, "currency": "eur"}, options).id)
    program.send_signal(signal.SIGKILL)
    program.wait()
    program, client = start(path, port, connect_to)
    try:
        listed = client.v1.payouts.list({}, {"stripe_account": account})
        assert [payout.id for payout in listed.data] == keyed[::-1]
        options = {"stripe_account": account, "idempotency_key": "k3"}
        assert client.v1.payouts.create({"amount": 103, "currency": "eur"}, options).id == keyed[3]
    finally:
        program.send_signal(signal.SIGTERM)
    assert program.wait(timeout=10) == 0
