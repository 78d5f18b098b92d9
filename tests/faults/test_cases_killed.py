"""Case 6 of the payout specification: kill -9 at C1 to C9, restart, sweep."""

from uuid import uuid4

import pytest

from portal.models import Creator, Payout, User
from portal.models import PayoutStatus as S
from portal.stripe_sandbox.sandbox import Sandbox
from tests.faults.acts import Verbs
from tests.faults.killer import Killer
from tests.faults.oracle import Books, assert_books_agree

SENT = ["PAYOUT_REQUESTED", "PAYOUT_APPROVED", "PAYOUT_APPROVAL_STRIPE_CREATION", "PAYOUT_PROCESSING"]


@pytest.mark.parametrize("point", ["C1", "C2"])
def test_case_06_killed_during_the_request_the_form_sent_again_makes_one_payout(
    acts: Verbs, admin: User, creator: Creator, sandbox: Sandbox, kill: Killer, point: str
) -> None:
    token = uuid4()
    kill(point, "request", creator.id, token)
    assert len(Books(acts.session).payouts) == (point == "C2")
    again = acts.request(creator, token=str(token))
    assert again.is_new == (point == "C1")
    assert_books_agree(acts.session, sandbox, again.payout, S.REQUESTED, reserved=12_345)
    acts.approve(admin, again.payout.id)
    assert_books_agree(acts.session, sandbox, again.payout, S.PROCESSING, rows=SENT)


@pytest.mark.parametrize("point", ["C3", "C4", "C5", "C6", "C7", "C8"])
def test_case_06_killed_while_sending_the_sweep_sends_once(
    acts: Verbs, admin: User, requested: Payout, sandbox: Sandbox, kill: Killer, point: str
) -> None:
    kill(point, "approve", admin.id, requested.id)
    left = {"C3": S.APPROVED, "C7": S.PROCESSING}.get(point, S.SUBMITTING)
    assert acts.payout(requested.id).status is left
    acts.sweep()
    assert_books_agree(acts.session, sandbox, requested, S.PROCESSING, rows=SENT)
    assert len(sandbox.ledger()["payouts"]) == 1
    assert acts.types().count("PAYOUT_PROCESSING") == 1


@pytest.mark.parametrize("refused_again", [True, False])
def test_case_06_killed_with_a_refusal_in_hand_the_sweep_hears_it_again_or_sends(
    acts: Verbs, admin: User, requested: Payout, sandbox: Sandbox, kill: Killer, refused_again: bool
) -> None:
    sandbox.faults.add("bad_request", method="POST", path="/v1/payouts", times=1 + refused_again)
    kill("C9", "approve", admin.id, requested.id)
    assert acts.payout(requested.id).status is S.SUBMITTING
    acts.sweep()
    expected = S.FAILED if refused_again else S.PROCESSING
    assert_books_agree(acts.session, sandbox, requested, expected, rows=[*SENT[:3], f"PAYOUT_{expected}"])


@pytest.mark.parametrize("_", range(2))
def test_case_06_killed_while_cancelling_the_cancellation_is_made_again(
    acts: Verbs, admin: User, requested: Payout, sandbox: Sandbox, kill: Killer, _: int
) -> None:
    """C16: before or after Stripe cancelled, as the process's number says."""
    acts.approve(admin, requested.id)
    kill("C16", "cancel", admin.id, requested.id)
    assert acts.payout(requested.id).status is S.PROCESSING
    acts.cancel(admin, requested.id)
    assert_books_agree(acts.session, sandbox, requested, S.CANCELED)
    assert acts.types().count("PAYOUT_CANCELED") == 1
