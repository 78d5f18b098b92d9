"""Pausing and resuming a job: why."""

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import TextAreaField
from wtforms.validators import InputRequired, Length

from portal.domain.reason import LONGEST_REASON, SHORTEST_REASON


class JobReasonForm(FlaskForm):  # type: ignore[misc]
    """The rules check the reason; the validators only mark the field."""

    reason = TextAreaField(_("Raison"), [InputRequired(), Length(SHORTEST_REASON, LONGEST_REASON)])
