"""Words in the reader's language, of which a page says two hundred: each is looked up once."""

import re
from functools import lru_cache
from typing import Any

from flask_babel import get_translations
from flask_babel.speaklater import LazyString
from markupsafe import Markup, escape

from portal.blueprints.reader import reader

BEFORE_MARKS = re.compile("(?<=«) | (?=[:;?!»])")
"""Spaces of French that end no line."""


def spoken(words: str, /, **given: Any) -> Markup:
    """What `_()` says in templates, which ask for a hundred words a page: as Jinja's own, looked up once."""
    language = reader().language
    if not given:
        return _plain(language, words)
    safe = {name: escape(value) for name, value in given.items()}
    return Markup(str.__mod__(_said(language, words), safe))  # noqa: S704 -- as Markup's own %, in one step


def counted(one: str, many: str, num: int, /, **given: Any) -> Markup:
    """What `ngettext()` says in templates; in French nothing is counted like one."""
    words = {"num": num, **given}
    if reader().language == "fr":
        return _said("fr", one if abs(num) < 2 else many) % words
    return Markup(get_translations().ungettext(one, many, num)) % words  # noqa: S704 -- as above


@lru_cache(maxsize=8192)
def _said(language: str, words: str) -> Markup:
    said = get_translations().ugettext(words)
    said = BEFORE_MARKS.sub("\u00a0", said) if language == "fr" else said
    return Markup(said)  # noqa: S704 -- the catalogue's words, as Jinja has them


@lru_cache(maxsize=8192)
def _plain(language: str, words: str) -> Markup:
    return _said(language, words) % {}


def lazy_gettext(words: str) -> LazyString:
    """Words that modules name before anybody reads them: as Flask-Babel's own, looked up once."""
    return LazyString(_spoken_text, words)


def _spoken_text(words: str) -> str:
    return _said(reader().language, words)
