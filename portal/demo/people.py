"""Admins, people who book, and creators with their accounts at the local Stripe."""

from datetime import timedelta
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

from portal.demo.cast import ADMINS, AUDITOR, CREATORS, FIRST_NAMES, FIRST_USER, LAST_NAMES, Part, Standing
from portal.demo.chance import DAY
from portal.demo.rows import Operation
from portal.demo.world import Person, Seller, World, stamp
from portal.models import LogActor, Role

OPENING_CENTS = 90_000
DUE = ("individual.verification.document", "individual.id_number")
DOMAINS = ("exemple.test", "courriel.test", "poste.test")


def invite(world: World, password_hash: str) -> None:
    """Bring everybody in; all share one password."""
    for name, email in ADMINS:
        world.admins.append(_person(world, name, email, Role.ADMIN, password_hash))
    _auditor(world, password_hash)
    guests = [FIRST_USER, *((f"{a} {b}", "") for a, b in zip(FIRST_NAMES, _names(world), strict=False))]
    for name, email in guests:
        world.users.append(_person(world, name, email or _address(world, name), Role.USER, password_hash))
    for part in CREATORS:
        world.sellers[part.handle] = _creator(world, part, password_hash)


def _auditor(world: World, password_hash: str) -> None:
    """Somebody who only reads, and draws nothing from chance: all else stays as it was."""
    name, email = AUDITOR
    row = {"id": uuid5(NAMESPACE_DNS, email), "email": email, "name": name, "password_hash": password_hash}
    row |= {"role": Role.AUDITOR, "timezone": "Europe/Paris", "created_at": world.start}
    world.books.add("user", row)


def _names(world: World) -> list[str]:
    return [world.chance.pick(LAST_NAMES) for _ in FIRST_NAMES]


def _address(world: World, name: str) -> str:
    plain = name.lower().translate(str.maketrans("éèëêïíîöóøüúñçå", "eeeeiiiooouunca"))
    return f"{plain.replace(' ', '.')}@{world.chance.pick(DOMAINS)}"


def _person(world: World, name: str, email: str, role: Role, password_hash: str) -> Person:
    joined = world.start - world.chance.span(5 * DAY, 200 * DAY)
    person = Person(world.chance.uuid(joined), name, email)
    row = {"id": person.id, "email": email, "name": name, "password_hash": password_hash, "role": role}
    world.books.add("user", row | {"timezone": "Europe/Paris", "created_at": joined})
    return person


def _creator(world: World, part: Part, password_hash: str) -> Seller:
    email = part.email or _address(world, part.name)
    person = _person(world, part.name, email, Role.CREATOR, password_hash)
    joined = world.start - world.chance.span(DAY, 120 * DAY)
    ready = part.standing not in {Standing.NO_ACCOUNT, Standing.REQUIREMENTS_DUE}
    account = None if part.standing is Standing.NO_ACCOUNT else world.chance.stripe_id("acct", 16)
    row: dict[str, Any] = {"id": world.chance.uuid(joined), "user_id": person.id, "handle": part.handle}
    row |= {"currency": part.currency, "stripe_account_id": account, "charges_enabled": ready}
    row |= {"payouts_enabled": ready and part.standing is not Standing.PAYOUTS_DISABLED}
    row |= {"stripe_schedule_interval": "manual", "payout_schedule": part.schedule}
    row |= {"payout_minimum_minor": 100 if part.currency == "JPY" else 1000}
    row |= {"is_payout_blocked": False, "payout_block_reason": None, "payout_blocked_at": None}
    row |= {"validated_at": joined + 2 * DAY if ready else None, "created_at": joined}
    seller = Seller(row["id"], person, part, account, world.chance.stripe_id("ba"), row)
    world.books.add("creator", row)
    if account is not None:
        open_account(world, seller, created=joined)
        opening = seller.minor(OPENING_CENTS + world.chance.whole(0, 60_000))
        world.move(
            seller, world.start - DAY, opening, kind="adjustment", source=None, description="Opening balance"
        )
    return seller


def open_account(world: World, seller: Seller, *, created: Any) -> None:
    """The account and its bank account at the local Stripe."""
    part = seller.part
    due = list(DUE) if part.standing is Standing.REQUIREMENTS_DUE else []
    disabled = "requirements.past_due" if due else None
    if part.standing is Standing.PAYOUTS_DISABLED:
        disabled = "rejected.listed"
    account: dict[str, Any] = {
        "object": "account",
        "id": seller.account,
        "country": part.country,
        "email": seller.person.email,
    }
    account |= {"default_currency": part.currency.lower(), "created": stamp(created), "metadata": {}}
    account |= {"charges_enabled": seller.row["charges_enabled"], "payouts_enabled": seller.row["payouts_enabled"]}
    account |= {"requirements": requirements(due, disabled), "business_profile": {"name": part.name}}
    bank: dict[str, Any] = {
        "object": "bank_account",
        "id": seller.bank,
        "account": seller.account,
        "country": part.country,
    }
    bank |= {"currency": part.currency.lower(), "last4": part.last4}
    bank |= {"status": "errored" if part.standing is Standing.BANK_ERRORED else "verified"}
    world.objects += [account, bank]


def requirements(due: list[str], disabled: str | None) -> dict[str, Any]:
    """What an account still has to give, as Stripe says it."""
    lists = {name: list(due) for name in ("currently_due", "eventually_due", "past_due")}
    return {"alternatives": [], "current_deadline": None, "disabled_reason": disabled, "errors": [],
            "pending_verification": [], **lists}  # fmt: skip


def validate_newcomers(world: World) -> None:
    """Admins validated the youngest accounts in the first weeks of the story."""
    for n, seller in enumerate(s for s in world.sellers.values() if s.row["validated_at"]):
        if n % 3 == 0:
            op = world.operation(world.chance.moment(world.start + timedelta(days=n / 2)))
            _validate(op, seller, world.chance.pick(world.admins))


def _validate(op: Operation, seller: Seller, admin: Person) -> None:
    seller.row["validated_at"] = op.at
    facts = {
        "creatorId": seller.id,
        "creatorName": seller.part.name,
        "validatedBy": admin.id,
        "validatedAt": op.at,
    }
    op.log("CREATOR_ACCOUNT_VALIDATED", LogActor.ADMIN, admin.id, facts)
