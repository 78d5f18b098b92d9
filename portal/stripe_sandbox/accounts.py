"""Connected accounts: what they may do, what is still required of them, when they are paid out."""

from copy import deepcopy
from typing import Any
from urllib.parse import urlencode

from .call import Call
from .events import changes, emit
from .listing import page
from .objects import all_of, insert, load, merge_metadata, new_id, save
from .refusals import Json, invalid, no_access
from .store import Work

FIRST_REQUIREMENTS = [
    "external_account",
    "individual.first_name",
    "individual.last_name",
    "tos_acceptance.date",
]
SIMPLE_FIELDS = ("email", "business_type", "business_profile", "default_currency")
PLATFORM_ID = "acct_1SandboxPlatform"


def build_account(work: Work, *, country: str, currency: str, ready: bool, **fields: Any) -> Json:
    """A connected account: ready to be paid, or with everything still to provide."""
    capability = "active" if ready else "inactive"
    due = [] if ready else list(FIRST_REQUIREMENTS)
    return {
        "id": fields.get("id") or new_id("acct").replace("_1", "_", 1)[:21],
        "object": "account",
        "business_profile": fields.get("business_profile"),
        "business_type": fields.get("business_type", "individual"),
        "capabilities": {"card_payments": capability, "transfers": capability},
        "charges_enabled": ready,
        "controller": {"type": "application", "is_controller": True},
        "country": country,
        "created": fields.get("created", work.timestamp),
        "default_currency": currency,
        "details_submitted": ready,
        "email": fields.get("email"),
        "future_requirements": requirements([]),
        "metadata": fields.get("metadata") or {},
        "payouts_enabled": ready,
        "requirements": requirements(due),
        "settings": {
            "payouts": {
                "debit_negative_balances": False,
                "schedule": schedule("manual"),
                "statement_descriptor": None,
            }
        },
        "tos_acceptance": {"date": work.timestamp if ready else None},
        "type": fields.get("type", "express"),
    }


def requirements(due: list[str]) -> Json:
    """The requirements hash with these fields due now."""
    return {
        "alternatives": [],
        "current_deadline": None,
        "currently_due": due,
        "disabled_reason": "requirements.past_due" if due else None,
        "errors": [],
        "eventually_due": list(due),
        "past_due": list(due),
        "pending_verification": [],
    }


def schedule(interval: str) -> Json:
    """A payout schedule."""
    return {"delay_days": 7, "interval": interval}


def rendered(work: Work, body: Json) -> Json:
    """The account as the API shows it, with its bank accounts and without our own marks."""
    banks = all_of(work, "bank_account", account=body["id"])
    url = f"/v1/accounts/{body['id']}/external_accounts"
    listed = {"object": "list", "data": banks, "has_more": False, "total_count": len(banks), "url": url}
    return {key: value for key, value in body.items() if not key.startswith("_")} | {"external_accounts": listed}


def authorised(work: Work, id_: str) -> Json:
    """The account, when it exists and still lets the platform act for it; raises a 403 otherwise."""
    row = work.db.execute("SELECT body FROM object WHERE id = ? AND kind = 'account'", (id_,)).fetchone()
    body = None if row is None else load(work, "account", id_)
    if body is None or body.get("_deauthorized"):
        raise no_access(id_, work.settings.secret_key)
    return body


def store_changes(work: Work, before: Json, after: Json) -> Json:
    """Save an account and emit account.updated when anything that is visible changed."""
    save(work, after)
    previous = changes(rendered(work, before), rendered(work, after))
    if previous:
        emit(work, "account.updated", rendered(work, after), account=after["id"], previous=previous)
    return after


def create_account(call: Call) -> Json:
    """POST /v1/accounts."""
    country = call.params.get("country", "FR")
    currency = call.params.get("default_currency", "eur")
    fields = {key: value for key, value in call.params.items() if key not in ("country", "id", "created")}
    body = build_account(call.work, country=country, currency=currency, ready=False, **fields)
    _apply_schedule(body, call.params)
    insert(call.work, body)
    return rendered(call.work, body)


def update_account(call: Call) -> Json:
    """POST /v1/accounts/:id."""
    before = authorised(call.work, call.id)
    after = deepcopy(before)
    after.update({name: call.params[name] for name in SIMPLE_FIELDS if name in call.params})
    merge_metadata(after, call.params.get("metadata"))
    _apply_schedule(after, call.params)
    return rendered(call.work, store_changes(call.work, before, after))


def _apply_schedule(body: Json, params: Json) -> None:
    wanted = params.get("settings", {}).get("payouts", {}).get("schedule", {})
    if "interval" in wanted:
        body["settings"]["payouts"]["schedule"] = schedule(wanted["interval"])
    if str(wanted.get("delay_days", "")).isdecimal():
        body["settings"]["payouts"]["schedule"]["delay_days"] = int(wanted["delay_days"])


def retrieve_account(call: Call) -> Json:
    """GET /v1/accounts/:id."""
    return rendered(call.work, authorised(call.work, call.id))


def retrieve_current_account(call: Call) -> Json:
    """GET /v1/account: the account the request acts for."""
    if call.account:
        return rendered(call.work, authorised(call.work, call.account))
    body = build_account(call.work, id=PLATFORM_ID, country="FR", currency="eur", ready=True, type="standard")
    return rendered(call.work, body)


def list_accounts(call: Call) -> Json:
    """GET /v1/accounts."""
    listed = page(call.work, kind="account", account="", params=call.params, url="/v1/accounts")
    listed["data"] = [rendered(call.work, body) for body in listed["data"] if not body.get("_deauthorized")]
    return listed


def create_account_link(call: Call) -> Json:
    """POST /v1/account_links: a page of the sandbox that finishes the onboarding."""
    account = authorised(call.work, call.params["account"])["id"]
    if call.params["type"] == "account_onboarding" and not call.params.get("return_url"):
        raise invalid("You must provide a `return_url`.", code="parameter_missing", param="return_url")
    page_url = f"{call.base_url}/_sandbox/onboarding/{account}"
    return {
        "object": "account_link",
        "created": call.work.timestamp,
        "expires_at": call.work.timestamp + 300,
        "url": f"{page_url}?{urlencode({'return_url': call.params.get('return_url', '')})}",
    }
