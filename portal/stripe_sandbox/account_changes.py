"""What Stripe or the account's owner does to a connected account from outside the API: the control verbs."""

from copy import deepcopy

from .accounts import build_account, rendered, requirements, schedule, store_changes
from .bank_accounts import add_bank_account, set_bank_status
from .events import emit
from .objects import all_of, find_any, insert, load
from .refusals import Json, invalid
from .store import Work

FLAGS = ("payouts_enabled", "charges_enabled", "details_submitted", "email", "metadata")
REQUIREMENTS = (
    "currently_due",
    "past_due",
    "eventually_due",
    "pending_verification",
    "disabled_reason",
    "errors",
)
OTHERS = ("interval", "bank_status", "bank_last4", "bank_removed", "bank_added", "deauthorized")


def seed_account(work: Work, wanted: Json) -> Json:
    """Create an account that is ready to be paid, with one verified bank account; says nothing to anybody."""
    given = dict(wanted)
    if "id" in given and find_any(work, given["id"]):
        raise invalid(f"There is an object {given['id']} already", code="resource_already_exists", param="id")
    country, currency = given.pop("country", "FR"), given.pop("currency", "eur")
    last4, bank = given.pop("last4", "3000"), given.pop("bank_account", True)
    status = given.pop("bank_status", "verified")
    identity = {
        name: given.pop(name)
        for name in ("id", "created", "type", "business_type", "metadata", "email")
        if name in given
    }
    body = build_account(
        work, country=country, currency=currency, ready=bool(given.pop("ready", True)), **identity
    )
    _apply(body, given)
    insert(work, body)
    if bank:
        add_bank_account(work, body["id"], currency=currency, country=country, last4=last4, status=status)
    return rendered(work, body)


def change_account(work: Work, id_: str, wanted: Json) -> Json:
    """Change what an account may do; emits what Stripe would emit."""
    before = load(work, "account", id_)
    after = deepcopy(before)
    _apply(after, wanted)
    after = store_changes(work, before, after)
    _change_banks(work, after, wanted)
    if wanted.get("deauthorized") and not before.get("_deauthorized"):
        application = {"id": "ca_sandbox", "object": "application", "name": "Callastar"}
        emit(work, "account.application.deauthorized", application, account=id_)
    return rendered(work, after)


def finish_onboarding(work: Work, id_: str) -> Json:
    """Everything required is given: the account may be charged for and paid."""
    before = load(work, "account", id_)
    if not all_of(work, "bank_account", account=id_):
        add_bank_account(work, id_, currency=before["default_currency"], country=before["country"])
    ready = {"charges_enabled": True, "payouts_enabled": True, "details_submitted": True}
    after = {**deepcopy(before), **ready, "requirements": requirements([])}
    after["capabilities"] = dict.fromkeys(before["capabilities"], "active")
    return rendered(work, store_changes(work, before, after))


def _apply(body: Json, wanted: Json) -> None:
    for name, value in wanted.items():
        if name in FLAGS:
            body[name] = value
        elif name in REQUIREMENTS:
            body["requirements"][name] = value
        elif name == "interval":
            body["settings"]["payouts"]["schedule"] = schedule(value)
        elif name == "deauthorized":
            body["_deauthorized"] = bool(value)
        elif name not in OTHERS:
            raise invalid(f"The sandbox cannot change {name} of an account", code="parameter_unknown", param=name)


def _change_banks(work: Work, account: Json, wanted: Json) -> None:
    id_ = account["id"]
    for body in all_of(work, "bank_account", account=id_):
        if wanted.get("bank_removed"):
            work.db.execute("DELETE FROM object WHERE id = ?", (body["id"],))
            emit(work, "account.external_account.deleted", body, account=id_)
        elif "bank_status" in wanted:
            set_bank_status(work, body, wanted["bank_status"])
    if "bank_added" in wanted:
        created = add_bank_account(work, id_, **{"country": account["country"], **wanted["bank_added"]})
        emit(work, "account.external_account.created", created, account=id_)
    if "bank_last4" in wanted:
        for body in all_of(work, "bank_account", account=id_):
            work.db.execute("DELETE FROM object WHERE id = ?", (body["id"],))
        currency, country = account["default_currency"], account["country"]
        created = add_bank_account(work, id_, currency=currency, country=country, last4=wanted["bank_last4"])
        emit(work, "account.external_account.created", created, account=id_)
