"""The details of an event in both books: values by kind, changes, stacks, neighbours; and nothing breaks."""

import json
import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from portal.blueprints.entities import changes_in
from portal.blueprints.stacks import stack_lines
from portal.database.stored_json import read_json
from tests.browser import Browser
from tests.factories import Factory
from tests.queries.books import NOON, Event, Money, minutes, write, write_money

LOGS, MONEY = "/dashboard/admin/system-logs", "/dashboard/admin/logs"
STACK = """Traceback (most recent call last):
  File "/srv/callastar/portal/jobs/runner.py", line 88, in run
    summary = job(context)
  File "/srv/callastar/.venv/lib/python3.11/site-packages/sqlalchemy/engine/default.py", line 952, in do_execute
    cursor.execute(statement, parameters)
    ^^^^^^^^^^^^^^
sqlalchemy.exc.OperationalError: server closed the connection unexpectedly
"""


FILTER = re.compile(r'class="icon-button" href="([^"]+)"(?: data-filter-in)? aria-label="(?:Seulement|Sans) ')


@pytest.fixture
def admin(browser: Browser, factory: Factory) -> Browser:
    """A signed-in admin."""
    return browser.sign_in(factory.admin().email)


def value_of(browser: Browser, key: str) -> tuple[str, str]:
    """The markup and the words of the value under a key."""
    found = re.search(rf"<code><bdi>{key}</bdi></code></dt><dd>(<span.*?)<span class=\"json-tools\"", browser.text)
    assert found is not None, key
    return found[1], unescape(re.sub("<[^>]+>", "", found[1]))


def test_a_long_message_is_cut_in_the_title_and_whole_below(admin: Browser, session: Session) -> None:
    message = "Action refusée : " + "un motif après l’autre, " * 6 + "et le dernier."
    [row] = write(session, [Event(message=message, at=NOON)])
    admin.get(f"{LOGS}/{row}")
    [title] = re.findall(r"<h1><span[^>]*>(.*?)</span></h1>", admin.text)
    assert (len(title) <= 90, title[-1]) == (True, "…")
    assert f'<p class="lede" lang="fr">{message}</p>' in admin.text


def test_each_value_is_shown_by_its_kind(admin: Browser, session: Session) -> None:
    details = {
        "payoutId": "p-1", "amount": 1234.5, "currency": "EUR", "requestedAmount": "99.90",
        "processingTimeMs": 61_500, "durationSeconds": 90, "arrivalDate": "2026-11-03T10:50:31+00:00",
        "useStripeConnect": True, "note": None, "tries": 3, "empty": "", "list": [],
        "summary": {"failed": 2, "rows": [{"amount": 5}]}, "long": "x" * 900,
        "site": "javascript:alert(1)", "callOfferId": "o-1", "badAmount": "NaN", "text": "a\u202eb",
    }  # fmt: skip
    [row] = write(session, [Event(details=details, at=NOON)])
    for address in (f"{LOGS}/{row}", f"{LOGS}/{row}?partial=1", f"{LOGS}?open={row}"):
        admin.get(address)
        assert admin.status == 200
        assert value_of(admin, "amount") == (
            '<span class="json-money" title="1234.5 EUR"><bdi>1\u202f234,50\xa0€</bdi></span>',
            "1\u202f234,50\xa0€",
        )
        words = {key: value_of(admin, key)[1] for key in details if key not in {"summary", "long"}}
        assert words["requestedAmount"] == "99,90\xa0€"
        assert words["processingTimeMs"] == "1\xa0min\xa001\xa0s"
        assert words["durationSeconds"] == "1\xa0min\xa030\xa0s"
        assert words["arrivalDate"] == "03/11/2026 11:50:31.000"
        assert (words["useStripeConnect"], words["note"], words["empty"]) == ("true", "null", '""')
        assert (words["list"], words["tries"], words["badAmount"]) == ("[]", "3", "NaN")
        assert words["text"] == "a\\u202eb"
        assert "2026-11-03T10:50:31.000Z" in value_of(admin, "arrivalDate")[0]
        assert 'href="/dashboard/admin/traces/payout/p-1"' in value_of(admin, "payoutId")[0]
        assert 'href="/dashboard/admin/traces/offer/o-1"' in value_of(admin, "callOfferId")[0]
        assert "<a" not in value_of(admin, "site")[0]
        assert 'href="javascript' not in admin.text
        assert '<details class="json-long"><summary><bdi>' + "x" * 240 + "…" in admin.text
        assert ">5,00\xa0€<" in admin.text  # the currency above it is its own
        assert admin.text.count('data-copy="1234.5"') == 1
        assert "\u202e" not in admin.text.replace('data-copy="a\u202eb"', "")
        assert (
            json.loads(unescape(re.findall(r"<pre tabindex=\"0\"><code>(.*?)</code>", admin.text, re.DOTALL)[-1]))
            == details
        )


def test_filters_of_a_value_are_terms_that_keep_it_or_leave_it_out(admin: Browser, session: Session) -> None:
    details = {
        "failureCode": "no_account", "payoutId": "p-1", "amount": 12.5, "useStripeConnect": True, "status": "x",
        "summary": {"failed": 2}, "quoted": 'a "b" c', "list": ["due.x", "due.y"], "odd key": "v", "note": None,
        "star": "ab*",
    }  # fmt: skip
    [row, other] = write(session, [Event(details=details), Event(details={"failureCode": "other", "amount": 1})])
    admin.get(f"{LOGS}/{row}?partial=1&level=INFO")
    hrefs = [unescape(href) for href in re.findall(r'class="icon-button" href="([^"]+)"', admin.text)]
    assert len(hrefs) == 2 * 9
    for href in hrefs:
        admin.get(href)
        assert admin.status == 200, (href, admin.words)
        shown = [int(found) for found in re.findall(r'<tr id="log-\d+" data-log-id="(\d+)"', admin.text)]
        assert (row in shown) is ("q=-" not in href), href
        assert (other in shown) is ("q=-" in href), href
    [money] = write_money(session, [Money(details={"route": "review", "status": "y"})])
    admin.get(f"{MONEY}/{money}?partial=1")
    hrefs = [unescape(href) for href in re.findall(r'class="icon-button" href="([^"]+)"', admin.text)]
    for href in hrefs:
        assert (f'data-log-id="{money}"' in admin.get(href).get_data(as_text=True)) is ("q=-" not in href), href
    assert len(hrefs) == 4


ODD: dict[str, Any] = {
    "a.b": "dotted", "obj": {"in": "v", "x.y": "no filter"}, "dash-key": "d", "1st": "digit", "clé": "é",
    "list": ["a b", 3, 2.5, True], "things": [{"code": "no filter"}], "tiny": 0.00001, "large": 1e22, "one": 1.0,
    "nbsp": "1\u202f234,50\xa0€", "family": "\N{WOMAN}\u200d\N{GIRL}", "empty": "", "level": "X", "AND": "AND",
    "paren": "(a) OR b", "colon": "a:b", "percent": "100% _x_", "backslash": "a\\b", "turkish": "İSTANBUL ı",
    "<script>": "no filter", "a:b": "no filter", "lines": "no\nfilter", "": {"in": "no filter"},
    "large400": 10**400,
}  # fmt: skip


def test_the_filter_of_whatever_value_finds_its_row_and_leaving_it_out_does_not(
    admin: Browser, session: Session
) -> None:
    [row] = write(session, [Event(details=ODD, at=NOON)])
    [money] = write_money(session, [Money(details=ODD, at=NOON)])
    for base, number in ((LOGS, row), (MONEY, money)):
        admin.get(f"{base}/{number}")
        hrefs = [unescape(href) for href in FILTER.findall(admin.text)]
        assert len(hrefs) == 2 * 22
        for href in hrefs:
            found = f'data-log-id="{number}"' in admin.get(href).get_data(as_text=True)
            assert (admin.status, found) == (200, "q=-" not in href), href


@pytest.mark.parametrize("q", ['"ligne" OR absent', '"ligne', "ligne (une OR absent)", "ligne"])
def test_a_filter_narrows_whatever_was_searched(admin: Browser, session: Session, q: str) -> None:
    rows = write(session, [Event(message="une ligne", details={"n": n}, at=NOON) for n in range(2)])
    admin.get(LOGS, query_string={"q": q, "open": rows[0]})
    hrefs = [unescape(href) for href in FILTER.findall(admin.text)]
    found = [re.findall(r'data-log-id="(\d+)"', admin.get(href).get_data(as_text=True)) for href in hrefs]
    assert found == [[str(rows[0])], [str(rows[1])]]


def test_no_filter_is_offered_that_would_make_the_search_too_long(admin: Browser, session: Session) -> None:
    [row] = write(session, [Event(message="une ligne", details={"key": "v" * 60}, at=NOON)])
    admin.get(LOGS, query_string={"q": f"ligne {'-absent ' * 40}", "open": row})
    assert "filter-in" in admin.text
    admin.get(LOGS, query_string={"q": f"ligne {'-absent0123456 ' * 30}", "open": row})
    assert f'data-log-id="{row}"' in admin.text
    assert "filter-in" not in admin.text


def test_changes_are_read_from_pairs_lines_and_objects(admin: Browser, session: Session) -> None:
    details = {
        "previousStatus": "REQUESTED",
        "newStatus": "APPROVED",
        "changes": ["price: 60.00 → 55.00", "title: a: b → c", "no arrow", 3],
    }
    expected = [("status", "REQUESTED", "APPROVED"), ("price", "60.00", "55.00"), ("title", "a: b", "c")]
    assert changes_in(details) == expected
    assert changes_in({"changes": {"a": {"from": 1, "to": None}, "b": [1, 2], "c": {"x": 1}}}) == [
        ("a", 1, None),
        ("b", 1, 2),
    ]
    [row], [money] = write(session, [Event(details=details)]), write_money(session, [Money(details=details)])
    for address in (f"{LOGS}/{row}", f"{LOGS}/{row}?partial=1", f"{MONEY}/{money}", f"{MONEY}/{money}?partial=1"):
        admin.get(address)
        assert "Statut avant REQUESTED après APPROVED" in admin.words
        assert "price avant 60.00 après 55.00" in admin.words


def test_a_stack_shows_its_frames_and_sets_our_own_apart(admin: Browser, session: Session) -> None:
    first, own, library, last = stack_lines(STACK)
    assert (first.text, last.text) == (STACK.splitlines()[0], STACK.splitlines()[-1])
    assert (own.short, own.line, own.name, own.text, own.is_own) == (
        "portal/jobs/runner.py", "88", "run", "summary = job(context)", True,
    )  # fmt: skip
    assert (library.short, library.is_own) == ("sqlalchemy/engine/default.py", False)
    assert library.text.startswith("cursor.execute(statement, parameters)\n")
    assert stack_lines("<script>\n\n") != []
    [row] = write(session, [Event(details={"errorStack": STACK, "errorType": "X"})])
    admin.get(f"{LOGS}/{row}")
    assert admin.text.count("frame-own") == 1
    assert f'data-copy="{STACK}"'.replace('"', "&#34;")[:30] in admin.text.replace('"', "&#34;")
    assert "portal/jobs/runner.py:88 run notre code summary = job(context)" in admin.words


def test_before_and_after_of_each_thing_lead_along_its_life(admin: Browser, session: Session) -> None:
    def names(n: int) -> dict[str, str]:
        return {"payoutId": "p-1"} if n % 2 else {"payoutId": "p-1", "creatorId": "c-1"}

    ids = write(session, [Event(f"PAYOUT_{n}", details=names(n), at=NOON + minutes(n // 2)) for n in range(6)])
    admin.get(f"{LOGS}/{ids[2]}")
    pairs = dict(re.findall(r'data-siblings="(\w+)">(.*?)</div>', admin.text, re.DOTALL))
    links = {key: re.findall(r'rel="(\w+)" href="[^"]+/(\d+)"', found) for key, found in pairs.items()}
    assert links["payoutId"] == [("prev", str(ids[1])), ("next", str(ids[3]))]
    assert links["creatorId"] == [("prev", str(ids[0])), ("next", str(ids[4]))]
    admin.get(f"{LOGS}/{ids[0]}")
    assert "rien avant" in admin.words
    rows = [Money(payout_id="p-1", entity_id="p-1", at=NOON + timedelta(days=n)) for n in range(3)]
    money = write_money(session, [*rows, Money(entity_id="p-2", at=NOON + timedelta(days=1, hours=1))])
    admin.get(f"{MONEY}/{money[1]}")
    links_of = re.findall(r'rel="(\w+)" href="[^"]+/(\d+)"', admin.text)
    assert links_of == [("prev", str(money[0])), ("next", str(money[2]))]
    around = admin.text.partition('id="around"')[2]
    assert re.findall(r'data-log-id="(\d+)"', around) == [str(money[n]) for n in (2, 3, 1, 0)]


def test_however_large_or_deep_nothing_breaks(admin: Browser, session: Session) -> None:
    huge = {"blob": "é" * 1_000_000, "many": list(range(5_000)), "wide": {f"k{n}": n for n in range(5_000)}}
    forty: dict[str, object] = {"leaf": 1}
    for _ in range(40):
        forty = {"in": forty}
    [row, nested, deep] = write(
        session, [Event(details=huge), Event(details=forty), Event(details={"payoutId": "p-1"})]
    )
    bottomless = '{"a":' * 6_999 + "1" + "}" * 6_999
    session.execute(text("set session_replication_role = replica"))
    session.execute(
        text(
            "update log set metadata = jsonb_build_object('payoutId', 'p-1', 'deep', cast(:value as jsonb))"
            " where id = :id"
        ),
        {"value": bottomless, "id": deep},
    )
    session.commit()
    for number in (row, nested, deep):
        for address in (f"{LOGS}/{number}", f"{LOGS}/{number}?partial=1", f"{LOGS}?open={number}"):
            admin.get(address)
            assert admin.status == 200
            assert len(admin.text) < 2_000_000
    admin.get(f"{LOGS}/{nested}")
    assert "Trop profond pour être montré." in admin.words
    admin.get(f"{LOGS}/{row}")
    assert "Le reste n’est pas montré" in admin.words
    assert admin.get("/dashboard/admin/traces/payout/p-1").status_code == 200
    assert admin.get("/api/admin/traces/payout/p-1").get_json()["items"][0]["metadata"]["nestedTooDeep"] == 7_000
    assert admin.get("/api/admin/system-logs").status_code == 200
    assert read_json('{"a": "' + "{[" * 900 + '"}') == {"a": "{[" * 900}
