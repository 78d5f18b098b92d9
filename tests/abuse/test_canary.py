"""Forty secrets put in through every door: no row, stderr line, page, error page or spool file tells one."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock
from urllib.parse import quote

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from portal.audit import writer
from portal.audit.actor import operation
from portal.audit.spool import Spool
from portal.audit.system_log import log_api_error, log_error, log_info
from portal.audit.transaction_log import log_error as money_error
from portal.models import EntityType, LogActor, Role, TransactionEventType, uuid7
from tests import canary
from tests.blueprints.cast import Cast
from tests.browser import Browser
from tests.conftest import LEAKING
from tests.factories import Factory
from tests.webhooks.inbox import Inbox

ADMIN = "/dashboard/admin"


@pytest.fixture
def cast(app: Flask, factory: Factory, session: Session) -> Cast:
    return Cast(app, factory, session)


def planted_error() -> Exception:
    try:
        raise ValueError("; ".join(canary.sentences()))
    except ValueError as error:
        return error


def metadata() -> dict[str, Any]:
    """All of them by name, in lists, in text and below."""
    named = dict(canary.NAMED)
    return {**named, "text": list(canary.sentences()), "below": [{"deep": named}, {"headers": dict(named)}]}


def test_there_are_forty_and_the_finder_finds_each() -> None:
    assert len(canary.ALL) == 40
    assert [name for name, value in canary.ALL.items() if not canary.leaks(f"x {value} y")] == []
    assert canary.leaks("po_1Cf6vOlLuUndE4uznj3nE9p3 4242") == []


def test_the_books_keep_none_whatever_is_logged(cast: Cast, session: Session) -> None:
    facts, error = metadata(), planted_error()
    payout = str(cast.names["payout_id"])
    with cast.app.app_context(), operation():
        told = {**facts, "ipAddress": "127.0.0.1", "userAgent": next(canary.sentences()), "payoutId": payout}
        rows = [
            log_info("USER_LOGIN", LogActor.USER, " ".join(canary.sentences()), None, told),
            log_api_error("/x", error, LogActor.ADMIN, None, facts),
            log_error("API_ERROR", LogActor.SYSTEM, str(error), None, {"endpoint": "/x", "action": "x", **ERROR}),
        ]
        entity = (EntityType.PAYOUT, payout)
        money_error(TransactionEventType.PAYOUT_FAILED, *entity, error, {**facts, "text": str(error)})
    admin = Browser(cast.app).sign_in(cast.people[Role.ADMIN])
    pages = [f"{ADMIN}/system-logs/{row}" for row in rows] + [f"{ADMIN}/system-logs?open={rows[0]}"]
    pages += [f"{ADMIN}/logs"]
    pages += [f"{ADMIN}/traces/payout/{payout}", f"{ADMIN}/payouts/{payout}", ADMIN, "/api/admin/system-logs"]
    found = [(page, leak) for page in pages for leak in canary.leaks(admin.get(page).text)]
    assert found == []
    assert session.scalar(LEAKING, {"pattern": canary.PATTERN}) is None


TOLD = "; ".join(canary.sentences())
ERROR = {"errorType": "E", "errorMessage": TOLD, "errorStack": TOLD}


def test_no_door_of_the_portal_tells_what_came_in_through_it(
    cast: Cast, session: Session, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    everything, answers = " ".join(canary.ALL.values()), []
    guest, admin = Browser(cast.app), Browser(cast.app).sign_in(cast.people[Role.ADMIN])
    admin.get(f"{ADMIN}/payouts")
    token = admin.csrf_token()
    headers = {
        "Authorization": canary.KEYS["bearer"],
        "Cookie": canary.KEYS["cookie header"],
        "User-Agent": " ".join(canary.sentences()),
        "Stripe-Signature": f"t=1,v1={canary.KEYS['webhook secret']}",
        "X-CSRFToken": canary.NAMED["formToken"],
        "X-Api-Key": canary.NAMED["apiKey"],
    }
    for path in ("/login", "/api/cron/cleanup-logs", "/metrics", "/nowhere", "/api/nowhere", ADMIN):
        answers.append(Browser(cast.app).client.get(path, headers=headers))
    for path in ("/api/payments/webhook", "/api/payments/webhook/connect", "/api/payouts", "/logout"):
        answers.append(Browser(cast.app).client.post(path, headers=headers, data=json.dumps(metadata())))
    for secret in {**canary.KEYS, **canary.CARDS}.values():  # pages repeat the reader's own address in links
        for query in ("limit", "cursor", "from", "level"):
            answers.append(admin.client.get(f"/api/admin/system-logs?{query}={quote(secret)}"))
    for agent, secret in zip(canary.sentences(), [*canary.NAMED.values()] * 2, strict=False):
        guest.get("/login")
        form = {**guest.form("/login").fields, "email": cast.people[Role.ADMIN], "password": secret}
        answers.append(guest.client.post("/login", data=form, headers={"User-Agent": agent}))
    for route in ("payouts/sending", f"payouts/{cast.names['payout_id']}/reject"):
        answers.append(admin.client.post(f"{ADMIN}/{route}", data={"csrf_token": token, "version": everything}))
    Inbox(cast.app, session).post("evt_canary", "acct_x", data={"object": {"id": "po_1", **metadata()}})
    answers.append(admin.client.get(f"{ADMIN}/webhooks/evt_canary"))
    broken = Mock(side_effect=planted_error())
    monkeypatch.setattr("portal.blueprints.dashboard.views.utc_now", broken)
    answers.append(admin.client.get(ADMIN))
    assert answers[-1].status_code == 500
    told = capfd.readouterr()
    found = [leak for answer in answers for leak in canary.leaks(answer.text + str(answer.headers))]
    assert (found, canary.leaks(told.err + told.out)) == ([], [])
    assert session.scalar(LEAKING, {"pattern": canary.PATTERN}) is None


@pytest.fixture
def spooling(app: Flask, tmp_path: Path) -> Iterator[Spool]:
    kept = writer.apart()
    engine, before = kept.engine, kept.spool
    assert engine is not None
    spool = Spool(tmp_path / "spool")
    writer.configure(engine, strict=True, spool=spool)
    writer.apart().outage.noticed()
    yield spool
    writer.configure(engine, strict=True, spool=before)


def test_a_spool_file_keeps_none(context: Flask, spooling: Spool) -> None:
    log_api_error("/x", planted_error(), LogActor.GUEST, None, metadata())
    money_error(TransactionEventType.PAYOUT_FAILED, EntityType.PAYOUT, str(uuid7()), planted_error(), metadata())
    told = "".join(path.read_text() for path in spooling.folder.glob("*.ndjson"))
    assert spooling.lines() == 2
    assert canary.leaks(told) == []
