"""An admin decides: T3, T4, and every refusal of a decision."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from sqlalchemy import select

from portal.domain.errors import DomainError, NotFound, PayoutRefused
from portal.models import Creator, Payout, PayoutAttempt, PayoutStatus, User
from tests.domain.acts import Acts
from tests.factories import Factory


@pytest.fixture
def admin(factory: Factory) -> User:
    return factory.admin(name="Ada Martin")


@pytest.fixture
def creator(factory: Factory) -> Creator:
    return factory.creator(name="Zoé Durand")


@pytest.fixture
def requested(acts: Acts, creator: Creator) -> Payout:
    return acts.request(creator).payout


def test_an_approved_payout_reaches_stripe_with_its_stored_key(acts: Acts, admin: User, requested: Payout) -> None:
    acts.approve(admin, requested.id)
    payout = acts.payout(requested.id)
    [at_stripe] = acts.gateway.list_payouts(payout.stripe_account_id, payout.created_at)
    attempt = acts.session.scalars(select(PayoutAttempt)).one()
    assert payout.status is PayoutStatus.PROCESSING
    assert payout.stripe_payout_id == at_stripe.id == attempt.stripe_payout_id
    assert at_stripe.metadata == {"payout_id": str(payout.id), "attempt_id": str(attempt.id)}
    assert (attempt.idempotency_key, attempt.state) == (f"cs-po:{payout.id}:1", "CREATED")


def test_an_approval_is_told_step_by_step(acts: Acts, admin: User, requested: Payout) -> None:
    acts.approve(admin, requested.id)
    assert acts.types()[4:] == [
        "PAYOUT_APPROVAL_INITIATED",
        "PAYOUT_APPROVAL_VALIDATED",
        "PAYOUT_APPROVED",
        "PAYOUT_APPROVAL_STRIPE_CREATION",
        "PAYOUT_PROCESSING",
        "PAYOUT_APPROVAL_SUCCESS",
    ]
    row = acts.last("PAYOUT_APPROVED")
    assert row.message == "Payout de 123.45 EUR approuvé par Ada Martin pour Zoé Durand"
    assert (row.actor, row.actor_id) == ("ADMIN", str(admin.id))
    assert (row.details["previousStatus"], row.details["newStatus"]) == ("REQUESTED", "APPROVED")
    assert acts.last("PAYOUT_APPROVAL_SUCCESS").details["stripePayoutId"].startswith("po_")


def test_a_rejection_needs_a_reason_and_frees_the_reservation(
    acts: Acts, admin: User, creator: Creator, requested: Payout
) -> None:
    with pytest.raises(PayoutRefused) as refusal:
        acts.reject(admin, requested.id, "  ")
    assert (refusal.value.event, refusal.value.status) == ("PAYOUT_REJECTION_NO_REASON", 422)
    acts.reject(admin, requested.id, "Identité à confirmer")
    payout = acts.payout(requested.id)
    assert (payout.status, payout.rejection_reason) == (PayoutStatus.REJECTED, "Identité à confirmer")
    assert acts.last("PAYOUT_REJECTED").message == "Payout rejeté : Identité à confirmer"
    assert acts.request(creator, "900").is_new


def test_the_second_decision_is_refused_and_told_who_was_first(
    acts: Acts, factory: Factory, admin: User, requested: Payout
) -> None:
    acts.reject(admin, requested.id)
    with pytest.raises(PayoutRefused, match=r"Ada Martin a déjà décidé de ce payout .* REJECTED"):
        acts.approve(factory.admin(), requested.id)
    facts = acts.last("PAYOUT_APPROVAL_INVALID_STATUS").details
    assert (facts["currentStatus"], facts["expectedStatus"]) == ("REJECTED", "REQUESTED")


def test_two_admins_approving_at_once_make_one_payout_at_stripe(
    acts: Acts, factory: Factory, requested: Payout
) -> None:
    admins = [factory.admin(name=name) for name in ("Ada", "Bea", "Cleo", "Dina")]

    def approve(admin: User) -> str:
        try:
            acts.approve(admin, requested.id)
        except PayoutRefused as refusal:
            return str(refusal)
        return "approved"

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(approve, admins))
    winner = admins[outcomes.index("approved")].name
    assert outcomes.count("approved") == 1
    assert all(f"{winner} a déjà décidé" in outcome for outcome in outcomes if outcome != "approved")
    assert len(factory.sandbox.ledger()["payouts"]) == 1


def test_approve_against_reject_leaves_one_decision(
    acts: Acts, factory: Factory, admin: User, requested: Payout
) -> None:
    other = factory.admin()

    def act(decide: str) -> str:
        try:
            acts.approve(admin, requested.id) if decide == "approve" else acts.reject(other, requested.id)
        except PayoutRefused:
            return "refused"
        return "done"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(act, ["approve", "reject"])) == ["done", "refused"]
    at_stripe = len(factory.sandbox.ledger()["payouts"])
    assert at_stripe == (acts.payout(requested.id).status is PayoutStatus.PROCESSING)


def test_a_payout_that_changed_since_it_was_opened_is_not_decided(
    acts: Acts, admin: User, requested: Payout
) -> None:
    with pytest.raises(PayoutRefused, match="a changé depuis l’ouverture"):
        acts.approve(admin, requested.id, version=requested.version + 1)
    assert acts.payout(requested.id).status is PayoutStatus.REQUESTED


def test_a_creator_blocked_since_the_request_is_refused(acts: Acts, admin: User, requested: Payout) -> None:
    creator = acts.session.get_one(Creator, requested.creator_id)
    creator.is_payout_blocked, creator.payout_block_reason = True, "Fraude possible"
    acts.session.commit()
    with pytest.raises(PayoutRefused, match="Fraude possible"):
        acts.approve(admin, requested.id)
    assert acts.last("PAYOUT_APPROVAL_BLOCKED").details["blockReason"] == "Fraude possible"


def test_a_block_committed_a_moment_ago_is_seen_by_a_session_that_loaded_the_creator_before(
    acts: Acts, factory: Factory, admin: User, requested: Payout
) -> None:
    """The lock must read the row afresh: a just-blocked creator was once paid out."""
    from portal.domain.payouts.facts import lock_creator
    from portal.unit_of_work import unit_of_work

    with acts.app.app_context(), unit_of_work() as unit:
        stale = unit.get_one(Creator, requested.creator_id)
        assert not stale.is_payout_blocked
        mine = acts.session.get_one(Creator, requested.creator_id)
        mine.is_payout_blocked, mine.payout_block_reason = True, "Fraude"
        acts.session.commit()
        locked = lock_creator(unit, requested.creator_id)
        assert locked is stale
        assert locked.is_payout_blocked


def test_another_stripe_account_since_the_request_is_refused(
    acts: Acts, factory: Factory, admin: User, requested: Payout
) -> None:
    creator = acts.session.get_one(Creator, requested.creator_id)
    creator.stripe_account_id = factory.sandbox.create_account(country="FR", currency="eur")["id"]
    acts.session.commit()
    with pytest.raises(PayoutRefused) as refusal:
        acts.approve(admin, requested.id)
    assert refusal.value.event == "PAYOUT_APPROVAL_NO_STRIPE_ACCOUNT"


def test_nobody_approves_a_payout_of_their_own(acts: Acts, creator: Creator, requested: Payout) -> None:
    themself = acts.session.get_one(User, creator.user_id)
    with pytest.raises(PayoutRefused) as refusal:
        acts.approve(themself, requested.id)
    assert (refusal.value.event, refusal.value.status) == ("USER_ACCESS_DENIED", 403)
    assert acts.payout(requested.id).status is PayoutStatus.REQUESTED


@pytest.mark.parametrize("decide", ["approve", "reject"])
def test_an_unknown_payout_is_not_found_and_recorded(acts: Acts, admin: User, decide: str) -> None:
    with pytest.raises(NotFound):
        getattr(acts, decide)(admin, uuid4())
    expected = {"approve": "PAYOUT_APPROVAL_NOT_FOUND", "reject": "PAYOUT_REJECTION_NOT_FOUND"}
    assert acts.types()[-1] == expected[decide]


@pytest.mark.parametrize("status", [s for s in PayoutStatus if s is not PayoutStatus.REQUESTED])
@pytest.mark.parametrize("decide", ["approve", "reject"])
def test_only_a_requested_payout_can_be_decided(
    acts: Acts, factory: Factory, admin: User, creator: Creator, status: PayoutStatus, decide: str
) -> None:
    payout = factory.payout(creator, status=status)
    with pytest.raises(DomainError) as refusal:
        getattr(acts, decide)(admin, payout.id)
    assert refusal.value.event.endswith("_INVALID_STATUS")
    assert acts.payout(payout.id).status is status
