"""The payout verbs as tests call them: with an actor, a clock and the application's Stripe."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from portal.audit.actor import Actor, operation
from portal.domain.gateway import StripeGateway
from portal.domain.payouts.cancel import cancel_payout, withdraw_payout
from portal.domain.payouts.request import PayoutRequest, Requested, request_payout
from portal.domain.payouts.retry import retry_payout
from portal.domain.payouts.review import approve_payout, reject_payout
from portal.domain.payouts.sending import send_payout
from portal.domain.work import utc_now
from portal.models import Creator, Log, LogActor, Payout, User, uuid7
from portal.unit_of_work import unit_of_work


@dataclass
class Acts:
    """Who does what, each in an operation of its own."""

    app: Flask
    session: Session
    clock: Callable[[], datetime] = utc_now

    @property
    def gateway(self) -> StripeGateway:
        gateway: StripeGateway = self.app.extensions["stripe_gateway"]
        return gateway

    def request(
        self,
        creator: Creator,
        amount: str = "123.45",
        *,
        currency: str = "EUR",
        token: str | None = None,
        **rest: Any,
    ) -> Requested:
        with self.app.app_context(), operation():
            return request_payout(
                unit_of_work,
                self.gateway,
                creator_id=creator.id,
                request=PayoutRequest(amount, currency, token or str(uuid7())),
                actor=Actor(LogActor.CREATOR, str(creator.id), creator.user_id, creator.name, creator.email),
                auto_limit=rest.pop("auto_limit", Decimal(0)),
                clock=self.clock,
            )

    def approve(
        self, admin: User, payout_id: UUID, version: int | None = None, *, two_above: Decimal | None = None
    ) -> None:
        with self.app.app_context(), operation():
            approve_payout(
                unit_of_work,
                self.gateway,
                payout_id=payout_id,
                actor=admin_actor(admin),
                clock=self.clock,
                version=version,
                two_above=two_above,
            )

    def reject(self, admin: User, payout_id: UUID, reason: str = "Pièce manquante au dossier") -> None:
        with self.app.app_context(), operation(), unit_of_work() as unit:
            reject_payout(unit, payout_id=payout_id, actor=admin_actor(admin), reason=reason, now=self.clock())

    def cancel(self, admin: User, payout_id: UUID) -> None:
        with self.app.app_context(), operation():
            actor = admin_actor(admin)
            cancel_payout(unit_of_work, self.gateway, payout_id=payout_id, actor=actor, clock=self.clock)

    def withdraw(self, creator: Creator, payout_id: UUID) -> None:
        with self.app.app_context(), operation(), unit_of_work() as unit:
            actor = Actor(LogActor.CREATOR, str(creator.id), creator.user_id)
            withdraw_payout(unit, payout_id=payout_id, creator_id=creator.id, actor=actor, clock=self.clock)

    def retry(
        self,
        admin: User,
        payout_id: UUID,
        reason: str = "Compte bancaire corrigé",
        *,
        two_above: Decimal | None = None,
    ) -> bool:
        with self.app.app_context(), operation():
            actor = admin_actor(admin)
            return retry_payout(
                unit_of_work,
                self.gateway,
                payout_id=payout_id,
                actor=actor,
                reason=reason,
                clock=self.clock,
                two_above=two_above,
            )

    def send(self, payout_id: UUID) -> None:
        with self.app.app_context(), operation():
            send_payout(unit_of_work, self.gateway, payout_id=payout_id, clock=self.clock)

    def payout(self, payout_id: UUID) -> Payout:
        """The payout as it stands in the database."""
        self.session.rollback()
        return self.session.get_one(Payout, payout_id, populate_existing=True)

    def types(self) -> list[str]:
        """Types of every row of `log`, in order."""
        self.session.rollback()
        return list(self.session.scalars(select(Log.type).order_by(Log.created_at, Log.id)))

    def last(self, type: str) -> Log:
        """The newest row of a type."""
        self.session.rollback()
        query = select(Log).where(Log.type == type).order_by(Log.created_at.desc(), Log.id.desc())
        return self.session.scalars(query.limit(1)).one()

    def age_attempts(self, interval: str) -> None:
        """Let time pass for every attempt: leases end, keys grow old."""
        columns = ["first_sent_at", "last_sent_at", "next_send_at", "lease_until"]
        changes = ", ".join(f"{column} = {column} - interval '{interval}'" for column in columns)
        self.session.execute(text(f"update payout_attempt set {changes}"))
        self.session.commit()


def admin_actor(admin: User) -> Actor:
    return Actor(LogActor.ADMIN, str(admin.id), admin.id, admin.name, admin.email)
