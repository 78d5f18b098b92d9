"""Four processes tick one job while one of them is killed each second: every slot has its effect exactly once.

`python -m tests.faults.job_kills --seconds N`: workers are forked from one loaded process and replaced when
they die. Every other kill goes for whoever is at work. At the end the recorded effects must show each slot
between the first and the last, one completed effect each, by the holder of the last fencing number. A slot that
was hit twice is spared by the next kills, so that a slot two seconds long can end at all. Exit status 1
if any is missing or doubled.
"""

import argparse
import os
import random
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import URL, Engine, create_engine, text
from sqlalchemy.pool import NullPool

from portal.domain.jobs import Schedule
from tests.faults.job_worker import EVERY, JOB, make_table, tick_until
from tests.faults.scratch import environ_on, migrated_app, scratch_folder, scratch_server

WORKERS = 4
KILL_SECONDS = 1.0
MOST_HITS = 2
AT_WORK = text(
    "select pid, slot from effect as begun where what = 'begun' and not exists"
    " (select from effect where slot = begun.slot and what = 'done') order by at desc limit 1"
)


@dataclass
class Slaughter:
    """The conductor: forks, kills, counts."""

    app: Flask
    engine: Engine
    folder: Path
    chance: random.Random
    pids: set[int] = field(default_factory=set)
    kills: int = 0
    hits: Counter[str] = field(default_factory=Counter)

    def run(self, seconds: float) -> None:
        """Kill one a second, replaced at once."""
        self.hire()
        began = time.monotonic()
        while (now := time.monotonic() - began) < seconds:
            time.sleep(max(self.kills + self.chance.uniform(0.5, 1.0) - now, 0) * KILL_SECONDS)
            self.kill(self.victim())
            self.hire()

    def hire(self) -> None:
        """Fork until everybody is there."""
        while len(self.pids) < WORKERS:
            pid = os.fork()
            if pid == 0:
                self.labour()
            self.pids.add(pid)

    def labour(self) -> None:
        """In the child: tick until killed; what is raised is kept."""
        try:
            tick_until(self.app, self.folder / "stop")
        except BaseException as error:
            self.folder.joinpath(f"{os.getpid()}.error").write_text(repr(error))
        os._exit(0)

    def victim(self) -> int:
        """Every other time whoever is at work, unless its slot had its share; else anybody else."""
        at_work = self.at_work()
        if at_work is None or at_work[0] not in self.pids:
            return self.chance.choice(sorted(self.pids))
        pid, slot = at_work
        if self.hits[slot] >= MOST_HITS:
            return self.chance.choice(sorted(self.pids - {pid}))
        chosen = pid if self.kills % 2 else self.chance.choice(sorted(self.pids))
        self.hits[slot] += chosen == pid
        return chosen

    def at_work(self) -> tuple[int, str] | None:
        """Whose run has begun and not ended; waits a moment for one, so that half of the kills hit somebody."""
        for _ in range(80 if self.kills % 2 else 1):
            with self.engine.connect() as connection:
                row = connection.execute(AT_WORK).first()
            if row is not None:
                return row.pid, row.slot
            time.sleep(0.02)
        return None

    def kill(self, pid: int) -> None:
        """kill -9."""
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        self.pids.discard(pid)
        self.kills += 1

    def end(self) -> None:
        """Let what the last kill left be taken over, and everybody go home."""
        time.sleep(3 * EVERY.total_seconds())
        (self.folder / "stop").touch()
        for pid in sorted(self.pids):
            os.waitpid(pid, 0)


def wanted_slots(first: str, last: str) -> list[str]:
    """Every slot from the first to the last."""
    schedule, moment, slots = Schedule(JOB, EVERY), datetime.fromisoformat(first).astimezone(UTC), []
    while not slots or slots[-1] < last:
        slots.append(schedule.slot_at(moment))
        moment += EVERY
    return slots


def verdict(owner: URL) -> tuple[dict[str, Any], list[str]]:
    """The effects against the slots and the runs: figures, and what is wrong."""
    with create_engine(owner, poolclass=NullPool).connect() as connection:
        effects = connection.execute(text("select slot, fence, what from effect order by at")).all()
        runs = {row.slot: row for row in connection.execute(text("select slot, fence, state from job_run"))}
    begun = [slot for slot, _, what in effects if what == "begun"]
    done = {slot: fence for slot, fence, what in effects if what == "done"}
    times = Counter(slot for slot, _, what in effects if what == "done")
    wanted = wanted_slots(min(begun), max(begun))
    wrong = [f"{slot}: {times[slot]} completed effects" for slot in wanted if times[slot] != 1]
    wrong += [f"{slot}: a run nobody waited for" for slot in runs if slot not in wanted]
    wrong += [
        f"{slot}: done with fence {fence}, its run is {runs[slot].state} with {runs[slot].fence}"
        for slot, fence in done.items()
        if runs[slot].state != "SUCCEEDED" or runs[slot].fence < fence
    ]
    figures = {
        "slots": len(wanted),
        "done once": sum(times[slot] == 1 for slot in wanted),
        "missing": sum(times[slot] == 0 for slot in wanted),
        "done twice": sum(times[slot] > 1 for slot in wanted),
        "begun": len(begun),
        "taken over": sum(run.fence > 1 for run in runs.values()),
        "highest fence": max(run.fence for run in runs.values()),
    }
    return figures, wrong


def kill_under_load(seconds: float, seed: int) -> bool:
    """The whole run, with its table on standard output; whether every slot was done once."""
    with scratch_folder() as folder, scratch_server(folder, durable=False) as server:
        app = migrated_app(environ_on(server, "callastar_jobs", folder))
        owner: URL = app.extensions["database_urls"].owner
        make_table(owner)
        slaughter = Slaughter(app, create_engine(owner, poolclass=NullPool), folder, random.Random(seed))
        slaughter.run(seconds)
        slaughter.end()
        figures, wrong = verdict(owner)
        wrong += [f"{path.name} raised {path.read_text()}" for path in folder.glob("*.error")]
    shown = {"seconds": seconds, "processes": WORKERS, "kills": slaughter.kills, **figures}
    shown |= {"kills of whoever was at work": slaughter.hits.total(), "differences": len(wrong)}
    for name, value in shown.items():
        print(f"{name:<30}{value:>8}")
    print("\n".join(wrong[:20]))
    return not wrong


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    sys.exit(0 if kill_under_load(given.seconds, given.seed) else 1)
