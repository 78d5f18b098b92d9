"""The payout verbs with those that stand in their way: blocks, pauses, another account, lost and late answers."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text

from portal.audit.actor import operation
from portal.domain.creators import block_payouts, unblock_payouts
from portal.domain.errors import DomainError
from portal.domain.payouts.pause import pause_sending, resume_sending
from portal.models import Creator, PayoutAttempt, User
from portal.stripe_sandbox.sandbox import Sandbox
from portal.unit_of_work import unit_of_work
from tests.domain.acts import Acts, admin_actor

REASON = "Vérification en cours"


class Verbs(Acts):
    """Everything that people and time do to payouts."""

    def block(self, admin: User, creator_id: UUID) -> None:
        with self.app.app_context(), operation(), unit_of_work() as unit:
            actor = admin_actor(admin)
            block_payouts(unit, creator_id=creator_id, reason=REASON, actor=actor, now=self.clock())

    def unblock(self, admin: User, creator_id: UUID) -> None:
        with self.app.app_context(), operation(), unit_of_work() as unit:
            unblock_payouts(unit, creator_id=creator_id, reason=REASON, actor=admin_actor(admin))

    def pause(self, admin: User) -> None:
        with self.app.app_context(), operation(), unit_of_work() as unit:
            pause_sending(unit, reason=REASON, actor=admin_actor(admin), now=self.clock())

    def resume(self, admin: User) -> None:
        with self.app.app_context(), operation(), unit_of_work() as unit:
            resume_sending(unit, reason=REASON, actor=admin_actor(admin))

    def swap_account(self, sandbox: Sandbox, creator_id: UUID) -> None:
        """The creator connects another Stripe account."""
        account = sandbox.create_account(country="FR", currency="eur")["id"]
        sandbox.fund(account, 100_000, "eur")
        self.session.rollback()
        self.session.get_one(Creator, creator_id, populate_existing=True).stripe_account_id = account
        self.session.commit()

    def attempts(self, payout_id: UUID) -> list[PayoutAttempt]:
        """The attempts of a payout as they stand, oldest first."""
        self.session.rollback()
        query = select(PayoutAttempt).where(PayoutAttempt.payout_id == payout_id).order_by(PayoutAttempt.n)
        return list(self.session.scalars(query.execution_options(populate_existing=True)))

    def approve_unsent(self, admin: User, payout_id: UUID) -> None:
        """Approve, and die before the first sending."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("portal.domain.payouts.review.send_payout", lambda *_, **__: None)
            self.approve(admin, payout_id)

    def sweep(self, after: str = "2 minutes") -> None:
        """Let time pass, then send whatever is due as the job does."""
        from portal.jobs import send_payouts

        self.age_attempts(after)
        send_payouts.tick(self.app)

    def replay_events(self) -> None:
        """Let every stored event be processed once more, as if its stamp had been lost."""
        self.session.execute(text("update stripe_event set state = 'RECEIVED', next_try_at = now()"))
        self.session.commit()

    @contextmanager
    def counted_posts(self) -> Iterator[list[str]]:
        """The idempotency keys of every POST that leaves this process meanwhile."""
        keys: list[str] = []
        create = type(self.gateway).create_payout

        def counting(gateway: Any, account: str, params: Any, key: str) -> Any:
            keys.append(key)
            return create(gateway, account, params, key)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(self.gateway), "create_payout", counting)
            yield keys


def at_once(*acts: Callable[[], object]) -> list[str]:
    """Do all of it in parallel, started together; what became of each."""
    gate = Barrier(len(acts))

    def run(act: Callable[[], object]) -> str:
        gate.wait(timeout=20)
        return outcome(act)

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def outcome(act: Callable[[], object]) -> str:
    """`done`, or the event of the refusal."""
    try:
        act()
    except DomainError as refusal:
        return refusal.event
    return "done"
