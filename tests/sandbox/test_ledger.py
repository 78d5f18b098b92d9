"""Whatever happens, a balance is the sum of the ledger, and payouts never take it below zero."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.stripe_sandbox import Sandbox, SandboxSettings
from portal.stripe_sandbox.gate import Asked
from portal.stripe_sandbox.refusals import Refusal

from .conftest import Clock

STEPS = st.one_of(
    st.tuples(st.just("fund"), st.integers(1, 50_000)),
    st.tuples(st.just("buy"), st.integers(100, 20_000)),
    st.tuples(st.just("payout"), st.integers(1, 60_000)),
    st.tuples(st.just("replay"), st.integers(1, 60_000)),
    st.tuples(st.sampled_from(["paid", "failed", "canceled", "cancel"]), st.integers(0, 9)),
    st.tuples(st.just("refund"), st.integers(0, 9)),
    st.tuples(st.just("wait"), st.integers(1, 15)),
)


@contextmanager
def fresh() -> Iterator[tuple[Sandbox, Clock]]:
    clock = Clock()
    with TemporaryDirectory() as folder:
        sandbox = Sandbox(SandboxSettings(Path(folder) / "s.db", clock=clock, settle_after=timedelta(seconds=20)))
        try:
            yield sandbox, clock
        finally:
            sandbox.close()


def post(sandbox: Sandbox, path: str, account: str = "", key: str | None = None, **params: Any) -> int:
    asked = Asked("POST", path, params, "sk_test_sandbox", account, key)
    return sandbox.gate.answer(asked).status


def take(sandbox: Sandbox, clock: Clock, account: str, step: tuple[str, int]) -> None:
    name, value = step
    ledger = sandbox.ledger()
    payouts = [row["id"] for row in ledger["payouts"]]
    charges = [row["source"] for row in ledger["balance_transactions"] if row["type"] == "charge"]
    if name == "fund":
        sandbox.fund(account, value)
    elif name == "buy":
        post(
            sandbox, "/v1/payment_intents", amount=str(value), currency="eur", confirm="true",
            payment_method="pm_card_visa", application_fee_amount=str(value // 7),
            transfer_data={"destination": account},
        )  # fmt: skip
    elif name in ("payout", "replay"):
        key = "same" if name == "replay" else None
        post(sandbox, "/v1/payouts", account, key, amount=str(value), currency="eur")
    elif name == "refund" and charges:
        post(sandbox, "/v1/refunds", charge=charges[value % len(charges)], amount="50")
    elif name == "wait":
        clock.move(seconds=value)
        sandbox.advance()
    elif name == "cancel" and payouts:
        post(sandbox, f"/v1/payouts/{payouts[value % len(payouts)]}/cancel", account)
    elif name in ("paid", "failed", "canceled") and payouts:
        settle(sandbox, payouts[value % len(payouts)], name)
        sandbox.change_account(account, bank_status="verified")


def settle(sandbox: Sandbox, payout: str, outcome: str) -> None:
    with suppress(Refusal):  # not every move is possible from every status
        sandbox.settle(payout, outcome)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(STEPS, max_size=14))
def test_a_balance_is_always_the_sum_of_the_ledger(steps: list[tuple[str, int]]) -> None:
    with fresh() as (sandbox, clock):
        account = sandbox.create_account()["id"]
        sandbox.fund(account, 10_000)
        for step in steps:
            take(sandbox, clock, account, step)
            check(sandbox, account)


def check(sandbox: Sandbox, account: str) -> None:
    ledger = sandbox.ledger()
    sums: dict[str, int] = defaultdict(int)
    for row in ledger["balance_transactions"]:
        assert row["net"] == row["amount"] - row["fee"]
        sums[row["account"]] += row["net"]
    for owner in (account, ""):
        assert sum(sandbox.balance(owner).get("eur", (0, 0))) == sums[owner]
    assert sandbox.balance(account)["eur"][0] >= 0
    out = {row["id"]: row for row in ledger["payouts"]}
    for id_, payout in out.items():
        moved = sum(row["net"] for row in ledger["balance_transactions"] if row["source"] == id_)
        assert moved == (0 if payout["status"] in ("failed", "canceled") else -payout["amount"])
