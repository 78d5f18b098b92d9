"""Approving and rejecting: what an admin confirms."""

from decimal import Decimal

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import HiddenField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its stubs
from wtforms.validators import InputRequired, Length

from portal.domain.money import is_amount, to_decimal
from portal.domain.reason import LONGEST_REASON, SHORTEST_REASON, clean_reason, is_reason
from portal.queries.paging import BadParameter

CATEGORIES = {
    "": _("Sans catégorie"),
    "information": _("Informations manquantes"),
    "identity": _("Compte ou identité à vérifier"),
    "dispute": _("Litige ou remboursement en cours"),
    "amount": _("Montant à revoir"),
    "duplicate": _("Demande en double"),
}


class _DecisionForm(FlaskForm):  # type: ignore[misc]
    """A decision on the payout as it was shown, named by its version."""

    version = HiddenField()

    @property
    def seen_version(self) -> int | None:
        """The version that was shown. Raises BadParameter."""
        text = self.version.data
        if not text:
            return None
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise BadParameter("version", text, "la version affichée par la page de confirmation")
        return int(text)


class ApprovePayoutForm(_DecisionForm):
    """A yes: retyping the amount where it is large, and owning up where checks fail."""

    passed = HiddenField()
    amount = StringField(_("Retapez le montant"))
    reason = TextAreaField(_("Pourquoi approuver malgré les vérifications non réussies"))

    def is_sure(self, amount_minor: int, currency: str, above: Decimal, *, despite: bool) -> bool:
        """Whether everything that this payout asks for is there; else the fields say what is missing.

        `despite`: checks fail, and a reason is wanted.
        """
        if must_retype(amount_minor, currency, above) and not is_amount(self.amount.data, amount_minor, currency):
            self.amount.errors = [_("Ce n’est pas le montant affiché.")]
        if despite and not is_reason(clean_reason(self.reason.data or "")):
            self.reason.errors = [_("Donnez votre raison, de 10 à 500 caractères.")]
        return not (self.amount.errors or self.reason.errors)


def must_retype(amount_minor: int, currency: str, above: Decimal) -> bool:
    """Whether an amount is so large that it has to be typed again."""
    return to_decimal(amount_minor, currency) > above


class RejectPayoutForm(_DecisionForm):
    """A no, with the reason that the creator will read.

    The rules check the reason and record a missing one; the validators only mark the field.
    """

    category = SelectField(
        _("Motif"), choices=[SelectChoice(*item) for item in CATEGORIES.items()], validate_choice=False
    )
    reason = TextAreaField(
        _("Explication pour le créateur"), [InputRequired(), Length(SHORTEST_REASON, LONGEST_REASON)]
    )

    @property
    def full_reason(self) -> str:
        """What the creator will read: the category's words before the explanation."""
        reason = (self.reason.data or "").replace("\x00", "").strip()
        category = CATEGORIES.get(self.category.data or "") if self.category.data else None
        return f"{category} : {reason}" if category and reason else reason

    @property
    def is_short(self) -> bool:
        """Whether there is an explanation, but hardly one."""
        return 0 < len((self.reason.data or "").strip()) < SHORTEST_REASON


class RetryPayoutForm(FlaskForm):  # type: ignore[misc]
    """Why a payout may be sent again; the rules check the reason."""

    reason = TextAreaField(
        _("Raison de la nouvelle tentative"), [InputRequired(), Length(SHORTEST_REASON, LONGEST_REASON)]
    )


class CancelPayoutForm(FlaskForm):  # type: ignore[misc]
    """A cancellation: nothing to fill in."""


class PauseSendingForm(FlaskForm):  # type: ignore[misc]
    """Pausing or resuming all sending, with the reason that every admin will read."""

    action = HiddenField()
    reason = TextAreaField(_("Raison"), [InputRequired(), Length(SHORTEST_REASON, LONGEST_REASON)])
