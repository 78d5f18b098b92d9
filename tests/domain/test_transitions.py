"""The closed table of status moves, walked whole."""

from datetime import UTC, datetime
from itertools import product

import pytest

from portal.models import Payout
from portal.models.payout import MOVES, IllegalMove
from portal.models.payout import PayoutStatus as S

SPECIFIED = {
    (S.REQUESTED, S.APPROVED),  # T3
    (S.REQUESTED, S.REJECTED),  # T4
    (S.REQUESTED, S.CANCELED),  # T5
    (S.APPROVED, S.CANCELED),  # T5, T6 on another account
    (S.APPROVED, S.SUBMITTING),  # T6
    (S.SUBMITTING, S.PROCESSING),  # T8
    (S.REVIEW, S.PROCESSING),  # T8
    (S.FAILED, S.PROCESSING),  # T8
    (S.SUBMITTING, S.FAILED),  # T9
    (S.SUBMITTING, S.REVIEW),  # T10
    (S.FAILED, S.APPROVED),  # T11
    (S.RETURNED, S.APPROVED),  # T11
    (S.REVIEW, S.APPROVED),  # T11
    (S.PROCESSING, S.PAID),  # T12
    (S.PROCESSING, S.FAILED),  # T13
    (S.PROCESSING, S.CANCELED),  # T13, T15
    (S.PAID, S.RETURNED),  # T14
}


@pytest.mark.parametrize(("before", "after"), list(product(S, S)))
def test_a_payout_moves_as_specified_and_no_other_way(before: S, after: S) -> None:
    payout = Payout(status=before)
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    if (before, after) in SPECIFIED:
        assert payout.move_to(after, at=moment) is before
        assert (payout.status, payout.updated_at) == (after, moment)
    else:
        with pytest.raises(IllegalMove):
            payout.move_to(after, at=moment)
        assert payout.status is before


def test_every_status_has_its_moves() -> None:
    assert set(MOVES) == set(S)
