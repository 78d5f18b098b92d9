"""Stack traces as Python prints them, of errors that a portal like this one meets."""

from dataclasses import dataclass

ROOT = "/srv/callastar"
LIBRARY = f"{ROOT}/.venv/lib/python3.11/site-packages"


def stack(error: str, *frames: tuple[str, int, str, str]) -> str:
    """A trace: file, line, function and source of each frame, then the error."""
    lines = ["Traceback (most recent call last):"]
    for file, line, function, source in frames:
        lines += [f'  File "{file}", line {line}, in {function}', f"    {source}"]
    return "\n".join([*lines, error, ""])


def _view(name: str, line: int, function: str, source: str) -> tuple[str, int, str, str]:
    return f"{ROOT}/portal/blueprints/{name}/views.py", line, function, source


DISPATCH = (
    (f"{LIBRARY}/flask/app.py", 917, "full_dispatch_request", "rv = self.dispatch_request()"),
    (f"{LIBRARY}/flask/app.py", 902, "dispatch_request", "return self.ensure_sync(view)(**view_args)"),
)
CONNECT = (f"{LIBRARY}/sqlalchemy/engine/default.py", 952, "do_execute", "cursor.execute(statement, parameters)")
SEND = (f"{LIBRARY}/stripe/_http_client.py", 812, "request", "raise self._handle_request_error(e)")
PAYOUT_JOB_BUG = stack(
    "decimal.InvalidOperation: [<class 'decimal.ConversionSyntax'>]",
    (f"{ROOT}/portal/jobs/runner.py", 88, "run", "summary = job(context)"),
    (f"{ROOT}/portal/jobs/process_payouts.py", 64, "process", "amount = Decimal(policy.minimum)"),
)
DATABASE_GONE = stack(
    "sqlalchemy.exc.OperationalError: (psycopg2.OperationalError) server closed the connection unexpectedly",
    (f"{ROOT}/portal/jobs/runner.py", 88, "run", "summary = job(context)"),
    (f"{ROOT}/portal/jobs/cleanup_logs.py", 41, "clean_up", "deleted = session.scalar(batch)"),
    CONNECT,
)
LIST_TIMEOUT = stack(
    "StripeFailure: Request timed out after 20 s",
    (f"{ROOT}/portal/jobs/runner.py", 88, "run", "summary = job(context)"),
    (f"{ROOT}/portal/jobs/reconcile_stripe.py", 57, "reconcile", "listed = gateway.list_payouts(account, since)"),
    SEND,
)
LOCK_TIMEOUT = stack(
    "sqlalchemy.exc.OperationalError: (psycopg2.errors.LockNotAvailable) canceling statement due to lock timeout",
    (
        f"{ROOT}/portal/webhooks/processing.py",
        58,
        "_process",
        "_apply(gateway, event, handler, facts, started, clock)",
    ),
    (f"{ROOT}/portal/webhooks/processing.py", 78, "_apply", "handler.apply(session, event, seen, now)"),
    (f"{ROOT}/portal/domain/payouts/facts.py", 31, "lock_payout", "creator = lock_creator(session, creator_id)"),
    CONNECT,
)
NO_SUCH_OBJECT = stack(
    "StripeFailure: No such payout: 'po_1Qx7LkVbq0sZ2mNd4RtYuIoP'",
    (
        f"{ROOT}/portal/webhooks/processing.py",
        58,
        "_process",
        "_apply(gateway, event, handler, facts, started, clock)",
    ),
    (
        f"{ROOT}/portal/webhooks/payout_events.py",
        31,
        "_read_payout",
        "return gateway.retrieve_payout(account, object_id)",
    ),
)


@dataclass(frozen=True, slots=True)
class ApiError:
    """A call of the JSON surface that failed, by whom, and its trace."""

    endpoint: str
    action: str
    actor: str
    stack: str


API_ERRORS = (
    ApiError("/api/bookings", "CREATE_BOOKING", "USER", stack(
        "sqlalchemy.exc.IntegrityError: (psycopg2.errors.UniqueViolation) duplicate key value violates unique"
        ' constraint "uq_booking_offer_live"',
        *DISPATCH, _view("bookings", 44, "create", "booking = book_offer(session, form.offer_id, actor)"),
        CONNECT,
    )),
    ApiError("/api/payments/create-intent", "CREATE_PAYMENT_INTENT", "USER", stack(
        "stripe._error.APIConnectionError: Unexpected error communicating with Stripe: Read timed out.",
        *DISPATCH, _view("payments", 61, "create_intent", "intent = gateway.create_intent(params, key)"), SEND,
    )),
    ApiError("/api/call-offers", "UPDATE_OFFER", "CREATOR", stack(
        "KeyError: 'dateTime'",
        *DISPATCH, _view("offers", 72, "update", 'changes["starts_at"] = parse_moment(body["dateTime"])'),
    )),
    ApiError("/api/creators/payouts/request", "REQUEST_PAYOUT", "CREATOR", stack(
        "sqlalchemy.exc.TimeoutError: QueuePool limit of size 10 overflow 10 reached, connection timed out",
        *DISPATCH, _view("creator", 93, "request", "requested = request_payout(unit_of_work, gateway)"),
        (f"{LIBRARY}/sqlalchemy/pool/impl.py", 166, "_do_get", "raise exc.TimeoutError("),
    )),
    ApiError("/api/admin/system-logs/export", "EXPORT_LOGS", "ADMIN", stack(
        "sqlalchemy.exc.OperationalError: (psycopg2.errors.QueryCanceled) statement timeout",
        *DISPATCH, _view("logs", 118, "export", "for page in search.pages(session):"), CONNECT,
    )),
    ApiError("/api/admin/payments/refund", "REFUND_PAYMENT", "ADMIN", stack(
        "stripe._error.RateLimitError: Request rate limit exceeded.",
        *DISPATCH, _view("payments", 134, "refund", "refunded = gateway.create_refund(params, key)"), SEND,
    )),
    ApiError("/api/bookings", "LIST_BOOKINGS", "USER", stack(
        "AttributeError: 'NoneType' object has no attribute 'isoformat'",
        *DISPATCH, _view("bookings", 27, "index", '"endedAt": booking.ended_at.isoformat(),'),
    )),
)  # fmt: skip
