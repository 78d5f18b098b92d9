"""The search language on the pages and in the JSON: pills, both forms of a search, mistakes, suggestions."""

import re
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from sqlalchemy.orm import Session

from tests.browser import Browser
from tests.factories import Factory
from tests.queries.books import Event, Money, write, write_money

LOGS, MONEY = "/dashboard/admin/system-logs", "/dashboard/admin/logs"
API = {LOGS: "/api/admin/system-logs", MONEY: "/api/admin/logs"}
VERBATIM = 'level:ERROR type:PAYOUT_* actor:ADMIN -type:CRON_* creator:c-7 amount>=100 "solde insuffisant"'


@pytest.fixture
def admin(browser: Browser, factory: Factory) -> Browser:
    """A signed-in admin."""
    return browser.sign_in(factory.admin().email)


def shown(browser: Browser) -> list[int]:
    return [int(found) for found in re.findall(r'data-log-id="(\d+)"', browser.text)]


def href(browser: Browser, words: str) -> str:
    found = re.search(rf'href="([^"]+)"[^>]*>{re.escape(words)}', browser.text)
    assert found is not None, words
    return unescape(found[1])


def parameters(address: str) -> list[tuple[str, str]]:
    return parse_qsl(urlsplit(address).query)


def test_the_specifications_search_works_on_the_page_and_in_the_json(admin: Browser, session: Session) -> None:
    about = {"creatorId": "c-7", "amount": "150.50"}
    right = Event("PAYOUT_FAILED", "ERROR", "ADMIN", message="Solde INSUFFISANT", details=about)
    ids = write(session, [right, Event("PAYOUT_FAILED", "ERROR", "ADMIN", message="Solde insuffisant")])
    assert admin.get(f"{LOGS}?q={quote(VERBATIM)}").status_code == 200
    assert shown(admin) == ids[:1]
    answer = admin.client.get(f"{API[LOGS]}?q={quote(VERBATIM)}").json
    assert answer is not None
    assert [item["id"] for item in answer["items"]] == ids[:1]
    assert admin.get(f"{MONEY}?q={quote(VERBATIM)}").status_code == 200


def test_each_term_is_a_pill_that_removes_or_turns_it_around(admin: Browser, session: Session) -> None:
    ids = write(
        session, [Event("USER_LOGIN", message="solde"), Event("CRON_PAYOUT_STARTED", "ERROR", message="solde")]
    )
    admin.get(f"{LOGS}?q={quote('level:ERROR -cron OR x:1')}")
    assert re.findall(r'pill-label">([^<]+)', admin.text)[:1] == ["(level:ERROR -cron) OR x:1"]
    admin.get(f"{LOGS}?actor=SYSTEM&q={quote('level:ERROR NOT login (solde OR carte)')}")
    labels = re.findall(r'pill-label">([^<]+)', admin.text)
    assert labels == ["acteur SYSTEM", "level:ERROR", "texte login", "solde OR carte"]
    removals = [unescape(link) for link in re.findall(r'pill-remove" href="([^"]+)"', admin.text)]
    assert parameters(removals[1]) == [("actor", "SYSTEM"), ("q", "-login (solde OR carte)")]
    turns = [unescape(link) for link in re.findall(r'pill-invert" href="([^"]+)"', admin.text)]
    assert parameters(turns[3])[1] == ("q", "level:ERROR -login -(solde OR carte)")
    admin.get(turns[1])
    assert shown(admin) == []
    admin.get(removals[2])
    assert shown(admin) == ids[1:]


@pytest.mark.parametrize(
    ("given", "search"),
    [
        (
            [
                ("level", "ERROR"),
                ("level", "CRITICAL"),
                ("type", "PAYOUT_*"),
                ("type", "-PAYOUT_PAID"),
                ("q", "solde"),
            ],
            "solde (level:ERROR OR level:CRITICAL) type:PAYOUT_* -type:PAYOUT_PAID",
        ),
        ([("actor", "-GUEST"), ("actorId", "a b"), ("from", "now-7d")], '-actor:GUEST actorId:"a b" from:now-7d'),
    ],
)
def test_filters_and_search_are_two_views_of_one_query(
    admin: Browser, given: list[tuple[str, str]], search: str
) -> None:
    admin.get(LOGS, query_string=given)
    as_search = href(admin, "Montrer comme recherche")
    assert parameters(as_search) == [("q", search)]
    assert admin.get(as_search).status_code == 200
    assert "Montrer comme recherche" not in admin.words
    assert sorted(parameters(href(admin, "Montrer comme filtres"))) == sorted(given)


def test_the_boxes_know_what_the_search_says(admin: Browser) -> None:
    admin.get(f"{LOGS}?q={quote('level>=ERROR solde')}")
    checked = re.findall(r'name="level" value="(\w+)" checked', admin.text)
    assert sorted(checked) == ["CRITICAL", "ERROR"]
    boxes = admin.text.partition('aria-label="Affiner"')[2]
    assert 'type="hidden" name="q" value="solde"' in boxes
    only = re.search(r'href="([^"]+)" title="Seulement INFO"', admin.text)
    assert only is not None
    assert parameters(unescape(only[1])) == [("q", "solde"), ("level", "INFO")]


@pytest.mark.parametrize(
    ("given", "checked", "kept", "pills"),
    [
        ([("level", "ERROR"), ("q", "level>=WARNING solde")], ["ERROR"], [("q", "level>=WARNING solde")],
         ["niveau ERROR", "level>=WARNING", "texte solde"]),
        ([("q", "level>=ERROR level:(INFO OR ERROR)")], ["CRITICAL", "ERROR"],
         [("q", "level:INFO OR level:ERROR")], ["level>=ERROR", "level:INFO OR level:ERROR"]),
        ([("level", "-INFO"), ("q", "level>=ERROR")], ["CRITICAL", "ERROR"], [("level", "-INFO")],
         ["niveau INFO", "level>=ERROR"]),
        ([("q", "level:ERROR OR solde")], [], [("q", "level:ERROR OR solde")], ["level:ERROR OR solde"]),
    ],
)  # fmt: skip
def test_boxes_beside_a_search_about_the_same_field_stay_one_query(
    admin: Browser, session: Session, given: list[tuple[str, str]], checked: list[str],
    kept: list[tuple[str, str]], pills: list[str],
) -> None:  # fmt: skip
    write(session, [Event(level=level, message="solde") for level in ("INFO", "WARNING", "ERROR", "CRITICAL")])
    admin.get(LOGS, query_string=given)
    before = shown(admin)
    form = admin.text.partition('aria-label="Affiner"')[2].partition("</form>")[0]
    boxes = re.findall(r'name="level" value="(\w+)" checked', form)
    hidden = [
        (name, unescape(value)) for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form)
    ]
    assert (sorted(boxes), hidden) == (checked, kept)
    assert [unescape(label) for label in re.findall(r'pill-label">([^<]+)', admin.text)] == pills
    admin.get(LOGS, query_string=[*hidden, *(("level", box) for box in boxes)])
    assert shown(admin) == before


@pytest.mark.parametrize(
    ("page", "q", "wrong", "position", "suggestion"),
    [
        (LOGS, "solde levle:ERROR", "levle", 6, "level"),
        (LOGS, "  level:EROR", "EROR", 8, "ERROR"),
        (LOGS, "solde (carte", "(carte", 6, "(carte)"),
        (LOGS, "amount>=<b>", "<b>", 8, None),
        (MONEY, "stauts:PAID", "stauts", 0, "status"),
        (MONEY, "amount >= 100", "amount >= 100", 0, "amount>=100"),
    ],
)
def test_a_mistake_is_underlined_where_it_is_and_what_was_typed_stays(
    admin: Browser, page: str, q: str, wrong: str, position: int, suggestion: str | None
) -> None:
    assert admin.get(f"{page}?limit=25&q={quote(q)}").status_code == 400
    marked = re.search(r'<mark class="bad-value" data-position="(\d+)">(.*?)</mark>', admin.text)
    assert marked is not None
    assert (int(marked[1]), unescape(marked[2])) == (position, wrong)
    form = admin.form(page)
    assert (form.fields["q"], form.fields["limit"]) == (q, "25")
    if suggestion is not None:
        corrected = (q[:position] + suggestion + q[position + len(wrong) :]).strip()
        [link] = [unescape(found) for found in re.findall(r'href="([^"]+)"><code>', admin.text)]
        assert parameters(link) == [("limit", "25"), ("q", corrected)]
        assert admin.get(link).status_code == 200
    answer = admin.client.get(f"{API[page]}?q={quote(q)}")
    assert answer.json is not None
    details = answer.json["details"]
    assert (answer.status_code, answer.json["error"], details["parameter"]) == (400, "BAD_PARAMETER", "q")
    assert (details["position"], details["length"], details["suggestion"]) == (position, len(wrong), suggestion)
    assert details["expected"]


def suggested(admin: Browser, path: str, q: str, at: int | None = None) -> Any:
    answer = admin.client.get(f"{path}/suggestions", query_string={"q": q, **({} if at is None else {"at": at})})
    assert answer.status_code == 200, answer.text
    return answer.json


def test_what_may_follow_is_suggested(admin: Browser) -> None:
    def texts(q: str, at: int | None = None, book: str = LOGS) -> list[str]:
        return [item["text"] for item in suggested(admin, API[book], q, at)["items"]]

    assert texts("")[:3] == ["level:", "type:", "actor:"]
    assert texts("lev")[0] == "level:"
    assert texts("solde -level:err") == ["ERROR"]
    assert texts("level:") == ["INFO", "WARNING", "ERROR", "CRITICAL"]
    assert "PAYOUT_*" in texts("type:payo")
    assert "type:PAYOUT_*" in texts("payout")
    assert "errorCode:" in texts("errorC")
    assert "errorStack" in texts("has:errorSt")
    assert texts('"level:') == []
    assert texts("level:ERR actor:ADMIN", 9) == ["ERROR"]
    assert suggested(admin, API[LOGS], "é level:ERR actor:ADMIN", 11)["start"] == 8
    assert suggested(admin, API[LOGS], "é level:ERR actor:ADMIN", 11)["end"] == 11
    assert texts("entityT", book=MONEY) == ["entityType:"]
    assert texts("entityType:ref", book=MONEY) == ["REFUND"]
    for wrong in ("at=x", "at=5&q=a", "q=%00", "page=1", "at=-1"):
        assert admin.client.get(f"{API[LOGS]}/suggestions?{wrong}").status_code == 400, wrong


def test_without_javascript_the_syntax_is_on_the_page(admin: Browser, session: Session) -> None:
    write_money(session, [Money(amount_minor=1000, currency="EUR")])
    for page in (LOGS, MONEY):
        admin.get(page)
        assert "Syntaxe de la recherche" in admin.words
        assert f'data-suggest="{API[page]}/suggestions"' in admin.text
    admin.get(f"{MONEY}?q=amount%3E9%2C99")
    assert len(shown(admin)) == 1


def test_an_empty_page_of_many_terms_looks_for_no_single_culprit(admin: Browser, session: Session) -> None:
    write(session, [Event(details={"n": 1})])
    admin.get(f"{LOGS}?q={quote('n=1 n>1')}")
    assert "Le filtre « n>1 » écarte tout ce que les autres gardent." in admin.words
    admin.get(f"{LOGS}?q={quote('n=1 ' * 9 + 'n>1')}")
    assert "écarte tout" not in admin.words
    assert "Ces filtres ensemble ne laissent rien passer." in admin.words
    for filters in ("q=absent", "actorId=nobody"):
        assert "Ce filtre ne laisse rien passer." in admin.get(f"{LOGS}?{filters}").get_data(as_text=True)


@pytest.mark.parametrize("span", ["now-1h", "1h"])
def test_a_copied_link_holds_the_moments_that_the_search_meant(admin: Browser, span: str) -> None:
    admin.get(f"{LOGS}?q={quote(f'solde from:{span}')}")
    copied = re.search(r'data-copy="([^"]+)"', admin.text)
    assert copied is not None
    given = dict(parameters(unescape(copied[1])))
    assert given["q"] == "solde"
    assert {"from", "to"} <= given.keys()
    assert span not in given["from"]
