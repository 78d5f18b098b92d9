"""`flask alerts …`: what an operator asks of alerts."""

import click
from flask import current_app
from flask.cli import AppGroup

from portal.audit.actor import operation
from portal.audit.system_log import log_system
from portal.queries.job_search import uuid7

alerts = AppGroup("alerts", help="Alerts and whom they are sent to.")


@alerts.command("test")
def test() -> None:
    """Send a message to every target and say which took it."""
    notifier = current_app.extensions["notifier"]
    if not notifier.targets:
        raise click.ClickException("ALERT_TARGETS is not set: alerts are only shown on their page")
    reference = f"test-{uuid7()}"
    body = f"Ceci est un essai demandé par un opérateur.\nRéférence : {reference}"
    errors = {target: notifier.send(target, "Callastar : essai des alertes", body) for target in notifier.targets}
    failed = {target: error for target, error in errors.items() if error}
    with operation():
        facts = {"reference": reference, "targets": list(errors), "failed": failed}
        log_system("ALERT_TESTED", metadata=facts)
    for target, error in errors.items():
        click.echo(f"{target:<24} {error or 'sent'}")
    if failed:
        raise click.ClickException(f"{len(failed)} of {len(errors)} targets took nothing")
