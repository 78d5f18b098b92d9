"""What there is to translate, gathered from templates, views and the rules' sentences."""

import ast
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeGuard

from babel.messages import pofile
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo

PORTAL = Path(__file__).parent.parent
UNDATED = datetime(2026, 1, 1, tzinfo=UTC)
PO = Path(__file__).parent / "en" / "LC_MESSAGES" / "messages.po"
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]
KEYWORDS = {"_": None, "_l": None, "gettext": None, "ngettext": (1, 2), "lazy_gettext": None}
EXPECTED = {"BadParameter": 2, "WrongValue": 0}
"""Errors that say what they take, and from which argument on."""
SENTENCES = ("domain", "queries", "blueprints", "jobs/desk.py", "webhooks/decisions.py")
"""Where French sentences stand without a call around them: the rules know no translation."""


def extracted() -> Catalog:
    """Every message of the source."""
    catalogue = Catalog(charset="utf-8")
    found = extract_from_dir(str(PORTAL), METHODS, keywords=KEYWORDS)
    for name, line, message, _comments, context in found:
        catalogue.add(message, locations=[(name, line)], context=context)
    for name, line, text in _sentences():
        catalogue.add(text, locations=[(name, line)])
    return catalogue


def _sentences() -> Iterator[tuple[str, int, str]]:
    for part in SENTENCES:
        place = PORTAL / part
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for node in _words(tree):
                yield str(path.relative_to(PORTAL)), node.lineno, str(node.value)


def _words(tree: ast.AST) -> Iterator[ast.Constant]:
    """Constants that people read: sentences, and what a parameter takes."""
    elsewhere = {id(node) for node in (*_docstrings(tree), *_marked(tree))}
    for node in ast.walk(tree):
        if isinstance(node, (ast.Call, ast.Assign)):
            yield from (part for part in _expected(node) if _is_text(part))
        elif _is_text(node) and id(node) not in elsewhere and _is_sentence(str(node.value)):
            yield node


def _expected(node: ast.Call | ast.Assign) -> list[ast.expr]:
    """What a parameter or a part of a search takes, given to its error or kept as `expected`."""
    if isinstance(node, ast.Call):
        place = EXPECTED.get(getattr(node.func, "id", ""))
        return [] if place is None else node.args[place:]
    named = any(getattr(target, "id", "").lower() == "expected" for target in node.targets)
    return [node.value] if named else []


def _is_text(node: ast.AST) -> TypeGuard[ast.Constant]:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _marked(tree: ast.AST) -> Iterator[ast.AST]:
    """What stands in a call that Babel finds by itself."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in KEYWORDS:
            yield from node.args


def _docstrings(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            yield from (part.value for part in body if isinstance(part, ast.Expr))


def _is_sentence(value: str) -> bool:
    """Words for people: several of them, with an end or places to fill; SQL and formats have neither."""
    if " " not in value.strip():
        return False
    return (value[0].isupper() and value.rstrip().endswith((".", "!", "?", "…"))) or "%(" in value


def read() -> Catalog:
    """The English catalogue as it stands."""
    if not PO.exists():
        return Catalog(locale="en", charset="utf-8")
    with PO.open("rb") as file:
        return pofile.read_po(file, locale="en", charset="utf-8")


def updated(catalogue: Catalog, source: Catalog) -> Catalog:
    """`catalogue` with exactly the messages of `source`; what was translated stays."""
    fresh = Catalog(locale="en", charset="utf-8", fuzzy=False, creation_date=UNDATED, revision_date=UNDATED)
    for message in sorted((m for m in source if m.id), key=lambda m: str(m.id)):
        before = catalogue.get(message.id, message.context)
        empty = ("", "") if message.pluralizable else ""
        fresh.add(message.id, before.string if before else empty, context=message.context)
    return fresh


def is_complete(message: Message) -> bool:
    """Whether every form of the message is translated."""
    forms = message.string if isinstance(message.string, (tuple, list)) else (message.string,)
    return all(forms)


def compiled(catalogue: Catalog) -> bytes:
    """The catalogue as gettext reads it."""
    buffer = io.BytesIO()
    write_mo(buffer, catalogue)
    return buffer.getvalue()


def write(catalogue: Catalog, machine_form: bytes) -> None:
    """Keep both forms."""
    with PO.open("wb") as file:
        pofile.write_po(file, catalogue, omit_header=True, width=110)
    PO.with_suffix(".mo").write_bytes(machine_form)
