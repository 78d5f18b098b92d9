"""The two addresses that Stripe calls: what is stored, what is refused, what is said of it."""

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

import flask_wtf.csrf
import psycopg2
import pytest
import sqlalchemy
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.audit import writer
from portal.domain.work import utc_now
from portal.extensions import csrf, db, login_manager
from portal.models import InboxState, Log, LogLevel, StripeEvent
from portal.webhooks.listed import store_missed
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
        "t=1\u0662,v1=a",
        "",
        " ",
        ",",
        "=",
        "t",
        "t,v1",
        f"t={'9' * 400},v1={'a' * 64}",
        f"t={'9' * 2000},v1=a",
        f"t=-1,v1={'a' * 64}",
        "x" * 4096,
        ",".join(["v1=" + "a" * 60] * 70),
    ],
)
def test_a_signature_that_is_not_stripes_is_refused(post: Any, session: Session, header: str) -> None:
    assert post(body(), header) == 400
    kind = "WEBHOOK_SIGNATURE_VERIFICATION_FAILED" if header else "WEBHOOK_NO_SIGNATURE"
    assert types(session) == [kind]
    assert session.scalars(select(StripeEvent)).all() == []


def test_a_signature_by_another_secret_or_of_another_body_is_refused(post: Any, session: Session) -> None:
    others = [
        signature(body(), "whsec_somebody_else"),
        signature(body(id="evt_other")),
        signature(body(), SECRETS["STRIPE_WEBHOOK_SECRET"]),
    ]
    assert [post(body(), header) for header in others] == [400, 400, 400]
    assert types(session) == ["WEBHOOK_SIGNATURE_VERIFICATION_FAILED"] * 3
    assert session.scalars(select(StripeEvent)).all() == []


def without(key: str) -> bytes:
    event = json.loads(body())
    del event[key]
    return json.dumps(event).encode()


def spelt(key: str, value: str) -> bytes:
    """A body in which a value stands as JSON that json.dumps would not write."""
    return body(**{key: "HERE"}).replace(b'"HERE"', value.encode())


NO_EVENTS = {
    "empty": b"",
    "a list": b"[]",
    "null": b"null",
    "a number": b"7",
    "a text": b'"text"',
    "no JSON": b"{'id': 1}",
    "cut off": body()[:-1],
    "two": body() + body(),
    "nothing in it": b"{}",
    "not UTF-8": b"\xff\xfe",
    "UTF-16": body().decode().encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + body(),
    "not UTF-8 inside": body(filler="x").replace(b'"x"', b'"\xc3"'),
    "nested deeply": b"[" * 20_000 + b"]" * 20_000,
    "nested deeply inside": spelt("filler", "[" * 100_000 + "]" * 100_000),
    "not a number": spelt("filler", "NaN"),
    "endless digits": spelt("filler", "9" * 5000),
    "no event but an object": body(object="payout"),
    **{f"without {key}": without(key) for key in ("id", "type", "object", "created", "livemode")},
    **{
        f"{key} is {value!r:.20}": body(**{key: value})
        for key in ("id", "type")
        for value in (
            *("", " ", 5, True, None, ["x"], {"x": 1}, "x" * 81),
            *("evt\x00", "evt_\ud800", "évt", "a b", "a/b", "evt_1\n"),
        )
    },
    **{f"account is {value!r:.20}": body(account=value) for value in ("", 5, [], "x" * 65, "acct\x00", "\udfff")},
    **{
        f"created is {value!r:.20}": body(created=value)
        for value in (-1, 0, 1.5, True, False, "1790000000", None, [], 10**12, 10**400, 4_102_444_800)
    },
    "created is endless": spelt("created", "1e400"),
    **{f"livemode is {value!r}": body(livemode=value) for value in (0, 1, "true", None)},
    **{
        f"object id is {value!r:.20}": body(data={"object": {"id": value, "object": "payout"}})
        for value in ("", 5, "po\x00", "po_\udc00", "x" * 81, ["po_1"])
    },
}


@pytest.mark.parametrize("payload", NO_EVENTS.values(), ids=NO_EVENTS.keys())
def test_a_signed_body_that_is_no_event_is_refused(post: Any, session: Session, payload: bytes) -> None:
    assert post(payload, signature(payload)) == 400
    assert types(session) == ["WEBHOOK_SIGNATURE_VERIFICATION_FAILED"]
    assert session.scalars(select(StripeEvent)).all() == []


@pytest.mark.parametrize(
    "changes",
    [
        {"data": {"object": {"id": "po_1", "object": "payout", "description": "NUL \x00 and \ud800"}}},
        {"data": {"object": {"object": "balance"}}},
        {"data": {}},
        {"data": None},
        {"api_version": None},
        {"api_version": "x" * 500},
        {"request": None, "pending_webhooks": 10**30},
        {"created": 4_102_444_799},
    ],
    ids=str,
)
def test_what_stripe_signed_is_not_lost_for_a_detail(post: Any, session: Session, changes: dict[str, Any]) -> None:
    payload = body(**changes)
    assert post(payload, signature(payload)) == 200
    assert session.scalars(select(StripeEvent.payload)).all() == [payload]


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
    [(PLATFORM, "stripe_webhook_secrets"), (CONNECT, "stripe_connect_webhook_secrets")],
)
def test_an_address_without_a_secret_does_not_exist(
    post: Any, change_settings: Any, path: str, setting: str
) -> None:
    change_settings(**{setting: ()})
    assert post(body(), signature(body()), path) == 404
    assert post(body(), signature(body(), ""), path) == 404


def of_size(size: int) -> bytes:
    return body(filler="x" * (size - len(body(filler=""))))


def test_a_body_of_256_kb_is_stored_and_one_byte_more_refused(post: Any, session: Session) -> None:
    largest, larger = of_size(262_144), of_size(262_145)
    assert (len(largest), len(larger)) == (262_144, 262_145)
    assert post(largest, signature(largest)) == 200
    assert post(larger, signature(larger)) == 413
    assert session.scalars(select(StripeEvent.payload)).all() == [largest]


def test_a_body_without_a_length_is_read_no_further_than_256_kb(app: Flask, session: Session) -> None:
    """Chunked: the server ends the stream, no header says how long it is."""
    larger = BytesIO(of_size(2_000_000))
    answer = app.test_client().post(
        CONNECT,
        input_stream=larger,
        environ_overrides={"wsgi.input_terminated": True},
        headers={"Stripe-Signature": signature(larger.getvalue()), "Transfer-Encoding": "chunked"},
    )
    assert answer.status_code in {400, 413}
    assert larger.tell() < 400_000
    assert session.scalars(select(StripeEvent)).all() == []


def test_a_header_of_more_than_2_kb_is_refused_although_it_holds_the_signature(post: Any) -> None:
    padded = signature(body()) + ",v0=" + "a" * 2000
    assert post(body(), padded) == 400


def test_only_posts_are_answered(app: Flask) -> None:
    assert app.test_client().get(CONNECT).status_code == 405


def test_while_a_secret_is_rolled_both_are_taken_and_no_other(post: Any, change_settings: Any) -> None:
    change_settings(stripe_connect_webhook_secrets=("whsec_new", "whsec_old"))
    for n, secret in enumerate(("whsec_new", "whsec_old")):
        payload = body(id=f"evt_{n}")
        assert post(payload, signature(payload, secret)) == 200
    payload = body(id="evt_2")
    assert post(payload, signature(payload)) == 400
    assert post(payload, signature(payload, "")) == 400
    both = f"{signature(payload, 'whsec_elsewhere')},{signature(payload, 'whsec_old').partition(',')[2]}"
    assert post(payload, both) == 200


def test_an_empty_secret_verifies_nothing(post: Any, change_settings: Any, session: Session) -> None:
    change_settings(stripe_connect_webhook_secrets=("", " "))
    for secret in ("", " "):
        assert post(body(), signature(body(), secret)) == 400
    assert session.scalars(select(StripeEvent)).all() == []


def test_another_body_under_a_known_id_is_acknowledged_and_calls_a_human(post: Any, session: Session) -> None:
    first, other = body(), body(type="payout.failed", data={"object": {"id": "po_2", "object": "payout"}})
    assert [post(payload, signature(payload)) for payload in (first, other)] == [200, 200]
    assert session.scalars(select(StripeEvent.payload)).all() == [first]
    conflict = session.scalars(select(Log).where(Log.type == "WEBHOOK_CONFLICT")).one()
    assert conflict.level is LogLevel.CRITICAL
    assert conflict.details["differing"] == ["data", "type"]
    assert conflict.details["firstSha256"] == hashlib.sha256(first).hexdigest()
    assert conflict.details["otherSha256"] == hashlib.sha256(other).hexdigest()


def test_what_stripe_itself_changes_between_deliveries_is_no_conflict(post: Any, session: Session) -> None:
    first = body(pending_webhooks=2)
    again = json.dumps(json.loads(body(pending_webhooks=1)), indent=2).encode()
    assert first != again
    assert [post(payload, signature(payload)) for payload in (first, again)] == [200, 200]
    assert types(session)[2:] == ["WEBHOOK_DUPLICATE"]


def test_a_delivery_after_the_event_was_found_in_stripes_list_is_no_conflict(
    post: Any, session: Session, context: Flask
) -> None:
    listed = json.loads(body(api_version="2020-08-27", data={"object": {"id": "po_1", "object": "payout"}}))
    del listed["account"]
    assert store_missed([listed], "acct_1", now=utc_now()) == 1
    assert post(body(), signature(body())) == 200
    assert types(session)[1:] == ["WEBHOOK_DUPLICATE"]
    lie = body(account="acct_2")
    assert post(lie, signature(lie)) == 200
    assert types(session)[2:] == ["WEBHOOK_CONFLICT"]


def test_a_hundred_deliveries_at_once_store_one_event(app: Flask, session: Session) -> None:
    payload = body()
    header = {"Stripe-Signature": signature(payload)}

    def send(_: int) -> int:
        return app.test_client().post(CONNECT, data=payload, headers=header).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(send, range(100))) == {200}
    assert len(session.scalars(select(StripeEvent)).all()) == 1
    assert types(session).count("WEBHOOK_RECEIVED") == 1
    assert types(session).count("WEBHOOK_DUPLICATE") == 99


@pytest.mark.parametrize(
    ("path", "secret", "account", "expected"),
    [
        (PLATFORM, "STRIPE_WEBHOOK_SECRET", "acct_1", "connect"),
        (CONNECT, "STRIPE_CONNECT_WEBHOOK_SECRET", None, "platform"),
    ],
)
def test_an_event_at_the_other_address_counts_and_is_told(
    post: Any, session: Session, path: str, secret: str, account: str | None, expected: str
) -> None:
    """Stripe signed it with a secret of ours: it is real, and only the endpoints are crossed."""
    payload = body(account=account)
    assert post(payload, signature(payload, SECRETS[secret]), path) == 200
    assert session.scalars(select(StripeEvent.state)).all() == [InboxState.RECEIVED]
    told = session.scalars(select(Log).where(Log.type == "WEBHOOK_WRONG_ENDPOINT")).one()
    assert told.details["expectedEndpoint"] == expected


@pytest.fixture
def no_database(app: Flask) -> Iterator[None]:
    """Every connection is gone and no new one is made."""

    def refuse(*_: Any) -> None:
        raise psycopg2.OperationalError("could not connect to server: secret-host")

    with app.app_context():
        engines = [db.engine, writer.apart().engine]
    for engine in engines:
        engine.dispose()
        sqlalchemy.event.listen(engine, "do_connect", refuse)
    yield
    for engine in engines:
        sqlalchemy.event.remove(engine, "do_connect", refuse)


@pytest.mark.usefixtures("no_database")
@pytest.mark.parametrize("cookie", [None, "anything"])
def test_without_a_database_stripe_is_asked_to_come_back(app: Flask, cookie: str | None) -> None:
    client = app.test_client()
    if cookie:
        client.set_cookie("session", cookie)
    answer = client.post(CONNECT, data=body(), headers={"Stripe-Signature": signature(body())})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert answer.json is not None
    assert answer.json["error"] == "WEBHOOK_NOT_STORED"
    assert "Traceback" not in answer.text
    assert "secret-host" not in answer.text


@pytest.mark.usefixtures("no_database")
@pytest.mark.parametrize("header", ["t=1,v1=a", ""], ids=["badly signed", "unsigned"])
def test_without_a_database_what_stripe_did_not_send_is_still_refused(app: Flask, header: str) -> None:
    """The row that tells of it waits on disk."""
    answer = app.test_client().post(CONNECT, data=body(), headers={"Stripe-Signature": header})
    assert answer.status_code == 400


@pytest.mark.usefixtures("no_database")
def test_without_a_database_too_large_a_body_is_still_refused(app: Flask) -> None:
    client = app.test_client()
    client.set_cookie("session", "anything")
    assert client.post(CONNECT, data=b"x" * 300_000, headers={"Accept-Language": "en"}).status_code == 413


def test_neither_a_session_nor_a_form_token_is_looked_at(
    app: Flask, post: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("a delivery has no session")

    monkeypatch.setattr(login_manager, "_load_user", never)
    monkeypatch.setattr(flask_wtf.csrf, "validate_csrf", never)
    monkeypatch.setattr(csrf, "_get_csrf_token", never)
    for payload in (body(), b"x" * 300_000, b"[]"):
        assert post(payload, signature(payload)) in {200, 400, 413}
