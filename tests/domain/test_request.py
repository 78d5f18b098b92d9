"""A creator asks for a payout: T1, T2, and every refusal."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.domain.errors import PayoutRefused
from portal.models import Payout, PayoutStatus, TransactionLog
from portal.stripe_sandbox.sandbox import Sandbox
from tests.domain.acts import Acts
from tests.factories import Factory


def test_a_request_waits_for_an_admin_and_reserves_its_amount(acts: Acts, factory: Factory) -> None:
    requested = acts.request(factory.creator(balance_minor=20_000), "123,45")
    payout = acts.payout(requested.payout.id)
    assert (payout.status, payout.amount_minor, payout.route) == (PayoutStatus.REQUESTED, 12_345, "review")
    assert payout.balance_before_minor == 20_000
    assert factory.sandbox.ledger()["payouts"] == []


def test_a_request_is_in_both_books(acts: Acts, factory: Factory, session: Session) -> None:
    requested = acts.request(factory.creator())
    assert acts.types() == [
        "PAYOUT_REQUEST_INITIATED",
        "PAYOUT_REQUEST_STRIPE_VERIFICATION",
        "PAYOUT_REQUEST_BALANCE_CHECK",
        "PAYOUT_REQUESTED",
    ]
    money = session.scalars(select(TransactionLog)).one()
    assert (money.event_type, money.status, money.amount_minor) == ("PAYOUT_CREATED", "REQUESTED", 12_345)
    row = acts.last("PAYOUT_REQUESTED")
    assert row.details["payoutId"] == str(requested.payout.id)
    assert row.details["stripePayoutId"] is None
    assert len({row.request_id, money.request_id}) == 1


def test_within_the_limit_a_request_is_sent_at_once(acts: Acts, factory: Factory) -> None:
    requested = acts.request(factory.creator(), "100", auto_limit=Decimal(100))
    assert acts.payout(requested.payout.id).status is PayoutStatus.PROCESSING
    assert acts.types() == [
        "PAYOUT_REQUEST_INITIATED",
        "PAYOUT_REQUEST_STRIPE_VERIFICATION",
        "PAYOUT_REQUEST_BALANCE_CHECK",
        "PAYOUT_REQUEST_STRIPE_CREATION",
        "PAYOUT_REQUEST_STRIPE_CREATION_SUCCESS",
        "PAYOUT_REQUESTED",
        "PAYOUT_PROCESSING",
    ]


def test_above_the_limit_a_request_waits(acts: Acts, factory: Factory) -> None:
    requested = acts.request(factory.creator(), "100.01", auto_limit=Decimal(100))
    assert acts.payout(requested.payout.id).status is PayoutStatus.REQUESTED


REFUSALS: dict[str, tuple[dict[str, Any], dict[str, Any], str, int]] = {
    # what the creator is like, what becomes of the account, the event, the HTTP status
    "no account": ({"account": False}, {}, "PAYOUT_REQUEST_NO_STRIPE_ACCOUNT", 409),
    "blocked": (
        {"is_payout_blocked": True, "payout_block_reason": "Activité suspecte"},
        {},
        "PAYOUT_REQUEST_BLOCKED",
        403,
    ),
    "requirements due": ({}, {"currently_due": ["individual.id_number"]}, "PAYOUT_REQUEST_KYC_INCOMPLETE", 409),
    "payouts disabled with nothing due": (
        {},
        {"payouts_enabled": False},
        "PAYOUT_REQUEST_BANK_NOT_VERIFIED",
        409,
    ),
    "bank account errored": ({}, {"bank_status": "errored"}, "PAYOUT_REQUEST_BANK_NOT_VERIFIED", 409),
    "deauthorised": ({}, {"deauthorized": True}, "PAYOUT_REQUEST_STRIPE_ERROR", 502),
    "nothing on the balance": ({"balance_minor": 0}, {}, "PAYOUT_REQUEST_INSUFFICIENT_BALANCE", 409),
    "too little on the balance": ({"balance_minor": 12_344}, {}, "PAYOUT_REQUEST_INSUFFICIENT_BALANCE", 409),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_rule_refuses_with_its_own_event(acts: Acts, factory: Factory, case: str) -> None:
    made, changed, event, status = REFUSALS[case]
    creator = factory.creator(**made)
    if changed:
        factory.sandbox.change_account(creator.stripe_account_id, **changed)
    with pytest.raises(PayoutRefused) as refusal:
        acts.request(creator)
    assert (refusal.value.event, refusal.value.status) == (event, status)
    row = acts.last(event)
    assert acts.types()[-1] == event
    assert row.details["creatorId"] == str(creator.id)
    assert acts.session.scalars(select(Payout)).all() == []


def test_a_currency_that_stripe_does_not_hold_is_refused(acts: Acts, factory: Factory) -> None:
    with pytest.raises(PayoutRefused) as refusal:
        acts.request(factory.creator(), "50", currency="SEK")
    assert refusal.value.event == "PAYOUT_REQUEST_CURRENCY_NOT_FOUND"
    assert acts.last("PAYOUT_REQUEST_CURRENCY_NOT_FOUND").details["availableCurrencies"] == ["EUR"]


@pytest.mark.parametrize("amount", ["0", "-1", "9,99", "1e18", "NaN", "12.345", "9" * 400, ""])
def test_an_amount_that_cannot_be_is_refused_and_kept_as_typed(acts: Acts, factory: Factory, amount: str) -> None:
    with pytest.raises(PayoutRefused) as refusal:
        acts.request(factory.creator(), amount)
    assert (refusal.value.event, refusal.value.status) == ("PAYOUT_REQUEST_VALIDATION_ERROR", 422)
    assert acts.types() == ["PAYOUT_REQUEST_INITIATED", "PAYOUT_REQUEST_VALIDATION_ERROR"]
    assert acts.last("PAYOUT_REQUEST_INITIATED").details["requestedAmount"] == amount[:40]


def test_case_2_an_insufficient_balance_is_explained_by_the_log(acts: Acts, factory: Factory) -> None:
    creator = factory.creator(balance_minor=5_000)
    with pytest.raises(PayoutRefused, match=r"Solde insuffisant : 50\.00 EUR disponibles"):
        acts.request(creator, "80")
    assert acts.types() == [
        "PAYOUT_REQUEST_INITIATED",
        "PAYOUT_REQUEST_STRIPE_VERIFICATION",
        "PAYOUT_REQUEST_BALANCE_CHECK",
        "PAYOUT_REQUEST_INSUFFICIENT_BALANCE",
    ]
    facts = acts.last("PAYOUT_REQUEST_INSUFFICIENT_BALANCE").details
    assert (facts["requestedAmount"], facts["availableAmount"], facts["currency"]) == (80, 50, "EUR")


def test_stripe_failing_is_recorded_and_nothing_is_inserted(
    acts: Acts, factory: Factory, sandbox: Sandbox
) -> None:
    creator = factory.creator()
    sandbox.faults.add("server_error", path="/v1/balance")
    with pytest.raises(PayoutRefused) as refusal:
        acts.request(creator)
    assert refusal.value.status == 502
    facts = acts.last("PAYOUT_REQUEST_STRIPE_ERROR").details
    assert facts["errorType"] == "api_error"
    assert facts["stripeRequestId"].startswith("req_")


def test_one_form_makes_one_payout_however_often_it_is_sent(acts: Acts, factory: Factory) -> None:
    creator = factory.creator()
    first = acts.request(creator, token="the-same-form")
    again = acts.request(creator, token="the-same-form")
    assert (first.is_new, again.is_new) == (True, False)
    assert first.payout.id == again.payout.id


def test_a_double_click_in_parallel_makes_one_payout(acts: Acts, factory: Factory) -> None:
    creator = factory.creator()
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda _: acts.request(creator, token="the-same-form"), range(6)))
    assert len({requested.payout.id for requested in found}) == 1
    assert sum(requested.is_new for requested in found) == 1
    assert len(acts.session.scalars(select(Payout)).all()) == 1


def test_two_forms_at_once_leave_one_open_payout(acts: Acts, factory: Factory) -> None:
    creator = factory.creator(balance_minor=20_000)

    def ask(_: int) -> str:
        try:
            acts.request(creator, "150")
        except PayoutRefused as refusal:
            return refusal.event
        return "accepted"

    with ThreadPoolExecutor(4) as pool:
        outcomes = sorted(pool.map(ask, range(4)))
    assert outcomes == ["PAYOUT_REQUEST_VALIDATION_ERROR"] * 3 + ["accepted"]


def test_a_bug_is_recorded_with_its_stack_and_stays_a_bug(
    acts: Acts, factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("portal.domain.payouts.request.reserved_minor", broken)
    creator = factory.creator()
    with pytest.raises(ZeroDivisionError):
        acts.request(creator)
    facts = acts.last("PAYOUT_REQUEST_FATAL_ERROR").details
    assert facts["errorMessage"] == "a bug"
    assert "ZeroDivisionError" in facts["errorStack"]
