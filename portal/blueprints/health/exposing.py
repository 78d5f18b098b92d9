"""/metrics: what the workers counted, and what the database says at this moment."""

import os
from collections.abc import Iterator, Mapping
from datetime import datetime

from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector

from portal.queries.measures import Measures

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Shown:
    """What is read at a scrape, as Prometheus's collectors hand it over."""

    def __init__(self, metrics: list[Metric]) -> None:
        self.metrics = metrics

    def collect(self) -> Iterator[Metric]:
        """The metrics of this scrape."""
        yield from self.metrics


def exposition(metrics: list[Metric]) -> bytes:
    """All workers' counts, then `metrics`, in Prometheus's text format."""
    registry = CollectorRegistry()
    registry.register(Shown(metrics))
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
    return generate_latest(REGISTRY) + generate_latest(registry)


def single(name: str, words: str, value: float) -> Metric:
    """A number without labels."""
    metric = GaugeMetricFamily(f"portal_{name}", words)
    metric.add_metric([], value)
    return metric


def labelled(name: str, words: str, label: str, values: Mapping[str, float]) -> Metric:
    """A number for each value of a label."""
    metric = GaugeMetricFamily(f"portal_{name}", words, labels=[label])
    for value, number in values.items():
        metric.add_metric([value], number)
    return metric


def of_database(found: Measures, *, now: datetime) -> list[Metric]:
    """The inbox, the payouts, the log and the alerts."""
    rows = CounterMetricFamily("portal_log_rows", "Rows ever written to the log", labels=["level"])
    for level, n in found.rows.items():
        rows.add_metric([level], n)
    ages = {s.value: _age(standing.oldest, now) for s, standing in found.payouts.items() if standing.oldest}
    inbox = found.inbox
    return [
        single("webhook_backlog", "Stripe events that wait to be processed", inbox.waiting),
        single("webhook_oldest_seconds", "Age of the oldest that waits", _age(inbox.oldest_waiting, now)),
        single("webhook_dead_letters", "Stripe events given up, for a human to decide", inbox.dead),
        labelled("payouts", "Payouts by status", "status", {s.value: p.count for s, p in found.payouts.items()}),
        labelled("payout_oldest_seconds", "How long the oldest is in its status", "status", ages),
        rows,
        single("alerts_open", "Alerts that are not over", found.open_alerts),
        single("database_bytes", "Size of the database", found.size_bytes),
    ]


def of_jobs(successes: Mapping[str, datetime]) -> Metric:
    """When each job last succeeded, as a Unix time; a job that never did is left out."""
    moments = {name: at.timestamp() for name, at in successes.items()}
    return labelled("job_last_success_seconds", "When each job last succeeded", "job", moments)


def _age(since: datetime | None, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds()) if since else 0.0
