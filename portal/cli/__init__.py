"""`flask --app wsgi …`: what an operator runs."""

from datetime import timedelta

import click
from flask import Flask, current_app

from portal.cli.users import users
from portal.demo.commands import demo
from portal.jobs.alert_commands import alerts
from portal.jobs.commands import jobs
from portal.jobs.log_commands import logs
from portal.stripe_sandbox import SandboxSettings
from portal.stripe_sandbox.server import serve


def register(app: Flask) -> None:
    """Add the commands."""
    app.cli.add_command(users)
    app.cli.add_command(stripe_sandbox)
    app.cli.add_command(demo)
    app.cli.add_command(jobs)
    app.cli.add_command(logs)
    app.cli.add_command(alerts)


@click.command("stripe-sandbox")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8001, show_default=True)
@click.option("--settle-after", default=20.0, show_default=True, help="Seconds until a payout reaches the bank.")
def stripe_sandbox(host: str, port: int, settle_after: float) -> None:
    """Run the local Stripe, which calls this portal's webhooks at PUBLIC_URL."""
    settings = current_app.extensions["settings"]
    hooks = f"{settings.public_url}/api/payments/webhook"
    sandbox = SandboxSettings(
        path=settings.instance / "stripe.sqlite3",
        secret_key=settings.stripe_secret_key,
        platform_webhook_url=hooks,
        platform_webhook_secret=next(iter(settings.stripe_webhook_secrets), ""),
        connect_webhook_url=f"{hooks}/connect",
        connect_webhook_secret=next(iter(settings.stripe_connect_webhook_secrets), ""),
        settle_after=timedelta(seconds=settle_after),
    )
    click.echo(f"The local Stripe answers at http://{host}:{port}")
    serve(sandbox, host, port)
