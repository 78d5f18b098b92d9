"""The live tail's answers: rows and the place after them, filters, late commits, bad places, rights."""

import re
from html import unescape

import pytest
from flask import Flask
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from tests.browser import Browser
from tests.factories import Factory
from tests.queries.books import NOON, Event, write

LOGS = "/dashboard/admin/system-logs"
TYPES = "type=PAYOUT_*"


@pytest.fixture
def admin(browser: Browser, factory: Factory) -> Browser:
    """A signed-in admin."""
    return browser.sign_in(factory.admin().email)


def start(browser: Browser, query: str = TYPES) -> tuple[str, str]:
    """The address and the place that a page of the log gives its script."""
    browser.get(f"{LOGS}?{query}")
    found = re.search(r'data-live="([^"]+)" data-after="([^"]+)"', browser.text)
    assert found is not None
    return unescape(found[1]), unescape(found[2])


def ask(browser: Browser, href: str, after: str) -> tuple[list[int], str, bool]:
    answer = browser.client.get(f"{href}&after={after}")
    assert answer.status_code == 200, answer.text
    ids = [int(found) for found in re.findall(r'<tr id="log-(\d+)"', answer.text)]
    return ids, answer.headers["X-Tail-After"], answer.headers["X-Tail-More"] == "1"


def test_what_the_page_did_not_show_arrives_once_with_its_filters(admin: Browser, session: Session) -> None:
    write(session, [Event("PAYOUT_PAID", at=NOON)])
    href, after = start(admin, f"{TYPES}&level=ERROR&limit=25")
    assert ask(admin, href, after)[0] == []
    wanted, _, newest = write(
        session,
        [Event("PAYOUT_FAILED", "ERROR", at=NOON), Event("PAYOUT_PAID"), Event("PAYOUT_FAILED", "ERROR")],
    )
    ids, place, more = ask(admin, href, after)
    assert (ids, more) == ([newest, wanted], False)
    assert ask(admin, href, after)[0] == ids  # an answer that was lost is asked for again
    assert ask(admin, href, place)[0] == []


def test_a_row_whose_transaction_ends_late_is_not_lost_and_holds_up_nobody(
    admin: Browser, session: Session, owner_engine: Engine
) -> None:
    href, after = start(admin)
    insert = text(
        "insert into log (level, type, actor, message, request_id)"
        " values ('INFO', 'PAYOUT_PAID', 'SYSTEM', 'x', gen_random_uuid()) returning id"
    )
    with owner_engine.connect() as slow, owner_engine.connect() as undone:
        late = slow.execute(insert).scalar_one()
        undone.execute(insert)
        [quick] = write(session, [Event("PAYOUT_PAID")])
        assert late < quick
        ids, after, _ = ask(admin, href, after)
        assert ids == [quick]
        slow.commit()
        undone.rollback()
    ids, after, _ = ask(admin, href, after)
    assert ids == [late]
    assert ask(admin, href, after)[0] == []


def test_a_burst_comes_in_answers_of_500(admin: Browser, session: Session) -> None:
    href, after = start(admin)
    written = write(session, [Event("PAYOUT_PAID")] * 700)
    first, after, more = ask(admin, href, after)
    written += write(session, [Event("PAYOUT_PAID")] * 400)
    second, after, again = ask(admin, href, after)
    third, _, last = ask(admin, href, after)
    assert (len(first), more, len(second), again, len(third), last) == (500, True, 200, False, 400, False)
    assert sorted(first + second + third) == written


def test_only_a_page_that_new_rows_would_stand_on_can_be_followed(admin: Browser, session: Session) -> None:
    write(session, [Event(at=NOON)] * 60)
    admin.get(LOGS)
    following = re.search(r'rel="next" href="([^"]+)"', admin.text)
    assert following is not None
    assert "<noscript><a" in admin.text
    for address in (unescape(following[1]), f"{LOGS}?sort=createdAt", f"{LOGS}?to=2026-11-20"):
        admin.get(address)
        assert "data-live=" not in admin.text


@pytest.mark.parametrize(
    "query",
    [
        "after=",
        "after=x",
        "after=5:4:",
        "after=0:1:",
        "after=1:9:9",
        "after=1:9:3,2",
        "after=1:9223372036854775808:",
        "after=1:2:~1:2:",
        "after=1:2:~1:2:~1.99999999999999999999",
        "after=1:2:~1:2:~1.9999999999999999999",
        "after=1:2:&sort=createdAt",
        "after=1:2:&to=now",
        "after=" + "1" * 3500,
        "after=1:2:&level=DEBUG",
    ],
)
def test_a_bad_place_is_400(admin: Browser, query: str) -> None:
    assert admin.get(f"{LOGS}/live?{query}").status_code == 400


def test_only_readers_follow(app: Flask, factory: Factory) -> None:
    assert Browser(app).get(f"{LOGS}/live?after=1:2:", follow=False).status_code == 302
    assert Browser(app).sign_in(factory.user().email).get(f"{LOGS}/live?after=1:2:").status_code == 403


def test_the_planner_reads_the_index_of_transactions(session: Session) -> None:
    write(session, [Event()] * 3000)
    session.execute(text("analyze log"))
    plan = session.scalars(
        text("explain select id from log where txid >= pg_snapshot_xmax(pg_current_snapshot()) order by txid, id")
    ).all()
    assert "txid_idx" in "\n".join(plan)
