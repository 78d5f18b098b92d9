"""How long a key is silenced, and why."""

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import SelectField, TextAreaField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its stubs
from wtforms.validators import InputRequired, Length

from portal.domain.reason import LONGEST_REASON, SHORTEST_REASON

HOURS = {1: _("Une heure"), 4: _("4 heures"), 24: _("Un jour"), 72: _("3 jours"), 168: _("7 jours")}


class SilenceForm(FlaskForm):  # type: ignore[misc]
    """The rules check both; the validators only mark the fields."""

    hours = SelectField(
        _("Durée"), [InputRequired()], choices=[SelectChoice(str(n), words) for n, words in HOURS.items()]
    )
    reason = TextAreaField(_("Raison"), [InputRequired(), Length(SHORTEST_REASON, LONGEST_REASON)])
