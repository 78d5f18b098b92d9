"""Statements that are planned once a connection: those with the option `kept_plan`, where the engine keeps plans.

To plan a question to a book takes PostgreSQL longer than to answer it: it weighs every index of every partition.
A statement may ask for its plan to be kept when one index answers it, whatever the values are
(docs/decisions/0050-plans-are-kept.md).
"""

import re
from functools import cache
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Engine, ExceptionContext, event

KEPT_PLAN, KEEPS_PLANS = "kept_plan", "keeps_plans"
PLACE = re.compile(r"%\((\w+)\)s")


@event.listens_for(Engine, "before_cursor_execute", retval=True)
def _by_its_plan(at: Connection, _: Any, sent: str, given: Any, context: Any, __: bool) -> tuple[str, Any]:
    """Send the statement's name and its values; where it has no name yet, what gives it one along with them."""
    options, whole = context.execution_options, context.statement
    if not (options.get(KEPT_PLAN) and options.get(KEEPS_PLANS)):
        return sent, given
    prepared, values = _numbered(whole)
    steps = ["set local plan_cache_mode = force_generic_plan"]
    if (KEPT_PLAN, whole) not in at.info:
        at.info[KEPT_PLAN, whole] = f"kept_{uuid4().hex}"  # nobody else's, though a pooler mixes connections up
        steps.append(f"prepare {at.info[KEPT_PLAN, whole]} as {prepared}")
    steps.append(f"execute {at.info[KEPT_PLAN, whole]}{values}")
    return sent.replace(whole, "; ".join(steps)), given


@event.listens_for(Engine, "handle_error")
def _forget(failed: ExceptionContext) -> None:
    """Give a statement that failed another name the next time: who knows whether the server has this one."""
    if (
        failed.connection is not None
        and failed.execution_context is not None
        and not failed.connection.invalidated
    ):
        failed.connection.info.pop((KEPT_PLAN, failed.execution_context.statement), None)


@cache
def _numbered(statement: str) -> tuple[str, str]:
    """A statement with the numbers of its values in their places, and the values to execute it with."""
    names = list(dict.fromkeys(PLACE.findall(statement)))
    prepared = PLACE.sub(lambda place: f"${names.index(place[1]) + 1}", statement)
    values = ", ".join(f"%({name})s" for name in names)
    return prepared, f"({values})" if names else ""
