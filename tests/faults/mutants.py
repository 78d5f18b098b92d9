"""Planted bugs, each of which must turn a named test red: `python -m tests.faults.mutants [WORD]`.

A mutant is an edit of the source in a copy of the tree. First the named tests must pass on the copy as it
is; then each mutant runs only its own. Exit status 1 when one survives, or when its place is gone.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from sqlalchemy import URL

from portal.database import ensure_database
from tests.faults.planted import MUTANTS, Mutant
from tests.faults.scratch import scratch_folder, scratch_server
from tests.portal_process import ROOT

COPIED = ("portal", "migrations", "tests", "wsgi.py", "gunicorn.conf.py", "pyproject.toml")
SLOTS = 2
LIMIT_SECONDS = 300
RED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one mutant; `test` is the first test that turned red."""

    mutant: Mutant
    test: str | None
    note: str
    seconds: float


class Slot:
    """A copy of the tree with a database of its own, used by one mutant at a time."""

    def __init__(self, folder: Path, server: URL, n: int) -> None:
        self.tree = folder / f"tree{n}"
        self.tree.mkdir()
        for name in COPIED:
            source = ROOT / name
            skip = shutil.ignore_patterns("__pycache__", ".*", "node_modules")
            if source.is_dir():
                shutil.copytree(source, self.tree / name, ignore=skip)
            else:
                shutil.copy(source, self.tree / name)
        ensure_database(server, f"callastar_mutants_{n}")
        self.url = server.set(database=f"callastar_mutants_{n}").render_as_string(hide_password=False)

    def run(self, tests: list[str]) -> subprocess.CompletedProcess[str]:
        """The tests, on this copy."""
        command = [sys.executable, "-m", "pytest", "-q", "-rfE", "--tb=line", "-p", "no:cacheprovider", *tests]
        environ = {**os.environ, "TEST_DATABASE_URL": self.url, "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(
            command, cwd=self.tree, env=environ, capture_output=True, text=True, timeout=LIMIT_SECONDS
        )

    def try_out(self, mutant: Mutant) -> Outcome:
        """Plant the bug, run its tests, take it out again."""
        started = time.monotonic()
        with self.planted(mutant) as missing:
            if missing:
                return Outcome(mutant, None, f"does not apply: {missing}", 0)
            ended = self.run([*mutant.tests, "-x"])
        red = RED.findall(ended.stdout)
        note = "killed" if ended.returncode == 1 and red else f"SURVIVED (pytest ended with {ended.returncode})"
        return Outcome(mutant, red[0] if red else None, note, time.monotonic() - started)

    @contextmanager
    def planted(self, mutant: Mutant) -> Iterator[str | None]:
        """The edits in place; yields the first whose old text is not there exactly once."""
        before = {self.tree / edit.file: (self.tree / edit.file).read_text() for edit in mutant.edits}
        missing = None
        for edit in mutant.edits:
            file = self.tree / edit.file
            content = file.read_text()
            if content.count(edit.old) != 1:
                missing = f"{edit.file}: {edit.old.strip()!r}"
                break
            file.write_text(content.replace(edit.old, edit.new))
        try:
            yield missing
        finally:
            for file, content in before.items():
                file.write_text(content)


def hunt(mutants: list[Mutant]) -> list[Outcome]:
    """All of them, two at a time; raises when the named tests are red without any."""
    with scratch_folder() as folder, scratch_server(folder, durable=False) as server:
        slots = [Slot(folder, server, n) for n in range(SLOTS)]
        named = sorted({test for mutant in mutants for test in mutant.tests})
        clean = slots[0].run(named)
        if clean.returncode != 0:
            raise SystemExit(
                f"the tests are red without any mutant:\n{clean.stdout[-3000:]}{clean.stderr[-1000:]}"
            )
        free: SimpleQueue[Slot] = SimpleQueue()
        for slot in slots:
            free.put(slot)

        def one(mutant: Mutant) -> Outcome:
            slot = free.get()
            try:
                found = slot.try_out(mutant)
            finally:
                free.put(slot)
            print(f"{found.note:<10} {mutant.name:<62} {found.test or '-'}", flush=True)
            return found

        with ThreadPoolExecutor(SLOTS) as pool:
            return list(pool.map(one, mutants))


def main(word: str = "") -> int:
    """Hunt the mutants whose names hold `word`, and print who caught each."""
    started = time.monotonic()
    found = hunt([mutant for mutant in MUTANTS if word in mutant.name])
    alive = [outcome for outcome in found if outcome.note != "killed"]
    print(f"\n{len(found)} mutants, {len(found) - len(alive)} killed, {time.monotonic() - started:.0f} s")
    for outcome in alive:
        print(f"  {outcome.mutant.name}: {outcome.note}")
    return 1 if alive or not found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
