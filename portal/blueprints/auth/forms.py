"""The sign-in form."""

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired, Length


class SignInForm(FlaskForm):  # type: ignore[misc]
    """An e-mail address and a password."""

    email = StringField(_("Adresse e-mail"), [InputRequired(_("Indiquez votre adresse e-mail.")), Length(max=254)])
    password = PasswordField(
        _("Mot de passe"), [InputRequired(_("Indiquez votre mot de passe.")), Length(max=1024)]
    )
