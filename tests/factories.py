"""Rows that tests start from: people, creators with accounts at the local Stripe, payouts."""

from datetime import UTC, datetime
from itertools import count
from typing import Any

from sqlalchemy.orm import Session

from portal.domain.people import create_user
from portal.models import (
    Creator,
    Payout,
    PayoutRoute,
    PayoutSource,
    PayoutStatus,
    Role,
    User,
    uuid7,
)
from portal.stripe_sandbox.sandbox import Sandbox
from tests.browser import PASSWORD

_numbers = count(1)
UNKNOWN_ID = "01a21c5f-0000-7000-8000-00000000dead"
"""An id that nothing has, the same in every process that collects the tests."""


class Factory:
    """Makes rows and commits them at once, so that the application sees them."""

    def __init__(self, session: Session, sandbox: Sandbox) -> None:
        self.session = session
        self.sandbox = sandbox

    def user(self, role: Role = Role.USER, *, email: str | None = None, name: str | None = None) -> User:
        """Somebody with the tests' password."""
        n = next(_numbers)
        name = name or f"Personne {n}"
        user = create_user(
            self.session, email=email or f"personne{n}@example.test", name=name, password=PASSWORD, role=role
        )
        self.session.commit()
        return user

    def admin(self, **given: Any) -> User:
        """An admin."""
        return self.user(Role.ADMIN, **given)

    def creator(
        self,
        *,
        balance_minor: int = 100_000,
        currency: str = "EUR",
        account: bool = True,
        name: str | None = None,
        **columns: Any,
    ) -> Creator:
        """A creator whose Stripe account is ready and holds `balance_minor`."""
        user = self.user(Role.CREATOR, name=name)
        account_id = None
        if account:
            account_id = self.sandbox.create_account(country="FR", currency=currency.lower())["id"]
            if balance_minor:
                self.sandbox.fund(account_id, balance_minor, currency.lower())
        creator = Creator(
            id=uuid7(),
            user_id=user.id,
            handle=f"creator{next(_numbers)}",
            currency=currency,
            stripe_account_id=account_id,
            **columns,
        )
        self.session.add(creator)
        self.session.commit()
        self.session.refresh(creator)  # threads may read it: nothing is left to load
        return creator

    def payout(
        self,
        creator: Creator,
        *,
        amount_minor: int = 12_345,
        status: PayoutStatus = PayoutStatus.REQUESTED,
        **columns: Any,
    ) -> Payout:
        """A payout in any state, without the rows of its life."""
        payout = Payout(
            id=uuid7(),
            creator_id=creator.id,
            stripe_account_id=creator.stripe_account_id or "acct_none",
            amount_minor=amount_minor,
            currency=columns.pop("currency", creator.currency),
            route=columns.pop("route", PayoutRoute.REVIEW),
            source=columns.pop("source", PayoutSource.CREATOR),
            status=status,
            updated_at=datetime.now(UTC),
            **columns,
        )
        self.session.add(payout)
        self.session.commit()
        return payout
