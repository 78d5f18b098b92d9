"""The log's search against a plain filter over the same rows, its bad values, and the way it reads."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from portal.models.log import TRACED_KEYS
from portal.queries import known, paging
from portal.queries.log_search import PARAMETERS, LogSearch
from portal.queries.paging import BadParameter
from tests.queries.books import NOON, Event, write

NOW = NOON + timedelta(days=3)
REQUESTS = [UUID(int=n) for n in range(1, 4)]
TYPES = ["USER_LOGIN", "PAYOUT_PAID", "PAYOUT_FAILED", "PAYOUTS", "CRON_PAYOUT_STARTED", "odd.type"]
LEVELS = ["INFO", "WARNING", "ERROR", "CRITICAL"]
ACTORS = ["USER", "CREATOR", "ADMIN", "SYSTEM", "GUEST"]
MESSAGES = ["Payout ÉCHOUÉ : 100% a_b", "Connexion réussie", "Solde insuffisant", "solde  back\\slash"]


def mixed_rows() -> list[Event]:
    """Rows that share and lack every field, several in one instant, over three weeks."""
    rows = []
    for n in range(120):
        details: dict[str, Any] = {TRACED_KEYS[n % 9]: f"id-{n % 7}"} if n % 3 else {"note": f"id-{n % 7}"}
        if n % 5 == 0:
            details |= {"creatorId": "id-1", "nested": {"list": ["Zébu", n]}}
        rows.append(
            Event(
                type=TYPES[n % 6],
                level=LEVELS[n * n % 4],
                actor=ACTORS[n % 5],
                actor_id=f"id-{n % 4}" if n % 4 else None,
                message=MESSAGES[n % 4],
                details=details,
                request_id=REQUESTS[n % 3],
                at=NOON - timedelta(hours=(n // 2) * 9),
            )
        )
    return rows


def searched_text(e: Event) -> str:
    def values(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            for item in value.values():
                yield from values(item)
        elif isinstance(value, list):
            for item in value:
                yield from values(item)
        else:
            yield str(value)

    return "\n".join([e.type, e.message, e.actor_id or "", *values(e.details)]).lower()


def is_type(wanted: str, type: str) -> bool:
    if wanted.endswith("*"):
        return type.startswith(wanted[:-1])
    return type.startswith(wanted) if wanted.endswith("_") else type == wanted


def passes(e: Event, args: list[tuple[str, str]]) -> bool:
    """The plain meaning of the parameters."""

    def chosen(name: str, test: Callable[[str], bool]) -> bool:
        values = [v for k, v in args if k == name]
        only = [v for v in values if not v.startswith("-")]
        without = [v[1:] for v in values if v.startswith("-")]
        return (not only or any(map(test, only))) and not any(map(test, without))

    one = dict(args)
    words = one.get("q", "").lower().split()
    return (
        chosen("level", lambda v: v == e.level)
        and chosen("type", lambda v: is_type(v, e.type))
        and chosen("actor", lambda v: v == e.actor)
        and one.get("actorId") in {None, e.actor_id}
        and ("entity" not in one or one["entity"] in {e.details.get(key) for key in TRACED_KEYS})
        and ("requestId" not in one or UUID(one["requestId"]) == e.request_id)
        and ("from" not in one or e.at >= datetime.fromisoformat(one["from"]))
        and ("to" not in one or e.at < datetime.fromisoformat(one["to"]))
        and all((w[1:] not in searched_text(e)) if w.startswith("-") else (w in searched_text(e)) for w in words)
    )


def search(args: list[tuple[str, str]]) -> LogSearch:
    return LogSearch.from_args(MultiDict(args), now=NOW, tz="UTC")


def walk(session: Session, args: list[tuple[str, str]]) -> list[int]:
    """Every row of every page, forwards; each page is read again backwards and must be the same."""
    found: list[int] = []
    wanted = replace(search(args), limit=7)
    before: list[int] | None = None
    while True:
        page = wanted.page(session)
        ids = [row.id for row in page.rows]
        if page.previous is not None and before is not None:
            order = replace(wanted.order, cursor=page.previous)
            back = replace(wanted, order=order).page(session)
            assert [row.id for row in back.rows] == before[-7:]
        found += ids
        if page.next is None:
            return found
        before = ids
        wanted = replace(wanted, order=replace(wanted.order, cursor=page.next))


FIELDS = {
    "level": [*LEVELS, "-INFO", "-ERROR"],
    "type": [*TYPES, "PAYOUT_", "PAYOUT*", "CRON_*", "*", "-PAYOUT_*", "-USER_LOGIN", "NOTHING_*"],
    "actor": [*ACTORS, "-SYSTEM", "-GUEST"],
    "actorId": ["id-1", "id-3", "nobody"],
    "entity": ["id-1", "id-5", "id-9"],
    "requestId": [str(request) for request in REQUESTS],
    "from": [(NOON - timedelta(days=n)).isoformat() for n in (1, 9, 16)],
    "to": [(NOON - timedelta(hours=n)).isoformat() for n in (0, 9, 24)],
    "q": [
        "solde",
        "échoué",
        "100%",
        "a_b",
        "back\\slash",
        "zébu",
        "payout -cron",
        "SOLDE insuffisant",
        "-solde",
        "%%%",
    ],
    "sort": ["createdAt", "-createdAt"],
}
REPEATED = ("level", "type", "actor")


@st.composite
def addresses(draw: st.DrawFn) -> list[tuple[str, str]]:
    names = draw(st.lists(st.sampled_from(sorted(FIELDS)), max_size=4, unique=True))
    found = []
    for name in names:
        most = 3 if name in REPEATED else 1
        values = draw(st.lists(st.sampled_from(FIELDS[name]), min_size=1, max_size=most, unique=True))
        found += [(name, value) for value in values]
    return found


def expected(rows: dict[int, Event], args: list[tuple[str, str]]) -> list[int]:
    wanted = [row_id for row_id, e in rows.items() if passes(e, args)]
    ordered = sorted(wanted, key=lambda row_id: (rows[row_id].at, row_id))
    return ordered if ("sort", "createdAt") in args else ordered[::-1]


@pytest.fixture
def rows(session: Session) -> dict[int, Event]:
    """The mixed rows under their ids."""
    events = mixed_rows()
    return dict(zip(write(session, events), events, strict=True))


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in FIELDS.items() for value in values])
def test_every_filter_alone_means_what_it_says(
    session: Session, rows: dict[int, Event], name: str, value: str
) -> None:
    assert walk(session, [(name, value)]) == expected(rows, [(name, value)])


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
@given(args=addresses())
def test_filters_together_page_by_page_hold_exactly_the_rows_of_a_plain_filter(
    session: Session, rows: dict[int, Event], args: list[tuple[str, str]]
) -> None:
    assume(has_a_range(args))
    assert walk(session, args) == expected(rows, args)


def has_a_range(args: list[tuple[str, str]]) -> bool:
    """Whether the range, if there is one, ends after it begins."""
    one = dict(args)
    return not one.get("from") or not one.get("to") or one["from"] < one["to"]


def test_the_plain_filter_tells_the_values_apart(rows: dict[int, Event]) -> None:
    everything = len(rows)
    for name, values in FIELDS.items():
        counts = {len(expected(rows, [(name, value)])) for value in values}
        assert name == "sort" or counts - {0, everything}, name


def test_a_phrase_is_one_piece_and_may_be_left_out(session: Session) -> None:
    ids = write(session, [Event(message="solde bien insuffisant"), Event(message="Solde insuffisant")])
    assert walk(session, [("q", "solde insuffisant")]) == ids[::-1]
    assert walk(session, [("q", '"solde insuffisant"')]) == [ids[1]]
    assert walk(session, [("q", '-"solde insuffisant" solde')]) == [ids[0]]
    assert walk(session, [("q", '"solde insuff')]) == [ids[1]]


@pytest.mark.parametrize(
    ("given", "moment"),
    [
        ("2026-11-02T10:00:00Z", "2026-11-02T10:00:00+00:00"),
        ("2026-11-02T10:00:00+02:00", "2026-11-02T08:00:00+00:00"),
        ("2026-11-02T10:00:00 02:00", "2026-11-02T08:00:00+00:00"),
        ("2026-11-02T10:00", "2026-11-02T09:00:00+00:00"),
        ("2026-11-02 10:00:00.250", "2026-11-02T09:00:00.250000+00:00"),
        ("2026-07-02", "2026-07-01T22:00:00+00:00"),
        ("02/07/2026", "2026-07-01T22:00:00+00:00"),
        ("02/11/2026 10:30", "2026-11-02T09:30:00+00:00"),
        ("now", "2026-11-04T12:00:00+00:00"),
        ("now-90m", "2026-11-04T10:30:00+00:00"),
        ("now-24h", "2026-11-03T12:00:00+00:00"),
        ("now-7d", "2026-10-28T12:00:00+00:00"),
        ("3h", "2026-11-04T09:00:00+00:00"),
        ("7j", "2026-10-28T12:00:00+00:00"),
        ("hier", "2026-11-02T23:00:00+00:00"),
        ("Aujourd’hui", "2026-11-03T23:00:00+00:00"),
        ("yesterday", "2026-11-02T23:00:00+00:00"),
    ],
)
def test_a_moment_is_read_in_the_readers_zone_unless_it_names_one(given: str, moment: str) -> None:
    period = LogSearch.from_args(MultiDict({"from": given}), now=NOW, tz="Europe/Paris").period
    assert period.start is not None
    assert period.start.isoformat() == moment


def test_a_day_given_as_the_end_is_included() -> None:
    for day in ("2026-11-02", "02/11/2026"):
        period = LogSearch.from_args(MultiDict({"to": day}), now=NOW, tz="Europe/Paris").period
        assert period.end == datetime(2026, 11, 2, 23, tzinfo=UTC)
    period = LogSearch.from_args(MultiDict({"from": "hier", "to": "hier"}), now=NOW, tz="Europe/Paris").period
    assert (period.start, period.end) == (
        datetime(2026, 11, 2, 23, tzinfo=UTC),
        datetime(2026, 11, 3, 23, tzinfo=UTC),
    )


BAD = [
    ("level", "DEBUG"),
    ("level", "error"),
    ("level", "-"),
    ("type", "PAYOUT APPROVED"),
    ("type", "a*b"),
    ("type", "'; drop table log"),
    ("type", "é"),
    ("actor", "ROBOT"),
    ("actorId", "x" * 501),
    ("entity", "a\x00b"),
    ("entity", "\ud800"),
    ("requestId", "12"),
    ("from", "tomorrow"),
    ("from", "2026-02-30"),
    ("from", "32/01/2026"),
    ("from", "now-999999d"),
    ("from", "now-5"),
    ("from", "now+5h"),
    ("from", "0001-01-01T00:00:00+14:00"),
    ("from", "99999-01-01"),
    ("to", "9999-12-31"),
    ("to", "9999-12-31T23:59:59-14:00"),
    ("to", "\u0661\u0662/11/2026"),
    ("tz", "Mars/Olympus"),
    ("tz", "Europe"),
    ("tz", "../../etc/passwd"),
    ("tz", "/etc/localtime"),
    ("q", "ab"),
    ("q", "a b c"),
    ("q", "x" * 501),
    ("q", "abc\x00"),
    ("cursor", "x"),
    ("cursor", "ééé"),
    ("cursor", "Zjk5OTk"),
    ("limit", "10"),
    ("limit", "-25"),
    ("limit", "99999999999999999999"),
    ("limit", "２５"),
    ("sort", "level"),
    ("page", "2"),
    ("LEVEL", "ERROR"),
]


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_bad_value_is_refused_by_the_parameters_name(name: str, value: str) -> None:
    with pytest.raises(BadParameter) as refused:
        search([(name, value)])
    assert refused.value.parameter == name
    assert refused.value.expected


@pytest.mark.parametrize("name", sorted(set(PARAMETERS) - {"level", "type", "actor"}))
def test_a_single_parameter_given_twice_is_refused(name: str) -> None:
    with pytest.raises(BadParameter) as refused:
        search([(name, "abc"), (name, "def")])
    assert refused.value.parameter == name


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_a_blank_parameter_is_as_if_it_were_not_there(name: str) -> None:
    assert search([(name, " ")]) == search([])


def test_the_range_may_not_end_before_it_begins() -> None:
    with pytest.raises(BadParameter):
        search([("from", "2026-11-02"), ("to", "2026-11-01")])
    assert search([("from", "2026-11-02"), ("to", "2026-11-02")]).period.end == datetime(2026, 11, 3, tzinfo=UTC)


def test_short_text_is_searched_within_a_time(session: Session) -> None:
    ids = write(session, [Event(message="ab"), Event(message="cd")])
    assert walk(session, [("q", "ab"), ("from", "2026-10-31")]) == [ids[0]]


@pytest.mark.parametrize(
    "place", ["f2026-11-01T12:00:00|1", "x2026-11-01T12:00:00+00:00|1", "f|1", "f2026-11-01T12:00:00+00:00|-1",
              "f2026-11-01T12:00:00+00:00|9223372036854775808", "f0001-01-01T00:00:00+14:00|1"]
)  # fmt: skip
def test_a_forged_cursor_is_refused(place: str) -> None:
    import base64

    with pytest.raises(BadParameter):
        search([("cursor", base64.urlsafe_b64encode(place.encode()).decode().rstrip("="))])


def test_a_search_that_takes_too_long_asks_to_be_narrowed(
    session: Session, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(session, [Event(message="mot " * 500) for _ in range(3000)])
    monkeypatch.setattr(paging, "TIMEOUT_MS", 1)
    with pytest.raises(BadParameter) as refused:
        search([("q", "-mot -rare")]).page(session)
    assert refused.value.parameter == "q"
    assert "plus étroite" in refused.value.expected
    assert session.scalar(text("select 1")) == 1


def test_the_time_limit_does_not_outlive_the_search(session: Session) -> None:
    search([]).page(session)
    assert session.scalar(text("show statement_timeout")) == "0"


@pytest.mark.parametrize("args", [[], [("type", "USER_LOGIN")], [("type", "USER_*")], [("q", "connexion")]])
def test_bare_rows_lack_their_metadata_alone(app: Flask, session: Session, args: list[tuple[str, str]]) -> None:
    write(session, [Event(details={"ipAddress": f"192.0.2.{n}"}) for n in range(3)])
    whole = search(args).page(session).rows
    assert [row.details["ipAddress"] for row in whole] == ["192.0.2.2", "192.0.2.1", "192.0.2.0"]
    assert replace(search(args), bare=True).page(session).rows == [
        row._replace(details=None, request_id=None) for row in whole
    ]


@pytest.fixture
def many_rows(session: Session) -> Session:
    """20,000 rows over four weeks, with fresh statistics."""
    known._remembered.clear()
    session.execute(text("select make_partitions(:a, :b)"), {"a": NOON - timedelta(weeks=4), "b": NOON})
    session.execute(
        text(
            """
            insert into log (created_at, level, type, actor, actor_id, message, metadata, request_id)
            select :noon - n * interval '2 minutes',
                (case when n % 1000 = 0 then 'CRITICAL' when n % 50 = 0 then 'ERROR'
                    when n % 9 = 0 then 'WARNING' else 'INFO' end)::log_level,
                (array['USER_LOGIN', 'PAYOUT_PAID', 'PAYOUT_FAILED', 'CRON_CLEANUP_STARTED'])[1 + n % 4],
                (case when n % 3 = 0 then 'USER' else 'SYSTEM' end)::log_actor, 'actor-' || n % 500,
                'message numéro ' || n,
                jsonb_build_object('payoutId', 'p-' || n % 4000, 'creatorId', 'c-' || n % 300),
                ('00000000-0000-0000-0000-' || lpad((n / 5)::text, 12, '0'))::uuid
            from generate_series(0, 19999) as n
            """
        ),
        {"noon": NOON},
    )
    session.commit()
    session.execute(text("analyze log"))
    return session


READ_BY_INDEX: list[list[tuple[str, str]]] = [
    [],
    [("sort", "createdAt")],
    [("level", "CRITICAL")],
    [("level", "ERROR"), ("level", "CRITICAL")],
    [("type", "PAYOUT_FAILED")],
    [("type", "PAYOUT_*")],
    [("type", "PAYOUT_*"), ("level", "CRITICAL")],
    [("actor", "SYSTEM")],
    [("actorId", "actor-7")],
    [("entity", "p-7")],
    [("entity", "c-7")],
    [("requestId", "00000000-0000-0000-0000-000000000007")],
    [("from", "2026-10-20"), ("to", "2026-10-21")],
]


def test_pages_are_read_by_index_and_never_walk_the_book(
    many_rows: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known, "MARGIN", 0)  # of these few rows the newest thousand would be a whole week
    for args in READ_BY_INDEX:
        assert_walks_no_partition(many_rows, args)


def assert_walks_no_partition(many_rows: Session, args: list[tuple[str, str]]) -> None:
    """Three pages, none of which reads a partition that holds rows from end to end."""
    wanted = search(args)
    for _ in range(3):
        compiled = (
            wanted.informed(many_rows)
            .statement()
            .compile(dialect=postgresql.dialect(), compile_kwargs={"render_postcompile": True})
        )
        connection = many_rows.connection()
        lines = connection.exec_driver_sql(f"explain (analyze, costs off, timing off) {compiled}", compiled.params)
        plan = "\n".join(lines.scalars())
        assert "Index" in plan
        assert not re.search(r"Seq Scan on log_2026w4[0-4]", plan), plan
        page = wanted.page(many_rows)
        if page.next is None:
            break
        wanted = replace(wanted, order=replace(wanted.order, cursor=page.next))


def test_an_absent_type_costs_no_walk_of_the_book(many_rows: Session) -> None:
    assert search([("type", "NOTHING_*")]).page(many_rows).rows == []
    assert not search([("type", "ABSENT")]).finds_something(many_rows)
    assert search([("type", "CRON_*")]).finds_something(many_rows)


def test_pages_before_the_cursor_skip_later_partitions(many_rows: Session) -> None:
    page = search([("from", "2026-10-05"), ("to", "2026-10-06")]).page(many_rows)
    cursor = paging.Cursor(page.rows[0].created_at, page.rows[0].id)
    wanted = search([("cursor", cursor.encode())])
    compiled = wanted.statement().compile(dialect=postgresql.dialect())
    plan = "\n".join(many_rows.connection().exec_driver_sql(f"explain {compiled}", compiled.params).scalars())
    assert "log_2026w44" not in plan, plan
    assert "log_2026w40" in plan or "log_2026w41" in plan


def test_rare_text_is_found_by_its_own_index(many_rows: Session) -> None:
    many_rows.execute(text("set local enable_seqscan = off"))
    compiled = search([("q", "NUMÉRO 19991")]).statement().compile(dialect=postgresql.dialect())
    plan = "\n".join(many_rows.connection().exec_driver_sql(f"explain {compiled}", compiled.params).scalars())
    assert "_search_idx" in plan, plan
    assert [row.message for row in search([("q", "NUMÉRO 19991")]).page(many_rows).rows] == [
        "message numéro 19991"
    ]
