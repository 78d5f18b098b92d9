"""The database gone: rows written apart wait on disk, and are stored once, in order, when it is back."""

import fcntl
import json
import os
import socket
import stat
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg2
import pytest
from flask import Flask
from sqlalchemy import Engine, create_engine, event, make_url, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, ProgrammingError
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from portal.audit import spool as spools
from portal.audit import writer
from portal.audit.outage import Outage, is_unreachable
from portal.audit.replay import replay
from portal.audit.spool import Spool
from portal.audit.system_log import log_info
from portal.database import patience
from portal.models import Log, LogActor, LogLevel, Setting
from tests.conftest import SECRETS
from tests.portal_process import ROOT

NOWHERE = "postgresql+psycopg2://nobody@/nothing?host=/nonexistent"
TYPE = "PAYMENT_INTENT_CREATION_INITIATED"
LOST = "DATABASE_CONNECTION_LOST"


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


@pytest.fixture
def back(app: Flask) -> Iterator[Any]:
    """The engine of rows written apart, as it is while the database answers."""
    before = writer.apart()
    engine, spool = before.engine, before.spool
    yield engine
    writer.configure(engine, strict=True, spool=spool)  # type: ignore[arg-type]


@pytest.fixture
def gone(context: Flask, back: Any, spool: Spool) -> Spool:
    """The database gone."""
    writer.configure(create_engine(NOWHERE), strict=True, spool=spool)
    return spool


def say(booking: str, **more: Any) -> int | None:
    return log_info(TYPE, LogActor.USER, None, "user-1", {"bookingId": booking, **more})


def lines(spool: Spool) -> list[dict[str, Any]]:
    files = sorted(spool.folder.glob("*.ndjson"))
    return [json.loads(line) for path in files for line in path.read_text().splitlines()]


def bookings(session: Session) -> list[str]:
    session.rollback()
    rows = session.scalars(select(Log).where(Log.type == TYPE).order_by(Log.created_at, Log.id))
    return [row.details["bookingId"] for row in rows]


def told(session: Session) -> list[dict[str, Any]]:
    session.rollback()
    return [row.details for row in session.scalars(select(Log).where(Log.type == LOST).order_by(Log.id))]


def put(spool: Spool, name: str, *bookings: tuple[str, datetime], tail: bytes = b"") -> None:
    """A file that another process left."""
    spool.folder.mkdir(exist_ok=True)
    row = {"type": TYPE, "level": "INFO", "actor": "USER", "actor_id": None, "message": "m"}
    with (spool.folder / f"{name}.ndjson").open("ab") as file:
        for booking, at in bookings:
            values = {**row, "request_id": str(uuid4()), "metadata": {"bookingId": booking}}
            line = {"at": at.isoformat(), "book": "log", "values": values, "stored": None}
            file.write(json.dumps(line).encode() + b"\n")
        file.write(tail)


NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_a_row_apart_waits_on_disk_and_the_caller_goes_on(gone: Spool, capsys: Any) -> None:
    assert say("a") is None
    [line] = lines(gone)
    assert (line["book"], line["values"]["type"], line["stored"]) == ("log", TYPE, None)
    assert json.loads(capsys.readouterr().err)["metadata"] == {"bookingId": "a"}


def test_only_the_portal_may_read_what_waits(gone: Spool) -> None:
    say("a")
    [path] = gone.folder.glob("*.ndjson")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(gone.folder.stat().st_mode) == 0o700


def test_secrets_never_reach_the_disk(gone: Spool) -> None:
    say("a", password="hunter2-hunter2", note="sk_live_4eC39HqLyjWDarjtT1zdp7dc 4242 4242 4242 4242")
    [path] = gone.folder.glob("*.ndjson")
    assert not any(word in path.read_text() for word in ("hunter2", "sk_live", "4242 4242"))


def test_it_is_stored_when_the_database_is_back_and_keeps_its_own_time(
    gone: Spool, back: Any, session: Session
) -> None:
    before = datetime.now(UTC)
    say("a")
    say("b")
    after = datetime.now(UTC)
    assert replay(back, gone, writer.apart().outage) == 2
    assert bookings(session) == ["a", "b"]
    row = session.scalars(select(Log).where(Log.type == TYPE)).first()
    assert row is not None
    assert before <= datetime.fromisoformat(row.details["spooledAt"]) <= after < row.created_at
    [lost] = told(session)
    assert (lost["spooledLogs"], lost["retryAttempt"], lost["dbHost"][:1]) == (2, 1, "/")
    assert before <= datetime.fromisoformat(lost["from"]) <= after <= datetime.fromisoformat(lost["until"])
    assert not gone.waits()
    assert replay(back, gone, writer.apart().outage) == 0
    assert len(told(session)) == 1


def test_files_of_several_processes_become_one_story_in_the_order_of_time(
    spool: Spool, back: Any, session: Session
) -> None:
    second = timedelta(seconds=1)
    put(spool, "dead-1", ("1", NOON), ("3", NOON + 2 * second))
    put(spool, "dead-2", ("0", NOON - second), ("2", NOON + second), ("4", NOON + 3 * second))
    assert replay(back, spool, Outage()) == 5
    assert bookings(session) == ["0", "1", "2", "3", "4"]
    [lost] = told(session)
    assert (lost["from"], lost["spooledLogs"]) == ((NOON - second).isoformat(), 5)


def test_a_torn_line_is_kept_aside_and_stops_nothing(spool: Spool, back: Any, session: Session) -> None:
    put(spool, "dead", ("a", NOON), ("b", NOON), tail=b'{"at": "2026-11-22T12:00:00+00:00", "book": "lo')
    assert replay(back, spool, Outage()) == 2
    assert bookings(session) == ["a", "b"]
    assert [lost["keptAside"] for lost in told(session)] == [1]
    [kept] = spool.aside.iterdir()
    assert kept.read_bytes() == b'{"at": "2026-11-22T12:00:00+00:00", "book": "lo\n'
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "bad",
    [
        b"\x00\x00\x00\x00",
        b"\xff\xfe",
        b"17",
        b'{"at": 1, "book": "log"}',
        b'{"at": "2026-11-22T12:00:00+00:00", "book": "users", "values": {"metadata": {}}}',
        b'{"at": "2026-11-22T12:00:00+00:00", "book": "log", "values": {"metadata": {}, "level": "LOUD"}}',
        b'{"at": "2026-11-22T12:00:00+00:00", "book": "log", "values": {"metadata": {}, "shoe_size": 43}}',
        b'{"at": "2026-11-22T12:00:00+00:00", "book": "log", "values": {"metadata": {}, "type": "a\\u0000b"}}',
    ],
)
def test_a_bad_line_never_stops_the_rest(spool: Spool, back: Any, session: Session, bad: bytes) -> None:
    put(spool, "dead", ("a", NOON), tail=bad + b"\n")
    put(spool, "dead", ("b", NOON))
    assert replay(back, spool, Outage()) == 2
    assert bookings(session) == ["a", "b"]
    [kept] = spool.aside.iterdir()
    assert kept.read_bytes() == bad + b"\n"


def test_after_a_torn_line_the_next_begins_a_new_one(gone: Spool) -> None:
    say("a")
    [path] = gone.folder.glob("*.ndjson")
    with path.open("ab") as file:
        file.write(b'{"torn')
    say("b")
    assert [line[:7] for line in path.read_bytes().splitlines()] == [b'{"at": ', b'{"torn', b'{"at": ']


def test_what_is_no_lost_connection_is_raised(context: Flask, back: Any, spool: Spool) -> None:
    writer.configure(back, strict=True, spool=spool)
    row = writer.log_row(TYPE, LogLevel.INFO, "ROBOT", None, "", {"bookingId": "a"})  # type: ignore[arg-type]
    with pytest.raises(DBAPIError):
        writer.write(row, None)
    assert not spool.waits()


@pytest.mark.parametrize("code", ["57P01", "57P02", "57P03", "53300", "08006", "08001"])
def test_connection_failures_count_as_the_database_gone(code: str) -> None:
    assert is_unreachable(OperationalError("", {}, _error(psycopg2.OperationalError, code)))


def test_a_server_that_says_nothing_is_waited_for_three_seconds() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = make_url(f"postgresql+psycopg2://nobody@127.0.0.1:{silent.getsockname()[1]}/nothing")
        began = time.monotonic()
        with pytest.raises(OperationalError) as refused:
            create_engine(url, connect_args=patience(url)).connect()
    assert is_unreachable(refused.value)
    assert time.monotonic() - began < 6


def test_an_address_that_says_how_long_to_wait_is_obeyed() -> None:
    assert "connect_timeout" not in patience(make_url("postgresql+psycopg2://h/d?connect_timeout=9"))


def test_a_server_without_room_for_a_connection_is_gone(owner_engine: Engine) -> None:
    with owner_engine.begin() as connection:
        connection.execute(text("create role crowd login connection limit 0"))
    try:
        with pytest.raises(OperationalError, match="too many connections") as refused:
            create_engine(owner_engine.url.set(username="crowd"), poolclass=NullPool).connect()
    finally:
        with owner_engine.begin() as connection:
            connection.execute(text("drop role crowd"))
    assert is_unreachable(refused.value)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (IntegrityError, "23505"),
        (ProgrammingError, "42501"),
        (OperationalError, "57014"),
        (OperationalError, "40P01"),
    ],
)
def test_other_failures_do_not(kind: type[DBAPIError], code: str) -> None:
    assert not is_unreachable(kind("", {}, _error(psycopg2.OperationalError, code)))
    assert not is_unreachable(ValueError("a bug"))


def _error(kind: type[Exception], code: str) -> Exception:
    return type("Known", (kind,), {"pgcode": code})()


@pytest.mark.parametrize("came_through", [True, False])
def test_a_commit_whose_answer_was_lost_is_neither_doubled_nor_lost(
    context: Flask, back: Any, spool: Spool, session: Session, came_through: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = back.dialect.do_commit

    def lose(raw: Any) -> None:
        if came_through:
            commit(raw)
        raise psycopg2.OperationalError("server closed the connection unexpectedly")

    writer.configure(back, strict=True, spool=spool)
    monkeypatch.setattr(back.dialect, "do_commit", lose)
    say("a")
    assert bookings(session) == (["a"] if came_through else [])
    assert lines(spool)[0]["stored"] is not None
    monkeypatch.undo()
    replay(back, spool, writer.apart().outage)
    assert bookings(session) == ["a"]


def test_a_connection_ended_by_an_admin_while_a_row_is_written_costs_no_row(
    context: Flask, back: Any, spool: Spool, session: Session
) -> None:
    def end(connection: Any, *rest: Any) -> None:
        pid = connection.connection.dbapi_connection.get_backend_pid()
        session.execute(text("select pg_terminate_backend(:pid)"), {"pid": pid})
        session.commit()

    writer.configure(back, strict=True, spool=spool)
    event.listen(back, "before_cursor_execute", end, once=True)
    say("a")
    assert (bookings(session), [line["stored"] for line in lines(spool)]) == ([], [None])
    assert replay(back, spool, writer.apart().outage) == 1
    assert bookings(session) == ["a"]


def test_a_full_spool_leaves_rows_on_stderr_and_the_outage_says_how_many(
    context: Flask, back: Any, spool: Spool, session: Session, capsys: Any
) -> None:
    spool.limit = 700
    writer.configure(create_engine(NOWHERE), strict=True, spool=spool)
    for n in range(5):
        say(str(n))
    kept = [line["values"]["metadata"]["bookingId"] for line in lines(spool)]
    assert kept == ["0", "1"]
    assert [f'"bookingId": "{n}"' in capsys.readouterr().err for n in (4,)] == [True]
    replay(back, spool, writer.apart().outage)
    assert [(lost["spooledLogs"], lost["droppedLogs"]) for lost in told(session)] == [(2, 3)]


def test_a_disk_that_fails_leaves_no_half_line(gone: Spool, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    say("a")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(spools.os, "fsync", full)
        say("b")
    say("c")
    assert [line["values"]["metadata"]["bookingId"] for line in lines(gone)] == ["a", "c"]
    assert writer.apart().outage.dropped == 1


def test_an_outage_in_which_no_row_waited_is_told_too(gone: Spool, back: Any, session: Session) -> None:
    for _ in range(3):
        writer.note_outage()
    assert replay(back, gone, writer.apart().outage) == 0
    assert [(lost["spooledLogs"], lost["retryAttempt"]) for lost in told(session)] == [(0, 3)]


def test_while_the_database_is_gone_replaying_seals_nothing(gone: Spool) -> None:
    say("a")
    with pytest.raises(OperationalError):
        replay(create_engine(NOWHERE), gone, Outage())
    assert len(lines(gone)) == 1


def test_one_process_replays_at_a_time(spool: Spool, back: Any, session: Session) -> None:
    put(spool, "dead", *((str(n), NOON + timedelta(seconds=n)) for n in range(200)))
    with ThreadPoolExecutor(6) as pool:
        counts = list(pool.map(lambda _: replay(back, spool, Outage()), range(6)))
    assert sum(counts) == 200
    assert bookings(session) == [str(n) for n in range(200)]
    assert len(told(session)) == 1


def test_writers_in_many_processes_lose_and_mix_nothing_while_files_are_sealed(spool: Spool) -> None:
    children = []
    for child in range(4):
        pid = os.fork()
        if pid == 0:
            for n in range(150):
                spool.append({"child": child, "n": n, "filling": "x" * 3000})
            os._exit(0)
        children.append(pid)
    found = []
    while children or spool.waits():
        children = [pid for pid in children if os.waitpid(pid, os.WNOHANG) == (0, 0)]
        for path in spool.seal():
            found += [json.loads(line) for line in path.read_text().splitlines()]
            spool.forget(path)
    assert Counter(line["child"] for line in found) == dict.fromkeys(range(4), 150)


def test_a_file_sealed_while_its_writer_waits_for_it_is_not_written_to(spool: Spool) -> None:
    spool.append({"n": 1})
    [path] = spool.folder.glob("*.ndjson")
    with path.open("rb") as file, ThreadPoolExecutor(1) as pool:
        fcntl.flock(file, fcntl.LOCK_EX)
        waiting = pool.submit(spool.append, {"n": 2})
        time.sleep(0.3)
        spool.forget(path)
        fcntl.flock(file, fcntl.LOCK_UN)
        assert waiting.result(5)
    assert lines(spool) == [{"n": 2}]


@pytest.mark.parametrize("point", ["seal", "rows", "commit", "forget"])
def test_killed_while_replaying_every_row_is_stored_once(
    app: Flask, back: Any, database_url: str, session: Session, tmp_path: Path, point: str
) -> None:
    spool = Spool(tmp_path / "instance" / "spool")
    spool.folder.mkdir(parents=True)
    expected = [str(n) for n in range(40)]
    for file in range(4):
        mine = [(str(n), NOON + timedelta(seconds=n)) for n in range(40) if n % 4 == file]
        put(spool, f"dead-{file}", *mine)
    environ = {**os.environ, **SECRETS, "DATABASE_URL": database_url, "PORTAL_INSTANCE": str(spool.folder.parent)}
    command = [sys.executable, "-m", "tests.faults.replaying", point]
    ended = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60)
    assert ended.returncode == -9, ended.stderr
    stored = point in {"commit", "forget"}
    assert bookings(session) == (expected if stored else [])
    assert spool.waits()
    assert replay(back, spool, Outage()) == (0 if stored else 40)
    assert bookings(session) == expected
    assert [lost["spooledLogs"] for lost in told(session)] == [40]
    assert not spool.waits()


def test_marks_of_files_long_gone_are_removed(spool: Spool, back: Any, session: Session) -> None:
    put(spool, "dead", ("a", NOON))
    replay(back, spool, Outage())
    session.execute(text("update setting set set_at = now() - interval '8 days'"))
    session.commit()
    put(spool, "dead", ("b", NOON))
    replay(back, spool, Outage())
    session.rollback()
    assert len(session.scalars(select(Setting.name).where(Setting.name.startswith("spool:"))).all()) == 1
