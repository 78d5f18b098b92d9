"""Request parameters checked against the SDK's own parameter types: the one module that imports them.

Every refusal here happens before the endpoint executes, so it is never saved under an idempotency key.
Literals are enforced although the SDK leaves them open for newer versions: this API version is fixed.
"""

import re
from collections.abc import Callable
from functools import cache
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import stripe.params as sdk

from .refusals import Json, malformed

NOT_PARAMETERS = {
    "api_key",
    "stripe_version",
    "stripe_account",
    "stripe_context",
    "max_network_retries",
    "idempotency_key",
    "content_type",
    "headers",
}
INTEGER = re.compile(r"-?[0-9]{1,18}")
METADATA_KEYS, METADATA_KEY_LENGTH, METADATA_VALUE_LENGTH = 50, 40, 500


def check(type_name: str | None, given: Json) -> Json:
    """The parameters with their Python types; raises a 400 for anything the SDK's type does not allow."""
    if type_name is None:
        return _hash({"expand": list[str]}, frozenset(), given, "")
    fields, required = _fields(type_name)
    return _hash(fields, required, given, "")


@cache
def _fields(type_name: str) -> tuple[dict[str, Any], frozenset[str]]:
    typed_dict = getattr(sdk, type_name)
    return _hints(typed_dict)


@cache
def _hints(typed_dict: type) -> tuple[dict[str, Any], frozenset[str]]:
    # names that only the request options use, and that are imported for type checkers only
    hints = get_type_hints(typed_dict, localns={"StripeContext": str, "Mapping": dict})
    fields = {name: hint for name, hint in hints.items() if name not in NOT_PARAMETERS}
    required: frozenset[str] = getattr(typed_dict, "__required_keys__", frozenset())
    return fields, required & fields.keys()


def _hash(fields: dict[str, Any], required: frozenset[str], given: Json, inside: str) -> Json:
    for name in given:
        if name not in fields:
            path = _path(inside, name)
            raise malformed(f"Received unknown parameter: {path}", code="parameter_unknown", param=path)
    for name in sorted(required):
        if name not in given:
            path = _path(inside, name)
            raise malformed(f"Missing required param: {path}.", code="parameter_missing", param=path)
    return {name: _value(fields[name], value, _path(inside, name)) for name, value in given.items()}


def _path(inside: str, name: str) -> str:
    return f"{inside}[{name}]" if inside else name


def _value(hint: Any, value: Any, path: str) -> Any:
    options = _options(hint)
    if isinstance(value, dict):
        return _structure(options, value, path)
    literals = [item for option in options for item in get_args(option) if get_origin(option) is Literal]
    if value == "":
        return _empty(literals, path)
    if value in literals:
        return value
    for scalar, read in SCALARS:
        if scalar in options and (scalar is not str or not any(literals)):
            return read(value, path)
    if literals:
        raise _not_among([item for item in literals if item], path)
    raise malformed(f"Invalid object: {path} must be a hash or a list", param=path)


def _options(hint: Any) -> list[Any]:
    if get_origin(hint) in (Union, UnionType):
        return [option for part in get_args(hint) for option in _options(part)]
    return [hint]


def _structure(options: list[Any], value: Json, path: str) -> Any:
    for option in options:
        if get_origin(option) is list and all(key.isdecimal() for key in value):
            items = [value[key] for key in sorted(value, key=int)]
            return [_value(get_args(option)[0], item, f"{path}[{n}]") for n, item in enumerate(items)]
        if hasattr(option, "__required_keys__"):  # a TypedDict, from whichever typing module
            return _hash(*_hints(option), value, path)
        if get_origin(option) is dict:
            return _metadata(value, path) if path == "metadata" else _strings(value, path)
    raise malformed(f"Invalid {path}: a hash was given where a single value is expected", param=path)


def _strings(value: Json, path: str) -> Json:
    for name, item in value.items():
        if not isinstance(item, str):
            inner = f"{path}[{name}]"
            raise malformed(f"Invalid {inner}: it must be a string", param=inner)
    return value


def _metadata(value: Json, path: str) -> Json:
    if len(value) > METADATA_KEYS:
        raise malformed(f"Metadata can have up to {METADATA_KEYS} keys, but you passed {len(value)}", param=path)
    for name, item in _strings(value, path).items():
        if len(name) > METADATA_KEY_LENGTH:
            message = f"Metadata keys can have up to {METADATA_KEY_LENGTH} characters. Invalid key: {name}"
            raise malformed(message, param=path)
        if len(item) > METADATA_VALUE_LENGTH:
            message = f"Metadata values can have up to {METADATA_VALUE_LENGTH} characters, not {len(item)}"
            raise malformed(message, param=f"{path}[{name}]")
    return value


def _empty(literals: list[Any], path: str) -> str:
    if "" in literals:
        return ""
    message = (
        f"You passed an empty string for '{path}'. We assume empty values are an attempt to unset a field; "
        f"however '{path}' cannot be unset. You should remove '{path}' from your request "
        "or supply a non-empty value."
    )
    raise malformed(message, code="parameter_invalid_empty", param=path)


def _not_among(literals: list[Any], path: str) -> Exception:
    *most, last = map(str, literals)
    choice = f"{', '.join(most)} or {last}" if most else last
    return malformed(f"Invalid {path}: must be {'one of ' if most else ''}{choice}", param=path)


def _integer(value: str, path: str) -> int:
    if not INTEGER.fullmatch(value):
        raise malformed(f"Invalid integer: {value}", code="parameter_invalid_integer", param=path)
    return int(value)


def _boolean(value: str, path: str) -> bool:
    if value not in ("true", "false"):
        raise malformed(f"Invalid boolean: {value}", param=path)
    return value == "true"


def _decimal(value: str, path: str) -> float:
    if not re.fullmatch(r"-?[0-9]{1,15}(\.[0-9]{1,12})?", value):
        raise malformed(f"Invalid decimal: {value}", param=path)
    return float(value)


def _string(value: str, path: str) -> str:
    if len(value) > 5000:
        raise malformed(f"Invalid string: {path} must be at most 5000 characters", param=path)
    return value


SCALARS: list[tuple[type, Callable[[str, str], Any]]] = [
    (bool, _boolean),
    (int, _integer),
    (float, _decimal),
    (str, _string),
]
