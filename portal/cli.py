"""`flask --app wsgi …`: what an operator runs."""

import click
from flask import Flask
from flask.cli import AppGroup

from portal.domain.people import create_user
from portal.models import Role
from portal.unit_of_work import unit_of_work

users = AppGroup("users", help="People who sign in.")


def register(app: Flask) -> None:
    """Add the commands."""
    app.cli.add_command(users)


@users.command("create")
@click.option("--role", type=click.Choice([role.value for role in Role]), required=True)
@click.option("--email", required=True)
@click.option("--name", default="")
@click.password_option()
def create(role: str, email: str, name: str, password: str) -> None:
    """Add somebody who can sign in."""
    with unit_of_work() as session:
        create_user(session, email=email, name=name or email, password=password, role=Role(role))
    click.echo(f"{role} {email} created")
