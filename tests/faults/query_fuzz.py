"""Fuzzed searches of both books through the whole application: never a 5xx, and none over its time.

`python -m tests.faults.query_fuzz --queries N`: parameters and texts of the search language, sound, broken in
one or two places, or plain rubbish, at both explorers' pages and their JSON: rows, one row, suggestions, charts,
boxes, counts, groups, exports, the live tail; and at traces.
Exit status 1 when an answer is not 200 or 400 (or 404 for a row or a trace that there is not), takes longer than
a search may, or when a 400 does not say which parameter is wrong and, for a mistake in `q`, where in it.
"""

import argparse
import io
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stderr
from dataclasses import dataclass, field
from typing import Any

from flask import Flask
from sqlalchemy import create_engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from portal.domain.people import Role, create_user
from portal.queries.paging import TIMEOUT_MS
from tests.browser import PASSWORD, Browser
from tests.faults.query_words import FIELDS, KNOWN, OPERATORS, PAGES, SOUND, VALUES, WORDS, may_be_absent
from tests.faults.scratch import environ_on, migrated_app, scratch_folder, scratch_server
from tests.queries import test_log_search, test_transaction_search
from tests.queries.books import write, write_money

LONGEST = TIMEOUT_MS / 1000 + 1
"""Seconds: a statement may take three, and the rest of the answer some more."""


class Fuzzer:
    """Makes requests from a seed, the same ones each time."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def next(self) -> tuple[str, list[tuple[str, str]]]:
        """An address and its parameters."""
        page = self.chance.choices(PAGES, [page.weight for page in PAGES])[0]
        path = page.address(self.chance)
        taken = sorted({*KNOWN} & (page.takes if self.chance.random() < 0.97 else {*KNOWN}))
        names = self.chance.sample(taken, min(len(taken), self.chance.choice((0, 0, 0, 1, 1, 2, 4))))
        given = [(name, self._value(name)) for name in names if name != "q"]
        if self.chance.random() < (0.8 if "q" in page.takes else 0.02):
            given.append(("q", self.text()))
        if "format" in page.takes and "format" not in dict(given):
            given.append(("format", self.chance.choice(("csv", "ndjson"))))
        if self.chance.random() < 0.02:
            given.append((self.chance.choice(("page", "q", "LEVEL", "")), self.text()))
        return path, given

    def text(self) -> str:
        """A search: mostly terms and words with something between them, sometimes very deep, long or strange."""
        kind = self.chance.random()
        if kind < 0.03:
            piece = self.chance.choice(
                ("(", "NOT ", "-(", "a OR ", "(a ", 'x:"', "level:(", "-", "has:", "n>1 ", "f(")
            )
            return piece * self.chance.randrange(1, 300)
        if kind < 0.06:
            return "".join(chr(self.chance.randrange(1, 0x2FF)) for _ in range(self.chance.randrange(60)))
        if kind < 0.6:
            return self._sound(3)
        parts = [self._part() for _ in range(self.chance.randrange(1, 8))]
        text = self.chance.choice((" ", " ", " ", " OR ", " AND ", "", "  ")).join(parts)
        return self._bent(text) if kind < 0.8 else text

    def _sound(self, depth: int) -> str:
        """A text that both books take, as a rule."""
        if depth == 0 or self.chance.random() < 0.3:
            return self.chance.choice(SOUND)
        parts = [self._sound(depth - 1) for _ in range(self.chance.randrange(1, 4))]
        joined = self.chance.choice((" ", " ", " OR ", " AND ")).join(parts)
        return self.chance.choice((joined, f"({joined})", f"-({joined})", f"NOT ({joined})"))

    def _part(self) -> str:
        if self.chance.random() < 0.4:
            return self.chance.choice(WORDS)
        term = "".join(self.chance.choice(pieces) for pieces in (FIELDS, OPERATORS, VALUES))
        return self.chance.choice(("", "", "", "-", "NOT ", "(")) + term + self.chance.choice(("", "", "", ")"))

    def _bent(self, text: str) -> str:
        at = self.chance.randrange(len(text) + 1)
        return text[:at] + self.chance.choice(WORDS) + text[at + self.chance.randrange(3) :]

    def _value(self, name: str) -> str:
        known = self.chance.choice(KNOWN[name])
        return known if self.chance.random() < 0.8 else self._bent(known)


@dataclass
class Outcome:
    """What the application answered, and how long the slowest took."""

    answers: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    slowest: float = 0.0
    seconds: float = 0.0

    @property
    def said(self) -> str:
        """The answers by status, the slowest, and how many are wrong."""
        answers = ", ".join(f"{n} x {status}" for status, n in sorted(self.answers.items()))
        failed = sum(n for status, n in self.answers.items() if status >= 500)
        slowest = f"the slowest took {self.slowest:.2f} s"
        return f"{answers}; {failed} answers of 5xx; {slowest}; {len(self.wrong)} wrong"

    @property
    def is_clean(self) -> bool:
        """Whether nothing went wrong, and both answers were given."""
        return not self.wrong and self.answers[200] > 0 and self.answers[400] > 0


def say(words: str) -> None:
    """Print at once, wherever that goes."""
    print(words, flush=True)


def fuzz(app: Flask, session: Session, count: int, seed: int, tell: Callable[[str], None] = say) -> Outcome:
    """Ask `count` times as an admin, over rows that share and lack every field."""
    admin = create_user(session, email="fuzz@example.test", name="Fuzz", password=PASSWORD, role=Role.ADMIN)
    session.commit()
    write(session, test_log_search.mixed_rows())
    write_money(session, test_transaction_search.mixed_rows())
    client = Browser(app).sign_in(admin.email).client
    fuzzer, outcome, started, told = Fuzzer(seed), Outcome(), time.monotonic(), 0
    for n in range(count):
        _ask(client, *fuzzer.next(), outcome)
        for line in outcome.wrong[told:]:
            tell(f"  query {n}: {line}")
        told = len(outcome.wrong)
        if n % 5000 == 4999:
            tell(f"{n + 1} queries, {time.monotonic() - started:.0f} s, {outcome.said}")
    outcome.seconds = time.monotonic() - started
    return outcome


def _ask(client: Any, path: str, given: list[tuple[str, str]], outcome: Outcome) -> None:
    sent = [(name, value.encode("utf-8", "surrogatepass")) for name, value in given]
    began = time.monotonic()
    answer = client.get(path, query_string=sent, buffered=True)
    took = time.monotonic() - began
    outcome.answers[answer.status_code] += 1
    outcome.slowest = max(outcome.slowest, took)
    allowed = {200, 400, 404} if may_be_absent(path) else {200, 400}
    if answer.status_code not in allowed or took > LONGEST or not _explains(answer, given):
        outcome.wrong.append(f"{answer.status_code} after {took:.1f} s: {path} {given!r:.400}")


def _explains(answer: Any, given: list[tuple[str, str]]) -> bool:
    """Whether a 400 of the JSON says what is wrong, and where in a search."""
    if answer.status_code != 400 or not answer.is_json:
        return True
    details = answer.json["details"]
    text = next((value for name, value in given if name == "q"), "")
    if "\ud800" in text:
        return True  # what arrives is not what was sent
    place = details.get("position", 0), details.get("position", 0) + details.get("length", 1)
    known = details["parameter"] in {*dict(given), "from", "q", "format"} and bool(details["expected"])
    return known and ("position" not in details or 0 <= place[0] < place[1] <= len(text))


def main(count: int, seed: int) -> int:
    """Fuzz on a database of its own, and print."""
    with scratch_folder() as folder, scratch_server(folder, durable=False) as server:
        app = migrated_app(environ_on(server, "callastar_fuzz", folder))
        engine = create_engine(app.extensions["database_urls"].owner, poolclass=NullPool)
        with (
            redirect_stderr(io.StringIO() if count <= 5000 else (folder / "log.ndjson").open("w")),
            Session(engine) as s,
        ):
            outcome = fuzz(app, s, count, seed)
    print(f"{count} queries in {outcome.seconds:.0f} s: {outcome.said}")
    return 0 if outcome.is_clean else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=20261127)
    asked = parser.parse_args()
    sys.exit(main(asked.queries, asked.seed))
