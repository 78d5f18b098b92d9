"""Pausing and resuming a job, confirming a bulk deletion: why."""

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import IntegerField, TextAreaField
from wtforms.validators import InputRequired, Length, NumberRange
from wtforms.widgets import HiddenInput

from portal.domain.reason import LONGEST_REASON, SHORTEST_REASON


class JobReasonForm(FlaskForm):  # type: ignore[misc]
    """The rules check the reason; the validators only mark the field."""

    reason = TextAreaField(_("Raison"), [InputRequired(), Length(SHORTEST_REASON, LONGEST_REASON)])


class ConfirmCleanupForm(JobReasonForm):
    """The same, for as many rows as the page showed."""

    rows = IntegerField(widget=HiddenInput(), validators=[InputRequired(), NumberRange(min=0, max=10**12)])
