"""kill -9, many times, at every named point and at random, with a faulty Stripe: then the books are compared.

`python -m tests.faults.kills --kills N --seed S` forks workers from one loaded process, each told where
to die. When enough have died, Stripe recovers, every event is delivered and one calm process sweeps;
the bank's ledger then judges. Exit status 1 when anything was paid twice, never paid, or differs.

Time passes in rounds. Within one it moves by less than a retry's quarter of an hour; the long steps, hours
and days, are taken between rounds, when no process lives and Stripe answers nobody: no process
sleeps between its last check and its request for longer than the rules allow for.
"""

import argparse
import os
import random
import signal
import socket
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from flask import Flask
from sqlalchemy import create_engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from portal.stripe_sandbox.faults import FaultKind
from tests.conftest import SECRETS
from tests.factories import Factory
from tests.faults.bank import Bank, Traffic, bank_process
from tests.faults.calm import CREATORS, FUNDED, Calm, Verdict
from tests.faults.crashing import POINTS
from tests.faults.labour import Labourer, Orders, labour, receive_posts
from tests.faults.moments import SharedClock
from tests.faults.scratch import environ_on, migrated_app, scratch_folder, scratch_server
from tests.portal_process import wait_until

WORKERS = 3
ROUND = 14
PATIENCE = 3.0
RANDOM = "random"
RECEIVER_POINT = "C12"
STEPS = (("minutes", 1), ("minutes", 6), ("minutes", 20), ("minutes", 40), ("hours", 3), ("hours", 9))
STEP_WEIGHTS = (6, 6, 5, 4, 2, 1)


@dataclass
class Worker:
    """A forked process, what it was told, and when its time is over whatever it does."""

    orders: Orders
    ends_at: float
    was_frozen: bool = False
    is_receiver: bool = False


@dataclass
class Slaughter:
    """The conductor: forks, kills, moves time, and counts."""

    app: Flask
    bank: Bank
    bank_pid: int
    traffic: Traffic
    clock: SharedClock
    listening: socket.socket
    people: list[UUID]
    admins: list[UUID]
    folder: Path
    seed: int
    wanted: int
    kills: Counter[str] = field(default_factory=Counter)
    workers: dict[int, Worker] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.errors = self.folder / "errors"
        self.errors.mkdir()
        self.agenda: list[str | None] = []

    def run(self) -> None:
        """Round after round until enough have died."""
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        while self.kills.total() < self.wanted:
            self.round()
            self.let_time_pass()
        self.kill_all()

    def round(self) -> None:
        """Let some die, each replaced by the next."""
        goal = self.kills.total() + ROUND
        while self.kills.total() < goal:
            self.hire()
            self.await_death()

    def hire(self) -> None:
        """Fork until everybody is there: the workers, and one web process."""
        while sum(not worker.is_receiver for worker in self.workers.values()) < WORKERS:
            self.fork(self.next_orders(), is_receiver=False)
        if not any(worker.is_receiver for worker in self.workers.values()):
            point = RECEIVER_POINT if self.chance.random() < 0.5 else None
            self.fork(self.orders_for(point, passes=self.chance.randint(3, 30)), is_receiver=True)

    def next_orders(self) -> Orders:
        """Every point in turn, in an order of chance, and as many deaths at random moments as at four points."""
        if not self.agenda:
            self.agenda = [*POINTS, None, None, None, None]
            self.chance.shuffle(self.agenda)
        return self.orders_for(self.agenda.pop(), passes=self.chance.choice((0, 0, 1)))

    def orders_for(self, point: str | None, *, passes: int) -> Orders:
        return Orders(point, passes, self.chance.randrange(2**32))

    def fork(self, orders: Orders, *, is_receiver: bool) -> None:
        """One more process."""
        child = os.fork()
        if child == 0:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
            if is_receiver:
                receive_posts(self.app, self.listening, orders, self.errors)
            args = (self.app, self.clock, self.people, self.admins, orders.seed)
            labour(lambda: Labourer(*args), orders, self.errors)
        patience = PATIENCE if orders.point else self.chance.uniform(0.02, 0.4)
        patience = self.chance.uniform(1, 4) if is_receiver else patience
        self.workers[child] = Worker(orders, time.monotonic() + patience, is_receiver=is_receiver)

    def await_death(self) -> None:
        """Sleep until somebody died, froze, or should."""
        first = min(worker.ends_at for worker in self.workers.values())
        signal.sigtimedwait({signal.SIGCHLD}, max(first - time.monotonic(), 0.001))
        while self.reap(os.WNOHANG | os.WUNTRACED):
            pass
        now = time.monotonic()
        for pid in [pid for pid, worker in self.workers.items() if worker.ends_at <= now]:
            self.kill(pid)

    def reap(self, options: int) -> bool:
        """One process that died or froze; False when there is none."""
        try:
            pid, status = os.waitpid(-1, options)
        except ChildProcessError:
            return False
        if pid == 0:
            return False
        assert pid != self.bank_pid, "the local Stripe died"
        worker = self.workers[pid]
        if os.WIFSTOPPED(status):
            self.wake(pid, worker)
            return True
        del self.workers[pid]
        told = "\n".join(file.read_text() for file in self.errors.iterdir())
        assert os.WIFSIGNALED(status), f"a worker ended by itself: {told}"
        self.kills[RANDOM if worker.was_frozen else worker.orders.point or RANDOM] += 1
        self.clock.move(seconds=self.chance.uniform(0, 20))
        return True

    def wake(self, pid: int, worker: Worker) -> None:
        """A frozen process wakes after its lease, and is killed in what it does next: that counts as C11."""
        self.clock.move(seconds=self.chance.uniform(5, 60))
        os.kill(pid, signal.SIGCONT)
        worker.ends_at = time.monotonic() + self.chance.uniform(0.05, 0.3)

    def kill(self, pid: int) -> None:
        """From outside, wherever it is; that is a death at random, unless it had just been frozen."""
        worker = self.workers[pid]
        worker.was_frozen = worker.orders.point != "C11"
        worker.ends_at = float("inf")
        os.kill(pid, signal.SIGKILL)

    def kill_all(self) -> None:
        """Nobody lives, and Stripe has answered everybody."""
        for pid in self.workers:
            self.kill(pid)
        while self.workers:
            self.reap(0)
        self.bank.undelivered()  # queues behind whatever was still on its way to Stripe
        wait_until(lambda: self.traffic.now.value == 0, "Stripe to answer the dead")

    def abandon(self) -> None:
        """Nobody lives, whatever went wrong."""
        for pid in self.workers:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        self.workers.clear()

    def let_time_pass(self) -> None:
        """Minutes or hours, while nobody lives; the bank bounces a payout now and then."""
        self.kill_all()
        [(unit, most)] = self.chance.choices(STEPS, STEP_WEIGHTS)
        self.clock.move(**{unit: most * self.chance.uniform(0.5, 1)})
        self.bank.advance()
        alive = [row for row in self.bank.ledger()["payouts"] if row["status"] in {"in_transit", "paid"}]
        if alive and self.chance.random() < 0.3:
            bounced = self.chance.choice(alive)
            self.bank.settle(bounced["id"], "failed")
            self.bank.change_account(bounced["account"], bank_status="verified", payouts_enabled=True)


def slaughter(kills: int, seed: int) -> bool:
    """The whole run, with its table on standard output; whether everything agrees at the end."""
    started = time.monotonic()
    os.environ.update(SECRETS)
    with scratch_folder() as folder, scratch_server(folder, durable=False) as server:
        listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        portal_url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        clock = SharedClock()
        with bank_process(folder, clock, portal_url) as (bank, bank_pid, traffic):
            more = {"STRIPE_API_BASE": os.environ["STRIPE_API_BASE"], "STRIPE_TIMEOUT": "1"}
            app = migrated_app(environ_on(server, "callastar_kills", folder, **more))
            people, admins, accounts = populate(app, bank)
            bank.be_faulty(seed)
            crew = Slaughter(app, bank, bank_pid, traffic, clock, listening, people, admins, folder, seed, kills)
            try:
                crew.run()
                struck, creations = bank.strikes(), traffic.creations.value
                crew.fork(Orders(None, 0, seed), is_receiver=True)
                verdict = Calm(app, bank, clock, admins, seed).judge(accounts)
            finally:
                crew.abandon()  # whoever outlived an error here would keep our output open for ever
        listening.close()
    report(crew.kills, struck, creations, verdict, time.monotonic() - started)
    kinds = {kind for (method, kind), n in struck.items() if method == "payouts" and n}
    missing = sorted(set(POINTS) - set(crew.kills)) if kills >= 10 * len(POINTS) else []
    if missing:
        print(f"nobody died at {', '.join(missing)}")
    return verdict.is_clean and not missing and (kills < 200 or len(kinds) >= 13)


def populate(app: Flask, bank: Bank) -> tuple[list[UUID], list[UUID], list[str]]:
    """Creators with money at Stripe, admins, and the creators' accounts."""
    engine = create_engine(app.extensions["database_urls"].owner, poolclass=NullPool)
    with Session(engine, expire_on_commit=False) as session:
        factory = Factory(session, bank)  # type: ignore[arg-type]
        creators = [factory.creator(balance_minor=FUNDED) for _ in range(CREATORS)]
        admins = [factory.admin() for _ in range(3)]
    accounts = [creator.stripe_account_id or "" for creator in creators]
    return [creator.id for creator in creators], [admin.id for admin in admins], accounts


def report(
    kills: Counter[str], struck: dict[tuple[str, str], int], creations: int, verdict: Verdict, seconds: float
) -> None:
    """The table."""
    print(f"\n{'crash point':<22}{'kills':>8}")
    for point in [*POINTS, RANDOM]:
        print(f"{point:<22}{kills[point]:>8}")
    print(f"{'all':<22}{kills.total():>8}\n\n{'fault':<36}{'struck':>8}")
    names = {"payouts": "POST /v1/payouts", "cancel": "POST cancel", "GET": "GET", "provoked": "provoked"}
    for (method, kind), n in sorted(struck.items()):
        print(f"{names[method] + ' ' + FaultKind(kind).value:<50}{n:>8}")
    faulty = sum(n for (asked, _), n in struck.items() if asked == "payouts")
    print(f"\n{'creations asked for':<22}{creations:>8}\n{'of them faulty':<22}{faulty / max(creations, 1):>8.0%}")
    for name, value in verdict.figures.items():
        print(f"{name:<22}{value:>8}")
    print(f"{'seconds':<22}{seconds:>8.0f}")
    for sentence in verdict.sentences:
        print(f"  {sentence}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    sys.exit(0 if slaughter(given.kills, given.seed) else 1)
