"""The live tail beside writers misses no row and shows none twice.

`python -m tests.faults.live_tail --rows 100000 --writers 16`

Writers commit transactions of one to forty rows, at once or slowly, some open for seconds, some rolled back
whole or to a savepoint; each notes what it committed. One reader follows through the page's own addresses.
A second one asks for "id > last id", as the obvious tail would: what it misses is printed beside.
"""

import argparse
import re
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from html import unescape
from random import Random
from uuid import uuid4

from flask import Flask
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.orm import Session

from portal.domain.people import create_user
from portal.models import Role
from tests.browser import PASSWORD, Browser
from tests.faults.scratch import environ_on, migrated_app, scratch_folder, scratch_server

TYPE = "CRON_JOB_STARTED"
LOGS = "/dashboard/admin/system-logs"
INSERT = text(f"""
insert into log (level, type, actor, message, metadata, request_id)
select 'INFO', '{TYPE}', 'SYSTEM', 'Tâche démarrée ' || n, '{{"jobName": "preuve"}}', :request
from generate_series(1, :n) as n returning id
""")
NAIVE = text(f"select id from log where type = '{TYPE}' and id > :last order by id")


@dataclass
class Written:
    """What the writers did."""

    wanted: int
    ids: list[int] = field(default_factory=list)
    rolled_back: int = 0
    longest: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def is_enough(self) -> bool:
        return len(self.ids) >= self.wanted


def write(engine: Engine, written: Written, seed: int) -> None:
    """Commit and roll back until enough rows are there."""
    chance = Random(seed)
    with engine.connect() as connection:
        while not written.is_enough:
            began = time.monotonic()
            ids = _transaction(connection, chance)
            commits = chance.random() > 0.1
            connection.commit() if commits else connection.rollback()
            with written.lock:
                written.longest = max(written.longest, time.monotonic() - began)
                if commits:
                    written.ids += ids
                else:
                    written.rolled_back += len(ids)


def _transaction(connection: Connection, chance: Random) -> list[int]:
    """Rows of a transaction that nobody has ended yet: those that its commit will keep."""
    ids = _insert(connection, chance)
    kind = chance.random()
    if kind < 0.02:
        time.sleep(chance.uniform(1, 3))
    elif kind < 0.3:
        time.sleep(chance.uniform(0, 0.1))
    if chance.random() < 0.1:
        with connection.begin_nested() as savepoint:
            _insert(connection, chance)
            savepoint.rollback()
    if chance.random() < 0.3:
        with connection.begin_nested():
            ids += _insert(connection, chance)
    return ids


def _insert(connection: Connection, chance: Random) -> list[int]:
    rows = {"request": uuid4(), "n": chance.randint(1, 40)}
    return list(connection.execute(INSERT, rows).scalars())


class Follower:
    """Somebody with the page open who follows it, as the page's script does."""

    def __init__(self, app: Flask, email: str) -> None:
        self.browser = Browser(app).sign_in(email)
        page = self.browser.get(f"{LOGS}?type={TYPE}").text
        found = re.search(r'data-live="([^"]+)" data-after="([^"]+)"', page)
        assert found is not None, page
        self.href, self.after = unescape(found[1]), unescape(found[2])
        self.seen: Counter[int] = Counter()
        self.polls, self.slowest = 0, 0.0

    def poll(self) -> int:
        """Ask once; how many rows came."""
        began = time.monotonic()
        answer = self.browser.client.get(f"{self.href}&after={self.after}", headers={"X-Fragment": "true"})
        assert answer.status_code == 200, answer.text
        self.slowest = max(self.slowest, time.monotonic() - began)
        self.polls += 1
        ids = [int(found) for found in re.findall(r'data-log-id="(\d+)"', answer.text)]
        self.seen.update(ids)
        self.after = answer.headers["X-Tail-After"]
        return len(ids)


@dataclass(frozen=True)
class Outcome:
    """What came of it."""

    written: Written
    follower: Follower
    naive: set[int]
    seconds: float

    @property
    def missed(self) -> int:
        return len(set(self.written.ids) - set(self.follower.seen))

    @property
    def twice(self) -> int:
        return sum(1 for n in self.follower.seen.values() if n > 1)

    @property
    def never_committed(self) -> int:
        return len(set(self.follower.seen) - set(self.written.ids))

    def __str__(self) -> str:
        missed_by_id = len(set(self.written.ids) - self.naive)
        return (
            f"{len(self.written.ids)} rows committed, {self.written.rolled_back} rolled back, longest transaction "
            f"{self.written.longest:.1f} s, {self.seconds:.0f} s in all\n"
            f"followed: {self.missed} missed, {self.twice} twice, {self.never_committed} never committed; "
            f"{self.follower.polls} polls, slowest {self.follower.slowest * 1000:.0f} ms\n"
            f'"id > last id" beside: {missed_by_id} missed ({missed_by_id / len(self.written.ids):.1%})'
        )


def follow(app: Flask, *, rows: int, writers: int, email: str, seed: int) -> Outcome:
    """Write and follow at once until all that was committed could be seen."""
    engine = create_engine(app.extensions["database_urls"].owner, pool_size=writers + 1)
    follower, written, naive = Follower(app, email), Written(rows), set[int]()
    threads = [threading.Thread(target=write, args=(engine, written, seed + n)) for n in range(writers)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        follower.poll()
        with engine.connect() as connection:
            naive.update(connection.execute(NAIVE, {"last": max(naive, default=0)}).scalars())
        time.sleep(0.02)
    while follower.poll():
        pass
    engine.dispose()
    return Outcome(written, follower, naive, time.monotonic() - began)


def main() -> None:
    """Run it on a server of its own; a failure is exit status 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--writers", type=int, default=16)
    parser.add_argument("--seed", type=int, default=20261127)
    given = parser.parse_args()
    with scratch_folder() as folder, scratch_server(folder, durable=False) as server:
        app = migrated_app(environ_on(server, "live_tail", folder))
        engine = create_engine(app.extensions["database_urls"].owner)
        with Session(engine) as session:
            create_user(session, email="a@example.test", name="A", password=PASSWORD, role=Role.ADMIN)
            session.commit()
        engine.dispose()
        outcome = follow(app, rows=given.rows, writers=given.writers, email="a@example.test", seed=given.seed)
    print(outcome)
    sys.exit(bool(outcome.missed or outcome.twice or outcome.never_committed))


if __name__ == "__main__":
    main()
