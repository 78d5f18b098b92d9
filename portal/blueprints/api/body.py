"""What the calls read from a body, and decimal amounts in answers."""

from decimal import Decimal
from typing import Any

from flask import request

from portal.domain.money import to_decimal
from portal.queries.paging import BadParameter


def json_object() -> dict[str, Any]:
    """The body. Raises BadParameter when it is no JSON object."""
    try:
        body = request.get_json(silent=True)
    except RecursionError:
        body = None
    if not isinstance(body, dict):
        raise BadParameter("body", request.get_data(as_text=True)[:80], "un objet JSON")
    return body


def optional_object() -> dict[str, Any]:
    """The body where none is needed: empty, or a JSON object."""
    return json_object() if request.get_data() else {}


def text_of(body: dict[str, Any], name: str) -> str:
    """A text of the body; anything else counts as missing, which the rules refuse."""
    value = body.get(name)
    return value if isinstance(value, str) else ""


def reason_of(body: dict[str, Any]) -> str:
    """Words for people, without what the database cannot hold."""
    return text_of(body, "reason").replace("\x00", "").encode("utf-8", "replace").decode()


def number_of(body: dict[str, Any], name: str) -> str:
    """A decimal amount of the body, as a string or a JSON number."""
    value = body.get(name)
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else text_of(body, name)


def token_of(body: dict[str, Any]) -> str:
    """The body's formToken; anything that cannot be one counts as missing."""
    token = text_of(body, "formToken")
    return token if token.isascii() and token.isprintable() else ""


def version_of(body: dict[str, Any]) -> int | None:
    """The version that the caller saw. Raises BadParameter."""
    version = body.get("version")
    if version is not None and (not isinstance(version, int) or isinstance(version, bool)):
        raise BadParameter("version", str(version)[:80], "un nombre entier")
    return version


def decimal_json(amount_minor: int, currency: str) -> int | float:
    """A decimal number of a currency: whole when it is."""
    exact: Decimal = to_decimal(amount_minor, currency)
    return int(exact) if exact == exact.to_integral_value() else float(exact)
