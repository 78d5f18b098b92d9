"""`flask --app wsgi demo seed [--logs N]`."""

import logging

import click
from flask import Flask, current_app
from flask.cli import AppGroup
from flask_migrate import upgrade

from portal.demo.cast import PASSWORD
from portal.demo.seeding import LOGS, RealStripe, seed
from portal.demo.stripe import LocalStripeMissing

demo = AppGroup("demo", help="A coherent ninety days to look at.")


@demo.command("seed")
@click.option(
    "--logs",
    type=click.IntRange(1, 20_000_000),
    help=f"Rows of the log to end up with ({LOGS} in an empty database); adds traffic to a full one.",
)
def fill(logs: int | None) -> None:
    """Bring the tables up to date and fill an empty database; one that holds anybody is kept as it is."""
    logging.getLogger("alembic").setLevel(logging.WARNING)
    upgrade()
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    said: list[str] = []

    def say(sentence: str) -> None:
        said.append(sentence)
        click.echo(f"  {sentence}")

    try:
        seed(app, logs, say=say)
    except (RealStripe, LocalStripeMissing) as error:
        raise click.ClickException(str(error)) from error
    if len(said) > 1:
        click.echo(f"  Sign in as admin@callastar.test, auditor@, creator@ or user@callastar.test with {PASSWORD}")
