"""The benchmark of receiving, in small: it runs, kills a worker, loses nothing and says what it measured."""

import re
import subprocess
import sys

from tests.portal_process import ROOT


def test_a_small_benchmark_loses_nothing_and_processes_everything_once() -> None:
    command = [sys.executable, "-m", "benchmarks.webhooks", "--seconds", "2", "--clients", "2", "--accounts", "3"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert ended.returncode == 0, ended.stdout + ended.stderr[-3000:]
    for name in ("bare insert", "portal", "portal, killed"):
        assert re.search(rf"^{name} +[1-9]\d* stored/s .* p99 +[\d.]+ ms", ended.stdout, re.MULTILINE), (
            ended.stdout
        )
    assert re.search(r"[1-9]\d* workers killed; 0 acknowledged events lost", ended.stdout)
    assert re.search(r"[1-9]\d* events processed, 0 of them not just once", ended.stdout)
