"""The inbox as admins see it: dead letters first, filters, pages, one event, and what may be decided of it."""

import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.domain.work import utc_now
from portal.models import EventOrigin, InboxState, Log, LogLevel, StripeEvent, User, uuid7
from tests.browser import Browser
from tests.factories import Factory
from tests.webhooks.inbox import Inbox

PAGE, API = "/dashboard/admin/webhooks", "/api/admin/webhooks"
NOTE = "Compte fermé, vu avec Stripe"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
S = InboxState
Store = Callable[..., StripeEvent]


@pytest.fixture
def ada(factory: Factory) -> User:
    """An admin."""
    return factory.admin(name="Ada")


@pytest.fixture
def admin(browser: Browser, ada: User) -> Browser:
    """An admin's browser."""
    return browser.sign_in(ada.email)


@pytest.fixture
def inbox(app: Flask, session: Session) -> Inbox:
    """The application's inbox."""
    return Inbox(app, session)


@pytest.fixture
def store(session: Session) -> Store:
    """Put an event into the inbox as it would stand there."""

    def add(id: str, state: InboxState = S.PROCESSED, **given: Any) -> StripeEvent:
        at = given.pop("at", utc_now())
        content = given.pop("content", {"id": id, "data": {"object": {"id": "po_1"}}})
        values: dict[str, Any] = {
            "id": id,
            "type": "payout.paid",
            "account": "acct_1",
            "object_type": "payout",
            "object_id": "po_1",
            "livemode": False,
            "api_version": "2026-10-28.endive",
            "payload": json.dumps(content).encode(),
            "request_id": uuid7(),
            "stripe_created_at": at,
            "received_at": at,
            "state": state,
            "next_try_at": utc_now() + timedelta(hours=1) if state is S.RECEIVED else None,
            "tries": {S.DEAD: 8, S.RECEIVED: 0}.get(state, 1),
        }
        if state is S.DEAD:
            values |= {"last_error": "StripeFailure: No such payout", "last_stack": "Traceback: in apply"}
        row = StripeEvent(**{**values, **given})
        session.add(row)
        session.commit()
        return row

    return add


def listed(browser: Browser) -> list[str]:
    return re.findall(r'<tr data-event-id="([^"]+)"', browser.text)


def row(session: Session, id: str) -> StripeEvent:
    session.rollback()
    return session.get_one(StripeEvent, id, populate_existing=True)


def last(session: Session, type: str) -> Log:
    session.rollback()
    return session.scalars(select(Log).where(Log.type == type)).one()


def test_an_empty_inbox_says_so(admin: Browser) -> None:
    admin.get(PAGE)
    assert "Aucun événement" in admin.words
    admin.get(f"{PAGE}?state=DEAD")
    assert "Aucun événement n’est abandonné." in admin.words


def test_dead_letters_come_first_then_the_newest(admin: Browser, store: Store) -> None:
    for n in range(4):
        store(f"evt_new{n}", at=NOON + timedelta(minutes=n))
    for n in range(2):
        store(f"evt_dead{n}", S.DEAD, at=NOON - timedelta(days=n + 1))
    admin.get(PAGE)
    assert listed(admin) == ["evt_dead0", "evt_dead1", "evt_new3", "evt_new2", "evt_new1", "evt_new0"]
    assert "StripeFailure: No such payout" in admin.words


@pytest.mark.parametrize("dead", [0, 1, 24, 25, 26, 49, 50, 51, 80])
def test_pages_lead_forth_and_back_through_both_parts(admin: Browser, store: Store, dead: int) -> None:
    """80 events: however many are dead, each is shown once, and the way back shows the same pages."""
    for n in range(80):
        store(f"evt_{n:02d}", S.DEAD if n < dead else S.PROCESSED, at=NOON - timedelta(minutes=n // 3))
    forth = [read(admin, f"{API}?limit=25")]
    while forth[-1]["nextCursor"]:
        forth.append(read(admin, f"{API}?limit=25&cursor={forth[-1]['nextCursor']}"))
    ids = [[item["id"] for item in page["items"]] for page in forth]
    assert [len(page) for page in ids] == [25, 25, 25, 5]
    assert len({id for page in ids for id in page}) == 80
    assert {id for page in ids for id in page[:dead]} >= {f"evt_{n:02d}" for n in range(min(dead, 25))}
    admin.get(f"{PAGE}?limit=25&cursor={forth[2]['nextCursor']}")
    assert listed(admin) == ids[3]
    for page in (2, 1, 0):
        admin.get(next(link for link in links(admin, "prev")))
        assert listed(admin) == ids[page]
    assert links(admin, "prev") == []


def links(browser: Browser, rel: str) -> list[str]:
    return [link.replace("&amp;", "&") for link in re.findall(rf'rel="{rel}" href="([^"]+)"', browser.text)]


def read(browser: Browser, path: str) -> Any:
    answer = browser.client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json


def test_every_filter_narrows(admin: Browser, store: Store) -> None:
    old = utc_now() - timedelta(days=3)
    store("evt_1", type="payout.paid", account="acct_1", object_id="po_1")
    store("evt_2", S.DEAD, type="payout.failed", account="acct_2", object_id="po_2")
    store("evt_3", S.IGNORED, type="balance.available", account=None, object_id=None, at=old)
    store("evt_4", S.RECEIVED, type="account.updated", account="acct_1", object_id="acct_1", at=old)
    store("evt_5", S.RECEIVED, type="charge.failed", subject="pi_1", object_id="ch_1", account=None)
    found = {
        "": {"evt_1", "evt_2", "evt_3", "evt_4", "evt_5"},
        "state=DEAD": {"evt_2"},
        "state=PROCESSED": {"evt_1"},
        "state=RECEIVED": {"evt_4", "evt_5"},
        "state=LATE": {"evt_4"},
        "state=DISMISSED": set(),
        "type=payout.*": {"evt_1", "evt_2"},
        "type=payout.paid": {"evt_1"},
        "type=payout": set(),
        "account=acct_1": {"evt_1", "evt_4"},
        "from=now-1h": {"evt_1", "evt_2", "evt_5"},
        "to=now-1h": {"evt_3", "evt_4"},
        "q=po_2": {"evt_2"},
        "q=pi_1": {"evt_5"},
        "q=evt_3": {"evt_3"},
        "q=no such": {"evt_2"},
        "q=%25": set(),
        "q=acct_1&state=RECEIVED": {"evt_4"},
        "q=acct_1&type=payout.*&state=PROCESSED": {"evt_1"},
    }
    for query, ids in found.items():
        admin.get(f"{PAGE}?{query}")
        assert set(listed(admin)) == ids, query
        assert {item["id"] for item in read(admin, f"{API}?{query}")["items"]} == ids, query


@pytest.mark.parametrize(
    "query",
    [
        "state=dead",
        "state=DEAD&state=IGNORED",
        "limit=7",
        "cursor=x",
        "from=soon",
        "what=1",
        "q=%00",
        "cursor=ZmFi",
    ],
)
def test_a_bad_parameter_is_named(admin: Browser, query: str) -> None:
    assert admin.get(f"{PAGE}?{query}").status_code == 400
    answer = admin.client.get(f"{API}?{query}")
    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["details"]["parameter"] == query.partition("=")[0]


def test_an_event_as_json(admin: Browser, store: Store) -> None:
    at = NOON.replace(microsecond=123456)
    event = store("evt_1", S.DEAD, at=at, origin=EventOrigin.LIST)
    [item] = read(admin, API)["items"]
    assert item == {
        "id": "evt_1",
        "type": "payout.paid",
        "account": "acct_1",
        "objectType": "payout",
        "objectId": "po_1",
        "livemode": False,
        "apiVersion": "2026-10-28.endive",
        "origin": "list",
        "state": "DEAD",
        "tries": 8,
        "lastError": "StripeFailure: No such payout",
        "note": None,
        "requestId": str(event.request_id),
        "stripeCreatedAt": "2026-11-20T12:00:00.123Z",
        "receivedAt": "2026-11-20T12:00:00.123Z",
        "processedAt": None,
        "nextTryAt": None,
    }


def test_one_event_shows_its_error_its_body_without_secrets_and_its_log(
    admin: Browser, inbox: Inbox, session: Session
) -> None:
    intent = {"id": "pi_1", "object": "payment_intent", "client_secret": "pi_1_secret_abc", "note": "<b>é</b>"}
    inbox.post("evt_1", None, type="payment_intent.created", data={"object": intent})
    inbox.work()
    event = row(session, "evt_1")
    event.last_error, event.last_stack = "ValueError: <x>", "Traceback\n  File <y>"
    session.commit()
    admin.get(f"{PAGE}/evt_1")
    assert "pi_1_secret_abc" not in admin.text
    assert "&#34;client_secret&#34;: &#34;[REDACTED]&#34;" in admin.text
    assert "&lt;b&gt;é&lt;/b&gt;" in admin.text
    assert "ValueError: &lt;x&gt;" in admin.text
    assert "File &lt;y&gt;" in admin.text
    assert "WEBHOOK_RECEIVED" in admin.words
    assert f"/dashboard/admin/traces/event/{event.id}" in admin.text
    assert admin.get(f"/dashboard/admin/traces/event/{event.id}").status_code == 200


def test_a_deep_and_a_large_body_are_shown(admin: Browser, store: Store) -> None:
    deep: Any = "end"
    for _ in range(400):
        deep = {"x": deep}
    store("evt_deep", content=deep)
    store("evt_large", content={"x": "y" * 200_000})
    store("evt_broken", payload=b"\xff[")
    for id in ("evt_deep", "evt_large", "evt_broken"):
        assert admin.get(f"{PAGE}/{id}").status_code == 200


@pytest.mark.parametrize("id", ["evt_none", "x" * 300, "%00", "évt"])
def test_an_event_that_does_not_exist_is_not_found(admin: Browser, id: str) -> None:
    for path in (id, f"{id}/retry", f"{id}/dismiss"):
        assert admin.get(f"{PAGE}/{path}").status_code == 404


def test_a_dead_letter_is_sent_round_again_and_processed(
    admin: Browser, ada: User, inbox: Inbox, factory: Factory, session: Session
) -> None:
    inbox.post("evt_1", factory.creator().stripe_account_id, "po_unknown")
    for _ in range(8):
        inbox.make_due()
        inbox.work()
    assert row(session, "evt_1").state is S.DEAD
    admin.get(f"{PAGE}/evt_1/retry")
    assert row(session, "evt_1").state is S.DEAD
    admin.submit("/evt_1/retry")
    assert "Nouvel essai demandé" in admin.words
    event = row(session, "evt_1")
    assert (event.state, event.tries, event.decided_by) == (S.RECEIVED, 0, ada.id)
    told = last(session, "WEBHOOK_RETRY_REQUESTED")
    assert (told.actor_id, told.level) == (str(ada.id), LogLevel.WARNING)
    assert (told.details["previousState"], told.details["tries"]) == ("DEAD", 8)
    inbox.work()
    assert (row(session, "evt_1").state, row(session, "evt_1").tries) == (S.RECEIVED, 1)


def test_a_dead_letter_is_dismissed_with_a_note(admin: Browser, ada: User, store: Store, session: Session) -> None:
    store("evt_1", S.DEAD)
    admin.get(f"{PAGE}/evt_1/dismiss")
    admin.submit("/evt_1/dismiss", note=f"  {NOTE} ")
    assert "Écarté par Ada" in admin.words
    assert NOTE in admin.words
    event = row(session, "evt_1")
    assert (event.state, event.note, event.next_try_at) == (S.DISMISSED, NOTE, None)
    told = last(session, "WEBHOOK_DISMISSED")
    assert (told.actor_id, told.details["reason"], told.details["eventId"]) == (str(ada.id), NOTE, "evt_1")
    admin.get(f"{PAGE}?state=DEAD")
    assert listed(admin) == []


@pytest.mark.parametrize("note", ["", "court", "x" * 501, "\x00" * 20])
def test_a_note_that_says_nothing_is_asked_for_again(
    admin: Browser, store: Store, session: Session, note: str
) -> None:
    store("evt_1", S.DEAD)
    admin.get(f"{PAGE}/evt_1/dismiss")
    admin.submit("/evt_1/dismiss", note=note)
    assert admin.status == 422
    assert "Donnez une raison de 10 à 500 caractères." in admin.words
    assert row(session, "evt_1").state is S.DEAD


def test_who_comes_second_is_told_who_was_first(
    app: Flask, admin: Browser, factory: Factory, store: Store, session: Session
) -> None:
    store("evt_1", S.DEAD)
    second = Browser(app).sign_in(factory.admin(name="Grace").email)
    for browser, act in ((admin, "retry"), (second, "dismiss")):
        browser.get(f"{PAGE}/evt_1/{act}")
    admin.submit("/evt_1/retry")
    second.submit("/evt_1/dismiss", note=NOTE)
    assert second.status == 409
    assert "Ada a décidé avant vous" in second.words
    assert "État actuel : À traiter." in second.words
    assert row(session, "evt_1").state is S.RECEIVED


def test_of_two_admins_at_once_one_decides(app: Flask, factory: Factory, store: Store, session: Session) -> None:
    store("evt_1", S.DEAD)
    people = [Browser(app).sign_in(factory.admin().email) for _ in range(4)]
    for browser in people:
        browser.get(f"{PAGE}/evt_1/retry")

    def confirm(browser: Browser) -> int:
        return browser.submit("/evt_1/retry", follow=False).status_code

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(confirm, people)) == [302, 409, 409, 409]
    session.rollback()
    assert len(session.scalars(select(Log).where(Log.type == "WEBHOOK_RETRY_REQUESTED")).all()) == 1


LEASED = {"lease_until": datetime.now(UTC) + timedelta(hours=1), "tries": 2}


@pytest.mark.parametrize(
    ("state", "given", "acts"),
    [
        (S.PROCESSED, {}, set()),
        (S.DEAD, {}, {"retry", "dismiss"}),
        (S.IGNORED, {}, {"retry"}),
        (S.DISMISSED, {}, {"retry"}),
        (S.RECEIVED, {}, set()),
        (S.RECEIVED, {"tries": 3}, {"retry", "dismiss"}),
        (S.RECEIVED, LEASED, set()),
    ],
)
def test_what_may_be_decided_depends_on_the_state(
    admin: Browser, store: Store, session: Session, state: InboxState, given: dict[str, Any], acts: set[str]
) -> None:
    store("evt_1", state, **given)
    admin.get(f"{PAGE}/evt_1")
    assert {act for act in ("retry", "dismiss") if f"/evt_1/{act}" in admin.text} == acts
    token = admin.csrf_token()
    for act in ("retry", "dismiss"):
        assert admin.get(f"{PAGE}/evt_1/{act}").status_code == (200 if act in acts else 409)
        if act not in acts:
            form = {"csrf_token": token, "state": state.value, "note": NOTE}
            assert admin.client.post(f"{PAGE}/evt_1/{act}", data=form).status_code == 409
    assert row(session, "evt_1").state is state


def test_a_form_without_its_token_or_with_a_made_up_state_does_nothing(
    admin: Browser, store: Store, session: Session
) -> None:
    store("evt_1", S.DEAD)
    assert admin.client.post(f"{PAGE}/evt_1/retry", data={"state": "DEAD"}).status_code == 400
    admin.get(f"{PAGE}/evt_1/retry")
    assert admin.submit("/evt_1/retry", state="GONE").status_code == 400
    assert row(session, "evt_1").state is S.DEAD


def test_only_admins_see_and_decide(app: Flask, factory: Factory, store: Store, session: Session) -> None:
    store("evt_1", S.DEAD)
    creator = Browser(app).sign_in(session.get_one(User, UUID(str(factory.creator().user_id))).email)
    for path in (PAGE, f"{PAGE}/evt_1", f"{PAGE}/evt_1/retry", f"{PAGE}/evt_1/dismiss", API):
        assert creator.get(path).status_code == 403
    stranger = app.test_client()
    assert stranger.get(f"{PAGE}/evt_1").status_code == 302
    assert stranger.get(API).status_code == 401


def test_the_overview_says_how_the_inbox_stands(admin: Browser, store: Store) -> None:
    store("evt_1")
    store("evt_2", at=utc_now() - timedelta(days=2))
    store("evt_3", S.DEAD, at=utc_now() - timedelta(days=2))
    store("evt_4", S.RECEIVED, at=utc_now() - timedelta(minutes=20))
    admin.get("/dashboard/admin")
    late = "1 événement Stripe en retard le plus ancien il y a 20 minutes"
    for words in ("1 événement Stripe abandonné", late):
        assert words in admin.words
    assert f"{PAGE}?state=DEAD" in admin.text
