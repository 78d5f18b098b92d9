"""Refunding: what an admin confirms."""

import secrets

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import HiddenField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from portal.domain.reason import LONGEST_REASON, SHORTEST_REASON


def new_token() -> str:
    """The name of one showing of the form: one token, one refund."""
    return secrets.token_urlsafe(24)


class RefundPaymentForm(FlaskForm):  # type: ignore[misc]
    """An amount as people type it, and why; the rules say what is accepted."""

    amount = StringField(_("Montant à rembourser"), [InputRequired()])
    reason = TextAreaField(_("Raison"), [InputRequired(), Length(SHORTEST_REASON, LONGEST_REASON)])
    form_token = HiddenField(default=new_token)

    @property
    def token(self) -> str | None:
        """The form's token, if the page had one."""
        return self.form_token.data or None
