"""A stateful walk over everything that people, Stripe, the bank and time do, against a simple model.

`python -m tests.faults.model --steps N` walks long; test_model.py is the CI size. After every step: at most
one live payout at Stripe, sums that are right, only moves of the table, nothing sent again that may not be.
At the end of every walk Stripe recovers, and the books must agree with the bank to the last cent.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

from flask import Flask
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from portal.domain.keys import KEY_AGE_LIMIT
from portal.domain.payouts.facts import reserved_minor
from portal.domain.payouts.retry import QUIET, RETRIED
from portal.models import AttemptState, Creator, Payout, User, metadata
from portal.models import PayoutStatus as S
from portal.models.payout import MOVES, RESERVED
from portal.stripe_gateway import Stripe
from portal.stripe_sandbox import SandboxSettings
from portal.stripe_sandbox.faults import FaultKind
from portal.stripe_sandbox.sandbox import Sandbox
from portal.stripe_sandbox.server import RunningSandbox
from portal.webhooks.processing import process_due
from tests.conftest import SECRETS
from tests.factories import Factory
from tests.faults.acts import Verbs, outcome
from tests.faults.moments import SharedClock
from tests.faults.oracle import Books, disagreements, duplicates, live, unbalanced, unsent
from tests.faults.scratch import environ_on, migrated_app, scratch_folder, scratch_server

FUNDED = 300_000
PEOPLE = 4
KINDS = [kind for kind in FaultKind if not kind.startswith("delay")]
TIMES = [
    timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=6), timedelta(minutes=16),
    timedelta(hours=1), timedelta(hours=3), timedelta(hours=22), timedelta(hours=25),
]  # fmt: skip
PATHS = {"platform": "/api/payments/webhook", "connect": "/api/payments/webhook/connect"}
WEIGHTS = {
    "request": 8, "withdraw": 1, "approve": 7, "reject": 1, "cancel": 1, "retry": 3,
    "block_or_unblock": 1, "pause_or_resume": 1, "send": 2, "sweep": 3, "process": 4, "deliver": 4,
    "settle": 4, "mend": 2, "time_passes": 6, "creations_fail": 6, "reading_fails": 1, "stripe_recovers": 1,
}  # fmt: skip
some = st.integers(0, 999)


@dataclass
class World:
    """What outlives one walk: the portal, its database, and a port on which a new Stripe answers each time."""

    app: Flask
    owner: Engine
    running: RunningSandbox
    folder: Path
    walks: int = 0
    steps: int = 0
    sent: int = 0

    def fresh(self) -> tuple[Sandbox, SharedClock]:
        """Empty books and a new bank."""
        self.walks += 1
        names = ", ".join(f'"{table.name}"' for table in metadata.sorted_tables)
        with self.owner.begin() as connection:
            connection.execute(text("set session_replication_role = replica"))
            connection.execute(text(f"truncate {names} restart identity cascade"))
        clock = SharedClock()
        settings_ = SandboxSettings(
            path=self.folder / f"{self.walks}.sqlite3",
            platform_webhook_secret=SECRETS["STRIPE_WEBHOOK_SECRET"],
            connect_webhook_secret=SECRETS["STRIPE_CONNECT_WEBHOOK_SECRET"],
            clock=clock,
        )
        sandbox = Sandbox(settings_)
        self.running.app.extensions["sandbox"] = sandbox
        return sandbox, clock


@contextmanager
def world_of(app: Flask, owner: Engine, folder: Path) -> Iterator[World]:
    """A world on a migrated database; the portal gets its own Stripe back at the end."""
    before = app.extensions["stripe_gateway"]
    with RunningSandbox(SandboxSettings(path=folder / "0.sqlite3"), worker=False) as running:
        app.extensions["stripe_gateway"] = Stripe("sk_test_sandbox", api_base=running.url, timeout=before.timeout)
        yield World(app, owner, running, folder)
    app.extensions["stripe_gateway"] = before


@dataclass
class Posts:
    """Every creation that left for Stripe, by key: when, with what, and how the payout stood."""

    by_key: dict[str, list[tuple[datetime, Any]]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def note(self, key: str, params: Any, now: datetime) -> None:
        """One more; what the rules forbid is kept."""
        earlier = self.by_key.setdefault(key, [])
        if earlier and now - earlier[0][0] >= KEY_AGE_LIMIT:
            self.wrong.append(f"{key} sent {now - earlier[0][0]} after its first sending")
        if earlier and earlier[0][1] != params:
            self.wrong.append(f"{key} sent with other parameters")
        head, _, n = key.rpartition(":")
        before = self.by_key.get(f"{head}:{int(n) - 1}")
        if not earlier and before and now - before[-1][0] < QUIET:
            self.wrong.append(f"{key} sent {now - before[-1][0]} after the attempt before")
        if f"{head}:{int(n) + 1}" in self.by_key:
            self.wrong.append(f"{key} sent after the attempt behind it")
        earlier.append((now, params))


class PayoutWalk(RuleBasedStateMachine):
    """One marketplace of four creators; the model is the status that each payout was last seen in."""

    world: ClassVar[World]

    @initialize()
    def begin(self) -> None:
        self.sandbox, self.clock = self.world.fresh()
        self.session = Session(self.world.owner, expire_on_commit=False)
        factory = Factory(self.session, self.sandbox)
        self.people: list[Creator] = [factory.creator(balance_minor=FUNDED) for _ in range(PEOPLE)]
        self.admin: User = factory.admin()
        self.acts = Verbs(self.world.app, self.session, self.clock)
        self.seen: dict[UUID, S] = {}
        self.blocked: set[UUID] = set()
        self.unfit: set[UUID] = set()
        self.paused = False
        self.posts = Posts()
        self.create = Stripe.create_payout
        Stripe.create_payout = self.noted  # type: ignore[method-assign]
        self.failed = False

    def noted(self, account: str, params: Any, key: str) -> Any:
        """Stand between the portal and Stripe."""
        self.world.sent += 1
        self.posts.note(key, dict(params), self.clock())
        return self.create(self.acts.gateway, account, params, key)  # type: ignore[arg-type]

    @rule(verb=st.sampled_from([verb for verb, weight in WEIGHTS.items() for _ in range(weight)]), data=st.data())
    def act(self, verb: str, data: st.DataObject) -> None:
        """One rule for all: as many rules, Hypothesis would leave most of them out of each walk."""
        getattr(self, verb)(data)

    # --- people ---

    def request(self, data: st.DataObject) -> None:
        who = data.draw(some)
        able = [one for one in self.people if one.id not in self.blocked and not self.opened(one.id)]
        person = able[who % len(able)] if able and who % 5 else self.people[who % PEOPLE]
        amount = data.draw(st.integers(1_000, 25_000))
        limit = Decimal(10_000) if data.draw(st.booleans()) else Decimal(0)
        allowed = (
            person.id not in self.blocked | self.unfit
            and not self.opened(person.id)
            and self.available(person) >= amount
        )
        self.told(allowed, lambda: self.acts.request(person, str(Decimal(amount) / 100), auto_limit=limit))

    def approve(self, data: st.DataObject) -> None:
        which = data.draw(some)
        payout = self.fitting(which, S.REQUESTED)
        if payout is not None and (payout.status is S.REQUESTED or which % 4 == 0):
            allowed = payout.status is S.REQUESTED and payout.creator_id not in self.blocked
            self.told(allowed, lambda: self.acts.approve(self.admin, payout.id))

    def reject(self, data: st.DataObject) -> None:
        which = data.draw(some)
        payout = self.fitting(which, S.REQUESTED)
        if payout is not None:
            self.told(payout.status is S.REQUESTED, lambda: self.acts.reject(self.admin, payout.id))

    def withdraw(self, data: st.DataObject) -> None:
        which = data.draw(some)
        payout = self.fitting(which, S.REQUESTED, S.APPROVED)
        if payout is not None:
            person = next(person for person in self.people if person.id == payout.creator_id)
            allowed = payout.status in {S.REQUESTED, S.APPROVED}
            self.told(allowed, lambda: self.acts.withdraw(person, payout.id))

    def cancel(self, data: st.DataObject) -> None:
        which = data.draw(some)
        payout = self.fitting(which, S.PROCESSING, S.APPROVED)
        if payout is not None:
            pending = [row for row in live(self.sandbox.ledger(), payout.id) if row["status"] == "pending"]
            allowed = payout.status in {S.REQUESTED, S.APPROVED} or (payout.status is S.PROCESSING and pending)
            canceled = [r for r in self.sandbox.ledger()["payouts"] if r["id"] == payout.stripe_payout_id]
            allowed = allowed or (payout.status is S.PROCESSING and canceled[0]["status"] == "canceled")
            self.told(bool(allowed), lambda: self.acts.cancel(self.admin, payout.id))

    def retry(self, data: st.DataObject) -> None:
        which = data.draw(some)
        payout = self.pick(which, *RETRIED)
        if payout is None:
            return
        attempts = self.acts.attempts(payout.id)
        last = attempts[-1].last_sent_at
        allowed = (
            payout.creator_id not in self.blocked
            and (last is None or self.clock() - last >= QUIET)
            and not self.opened(payout.creator_id, besides=payout.id)
            and not live(self.sandbox.ledger(), payout.id)
        )
        self.told(allowed, lambda: self.acts.retry(self.admin, payout.id))

    def block_or_unblock(self, data: st.DataObject) -> None:
        """Whoever is blocked is soon let go again."""
        person = next(
            (one for one in self.people if one.id in self.blocked), self.people[data.draw(some) % PEOPLE]
        )
        act = self.acts.unblock if person.id in self.blocked else self.acts.block
        self.told(True, lambda: act(self.admin, person.id))
        self.blocked ^= {person.id}

    def pause_or_resume(self, _: st.DataObject) -> None:
        act = self.acts.resume if self.paused else self.acts.pause
        self.told(True, lambda: act(self.admin))
        self.paused = not self.paused

    # --- the portal's jobs ---

    def send(self, data: st.DataObject) -> None:
        which = data.draw(some)
        payout = self.fitting(which, S.APPROVED, S.SUBMITTING)
        if payout is not None:
            self.told(True, lambda: self.acts.send(payout.id))

    def sweep(self, _: object = None) -> None:
        for payout in self.payouts():
            if payout.status in {S.APPROVED, S.SUBMITTING}:
                self.acts.send(payout.id)

    def process(self, _: object = None) -> None:
        with self.world.app.app_context():
            process_due(self.acts.gateway, clock=self.clock)

    # --- Stripe, the bank and time ---

    def deliver(self, data: st.DataObject) -> None:
        """What is due, or old events again, in any order, once or twice."""
        order, least = data.draw(st.sampled_from(["created", "reversed", "random"])), data.draw(some)
        events = [event["id"] for event in self.sandbox.events()]
        old = events[-(least % 20) :] if least % 3 == 0 and events else None
        self.sandbox.deliver(self.post, order=order, copies=1 + least % 2, events=old, seed=least)

    def post(self, endpoint: str, body: bytes, headers: dict[str, str]) -> int:
        return self.world.app.test_client().post(PATHS[endpoint], data=body, headers=headers).status_code

    def settle(self, data: st.DataObject) -> None:
        """The bank moves a payout, also back after it was paid."""
        which, end = data.draw(some), data.draw(st.sampled_from(["in_transit", "paid", "paid", "failed"]))
        onward = {"in_transit": ("pending",), "paid": ("pending", "in_transit")}
        onward["failed"] = ("pending", "in_transit", "paid")
        able = [row for row in self.sandbox.ledger()["payouts"] if row["status"] in onward[end]]
        if able:
            row = able[which % len(able)]
            self.sandbox.settle(row["id"], end)
            if end == "failed":
                self.unfit |= {person.id for person in self.people if person.stripe_account_id == row["account"]}

    def mend(self, _: object = None) -> None:
        """Their owners correct the bank accounts that a failure disabled."""
        for person in self.people:
            self.sandbox.change_account(
                person.stripe_account_id or "", bank_status="verified", payouts_enabled=True
            )
        self.unfit.clear()

    def time_passes(self, data: st.DataObject) -> None:
        self.clock.move(seconds=data.draw(st.sampled_from(TIMES)).total_seconds())

    def creations_fail(self, data: st.DataObject) -> None:
        """More often than not the answer is lost, with or without the money on its way."""
        kind, times = data.draw(st.sampled_from(KINDS)), data.draw(st.integers(1, 3))
        self.sandbox.faults.add(kind, method="POST", path="/v1/payouts", times=times)

    def reading_fails(self, data: st.DataObject) -> None:
        kind = data.draw(st.sampled_from(["server_error", "not_found", "drop_after", "rate_limited"]))
        self.sandbox.faults.add(kind, method="GET", times=1)

    def stripe_recovers(self, _: st.DataObject) -> None:
        self.sandbox.faults.clear()

    # --- the model ---

    def told(self, allowed: bool, act: Callable[[], object]) -> None:
        """A verb does what the model says, or refuses as it says; with a faulty Stripe it may also refuse."""
        faulty = any(rule_["hits"] < rule_["times"] for rule_ in self.sandbox.faults.list())
        said = outcome(act)
        if not allowed:
            assert said != "done"
        elif not faulty:
            assert said == "done", said

    def payouts(self) -> list[Payout]:
        self.session.rollback()
        self.session.expire_all()
        return list(self.session.query(Payout).order_by(Payout.created_at, Payout.id))

    def fitting(self, which: int, *status: S) -> Payout | None:
        """Mostly a payout that stands so, sometimes any."""
        return (self.pick(which, *status) if which % 4 else None) or self.pick(which)

    def pick(self, which: int, *status: S) -> Payout | None:
        found = [payout for payout in self.payouts() if not status or payout.status in status]
        return found[which % len(found)] if found else None

    def opened(self, creator_id: UUID, besides: UUID | None = None) -> bool:
        mine = (payout for payout in self.payouts() if payout.creator_id == creator_id)
        return any(payout.status in RESERVED and payout.id != besides for payout in mine)

    def available(self, person: Creator) -> int:
        """What Stripe holds ready, less nothing: an open payout refuses before its reservation counts."""
        return self.sandbox.balance(person.stripe_account_id or "")["eur"][0]

    @invariant()
    def books_and_bank_agree(self) -> None:
        if not hasattr(self, "acts"):
            return
        self.world.steps += 1
        self.failed = True
        ledger, books = self.sandbox.ledger(), Books(self.session)
        nothing_in(duplicates(ledger))
        nothing_in(disagreements(books, ledger))
        nothing_in(self.posts.wrong)
        self.only_moves_of_the_table(books)
        for person in self.people:
            mine = [p for p in books.payouts if p.creator_id == person.id and p.status in RESERVED]
            assert len(mine) <= 1
            assert not mine or reserved_minor(self.session, person.id, "EUR") == mine[0].amount_minor
            assert unbalanced(self.available(person), FUNDED, ledger, person.stripe_account_id or "") is None
        for attempt in books.attempts:
            assert attempt.state is not AttemptState.SENT or attempt.first_sent_at is not None
        self.failed = False

    def only_moves_of_the_table(self, books: Books) -> None:
        for payout in books.payouts:
            before = self.seen.get(payout.id)
            if before is not None:
                assert payout.status in reachable(before), f"{before} -> {payout.status}"
            self.seen[payout.id] = payout.status

    def teardown(self) -> None:
        """Everything recovers; then nothing may be left over."""
        if not hasattr(self, "acts"):
            return
        try:
            if not self.failed:
                self.calm_down()
        finally:
            Stripe.create_payout = self.create  # type: ignore[method-assign]
            self.session.close()
            self.sandbox.close()

    def calm_down(self) -> None:
        self.sandbox.faults.clear()
        self.mend()
        for person_id in list(self.blocked):
            self.acts.unblock(self.admin, person_id)
        if self.paused:
            self.acts.resume(self.admin)
        for _ in range(14):
            self.clock.move(hours=2, minutes=1)
            self.sandbox.deliver(self.post, events=[event["id"] for event in self.sandbox.events()])
            self.process()
            self.sweep()
            for payout in self.payouts():
                if payout.status is S.REVIEW:
                    outcome(lambda payout=payout: self.acts.retry(self.admin, payout.id))
        ledger, books = self.sandbox.ledger(), Books(self.session)
        nothing_in(unsent(books, ledger))
        nothing_in(disagreements(books, ledger, settled=True))
        nothing_in(self.posts.wrong)


def nothing_in(found: list[str]) -> None:
    """Fail with what was found, each on a line."""
    assert not found, "\n".join(found)


def reachable(status: S) -> set[S]:
    """Where the table of moves leads from a status, in any number of moves, itself included."""
    found, waiting = {status}, [status]
    while waiting:
        for after in MOVES[waiting.pop()] - found:
            found.add(after)
            waiting.append(after)
    return found


def walk(world: World, *, examples: int, steps: int, seed_: int) -> None:
    """Walk; raises what a step finds wrong, with the shortest way there."""
    machine: Any = type("Walk", (PayoutWalk,), {"world": world})
    how = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
        print_blob=False,
    )
    run_state_machine_as_test(seed(seed_)(machine), settings=how)


def main(steps: int, first_seed: int) -> None:
    """Walk until so many steps were taken, on a database of its own."""
    started = time.monotonic()
    with scratch_folder() as folder, scratch_server(folder, durable=False) as server:
        app = migrated_app(environ_on(server, "callastar_model", folder))
        owner = create_engine(app.extensions["database_urls"].owner, poolclass=NullPool)
        with world_of(app, owner, folder) as world:
            while world.steps < steps:
                walk(world, examples=20, steps=60, seed_=first_seed + world.walks)
                seconds = time.monotonic() - started
                print(
                    f"{world.steps} steps in {world.walks} walks, {world.sent} sendings, {seconds:.0f} s",
                    flush=True,
                )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    sys.exit(main(given.steps, given.seed))
