"""How somebody likes the portal: zone, language, theme, density, rows a page, keyboard."""

from dataclasses import asdict, dataclass
from uuid import UUID
from zoneinfo import available_timezones

from sqlalchemy.orm import Session

from portal.audit.actor import Actor
from portal.audit.system_log import log_info
from portal.models import User
from portal.models.user import PAGE_SIZES as PAGE_SIZES
from portal.models.user import Density as Density
from portal.models.user import Theme as Theme


@dataclass(frozen=True, slots=True)
class Preferences:
    """What somebody chose; `locale` is None where the browser's language decides."""

    timezone: str = "Europe/Paris"
    locale: str | None = None
    theme: Theme = Theme.AUTO
    density: Density = Density.NORMAL
    page_size: int = 50
    shortcuts: bool = True


PREFERENCES = (User.timezone, User.locale, User.theme, User.density, User.page_size, User.shortcuts)
"""Where they are kept, in the order of Preferences."""


def preferences_of(user: User) -> Preferences:
    """The preferences of a loaded user."""
    return Preferences(
        user.timezone, user.locale, Theme(user.theme), Density(user.density), user.page_size, user.shortcuts
    )


def save_preferences(session: Session, *, user_id: UUID, actor: Actor, wanted: Preferences) -> list[str]:
    """Keep `wanted`; the names of what changed, which the book tells too. Raises ValueError."""
    if wanted.timezone not in available_timezones() or wanted.page_size not in PAGE_SIZES:
        raise ValueError("not a preference")
    user = session.get_one(User, user_id, with_for_update=True, populate_existing=True)
    before, after = asdict(preferences_of(user)), asdict(wanted)
    changed = {name: {"before": before[name], "after": new} for name, new in after.items() if before[name] != new}
    for name in changed:
        setattr(user, name, after[name])
    if changed:
        log_info("USER_PREFERENCES_CHANGED", actor.kind, None, actor.id, {"changes": changed}, session=session)
    return list(changed)
