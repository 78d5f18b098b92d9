"""Traces: a payout made by the real verbs, Stripe and its webhooks, and what every kind of trace shows."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from portal.models import Creator, InboxState, Payout, PayoutStatus, StripeEvent, User
from portal.queries.trace import Trace, find_trace, trace_kind
from portal.stripe_sandbox.sandbox import Sandbox
from tests.browser import Browser
from tests.domain.acts import Acts
from tests.factories import UNKNOWN_ID, Factory
from tests.queries.books import NOON, Event, Money, write, write_money

TRACES = "/dashboard/admin/traces"


@pytest.fixture
def acts(app: Flask, session: Session) -> Acts:
    """The payout verbs on an empty database and a fresh Stripe."""
    return Acts(app, session)


@pytest.fixture
def admin(factory: Factory) -> User:
    """Who decides."""
    return factory.admin(name="Camille Roux")


@pytest.fixture
def creator(factory: Factory) -> Creator:
    """Who is paid."""
    return factory.creator(name="Zoé Marchand")


@pytest.fixture
def signed_in(browser: Browser, admin: User) -> Browser:
    """The admin's browser."""
    return browser.sign_in(admin.email)


def trace_of(session: Session, word: str, row_id: Any, now: datetime | None = None) -> Trace:
    kind = trace_kind(word)
    assert kind is not None
    session.rollback()
    found = find_trace(session, kind, str(row_id), now=now or datetime.now(UTC))
    assert found is not None
    return found


def types(trace: Trace) -> list[str]:
    return [str(item.type) for item in trace.items]


def states(trace: Trace) -> list[str]:
    return [f"{step.step.key} {step.step.state}" for step in trace.steps]


@pytest.fixture
def paid(acts: Acts, admin: User, creator: Creator, sandbox: Sandbox, deliver: Any, process: Any) -> Payout:
    """A payout from its request to the bank, each webhook delivered and processed."""
    payout_id = acts.request(creator).payout.id
    acts.approve(admin, payout_id)
    deliver()
    process()
    sandbox.settle(str(acts.payout(payout_id).stripe_payout_id))
    deliver()
    process()
    return acts.payout(payout_id)


def test_a_paid_payout_is_told_from_its_request_to_the_bank(acts: Acts, session: Session, paid: Payout) -> None:
    assert paid.status is PayoutStatus.PAID
    trace = trace_of(session, "payout", paid.id)
    told = [name for name in types(trace) if not name.startswith("WEBHOOK")]
    expected = [
        "PAYOUT_REQUEST_INITIATED",
        "PAYOUT_REQUEST_STRIPE_VERIFICATION",
        "PAYOUT_REQUEST_BALANCE_CHECK",
        "PAYOUT_REQUESTED",
        "PAYOUT_CREATED",
        "PAYOUT_APPROVAL_INITIATED",
        "PAYOUT_APPROVAL_VALIDATED",
        "PAYOUT_APPROVED",
        "PAYOUT_APPROVAL_STRIPE_CREATION",
        "PAYOUT_PROCESSING",
        "PAYOUT_APPROVAL_SUCCESS",
        "payout.created",
        "payout.paid",
        "PAYOUT_PAID",
    ]
    assert [name for name in expected if name not in told] == []
    places = [min(n for n, name in enumerate(told) if name == wanted) for wanted in expected]
    one_moment = {"PAYOUT_REQUESTED", "PAYOUT_CREATED"}
    in_books = [p for p, name in zip(places, expected, strict=True) if "." not in name and name not in one_moment]
    assert in_books == sorted(in_books)
    assert {item.book for item in trace.items} == {"log", "transaction_log", "stripe"}
    moments = [item.created_at for item in trace.items]
    assert moments == sorted(moments)
    assert states(trace) == ["request done", "decision done", "sending done", "acceptance done", "arrival done"]
    assert [step.type for step in trace.steps][-1] == "PAYOUT_PAID"
    assert trace.failure is None


def test_gaps_add_up_to_the_whole_time(session: Session, paid: Payout) -> None:
    items = trace_of(session, "payout", paid.id).items
    gaps = [item.gap for item in items]
    assert gaps[0] is None
    assert (
        sum((gap for gap in gaps[1:] if gap is not None), timedelta())
        == items[-1].created_at - items[0].created_at
    )


def test_the_page_shows_steps_books_and_links(signed_in: Browser, session: Session, paid: Payout) -> None:
    signed_in.get(f"{TRACES}/payout/{paid.id}")
    assert signed_in.status == 200
    for words in ("à Zoé Marchand", "Payé", "Camille Roux", "Approuvé Fait", "Arrivé à la banque Fait", "Stripe"):
        assert words in signed_in.words
    for item in trace_of(session, "payout", paid.id).items:
        assert f'data-book="{item.book}" data-row-id="{item.id}"' in signed_in.text
    addresses = re.findall(r'href="(/dashboard/admin/system-logs/\d+)" data-open', signed_in.text)
    assert signed_in.get(addresses[-1]).status_code == 200
    assert f'href="{TRACES}/payout/{paid.id}"' in signed_in.text


def test_the_automatic_route_skips_the_decision(acts: Acts, session: Session, creator: Creator) -> None:
    payout = acts.request(creator, auto_limit=Decimal(500)).payout
    trace = trace_of(session, "payout", payout.id)
    assert states(trace)[:4] == ["request done", "decision skipped", "sending done", "acceptance done"]
    assert states(trace)[4] == "arrival current"
    assert trace.steps[2].type == "PAYOUT_REQUEST_STRIPE_CREATION"


def test_a_rejection_says_who_and_why(
    acts: Acts, signed_in: Browser, session: Session, admin: User, creator: Creator
) -> None:
    payout = acts.request(creator).payout
    acts.reject(admin, payout.id, "Pièce d’identité expirée")
    trace = trace_of(session, "payout", payout.id)
    assert states(trace)[:2] == ["request done", "decision failed"]
    assert trace.steps[1].type == "PAYOUT_REJECTED"
    assert trace.failure is not None
    assert trace.failure.reason == "Pièce d’identité expirée"
    signed_in.get(f"{TRACES}/payout/{payout.id}")
    assert "Le payout a été rejeté" in signed_in.words
    assert "Rejeté Échec" in signed_in.words
    assert "Pièce d’identité expirée" in signed_in.words


def test_a_refusal_by_stripe_shows_reason_code_amount_and_balance(
    acts: Acts, signed_in: Browser, session: Session, admin: User, creator: Creator, sandbox: Sandbox
) -> None:
    payout = acts.request(creator).payout
    sandbox.faults.add("bad_request", method="POST", path="/v1/payouts")
    acts.approve(admin, payout.id)
    trace = trace_of(session, "payout", payout.id)
    failed = acts.payout(payout.id)
    assert failed.status is PayoutStatus.FAILED
    assert trace.failure is not None
    assert (trace.failure.reason, trace.failure.code) == (failed.failure_message, failed.failure_code)
    assert (trace.failure.amount_minor, trace.failure.balance_minor) == (12_345, 100_000)
    assert "acceptance failed" in states(trace)
    signed_in.get(f"{TRACES}/payout/{payout.id}")
    for words in ("Le payout a échoué", str(failed.failure_code), "123,45", "1 000,00"):
        assert words in signed_in.words


@pytest.mark.parametrize(
    ("status", "ago", "step", "state"),
    [
        (PayoutStatus.REQUESTED, timedelta(days=2), "decision", "current"),
        (PayoutStatus.REQUESTED, timedelta(days=4), "decision", "overdue"),
        (PayoutStatus.APPROVED, timedelta(minutes=10), "sending", "current"),
        (PayoutStatus.APPROVED, timedelta(minutes=20), "sending", "overdue"),
        (PayoutStatus.PROCESSING, timedelta(days=1), "arrival", "current"),
        (PayoutStatus.PROCESSING, timedelta(days=3), "arrival", "overdue"),
    ],
)
def test_a_step_past_its_limit_is_late_and_says_since_when(
    session: Session,
    factory: Factory,
    creator: Creator,
    status: PayoutStatus,
    ago: timedelta,
    step: str,
    state: str,
) -> None:
    then = datetime.now(UTC) - ago
    decided = None if status is PayoutStatus.REQUESTED else then
    payout = factory.payout(creator, status=status, created_at=then, decided_at=decided, arrival_at=then)
    session.execute(text("update payout set updated_at = :then"), {"then": then})
    session.commit()
    trace = trace_of(session, "payout", payout.id)
    [found] = [s.step for s in trace.steps if s.step.key == step]
    assert found.state == state
    assert found.due is not None
    assert (found.due < datetime.now(UTC)) == (state == "overdue")


def test_a_jobs_run_shows_in_a_payouts_trace_without_the_other_payouts(session: Session, factory: Factory) -> None:
    mine, other = factory.creator(account=False), factory.creator(account=False)
    payout = factory.payout(mine)
    another = factory.payout(other)
    run = uuid4()

    def row(type: str, **details: Any) -> Event:
        return Event(type, request_id=run, details={key: str(value) for key, value in details.items()})

    write(
        session,
        [
            row("CRON_PAYOUT_STARTED", runId=run),
            row("PAYOUT_BALANCE_LOW", creatorId=other.id),
            row("PAYOUT_REQUEST_BALANCE_CHECK", creatorId=mine.id),
            row("PAYOUT_REQUESTED", payoutId=payout.id, creatorId=mine.id),
            row("PAYOUT_REQUESTED", payoutId=another.id, creatorId=other.id),
        ],
    )
    names = {"request_id": run, "amount_minor": 100, "currency": "EUR"}
    write_money(
        session,
        [Money("PAYOUT_CREATED", payout_id=str(p.id), entity_id=str(p.id), **names) for p in (payout, another)],
    )
    found = types(trace_of(session, "payout", payout.id))
    expected = ["CRON_PAYOUT_STARTED", "PAYOUT_REQUEST_BALANCE_CHECK", "PAYOUT_REQUESTED", "PAYOUT_CREATED"]
    assert found == expected
    whole = types(trace_of(session, "job-run", run))
    assert len(whole) == 7
    assert types(trace_of(session, "job_run", run)) == whole


def test_the_books_come_before_stripe_in_one_instant(session: Session, app: Flask) -> None:
    write(
        session,
        [
            Event("WEBHOOK_RECEIVED", details={"eventId": "evt_1"}),
            Event("PAYOUT_PAID", details={"eventId": "evt_1"}),
        ],
    )
    write_money(session, [Money("PAYOUT_PAID", stripe_event_id="evt_1")])
    session.add(stripe_event("evt_1", created=NOON, received=NOON))
    session.commit()
    trace = trace_of(session, "event", "evt_1")
    assert [item.book for item in trace.items] == ["log", "log", "transaction_log", "stripe"]
    assert types(trace)[:2] == ["WEBHOOK_RECEIVED", "PAYOUT_PAID"]


@pytest.mark.parametrize(("received", "place"), [(0.2, 0.2), (5, 0.999), (-3, -3)])
def test_stripes_second_ends_where_its_event_stands_unless_it_was_received_before(
    session: Session, app: Flask, received: float, place: float
) -> None:
    session.add(stripe_event("evt_1", created=NOON, received=NOON + timedelta(seconds=received)))
    session.commit()
    [item] = trace_of(session, "event", "evt_1").items
    assert item.created_at == NOON + timedelta(seconds=place)
    assert (item.stripe_at, item.received_at) == (NOON, NOON + timedelta(seconds=received))


def stripe_event(event_id: str, *, created: datetime, received: datetime) -> StripeEvent:
    return StripeEvent(
        id=event_id,
        type="payout.paid",
        livemode=False,
        payload=b"{}",
        request_id=uuid4(),
        stripe_created_at=created,
        received_at=received,
        state=InboxState.PROCESSED,
    )


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("booking", "bookingId"),
        ("payment", "paymentId"),
        ("refund", "refundId"),
        ("dispute", "disputeId"),
        ("offer", "offerId"),
        ("creator", "creatorId"),
        ("user", "userId"),
        ("job-run", "runId"),
        ("event", "eventId"),
    ],
)
def test_every_kind_finds_the_rows_that_name_it(signed_in: Browser, session: Session, kind: str, key: str) -> None:
    [row, _other] = write(session, [Event(details={key: "x-1"}), Event(details={key: "x-2"})])
    trace = trace_of(session, kind, "x-1")
    assert [item.id for item in trace.items] == [row]
    signed_in.get(f"{TRACES}/{kind}/x-1")
    assert signed_in.status == 200
    assert f'data-row-id="{row}"' in signed_in.text


def test_people_are_also_found_as_actors(session: Session, app: Flask) -> None:
    request = uuid4()
    write(
        session,
        [Event(actor="USER", actor_id="u-1", request_id=request), Event(actor_id="u-2", request_id=request)],
    )
    assert len(trace_of(session, "user", "u-1").items) == 1
    assert len(trace_of(session, "creator", "u-2").items) == 1
    assert len(trace_of(session, "request", request).items) == 2


def test_something_that_exists_and_wrote_nothing_has_an_empty_trace(signed_in: Browser, factory: Factory) -> None:
    payout = factory.payout(factory.creator(account=False))
    signed_in.get(f"{TRACES}/payout/{payout.id}")
    assert signed_in.status == 200
    assert "Rien n’a encore été écrit à ce sujet." in signed_in.words
    assert "Approuvé En cours" in signed_in.words


@pytest.mark.parametrize(
    "path",
    [
        f"payout/{UNKNOWN_ID}",
        "payout/x",
        "horse/1",
        "request/x",
        "user/%00",
        f"user/{'x' * 300}",
        "payout/",
        "event/evt_0",
    ],
)
def test_an_unknown_kind_or_thing_is_404(signed_in: Browser, path: str) -> None:
    assert signed_in.get(f"{TRACES}/{path}").status_code == 404


def test_a_long_trace_keeps_its_newest_rows_and_says_so(signed_in: Browser, session: Session) -> None:
    events = [Event(details={"bookingId": "b-1"}, at=NOON + timedelta(seconds=n)) for n in range(510)]
    ids = write(session, events)
    money = write_money(session, [Money(details={"bookingId": "b-1"}, at=NOON + timedelta(seconds=5))])
    trace = trace_of(session, "booking", "b-1")
    assert [item.id for item in trace.items] == ids[10:]
    signed_in.get(f"{TRACES}/booking/b-1")
    assert "Cette trace est longue" in signed_in.words
    older = re.search(r'rel="next" href="([^"]+)"', signed_in.text)
    assert older is not None
    signed_in.get(older[1])
    shown = re.findall(r'data-book="(\w+)" data-row-id="(\d+)"', signed_in.text)
    assert sorted(int(row) for book, row in shown if book == "log") == ids[:10]
    assert [int(row) for book, row in shown if book == "transaction_log"] == money
    assert 'rel="next"' not in signed_in.text
    assert "Lignes les plus récentes" in signed_in.words
    assert signed_in.get(f"{TRACES}/booking/b-1?cursor=x").status_code == 400


def test_who_goes_on_for_ever_is_shown_fifty_rows_at_a_time(signed_in: Browser, session: Session) -> None:
    events = [Event(details={"creatorId": "c-1"}, at=NOON + timedelta(seconds=n)) for n in range(120)]
    ids, seen = write(session, events), []
    address = f"{TRACES}/creator/c-1"
    for rows in (50, 50, 20):
        signed_in.get(address)
        shown = [int(row) for row in re.findall(r'data-row-id="(\d+)"', signed_in.text)]
        assert len(shown) == rows
        seen = shown + seen
        older = re.search(r'rel="next" href="([^"]+)"', signed_in.text)
        address = older[1] if older else ""
    assert (seen, address) == (ids, "")
    assert len(trace_of(session, "creator", "c-1").items) == 120


def test_metadata_in_a_trace_is_never_run(signed_in: Browser, session: Session) -> None:
    write(
        session,
        [
            Event(
                message="<script>alert(1)</script>", details={"bookingId": "b", "<i>": "<script>alert(2)</script>"}
            )
        ],
    )
    signed_in.get(f"{TRACES}/booking/b")
    assert "<script>alert" not in signed_in.text
    assert "alert(1)" in signed_in.words
    found = re.search(r'data-expand="([^"]+)"', signed_in.text)
    assert found is not None
    signed_in.get(found[1])
    assert "<script>alert" not in signed_in.text
    assert "alert(2)" in signed_in.words


def test_only_admins_see_traces(browser: Browser, factory: Factory) -> None:
    payout = factory.payout(factory.creator(account=False))
    address = f"{TRACES}/payout/{payout.id}"
    assert "/login" in browser.get(address, follow=False).headers["Location"]
    browser.sign_in(factory.creator(account=False).user.email)
    assert browser.get(address).status_code == 403


def said(payout: Payout, *events: tuple[str, float], **more: Any) -> list[Event]:
    """Rows of a payout: type, and minutes after noon."""
    details = {"payoutId": str(payout.id), **more}
    return [Event(type, details=details, at=NOON + timedelta(minutes=at)) for type, at in events]


ASKED = [("PAYOUT_REQUESTED", 0.0), ("PAYOUT_APPROVED", 1.0)]
LIFE = [*ASKED, ("PAYOUT_APPROVAL_STRIPE_CREATION", 2.0), ("PAYOUT_PROCESSING", 3.0)]
AGAIN = [("PAYOUT_PROCESSING", 6.0), ("PAYOUT_PAID", 7.0)]


@pytest.mark.parametrize(
    ("rows", "more", "expected"),
    [
        ([*LIFE, ("PAYOUT_PAID", 4)], {}, ""),
        ([*LIFE, ("PAYOUT_PAID", 4), ("PAYOUT_PAID", 9)], {}, "arrival duplicate"),
        ([*LIFE, ("PAYOUT_PAID", 0.5)], {}, "arrival impossible_order"),
        ([*LIFE[2:], ("PAYOUT_PAID", 4), ("PAYOUT_APPROVED", 9)], {},
         "sending impossible_order, acceptance impossible_order, arrival impossible_order"),
        ([*LIFE, ("PAYOUT_FAILED", 4), ("PAYOUT_RETRY_AUTHORIZED", 5), *AGAIN], {}, ""),
        ([*LIFE, ("PAYOUT_PAID", 4), ("PAYOUT_RETURNED", 5), *AGAIN], {}, ""),
        ([*LIFE, ("PAYOUT_PAID", 0.5)], {"spooledAt": "2026-11-01T12:00:00+00:00"}, ""),
        ([("PAYOUT_PAID", 4)], {}, ""),
    ],
)  # fmt: skip
def test_a_step_that_came_twice_or_too_early_is_told(
    session: Session, factory: Factory, rows: list[tuple[str, float]], more: dict[str, Any], expected: str
) -> None:
    payout = factory.payout(
        factory.creator(account=False), status=PayoutStatus.PAID, created_at=NOON, decided_at=NOON, paid_at=NOON
    )
    write(session, said(payout, *rows, **more))
    trace = trace_of(session, "payout", payout.id)
    wrong = {"duplicate", "impossible_order"}
    assert ", ".join(f"{s.step.key} {s.step.state}" for s in trace.steps if s.step.state in wrong) == expected


def test_what_came_while_an_earlier_step_is_waited_for_is_out_of_order(
    signed_in: Browser, session: Session, factory: Factory
) -> None:
    payout = factory.payout(factory.creator(account=False))
    [_, paid, again] = write(
        session, said(payout, ("PAYOUT_REQUESTED", 0), ("PAYOUT_PAID", 1), ("PAYOUT_REQUESTED", 2))
    )
    signed_in.get(f"{TRACES}/payout/{payout.id}")
    assert "Demandé En double" in signed_in.words
    assert "PAYOUT_REQUESTED est écrit 2 fois." in signed_in.words
    assert "Arrivé à la banque Ordre impossible" in signed_in.words
    assert "PAYOUT_PAID est écrit avant « Approuvé », à tort." in signed_in.words
    found = signed_in.get(f"/api/admin/traces/payout/{payout.id}").get_json()
    steps = {step["step"]: step for step in found["steps"]}
    assert (steps["request"]["state"], steps["request"]["times"], steps["request"]["logId"]) == (
        "duplicate",
        2,
        again,
    )
    arrival = steps["arrival"]
    assert (arrival["state"], arrival["against"], arrival["logId"]) == ("impossible_order", "decision", paid)
    assert [item["gapMs"] for item in found["items"]] == [None, 60_000, 60_000]
    assert (found["durationMs"], found["nextCursor"], found["truncated"]) == (120_000, None, False)


def test_rows_alike_are_folded_and_the_whole_is_timed(signed_in: Browser, session: Session) -> None:
    checks = [
        Event("WEBHOOK_DUPLICATE", details={"bookingId": "b"}, at=NOON + timedelta(hours=n)) for n in range(6)
    ]
    others = [Event("USER_LOGIN", details={"bookingId": "b"}, at=NOON + timedelta(days=d)) for d in (1, 3)]
    ids = write(session, [*checks, *others])
    signed_in.get(f"{TRACES}/booking/b")
    assert "encore 5 lignes pareilles" in signed_in.words
    shown = [int(row) for row in re.findall(r'data-row-id="(\d+)"', signed_in.text)]
    assert shown == ids
    assert signed_in.text.count("<tr data-book") == 3
    assert "Durée 3 j 0 h" in signed_in.words
    assert "Plus longue attente 2 j 0 h avant USER_LOGIN" in signed_in.words


def test_two_traces_stand_side_by_side(signed_in: Browser, session: Session, factory: Factory) -> None:
    creator = factory.creator(account=False)
    times = {"created_at": NOON, "decided_at": NOON + timedelta(minutes=1)}
    paid = factory.payout(creator, status=PayoutStatus.PAID, paid_at=NOON + timedelta(hours=1), **times)
    lost = factory.payout(creator, status=PayoutStatus.FAILED, failure_message="Compte fermé", **times)
    write(session, [*said(paid, *LIFE, ("PAYOUT_PAID", 60)), *said(lost, *LIFE[:2], ("PAYOUT_FAILED", 90))])
    compare = f"{TRACES}/compare"
    signed_in.get(f"{TRACES}/payout/{paid.id}")
    assert f'href="{compare}?left=payout:{paid.id}"' in signed_in.text
    signed_in.get(f"{compare}?left=payout:{paid.id}")
    assert f"right=payout:{lost.id}" in signed_in.text
    for right in (f"payout:{lost.id}", str(lost.id)):
        signed_in.get(f"{compare}?left=payout:{paid.id}&right={right}")
        assert signed_in.status == 200
        steps = dict(re.findall(r'<tr data-step="(\w+)"( data-differs)?>', signed_in.text))
        assert [key for key, differs in steps.items() if differs] == ["sending", "acceptance", "arrival"]
        only = re.findall(r'<tr data-type="(\w+)" data-only="(\w+)"', signed_in.text)
        assert ("PAYOUT_PAID", "left") in only
        assert ("PAYOUT_FAILED", "right") in only
        assert "+ 30 min 00 s" in signed_in.words
    assert signed_in.get(compare).status_code == 200
    answers = {
        f"left=payout:{paid.id}&right=booking:{lost.id}": 404,
        "left=payout": 400,
        f"left=horse:{paid.id}": 400,
        f"left=payout:{paid.id}&right=payout:{uuid4()}": 404,
        f"left=payout:{paid.id}&right=creator:{creator.id}": 400,
        f"left=payout:{paid.id}&left=payout:{lost.id}": 400,
        f"left=payout:{paid.id}&top=1": 400,
        "left=payout:%00": 400,
    }
    assert {query: signed_in.get(f"{compare}?{query}").status_code for query in answers} == answers
