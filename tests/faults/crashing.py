"""A process that kills itself with SIGKILL at one named point of the payout specification.

The points are wrapped from outside, once the process is told which one is its own: the portal's code
knows nothing of them. `python -m tests.faults.crashing POINT VERB ID…` runs one verb and dies in it.
"""

import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any
from urllib.request import Request, urlopen
from uuid import UUID

import urllib3.connection
from flask import Flask
from sqlalchemy.orm import Session

from portal import create_app
from portal.domain.gateway import StripeFailure, Verdict
from portal.domain.payouts import answers, request, review, sending
from portal.domain.work import utc_now
from portal.extensions import db
from portal.models import Creator, User
from portal.stripe_gateway import Stripe
from portal.stripe_sandbox.webhooks import signature
from portal.webhooks import inbox, payout_events, processing
from tests.faults.acts import Verbs

Wrapped = Callable[..., Any]
_passes: list[None] = []


def die() -> None:
    """End as a power cut does: nothing is closed, said or rolled back. Survived as often as arm() says."""
    if _passes:
        _passes.pop()
    else:
        os.kill(os.getpid(), signal.SIGKILL)


def freeze() -> None:
    """Stand still until somebody lets this process go on."""
    os.kill(os.getpid(), signal.SIGSTOP)


def before(owner: Any, name: str, act: Callable[[], object] = die) -> None:
    """Do `act` when owner.name is called, before it runs."""

    def wrap(original: Wrapped) -> Wrapped:
        def dying(*args: Any, **kwargs: Any) -> Any:
            act()
            return original(*args, **kwargs)

        return dying

    _replace(owner, name, wrap)


def after(owner: Any, name: str, when: Callable[[Any], bool] = lambda _: True) -> None:
    """Die once owner.name has returned something that `when` holds for."""

    def wrap(original: Wrapped) -> Wrapped:
        def dying(*args: Any, **kwargs: Any) -> Any:
            found = original(*args, **kwargs)
            if when(found):
                die()
            return found

        return dying

    _replace(owner, name, wrap)


def failing(owner: Any, name: str, when: Callable[[StripeFailure], bool]) -> None:
    """Die once owner.name has raised a failure of Stripe's that `when` holds for."""

    def wrap(original: Wrapped) -> Wrapped:
        def dying(*args: Any, **kwargs: Any) -> Any:
            try:
                return original(*args, **kwargs)
            except StripeFailure as failure:
                if when(failure):
                    die()
                raise

        return dying

    _replace(owner, name, wrap)


def _replace(owner: Any, name: str, wrap: Callable[[Wrapped], Wrapped]) -> None:
    original = getattr(owner, name)
    setattr(owner, name, wraps(original)(wrap(original)))


def _once_the_request_left() -> None:
    """Die when the answer to a creation is waited for: Stripe has the request, nobody reads the answer."""
    asked: list[bool] = []
    before(Stripe, "create_payout", lambda: asked.append(True))

    def wrap(original: Wrapped) -> Wrapped:
        def dying(*args: Any, **kwargs: Any) -> Any:
            if asked:
                asked.clear()
                die()
            return original(*args, **kwargs)

        return dying

    _replace(urllib3.connection.HTTPConnection, "getresponse", wrap)


def _after_the_webhook() -> None:
    """Let the event of the creation be received and processed before tx2, and die in tx2."""

    def wrap(original: Wrapped) -> Wrapped:
        def overtaken(gateway: Stripe, *args: Any) -> Any:
            created = original(gateway, *args)
            receive_events_of(gateway, created.id)
            processing.process_due(gateway, clock=utc_now)
            return created

        return overtaken

    _replace(Stripe, "create_payout", wrap)
    after(sending, "_record")


def receive_events_of(gateway: Stripe, stripe_payout_id: str) -> None:
    """Take in every event of a payout at Stripe, signed as the postman signs."""
    secret = os.environ["STRIPE_CONNECT_WEBHOOK_SECRET"]
    for event in ask_sandbox("/events")["events"]:
        if event["data"]["object"]["id"] == stripe_payout_id:
            body = json.dumps(event).encode()
            delivery = inbox.Delivery(body, signature(body, secret), [secret], inbox.Endpoint.CONNECT, None)
            inbox.receive(gateway, delivery, now=utc_now())


def ask_sandbox(path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Steer the local Stripe, a process of its own, at STRIPE_API_BASE."""
    headers = {"Authorization": "Bearer sk_test_sandbox", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(f"{os.environ['STRIPE_API_BASE']}/_sandbox{path}", data, headers), timeout=30) as answer:
        found: dict[str, Any] = json.loads(answer.read())
    return found


def _somewhere_in_the_cancellation() -> None:
    if os.getpid() % 2:
        before(Stripe, "cancel_payout")
    else:
        after(Stripe, "cancel_payout")


def _with_the_event_claimed_or_stored() -> None:
    after(processing, "claim", lambda row: row is not None)
    after(inbox, "receive")


def _frozen_before_the_post() -> None:
    """Sleep through the lease: at the last check, or right behind it."""
    before(sending, "_may_post" if os.getpid() % 2 else "_create", freeze)


def _refused(failure: StripeFailure) -> bool:
    return failure.verdict is Verdict.REFUSED


def _server_error(failure: StripeFailure) -> bool:
    return failure.http_status is not None and failure.http_status >= 500


def _before_the_claim() -> None:
    before(review, "send_payout")
    before(request, "send_payout")


POINTS: dict[str, Callable[[], None]] = {
    "C1": lambda: after(request, "_record"),
    "C2": lambda: after(request, "_admit"),
    "C3": _before_the_claim,
    "C4": lambda: before(Stripe, "create_payout"),
    "C5": _once_the_request_left,
    "C6": lambda: after(Stripe, "create_payout"),
    "C7": _after_the_webhook,
    "C8": lambda: after(answers, "record_created"),
    "C9": lambda: failing(Stripe, "create_payout", _refused),
    "C10": lambda: failing(Stripe, "create_payout", _server_error),
    "C11": _frozen_before_the_post,
    "C12": _with_the_event_claimed_or_stored,
    "C13": lambda: after(payout_events, "settle_payout"),
    "C16": _somewhere_in_the_cancellation,
}
"""Where a process can be made to die, by the names of the specification; C11 freezes instead."""


PROVOKED = {"C9": "bad_request", "C10": "server_error"}
"""Answers that Stripe gives too seldom to wait for."""


def provoke(kind: str) -> None:
    """Have Stripe answer so to this process's next creations, unless another fault is quicker."""

    def wrap(original: Wrapped) -> Wrapped:
        def struck(gateway: Stripe, account: str, *args: Any) -> Any:
            rule = {"kind": kind, "method": "POST", "path": "/v1/payouts", "account": account}
            ask_sandbox("/faults", rule)
            return original(gateway, account, *args)

        return struck

    _replace(Stripe, "create_payout", wrap)


def arm(point: str, passes: int = 0) -> None:
    """Make this process die when it comes to `point`, having passed it `passes` times."""
    _passes.extend([None] * passes)
    POINTS[point]()


def main(point: str, verb: str, *ids: str) -> None:
    """Arm the point and run one verb; whoever comes back alive says so."""
    app = create_app(os.environ)
    arm(point)
    with app.app_context(), Session(db.engine, expire_on_commit=False) as session:
        run_verb(app, session, verb, [UUID(id_) for id_ in ids])
    print(f"{point} was never reached")


def run_verb(app: Flask, session: Session, verb: str, ids: list[UUID]) -> None:
    """request CREATOR TOKEN, approve or cancel ADMIN PAYOUT, or payday."""
    acts = Verbs(app, session)
    if verb == "payday":
        app.extensions["jobs"].tick("process-payouts")
    elif verb == "request":
        creator = session.get_one(Creator, ids[0])
        session.rollback()
        acts.request(creator, token=str(ids[1]))
    else:
        admin = session.get_one(User, ids[0])
        session.rollback()
        getattr(acts, verb)(admin, ids[1])


if __name__ == "__main__":
    main(*sys.argv[1:])
