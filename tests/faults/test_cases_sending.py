"""Cases 7 to 15 and 25 of the payout specification: Stripe, the network, the worker or the database fails."""

from datetime import timedelta
from threading import Event, Thread
from typing import Any

import pytest
from sqlalchemy import text

from portal.domain.keys import KEY_AGE_LIMIT
from portal.domain.payouts import answers, sending
from portal.models import Payout, User
from portal.models import PayoutStatus as S
from portal.stripe_gateway import Stripe
from portal.stripe_sandbox.sandbox import Sandbox
from portal.stripe_sandbox.server import RunningSandbox
from tests.domain.test_retry import mend
from tests.faults.acts import Verbs, outcome
from tests.faults.oracle import assert_books_agree
from tests.portal_process import wait_until

CLAIMED = ["PAYOUT_REQUESTED", "PAYOUT_APPROVED", "PAYOUT_APPROVAL_STRIPE_CREATION"]
SENT = [*CLAIMED, "PAYOUT_PROCESSING", "PAYOUT_APPROVAL_SUCCESS"]
ADOPTED = [*CLAIMED, "PAYOUT_OUTCOME_UNKNOWN", "PAYOUT_PROCESSING", "PAYOUT_RECONCILED"]


@pytest.fixture
def strike(sandbox: Sandbox) -> Any:
    """Make the next creation at Stripe go wrong."""

    def add(kind: str, **options: Any) -> None:
        sandbox.faults.add(kind, **{"method": "POST", "path": "/v1/payouts", "times": 1} | options)

    return add


@pytest.mark.parametrize("fault", ["drop_after", "truncated_body", "not_json"])
def test_case_07_a_lost_answer_is_found_by_sending_again(
    acts: Verbs, admin: User, requested: Payout, sandbox: Sandbox, strike: Any, fault: str
) -> None:
    strike(fault)
    acts.approve(admin, requested.id)
    assert_books_agree(acts.session, sandbox, requested, S.SUBMITTING, reserved=12_345, settled=False)
    acts.sweep()
    assert_books_agree(acts.session, sandbox, requested, S.PROCESSING, rows=ADOPTED)


def test_case_07_an_answer_that_comes_after_the_time_limit_is_found(
    acts: Verbs, admin: User, requested: Payout, sandbox: Sandbox, strike: Any, running_sandbox: RunningSandbox
) -> None:
    patient = acts.app.extensions["stripe_gateway"]
    acts.app.extensions["stripe_gateway"] = Stripe(
        "sk_test_sandbox", api_base=running_sandbox.url, timeout=timedelta(seconds=0.5)
    )
    strike("delay_after", seconds=1)
    acts.approve(admin, requested.id)
    assert_books_agree(acts.session, sandbox, requested, S.SUBMITTING, reserved=12_345, settled=False)
    acts.app.extensions["stripe_gateway"] = patient
    acts.sweep()
    assert_books_agree(acts.session, sandbox, requested, S.PROCESSING, rows=ADOPTED)


def test_case_08_a_webhook_before_the_response_and_the_response_changes_nothing(
    acts: Verbs,
    admin: User,
    requested: Payout,
    sandbox: Sandbox,
    deliver: Any,
    process: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    create = Stripe.create_payout

    def overtaken(gateway: Stripe, *args: Any) -> Any:
        created = create(gateway, *args)
        deliver()
        process()
        return created

    monkeypatch.setattr(Stripe, "create_payout", overtaken)
    acts.approve(admin, requested.id)
    assert_books_agree(acts.session, sandbox, requested, S.PROCESSING, rows=[*CLAIMED, "PAYOUT_PROCESSING"])
    assert acts.types().count("PAYOUT_PROCESSING") == 1
    assert "PAYOUT_NEEDS_REVIEW" not in acts.types()
    assert acts.last("PAYOUT_RECONCILED").details["cause"] == "stripe_webhook"


@pytest.mark.parametrize(
    ("fault", "created"),
    [
        ("server_error", False),
        ("server_error_unsaved", True),
        ("server_error_saved", True),
        ("bad_gateway", False),
    ],
)
def test_case_09_a_server_error_with_and_without_creation_is_sent_once(
    acts: Verbs, admin: User, requested: Payout, sandbox: Sandbox, strike: Any, fault: str, created: bool
) -> None:
    strike(fault)
    acts.approve(admin, requested.id)
    assert len(sandbox.ledger()["payouts"]) == created
    assert_books_agree(acts.session, sandbox, requested, S.SUBMITTING, reserved=12_345, settled=False)
    acts.sweep()
    assert_books_agree(acts.session, sandbox, requested, S.PROCESSING, rows=CLAIMED)
    assert len(sandbox.ledger()["payouts"]) == 1


def test_case_09_a_saved_error_without_creation_ends_with_a_human_and_a_new_key(
    acts: Verbs, admin: User, requested: Payout, sandbox: Sandbox, strike: Any
) -> None:
    """The key answers 500 for ever: it is never given up before 23 h, and never sent after."""
    strike("server_error_saved_without_effect")
    acts.approve(admin, requested.id)
    with acts.counted_posts() as keys:
        acts.sweep("3 hours")
        assert_books_agree(acts.session, sandbox, requested, S.SUBMITTING, reserved=12_345)
        acts.sweep("21 hours")
        acts.sweep("21 hours")
    assert keys == [f"cs-po:{requested.id}:1"]
    assert_books_agree(acts.session, sandbox, requested, S.REVIEW, reserved=12_345)
    acts.age_attempts("16 minutes")
    acts.retry(admin, requested.id)
    rows = [*CLAIMED, "PAYOUT_NEEDS_REVIEW", "PAYOUT_RETRY_AUTHORIZED", "PAYOUT_PROCESSING"]
    assert_books_agree(acts.session, sandbox, requested, S.PROCESSING, rows=rows)


def test_case_10_a_key_in_use_is_neither_refused_nor_sent_twice(
    acts: Verbs, admin: User, requested: Payout, sandbox: Sandbox, strike: Any, running_sandbox: RunningSandbox
) -> None:
    """Two workers under one key at once: the first is still at Stripe when its lease has ended."""
    strike("delay_before", seconds=1.5)
    first = Thread(target=acts.approve, args=(admin, requested.id))
    with type(acts.session)(acts.session.get_bind()) as own:
        other = Verbs(acts.app, own)
        first.start()
        wait_until(lambda: sandbox.faults.list()[0]["hits"] == 1, "the first request to reach Stripe")
        other.sweep()
        [attempt] = other.attempts(requested.id)
        assert (attempt.error_http_status, attempt.send_count) == (409, 2)
        assert other.payout(requested.id).status is S.SUBMITTING
        first.join()
    assert_books_agree(acts.session, sandbox, requested, S.PROCESSING, rows=SENT)
    assert len(sandbox.ledger()["payouts"]) == 1


def test_case_11_too_many_requests_then_success_under_the_same_key(
    acts: Verbs, admin: User, requested: Payout, sandbox: Sandbox, strike: Any
) -> None:
    strike("rate_limited", times=2)
    with acts.counted_posts() as keys:
        acts.approve(admin, requested.id)
        for _ in range(2):
            assert_books_agree(acts.session, sandbox, requested, S.SUBMITTING, reserved=12_345)
            acts.sweep("10 minutes")
    assert keys == [f"cs-po:{requested.id}:1"] * 3
    assert_books_agree(acts.session, sandbox, requested, S.PROCESSING, rows=SENT)


def test_case_11_a_wrong_api_key_then_the_right_one(
    acts: Verbs, admin: User, requested: Payout, sandbox: Sandbox, running_sandbox: RunningSandbox
) -> None:
    right = acts.app.extensions["stripe_gateway"]
    acts.app.extensions["stripe_gateway"] = Stripe(
        "sk_test_wrong", api_base=running_sandbox.url, timeout=right.timeout
    )
    acts.approve(admin, requested.id)
    acts.sweep()
    assert_books_agree(acts.session, sandbox, requested, S.SUBMITTING, reserved=12_345)
    acts.app.extensions["stripe_gateway"] = right
    acts.sweep("10 minutes")
    assert_books_agree(acts.session, sandbox, requested, S.PROCESSING, rows=SENT)


def test_case_12_a_balance_that_is_gone_after_the_check_fails_the_payout(
    acts: Verbs, admin: User, requested: Payout, sandbox: Sandbox
) -> None:
    sandbox.fund(requested.stripe_account_id, -99_000, "eur")
    acts.approve(admin, requested.id)
    rows = [*CLAIMED, "PAYOUT_APPROVAL_STRIPE_CREATION_ERROR", "PAYOUT_FAILED"]
    payout = assert_books_agree(acts.session, sandbox, requested, S.FAILED, rows=rows)
    assert payout.failure_code == "balance_insufficient"


@pytest.mark.parametrize(("fault", "found"), [("drop_before", S.REVIEW), ("drop_after", S.PROCESSING)])
def test_case_13_an_old_attempt_whose_key_was_pruned_is_never_sent_again(
    acts: Verbs, admin: User, requested: Payout, sandbox: Sandbox, strike: Any, fault: str, found: S
) -> None:
    strike(fault)
    acts.approve(admin, requested.id)
    sandbox.prune_keys()
    with acts.counted_posts() as keys:
        acts.sweep("23 hours")
        acts.sweep("23 hours")
    assert keys == []
    reserved = 12_345 if found is S.REVIEW else 0
    assert_books_agree(acts.session, sandbox, requested, found, reserved=reserved)


def test_case_13_just_below_the_limit_the_same_key_is_sent(
    acts: Verbs, admin: User, requested: Payout, sandbox: Sandbox, strike: Any
) -> None:
    strike("drop_before")
    acts.approve(admin, requested.id)
    with acts.counted_posts() as keys:
        acts.sweep("22 hours 59 minutes")
    assert keys == [f"cs-po:{requested.id}:1"]
    assert_books_agree(acts.session, sandbox, requested, S.PROCESSING)


def test_case_14_a_frozen_worker_wakes_and_does_not_send(
    acts: Verbs, admin: User, requested: Payout, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    frozen, thawed = Event(), Event()
    create = sending._create

    def freeze(*args: Any) -> Any:
        if not frozen.is_set():
            frozen.set()
            assert thawed.wait(20)
        return create(*args)

    monkeypatch.setattr(sending, "_create", freeze)
    worker = Thread(target=acts.approve, args=(admin, requested.id))
    with acts.counted_posts() as keys, type(acts.session)(acts.session.get_bind()) as own:
        other = Verbs(acts.app, own)
        worker.start()
        assert frozen.wait(20)
        other.sweep()
        assert len(keys) == 1
        thawed.set()
        worker.join()
    assert keys == [f"cs-po:{requested.id}:1"]
    assert_books_agree(acts.session, sandbox, requested, S.PROCESSING, rows=SENT)


def test_case_14_a_worker_that_wakes_after_its_payout_went_to_a_human_does_not_send(
    acts: Verbs, admin: User, requested: Payout, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A day in the deep freeze: the key is pruned, a human has sent attempt 2."""
    create = sending._create

    def freeze(*args: Any) -> Any:
        monkeypatch.setattr(sending, "_create", create)
        with type(acts.session)(acts.session.get_bind()) as own:
            other = Verbs(acts.app, own)
            sandbox.prune_keys()
            other.sweep("23 hours")
            assert other.payout(requested.id).status is S.REVIEW
            other.age_attempts("16 minutes")
            other.retry(admin, requested.id)
        return create(*args)

    monkeypatch.setattr(sending, "_create", freeze)
    with acts.counted_posts() as keys:
        acts.approve(admin, requested.id)
    assert keys == [f"cs-po:{requested.id}:2"]
    assert_books_agree(acts.session, sandbox, requested, S.PROCESSING)


@pytest.mark.parametrize("change", ["lease", "holder", "age", "attempt"])
def test_case_14_each_of_lease_age_and_attempt_is_checked_right_before_the_post(
    acts: Verbs, admin: User, requested: Payout, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """Whatever happened since the claim, nobody else is there to repair it."""
    changes = {
        "lease": "lease_until = now() - interval '1 second'",
        "holder": "lease_holder = gen_random_uuid()",
        "age": "first_sent_at = now()",
        "attempt": "state = 'ABANDONED'",
    }
    create = sending._create

    def later(work: Any, gateway: Any, claim: Any, clock: Any) -> Any:
        acts.session.execute(text(f"update payout_attempt set {changes[change]}"))
        acts.session.commit()
        late = (lambda: clock() + KEY_AGE_LIMIT) if change == "age" else clock
        return create(work, gateway, claim, late)

    monkeypatch.setattr(sending, "_create", later)
    monkeypatch.setattr(acts.gateway, "timeout", KEY_AGE_LIMIT)  # a lease that outlives the key
    with acts.counted_posts() as keys:
        acts.approve(admin, requested.id)
    assert keys == []
    assert acts.payout(requested.id).status is S.SUBMITTING


def test_case_15_the_same_key_with_other_parameters_is_unknown_and_stays_with_the_key(
    acts: Verbs, admin: User, requested: Payout, sandbox: Sandbox, strike: Any
) -> None:
    """Stripe's idempotency_error is a 400 that says nothing of the money."""
    strike("server_error_saved_without_effect")
    acts.approve(admin, requested.id)
    changed = "jsonb_set(params, '{description}', '\"something else\"')"
    acts.session.execute(text(f"update payout_attempt set params = {changed}"))
    acts.session.commit()
    acts.sweep()
    [attempt] = acts.attempts(requested.id)
    assert (attempt.error_type, attempt.error_http_status) == ("idempotency_error", 400)
    assert_books_agree(acts.session, sandbox, requested, S.SUBMITTING, reserved=12_345)


def test_case_15_parameters_are_sent_as_they_were_frozen_with_the_key(
    acts: Verbs, admin: User, requested: Payout, sandbox: Sandbox, strike: Any
) -> None:
    """A row corrected by hand after the first sending changes nothing of what is asked of Stripe."""
    strike("drop_before")
    acts.approve(admin, requested.id)
    [attempt] = acts.attempts(requested.id)
    frozen = attempt.params
    acts.session.execute(text("update payout set amount_minor = 99999"))
    acts.session.commit()
    acts.sweep()
    [at_stripe] = sandbox.ledger()["payouts"]
    assert (at_stripe["amount"], at_stripe["metadata"]) == (frozen["amount"], frozen["metadata"])
    assert acts.last("PAYOUT_NEEDS_REVIEW").details["stripeAmountMinor"] == 12_345
    assert acts.payout(requested.id).status is S.REVIEW


def test_case_25_a_database_lost_while_the_answer_is_recorded_leaves_it_to_the_sweep(
    acts: Verbs, admin: User, requested: Payout, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = answers.record_created

    def losing(session: Any, *args: Any, **kwargs: Any) -> None:
        record(session, *args, **kwargs)
        session.flush()
        monkeypatch.setattr(answers, "record_created", record)
        [(pid,)] = session.execute(text("select pg_backend_pid()")).all()
        acts.session.execute(text(f"select pg_terminate_backend({pid})"))
        acts.session.commit()

    monkeypatch.setattr(answers, "record_created", losing)
    with pytest.raises(Exception, match=r"terminat|closed"):
        acts.approve(admin, requested.id)
    assert_books_agree(acts.session, sandbox, requested, S.SUBMITTING, reserved=12_345, settled=False)
    acts.sweep()
    assert_books_agree(acts.session, sandbox, requested, S.PROCESSING, rows=[*CLAIMED, "PAYOUT_PROCESSING"])
    assert len(sandbox.ledger()["payouts"]) == 1


@pytest.mark.parametrize("fault", ["not_found", "forbidden", "bad_request", "card_declined"])
def test_a_list_that_stripe_refuses_to_show_says_nothing_of_what_was_sent(
    acts: Verbs, admin: User, requested: Payout, sandbox: Sandbox, strike: Any, fault: str
) -> None:
    """Only the answer to the creation itself can refuse it: the payout may be on its way to the bank."""
    strike("drop_after")
    acts.approve(admin, requested.id)
    strike(fault, method="GET")
    acts.sweep()
    assert_books_agree(acts.session, sandbox, requested, S.SUBMITTING, reserved=12_345, settled=False)
    acts.sweep("10 minutes")
    assert_books_agree(acts.session, sandbox, requested, S.PROCESSING, rows=ADOPTED)


@pytest.mark.parametrize("late", ["5 minutes", "14 minutes"])
def test_nothing_is_authorised_again_within_a_quarter_of_an_hour(
    acts: Verbs, admin: User, requested: Payout, sandbox: Sandbox, strike: Any, late: str
) -> None:
    strike("bad_request")
    acts.approve(admin, requested.id)
    mend(sandbox, requested)
    acts.age_attempts(late)
    assert outcome(lambda: acts.retry(admin, requested.id)) == "PAYOUT_APPROVAL_INVALID_STATUS"
    assert_books_agree(acts.session, sandbox, requested, S.FAILED)
