"""The switch that pauses all sending."""

from typing import Any

import pytest
from flask import Flask

from portal.audit.actor import operation
from portal.domain.errors import PayoutRefused
from portal.domain.payouts.pause import pause_sending, resume_sending
from portal.domain.work import utc_now
from portal.models import PayoutStatus, User
from portal.unit_of_work import unit_of_work
from tests.domain.acts import Acts, admin_actor
from tests.factories import Factory


@pytest.fixture
def admin(factory: Factory) -> User:
    return factory.admin(name="Ada")


@pytest.fixture
def switch(app: Flask, admin: User) -> Any:
    def act(paused: bool, reason: str = "Incident chez Stripe") -> None:
        with app.app_context(), operation(), unit_of_work() as unit:
            if paused:
                pause_sending(unit, reason=reason, actor=admin_actor(admin), now=utc_now())
            else:
                resume_sending(unit, reason=reason, actor=admin_actor(admin))

    return act


def test_while_paused_nothing_is_sent_and_after_it_everything_is(
    acts: Acts, factory: Factory, admin: User, switch: Any
) -> None:
    payout = acts.request(factory.creator()).payout
    switch(True)
    acts.approve(admin, payout.id)
    assert acts.payout(payout.id).status is PayoutStatus.APPROVED
    switch(False)
    acts.send(payout.id)
    assert acts.payout(payout.id).status is PayoutStatus.PROCESSING
    assert [t for t in acts.types() if "SENDING" in t] == ["PAYOUT_SENDING_PAUSED", "PAYOUT_SENDING_RESUMED"]


def test_a_pause_is_made_once_and_tells_why(acts: Acts, switch: Any) -> None:
    switch(True)
    with pytest.raises(PayoutRefused, match="Incident chez Stripe"):
        switch(True)
    switch(False)
    with pytest.raises(PayoutRefused, match="n’est pas suspendu"):
        switch(False)


@pytest.mark.parametrize("paused", [True, False])
def test_the_switch_needs_a_reason(acts: Acts, switch: Any, paused: bool) -> None:
    with pytest.raises(PayoutRefused) as refusal:
        switch(paused, "court")
    assert refusal.value.status == 422
    assert acts.types() == []
