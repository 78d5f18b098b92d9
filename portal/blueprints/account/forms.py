"""Forms of one's own account."""

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired, Length

from portal.blueprints.auth.forms import ChoosePasswordForm
from portal.domain.people import LONGEST_PASSWORD


class ChangePasswordForm(ChoosePasswordForm):
    """The old password, and the new one twice."""

    old = PasswordField(
        _("Mot de passe actuel"),
        [InputRequired(_("Donnez votre mot de passe actuel.")), Length(max=LONGEST_PASSWORD)],
    )


class CodeForm(FlaskForm):  # type: ignore[misc]
    """A code of the authenticator that was just set up."""

    code = StringField(_("Code affiché par l’application"), [InputRequired(_("Donnez le code."))])
