"""API objects as rows: one JSON document each, owned by an account ("" is the platform)."""

import json
import secrets
import string
from typing import Any

from .refusals import Json, no_such
from .store import Work

ALPHABET = string.ascii_letters + string.digits
NOUNS = {"bank_account": "external account", "payment_intent": "payment_intent"}


def new_id(prefix: str) -> str:
    """An id that looks like Stripe's: prefix_1 and 23 letters or digits."""
    return f"{prefix}_1" + "".join(secrets.choice(ALPHABET) for _ in range(23))


def insert(work: Work, body: Json, *, account: str = "") -> Json:
    """Store a new object under its own id."""
    work.db.execute(
        "INSERT INTO object (id, kind, account, created, body) VALUES (?, ?, ?, ?, ?)",
        (body["id"], body["object"], account, body.get("created", work.timestamp), json.dumps(body)),
    )
    return body


def save(work: Work, body: Json) -> Json:
    """Overwrite a stored object."""
    work.db.execute("UPDATE object SET body = ? WHERE id = ?", (json.dumps(body), body["id"]))
    return body


def find(work: Work, kind: str, id_: str, *, account: str = "") -> Json | None:
    """The object, when this account owns it."""
    row = work.db.execute(
        "SELECT body FROM object WHERE id = ? AND kind = ? AND account = ?", (id_, kind, account)
    ).fetchone()
    return None if row is None else decoded(row["body"])


def load(work: Work, kind: str, id_: str, *, account: str = "", param: str | None = None) -> Json:
    """The object, or Stripe's `resource_missing`: 404 for the one in the URL, 400 for a parameter."""
    body = find(work, kind, id_, account=account)
    if body is None:
        raise no_such(NOUNS.get(kind, kind), id_, param=param or "id", status=400 if param else 404)
    return body


def find_any(work: Work, id_: str) -> Json | None:
    """The object, whoever owns it: for expansion and for the control surface."""
    row = work.db.execute("SELECT body FROM object WHERE id = ?", (id_,)).fetchone()
    return None if row is None else decoded(row["body"])


def owner(work: Work, id_: str) -> str:
    """The account an object belongs to; raises `resource_missing` for an unknown id."""
    row = work.db.execute("SELECT account FROM object WHERE id = ?", (id_,)).fetchone()
    if row is None:
        raise no_such("object", id_)
    return str(row["account"])


def all_of(work: Work, kind: str, *, account: str = "") -> list[Json]:
    """Every object of a kind that an account owns, oldest first."""
    rows = work.db.execute(
        "SELECT body FROM object WHERE kind = ? AND account = ? ORDER BY created, seq", (kind, account)
    )
    return [decoded(row["body"]) for row in rows]


def merge_metadata(body: Json, given: Any) -> None:
    """Stripe's rule: keys merge, an empty value removes its key, an empty string removes them all."""
    if given is None:
        return
    merged = {} if given == "" else {**body["metadata"], **given}
    body["metadata"] = {key: value for key, value in merged.items() if value != ""}


def decoded(text: str) -> Json:
    """A stored document."""
    body: Json = json.loads(text)
    return body
