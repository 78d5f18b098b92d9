"""Three months of scheduled jobs: automatic payouts, retention, reconciliation; some runs failed."""

from datetime import datetime, timedelta
from typing import Any

from portal.config import DEMO_DAYS
from portal.demo import endings
from portal.demo.asking import ask
from portal.demo.chance import DAY
from portal.demo.payouts import Life
from portal.demo.rows import Facts, Operation, amount
from portal.demo.script import LEAST_CENTS, RESERVE_CENTS, rounded
from portal.demo.settling import hear
from portal.demo.stacks import DATABASE_GONE, LIST_TIMEOUT, PAYOUT_JOB_BUG
from portal.demo.world import DAYS, Seller, World
from portal.models import LogActor, PayoutSchedule, PayoutSource, RunState

SYSTEM = LogActor.SYSTEM
ENDPOINTS = {"process-payouts": "/api/cron/process-payouts", "cleanup-logs": "/api/cron/cleanup-logs"}
HOURS = {"cleanup-logs": 3, "reconcile-stripe": 4, "process-payouts": 6}
BROKEN = {"process-payouts": (71, 40, 13), "cleanup-logs": (52,), "reconcile-stripe": (66, 9)}
"""How many days ago runs failed."""
STACKS = {"process-payouts": PAYOUT_JOB_BUG, "cleanup-logs": DATABASE_GONE, "reconcile-stripe": LIST_TIMEOUT}
EVENTS = {"process-payouts": "CRON_PAYOUT", "cleanup-logs": "CRON_CLEANUP", "reconcile-stripe": "CRON_RECONCILE"}
EXPIRING = ("INFO", "WARNING", "ERROR")
DAILY_LEAST_CENTS = 9_000
BLOCKED = ("jules-moreau", 54.3, 52.3)


class Run:
    """One run of a job."""

    def __init__(self, world: World, job: str, at: datetime) -> None:
        self.world, self.job, self.at = world, job, at
        self.op = world.operation(at + timedelta(milliseconds=world.chance.whole(20, 900)))
        self.id = self.op.request_id
        self.started = self.op.at
        self.row: Facts = {"id": self.id, "job": job, "slot": f"{at:%Y-%m-%dT%H:%M:%SZ}"}
        self.row["state"] = RunState.SUCCEEDED
        self.row |= {
            "node": "portal-1:412",
            "fence": 1,
            "started_at": self.op.at,
            "done": 0,
            "total": None,
            "summary": {},
        }
        world.books.add("job_run", self.row)
        facts: Facts = {"startTime": self.op.at, "runId": self.id}
        if job in ENDPOINTS:
            facts["endpoint"] = ENDPOINTS[job]
        self.op.log(f"{EVENTS[job]}_STARTED", SYSTEM, None, facts)

    @property
    def elapsed_ms(self) -> int:
        """Milliseconds since the run began."""
        return round((self.op.at - self.started).total_seconds() * 1000)

    def complete(self, summary: Facts) -> None:
        """The run did all its work."""
        facts = {"runId": self.id, "endTime": self.op.at, "durationMs": self.elapsed_ms} | summary
        if self.job == "process-payouts":
            facts["durationSeconds"] = round(self.elapsed_ms / 1000)
        self.op.log(f"{EVENTS[self.job]}_COMPLETED", SYSTEM, None, facts)
        self._end(summary, None)

    def break_down(self, summary: Facts) -> None:
        """The run died of an error."""
        stack = STACKS[self.job]
        kind, _, message = stack.strip().splitlines()[-1].partition(": ")
        facts = {
            "runId": self.id,
            "errorType": kind.rpartition(".")[2],
            "errorMessage": message,
            "errorStack": stack,
        }
        facts["durationMs"] = self.elapsed_ms
        if self.job == "process-payouts":
            facts["summary"] = summary
        self.op.log(f"{EVENTS[self.job]}_FATAL_ERROR", SYSTEM, None, facts)
        self.row["state"] = RunState.FAILED
        self._end(summary, stack)

    def _end(self, summary: Facts, error: str | None) -> None:
        at = self.op.at
        self.row |= {"ended_at": at, "heartbeat_at": at, "lease_until": at + timedelta(minutes=1)}
        self.row |= {"summary": summary, "error": error}


def run_jobs(world: World) -> None:
    """Every day's runs."""
    for ago in range(DAYS, -1, -1):
        for job, hour in HOURS.items():
            at = (world.now - ago * DAY).replace(hour=hour, minute=0, second=0, microsecond=0)
            if world.start < at < world.now - timedelta(minutes=10):
                RUNS[job](Run(world, job, at), ago in BROKEN[job])


def _clean_up(run: Run, breaks: bool) -> None:
    """The demo is set to keep rows longer than its story is: each run looked, and found nothing due."""
    run.op.wait(300, 2500)
    if breaks:
        return run.break_down({})
    none = dict.fromkeys(EXPIRING, 0)
    summary: Facts = {"deletedInfo": 0, "deletedWarning": 0, "deletedError": 0, "held": False, "due": none}
    return run.complete(summary | {"retentionDays": dict.fromkeys(EXPIRING, DEMO_DAYS)})


def _reconcile(run: Run, breaks: bool) -> None:
    run.op.wait(4000, 12_000)
    if breaks:
        return run.break_down({})
    accounts = sum(1 for seller in run.world.sellers.values() if seller.account)
    return run.complete({"checked": accounts, "repaired": 0, "unmatched": 0})


def _process_payouts(run: Run, breaks: bool) -> None:
    sellers = [s for s in run.world.sellers.values() if s.account]
    tally = dict.fromkeys(("processed", "succeeded", "failed", "skipped"), 0)
    stop = len(sellers) // 2 if breaks else len(sellers)
    for seller in sellers[:stop]:
        run.op.wait(15, 120)
        tally[_process(run, seller)] += 1
        tally["processed"] += 1
        if tally["processed"] % 5 == 0 or tally["processed"] == len(sellers):
            done = {"processedCount": tally["processed"], "totalCount": len(sellers), "elapsedMs": run.elapsed_ms}
            run.op.log("CRON_PAYOUT_PROGRESS", SYSTEM, None, {"runId": run.id, **done})
    run.row |= {"done": tally["processed"], "total": len(sellers)}
    return run.break_down(dict(tally)) if breaks else run.complete(dict(tally))


def _process(run: Run, seller: Seller) -> str:
    """What became of one creator: succeeded, failed or skipped."""
    period, world = _period(seller, run.at), run.world
    if period is None or run.at > world.now - 4 * DAY or _is_blocked(world, seller, run.at):
        return "skipped"
    room = seller.till.spendable(run.op.at) - seller.minor(RESERVE_CENTS)
    daily = seller.part.schedule is PayoutSchedule.DAILY
    least = seller.minor(DAILY_LEAST_CENTS if daily else LEAST_CENTS)
    if room < least:
        facts = {"creatorId": seller.id, "availableBalance": amount(max(room, 0), seller.currency)}
        facts |= {"requestedAmount": amount(least, seller.currency), "currency": seller.currency, "runId": run.id}
        run.op.log("PAYOUT_BALANCE_LOW", SYSTEM, seller.id, facts)
        return "skipped"
    return _pay(run, seller, rounded(seller, room), period)


def _pay(run: Run, seller: Seller, minor: int, period: str) -> str:
    life = Life(run.world, seller, run.op.at, minor, source=PayoutSource.JOB, period=period)
    life.send()
    if run.world.chance.yes(0.02):
        endings.refuse(life, *endings.REFUSALS["refused_balance"])
        run.op.at = life.op.at
        return "failed"
    life.create()
    run.op.at = life.op.at
    hear(life, "payout.created", life.op.at + timedelta(seconds=2))
    endings.arrive(life)
    return "succeeded"


def _period(seller: Seller, at: datetime) -> str | None:
    """The period that a run pays the creator for, if it is the day."""
    schedule = seller.part.schedule
    if schedule is PayoutSchedule.DAILY:
        return f"{at:%Y-%m-%d}"
    if schedule is PayoutSchedule.WEEKLY and at.weekday() == 0:
        return f"{at:%G-W%V}"
    return f"{at:%Y-%m}" if schedule is PayoutSchedule.MONTHLY and at.day == 1 else None


def _is_blocked(world: World, seller: Seller, at: datetime) -> bool:
    handle, since, until = BLOCKED
    return seller.part.handle == handle and world.ago(since) < at < world.ago(until)


RUNS: dict[str, Any] = {
    "cleanup-logs": _clean_up,
    "reconcile-stripe": _reconcile,
    "process-payouts": _process_payouts,
}


def refuse_some(world: World) -> None:
    """Requests for payouts that were refused, each at the step where it was."""
    for days, handle, event in REFUSED:
        seller = world.sellers[handle]
        _refuse(world.operation(world.chance.moment(world.ago(days))), seller, event)


REFUSED = (
    (19, "pablo-ortega", "PAYOUT_REQUEST_KYC_INCOMPLETE"),
    (15, "pablo-ortega", "PAYOUT_REQUEST_KYC_INCOMPLETE"),
    (14, "emma-de-vries", "PAYOUT_REQUEST_BANK_NOT_VERIFIED"),
    (13, "aino-virtanen", "PAYOUT_REQUEST_BANK_NOT_VERIFIED"),
    (31, "lars-jansen", "PAYOUT_REQUEST_NO_STRIPE_ACCOUNT"),
    (5, "lars-jansen", "PAYOUT_REQUEST_NO_STRIPE_ACCOUNT"),
    (4, "hannah-vogel", "PAYOUT_REQUEST_BLOCKED"),
)


def _refuse(op: Operation, seller: Seller, event: str) -> None:
    typed = str(amount(seller.minor(12_000), seller.currency))
    ask(op, seller, typed)
    facts = {"creatorId": seller.id, "requestedAmount": float(typed), "currency": seller.currency}
    if event in {"PAYOUT_REQUEST_KYC_INCOMPLETE", "PAYOUT_REQUEST_BANK_NOT_VERIFIED"}:
        known = {"creatorId": seller.id, "stripeAccountId": seller.account}
        op.log("PAYOUT_REQUEST_STRIPE_VERIFICATION", SYSTEM, seller.id, known)
        op.wait(160, 600)
        incomplete = event == "PAYOUT_REQUEST_KYC_INCOMPLETE"
        due = ["individual.verification.document"] if incomplete else []
        facts |= known | {"chargesEnabled": not incomplete, "payoutsEnabled": False, "requirementsDue": due}
    if event == "PAYOUT_REQUEST_BLOCKED":
        facts["blockReason"] = seller.row["payout_block_reason"]
    op.log(event, LogActor.CREATOR, seller.id, facts)
