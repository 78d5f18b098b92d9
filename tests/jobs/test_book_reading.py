"""`flask logs search`, `export` and `verify-export`."""

import json
import resource
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from tests.queries.books import NOON, Event, Money, minutes, write, write_money


@pytest.fixture
def run(app: Flask) -> object:
    """Run a `flask logs …` command."""
    runner = app.test_cli_runner()
    return lambda *args: runner.invoke(args=["logs", *map(str, args)])


def test_the_explorers_parameters_are_options(run: object, session: Session) -> None:
    details = {"payoutId": "p-1", "amount": 12.5}
    ids = write(session, [Event("PAYOUT_FAILED", "ERROR", message="a\x1b[31m", details=details)] * 30)
    write(session, [Event("USER_LOGIN")])
    shown: Result = run("search", "--level", "ERROR", "--type", "PAYOUT_*", "--entity", "p-1", "--limit", 25,
                        "--columns", "amount")  # type: ignore[operator]  # fmt: skip
    assert shown.exit_code == 0, shown.output
    assert shown.stdout.splitlines()[0].split() == [
        "createdAt", "level", "type", "actor", "actorId", "message", "amount"
    ]  # fmt: skip
    assert "\x1b" not in shown.stdout
    assert shown.stdout.count("12.5") == 25
    cursor = shown.stderr.split()[-1]
    rest = run("search", "--type=PAYOUT_*", "--format=ndjson", "--limit=25", f"--cursor={cursor}")  # type: ignore[operator]
    assert [json.loads(line)["id"] for line in rest.stdout.splitlines()] == ids[:5][::-1]
    write_money(session, [Money("PAYOUT_PAID", amount_minor=100, currency="EUR", payout_id="p-9")])
    money = run("search", "--book=money", "--payoutId=p-9", "--format=ndjson")  # type: ignore[operator]
    assert json.loads(money.stdout)["amount"] == 1.0
    for wrong in (["--level=DEBUG"], ["--currency=EUR"], ["--book=money", "--level=ERROR"], ["--limit=7"]):
        refused = run("search", *wrong)  # type: ignore[operator]
        assert refused.exit_code == 1
        assert wrong[-1].split("=")[0] in refused.output


def test_an_export_is_written_and_verified(run: object, session: Session, tmp_path: Path) -> None:
    write(session, [Event("PAYOUT_PAID", at=NOON + minutes(n)) for n in range(1200)])
    file = tmp_path / "paid.csv"
    made = run("export", "--type=PAYOUT_PAID", "--from=2026-11-01", "--format=csv", file)  # type: ignore[operator]
    assert made.exit_code == 0, made.output
    assert made.stdout.splitlines()[-1].startswith("1200 rows, ")
    assert len(file.read_bytes().splitlines()) == 1201
    manifest = json.loads(Path(f"{file}.manifest.json").read_text())
    assert (manifest["rows"], manifest["complete"], manifest["filters"]["type"]) == (1200, True, ["PAYOUT_PAID"])
    assert run("verify-export", file).stdout.splitlines()[-1].startswith("OK: 1200 rows")  # type: ignore[operator]
    kinds = session.scalars(text("select type from log where type like 'LOGS_EXPORT%' order by id")).all()
    assert kinds == ["LOGS_EXPORT_STARTED", "LOGS_EXPORTED"]
    file.write_bytes(file.read_bytes()[:-20])
    cut = run("verify-export", file, manifest["id"])  # type: ignore[operator]
    assert (cut.exit_code, "DIFFERENT" in cut.output) == (1, True)
    session.execute(text("update log_export set state = 'CUT', error = 'reader_gone'"))
    session.commit()
    assert "NOT WHOLE" in run("verify-export", file).output  # type: ignore[operator]
    other = tmp_path / "other"
    other.write_text("x")
    assert run("verify-export", other).exit_code == 1  # type: ignore[operator]
    assert run("export", "--limit=25", other).exit_code == 1  # type: ignore[operator]


def test_a_mistake_in_a_search_is_shown_where_it_is(run: object) -> None:
    refused = run("search", "--q=solde level:ERORR")  # type: ignore[operator]
    assert refused.exit_code == 1
    assert refused.stderr.splitlines()[-2:] == ["  solde level:ERORR", f"  {' ' * 12}^^^^^  ERROR?"]


def test_a_file_that_cannot_be_opened_begins_no_export(run: object, session: Session, tmp_path: Path) -> None:
    file = tmp_path / "nowhere" / "log.ndjson"
    refused = run("export", file)  # type: ignore[operator]
    assert (refused.exit_code, refused.stderr) == (1, f"Error: {file}: No such file or directory\n")
    assert session.scalar(text("select count(*) from log_export")) == 0


def test_a_file_that_cannot_hold_the_export_leaves_nothing(run: object, session: Session, tmp_path: Path) -> None:
    write(session, [Event("PAYOUT_PAID", message="x" * 500, at=NOON + minutes(n)) for n in range(1200)])
    file = tmp_path / "log.ndjson"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, limits[1]))
    try:
        refused = run("export", file)  # type: ignore[operator]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert refused.exit_code == 1
    assert refused.stderr.splitlines()[-1] == f"Error: {file}: File too large"
    assert list(tmp_path.glob("log*")) == []
    assert session.scalar(text("select state from log_export")) == "CUT"
