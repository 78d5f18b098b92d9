"""The control surface: the sandbox's verbs as JSON over HTTP, under /_sandbox and the same secret key."""

from datetime import timedelta
from hmac import compare_digest
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, request

from .refusals import Json, Refusal, invalid, wrong_key
from .sandbox import Sandbox
from .wire import secret_key_of

bp = Blueprint("control", __name__, url_prefix="/_sandbox")


def sandbox() -> Sandbox:
    """The sandbox of this application."""
    handle: Sandbox = current_app.extensions["sandbox"]
    return handle


@bp.before_request
def check_secret_key() -> None:
    """Only the holder of the secret key may steer the sandbox."""
    given = secret_key_of(request)
    if not compare_digest(given.encode(), sandbox().settings.secret_key.encode()):
        raise wrong_key(given)


@bp.errorhandler(Refusal)
def show_refusal(refusal: Refusal) -> tuple[Response, int]:
    """A refused verb answers with Stripe's envelope."""
    return jsonify(refusal.envelope), refusal.status


@bp.errorhandler(TypeError)
@bp.errorhandler(KeyError)
@bp.errorhandler(ValueError)
def show_bad_body(error: Exception) -> tuple[Response, int]:
    """A body that does not fit the verb is a 400, not a bug."""
    return jsonify(invalid(f"{type(error).__name__}: {error}").envelope), 400


def _body() -> Json:
    body: Any = request.get_json(silent=True)
    return body if isinstance(body, dict) else {}


@bp.post("/accounts")
def create_account() -> Json:
    """Seed an account that is ready to be paid."""
    return sandbox().create_account(**_body())


@bp.post("/accounts/<account_id>")
def change_account(account_id: str) -> Json:
    """Change what an account may do."""
    return sandbox().change_account(account_id, **_body())


@bp.post("/accounts/<account_id>/finish-onboarding")
def finish_onboarding(account_id: str) -> Json:
    """Give everything that is still required of an account."""
    return sandbox().finish_onboarding(account_id)


@bp.post("/fund")
def fund() -> Json:
    """Put money on a balance: account, amount, currency."""
    body = _body()
    return sandbox().fund(body["account"], int(body["amount"]), body.get("currency", "eur"))


@bp.post("/payouts/<payout_id>/settle")
def settle(payout_id: str) -> Json:
    """Decide for the bank: outcome, failure_code."""
    body = _body()
    return sandbox().settle(payout_id, body.get("outcome", "paid"), body.get("failure_code"))


@bp.post("/refunds/<refund_id>/fail")
def fail_refund(refund_id: str) -> Json:
    """Send a refund back: reason."""
    return sandbox().fail_refund(refund_id, _body().get("reason", "expired_or_canceled_card"))


@bp.post("/disputes")
def open_dispute() -> Json:
    """Dispute a charge: charge, reason, amount."""
    body = _body()
    return sandbox().open_dispute(body["charge"], body.get("reason", "fraudulent"), body.get("amount"))


@bp.post("/disputes/<dispute_id>/decide")
def decide_dispute(dispute_id: str) -> Json:
    """The bank's verdict: outcome."""
    return sandbox().decide_dispute(dispute_id, _body()["outcome"])


@bp.get("/faults")
def list_faults() -> Json:
    """The fault rules and how often each struck."""
    return {"faults": sandbox().faults.list()}


@bp.post("/faults")
def add_fault() -> Json:
    """Add a fault rule: kind and its options; {"clear": true} removes them all."""
    body = _body()
    if body.pop("clear", False):
        sandbox().faults.clear()
        return list_faults()
    return {"id": sandbox().faults.add(**body).id}


@bp.delete("/faults")
def clear_faults() -> Json:
    """Remove every fault rule."""
    sandbox().faults.clear()
    return list_faults()


@bp.post("/advance")
def advance() -> Json:
    """Take every payout step that is due."""
    return {"steps": sandbox().advance()}


@bp.post("/deliver")
def deliver() -> Json:
    """Post webhooks to the configured URLs: order, copies, events, seed."""
    return {"attempts": sandbox().deliver(**_body())}


@bp.get("/deliveries")
def deliveries() -> Json:
    """Every webhook and its fate."""
    return {"deliveries": sandbox().deliveries()}


@bp.get("/events")
def events() -> Json:
    """Every event of every account, in order."""
    return {"events": sandbox().events()}


@bp.get("/ledger")
def ledger() -> Json:
    """Every payout and balance transaction, or those of ?account=."""
    return sandbox().ledger(request.args.get("account"))


@bp.post("/bulk")
def bulk_load() -> Json:
    """Insert many historic objects: objects."""
    return {"loaded": sandbox().bulk_load(_body()["objects"])}


@bp.post("/prune-keys")
def prune_keys() -> Json:
    """Forget idempotency keys: older_than_seconds, default all."""
    return {"pruned": sandbox().prune_keys(timedelta(seconds=_body().get("older_than_seconds", 0)))}
