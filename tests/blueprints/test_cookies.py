"""The session in a cookie: where Stripe posts there is none."""

import pytest
from flask import Flask, session

from tests.browser import Browser
from tests.factories import Factory


@pytest.mark.parametrize("path", ["/api/payments/webhook", "/api/payments/webhook/connect"])
def test_where_stripe_posts_no_session_is_read_or_written(
    app: Flask, browser: Browser, factory: Factory, path: str
) -> None:
    browser.sign_in(factory.admin().email)
    with browser.client:
        answer = browser.client.post(path, data=b"{}")
        assert (answer.status_code, dict(session)) == (400, {})
    assert "Set-Cookie" not in answer.headers
    assert "Cookie" not in answer.headers.get("Vary", "")
    with app.test_request_context(path, method="POST"), pytest.raises(RuntimeError):
        session["_user_id"] = "somebody"


def test_everywhere_else_the_cookie_is_the_session(browser: Browser, factory: Factory) -> None:
    browser.sign_in(factory.admin().email)
    with browser.client:
        browser.get("/dashboard/admin")
        assert "_user_id" in session
