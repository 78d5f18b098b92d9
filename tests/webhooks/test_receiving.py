"""The two addresses that Stripe calls: what is stored, what is refused, what is said of it."""

import hashlib
import hmac
import json
import time
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.models import InboxState, Log, StripeEvent
from tests.conftest import SECRETS

PLATFORM, CONNECT = "/api/payments/webhook", "/api/payments/webhook/connect"


def body(**changes: Any) -> bytes:
    event = {
        "id": "evt_1",
        "object": "event",
        "type": "payout.paid",
        "account": "acct_1",
        "api_version": "2026-10-28.endive",
        "created": 1_790_000_000,
        "livemode": False,
        "data": {"object": {"id": "po_1", "object": "payout", "metadata": {}}},
    }
    return json.dumps({**event, **changes}).encode()


def signature(payload: bytes, secret: str = SECRETS["STRIPE_CONNECT_WEBHOOK_SECRET"], at: float = 0) -> str:
    stamp = int(time.time() + at)
    digest = hmac.new(secret.encode(), f"{stamp}.".encode() + payload, hashlib.sha256).hexdigest()
    return f"t={stamp},v1={digest}"


@pytest.fixture
def post(app: Flask) -> Any:
    def send(payload: bytes, header: str | None, path: str = CONNECT) -> int:
        headers = {} if header is None else {"Stripe-Signature": header}
        return app.test_client().post(path, data=payload, headers=headers).status_code

    return send


def types(session: Session) -> list[str]:
    session.rollback()
    return list(session.scalars(select(Log.type).order_by(Log.created_at, Log.id)))


def test_a_signed_event_is_stored_byte_for_byte_before_it_is_acknowledged(post: Any, session: Session) -> None:
    payload = body()
    assert post(payload, signature(payload)) == 200
    row = session.scalars(select(StripeEvent)).one()
    assert (row.id, row.type, row.account, row.state) == ("evt_1", "payout.paid", "acct_1", InboxState.RECEIVED)
    assert row.payload == payload
    assert types(session) == ["WEBHOOK_SIGNATURE_VERIFIED", "WEBHOOK_RECEIVED"]
    assert set(session.scalars(select(Log.request_id))) == {row.request_id}


def test_a_second_delivery_is_acknowledged_and_stored_once(post: Any, session: Session) -> None:
    payload = body()
    assert [post(payload, signature(payload)) for _ in range(3)] == [200, 200, 200]
    assert len(session.scalars(select(StripeEvent)).all()) == 1
    assert types(session)[2:] == ["WEBHOOK_DUPLICATE", "WEBHOOK_DUPLICATE"]


def test_a_delivery_without_a_signature_is_refused(post: Any, session: Session) -> None:
    assert post(body(), None) == 400
    assert types(session) == ["WEBHOOK_NO_SIGNATURE"]
    assert session.scalars(select(StripeEvent)).all() == []


@pytest.mark.parametrize(
    "header",
    [
        "nonsense",
        "t=1,v1=abc",
        "t=,v1=",
        "t=abc,v1=abc",
        "v1=abc",
        "t=1é,v1=é",
        ",".join(["v1=" + "a" * 60] * 70),
        signature(body(), "whsec_somebody_else"),
        signature(body(id="evt_other")),
        signature(body(), SECRETS["STRIPE_WEBHOOK_SECRET"]),
    ],
)
def test_a_signature_that_is_not_stripes_is_refused(post: Any, session: Session, header: str) -> None:
    assert post(body(), header) == 400
    assert types(session) == ["WEBHOOK_SIGNATURE_VERIFICATION_FAILED"]
    assert session.scalars(select(StripeEvent)).all() == []


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b"null",
        b"7",
        b'"text"',
        b"{}",
        b'{"id": 5, "object": "event", "type": "x"}',
        b'{"object": "event", "type": "payout.paid"}',
        b"\xff\xfe",
        b"[" * 20_000 + b"]" * 20_000,
    ],
)
def test_a_signed_body_that_is_no_event_is_refused(post: Any, session: Session, payload: bytes) -> None:
    assert post(payload, signature(payload)) == 400
    assert session.scalars(select(StripeEvent)).all() == []


@pytest.mark.parametrize("at", [-310, 310])
def test_a_signature_from_another_time_is_refused(post: Any, session: Session, at: int) -> None:
    assert post(body(), signature(body(), at=at)) == 400
    assert types(session) == ["WEBHOOK_SIGNATURE_VERIFICATION_FAILED"]


@pytest.mark.parametrize("at", [-290, 290])
def test_a_clock_may_be_off_by_five_minutes_either_way(post: Any, at: int) -> None:
    assert post(body(), signature(body(), at=at)) == 200


def test_each_address_has_its_own_secret(post: Any, session: Session) -> None:
    payload = body(account=None, type="charge.succeeded")
    assert post(payload, signature(payload, SECRETS["STRIPE_WEBHOOK_SECRET"]), PLATFORM) == 200
    assert post(body(), signature(body()), PLATFORM) == 400


@pytest.mark.parametrize(
    ("path", "setting"),
    [(PLATFORM, "stripe_webhook_secret"), (CONNECT, "stripe_connect_webhook_secret")],
)
def test_an_address_without_a_secret_does_not_exist(
    post: Any, change_settings: Any, path: str, setting: str
) -> None:
    change_settings(**{setting: None})
    assert post(body(), signature(body()), path) == 404
    assert post(body(), signature(body(), ""), path) == 404


def test_a_body_over_256_kb_is_refused_and_a_large_one_below_is_stored(post: Any) -> None:
    large = body(filler="x" * 200_000)
    huge = body(filler="x" * 262_144)
    assert post(large, signature(large)) == 200
    assert post(huge, signature(huge)) == 413


def test_only_posts_are_answered(app: Flask) -> None:
    assert app.test_client().get(CONNECT).status_code == 405
