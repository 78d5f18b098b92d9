"""Who acts, and the operation that the rows being written belong to."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from uuid import UUID

from portal.models import LogActor, uuid7

_operation: ContextVar[UUID | None] = ContextVar("operation", default=None)
_auditor: ContextVar[str | None] = ContextVar("auditor", default=None)


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody or something that acts. `id` is a creator's id for creators and a user's id for others."""

    kind: LogActor
    id: str | None = None
    user_id: UUID | None = None
    name: str = ""
    email: str = ""
    ip_address: str | None = None
    user_agent: str | None = None


SYSTEM = Actor(LogActor.SYSTEM, name="Callastar")


@contextmanager
def operation(request_id: UUID | None = None) -> Iterator[UUID]:
    """Give every row written inside one request id: a request's, a job run's or a webhook delivery's."""
    current = request_id or uuid7()
    token = _operation.set(current)
    try:
        yield current
    finally:
        _operation.reset(token)


def begin_operation() -> UUID:
    """A new request id for this context until the next one: for the edge, where no block fits."""
    request_id = uuid7()
    _operation.set(request_id)
    _auditor.set(None)
    return request_id


def remember_auditor(actor_id: str) -> None:
    """Let the rows of this operation that name `actor_id` say that it is an auditor: actors are five."""
    _auditor.set(actor_id)


def role_facts(actor_id: str | None) -> dict[str, str]:
    """`role` for the metadata of an auditor's rows; nothing for anybody else's."""
    return {"role": "AUDITOR"} if actor_id is not None and actor_id == _auditor.get() else {}


def current_request_id() -> UUID:
    """The request id of this context; outside any operation a new one, which stays the context's."""
    request_id = _operation.get()
    if request_id is None:
        request_id = uuid7()
        _operation.set(request_id)
    return request_id
