"""Asking for a payout."""

import secrets

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import HiddenField, SelectField, StringField
from wtforms.validators import InputRequired

from portal.domain.payouts.request import PayoutRequest


def new_token() -> str:
    """The name of one showing of the form: one token, one payout."""
    return secrets.token_urlsafe(24)


class BeginOnboardingForm(FlaskForm):  # type: ignore[misc]
    """The way to Stripe's onboarding: nothing to fill in."""


class RequestPayoutForm(FlaskForm):  # type: ignore[misc]
    """An amount as people type it, in a currency of the balance; the rules say what is accepted."""

    amount = StringField(_("Montant"), [InputRequired()])
    currency = SelectField(_("Devise"), [InputRequired()], choices=[], validate_choice=False)
    form_token = HiddenField(default=new_token)

    @property
    def wish(self) -> PayoutRequest:
        """What was asked for."""
        token = self.form_token.data or ""
        return PayoutRequest(
            amount=self.amount.data or "",
            currency=self.currency.data or "",
            form_token=token if token.isascii() and token.isprintable() else "",
        )
