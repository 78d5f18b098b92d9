"""Compares the portal with Stripe: missed events, overdue payouts, and once a day every account in full."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from flask import Flask

from portal.audit.actor import SYSTEM
from portal.audit.system_log import log_error
from portal.domain.gateway import StripeFailure, StripeGateway
from portal.domain.payouts.compare import REACH, Bucket, Compared, compare_account
from portal.domain.payouts.reconcile import Checked, check_payout, due_checks
from portal.domain.work import utc_now
from portal.jobs.pacing import paced
from portal.jobs.pool import each
from portal.jobs.reporting import reported
from portal.jobs.runner import Run
from portal.queries import reconciliation
from portal.unit_of_work import unit_of_work
from portal.webhooks.handlers import HANDLERS
from portal.webhooks.listed import store_missed

T = TypeVar("T")
R = TypeVar("R")
OVERLAP = timedelta(hours=1)
FIRST_LOOK = timedelta(days=1)
LONGEST_LOOK = timedelta(days=29)
ON_ITS_WAY = timedelta(minutes=5)
"""An event so young may still be delivered by itself; the next run's window holds it too."""
TYPES = 20
COMPARE_EVERY = timedelta(days=1)
PAIRS_KEPT = 200


def work(app: Flask, run: Run) -> None:
    """Look for missed events and overdue payouts; compare everything when a day has passed."""
    with reported(run, "CRON_RECONCILE") as report:
        found = Reconciliation(app, run)
        found.find_missed_events()
        found.check_overdue()
        if found.is_compare_due():
            found.compare()
        report.facts = found.end()


class Reconciliation:
    """One run: what it has counted so far."""

    def __init__(self, app: Flask, run: Run) -> None:
        self.app, self.run = app, run
        self.gateway: StripeGateway = paced(app.extensions["stripe_gateway"])
        self.counts: Counter[str] = Counter()
        self.errors: list[dict[str, str]] = []
        self.now = utc_now()

    def find_missed_events(self) -> None:
        """Store what Stripe lists and never delivered, for the platform and for accounts with open payouts."""
        with unit_of_work() as session:
            since = _window(reconciliation.last_success_started(session), self.now)
            accounts: list[str | None] = [None, *reconciliation.open_accounts(session)]
        for stored in self._each(accounts, lambda account: self._missed(account, since)):
            self.counts["missedEvents"] += stored

    def _missed(self, account: str | None, since: datetime) -> int:
        types, latest = list(HANDLERS), int((self.now - ON_ITS_WAY).timestamp())
        stored = 0
        for start in range(0, len(types), TYPES):
            listed = self.gateway.list_events(account, since, types[start : start + TYPES])
            settled = [event for event in listed if event.get("created", 0) <= latest]
            stored += store_missed(settled, account, now=utc_now())
        return stored

    def check_overdue(self) -> None:
        """Read again at Stripe what nothing was heard of."""
        with unit_of_work() as session:
            due = due_checks(session, now=self.now)
            self.counts["unchecked"] = len(reconciliation.unchecked_payouts(session))
        for checked in self._each(due, self._check):
            self.counts["checked"] += 1
            self.counts["repaired"] += checked.changed
            if checked.error:
                self._keep_error(str(checked.payout_id), checked.error)

    def _check(self, payout_id: UUID) -> Checked:
        return check_payout(unit_of_work, self.gateway, payout_id=payout_id, clock=utc_now)

    def is_compare_due(self) -> bool:
        """Whether a day has passed since everything was compared, or an admin asks."""
        with unit_of_work() as session:
            last = reconciliation.last_comparison(session)
        by_hand = self.run.slot.startswith("manual:")
        return by_hand or last is None or self.now - last.started_at >= COMPARE_EVERY

    def compare(self) -> None:
        """Compare each account's 30 days with Stripe's, several accounts at once."""
        with unit_of_work() as session:
            accounts = reconciliation.known_accounts(session, since=self.now - REACH)
            last = reconciliation.last_comparison(session)
            before = last.summary["compare"] if last else {}
        told = {pair["stripePayoutId"] for pair in before.get("pairs", []) if pair["bucket"] == Bucket.ONLY_STRIPE}
        comparison = Comparison()
        for compared in self._each(accounts, lambda account: self._compare(account, told)):
            comparison.add(compared)
        self.counts["checked"] += comparison.accounts
        self.counts["repaired"] += comparison.repaired
        self.counts["unmatched"] = comparison.buckets[Bucket.ONLY_STRIPE]
        self.run.summary["compare"] = comparison.summary() | {"at": self.now.isoformat()}

    def _compare(self, account: str, told: set[str]) -> Compared:
        return compare_account(unit_of_work, self.gateway, account=account, told=told, clock=utc_now)

    def _each(self, items: Sequence[T], act: Callable[[T], R]) -> list[R]:
        """Act on every item in parallel, keeping the run's lease; Stripe's failures are kept, not raised."""

        def tried(item: T) -> R | None:
            try:
                return act(item)
            except StripeFailure as failure:
                facts = {"subject": str(item), "runId": self.run.id, **failure.facts()}
                log_error("STRIPE_API_ERROR", SYSTEM.kind, None, None, facts)
                self._keep_error(str(item), failure.message)
                return None

        found: list[R] = []
        for done in each(self.app, items, tried):
            found += [one for one in done if one is not None]
            self.counts["looked"] += len(done)
            self.run.progress(self.counts["looked"])
        return found

    def _keep_error(self, subject: str, message: str) -> None:
        self.counts["errors"] += 1
        if len(self.errors) < PAIRS_KEPT:
            self.errors.append({"subject": subject, "message": message})

    def end(self) -> dict[str, Any]:
        """Put the counts on the run's record; what the log's row says of them."""
        names = ("checked", "repaired", "unmatched", "missedEvents", "unchecked", "errors")
        counts = {name: self.counts[name] for name in names}
        self.run.summary |= counts | {"failures": self.errors}
        buckets = self.run.summary.get("compare", {}).get("buckets")
        return counts | ({"buckets": buckets} if buckets else {})


def _window(last: datetime | None, now: datetime) -> datetime:
    """From when events are listed: a little before the last run that succeeded began."""
    since = now - FIRST_LOOK if last is None else last - OVERLAP
    return max(since, now - LONGEST_LOOK)


class Comparison:
    """The accounts compared so far, in four buckets."""

    def __init__(self) -> None:
        self.accounts = self.repaired = 0
        self.buckets: Counter[str] = Counter(dict.fromkeys(Bucket, 0))
        self.pairs: list[dict[str, Any]] = []
        self.old: list[dict[str, Any]] = []

    def add(self, compared: Compared) -> None:
        """Count one account."""
        self.accounts += 1
        self.repaired += compared.repaired
        self.buckets[Bucket.AGREE] += compared.agreeing
        for pair in compared.pairs:
            self.buckets[pair.bucket] += 1
            if len(self.pairs) < PAIRS_KEPT:
                self.pairs.append(pair.facts())
        for currency, minor in compared.old_minor.items():
            self.old.append({"account": compared.account, "currency": currency, "amountMinor": minor})

    def summary(self) -> dict[str, Any]:
        """What the run's record keeps."""
        buckets = {bucket.value: self.buckets[bucket] for bucket in Bucket}
        counts = {"accounts": self.accounts, "repaired": self.repaired, "buckets": buckets}
        return counts | {"pairs": self.pairs, "oldBalances": self.old[:PAIRS_KEPT]}
