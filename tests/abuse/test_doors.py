"""Every route by ways in that nobody should take: methods, tokens, uploads, sizes; and what answers carry."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from portal.blueprints.access import CSP
from portal.models import Role
from tests.blueprints.cast import Cast
from tests.blueprints.rights import TABLE
from tests.factories import Factory

FORMS = sorted(r for r in TABLE if not r.startswith("GET") and not TABLE[r].secret)
OVERRIDES = {"X-HTTP-Method-Override": "DELETE", "X-HTTP-Method": "DELETE", "X-Method-Override": "DELETE"}


@pytest.fixture
def cast(app: Flask, factory: Factory, session: Session) -> Cast:
    return Cast(app, factory, session)


def paths(cast: Cast) -> Iterator[tuple[str, str]]:
    """Every route and its address."""
    for route in sorted(TABLE):
        yield route, cast.path(route, cast.names)


def asking(route: str) -> Role | None:
    """Somebody who may: an admin where one may."""
    roles = TABLE[route].roles
    return None if not roles else Role.ADMIN if Role.ADMIN in roles else min(roles)


def test_every_answer_is_framed_by_nobody_sniffed_by_nobody_and_kept_nowhere(cast: Cast) -> None:
    browsers, wrong = cast.everybody(), []
    asked = [(r, asking(r), path, {}) for r, path in paths(cast) if r.startswith("GET")]
    asked += [("404", role, "/nowhere", {}) for role in browsers]
    asked += [("400", Role.ADMIN, "/dashboard/admin/payouts?limit=x", {})]
    asked += [("405", Role.ADMIN, "/dashboard/admin/payouts", {"method": "DELETE"})]
    asked += [("403", Role.USER, "/dashboard/admin/payouts", {}), ("415", None, "/login", UPLOAD)]
    for route, role, path, options in asked:
        answer = browsers[role].client.open(path, **{"buffered": True, **options})
        headers, static = answer.headers, path.startswith("/static")
        told = {
            "Content-Security-Policy": CSP,
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "same-origin",
            "Cross-Origin-Opener-Policy": "same-origin",
        }
        other = [name for name, value in told.items() if not agrees(headers, name, value)]
        wrong += [(route, name, headers.get(name)) for name in other]
        if not static and "no-store" not in headers.get("Cache-Control", ""):
            wrong.append((route, "Cache-Control", headers.get("Cache-Control")))
        if "Server" in headers and "Werkzeug" in headers["Server"]:
            wrong.append((route, "Server", headers["Server"]))
    assert wrong == []


def agrees(headers: Any, name: str, value: str) -> bool:
    """The header as it should be; pages of the payment may let Stripe's own script in, and nobody frame them."""
    found = headers.get(name, "")
    if name == "Content-Security-Policy" and "stripe.com" in found:
        return "frame-ancestors 'none'" in found and "default-src 'none'" in found
    return bool(found == value)


UPLOAD: dict[str, Any] = {
    "method": "POST",
    "data": b'--x\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\nA\r\n--x--\r\n',
    "content_type": "multipart/form-data; boundary=x",
}


def test_without_its_token_no_form_and_no_call_acts(cast: Cast) -> None:
    browsers, wrong = cast.everybody(), []
    before = cast.session.connection().exec_driver_sql(STATE).all()
    cast.session.rollback()
    for route in FORMS:
        method, path = route.partition(" ")[0], cast.path(route, cast.names)
        client = browsers[asking(route)].client
        for token in (None, "", "x", "IjEi.aaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbb"):
            if path.startswith("/api/"):
                headers = {} if token is None else {"X-CSRFToken": token}
                answer = client.open(path, method=method, json={}, headers=headers)
            else:
                answer = client.open(path, method=method, data={} if token is None else {"csrf_token": token})
            if answer.status_code != 400:
                wrong.append((route, token, answer.status_code))
    assert wrong == []
    assert cast.session.connection().exec_driver_sql(STATE).all() == before


STATE = (
    "select 'payout', count(*), max(updated_at)::text from payout union all"
    " select 'booking', count(*), max(status) from booking union all"
    " select 'refund', count(*), max(status) from refund union all"
    " select 'setting', count(*), max(set_at)::text from setting order by 1"
)


def test_one_persons_token_is_nobody_elses(cast: Cast) -> None:
    browsers = cast.everybody()
    token = cast.token(browsers[Role.USER])
    answer = browsers[Role.ADMIN].client.post("/dashboard/admin/payouts/sending", data={"csrf_token": token})
    assert answer.status_code == 400


def test_no_header_or_field_changes_the_method(cast: Cast) -> None:
    browsers = cast.everybody()
    offer = cast.names["other_offer_id"]
    headers = {**OVERRIDES, "X-CSRFToken": cast.token(browsers[Role.CREATOR])}
    creator = browsers[Role.CREATOR].client
    answers = [
        creator.post(f"/api/call-offers/{offer}?_method=DELETE", json={"_method": "DELETE"}, headers=headers),
        creator.get(f"/api/call-offers/{offer}?_method=DELETE", headers=headers),
    ]
    assert [answer.status_code for answer in answers] == [405, 405]
    assert creator.get(f"/dashboard/creator/offers/{offer}", headers=OVERRIDES).status_code == 200


def test_head_and_options_reach_every_route_and_change_nothing(cast: Cast) -> None:
    browsers, wrong = cast.everybody(), []
    rows = "select (select count(*) from payout), (select count(*) from job_run), (select count(*) from refund)"
    before = cast.session.connection().exec_driver_sql(rows).all()
    cast.session.rollback()
    for route, path in paths(cast):
        client = browsers[asking(route)].client
        options = client.options(path)
        head = client.head(path, buffered=True)
        if options.status_code != 200 or options.data or "TRACE" in options.headers.get("Allow", ""):
            wrong.append((route, "OPTIONS", options.status_code))
        if head.status_code >= 500 or head.data:
            wrong.append((route, "HEAD", head.status_code))
        for method in ("TRACE", "CONNECT", "PROPFIND", "BREW"):
            if (status := client.open(path, method=method).status_code) != 405:
                wrong.append((route, method, status))
    assert wrong == []
    assert cast.session.connection().exec_driver_sql(rows).all() == before


def test_nothing_is_uploaded_and_nothing_is_too_large(cast: Cast) -> None:
    browsers, wrong = cast.everybody(), []
    for route in FORMS:
        client = browsers[asking(route)].client
        path = cast.path(route, cast.names)
        method = route.partition(" ")[0]
        if (status := client.open(path, **{**UPLOAD, "method": method}).status_code) != 415:
            wrong.append((route, "multipart", status))
    admin = browsers[Role.ADMIN]
    page, token = "/dashboard/admin/payouts/sending", cast.token(admin)
    large = {"csrf_token": token, "reason": "x" * 70_000}
    many = {"csrf_token": token} | {f"f{n}": "1" for n in range(600)}
    api = f"/api/admin/payments/{cast.names['payment_id']}/refund"
    body = b'{"reason": "' + b"x" * 70_000 + b'"}'
    asked = {
        "large form": admin.client.post(page, data=large),
        "many fields": admin.client.post(page, data=many),
        "large body": admin.client.post(
            api, data=body, content_type="application/json", headers={"X-CSRFToken": token}
        ),
    }
    wrong += [(name, answer.status_code) for name, answer in asked.items() if answer.status_code != 413]
    long = admin.client.get("/dashboard/admin/system-logs?q=" + "x" * 5_000)
    assert (wrong, long.status_code) == ([], 414)


DEEP = b"[" * 7_000 + b"]" * 7_000
NESTED = b'{"a":' * 7_000 + b"1" + b"}" * 7_000
BODIES = [b"", b"{", b"null", b"[]", b'"x"', DEEP, NESTED, b"\xff\xfe", b'{"a": NaN}']


def test_no_body_of_a_call_makes_a_bug(cast: Cast) -> None:
    browsers, wrong = cast.everybody(), []
    for route in (r for r in FORMS if " /api/" in r and not r.startswith("DELETE")):
        browser = browsers[asking(route)]
        headers = {"X-CSRFToken": cast.token(browser), "Content-Type": "application/json"}
        path, method = cast.path(route, cast.names), route.partition(" ")[0]
        for body in BODIES:
            answer = browser.client.open(path, method=method, data=body, headers=headers)
            if answer.status_code >= 500 or not re.match("application/json", answer.headers["Content-Type"]):
                wrong.append((route, body[:9], answer.status_code))
    assert wrong == []
