"""Blocking and unblocking a creator's payouts, with every event."""

from typing import Any
from uuid import uuid4

import pytest
from flask import Flask

from portal.audit.actor import operation
from portal.domain.creators import block_payouts, unblock_payouts
from portal.domain.errors import BlockRefused, NotFound
from portal.domain.work import utc_now
from portal.models import Creator, User
from portal.unit_of_work import unit_of_work
from tests.domain.acts import Acts, admin_actor
from tests.factories import Factory

REASON = "Activité suspecte détectée"


@pytest.fixture
def admin(factory: Factory) -> User:
    return factory.admin()


@pytest.fixture
def block(app: Flask, admin: User) -> Any:
    def act(creator_id: Any, reason: str = REASON) -> None:
        with app.app_context(), operation(), unit_of_work() as unit:
            block_payouts(unit, creator_id=creator_id, reason=reason, actor=admin_actor(admin), now=utc_now())

    return act


@pytest.fixture
def unblock(app: Flask, admin: User) -> Any:
    def act(creator_id: Any, reason: str = "Vérification terminée") -> None:
        with app.app_context(), operation(), unit_of_work() as unit:
            unblock_payouts(unit, creator_id=creator_id, reason=reason, actor=admin_actor(admin))

    return act


def test_a_block_is_kept_with_its_reason_and_names_the_row_that_began_it(
    acts: Acts, factory: Factory, admin: User, block: Any
) -> None:
    creator = factory.creator(name="John Doe")
    block(creator.id)
    kept = acts.session.get_one(Creator, creator.id, populate_existing=True)
    assert (kept.is_payout_blocked, kept.payout_block_reason) == (True, REASON)
    assert acts.types() == ["PAYOUT_BLOCK_INITIATED", "CREATOR_PAYOUT_BLOCKED"]
    row = acts.last("CREATOR_PAYOUT_BLOCKED")
    assert row.message == "Payouts bloqués avec succès pour le créateur John Doe"
    assert (row.level, row.actor, row.actor_id) == ("WARNING", "ADMIN", str(admin.id))
    assert row.details["auditLogId"] == acts.last("PAYOUT_BLOCK_INITIATED").id
    assert row.details["blockReason"] == REASON


def test_an_unblock_says_what_the_block_was_for(acts: Acts, factory: Factory, block: Any, unblock: Any) -> None:
    creator = factory.creator()
    block(creator.id)
    unblock(creator.id)
    kept = acts.session.get_one(Creator, creator.id, populate_existing=True)
    assert (kept.is_payout_blocked, kept.payout_block_reason) == (False, None)
    assert acts.types()[2:] == ["PAYOUT_UNBLOCK_INITIATED", "CREATOR_PAYOUT_UNBLOCKED"]
    assert acts.last("CREATOR_PAYOUT_UNBLOCKED").details["previousBlockReason"] == REASON


def test_a_second_block_is_refused_and_tells_the_reason_in_force(acts: Acts, factory: Factory, block: Any) -> None:
    creator = factory.creator()
    block(creator.id)
    with pytest.raises(BlockRefused, match=REASON) as refusal:
        block(creator.id, "Une autre raison")
    assert refusal.value.status == 409
    row = acts.last("PAYOUT_BLOCK_ALREADY_BLOCKED")
    assert (row.level, row.details["currentReason"]) == ("WARNING", REASON)


def test_unblocking_who_is_not_blocked_is_refused(acts: Acts, factory: Factory, unblock: Any) -> None:
    with pytest.raises(BlockRefused):
        unblock(factory.creator().id)
    assert acts.types()[-1] == "PAYOUT_UNBLOCK_NOT_BLOCKED"


@pytest.mark.parametrize("verb", ["block", "unblock"])
@pytest.mark.parametrize(
    ("creator", "reason", "event", "status"),
    [
        ("none", REASON, "VALIDATION_ERROR", 422),
        ("known", "court", "VALIDATION_ERROR", 422),
        ("known", " " * 50, "VALIDATION_ERROR", 422),
        ("known", "x" * 501, "VALIDATION_ERROR", 422),
        ("unknown", REASON, "CREATOR_NOT_FOUND", 404),
    ],
)
def test_what_is_missing_is_refused_and_recorded(
    acts: Acts,
    factory: Factory,
    request: pytest.FixtureRequest,
    verb: str,
    creator: str,
    reason: str,
    event: str,
    status: int,
) -> None:
    creator_id = {"none": None, "known": factory.creator().id, "unknown": uuid4()}[creator]
    with pytest.raises((BlockRefused, NotFound)) as refusal:
        request.getfixturevalue(verb)(creator_id, reason)
    assert refusal.value.status == status
    assert acts.types()[-1] == f"PAYOUT_{verb.upper()}_{event}"
