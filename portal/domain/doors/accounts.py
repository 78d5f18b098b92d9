"""Accounts that an admin or an operator makes: checked, stored once, told."""

import re
import secrets
import unicodedata
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.audit.actor import Actor
from portal.audit.system_log import log_info
from portal.domain.doors.passwords import refuse_password
from portal.domain.doors.refusals import by, refused
from portal.domain.errors import PasswordRefused, Refusal
from portal.domain.onboarding import COUNTRIES
from portal.domain.people import create_user
from portal.models import Creator, Role, User, uuid7

LONGEST_EMAIL, LONGEST_NAME = 254, 120
CURRENCIES = tuple(COUNTRIES)
"""What creators can be paid in."""
EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
HANDLE = re.compile(r"[a-z0-9][a-z0-9-]{1,58}[a-z0-9]")


@dataclass(frozen=True, slots=True)
class AccountDraft:
    """An account as it was typed; without a handle a creator gets one from the name."""

    email: str
    name: str
    role: Role
    handle: str = ""
    currency: str = "EUR"


def create_account(session: Session, *, draft: AccountDraft, actor: Actor, password: str | None = None) -> User:
    """An account that opens with `password`, or with nothing until a link chose one. Raises UserRefused."""
    email, name = draft.email.strip().lower(), " ".join(draft.name.split())
    errors = _errors(email, name) | _password_errors(password, about=(email, name))
    if errors:
        raise refused(None, actor, "CREATE", f"{next(iter(errors))}_invalid", errors=errors)
    secret = password or secrets.token_urlsafe(32)
    user = create_user(session, email=email, name=name, password=secret, role=draft.role)
    _store(session, None, actor, "email", Refusal("%(email)s a déjà un compte.", {"email": email}))
    facts = by(actor) | {"userId": user.id, "email": email, "userRole": draft.role}
    if draft.role is Role.CREATOR:
        creator = become_creator(session, user, handle=draft.handle, currency=draft.currency, actor=actor)
        facts |= {"creatorId": creator.id, "handle": creator.handle}
    log_info("USER_CREATED", actor.kind, None, actor.id, facts, session=session)
    return user


def become_creator(session: Session, user: User, *, handle: str, currency: str, actor: Actor) -> Creator:
    """What a creator needs besides an account; whoever was one before stays the same. Raises UserRefused."""
    known = session.scalar(select(Creator).where(Creator.user_id == user.id))
    if known is not None:
        return known
    handle = handle.strip().removeprefix("@").lower() or handle_from(user.name)
    errors = {}
    if not HANDLE.fullmatch(handle):
        errors["handle"] = Refusal("Un identifiant a de 3 à 60 lettres sans accent, chiffres ou tirets.")
    if currency not in CURRENCIES:
        errors["currency"] = Refusal("Une devise parmi %(all)s.", {"all": ", ".join(CURRENCIES)})
    if errors:
        raise refused(user.id, actor, "CREATE", f"{next(iter(errors))}_invalid", errors=errors)
    creator = Creator(id=uuid7(), user_id=user.id, handle=handle, currency=currency)
    session.add(creator)
    _store(session, user.id, actor, "handle", Refusal("@%(handle)s est déjà pris.", {"handle": handle}))
    return creator


def handle_from(name: str) -> str:
    """A name as a handle: Zoé Lambert is zoe-lambert."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60].strip("-")


def _errors(email: str, name: str) -> dict[str, Refusal]:
    errors = {}
    if not (EMAIL.fullmatch(email) and email.isascii() and email.isprintable() and len(email) <= LONGEST_EMAIL):
        errors["email"] = Refusal("Ce n’est pas une adresse e-mail.")
    if not (name.isprintable() and 0 < len(name) <= LONGEST_NAME):
        errors["name"] = Refusal("Donnez un nom de 1 à %(most)s caractères.", {"most": LONGEST_NAME})
    return errors


def _password_errors(password: str | None, about: tuple[str, str]) -> dict[str, Refusal]:
    if password is None:
        return {}
    try:
        refuse_password(password, about=about)
    except PasswordRefused as refusal:
        return {"password": Refusal(refusal.message, refusal.words)}
    return {}


def _store(session: Session, user_id: UUID | None, actor: Actor, field: str, taken: Refusal) -> None:
    """The database says whether the address or the handle is free: two may ask for it at once."""
    try:
        session.flush()
    except IntegrityError as error:
        raise refused(user_id, actor, "CREATE", f"{field}_taken", errors={field: taken}, status=409) from error
