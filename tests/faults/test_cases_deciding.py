"""Cases 1 to 5 of the payout specification: forms, admins and switches that meet."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from portal.domain.errors import PayoutRefused
from portal.domain.payouts import cancel
from portal.models import Creator, Payout, User
from portal.models import PayoutStatus as S
from portal.stripe_sandbox.sandbox import Sandbox
from tests.factories import Factory
from tests.faults.acts import Verbs, at_once
from tests.faults.oracle import Books, assert_books_agree

REQUESTED = [
    "PAYOUT_REQUESTED",
]
SENT = [*REQUESTED, "PAYOUT_APPROVED", "PAYOUT_APPROVAL_STRIPE_CREATION", "PAYOUT_PROCESSING"]


def test_case_01_a_double_click_makes_one_payout(acts: Verbs, creator: Creator, sandbox: Sandbox) -> None:
    done = at_once(*[lambda: acts.request(creator, token="the-same-form")] * 6)
    assert done == ["done"] * 6
    [payout] = Books(acts.session).payouts
    assert_books_agree(acts.session, sandbox, payout, S.REQUESTED, reserved=12_345, rows=REQUESTED)
    assert acts.types().count("PAYOUT_REQUESTED") == 1


def test_case_01_the_same_form_after_the_payout_was_sent_leads_to_it(
    acts: Verbs, admin: User, creator: Creator, sandbox: Sandbox
) -> None:
    first = acts.request(creator, token="the-same-form").payout
    acts.approve(admin, first.id)
    again = acts.request(creator, "900", token="the-same-form")
    assert (again.is_new, again.payout.id) == (False, first.id)
    assert_books_agree(acts.session, sandbox, first, S.PROCESSING, rows=SENT)


def test_case_02_two_forms_whose_sum_exceeds_the_balance_leave_one_payout(
    acts: Verbs, factory: Factory, sandbox: Sandbox
) -> None:
    creator = factory.creator(balance_minor=20_000)
    done = at_once(*[lambda: acts.request(creator, "150")] * 4)
    assert sorted(done) == ["PAYOUT_REQUEST_VALIDATION_ERROR"] * 3 + ["done"]
    [payout] = Books(acts.session).payouts
    assert_books_agree(acts.session, sandbox, payout, S.REQUESTED, reserved=15_000, rows=REQUESTED)


def test_case_02_what_is_reserved_is_not_there_for_another_payout(
    acts: Verbs, factory: Factory, admin: User, sandbox: Sandbox
) -> None:
    """A lost payout holds its amount: the balance still shows it, and it may be gone."""
    creator = factory.creator(balance_minor=20_000)
    first = acts.request(creator, "150").payout
    sandbox.faults.add("drop_before", method="POST", path="/v1/payouts", times=1)
    acts.approve(admin, first.id)
    assert_books_agree(acts.session, sandbox, first, S.SUBMITTING, reserved=15_000)
    with pytest.raises(PayoutRefused, match="déjà en cours"):
        acts.request(creator, "150")
    acts.sweep()
    with pytest.raises(PayoutRefused, match="Solde insuffisant"):
        acts.request(creator, "150")
    assert_books_agree(acts.session, sandbox, first, S.PROCESSING)


def test_case_04_two_admins_approving_at_once_make_one_payout(
    acts: Verbs, factory: Factory, requested: Payout, sandbox: Sandbox
) -> None:
    admins = [factory.admin() for _ in range(4)]
    done = at_once(*[lambda one=one: acts.approve(one, requested.id) for one in admins])
    assert sorted(done) == ["PAYOUT_APPROVAL_INVALID_STATUS"] * 3 + ["done"]
    assert_books_agree(acts.session, sandbox, requested, S.PROCESSING, rows=SENT)
    assert acts.types().count("PAYOUT_APPROVED") == 1


@pytest.mark.parametrize("_", range(3))
def test_case_04_approve_against_reject_leaves_one_decision(
    acts: Verbs, factory: Factory, requested: Payout, sandbox: Sandbox, _: int
) -> None:
    one, other = factory.admin(), factory.admin()
    done = at_once(lambda: acts.approve(one, requested.id), lambda: acts.reject(other, requested.id))
    assert done.count("done") == 1
    expected = S.PROCESSING if done[0] == "done" else S.REJECTED
    assert_books_agree(acts.session, sandbox, requested, expected)
    types = acts.types()
    assert types.count("PAYOUT_APPROVED") + types.count("PAYOUT_REJECTED") == 1


Change = Callable[[Verbs, Sandbox, User, Payout], None]
CHANGES: dict[str, tuple[Change, S]] = {
    "block": (lambda acts, _, admin, payout: acts.block(admin, payout.creator_id), S.APPROVED),
    "swap": (lambda acts, sandbox, _, payout: acts.swap_account(sandbox, payout.creator_id), S.CANCELED),
    "pause": (lambda acts, _, admin, __: acts.pause(admin), S.APPROVED),
}


@pytest.mark.parametrize("name", CHANGES)
def test_case_05_a_change_between_the_approval_and_the_sending_stops_it(
    acts: Verbs, admin: User, requested: Payout, sandbox: Sandbox, name: str
) -> None:
    change, expected = CHANGES[name]
    acts.approve_unsent(admin, requested.id)
    change(acts, sandbox, admin, requested)
    acts.sweep()
    reserved = 12_345 if expected is S.APPROVED else 0
    assert_books_agree(acts.session, sandbox, requested, expected, reserved=reserved)


@pytest.mark.parametrize("name", CHANGES)
def test_case_05_a_change_during_the_approval_is_seen_or_comes_too_late(
    acts: Verbs, factory: Factory, admin: User, requested: Payout, sandbox: Sandbox, name: str
) -> None:
    change, unsent = CHANGES[name]
    other = factory.admin()
    own = Verbs(acts.app, type(acts.session)(acts.session.get_bind()))
    done = at_once(lambda: acts.approve(admin, requested.id), lambda: change(own, sandbox, other, requested))
    own.session.close()
    assert done[1] == "done"
    status = acts.payout(requested.id).status
    assert status in ({unsent, S.PROCESSING} if done[0] == "done" else {S.REQUESTED})
    reserved = 12_345 if status in {S.REQUESTED, S.APPROVED} else 0
    assert_books_agree(acts.session, sandbox, requested, status, reserved=reserved)
    acts.sweep()
    assert_books_agree(acts.session, sandbox, requested, status, reserved=reserved)


@pytest.mark.parametrize("name", ["block", "pause"])
def test_case_05_what_waited_is_sent_once_it_may(
    acts: Verbs, admin: User, requested: Payout, sandbox: Sandbox, name: str
) -> None:
    acts.approve_unsent(admin, requested.id)
    CHANGES[name][0](acts, sandbox, admin, requested)
    acts.sweep()
    ends: dict[str, Any] = {
        "block": lambda: acts.unblock(admin, requested.creator_id),
        "pause": lambda: acts.resume(admin),
    }
    ends[name]()
    acts.sweep()
    assert_books_agree(acts.session, sandbox, requested, S.PROCESSING, rows=SENT)


def test_a_cancellation_that_another_decision_overtakes_is_refused_and_no_bug(
    acts: Verbs, admin: User, requested: Payout, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row is locked before it is looked at: nobody can change it in between."""
    cancel_unsent = cancel._cancel_unsent

    def overtaken(*args: Any, **kwargs: Any) -> None:
        acts.session.execute(text("set local lock_timeout = '200ms'"))
        with pytest.raises(OperationalError, match="lock timeout"):
            acts.session.execute(text("update payout set version = version + 1"))
        acts.session.rollback()
        cancel_unsent(*args, **kwargs)

    monkeypatch.setattr(cancel, "_cancel_unsent", overtaken)
    acts.cancel(admin, requested.id)
    assert_books_agree(acts.session, sandbox, requested, S.CANCELED)
