"""Accounts: what an admin fills in. The rules check it and record what they refuse; validators mark the field."""

from typing import Any

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its stubs
from wtforms.validators import InputRequired, Length

from portal.blueprints.errors import told
from portal.blueprints.users.words import ROLES
from portal.domain.doors.accounts import CURRENCIES, LONGEST_EMAIL, LONGEST_NAME, AccountDraft
from portal.domain.errors import UserRefused
from portal.domain.people import Role
from portal.domain.reason import LONGEST_REASON, SHORTEST_REASON

ROLE_CHOICES = [SelectChoice(role.value, label) for role, label in ROLES.items()]
CURRENCY_CHOICES = [SelectChoice(currency) for currency in CURRENCIES]


class ActForm(FlaskForm):  # type: ignore[misc]
    """An act on an account: nothing to fill in."""

    def given(self) -> dict[str, Any]:
        """What the act's rule takes besides the account."""
        return {}

    def chosen(self) -> bool:
        """Whether every choice is one of those that were offered."""
        wrong = [field for field in self if field.type == "SelectField" and not field.validate(self)]
        return not wrong

    def attach(self, refusal: UserRefused) -> None:
        """Put each refusal beside its field, or above the form."""
        fields = {name: field for name, field in self._fields.items() if name in refusal.errors}
        for name, field in fields.items():
            field.errors = [told(refusal.errors[name])]
        if not fields:
            self.form_errors = [told(refusal)]


class ReasonForm(ActForm):
    """Why."""

    reason = TextAreaField(_("Raison"), [InputRequired(), Length(SHORTEST_REASON, LONGEST_REASON)])

    def given(self) -> dict[str, Any]:
        """The reason as typed."""
        return {"reason": self.reason.data or ""}


class RoleForm(ReasonForm):
    """Another role; a handle and a currency for whoever becomes a creator."""

    role = SelectField(_("Nouveau rôle"), [InputRequired()], choices=ROLE_CHOICES)
    handle = StringField(_("Identifiant du créateur"), [Length(max=61)])
    currency = SelectField(_("Devise du créateur"), choices=CURRENCY_CHOICES, default=CURRENCIES[0])

    def given(self) -> dict[str, Any]:
        """The role and what comes with it."""
        more = {"role": Role(self.role.data), "handle": self.handle.data or "", "currency": self.currency.data}
        return super().given() | more


class CreateUserForm(ActForm):
    """Somebody new."""

    email = StringField(_("Adresse e-mail"), [InputRequired(), Length(max=LONGEST_EMAIL)])
    name = StringField(_("Nom"), [InputRequired(), Length(max=LONGEST_NAME)])
    role = SelectField(_("Rôle"), [InputRequired()], choices=ROLE_CHOICES)
    handle = StringField(_("Identifiant du créateur"), [Length(max=61)])
    currency = SelectField(_("Devise du créateur"), choices=CURRENCY_CHOICES)

    @property
    def draft(self) -> AccountDraft:
        """The account as typed."""
        role, currency = Role(self.role.data), self.currency.data
        return AccountDraft(self.email.data or "", self.name.data or "", role, self.handle.data or "", currency)
