"""200 kills -9 at every named point and at random: the CI size of `python -m tests.faults.kills`."""

import os
import subprocess
import sys

from tests.portal_process import ROOT


def test_two_hundred_kills_leave_nothing_paid_twice_unsent_or_different() -> None:
    command = [sys.executable, "-m", "tests.faults.kills", "--kills", "200", "--seed", "20261122"]
    ended = subprocess.run(command, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, timeout=480)
    assert ended.returncode == 0, ended.stdout + ended.stderr[-3000:]
