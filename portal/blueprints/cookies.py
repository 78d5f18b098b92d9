"""The session in a browser's cookie; where Stripe posts there is none to read, and none to write."""

from flask import Flask, Request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface

STRIPE = "/api/payments/webhook"


class BrowserSessions(SecureCookieSessionInterface):
    """Flask's own, except for Stripe's addresses: a view that used a session there would raise."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """The session of the request's cookie; None where Stripe posts, for which Flask makes a null session."""
        return None if request.path.startswith(STRIPE) else super().open_session(app, request)


def register(app: Flask) -> None:
    """Take sessions from cookies."""
    app.session_interface = BrowserSessions()
