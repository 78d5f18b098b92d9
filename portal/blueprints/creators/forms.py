"""Blocking and unblocking: what an admin confirms."""

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from portal.domain.reason import LONGEST_REASON, SHORTEST_REASON


class UnblockPayoutsForm(FlaskForm):  # type: ignore[misc]
    """Why. The rules check the reason and record a bad one; the validators only mark the field."""

    reason = TextAreaField(_("Raison"), [InputRequired(), Length(SHORTEST_REASON, LONGEST_REASON)])

    @property
    def reason_text(self) -> str:
        """The reason as it is stored."""
        return (self.reason.data or "").replace("\x00", "").strip()


class ValidateCreatorForm(FlaskForm):  # type: ignore[misc]
    """A validation: nothing to fill in."""


class BlockPayoutsForm(UnblockPayoutsForm):
    """Why, and whom: the creator's handle typed again."""

    handle = StringField(_("Identifiant du créateur"), [InputRequired()])

    def names(self, handle: str) -> bool:
        """Whether `handle` was typed, with or without its @ and whatever its case."""
        return (self.handle.data or "").strip().removeprefix("@").casefold() == handle.casefold()
