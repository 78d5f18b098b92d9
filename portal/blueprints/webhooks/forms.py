"""Sending an event round again, or dismissing it: what an admin confirms."""

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import HiddenField, TextAreaField
from wtforms.validators import InputRequired, Length

from portal.domain.reason import LONGEST_REASON, SHORTEST_REASON
from portal.queries.paging import BadParameter
from portal.queries.webhook_entry import InboxState


class RetryWebhookForm(FlaskForm):  # type: ignore[misc]
    """A decision on the event as it was shown, named by its state."""

    state = HiddenField()

    @property
    def seen(self) -> InboxState | None:
        """The state that was shown. Raises BadParameter."""
        text = self.state.data
        if not text:
            return None
        if text not in set(InboxState):
            raise BadParameter("state", text, "l’état affiché par la page de confirmation")
        return InboxState(text)


class DismissWebhookForm(RetryWebhookForm):
    """Why; the rules check the note, the validators only mark the field."""

    note = TextAreaField(_("Note"), [InputRequired(), Length(SHORTEST_REASON, LONGEST_REASON)])
