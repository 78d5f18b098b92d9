"""A creator's Stripe account: opened once, completed at Stripe, validated by an admin."""

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.domain.onboarding import begin_onboarding
from portal.models import Creator, Log, Role, uuid7
from portal.stripe_sandbox.sandbox import Sandbox
from portal.unit_of_work import unit_of_work
from tests.browser import Browser
from tests.factories import Factory

ACCOUNT = "/dashboard/creator/account"


def fresh(session: Session, creator: Creator) -> Creator:
    session.rollback()
    return session.get_one(Creator, creator.id, populate_existing=True)


def told(session: Session, type_: str) -> list[dict[str, Any]]:
    session.rollback()
    return [row.details for row in session.scalars(select(Log).where(Log.type == type_).order_by(Log.id))]


@pytest.fixture
def newcomer(factory: Factory) -> Creator:
    return factory.creator(name="Noa Petit", account=False)


def test_a_newcomer_opens_an_account_completes_it_and_is_validated(
    app: Flask, factory: Factory, session: Session, newcomer: Creator, sandbox: Sandbox
) -> None:
    browser = Browser(app).sign_in(newcomer.email)
    browser.get(ACCOUNT)
    browser.submit(ACCOUNT)
    [address] = re.findall(r'href="(http://[^"]*/_sandbox/onboarding/[^"]+)"', browser.text)
    account = fresh(session, newcomer).stripe_account_id or ""
    assert account in address
    assert told(session, "CREATOR_STRIPE_ACCOUNT_CREATED")[0]["previousAccountId"] is None
    assert told(session, "CREATOR_ONBOARDING_STARTED")[0]["stripeAccountId"] == account
    assert "attend encore" in browser.get(f"{ACCOUNT}/return").text
    sandbox.finish_onboarding(account)
    assert "vous pouvez être payé" in browser.get(f"{ACCOUNT}/return").text
    assert fresh(session, newcomer).payouts_enabled
    admin = factory.admin(name="Alice")
    page = Browser(app).sign_in(admin.email)
    page.get(f"/dashboard/admin/creators/{newcomer.id}/validate")
    page.submit("/validate")
    assert "Compte de Noa Petit validé" in page.words
    row = told(session, "CREATOR_ACCOUNT_VALIDATED")[0]
    assert (row["creatorId"], row["validatedBy"]) == (str(newcomer.id), str(admin.id))
    assert fresh(session, newcomer).validated_at is not None


def test_an_account_is_ours_to_pay_out(app: Flask, session: Session, newcomer: Creator) -> None:
    browser = Browser(app).sign_in(newcomer.email)
    browser.get(ACCOUNT)
    browser.submit(ACCOUNT)
    seen = app.extensions["stripe_gateway"].retrieve_account(fresh(session, newcomer).stripe_account_id)
    assert seen.schedule_interval == "manual"


def test_two_tabs_at_once_open_one_account(app: Flask, session: Session, newcomer: Creator) -> None:
    def begin(_: int) -> str:
        with app.app_context():
            return begin_onboarding(
                unit_of_work,
                app.extensions["stripe_gateway"],
                creator_id=newcomer.id,
                return_url="http://portal.test/back",
                refresh_url="http://portal.test/again",
            )

    with ThreadPoolExecutor(4) as pool:
        addresses = list(pool.map(begin, range(4)))
    accounts = {re.search(r"acct_\w+", address)[0] for address in addresses}  # type: ignore[index]
    assert accounts == {fresh(session, newcomer).stripe_account_id}
    assert len(told(session, "CREATOR_STRIPE_ACCOUNT_CREATED")) == 1


def test_a_key_that_stripe_is_still_working_on_is_waited_for(
    app: Flask, session: Session, newcomer: Creator, sandbox: Sandbox
) -> None:
    browser = Browser(app).sign_in(newcomer.email)
    browser.get(ACCOUNT)
    sandbox.faults.add("key_in_use", method="POST", path="/v1/accounts", times=2)
    browser.submit(ACCOUNT)
    assert browser.status == 200
    assert fresh(session, newcomer).stripe_account_id is not None


def test_an_account_that_left_the_platform_is_replaced_and_said(
    app: Flask, factory: Factory, session: Session, sandbox: Sandbox
) -> None:
    creator = factory.creator()
    before = creator.stripe_account_id or ""
    sandbox.change_account(before, deauthorized=True)
    browser = Browser(app).sign_in(creator.email)
    browser.get(ACCOUNT)
    browser.submit(ACCOUNT)
    assert fresh(session, creator).stripe_account_id not in {None, before}
    assert told(session, "CREATOR_STRIPE_ACCOUNT_CREATED")[0]["previousAccountId"] == before


def test_a_stripe_that_does_not_answer_is_told_and_recorded(
    app: Flask, session: Session, newcomer: Creator, sandbox: Sandbox
) -> None:
    browser = Browser(app).sign_in(newcomer.email)
    browser.get(ACCOUNT)
    sandbox.faults.add("server_error", method="POST", path="/v1/accounts", times=1)
    browser.submit(ACCOUNT)
    assert browser.status == 502
    assert "réessayez" in browser.words
    assert fresh(session, newcomer).stripe_account_id is None
    assert told(session, "STRIPE_API_ERROR")[0]["creatorId"] == str(newcomer.id)


@pytest.mark.parametrize("why", ["not ready", "twice"])
def test_what_cannot_be_validated_is_refused_and_recorded(
    app: Flask, factory: Factory, session: Session, newcomer: Creator, why: str
) -> None:
    ready = factory.creator(charges_enabled=True, payouts_enabled=True)
    creator = newcomer if why == "not ready" else ready
    page = Browser(app).sign_in(factory.admin().email)
    path = f"/dashboard/admin/creators/{creator.id}/validate"
    page.get(f"/dashboard/admin/creators/{ready.id}/validate")
    token = page.form("/validate").fields["csrf_token"]
    for _ in range(2):
        answer = page.client.post(path, data={"csrf_token": token})
    assert answer.status_code == 409
    errors = {"not ready": "account_not_ready", "twice": "already_validated"}
    assert told(session, "CREATOR_VALIDATION_REFUSED")[-1]["error"] == errors[why]


def test_only_admins_validate_and_only_creators_onboard(app: Flask, factory: Factory, newcomer: Creator) -> None:
    user, creator = factory.user(Role.USER), factory.creator()
    for somebody in (user, creator):
        path = f"/dashboard/admin/creators/{newcomer.id}/validate"
        assert Browser(app).sign_in(somebody.email).get(path).status_code == 403
    admin = Browser(app).sign_in(factory.admin().email)
    assert admin.get(ACCOUNT).status_code == 403
    assert admin.get(f"/dashboard/admin/creators/{uuid7()}/validate").status_code == 404
