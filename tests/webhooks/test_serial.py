"""Who works on what at the same time: never two events of one subject, and nobody is held up by a bad one."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Event as Signal
from threading import Lock, Thread
from typing import Any

import pytest
from flask import Flask

from portal.domain.work import utc_now
from portal.models import InboxState, LogLevel
from portal.webhooks import claims, processing
from portal.webhooks.event import Event
from portal.webhooks.handler import Handler
from portal.webhooks.handlers import joined
from tests.factories import Factory
from tests.webhooks.inbox import Inbox


@pytest.fixture
def account(factory: Factory) -> str:
    """A creator's account."""
    return factory.creator().stripe_account_id or ""


class Watched:
    """A handler that says how many events of each subject were worked on side by side."""

    def __init__(self, seconds: float = 0.02) -> None:
        self.seconds = seconds
        self.lock = Lock()
        self.now: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.most_together = 0
        self.applied: list[str] = []
        self.poison: set[str] = set()

    @contextmanager
    def _busy(self, event: Event) -> Iterator[None]:
        with self.lock:
            self.now[event.subject] += 1
            self.most[event.subject] = max(self.most[event.subject], self.now[event.subject])
            self.most_together = max(self.most_together, self.now.total())
        try:
            time.sleep(self.seconds)
            yield
        finally:
            with self.lock:
                self.now[event.subject] -= 1

    def read(self, _: Any, event: Event) -> str:
        """As long as a call to Stripe."""
        with self._busy(event):
            if event.id in self.poison:
                raise RuntimeError(f"poison \x00 with sk_live_{'a' * 20}")
            return event.id

    def apply(self, _session: Any, event: Event, _seen: Any, _now: datetime) -> None:
        """What was applied, in order."""
        self.applied.append(event.id)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    """Every payout event goes to the watched handler."""
    handler = Watched()
    table = dict.fromkeys(processing.HANDLERS, Handler(handler.read, handler.apply))
    monkeypatch.setattr(processing, "HANDLERS", table)
    return handler


def test_two_events_of_one_payout_are_never_worked_on_at_once(
    inbox: Inbox, account: str, watched: Watched
) -> None:
    for n in range(40):
        inbox.post(f"evt_{n}", account, f"po_{n % 4}")
    deadline = time.monotonic() + 30
    while len(watched.applied) < 40 and time.monotonic() < deadline:
        inbox.work(workers=6)
    assert sorted(watched.applied) == sorted(f"evt_{n}" for n in range(40))
    assert set(watched.most.values()) == {1}
    assert watched.most_together > 1


def test_a_failed_event_holds_up_neither_its_own_payout_nor_another(
    inbox: Inbox, account: str, watched: Watched
) -> None:
    watched.poison = {"evt_0"}
    for n in range(6):
        inbox.post(f"evt_{n}", account, f"po_{n % 2}")
    inbox.work()
    assert watched.applied == ["evt_1", "evt_2", "evt_3", "evt_4", "evt_5"]
    row = inbox.row("evt_0")
    assert (row.state, row.tries, row.lease_until) == (InboxState.RECEIVED, 1, None)


def test_what_an_error_says_is_kept_without_secrets_and_with_its_stack(
    inbox: Inbox, account: str, watched: Watched
) -> None:
    watched.poison = {"evt_1"}
    inbox.post("evt_1", account)
    inbox.work()
    row = inbox.row("evt_1")
    assert row.last_error == "RuntimeError: poison \ufffd with [REDACTED]"
    assert "test_serial.py" in (row.last_stack or "")
    assert "sk_live_" + "a" * 20 not in (row.last_stack or "")


def test_the_pauses_grow_to_twelve_hours_and_the_eighth_failure_is_the_last(
    inbox: Inbox, account: str, watched: Watched
) -> None:
    watched.poison = {"evt_1"}
    inbox.post("evt_1", account)
    pauses = []
    for _ in range(7):
        inbox.make_due()
        inbox.work()
        next_try = inbox.row("evt_1").next_try_at
        assert next_try is not None
        pauses.append(round((next_try - utc_now()).total_seconds(), -1))
    assert pauses == [10, 60, 300, 1800, 7200, 21_600, 43_200]
    inbox.make_due()
    inbox.work()
    assert inbox.state("evt_1") is InboxState.DEAD
    [dead] = inbox.told("WEBHOOK_DEAD")
    assert (dead.level, dead.details["tries"]) == (LogLevel.CRITICAL, 8)
    inbox.make_due()
    assert inbox.work() == 0


def test_a_payout_is_free_again_when_the_lease_of_a_worker_that_died_is_over(
    app: Flask, inbox: Inbox, account: str, watched: Watched
) -> None:
    inbox.post("evt_dead", account, "po_1")
    inbox.post("evt_next", account, "po_1")
    inbox.post("evt_other", account, "po_2")
    with app.app_context():
        claimed = claims.claim(utc_now, claims.LEASE)
    assert claimed is not None
    assert claimed.id == "evt_dead"
    inbox.work()
    assert watched.applied == ["evt_other"]
    inbox.work(clock=lambda: utc_now() + claims.LEASE + timedelta(seconds=1))
    assert sorted(watched.applied) == ["evt_dead", "evt_next", "evt_other"]


def test_a_worker_that_was_too_slow_applies_nothing(inbox: Inbox, account: str, watched: Watched) -> None:
    """Its reading may be older than what another worker applied meanwhile."""
    inbox.post("evt_1", account)
    moments = iter([utc_now(), *(utc_now() + claims.LEASE for _ in range(20))])
    inbox.work(clock=lambda: next(moments), limit=1)
    assert watched.applied == []
    row = inbox.row("evt_1")
    assert (row.state, row.tries) == (InboxState.RECEIVED, 1)
    assert inbox.told("WEBHOOK_PROCESSING_SUCCESS") == []


@pytest.fixture
def frozen(inbox: Inbox, watched: Watched, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Starts a worker that stops after its first reading; returns what wakes it and waits for it."""
    reading, wake = Signal(), Signal()
    read = watched.read

    def slow(gateway: Any, event: Event) -> str:
        seen = read(gateway, event)
        if not reading.is_set():
            reading.set()
            wake.wait(10)
        return seen

    table = dict.fromkeys(processing.HANDLERS, Handler(slow, watched.apply))
    monkeypatch.setattr(processing, "HANDLERS", table)

    def start() -> Any:
        worker = Thread(target=inbox.work)
        worker.start()
        assert reading.wait(10)
        return lambda: (wake.set(), worker.join(10))

    return start


def test_a_frozen_worker_whose_event_another_has_finished_applies_nothing(
    inbox: Inbox, account: str, watched: Watched, frozen: Any
) -> None:
    inbox.post("evt_1", account)
    thaw = frozen()
    inbox.work(clock=lambda: utc_now() + timedelta(minutes=2))
    thaw()
    assert watched.applied == ["evt_1"]
    assert len(inbox.told("WEBHOOK_PROCESSING_SUCCESS")) == 1


def test_a_frozen_worker_whose_event_another_has_taken_applies_nothing(
    app: Flask, inbox: Inbox, account: str, watched: Watched, frozen: Any
) -> None:
    inbox.post("evt_1", account)
    thaw = frozen()
    with app.app_context():
        taken = claims.claim(lambda: utc_now() + timedelta(minutes=2), claims.LEASE)
    assert taken is not None
    thaw()
    assert watched.applied == []
    assert inbox.row("evt_1").tries == 2


def test_an_event_that_costs_every_worker_is_given_up_after_as_many_tries(
    app: Flask, inbox: Inbox, account: str, watched: Watched
) -> None:
    inbox.post("evt_1", account)
    pauses = []
    for _ in range(8):
        inbox.make_due()
        inbox.session.connection().exec_driver_sql("update stripe_event set lease_until = null")
        inbox.session.commit()
        with app.app_context():
            assert claims.claim(utc_now, claims.LEASE) is not None
        next_try = inbox.row("evt_1").next_try_at
        assert next_try is not None
        pauses.append(round((next_try - utc_now()).total_seconds(), -1))
    assert pauses == [60, 60, 300, 1800, 7200, 21_600, 43_200, 43_200]
    inbox.make_due()
    inbox.work(clock=lambda: utc_now() + timedelta(minutes=2))
    assert inbox.state("evt_1") is InboxState.DEAD
    assert "WorkerLost" in (inbox.row("evt_1").last_error or "")
    assert watched.applied == []


def test_a_stored_body_that_can_no_longer_be_read_becomes_a_dead_letter(
    inbox: Inbox, account: str, watched: Watched
) -> None:
    inbox.post("evt_1", account)
    inbox.session.connection().exec_driver_sql("update stripe_event set payload = '[]'")
    inbox.session.commit()
    for _ in range(8):
        inbox.make_due()
        inbox.work()
    assert inbox.state("evt_1") is InboxState.DEAD
    assert watched.applied == []


@pytest.mark.parametrize(
    ("type", "object", "subject"),
    [
        ("payout.paid", {"id": "po_1"}, "po_1"),
        ("account.updated", {"id": "acct_1"}, "acct_1"),
        ("account.external_account.updated", {"id": "ba_1"}, "acct_1"),
        ("account.application.deauthorized", {"id": "ca_1"}, "acct_1"),
        ("charge.succeeded", {"id": "ch_1", "payment_intent": "pi_1"}, "pi_1"),
        ("refund.updated", {"id": "re_1", "payment_intent": "pi_1"}, "pi_1"),
        ("charge.dispute.created", {"id": "dp_1", "payment_intent": {"id": "pi_1"}}, "dp_1"),
        ("balance.available", {"object": "balance"}, "evt_1"),
    ],
)
def test_what_must_not_be_processed_side_by_side_has_one_subject(
    inbox: Inbox, account: str, type: str, object: dict[str, Any], subject: str
) -> None:
    inbox.post("evt_1", "acct_1", type=type, data={"object": object})
    assert inbox.row("evt_1").subject == subject


def test_a_type_is_handled_in_one_place() -> None:
    handler = Handler(lambda *_: None, lambda *_: None)
    assert set(joined({"a": handler}, {"b": handler})) == {"a", "b"}
    with pytest.raises(ValueError, match=r"handled twice: a"):
        joined({"a": handler}, {"a": handler})
