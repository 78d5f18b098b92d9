"""The form of a saved view; the rules say what is accepted."""

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import BooleanField, HiddenField, StringField
from wtforms.validators import InputRequired


class SaveViewForm(FlaskForm):  # type: ignore[misc]
    """A name, and whether others see it."""

    name = StringField(_("Nom"), [InputRequired()])
    shared = BooleanField(_("Partager avec tous ceux qui lisent les journaux"))
    book = HiddenField()
    query = HiddenField()
    version = HiddenField()

    @property
    def seen_version(self) -> int:
        """The version that the page showed; one that never was when the field is broken."""
        text = self.version.data or ""
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1


class DeleteViewForm(FlaskForm):  # type: ignore[misc]
    """A deletion: nothing to fill in."""
