"""The embedded PostgreSQL over real processes: commands leave none behind, and take none away."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.database import is_command, stop_embedded
from tests.conftest import SECRETS
from tests.faults.scratch import scratch_folder
from tests.portal_process import ROOT, wait_until

LISTING = [sys.executable, "-m", "flask", "--app", "wsgi", "routes"]
HOLDING = [sys.executable, "-c", "from wsgi import app; print('up', flush=True); input()"]


@pytest.fixture
def instance() -> Iterator[Path]:
    """Not below pytest's own folder, which another run of pytest closes to the server's user as it starts."""
    with scratch_folder() as folder:
        yield folder
        stop_embedded(folder / "postgres")


def environ_of(instance: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "TEST_DATABASE_URL"}}
    return {**kept, **SECRETS, "PORTAL_INSTANCE": str(instance), "JOBS": "off", **more}


def run(command: list[str], instance: Path, **more: str) -> subprocess.CompletedProcess[str]:
    env = environ_of(instance, **more)
    ended = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    return ended


def is_up(instance: Path) -> bool:
    return (instance / "postgres" / "postmaster.pid").exists()


def test_a_command_stops_the_server_that_it_started(instance: Path) -> None:
    run(LISTING, instance)
    assert not is_up(instance)
    run(LISTING, instance)
    assert not is_up(instance)


def test_a_command_leaves_the_server_to_whoever_has_it(instance: Path) -> None:
    env = environ_of(instance)
    with subprocess.Popen(HOLDING, cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as portal:
        assert portal.stdout is not None
        assert portal.stdout.readline() == b"up\n"
        run(LISTING, instance)
        assert is_up(instance)
        portal.communicate(b"\n", timeout=30)
    assert is_up(instance)


def test_a_command_that_started_it_leaves_it_to_a_portal_that_came_meanwhile(instance: Path) -> None:

    env = environ_of(instance)
    command_env = {**env, "FLASK_RUN_FROM_CLI": "true"}
    with subprocess.Popen(
        HOLDING, cwd=ROOT, env=command_env, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as command:
        assert command.stdout is not None
        assert command.stdout.readline() == b"up\n"
        with subprocess.Popen(HOLDING, cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as portal:
            assert portal.stdout is not None
            assert portal.stdout.readline() == b"up\n"
            command.communicate(b"\n", timeout=30)
            assert is_up(instance)
            portal.communicate(b"\n", timeout=30)


def test_stopping_by_hand_says_one_line(instance: Path) -> None:
    stop = [sys.executable, "-W", "default", "-m", "portal.database", "stop"]
    ended = run(stop, instance)
    assert (ended.stdout, "RuntimeWarning" in ended.stderr) == ("embedded PostgreSQL was not running\n", False)
    run(LISTING, instance, DATABASE_KEPT="1")
    assert is_up(instance)
    ended = run(stop, instance)
    assert (ended.stdout, ended.stderr) == ("embedded PostgreSQL stopped\n", "")
    wait_until(lambda: not is_up(instance), "the server to be gone")


def test_only_commands_count_as_commands() -> None:
    assert is_command({"FLASK_RUN_FROM_CLI": "true"})
    assert not is_command({"FLASK_RUN_FROM_CLI": "true", "DATABASE_KEPT": "1"})
    assert not is_command({})
