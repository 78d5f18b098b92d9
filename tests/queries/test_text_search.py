"""A text that is likely rare is looked for by a third of its trigrams first, and no row is lost."""

import re
from datetime import timedelta

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import ARRAY, Text, event, func, literal, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from portal.models import Log
from portal.queries.log_search import LogSearch
from portal.queries.text_search import FreeText, holds, holds_thinly
from tests.queries.books import NOON, Event, write

ODD = st.sampled_from("abé ßΣςσİıI0_%\\-.\n") | st.characters(exclude_categories=["Cs"], min_codepoint=1)
PIECES = st.text(ODD, max_size=30)
NAME = "Noël-Maëlle O’Connor_100%"


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
@given(PIECES, PIECES, PIECES)
def test_a_text_that_holds_a_word_holds_it_thinly(session: Session, before: str, word: str, after: str) -> None:
    written = select(func.lower(before + word + after).label("search")).subquery()
    query = select(holds(written.c.search, word), holds_thinly(written.c.search, word))
    held, thinly = session.execute(query).one()
    assert thinly or not held


def test_letters_are_asked_for_by_threes_and_nothing_else_is(session: Session) -> None:
    near, far = "noëmaëlleconnor100", "no ëmaëlleconnor100"
    texts = literal([near, "noë, maë lle con nor 100", far], ARRAY(Text))
    rows = select(func.unnest(texts).label("text")).subquery()
    found = session.scalars(select(rows.c.text).where(holds_thinly(rows.c.text, NAME))).all()
    assert found == [near, "noë, maë lle con nor 100"]


@pytest.mark.parametrize(("word", "is_thinned"), [(NAME, True), ("court", False)])
def test_weeks_beyond_the_nearest_are_asked_thinly(
    app: Flask, session: Session, word: str, is_thinned: bool
) -> None:
    ids = write(session, [Event(message=f"{word} {n}", at=NOON - timedelta(days=n)) for n in range(0, 60, 6)])
    asked: list[str] = []
    event.listen(session.connection(), "before_cursor_execute", lambda *sent: asked.append(sent[2]))
    search = LogSearch.from_args(MultiDict({"q": f'"{word}"'}), now=NOON, tz="UTC")
    assert [row.id for row in search.page(session).rows] == ids
    nearest, rest = asked
    assert "regexp_replace" not in nearest
    assert ("regexp_replace" in rest) is is_thinned


def test_the_index_is_asked_for_threes_before_it_is_for_everything(session: Session) -> None:
    session.execute(text("set local enable_seqscan = off"))
    wanted = select(Log.id).where(*FreeText((NAME,), rare=True).conditions(Log.search))
    compiled = wanted.compile(dialect=postgresql.dialect())
    plan = "\n".join(session.connection().exec_driver_sql(f"explain {compiled}", compiled.params).scalars())
    threes, whole = r"search ~~ '%noë%+maë%lle%+con%nor%+100%+'::text", r"search ~~ '%noël-maëlle o’connor"
    assert re.search(rf"Index Cond: \(\({threes}\) AND \({whole}", plan), plan
