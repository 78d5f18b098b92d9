"""Jobs over killed and frozen processes: the CI size of `python -m tests.faults.job_kills`, and SIGSTOP."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.pool import NullPool

from tests.faults.job_worker import Tracer, make_table, tick_until
from tests.faults.scratch import app_beside_the_tests_own, environ_on, scratch_folder, scratch_server
from tests.portal_process import ROOT, wait_until


def test_every_slot_is_done_once_while_processes_are_killed() -> None:
    command = [sys.executable, "-m", "tests.faults.job_kills", "--seconds", "10"]
    ended = subprocess.run(command, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stdout + ended.stderr[-3000:]


@dataclass
class Nodes:
    """Forked workers on a server of their own, and what they left."""

    app: Flask
    owner: Engine
    folder: Path
    pids: list[int] = field(default_factory=list)

    def fork(self, tracer: Tracer | None = None) -> int:
        """One more worker."""
        pid = os.fork()
        if pid == 0:
            try:
                tick_until(self.app, self.folder / "stop", tracer)
            finally:
                os._exit(0)
        self.pids.append(pid)
        return pid

    def traces(self, what: str) -> list[tuple[str, int, int]]:
        """(slot, fence, pid) of everything that came so far, oldest first."""
        query = text("select slot, fence, pid from effect where what = :what order by at")
        with self.owner.connect() as connection:
            return [(slot, fence, pid) for slot, fence, pid in connection.execute(query, {"what": what})]

    def run_of(self, slot: str) -> tuple[str, int]:
        """State and fencing number of a slot's run."""
        query = text("select state, fence from job_run where slot = :slot")
        with self.owner.connect() as connection:
            state, fence = connection.execute(query, {"slot": slot}).one()
        return state, fence


@pytest.fixture
def nodes() -> Iterator[Nodes]:
    with (
        scratch_folder() as folder,
        scratch_server(folder, durable=False) as server,
        app_beside_the_tests_own(environ_on(server, "callastar_nodes", folder)) as app,
    ):
        url = app.extensions["database_urls"].owner
        make_table(url)
        nodes = Nodes(app, create_engine(url, poolclass=NullPool), folder)
        yield nodes
        for pid in nodes.pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def test_a_frozen_holder_is_taken_over_and_its_late_write_is_fenced_off(nodes: Nodes) -> None:
    hold = nodes.folder / "hold"
    hold.touch()
    frozen = nodes.fork(Tracer(hold))
    wait_until(lambda: nodes.traces("begun"), "the first to begin")
    [(slot, _, _)] = nodes.traces("begun")
    os.kill(frozen, signal.SIGSTOP)
    other = nodes.fork()
    wait_until(lambda: any(one == slot for one, _, _ in nodes.traces("done")), "the second to take over")
    assert [one for one in nodes.traces("done") if one[0] == slot] == [(slot, 2, other)]
    hold.unlink()
    os.kill(frozen, signal.SIGCONT)
    wait_until(lambda: (slot, 1, frozen) in nodes.traces("awake"), "the first to wake")
    wait_until(lambda: len(nodes.traces("done")) >= 3, "two more slots")
    assert [one for one in nodes.traces("done") if one[0] == slot] == [(slot, 2, other)]
    assert nodes.run_of(slot) == ("SUCCEEDED", 2)


def test_it_is_fenced_off_also_while_the_other_is_still_at_work(nodes: Nodes) -> None:
    hold, other_hold = nodes.folder / "hold", nodes.folder / "other"
    hold.touch()
    other_hold.touch()
    frozen = nodes.fork(Tracer(hold))
    wait_until(lambda: nodes.traces("begun"), "the first to begin")
    [(slot, _, _)] = nodes.traces("begun")
    os.kill(frozen, signal.SIGSTOP)
    other = nodes.fork(Tracer(other_hold, beats=True))
    wait_until(lambda: (slot, 2, other) in nodes.traces("begun"), "the second to take over")
    hold.unlink()
    os.kill(frozen, signal.SIGCONT)
    wait_until(lambda: (slot, 1, frozen) in nodes.traces("awake"), "the first to wake")
    time.sleep(1)  # thrice what it needs to end its work
    assert nodes.traces("done") == []
    assert nodes.run_of(slot) == ("RUNNING", 2)
    other_hold.unlink()
    wait_until(lambda: (slot, 2, other) in nodes.traces("done"), "the second to end")
    assert [one for one in nodes.traces("done") if one[0] == slot] == [(slot, 2, other)]
