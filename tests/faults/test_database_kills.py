"""PostgreSQL killed under load, once: the CI size of `python -m tests.faults.database_kills`."""

import os
import subprocess
import sys

from tests.portal_process import ROOT


def test_nothing_acknowledged_is_lost_when_the_database_is_killed() -> None:
    command = [sys.executable, "-m", "tests.faults.database_kills", "--kills", "1"]
    ended = subprocess.run(command, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stdout + ended.stderr[-3000:]
