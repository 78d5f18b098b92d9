"""Signing in, and choosing a password."""

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import HiddenField, PasswordField, StringField
from wtforms.validators import InputRequired, Length

from portal.domain.people import LONGEST_PASSWORD


class SignInForm(FlaskForm):  # type: ignore[misc]
    """An e-mail address and a password; with a second factor a code, and `proof` may stand for the password."""

    email = StringField(_("Adresse e-mail"), [InputRequired(_("Indiquez votre adresse e-mail.")), Length(max=254)])
    password = PasswordField(_("Mot de passe"), [Length(max=LONGEST_PASSWORD)])
    code = StringField(_("Code"), [Length(max=64)])
    proof = HiddenField()

    def validate(self, extra_validators: object = None) -> bool:
        """A password, or the proof of one."""
        valid: bool = super().validate(extra_validators)
        if not self.password.data and not self.proof.data:
            self.password.errors = [*self.password.errors, _("Indiquez votre mot de passe.")]
            return False
        return valid


class ChoosePasswordForm(FlaskForm):  # type: ignore[misc]
    """A new password, twice."""

    new = PasswordField(_("Nouveau mot de passe"), [InputRequired(_("Choisissez un mot de passe."))])
    again = PasswordField(_("Le même, encore une fois"), [InputRequired(_("Retapez-le."))])

    def agrees(self) -> bool:
        """Whether both were filled in, alike."""
        if not self.validate():
            return False
        if self.new.data != self.again.data:
            self.again.errors = [_("Les deux mots de passe diffèrent.")]
            return False
        return True
