"""Refunds: never more than is left, sent once whatever fails, and settled by what Stripe shows."""

from threading import Barrier, Thread
from typing import Any

import pytest
from sqlalchemy import select

from portal.domain.errors import NotFound, RefundRefused
from portal.models import BookingStatus, Creator, Log, LogActor, Payment, Refund, User
from portal.models import PaymentStatus as P
from portal.models import RefundStatus as S
from portal.models import TransactionEventType as T
from portal.stripe_gateway import Stripe
from portal.stripe_sandbox.sandbox import Sandbox
from tests.domain.acts import Acts
from tests.factories import Factory
from tests.sales import REASON, Sales


@pytest.fixture
def strike(sandbox: Sandbox) -> Any:
    """Make the next creation of a refund go wrong."""

    def add(kind: str, **options: Any) -> None:
        sandbox.faults.add(kind, **{"method": "POST", "path": "/v1/refunds", "times": 1} | options)

    return add


def entered(sales: Sales) -> list[T]:
    return [row.event_type for row in sales.money()]


def test_a_full_refund_takes_the_share_and_the_fee_back(
    acts: Acts, sales: Sales, admin: User, seller: Creator, paid: Payment, sandbox: Sandbox
) -> None:
    assert sandbox.balance(seller.stripe_account_id or "") == {"eur": (8_500, 0)}
    refund = sales.give_back(paid, admin)
    assert (refund.status, refund.amount_minor, refund.failure_reason) == (S.SUCCEEDED, 10_000, None)
    assert sales.payment(paid.id).status is P.REFUNDED
    assert sandbox.balance(seller.stripe_account_id or "") == {"eur": (0, 0)}
    assert acts.types() == ["REFUND_INITIATED", "REFUND_SUCCEEDED"]
    assert entered(sales) == [T.REFUND_CREATED, T.REFUND_SUCCEEDED]
    row = acts.last("REFUND_INITIATED")
    assert row.actor_id == str(admin.id)
    assert row.details["reason"] == REASON
    assert (row.details["amount"], row.details["creatorId"]) == (100.0, str(seller.id))
    assert sales.refunds_at_stripe(paid)[0]["metadata"]["refund_id"] == str(refund.id)


def test_parts_add_up_and_never_exceed_what_was_paid(acts: Acts, sales: Sales, admin: User, paid: Payment) -> None:
    assert sales.give_back(paid, admin, "30,00").status is S.SUCCEEDED
    assert sales.payment(paid.id).status is P.SUCCEEDED
    with pytest.raises(RefundRefused, match=r"70\.00 EUR"):
        sales.ask_back(paid, admin, "70.01")
    assert acts.last("REFUND_VALIDATION_ERROR").details["error"] == "amount_too_large"
    assert sales.give_back(paid, admin).amount_minor == 7_000
    assert sales.payment(paid.id).status is P.REFUNDED
    with pytest.raises(RefundRefused):
        sales.ask_back(paid, admin)
    assert acts.last("REFUND_VALIDATION_ERROR").details["error"] == "already_refunded"


@pytest.mark.parametrize("amount", ["0", "-1", "NaN", "1e2", "12.345", "", "９", "9" * 400, "1_0"])
def test_an_amount_that_cannot_be_is_refused_and_said(
    acts: Acts, sales: Sales, admin: User, paid: Payment, amount: str
) -> None:
    with pytest.raises(RefundRefused) as refused:
        sales.ask_back(paid, admin, amount)
    assert refused.value.status == 422
    assert acts.last("REFUND_VALIDATION_ERROR").details["error"] == "invalid_amount"
    assert sales.session.scalars(select(Refund)).all() == []


@pytest.mark.parametrize("reason", ["", "   ", "trop court"[:9], "x" * 501, "\x00" * 20])
def test_a_refund_needs_a_reason(sales: Sales, admin: User, paid: Payment, reason: str) -> None:
    with pytest.raises(RefundRefused):
        sales.ask_back(paid, admin, reason=reason)


@pytest.mark.parametrize("status", [P.PENDING, P.FAILED])
def test_what_was_never_paid_is_not_given_back(
    acts: Acts, sales: Sales, admin: User, paid: Payment, status: P
) -> None:
    sales.payment(paid.id).status = status
    sales.session.commit()
    with pytest.raises(RefundRefused):
        sales.ask_back(paid, admin)
    assert acts.last("REFUND_VALIDATION_ERROR").details["error"] == "payment_not_succeeded"


def test_a_payment_that_does_not_exist_is_not_found(sales: Sales, admin: User, paid: Payment) -> None:
    with pytest.raises(NotFound):
        sales.ask_back(Payment(id=paid.booking_id), admin)


def test_one_form_makes_one_refund(sales: Sales, admin: User, paid: Payment) -> None:
    first = sales.ask_back(paid, admin, "40", form_token="a form shown once")
    assert sales.ask_back(paid, admin, "40", form_token="a form shown once").id == first.id


def test_one_token_on_two_payments_gives_each_its_own_back(
    sales: Sales, factory: Factory, admin: User, seller: Creator, paid: Payment
) -> None:
    other = sales.sell(seller, factory.user())
    asked = [sales.ask_back(payment, admin, "40", form_token="retry-1") for payment in (paid, other)]
    assert [refund.payment_id for refund in asked] == [paid.id, other.id]


def test_a_token_of_any_length_and_spelling_names_one_refund(sales: Sales, admin: User, paid: Payment) -> None:
    for token in ("x" * 5_000, "x" * 4_999, "\x00", "\ud800"):
        first = sales.ask_back(paid, admin, "10", form_token=token)
        assert sales.ask_back(paid, admin, "10", form_token=token).id == first.id
    assert len(sales.session.scalars(select(Refund)).all()) == 4


def test_no_form_takes_the_name_of_a_rules_refund(sales: Sales, admin: User, paid: Payment) -> None:
    theirs = sales.ask_back(paid, admin, "40", form_token=f"auto:{paid.id}")
    ours = sales.ask_back(paid, form_token=f"auto:{paid.id}")
    assert (theirs.amount_minor, ours.amount_minor) == (4_000, 6_000)


def test_a_payment_without_the_platforms_fee_is_given_back(
    sales: Sales, factory: Factory, admin: User, seller: Creator, sandbox: Sandbox
) -> None:
    paid = sales.sell(seller, factory.user(), fee_percent=0)
    assert sales.give_back(paid, admin).status is S.SUCCEEDED
    assert sandbox.balance(seller.stripe_account_id or "") == {"eur": (0, 0)}


def test_a_payment_whose_intent_is_unknown_is_not_given_back(
    acts: Acts, sales: Sales, admin: User, paid: Payment
) -> None:
    sales.payment(paid.id).stripe_payment_intent_id = None
    sales.session.commit()
    with pytest.raises(RefundRefused):
        sales.ask_back(paid, admin)
    assert acts.last("REFUND_VALIDATION_ERROR").details["error"] == "unknown_intent"


def test_what_a_rule_gives_back_has_no_admin_and_is_sent_all_the_same(
    acts: Acts, sales: Sales, paid: Payment
) -> None:
    refund = sales.give_back(paid)
    assert (refund.status, refund.initiated_by) == (S.SUCCEEDED, None)
    row = acts.last("REFUND_INITIATED")
    assert (row.actor, row.actor_id, row.details["adminId"]) == (LogActor.SYSTEM, None, None)
    with pytest.raises(RefundRefused):
        sales.ask_back(paid)
    assert acts.last("REFUND_VALIDATION_ERROR").details["adminId"] is None


@pytest.mark.parametrize(("minor", "ends"), [(2_500, P.SUCCEEDED), (10_000, P.REFUNDED)])
def test_a_refund_heard_of_before_the_payment_leaves_the_booking_to_be_confirmed(
    acts: Acts, sales: Sales, paid: Payment, sandbox: Sandbox, deliver: Any, process: Any, minor: int, ends: P
) -> None:
    sales.not_yet_told(paid)
    sales._stripe.refunds.create({"payment_intent": paid.stripe_payment_intent_id, "amount": minor})
    deliver(events=[event["id"] for event in sandbox.events() if event["type"] == "refund.created"])
    process()
    assert acts.last("REFUND_RECORDED").details["amount"] == minor / 100
    assert sales.payment(paid.id).status is P.PENDING
    deliver()
    process()
    assert sales.payment(paid.id).status is ends
    assert sales.booking(paid).status is BookingStatus.CONFIRMED
    assert acts.types().count("PAYMENT_SUCCEEDED") == 1


def test_two_admins_at_once_give_back_no_more_than_there_is(
    sales: Sales, factory: Factory, paid: Payment, sandbox: Sandbox
) -> None:
    gate, outcomes = Barrier(4), []

    def ask(admin: User) -> None:
        gate.wait(timeout=20)
        try:
            outcomes.append(sales.ask_back(paid, admin, "60").id)
        except RefundRefused as refusal:
            outcomes.append(refusal.event)

    threads = [Thread(target=ask, args=(factory.admin(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("REFUND_VALIDATION_ERROR") == 3
    sales.sweep()
    assert [r["amount"] for r in sales.refunds_at_stripe(paid)] == [6_000]


@pytest.mark.parametrize(
    "fault",
    ["drop_before", "drop_after", "truncated_body", "not_json", "server_error", "server_error_unsaved",
     "server_error_saved", "bad_gateway", "rate_limited"],
)  # fmt: skip
def test_whatever_the_line_does_one_refund_is_made(
    acts: Acts, sales: Sales, admin: User, paid: Payment, strike: Any, fault: str
) -> None:
    strike(fault)
    refund = sales.give_back(paid, admin, "40")
    assert refund.status is S.PENDING
    assert refund.next_send_at is not None
    assert acts.last("STRIPE_API_ERROR").details["refundId"] == str(refund.id)
    sales.sweep()
    assert sales.refund(refund.id).status is S.SUCCEEDED
    assert [r["amount"] for r in sales.refunds_at_stripe(paid)] == [4_000]
    assert acts.types().count("REFUND_SUCCEEDED") == 1


def test_a_definite_refusal_fails_the_refund_and_frees_what_it_took(
    acts: Acts, sales: Sales, admin: User, paid: Payment, sandbox: Sandbox
) -> None:
    sandbox.open_dispute(sales.charge(paid))
    refund = sales.give_back(paid, admin)
    assert (refund.status, refund.failure_reason) == (S.FAILED, "charge_disputed")
    assert acts.last("REFUND_FAILED").details["failureReason"] == "charge_disputed"
    assert entered(sales)[-1] is T.REFUND_FAILED
    assert sales.payment(paid.id).status is P.SUCCEEDED
    assert sales.ask_back(paid, admin).amount_minor == 10_000


def test_a_worker_that_died_before_recording_leaves_one_refund(
    sales: Sales, admin: User, paid: Payment, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(*_: Any, **__: Any) -> None:
        raise Killed

    refund = sales.ask_back(paid, admin)
    with monkeypatch.context() as patch:
        patch.setattr("portal.domain.refunds.sending._record", die)
        with pytest.raises(Killed):
            sales.send(refund)
    assert sales.refund(refund.id).status is S.PENDING
    sales.sweep("30 seconds")
    sales.sweep()
    assert sales.refund(refund.id).status is S.SUCCEEDED
    assert len(sales.refunds_at_stripe(paid)) == 1


def test_two_workers_at_once_send_one_refund(sales: Sales, admin: User, paid: Payment) -> None:
    refund = sales.ask_back(paid, admin, "40")
    threads = [Thread(target=sales.send, args=(refund,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sales.refunds_at_stripe(paid)) == 1
    assert sales.refund(refund.id).send_count == 1


def test_an_old_key_is_never_sent_and_what_stripe_does_not_show_was_never_made(
    acts: Acts, sales: Sales, admin: User, paid: Payment, sandbox: Sandbox, strike: Any
) -> None:
    strike("drop_before", times=None)
    refund = sales.give_back(paid, admin)
    sandbox.faults.clear()
    sandbox.prune_keys()
    sales.sweep("23 hours")
    assert sales.refund(refund.id).status is S.FAILED
    assert sales.refund(refund.id).failure_reason == "not_created"
    assert sales.refunds_at_stripe(paid) == []
    assert acts.types().count("REFUND_FAILED") == 1


def test_an_old_key_whose_last_sending_is_fresh_waits_until_the_list_is_the_truth(
    sales: Sales, admin: User, paid: Payment, sandbox: Sandbox, strike: Any
) -> None:
    strike("drop_before", times=None)
    refund = sales.give_back(paid, admin)
    sandbox.faults.clear()
    stored = sales.refund(refund.id)
    sales.age("23 hours")
    stored = sales.refund(refund.id)
    stored.last_sent_at = sales.clock()
    sales.session.commit()
    sales.send(refund)
    assert sales.refund(refund.id).status is S.PENDING
    sales.sweep("16 minutes")
    assert sales.refund(refund.id).status is S.FAILED


def test_an_old_key_whose_last_sending_is_fresh_is_asked_about_until_it_ends(
    sales: Sales, admin: User, paid: Payment, sandbox: Sandbox, strike: Any
) -> None:
    strike("drop_before", times=None)
    refund = sales.give_back(paid, admin)
    sandbox.faults.clear()
    sales.age("23 hours")
    stored = sales.refund(refund.id)
    stored.last_sent_at = stored.next_send_at = sales.clock()
    sales.session.commit()
    for _ in range(20):
        sales.sweep("1 minute")
    assert sales.refund(refund.id).failure_reason == "not_created"
    assert sales.refund(refund.id).send_count < 5


def test_what_an_earlier_sending_made_is_found_though_stripe_forgot_the_key(
    sales: Sales, admin: User, paid: Payment, sandbox: Sandbox, strike: Any
) -> None:
    strike("drop_after")
    refund = sales.give_back(paid, admin, "40")
    sandbox.prune_keys()
    sales.sweep()
    assert sales.refund(refund.id).status is S.SUCCEEDED
    assert [r["amount"] for r in sales.refunds_at_stripe(paid)] == [4_000]


def test_a_frozen_worker_whose_lease_another_has_taken_sends_nothing(
    sales: Sales, admin: User, paid: Payment, monkeypatch: pytest.MonkeyPatch, strike: Any
) -> None:
    refund, create, posted = sales.ask_back(paid, admin), Stripe.create_refund, []

    def counted(gateway: Stripe, *args: Any) -> Any:
        posted.append(args)
        return create(gateway, *args)

    def frozen(*_: Any) -> None:
        monkeypatch.undo()
        monkeypatch.setattr(Stripe, "create_refund", counted)
        strike("drop_before")
        sales.sweep()

    monkeypatch.setattr(Stripe, "create_refund", counted)
    monkeypatch.setattr("portal.domain.refunds.sending._already_created", frozen)
    sales.send(refund)
    assert len(posted) == 1
    assert sales.refund(refund.id).status is S.PENDING


def test_a_refunds_event_is_not_believed_but_read_again(
    sales: Sales, admin: User, paid: Payment, sandbox: Sandbox, deliver: Any, process: Any
) -> None:
    refund = sales.give_back(paid, admin)
    sandbox.fail_refund(refund.stripe_refund_id or "")
    deliver(events=[event["id"] for event in sandbox.events() if event["type"] == "refund.created"])
    process()
    assert sales.refund(refund.id).status is S.FAILED


def test_the_webhook_may_come_before_the_answer(
    acts: Acts,
    sales: Sales,
    admin: User,
    paid: Payment,
    deliver: Any,
    process: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    create = Stripe.create_refund

    def overtaken(gateway: Stripe, *args: Any) -> Any:
        created = create(gateway, *args)
        deliver()
        process()
        return created

    monkeypatch.setattr(Stripe, "create_refund", overtaken)
    assert sales.give_back(paid, admin).status is S.SUCCEEDED
    assert acts.types().count("REFUND_SUCCEEDED") == 1
    assert entered(sales).count(T.REFUND_SUCCEEDED) == 1


def test_a_refund_that_fails_later_is_told_and_can_be_asked_again(
    acts: Acts, sales: Sales, admin: User, paid: Payment, sandbox: Sandbox, deliver: Any, process: Any
) -> None:
    refund = sales.give_back(paid, admin)
    sandbox.fail_refund(refund.stripe_refund_id or "")
    for _ in range(2):
        deliver(copies=2, order="random", seed=3)
        process()
    refund = sales.refund(refund.id)
    assert (refund.status, refund.failure_reason) == (S.FAILED, "expired_or_canceled_card")
    assert sales.payment(paid.id).status is P.SUCCEEDED
    assert acts.types().count("REFUND_FAILED") == 1
    assert entered(sales).count(T.REFUND_FAILED) == 1
    assert sales.ask_back(paid, admin).amount_minor == 10_000


def test_a_refund_made_in_stripe_counts(
    acts: Acts, sales: Sales, admin: User, paid: Payment, deliver: Any, process: Any
) -> None:
    wanted = {"payment_intent": paid.stripe_payment_intent_id, "amount": 2_500}
    sales._stripe.refunds.create(wanted)
    deliver(copies=2)
    process()
    recorded = acts.last("REFUND_RECORDED").details
    assert recorded["amount"] == 25.0
    assert sales.ask_back(paid, admin).amount_minor == 7_500
    assert acts.types().count("REFUND_RECORDED") == 1


def test_a_refund_of_a_payment_that_nobody_knows_is_told(
    acts: Acts, sales: Sales, paid: Payment, deliver: Any, process: Any
) -> None:
    sales._stripe.refunds.create({"payment_intent": paid.stripe_payment_intent_id})
    sales.session.execute(Payment.__table__.delete())  # type: ignore[attr-defined]
    sales.session.commit()
    deliver()
    process()
    kinds = {row.details["objectType"] for row in sales.session.scalars(
        select(Log).where(Log.type == "STRIPE_OBJECT_UNMATCHED"))}  # fmt: skip
    assert kinds == {"refund", "transfer", "payment_intent"}
    assert acts.types().count("WEBHOOK_PROCESSING_FAILED") == 0


def test_a_refund_that_is_not_what_we_asked_for_calls_a_human(
    acts: Acts, sales: Sales, admin: User, paid: Payment, deliver: Any, process: Any
) -> None:
    refund = sales.ask_back(paid, admin, "40")
    wanted = {"payment_intent": paid.stripe_payment_intent_id, "amount": 1_000}
    sales._stripe.refunds.create(wanted | {"metadata": {"refund_id": str(refund.id)}})
    deliver()
    process()
    assert acts.last("REFUND_NEEDS_REVIEW").details["stripeAmount"] == 10.0
    assert sales.refund(refund.id).status is S.PENDING
