"""The form of an offer's terms; the rules say what is accepted."""

from datetime import datetime
from zoneinfo import ZoneInfo

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import HiddenField, StringField, TextAreaField
from wtforms.validators import InputRequired

from portal.blueprints.errors import told
from portal.domain.errors import OfferRefused
from portal.domain.money import plain_amount
from portal.domain.offers.terms import OfferDraft
from portal.queries.offer_search import CallOffer

LOCAL = "%Y-%m-%dT%H:%M"


class OfferForm(FlaskForm):  # type: ignore[misc]
    """What a call costs, when it is, how long it lasts."""

    title = StringField(_("Titre"), [InputRequired()])
    description = TextAreaField(_("Description"))
    price = StringField(_("Prix"), [InputRequired()])
    date_time = StringField(_("Date et heure"), [InputRequired()])
    duration = StringField(_("Durée"), [InputRequired()])
    version = HiddenField()

    @property
    def draft(self) -> OfferDraft:
        """The terms as typed; a field that the page did not show is a term not given."""
        return OfferDraft(
            title=self.title.data,
            description=self.description.data,
            price=self.price.data,
            date_time=self.date_time.data,
            duration=self.duration.data,
        )

    @property
    def seen_version(self) -> int | None:
        """The version of the offer that the page showed."""
        text = self.version.data or ""
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None

    def show(self, offer: CallOffer, zone: ZoneInfo) -> None:
        """Fill the fields with an offer as it stands."""
        self.title.data, self.description.data = offer.title, offer.description
        self.price.data = plain_amount(offer.price_minor, offer.currency)
        self.date_time.data = local_moment(offer.starts_at, zone)
        self.duration.data = str(offer.duration_minutes)
        self.version.data = str(offer.version)

    def attach(self, refusal: OfferRefused) -> None:
        """Put each refusal beside its field."""
        fields = {
            "title": self.title,
            "description": self.description,
            "price": self.price,
            "currency": self.price,
            "dateTime": self.date_time,
            "duration": self.duration,
        }
        for name, why in refusal.errors.items():
            if name in fields:
                fields[name].errors = [told(why)]
        if not any(name in fields for name in refusal.errors):
            self.form_errors = [told(refusal)]


def local_moment(moment: datetime, zone: ZoneInfo) -> str:
    """A moment as a date and time field holds it."""
    return moment.astimezone(zone).strftime(LOCAL)
