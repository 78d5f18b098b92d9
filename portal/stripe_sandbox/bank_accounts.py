"""External accounts of connected accounts.

The last four digits decide what a payout to the account does, as Stripe's test numbers do:
1116 no_account, 2227 account_closed, 3335 debit_not_authorized, 4440 invalid_currency,
5553 account_frozen, 6662 could_not_process, 7771 bank_account_restricted, 8880 declined,
1123 invalid_account_number. Any other account is paid.
"""

from .call import Call
from .events import changes, emit
from .listing import page
from .objects import all_of, insert, load, new_id, save
from .refusals import Json
from .store import Work

FAILURES = {
    "1116": "no_account",
    "2227": "account_closed",
    "3335": "debit_not_authorized",
    "4440": "invalid_currency",
    "5553": "account_frozen",
    "6662": "could_not_process",
    "7771": "bank_account_restricted",
    "8880": "declined",
    "1123": "invalid_account_number",
}
MESSAGES = {
    "no_account": "The bank account details are probably incorrect: no bank account could be located.",
    "account_closed": "The bank account has been closed.",
    "debit_not_authorized": "Debit transactions are not approved on your bank account.",
    "account_frozen": "The bank account has been frozen.",
    "could_not_process": "The bank could not process this payout.",
    "declined": "The bank has declined this payout.",
    "invalid_account_number": "The routing number seems correct, but the account number is invalid.",
}


def add_bank_account(
    work: Work, account: str, *, currency: str, country: str, last4: str = "3000", status: str = "verified"
) -> Json:
    """Attach a bank account; the first of its currency is the default for it."""
    first = default_for(work, account, currency) is None
    body: Json = {
        "id": new_id("ba"),
        "object": "bank_account",
        "account": account,
        "account_holder_name": None,
        "account_holder_type": None,
        "account_type": None,
        "available_payout_methods": ["standard"],
        "bank_name": "STRIPE SANDBOX BANK",
        "country": country,
        "currency": currency,
        "default_for_currency": first,
        "fingerprint": f"fp{last4}",
        "future_requirements": {
            "currently_due": [],
            "errors": [],
            "past_due": [],
            "pending_verification": [],
        },
        "last4": last4,
        "metadata": {},
        "requirements": {"currently_due": [], "errors": [], "past_due": [], "pending_verification": []},
        "routing_number": "110000000",
        "status": status,
    }
    return insert(work, body, account=account)


def default_for(work: Work, account: str, currency: str) -> Json | None:
    """The bank account that payouts in this currency go to."""
    for body in all_of(work, "bank_account", account=account):
        if body["currency"] == currency and body["default_for_currency"]:
            return body
    return None


def set_bank_status(work: Work, body: Json, status: str) -> Json:
    """Change the status of a bank account and say so on the connect endpoint."""
    after = {**body, "status": status}
    if after == body:
        return body
    save(work, after)
    previous = changes(body, after)
    emit(work, "account.external_account.updated", after, account=body["account"], previous=previous)
    return after


def list_external_accounts(call: Call) -> Json:
    """The bank accounts of a connected account."""
    account = load(call.work, "account", call.id)["id"]
    filters = {name: value for name, value in call.params.items() if name != "object"}
    url = f"/v1/accounts/{account}/external_accounts"
    return page(call.work, kind="bank_account", account=account, params=filters, url=url)


def retrieve_external_account(call: Call) -> Json:
    """One bank account of a connected account."""
    return load(call.work, "bank_account", call.ids[1], account=call.id)
