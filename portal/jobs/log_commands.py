"""`flask logs …`: deleting what is due, seeing it first, and the least that the database keeps."""

import sys

import click
from flask import Flask, current_app
from flask.cli import AppGroup
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from portal.audit.actor import SYSTEM, operation
from portal.audit.retention import POLICY, Keeping, keepings, set_floors
from portal.audit.system_log import log_warning
from portal.domain.jobs import JobRefused
from portal.domain.log_cleanup import asks, confirm_cleanup, ordinary
from portal.domain.work import utc_now
from portal.jobs import keep_partitions
from portal.jobs.book_reading import export, search, verify_export
from portal.jobs.cleanup_logs import deleted_key
from portal.jobs.desk import Desk
from portal.queries.job_search import RunState, find_run
from portal.queries.log_retention import JOB, deleted_before, due_by_level, due_weeks
from portal.unit_of_work import reading, unit_of_work

logs = AppGroup("logs", help="The two books: search, export, retention.")
for _command in (search, export, verify_export):
    logs.add_command(_command)
REASON = "flask logs cleanup --confirm"


def _app() -> Flask:
    return current_app._get_current_object()  # type: ignore[attr-defined, no-any-return]


def _kept() -> list[Keeping]:
    return list(keepings(reading(), current_app.extensions["settings"].retention_days))


@logs.command("cleanup")
@click.option("--dry-run", is_flag=True, help="Print what would go, by week and level; delete nothing.")
@click.option("--confirm", is_flag=True, help="Delete also far more than runs ordinarily do.")
def cleanup(dry_run: bool, confirm: bool) -> None:
    """Delete the rows whose time has passed, and wait for it."""
    if dry_run:
        return _preview()
    keep_partitions.tick(_app())
    if confirm:
        _confirm()
    return _run()


def _preview() -> None:
    now = utc_now()
    cutoffs = {keeping.level: keeping.cutoff(now) for keeping in _kept()}
    for level, before in cutoffs.items():
        click.echo(f"{level:<8} before {before:%Y-%m-%d %H:%M} UTC")
    weeks = due_weeks(reading(), cutoffs)
    click.echo(f"{'week of':<12}" + "".join(f"{level:>12}" for level in POLICY) + f"{'total':>12}")
    for week in weeks:
        counts = "".join(f"{week.counts[level]:>12}" for level in POLICY)
        click.echo(f"{week.start:%Y-%m-%d}  {counts}{week.total:>12}")
    due = due_by_level(weeks)
    totals = "".join(f"{due[level]:>12}" for level in POLICY)
    click.echo(f"{'in all':<12}{totals}{sum(due.values()):>12}")
    usual = ordinary(deleted_before(reading()))
    if usual and asks(sum(due.values()), usual):
        click.echo(f"More than {usual.limit}, three times what runs delete: --confirm is needed.")


def _confirm() -> None:
    now = utc_now()
    due = due_by_level(due_weeks(reading(), {keeping.level: keeping.cutoff(now) for keeping in _kept()}))
    with operation(), unit_of_work() as session:
        confirm_cleanup(session, rows=sum(due.values()), reason=REASON, actor=SYSTEM, now=now)


def _run() -> None:
    try:
        run_id = Desk(_app()).run_now(JOB, SYSTEM, wait=True)
    except JobRefused as refusal:
        raise click.ClickException(str(refusal)) from refusal
    run = find_run(reading(), run_id)
    if run is None or run.state is not RunState.SUCCEEDED:
        raise click.ClickException((run.error if run else None) or f"{JOB}: taken over by another worker")
    if run.summary["held"]:
        due = sum(run.summary["due"].values())
        click.echo(f"Nothing deleted: {due} rows are more than {run.summary['limit']}; --confirm deletes them.")
        sys.exit(2)
    click.echo(" ".join(f"{level}={run.summary[deleted_key(level)]}" for level in POLICY) + " deleted")


@logs.command("policy")
@click.option(
    "--apply", "reason", metavar="REASON", help="Let the database keep what the settings say, or the policy."
)
def policy(reason: str | None) -> None:
    """How long each level is kept: by the policy, as set, and the least that the database allows."""
    if reason:
        _apply(reason)
    for one in _kept():
        note = "  SHORTER THAN THE POLICY" if one.is_shorter else ""
        held = "  the database keeps it longer: --apply REASON" if one.set_days < one.floor_days else ""
        days = (
            f"policy {one.policy_days:>3}  set {one.set_days:>3}  database {one.floor_days:>3}  kept {one.days:>3}"
        )
        click.echo(f"{one.level:<8} {days}{note}{held}")
    click.echo("CRITICAL kept for ever")


def _apply(reason: str) -> None:
    """As the owner: the application's role cannot lower what protects the log from it."""
    least = {one.level: min(one.policy_days, one.set_days) for one in _kept()}
    reading().rollback()
    engine = create_engine(current_app.extensions["database_urls"].owner, poolclass=NullPool)
    with engine.begin() as connection:
        set_floors(connection, least)
    engine.dispose()
    if least != POLICY:
        facts = {"retentionDays": least, "policyDays": POLICY, "reason": reason}
        log_warning("LOG_RETENTION_SHORTENED", SYSTEM.kind, None, None, facts)
