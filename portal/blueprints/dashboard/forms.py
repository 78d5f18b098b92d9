"""The form of preferences."""

from typing import Any
from zoneinfo import available_timezones

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import BooleanField, RadioField, StringField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its stubs
from wtforms.validators import InputRequired, ValidationError

from portal.domain.preferences import PAGE_SIZES, Density, Preferences, Theme

BROWSER = ""
"""The language that means: whatever the browser asks for."""
LANGUAGE_CHOICES = {BROWSER: _("Celle du navigateur"), "fr": "Français", "en": "English"}
THEMES = {Theme.AUTO: _("Comme le système"), Theme.LIGHT: _("Clair"), Theme.DARK: _("Sombre")}
DENSITIES = {Density.COMPACT: _("Serrée"), Density.NORMAL: _("Normale"), Density.COMFORTABLE: _("Aérée")}
ZONES = sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/"))


def _choices(labels: Any) -> list[SelectChoice]:
    return [SelectChoice(str(value), label) for value, label in labels.items()]


class PreferencesForm(FlaskForm):  # type: ignore[misc]
    """What somebody likes; everything has a value already."""

    timezone = StringField(_("Fuseau horaire"), [InputRequired()])
    locale = RadioField(_("Langue"), choices=_choices(LANGUAGE_CHOICES))
    theme = RadioField(_("Thème"), choices=_choices(THEMES))
    density = RadioField(_("Hauteur des lignes"), choices=_choices(DENSITIES))
    page_size = RadioField(_("Lignes par page"), choices=_choices({size: str(size) for size in PAGE_SIZES}))
    shortcuts = BooleanField(_("Raccourcis clavier d’une seule lettre"))

    def validate_timezone(self, field: StringField) -> None:
        """Only zones that this machine can compute with."""
        if (field.data or "") not in available_timezones():
            raise ValidationError(_("Choisissez un fuseau de la liste, par exemple Europe/Paris ou UTC."))

    def wanted(self) -> Preferences:
        """The valid form as preferences."""
        return Preferences(
            timezone=self.timezone.data or "",
            locale=self.locale.data or None,
            theme=Theme(self.theme.data),
            density=Density(self.density.data),
            page_size=int(self.page_size.data),
            shortcuts=bool(self.shortcuts.data),
        )
