"""The list of accounts: its parameters, its pages, its counts, and one account with what guards it."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session

from portal.models import Creator, PasswordLink, Role, SecondFactor, User, UserSession
from portal.queries.paging import Order, Page, cut_page, parse_cursor, parse_limit
from portal.queries.parameters import Arguments, member, one, refuse_unknown

PARAMETERS = frozenset({"role", "state", "q", "cursor", "limit"})


class UserState(StrEnum):
    """What a list of accounts can be narrowed to, besides a role."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    UNGUARDED = "unguarded"
    NEVER = "never"


GUARDED = (
    select(SecondFactor.user_id).where(SecondFactor.confirmed_at.is_not(None), SecondFactor.user_id == User.id)
).exists()
LAST_SIGN_IN = (
    select(func.max(UserSession.created_at))
    .where(UserSession.user_id == User.id)
    .correlate(User)
    .scalar_subquery()
)
CONDITIONS: dict[UserState, ColumnElement[bool]] = {
    UserState.ENABLED: User.disabled_at.is_(None),
    UserState.DISABLED: User.disabled_at.is_not(None),
    UserState.UNGUARDED: User.disabled_at.is_(None) & ~GUARDED,
    UserState.NEVER: ~select(UserSession.id).where(UserSession.user_id == User.id).exists(),
}


@dataclass(frozen=True, slots=True)
class Account:
    """A row of the list: somebody, whether a second factor guards the account, when it was last opened."""

    user: User
    creator_id: UUID | None
    handle: str | None
    is_guarded: bool
    last_sign_in: datetime | None

    @property
    def id(self) -> UUID:
        """The user's id."""
        return self.user.id

    @property
    def created_at(self) -> datetime:
        """When the account was made."""
        return self.user.created_at


@dataclass(frozen=True, slots=True)
class UserSearch:
    """Accounts, newest first."""

    role: Role | None = None
    state: UserState | None = None
    text: str = ""
    order: Order = field(default_factory=Order)
    limit: int = 50

    @classmethod
    def from_args(cls, args: Arguments) -> "UserSearch":
        """The search that an address asks for. Raises BadParameter."""
        refuse_unknown(args, PARAMETERS)
        return cls(
            role=member("role", role, Role) if (role := one(args, "role")) else None,
            state=member("state", state, UserState) if (state := one(args, "state")) else None,
            text=one(args, "q") or "",
            order=Order(parse_cursor(one(args, "cursor"), UUID)),
            limit=parse_limit(one(args, "limit")),
        )

    @property
    def narrowed(self) -> bool:
        """Whether some accounts are left out."""
        return bool(self.role or self.state or self.text)

    def conditions(self) -> list[ColumnElement[bool]]:
        """What an account has to be."""
        found = [User.role == self.role] if self.role else []
        found += [CONDITIONS[self.state]] if self.state else []
        return found + ([_mentions(self.text)] if self.text else [])

    def statement(self) -> Select[Any]:
        """Up to `limit` + 1 accounts, in the cursor's direction."""
        place = (User.created_at, User.id)
        query = _accounts().where(*self.conditions(), *self.order.conditions(*place))
        return query.order_by(*self.order.columns(*place)).limit(self.limit + 1)

    def page(self, session: Session) -> Page[Account]:
        """One page."""
        found = [Account(*row) for row in session.execute(self.statement())]
        return cut_page(found, self.limit, self.order.cursor)

    def everybody(self, session: Session) -> Iterator[Account]:
        """Every account, page by page."""
        page = self.page(session)
        yield from page.rows
        while page.next:
            page = replace(self, order=Order(page.next)).page(session)
            yield from page.rows


def _accounts() -> Select[Any]:
    columns: Any = select(User, Creator.id, Creator.handle, GUARDED, LAST_SIGN_IN)
    return columns.outerjoin(Creator, Creator.user_id == User.id)  # type: ignore[no-any-return]


def _mentions(text: str) -> ColumnElement[bool]:
    return or_(User.name.icontains(text, autoescape=True), User.email.icontains(text, autoescape=True))


def count_users(session: Session) -> dict[Role, int]:
    """How many accounts there are of each role."""
    rows = session.execute(select(User.role, func.count().label("total")).group_by(User.role))
    return dict.fromkeys(Role, 0) | {row.role: row.total for row in rows}


def find_account(session: Session, user_id: UUID) -> Account | None:
    """One account."""
    row = session.execute(_accounts().where(User.id == user_id)).first()
    return Account(*row) if row else None


def find_by_email(session: Session, email: str) -> User | None:
    """Whose address this is."""
    return session.scalar(select(User).where(User.email == email.strip().lower()))


def open_link(session: Session, user_id: UUID, *, now: datetime) -> PasswordLink | None:
    """The link by which somebody may still choose a password."""
    unused = (PasswordLink.user_id == user_id, PasswordLink.used_at.is_(None), PasswordLink.expires_at > now)
    return session.scalar(select(PasswordLink).where(*unused).order_by(PasswordLink.expires_at.desc()).limit(1))
