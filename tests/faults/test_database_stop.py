"""The database stopped under load (CI size of `python -m tests.faults.database_stop`), and between two steps."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from portal.audit import writer
from portal.domain.payouts import answers, sending
from portal.models import Log, Payout, metadata
from portal.models import PayoutStatus as S
from portal.stripe_sandbox.server import RunningSandbox
from tests.factories import Factory
from tests.faults.acts import Verbs
from tests.faults.database_kills import kill_server, restart_server
from tests.faults.oracle import assert_books_agree
from tests.faults.scratch import app_beside_the_tests_own, environ_on, scratch_folder, scratch_server
from tests.portal_process import ROOT


def test_every_answer_keeps_its_rows_while_the_database_is_gone() -> None:
    command = [sys.executable, "-m", "tests.faults.database_stop", "--seconds", "3"]
    ended = subprocess.run(command, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, timeout=200)
    assert ended.returncode == 0, ended.stdout + ended.stderr[-3000:]


@dataclass
class Town:
    """A marketplace on a server of its own, with a payout that waits for its admin."""

    verbs: Verbs
    factory: Factory
    requested: Payout
    data: Path

    def stop(self) -> None:
        """The server is gone, at once."""
        self.verbs.session.rollback()
        kill_server(self.data)

    def start(self) -> None:
        """It is back."""
        restart_server(self.data)
        self.verbs.session.rollback()
        self.verbs.session.expire_all()

    @property
    def at_stripe(self) -> int:
        """How many payouts Stripe has created."""
        return len(self.factory.sandbox.ledger()["payouts"])


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[Path, Any]]:
    with (
        scratch_folder() as folder,
        scratch_server(folder, durable=True) as server,
        app_beside_the_tests_own(environ_on(server, "callastar_stop", folder)) as app,
    ):
        yield folder / "data", app


@pytest.fixture
def town(server: tuple[Path, Any], running_sandbox: RunningSandbox) -> Iterator[Town]:
    from portal.stripe_gateway import Stripe

    data, app = server
    settings = app.extensions["settings"]
    app.extensions["stripe_gateway"] = Stripe(
        settings.stripe_secret_key, api_base=running_sandbox.url, timeout=settings.stripe_timeout
    )
    engine = create_engine(app.extensions["database_urls"].owner, poolclass=NullPool)
    names = ", ".join(f'"{table.name}"' for table in metadata.sorted_tables)
    with engine.begin() as connection:
        connection.execute(text("set session_replication_role = replica"))
        connection.execute(text(f"truncate {names} restart identity cascade"))
    with Session(engine, expire_on_commit=False) as session:
        factory, verbs = Factory(session, running_sandbox.sandbox), Verbs(app, session)
        yield Town(verbs, factory, verbs.request(factory.creator()).payout, data)


def before(town: Town, patch: pytest.MonkeyPatch, module: Any, name: str) -> None:
    """Stop the database right before a step of the sending."""
    step = getattr(module, name)

    def stopped(*args: Any, **kwargs: Any) -> Any:
        patch.setattr(module, name, step)
        town.stop()
        return step(*args, **kwargs)

    patch.setattr(module, name, stopped)


@pytest.mark.parametrize(
    ("module", "name", "status", "created"),
    [
        (sending, "claim_attempt", S.APPROVED, 0),
        (sending, "_lease", S.APPROVED, 0),
        (sending, "_create", S.SUBMITTING, 0),
        (sending, "_may_post", S.SUBMITTING, 0),
        (sending, "_record", S.SUBMITTING, 1),
        (answers, "record_created", S.SUBMITTING, 1),
    ],
)
def test_no_call_to_stripe_without_its_claim_and_one_payout_in_the_end(
    town: Town, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, status: S, created: int
) -> None:
    admin = town.factory.admin()
    before(town, monkeypatch, module, name)
    with town.verbs.counted_posts() as keys, pytest.raises(DBAPIError):
        town.verbs.approve(admin, town.requested.id)
    assert (len(keys), town.at_stripe) == (created, created)
    town.start()
    assert town.verbs.payout(town.requested.id).status is status
    town.verbs.sweep()
    assert town.at_stripe == 1
    assert_books_agree(town.verbs.session, town.factory.sandbox, town.requested, S.PROCESSING)


def test_a_decision_taken_while_the_database_stops_is_no_decision(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = town.factory.admin()
    before(town, monkeypatch, writer, "insert_joined")
    with town.verbs.counted_posts() as keys, pytest.raises(DBAPIError):
        town.verbs.approve(admin, town.requested.id)
    town.start()
    assert keys == []
    assert town.verbs.payout(town.requested.id).status is S.REQUESTED
    rows = town.verbs.session.query(Log).filter(Log.type == "PAYOUT_APPROVED")
    assert [row for row in rows if row.details["payoutId"] == str(town.requested.id)] == []
