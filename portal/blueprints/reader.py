"""In which language and zone whoever asks reads: found once a request, as a page asks some hundred times."""

from dataclasses import dataclass
from datetime import tzinfo
from zoneinfo import ZoneInfo

from babel import Locale
from flask import g
from flask_babel import get_locale, get_timezone


@dataclass(frozen=True, slots=True)
class Reader:
    """What Flask-Babel says of this request; its zone is one of Python's own, which are quicker than pytz's."""

    locale: Locale
    language: str
    zone: tzinfo


_of_request = g._get_current_object
"""What `g` stands for, without a proxy's part in each of the hundred answers."""


def reader() -> Reader:
    """The reader of this request; in the language that force_locale() asks for, while it does."""
    try:
        known = _of_request()._flask_babel
        if known.reader.locale is known.babel_locale:
            return known.reader  # type: ignore[no-any-return]
    except AttributeError:
        pass
    locale = get_locale()
    g._flask_babel.reader = found = Reader(locale, locale.language, ZoneInfo(str(get_timezone())))
    return found
