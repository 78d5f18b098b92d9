"""Apprise over real HTTP, to a target that takes, refuses or is away; nothing of its address is ever said."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.jobs.notifier import AppriseNotifier, target_name
from portal.models import Log
from tests.portal_process import free_port

PASSWORD = "a-password-in-a-target"


class Target:
    """An HTTP server that keeps bodies, or answers with another status."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.status = 200
        target = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                target.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(target.status)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"json://someone:{PASSWORD}@127.0.0.1:{self.server.server_port}/hook"


@pytest.fixture
def target() -> Iterator[Target]:
    target = Target()
    Thread(target=target.server.serve_forever, daemon=True).start()
    yield target
    target.server.shutdown()
    target.server.server_close()


@pytest.fixture
def notifier(app: Flask, target: Target) -> Iterator[AppriseNotifier]:
    before = app.extensions["notifier"]
    app.extensions["notifier"] = AppriseNotifier([target.address])
    yield app.extensions["notifier"]
    app.extensions["notifier"] = before


@pytest.mark.filterwarnings("ignore")
def test_a_message_arrives_or_why_not_is_said_without_the_address(
    notifier: AppriseNotifier, target: Target, capfd: pytest.CaptureFixture[str]
) -> None:
    [name] = notifier.targets
    assert notifier.send(name, "titre", "corps\nRéférence : x") is None
    assert (target.bodies[0]["title"], target.bodies[0]["message"]) == ("titre", "corps\nRéférence : x")
    target.status = 500
    away = f"json://someone:{PASSWORD}@127.0.0.1:{free_port()}/hook"
    errors = [
        notifier.send(name, "t", "c"),
        AppriseNotifier([away]).send(target_name(away), "t", "c"),
        AppriseNotifier([f"nothing://{PASSWORD}"]).send(target_name(f"nothing://{PASSWORD}"), "t", "c"),
        notifier.send("json:00000000", "t", "c"),
    ]
    assert errors == [
        "refusé (500)",
        "ne répond pas",
        "n’est pas une adresse qu’Apprise comprend",
        "n’est plus parmi ALERT_TARGETS",
    ]
    told = capfd.readouterr()
    assert PASSWORD not in told.out + told.err + name + repr(notifier)


@pytest.mark.filterwarnings("ignore")
def test_the_command_tries_every_target_and_says_which_failed(
    app: Flask, notifier: AppriseNotifier, target: Target, session: Session
) -> None:
    runner = app.test_cli_runner()
    done = runner.invoke(args=["alerts", "test"])
    assert (done.exit_code, "sent" in done.output) == (0, True)
    target.status = 404
    failed = runner.invoke(args=["alerts", "test"])
    assert (failed.exit_code, "refusé (404)" in failed.output) == (1, True)
    assert PASSWORD not in done.output + failed.output
    rows = session.scalars(select(Log).where(Log.type == "ALERT_TESTED")).all()
    assert [bool(row.details["failed"]) for row in rows] == [False, True]
    assert PASSWORD not in str([row.details for row in rows])
    app.extensions["notifier"] = AppriseNotifier([])
    assert "ALERT_TARGETS" in runner.invoke(args=["alerts", "test"]).output
