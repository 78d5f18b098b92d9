"""The English catalogue: complete, faithful to the source, compiled, and chosen as people and browsers ask."""

import ast
import re
from collections.abc import Iterator
from gettext import GNUTranslations

import pytest
from babel.messages.catalog import Catalog, Message

from portal.domain.errors import DomainError
from portal.domain.money import AmountInvalid
from portal.translations import catalogue
from tests.browser import Browser
from tests.factories import Factory

PLACES = re.compile(r"%\(\w+\)[sd]|\{\w+\}")
"""What gettext fills, and what the pages' scripts do."""

FRENCH_SIGNS = re.compile("[«»\u00a0\u202f]| [:;?!]|'")
MARKED = re.compile(r"""\b_\("[^"]*"|\bngettext\("[^"]*", "[^"]*"|\{#.*?#\}""", re.DOTALL)
SHOWN = {"fr": ("Se connecter", "Mot de passe"), "en": ("Sign in", "Password")}


@pytest.fixture(scope="module")
def source() -> Catalog:
    return catalogue.extracted()


@pytest.fixture(scope="module")
def english() -> Catalog:
    return catalogue.read()


def messages(of: Catalog) -> list[Message]:
    return [message for message in of if message.id]


def forms(text: object) -> tuple[str, ...]:
    return tuple(text) if isinstance(text, (tuple, list)) else (str(text),)


def names_of_gettext() -> Iterator[tuple[str, str]]:
    """The names under which each module knows Flask-Babel's functions that mark a message."""
    for path in catalogue.PORTAL.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "flask_babel":
                yield from ((path.name, a.asname or a.name) for a in node.names if a.name.endswith("gettext"))


def refusals(kind: type[Exception] = DomainError) -> Iterator[str]:
    """The classes whose sentence a page or the JSON API tells."""
    yield kind.__name__
    for narrower in kind.__subclasses__():
        yield from refusals(narrower)


def sentences_given_to_refusals() -> Iterator[tuple[str, str]]:
    """Every sentence that a refusal is raised with."""
    told = {*refusals(), AmountInvalid.__name__}
    for path in catalogue.PORTAL.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in told and node.args:
                said = node.args[0]
                if isinstance(said, ast.Constant):
                    yield path.name, str(said.value)


def test_every_message_of_the_source_is_translated(source: Catalog, english: Catalog) -> None:
    untranslated = [
        message.id
        for message in messages(source)
        if (found := english.get(message.id, message.context)) is None or not catalogue.is_complete(found)
    ]
    assert untranslated == [], "run python -m portal.translations, and translate what it lists"


def test_no_translation_is_left_of_a_message_that_is_gone(source: Catalog, english: Catalog) -> None:
    assert [m.id for m in messages(english) if source.get(m.id, m.context) is None] == []
    assert dict(english.obsolete) == {}


def test_a_translation_fills_the_same_places(english: Catalog) -> None:
    for message in messages(english):
        for french, translated in zip(forms(message.id), forms(message.string), strict=True):
            missing = set(PLACES.findall(french)) ^ set(PLACES.findall(translated))
            one = message.pluralizable and missing <= {"%(num)s"}  # "Every minute" counts without its number
            assert not missing or one, translated


def test_a_translation_keeps_the_spaces_around_it(english: Catalog) -> None:
    for message in messages(english):
        for french, translated in zip(forms(message.id), forms(message.string), strict=True):
            assert translated[-1:].isspace() == french[-1:].isspace(), french


def test_a_translation_has_no_french_typography(english: Catalog) -> None:
    assert [m.string for m in messages(english) if any(map(FRENCH_SIGNS.search, forms(m.string)))] == []


def test_the_compiled_catalogue_says_what_the_written_one_says(english: Catalog) -> None:
    with catalogue.PO.with_suffix(".mo").open("rb") as file:
        compiled = GNUTranslations(file)
    written: dict[str | tuple[str, int], str] = {}
    for message in messages(english):
        if message.pluralizable:
            written |= {(message.id[0], n): text for n, text in enumerate(forms(message.string))}
        else:
            written[str(message.id)] = str(message.string)
    held = {key: text for key, text in compiled._catalog.items() if key}  # type: ignore[attr-defined]
    assert held == written


def test_the_catalogue_looks_for_every_name_that_marks_a_message() -> None:
    assert {name for _, name in names_of_gettext()} <= set(catalogue.KEYWORDS)


def test_a_template_holds_no_french_outside_its_messages() -> None:
    for path in sorted((catalogue.PORTAL / "templates").rglob("*.html")):
        rest = MARKED.sub("", path.read_text(encoding="utf-8")).replace('replace("é", "e")', "")
        assert re.findall("[àâçéèêëîïôùûœÀÉ«»’].*", rest) == [], path.name


def test_the_catalogue_finds_what_refusals_say(source: Catalog) -> None:
    said = list(sentences_given_to_refusals())
    assert said
    assert [(place, text) for place, text in said if source.get(text) is None] == []


@pytest.mark.parametrize(
    ("asked", "language"),
    [
        ("en", "en"),
        ("en-GB,en;q=0.9,fr;q=0.5", "en"),
        ("fr", "fr"),
        ("de,fr;q=0.8,en;q=0.3", "fr"),
        ("ja", "fr"),
        ("", "fr"),
    ],
)
def test_a_page_speaks_the_language_that_the_browser_asks_for(browser: Browser, asked: str, language: str) -> None:
    browser.get("/login", headers={"Accept-Language": asked})
    assert f'<html lang="{language}"' in browser.text
    for text in SHOWN[language]:
        assert text in browser.words
    for other in SHOWN.keys() - {language}:
        assert not any(text in browser.words for text in SHOWN[other])


def test_the_language_chosen_on_a_page_wins_over_the_browsers(browser: Browser) -> None:
    french = {"Accept-Language": "fr"}
    browser.get("/login", headers=french)
    assert '<html lang="fr"' in browser.text
    browser.get("/language/en?next=/login", headers=french)
    assert browser.page is not None
    assert browser.page.request.path == "/login"
    browser.get("/login", headers=french)
    assert '<html lang="en"' in browser.text
    assert "Password" in browser.words


def test_the_language_chosen_before_signing_in_stays_after(browser: Browser, factory: Factory) -> None:
    browser.get("/language/en")
    browser.sign_in(factory.admin(name="Alice").email).get("/dashboard/admin")
    assert '<html lang="en"' in browser.text
    assert "Overview" in browser.words


def test_a_language_that_the_portal_does_not_speak_is_not_found(browser: Browser) -> None:
    assert browser.get("/language/de").status_code == 404


def test_a_refusal_is_told_in_english(browser: Browser, factory: Factory) -> None:
    person = factory.admin()
    browser.get("/language/en?next=/login")
    browser.submit("/login", email=person.email, password="not-the-password")
    assert "Incorrect email address or password." in browser.words


def test_what_a_parameter_takes_is_told_in_english(browser: Browser, factory: Factory) -> None:
    browser.get("/language/en")
    browser.sign_in(factory.admin().email).get("/dashboard/admin/logs?limit=7")
    assert browser.status == 400
    assert "25, 50 or 100" in browser.words
