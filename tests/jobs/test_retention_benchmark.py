"""The benchmark of retention, in small: it deletes what is due and says what it measured."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from benchmarks.retention import measure, report
from tests.jobs.old_logs import drop_old_weeks


@pytest.fixture(autouse=True)
def no_old_weeks(app: Flask, owner_engine: Engine) -> Iterator[None]:
    yield
    drop_old_weeks(owner_engine)


def test_a_small_benchmark_deletes_a_third(context: Flask, session: Session, tmp_path: Path) -> None:
    found = measure(context, 6000, quiet_seconds=0.3)
    assert found.deleted == found.due
    assert found.due == pytest.approx(2000, rel=0.02)
    assert session.scalar(text("select count(*) from log where type <> 'CRON_JOB_LATE'")) == 6000 - found.deleted
    assert found.quiet.pages > 0
    assert found.meanwhile.pages > 0
    assert f"{found.deleted:,} deleted" in report(found)
